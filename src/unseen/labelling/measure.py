"""How large a photo is as people see it, from what its bytes declare; nothing is decoded."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from unseen.errors import ItemError
from unseen.inputs.formats import SNIFF_BYTES, describe_foreign, exif_orientation, sniff, strip

# The list of decoders that may run is kept in one place, that place.
from unseen.inputs.images import _reader

if TYPE_CHECKING:
    from unseen.inputs.formats import Stripped

__all__ = ["measure"]

#: Orientations that lay a photo on its side.
_SIDEWAYS = frozenset({5, 6, 7, 8})
#: Formats whose orientation Pillow tells.
_BY_HEADER = frozenset({"WEBP", "AVIF"})


def measure(content: Any) -> tuple[int, int]:
    """Return the upright width and height of a photo, as `unseen.inputs.open_image` would decode it.

    Parameters
    ----------
    content : bytes, PIL image, or array of shape (H, W, ...)
        The photo.

    Raises
    ------
    ItemError
        When the bytes are no photo.

    Examples
    --------
    >>> import numpy as np
    >>> measure(np.zeros((4, 6), np.uint8))
    (6, 4)
    """
    if not isinstance(content, bytes):
        if hasattr(content, "shape"):
            return int(content.shape[1]), int(content.shape[0])
        exif = content.info.get("exif")
        return _upright(content.size, exif_orientation(exif) if isinstance(exif, bytes) else 1)
    kind = sniff(content[:SNIFF_BYTES])
    if kind is None:
        raise ItemError(describe_foreign(content[:SNIFF_BYTES]))
    stripped = strip(kind, content)
    if stripped.size is not None and kind not in _BY_HEADER:
        return _upright(stripped.size, stripped.orientation)
    return _by_header(kind, stripped)


def _by_header(kind: str, stripped: Stripped) -> tuple[int, int]:
    try:
        image = _reader(kind)(io.BytesIO(stripped.data))
        orientation = stripped.orientation
        if kind in _BY_HEADER:
            orientation = exif_orientation(image.info.get("exif", b""))
        return _upright(image.size, orientation)
    except ItemError:
        raise
    except Exception as error:  # Pillow's readers raise whatever a damaged header leads to
        raise ItemError(f"damaged, or of a rare kind: its {kind} data cannot be decoded") from error


def _upright(size: tuple[int, int], orientation: int) -> tuple[int, int]:
    return (size[1], size[0]) if orientation in _SIDEWAYS else size
