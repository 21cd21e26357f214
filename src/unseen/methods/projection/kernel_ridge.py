"""KernelRidge: class means predicted from prototypes with a Gaussian kernel, in whitened features if wanted."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from scipy import linalg

from unseen.methods.base import Citation, Method
from unseen.methods.preprocessing import PrototypeScaling
from unseen.methods.projection.nearness import METRICS, nearness
from unseen.validation import check_choice, check_number

if TYPE_CHECKING:
    from collections.abc import Callable

    from unseen.methods.base import Array
    from unseen.methods.samples import Samples

__all__ = ["KernelRidge"]

# Power and centre of each prototype scaling.
_SCALINGS = {
    "none": (1.0, "none"),
    "center": (1.0, "center"),
    "standardize": (1.0, "standardize"),
    "sqrt": (0.5, "center"),
}
# A scatter within classes below this share of all scatter is rounding: each class has one example, or copies of one.
_NO_SCATTER = 1e-10


class KernelRidge(Method):
    r"""Predict each class's mean vector from its prototype by kernel ridge regression, then score by nearness to it.

    .. math:: t(p) = \bar m + k(p)^\top (K + \alpha I)^{-1} (M - \bar m), \qquad
       k(p)_s = \exp\Bigl(-\gamma\, \frac{\lVert \hat p - \hat s_s\rVert^2}{\operatorname{median}}\Bigr), \qquad
       f_c(x) = \cos\bigl((x - \bar x) L,\; t(p_c)\bigr)

    where M holds the means of the seen classes, centred and multiplied by L, the hats scale prototypes to unit length,
    and L is a square root of the inverse of the covariance within classes:
    :math:`L L^\top = (\Sigma_w + \lambda\, \tfrac{\operatorname{tr} \Sigma_w}{d} I)^{-1}`.

    Parameters
    ----------
    alpha : float, default 0.1
        Strength of the penalty, above 0; a class's kernel with itself is 1. Larger is smoother.
    gamma : float, default 0.3
        Sharpness of the kernel, above 0, relative to the median squared distance between seen prototypes. Smaller is
        smoother, and closer to a linear regression.
    shrinkage : float or None, default 3.0
        How far the covariance within classes is shrunk towards a multiple of the identity before features are
        whitened by it, above 0; larger is closer to no whitening. None leaves the features as they are.
    prototype_scaling : {"none", "center", "standardize", "sqrt"}, default "sqrt"
        What prototypes go through before they are scaled to unit length: nothing; less the mean of the seen ones; also
        divided by their standard deviations; or signed square roots, then less the mean. Square roots suit
        attributes that are counts or percentages.
    metric : {"cosine", "euclidean"}, default "cosine"
        How nearness is measured.
    residual : float, default 0.0
        How much directions count less in which class means cannot be predicted from prototypes, at least 0: the
        covariance that is whitened gets this multiple of that of the means' leave-one-class-out residuals. Has no
        effect where nothing is whitened.

    Attributes
    ----------
    feature_mean_ : ndarray of shape (d,)
        Mean of the training vectors.
    whitening_ : ndarray of shape (d, r)
        L, restricted to the r directions in which the training vectors vary; (d, 0) where nothing is whitened.
    anchors_ : ndarray of shape (C_seen, k)
        Scaled prototypes of the seen classes.
    dual_ : ndarray of shape (C_seen, r) or (C_seen, d)
        :math:`(K + \alpha I)^{-1} (M - \bar m)`.
    target_mean_ : ndarray of shape (r,) or (d,)
        Mean of the seen classes' means.
    scaling_ : PrototypeScaling
        What prototypes go through.
    sharpness_ : float
        `gamma` over the median squared distance.

    Raises
    ------
    InputError
        When a parameter is out of range.

    Notes
    -----
    Inductive. O(n d min(n, d)) for the covariance, once for all parameters where samples are shared; then O(C^3 +
    C^2 d), and O(r^3) for the whitening. Every class counts once, whatever its number of examples. Components of
    a vector outside the directions in which the training vectors vary are dropped when features are whitened: they
    would shorten all its cosines alike. Where no class has two different examples there is nothing to whiten by, and
    the features stay as they are.

    The idea, a class's visual exemplar predicted from its semantic vector by a kernel regressor, is EXEM's. EXEM first
    reduces the features with PCA, fits one support vector regressor (nu-SVR) per output dimension and compares
    Euclidean distances standardised by the deviations within classes, dimension by dimension; here all dimensions
    share one closed-form ridge regression, features are whitened by the whole covariance within classes, which takes
    the place of both, and the metric is the cosine.

    References
    ----------
    Ioffe, "Probabilistic Linear Discriminant Analysis", ECCV 2006: `residual` weighs directions by what is known of a
    class there, as that model does.
    Changpinyo, Chao and Sha, "Predicting Visual Exemplars of Unseen Classes for Zero-Shot Learning", ICCV 2017.
    Saunders, Gammerman and Vovk, "Ridge Regression Learning Algorithm in Dual Variables", ICML 1998.

    Examples
    --------
    >>> from unseen import Prototypes
    >>> from unseen.methods.projection.kernel_ridge import KernelRidge
    >>> p = Prototypes(["low", "middle", "high"], [[1, 0], [0.7, 0.7], [0, 1]])
    >>> X = [[0.0], [0.1], [1.0], [0.9]]
    >>> method = KernelRidge(metric="euclidean").fit(X, ["low", "low", "high", "high"], prototypes=p)
    >>> method.predict([[0.5]], prototypes=p).item()
    'middle'
    """

    family = "projection"
    citation = Citation(
        authors="Changpinyo, Chao and Sha",
        title="Predicting Visual Exemplars of Unseen Classes for Zero-Shot Learning",
        venue="ICCV",
        year=2017,
        url="https://arxiv.org/abs/1605.08151",
    )
    search_space = MappingProxyType(
        {
            "alpha": (0.03, 0.1, 0.3),
            "shrinkage": (None, 0.3, 1.0, 3.0, 10.0),
            "prototype_scaling": ("none", "sqrt"),
        }
    )

    def __init__(
        self,
        alpha: float = 0.1,
        *,
        gamma: float = 0.3,
        shrinkage: float | None = 3.0,
        prototype_scaling: str = "sqrt",
        metric: str = "cosine",
        residual: float = 0.0,
    ) -> None:
        self.alpha = alpha
        self.gamma = gamma
        self.shrinkage = shrinkage
        self.prototype_scaling = prototype_scaling
        self.metric = metric
        self.residual = residual

    def _fit_samples(self, samples: Samples, S: Array) -> None:
        alpha = check_number("KernelRidge", "alpha", self.alpha, low=0, low_open=True)
        gamma = check_number("KernelRidge", "gamma", self.gamma, low=0, low_open=True)
        shrinkage = self.shrinkage
        if shrinkage is not None:
            shrinkage = check_number("KernelRidge", "shrinkage", shrinkage, low=0, low_open=True)
        scaling = check_choice("KernelRidge", "prototype_scaling", self.prototype_scaling, tuple(_SCALINGS))
        check_choice("KernelRidge", "metric", self.metric, METRICS)
        residual = check_number("KernelRidge", "residual", self.residual, low=0)
        self.feature_mean_ = samples.mean
        self.whitening_ = _whitening(samples, shrinkage)
        targets = samples.offsets @ self.whitening_ if self.whitening_.size else samples.offsets
        self.target_mean_ = targets.mean(axis=0)
        power, center = _SCALINGS[scaling]
        self.scaling_ = PrototypeScaling(power, center=center).fit(S)
        self.anchors_ = self.scaling_.transform(S)
        squared = _squared_distances(self.anchors_, self.anchors_)
        between = squared[~np.eye(len(S), dtype=bool)]
        self.sharpness_ = gamma / ((float(np.median(between)) if len(between) else 0.0) or 1.0)
        system = np.exp(-self.sharpness_ * squared)
        system[np.diag_indices_from(system)] += alpha
        self.dual_ = linalg.solve(system, targets - self.target_mean_, assume_a="pos")
        if residual > 0 and self.whitening_.size:
            self._discount(residual, np.diag(linalg.inv(system)))

    def _discount(self, residual: float, diagonal: Array) -> None:
        """Whiten once more, by the covariance of the means' leave-one-out residuals, in the whitened space."""
        # The residual of a class left out is its dual coefficient over the diagonal of the inverse system.
        errors = self.dual_ / diagonal[:, None]
        _, values, axes = linalg.svd(errors, full_matrices=False)
        factors = 1 / np.sqrt(1 + residual * np.square(values) / len(errors)) - 1

        def discounted(A: Array) -> Array:
            out: Array = A + ((A @ axes.T) * factors) @ axes
            return out

        self.whitening_, self.dual_ = discounted(self.whitening_), discounted(self.dual_)
        self.target_mean_ = discounted(self.target_mean_[None])[0]

    def _scorer(self, P: Array) -> Callable[[Array], Array]:
        kernel = np.exp(-self.sharpness_ * _squared_distances(self.scaling_.transform(P), self.anchors_))
        near = nearness(kernel @ self.dual_ + self.target_mean_, self.metric)
        if self.whitening_.size:
            return lambda X: near((X - self.feature_mean_) @ self.whitening_)
        return lambda X: near(X - self.feature_mean_)

    def _class_scores(self, X: Array, P: Array) -> Array:
        return self._scorer(P)(X)


def _whitening(samples: Samples, shrinkage: float | None) -> Array:
    """Return a square root (d, r) of the inverse of the shrunk covariance within classes, or an empty (d, 0)."""
    scatter = float(np.trace(samples.within)) if shrinkage is not None else 0.0
    if shrinkage is None or scatter <= _NO_SCATTER * samples.values.sum():
        return np.zeros((samples.d, 0))
    shrunk = samples.within / samples.n
    # The floor keeps the matrix positive definite in floating point, however small the shrinkage.
    floor = max(shrinkage * scatter / samples.n / samples.d, 1e-12 * samples.values[0] / samples.n)
    shrunk[np.diag_indices_from(shrunk)] += floor
    # Cosines and distances are blind to which square root is taken; a triangular one costs a tenth of the symmetric.
    lower = linalg.cholesky(shrunk, lower=True)
    whitening: Array = linalg.solve_triangular(lower, samples.axes.T, lower=True).T
    return np.ascontiguousarray(whitening)


def _squared_distances(A: Array, B: Array) -> Array:
    squared: Array = np.square(A).sum(axis=1)[:, None] + np.square(B).sum(axis=1) - 2 * A @ B.T
    return np.maximum(squared, 0)
