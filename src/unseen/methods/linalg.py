"""Row operations that several methods share."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

Array = np.ndarray[Any, Any]

__all__ = ["class_means", "class_sums", "cosine", "directions_from", "unit_rows"]

# A prototype nearer to the mean than this share of its length is the mean: prototypes come in single precision, and
# what rounding leaves of it must not be blown up to a direction of length one.
_NEAR = 1e-6


def unit_rows(A: Array) -> Array:
    """Return the rows of A (n, d) scaled to length one; a zero row stays zero."""
    norms = np.linalg.norm(A, axis=1, keepdims=True)
    unit: Array = np.divide(A, norms, out=np.zeros_like(A, dtype=np.float64), where=norms > 0)
    return unit


def cosine(A: Array, B: Array) -> Array:
    """Return the cosines (n, C) between the rows of A (n, d) and of B (C, d); zero where a row is zero."""
    return unit_rows(A) @ unit_rows(B).T


def directions_from(mean: Array, P: Array) -> Array:
    """Return prototypes P (C, k) as directions from `mean` (k,), scaled to length one; zero where P is the mean."""
    offsets = P - mean
    lengths = np.linalg.norm(offsets, axis=1)
    return unit_rows(np.where((lengths > _NEAR * np.linalg.norm(P, axis=1))[:, None], offsets, 0.0))


def class_sums(X: Array, y: Array, n_classes: int) -> Array:
    """Return the sum of X (n, d) for each position 0 … n_classes - 1 of y (n,); shape (n_classes, d)."""
    one_hot = sparse.csr_array((np.ones(len(y)), (y, np.arange(len(y)))), shape=(n_classes, len(y)))
    sums: Array = one_hot @ X
    return sums


def class_means(X: Array, y: Array, n_classes: int) -> Array:
    """Return the mean of X (n, d) for each position 0 … n_classes - 1 of y (n,); shape (n_classes, d)."""
    counts = np.bincount(y, minlength=n_classes)
    means: Array = class_sums(X, y, n_classes) / np.maximum(counts, 1)[:, None]
    return means
