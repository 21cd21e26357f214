"""Competitions between training classes: what bias and its remedies are measured on, without any test data."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_array, check_consistent_length, column_or_1d

from unseen.decision.remedy import Bank, Competition
from unseen.errors import InputError
from unseen.methods.folds import depends_on_rivals, front_of, make_folds
from unseen.methods.preprocessing import even_share
from unseen.methods.selection import ClassWiseSplit
from unseen.validation import check_number, check_seed, message

if TYPE_CHECKING:
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
    split: ClassWiseSplit | Iterable[tuple[npt.ArrayLike, npt.ArrayLike]] | None = None,
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
    split : ClassWiseSplit, iterable of pairs of positions or None, default None
        Training and held-out samples; their classes must be disjoint. None for ``ClassWiseSplit(3)``.
    seen_share : float, default 0.2
        Share of each remaining class kept out of the fit, above 0 and at most 0.5: what seen classes are judged on.
        A class with too few samples keeps none.
    max_per_class : int or None, default None
        At most so many samples of each class are learned from, and at most so many of each held-out class are judged.
        None for all.
    bank_size : int, default 2000
        At most so many of the samples learned from become the bank, at least 1.
    random_state : int, RandomState or None, default 0
        Which samples are kept.

    Returns
    -------
    list of Competition
        One per pair. Columns: the classes of the fit, sorted, then the held-out ones, sorted.

    Raises
    ------
    InputError
        When a parameter is out of range, shapes disagree, a label has no prototype, or a pair shares a class.

    Notes
    -----
    Costs a fit per pair, and scores of everything that is kept. The fits are handed prototypes of their own classes
    only; held-out ones come in when everything is learned.

    Examples
    --------
    >>> import numpy as np
    >>> from unseen import Prototypes
    >>> from unseen.methods.projection.ridge import Ridge
    >>> from unseen.methods.simulation import simulate
    >>> p = Prototypes(["a", "b", "c"], np.eye(3))
    >>> X, y = np.repeat(np.eye(3), 5, axis=0), np.repeat(["a", "b", "c"], 5)
    >>> first = simulate(Ridge(), X, y, prototypes=p)[0]
    >>> first.names, first.seen.tolist(), first.scores.shape
    (('a', 'b', 'c'), [True, True, False], (7, 3))
    """
    share = check_number("simulate", "seen_share", seen_share, low=0, high=0.5, low_open=True)
    size = int(check_number("simulate", "bank_size", bank_size, low=1, integer=True))
    cap: int | None = None
    if max_per_class is not None:
        cap = int(check_number("simulate", "max_per_class", max_per_class, low=1, integer=True))
    front_of(method, "simulate").method._check_prototypes(prototypes)
    vectors, labels = check_array(X, dtype=[np.float64, np.float32], estimator="simulate"), column_or_1d(y)
    check_consistent_length(vectors, labels)
    pairs = ClassWiseSplit() if split is None else split
    if isinstance(pairs, ClassWiseSplit):
        pairs = pairs.split(vectors, labels)
    if not isinstance(pairs, Iterable):
        raise InputError(
            message("simulate", "split", "a ClassWiseSplit, pairs of positions or None", split, "Pass one of them")
        )
    random = check_seed("simulate", random_state)
    folds = make_folds(vectors, labels, prototypes, pairs, share, random, max_per_class=cap, max_learned=cap)
    return [_compete(method, fold, size) for fold in folds]


def _compete(method: Any, fold: Fold, bank_size: int) -> Competition:
    front = front_of(clone(method), "simulate")
    names = fold.prototypes.names
    learned, columns = fold.samples.X, fold.samples.y
    # The fit is handed seen prototypes alone: whatever it does, it cannot look at the others.
    front.fit(learned, fold.labels[columns], fold.prototypes.subset(names[: fold.n_seen]))
    # As for the final fit: evenly many of each class.
    kept = even_share(learned, columns, fold.n_seen, bank_size)
    X = np.concatenate([fold.X_unseen, fold.X_seen])
    bank = Bank(front.score(learned[kept], fold.prototypes), learned[kept], columns[kept])
    alone = None
    if depends_on_rivals(front.method):
        alone = front.score(fold.X_unseen, fold.prototypes.subset(names[fold.n_seen :]))
    return Competition(
        np.concatenate([fold.y_unseen, fold.y_seen]),
        front.score(X, fold.prototypes),
        np.arange(len(names)) < fold.n_seen,
        tuple(names),
        X,
        bank,
        alone,
    )
