"""What remedies share: they take class scores and give class scores, and know nothing of the method behind them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from unseen.errors import InputError
from unseen.metrics.checks import check_scores
from unseen.validation import check_number, check_switch, message, verbatim

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from unseen.methods.base import Citation

__all__ = ["Bank", "ColumnRemedy", "Competition", "Remedy", "check_neighbours", "neighbours"]

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Bank:
    """Reference samples: what a single score is compared with, so that no prediction depends on other test samples.

    Attributes
    ----------
    scores : ndarray of shape (m, C)
        Their scores for the classes in question.
    X : ndarray of shape (m, d)
        Their vectors.
    y : ndarray of int of shape (m,)
        Column of each one's class; -1 where it has none, or nobody knows.
    """

    scores: Array
    X: Array
    y: Array

    @property
    def foreign(self) -> Array:
        """Whether sample i is not of class c, (m, C); all, for a class that has nothing but samples of its own.

        What is usual for a class is what samples of other classes score: of unseen classes there are no others, and
        a method's scores of the very samples it was fitted to say little.
        """
        others: Array = self.y[:, None] != np.arange(self.scores.shape[1])
        others[:, ~others.any(axis=0)] = True
        return others


@dataclass(frozen=True)
class Competition:
    """Samples of seen and of held-out classes, scored for both kinds: what a remedy learns from.

    The held-out classes are training classes that the method was fitted without; they play the unseen ones.

    Attributes
    ----------
    y : ndarray of int of shape (n,)
        Column of each sample's class.
    scores : ndarray of shape (n, C)
        Scores of all classes; higher is better.
    seen : ndarray of bool of shape (C,)
        Which columns the method was fitted to.
    names : tuple of str
        Names of the columns.
    X : ndarray of shape (n, d)
        The samples' vectors.
    bank : Bank
        Samples that the method was fitted to, scored alike.
    alone : ndarray of shape (m, H) or None
        Scores of the held-out classes' samples for those classes alone, in the order of both; None where they are
        part of `scores`: a method whose scores depend on rivals answers differently when it is asked so.
    """

    y: Array
    scores: Array
    seen: Array
    names: tuple[str, ...]
    X: Array
    bank: Bank
    alone: Array | None = None

    def held_out(self, scores: Array | None = None) -> tuple[Array, Array]:
        """Return scores of held-out classes' samples for those classes alone, and their columns among them.

        Parameters
        ----------
        scores : ndarray of shape (n, C) or None, default None
            What a remedy made of `scores`; None for those themselves.
        """
        columns = np.flatnonzero(~self.seen)
        rows = ~self.seen[self.y]
        y: Array = np.searchsorted(columns, self.y[rows])
        if scores is None and self.alone is not None:
            return self.alone, y
        return (self.scores if scores is None else scores)[np.ix_(rows, columns)], y


class Remedy(BaseEstimator):  # type: ignore[misc]
    """Base of what mends class scores.

    A subclass sets `failure` and `citation`, and writes ``_fit(competitions)`` where it learns something, and
    ``_applier(seen, bank)``, which returns what mends scores (n, C) of samples with vectors X (n, d).

    Attributes
    ----------
    n_competitions_ : int
        Number of competitions it was fitted to.

    Notes
    -----
    Fitting sees validation classes only, and nothing of the classes it is later applied to. Applying goes row by
    row: what it says of a sample depends on no other sample, unless `transductive`.
    """

    #: Which of the failures it is for: "bias", "hubness", "domain_shift" or "semantic_loss".
    failure: ClassVar[str]
    citation: ClassVar[Citation]
    #: Whether what it says of a sample depends on the samples scored with it.
    transductive: bool = False
    #: Whether it needs reference samples.
    needs_bank: ClassVar[bool] = False
    #: Whether it needs the samples' vectors.
    needs_vectors: bool = False
    #: Whether the scores of seen classes have a part in those of the others.
    needs_seen: ClassVar[bool] = False
    #: Whether the scores of unseen classes have a part in those of the others.
    needs_rivals: bool = False

    def _check_parameters(self) -> None:
        """Raise InputError where a parameter is out of range; by default there are none."""

    def _learns(self) -> bool:
        """Whether `apply` needs what only `fit` can tell."""
        return True

    def _fit(self, competitions: Sequence[Competition]) -> None:
        """Learn from competitions; by default nothing."""

    def _applier(self, seen: Array, bank: Bank | None) -> Callable[[Array, Array | None], Array]:
        """Return what mends scores (n, C) of samples with vectors (n, d); it must not change what it is handed."""
        raise NotImplementedError  # pragma: no cover

    def fit(self, competitions: Sequence[Competition]) -> Self:
        """Learn from competitions between training classes, such as `unseen.methods.simulation.simulate` returns.

        Raises
        ------
        InputError
            When a parameter is out of range, there is no competition, or one lacks samples or classes of either kind.
        """
        owner = type(self).__name__
        self._check_parameters()
        contests: list[Any] = list(competitions) if isinstance(competitions, list | tuple) else [competitions]
        if not contests or not all(isinstance(one, Competition) for one in contests):
            found = competitions if contests else verbatim("none")
            raise InputError(
                message(owner, "competitions", "a list of at least one", found, "Simulate them on training classes")
            )
        for one in contests:
            y, scores = check_scores(owner, one.y, one.scores)
            kinds = np.asarray(one.seen, dtype=bool)
            if kinds.shape != (scores.shape[1],) or len(np.unique(kinds)) < 2 or len(np.unique(kinds[y])) < 2:
                raise InputError(
                    message(
                        owner,
                        "competitions",
                        "of seen and of held-out classes, with samples of both",
                        verbatim("one kind only"),
                        "Keep a share of the training samples out of the fit, and hold out whole classes",
                    )
                )
            if self.needs_bank and not self.transductive:
                self._check_bank(one.bank, scores.shape[1])
        # Through the instance, so that a second fit cannot lean on what the first one left.
        for name in [key for key in vars(self) if key.endswith("_")]:
            delattr(self, name)
        self._fit(contests)
        self.n_competitions_ = len(contests)
        return self

    def applier(
        self, *, seen: npt.ArrayLike, bank: Bank | None = None
    ) -> Callable[[npt.ArrayLike, npt.ArrayLike | None], npt.NDArray[np.float64]]:
        """Return a function of scores and vectors that does what `apply` does.

        For a stream of samples: what depends on the classes and the bank alone is done once.
        """
        owner = type(self).__name__
        self._check_parameters()
        if self._learns():
            check_is_fitted(self)
        mask = np.asarray(seen, dtype=bool)
        if mask.ndim != 1 or not len(mask):
            raise InputError(message(owner, "seen", "of shape (C,)", mask, "Say of every class whether it was seen"))
        if self.needs_bank and not self.transductive:
            self._check_bank(bank, len(mask))
        act = self._applier(mask, bank)

        def mend(scores: npt.ArrayLike, X: npt.ArrayLike | None = None) -> npt.NDArray[np.float64]:
            S = np.asarray(scores, dtype=np.float64)
            if S.shape[1:] != mask.shape or not np.isfinite(S).all():
                raise InputError(
                    message(
                        owner,
                        "scores",
                        f"finite and of shape (n, {len(mask)}), a column for every entry of seen",
                        verbatim(f"shape {S.shape}" if S.shape[1:] != mask.shape else "NaN or infinity"),
                        "Pass one score per sample and class",
                    )
                )
            if X is None and self.needs_vectors:
                raise InputError(message(owner, "X", "the samples' vectors", X, "Pass what the method was given"))
            vectors = None if X is None else np.asarray(X)
            if vectors is not None and (vectors.ndim != 2 or len(vectors) != len(S)):
                found = verbatim(f"shape {vectors.shape} for {len(S)} rows of scores")
                raise InputError(message(owner, "X", "one vector per row of scores", found, "Pass them in one order"))
            return act(S, vectors)

        return mend

    def apply(
        self,
        scores: npt.ArrayLike,
        *,
        seen: npt.ArrayLike,
        bank: Bank | None = None,
        X: npt.ArrayLike | None = None,
    ) -> npt.NDArray[np.float64]:
        """Return mended scores.

        Parameters
        ----------
        scores : array-like of shape (n, C)
            Class scores; higher is better.
        seen : array-like of bool of shape (C,)
            Which columns the method was fitted to.
        bank : Bank or None, default None
            Reference samples, scored for the same columns.
        X : array-like of shape (n, d) or None, default None
            The samples' vectors, for remedies that look at them.

        Returns
        -------
        ndarray of shape (n, C)
            Higher is better; comparable within a row.

        Raises
        ------
        InputError
            When shapes disagree, a score is not finite, or what the remedy needs is missing.
        """
        return self.applier(seen=seen, bank=bank)(scores, X)

    def _check_bank(self, bank: Any, n_classes: int) -> None:
        found = "none"
        if isinstance(bank, Bank):
            shapes = np.shape(bank.scores), np.shape(bank.X)[:1], np.shape(bank.y)
            m = shapes[0][0] if shapes[0] else 0
            if m and shapes == ((m, n_classes), (m,), (m,)) and np.isfinite(bank.scores).all():
                return
            found = f"scores of shape {shapes[0]}, {shapes[1]} vectors and {shapes[2]} classes"
            if m and shapes == ((m, n_classes), (m,), (m,)):
                found = "scores with NaN or infinity"
        raise InputError(
            message(
                type(self).__name__,
                "bank",
                f"a Bank of reference samples scored for the same {n_classes} classes",
                verbatim(found),
                "Pass Bank(method.class_scores(X, prototypes=prototypes), X, columns)",
            )
        )


class ColumnRemedy(Remedy):
    """Base of remedies against hubs: each class's scores are held against what is usual for that class.

    A subclass writes ``_columns(S, foreign)``, which learns what is usual from scores S (m, C) of reference samples
    (those with ``foreign`` only), and ``_mend(scores, usual, seen)``.
    """

    failure = "hubness"
    needs_bank = True

    def _learns(self) -> bool:
        return False

    def _columns(self, S: Array, foreign: Array) -> tuple[Array, ...]:
        """Return what is usual for every class."""
        raise NotImplementedError  # pragma: no cover

    def _mend(self, scores: Array, usual: tuple[Array, ...], seen: Array) -> Array:
        """Return mended scores (n, C)."""
        raise NotImplementedError  # pragma: no cover

    def _check_parameters(self) -> None:
        check_switch(type(self).__name__, "transductive", self.transductive)

    def _applier(self, seen: Array, bank: Bank | None) -> Callable[[Array, Array | None], Array]:
        if self.transductive:
            return lambda S, X: self._mend(S, self._columns(S, np.ones(S.shape, dtype=bool)), seen) if len(S) else S
        # `applier` has checked that it is there.
        usual = () if bank is None else self._columns(np.asarray(bank.scores, dtype=np.float64), bank.foreign)
        return lambda S, X: self._mend(S, usual, seen)


def check_neighbours(owner: str, k: Any) -> None:
    """Raise `InputError` unless `k` is a number of reference samples, or a share of them as a float in (0, 1]."""
    if isinstance(k, float):
        check_number(owner, "k", k, low=0, high=1, low_open=True)
    else:
        check_number(owner, "k", k, low=1, integer=True)


def neighbours(k: float, counts: Array) -> Array:
    """Return how many of `counts` reference samples `k` stands for, at least 1 and at most all."""
    wanted = np.rint(k * counts) if isinstance(k, float) else np.full(np.shape(counts), k)
    asked: Array = np.clip(wanted, 1, counts).astype(np.intp)
    return asked
