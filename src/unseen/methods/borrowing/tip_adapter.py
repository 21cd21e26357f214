"""TipAdapter: a few labelled examples per class, kept beside a zero-shot method and asked when they look alike."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse
from scipy.special import logsumexp

from unseen.methods.adapting import AdapterTags, _Adapter, known_rows
from unseen.methods.base import Citation
from unseen.methods.linalg import class_sums, unit_rows
from unseen.methods.preprocessing import even_share

if TYPE_CHECKING:
    from collections.abc import Callable

    from unseen.methods.base import Array, Method
    from unseen.methods.samples import Samples

__all__ = ["TipAdapter"]

# The setting where no example can be left out to choose another.
_ALPHA, _BETA = 1.0, 5.5
_ALPHAS = (0.0, 0.1, 0.3, 1.0, 3.0, 10.0)
_BETAS = (1.0, 3.0, 5.5, 10.0, 20.0)
# Examples that the choice is made with; of more, an even share of each class.
_CHOICE = 2048


class TipAdapter(_Adapter):
    r"""Add to a class's zero-shot score how much a vector looks like the labelled examples of that class.

    .. math:: f_c(x) = g_c(x) + \frac{\alpha}{\sigma} \sum_{i:\, y_i = c}
       e^{-\beta\,(1 - \cos(x,\, x_i))}

    with the zero-shot score :math:`g`. A class without examples has an empty sum and keeps its zero-shot score.

    Parameters
    ----------
    alpha : float or None, default None
        Weight of the examples, at least 0; 0 is the zero-shot method itself. None chooses it among 0 to 10.
    beta : float or None, default None
        How alike a vector must be for an example to count, above 0; larger counts near ones only. None chooses it
        among 1 to 20.
    method : Method or None, default None
        What scores without examples, inductive; None is `Cosine`, for encoders whose images and texts share a space.
    scale : float, default 100.0
        :math:`\sigma`, above 0: what scores are multiplied with before they become probabilities, the inverse of
        their temperature. 100 is CLIP's; then alpha is the paper's.

    Attributes
    ----------
    alpha_, beta_ : float
        What is used.
    keys_ : ndarray of float32 of shape (m, d)
        The examples, of unit length.
    key_classes_ : ndarray of int of shape (m,)
        Positions of their classes in `examples_`.
    examples_ : Prototypes
        Of the classes with examples.
    method_ : Method
        The fitted zero-shot method.

    Raises
    ------
    InputError
        When a parameter is out of range, or the method is transductive.

    Notes
    -----
    Inductive; no class's score depends on its rivals. Nothing is trained: `fit` keeps the examples, and scoring costs
    O(n m d) for m of them. The model holds vectors of training images: mind who may have them.

    A class counts as one with examples if its prototype is that of a class of `fit`, up to a ten-thousandth of its
    length. The same class under another description is scored without them.

    Where alpha or beta is None, both are those with the least log loss, averaged over classes, of examples that are
    left out one by one and scored among the classes of `fit`: once with the examples of all classes, and once with
    those of one half of the classes and then of the other, whose rivals must not suffer. What an example left out was
    worth to its own class is made up for by the others of that class. It takes two examples of two classes:
    otherwise alpha is 1 and beta 5.5. Scores still lean to classes with examples; see ``docs/few-shot.md``.

    The paper searches both on labelled validation images, multiplies the zero-shot score by :math:`\sigma` in place
    of dividing by it (the same ranking), and averages keys over ten random crops of an image; here a key is one
    vector. Its fine-tuned variant, Tip-Adapter-F, is not this one: see `TextProbe`.

    References
    ----------
    Zhang, Fang, Zhang, Gao, Li, Dai, Qiao and Li, "Tip-Adapter: Training-free Adaption of CLIP for Few-shot
    Classification", ECCV 2022.

    Examples
    --------
    >>> from unseen import Prototypes
    >>> from unseen.methods.borrowing.tip_adapter import TipAdapter
    >>> p = Prototypes(["crane (bird)", "crane (machine)", "heron"], [[1, 0, 0], [0.9, 0.4, 0], [0.8, 0, 0.6]])
    >>> X, y = [[0.7, 0.0, -0.7], [0.6, 0.1, 0.8]], ["crane (bird)", "heron"]
    >>> new = [[0.8, 0.3, -0.5]]
    >>> TipAdapter(alpha=0, beta=5).fit(X, y, prototypes=p).predict(new, prototypes=p).item()
    'crane (machine)'
    >>> TipAdapter(alpha=50, beta=5).fit(X, y, prototypes=p).predict(new, prototypes=p).item()
    'crane (bird)'
    """

    family = "borrowing"
    citation = Citation(
        authors="Zhang, Fang, Zhang, Gao, Li, Dai, Qiao and Li",
        title="Tip-Adapter: Training-free Adaption of CLIP for Few-shot Classification",
        venue="ECCV",
        year=2022,
        url="https://arxiv.org/abs/2207.09519",
    )
    capabilities = AdapterTags()
    search_space = MappingProxyType({"alpha": (0.0, 1.0, 3.0, 10.0), "beta": (1.0, 5.5, 20.0)})
    _limits = MappingProxyType({"alpha": {"low": 0}, "beta": {"low": 0, "low_open": True}})
    _optional = ("alpha", "beta")

    def __init__(
        self,
        alpha: float | None = None,
        *,
        beta: float | None = None,
        method: Method | None = None,
        scale: float = 100.0,
    ) -> None:
        self.alpha = alpha
        self.beta = beta
        self.method = method
        self.scale = scale

    def _learn(self, samples: Samples, S: Array) -> None:
        self._keep(samples)
        self.alpha_ = _ALPHA if self.alpha is None else float(self.alpha)
        self.beta_ = _BETA if self.beta is None else float(self.beta)
        if self.alpha is None or self.beta is None:
            self._choose(samples, S)

    def _choose(self, samples: Samples, S: Array) -> None:
        """Set alpha and beta to those with which examples that are left out are recognised best."""
        n_classes = samples.n_classes
        rows = np.sort(even_share(samples.X, samples.y, n_classes, _CHOICE))
        y = samples.y[rows]
        counts = np.bincount(y, minlength=n_classes)
        judged = np.flatnonzero(counts[y] > 1)
        own = (np.arange(len(judged)), y[judged])
        if len(np.unique(own[1])) < 2:
            return
        X = samples.X[rows].astype(np.float64)
        base = self.method_._class_scores(X[judged], S) * self.scale
        keys = unit_rows(X)
        near = keys[judged] @ keys.T
        # All classes with their examples; and one half with, one half without.
        half = np.random.RandomState(0).permutation(n_classes) % 2
        contests = ((0.5, np.ones(n_classes)), (0.25, 1.0 * (half == 0)), (0.25, 1.0 * (half == 1)))
        # An even share may have left out some of a class's examples.
        full = samples.counts / np.maximum(counts, 1)
        share = 1 / np.bincount(own[1])[own[1]]
        best = np.inf
        for beta in _BETAS if self.beta is None else (float(self.beta),):
            alike = np.exp(beta * (near - 1))
            alike[own[0], judged] = 0
            sums = class_sums(alike.T, y, n_classes).T * full
            sums[own] *= counts[own[1]] / (counts[own[1]] - 1)
            for alpha in _ALPHAS if self.alpha is None else (float(self.alpha),):
                loss = 0.0
                for weight, cached in contests:
                    logits = base + alpha * sums * cached
                    loss += weight * float(share @ (logsumexp(logits, axis=1) - logits[own]))
                if loss < best:
                    best, self.alpha_, self.beta_ = loss, alpha, beta

    def _scorer(self, P: Array) -> Callable[[Array], Array]:
        base = self.method_._scorer(P)
        rows = known_rows(self.examples_.vectors, P)
        known = np.flatnonzero(rows >= 0)
        if not len(known) or self.alpha_ == 0:
            return base
        # Which example counts for which of the classes asked for; those of other classes are left aside.
        members = [np.flatnonzero(self.key_classes_ == rows[c]) for c in known]
        keys = self.keys_[np.concatenate(members)].astype(np.float64)
        ends = np.repeat(np.arange(len(known)), [len(m) for m in members])
        shape = (len(keys), len(known))
        values = sparse.csr_array((np.ones(len(keys)), (np.arange(len(keys)), ends)), shape=shape)
        weight, beta = self.alpha_ / self.scale, self.beta_

        def scores(X: Array) -> Array:
            out = np.array(base(X), dtype=np.float64)
            out[:, known] += weight * (np.exp(beta * (unit_rows(X) @ keys.T - 1)) @ values)
            return out

        return scores

    def _class_scores(self, X: Array, P: Array) -> Array:
        return self._scorer(P)(X)
