"""ConSE: a vector's prototype is the mixture of the seen prototypes it looks like."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import softmax

from unseen.methods.base import Citation, Method
from unseen.methods.classifiers import softmax_classifiers
from unseen.methods.linalg import cosine
from unseen.validation import check_number

if TYPE_CHECKING:
    from unseen.methods.base import Array
    from unseen.methods.samples import Samples

__all__ = ["ConSE"]


class ConSE(Method):
    r"""Convex combination of semantic embeddings: the likeliest seen classes' prototypes, averaged.

    .. math:: f(x) = \frac{1}{Z}\sum_{t=1}^{T} p(\hat y_t \mid x)\, s_{\hat y_t}, \qquad
       f_c(x) = \cos\bigl(f(x),\, p_c\bigr)

    where :math:`\hat y_1, \dots, \hat y_T` are the T likeliest seen classes of a softmax classifier.

    Parameters
    ----------
    n_nearest : int, default 10
        How many seen classes take part, T; at least 1. More than there are means all.
    C : float, default 1.0
        Inverse strength of the classifier's penalty, above 0, for features scaled to unit variance.

    Attributes
    ----------
    coef_ : ndarray of shape (C_seen, d)
        Weights of the seen classifier.
    intercept_ : ndarray of shape (C_seen,)
        Its offsets.

    Raises
    ------
    InputError
        When a parameter is out of range.

    Notes
    -----
    Inductive. `fit` takes tens of steps of O(n d C_seen), in the precision of the vectors; scoring costs
    O(n C_seen (d + k) + n C k). The mixture always lies among seen prototypes, so seen classes win easily when both
    kinds compete: calibrate before using it for both. The authors take the probabilities of a network; here a
    multinomial logistic regression on the given vectors plays that part.

    References
    ----------
    Norouzi et al., "Zero-Shot Learning by Convex Combination of Semantic Embeddings", ICLR 2014.

    Examples
    --------
    >>> from unseen import Prototypes
    >>> from unseen.methods.relationship.conse import ConSE
    >>> p = Prototypes(["low", "middle", "high"], [[1, 0], [0.7, 0.7], [0, 1]])
    >>> X = [[0.0], [0.1], [1.0], [0.9]]
    >>> ConSE().fit(X, ["low", "low", "high", "high"], prototypes=p).predict([[0.5]], prototypes=p).item()
    'middle'
    """

    family = "relationship"
    citation = Citation(
        authors="Norouzi, Mikolov, Bengio, Singer, Shlens, Frome, Corrado and Dean",
        title="Zero-Shot Learning by Convex Combination of Semantic Embeddings",
        venue="ICLR",
        year=2014,
        url="https://arxiv.org/abs/1312.5650",
    )
    search_space = MappingProxyType({"n_nearest": (3, 10, 30), "C": (1e-3, 1e-2, 1e-1, 1.0)})

    def __init__(self, n_nearest: int = 10, *, C: float = 1.0) -> None:
        self.n_nearest = n_nearest
        self.C = C

    def _fit_samples(self, samples: Samples, S: Array) -> None:
        check_number("ConSE", "n_nearest", self.n_nearest, low=1, integer=True)
        strength = check_number("ConSE", "C", self.C, low=0, low_open=True)
        self.coef_, self.intercept_ = softmax_classifiers(samples, C=strength)

    def seen_probabilities(self, X: Array) -> Array:
        """Return the seen classifier's probabilities (n, C_seen) of vectors X (n, d)."""
        probabilities: Array = softmax(np.asarray(X, dtype=np.float64) @ self.coef_.T + self.intercept_, axis=1)
        return probabilities

    def _class_scores(self, X: Array, P: Array) -> Array:
        probabilities = self.seen_probabilities(X)
        if self.n_nearest < probabilities.shape[1]:
            cut = np.partition(probabilities, -self.n_nearest, axis=1)[:, -self.n_nearest, None]
            probabilities = np.where(probabilities >= cut, probabilities, 0)
        # Dividing by the sum of what is left would not change a cosine.
        return cosine(probabilities @ self.seen_prototypes_.vectors, P)
