"""The readers of text files: line by line, bounded, resuming after a bad row where that is possible.

What is wrong with a file as a whole (no such column, another encoding) raises `InputError` before the first row.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, BinaryIO

from unseen.errors import ItemError
from unseen.inputs.files import input_error, open_regular, printable
from unseen.validation import verbatim

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from unseen.errors import InputError

__all__ = ["Row", "count_rows", "read_rows"]

#: Number of the line or row, its text, and what is wrong with it.
Row = tuple[int, object, str | None]

_MAX_LINE = 1 << 20
_SNIFF = 4096
# Records looked at to tell a mistyped field from one that some records lack.
_HEAD_RECORDS = 20
_BATCH = 1024
_ENCODINGS = "UTF-8, or UTF-16 with a byte-order mark"
_KINDS = ".txt, .csv, .tsv, .jsonl, .ndjson or .parquet"


def read_rows(path: Path, column: str | None) -> Iterator[Row]:
    """Yield the rows of a text file, chosen by suffix.

    Raises
    ------
    InputError
        When the file cannot be read, is of another kind, or has no such column.
    """
    suffix = path.suffix.lower()
    readers: dict[str, Callable[[Path, str | None], Iterator[Row]]] = {
        ".txt": _read_lines,
        ".csv": _read_csv,
        ".tsv": _read_csv,
        ".jsonl": _read_jsonl,
        ".ndjson": _read_jsonl,
        ".parquet": _read_parquet,
    }
    if suffix not in readers:
        got = "a folder" if path.is_dir() else suffix or "no suffix"
        raise _wrong(path, f"a {_KINDS} file", got, "Rename or convert the file")
    if suffix == ".txt" and column is not None:
        raise input_error("iter_texts", "column", "None for a .txt file", column, "A .txt file has one text a line")
    yield from readers[suffix](path, column)


def count_rows(path: Path, column: str | None) -> int | None:
    """Count a file's rows where that is cheap: from a Parquet footer, or by the lines of a .txt file."""
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        with _open(path) as source:
            return int(_open_parquet(path, source, column)[0].metadata.num_rows)
    if suffix == ".txt":
        return sum(1 for _ in _read_lines(path, None))
    return None


def _wrong(path: Path, expected: str, got: str, remedy: str) -> InputError:
    return input_error("iter_texts", f"file '{printable(path)}'", expected, verbatim(got), remedy)


def _open(path: Path) -> BinaryIO:
    try:
        return open_regular(path)
    except ItemError as error:
        raise _wrong(path, "a file that can be read", f"one that {error}", "Check the path and its rights") from error


class _LineTooLongError(Exception):
    """A line beyond the limit, which has been skipped."""

    def __str__(self) -> str:
        return _TOO_LONG


class _Lines:
    """Lines of a file as text, each within `_MAX_LINE`; bytes that are not UTF-8 become surrogates.

    A class and not a generator, so that reading goes on after a line has raised.
    """

    def __init__(self, path: Path, file: BinaryIO) -> None:
        head = file.read(_SNIFF)
        file.seek(0)
        encoding, errors = "utf-8-sig", "surrogateescape"
        if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
            raise _wrong(path, _ENCODINGS, "UTF-32", "Save it as UTF-8")
        if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            encoding, errors = "utf-16", "strict"
        elif head.count(b"\0") * 4 > len(head):
            raise _wrong(path, _ENCODINGS, "binary data, or UTF-16 without its mark", "Save it as UTF-8")
        # Only \n, \r\n and \r end lines; csv needs them untranslated inside quotes.
        self._text = io.TextIOWrapper(file, encoding=encoding, errors=errors, newline="")
        self.number = 0

    def __enter__(self) -> _Lines:
        return self

    def __exit__(self, *_: object) -> None:
        self._text.close()

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._text.readline(_MAX_LINE)
        if not line:
            raise StopIteration
        self.number += 1
        if len(line) == _MAX_LINE and not line.endswith(("\n", "\r")):
            while line and not line.endswith(("\n", "\r")):
                line = self._text.readline(_MAX_LINE)
            raise _LineTooLongError
        return line


def _stopped(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"is not UTF-16: byte {error.start} of a block is wrong. The rest of the file was not read"
    return f"cannot be read: {type(error).__name__}. The rest of the file was not read"


_TOO_LONG = f"too long: a line of more than {_MAX_LINE:,} characters"


def _read_lines(path: Path, column: str | None) -> Iterator[Row]:
    del column
    with _open(path) as file, _Lines(path, file) as lines:
        while True:
            try:
                line = next(lines).rstrip("\r\n")
            except StopIteration:
                return
            except _LineTooLongError:
                yield lines.number, None, _TOO_LONG
                continue
            except (OSError, UnicodeError) as error:
                yield lines.number + 1, None, _stopped(error)
                return
            if line.strip():
                yield lines.number, line, None


def _choose(path: Path, names: list[str], column: str | None) -> str:
    """Return the column that holds the texts."""
    listed = f"columns {', '.join(map(repr, names[:20]))}{', …' if len(names) > 20 else ''}" if names else "no columns"
    wanted = column if column is not None else (names[0] if len(names) == 1 else "text")
    if names.count(wanted) == 1:
        return wanted
    if column is None:
        raise _wrong(
            path,
            "a table with a sole column or one called 'text'",
            listed,
            "Name the column: column=, or --column on the command line",
        )
    expected = f"a table with one column {column!r}"
    raise _wrong(path, expected, listed, "Name one of them, and each column once")


def _read_csv(path: Path, column: str | None) -> Iterator[Row]:
    with _open(path) as file, _Lines(path, file) as lines:
        try:
            header_line = next(lines, "")
            delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
            # Spreadsheets of half the world write semicolons and still call it CSV.
            if delimiter == "," and ";" in header_line and "," not in header_line:
                delimiter = ";"
            rows = csv.reader(chain([header_line], lines), delimiter=delimiter, strict=True)
            names = next(rows, [])
        except (csv.Error, _LineTooLongError, UnicodeError, OSError) as error:
            got = f"a damaged one ({error})"
            raise _wrong(path, "a table with a header line", got, "Mend its first line") from error
        wanted = _choose(path, names, column)
        # chain() would stop for good once a line raises; the header is behind us.
        yield from _csv_rows(lines, delimiter, wanted, names.index(wanted))


def _csv_rows(lines: _Lines, delimiter: str, wanted: str, position: int) -> Iterator[Row]:
    # Strict: otherwise a quote that is never closed makes one text of all the rows behind it, and says nothing.
    rows = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        start = lines.number + 1
        try:
            row = next(rows)
        except StopIteration:
            return
        except _LineTooLongError:
            yield start, None, _TOO_LONG
        except csv.Error as error:
            if lines.number > start:
                # Where the next row starts is anyone's guess.
                yield start, None, f"is not closed by a quote ({error}). The rest of the file was not read"
                return
            yield start, None, f"is no CSV: {error}"
        except (OSError, UnicodeError) as error:
            yield start, None, _stopped(error)
            return
        else:
            if len(row) > position:
                yield start, row[position], None
            elif row:
                yield start, None, f"has {len(row)} fields; column {wanted!r} is number {position + 1}"


def _read_jsonl(path: Path, column: str | None) -> Iterator[Row]:
    with _open(path) as file, _Lines(path, file) as lines:
        records = _json_records(lines)
        head = list(islice(records, _HEAD_RECORDS))
        objects = [record for _, record, error in head if error is None and isinstance(record, dict)]
        wanted = column
        if objects and column is None:
            names = list(dict.fromkeys(name for record in objects for name in record))
            wanted = _choose(path, names, None)
        elif objects and not any(column in record for record in objects):
            _choose(path, list(objects[0]), column)
        for number, record, error in chain(head, records):
            if error is not None or isinstance(record, str):
                yield number, record, error
            elif not isinstance(record, dict):
                yield number, None, f"must be an object or a string; got {type(record).__name__}"
            elif (key := wanted or "text") not in record:
                yield number, None, f"has no field {key!r}"
            else:
                yield number, record[key], None


def _json_records(lines: _Lines) -> Iterator[Row]:
    while True:
        try:
            line = next(lines)
        except StopIteration:
            return
        except _LineTooLongError:
            yield lines.number, None, _TOO_LONG
            continue
        except (OSError, UnicodeError) as error:
            yield lines.number + 1, None, _stopped(error)
            return
        if not line.strip():
            continue
        try:
            record: Any = json.loads(line)
        except json.JSONDecodeError as error:
            yield lines.number, None, f"is no JSON: {error.msg} at character {error.pos + 1}"
        except (ValueError, RecursionError):  # a number of a million digits, a million brackets
            yield lines.number, None, "is no JSON that can be read: too deep, or a number too long"
        else:
            yield lines.number, record, None


def _open_parquet(path: Path, source: BinaryIO, column: str | None) -> tuple[Any, str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(source)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _wrong(path, "a Parquet file", "damaged or other data", "Write it again") from error
    schema = file.schema_arrow
    wanted = _choose(path, list(schema.names), column)
    kind = schema.field(wanted).type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        raise _wrong(path, f"a table whose column {wanted!r} holds strings", str(kind), "Name a column of strings")
    return file, wanted


def _read_parquet(path: Path, column: str | None) -> Iterator[Row]:
    number = 0
    with _open(path) as source:
        file, wanted = _open_parquet(path, source, column)
        batches = file.iter_batches(batch_size=_BATCH, columns=[wanted])
        while True:
            try:
                batch = next(batches, None)
            except Exception as error:  # noqa: BLE001 (damaged Parquet raises OSError, ArrowException and others)
                yield number + 1, None, _stopped(error)
                return
            if batch is None:
                return
            for value in batch.column(0):
                number += 1
                try:
                    text = value.as_py()
                except UnicodeDecodeError:
                    yield number, None, "is not UTF-8"
                else:
                    yield number, text, None
