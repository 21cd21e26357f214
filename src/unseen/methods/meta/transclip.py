"""TransCLIP: classes move to where unlabelled vectors lie, and the texts hold them back."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse
from scipy.special import log_softmax, logsumexp

from unseen.methods.adapting import AdapterTags, _TransductiveAdapter
from unseen.methods.base import Citation
from unseen.methods.linalg import class_sums, unit_rows
from unseen.methods.neighbours import nearest_rows

if TYPE_CHECKING:
    from unseen.methods.base import Array, Method

__all__ = ["TransCLIP"]

# The authors' constants: share of the Gaussians' log likelihood in an assignment, rounds of assigning between two of
# moving, and vectors that a class's first mean is taken from.
_LIKELIHOOD = 1 / 50
_ROUNDS = 5
_CONFIDENT = 8
# A variance below this is that of a feature that never varies.
_FLAT = 1e-12
_ROWS = 2048
# Assignments of more numbers than this are kept in single precision.
_DOUBLE = 2**25


class TransCLIP(_TransductiveAdapter):
    r"""Assign all vectors at once, to Gaussians that move to them, near neighbours alike, not far from the texts.

    .. math:: \max_{z,\mu,\Sigma} \; \frac{1}{50} \sum_i z_i^\top \log \mathcal N(\hat x_i;\, \mu, \Sigma)
       + \frac{1}{2K}\sum_{i,j} w_{ij}\, z_i^\top z_j
       - \sum_i \Bigl(z_i^\top \log z_i - \lambda\, z_i^\top \log \hat y_i\Bigr)
       + \frac{\gamma}{50} \sum_{i \in S} \log \mathcal N(\hat x_i;\, \mu_{y_i}, \Sigma)

    over assignments :math:`z_i` in the simplex, class means and one diagonal covariance, with the zero-shot answer
    :math:`\hat y = \operatorname{softmax}(\sigma g)`, :math:`w_{ij}` the cosine of x_i with each of its K nearest
    neighbours, and S the labelled examples of the classes asked for, if there are any. One update after the other, each
    in closed form: :math:`z_i \propto \hat y_i^\lambda \exp(\frac{1}{50}\log \mathcal N_i +
    \frac{1}{2K}\sum_j (w_{ij}+w_{ji})\, z_j)`.

    Parameters
    ----------
    n_neighbors : int, default 3
        K, at least 1.
    n_iterations : int, default 10
        How often means and covariance move, at least 0; 0 is the zero-shot method itself.
    text_weight : float or None, default None
        :math:`\lambda`, at least 0: how far assignments are held by the texts. None is 1, or 0.5 where classes
        asked for have examples.
    example_weight : float, default 4.0
        :math:`\gamma`, at least 0: how many unlabelled vectors a labelled example weighs as much as.
    method : Method or None, default None
        What scores first, inductive; None is `Cosine`, for encoders whose images and texts share a space.
    scale : float, default 100.0
        :math:`\sigma`, above 0: what scores are multiplied with before they become probabilities, the inverse of
        their temperature; 100 is CLIP's.

    Attributes
    ----------
    keys_ : ndarray of float32 of shape (m, d)
        The examples, of unit length.
    key_classes_ : ndarray of int of shape (m,)
        Positions of their classes in `examples_`.
    examples_ : Prototypes
        Of the classes with examples.
    method_ : Method
        The fitted zero-shot method.
    alone_ : bool
        Whether `fit` was given no prototypes, so that there are no texts: then vectors are scored one by one, by the
        method inside.

    Raises
    ------
    InputError
        When a parameter is out of range, or the method is transductive.

    Notes
    -----
    Transductive: what is scored together is learned from together, so report it in a table of its own; nothing of the
    vectors is kept. Works without `fit` where `method` is None. Deterministic, and blind to the order of vectors. Equal
    vectors count once. One vector alone keeps its zero-shot scores.

    Scores are :math:`(\log z + \log\sum_c e^{\sigma g_c})/\sigma`: their softmax at the encoder's temperature is z,
    and where z is the zero-shot answer they are the zero-shot scores.

    Costs the neighbours once, 2 n^2 d operations in blocks (:func:`~unseen.methods.neighbours.nearest_rows`: about
    twenty minutes on one core for 200,000 vectors of 512 numbers), then 11 passes of O(n C d) and 55 of O(n C K).
    Memory for the vectors twice and 40 bytes for each of n C scores, or 24 where n C exceeds 33 million and assignments
    are kept in single precision: 5 GB for 200,000 vectors and 1,000 classes.

    It hurts where groups of vectors are not the classes, and where many of the first answers are wrong: the text's
    weight, not the vectors, decides how far a class may drift. Classes with few vectors suffer most.

    Departures from the authors' code, all but the last for labelled examples. They weigh the same whatever the number
    of vectors, where the code divides its weight by their number and chooses it on labelled validation images. A class
    starts at the mean of its examples *and* its surest vectors, where the code takes the examples alone: with one
    example of each class that was worse than the texts. The nearest neighbour of an example is one of the K, where
    the code leaves it out. Classes with and without examples may be asked for together. A class without vectors keeps
    its mean.

    References
    ----------
    Zanella, Gérin and Ben Ayed, "Boosting Vision-Language Models with Transduction", NeurIPS 2024.

    Examples
    --------
    Photos lie in five groups, each a little beside its class's text:

    >>> import numpy as np
    >>> from unseen import Prototypes
    >>> from unseen.methods.meta.transclip import TransCLIP
    >>> rng = np.random.default_rng(0)
    >>> p = Prototypes(["cat", "dog", "fox", "owl", "bat"], rng.normal(size=(5, 64)))
    >>> groups = p.vectors + rng.normal(scale=2.5, size=(5, 64))
    >>> X, y = np.repeat(groups, 20, axis=0) + rng.normal(scale=1.5, size=(100, 64)), np.repeat(p.names, 20)
    >>> alone = TransCLIP(n_iterations=0, scale=20).predict(X, prototypes=p)
    >>> together = TransCLIP(scale=20).predict(X, prototypes=p)
    >>> (together == y).mean() > (alone == y).mean()
    np.True_
    """

    family = "meta"
    citation = Citation(
        authors="Zanella, Gérin and Ben Ayed",
        title="Boosting Vision-Language Models with Transduction",
        venue="NeurIPS",
        year=2024,
        url="https://arxiv.org/abs/2406.01837",
    )
    capabilities = AdapterTags(transductive=True)
    search_space = MappingProxyType({"n_iterations": (0, 10), "text_weight": (0.5, 1.0), "n_neighbors": (3, 10)})
    _limits = MappingProxyType(
        {
            "n_neighbors": {"low": 1, "integer": True},
            "n_iterations": {"low": 0, "integer": True},
            "text_weight": {"low": 0},
            "example_weight": {"low": 0},
        }
    )
    _optional = ("text_weight",)

    def __init__(
        self,
        n_neighbors: int = 3,
        *,
        n_iterations: int = 10,
        text_weight: float | None = None,
        example_weight: float = 4.0,
        method: Method | None = None,
        scale: float = 100.0,
    ) -> None:
        self.n_neighbors = n_neighbors
        self.n_iterations = n_iterations
        self.text_weight = text_weight
        self.example_weight = example_weight
        self.method = method
        self.scale = scale

    def _idle(self) -> bool:
        return self.n_iterations == 0

    def _together(self, X: Array, P: Array, base: Array) -> Array:
        X = unit_rows(X)
        keys, y = self._examples_of(P, X.shape[1])
        weight = self.text_weight if self.text_weight is not None else 0.5 if len(keys) else 1.0
        kind = np.float64 if base.size <= _DOUBLE else np.float32
        prior: Array = np.empty(base.shape, kind)
        for part in _parts(base):
            prior[part] = log_softmax(self.scale * base[part], axis=1)
        z = np.exp(prior)
        graph, pulled = self._affinity(X, keys, y, len(P))
        heavy = self.example_weight / len(X)  # beside unlabelled vectors that weigh one in all
        counts = heavy * np.bincount(y, minlength=len(P))
        sums = heavy * class_sums(keys, y, len(P)) if len(keys) else np.zeros((len(P), X.shape[1]))
        squares = X.T**2 @ np.ones(len(X)) / len(X) + heavy * (keys.T**2 @ np.ones(len(keys)))
        means = _first_means(X, z)
        means = unit_rows(means + unit_rows(sums))
        variances = np.full(X.shape[1], 1 / X.shape[1])
        logs = prior
        for turn in range(int(self.n_iterations) + 1):
            if turn:
                mass = counts + z.sum(axis=0) / len(X)
                held = sums + z.T.astype(np.float64) @ X / len(X)
                turned = unit_rows(held)
                means = np.where(np.abs(turned).sum(axis=1, keepdims=True) > 0, turned, means)
                scatter = squares - 2 * (held * means).sum(axis=0) + mass @ means**2
                variances = np.maximum(scatter / mass.sum(), _FLAT)
            fixed = _gaussian(X, means, variances, prior, weight)
            for _ in range(_ROUNDS):
                logs = np.empty_like(prior)
                for part in _parts(base):
                    logs[part] = log_softmax(fixed[part] + graph[part] @ z + pulled[part], axis=1)
                z = np.exp(logs)
        for part in _parts(base):
            level = logsumexp(self.scale * base[part], axis=1, keepdims=True)
            base[part] = (logs[part].astype(np.float64) + level) / self.scale
        return base

    def _affinity(self, X: Array, keys: Array, y: Array, n_classes: int) -> tuple[sparse.csr_array, sparse.csr_array]:
        """Return the symmetric affinities (n, n), and what labelled neighbours add to each vector's logits (n, C)."""
        n, k = len(X), int(self.n_neighbors)
        near, cosines = nearest_rows(X, X, k, same=True)
        starts = np.repeat(np.arange(n), near.shape[1])
        graph = sparse.csr_array((cosines.ravel(), (starts, near.ravel())), shape=(n, n))
        graph = (graph + graph.T).tocsr() / (2 * k)
        pulled = sparse.csr_array((n, n_classes))
        if len(keys):
            near, cosines = nearest_rows(keys, X, k)
            ends = np.repeat(y, near.shape[1])
            pulled = sparse.csr_array((cosines.ravel() / (2 * k), (near.ravel(), ends)), shape=(n, n_classes))
        return graph, pulled


def _parts(A: Array) -> list[slice]:
    return [slice(start, start + _ROWS) for start in range(0, len(A), _ROWS)]


def _first_means(X: Array, z: Array) -> Array:
    """Return unit means (C, d) of the vectors that are surest to be of each class."""
    few = min(_CONFIDENT, len(X))
    means = np.empty((z.shape[1], X.shape[1]))
    for c in range(z.shape[1]):
        best = np.argpartition(-z[:, c], few - 1)[:few]
        means[c] = z[best, c].astype(np.float64) @ X[best]
    return unit_rows(means)


def _gaussian(X: Array, means: Array, variances: Array, prior: Array, weight: float) -> Array:
    """Return logits (n, C) of an assignment without its neighbours: the texts' and the Gaussians' part."""
    scaled = means / variances
    offsets = (means * scaled).sum(axis=1)
    out = np.empty_like(prior)
    for part in _parts(X):
        squares = X[part] ** 2 @ (1 / variances)
        likelihood = -0.5 * (squares[:, None] - 2 * X[part] @ scaled.T + offsets)
        out[part] = weight * prior[part] + _LIKELIHOOD * likelihood
    return out
