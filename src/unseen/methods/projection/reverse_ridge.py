"""ReverseRidge: class prototypes regressed onto vectors (semantic -> visual)."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from unseen.methods.base import Citation, Method
from unseen.methods.projection.nearness import METRICS, nearness, prototype_axes
from unseen.validation import check_choice, check_number

if TYPE_CHECKING:
    from collections.abc import Callable

    from unseen.methods.base import Array
    from unseen.methods.samples import Samples

__all__ = ["ReverseRidge"]


class ReverseRidge(Method):
    r"""Regress prototypes onto the vectors of their class, then score vectors by how near a class's image is.

    .. math:: \min_W \sum_i \lVert (x_i-\bar x) - (s_{y_i}-\bar s) W\rVert^2 + \alpha \lVert W\rVert_F^2,
       \qquad f_c(x) = \cos\bigl(x-\bar x,\; (p_c-\bar s) W\bigr)

    or :math:`f_c(x) = -\lVert (x-\bar x) - (p_c-\bar s) W\rVert^2` with the Euclidean metric.

    Parameters
    ----------
    alpha : float, default 1.0
        Strength of the penalty, at least 0, relative to the mean variance of a prototype's dimension times the number
        of samples, so that one value serves prototypes of any scale. Larger is smoother.
    metric : {"cosine", "euclidean"}, default "cosine"
        How nearness is measured. The cosine forgives a regression that falls short, which all penalised ones do.

    Attributes
    ----------
    coef_ : ndarray of shape (k, d)
        W.
    feature_mean_ : ndarray of shape (d,)
        Mean of the training vectors.
    semantic_mean_ : ndarray of shape (k,)
        Mean of their classes' prototypes.

    Raises
    ------
    InputError
        When `alpha` is not a number at least 0, or `metric` is not one of the two.

    Notes
    -----
    Inductive. Class means and counts are all that is learned from: O(n d) for these, then O(C k min(C, k) + C k d)
    for each `alpha`. Directions in which the prototypes do not vary get no weight, so ``alpha=0`` is the least-norm
    solution. Regressing towards the vectors makes fewer hubs than regressing towards the prototypes. The authors
    rank by Euclidean distance and write the map without an intercept; here both sides are centred, which is an
    intercept, and the cosine is the default, as it holds up where the penalty is too strong.

    References
    ----------
    Shigeto, Suzuki, Hara, Shimbo and Matsumoto, "Ridge Regression, Hubness, and Zero-Shot Learning", ECML-PKDD 2015.

    Examples
    --------
    >>> from unseen import Prototypes
    >>> from unseen.methods.projection.reverse_ridge import ReverseRidge
    >>> p = Prototypes(["low", "middle", "high"], [[1, 0], [0.7, 0.7], [0, 1]])
    >>> X = [[0.0], [0.1], [1.0], [0.9]]
    >>> method = ReverseRidge(metric="euclidean").fit(X, ["low", "low", "high", "high"], prototypes=p)
    >>> method.predict([[0.5]], prototypes=p).item()
    'middle'
    """

    family = "projection"
    citation = Citation(
        authors="Shigeto, Suzuki, Hara, Shimbo and Matsumoto",
        title="Ridge Regression, Hubness, and Zero-Shot Learning",
        venue="ECML-PKDD",
        year=2015,
        url="https://arxiv.org/abs/1507.00825",
    )
    search_space = MappingProxyType({"alpha": tuple(10.0**e for e in range(-2, 4)), "metric": METRICS})

    def __init__(self, alpha: float = 1.0, *, metric: str = "cosine") -> None:
        self.alpha = alpha
        self.metric = metric

    def _fit_samples(self, samples: Samples, S: Array) -> None:
        alpha = check_number("ReverseRidge", "alpha", self.alpha, low=0)
        check_choice("ReverseRidge", "metric", self.metric, METRICS)
        self.feature_mean_ = samples.mean
        self.semantic_mean_, left, values, axes = prototype_axes(samples.counts, S)
        penalty = alpha * np.square(values).sum() / S.shape[1]
        # Singular vectors of the prototypes weighted by sqrt(counts): the same weights turn means into sums.
        shrunk = (left * (values / (np.square(values) + penalty))).T * np.sqrt(samples.counts)
        self.coef_ = axes @ (shrunk @ samples.offsets)

    def _scorer(self, P: Array) -> Callable[[Array], Array]:
        near = nearness((P - self.semantic_mean_) @ self.coef_, self.metric)
        return lambda X: near(X - self.feature_mean_)

    def _class_scores(self, X: Array, P: Array) -> Array:
        return self._scorer(P)(X)
