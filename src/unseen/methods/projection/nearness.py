"""What several projections share: the principal axes of prototypes, and nearness to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import linalg

from unseen.methods.linalg import unit_rows

if TYPE_CHECKING:
    from collections.abc import Callable

Array = np.ndarray[Any, Any]

__all__ = ["METRICS", "nearness", "prototype_axes"]

#: How near a vector is to a point; either way higher is nearer.
METRICS = ("cosine", "euclidean")
# Prototypes that differ by less than this, relative to their length, are the same one: they come in single precision.
_SAME = 1e-10


def nearness(points: Array, metric: str) -> Callable[[Array], Array]:
    """Return a function that scores vectors (n, d) against points (C, d): cosine or negative squared distance.

    What depends on the points alone is done once.
    """
    if metric == "cosine":
        directions = unit_rows(points).T
        return lambda X: np.asarray(unit_rows(X) @ directions)
    lengths = np.square(points).sum(axis=1)

    def negative_squared_distances(X: Array) -> Array:
        scores: Array = 2 * X @ points.T
        scores -= lengths
        scores -= np.square(X).sum(axis=1)[:, None]
        return scores

    return negative_squared_distances


def prototype_axes(counts: Array, S: Array) -> tuple[Array, Array, Array, Array]:
    """Return the decomposition of the centred prototypes of all samples: a class counts as often as it has samples.

    Parameters
    ----------
    counts : ndarray of shape (C,)
        Samples of each class.
    S : ndarray of shape (C, k)
        Prototypes.

    Returns
    -------
    mean : ndarray of shape (k,)
        Mean prototype of the samples.
    left : ndarray of shape (C, q)
        Left singular vectors of ``sqrt(counts)[:, None] * (S - mean)``; q is its rank.
    values : ndarray of shape (q,)
        Its singular values, descending.
    axes : ndarray of shape (k, q)
        Its right singular vectors: the principal axes of the prototypes.
    """
    mean = counts @ S / counts.sum()
    weights = np.sqrt(counts)[:, None]
    left, values, right = linalg.svd(weights * (S - mean), full_matrices=False)
    kept = values > _SAME * np.linalg.norm(weights * S)
    return mean, left[:, kept], values[kept], right[kept].T
