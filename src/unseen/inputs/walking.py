"""Folders and patterns as one sorted stream of image files.

Memory is bounded by the listings of one chain of folders, however many files lie below. Every real folder is
entered once, so a folder that contains itself through a link ends.
"""

from __future__ import annotations

import fnmatch
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from unseen.errors import ItemError
from unseen.inputs.files import describe_special, open_regular, os_reason, quoted
from unseen.inputs.formats import SNIFF_BYTES, sniff

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["IMAGE_SUFFIXES", "Found", "has_wildcard", "is_hidden", "match", "reach", "walk"]

IMAGE_SUFFIXES = frozenset({
    "jpg", "jpeg", "jpe", "jfif", "png", "apng", "webp", "gif", "bmp", "dib", "tif", "tiff", "avif", "ppm", "pgm",
    "pnm",
    # Photos that cannot be read: whoever has them should be told, with what to do, and not find them missing.
    "heic", "heif", "jxl", "jp2", "cr2", "cr3", "nef", "arw", "dng", "orf", "raf", "rw2",
})  # fmt: skip
# What systems leave beside photos; whoever means one of these names it.
_SYSTEM_NAMES = frozenset(
    {"@eadir", "__macosx", "thumbs.db", "desktop.ini", "$recycle.bin", "system volume information"}
)
_Key = tuple[int, int]
_Parts = tuple[str, ...]


@dataclass(frozen=True)
class Found:
    """A path that is, or should have been, a photo; `error` says what is in the way."""

    path: Path
    error: str | None = None


def is_hidden(name: str) -> bool:
    """Whether a listing passes over this name: dot files, ``@eaDir``, ``Thumbs.db``, ``__MACOSX``."""
    return name.startswith(".") or name.casefold() in _SYSTEM_NAMES


def has_wildcard(text: str) -> bool:
    """Whether a path reads as a pattern."""
    return any(char in text for char in "*?[")


def reach(path: Path) -> Found | None:
    """Look where an existing path leads: None for a folder, else the file or what is wrong with it.

    Raises
    ------
    FileNotFoundError
        When nothing bears that name.
    """
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        if path.is_symlink():
            return Found(path, _dangling(path))
        raise FileNotFoundError(path) from None
    except OSError as error:
        return Found(path, os_reason(error))
    if stat.S_ISDIR(mode):
        return None
    return Found(path, None if stat.S_ISREG(mode) else describe_special(mode))


def walk(folder: Path, *, recursive: bool = True) -> Iterator[Found]:
    """Yield the image files of a folder, depth first, sorted by name.

    A file counts by its suffix, or without one by its first bytes. Hidden names are passed over; links to
    folders are followed; what cannot be read is yielded with the reason.
    """
    entered: set[_Key] = set()
    stack = [_enter(folder, entered)]
    while stack:
        found = next(stack[-1], None)
        if found is None:
            stack.pop()
        elif isinstance(found, Found):
            yield found
        elif recursive:
            stack.append(_enter(found, entered))


def _enter(folder: Path, entered: set[_Key]) -> Iterator[Found | Path]:
    """Yield one folder's photos as `Found` and its sub-folders as paths, in the order of their names."""
    try:
        status = folder.stat()
        key = (status.st_dev, status.st_ino)
        if key in entered:
            return
        entered.add(key)
        with os.scandir(folder) as entries:
            # Entry objects weigh five times a name; a folder of 200,000 keeps names.
            listing = sorted((entry.name, _kind(entry)) for entry in entries if not is_hidden(entry.name))
    except OSError as error:
        yield Found(folder, f"folder {os_reason(error)}")
        return
    for name, kind in listing:
        if kind == "folder":
            yield folder / name
        elif kind == "file":
            yield Found(folder / name)
        elif kind == "nameless":
            yield from _by_content(folder / name)
        elif kind == "odd":
            yield _odd(folder / name)


def _kind(entry: os.DirEntry[str]) -> str:
    suffix = entry.name.rpartition(".")[2].lower() if "." in entry.name else None
    wanted = suffix is None or suffix in IMAGE_SUFFIXES
    try:
        if entry.is_dir():
            return "folder"
        if not wanted:
            return "other"
        if entry.is_file():
            return "nameless" if suffix is None else "file"
    except OSError:  # a link that leads to itself
        return "odd" if wanted else "other"
    return "odd"


def _by_content(path: Path) -> Iterator[Found]:
    try:
        # Pseudo-files of /proc claim to be empty; some of them wait when they are read.
        if path.stat().st_size == 0:
            return
        with open_regular(path) as file:
            head = file.read(SNIFF_BYTES)
    except OSError as error:
        yield Found(path, os_reason(error))
    except ItemError as error:
        yield Found(path, str(error))
    else:
        if sniff(head) is not None:
            yield Found(path)


def _odd(path: Path) -> Found:
    try:
        found = reach(path)
    except FileNotFoundError as error:  # gone since it was listed
        return Found(path, os_reason(error))
    return found if found is not None else Found(path, "changed while it was read")


def _dangling(path: Path) -> str:
    try:
        target = quoted(path.readlink())
    except OSError as error:
        return os_reason(error)
    return f"is a link to {target}, which does not exist"


def match(pattern: str, *, recursive: bool = True) -> Iterator[Found]:
    """Yield the image files that a pattern with ``*``, ``?``, ``[]`` and ``**`` names, sorted folder by folder.

    Folders that match are walked, unless the pattern holds ``**``, which descends by itself. A pattern that ends
    in a literal suffix (``*.dat``) names files of that suffix whatever it is.
    """
    path = Path(pattern)
    parts = list(path.parts)
    base = Path(parts.pop(0)) if path.is_absolute() else Path()
    if parts and parts[-1] == "**":
        parts.append("*")
    # "**/**" says no more than "**".
    parts = [part for i, part in enumerate(parts) if part != "**" or parts[i + 1 : i + 2] != ["**"]]
    any_suffix = bool(path.suffix) and not has_wildcard(path.suffix)
    for hit in _matches(base, tuple(parts)):
        try:
            found = reach(hit)
        except FileNotFoundError:
            continue
        if found is None:
            if "**" not in parts:
                yield from walk(hit, recursive=recursive)
        elif any_suffix or hit.suffix[1:].lower() in IMAGE_SUFFIXES:
            yield found


def _matches(base: Path, parts: _Parts) -> Iterator[Path]:
    entered: set[tuple[_Key, int]] = set()
    # A stack, not recursion: folders may be nested deeper than Python calls.
    stack = [_step(base, parts, entered)]
    while stack:
        step = next(stack[-1], None)
        if step is None:
            stack.pop()
        elif step[1]:
            stack.append(_step(*step, entered))
        else:
            yield step[0]


def _step(base: Path, parts: _Parts, entered: set[tuple[_Key, int]]) -> Iterator[tuple[Path, _Parts]]:
    """Match the first part below `base`; yield what was reached and the parts that are left."""
    head, rest = parts[0], parts[1:]
    if head != "**" and not has_wildcard(head):
        yield base / head, rest
        return
    try:
        status = base.stat()
        key = ((status.st_dev, status.st_ino), len(parts))
        if key in entered:  # a link back to where we are
            return
        entered.add(key)
        with os.scandir(base) as entries:
            names = sorted(entry.name for entry in entries)
    except OSError:
        return  # a pattern names what it can reach; walking a folder reports what it cannot
    if head == "**":
        yield base, rest
    for name in names:
        if head == "**":
            if not is_hidden(name) and (base / name).is_dir():
                yield base / name, parts
        elif fnmatch.fnmatchcase(name, head) and (head.startswith(".") or not is_hidden(name)):
            yield base / name, rest
