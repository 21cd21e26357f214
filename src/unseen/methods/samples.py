"""Labelled vectors, summarised: what most methods learn from, computed once whatever is fitted to it afterwards.

Closed-form methods see the vectors only through class means and the covariance matrix. One eigendecomposition of that
matrix serves every strength of every penalty, so a search over parameters, and a search over methods, pays for it once.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import linalg

from unseen.methods.linalg import class_sums

if TYPE_CHECKING:
    from collections.abc import Iterator

Array = np.ndarray[Any, Any]

__all__ = ["Samples", "blocks"]

# Rows that are widened to double precision at a time: float32 features are never copied whole.
_ROWS = 4096
# Directions in which the vectors vary less than this, relative to the direction in which they vary most, are rounding:
# eigenvalues of a matrix of products carry half of the digits.
_FLAT = 1e-12


def blocks(X: Array) -> Iterator[tuple[slice, Array]]:
    """Yield X (n, d) in blocks of rows, in double precision."""
    for start in range(0, len(X), _ROWS):
        rows = slice(start, start + _ROWS)
        yield rows, X[rows].astype(np.float64, copy=False)


class Samples:
    """Vectors and their classes, with summaries that are computed when first asked for.

    Parameters
    ----------
    X : ndarray of float32 or float64 of shape (n, d)
        Vectors; never changed, never copied whole.
    y : ndarray of int of shape (n,)
        Position of each one's class, 0 to ``n_classes - 1``.
    n_classes : int
        Number of classes, C.

    Notes
    -----
    The d x d covariance costs O(n d^2) and its eigendecomposition O(d^3); with fewer vectors than dimensions both are
    taken of the n x n matrix of inner products instead.

    Examples
    --------
    >>> import numpy as np
    >>> samples = Samples(np.array([[0.0, 0.0], [2.0, 0.0], [4.0, 0.0]]), np.array([0, 0, 1]), 2)
    >>> samples.means.tolist(), samples.values.tolist()
    ([[1.0, 0.0], [4.0, 0.0]], [8.0])
    """

    def __init__(self, X: Array, y: Array, n_classes: int) -> None:
        self.X, self.y, self.n_classes = X, y, n_classes

    @property
    def n(self) -> int:
        """Number of vectors."""
        return len(self.X)

    @property
    def d(self) -> int:
        """Their dimension."""
        return int(self.X.shape[1])

    @cached_property
    def counts(self) -> Array:
        """Vectors of each class, (C,)."""
        return np.bincount(self.y, minlength=self.n_classes)

    @cached_property
    def mean(self) -> Array:
        """Mean of all vectors, (d,)."""
        total = np.zeros(self.d)
        for _, rows in blocks(self.X):
            total += rows.sum(axis=0)
        return total / self.n

    @cached_property
    def offsets(self) -> Array:
        """Class means less the mean of all vectors, (C, d); zero for a class without vectors."""
        sums = np.zeros((self.n_classes, self.d))
        for rows, block in blocks(self.X):
            sums += class_sums(block - self.mean, self.y[rows], self.n_classes)
        offsets: Array = sums / np.maximum(self.counts, 1)[:, None]
        return offsets

    @property
    def means(self) -> Array:
        """Class means, (C, d)."""
        return self.offsets + self.mean

    @cached_property
    def _spectrum(self) -> tuple[Array, Array]:
        if self.n <= self.d:
            centred = self.X.astype(np.float64) - self.mean
            values, left = linalg.eigh(centred @ centred.T)
            kept = values > self._floor(values)
            values = values[kept][::-1]
            axes = (centred.T @ left[:, kept][:, ::-1]) / np.sqrt(values)
            return values, axes
        scatter = np.zeros((self.d, self.d))
        for _, block in blocks(self.X):
            centred = block - self.mean
            scatter += centred.T @ centred
        values, axes = linalg.eigh(scatter, overwrite_a=True)
        kept = values > self._floor(values)
        return values[kept][::-1], np.ascontiguousarray(axes[:, kept][:, ::-1])

    def _floor(self, values: Array) -> float:
        # Beside an offset, vectors that are all alike differ by the rounding of their mean.
        offset = self.n * float(self.mean @ self.mean) * np.finfo(np.float64).eps
        return max(_FLAT * float(values[-1]), 100 * offset * np.finfo(np.float64).eps)

    @property
    def values(self) -> Array:
        """Sums of squares (r,) along the principal axes, descending; r is the rank of the centred vectors."""
        return self._spectrum[0]

    @property
    def axes(self) -> Array:
        """Principal axes (d, r), orthonormal columns."""
        return self._spectrum[1]

    @property
    def scale(self) -> float:
        """Sum of all squares over the dimension d: what penalties are measured in, so that they suit any scale."""
        return float(self.values.sum() / self.d) if len(self.values) else 1.0

    @cached_property
    def rotated(self) -> Array:
        """Class means along the principal axes, (C, r)."""
        turned: Array = self.offsets @ self.axes
        return turned

    @cached_property
    def within(self) -> Array:
        """Scatter of the vectors around their class's mean, along the principal axes, (r, r)."""
        between = self.rotated * np.sqrt(self.counts)[:, None]
        scatter: Array = np.diag(self.values) - between.T @ between
        return scatter

    def turned(self) -> Array:
        """Return the centred vectors along the principal axes, (n, r) in X's precision: for methods that iterate."""
        out = np.empty((self.n, len(self.values)), dtype=self.X.dtype)
        for rows, block in blocks(self.X):
            out[rows] = (block - self.mean) @ self.axes
        return out
