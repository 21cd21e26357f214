"""Which box belongs to which track: overlaps, gates and the best assignment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linear_sum_assignment

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[np.float64]

__all__ = ["assign", "overlaps", "shares"]


def overlaps(a: Array, b: Array) -> Array:
    """Return (n, m) intersection over union of boxes (n, 4) and (m, 4), given by their edges.

    Examples
    --------
    >>> overlaps(np.array([[0.0, 0, 2, 2]]), np.array([[1.0, 0, 3, 2], [2, 2, 4, 4]])).round(3).tolist()
    [[0.333, 0.0]]
    """
    common = _common(a, b)
    return np.asarray(common / (_areas(a)[:, None] + _areas(b) - common))


def shares(a: Array, b: Array) -> Array:
    """Return (n, m) how much of each box of `a` lies in each of `b`, in [0, 1]."""
    return np.asarray(_common(a, b) / _areas(a)[:, None])


def _common(a: Array, b: Array) -> Array:
    sides = np.minimum(a[:, None, 2:], b[:, 2:]) - np.maximum(a[:, None, :2], b[:, :2])
    np.maximum(sides, 0, out=sides)
    return np.asarray(sides[..., 0] * sides[..., 1])


def _areas(boxes: Array) -> Array:
    return np.asarray((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]))


def assign(value: Array, allowed: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return rows and columns of the pairs, each used at most once, whose values add up to most.

    Parameters
    ----------
    value : array of shape (n, m)
        What a pair is worth, above 0 where it is allowed.
    allowed : bool array of shape (n, m)
        Which pairs may be.

    Notes
    -----
    O(k^3) for the k rows and columns that have a choice; pairs that have none are taken without asking the solver.

    Examples
    --------
    >>> value = np.array([[0.9, 0.8], [0.8, 0.1]])
    >>> [part.tolist() for part in assign(value, value > 0)]
    [[0, 1], [1, 0]]
    """
    if not allowed.any():
        return np.zeros(0, np.intp), np.zeros(0, np.intp)
    per_row, per_column = allowed.sum(axis=1), allowed.sum(axis=0)
    # A pair that is the only one of its row and of its column needs no solver: the usual case in a calm scene.
    alone = allowed & (per_row == 1)[:, None] & (per_column == 1)
    rows, columns = np.nonzero(alone)
    if len(rows) == np.count_nonzero(allowed):
        return rows, columns
    left, top = np.flatnonzero(per_row), np.flatnonzero(per_column)
    left, top = left[~np.isin(left, rows)], top[~np.isin(top, columns)]
    some = np.ix_(left, top)
    gain = np.where(allowed[some], value[some], 0.0)
    i, j = linear_sum_assignment(gain, maximize=True)
    good = allowed[some][i, j]
    rows, columns = np.concatenate([rows, left[i[good]]]), np.concatenate([columns, top[j[good]]])
    order = np.argsort(rows)
    return rows[order], columns[order]
