"""Weights of several methods' scores, learned on held-out classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import optimize
from scipy.special import log_softmax, softmax

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["informative", "learn_weights", "spread"]

Array = np.ndarray[Any, Any]

# Pull of the weights towards their mean, against a loss that is a mean over samples: about the noise of a fold.
_PULL = 0.02
# Standardised scores that differ by less within every row tell no class from another.
_SILENT = 1e-6


def spread(scores: Array) -> float:
    """Return how far scores (m, H) lie from their row's mean, as a standard deviation; 1 where they do not."""
    centred = scores - scores.mean(axis=1, keepdims=True)
    deviation = float(np.sqrt(np.square(centred).mean()))
    # What rounding leaves of equal scores must not be blown up to a spread of one.
    return deviation if deviation > 8 * np.finfo(scores.dtype).eps * float(np.abs(scores).max()) else 1.0


def informative(S: Array) -> bool:
    """Whether some prototypes S (C, k) are closer to each other than others: what classes can be predicted from."""
    if len(S) < 3:
        return False
    squared = np.square(S).sum(axis=1)
    distances = (squared[:, None] + squared - 2 * S @ S.T)[~np.eye(len(S), dtype=bool)]
    return bool(distances.max() - distances.min() > 1e-6 * max(distances.max(), 1e-12))


def learn_weights(scores: Sequence[Array], targets: Sequence[Array]) -> Array:
    """Return weights (J,) of J methods, at least 0 and of sum 1.

    Parameters
    ----------
    scores : sequence of ndarray of shape (J, m, H)
        Per fold: the methods' standardised scores of m held-out samples for H held-out classes.
    targets : sequence of int ndarray of shape (m,)
        Per fold: columns of the true classes.

    Notes
    -----
    Minimises the mean over classes of the log loss of the softmax of the weighted sum, whose total weight is its
    inverse temperature. Convex; a small quadratic pull to equal weights decides between methods that agree. A method
    that scores all classes alike has no weight, unless all do.
    """
    n_methods = len(scores[0])
    telling = [j for j in range(n_methods) if any(np.ptp(Z[j], axis=1).max() > _SILENT for Z in scores)]
    if 0 < len(telling) < n_methods:
        few = np.zeros(n_methods)
        few[telling] = learn_weights([Z[telling] for Z in scores], targets)
        return few
    shares = []
    for y in targets:
        counts = np.bincount(y)
        shares.append(1.0 / (counts[y] * (counts > 0).sum() * len(targets)))

    def loss(w: Array) -> tuple[float, Array]:
        value, gradient = 0.0, np.zeros(n_methods)
        for Z, y, share in zip(scores, targets, shares, strict=True):
            mixed = np.tensordot(w, Z, axes=1)
            rows = np.arange(len(y))
            value -= float(share @ log_softmax(mixed, axis=1)[rows, y])
            error = softmax(mixed, axis=1)
            error[rows, y] -= 1
            gradient += np.tensordot(Z, error * share[:, None], axes=2)
        away = w - w.mean()
        return value + _PULL * float(away @ away), gradient + 2 * _PULL * away

    start = np.full(n_methods, 1.0 / n_methods)
    found = optimize.minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0, None)] * n_methods)
    total = found.x.sum()
    weights: Array = found.x / total if total > 0 else start
    return weights
