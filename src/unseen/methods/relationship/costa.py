"""COSTA: an unseen class's classifier is a weighted sum of the seen classes' classifiers."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from unseen.methods.base import Citation, Method
from unseen.methods.classifiers import hinge_classifiers
from unseen.methods.linalg import cosine, unit_rows
from unseen.validation import check_choice, check_number

if TYPE_CHECKING:
    from collections.abc import Callable

    from unseen.methods.base import Array
    from unseen.methods.samples import Samples

__all__ = ["COSTA"]

_SIMILARITIES = ("correlation", "cosine", "dice", "product")


class COSTA(Method):
    r"""Co-occurrence statistics: sum up the seen classes' classifiers, weighted by how much the classes share.

    .. math:: w_c = \sum_s r(p_c, s_s)\, v_s, \qquad f_c(x) = \frac{w_c^\top (x-\bar x)}{\lVert w_c\rVert}

    where :math:`v_s` is seen class s's classifier against all others, of squared hinge loss, and r one of

    ============= ==================================================================
    correlation   :math:`\cos(p-\bar s,\; s-\bar s)`, with the mean of seen prototypes
    cosine        :math:`\cos(p, s)`
    dice          :math:`2\,p^\top s\,/\,(\lVert p\rVert^2 + \lVert s\rVert^2)`
    product       :math:`p^\top s`: for binary attributes, how many both classes have
    ============= ==================================================================

    Parameters
    ----------
    n_nearest : int or None, default None
        How many seen classes, the most similar ones, make up a class; at least 1. None means all.
    similarity : {"correlation", "cosine", "dice", "product"}, default "correlation"
        How weights come from prototypes. Only correlations subtract the classifiers of classes that are less alike
        than the average.
    C : float, default 1e-3
        Inverse strength of the classifiers' penalty, above 0, for features scaled to unit variance. Smaller is
        smoother.

    Attributes
    ----------
    coef_ : ndarray of shape (C_seen, d)
        Weights of the seen classifiers.
    feature_mean_ : ndarray of shape (d,)
        Mean of the training vectors.
    semantic_mean_ : ndarray of shape (k,)
        Mean of the seen prototypes.

    Raises
    ------
    InputError
        When a parameter is out of range or unknown.

    Notes
    -----
    Inductive. `fit` takes tens of steps of O(n d C_seen), `class_scores` O(C C_seen (k + d) + n C d). The paper counts
    how often labels occur together in annotated images; where classes have prototypes and no such images, what two
    classes share is read from the prototypes, and of the paper's normalisations "product" is the plain count and
    "dice" its Dice coefficient. Sums are scaled to one length and offsets left out, since they depend on how many
    classes a class resembles, which is no evidence for it.

    References
    ----------
    Mensink, Gavves and Snoek, "COSTA: Co-Occurrence Statistics for Zero-Shot Classification", CVPR 2014.

    Examples
    --------
    >>> from unseen import Prototypes
    >>> from unseen.methods.relationship.costa import COSTA
    >>> p = Prototypes(["fish", "duck", "bat", "stone"], [[1, 0], [1, 1], [0, 1], [0, 0]])
    >>> X = [[9.0, 1.0], [8.0, 0.0], [1.0, 9.0], [0.0, 8.0], [0.0, 1.0], [1.0, 0.0]]
    >>> y = ["fish", "fish", "bat", "bat", "stone", "stone"]
    >>> COSTA().fit(X, y, prototypes=p).predict([[8.0, 9.0]], prototypes=p).item()
    'duck'
    """

    family = "relationship"
    citation = Citation(
        authors="Mensink, Gavves and Snoek",
        title="COSTA: Co-Occurrence Statistics for Zero-Shot Classification",
        venue="CVPR",
        year=2014,
    )
    search_space = MappingProxyType({"C": (1e-4, 3e-4, 1e-3, 3e-3), "n_nearest": (10, 20, None)})

    def __init__(self, n_nearest: int | None = None, *, similarity: str = "correlation", C: float = 1e-3) -> None:
        self.n_nearest = n_nearest
        self.similarity = similarity
        self.C = C

    def _fit_samples(self, samples: Samples, S: Array) -> None:
        if self.n_nearest is not None:
            check_number("COSTA", "n_nearest", self.n_nearest, low=1, integer=True)
        check_choice("COSTA", "similarity", self.similarity, _SIMILARITIES)
        strength = check_number("COSTA", "C", self.C, low=0, low_open=True)
        self.feature_mean_ = samples.mean
        self.semantic_mean_ = S.mean(axis=0)
        self.coef_, _ = hinge_classifiers(samples, C=strength)

    def _weights(self, P: Array) -> Array:
        """Return the weight (C, C_seen) of each seen class for prototypes P (C, k)."""
        S = self.seen_prototypes_.vectors.astype(np.float64)
        if self.similarity == "correlation":
            weights = cosine(P - self.semantic_mean_, S - self.semantic_mean_)
        elif self.similarity == "cosine":
            weights = cosine(P, S)
        else:
            weights = P @ S.T
            if self.similarity == "dice":
                sizes = np.square(P).sum(axis=1)[:, None] + np.square(S).sum(axis=1)
                weights = np.divide(2 * weights, sizes, out=np.zeros_like(weights), where=sizes > 0)
        if self.n_nearest is not None and self.n_nearest < len(S):
            cut = np.partition(weights, -self.n_nearest, axis=1)[:, -self.n_nearest, None]
            weights = np.where(weights >= cut, weights, 0)
        return weights

    def _scorer(self, P: Array) -> Callable[[Array], Array]:
        coef = unit_rows(self._weights(P) @ self.coef_).T
        return lambda X: (X - self.feature_mean_) @ coef

    def _class_scores(self, X: Array, P: Array) -> Array:
        return self._scorer(P)(X)
