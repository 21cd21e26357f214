"""Boxes as arrays: overlap, clipping, and the ways other tools write them.

Everywhere in unseen a box is left, top, right and bottom edge in pixels of the upright original, as fractions allow:
a box around one pixel at the top left is (0, 0, 1, 1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unseen.errors import InputError
from unseen.validation import message

if TYPE_CHECKING:
    import numpy.typing as npt

    Boxes = npt.NDArray[np.float32]

__all__ = [
    "areas",
    "as_boxes",
    "clip_boxes",
    "covered_matrix",
    "from_cxcywh",
    "from_xywh",
    "iou_matrix",
    "to_cxcywh",
    "to_xywh",
    "usable_boxes",
]

#: No picture is larger; larger numbers would lose whole pixels as float32.
_FARTHEST = float(1 << 24)


def as_boxes(boxes: npt.ArrayLike, *, owner: str = "boxes") -> Boxes:
    """Return boxes as a float32 array of shape (n, 4).

    Raises
    ------
    InputError
        When they are of another shape, or no numbers.
    """
    try:
        array = np.asarray(boxes, dtype=np.float32)
    except (TypeError, ValueError, OverflowError):
        array = np.zeros(0, np.float32).reshape(0, 0, 0)
    if array.size == 0 and array.ndim < 3:
        return np.zeros((0, 4), np.float32)
    if array.ndim != 2 or array.shape[1] != 4:
        expected = "an array of shape (n, 4): left, top, right, bottom"
        raise InputError(message(owner, "boxes", expected, boxes, "Pass one row for each box"))
    return array


def areas(boxes: npt.ArrayLike) -> Boxes:
    """Return the area (n,) of each box in square pixels; 0 where right is not beyond left or bottom not below top."""
    b = as_boxes(boxes)
    sides = np.maximum(b[:, 2:].astype(np.float64) - b[:, :2], 0)
    found: Boxes = (sides[:, 0] * sides[:, 1]).astype(np.float32)
    return found


def _intersections(a: Boxes, b: Boxes) -> npt.NDArray[np.float64]:
    """Return the area (n, m) that each box of one list shares with each of another."""
    a64, b64 = a.astype(np.float64), b.astype(np.float64)
    wide = np.minimum(a64[:, None, 2], b64[None, :, 2]) - np.maximum(a64[:, None, 0], b64[None, :, 0])
    high = np.minimum(a64[:, None, 3], b64[None, :, 3]) - np.maximum(a64[:, None, 1], b64[None, :, 1])
    shared: npt.NDArray[np.float64] = np.maximum(wide, 0) * np.maximum(high, 0)
    return shared


def _exact_areas(boxes: Boxes) -> npt.NDArray[np.float64]:
    sides = np.maximum(boxes[:, 2:].astype(np.float64) - boxes[:, :2], 0)
    found: npt.NDArray[np.float64] = sides[:, 0] * sides[:, 1]
    return found


def iou_matrix(a: npt.ArrayLike, b: npt.ArrayLike) -> Boxes:
    r"""Return how far boxes overlap.

    .. math:: \text{IoU}(a, b) = \frac{|a \cap b|}{|a \cup b|}

    Parameters
    ----------
    a, b : array-like of shape (n, 4) and (m, 4)
        Left, top, right and bottom edges.

    Returns
    -------
    ndarray of shape (n, m), float32
        In [0, 1]; 0 for boxes without area.

    Examples
    --------
    >>> from unseen.detection.boxes import iou_matrix
    >>> iou_matrix([[0, 0, 2, 2]], [[0, 0, 2, 2], [1, 0, 3, 2], [5, 5, 6, 6]]).round(2).tolist()
    [[1.0, 0.33000001311302185, 0.0]]
    """
    first, second = as_boxes(a, owner="iou_matrix"), as_boxes(b, owner="iou_matrix")
    shared = _intersections(first, second)
    either = _exact_areas(first)[:, None] + _exact_areas(second)[None] - shared
    found: Boxes = np.divide(shared, either, out=np.zeros_like(shared), where=either > 0).astype(np.float32)
    return found


def covered_matrix(a: npt.ArrayLike, b: npt.ArrayLike) -> Boxes:
    """Return which share (n, m) of each box of `a` lies within each box of `b`; 0 for boxes without area."""
    first, second = as_boxes(a, owner="covered_matrix"), as_boxes(b, owner="covered_matrix")
    shared, own = _intersections(first, second), _exact_areas(first)[:, None]
    found: Boxes = np.divide(shared, own, out=np.zeros_like(shared), where=own > 0).astype(np.float32)
    return found


def clip_boxes(boxes: npt.ArrayLike, size: tuple[int, int]) -> Boxes:
    """Return boxes cut off at the edges of a picture of this width and height."""
    b = as_boxes(boxes, owner="clip_boxes")
    limits = np.array([size[0], size[1]] * 2, np.float32)
    clipped: Boxes = np.clip(b, 0, limits)
    return clipped


def usable_boxes(boxes: npt.ArrayLike, size: tuple[int, int], *, least: float = 1.0) -> npt.NDArray[np.bool_]:
    """Return which boxes (n,) are finite and, cut off at the picture's edges, at least `least` pixels wide and high."""
    b = as_boxes(boxes, owner="usable_boxes")
    # Infinite edges are clipped like far ones, NaN is not; both say that something went wrong.
    finite = np.all(np.isfinite(b) & (np.abs(b) <= _FARTHEST), axis=1)
    clipped = clip_boxes(np.where(finite[:, None], b, 0), size)
    usable: npt.NDArray[np.bool_] = finite & np.all(clipped[:, 2:] - clipped[:, :2] >= least, axis=1)
    return usable


def from_xywh(boxes: npt.ArrayLike) -> Boxes:
    """Return boxes given as left, top, width and height: COCO's way."""
    b = as_boxes(boxes, owner="from_xywh")
    return np.concatenate([b[:, :2], b[:, :2] + b[:, 2:]], axis=1)


def to_xywh(boxes: npt.ArrayLike) -> Boxes:
    """Return boxes as left, top, width and height: COCO's way."""
    b = as_boxes(boxes, owner="to_xywh")
    return np.concatenate([b[:, :2], b[:, 2:] - b[:, :2]], axis=1)


def from_cxcywh(boxes: npt.ArrayLike) -> Boxes:
    """Return boxes given as centre, width and height: YOLO's way, which divides them by the picture's size besides."""
    b = as_boxes(boxes, owner="from_cxcywh")
    return np.concatenate([b[:, :2] - b[:, 2:] / 2, b[:, :2] + b[:, 2:] / 2], axis=1)


def to_cxcywh(boxes: npt.ArrayLike) -> Boxes:
    """Return boxes as centre, width and height."""
    b = as_boxes(boxes, owner="to_cxcywh")
    return np.concatenate([(b[:, :2] + b[:, 2:]) / 2, b[:, 2:] - b[:, :2]], axis=1)
