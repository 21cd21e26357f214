"""SAE: one map from vectors to prototypes whose transpose maps back."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from unseen.methods.base import Citation, Method
from unseen.methods.linalg import cosine
from unseen.methods.projection.nearness import nearness, prototype_axes
from unseen.validation import check_choice, check_number

if TYPE_CHECKING:
    from collections.abc import Callable

    from unseen.methods.base import Array
    from unseen.methods.samples import Samples

__all__ = ["SAE"]

_DIRECTIONS = ("visual_to_semantic", "semantic_to_visual")


class SAE(Method):
    r"""Semantic autoencoder: a linear map encodes vectors as their class's prototype, its transpose decodes them.

    .. math:: \min_W \sum_i \lVert \tilde x_i - \tilde s_{y_i} W^\top\rVert^2
       + \lambda \sum_i \lVert \tilde x_i W - \tilde s_{y_i}\rVert^2

    over vectors and prototypes that are centred and scaled to a total variance of one on either side. Its solution
    satisfies a Sylvester equation, :math:`W A + \lambda B W = (1+\lambda)\, \tilde X^\top \tilde S` with
    :math:`A = \tilde S^\top \tilde S` and :math:`B = \tilde X^\top \tilde X`.

    Parameters
    ----------
    alpha : float, default 10.0
        Weight of encoding against decoding, above 0; :math:`\lambda` in the paper.
    direction : {"visual_to_semantic", "semantic_to_visual"}, default "semantic_to_visual"
        Where vectors and prototypes are compared, by their cosine: encoded vectors with prototypes, or vectors with
        decoded prototypes. The latter makes fewer hubs.

    Attributes
    ----------
    coef_ : ndarray of shape (d, k)
        W, in the scale of the given vectors and prototypes: ``(x - feature_mean_) @ coef_`` is the encoded vector less
        ``semantic_mean_``.
    feature_mean_ : ndarray of shape (d,)
        Mean of the training vectors.
    semantic_mean_ : ndarray of shape (k,)
        Mean of their classes' prototypes.

    Raises
    ------
    InputError
        When `alpha` is not a number above 0, or `direction` is not one of the two.

    Notes
    -----
    Inductive. In the eigenvectors of A and B the Sylvester equation falls apart into one division per entry, so
    O(n d min(n, d)) once for all `alpha` where samples are shared, then O(C k min(C, k) + C d k).
    The authors call a general Sylvester solver for each weight, and write the map without an intercept; what
    their weight means changes with the scale of the features. Here both sides are
    centred, because a map without an intercept loses accuracy on features with a mean, and scaled, because weights
    tied to their transpose have a scale of their own.

    References
    ----------
    Kodirov, Xiang and Gong, "Semantic Autoencoder for Zero-Shot Learning", CVPR 2017.

    Examples
    --------
    >>> from unseen import Prototypes
    >>> from unseen.methods.projection.sae import SAE
    >>> p = Prototypes(["low", "middle", "high"], [[1, 0], [0.7, 0.7], [0, 1]])
    >>> X = [[0.0], [0.1], [1.0], [0.9]]
    >>> SAE().fit(X, ["low", "low", "high", "high"], prototypes=p).predict([[0.9]], prototypes=p).item()
    'high'
    """

    family = "projection"
    citation = Citation(
        authors="Kodirov, Xiang and Gong",
        title="Semantic Autoencoder for Zero-Shot Learning",
        venue="CVPR",
        year=2017,
        url="https://arxiv.org/abs/1704.08345",
    )
    search_space = MappingProxyType({"alpha": tuple(10.0**e for e in range(-2, 4)), "direction": _DIRECTIONS})

    def __init__(self, alpha: float = 10.0, *, direction: str = "semantic_to_visual") -> None:
        self.alpha = alpha
        self.direction = direction

    def _fit_samples(self, samples: Samples, S: Array) -> None:
        alpha = check_number("SAE", "alpha", self.alpha, low=0, low_open=True)
        check_choice("SAE", "direction", self.direction, _DIRECTIONS)
        self.feature_mean_ = samples.mean
        self.semantic_mean_, left, deviations, axes = prototype_axes(samples.counts, S)
        visual, semantic = samples.values.sum() or 1.0, np.square(deviations).sum() or 1.0
        # The right-hand side in both sides' principal axes: sums of vectors over classes meet prototypes there.
        products = samples.rotated.T @ (np.sqrt(samples.counts)[:, None] * left * deviations)
        products *= (1 + alpha) / np.sqrt(visual * semantic)
        sums = np.square(deviations) / semantic + alpha * samples.values[:, None] / visual
        # Encoding maps unit variance to unit variance; the given scales go back in.
        self.coef_ = samples.axes @ (products / sums) @ axes.T * np.sqrt(semantic / visual)

    def _scorer(self, P: Array) -> Callable[[Array], Array]:
        if self.direction == "visual_to_semantic":
            return lambda X: cosine((X - self.feature_mean_) @ self.coef_ + self.semantic_mean_, P)
        near = nearness((P - self.semantic_mean_) @ self.coef_.T, "cosine")
        return lambda X: near(X - self.feature_mean_)

    def _class_scores(self, X: Array, P: Array) -> Array:
        return self._scorer(P)(X)
