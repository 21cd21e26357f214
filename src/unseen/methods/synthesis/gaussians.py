"""Parts of class Gaussians: variances within seen classes, and regressions from prototypes to means and variances."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.spatial.distance import cdist

from unseen.methods.linalg import class_sums
from unseen.methods.samples import blocks

if TYPE_CHECKING:
    from unseen.methods.samples import Samples

Array = np.ndarray[Any, Any]

__all__ = ["KERNELS", "class_spreads", "mean_square_distance", "prototype_kernel", "regress", "spread_within"]

KERNELS = ("linear", "rbf")
# Directions of the kernel matrix weaker than this, relative to its largest entry, are rounding.
_FLAT = 1e-12


def mean_square_distance(S: Array) -> float:
    """Return the mean squared distance between two different rows of S (C, k); 1 where all rows are equal."""
    C = len(S)
    spread = float(np.square(S - S.mean(axis=0)).sum(axis=1).mean())
    return 2 * spread * C / (C - 1) if C > 1 and spread > 0 else 1.0


def prototype_kernel(P: Array, S: Array, *, kernel: str, gamma: float) -> Array:
    """Return the similarities (m, C) of prototypes P (m, k) to prototypes S (C, k).

    Parameters
    ----------
    kernel : {"linear", "rbf"}
        Inner product, or ``exp(-gamma * squared distance)``.
    gamma : float
        Only for "rbf".
    """
    if kernel == "linear":
        inner: Array = P @ S.T
        return inner
    near: Array = np.exp(-gamma * cdist(P, S, "sqeuclidean"))
    return near


def regress(K: Array, Y: Array, alpha: float) -> tuple[Array, Array]:
    """Return coefficients (C, t) and offsets (t,) so that ``kernel @ coefficients + offsets`` predicts Y (C, t).

    Parameters
    ----------
    K : ndarray of shape (C, C)
        Kernel matrix of the classes that are known.
    alpha : float
        Strength of the penalty, at least 0, relative to the mean eigenvalue of the centred kernel matrix; the
        offsets are not penalised.
    """
    rows = K.mean(axis=0)
    values, vectors = np.linalg.eigh(K - rows - rows[:, None] + rows.mean())
    scale = values.mean()
    kept = values > _FLAT * np.abs(K).max()
    values, vectors = values[kept], vectors[:, kept]
    mean = Y.mean(axis=0)
    # The kept vectors sum to zero, so only the columns of the kernel, not its rows, need centring afterwards.
    coef: Array = vectors @ (vectors.T @ (Y - mean) / (values + alpha * scale)[:, None])
    return coef, mean - rows @ coef


def spread_within(samples: Samples) -> tuple[Array, float]:
    """Return the variances (r,) within classes along the principal axes, and their mean."""
    between = samples.counts @ np.square(samples.rotated)
    spread = np.maximum(samples.values - between, 0) / samples.n
    # Single examples say nothing about the spread of a class: take that of all vectors.
    if spread.sum() * samples.n <= 1e-9 * samples.values.sum():
        spread = samples.values / samples.n
    return spread, float(spread.mean()) if len(spread) else 1.0


def class_spreads(samples: Samples, spread: Array) -> Array:
    """Return the variances (C, r) within each class along the principal axes; the shared ones `spread` (r,) fill in."""
    sums = np.zeros_like(samples.rotated)
    for rows, block in blocks(samples.X):
        y = samples.y[rows]
        squares = np.square((block - samples.mean) @ samples.axes - samples.rotated[y])
        sums += class_sums(squares, y, samples.n_classes)
    # One average square stands in for the one that the class's mean used up.
    variances: Array = (sums + spread) / np.maximum(samples.counts, 1)[:, None]
    return variances
