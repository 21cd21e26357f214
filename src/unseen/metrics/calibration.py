"""Calibration: whether 70 % means seven times out of ten."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unseen.metrics.checks import check_probabilities
from unseen.validation import check_number

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["brier_score", "expected_calibration_error", "negative_log_likelihood"]


def expected_calibration_error(y: npt.ArrayLike, probabilities: npt.ArrayLike, *, n_bins: int = 15) -> float:
    r"""Return the expected calibration error of the likeliest class, in [0, 1].

    .. math:: \sum_b \frac{n_b}{n}\,\bigl|\text{accuracy}_b - \text{confidence}_b\bigr|

    Parameters
    ----------
    y : int array of shape (n,)
        Positions of the true classes.
    probabilities : array of shape (n, C)
        Their probabilities. Those of an item need not add up to 1: only the highest is looked at.
    n_bins : int, default 15
        Bins of equal width over [0, 1], open on the left.

    Raises
    ------
    InputError
        When shapes disagree, a value is no probability or a position is no column.

    Notes
    -----
    0 does not mean useful: whoever always says the classes' shares is calibrated. Of equal probabilities, the earlier
    column is the answer.

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
    targets, matrix = check_probabilities("expected_calibration_error", y, probabilities, complete=False)
    confidence = matrix.max(axis=1)
    correct = matrix.argmax(axis=1) == targets
    # Edges as fractions: 0.7 * 10 would round up to the bin above.
    which = np.searchsorted(np.arange(1, bins) / bins, confidence, side="left")
    right = np.bincount(which, weights=correct, minlength=bins)
    said = np.bincount(which, weights=confidence, minlength=bins)
    return float(np.abs(right - said).sum() / len(targets))


def brier_score(y: npt.ArrayLike, probabilities: npt.ArrayLike) -> float:
    r"""Return the Brier score, in [0, 2]: lower is better.

    .. math:: \frac{1}{n} \sum_i \sum_c \bigl(p_{ic} - [c = y_i]\bigr)^2

    Parameters
    ----------
    y : int array of shape (n,)
        Positions of the true classes.
    probabilities : array of shape (n, C)
        Their probabilities; those of an item add up to 1.

    Raises
    ------
    InputError
        When shapes disagree, a value is no probability, a row does not add up to 1, or a position is no column.

    Notes
    -----
    The sum over all classes, as in the paper: 0 for certainty that is right, 2 for certainty that is wrong,
    ``1 - 1/C`` for the same probability everywhere. With two classes it is twice what is often reported of one of them.

    References
    ----------
    Brier, "Verification of Forecasts Expressed in Terms of Probability", Monthly Weather Review 1950.

    Examples
    --------
    >>> from unseen.metrics import brier_score
    >>> round(brier_score([0, 1], [[0.9, 0.1], [0.9, 0.1]]), 3)  # (0.02 + 1.62) / 2
    0.82
    """
    targets, matrix = check_probabilities("brier_score", y, probabilities, complete=True)
    own = matrix[np.arange(len(matrix)), targets]
    # (p - 1)^2 in place of p^2, for the true class.
    return float((np.square(matrix).sum(axis=1) - 2 * own + 1).mean())


def negative_log_likelihood(
    y: npt.ArrayLike, probabilities: npt.ArrayLike, *, clip: float = float(np.finfo(np.float64).eps)
) -> float:
    r"""Return the mean negative logarithm of the true class's probability, in nats: lower is better.

    .. math:: -\frac{1}{n} \sum_i \log \max(p_{i y_i},\, \text{clip})

    Parameters
    ----------
    y : int array of shape (n,)
        Positions of the true classes.
    probabilities : array of shape (n, C)
        Their probabilities; those of an item add up to 1.
    clip : float in (0, 0.5], default 2.2e-16
        Smaller probabilities count as this, so that one certain mistake costs ``-log(clip)``, 36 by default, instead
        of infinity. A mean that certain mistakes contribute to hangs on it: look for them before comparing means.

    Raises
    ------
    InputError
        When shapes disagree, a value is no probability, a row does not add up to 1, or a position is no column.

    Notes
    -----
    ``log(C)`` for the same probability everywhere.

    References
    ----------
    Good, "Rational Decisions", Journal of the Royal Statistical Society B 1952.

    Examples
    --------
    >>> from unseen.metrics import negative_log_likelihood
    >>> round(negative_log_likelihood([0, 1], [[0.5, 0.5], [0.5, 0.5]]), 3)  # log 2
    0.693
    """
    least = check_number("negative_log_likelihood", "clip", clip, low=0, high=0.5, low_open=True)
    targets, matrix = check_probabilities("negative_log_likelihood", y, probabilities, complete=True)
    own = matrix[np.arange(len(matrix)), targets]
    # Adding 0.0 turns the -0.0 of certainty into 0.0.
    return float(-np.log(np.maximum(own, least)).mean() + 0.0)
