"""Dataset: vectors, labels, prototypes and a proven split, of which only the part to learn from lies open."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.datasets.problems import Array, check_finite, first_repeat, frozen, problem
from unseen.datasets.split import Split
from unseen.errors import InputError
from unseen.prototypes import Prototypes
from unseen.validation import message, verbatim

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

__all__ = ["Dataset", "TestPart"]

# What no text file holds (see vocabulary.files): a data set that could not be written is refused when it is made.
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff]")


@dataclass(frozen=True, eq=False)
class TestPart:
    """The test samples, as `Dataset.open_test` hands them out; all arrays are read-only.

    Attributes
    ----------
    X_unseen, y_unseen : ndarray of shapes (q, d) and (q,)
        Vectors of unseen classes and their class names.
    X_seen, y_seen : ndarray of shapes (m, d) and (m,)
        Held-out vectors of seen classes and their class names; m may be 0.
    items_unseen, items_seen : tuple of str or None
        File names, where there are any.
    """

    #: pytest takes whatever is called Test… for a test; this is none.
    __test__ = False

    X_unseen: Array = field(repr=False)
    y_unseen: Array = field(repr=False)
    X_seen: Array = field(repr=False)
    y_seen: Array = field(repr=False)
    items_unseen: tuple[str, ...] | None = field(default=None, repr=False)
    items_seen: tuple[str, ...] | None = field(default=None, repr=False)


class Dataset:
    """Labelled vectors with class prototypes and a split whose parts are proven apart.

    What may be learned from comes from `learnable`. Test vectors, test labels and test file names come from
    `open_test` alone, which counts who opened them; nothing else hands them out.

    Parameters
    ----------
    features : array-like of shape (n, d)
        One finite vector per sample; kept as float32.
    y : array-like of str or int of shape (n,)
        Their classes: names, or positions in the prototypes.
    prototypes : Prototypes
        Of all classes; its seen mask is set anew from the split.
    split : Split
        Checked against the labels.
    name : str, default "data set"
        What it is called, also in messages.
    items : sequence of str or None, default None
        File names of the samples, unique.
    attribute_names : sequence of str or None, default None
        What the k columns of the prototypes are called.
    made : mapping or None, default None
        How it came about: plain values that JSON can hold.

    Attributes
    ----------
    name : str
    prototypes : Prototypes
        All classes, ``seen`` set for those that can be learned.
    split : Split
    attribute_names : tuple of str or None

    Raises
    ------
    DatasetError
        When shapes disagree, a value is not finite, a label is no class, or the split leaks.

    Notes
    -----
    Features are copied once unless they are C-ordered float32, read-only and own their memory. `learnable` and
    `open_test` copy the rows they hand out.

    Examples
    --------
    >>> import numpy as np
    >>> from unseen import Prototypes
    >>> from unseen.datasets import Dataset, Split
    >>> p = Prototypes(["cat", "dog", "owl"], np.eye(3))
    >>> y = ["cat", "cat", "dog", "dog", "owl"]
    >>> data = Dataset(np.ones((5, 2)), y, prototypes=p, split=Split([0, 2], [1, 3], [4]))
    >>> X, y = data.learnable()
    >>> y.tolist(), data.openings == {}
    (['cat', 'dog'], True)
    >>> data.open_test("an example").y_unseen.tolist(), dict(data.openings)
    (['owl'], {'an example': 1})
    """

    def __init__(
        self,
        features: npt.ArrayLike,
        y: npt.ArrayLike,
        *,
        prototypes: Prototypes,
        split: Split,
        name: str = "data set",
        items: Sequence[str] | None = None,
        attribute_names: Sequence[str] | None = None,
        made: Mapping[str, Any] | None = None,
    ) -> None:
        self.name = str(name)
        self._features = _features(self.name, features)
        n = len(self._features)
        if not isinstance(prototypes, Prototypes):
            raise problem(self.name, "prototypes", "Prototypes", prototypes, "Build them with unseen.Prototypes")
        if not isinstance(split, Split):
            raise problem(self.name, "split", "a Split", split, "Build one with unseen.datasets.Split")
        self._classes = _classes(self.name, y, prototypes.names, n)
        self._proof = split.check(self._classes, prototypes.names, split.source or self.name)
        self.split = split
        seen = np.isin(np.arange(prototypes.n_classes), self._classes[split.trainval])
        self.prototypes = Prototypes(prototypes.names, prototypes.vectors, seen=seen)
        self._seen = [name for name, is_seen in zip(prototypes.names, seen, strict=True) if is_seen]
        self._items = None if items is None else _texts(self.name, "items", items, n, "one file name per sample")
        self.attribute_names = (
            None
            if attribute_names is None
            else _texts(self.name, "attribute_names", attribute_names, prototypes.n_dimensions, "one per dimension")
        )
        _texts(self.name, "class names", prototypes.names, prototypes.n_classes, "one per class")
        self._made = dict(made or {})
        self._openings: dict[str, int] = {}

    def __repr__(self) -> str:
        n, d = self._features.shape
        return f"Dataset({self.name!r}, {n:,} samples of {d} numbers, {self.prototypes.n_classes} classes)"

    # -- what lies open ----------------------------------------------------------------------------------

    @property
    def n_samples(self) -> int:
        """Number of samples in all parts, n."""
        return len(self._features)

    @property
    def n_features(self) -> int:
        """Length of a sample's vector, d."""
        return int(self._features.shape[1])

    @property
    def made(self) -> Mapping[str, Any]:
        """How the data set came about; a copy."""
        return MappingProxyType(dict(self._made))

    @cached_property
    def seen_prototypes(self) -> Prototypes:
        """The prototypes of the classes that can be learned, in their order."""
        return self.prototypes.subset(self._seen)

    @property
    def items(self) -> tuple[str, ...] | None:
        """File names of the samples that `learnable` gives, in its order; None where there are none."""
        return self._named(self.split.trainval)

    def learnable(self) -> tuple[Array, Array]:
        """Return vectors (n, d) and class names (n,) of trainval, read-only: all that may be learned from."""
        return self._take(self.split.trainval)

    @property
    def published_fold(self) -> tuple[Array, Array] | None:
        """Positions, within what `learnable` gives, of the split's training and validation samples, or None."""
        if self.split.train is None or self.split.val is None:
            return None
        place = self.split.trainval
        return frozen(np.searchsorted(place, self.split.train)), frozen(np.searchsorted(place, self.split.val))

    @property
    def proof(self) -> tuple[str, ...]:
        """What was proven about the split, a sentence each."""
        return self._proof

    def summary(self) -> dict[str, Any]:
        """Return counts: samples, dimensions, classes, and samples and classes per part."""
        parts = {}
        for name in ("trainval", "train", "val", "test_seen", "test_unseen"):
            rows = getattr(self.split, name)
            if rows is not None:
                parts[name] = {"samples": len(rows), "classes": len(np.unique(self._classes[rows]))}
        used = sum(parts[name]["samples"] for name in ("trainval", "test_seen", "test_unseen"))
        n_seen = self.seen_prototypes.n_classes
        return {
            "name": self.name,
            "samples": self.n_samples,
            "features": self.n_features,
            "classes": self.prototypes.n_classes,
            "seen_classes": n_seen,
            "unseen_classes": self.prototypes.n_classes - n_seen,
            "prototype_dimensions": self.prototypes.n_dimensions,
            "unused_samples": self.n_samples - used,
            "parts": parts,
            "split": self.split.source,
            "openings": dict(self._openings),
        }

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of features, labels, prototypes and split; the same on every machine."""
        digest = hashlib.sha256(b"unseen-dataset-1")
        digest.update(np.array(self._features.shape, dtype="<u8").tobytes())
        digest.update(np.ascontiguousarray(self._features.astype("<f4", copy=False)).data)
        digest.update(self._classes.astype("<i8").tobytes())
        digest.update(f"{self.prototypes.fingerprint} {self.split.fingerprint}".encode())
        return digest.hexdigest()

    # -- the test ----------------------------------------------------------------------------------------

    @property
    def openings(self) -> Mapping[str, int]:
        """How often the test part was opened, by whom; a copy."""
        return MappingProxyType(dict(self._openings))

    def open_test(self, by: str) -> TestPart:
        """Hand out the test part, and count it.

        Parameters
        ----------
        by : str
            Who opens it, and what for: a method's name.

        Raises
        ------
        InputError
            When `by` names nobody.
        """
        if not isinstance(by, str) or not by.strip():
            expected = "a text that says who opens the test part"
            raise InputError(message("Dataset.open_test", "by", expected, by, "Pass the method's name"))
        self._openings[by] = self._openings.get(by, 0) + 1
        split = self.split
        return TestPart(
            *self._take(split.test_unseen),
            *self._take(split.test_seen),
            self._named(split.test_unseen),
            self._named(split.test_seen),
        )

    def with_split(self, split: Split) -> Dataset:
        """Return the same samples and prototypes under another split.

        Where samples that were test ones become learnable, the test part counts as opened, by ``"with_split"``: in
        this data set and in the new one, which takes over what was counted so far.
        """
        other = Dataset(
            self._features,
            self._classes,
            prototypes=self.prototypes,
            split=split,
            name=self.name,
            items=self._items,
            attribute_names=self.attribute_names,
            made={key: value for key, value in self.made.items() if key != "split"},
        )
        tested = np.concatenate([self.split.test_seen, self.split.test_unseen])
        if len(np.intersect1d(tested, split.trainval)):
            self._openings["with_split"] = self._openings.get("with_split", 0) + 1
        other._openings.update(self._openings)
        return other

    # -- inside ------------------------------------------------------------------------------------------

    def _take(self, rows: Array) -> tuple[Array, Array]:
        names = np.array(self.prototypes.names)
        return frozen(self._features[rows]), frozen(names[self._classes[rows]])

    def _named(self, rows: Array) -> tuple[str, ...] | None:
        return None if self._items is None else tuple(self._items[i] for i in rows)


def _features(owner: str, given: npt.ArrayLike) -> Array:
    try:
        array = np.asarray(given)
    except (ValueError, MemoryError):
        array = np.zeros(0, dtype=object)
    if array.ndim != 2 or array.dtype.kind not in "iuf" or not array.size:
        expected = "numbers of shape (n, d) with n and d at least 1"
        raise problem(owner, "features", expected, given, "Give every sample a vector of one length")
    kept = array.flags.owndata and array.flags.c_contiguous and not array.flags.writeable
    if array.dtype != np.float32 or not kept:
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite and is refused below
            array = np.array(array, dtype=np.float32, order="C")
    check_finite(owner, array)
    return frozen(array)


def _classes(owner: str, y: npt.ArrayLike, names: Sequence[str], n: int) -> Array:
    labels = np.asarray(y)
    if labels.shape != (n,):
        raise problem(owner, "y", f"one label per sample, {n}", labels, "Pass a class for every row of features")
    if labels.dtype.kind in "iu":
        if labels.min() < 0 or labels.max() >= len(names):
            wrong = int(labels[(labels < 0) | (labels >= len(names))][0])
            expected = f"positions of classes, 0 to {len(names) - 1}"
            raise problem(owner, "y", expected, wrong, "Give every label a prototype")
        return frozen(labels.astype(np.intp))
    place = {name: i for i, name in enumerate(names)}
    missing = sorted({str(label) for label in labels.tolist()} - set(place))
    if missing:
        found = verbatim(f"{len(missing)} that are not, such as {missing[0]!r}")
        raise problem(owner, "y", "names of the prototypes' classes", found, "Give every class a prototype")
    return frozen(np.array([place[str(label)] for label in labels.tolist()], dtype=np.intp))


def _texts(owner: str, argument: str, given: Sequence[str], n: int, expected: str) -> tuple[str, ...]:
    texts = () if isinstance(given, str) else tuple(given)
    if len(texts) != n or not all(isinstance(text, str) and text for text in texts):
        found = verbatim(f"{len(texts)}") if len(texts) != n else given
        raise problem(owner, argument, f"{expected}, {n} texts", found, "Pass a list of texts")
    texts = tuple(str(text) for text in texts)
    twice = first_repeat(texts)
    if twice is not None:
        raise problem(owner, argument, "unique", twice, "Rename one of the two")
    bad = next((text for text in texts if _UNWRITABLE.search(text)), None)
    if bad is not None:
        raise problem(owner, argument, "text without control characters", bad, "Remove those characters")
    return texts
