"""Split: which samples may be learned from and which are the test, with a proof that the two are apart."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.datasets.problems import Array, frozen, problem, some
from unseen.validation import verbatim

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

__all__ = ["PARTS", "Split"]

#: Every part, in the order they are written; the first three share no sample, the others lie inside "trainval".
PARTS = ("trainval", "test_seen", "test_unseen", "train", "val")


@dataclass(frozen=True, eq=False)
class Split:
    """Positions of the samples of each part.

    Parameters
    ----------
    trainval : int array-like of shape (n,)
        Samples of seen classes to learn and to choose from; at least one.
    test_seen : int array-like of shape (m,)
        Held-out samples of the same classes; may be empty.
    test_unseen : int array-like of shape (q,)
        Samples of classes that nothing is learned from; at least one.
    train, val : int array-like or None, default None
        A class-disjoint fold inside `trainval`, for choosing parameters; both or neither.
    source : str, default ""
        Where the split comes from: a file, or how it was made.

    Attributes
    ----------
    trainval, test_seen, test_unseen, train, val
        Sorted read-only positions, counted from 0; `train` and `val` None where there is no fold.

    Raises
    ------
    DatasetError
        When positions are no whole numbers from 0, or one of them is listed twice.

    Notes
    -----
    A split alone is only positions. `check` proves, with the labels at hand, that it is one: every data set does so
    when it is made, so that no code ever works with a split that leaks.

    References
    ----------
    Xian, Lampert, Schiele and Akata, "Zero-Shot Learning: A Comprehensive Evaluation of the Good, the Bad and the
    Ugly", TPAMI 2018.

    Examples
    --------
    >>> from unseen.datasets import Split
    >>> split = Split([0, 1, 3], [2], [4, 5])
    >>> split.check([0, 0, 0, 1, 2, 2], ["cat", "dog", "owl"])[0]
    'no sample is in two parts: 3 to learn from, 1 of seen and 2 of unseen classes to test on'
    """

    trainval: Array = field(repr=False)
    test_seen: Array = field(repr=False)
    test_unseen: Array = field(repr=False)
    train: Array | None = field(repr=False)
    val: Array | None = field(repr=False)
    source: str

    def __init__(
        self,
        trainval: npt.ArrayLike,
        test_seen: npt.ArrayLike,
        test_unseen: npt.ArrayLike,
        *,
        train: npt.ArrayLike | None = None,
        val: npt.ArrayLike | None = None,
        source: str = "",
    ) -> None:
        object.__setattr__(self, "source", str(source))
        owner = self.source or "Split"
        for name, given in zip(PARTS, (trainval, test_seen, test_unseen, train, val), strict=True):
            object.__setattr__(self, name, None if given is None else _positions(owner, name, given))
        if (train is None) != (val is None):
            raise problem(
                owner, "train and val", "given both or neither", verbatim("one of them"), "Give both, or leave them out"
            )

    def check(self, y: npt.ArrayLike, names: Sequence[str] | None = None, owner: str | None = None) -> tuple[str, ...]:
        """Prove that the split is one, and return what was proven, a sentence each.

        Parameters
        ----------
        y : int array-like of shape (n,)
            The class of every sample, as a position in `names`.
        names : sequence of str or None, default None
            Class names, for messages; None numbers them.
        owner : str or None, default None
            Who complains; None is `source`.

        Raises
        ------
        DatasetError
            When a position is out of range; when two of trainval, test_seen and test_unseen share a sample; when
            trainval and test_unseen share a class; when test_seen has a class that trainval lacks; when train or val
            hold test samples or reach outside trainval, or share a class or a sample.
        """
        owner = owner or self.source or "Split"
        labels = np.asarray(y)
        if labels.ndim != 1 or labels.dtype.kind not in "iu":
            raise problem(owner, "y", "class positions of shape (n,)", labels, "Pass whole numbers, one per sample")
        proven = self.check_samples(len(labels), owner)
        seen, test_seen, unseen = (
            np.unique(labels[part]) for part in (self.trainval, self.test_seen, self.test_unseen)
        )

        def called(classes: Array) -> str:
            return some([names[i] if names is not None else f"class {i}" for i in classes], 2)

        both = np.intersect1d(seen, unseen)
        if len(both):
            found = verbatim(f"{len(both)} shared: {called(both)}")
            remedy = "Unseen classes must not be learned from: move their samples to one side"
            raise problem(owner, "classes of trainval and test_unseen", "disjoint", found, remedy)
        strange = np.setdiff1d(test_seen, seen)
        if len(strange):
            found = verbatim(f"{len(strange)} that are not: {called(strange)}")
            remedy = "Give those classes samples in trainval, or move them to test_unseen"
            raise problem(owner, "classes of test_seen", "among those of trainval", found, remedy)
        sentences = [f"no class is both seen and unseen: {len(seen)} seen, {len(unseen)} unseen"]
        if len(test_seen):
            sentences.append(f"every class of the seen test part is learned: {len(test_seen)} of {len(seen)}")
        if self.train is not None and self.val is not None:
            first, second = np.unique(labels[self.train]), np.unique(labels[self.val])
            both = np.intersect1d(first, second)
            if len(both):
                found = verbatim(f"{len(both)} shared: {called(both)}")
                raise problem(owner, "classes of train and val", "disjoint", found, "Hold out whole classes")
            sentences.append(f"the validation fold shares no class with training: {len(first)} and {len(second)}")
        return (*proven, *sentences)

    def check_samples(self, n_samples: int, owner: str | None = None) -> tuple[str, ...]:
        """Prove what needs no labels: ranges, no sample in two parts, a fold inside trainval.

        Raises
        ------
        DatasetError
            As `check`.
        """
        owner = owner or self.source or "Split"
        for name in PARTS:
            part = getattr(self, name)
            if part is not None and len(part) and part[-1] >= n_samples:
                found = verbatim(f"position {part[-1]} (counted from 0) in {name}")
                raise problem(owner, "positions", f"below {n_samples}, the number of samples", found, "Check the file")
        for name in ("trainval", "test_unseen"):
            if not len(getattr(self, name)):
                raise problem(owner, name, "at least one sample", verbatim("none"), "Give the part some samples")
        for first, second in (("trainval", "test_seen"), ("trainval", "test_unseen"), ("test_seen", "test_unseen")):
            both = np.intersect1d(getattr(self, first), getattr(self, second), assume_unique=True)
            if len(both):
                found = verbatim(f"{len(both)} in both, such as position {both[0]}")
                remedy = "What is tested on must not be learned from: leave those samples in one of the two"
                raise problem(owner, f"samples of {first} and {second}", "disjoint", found, remedy)
        parts = (f"{len(self.trainval)} to learn from", f"{len(self.test_seen)} of seen", f"{len(self.test_unseen)} of")
        proven = [f"no sample is in two parts: {parts[0]}, {parts[1]} and {parts[2]} unseen classes to test on"]
        if self.train is not None and self.val is not None:
            self._check_fold(self.train, self.val, owner)
            proven.append(f"the validation fold holds no test sample: {len(self.train)} and {len(self.val)} samples")
        return tuple(proven)

    def _check_fold(self, train: Array, val: Array, owner: str) -> None:
        for name in ("test_seen", "test_unseen"):
            test = getattr(self, name)
            leaks = [len(np.intersect1d(part, test, assume_unique=True)) for part in (train, val)]
            if sum(leaks):
                found = verbatim(f"{sum(leaks)} of its {len(test)}: {leaks[0]} in train, {leaks[1]} in val")
                remedy = (
                    "Parameters chosen on them have seen the test: use a file whose train and val lie inside trainval, "
                    "or remove both from it and hold out classes of trainval instead"
                )
                raise problem(owner, "train and val", f"free of samples of {name}", found, remedy)
        outside = [len(np.setdiff1d(part, self.trainval, assume_unique=True)) for part in (train, val)]
        if sum(outside) or not len(train) or not len(val):
            found = verbatim(f"{outside[0]} and {outside[1]} outside" if sum(outside) else "an empty one")
            raise problem(owner, "train and val", "parts of trainval", found, "Use only samples of trainval in them")
        both = np.intersect1d(train, val, assume_unique=True)
        if len(both):
            found = verbatim(f"{len(both)} in both, such as position {both[0]}")
            raise problem(owner, "samples of train and val", "disjoint", found, "Hold out whole classes")

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the parts; equal splits have equal fingerprints, whatever their source says."""
        digest = hashlib.sha256(b"unseen-split-1")
        for name in PARTS:
            part = getattr(self, name)
            digest.update(b"none" if part is None else len(part).to_bytes(8, "little") + part.astype("<i8").tobytes())
        return digest.hexdigest()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Split):
            return NotImplemented
        return self.fingerprint == other.fingerprint

    def __hash__(self) -> int:
        return hash(self.fingerprint)


def _positions(owner: str, name: str, given: Any) -> Array:
    try:
        array = np.asarray(given)
    except ValueError:  # lists of unequal lengths
        array = np.zeros((0, 0))
    if array.ndim == 1 and not len(array):
        array = array.astype(np.intp)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise problem(owner, name, "positions of shape (n,)", given, "Pass whole numbers, counted from 0")
    if len(array) and (array.min() < 0 or array.max() > np.iinfo(np.intp).max):
        raise problem(owner, name, "positions from 0", int(array.min()), "Count samples from 0")
    ordered = np.sort(array.astype(np.intp))
    twice = ordered[1:][ordered[1:] == ordered[:-1]]
    if len(twice):
        found = verbatim(f"{len(twice)} listed twice, such as position {twice[0]}")
        raise problem(owner, name, "positions without repetition", found, "List every sample once")
    return frozen(ordered)
