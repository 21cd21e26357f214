"""Tables, archives and videos behind addresses: fetched whole into temporary files."""

from __future__ import annotations

import io
import os
import tempfile
import threading
import time
from collections import deque
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from unseen.errors import InputError, ItemError, MissingExtraError
from unseen.inputs.files import quoted
from unseen.labelling import connections
from unseen.labelling.references import read_at, without_login
from unseen.validation import message, verbatim

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

__all__ = ["forget_copies", "named_copy", "open_copy"]

#: Bytes a second that a server must send of a whole file, after a first minute.
_SLOWEST = 10_000
#: Largest table, archive or video that is fetched.
_MOST_FETCHED = 1 << 38


class _Copy:
    """A temporary copy of a file, without a name: whatever ends the process, it is gone with it."""

    def __init__(self, url: str) -> None:
        self.file = tempfile.TemporaryFile(prefix="unseen-")  # noqa: SIM115  lives as long as this object
        self.lock = threading.Lock()
        try:
            _download(url, self.file)
            self.size = self.file.tell()
        except BaseException:
            self.file.close()
            raise

    def __del__(self) -> None:
        self.file.close()


class _View(io.RawIOBase):
    """A reader of a copy with a place of its own."""

    def __init__(self, copy: _Copy) -> None:
        super().__init__()
        self._copy = copy
        self._place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._copy.file.fileno()

    def seek(self, offset: int, whence: int = 0) -> int:
        self._place = max(0, offset + {0: 0, 1: self._place, 2: self._copy.size}[whence])
        return self._place

    def readinto(self, buffer: Any) -> int:
        data = read_at(self._copy.file, self._copy.lock, self._place, len(buffer))
        buffer[: len(data)] = data
        self._place += len(data)
        return len(data)


_COPIES: WeakValueDictionary[str, _Copy] = WeakValueDictionary()
#: Copies that nobody reads from just now: of those walked last, some items are still to be read.
_RECENT: deque[_Copy] = deque(maxlen=2)
_COPYING = threading.Lock()


def open_copy(url: str) -> BinaryIO:
    """Open a temporary copy of what is behind an address; the same one for all who read it at a time.

    Raises
    ------
    ItemError
        With a short reason, when there is none to be had.
    InputError
        When its server does not answer now, or the temporary folder is full.
    """
    with _COPYING:
        copy = _COPIES.get(url)
        if copy is None:
            copy = _COPIES[url] = _Copy(url)
            _RECENT.append(copy)
        return io.BufferedReader(_View(copy))


def forget_copies() -> None:
    """Let go of the copies that nobody reads from."""
    with _COPYING:
        _RECENT.clear()


@contextmanager
def named_copy(url: str, suffix: str) -> Iterator[str]:
    """Hold a temporary copy under a name; raises as `open_copy`."""
    with tempfile.TemporaryDirectory(prefix="unseen-") as folder:
        path = Path(folder) / f"table{suffix}"
        with path.open("wb") as target:
            _download(url, target)
        yield str(path)


def _download(url: str, target: Any) -> None:
    """Fetch a file; raises ItemError where it cannot be had, and InputError where it perhaps can be later.

    One row in place of a whole archive would be wrong for good: its photos are as many rows once its server answers.
    """
    for pause in (*connections.PAUSES, None):
        try:
            target.seek(0)
            target.truncate()
            _fill(url, target)
            return
        except (InputError, ItemError, MissingExtraError):
            raise
        except Exception as error:
            if connections.is_final(error):
                raise ItemError(f"cannot be fetched: {connections.reason(error)}") from error
            if pause is None:
                failed = connections.reason(error)
                remedy = f"Fetching it failed: {failed}. Run it again later, with --resume: nothing done is lost"
                expected = "an address that answers"
                raise InputError(
                    message("labelling", "source", expected, quoted(without_login(url)), remedy)
                ) from error
            time.sleep(pause)


def _fill(url: str, target: Any) -> None:
    size, began = 0, time.monotonic()
    with connections.opened(url) as file:
        while block := file.read(connections.BLOCK):
            size += len(block)
            if size > _MOST_FETCHED:
                raise ItemError(f"too large: more than {_MOST_FETCHED >> 30} GiB")
            if time.monotonic() - began > connections.TIMEOUT + size / _SLOWEST:
                raise TimeoutError
            _keep(target, block)


def _keep(target: Any, block: bytes) -> None:
    try:
        target.write(block)
        target.flush()
    except OSError as error:
        reason = verbatim(os.strerror(error.errno) if error.errno else type(error).__name__)
        remedy = "Free some space, or set TMPDIR to a folder that has some"
        raise InputError(
            message("labelling", f"the temporary folder {tempfile.gettempdir()!r}", "writable", reason, remedy)
        ) from None
