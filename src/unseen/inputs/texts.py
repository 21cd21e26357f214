"""Anything people pass as "texts", as one stream of items."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unseen.errors import InputError, ItemError
from unseen.inputs.files import input_error, printable, quoted, similar_names
from unseen.validation import verbatim

if TYPE_CHECKING:
    from collections.abc import Iterator

    from unseen.inputs.tables import Row

__all__ = ["MAX_CHARACTERS", "TextItem", "count_texts", "iter_texts"]

#: Longest text that is taken; about fifty pages, far beyond what any text encoder reads.
MAX_CHARACTERS = 100_000
_WHAT = "a path to a .txt, .csv, .tsv, .jsonl or .parquet file, or an ordered collection of strings"


@dataclass(frozen=True)
class TextItem:
    """One text of a stream.

    Parameters
    ----------
    name : str
        What the output row says: ``file.txt:12`` for line 12 (counted from 1) of a file, row 12 of a Parquet
        file; ``text-3`` for the stream's item 3 (counted from 0) in memory.
    text : str or None
        The text; None where `error` says why there is none.
    error : str or None, default None
        What is wrong with this one.
    """

    name: str
    text: str | None
    error: str | None = None


def iter_texts(source: Any, *, column: str | None = None) -> Iterator[TextItem]:
    """Stream the texts that `source` names or holds.

    Parameters
    ----------
    source : path or ordered iterable of str
        A string or path names a file: ``.txt`` (a text a line, blank lines passed over), ``.csv`` or ``.tsv``
        (with a header), ``.jsonl`` (an object or a string a line), ``.parquet``. Files are UTF-8, with or without
        a byte-order mark, or UTF-16 with one. In an iterable, strings are texts and `pathlib.Path` objects are
        files.
    column : str or None, default None
        Which column or field holds the text. None takes the sole column, else the one called ``text``.

    Yields
    ------
    TextItem
        In order. A line that is empty in its column, too long, not Unicode, or not well formed comes with `error`
        set. After damage that hides where the next row starts, the last item says that the rest was not read.

    Raises
    ------
    InputError
        At the call, when the file does not exist, is of another kind, or has no such column, or when there is no
        text at all.

    Notes
    -----
    Lazy: files are read line by line, Parquet in batches.

    Examples
    --------
    >>> from unseen.inputs import iter_texts
    >>> [(item.name, item.text) for item in iter_texts(["a red bird", "a bus"])]
    [('text-0', 'a red bird'), ('text-1', 'a bus')]
    """
    items = _expand(source, column)
    first = next(items, None)
    if first is None:
        got = quoted(source) if isinstance(source, str | os.PathLike) else verbatim("none")
        raise input_error("iter_texts", "source", "at least one text", got, "Pass a text or a file with texts")
    return chain([first], items)


def count_texts(source: Any, *, column: str | None = None) -> int | None:
    """Count the items that :func:`iter_texts` will give, where that does not consume the source.

    Parameters
    ----------
    source, column
        As for :func:`iter_texts`.

    Returns
    -------
    int or None
        None for generators and for CSV and JSONL files, whose rows take a full reading to count.
    """
    if isinstance(source, str | os.PathLike):
        from unseen.inputs.tables import count_rows

        return count_rows(_check_file(source), column)
    if isinstance(source, list | tuple) and all(isinstance(element, str) for element in source):
        return len(source)
    return None


def check_text(text: object) -> str:
    """Return `text` if an encoder can take it.

    Raises
    ------
    ItemError
        With a short reason, when it is no string, empty, too long, or not Unicode.
    """
    if not isinstance(text, str):
        raise ItemError(f"must be a string; got {'nothing' if text is None else type(text).__name__}")
    if len(text) > MAX_CHARACTERS:
        raise ItemError(f"too long: more than {MAX_CHARACTERS:,} characters")
    if not text.strip():
        raise ItemError("is empty")
    if "\0" in text:
        raise ItemError("holds a NUL character; the file may be binary, or UTF-16 without its byte-order mark")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        code = ord(text[error.start])
        if 0xDC80 <= code <= 0xDCFF:
            raise ItemError(
                f"is not UTF-8: byte 0x{code - 0xDC00:02x} at character {error.start + 1}; save the file as UTF-8"
            ) from None
        raise ItemError(f"is not Unicode: a lone surrogate at character {error.start + 1}") from None
    return text


def _item(name: str, text: object, error: str | None = None) -> TextItem:
    if error is None:
        try:
            return TextItem(name, check_text(text))
        except ItemError as problem:
            error = str(problem)
    return TextItem(name, None, error)


def _expand(source: Any, column: str | None) -> Iterator[TextItem]:
    if isinstance(source, str | os.PathLike):
        yield from _from_file(_check_file(source), column)
        return
    plain = isinstance(source, bytes | bytearray | memoryview | Mapping | AbstractSet) or hasattr(source, "read")
    if plain or not isinstance(source, Iterable):
        raise input_error(
            "iter_texts", "source", _WHAT, verbatim(type(source).__name__), "Pass a list of strings or a file's path"
        )
    if isinstance(source, list | tuple):
        for element in source:
            if isinstance(element, os.PathLike):
                _check_file(element)
    row = 0
    for element in source:
        if not isinstance(element, os.PathLike):
            yield _item(f"text-{row}", element)
            row += 1
            continue
        try:
            for item in _from_file(_check_file(element), column):
                yield item
                row += 1
        except InputError as error:
            yield TextItem(printable(element), None, str(error))
            row += 1


def _from_file(path: Path, column: str | None) -> Iterator[TextItem]:
    from unseen.inputs.tables import read_rows

    shown = printable(path)
    rows: Iterator[Row] = read_rows(path, column)
    for number, text, error in rows:
        yield _item(f"{shown}:{number}", text, error)


def _check_file(source: str | os.PathLike[str]) -> Path:
    text = os.fsdecode(source)
    if not text or "\0" in text:
        raise input_error("iter_texts", "source", "a path", text, "Pass a file's path, or texts in a list")
    path = Path(text)
    try:
        path.stat()
    except FileNotFoundError:
        remedy = f"Put texts themselves into a list. {similar_names(path)}"
        raise input_error("iter_texts", "source", "a file that exists", quoted(text), remedy) from None
    except OSError:
        # A text passed where a path belongs is often too long to be one.
        raise input_error(
            "iter_texts", "source", "a file that can be read", quoted(text), "Put texts themselves into a list"
        ) from None
    return path
