"""One rule for ties, everywhere: of equal scores, the earlier column is the better one."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["best_columns", "ranks_of"]

Array = np.ndarray[Any, Any]


def ranks_of(columns: Array, scores: Array) -> Array:
    """Return how many columns come before the given one in each row: 0 for the best.

    Examples
    --------
    >>> import numpy as np
    >>> ranks_of(np.array([0, 1]), np.array([[5.0, 5.0], [5.0, 5.0]]))
    array([0, 1])
    """
    own = np.take_along_axis(scores, columns[:, None], axis=1)
    before = np.arange(scores.shape[1]) < columns[:, None]
    ranks: Array = (scores > own).sum(axis=1) + ((scores == own) & before).sum(axis=1)
    return ranks


def best_columns(scores: Array, k: int) -> Array:
    """Return which k columns are the best of each row, as flags (n, C).

    Examples
    --------
    >>> import numpy as np
    >>> best_columns(np.array([[0.40, 0.15, 0.15, 0.20, 0.10]]), 2)
    array([[ True, False, False,  True, False]])
    """
    n_columns = scores.shape[1]
    last = np.partition(scores, n_columns - k, axis=1)[:, [n_columns - k]]
    above, level = scores > last, scores == last
    # Columns that tie for the last places take them from the left.
    room = k - above.sum(axis=1, keepdims=True)
    best: Array = above | (level & (np.cumsum(level, axis=1) <= room))
    return best
