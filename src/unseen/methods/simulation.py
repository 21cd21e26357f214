"""Competitions between training classes: what bias and its remedies are measured on, without any test data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_array, check_consistent_length

from unseen.decision.remedy import Bank, Competition
from unseen.methods.folds import front_of, make_folds
from unseen.methods.selection import ClassWiseSplit
from unseen.validation import check_number, check_seed

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

    from unseen.methods.folds import Fold
    from unseen.prototypes import Prototypes

__all__ = ["simulate"]

Array = np.ndarray[Any, Any]


def simulate(
    method: Any,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    prototypes: Prototypes,
    split: Iterable[tuple[npt.ArrayLike, npt.ArrayLike]] | None = None,
    seen_share: float = 0.2,
    max_per_class: int | None = None,
    bank_size: int = 2000,
    random_state: Any = 0,
) -> list[Competition]:
    """Fit a method without some of its classes, several times, and score those beside the others.

    Parameters
    ----------
    method : Method or Pipeline
        Cloned, never fitted itself.
    X, y : array-like of shapes (n, d) and (n,)
        Training vectors and class names.
    prototypes : Prototypes
        Of at least the classes in `y`; others are not looked at.
    split : iterable of pairs of positions or None, default None
        Training and held-out samples; their classes must be disjoint. None for ``ClassWiseSplit(3)``.
    seen_share : float, default 0.2
        Share of each remaining class kept out of the fit, in (0, 1): what seen classes are judged on.
    max_per_class : int or None, default None
        At most so many samples of each class are learned from, and judged.
    bank_size : int, default 2000
        At most so many of the samples learned from become the bank.
    random_state : int, RandomState or None, default 0
        Which samples are kept.

    Returns
    -------
    list of Competition
        One per pair. Columns: the classes of the fit, sorted, then the held-out ones, sorted.

    Raises
    ------
    InputError
        When shapes disagree, a pair shares a class, or nothing can be kept of the seen classes.
    """
    share = check_number("simulate", "seen_share", seen_share, low=0, high=1, low_open=True)
    size = int(check_number("simulate", "bank_size", bank_size, low=1, integer=True))
    limit = None if max_per_class is None else check_number("simulate", "max_per_class", max_per_class, low=1)
    front_of(method, "simulate")
    vectors = check_array(X, dtype=[np.float64, np.float32])
    labels = np.asarray(y)
    check_consistent_length(vectors, labels)
    pairs = ClassWiseSplit().split(vectors, labels) if split is None else split
    random = check_seed("simulate", random_state)
    cap = None if limit is None else int(limit)
    folds = make_folds(vectors, labels, prototypes, pairs, share, random, max_per_class=cap, max_learned=cap)
    return [_compete(method, fold, size, random) for fold in folds]


def _compete(method: Any, fold: Fold, bank_size: int, random: np.random.RandomState) -> Competition:
    front = front_of(clone(method), "simulate")
    names = fold.prototypes.names
    learned, columns = fold.samples.X, fold.samples.y
    # The fit is handed seen prototypes alone: whatever it does, it cannot look at the others.
    front.fit(learned, fold.labels[columns], fold.prototypes.subset(names[: fold.n_seen]))
    kept = np.sort(random.permutation(len(learned))[:bank_size])
    X = np.concatenate([fold.X_unseen, fold.X_seen])
    bank = Bank(front.score(learned[kept], fold.prototypes), learned[kept], columns[kept])
    return Competition(
        np.concatenate([fold.y_unseen, fold.y_seen]),
        front.score(X, fold.prototypes),
        np.arange(len(names)) < fold.n_seen,
        tuple(names),
        X,
        bank,
    )
