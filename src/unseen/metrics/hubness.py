"""Hubness: whether a few classes are the answer to nearly everything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.errors import InputError
from unseen.metrics.checks import check_matrix, check_values
from unseen.metrics.ranks import best_columns
from unseen.validation import check_number, message

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["Hubs", "hubs", "k_occurrence", "skewness"]

Array = np.ndarray[Any, Any]


def k_occurrence(scores: npt.ArrayLike, *, k: int = 1) -> npt.NDArray[np.intp]:
    """Return N_k: for how many items each class is among the k best.

    Parameters
    ----------
    scores : array of shape (n, C)
        Higher is better; of equal scores, the earlier column is the better one.
    k : int from 1 to C, default 1
        With 1, how often each class is the answer.

    Returns
    -------
    ndarray of int of shape (C,)
        They add up to n k.

    Raises
    ------
    InputError
        When a score is not finite, or there are fewer than k classes.

    Notes
    -----
    O(n C). True labels play no part: a class with many items is a hub here too.

    References
    ----------
    Radovanović, Nanopoulos and Ivanović, "Hubs in Space: Popular Nearest Neighbors in High-Dimensional Data",
    JMLR 2010.

    Examples
    --------
    >>> from unseen.metrics import k_occurrence
    >>> k_occurrence([[3, 2, 1], [3, 1, 2], [1, 1, 1]])
    array([3, 0, 0])
    """
    return _occurrence("k_occurrence", scores, k)[0]


def skewness(occurrence: npt.ArrayLike) -> float:
    r"""Return the third standardised moment of counts: the usual measure of hubness.

    .. math:: \frac{\frac{1}{C} \sum_c (N_c - \bar N)^3}{\bigl(\frac{1}{C} \sum_c (N_c - \bar N)^2\bigr)^{3/2}}

    Parameters
    ----------
    occurrence : array of shape (C,)
        How often each class occurs, such as :func:`k_occurrence` returns.

    Returns
    -------
    float
        0 for a symmetric spread, and where all are equal; the larger, the more a few classes stand out. At most
        ``(C - 2) / sqrt(C - 1)``, where one class is everything, so compare only among equally many classes.

    Raises
    ------
    InputError
        When a value is not finite, or there is none.

    References
    ----------
    Radovanović, Nanopoulos and Ivanović, "Hubs in Space: Popular Nearest Neighbors in High-Dimensional Data",
    JMLR 2010.

    Examples
    --------
    >>> from unseen.metrics import skewness
    >>> skewness([5, 5, 5]), round(skewness([6, 0, 0, 0, 0]), 2)
    (0.0, 1.5)
    """
    counts = check_values("skewness", "occurrence", occurrence)
    if (counts == counts[0]).all():
        return 0.0
    scaled = counts / np.abs(counts).max()  # third powers of large numbers would overflow
    centred = scaled - scaled.mean()
    centred /= np.abs(centred).max()
    return float((centred**3).mean() / (centred**2).mean() ** 1.5)


@dataclass(frozen=True, eq=False)
class Hubs:
    """How evenly the k best places of all items are spread over classes.

    Attributes
    ----------
    occurrence : ndarray of int of shape (C,)
        N_k: for how many items each class is among the k best.
    columns : ndarray of int of shape (h,)
        The hubs, most frequent first: classes with N_k above `factor` times the mean.
    k : int
        How many of the best classes of an item count.
    factor : float
        What makes a hub.
    skewness : float
        Of `occurrence`; see :func:`skewness`.
    hub_occurrence : float
        Share of all places that hubs take, in [0, 1].
    antihub_occurrence : float
        Share of the classes that are never among the k best, in [0, 1].
    robin_hood : float
        Share of all places that would have to change hands to give each class as many, in [0, 1).

    References
    ----------
    Radovanović, Nanopoulos and Ivanović, "Hubs in Space: Popular Nearest Neighbors in High-Dimensional Data", JMLR
    2010, for hubs, antihubs and skewness. Feldbauer, Leodolter, Plant and Flexer, "Fast Approximate Hubness Reduction
    for Large High-Dimensional Data", ICBK 2018, for the Robin Hood index.
    """

    occurrence: npt.NDArray[np.intp]
    columns: npt.NDArray[np.intp]
    k: int
    factor: float
    skewness: float
    hub_occurrence: float
    antihub_occurrence: float
    robin_hood: float


def hubs(scores: npt.ArrayLike, *, k: int = 1, factor: float = 2.0) -> Hubs:
    """Find the classes that are among the k best far more often than the mean.

    Parameters
    ----------
    scores : array of shape (n, C)
        Higher is better; of equal scores, the earlier column is the better one.
    k : int from 1 to C, default 1
        How many of the best classes of an item count.
    factor : float, default 2.0
        A hub occurs more than this many times as often as the mean, ``n k / C``; at least 1. A convention: hubness
        has no threshold of its own.

    Raises
    ------
    InputError
        When a score is not finite, or there are fewer than k classes.

    Notes
    -----
    O(n C). With few items per class, chance alone makes hubs: where each item gets a class at random, 0.2 % of the
    classes occur more than 20 times if the mean is 10, but 8 % more than twice if the mean is 1.

    Examples
    --------
    >>> from unseen.metrics import hubs
    >>> found = hubs([[9, 5, 1, 1, 1], [9, 1, 5, 1, 1], [9, 1, 1, 5, 1], [1, 9, 1, 1, 5]])
    >>> found.occurrence.tolist(), found.columns.tolist(), found.hub_occurrence, found.antihub_occurrence
    ([3, 1, 0, 0, 0], [0], 0.75, 0.6)
    """
    times = check_number("hubs", "factor", factor, low=1)
    counts, places = _occurrence("hubs", scores, k)
    order = np.argsort(-counts, kind="stable")
    mean = counts.mean()
    columns = order[counts[order] > times * mean]
    return Hubs(
        counts,
        columns,
        places,
        times,
        skewness(counts),
        float(counts[columns].sum() / counts.sum()),
        float((counts == 0).mean()),
        float(np.abs(counts - mean).sum() / (2 * counts.sum())),
    )


def _occurrence(owner: str, scores: npt.ArrayLike, k: int) -> tuple[npt.NDArray[np.intp], int]:
    places = int(check_number(owner, "k", k, low=1, integer=True))
    matrix = check_matrix(owner, scores)
    if places > matrix.shape[1]:
        expected = f"at most the {matrix.shape[1]} columns of scores"
        raise InputError(message(owner, "k", expected, places, "Ask for fewer, or score more classes"))
    counts: Array = best_columns(matrix, places).sum(axis=0)
    return counts, places
