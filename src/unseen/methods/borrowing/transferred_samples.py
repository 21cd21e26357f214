"""TransferredSamples: a class without examples borrows those of seen classes, as far as they can be relied on."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import nnls

from unseen.methods.base import Citation, Method
from unseen.methods.linalg import class_means, class_sums, cosine, directions_from
from unseen.methods.samples import blocks
from unseen.methods.synthesis.gaussians import spread_within
from unseen.validation import check_number, check_seed

if TYPE_CHECKING:
    from collections.abc import Callable

    from unseen.methods.base import Array
    from unseen.methods.samples import Samples

__all__ = ["TransferredSamples"]

# Penalty of the regression that says how well a sample fits a prototype, relative to the features' variance.
_FIT_PENALTY = 1.0


class TransferredSamples(Method):
    r"""Borrow samples of seen classes with weights for their reliability, and train a discriminant on them.

    A class with prototype p, as a direction :math:`\tilde p` from the mean of the seen ones, borrows

    .. math:: a = \arg\min_{a \ge 0} \Bigl\lVert \tilde p - \sum_t a_t \tilde s_t \Bigr\rVert^2
       + \alpha \lVert a\rVert^2, \qquad
       w_i = (1+\alpha)\, a_{y_i} \frac{e^{\beta \cos(\hat s(x_i),\, \tilde p)}}
       {\sum_{j:\, y_j = y_i} e^{\beta \cos(\hat s(x_j),\, \tilde p)}}

    from the seen classes, where :math:`\hat s` is a ridge regression of vectors onto prototypes. With its mean
    :math:`m = \sum_i w_i (x_i - \bar x)` it is told from the average of all seen classes by a linear discriminant,

    .. math:: f(x) = (x - \bar x)^\top \Sigma^{-1} m - \tfrac12\, m^\top \Sigma^{-1} m

    Parameters
    ----------
    alpha : float, default 0.3
        How evenly to borrow, above 0. Smaller borrows from fewer classes, those that explain the prototype together.
    sharpness : float, default 1.0
        :math:`\beta`, from 0 to 100: how much more weight samples get that look like the new class among those of
        their own. 0 weighs all samples of a class alike.
    shrinkage : float, default 1.0
        What is added to each variance of :math:`\Sigma`, above 0, in units of the mean variance within classes.
    n_per_class : int, default 50
        How many samples of each seen class are kept for borrowing, at least 1; of more, a random choice.
    random_state : int, RandomState or None, default None
        Where that choice comes from.

    Attributes
    ----------
    feature_mean_ : ndarray of shape (d,)
        Mean of the training vectors.
    axes_ : ndarray of shape (d, r)
        Their principal axes.
    variance_ : ndarray of shape (r,)
        Variances within seen classes along them, with the shrinkage: the diagonal of :math:`\Sigma`.
    semantic_mean_ : ndarray of shape (k,)
        Mean of the seen prototypes.
    kept_ : ndarray of float32 of shape (m, r)
        Samples that can be borrowed, along the principal axes; those of a class are moved together so that their mean
        is that of all its samples.
    kept_classes_ : ndarray of int of shape (m,)
        Positions of their classes.
    kept_fits_ : ndarray of shape (m, k)
        Their regressed prototypes.

    Raises
    ------
    InputError
        When a parameter is out of range.

    Notes
    -----
    Inductive, and no class's score depends on its rivals. Given shared samples, a fit costs O(n d) and O(m d r);
    preparing C classes O(C C_seen^3) at worst for the amounts and O(C m r) for the rest; scoring O(n d C). The model
    keeps up to ``n_per_class`` training vectors of each class: mind who may have them.

    Departures from the paper. (1) It selects samples by transferability and by diversity in turn; here non-negative
    least squares does both, as classes that say the same about a prototype do not enter it together. (2) It trains
    support vector machines against the other unseen classes that suppress unreliable positives; here weights are
    fixed beforehand and the negatives are all seen classes, so that a class scores the same whatever its rivals.
    (3) The penalty's shrinking of the amounts is undone by the factor :math:`1+\alpha`, so that a class with the
    prototype of a seen one which is unlike all others borrows that class whole.

    References
    ----------
    Guo, Ding, Han and Gao, "Zero-Shot Learning With Transferred Samples", IEEE Transactions on Image Processing 2017.

    Examples
    --------
    >>> from unseen import Prototypes
    >>> from unseen.methods.borrowing.transferred_samples import TransferredSamples
    >>> p = Prototypes(["cat", "cow", "horse", "calf"], [[0, 0], [4, 1], [4, 3], [3, 1.5]])
    >>> X = [[0.0, 0.0], [0.1, 0.1], [4.0, 1.0], [3.9, 1.2], [4.0, 3.0], [4.1, 2.8]]
    >>> y = ["cat", "cat", "cow", "cow", "horse", "horse"]
    >>> new = p.subset(["cat", "calf"])
    >>> TransferredSamples().fit(X, y, prototypes=p).predict([[3.0, 1.4]], prototypes=new).item()
    'calf'
    """

    family = "borrowing"
    citation = Citation(
        authors="Guo, Ding, Han and Gao",
        title="Zero-Shot Learning With Transferred Samples",
        venue="IEEE Transactions on Image Processing",
        year=2017,
        url="https://eprints.lancs.ac.uk/id/eprint/87889/",
    )
    search_space = MappingProxyType(
        {"alpha": (0.1, 0.2, 0.3, 0.5), "sharpness": (0.0, 1.0, 3.0), "shrinkage": (0.3, 1.0, 3.0)}
    )

    def __init__(
        self,
        alpha: float = 0.3,
        *,
        sharpness: float = 1.0,
        shrinkage: float = 1.0,
        n_per_class: int = 50,
        random_state: Any = None,
    ) -> None:
        self.alpha = alpha
        self.sharpness = sharpness
        self.shrinkage = shrinkage
        self.n_per_class = n_per_class
        self.random_state = random_state

    def _fit_samples(self, samples: Samples, S: Array) -> None:
        owner = "TransferredSamples"
        check_number(owner, "alpha", self.alpha, low=0, low_open=True)
        check_number(owner, "sharpness", self.sharpness, low=0, high=100)
        shrinkage = check_number(owner, "shrinkage", self.shrinkage, low=0, low_open=True)
        check_number(owner, "n_per_class", self.n_per_class, low=1, integer=True)
        random = check_seed(owner, self.random_state)
        self.feature_mean_, self.axes_ = samples.mean, samples.axes
        spread, floor = spread_within(samples)
        self.variance_ = spread + shrinkage * floor
        self.semantic_mean_ = S.mean(axis=0)
        # The first few of each class in a random order; where none has too many, all of them.
        order = random.permutation(samples.n)
        order = order[np.argsort(samples.y[order], kind="stable")]
        starts = np.repeat(np.cumsum(samples.counts) - samples.counts, samples.counts)
        rows = np.sort(order[np.arange(samples.n) - starts < self.n_per_class])
        self.kept_classes_ = samples.y[rows]
        self.kept_ = np.empty((len(rows), self.axes_.shape[1]), dtype=np.float32)
        for part, block in blocks(samples.X[rows]):
            self.kept_[part] = (block - self.feature_mean_) @ self.axes_
        # A few dozen samples miss the mean of their class by more than it differs from others': put them back on it.
        kept_means = class_means(self.kept_, self.kept_classes_, len(S))
        self.kept_ += (samples.rotated - kept_means)[self.kept_classes_].astype(np.float32)
        targets = directions_from(self.semantic_mean_, S)
        centre = (samples.counts / samples.n) @ targets
        products = (samples.rotated * samples.counts[:, None]).T @ (targets - centre)
        coef = products / (samples.values + _FIT_PENALTY * samples.scale)[:, None]
        self.kept_fits_ = self.kept_ @ coef + centre

    def _weights(self, P: Array) -> Array:
        """Return the weights (m, C) with which classes of prototypes P (C, k) borrow the samples that were kept."""
        seen = directions_from(self.semantic_mean_, self.seen_prototypes_.vectors.astype(np.float64))
        new = directions_from(self.semantic_mean_, P)
        T = len(seen)
        design = np.vstack([seen.T, np.sqrt(self.alpha) * np.eye(T)])
        targets = np.hstack([new, np.zeros((len(new), T))])
        amounts = np.array([nnls(design, target, maxiter=100 * T)[0] for target in targets]).T
        fits = np.exp(self.sharpness * (cosine(self.kept_fits_, new) - 1))
        totals = class_sums(fits, self.kept_classes_, T)
        weights: Array = fits * ((1 + self.alpha) * amounts / totals)[self.kept_classes_]
        return weights

    def _scorer(self, P: Array) -> Callable[[Array], Array]:
        means = self._weights(P).T @ self.kept_
        weights = means / self.variance_
        coef = self.axes_ @ weights.T
        offsets = -0.5 * (means * weights).sum(axis=1)
        return lambda X: (X - self.feature_mean_) @ coef + offsets

    def _class_scores(self, X: Array, P: Array) -> Array:
        return self._scorer(P)(X)
