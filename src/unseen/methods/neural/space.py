"""The space that networks work in: vectors and prototypes centred and of unit scale, learned on seen classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from unseen.methods.preprocessing import FeatureScaling

__all__ = ["Space"]

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Space:
    r"""How vectors and prototypes are scaled before networks see them.

    .. math:: x \mapsto \tfrac1\sigma V^\top\Bigl(\tfrac{x}{\lVert x\rVert} - \mu\Bigr), \qquad
       p \mapsto \ell\,\frac{p - \bar s}{\lVert p - \bar s\rVert}

    with :math:`V` the principal axes that are kept and :math:`\sigma` the root of their mean variance.

    Attributes
    ----------
    normalize : bool
        Whether vectors are taken at unit length.
    mean : ndarray of shape (d,)
        The centre of vectors.
    axes : ndarray of shape (d, r)
        Principal axes over their scale.
    prototype_mean : ndarray of shape (k,)
        The centre of prototypes.
    length : float or None, default None
        The length they are given, None for the root of k; with short ones networks change more slowly with them.
    """

    normalize: bool
    mean: Array
    axes: Array
    prototype_mean: Array
    length: float | None = None

    @classmethod
    def of(cls, X: Array, S: Array, *, n_components: int | None, normalize: bool, length: float | None = None) -> Space:
        """Learn the scalings from vectors (n, d) and prototypes (C, k) of seen classes."""
        limit = min(X.shape) if n_components is None else n_components
        found = FeatureScaling(normalize=normalize, n_components=limit).fit(X)
        # Vectors that are all alike have no axes: whatever comes later is at their place.
        axes = found.map_ if found.map_.size else np.zeros((X.shape[1], 1))
        turned = (found._simple(X) - found.mean_) @ axes
        scale = float(turned.std()) or 1.0
        return cls(normalize, found.mean_, axes / scale, S.mean(axis=0), length)

    def vectors(self, X: Array) -> Array:
        """Return vectors (n, r) of X (n, d), in double precision."""
        ready = FeatureScaling(normalize=self.normalize)._simple(X.astype(np.float64, copy=False))
        scaled: Array = (ready - self.mean) @ self.axes
        return scaled

    def prototypes(self, P: Array) -> Array:
        """Return prototypes (C, k) of P (C, k), in double precision; one at the centre becomes zeros."""
        centred = P - self.prototype_mean
        lengths = np.linalg.norm(centred, axis=1, keepdims=True)
        # What is left of a prototype at the centre is rounding, which must not be blown up to a direction.
        own = np.linalg.norm(P, axis=1, keepdims=True)
        floor = 1e-6 * np.maximum(own, np.linalg.norm(self.prototype_mean))
        length = P.shape[1] ** 0.5 if self.length is None else self.length
        scaled: Array = np.where(lengths > floor, centred / np.maximum(lengths, 1e-300), 0.0) * length
        return scaled
