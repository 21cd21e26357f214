"""TextProbe: a linear classifier that starts from the texts and is pulled back to them."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import linalg, optimize
from scipy.special import logsumexp

from unseen.methods.adapting import AdapterTags, _Adapter, known_rows
from unseen.methods.base import Citation
from unseen.methods.linalg import unit_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from unseen.methods.base import Array, Method
    from unseen.methods.samples import Samples

__all__ = ["TextProbe"]

# Where examples cannot be left out to choose another.
_PULL = 1.0
_PULLS = (0.1, 0.3, 1.0, 3.0)
_FOLDS = 4
# Classes and examples of each that the choice is made with, evenly spaced; more are represented by them.
_CHOICE_CLASSES, _CHOICE_EACH = 64, 16
# A direction in which examples reach less far than this, relative to the furthest, is rounding.
_FLAT = 1e-7


class TextProbe(_Adapter):
    r"""Fit a softmax classifier of the examples that starts at the zero-shot scores and is pulled back to them.

    .. math:: f_c(x) = g_c(x) + \frac{u_c^\top \hat x}{\sigma}, \qquad
       \min_{u} \; -\sum_i \log \operatorname{softmax}_{y_i}\bigl(\sigma f(x_i)\bigr)
       + \frac{\lambda}{2} \sum_c \lVert u_c \rVert^2

    with the zero-shot score :math:`g` and :math:`\hat x` the vector at unit length. With `Cosine` as g this is a linear
    probe whose weights are pulled to the texts: :math:`\sigma \hat p_c + u_c`. A class without examples keeps its text.

    Parameters
    ----------
    pull : float or None, default None
        :math:`\lambda`, above 0; the larger, the closer to the zero-shot scores. None chooses it among 0.1 to 3.
    method : Method or None, default None
        What scores without examples, inductive; None is `Cosine`, for encoders whose images and texts share a space.
    scale : float, default 100.0
        :math:`\sigma`, above 0: what scores are multiplied with before they become probabilities, the inverse of
        their temperature; 100 is CLIP's.

    Attributes
    ----------
    shift_ : ndarray of shape (C_examples, d)
        :math:`u/\sigma`, in the order of `examples_`; its rows sum to zero.
    pull_ : float
        What is used.
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
    Inductive; no class's score depends on its rivals. Convex, solved by L-BFGS from u = 0, without randomness, in the
    span of the examples: O(n C min(n, d)) a step, some tens of steps. Choosing the pull costs up to 16 fits of at most
    64 classes with 16 examples each: examples are left out in turns, and the pull with the least log loss of those
    left out wins. It takes two examples of two classes: otherwise it is 1.

    A class counts as one with examples if its prototype is that of a class of `fit`, up to a ten-thousandth of its
    length.

    Classes without examples are not corrected by the mean shift of the others, because there is none: derivatives of
    the log loss sum to zero over the classes, and so do the solution's rows.

    The same objective, without a closed zero-shot score, is CLAP's with one weight for all classes. CLAP weighs the
    pull of each by how well its texts do, divides it by their number and stops stochastic gradient descent early; the
    solver here converges. LP++ multiplies each class's text by a learned number and is not pulled.

    References
    ----------
    Silva-Rodriguez, Hajimiri, Ben Ayed and Dolz, "A Closer Look at the Few-Shot Adaptation of Large Vision-Language
    Models", CVPR 2024.
    Huang, Shakeri, Dolz, Boudiaf, Bahig and Ben Ayed, "LP++: A Surprisingly Strong Linear Probe for Few-Shot CLIP",
    CVPR 2024.

    Examples
    --------
    >>> from unseen import Prototypes
    >>> from unseen.methods.correspondence.text_probe import TextProbe
    >>> p = Prototypes(["crane", "heron", "stork"], [[1, 0, 0], [0.9, 0, 0.4], [0.9, 0.4, 0]])
    >>> X, y = [[0.7, 0.5, 0.5], [0.7, 0.4, 0.6], [0.6, -0.5, 0.6]], ["crane", "crane", "heron"]
    >>> probe = TextProbe(pull=0.1, scale=10).fit(X, y, prototypes=p)
    >>> probe.class_scores([[0.7, 0.45, 0.5]], prototypes=p).round(2).tolist()
    [[0.9, 0.69, 0.85]]
    >>> probe.method_.class_scores([[0.7, 0.45, 0.5]], prototypes=p).round(2).tolist()  # the texts alone
    [[0.72, 0.87, 0.85]]
    """

    family = "correspondence"
    citation = Citation(
        authors="Silva-Rodriguez, Hajimiri, Ben Ayed and Dolz",
        title="A Closer Look at the Few-Shot Adaptation of Large Vision-Language Models",
        venue="CVPR",
        year=2024,
        url="https://arxiv.org/abs/2312.12730",
    )
    capabilities = AdapterTags()
    search_space = MappingProxyType({"pull": _PULLS})
    _limits = MappingProxyType({"pull": {"low": 0, "low_open": True}})
    _optional = ("pull",)

    def __init__(self, pull: float | None = None, *, method: Method | None = None, scale: float = 100.0) -> None:
        self.pull = pull
        self.method = method
        self.scale = scale

    def _learn(self, samples: Samples, S: Array) -> None:
        base = self.method_._class_scores(samples.X.astype(np.float64), S) * self.scale
        X = unit_rows(samples.X)
        self.pull_ = self._choose(base, X, samples.y) if self.pull is None else float(self.pull)
        self.shift_ = _solve(base, X, samples.y, self.pull_) / self.scale

    def _choose(self, base: Array, X: Array, y: Array) -> float:
        """Return the pull with which examples that are left out are recognised best."""
        counts = np.bincount(y, minlength=base.shape[1])
        several = np.flatnonzero(counts > 1)
        if len(several) < 2:
            return _PULL
        classes = several[np.linspace(0, len(several) - 1, min(len(several), _CHOICE_CLASSES)).astype(int)]
        rows = np.concatenate([np.flatnonzero(y == c)[:_CHOICE_EACH] for c in classes])
        # The examples of a class go round the folds, so that as few as possible are left out at a time.
        turn = np.concatenate([np.arange(min(counts[c], _CHOICE_EACH)) for c in classes]) % _FOLDS
        base, X, y = base[np.ix_(rows, classes)], X[rows], np.searchsorted(classes, y[rows])
        share = 1 / np.bincount(y)[y]
        losses = np.zeros(len(_PULLS))
        for fold in np.unique(turn):
            out = turn == fold
            for i, pull in enumerate(_PULLS):
                logits = base[out] + X[out] @ _solve(base[~out], X[~out], y[~out], pull).T
                own = logits[np.arange(out.sum()), y[out]]
                losses[i] += share[out] @ (logsumexp(logits, axis=1) - own)
        return _PULLS[int(losses.argmin())]

    def _scorer(self, P: Array) -> Callable[[Array], Array]:
        base = self.method_._scorer(P)
        rows = known_rows(self.examples_.vectors, P)
        known = np.flatnonzero(rows >= 0)
        coef = self.shift_[rows[known]].T

        def scores(X: Array) -> Array:
            out = np.array(base(X), dtype=np.float64)
            out[:, known] += unit_rows(X) @ coef
            return out

        return scores

    def _class_scores(self, X: Array, P: Array) -> Array:
        return self._scorer(P)(X)


def _solve(base: Array, X: Array, y: Array, pull: float) -> Array:
    """Return what is added to the weights (C, d): the minimiser, for logits `base` (n, C) and unit vectors X (n, d)."""
    n_classes, rows = base.shape[1], np.arange(len(y))
    # The minimiser lies in the span of the vectors, which are often fewer than their dimensions.
    left, values, axes = linalg.svd(X, full_matrices=False)
    kept = values > _FLAT * max(float(values[0]), 1e-300)
    Z, axes = left[:, kept] * values[kept], axes[kept]
    if not kept.any() or n_classes == 1:
        return np.zeros((n_classes, X.shape[1]))

    def loss(flat: Array) -> tuple[float, Array]:
        u = flat.reshape(n_classes, -1)
        logits = base + Z @ u.T
        normal = logsumexp(logits, axis=1)
        value = float((normal - logits[rows, y]).sum() + pull / 2 * np.square(u).sum())
        error = np.exp(logits - normal[:, None])
        error[rows, y] -= 1
        return value, (error.T @ Z + pull * u).ravel()

    start = np.zeros(n_classes * Z.shape[1])
    options: Any = {"maxiter": 1000, "maxfun": 2000, "gtol": 1e-6, "ftol": 1e-14}
    found: Any = optimize.minimize(loss, start, jac=True, method="L-BFGS-B", options=options)
    shift: Array = found.x.reshape(n_classes, -1) @ axes
    return shift
