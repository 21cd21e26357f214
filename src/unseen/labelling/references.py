"""References: where one item is, small enough to send to another process, and how its bytes are read there.

A source is walked by names alone; what is read of an item is read by whoever works on it. That is what makes a
resumed run skip what is done without touching it, and a shard something that can be handed to another machine.
"""

from __future__ import annotations

import os
import re
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar, TypeVar

from unseen.errors import ItemError
from unseen.inputs.files import open_regular, os_reason, printable
from unseen.inputs.formats import SNIFF_BYTES, describe_foreign, sniff
from unseen.inputs.images import MAX_PIXELS

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

__all__ = ["MAX_MEMBER_BYTES", "FileReference", "Held", "MemoryReference", "Reference", "Shelf", "read_photo"]

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_LOGIN = re.compile(r"(?<=^http://)[^/?#]*@|(?<=^https://)[^/?#]*@", re.IGNORECASE)
#: Largest file that is read as one photo: none needs more than 8 bytes per pixel.
MAX_FILE_BYTES = 8 * MAX_PIXELS + (1 << 24)
#: Largest member of an archive, cell of a table or download that is read as one photo.
MAX_MEMBER_BYTES = 1 << 28


@dataclass(frozen=True, slots=True)
class Reference:
    """One item of a source; this class itself stands for one that cannot be read.

    Parameters
    ----------
    name : str
        What the output row says; printable.
    error : str or None, default None
        Why there is nothing to read, known already.
    """

    name: str
    error: str | None = None

    #: Read one after another in the thread that draws items: neighbours share one stream (a video, a gzip).
    ordered: ClassVar[bool] = False
    #: Waited for, not computed: read ahead by many threads.
    remote: ClassVar[bool] = False

    def read(self, shelf: Shelf) -> Any:
        """Return the item's bytes, or an array of pixels.

        Raises
        ------
        ItemError
            With a short reason, when it cannot be read.
        """
        del shelf
        raise ItemError(self.error or "cannot be read")


@dataclass(frozen=True, slots=True)
class FileReference(Reference):
    """A file on this machine, or on storage that every worker reaches under the same path."""

    path: str = ""

    def read(self, shelf: Shelf) -> Any:
        """Return the file's bytes; raises ItemError."""
        del shelf
        with open_regular(self.path) as file:
            return read_photo(file, MAX_FILE_BYTES)


@dataclass(frozen=True, slots=True)
class MemoryReference(Reference):
    """Bytes, an array or a Pillow image that Python code handed in."""

    content: Any = None

    def read(self, shelf: Shelf) -> Any:
        """Return the content itself."""
        del shelf
        return self.content


def read_photo(file: BinaryIO, limit: int) -> bytes:
    """Return all bytes of a photo from an open file; no more than `limit`, and no more than its head if it is none.

    Raises
    ------
    ItemError
        With a short reason, when it is too large, empty, no photo, or the system refuses.
    """
    try:
        head = file.read(SNIFF_BYTES)
        if not head:
            raise ItemError("is empty: it holds 0 bytes")
        if sniff(head) is None:
            raise ItemError(describe_foreign(head))
        data = head + file.read(limit + 1 - len(head))
    except OSError as error:
        raise ItemError(os_reason(error)) from error
    if len(data) > limit:
        raise ItemError(f"too large: more than {limit >> 20} MiB for one photo")
    return data


def is_address(path: str) -> bool:
    """Whether a place is an address and no path.

    >>> is_address("s3://bucket/a.tar"), is_address("C:/a.tar"), is_address("a/b.tar")
    (True, False, False)
    """
    return _ADDRESS.match(path) is not None


def shown(place: str) -> str:
    """Return the printable name of a place; the login in a web address stays out of rows, manifests and messages.

    >>> shown("https://me:secret@example.org/a@b.tar"), shown("abfs://photos@account/a.tar")
    ('https://example.org/a@b.tar', 'abfs://photos@account/a.tar')
    """
    return printable(without_login(place))


def without_login(place: str) -> str:
    """Return a place without the login that a web address may hold."""
    return _LOGIN.sub("", place, count=1)


def open_place(path: str) -> BinaryIO:
    """Open a regular file, or a temporary copy of what is behind an address; raises ItemError."""
    if not is_address(path):
        return open_regular(path)
    from unseen.labelling.copies import open_copy

    return open_copy(path)


def suffix_of(path: str) -> str:
    """Return the suffix that says what a place holds, in lower case; an address's query does not count.

    >>> suffix_of("https://example.org/a/B.TAR?key=x.zip")
    '.tar'
    """
    from urllib.parse import urlsplit

    plain = urlsplit(path).path if is_address(path) and path.lower().startswith("http") else path
    return os.path.splitext(plain)[1].lower()  # noqa: PTH122  a Path would not take every address


class Held:
    """Something open that closes when nobody uses it any more."""

    def close(self) -> None:
        """Close it; closing twice does no harm."""
        raise NotImplementedError

    def __del__(self) -> None:
        self.close()


_Held = TypeVar("_Held", bound=Held)


class Shelf:
    """The archives, tables and videos that one process has open, a few at a time, for all its threads.

    What leaves the shelf is closed once the last thread that reads from it lets go of it.
    """

    def __init__(self, size: int = 8) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._held: OrderedDict[Hashable, Held] = OrderedDict()

    def get(self, key: Hashable, open_: Callable[[], _Held], kind: type[_Held]) -> _Held:
        """Return what is on the shelf under `key`, opened first where it is not."""
        with self._lock:
            held = self._held.get(key)
            if not isinstance(held, kind):
                held = open_()
                self._held[key] = held
            self._held.move_to_end(key)
            while len(self._held) > self._size:
                self._held.popitem(last=False)
            return held

    def close(self) -> None:
        """Let go of everything."""
        with self._lock:
            self._held.clear()


def read_at(file: BinaryIO, lock: threading.Lock, offset: int, size: int) -> bytes:
    """Return up to `size` bytes from `offset`, whoever else reads from the same file at the same time."""
    if hasattr(os, "pread"):
        return os.pread(file.fileno(), size, offset)
    with lock:
        file.seek(offset)
        return file.read(size)
