"""Photos behind addresses (https, s3, gs and the rest), read by fsspec.

A server is a stranger: what it sends is read up to a limit and within a time, and what it says of itself is not
believed. Tables, archives and videos are fetched whole into a temporary file first.
"""

from __future__ import annotations

import io
import os
import tempfile
import threading
import time
from collections import deque
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

from unseen.errors import InputError, ItemError, MissingExtraError
from unseen.inputs.files import quoted
from unseen.inputs.formats import SNIFF_BYTES, describe_foreign, sniff
from unseen.inputs.walking import IMAGE_SUFFIXES, is_hidden
from unseen.labelling.references import MAX_MEMBER_BYTES, Reference, Shelf, read_at, shown, without_login
from unseen.validation import import_extra, message, verbatim

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO

    from unseen.labelling.sources import Every

__all__ = ["PROTOCOLS", "UrlReference", "open_remote", "remote_reference"]

#: The places that are read from; others that fsspec knows could run programs or reach files on this machine.
PROTOCOLS = ("http", "https", "s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "hdfs", "webhdfs", "memory")
#: What brings a protocol's library, beyond the extra.
_PIP = {
    "s3": "s3fs",
    "s3a": "s3fs",
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "az": "adlfs",
    "abfs": "adlfs",
    "abfss": "adlfs",
    "adl": "adlfs",
    "hdfs": "pyarrow",
    "webhdfs": "requests",
}
#: Seconds for one item, and for reaching a server; seconds before each further attempt.
_TIMEOUT, _CONNECT = 60.0, 15.0
_PAUSES = (0.5, 2.0)
_BLOCK = 1 << 20
#: Bytes a second that a server must send of a whole file, after a first minute.
_SLOWEST = 10_000
#: Largest table, archive or video that is fetched.
_MOST_FETCHED = 1 << 38


@dataclass(frozen=True, slots=True)
class UrlReference(Reference):
    """A photo behind an address."""

    url: str = ""

    remote: ClassVar[bool] = True

    def read(self, shelf: Shelf) -> Any:
        """Fetch the bytes; raises ItemError."""
        del shelf
        data = _fetch(self.url)
        if not data:
            raise ItemError("is empty: it holds 0 bytes")
        if sniff(data[:SNIFF_BYTES]) is None:
            raise ItemError(describe_foreign(data[:SNIFF_BYTES]))
        if len(data) > MAX_MEMBER_BYTES:
            raise ItemError(f"too large: more than {MAX_MEMBER_BYTES >> 20} MiB for one photo")
        return data


def remote_reference(name: str, url: str) -> Reference:
    """Return the reference to a photo behind an address, or one that says why it is not fetched."""
    protocol = url.partition("://")[0].lower()
    if protocol not in PROTOCOLS or "::" in url:
        return Reference(
            name, f"is at an address of a kind that is not fetched; {', '.join(PROTOCOLS[:5])} and others are"
        )
    return UrlReference(name, url=url)


def filesystem(url: str) -> Any:
    """Return fsspec's file system for an address.

    Raises
    ------
    InputError
        When its protocol is none that is read from.
    MissingExtraError
        When fsspec, or the library behind the protocol, is not installed.
    """
    protocol = url.partition("://")[0].lower()
    if protocol not in PROTOCOLS or "::" in url:
        expected = f"an address that begins with {', '.join(f'{p}://' for p in PROTOCOLS[:5])} or the like"
        raise InputError(
            message("labelling", "source", expected, quoted(without_login(url)), "Copy it to this machine first")
        )
    return _filesystem(protocol)


@cache
def _filesystem(protocol: str) -> Any:
    fsspec = import_extra("fsspec", extra="remote", purpose=f"Reading {protocol}:// addresses")
    options: dict[str, Any] = {}
    try:
        if protocol in ("http", "https"):
            import aiohttp

            timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT, sock_read=_TIMEOUT / 2)
            options["client_kwargs"] = {"timeout": timeout}
        elif protocol in ("s3", "s3a"):
            options["config_kwargs"] = {"connect_timeout": _CONNECT, "read_timeout": _TIMEOUT}
        elif protocol in ("gs", "gcs"):
            options["timeout"] = _TIMEOUT
        return fsspec.filesystem(protocol, **options)
    except ImportError as error:
        package = _PIP.get(protocol)
        line = f"pip install {package}" if package else "pip install 'unseen[remote]'"
        raise MissingExtraError(
            f"Reading {protocol}:// addresses needs a package that is not installed. Install it with: {line}"
        ) from error


def _fetch(url: str) -> bytes:
    """Return what is behind an address, up to a little more than the limit; tries again what may pass."""
    for pause in (*_PAUSES, None):
        try:
            with _opened(url) as file:
                return b"".join(_blocks(file, MAX_MEMBER_BYTES + 1))
        except (ItemError, MissingExtraError):
            raise
        except Exception as error:
            if pause is None or _is_final(error):
                raise ItemError(f"cannot be fetched: {_reason(error)}") from error
            time.sleep(pause)
    raise ItemError("cannot be fetched")  # pragma: no cover  the loop returns or raises


def _blocks(file: Any, limit: int) -> Iterator[bytes]:
    left, deadline = limit, time.monotonic() + _TIMEOUT
    sniffed = False
    while left > 0 and (block := file.read(min(_BLOCK, left))):
        if not sniffed and len(block) >= SNIFF_BYTES and sniff(block[:SNIFF_BYTES]) is None:
            raise ItemError(describe_foreign(block[:SNIFF_BYTES]))
        sniffed = True
        left -= len(block)
        yield block
        if time.monotonic() > deadline:
            raise TimeoutError


@contextmanager
def _opened(url: str) -> Iterator[Any]:
    system = filesystem(url)
    if url.lower().startswith(("http://", "https://")):
        # A stream, whatever the server says of sizes and ranges; a made-up size saves asking for it.
        file = system.open(url, "rb", block_size=0, size=1)
    else:
        file = system.open(url, "rb", block_size=4 * _BLOCK, cache_type="readahead")
    try:
        yield file
    finally:
        with suppress(Exception):  # the bytes are here, or the reason why not is on its way
            file.close()


def _status(error: BaseException) -> int | None:
    status = getattr(error, "status", None)
    return status if isinstance(status, int) else None


def _is_final(error: BaseException) -> bool:
    status = _status(error)
    if status is not None:
        return 400 <= status < 500 and status not in (408, 429)
    return isinstance(
        error, FileNotFoundError | PermissionError | IsADirectoryError | ValueError | MissingExtraError | InputError
    )


def _reason(error: BaseException) -> str:
    status = _status(error)
    if status is not None:
        return f"the server answered {status}"
    if isinstance(error, FileNotFoundError):
        return "there is nothing at this address"
    if isinstance(error, PermissionError):
        return "access is denied"
    if isinstance(error, TimeoutError) or "timeout" in type(error).__name__.lower():
        return f"it took more than {_TIMEOUT:g} seconds"
    return f"the connection failed ({type(error).__name__})"


# -- what an address leads to ------------------------------------------------------------------------------


def open_remote(url: str, column: str | None, every: Every) -> Callable[[], Iterator[Reference]]:
    """Return what yields the references behind an address: a photo, a folder, a pattern, a table, an archive, a video.

    Raises
    ------
    InputError
        When its protocol is none that is read from.
    MissingExtraError
        When a library is not installed.
    """
    from unseen.labelling.sources import expand_braces

    filesystem(url)
    return lambda: (reference for one in expand_braces(url) for reference in _items(one, column, every))


def _items(url: str, column: str | None, every: Every) -> Iterator[Reference]:
    from unseen.labelling.sources import READERS, kind_of

    place = urlsplit(url)
    web = place.scheme.lower() in ("http", "https")
    path = place.path if web else url
    if any(char in path for char in "*[") or (not web and "?" in path):
        for found in _listed(url, lambda system: sorted(system.glob(url))):
            yield from _items(_full(url, found), column, every)
        return
    kind = kind_of(path)
    if kind != "photos":
        yield from READERS[kind](url, column, every)
    elif _is_photo_name(path) or not _is_folder(url, web=web):
        yield remote_reference(shown(url), url)
    else:
        yield from _folder(url)


def _is_photo_name(path: str) -> bool:
    return Path(path).suffix[1:].lower() in IMAGE_SUFFIXES


def _is_folder(url: str, *, web: bool) -> bool:
    if web:
        return url.endswith("/")
    try:
        return bool(filesystem(url).isdir(url))
    except Exception as error:
        raise _unlisted(url, error) from error


def _folder(url: str) -> Iterator[Reference]:
    """Yield the photos below a remote folder, depth first, sorted; holds the listings of one chain of folders."""
    stack = [iter(_listed(url, partial(_entries, url=url)))]
    entered = {url.rstrip("/")}
    while stack:
        entry = next(stack[-1], None)
        if entry is None:
            stack.pop()
            continue
        name, is_folder = entry
        full = _full(url, name)
        if is_hidden(name.rstrip("/").rpartition("/")[2]):
            continue
        if not is_folder:
            if _is_photo_name(urlsplit(full).path if full.startswith("http") else full):
                yield remote_reference(shown(full), full)
        elif full.rstrip("/") not in entered and full.startswith(url.rstrip("/") + "/"):
            entered.add(full.rstrip("/"))
            stack.append(iter(_listed(full, partial(_entries, url=full))))


def _entries(system: Any, url: str) -> list[tuple[str, bool]]:
    own = url.rstrip("/")
    found = [(str(entry["name"]), entry.get("type") == "directory") for entry in system.ls(url, detail=True)]
    return sorted(
        (name, folder or (name.endswith("/") and name.startswith("http")))
        for name, folder in found
        if _full(url, name).rstrip("/") != own
    )


def _listed(url: str, list_: Callable[[Any], list[Any]]) -> list[Any]:
    try:
        return list_(filesystem(url))
    except Exception as error:
        raise _unlisted(url, error) from error


def _unlisted(url: str, error: Exception) -> InputError:
    return InputError(
        message(
            "labelling",
            "source",
            "an address that can be listed",
            quoted(without_login(url)),
            f"Listing failed: {_reason(error)}",
        )
    )


def _full(url: str, name: str) -> str:
    """Return the address of an entry that a listing named, which most systems do without the protocol."""
    if "://" in name:
        return name
    return f"{url.partition('://')[0]}://{name.lstrip('/')}"


# -- files that are fetched whole --------------------------------------------------------------------------


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
    for pause in (*_PAUSES, None):
        try:
            target.seek(0)
            target.truncate()
            _fill(url, target)
            return
        except (InputError, MissingExtraError):
            raise
        except Exception as error:
            if _is_final(error):
                raise ItemError(f"cannot be fetched: {_reason(error)}") from error
            if pause is None:
                remedy = (
                    f"Fetching it failed: {_reason(error)}. Run it again later, with --resume: nothing done is lost"
                )
                expected = "an address that answers"
                raise InputError(
                    message("labelling", "source", expected, quoted(without_login(url)), remedy)
                ) from error
            time.sleep(pause)


def _fill(url: str, target: Any) -> None:
    size, began = 0, time.monotonic()
    with _opened(url) as file:
        while block := file.read(_BLOCK):
            size += len(block)
            if size > _MOST_FETCHED:
                raise ItemError(f"too large: more than {_MOST_FETCHED >> 30} GiB")
            if time.monotonic() - began > _TIMEOUT + size / _SLOWEST:
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
