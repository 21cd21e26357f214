"""Evidence that an item is of any class: what is kept of a row of scores, however many classes it is long.

Everything here is elementwise, so that it serves a row of a vocabulary and each class on its own alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Tally", "bounded", "odds_of_best", "odds_of_both", "tally"]

Array = np.ndarray[Any, Any]

#: Log-odds are kept within this, so that certainty stays a number that can be multiplied.
_CERTAIN = 1e9


@dataclass(frozen=True)
class Tally:
    """What decides whether an item is of any class; shapes broadcast against each other.

    Attributes
    ----------
    best : ndarray
        The best score among the classes.
    log_sum : ndarray
        :math:`\\log\\sum_c e^{f_c/T}` over the classes.
    n_classes : ndarray or int
        How many classes there are, at least 1.
    seen : ndarray or None
        The best score among the classes that the method has seen.
    background : ndarray or None
        :math:`\\log\\sum_b e^{f_b/T}` over the background prompts.
    """

    best: Array
    log_sum: Array
    n_classes: Array | int
    seen: Array | None = None
    background: Array | None = None


def tally(
    scores: Array, temperature: float, *, seen_scores: Array | None = None, background_scores: Array | None = None
) -> Tally:
    """Return the tally of scores (n, C), of the seen classes' (n, C_seen) and the background's (n, B)."""
    from scipy.special import logsumexp

    return Tally(
        np.max(scores, axis=1),
        logsumexp(scores / temperature, axis=1),
        scores.shape[1],
        None if seen_scores is None else np.max(seen_scores, axis=1),
        None if background_scores is None else logsumexp(background_scores / temperature, axis=1),
    )


def odds_of_best(best: Array, log_sum: Array) -> Array:
    """Return the log-odds of a softmax's largest probability; infinite where there is one class only."""
    with np.errstate(divide="ignore"):
        others: Array = log_sum + np.log(-np.expm1(np.minimum(best - log_sum, 0)))
    odds: Array = best - others
    return odds


def odds_of_both(a: Array, b: Array) -> Array:
    """Return the log-odds of the product of two probabilities that are given as log-odds."""
    log_product = -np.logaddexp(0, -a) - np.logaddexp(0, -b)
    log_rest = np.logaddexp(-np.logaddexp(0, a), -np.logaddexp(0, -a) - np.logaddexp(0, b))
    odds: Array = log_product - log_rest
    return odds


def bounded(odds: Array) -> Array:
    """Return log-odds without infinities."""
    within: Array = np.clip(odds, -_CERTAIN, _CERTAIN)
    return within
