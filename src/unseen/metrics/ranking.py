"""Ranking: where an item may show several things at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.errors import InputError
from unseen.metrics.checks import check_flags, check_matrix
from unseen.validation import message, verbatim

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["average_precisions", "mean_average_precision"]

Array = np.ndarray[Any, Any]


def mean_average_precision(Y: npt.ArrayLike, scores: npt.ArrayLike) -> float:
    r"""Return the mean over classes of their average precision, in [0, 1].

    .. math:: \text{AP} = \sum_t \bigl(R_t - R_{t-1}\bigr) P_t

    over the class's thresholds t from the highest score down, with recall R and precision P of the items above.

    Parameters
    ----------
    Y : array of bool of shape (n, C)
        Whether an item shows a class; any number of classes per item.
    scores : array of shape (n, C)
        Higher is better. Items are ranked within a column: scores of different columns are never compared.

    Returns
    -------
    float
        Classes that no item shows are skipped: they have no recall. Items with equal scores enter together, so their
        order does not matter.

    Raises
    ------
    InputError
        When shapes disagree, a score is not finite, or no item shows any class.

    Notes
    -----
    O(C n log n). The average precision of scores that say nothing is about the class's share of items, so a mean over
    rare classes is low for everybody.

    References
    ----------
    Everingham, Van Gool, Williams, Winn and Zisserman, "The PASCAL Visual Object Classes (VOC) Challenge", IJCV 2010,
    here without its interpolation.

    Examples
    --------
    >>> from unseen.metrics import mean_average_precision
    >>> Y = [[True, False], [False, False], [True, False]]
    >>> # Found at places 1 and 3: (1/1 + 2/3) / 2. Nothing shows the second class.
    >>> round(mean_average_precision(Y, [[0.9, 0.1], [0.8, 0.2], [0.7, 0.3]]), 3)
    0.833
    """
    each = _each("mean_average_precision", Y, scores)
    if np.isnan(each).all():
        found = verbatim("none in any column")
        remedy = "Check that Y marks what items show"
        raise InputError(message("mean_average_precision", "Y", "True somewhere", found, remedy))
    return float(np.nanmean(each))


def average_precisions(Y: npt.ArrayLike, scores: npt.ArrayLike) -> Array:
    """Return the average precision of each class (C,), NaN for classes that no item shows.

    Parameters and ties are those of :func:`mean_average_precision`.

    Raises
    ------
    InputError
        When shapes disagree or a score is not finite.

    Examples
    --------
    >>> from unseen.metrics import average_precisions
    >>> average_precisions([[1, 0], [0, 0]], [[0.9, 0.1], [0.8, 0.2]]).tolist()
    [1.0, nan]
    """
    return _each("average_precisions", Y, scores)


def _each(owner: str, Y: npt.ArrayLike, scores: npt.ArrayLike) -> Array:
    from sklearn.metrics import average_precision_score

    matrix = check_matrix(owner, scores)
    flags = check_flags(owner, "Y", Y, matrix.shape, "one per score", "Say of every item and class whether it shows it")
    each = np.full(matrix.shape[1], np.nan)
    for c in np.flatnonzero(flags.any(axis=0)):
        each[c] = average_precision_score(flags[:, c], matrix[:, c])
    return each
