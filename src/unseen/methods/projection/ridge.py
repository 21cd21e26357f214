"""Ridge: vectors regressed onto class prototypes (visual -> semantic)."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from unseen.methods.base import Citation, Method
from unseen.methods.linalg import cosine
from unseen.validation import check_number

if TYPE_CHECKING:
    from unseen.methods.base import Array
    from unseen.methods.samples import Samples

__all__ = ["Ridge"]


class Ridge(Method):
    r"""Regress vectors onto their class's prototype, then score by the cosine to each prototype.

    .. math:: \min_W \sum_i \lVert (x_i-\bar x) W - (s_{y_i}-\bar s)\rVert^2 + \alpha \lVert W\rVert_F^2,
       \qquad f_c(x) = \cos\bigl((x-\bar x)W + \bar s,\; p_c\bigr)

    Parameters
    ----------
    alpha : float, default 1.0
        Strength of the penalty, at least 0, relative to the mean variance of a feature times the number of
        samples, so that one value serves features of any scale. Larger is smoother.

    Attributes
    ----------
    coef_ : ndarray of shape (d, k)
        W.
    feature_mean_ : ndarray of shape (d,)
        Mean of the training vectors.
    semantic_mean_ : ndarray of shape (k,)
        Mean of their classes' prototypes.

    Raises
    ------
    InputError
        When `alpha` is not a number at least 0.

    Notes
    -----
    Inductive. O(n d min(n, d)), once for all `alpha` where samples are shared. Directions in which the vectors do
    not vary get no weight, so ``alpha=0`` is the least-norm solution. Leaving out the intercept costs up to half of
    the accuracy on non-centred features, so there is no switch for it.
    Regression in this direction makes hubs (Shigeto et al. 2015).

    References
    ----------
    Hoerl and Kennard, "Ridge Regression: Biased Estimation for Nonorthogonal Problems", Technometrics 1970.
    Palatucci, Pomerleau, Hinton and Mitchell, "Zero-shot Learning with Semantic Output Codes", NIPS 2009.

    Examples
    --------
    >>> from unseen import Prototypes
    >>> from unseen.methods.projection.ridge import Ridge
    >>> p = Prototypes(["low", "middle", "high"], [[1, 0], [0.7, 0.7], [0, 1]])
    >>> X = [[0.0], [0.1], [1.0], [0.9]]
    >>> Ridge(alpha=0).fit(X, ["low", "low", "high", "high"], prototypes=p).predict([[0.5]], prototypes=p).item()
    'middle'
    """

    family = "projection"
    citation = Citation(
        authors="Palatucci, Pomerleau, Hinton and Mitchell",
        title="Zero-shot Learning with Semantic Output Codes",
        venue="NIPS",
        year=2009,
    )
    search_space = MappingProxyType({"alpha": tuple(10.0**e for e in range(-4, 3))})

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = alpha

    def _fit_samples(self, samples: Samples, S: Array) -> None:
        alpha = check_number("Ridge", "alpha", self.alpha, low=0)
        share = samples.counts / samples.n
        self.feature_mean_ = samples.mean
        self.semantic_mean_ = share @ S
        # A sum over samples is a sum over classes: all samples of a class have one target.
        products = (samples.rotated * samples.counts[:, None]).T @ (S - self.semantic_mean_)
        penalty = alpha * samples.scale
        self.coef_ = samples.axes @ (products / (samples.values + penalty)[:, None])

    def _class_scores(self, X: Array, P: Array) -> Array:
        return cosine((X - self.feature_mean_) @ self.coef_ + self.semantic_mean_, P)
