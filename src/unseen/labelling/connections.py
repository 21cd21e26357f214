"""Connections to servers by fsspec: which are made, how long they may take, and what to call it when they fail."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from functools import cache
from typing import TYPE_CHECKING, Any

from unseen.errors import InputError, MissingExtraError
from unseen.inputs.files import quoted
from unseen.labelling.references import without_login
from unseen.validation import import_extra, message

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["BLOCK", "PAUSES", "PROTOCOLS", "TIMEOUT", "filesystem", "is_fetched", "is_final", "opened", "reason"]

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
TIMEOUT, _CONNECT = 60.0, 15.0
PAUSES = (0.5, 2.0)
BLOCK = 1 << 20


def _protocol(url: str) -> str:
    return url.partition("://")[0].lower()


def is_fetched(url: str) -> bool:
    """Whether an address is of a kind that is read from."""
    return _protocol(url) in PROTOCOLS and "::" not in url


def filesystem(url: str) -> Any:
    """Return fsspec's file system for an address.

    Raises
    ------
    InputError
        When its protocol is none that is read from.
    MissingExtraError
        When fsspec, or the library behind the protocol, is not installed.
    """
    if not is_fetched(url):
        expected = f"an address that begins with {', '.join(f'{p}://' for p in PROTOCOLS[:5])} or the like"
        raise InputError(
            message("labelling", "source", expected, quoted(without_login(url)), "Copy it to this machine first")
        )
    return _made(_protocol(url))


@cache
def _made(protocol: str) -> Any:
    fsspec = import_extra("fsspec", extra="remote", purpose=f"Reading {protocol}:// addresses")
    options: dict[str, Any] = {}
    try:
        if protocol in ("http", "https"):
            import aiohttp

            timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT, sock_read=TIMEOUT / 2)
            options["client_kwargs"] = {"timeout": timeout}
        elif protocol in ("s3", "s3a"):
            options["config_kwargs"] = {"connect_timeout": _CONNECT, "read_timeout": TIMEOUT}
        elif protocol in ("gs", "gcs"):
            options["timeout"] = TIMEOUT
        return fsspec.filesystem(protocol, **options)
    except ImportError as error:
        package = _PIP.get(protocol)
        line = f"pip install {package}" if package else "pip install 'unseen[remote]'"
        raise MissingExtraError(
            f"Reading {protocol}:// addresses needs a package that is not installed. Install it with: {line}"
        ) from error


@contextmanager
def opened(url: str) -> Iterator[Any]:
    """Open what is behind an address, to be read forwards; raises what fsspec does."""
    system = filesystem(url)
    if url.lower().startswith(("http://", "https://")):
        # A stream, whatever the server says of sizes and ranges; a made-up size saves asking for it.
        file = system.open(url, "rb", block_size=0, size=1)
    else:
        file = system.open(url, "rb", block_size=4 * BLOCK, cache_type="readahead")
    try:
        yield file
    finally:
        with suppress(Exception):  # the bytes are here, or the reason why not is on its way
            file.close()


def _status(error: BaseException) -> int | None:
    status = getattr(error, "status", None)
    return status if isinstance(status, int) else None


def is_final(error: BaseException) -> bool:
    """Whether trying again would be of no use."""
    status = _status(error)
    if status is not None:
        return 400 <= status < 500 and status not in (408, 429)
    return isinstance(
        error, FileNotFoundError | PermissionError | IsADirectoryError | ValueError | MissingExtraError | InputError
    )


def reason(error: BaseException) -> str:
    """Return a few words on an error that fsspec raised."""
    status = _status(error)
    if status is not None:
        return f"the server answered {status}"
    if isinstance(error, FileNotFoundError):
        return "there is nothing at this address"
    if isinstance(error, PermissionError):
        return "access is denied"
    if isinstance(error, TimeoutError) or "timeout" in type(error).__name__.lower():
        return f"it took more than {TIMEOUT:g} seconds"
    return f"the connection failed ({type(error).__name__})"
