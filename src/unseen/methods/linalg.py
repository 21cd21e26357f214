"""Row operations that several methods share."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

__all__ = ["class_means", "cosine", "unit_rows"]


def unit_rows(A: Array) -> Array:
    """Return the rows of A (n, d) scaled to length one; a zero row stays zero."""
    norms = np.linalg.norm(A, axis=1, keepdims=True)
    unit: Array = np.divide(A, norms, out=np.zeros_like(A, dtype=np.float64), where=norms > 0)
    return unit


def cosine(A: Array, B: Array) -> Array:
    """Return the cosines (n, C) between the rows of A (n, d) and of B (C, d); zero where a row is zero."""
    return unit_rows(A) @ unit_rows(B).T


def class_means(X: Array, y: Array, n_classes: int) -> Array:
    """Return the mean of X (n, d) for each position 0 … n_classes - 1 of y (n,); shape (n_classes, d)."""
    sums = np.zeros((n_classes, X.shape[1]))
    np.add.at(sums, y, X)
    counts = np.bincount(y, minlength=n_classes)
    means: Array = sums / np.maximum(counts, 1)[:, None]
    return means
