"""Crops: the part of a picture that a recogniser looks at to say what is in a box."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.inputs.framing import NEUTRAL

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

__all__ = ["CONTEXT", "Crop", "crop_maker", "cut"]

#: Share of a box's longer side that is added around it, where nobody says how much.
CONTEXT = 0.1


@dataclass(frozen=True, eq=False)
class Crop:
    """A box of a picture, cut out when a worker gets to it.

    Attributes
    ----------
    pixels : uint8 array of shape (h, w, 3)
        The whole picture.
    box : float array of shape (4,)
        Left, top, right and bottom edge.
    """

    pixels: npt.NDArray[np.uint8]
    box: npt.NDArray[np.float32]


def cut(crop: Crop, *, context: float = CONTEXT) -> npt.NDArray[np.uint8]:
    """Return the square around a box, so that an encoder neither squeezes nor cuts off what is in it.

    The square's side is the box's longer one and `context` times that; at an edge of the picture it is moved inwards,
    and where the picture is too narrow it is filled with the grey that encoders see as nothing.

    Examples
    --------
    >>> import numpy as np
    >>> from unseen.detection.crops import Crop, cut
    >>> picture = np.zeros((100, 200, 3), np.uint8)
    >>> cut(Crop(picture, np.array([10, 20, 50, 40], np.float32)), context=0.5).shape
    (60, 60, 3)
    """
    height, width = crop.pixels.shape[:2]
    left, top, right, bottom = (float(edge) for edge in crop.box)
    side = max(1, round(max(right - left, bottom - top) * (1 + context)))
    x, y = _start((left + right) / 2, side, width), _start((top + bottom) / 2, side, height)
    if x >= 0 and y >= 0 and x + side <= width and y + side <= height:
        return crop.pixels[y : y + side, x : x + side]
    square = np.empty((side, side, 3), np.uint8)
    square[:] = NEUTRAL
    part = crop.pixels[max(y, 0) : y + side, max(x, 0) : x + side]
    square[max(-y, 0) :, max(-x, 0) :][: part.shape[0], : part.shape[1]] = part
    return square


def _start(centre: float, side: int, length: int) -> int:
    """Return where a square begins along one axis; before 0 where it is longer than the picture."""
    if side >= length:
        return -((side - length) // 2)
    return min(max(round(centre - side / 2), 0), length - side)


def crop_maker(
    prepare: Callable[[Any], npt.NDArray[np.uint8]], *, context: float = CONTEXT
) -> Callable[[Any], npt.NDArray[np.uint8]]:
    """Return what prepares a :class:`Crop` for an encoder whose own preparation is `prepare`."""

    def made(crop: Crop) -> npt.NDArray[np.uint8]:
        return prepare(cut(crop, context=context))

    return made
