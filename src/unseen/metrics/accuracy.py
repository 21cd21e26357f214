"""Accuracy the way the field counts it: per class first, then over classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.errors import InputError
from unseen.validation import check_number, message, verbatim

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["check_scores", "per_class_top_k"]

Array = np.ndarray[Any, Any]


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
    check_number("per_class_top_k", "k", k, low=1, integer=True)
    targets, matrix = check_scores("per_class_top_k", y, scores)
    true = np.take_along_axis(matrix, targets[:, None], axis=1)
    before = np.arange(matrix.shape[1]) < targets[:, None]
    rank = (matrix > true).sum(axis=1) + ((matrix == true) & before).sum(axis=1)
    hits = np.bincount(targets, weights=rank < k, minlength=matrix.shape[1])
    counts = np.bincount(targets, minlength=matrix.shape[1])
    return float((hits[counts > 0] / counts[counts > 0]).mean())


def check_scores(owner: str, y: npt.ArrayLike, scores: npt.ArrayLike) -> tuple[Array, Array]:
    """Return positions (n,) and finite scores (n, C) as arrays, or say what is wrong with them."""
    targets, matrix = np.asarray(y), np.asarray(scores, dtype=np.float64)
    if matrix.ndim != 2 or targets.shape != (len(matrix),) or not len(matrix):
        shapes = verbatim(f"{targets.shape} and {matrix.shape}")
        expected = "of shapes (n,) and (n, C) with n at least 1"
        raise InputError(message(owner, "y and scores", expected, shapes, "Pass one position and one row per item"))
    if targets.dtype.kind not in "iu" or targets.min() < 0 or targets.max() >= matrix.shape[1]:
        expected = f"positions from 0 to {matrix.shape[1] - 1}"
        raise InputError(message(owner, "y", expected, targets, "Pass columns of scores, as integers"))
    if not np.isfinite(matrix).all():
        raise InputError(message(owner, "scores", "finite", verbatim("NaN or infinity"), "Check where it comes from"))
    return targets, matrix
