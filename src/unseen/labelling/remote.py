"""Photos behind addresses (https, s3, gs and the rest), read by fsspec.

A server is a stranger: what it sends is read up to a limit and within a time, and what it says of itself is not
believed. Tables, archives and videos are fetched whole into a temporary file first (copies.py).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

from unseen.errors import InputError, ItemError, MissingExtraError
from unseen.inputs.files import quoted
from unseen.inputs.formats import SNIFF_BYTES, describe_foreign, sniff
from unseen.inputs.walking import IMAGE_SUFFIXES, is_hidden
from unseen.labelling import connections
from unseen.labelling.references import MAX_MEMBER_BYTES, Reference, Shelf, shown, without_login
from unseen.validation import message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from unseen.labelling.sources import Every

__all__ = ["UrlReference", "open_remote", "remote_reference"]


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
    if not connections.is_fetched(url):
        some = ", ".join(connections.PROTOCOLS[:5])
        return Reference(name, f"is at an address of a kind that is not fetched; {some} and others are")
    return UrlReference(name, url=url)


def _fetch(url: str) -> bytes:
    """Return what is behind an address, up to a little more than the limit; tries again what may pass."""
    for pause in (*connections.PAUSES, None):
        try:
            with connections.opened(url) as file:
                return b"".join(_blocks(file, MAX_MEMBER_BYTES + 1))
        except (ItemError, MissingExtraError):
            raise
        except Exception as error:
            if pause is None or connections.is_final(error):
                raise ItemError(f"cannot be fetched: {connections.reason(error)}") from error
            time.sleep(pause)
    raise ItemError("cannot be fetched")  # pragma: no cover  the loop returns or raises


def _blocks(file: Any, limit: int) -> Iterator[bytes]:
    left, deadline = limit, time.monotonic() + connections.TIMEOUT
    sniffed = False
    while left > 0 and (block := file.read(min(connections.BLOCK, left))):
        if not sniffed and len(block) >= SNIFF_BYTES and sniff(block[:SNIFF_BYTES]) is None:
            raise ItemError(describe_foreign(block[:SNIFF_BYTES]))
        sniffed = True
        left -= len(block)
        yield block
        if time.monotonic() > deadline:
            raise TimeoutError


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

    connections.filesystem(url)
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
        return bool(connections.filesystem(url).isdir(url))
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
        return list_(connections.filesystem(url))
    except Exception as error:
        raise _unlisted(url, error) from error


def _unlisted(url: str, error: Exception) -> InputError:
    return InputError(
        message(
            "labelling",
            "source",
            "an address that can be listed",
            quoted(without_login(url)),
            f"Listing failed: {connections.reason(error)}",
        )
    )


def _full(url: str, name: str) -> str:
    """Return the address of an entry that a listing named, which most systems do without the protocol."""
    if "://" in name:
        return name
    return f"{url.partition('://')[0]}://{name.lstrip('/')}"
