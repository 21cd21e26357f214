"""Generalized zero-shot metrics: seen and unseen classes compete, and the balance between them is swept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.integrate import trapezoid

from unseen.errors import InputError
from unseen.metrics.checks import check_flags, check_scores
from unseen.validation import check_number, message, verbatim

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["SeenUnseenCurve", "generalized_accuracy", "generalized_hits", "harmonic_mean", "seen_unseen_curve"]

Array = np.ndarray[Any, Any]


def harmonic_mean(u: float, s: float) -> float:
    """Return ``2 u s / (u + s)``, 0 where both are 0: high only if unseen and seen classes both do well.

    Examples
    --------
    >>> round(harmonic_mean(0.2, 0.8), 2)
    0.32
    """
    return 2 * u * s / (u + s) if u + s > 0 else 0.0


@dataclass(frozen=True)
class SeenUnseenCurve:
    """Accuracy on unseen against accuracy on seen classes, for every penalty on the seen classes' scores.

    Attributes
    ----------
    penalties : ndarray of shape (m,)
        What is subtracted from the scores of seen classes, ascending; the first is minus infinity.
    u : ndarray of shape (m,)
        Mean per-class top-1 accuracy on unseen classes, among all classes, at each penalty; never falls.
    s : ndarray of shape (m,)
        The same on seen classes; never rises.

    References
    ----------
    Chao, Changpinyo, Gong and Sha, "An Empirical Study and Analysis of Generalized Zero-Shot Learning for Object
    Recognition in the Wild", ECCV 2016.
    """

    penalties: npt.NDArray[np.float64]
    u: npt.NDArray[np.float64]
    s: npt.NDArray[np.float64]

    @property
    def ausuc(self) -> float:
        """Area under the curve, in [0, 1]."""
        return float(trapezoid(self.u[::-1], self.s[::-1]))

    def at(self, penalty: float) -> tuple[float, float, float]:
        """Return u, s and their harmonic mean at a penalty; 0.0 is the method as it is."""
        # The entry at penalties[i] holds from there to just before penalties[i + 1].
        i = max(int(np.searchsorted(self.penalties, penalty, side="right")) - 1, 0)
        u, s = float(self.u[i]), float(self.s[i])
        return u, s, harmonic_mean(u, s)

    def best(self) -> tuple[float, float]:
        """Return the penalty with the highest harmonic mean, in the middle of where it holds, and that mean.

        Where the mean is 0 at every penalty, that is none: 0.0.
        """
        means = np.array([harmonic_mean(float(u), float(s)) for u, s in zip(self.u, self.s, strict=True)])
        i = int(means.argmax())
        if means[i] == 0:
            return 0.0, 0.0
        # It holds on while penalties change wrong answers into other wrong ones.
        after = i + int(np.append(means[i:] != means[i], True).argmax())
        low, high = self.penalties[i], self.penalties[min(after, len(self.penalties) - 1)]
        middle = low + (high - low) / 2
        # Between neighbouring floating-point numbers there is no middle.
        return float(middle if middle < high else low), float(means[i])


def seen_unseen_curve(y: npt.ArrayLike, scores: npt.ArrayLike, seen: npt.ArrayLike) -> SeenUnseenCurve:
    """Sweep the penalty on seen classes over all values that change an answer.

    Parameters
    ----------
    y : array-like of int of shape (n,)
        Column of each sample's class.
    scores : array-like of shape (n, C)
        Scores of all classes for samples of seen and unseen classes.
    seen : array-like of bool of shape (C,)
        Which columns are seen classes; both kinds must be there.

    Returns
    -------
    SeenUnseenCurve
        Accuracies are means over the classes that have samples. A tie between the best seen and the best unseen
        class goes to the unseen one; ties within a kind to the first column. Exact: no grid. O(n C + n log n).

    Raises
    ------
    InputError
        When shapes disagree or one kind of class is missing.

    Examples
    --------
    >>> curve = seen_unseen_curve([1, 0], [[2.0, 1.0], [3.0, 1.0]], [True, False])
    >>> curve.ausuc, curve.at(0.0)[0], curve.best()
    (1.0, 0.0, (1.5, 1.0))
    """
    columns, mask, S = _check("seen_unseen_curve", y, scores, seen)
    best_seen, best_unseen, lead = _rivals(S, mask)
    counts = np.bincount(columns, minlength=S.shape[1])
    n_seen, n_unseen = int((counts[mask] > 0).sum()), int((counts[~mask] > 0).sum())
    weight = 1.0 / counts[columns]
    gain = np.where(~mask[columns] & (best_unseen == columns), weight / n_unseen, 0.0)
    loss = np.where(mask[columns] & (best_seen == columns), weight / n_seen, 0.0)
    penalties, step = np.unique(lead, return_inverse=True)
    u = np.concatenate([[0.0], np.cumsum(np.bincount(step, gain, len(penalties)))])
    s = np.concatenate([[0.0], np.cumsum(np.bincount(step, loss, len(penalties)))])
    s = s[-1] - s
    return SeenUnseenCurve(np.concatenate([[-np.inf], penalties]), np.minimum(u, 1.0), np.clip(s, 0.0, 1.0))


def generalized_hits(
    y: npt.ArrayLike, scores: npt.ArrayLike, seen: npt.ArrayLike, *, penalty: float = 0.0
) -> npt.NDArray[np.bool_]:
    """Return of each sample whether its class has the best score, once a penalty is subtracted from seen classes.

    Parameters
    ----------
    y : array-like of int of shape (n,)
        Column of each sample's class.
    scores : array-like of shape (n, C)
        Scores of all classes for samples of seen and unseen classes.
    seen : array-like of bool of shape (C,)
        Which columns are seen classes; both kinds must be there.
    penalty : float, default 0.0
        What is subtracted from the scores of seen classes; 0.0 is the method as it is.

    Raises
    ------
    InputError
        When shapes disagree or one kind of class is missing.

    Notes
    -----
    Ties go as in :func:`seen_unseen_curve`. Intervals and comparisons start from these hits.

    Examples
    --------
    >>> from unseen.metrics import generalized_hits
    >>> generalized_hits([1, 0], [[2.0, 1.0], [3.0, 1.0]], [True, False])
    array([False,  True])
    """
    columns, mask, S = _check("generalized_hits", y, scores, seen)
    return _hits(columns, mask, S, check_number("generalized_hits", "penalty", penalty))


def generalized_accuracy(
    y: npt.ArrayLike, scores: npt.ArrayLike, seen: npt.ArrayLike, *, penalty: float = 0.0
) -> tuple[float, float, float]:
    """Return u, s and their harmonic mean at one penalty on seen classes.

    Parameters
    ----------
    y : array-like of int of shape (n,)
        Column of each sample's class.
    scores : array-like of shape (n, C)
        Scores of all classes for samples of seen and unseen classes.
    seen : array-like of bool of shape (C,)
        Which columns are seen classes; both kinds must be there.
    penalty : float, default 0.0
        What is subtracted from the scores of seen classes; 0.0 is the method as it is.

    Returns
    -------
    u, s, harmonic_mean : float
        Mean per-class top-1 accuracy on unseen classes, on seen classes, both among all classes; and
        :func:`harmonic_mean`. What ``seen_unseen_curve(y, scores, seen).at(penalty)`` says, without the curve.

    Raises
    ------
    InputError
        When shapes disagree or one kind of class is missing.

    Notes
    -----
    Ties go as in :func:`seen_unseen_curve`; classes without samples do not count. O(n C).

    References
    ----------
    Xian, Lampert, Schiele and Akata, "Zero-Shot Learning: A Comprehensive Evaluation of the Good, the Bad and the
    Ugly", TPAMI 2018.

    Examples
    --------
    >>> from unseen.metrics import generalized_accuracy
    >>> generalized_accuracy([1, 0], [[2.0, 1.0], [3.0, 1.0]], [True, False])
    (0.0, 1.0, 0.0)
    >>> generalized_accuracy([1, 0], [[2.0, 1.0], [3.0, 1.0]], [True, False], penalty=1.5)
    (1.0, 1.0, 1.0)
    """
    columns, mask, S = _check("generalized_accuracy", y, scores, seen)
    hits = _hits(columns, mask, S, check_number("generalized_accuracy", "penalty", penalty))
    counts = np.bincount(columns, minlength=S.shape[1])
    right = np.bincount(columns, weights=hits, minlength=S.shape[1])
    u, s = (float((right[kind] / counts[kind]).mean()) for kind in ((counts > 0) & ~mask, (counts > 0) & mask))
    return u, s, harmonic_mean(u, s)


def _check(owner: str, y: npt.ArrayLike, scores: npt.ArrayLike, seen: npt.ArrayLike) -> tuple[Array, Array, Array]:
    """Return columns (n,), which classes are seen (C,), and scores (n, C) of samples of both kinds."""
    columns, S = check_scores(owner, y, scores)
    remedy = "Say of every class whether it was seen"
    mask = check_flags(owner, "seen", seen, S.shape[1:], "one per column of scores", remedy)
    if mask.all() or not mask.any() or mask[columns].all() or not mask[columns].any():
        raise InputError(
            message(
                owner,
                "classes and samples",
                "of both kinds, seen and unseen",
                verbatim("one kind only"),
                "Score seen and unseen classes together, for samples of both",
            )
        )
    return columns, mask, S


def _rivals(S: Array, mask: Array) -> tuple[Array, Array, Array]:
    """Return the best seen and the best unseen column of each row, and the lead of the seen one.

    At a penalty as high as the lead, and above, the answer is the unseen one.
    """
    seen_columns, unseen_columns = np.flatnonzero(mask), np.flatnonzero(~mask)
    best_seen = seen_columns[S[:, mask].argmax(axis=1)]
    best_unseen = unseen_columns[S[:, ~mask].argmax(axis=1)]
    rows = np.arange(len(S))
    return best_seen, best_unseen, S[rows, best_seen] - S[rows, best_unseen]


def _hits(columns: Array, mask: Array, S: Array, penalty: float) -> npt.NDArray[np.bool_]:
    best_seen, best_unseen, lead = _rivals(S, mask)
    # Not `S - penalty * mask`: rounding would decide some ties otherwise than the curve does.
    hits: npt.NDArray[np.bool_] = np.where(lead <= penalty, best_unseen, best_seen) == columns
    return hits
