"""Ways to make a split: by names, by chance, by frequency, by distance between prototypes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.datasets.problems import Array, problem, some
from unseen.datasets.split import Split
from unseen.errors import InputError
from unseen.validation import check_choice, check_number, check_seed, message, nearest, verbatim

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy.typing as npt

    from unseen.datasets.dataset import Dataset
    from unseen.prototypes import Prototypes

__all__ = [
    "HOW",
    "distant_classes",
    "make_split",
    "random_classes",
    "rare_classes",
    "resplit",
    "split_by_classes",
    "validation_fold",
]

#: How `resplit` and `build_dataset` choose the unseen classes where nobody names them.
HOW = ("random", "rare", "hard", "easy")


def split_by_classes(
    y: npt.ArrayLike,
    names: Sequence[str],
    unseen: Iterable[str],
    *,
    seen_test_share: float = 0.2,
    validation_folds: int | None = 3,
    random_state: Any = 0,
    source: str = "split_by_classes",
) -> Split:
    """Return the split whose unseen classes are these.

    Parameters
    ----------
    y : int array-like of shape (n,)
        Classes of the samples, as positions in `names`.
    names : sequence of str
        All classes.
    unseen : iterable of str
        Names of the unseen ones; every other class that has samples is seen.
    seen_test_share : float, default 0.2
        Share of each seen class's samples that is held out for the seen test part, in [0, 0.9], rounded; at least
        one sample of each class is left to learn from.
    validation_folds : int or None, default 3
        Hold out one of so many shares of the seen classes as `val`, at least 2; None, or more folds than seen
        classes, makes no fold.
    random_state : int, RandomState or None, default 0
        Which samples and which validation classes are held out.
    source : str, default "split_by_classes"
        Noted in the split.

    Raises
    ------
    DatasetError
        When a name is no class, or no class is left on one side.
    """
    owner = "split_by_classes"
    share = check_number(owner, "seen_test_share", seen_test_share, low=0, high=0.9)
    random = check_seed(owner, random_state)
    labels = _labels(owner, y, len(names))
    listed = list(unseen)
    known = {name: i for i, name in enumerate(names)}
    missing = [name for name in listed if name not in known]
    if missing:
        near = nearest(str(missing[0]), known)
        remedy = f"Known and near: {', '.join(map(repr, near))}" if near else f"There are {len(names)} classes"
        raise problem(owner, "unseen", "names of classes", verbatim(some(missing)), remedy)
    chosen = np.isin(labels, [known[name] for name in listed])
    if not chosen.any() or chosen.all():
        found = verbatim("none with samples" if not chosen.any() else "all that have samples")
        raise problem(owner, "unseen", "some of the classes, not all", found, "Leave classes on both sides")
    held: list[Array] = []
    for label in np.unique(labels[~chosen]):
        rows = random.permutation(np.flatnonzero(labels == label))
        held.append(rows[: min(int(share * len(rows) + 0.5), len(rows) - 1)])
    test_seen = np.concatenate(held)
    trainval = np.setdiff1d(np.flatnonzero(~chosen), test_seen)
    split = Split(trainval, test_seen, np.flatnonzero(chosen), source=source)
    if validation_folds is None or check_number(owner, "validation_folds", validation_folds, low=2, integer=True) > len(
        np.unique(labels[~chosen])
    ):
        return split
    return validation_fold(split, labels, n_splits=int(validation_folds), random_state=random)


def validation_fold(
    split: Split, y: npt.ArrayLike, *, n_splits: int = 3, fold: int = 0, random_state: Any = 0
) -> Split:
    """Return the split with a class-disjoint training and validation fold inside trainval.

    Parameters
    ----------
    split : Split
        Whose `train` and `val` are set.
    y : int array-like of shape (n,)
        Classes of all samples.
    n_splits : int, default 3
        Shares of the seen classes, at least 2; one of them is held out.
    fold : int, default 0
        Which one, from 0 to ``n_splits - 1``.
    random_state : int, RandomState or None, default 0
        Seed of the shares.

    Notes
    -----
    The shares are those of :class:`unseen.methods.selection.ClassWiseSplit`.
    """
    from unseen.methods.selection import ClassWiseSplit

    check_number("validation_fold", "n_splits", n_splits, low=2, integer=True)
    check_number("validation_fold", "fold", fold, low=0, high=n_splits - 1, integer=True)
    labels = np.asarray(y)[split.trainval]
    folds = ClassWiseSplit(n_splits, random_state=random_state).split(labels, labels)
    train, val = list(folds)[fold]
    return replace(split, train=split.trainval[train], val=split.trainval[val])


def random_classes(
    y: npt.ArrayLike,
    names: Sequence[str],
    *,
    n_unseen: int | None = None,
    share: float | None = None,
    random_state: Any = 0,
) -> list[str]:
    """Return names of classes drawn at random, to be the unseen ones.

    Parameters
    ----------
    y : int array-like of shape (n,)
        Classes of the samples; only classes that have samples are drawn.
    names : sequence of str
        All classes.
    n_unseen : int or None, default None
        How many; at least one class is left.
    share : float or None, default None
        Or which share of the classes, above 0 and below 1, rounded; 0.25 where neither is given.
    random_state : int, RandomState or None, default 0

    Examples
    --------
    >>> from unseen.datasets import random_classes
    >>> random_classes([0, 1, 2, 3], ["ant", "bee", "cat", "dog"], share=0.5)
    ['cat', 'dog']
    """
    present = np.unique(_labels("random_classes", y, len(names)))
    n = _count("random_classes", len(present), n_unseen, share)
    drawn = check_seed("random_classes", random_state).permutation(present)[:n]
    return [names[i] for i in np.sort(drawn)]


def rare_classes(
    y: npt.ArrayLike, names: Sequence[str], *, n_unseen: int | None = None, share: float | None = None
) -> list[str]:
    """Return names of the classes with the fewest samples, to be the unseen ones: the tail of a long-tailed set.

    Parameters are those of :func:`random_classes`. Of classes with as many samples, earlier ones come first.

    Examples
    --------
    >>> from unseen.datasets import rare_classes
    >>> rare_classes([0, 0, 0, 1, 2, 2], ["ant", "bee", "cat"], n_unseen=2)
    ['bee', 'cat']
    """
    labels = _labels("rare_classes", y, len(names))
    present, counts = np.unique(labels, return_counts=True)
    n = _count("rare_classes", len(present), n_unseen, share)
    rarest = present[np.argsort(counts, kind="stable")[:n]]
    return [names[i] for i in np.sort(rarest)]


def distant_classes(
    y: npt.ArrayLike,
    prototypes: Prototypes,
    *,
    hard: bool = True,
    n_unseen: int | None = None,
    share: float | None = None,
) -> list[str]:
    r"""Return names of unseen classes that are far from the seen ones (hard) or close to them (easy).

    .. math:: J(U) = \frac{1}{|U|} \sum_{u \in U} \min_{s \notin U} \lVert p_u - p_s \rVert^2

    where p are the prototypes, centred on their mean and scaled to length one.

    Parameters
    ----------
    y : int array-like of shape (n,)
        Classes of the samples; only classes that have samples are chosen, or stand for the seen side.
    prototypes : Prototypes
        Of all classes.
    hard : bool, default True
        True makes J large: what is unseen has no near relative among the seen. False makes it small.
    n_unseen, share
        As for :func:`random_classes`.

    Notes
    -----
    Greedy and deterministic: from the empty set, one class after the other is added, each time the one after whose
    addition J is best; of equals, the earlier one. Taking a class away from the seen side counts too: for "hard", the
    relatives of an unseen class follow it, as in super-category-exclusive splits; for "easy", they stay.
    Costs O(C² k + m C²) for m unseen classes. A prototype equal to the mean is at distance one from all others.

    References
    ----------
    Elhoseiny, Zhu, Zhang and Elgammal, "Link the Head to the 'Beak': Zero Shot Learning from Noisy Text Description
    at Part Precision", CVPR 2017.

    Examples
    --------
    >>> from unseen import Prototypes
    >>> from unseen.datasets import distant_classes
    >>> p = Prototypes(["cat", "lynx", "dog", "wolf", "carp"], [[9, 1, 0], [9, 2, 0], [7, 0, 1], [7, 0, 2], [0, 9, 9]])
    >>> distant_classes([0, 1, 2, 3, 4], p, n_unseen=1), distant_classes([0, 1, 2, 3, 4], p, hard=False, n_unseen=1)
    (['carp'], ['cat'])
    """
    from sklearn.metrics.pairwise import euclidean_distances

    from unseen.methods.linalg import directions_from

    owner = "distant_classes"
    present = np.unique(_labels(owner, y, prototypes.n_classes))
    n = _count(owner, len(present), n_unseen, share)
    vectors = prototypes.vectors[present].astype(np.float64)
    directions = directions_from(vectors.mean(axis=0), vectors)
    # Rounding must not decide between classes that are alike.
    distance = np.round(euclidean_distances(directions, squared=True), 9)
    np.fill_diagonal(distance, np.inf)
    sign = -1.0 if hard else 1.0
    unseen = np.zeros(len(present), np.bool_)
    for _ in range(n):
        seen = np.flatnonzero(~unseen)
        among = distance[np.ix_(seen, seen)].min(axis=1)
        value = among.copy()
        if unseen.any():
            # What becomes of the classes chosen so far when a seen class goes: those nearest to it fall back on
            # their second nearest.
            to_seen = distance[np.ix_(unseen, seen)]
            closest = to_seen.argmin(axis=1)
            rows = np.arange(len(closest))
            first = to_seen[rows, closest]
            to_seen[rows, closest] = np.inf
            value += first.sum() + np.bincount(closest, to_seen.min(axis=1) - first, minlength=len(seen))
        unseen[seen[np.argmin(sign * np.round(value, 9))]] = True
    return [prototypes.names[i] for i in present[unseen]]


def resplit(
    dataset: Dataset,
    *,
    unseen: Iterable[str] | None = None,
    how: str = "random",
    n_unseen: int | None = None,
    share: float | None = None,
    seen_test_share: float = 0.2,
    validation_folds: int | None = 3,
    random_state: Any = 0,
) -> Dataset:
    """Return a data set's samples under a new split.

    Parameters
    ----------
    dataset : Dataset
    unseen : iterable of str or None, default None
        Names of the unseen classes; None chooses them by `how`.
    how : {"random", "rare", "hard", "easy"}, default "random"
        At random; the classes with the fewest samples; far from or close to the seen ones (`distant_classes`).
    n_unseen, share
        How many are chosen; see :func:`random_classes`.
    seen_test_share, validation_folds, random_state
        See :func:`split_by_classes`.

    Notes
    -----
    Old test samples become learnable, which counts as an opening of the test part (`Dataset.with_split`): what was
    chosen on the old test part must not be measured on the new one.
    """
    split = make_split(
        dataset._classes,
        dataset.prototypes,
        unseen=unseen,
        how=how,
        n_unseen=n_unseen,
        share=share,
        seen_test_share=seen_test_share,
        validation_folds=validation_folds,
        random_state=random_state,
    )
    return dataset.with_split(split)


def make_split(
    y: npt.ArrayLike,
    prototypes: Prototypes,
    *,
    unseen: Iterable[str] | None,
    how: str,
    n_unseen: int | None,
    share: float | None,
    seen_test_share: float,
    validation_folds: int | None,
    random_state: Any,
) -> Split:
    """Choose the unseen classes unless they are named, and split by them."""
    check_choice("resplit", "how", how, HOW)
    names = prototypes.names
    source = f"unseen classes chosen: {how}"
    if unseen is not None:
        if n_unseen is not None or share is not None:
            found = verbatim("a list of classes and a number or share")
            raise InputError(
                message("resplit", "unseen", "given alone", found, "Name the unseen classes, or say how many")
            )
        unseen, source = list(unseen), "unseen classes named"
    elif how == "random":
        unseen = random_classes(y, names, n_unseen=n_unseen, share=share, random_state=random_state)
    elif how == "rare":
        unseen = rare_classes(y, names, n_unseen=n_unseen, share=share)
    else:
        unseen = distant_classes(y, prototypes, hard=how == "hard", n_unseen=n_unseen, share=share)
    return split_by_classes(
        y,
        names,
        unseen,
        seen_test_share=seen_test_share,
        validation_folds=validation_folds,
        random_state=random_state,
        source=source,
    )


def _labels(owner: str, y: npt.ArrayLike, n_classes: int) -> Array:
    labels = np.asarray(y)
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or not len(labels):
        raise problem(owner, "y", "class positions of shape (n,)", labels, "Pass whole numbers, one per sample")
    if labels.min() < 0 or labels.max() >= n_classes:
        raise problem(owner, "y", f"positions of {n_classes} classes", int(labels.max()), "Give every class a name")
    return labels


def _count(owner: str, n_classes: int, n_unseen: int | None, share: float | None) -> int:
    if n_unseen is not None and share is not None:
        found = verbatim("both")
        raise InputError(message(owner, "n_unseen and share", "given one at a time", found, "Leave one out"))
    if n_classes < 2:
        raise problem(owner, "classes with samples", "at least 2", n_classes, "Unseen classes need seen ones beside")
    if n_unseen is not None:
        return int(check_number(owner, "n_unseen", n_unseen, low=1, high=n_classes - 1, integer=True))
    part = check_number(owner, "share", 0.25 if share is None else share, low=0, high=1, low_open=True)
    return min(max(int(part * n_classes + 0.5), 1), n_classes - 1)
