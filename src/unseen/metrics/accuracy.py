"""Accuracy the way the field counts it: per class first, then over classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.errors import InputError
from unseen.metrics.checks import check_positions, check_scores
from unseen.metrics.ranks import ranks_of
from unseen.validation import check_number, check_switch, message

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = [
    "confusion_matrix",
    "per_class_rates",
    "per_class_top_k",
    "top_k_accuracy",
    "top_k_hits",
]

Array = np.ndarray[Any, Any]

#: A matrix of that many classes takes 8 GB; a larger position is a mistake rather than a class.
_MOST_CLASSES = 32_768


def per_class_top_k(y: npt.ArrayLike, scores: npt.ArrayLike, *, k: int = 1) -> float:
    """Return the average per-category top-k accuracy, in [0, 1].

    Parameters
    ----------
    y : int array of shape (n,)
        Positions of the true classes among the columns of `scores`.
    scores : array of shape (n, C)
        Higher is better.
    k : int, default 1
        How many of the best classes count as a hit, at least 1.

    Returns
    -------
    float
        The mean over the classes that occur in `y` of the share of their items whose class is among the k best.
        A class that ties with others at the k-th place counts by its column: earlier columns come first.

    Raises
    ------
    InputError
        When shapes disagree, a score is not finite or a position is no column.

    References
    ----------
    Xian, Lampert, Schiele and Akata, "Zero-Shot Learning: A Comprehensive Evaluation of the Good, the Bad and the
    Ugly", TPAMI 2018.

    Examples
    --------
    >>> from unseen.metrics import per_class_top_k
    >>> per_class_top_k([0, 0, 0, 1], [[1, 0], [1, 0], [1, 0], [1, 0]])  # three of four, but one of two classes
    0.5
    """
    rates, counts = _rates("per_class_top_k", y, scores, k)
    return float(rates[counts > 0].mean())


def per_class_rates(y: npt.ArrayLike, scores: npt.ArrayLike, *, k: int = 1) -> tuple[Array, Array]:
    """Return each class's top-k rate, and how many items it rests on.

    Parameters
    ----------
    y : int array of shape (n,)
        Positions of the true classes among the columns of `scores`.
    scores : array of shape (n, C)
        Higher is better; of equal scores, the earlier column is the better one.
    k : int, default 1
        How many of the best classes count as a hit, at least 1.

    Returns
    -------
    rates : ndarray of shape (C,)
        Share of the class's items whose class is among the k best; NaN for a class without items.
    counts : ndarray of int of shape (C,)
        Items of each class.

    Raises
    ------
    InputError
        When shapes disagree, a score is not finite or a position is no column.

    Examples
    --------
    >>> from unseen.metrics import per_class_rates
    >>> rates, counts = per_class_rates([0, 0, 1], [[1, 0, 0], [0, 1, 0], [0, 1, 0]])
    >>> rates.tolist(), counts.tolist()
    ([0.5, 1.0, nan], [2, 1, 0])
    """
    return _rates("per_class_rates", y, scores, k)


def top_k_hits(y: npt.ArrayLike, scores: npt.ArrayLike, *, k: int = 1) -> npt.NDArray[np.bool_]:
    """Return of each item whether its class is among the k best: what intervals and comparisons start from.

    Parameters
    ----------
    y : int array of shape (n,)
        Positions of the true classes among the columns of `scores`.
    scores : array of shape (n, C)
        Higher is better; of equal scores, the earlier column is the better one.
    k : int, default 1
        How many of the best classes count as a hit, at least 1.

    Raises
    ------
    InputError
        When shapes disagree, a score is not finite or a position is no column.

    Examples
    --------
    >>> from unseen.metrics import top_k_hits
    >>> top_k_hits([0, 3, 1], [[0.40, 0.15, 0.15, 0.20, 0.10]] * 3, k=2)
    array([ True,  True, False])
    """
    return _hits("top_k_hits", y, scores, k)[1]


def top_k_accuracy(y: npt.ArrayLike, scores: npt.ArrayLike, *, k: int = 1) -> float:
    """Return the share of all items whose class is among the k best, in [0, 1]: a common class weighs more.

    Parameters
    ----------
    y : int array of shape (n,)
        Positions of the true classes among the columns of `scores`.
    scores : array of shape (n, C)
        Higher is better; of equal scores, the earlier column is the better one.
    k : int, default 1
        How many of the best classes count as a hit, at least 1.

    Raises
    ------
    InputError
        When shapes disagree, a score is not finite or a position is no column.

    Notes
    -----
    For comparison with other fields. Zero-shot results are reported as :func:`per_class_top_k`.

    Examples
    --------
    >>> from unseen.metrics import top_k_accuracy
    >>> top_k_accuracy([0, 0, 0, 1], [[1, 0], [1, 0], [1, 0], [1, 0]])
    0.75
    """
    return float(_hits("top_k_accuracy", y, scores, k)[1].mean())


def confusion_matrix(
    y: npt.ArrayLike, answers: npt.ArrayLike, *, n_classes: int | None = None, normalize: bool = False
) -> Array:
    """Return how often items of each class (row) got each class (column) as the answer.

    Parameters
    ----------
    y : int array of shape (n,)
        Positions of the true classes.
    answers : int array of shape (n,), or array of shape (n, C)
        Positions that were answered, or scores, of which the highest is the answer; of equal ones the first.
    n_classes : int or None, default None
        Rows and columns. None for the columns of scores, or for one more than the largest position.
    normalize : bool, default False
        Whether to divide each row by its class's items: the diagonal is then that of :func:`per_class_rates`.

    Returns
    -------
    ndarray of shape (n_classes, n_classes)
        Counts as int; with `normalize` shares as float, NaN in the rows of classes without items.

    Raises
    ------
    InputError
        When shapes disagree, a score is not finite, or a position is no class.

    Examples
    --------
    >>> from unseen.metrics import confusion_matrix
    >>> confusion_matrix([0, 0, 1], [0, 1, 1])
    array([[1, 1],
           [0, 1]])
    """
    owner = "confusion_matrix"
    divide = check_switch(owner, "normalize", normalize)
    if np.ndim(answers) == 2:  # type: ignore[arg-type, unused-ignore]
        targets, matrix = check_scores(owner, y, answers)
        said, least = matrix.argmax(axis=1), matrix.shape[1]
    else:
        targets = check_positions(owner, "y", y)
        said = check_positions(owner, "answers", answers, n=len(targets))
        least = int(max(targets.max(), said.max())) + 1
    size = least if n_classes is None else int(check_number(owner, "n_classes", n_classes, low=1, integer=True))
    if size < least or size > _MOST_CLASSES:
        expected = f"at least the {least} of the input and at most {_MOST_CLASSES}"
        raise InputError(message(owner, "n_classes", expected, size, "Check the positions, or leave it out"))
    counts: Array = np.bincount(targets * size + said, minlength=size * size).reshape(size, size)
    if not divide:
        return counts
    items = counts.sum(axis=1, keepdims=True)
    shares: Array = np.divide(counts, items, out=np.full((size, size), np.nan), where=items > 0)
    return shares


def _hits(owner: str, y: npt.ArrayLike, scores: npt.ArrayLike, k: int) -> tuple[Array, Array, int]:
    check_number(owner, "k", k, low=1, integer=True)
    targets, matrix = check_scores(owner, y, scores)
    return targets, ranks_of(targets, matrix) < k, matrix.shape[1]


def _rates(owner: str, y: npt.ArrayLike, scores: npt.ArrayLike, k: int) -> tuple[Array, Array]:
    targets, hits, n_classes = _hits(owner, y, scores, k)
    counts = np.bincount(targets, minlength=n_classes)
    sums = np.bincount(targets, weights=hits, minlength=n_classes)
    return np.divide(sums, counts, out=np.full(n_classes, np.nan), where=counts > 0), counts
