"""The contract of every method: an ordinary scikit-learn classifier that also takes prototypes.

``fit(X, y, *, prototypes=None)`` learns on seen classes, ``class_scores(X, *, prototypes=None)`` answers for any
classes. Public methods validate and live here; an author writes `_fit` and `_class_scores`.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from unseen.errors import InputError
from unseen.methods.samples import Samples
from unseen.prototypes import Prototypes
from unseen.validation import message, verbatim

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

__all__ = ["FAMILIES", "Capabilities", "Citation", "Method"]

Array = np.ndarray[Any, Any]

FAMILIES = ("correspondence", "relationship", "combination", "projection", "borrowing", "synthesis", "meta")
# Rows scored at a time: what a method computes on the way never outgrows the scores themselves.
_ROWS = 4096


@dataclass(frozen=True)
class Citation:
    """Where a method comes from.

    Parameters
    ----------
    authors, title, venue : str
        As printed in the paper.
    year : int
        Year of publication.
    url : str, default ""
        A stable address (DOI, arXiv), or nothing.
    """

    authors: str
    title: str
    venue: str
    year: int
    url: str = ""

    def __str__(self) -> str:
        return f"{self.authors} ({self.year}). {self.title}. {self.venue}."


@dataclass(frozen=True)
class Capabilities:
    """What a method may do that others must not; each tag relaxes exactly one check of the battery.

    Parameters
    ----------
    transductive : bool
        Scores of one sample may depend on the other samples scored with it.
    needs_unseen_at_fit : bool
        `fit` looks at prototypes of classes without examples.
    generative : bool
        Makes up examples of the scored classes, or picks them; then a class's score depends on its rivals.
    stateless : bool
        `class_scores` works before `fit` when prototypes are given.
    shared_space : bool
        Vectors and prototypes must have one dimension: they lie in one space already.
    """

    transductive: bool = False
    needs_unseen_at_fit: bool = False
    generative: bool = False
    stateless: bool = False
    shared_space: bool = False

    def names(self) -> list[str]:
        """Return the names of the tags that are on."""
        return [name for name, on in vars(self).items() if on]


class Method(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Base of every zero-shot method.

    A subclass sets `family`, `citation`, and `capabilities` where they differ from none, and writes two hooks:
    ``_fit(X, y, S)`` with ``X`` (n, d) float64, ``y`` (n,) positions into the rows of ``S`` (C_seen, k) float64,
    and ``_class_scores(X, P)`` with ``P`` (C, k) float64, returning (n, C), higher is better. A method that learns
    from class means and covariances alone writes ``_fit_samples(samples, S)`` in place of ``_fit``: then a search
    computes those once, and float32 vectors are never copied whole.

    Attributes
    ----------
    classes_ : ndarray of shape (C_seen,)
        Labels seen in `fit`, sorted.
    seen_prototypes_ : Prototypes
        Their prototypes, in the order of `classes_`.
    n_features_in_ : int
        Dimension d of the vectors.

    Notes
    -----
    What no method does, each a check in :mod:`unseen.testing.contracts`: look at unseen prototypes in `fit`
    unless tagged (the hook is not even handed them); score a class differently because of its position or its
    rivals; use statistics of the batch at predict; carry state across fits; touch the caller's arrays.
    """

    family: ClassVar[str]
    citation: ClassVar[Citation]
    capabilities: ClassVar[Capabilities] = Capabilities()
    #: Whether scores are computed in single precision: their last digits then depend on what is computed together.
    single_precision: ClassVar[bool] = False
    #: Whether a fit takes minutes and chooses for itself: comparisons of "all" methods leave it out, searches too.
    slow: ClassVar[bool] = False
    #: Parameters that the batteries check the method with, where its defaults would take them long.
    check_params: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    #: Parameter name -> values worth trying, what `select` searches when it is told nothing else.
    search_space: ClassVar[Mapping[str, Sequence[Any]]] = MappingProxyType({})

    # -- what an author writes ---------------------------------------------------------------------------

    def _fit(self, X: Array, y: Array, S: Array) -> None:
        """Learn from vectors X (n, d), positions y (n,) and seen prototypes S (C_seen, k)."""
        raise NotImplementedError  # pragma: no cover

    def _fit_samples(self, samples: Samples, S: Array) -> None:
        """Learn from summarised vectors and seen prototypes S (C_seen, k); by default from the vectors themselves."""
        self._fit(samples.X.astype(np.float64, copy=False), samples.y, S)

    def _class_scores(self, X: Array, P: Array) -> Array:
        """Return scores (n, C) of vectors X (n, d) for prototypes P (C, k)."""
        raise NotImplementedError  # pragma: no cover

    def _scorer(self, P: Array) -> Callable[[Array], Array]:
        """Return what scores vectors for prototypes P; override it where P takes work that can be done once."""
        return lambda X: self._class_scores(X, P)

    def _own_prototypes(self, X: Array, y: Array, n_classes: int) -> Array:
        """Return prototypes for ``prototypes=None``; by default each class is its own one-hot vector."""
        return np.eye(n_classes)

    # -- what everybody calls ----------------------------------------------------------------------------

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike, *, prototypes: Prototypes | None = None) -> Self:
        """Learn from labelled vectors of seen classes.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Feature vectors, finite.
        y : array-like of shape (n,)
            With `prototypes`: class names found among ``prototypes.names``. Without: any class labels.
        prototypes : Prototypes or None, default None
            Prototypes of at least the classes in `y`; those of other classes are not looked at (unless the
            method is tagged ``needs_unseen_at_fit``). None makes each class its own one-hot prototype.

        Returns
        -------
        self

        Raises
        ------
        InputError
            When a label has no prototype, or shapes or values cannot be used.
        """
        vectors, targets = validate_data(self, X, y, dtype=[np.float64, np.float32])
        if targets.dtype.kind == "f":  # names and whole numbers are classes; scikit-learn would warn of many of them
            check_classification_targets(targets)
        labels, positions = np.unique(targets, return_inverse=True)
        if prototypes is None:
            S = self._own_prototypes(vectors, positions, len(labels))
            seen = Prototypes([str(label) for label in labels], S)
        else:
            seen = self._check_prototypes(prototypes).subset(self._check_labels(labels))
        return self._fit_shared(Samples(vectors, positions, len(labels)), labels, seen)

    def _fit_shared(self, samples: Samples, labels: Array, seen: Prototypes) -> Self:
        """Learn from samples that other methods may be fitted to as well; everything is validated already."""
        self.classes_ = labels
        self.seen_prototypes_ = seen
        self.n_features_in_ = samples.d
        self._fit_samples(samples, seen.vectors.astype(np.float64))
        return self

    def class_scores(self, X: npt.ArrayLike, *, prototypes: Prototypes | None = None) -> npt.NDArray[np.float64]:
        """Score vectors for every class.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Feature vectors, finite.
        prototypes : Prototypes or None, default None
            The classes to score, seen or unseen; None for those of `fit`.

        Returns
        -------
        ndarray of shape (n, C)
            Higher is better; columns in the order of ``prototypes.names``. Comparable within a row only.
        """
        return self.scorer(prototypes)(X)

    def scorer(self, prototypes: Prototypes | None = None) -> Callable[[npt.ArrayLike], npt.NDArray[np.float64]]:
        """Return a function that does what `class_scores` does for these prototypes.

        For a stream of vectors: what depends on the prototypes alone is done once.
        """
        if prototypes is None or not self.capabilities.stateless:
            check_is_fitted(self)
        fitted = hasattr(self, "n_features_in_")
        if prototypes is None:
            prototypes = self.seen_prototypes_
        elif fitted and self._check_prototypes(prototypes).n_dimensions != self.seen_prototypes_.n_dimensions:
            raise InputError(
                message(
                    type(self).__name__,
                    "prototypes",
                    f"of {self.seen_prototypes_.n_dimensions} dimensions, like those of fit",
                    verbatim(f"{prototypes.n_dimensions} dimensions"),
                    "Encode the classes with the encoder that was used for fit",
                )
            )
        score = self._scorer(self._check_prototypes(prototypes).vectors.astype(np.float64))
        whole = self.capabilities.transductive

        def scores(X: npt.ArrayLike) -> npt.NDArray[np.float64]:
            dtypes = [np.float64, np.float32]
            vectors = validate_data(self, X, dtype=dtypes, reset=False) if fitted else _check_vectors(self, X)
            if whole or len(vectors) <= _ROWS:
                return score(vectors.astype(np.float64, copy=False))
            out = np.empty((len(vectors), prototypes.n_classes))
            for start in range(0, len(vectors), _ROWS):
                rows = slice(start, start + _ROWS)
                out[rows] = score(vectors[rows].astype(np.float64, copy=False))
            return out

        return scores

    def predict(self, X: npt.ArrayLike, *, prototypes: Prototypes | None = None) -> Array:
        """Return the best class of each vector: a label of `fit`, or a name of `prototypes`; shape (n,)."""
        score = self.scorer(prototypes)
        n = X.shape[0] if isinstance(X, np.ndarray) and X.ndim == 2 and not self.capabilities.transductive else 0
        if n > _ROWS:  # the scores of all rows at once may not fit into memory; their best classes do
            parts = [np.asarray(X)[i : i + _ROWS] for i in range(0, n, _ROWS)]
            best = np.concatenate([score(part).argmax(axis=1) for part in parts])
        else:
            best = score(X).argmax(axis=1)
        labels = self.classes_ if prototypes is None else np.array(prototypes.names)
        chosen: Array = np.asarray(labels)[best]
        return chosen

    def score(
        self,
        X: npt.ArrayLike,
        y: npt.ArrayLike,
        sample_weight: npt.ArrayLike | None = None,
        *,
        prototypes: Prototypes | None = None,
    ) -> float:
        """Return the share of vectors whose best class is the true one, in [0, 1].

        Parameters
        ----------
        X : array-like of shape (n, d)
            Feature vectors.
        y : array-like of shape (n,)
            True labels: names of `prototypes`, or labels of `fit`.
        sample_weight : array-like of shape (n,) or None, default None
            Weights of the samples.
        prototypes : Prototypes or None, default None
            The classes to choose from; to judge on classes without examples, give theirs. None for those of `fit`:
            then a sample of any other class counts as wrong.
        """
        from sklearn.metrics import accuracy_score

        return float(accuracy_score(y, self.predict(X, prototypes=prototypes), sample_weight=sample_weight))

    def decision_function(self, X: npt.ArrayLike, *, prototypes: Prototypes | None = None) -> Array:
        """Return `class_scores`, in scikit-learn's shape: (n, C), or (n,) where there are two classes."""
        scores = self.class_scores(X, prototypes=prototypes)
        return np.asarray(scores[:, 1] - scores[:, 0]) if scores.shape[1] == 2 else scores

    def predict_proba(self, X: npt.ArrayLike, *, prototypes: Prototypes | None = None) -> Array:
        """Return the softmax of the scores, (n, C); calibrate it with :mod:`unseen.decision`."""
        from scipy.special import softmax

        probabilities: Array = softmax(self.class_scores(X, prototypes=prototypes), axis=1)
        return probabilities

    # -- checks ------------------------------------------------------------------------------------------

    def _check_prototypes(self, prototypes: Any) -> Prototypes:
        if not isinstance(prototypes, Prototypes):
            raise InputError(
                message(
                    type(self).__name__,
                    "prototypes",
                    "an unseen.Prototypes",
                    prototypes,
                    "Build one with Prototypes(names, vectors)",
                )
            )
        return prototypes

    def _check_labels(self, labels: Array) -> list[str]:
        if labels.dtype.kind not in "UO" or not all(isinstance(label, str) for label in labels):
            raise InputError(
                message(
                    type(self).__name__,
                    "y",
                    "class names (strings) when prototypes are given",
                    labels,
                    "Pass names[y] where y holds positions",
                )
            )
        return [str(label) for label in labels]


def _check_vectors(owner: Method, X: npt.ArrayLike) -> Array:
    """Validate vectors for a method that was never fitted (a stateless one)."""
    from sklearn.utils import check_array

    checked: Array = check_array(X, dtype=[np.float64, np.float32], estimator=owner)
    return checked
