"""LabelPropagation: answers travel along a graph of near neighbours, from the classes' texts to all photos."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse
from scipy.special import logsumexp

from unseen.methods.adapting import AdapterTags, _TransductiveAdapter
from unseen.methods.base import Citation
from unseen.methods.linalg import unit_rows
from unseen.methods.neighbours import nearest_rows
from unseen.methods.projection.cosine import Cosine

if TYPE_CHECKING:
    from unseen.methods.base import Array, Method

__all__ = ["LabelPropagation"]

# Classes whose answers travel at a time.
_COLUMNS = 32
# Conjugate gradients stop when no residual is above this share of what they started with.
_TOLERANCE, _MOST = 1e-13, 1000
# A smaller share is what the solver leaves of none.
_NOTHING = 1e-9
_ROWS = 2048


class LabelPropagation(_TransductiveAdapter):
    r"""Join every vector to its nearest vectors and its best classes, and let the classes' names travel.

    .. math:: F = (I - \alpha\, D^{-1/2} W D^{-1/2})^{-1}\, Y, \qquad
       w_{ij} = \max(0, \cos(x_i, x_j)), \qquad w_{ic} = \max(0, g_c(x_i))^\gamma

    with W symmetric and sparse: each vector is joined to its K nearest others and, separately, to its K best classes,
    so that either side has its say however far apart images and texts lie. Y is 1 where a class's node, or an example
    of that class, meets the class's column. A vector is scored by its row of F.

    Parameters
    ----------
    n_neighbors : int, default 5
        K, at least 1.
    alpha : float, default 0.3
        How far names travel, in [0, 0.99]; 0 leaves the zero-shot scores as they are.
    gamma : float, default 5.0
        Above 0; the larger, the less the second-best classes count beside the best.
    method : Method or None, default None
        What scores classes, inductive; None is `Cosine`, for encoders whose images and texts share a space. Scores
        of others are first spread over [0, 1], from the least to the largest edge.
    scale : float, default 100.0
        :math:`\sigma`, above 0: the inverse of the scores' temperature; what comes out is on their scale.

    Attributes
    ----------
    keys_, key_classes_, examples_, method_, alone_
        As for :class:`~unseen.methods.meta.transclip.TransCLIP`.

    Raises
    ------
    InputError
        When a parameter is out of range, or the method is transductive.

    Notes
    -----
    Transductive, like `TransCLIP`: report it in a table of its own; nothing of the vectors is kept. Works without `fit`
    where `method` is None. Deterministic, and blind to the order of vectors. Equal vectors are one node, and so are
    classes with equal prototypes. One vector alone keeps its zero-shot scores.

    Scores are :math:`(\log (F_{ic} / \sum_c F_{ic}) + \log\sum_c e^{\sigma g_c})/\sigma`, so that their softmax at
    the encoder's temperature is a vector's share of what reached it. Classes that do not reach it are ranked by their
    zero-shot scores, below all that do.

    Costs the neighbours once, 2 n^2 d operations in blocks (:func:`~unseen.methods.neighbours.nearest_rows`: about
    twenty minutes on one core for 200,000 vectors of 512 numbers), then some tens of products with a sparse matrix of
    4 n K numbers for every class. Memory for the vectors twice, three numbers for each of n C scores, and the graph.

    The authors' neighbours include the vector itself, which leaves one fewer; they propagate from texts alone; and they
    use edges spread over [0, 1] for classifiers learned from images, with images' edges among them. Labelled examples
    are Zhou's label propagation: nodes with their name at the start.

    References
    ----------
    Stojnić, Kalantidis and Tolias, "Label Propagation for Zero-shot Classification with Vision-Language Models",
    CVPR 2024.
    Zhou, Bousquet, Lal, Weston and Schölkopf, "Learning with Local and Global Consistency", NIPS 2003.

    Examples
    --------
    Photos of two groups; the last of the second group alone would be taken for a cat:

    >>> from unseen import Prototypes
    >>> from unseen.methods.meta.label_propagation import LabelPropagation
    >>> p = Prototypes(["cat", "dog"], [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    >>> X = [[0.9, 0.1, -0.8], [0.9, 0.2, -0.7], [0.8, 0.1, -0.9], [0.3, 0.8, 0.9], [0.2, 0.8, 0.9], [0.5, 0.49, 0.9]]
    >>> LabelPropagation(2, alpha=0.9).predict(X, prototypes=p).tolist()
    ['cat', 'cat', 'cat', 'dog', 'dog', 'dog']
    """

    family = "meta"
    citation = Citation(
        authors="Stojnić, Kalantidis and Tolias",
        title="Label Propagation for Zero-shot Classification with Vision-Language Models",
        venue="CVPR",
        year=2024,
        url="https://arxiv.org/abs/2404.04072",
    )
    capabilities = AdapterTags(transductive=True)
    search_space = MappingProxyType({"n_neighbors": (5, 10), "alpha": (0.0, 0.3, 0.8), "gamma": (3.0, 5.0, 10.0)})
    _limits = MappingProxyType(
        {
            "n_neighbors": {"low": 1, "integer": True},
            "alpha": {"low": 0, "high": 0.99},
            "gamma": {"low": 0, "low_open": True},
        }
    )

    def __init__(
        self,
        n_neighbors: int = 5,
        *,
        alpha: float = 0.3,
        gamma: float = 5.0,
        method: Method | None = None,
        scale: float = 100.0,
    ) -> None:
        self.n_neighbors = n_neighbors
        self.alpha = alpha
        self.gamma = gamma
        self.method = method
        self.scale = scale

    def _idle(self) -> bool:
        return self.alpha == 0

    def _together(self, X: Array, P: Array, base: Array) -> Array:
        n, n_classes = base.shape
        keys, y = self._examples_of(P, X.shape[1])
        nodes = unit_rows(np.concatenate([X, keys]))
        known = base if not len(keys) else np.concatenate([base, self._start(keys, P)])
        walk = self._graph(nodes, known)
        starts = sparse.csr_array(
            (
                np.ones(n_classes + len(y)),
                (np.r_[:n_classes, n_classes + n : n_classes + n + len(y)], np.r_[:n_classes, y]),
            ),
            shape=(walk.shape[0], n_classes),
        )
        reached = np.empty((n, n_classes))
        for first in range(0, n_classes, _COLUMNS):
            some = slice(first, first + _COLUMNS)
            reached[:, some] = _solve(walk, starts[:, some].toarray())[n_classes : n_classes + n]
        for first in range(0, n, _ROWS):
            part = slice(first, first + _ROWS)
            base[part] = self._read(reached[part], base[part])
        return base

    def _read(self, reached: Array, base: Array) -> Array:
        """Return the scores of what reached some vectors (b, C), and of zero-shot scores where nothing did."""
        logits = self.scale * base
        totals = np.maximum(reached, 0).sum(axis=1, keepdims=True)
        shares = reached / np.where(totals > 0, totals, 1)
        there = shares > _NOTHING
        far = np.log(_NOTHING) + logits - logits.max(axis=1, keepdims=True)
        logs = np.where(there, np.log(np.where(there, shares, 1)), far)
        scores: Array = (logs + logsumexp(logits, axis=1, keepdims=True)) / self.scale
        return np.where(totals > 0, scores, base)

    def _graph(self, nodes: Array, scores: Array) -> sparse.csr_array:
        """Return alpha times the normalised affinities of classes and vectors, (C + n, C + n)."""
        n, n_classes = scores.shape
        k = min(int(self.n_neighbors), n_classes)
        near, cosines = nearest_rows(nodes, nodes, int(self.n_neighbors), same=True)
        best = np.argpartition(-scores, k - 1, axis=1)[:, :k]
        texts = np.take_along_axis(scores, best, axis=1)
        if not isinstance(getattr(self, "method_", None) or self._inner(), Cosine):
            texts = (texts - texts.min()) / (float(np.ptp(texts)) or 1.0)
        weights = np.concatenate([np.maximum(cosines, 0), np.maximum(texts, 0) ** float(self.gamma)], axis=1)
        ends = np.concatenate([near + n_classes, best], axis=1)
        starts = np.repeat(np.arange(n) + n_classes, ends.shape[1])
        size = n + n_classes
        graph = sparse.csr_array((weights.ravel(), (starts, ends.ravel())), shape=(size, size))
        graph = (graph + graph.T).tocsr()
        degrees = graph.sum(axis=1)
        roots = sparse.diags_array(1 / np.sqrt(np.where(degrees > 0, degrees, 1)))
        walk: sparse.csr_array = (float(self.alpha) * (roots @ graph @ roots)).tocsr()
        return walk


def _solve(walk: sparse.csr_array, Y: Array) -> Array:
    """Return the solution (N, C) of (I - walk) F = Y by conjugate gradients, one for each column."""
    F = Y.copy()
    residual = Y - (F - walk @ F)
    direction = residual.copy()
    size = (residual**2).sum(axis=0)
    aim = _TOLERANCE**2 * np.maximum((Y**2).sum(axis=0), 1e-300)
    for _ in range(_MOST):
        if (size <= aim).all():
            break
        image = direction - walk @ direction
        step = size / np.maximum((direction * image).sum(axis=0), 1e-300)
        F += step * direction
        residual -= step * image
        following = (residual**2).sum(axis=0)
        direction = residual + (following / np.maximum(size, 1e-300)) * direction
        size = following
    return F
