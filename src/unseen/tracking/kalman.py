"""Where boxes will be: a Kalman filter for all tracks at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[np.float64]

__all__ = ["BoxFilter", "to_centers", "to_edges"]

# Standard deviations as parts of the box's size. Set by hand, and not tuned.
_MEASURED = np.array([0.05, 0.05, 0.05, 0.05])
_ACCELERATION = np.array([0.02, 0.02, 0.005, 0.005])
_FIRST_SPEED = np.array([0.15, 0.15, 0.02, 0.02])


def to_centers(boxes: npt.NDArray[np.floating]) -> Array:
    """Return (n, 4) centres, widths and heights of boxes given by their edges.

    Examples
    --------
    >>> to_centers(np.array([[10, 20, 30, 60]])).tolist()
    [[20.0, 40.0, 20.0, 40.0]]
    """
    edges = np.asarray(boxes, np.float64)
    first, last = edges[:, :2], edges[:, 2:]
    return np.concatenate([(first + last) / 2, last - first], axis=1)


def to_edges(centers: Array) -> Array:
    """Return (n, 4) edges of boxes given by centre, width and height; the inverse of :func:`to_centers`."""
    half = centers[:, 2:] / 2
    return np.concatenate([centers[:, :2] - half, centers[:, :2] + half], axis=1)


class BoxFilter:
    r"""Constant speed of centre, width and height, each on its own, for n boxes.

    .. math:: x_{t} = x_{t-1} + v\,\Delta + \epsilon, \qquad
       Q = q \begin{pmatrix} \Delta^3/3 & \Delta^2/2 \\ \Delta^2/2 & \Delta \end{pmatrix}, \qquad
       z = x + \eta,\ \eta \sim N(0, R)

    Attributes
    ----------
    place : float64 array of shape (n, 4)
        Centre, width and height.
    speed : float64 array of shape (n, 4)
        What they change by in one frame.
    p_place, p_both, p_speed : float64 arrays of shape (n, 4)
        Variances of the two, and their covariance.

    Notes
    -----
    The four coordinates do not influence each other, so the 8 x 8 covariance of the usual formulation falls into four
    of 2 x 2 and no matrix is ever inverted: O(n) with a handful of array operations a frame, and variances cannot
    turn negative. Noise is a share of the box's own size, so near and far objects are treated alike; Q is that of a
    white acceleration, so two steps of one frame are one step of two.

    References
    ----------
    R. E. Kalman. A new approach to linear filtering and prediction problems. Journal of Basic Engineering, 1960.
    Y. Bar-Shalom, X. R. Li, T. Kirubarajan. Estimation with applications to tracking and navigation. Wiley, 2001
    (white acceleration, two-point start).

    Examples
    --------
    >>> boxes = BoxFilter()
    >>> boxes.add(np.array([[0.0, 0, 10, 20]]))
    >>> boxes.predict(1.0)
    >>> boxes.update(np.array([0]), np.array([[2.0, 0, 12, 20]]))
    >>> bool(0 < boxes.speed[0, 0] < 2)
    True
    """

    def __init__(self) -> None:
        self.place = self.speed = self.p_place = self.p_both = self.p_speed = np.zeros((0, 4))

    def __len__(self) -> int:
        return len(self.place)

    def add(self, boxes: npt.NDArray[np.floating]) -> None:
        """Begin with these boxes (m, 4), given by their edges, standing still as far as is known."""
        z = to_centers(boxes)
        size = _sizes(z)
        self.place = np.concatenate([self.place, z])
        self.speed = np.concatenate([self.speed, np.zeros_like(z)])
        self.p_place = np.concatenate([self.p_place, (_MEASURED * size) ** 2])
        self.p_both = np.concatenate([self.p_both, np.zeros_like(z)])
        self.p_speed = np.concatenate([self.p_speed, (_FIRST_SPEED * size) ** 2])

    def keep(self, rows: npt.NDArray[np.bool_]) -> None:
        """Go on with these rows only."""
        self.place, self.speed = self.place[rows], self.speed[rows]
        self.p_place, self.p_both, self.p_speed = self.p_place[rows], self.p_both[rows], self.p_speed[rows]

    def copy(self, rows: npt.NDArray[np.intp], onto: npt.NDArray[np.intp]) -> None:
        """Put what is known of `rows` in the place of `onto`."""
        for values in (self.place, self.speed, self.p_place, self.p_both, self.p_speed):
            values[onto] = values[rows]

    def warp(self, motion: Array) -> None:
        """Move everything as the camera moved: (2, 3), from points of the previous frame to points of this one.

        Of what an affine map does to an upright box only the change of scale is kept; the variances turn with the
        camera no more than it does in one frame, which is neglected.
        """
        turn = motion[:, :2].T
        scale = float(np.sqrt(abs(np.linalg.det(turn))))
        self.place = np.concatenate([self.place[:, :2] @ turn + motion[:, 2], self.place[:, 2:] * scale], axis=1)
        self.speed = np.concatenate([self.speed[:, :2] @ turn, self.speed[:, 2:] * scale], axis=1)
        self.p_place, self.p_both, self.p_speed = (p * scale**2 for p in (self.p_place, self.p_both, self.p_speed))

    def predict(self, elapsed: float, damping: Array | None = None) -> None:
        """Go `elapsed` frames on.

        `damping` (n, 4), where given, is what is left of each speed: a box that nobody sees should not grow for ever.
        """
        if damping is not None:
            self.speed = self.speed * damping
        q = (_ACCELERATION * _sizes(self.place)) ** 2
        self.place = self.place + elapsed * self.speed
        self.p_place = self.p_place + elapsed * (2 * self.p_both + elapsed * (self.p_speed + q * (elapsed / 3)))
        self.p_both = self.p_both + elapsed * (self.p_speed + q * (elapsed / 2))
        self.p_speed = self.p_speed + elapsed * q
        # A box that shrank to nothing could never be matched again, and noise is a share of its size.
        np.maximum(self.place[:, 2:], 1e-3, out=self.place[:, 2:])

    def update(
        self, rows: npt.NDArray[np.intp], boxes: npt.NDArray[np.floating], trust: npt.NDArray[np.floating] | None = None
    ) -> None:
        """Take in what was seen of these rows: boxes (m, 4) by their edges; `trust` (m,), in (0, 1], divides R."""
        z = to_centers(boxes)
        noise = (_MEASURED * _sizes(z)) ** 2
        if trust is not None:
            noise = noise / np.asarray(trust, np.float64)[:, None]
        p_place, p_both = self.p_place[rows], self.p_both[rows]
        total = p_place + noise
        gap = z - self.place[rows]
        by_place, by_speed = p_place / total, p_both / total
        self.place[rows] += by_place * gap
        self.speed[rows] += by_speed * gap
        left = noise / total  # 1 - by_place, without cancelling
        self.p_place[rows] = left * p_place
        self.p_both[rows] = left * p_both
        self.p_speed[rows] -= by_speed * p_both

    def restart(
        self,
        rows: npt.NDArray[np.intp],
        before: Array,
        boxes: npt.NDArray[np.floating],
        elapsed: npt.NDArray[np.floating],
    ) -> None:
        """Begin these rows anew from two sights: centres (m, 4) `before`, and boxes (m, 4) `elapsed` frames later.

        What was guessed in between is forgotten, errors and all (the idea of OC-SORT's re-update, in closed form).
        """
        z = to_centers(boxes)
        size = _sizes(z)
        noise, q = (_MEASURED * size) ** 2, (_ACCELERATION * size) ** 2
        time = np.asarray(elapsed, np.float64)[:, None]
        self.place[rows] = z
        self.speed[rows] = (z - before) / time
        self.speed[rows, 2:] = 0.0  # one of the two sights was half hidden, as a rule
        self.p_place[rows] = noise
        self.p_both[rows] = noise / time
        self.p_speed[rows] = 2 * noise / time**2 + q * time / 3

    def spread(self) -> Array:
        """Return (n, 4) standard deviations of what the next sight will be away from `place`."""
        return np.sqrt(self.p_place + (_MEASURED * _sizes(self.place)) ** 2)


def _sizes(places: Array) -> Array:
    """Return (n, 4) what noise is a share of: the box's width and height, for centre and size alike."""
    return np.concatenate([places[:, 2:], places[:, 2:]], axis=1)
