"""The files that items of a stored folder were, found again by their names and known by their digests."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unseen.errors import ItemError
from unseen.inputs.files import open_regular
from unseen.labelling.references import MAX_FILE_BYTES, read_photo

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

__all__ = ["path_of", "preview_of", "read_original"]

_ESCAPE = re.compile(r"\\(?:(\\)|([nrt])|x([0-9a-f]{2})|u([0-9a-f]{4}))")
_SHORT = {"n": "\n", "r": "\r", "t": "\t"}
#: Longest side of a preview.
_PREVIEW = 256


def path_of(item: str, base: str | os.PathLike[str] = "") -> Path:
    r"""Return the path that an item's printable name stands for; relative ones start at `base`.

    Examples
    --------
    >>> path_of("a\\nb.jpg", "photos").name
    'a\nb.jpg'
    """
    # Where the backslash separates folders it was not escaped, and nothing of what is escaped can be in a name.
    name = item if os.sep == "\\" or "\\" not in item else _ESCAPE.sub(_unescape, item)
    return Path(base, name)


def _unescape(match: re.Match[str]) -> str:
    backslash, short, byte, code = match.groups()
    if backslash:
        return "\\"
    if short:
        return _SHORT[short]
    if byte:
        value = int(byte, 16)
        return chr(value) if value < 0x80 else chr(0xDC00 + value)
    return chr(int(code, 16))


def read_original(item: str, sha: str | None, base: str | os.PathLike[str] = "") -> bytes:
    """Return the bytes of the file that an item was.

    Raises
    ------
    ItemError
        When there is no such file, or it is not the one that was looked at: what a name in somebody's folder leads
        to is not taken for the photo it was.
    """
    with open_regular(path_of(item, base)) as file:
        data = read_photo(file, MAX_FILE_BYTES)
    if sha is None or hashlib.sha256(data).hexdigest() != sha:
        raise ItemError("has changed since it was looked at")
    return data


def preview_of(item: str, sha: str | None, base: str | os.PathLike[str] = "") -> Callable[[], npt.NDArray[Any] | None]:
    """Return what reads a small picture of an item when it is asked for; None where its file is gone or another."""

    def read() -> npt.NDArray[Any] | None:
        import numpy as np

        from unseen.inputs.images import open_image

        try:
            picture = open_image(read_original(item, sha, base))
        except (ItemError, OSError, ValueError):
            return None
        picture.thumbnail((_PREVIEW, _PREVIEW))
        return np.asarray(picture)

    return read
