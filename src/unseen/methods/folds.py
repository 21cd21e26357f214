"""Folds of held-out classes, and the scores of methods on them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils import check_array

from unseen.errors import InputError
from unseen.methods.base import Method
from unseen.methods.samples import Samples
from unseen.metrics.accuracy import per_class_top_k
from unseen.metrics.gzsl import seen_unseen_curve
from unseen.validation import check_seed, message, verbatim

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import numpy.typing as npt

    from unseen.methods.base import Array
    from unseen.prototypes import Prototypes

__all__ = [
    "Fold",
    "FoldScores",
    "Front",
    "by_front",
    "depends_on_rivals",
    "front_of",
    "make_folds",
    "score_fold",
    "single_precision",
]


@dataclass(frozen=True)
class Fold:
    """Classes to learn from and classes that play the unseen ones.

    Attributes
    ----------
    samples : Samples
        What is learned from.
    labels : ndarray of shape (T,)
        Names of the training classes, sorted; positions in `samples` refer to them.
    prototypes : Prototypes
        Of training classes, in that order, then of held-out ones.
    X_unseen, y_unseen : ndarray of shapes (m, d) and (m,)
        Vectors of held-out classes and their positions in `prototypes`.
    X_seen, y_seen : ndarray of shapes (q, d) and (q,)
        Vectors of training classes that were kept out of `samples`.
    """

    samples: Samples
    labels: Array
    prototypes: Prototypes
    X_unseen: Array
    y_unseen: Array
    X_seen: Array
    y_seen: Array

    @property
    def n_seen(self) -> int:
        """Number of training classes, T."""
        return len(self.labels)

    def accuracy(self, scores: Array) -> float:
        """Return per-class accuracy of held-out classes among themselves, from scores (m, H)."""
        return per_class_top_k(self.y_unseen - self.n_seen, scores)

    def competition(self, unseen_scores: Array, seen_scores: Array) -> dict[str, float]:
        """Return u, s and their harmonic mean at the best penalty, that penalty, and the area under the curve."""
        if not len(seen_scores):
            return {"u": np.nan, "s": np.nan, "harmonic_mean": np.nan, "penalty": 0.0, "ausuc": np.nan}
        curve = seen_unseen_curve(
            np.concatenate([self.y_unseen, self.y_seen]),
            np.concatenate([unseen_scores, seen_scores]),
            np.arange(self.prototypes.n_classes) < self.n_seen,
        )
        penalty, _ = curve.best()
        u, s, h = curve.at(penalty)
        return {"u": u, "s": s, "harmonic_mean": h, "penalty": penalty, "ausuc": curve.ausuc}


def make_folds(
    X: Array,
    y: Array,
    prototypes: Prototypes,
    pairs: Iterable[tuple[npt.ArrayLike, npt.ArrayLike]],
    seen_share: float,
    random_state: Any,
    *,
    max_per_class: int | None = None,
    max_learned: int | None = None,
) -> Iterator[Fold]:
    """Yield a fold for each pair of positions (training, held out).

    At most `max_per_class` held-out samples of each class are kept, and at most `max_learned` training samples; None
    keeps all.

    Raises
    ------
    InputError
        When a pair shares a class, or a side of it is empty.
    """
    random = check_seed("select", random_state)
    for first, second in pairs:
        train, held = _rows(first), _rows(second)
        known, out = np.unique(y[train]), np.unique(y[held])
        both = np.intersect1d(known, out)
        if len(both) or not len(known) or not len(out):
            found = f"{len(both)} shared, such as {both[0]!r}" if len(both) else "an empty side"
            raise InputError(
                message("select", "split", "pairs with disjoint classes", verbatim(found), "Split by class")
            )
        kept: list[Array] = []
        for name in known:
            rows = random.permutation(train[y[train] == name])
            kept.append(rows[: min(int(seen_share * len(rows) + 0.5), len(rows) - 1)])
        seen = np.sort(np.concatenate(kept))
        held = _fewer(held, y, max_per_class, random)
        train = _fewer(np.setdiff1d(train, seen), y, max_learned, random)
        names = [str(name) for name in (*known, *out)]
        yield Fold(
            Samples(X[train], np.searchsorted(known, y[train]), len(known)),
            known,
            prototypes.subset(names),
            X[held],
            len(known) + np.searchsorted(out, y[held]),
            X[seen],
            np.searchsorted(known, y[seen]),
        )


def _rows(part: npt.ArrayLike) -> Array:
    """Return positions; a mask is as good."""
    rows = np.asarray(part)
    return np.flatnonzero(rows) if rows.dtype == np.bool_ else rows.astype(np.intp)


def _fewer(rows: Array, y: Array, limit: int | None, random: Any) -> Array:
    """Return at most `limit` of the rows of each class, drawn at random, sorted."""
    if limit is None:
        return rows
    kept: Array = np.sort(np.concatenate([random.permutation(rows[y[rows] == c])[:limit] for c in np.unique(y[rows])]))
    return kept


@dataclass(frozen=True)
class Front:
    """An estimator taken apart: what prepares vectors, and the method behind it.

    Attributes
    ----------
    estimator : Any
        The whole.
    method : Method
        What scores; its parameters carry `prefix` in the whole.
    prefix : str
        "" or "name__".
    transformer : Any
        What prepares vectors, or None.
    """

    estimator: Any
    method: Method
    prefix: str
    transformer: Any

    @property
    def key(self) -> str:
        """Equal for estimators that prepare vectors alike."""
        return "" if self.transformer is None else repr(self.transformer.get_params())

    def fit(self, X: Array, y: Array, prototypes: Prototypes) -> None:
        """Fit the whole estimator."""
        if isinstance(self.estimator, Pipeline):
            self.estimator.fit(X, y, **{f"{self.estimator.steps[-1][0]}__prototypes": prototypes})
        else:
            self.estimator.fit(X, y, prototypes=prototypes)

    def score(self, X: Array, prototypes: Prototypes) -> Array:
        """Return class scores (n, C) of the fitted estimator."""
        if not isinstance(self.estimator, Pipeline):
            return np.asarray(self.estimator.class_scores(X, prototypes=prototypes))
        ready = self.estimator[:-1].transform(X) if len(self.estimator.steps) > 1 else X
        return np.asarray(self.estimator.steps[-1][1].class_scores(ready, prototypes=prototypes))


def front_of(estimator: Any, owner: str) -> Front:
    """Take an estimator apart.

    Raises
    ------
    InputError
        When it is neither a method nor a pipeline that ends in one, or a part of it is of the wrong kind.
    """
    from unseen.methods.meta.prepared import Prepared
    from unseen.methods.projection.kernel_ridge import KernelRidge

    if isinstance(estimator, Prepared):
        estimator._check_parts()
        inner = KernelRidge() if estimator.method is None else estimator.method
        return Front(estimator, inner, "method__", estimator.features)
    if isinstance(estimator, Method):
        return Front(estimator, estimator, "", None)
    if isinstance(estimator, Pipeline) and isinstance(estimator.steps[-1][1], Method):
        name, last = estimator.steps[-1]
        return Front(estimator, last, f"{name}__", estimator[:-1] if len(estimator.steps) > 1 else None)
    raise InputError(
        message(owner, "method", "a method, or a Pipeline that ends in one", estimator, "Pass an instance, not a class")
    )


def by_front(estimators: Sequence[Any], owner: str) -> list[list[int]]:
    """Return the places of estimators, those that prepare vectors alike together."""
    keys = [front_of(estimator, owner).key for estimator in estimators]
    order = sorted(range(len(keys)), key=lambda i: (keys[i], i))
    return [list(group) for _, group in groupby(order, key=lambda i: keys[i])]


@dataclass(frozen=True)
class FoldScores:
    """A method's scores on a fold.

    Attributes
    ----------
    alone : ndarray of shape (m, H)
        Held-out vectors, scored for held-out classes alone.
    unseen : ndarray of shape (m, T + H)
        Held-out vectors, scored for all classes.
    seen : ndarray of shape (q, T + H)
        Kept vectors of training classes, scored for all classes.
    """

    alone: Array
    unseen: Array
    seen: Array


def score_fold(estimator: Any, fold: Fold, shared: dict[str, Any]) -> FoldScores:
    """Fit a clone to a fold and score its held-out and its kept vectors.

    `shared` keeps what the fold's samples become behind one way of preparing vectors, for the next estimator.
    """
    from unseen.methods.meta.prepared import Prepared

    front = front_of(estimator, "select")
    if shared.get("key") != front.key:
        shared.clear()
        shared.update(key=front.key, parts=_prepared(front.transformer, fold))
    samples, X_unseen, X_seen = shared["parts"]
    if isinstance(estimator, Prepared):
        # The clone's vectors are scaled already: what is fitted is the rest of it.
        model: Method = clone(estimator).set_params(features=None)
    else:
        model = clone(front.method)
    seen = fold.prototypes.subset([str(name) for name in fold.labels])
    model._fit_shared(samples, fold.labels, seen)
    together = model.scorer(fold.prototypes)
    if depends_on_rivals(model):
        # Scores depend on what else is scored, so each question is asked by itself.
        held = fold.prototypes.subset(fold.prototypes.names[fold.n_seen :])
        both = together(np.concatenate([X_unseen, X_seen]))
        return FoldScores(model.class_scores(X_unseen, prototypes=held), both[: len(X_unseen)], both[len(X_unseen) :])
    unseen = together(X_unseen)
    kept = together(X_seen) if len(X_seen) else np.zeros((0, fold.prototypes.n_classes))
    return FoldScores(unseen[:, fold.n_seen :], unseen, kept)


def depends_on_rivals(part: Any) -> bool:
    """Whether a method, or one inside it, scores a class differently beside other classes or vectors."""
    if isinstance(part, list | tuple):
        return any(depends_on_rivals(one) for one in part)
    if not isinstance(part, Method):
        return False
    tags = part.capabilities
    return tags.transductive or tags.generative or depends_on_rivals(list(part.get_params(deep=False).values()))


def single_precision(part: Any) -> bool:
    """Whether a method, or one inside it, computes scores in single precision."""
    if isinstance(part, list | tuple):
        return any(single_precision(one) for one in part)
    if not isinstance(part, Method):
        return False
    fitted = [value for name, value in vars(part).items() if name.endswith("_")]
    return part.single_precision or single_precision([*part.get_params(deep=False).values(), *fitted])


def _prepared(transformer: Any, fold: Fold) -> tuple[Samples, Array, Array]:
    if transformer is None:
        return fold.samples, fold.X_unseen, fold.X_seen
    fitted = clone(transformer)
    # A pipeline's transformer may answer in whole numbers; `fit` would have widened them.
    dtypes = [np.float64, np.float32]
    X = check_array(fitted.fit_transform(fold.samples.X, fold.samples.y), dtype=dtypes)
    samples = Samples(X, fold.samples.y, fold.samples.n_classes)
    seen = fitted.transform(fold.X_seen) if len(fold.X_seen) else fold.X_seen
    return samples, fitted.transform(fold.X_unseen), seen
