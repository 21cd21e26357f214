"""What methods share that start from another method's scores and mend them with examples or unlabelled vectors."""

from __future__ import annotations

import hashlib
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from scipy.spatial import KDTree
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted, validate_data

from unseen.errors import InputError
from unseen.methods.base import Capabilities, Method
from unseen.methods.linalg import unit_rows
from unseen.methods.meta.members import inner_method, seen_rows
from unseen.methods.samples import Samples
from unseen.validation import check_number, message, verbatim

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from unseen.methods.base import Array
    from unseen.prototypes import Prototypes

__all__ = ["AdapterTags", "distinct_rows", "known_rows"]

# Prototypes nearer than this share of their length are of one class: a text that is encoded again, in other company or
# on another machine, comes out a few of the last digits away.
_SAME = 1e-4
# Directions in which candidates for that are looked up.
_DIRECTIONS = 8
_ROWS = 4096
_ABOVE_ZERO = MappingProxyType({"low": 0, "low_open": True})


class AdapterTags:
    """Tags that depend on the method inside: those of the class, and a shared space where none was given.

    Parameters
    ----------
    transductive : bool, default False
        Whether the adapter looks at all vectors that are scored together, and so at a class's rivals.
    """

    def __init__(self, *, transductive: bool = False) -> None:
        self.transductive = transductive

    def __get__(self, instance: _Adapter | None, owner: type) -> Capabilities:
        inner = None if instance is None else instance.method
        if not isinstance(inner, Method):
            return Capabilities(
                transductive=self.transductive,
                generative=self.transductive,
                stateless=self.transductive,
                shared_space=True,
            )
        tags = inner.capabilities
        return Capabilities(
            transductive=self.transductive,
            needs_unseen_at_fit=tags.needs_unseen_at_fit,
            generative=self.transductive or tags.generative,
            stateless=self.transductive and tags.stateless,
            shared_space=tags.shared_space,
        )


class _Adapter(Method):
    """Base of methods that mend another one's scores; a subclass sets `_limits`, writes `_learn` and `_class_scores`.

    Attributes
    ----------
    method_ : Method
        The fitted method inside.
    examples_ : Prototypes
        Of the classes that the examples are of.
    """

    #: The constructor's arguments that every adapter has.
    method: Method | None
    scale: float
    method_: Method
    examples_: Prototypes
    #: What its other parameters must be, as `check_number` has it; and those for which None is a choice.
    _limits: ClassVar[Mapping[str, Mapping[str, Any]]]
    _optional: ClassVar[tuple[str, ...]] = ()

    def _check(self) -> None:
        """Raise where a parameter is out of range."""
        for name, limits in {**self._limits, "scale": _ABOVE_ZERO}.items():
            value = getattr(self, name)
            if value is not None or name not in self._optional:
                check_number(type(self).__name__, name, value, **limits)

    def _learn(self, samples: Samples, S: Array) -> None:
        """Learn from examples and the prototypes S of their classes; `method_` is fitted."""
        raise NotImplementedError  # pragma: no cover

    def adapt(self, fitted: Method, X: npt.ArrayLike, y: npt.ArrayLike, *, prototypes: Prototypes) -> Self:
        """Learn from examples on top of a method that has learned from others before and stays as it is.

        Parameters
        ----------
        fitted : Method
            Fitted and inductive, such as the one inside a recogniser; the parameter `method` becomes an unfitted copy.
        X : array-like of shape (n, d)
            Vectors of the examples.
        y : array-like of str of shape (n,)
            Their classes.
        prototypes : Prototypes
            Of at least those classes, in the space of the fitted method's prototypes.

        Returns
        -------
        self
            `classes_` and `seen_prototypes_` are those of the fitted method, where it has any, and `examples_` says
            which classes have examples.

        Raises
        ------
        InputError
            When the method is of another kind, or examples do not fit it.
        NotFittedError
            When it needs a fit and had none.
        """
        self._take(fitted)
        vectors, targets = validate_data(self, X, y, dtype=[np.float64, np.float32])
        labels, positions = np.unique(targets, return_inverse=True)
        seen = self._check_prototypes(prototypes).subset(self._check_labels(labels))
        known = getattr(fitted, "seen_prototypes_", None)
        if known is not None:
            self._check_like("X", vectors.shape[1], fitted.n_features_in_)
            self._check_like("prototypes", seen.n_dimensions, known.n_dimensions)
        self.examples_ = seen
        self.classes_ = labels if known is None else fitted.classes_
        self.seen_prototypes_ = seen if known is None else known
        self._learn(Samples(vectors, positions, len(labels)), seen.vectors.astype(np.float64))
        return self

    def _take(self, fitted: Method) -> None:
        if not isinstance(fitted, Method) or fitted.capabilities.transductive:
            expected, remedy = "an inductive method", "Pass the one to start from"
            raise InputError(message(type(self).__name__, "fitted", expected, fitted, remedy))
        if not fitted.capabilities.stateless:
            check_is_fitted(fitted)
        self.method = clone(fitted)
        self._check()
        self.method_ = fitted

    def _check_like(self, argument: str, found: int, expected: int) -> None:
        if found != expected:
            raise InputError(
                message(
                    type(self).__name__,
                    argument,
                    f"of {expected} dimensions, like those that the method was fitted to",
                    verbatim(f"{found} dimensions"),
                    "Use one encoder for all of them",
                )
            )

    def _fit_samples(self, samples: Samples, S: Array) -> None:
        self._check()
        self.method_ = self._inner()._fit_shared(samples, self.classes_, self.seen_prototypes_)
        self.examples_ = self.seen_prototypes_
        self._learn(samples, S)

    def _inner(self) -> Method:
        from unseen.methods.projection.cosine import Cosine

        return Cosine() if self.method is None else inner_method(type(self).__name__, self.method)

    def _own_prototypes(self, X: Array, y: Array, n_classes: int) -> Array:
        return self._inner()._own_prototypes(X, y, n_classes)

    def _keep(self, samples: Samples) -> None:
        self.keys_ = unit_rows(samples.X).astype(np.float32)
        self.key_classes_ = samples.y.astype(np.int64)


class _TransductiveAdapter(_Adapter):
    """Base of adapters that look at all vectors at once; a subclass sets `_limits`, and writes `_together` and `_idle`.

    Attributes
    ----------
    keys_ : ndarray of float32 of shape (m, d)
        The examples, of unit length.
    key_classes_ : ndarray of int of shape (m,)
        Positions of their classes in `examples_`.
    alone_ : bool
        Whether `fit` was given no prototypes: then vectors are scored one by one, by the method inside.
    """

    keys_: Array
    key_classes_: Array
    alone_: bool

    def _together(self, X: Array, P: Array, base: Array) -> Array:
        """Return scores (n, C) of distinct vectors for distinct prototypes, from those of the method inside."""
        raise NotImplementedError  # pragma: no cover

    def _idle(self) -> bool:
        """Whether parameters say that scores are to stay as they are."""
        raise NotImplementedError  # pragma: no cover

    def around(self, fitted: Method) -> Self:
        """Take a method that has learned already, without examples: what is scored is mended by itself alone.

        Parameters
        ----------
        fitted : Method
            Fitted and inductive, such as the one inside a recogniser; the parameter `method` becomes an unfitted copy.

        Raises
        ------
        InputError
            When the method is of another kind.
        NotFittedError
            When it needs a fit and had none.
        """
        self._take(fitted)
        for name in ("classes_", "seen_prototypes_", "n_features_in_"):
            if hasattr(fitted, name):
                setattr(self, name, getattr(fitted, name))
        for name in ("keys_", "key_classes_", "examples_", "alone_"):  # an earlier fit's
            self.__dict__.pop(name, None)
        return self

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike, *, prototypes: Prototypes | None = None) -> Self:
        """Learn from labelled vectors; see :meth:`unseen.methods.base.Method.fit`."""
        super().fit(X, y, prototypes=prototypes)
        self.alone_ = prototypes is None
        return self

    def _learn(self, samples: Samples, S: Array) -> None:
        self._keep(samples)
        self.alone_ = False

    def _start(self, X: Array, P: Array) -> Array:
        """Return the scores (n, C) of the method inside, a block of rows at a time."""
        score = (getattr(self, "method_", None) or self._inner())._scorer(P)
        out = np.empty((len(X), len(P)))
        for start in range(0, len(X), _ROWS):
            out[start : start + _ROWS] = score(X[start : start + _ROWS])
        return out

    def _class_scores(self, X: Array, P: Array) -> Array:
        self._check()
        rows, places = distinct_rows(X)
        classes, columns = distinct_rows(P)
        X, P = X[rows], P[classes]
        scores = self._start(X, P)
        if len(X) > 1 and len(P) > 1 and not getattr(self, "alone_", False) and not self._idle():
            scores = self._together(X, P, scores)
        every: Array = scores[np.ix_(places, columns)]
        return every

    def _examples_of(self, P: Array, d: int) -> tuple[Array, Array]:
        """Return labelled examples (m, d) of the classes with prototypes P, and the rows of P (m,) that they are of."""
        if not hasattr(self, "keys_"):
            return np.zeros((0, d)), np.zeros(0, np.intp)
        rows = known_rows(self.examples_.vectors, P)
        column = np.full(self.examples_.n_classes, -1)
        column[rows[rows >= 0]] = np.flatnonzero(rows >= 0)
        y = column[self.key_classes_]
        return self.keys_[y >= 0].astype(np.float64), y[y >= 0]


def known_rows(seen: Array, P: Array) -> Array:
    """Return the row of `seen` (C_seen, k) that each row of P (C, k) is, -1 where it is none, whatever else is in P.

    A row is another one where they differ by less than a ten-thousandth of its length; an exact likeness goes first.
    """
    found = seen_rows(seen, P)
    rest = np.flatnonzero(found < 0)
    lengths = np.linalg.norm(seen, axis=1)
    if not len(rest) or not len(seen) or not lengths.max():
        return found
    random = np.random.RandomState(0)
    axes = np.linalg.qr(random.normal(size=(seen.shape[1], min(_DIRECTIONS, seen.shape[1]))))[0]
    # A projection never lengthens a difference: whatever is near enough is among the candidates.
    reach = _SAME * float(lengths.max())
    near = np.asarray(KDTree(seen @ axes).query(P[rest] @ axes, distance_upper_bound=reach * (1 + 1e-6))[1])
    close = near < len(seen)
    rest, near = rest[close], near[close]
    same = np.linalg.norm(P[rest] - seen[near], axis=1) <= _SAME * lengths[near]
    found[rest[same]] = near[same]
    return found


def distinct_rows(A: Array) -> tuple[Array, Array]:
    """Return positions (m,) of the distinct rows of A (n, d), and for each row its place (n,) among those.

    They come in an order that depends on what they hold alone: what is computed from them is the same, to the last
    bit, however the rows were ordered.
    """
    rows = np.ascontiguousarray(A, dtype=np.float64) + 0.0  # a negative zero is a zero
    keys = np.array([hashlib.blake2b(row.data, digest_size=16).digest() for row in rows], dtype="V16")
    keys = keys.view([("high", ">u8"), ("low", ">u8")])
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    return first, inverse
