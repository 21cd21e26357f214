"""ClassifierRegression: from what is written about a class to that class's classifier."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Self

import numpy as np
from scipy import linalg
from scipy.special import softmax

from unseen.errors import InputError
from unseen.methods.base import Citation, Method
from unseen.methods.classifiers import softmax_classifier
from unseen.methods.linalg import class_means, unit_rows
from unseen.validation import check_choice, check_number, message

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from unseen.methods.base import Array
    from unseen.prototypes import Prototypes

__all__ = ["ClassifierRegression"]

#: Classes whose classifiers are kept while a stream is scored; more are made anew, block by block.
_BLOCK = 8192
#: Keeps the normal equations solvable when prototypes repeat; far below any useful `alpha`.
_JITTER = 1e-2
# Longer vectors are cut to this: their products with a classifier would exceed single precision.
_LONGEST = 1e30


class ClassifierRegression(Method):
    r"""Regress prototypes onto the classifiers of seen classes; predict the classifiers of new ones.

    .. math:: G = (K_{ra}^\top K_{ra} + \alpha K_{aa} + \epsilon I)^{-1} K_{ra}^\top (W_{y_r} - \bar w), \qquad
       w(p) = \frac{k(p, A)\,G}{\lVert k(p, A)\,G \rVert}

    .. math:: q(x) = (1-\rho)\,\frac{x}{\lVert x\rVert} + \rho\,\frac{m(x)}{\lVert m(x)\rVert}, \quad
       m(x) = \sum_s p(s \mid x)\,(w_s - \bar w), \qquad f_c(x) = q(x)^\top w(p_c)

    with :math:`k(p, a) = e^{-\gamma\lVert p-a\rVert^2}` on prototypes of unit length, the seen prototypes as anchors
    A, and as rows r the seen prototypes and every further view of them. The second half of the query q is ConSE's
    idea (a vector is a mixture of the seen classes it looks like) in the space of classifiers.

    Parameters
    ----------
    gamma : float, default 2.0
        Width of the kernel, above 0: larger is more local. Unit prototypes are at most 2 apart.
    alpha : float, default 0.3
        Strength of the penalty, at least 0.
    relation : float, default 0.4
        Share of the mixture of seen classes in the query, rho, in [0, 1].
    C : float, default 1.0
        Inverse strength of the seen classifier's penalty, above 0; without effect where `examples` are classifiers.
    examples : {"vectors", "classifiers"}, default "vectors"
        Whether rows of X in `fit` are feature vectors, from which a softmax classifier is fitted, or weights of a
        classifier that exists already, such as the last layer of a network; several rows of a class are averaged.

    Attributes
    ----------
    coef_ : ndarray of shape (C_seen, d)
        Weights of the seen classifier, W.
    intercept_ : ndarray of shape (C_seen,)
        Its offsets; zero where `examples` are classifiers.
    dual_ : ndarray of shape (C_seen, d)
        G.

    Raises
    ------
    InputError
        When a parameter is out of range, or a view is of other classes or another length.

    Notes
    -----
    Inductive. `fit` costs O(R C_seen (C_seen + d)) for R rows, scoring O(n C_seen d + C C_seen (k + d)), of which
    the second term is done once per set of prototypes; beyond 8,192 classes in blocks. The papers regress onto
    one-versus-rest classifiers and score by dot product; predicted weights are scaled to one length here, since
    a vague text otherwise gets a weak classifier that never wins.

    References
    ----------
    Elhoseiny, Saleh and Elgammal, "Write a Classifier: Zero-Shot Learning Using Purely Textual Descriptions",
    ICCV 2013.
    Norouzi et al., "Zero-Shot Learning by Convex Combination of Semantic Embeddings", ICLR 2014.
    Williams and Seeger, "Using the Nyström Method to Speed Up Kernel Machines", NIPS 2000.

    Examples
    --------
    >>> from unseen import Prototypes
    >>> from unseen.methods.correspondence.classifier_regression import ClassifierRegression
    >>> p = Prototypes(["low", "middle", "high"], [[1, 0], [0.7, 0.7], [0, 1]])
    >>> X = [[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]]
    >>> method = ClassifierRegression().fit(X, ["low", "low", "high", "high"], prototypes=p)
    >>> method.predict([[1.0, 0.2], [0.2, 1.0]], prototypes=p).tolist()
    ['low', 'high']
    """

    family = "correspondence"
    citation = Citation(
        authors="Elhoseiny, Saleh and Elgammal",
        title="Write a Classifier: Zero-Shot Learning Using Purely Textual Descriptions",
        venue="ICCV",
        year=2013,
    )
    single_precision = True
    search_space = MappingProxyType({"gamma": (0.5, 2.0), "alpha": (0.1, 0.3, 1.0), "relation": (0.0, 0.4)})

    def __init__(
        self,
        gamma: float = 2.0,
        *,
        alpha: float = 0.3,
        relation: float = 0.4,
        C: float = 1.0,
        examples: str = "vectors",
    ) -> None:
        self.gamma = gamma
        self.alpha = alpha
        self.relation = relation
        self.C = C
        self.examples = examples

    def fit(
        self,
        X: npt.ArrayLike,
        y: npt.ArrayLike,
        *,
        prototypes: Prototypes | None = None,
        views: Sequence[Prototypes] = (),
    ) -> Self:
        """Learn from labelled vectors (or classifiers) of seen classes.

        Parameters
        ----------
        X, y, prototypes
            As in :meth:`unseen.methods.base.Method.fit`.
        views : sequence of Prototypes, default ()
            Other vectors about the same classes (their synonyms, definitions, single sentences), each for some or
            all of them. The map learns from all, so that it answers for whichever kind of text it is asked about;
            what they say of classes without examples is not looked at.
        """
        self._views = tuple(views)
        try:
            return super().fit(X, y, prototypes=prototypes)
        finally:
            del self._views

    def _fit(self, X: Array, y: Array, S: Array) -> None:
        gamma = check_number("ClassifierRegression", "gamma", self.gamma, low=0, low_open=True)
        alpha = check_number("ClassifierRegression", "alpha", self.alpha, low=0)
        check_number("ClassifierRegression", "relation", self.relation, low=0, high=1)
        strength = check_number("ClassifierRegression", "C", self.C, low=0, low_open=True)
        if check_choice("ClassifierRegression", "examples", self.examples, ("vectors", "classifiers")) == "classifiers":
            self.coef_, self.intercept_ = class_means(X, y, len(S)), np.zeros(len(S))
        else:
            self.coef_, self.intercept_ = softmax_classifier(X, y, len(S), C=strength)
        rows, classes = self._rows(S)
        anchors = unit_rows(S)
        K = _kernel(rows, anchors, gamma)
        system = K.T @ K + alpha * _kernel(anchors, anchors, gamma)
        system[np.diag_indices_from(system)] += _JITTER
        summed = np.zeros((len(S), len(S)))
        np.add.at(summed, classes, K)  # rows of one class share their target: add them up before the product
        factor = linalg.cho_factor(system, lower=True)
        self.dual_ = linalg.cho_solve(factor, summed.T @ (self.coef_ - self.coef_.mean(axis=0)))

    def _rows(self, S: Array) -> tuple[Array, Array]:
        """Return the vectors (R, k) to learn from and the seen class (R,) of each."""
        names = self.seen_prototypes_.names
        rows, classes = [S], [np.arange(len(S))]
        for view in getattr(self, "_views", ()):
            if view.n_dimensions != S.shape[1]:
                raise InputError(
                    message(
                        "ClassifierRegression",
                        "every view",
                        f"of {S.shape[1]} dimensions, like the prototypes",
                        view,
                        "Encode all texts with one encoder",
                    )
                )
            known = set(view.names)
            shared = [i for i, name in enumerate(names) if name in known]
            rows.append(view.subset([names[i] for i in shared]).vectors.astype(np.float64) if shared else S[:0])
            classes.append(np.array(shared, dtype=np.intp))
        return unit_rows(np.concatenate(rows)), np.concatenate(classes)

    def seen_probabilities(self, X: Array) -> Array:
        """Return the seen classifier's probabilities (n, C_seen) of vectors X (n, d)."""
        logits = np.asarray(X, dtype=np.float64) @ np.asarray(self.coef_, dtype=np.float64).T + self.intercept_
        probabilities: Array = softmax(logits, axis=1)
        return probabilities

    def _class_scores(self, X: Array, P: Array) -> Array:
        return self._scorer(P)(X)

    def _scorer(self, P: Array) -> Callable[[Array], Array]:
        coef = np.asarray(self.coef_, dtype=np.float64)
        dual = np.asarray(self.dual_, dtype=np.float64)
        intercept = np.asarray(self.intercept_, dtype=np.float64)
        mean = coef.mean(axis=0)
        anchors = unit_rows(self.seen_prototypes_.vectors.astype(np.float64))
        relation = self.relation

        def classifiers(block: Array) -> Array:
            return unit_rows(_kernel(unit_rows(block), anchors, self.gamma) @ dual)

        kept = classifiers(P).astype(np.float32) if len(P) <= _BLOCK else None
        # Single precision halves the cost of these products, which run once per photo, and moves a cosine by 1e-7.
        narrow, narrow_mean = coef.astype(np.float32), mean.astype(np.float32)
        narrow_intercept = intercept.astype(np.float32)

        def score(X: Array) -> Array:
            # Probabilities sum to one, so that centring the mixture is centring each classifier.
            logits = np.clip(X, -_LONGEST, _LONGEST).astype(np.float32) @ narrow.T
            mixture = softmax(logits + narrow_intercept, axis=1) @ narrow - narrow_mean
            query = ((1 - relation) * unit_rows(X) + relation * unit_rows(mixture)).astype(np.float32)
            if kept is not None:
                return np.asarray(query @ kept.T, dtype=np.float64)
            blocks = [query @ classifiers(P[i : i + _BLOCK]).astype(np.float32).T for i in range(0, len(P), _BLOCK)]
            return np.concatenate(blocks, axis=1).astype(np.float64)

        return score


def _kernel(P: Array, A: Array, gamma: float) -> Array:
    """Return exp(-gamma |p - a|^2) for rows of P (m, k) and A (S, k)."""
    squared = np.square(P).sum(axis=1)[:, None] + np.square(A).sum(axis=1) - 2 * P @ A.T
    kernel: Array = np.exp(-gamma * np.maximum(squared, 0))
    return kernel
