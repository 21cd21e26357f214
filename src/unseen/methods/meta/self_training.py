"""Self-training: unlabelled vectors move the prototypes of classes that have no examples."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import clone

from unseen.errors import InputError
from unseen.methods.base import Capabilities, Citation, Method
from unseen.methods.linalg import unit_rows
from unseen.methods.meta.balance import balanced
from unseen.methods.meta.members import inner_method, seen_rows
from unseen.methods.meta.weights import spread
from unseen.methods.preprocessing import FeatureScaling, even_share
from unseen.methods.samples import Samples
from unseen.validation import check_number, message

if TYPE_CHECKING:
    from unseen.methods.base import Array

__all__ = ["SelfTraining"]


class SelfTraining(Method):
    r"""Score with a method, take each vector's best class for its label, and let classes move to their vectors.

    .. math:: f_c(x) = (1-w)\,\frac{g_c(x)}{\sigma_g} + w\,\frac{\cos(z, m_c)}{\sigma_z}, \qquad
       m_c \leftarrow \tfrac{1}{|A_c|}\sum_{i \in A_c} z_i,\quad A_c = \{i : c = \arg\max_{c'} f_{c'}(x_i)\}

    with :math:`g` the method's score and :math:`z` the scaled vector. Classes that had examples keep the mean of
    those; only the others move.

    Parameters
    ----------
    method : Method or None, default None
        What scores first, inductive; None takes `KernelRidge` with its defaults.
    features : FeatureScaling or None, default None
        The space in which means are taken; None whitens the scatter within classes with ``shrinkage=1``, which
        makes groups of one class round.
    n_iterations : int, default 10
        Rounds of labelling and moving, at least 0; 0 is the method itself, its scores over their spread. Ends early
        when no label changes.
    weight : float, default 0.7
        Share w of the moved means in the score, in [0, 1].
    balance : float, default 0.0
        How far the shares of the moving classes are pushed towards equal ones while labelling, in [0, 1]; see
        `BalancedAssignment`. Above 0 only where the vectors are known to be spread evenly over the classes.

    Attributes
    ----------
    method_ : Method
        The fitted method.
    features_ : FeatureScaling
        The fitted scaling.
    means_ : ndarray of shape (C_seen, r)
        Means of the classes with examples, in that space.
    spread_ : float
        Spread of the method's scores on them.
    closeness_ : float
        Spread of their cosines.

    Raises
    ------
    InputError
        When a parameter is out of range, or the method is transductive itself.

    Notes
    -----
    Transductive: what is scored together is learned from together, so report it in a table of its own. Nothing of
    the vectors is kept. With vectors whose groups are not the classes it hurts; `select` has "off" among the
    settings for that reason. Classes are told to have had examples by having exactly a seen class's prototype.
    Costs `n_iterations` times O(n C r).

    References
    ----------
    Fu, Hospedales, Xiang and Gong, "Transductive Multi-View Zero-Shot Learning", TPAMI 2015.
    Wang and Chen, "Zero-Shot Visual Recognition via Bidirectional Latent Embedding", IJCV 2017: self-training of
    unseen classes' means.

    Examples
    --------
    >>> from unseen import Prototypes
    >>> from unseen.methods.meta.self_training import SelfTraining
    >>> from unseen.methods.projection.ridge import Ridge
    >>> p = Prototypes(["low", "middle", "high"], [[1, 0], [0.7, 0.7], [0, 1]])
    >>> X = [[0.0], [0.1], [1.0], [0.9]]
    >>> method = SelfTraining(Ridge(alpha=0)).fit(X, ["low", "low", "high", "high"], prototypes=p)
    >>> method.predict([[0.5]], prototypes=p).item()
    'middle'
    """

    family = "meta"
    citation = Citation(
        authors="Wang and Chen",
        title="Zero-Shot Visual Recognition via Bidirectional Latent Embedding",
        venue="IJCV",
        year=2017,
        url="https://arxiv.org/abs/1607.02104",
    )
    capabilities = Capabilities(transductive=True, generative=True)
    search_space = MappingProxyType({"n_iterations": (0, 10), "weight": (0.5, 0.8, 1.0), "balance": (0.0, 0.5)})

    def __init__(
        self,
        method: Method | None = None,
        *,
        features: FeatureScaling | None = None,
        n_iterations: int = 10,
        weight: float = 0.7,
        balance: float = 0.0,
    ) -> None:
        self.method = method
        self.features = features
        self.n_iterations = n_iterations
        self.weight = weight
        self.balance = balance

    def _fit_samples(self, samples: Samples, S: Array) -> None:
        check_number("SelfTraining", "n_iterations", self.n_iterations, low=0, integer=True)
        check_number("SelfTraining", "weight", self.weight, low=0, high=1)
        check_number("SelfTraining", "balance", self.balance, low=0, high=1)
        if self.features is not None and not isinstance(self.features, FeatureScaling):
            raise InputError(
                message("SelfTraining", "features", "a FeatureScaling or None", self.features, "Pass an instance")
            )
        self.method_ = inner_method("SelfTraining", self.method)._fit_shared(
            samples, self.classes_, self.seen_prototypes_
        )
        features = FeatureScaling(shrinkage=1.0) if self.features is None else clone(self.features)
        self.features_ = features._learn(samples.X, samples.y, samples.n_classes)
        scaled = self.features_._apply(samples.X)
        self.means_ = Samples(scaled, samples.y, samples.n_classes).means
        self.spread_ = spread(self.method_._class_scores(samples.means, S))
        # Of vectors, not of means: those lie further out than any vector.
        some = scaled[even_share(samples.X, samples.y, samples.n_classes, 2048)].astype(np.float64)
        self.closeness_ = spread(unit_rows(some) @ unit_rows(self.means_).T)

    def _class_scores(self, X: Array, P: Array) -> Array:
        base: Array = self.method_._class_scores(X, P) / self.spread_
        rows = seen_rows(self.seen_prototypes_.vectors, P)
        moving = rows < 0
        if not moving.any() or self.n_iterations == 0 or len(X) < 2:
            return base
        Z = unit_rows(self.features_._apply(X))
        means = np.zeros((len(P), Z.shape[1]))
        means[~moving] = self.means_[rows[~moving]]
        scores = base
        labels = np.full(len(X), -1)
        for _ in range(int(self.n_iterations)):
            previous = labels
            labels = balanced(scores, moving, self.balance).argmax(axis=1) if self.balance else scores.argmax(axis=1)
            if np.array_equal(labels, previous):
                break
            for c in np.flatnonzero(moving):
                mine = labels == c
                means[c] = Z[mine].mean(axis=0) if mine.any() else 0.0
            cosines = Z @ unit_rows(means).T / self.closeness_
            # A class that nobody chose has no mean: it stays with the method's own score.
            chosen = np.abs(means).sum(axis=1) > 0
            blended = (1 - self.weight) * base + self.weight * cosines
            scores = np.where(chosen, blended, base)
        return scores
