"""What remedies share: they take class scores and give class scores, and know nothing of the method behind them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from unseen.errors import InputError
from unseen.metrics.accuracy import check_scores
from unseen.validation import message, verbatim

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from unseen.methods.base import Citation

__all__ = ["Bank", "Competition", "Remedy"]

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
        Column of each one's class.
    """

    scores: Array
    X: Array
    y: Array


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
    """

    y: Array
    scores: Array
    seen: Array
    names: tuple[str, ...]
    X: Array
    bank: Bank


class Remedy(BaseEstimator):  # type: ignore[misc]
    """Base of what mends class scores.

    A subclass sets `failure` and `citation`, and writes ``_fit(competitions)`` where it learns something, and
    ``_apply(scores, seen, bank, X)``.

    Notes
    -----
    Fitting sees validation classes only, and nothing of the classes it is later applied to. Applying scores row by
    row: what it says of a sample depends on no other sample, unless `transductive`.
    """

    #: Which of the failures it is for: "bias", "hubness", "domain_shift" or "semantic_loss".
    failure: ClassVar[str]
    citation: ClassVar[Citation]
    transductive: ClassVar[bool] = False
    #: Whether `apply` needs reference samples.
    needs_bank: ClassVar[bool] = False

    def _fit(self, competitions: Sequence[Competition]) -> None:
        """Learn from competitions; by default nothing."""

    def _apply(self, scores: Array, seen: Array, bank: Bank | None, X: Array | None) -> Array:
        """Return mended scores (n, C)."""
        raise NotImplementedError  # pragma: no cover

    def fit(self, competitions: Sequence[Competition]) -> Self:
        """Learn from competitions between training classes, such as `unseen.methods.simulation.simulate` returns.

        Raises
        ------
        InputError
            When there is none, or one lacks samples or classes of either kind.
        """
        owner = type(self).__name__
        if not competitions:
            raise InputError(
                message(owner, "competitions", "at least one", verbatim("none"), "Simulate them on training classes")
            )
        for one in competitions:
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
        self.n_competitions_ = len(competitions)
        self._fit(competitions)
        return self

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
        """
        check_is_fitted(self)
        owner = type(self).__name__
        S = np.asarray(scores, dtype=np.float64)
        mask = np.asarray(seen, dtype=bool)
        if S.ndim != 2 or mask.shape != (S.shape[1],) or not np.isfinite(S).all():
            raise InputError(
                message(
                    owner,
                    "scores and seen",
                    "finite and of shapes (n, C) and (C,)",
                    verbatim(f"{S.shape} and {mask.shape}"),
                    "Pass one score per sample and class, and say of every class whether it was seen",
                )
            )
        if self.needs_bank and (bank is None or bank.scores.shape[1:] != S.shape[1:] or not len(bank.scores)):
            raise InputError(
                message(
                    owner,
                    "bank",
                    f"reference samples scored for the same {S.shape[1]} classes",
                    verbatim("none" if bank is None else f"scores of shape {bank.scores.shape}"),
                    "Pass Bank(method.class_scores(X_train, prototypes=prototypes), X_train, y_train)",
                )
            )
        vectors = None if X is None else np.asarray(X)
        if vectors is not None and vectors.shape[:1] != S.shape[:1]:
            found = verbatim(f"{vectors.shape} for {len(S)} rows of scores")
            raise InputError(message(owner, "X", "one vector per row of scores", found, "Pass them in one order"))
        return self._apply(S, mask, bank, vectors)
