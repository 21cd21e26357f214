"""Places in the picture: regions to look at, zones to count in, lines to count at.

All of it is plane geometry on one point of each box: its foot (the middle of its bottom edge, where a thing stands)
or its centre.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from unseen.errors import InputError
from unseen.validation import check_choice, message

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Points = Sequence[tuple[float, float]]

__all__ = ["Line", "LineCounter", "Place", "Polygon", "anchors", "inside", "parse_line", "parse_polygon"]

_NUMBER = r"[-+]?\d+(?:\.\d+)?"
_POINT = re.compile(rf"({_NUMBER})(%?)\s*,\s*({_NUMBER})(%?)")
_NAME = re.compile(r"\s*([^=]{0,100}?)\s*=(.*)", re.DOTALL)
_MOST_POINTS = 1000
#: Points further out than this are of no picture.
_FARTHEST = 1e6
_HOW = "Write points as x,y with spaces between, in pixels or per cent: door=100,200 300,200"


@dataclass(frozen=True)
class Place:
    """Points with a name, as they were written.

    Attributes
    ----------
    name : str
        What counts are listed under.
    points : tuple of (float, float)
        In pixels, or where `relative` says so in shares of width and height.
    relative : tuple of (bool, bool)
        For each point, whether x and y are shares.
    """

    name: str
    points: tuple[tuple[float, float], ...]
    relative: tuple[tuple[bool, bool], ...] = ()

    def at(self, size: tuple[int, int]) -> npt.NDArray[np.float64]:
        """Return the points (n, 2) in pixels of a picture of this width and height.

        >>> parse_line("50%,0 50%,100%", number=1).at((640, 360)).tolist()
        [[320.0, 0.0], [320.0, 360.0]]
        """
        points = np.array(self.points, np.float64)
        shares = np.array(self.relative, bool).reshape(len(points), 2) if self.relative else np.zeros_like(points, bool)
        return np.where(shares, points * np.array(size, np.float64), points)


class Polygon(Place):
    """A region: three points or more; the last is joined to the first."""


class Line(Place):
    """A line from its first point to its second; whoever walks along it has "left" and "right" beside."""


def _parsed(text: str, what: str, number: int) -> tuple[str, list[tuple[float, float]], list[tuple[bool, bool]]]:
    named = _NAME.match(text)
    name, rest = (named[1], named[2]) if named and named[1] else (f"{what} {number}", named[2] if named else text)
    found = list(_POINT.finditer(rest))
    # Whatever is no point must be a separator: a letter or a lost comma is a mistake, not something to pass over.
    left = _POINT.sub(" ", rest).replace(";", " ").strip()
    if left or not found or len(found) > _MOST_POINTS:
        raise InputError(message("track", f"--{what}", "points x,y", text, _HOW))
    points = [(float(m[1]) / (100 if m[2] else 1), float(m[3]) / (100 if m[4] else 1)) for m in found]
    if any(not abs(number) < _FARTHEST for point in points for number in point):
        raise InputError(message("track", f"--{what}", "points of a picture", text, _HOW))
    return name, points, [(bool(m[2]), bool(m[4])) for m in found]


def parse_polygon(text: str, *, what: str = "zone", number: int = 1) -> Polygon:
    """Read a region: ``"door=10,10 90,10 90,80"``, or without a name; in pixels, or per cent of the picture.

    Raises
    ------
    InputError
        When it cannot be read or has fewer than three corners.

    Examples
    --------
    >>> parse_polygon("door=0,0 100%,0 100%,50%").name
    'door'
    """
    name, points, shares = _parsed(text, what, number)
    if len(points) < 3:
        raise InputError(message("track", f"--{what}", "three points or more", text, _HOW))
    return Polygon(name, tuple(points), tuple(shares))


def parse_line(text: str, *, number: int = 1) -> Line:
    """Read a line: ``"gate=0,100 200,100"``: two different points.

    Raises
    ------
    InputError
        When it cannot be read or has not two points.
    """
    name, points, shares = _parsed(text, "line", number)
    if len(points) != 2 or points[0] == points[1]:
        raise InputError(message("track", "--line", "two different points", text, _HOW))
    return Line(name, tuple(points), tuple(shares))


def anchors(
    boxes: npt.NDArray[np.float32], anchor: Literal["foot", "centre"] | str = "foot"
) -> npt.NDArray[np.float64]:
    """Return the point (n, 2) of each box (n, 4) that says where it is.

    >>> anchors(np.array([[0, 0, 10, 20]], np.float32)).tolist()
    [[5.0, 20.0]]
    """
    check_choice("track", "anchor", anchor, ("foot", "centre"))
    found = np.asarray(boxes, np.float64).reshape(-1, 4)
    across = (found[:, 0] + found[:, 2]) / 2
    down = found[:, 3] if anchor == "foot" else (found[:, 1] + found[:, 3]) / 2
    return np.stack([across, down], axis=1)


def inside(points: npt.ArrayLike, polygon: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Return which points (n, 2) lie in a polygon (m, 2): by the even-odd rule; its edge belongs to it.

    Examples
    --------
    >>> inside([[1, 1], [3, 1], [2, 1]], [[0, 0], [2, 0], [2, 2], [0, 2]]).tolist()
    [True, False, True]
    """
    p = np.asarray(points, np.float64).reshape(-1, 1, 2)
    a = np.asarray(polygon, np.float64).reshape(1, -1, 2)
    b = np.roll(a, -1, axis=1)
    x, y = p[..., 0], p[..., 1]
    ax, ay, bx, by = a[..., 0], a[..., 1], b[..., 0], b[..., 1]
    cross = (bx - ax) * (y - ay) - (by - ay) * (x - ax)
    within = (np.minimum(ax, bx) <= x) & (x <= np.maximum(ax, bx)) & (np.minimum(ay, by) <= y)
    on_edge = ((cross == 0) & within & (y <= np.maximum(ay, by))).any(axis=1)
    straddles = (ay > y) != (by > y)
    # To the right of the point, without dividing: the sign of the cross product says it, seen upwards.
    hits = straddles & ((cross > 0) == (by > ay))
    found: npt.NDArray[np.bool_] = on_edge | (hits.sum(axis=1) % 2 == 1)
    return found


def _side(a: tuple[float, float], b: tuple[float, float], p: tuple[float, float]) -> float:
    """Return on which side of the line through a and b a point is: above 0, below 0, or 0 on it."""
    # Always reckoned in the same order of a and b, so that turning a line around turns the sign and nothing else.
    if a > b:
        return -_side(b, a, p)
    return (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0])


class LineCounter:
    """Notices who crosses a line.

    A track crosses when its point moves from one side to the other through the stretch between the line's ends.
    ``"right"`` is the direction towards the right hand of somebody who walks from the first point to the second, as
    the picture shows it; ``"left"`` is the other one. Standing on the line, or within `margin` of it, is on neither
    side: only the next side counts, and coming back to the side one came from is no crossing. So somebody who stands
    there and trembles is not counted again and again.

    Parameters
    ----------
    a, b : (float, float)
        The line's ends, different.

    Examples
    --------
    >>> counter = LineCounter((0, 0), (0, 10))
    >>> [counter.move(7, point) for point in [(5, 5), (0, 5), (-5, 5), (5, 5)]]
    [None, None, 'right', 'left']
    >>> [counter.move(8, point, margin=2) for point in [(5, 5), (-1, 5), (1, 5), (-1, 5), (-3, 5)]]
    [None, None, None, None, 'right']
    """

    def __init__(self, a: tuple[float, float], b: tuple[float, float]) -> None:
        self.a, self.b = (float(a[0]), float(a[1])), (float(b[0]), float(b[1]))
        self._length = math.hypot(self.b[0] - self.a[0], self.b[1] - self.a[1])
        self._last: dict[int, tuple[float, float]] = {}

    def move(self, track: int, point: tuple[float, float], *, margin: float = 0.0) -> Literal["left", "right"] | None:
        """Take the next place of a track; return the direction in which it crossed, or None.

        Parameters
        ----------
        track : int
            Its number.
        point : (float, float)
            Where it is.
        margin : float, at least 0, default 0.0
            Distance up to which it stands on the line.
        """
        to = (float(point[0]), float(point[1]))
        side = _side(self.a, self.b, to)
        if side == 0 or side != side or abs(side) < margin * self._length:
            return None
        before = self._last.get(track)
        self._last[track] = to
        if before is None or (_side(self.a, self.b, before) > 0) == (side > 0):
            return None
        ends = _side(before, to, self.a), _side(before, to, self.b)
        if (ends[0] > 0 and ends[1] > 0) or (ends[0] < 0 and ends[1] < 0):
            return None  # around the line's end
        return "right" if side > 0 else "left"

    def forget(self, track: int) -> None:
        """Drop what is known of a track that is gone."""
        self._last.pop(track, None)
