"""Whatever people point at, as one stream of references in a fixed order."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unseen.errors import InputError
from unseen.inputs.files import printable, quoted, similar_names
from unseen.inputs.sources import Item, count_images, iter_images
from unseen.inputs.walking import IMAGE_SUFFIXES, has_wildcard, match, reach
from unseen.labelling.references import FileReference, MemoryReference, Reference, is_address, shown
from unseen.validation import check_number, message, one_line, verbatim

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Every", "Source", "open_source"]

TARS = (".tar", ".tar.gz", ".tgz")
ZIPS = (".zip",)
LISTS = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet", ".txt")
VIDEOS = (
    ".mp4",
    ".m4v",
    ".mov",
    ".mkv",
    ".webm",
    ".avi",
    ".mpg",
    ".mpeg",
    ".ts",
    ".mts",
    ".m2ts",
    ".wmv",
    ".flv",
    ".ogv",
    ".3gp",
)
#: Archives of kinds that are not read, with what to do.
FOREIGN = (".tar.bz2", ".tar.xz", ".tar.zst", ".tbz2", ".txz", ".7z", ".rar")
_BRACE = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"(\d{1,18})\.\.(\d{1,18})")
_MOST_BRACES = 1_000_000


@dataclass(frozen=True)
class Every:
    """Which frames of a video are taken: one every so many seconds, or every so many frames."""

    seconds: float | None = 1.0
    frames: int | None = None

    @classmethod
    def parse(cls, value: float | str | Every | None) -> Every:
        """Read seconds (``2``, ``"0.5"``) or frames (``"10f"``); None is one second.

        Raises
        ------
        InputError
            When it is neither.
        """
        if value is None or isinstance(value, Every):
            return value or cls()
        text = value.strip() if isinstance(value, str) else ""
        if found := re.fullmatch(r"(\d{1,9})\s*f(rames)?", text):
            return cls(None, int(check_number("labelling", "every", int(found[1]), low=1, integer=True)))
        try:
            seconds: Any = float(text.removesuffix("s")) if isinstance(value, str) else value
        except ValueError:
            expected = "seconds (2, 0.5) or frames (10f)"
            raise InputError(message("labelling", "every", expected, value, "Pass one of the two")) from None
        return cls(check_number("labelling", "every", seconds, low=0, low_open=True))

    def __str__(self) -> str:
        return f"{self.frames}f" if self.frames else f"{self.seconds:g}s"


class Source:
    """A stream of references that begins anew each time it is iterated over, where what it comes from allows that.

    Parameters
    ----------
    description : list of str
        What was pointed at, for the manifest.
    start : callable
        Returns the references from the first on.
    count : callable
        Returns how many there will be where that is cheap to know, else None.
    """

    def __init__(
        self, description: list[str], start: Callable[[], Iterator[Reference]], count: Callable[[], int | None]
    ) -> None:
        self.description = description
        self._start = start
        self._count = count

    def __iter__(self) -> Iterator[Reference]:
        """Return the references from the first on."""
        return self._start()

    def count(self) -> int | None:
        """Return the number of items where that is cheap to know."""
        return self._count()


def open_source(source: Any, *, column: str | None = None, every: float | str | None = None) -> Source:
    """Return what people point at as a `Source`.

    Parameters
    ----------
    source : path, str, iterable of those, or an iterable of photos
        - a folder: its photos, sub-folders included, sorted by name; a file: that photo;
        - a pattern with ``*``, ``?``, ``[]``, ``**`` or braces (``shard-{000..099}.tar``);
        - ``.csv``, ``.tsv``, ``.jsonl``, ``.parquet``, ``.txt``: a table whose `column` holds paths (relative to the
          table's folder) or addresses, or, in Parquet, the photos' bytes;
        - ``.tar``, ``.tar.gz``, ``.zip``: the photos in it; nothing is unpacked to disk;
        - a video: frames of it;
        - an address (``https://``, ``s3://``, ``gs://`` …) of any of these, read by fsspec;
        - several of these in a list or tuple; or any other ordered iterable of photos (paths, bytes, Pillow images,
          arrays) or of :class:`unseen.inputs.Item`.
    column : str or None, default None
        The column of a table; None takes the one with an obvious name, or the only one.
    every : float, str or None, default None
        Which frames of videos: seconds between two, or ``"10f"`` for every tenth frame; None for one a second.

    Raises
    ------
    InputError
        When a path does not exist or an option does not fit.

    Notes
    -----
    Lazy, in a fixed order, and in bounded memory but for the directory of a ``.zip``, which is held whole. What is
    wrong with one item becomes a reference with its error.
    """
    step = Every.parse(every)
    given = [source] if isinstance(source, str | os.PathLike) else source
    if isinstance(given, list | tuple) and given and all(isinstance(one, str | os.PathLike) for one in given):
        texts = [os.fsdecode(one) for one in given]
        opened = [_open(text, column, step) for text in texts]
        kinds = {one.kind for one in opened}
        _check_options(column, every, kinds)
        return Source(
            [shown(text) for text in texts],
            lambda: chain.from_iterable(one.start() for one in opened),
            lambda: _total(one.count() for one in opened),
        )
    _check_options(column, every, {"photos"})
    # Their names, not the kind of collection that holds them, say whether a resumed run has the same source.
    return Source(["<photos handed in>"], lambda: _from_python(source), lambda: count_images(source))


def _check_options(column: str | None, every: Any, kinds: set[str]) -> None:
    if "any" in kinds:  # a pattern, or a place elsewhere: what it leads to is seen later
        return
    if column is not None and "list" not in kinds:
        raise InputError(
            message("labelling", "column", "None where no table is read", column, f"Tables end in {', '.join(LISTS)}")
        )
    if every is not None and "video" not in kinds:
        raise InputError(message("labelling", "every", "None where no video is read", every, "Leave it out"))


def _total(counts: Iterable[int | None]) -> int | None:
    total = 0
    for count in counts:
        if count is None:
            return None
        total += count
    return total


@dataclass(frozen=True)
class _Opened:
    """One thing that was pointed at."""

    kind: str
    start: Callable[[], Iterator[Reference]]
    count: Callable[[], int | None] = lambda: None


def _open(text: str, column: str | None, every: Every) -> _Opened:
    if not text or "\0" in text:
        raise _no_path(text, "Pass the path of a photo or a folder")
    if is_address(text):
        from unseen.labelling.remote import open_remote

        return _Opened("any", open_remote(text, column, every))
    path = Path(text)
    try:
        found = reach(path)
    except FileNotFoundError:
        if _BRACE.search(text):
            return _Opened("any", lambda: _braces(text, column, every))
        if has_wildcard(text):
            return _Opened("any", lambda: _matches(text, column, every))
        raise _no_path(text, similar_names(path)) from None
    if found is None:
        return _Opened("photos", lambda: _photos(text), lambda: count_images(text))
    if found.error:
        return _Opened("any", lambda: iter([Reference(printable(text), found.error)]), lambda: 1)
    kind = kind_of(text)
    start = READERS[kind]
    return _Opened(kind, lambda: start(text, column, every), lambda: 1 if kind == "photos" else None)


def _no_path(text: str, remedy: str) -> InputError:
    return InputError(message("labelling", "source", "a path that exists", quoted(text) if text else text, remedy))


def kind_of(name: str) -> str:
    """Return what a file's name says it holds: photos, list, tar, zip, video; raises InputError for other archives."""
    lower = name.lower()
    for kind, suffixes in (("tar", TARS), ("zip", ZIPS), ("list", LISTS), ("video", VIDEOS)):
        if lower.endswith(suffixes):
            return kind
    if lower.endswith(FOREIGN):
        expected = f"of a kind that is read ({', '.join(TARS + ZIPS)})"
        raise InputError(message("labelling", "an archive", expected, quoted(name), "Pack it anew"))
    return "photos"


def _photos(text: str) -> Iterator[Reference]:
    for item in iter_images(text):
        yield as_reference(item)


def as_reference(item: Item) -> Reference:
    """Return the reference to an item of a stream of photos."""
    if item.error is not None or item.content is None:
        return Reference(item.name, item.error or "cannot be read")
    if isinstance(item.content, os.PathLike):
        return FileReference(item.name, path=os.fspath(item.content))
    return MemoryReference(item.name, content=item.content)


def _from_python(source: Any) -> Iterator[Reference]:
    if isinstance(source, Iterator) or (isinstance(source, Iterable) and not _is_known(source)):
        stream = iter(source)
        first = next(stream, None)
        if isinstance(first, Item | Reference):
            yield from _ready(chain([first], stream))
            return
        source = chain([first], stream) if first is not None else stream
    elif isinstance(source, list | tuple) and source and isinstance(source[0], Item | Reference):
        yield from _ready(iter(source))
        return
    for item in iter_images(source):
        yield as_reference(item)


def _is_known(source: Any) -> bool:
    """Whether `iter_images` is to say what becomes of it: paths, photos, arrays, lists, and what has no order."""
    kinds = (str, bytes, bytearray, memoryview, os.PathLike, list, tuple, Mapping, Set)
    return isinstance(source, kinds) or hasattr(source, "shape") or hasattr(source, "read")


def _ready(stream: Iterator[Any]) -> Iterator[Reference]:
    for place, element in enumerate(stream):
        if isinstance(element, Reference):
            yield element
        elif isinstance(element, Item):
            # A manifest and a table cannot hold every text that Python can.
            name = str(element.name)
            name = name if name.isprintable() else one_line(name)
            yield as_reference(element if name is element.name else replace(element, name=name))
        else:
            yield Reference(f"image-{place}", f"must be an Item like those before it; got {type(element).__name__}")


def _file(text: str, column: str | None, every: Every) -> Iterator[Reference]:
    del column, every
    return iter([FileReference(printable(text), path=text)])


def _tar(text: str, column: str | None, every: Every) -> Iterator[Reference]:
    from unseen.labelling.archives import tar_members

    del column, every
    return tar_members(text)


def _zip(text: str, column: str | None, every: Every) -> Iterator[Reference]:
    from unseen.labelling.archives import zip_members

    del column, every
    return zip_members(text)


def _list(text: str, column: str | None, every: Every) -> Iterator[Reference]:
    from unseen.labelling.lists import list_items

    del every
    return list_items(text, column)


def _video(text: str, column: str | None, every: Every) -> Iterator[Reference]:
    from unseen.labelling.videos import video_frames

    del column
    return video_frames(text, every)


READERS: dict[str, Callable[[str, str | None, Every], Iterator[Reference]]] = {
    "photos": _file,
    "tar": _tar,
    "zip": _zip,
    "list": _list,
    "video": _video,
}


def _matches(pattern: str, column: str | None, every: Every) -> Iterator[Reference]:
    """Yield what a pattern names; archives, tables and videos among that are opened."""
    for found in match(pattern):
        name = os.fspath(found.path)
        if found.error is not None:
            yield Reference(printable(name), found.error)
        else:
            yield from READERS[kind_of(name)](name, column, every)


def _braces(text: str, column: str | None, every: Every) -> Iterator[Reference]:
    for count, name in enumerate(expand_braces(text)):
        if count == _MOST_BRACES:
            raise InputError(
                message("labelling", "braces", f"at most {_MOST_BRACES:,} names", quoted(text), "Name fewer at a time")
            )
        path = Path(name)
        if has_wildcard(name) and not path.exists():
            yield from _matches(name, column, every)
            continue
        try:
            found = reach(path)
        except FileNotFoundError:
            # One shard of a thousand that is missing must be told, and must not end the run.
            yield Reference(printable(name), "cannot be read: no such file")
            continue
        if found is None:
            yield from _photos(name)
        elif found.error is not None:
            yield Reference(printable(name), found.error)
        else:
            yield from READERS[kind_of(name)](name, column, every)


def expand_braces(text: str) -> Iterator[str]:
    """Yield the names that ``{000..099}`` and ``{a,b}`` stand for, in order.

    >>> list(expand_braces("s-{08..10}.{tar,zip}"))[:3]
    ['s-08.tar', 's-08.zip', 's-09.tar']
    """
    found = _BRACE.search(text)
    if found is None:
        yield text
        return
    head, tail = text[: found.start()], text[found.end() :]
    for choice in _choices(found[1]):
        for rest in expand_braces(tail):
            yield f"{head}{choice}{rest}"


def _choices(inside: str) -> Iterator[str]:
    if not (span := _RANGE.fullmatch(inside)):
        yield from inside.split(",")
        return
    low, high = int(span[1]), int(span[2])
    for number in range(low, high + 1) if low <= high else range(low, high - 1, -1):
        yield f"{number:0{len(span[1])}d}"


def nothing_found(description: list[str]) -> InputError:
    """Return the error for a source without a single item."""
    listed = ", ".join(description[:3]) + (", …" if len(description) > 3 else "")
    remedy = f"In folders and archives, files count by their suffix ({', '.join(sorted(IMAGE_SUFFIXES)[:6])}, …)"
    return InputError(
        message("labelling", "source", "one with at least one photo", verbatim(f"none in {listed}"), remedy)
    )
