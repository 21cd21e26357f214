"""Calibration: whether 70 % means seven times out of ten."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unseen.metrics.accuracy import check_scores
from unseen.validation import check_number

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["expected_calibration_error"]


def expected_calibration_error(y: npt.ArrayLike, probabilities: npt.ArrayLike, *, n_bins: int = 15) -> float:
    r"""Return the expected calibration error of the likeliest class, in [0, 1].

    .. math:: \sum_b \frac{n_b}{n}\,\bigl|\text{accuracy}_b - \text{confidence}_b\bigr|

    Parameters
    ----------
    y : int array of shape (n,)
        Positions of the true classes.
    probabilities : array of shape (n, C)
        Their probabilities.
    n_bins : int, default 15
        Bins of equal width over [0, 1], open on the left.

    Raises
    ------
    InputError
        When shapes disagree, a value is not finite or a position is no column.

    References
    ----------
    Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks", ICML 2017.

    Examples
    --------
    >>> from unseen.metrics import expected_calibration_error
    >>> # Says 90 %, is right half of the time:
    >>> round(expected_calibration_error([0, 1], [[0.9, 0.1], [0.9, 0.1]]), 3)
    0.4
    """
    bins = int(check_number("expected_calibration_error", "n_bins", n_bins, low=1, integer=True))
    targets, matrix = check_scores("expected_calibration_error", y, probabilities)
    confidence = matrix.max(axis=1)
    correct = matrix.argmax(axis=1) == targets
    which = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    counts = np.bincount(which, minlength=bins)
    right = np.bincount(which, weights=correct, minlength=bins)
    said = np.bincount(which, weights=confidence, minlength=bins)
    return float(np.abs(right - said).sum() / counts.sum())
