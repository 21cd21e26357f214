"""Outlines of masks: polygons along the edges of pixels, with their holes, that enclose exactly the mask's pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.errors import InputError
from unseen.validation import check_number, message

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["Polygon", "mask_polygons"]

#: Rings (k, 2) of corners x, y: the outline, then those of holes.
Polygon = list[np.ndarray[Any, Any]]

# Directions of an edge, as right-hand walks round a mask's pixels go: right, down, left, up.
_STEPS = np.array([(1, 0), (0, 1), (-1, 0), (0, -1)])


def mask_polygons(mask: npt.ArrayLike, *, tolerance: float = 0.0) -> list[Polygon]:
    """Return the outlines of a mask's parts.

    Parameters
    ----------
    mask : bool array of shape (h, w)
        What is to be outlined.
    tolerance : float, default 0.0
        How far, in pixels, a simplified outline may stray from the exact one; 0 keeps every corner.

    Returns
    -------
    list of polygons
        One for each part of the mask whose pixels touch by their sides, row by row; each a list of rings, the
        outline first, then its holes. A ring is an array (k, 2) of corners x, y between pixels, from 0 to the width
        and height, and is not closed by its first corner. Outlines run clockwise as one sees them, holes the other way.

    Raises
    ------
    InputError
        When `mask` is no such array, or `tolerance` no such number.

    Notes
    -----
    Takes time and memory in proportion to the pixels, and to the length of the outlines. Simplified with the algorithm
    of Douglas and Peucker, a ring never gets fewer than three corners; rings that cannot be simplified so are kept.

    References
    ----------
    Douglas and Peucker, "Algorithms for the Reduction of the Number of Points Required to Represent a Digitized Line
    or its Caricature", Cartographica, 1973.

    Examples
    --------
    >>> [[ring.tolist() for ring in polygon] for polygon in mask_polygons([[False, True, True]])]
    [[[[1, 0], [3, 0], [3, 1], [1, 1]]]]
    """
    array = np.asarray(mask)
    if array.ndim != 2 or array.dtype != np.bool_:
        raise InputError(message("mask_polygons", "mask", "a bool array of shape (h, w)", array, "Pass one mask"))
    tolerance = check_number("mask_polygons", "tolerance", tolerance, low=0)
    from scipy import ndimage

    if not array.any():
        return []
    parts, count = ndimage.label(array)
    polygons: list[Polygon] = [[] for _ in range(count)]
    for part, ring in _rings(array, parts):
        shape = _simplified(ring, tolerance) if tolerance else ring
        # The outline goes round to the right, so its area is positive with y pointing down.
        if _area(ring) > 0:
            polygons[part - 1].insert(0, shape)
        else:
            polygons[part - 1].append(shape)
    return polygons


def _rings(mask: npt.NDArray[np.bool_], parts: npt.NDArray[Any]) -> list[tuple[int, npt.NDArray[np.int32]]]:
    """Return closed walks along the edges of the mask's pixels, which lie to the right, each with its part."""
    width = mask.shape[1]
    inside = np.pad(mask, 1)
    here = inside[1:-1, 1:-1]
    # For each side of a pixel, the neighbour beyond it, and where the edge along it begins: in the order of _STEPS.
    beyond = (inside[:-2, 1:-1], inside[1:-1, 2:], inside[2:, 1:-1], inside[1:-1, :-2])
    begins = ((0, 0), (1, 0), (1, 1), (0, 1))
    xs, ys, ways, owners = [], [], [], []
    for number, (other, (dx, dy)) in enumerate(zip(beyond, begins, strict=True)):
        rows, columns = np.nonzero(here & ~other)
        xs.append(columns + dx)
        ys.append(rows + dy)
        ways.append(np.full(len(rows), number))
        owners.append(parts[rows, columns])
    x, y, way, owner = (np.concatenate(part) for part in (xs, ys, ways, owners))
    ends = (y + _STEPS[way, 1]) * (width + 1) + x + _STEPS[way, 0]
    starts = y * (width + 1) + x
    following = _following(starts, ends, way)
    order = np.lexsort((x, y))
    left = np.ones(len(starts), np.bool_)
    rings = []
    for first in order.tolist():
        if not left[first]:
            continue
        walk = [first]
        left[first] = False
        edge = int(following[first])
        while edge != first:
            walk.append(edge)
            left[edge] = False
            edge = int(following[edge])
        edges = np.array(walk)
        # Of edges in a row only the first begins at a corner.
        corners = edges[way[edges] != way[np.roll(edges, 1)]]
        rings.append((int(owner[first]), np.stack([x[corners], y[corners]], axis=1).astype(np.int32)))
    return rings


def _following(starts: npt.NDArray[Any], ends: npt.NDArray[Any], way: npt.NDArray[Any]) -> npt.NDArray[np.intp]:
    """Return for each edge the one that goes on where it ends; where two do, the one that turns right.

    Turning right stays with the pixel, so that pixels which touch by a corner alone belong to different rings.
    """
    order = np.argsort(starts, kind="stable")
    place = np.searchsorted(starts[order], ends)
    first = order[place]
    second = order[np.minimum(place + 1, len(order) - 1)]
    turns = way[second] == (way + 1) % 4
    following: npt.NDArray[np.intp] = np.where((starts[second] == ends) & turns, second, first)
    return following


def _area(ring: npt.NDArray[Any]) -> float:
    x, y = ring[:, 0].astype(np.float64), ring[:, 1].astype(np.float64)
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2)


def _simplified(ring: npt.NDArray[Any], tolerance: float) -> npt.NDArray[Any]:
    """Return a ring without corners that are within the tolerance of the line between those kept."""
    # A ring has no ends to start from: its first corner, and the one farthest from it, are kept.
    far = int(((ring - ring[0]) ** 2).sum(axis=1).argmax())
    closed = np.concatenate([ring, ring[:1]]).astype(np.float64)
    kept = np.zeros(len(closed), np.bool_)
    kept[[0, far, len(ring)]] = True
    spans = [(0, far), (far, len(ring))]
    while spans:
        first, last = spans.pop()
        if last - first < 2:
            continue
        line = closed[last] - closed[first]
        between = closed[first + 1 : last] - closed[first]
        length = np.hypot(*line)
        distance = (
            np.abs(line[0] * between[:, 1] - line[1] * between[:, 0]) / length if length else np.hypot(*between.T)
        )
        worst = int(distance.argmax())
        if distance[worst] > tolerance:
            middle = first + 1 + worst
            kept[middle] = True
            spans += [(first, middle), (middle, last)]
    fewer = ring[kept[:-1]]
    return fewer if len(fewer) >= 3 else ring
