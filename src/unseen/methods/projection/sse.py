"""SSE: classes and vectors both described by how much of each seen class is in them."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from scipy import linalg

from unseen.methods.base import Citation, Method
from unseen.methods.linalg import class_sums, unit_rows
from unseen.methods.samples import blocks
from unseen.validation import check_number

if TYPE_CHECKING:
    from collections.abc import Callable

    from unseen.methods.base import Array
    from unseen.methods.samples import Samples

__all__ = ["SSE"]

# The accelerated gradient steps stop when no share moves by more than this, or after so many.
_STILL, _STEPS = 1e-9, 2000


class SSE(Method):
    r"""Semantic similarity embedding: prototypes as mixtures of seen prototypes, vectors as likenesses to seen classes.

    .. math:: z(p) = \operatorname*{argmin}_{z \ge 0,\; \sum_s z_s = 1}
       \bigl\lVert \hat p - \textstyle\sum_s z_s \hat s_s\bigr\rVert^2 + \gamma \lVert z\rVert^2, \qquad
       f_c(x) = -\sum_s z_s(p_c)\, w^\top |x - m_s|

    where distances are taken feature by feature, :math:`m_s` is the mean of seen class s, and the hats centre
    prototypes on the mean of the seen ones and scale them to unit length. With :math:`\delta_{ic}` the difference of
    :math:`-\sum_s z_s |x_i - m_s|` between a sample's class and class c, the weights solve

    .. math:: \min_w \operatorname*{mean}_{y,\,c \ne y} \bigl(1 - w^\top \bar\delta_{yc}\bigr)^2
       + \operatorname*{mean}_i \bigl(w^\top (\bar\delta_i - \bar\delta_{y_i})\bigr)^2
       + \alpha\, \sigma \lVert w\rVert^2

    whose first part asks for the samples of each class, on average, to prefer it to every other by one, and whose
    second for the lead over the mean of all classes to vary little within a class.

    Parameters
    ----------
    alpha : float, default 1.0
        Strength of the penalty, above 0, relative to the mean square :math:`\sigma` of what w is multiplied by. Larger
        is smoother.
    gamma : float, default 1.0
        Spread of the mixtures, above 0: the smaller, the fewer seen classes a prototype is made of.

    Attributes
    ----------
    coef_ : ndarray of shape (d,)
        w.
    class_means_ : ndarray of shape (C_seen, d)
        Means of the seen classes.
    anchors_ : ndarray of shape (C_seen, k)
        Scaled prototypes of the seen classes.
    semantic_mean_ : ndarray of shape (k,)
        Mean of the seen prototypes.

    Raises
    ------
    InputError
        When `alpha` or `gamma` is not a number above 0.

    Notes
    -----
    Inductive. O(n C d) for the distances, O(n d^2 + C^2 d (C + d) + d^3) for the weights and C^2 d numbers of memory;
    scoring costs O(n C_seen d). Nothing of this is shared between fits but the class means, so a search over
    parameters costs a full fit each.

    The authors learn the classes' points m_s along with w, by turns, under a hinge loss with slack for every sample
    and rival. Here the points are the class means, the hinge is a square, and samples
    enter as class averages and the scatter around them: w is then the solution of one linear system. Prototypes are
    centred and scaled to unit length before they are mixed.

    They offer the intersection min(x, m) and the rectifier max(0, x - m) as features, for histograms. As
    max(0, x - m) = x - min(x, m) and mixtures sum to one, the two rank alike, up to the weights' sign: there is
    nothing to choose. And min(x, m) is half of x + m - \|x - m\|, in which x is the same for all classes and m favours
    classes of large features, which says nothing unless features are histograms: here it is left out, so that scores
    do not depend on where the features' zero is.

    References
    ----------
    Zhang and Saligrama, "Zero-Shot Learning via Semantic Similarity Embedding", ICCV 2015.

    Examples
    --------
    >>> from unseen import Prototypes
    >>> from unseen.methods.projection.sse import SSE
    >>> p = Prototypes(["low", "middle", "high"], [[1, 0], [0.7, 0.7], [0, 1]])
    >>> X = [[0.0], [0.1], [1.0], [0.9]]
    >>> SSE().fit(X, ["low", "low", "high", "high"], prototypes=p).predict([[0.9]], prototypes=p).item()
    'high'
    """

    family = "projection"
    citation = Citation(
        authors="Zhang and Saligrama",
        title="Zero-Shot Learning via Semantic Similarity Embedding",
        venue="ICCV",
        year=2015,
        url="https://arxiv.org/abs/1509.04767",
    )
    search_space = MappingProxyType({"alpha": (0.1, 1.0, 10.0), "gamma": (0.3, 1.0, 3.0)})

    def __init__(self, alpha: float = 1.0, *, gamma: float = 1.0) -> None:
        self.alpha = alpha
        self.gamma = gamma

    def _fit_samples(self, samples: Samples, S: Array) -> None:
        alpha = check_number("SSE", "alpha", self.alpha, low=0, low_open=True)
        check_number("SSE", "gamma", self.gamma, low=0, low_open=True)
        self.semantic_mean_ = S.mean(axis=0)
        self.anchors_ = unit_rows(S - self.semantic_mean_)
        self.class_means_ = samples.means
        system, target = _ranking(samples, self._mixtures(S))
        mean_square = float(np.trace(system)) / samples.d
        if mean_square == 0:
            self.coef_: Array = np.ones(samples.d)  # nothing to rank by: every feature counts alike
            return
        # In units of the mean square, so that features of any scale are solved for alike.
        system /= mean_square
        system[np.diag_indices_from(system)] += alpha
        self.coef_ = linalg.solve(system, target / mean_square, assume_a="pos")

    def _mixtures(self, P: Array) -> Array:
        return _mix(unit_rows(P - self.semantic_mean_), self.anchors_, self.gamma)

    def _scorer(self, P: Array) -> Callable[[Array], Array]:
        mixtures = self._mixtures(P)

        def score(X: Array) -> Array:
            distances = [np.abs(X - point) @ self.coef_ for point in self.class_means_]
            return np.asarray(-np.stack(distances, axis=1) @ mixtures.T)

        return score

    def _class_scores(self, X: Array, P: Array) -> Array:
        return self._scorer(P)(X)


def _ranking(samples: Samples, Z: Array) -> tuple[Array, Array]:
    """Return the matrix (d, d) and right-hand side (d,) of the weights' normal equations, without the penalty."""
    n_classes, d = samples.offsets.shape
    average = np.zeros((n_classes, n_classes, d))  # of -|x - m_s| over class y, at [y, s]
    lead = Z - Z.mean(axis=0)
    within = np.zeros((d, d))
    for rows, block in blocks(samples.X):
        y = samples.y[rows]
        leads = np.zeros_like(block)
        centred = block - samples.mean
        for s, point in enumerate(samples.offsets):
            near = -np.abs(centred - point)
            average[:, s] += class_sums(near, y, n_classes)
            leads += lead[y, s][:, None] * near
        within += leads.T @ leads
    average /= np.maximum(samples.counts, 1)[:, None, None]
    leading = np.einsum("ys,ysd->yd", lead, average)
    within -= (leading * samples.counts[:, None]).T @ leading
    system, target = within / samples.n, np.zeros(d)
    n_pairs = max(n_classes * (n_classes - 1), 1)
    for own, of_class in zip(Z, average, strict=True):
        over_rivals = (own - Z) @ of_class  # its own row is zero and counts for nothing
        system += over_rivals.T @ over_rivals / n_pairs
        target += over_rivals.sum(axis=0) / n_pairs
    return system, target


def _mix(P: Array, A: Array, gamma: float) -> Array:
    """Return for each row of P (m, k) the shares (m, C) of the rows of A (C, k) that come closest to it."""
    gram, products = A @ A.T + gamma * np.eye(len(A)), P @ A.T
    step = 1 / linalg.eigvalsh(gram)[-1]
    # The problem is as strongly convex as gamma: Nesterov's constant momentum for that.
    root = np.sqrt(gamma * step)
    momentum = (1 - root) / (1 + root)
    shares = np.full(products.shape, 1 / len(A))
    ahead = shares
    for _ in range(_STEPS):
        moved = _to_simplex(ahead - step * (ahead @ gram - products))
        change = moved - shares
        ahead, shares = moved + momentum * change, moved
        if np.abs(change).max(initial=0) <= _STILL:
            break
    return shares


def _to_simplex(V: Array) -> Array:
    """Return the nearest point of the simplex to each row of V (m, C)."""
    falling = -np.sort(-V, axis=1)
    excess = np.cumsum(falling, axis=1) - 1
    ranks = np.arange(1, V.shape[1] + 1)
    n_kept = (falling * ranks > excess).sum(axis=1)
    level = excess[np.arange(len(V)), n_kept - 1] / n_kept
    nearest: Array = np.maximum(V - level[:, None], 0)
    return nearest
