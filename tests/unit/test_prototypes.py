"""Prototypes: frozen, checked, and not array-like."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from unseen import Prototypes
from unseen.errors import InputError

ABC = Prototypes(["a", "b", "c"], [[1, 0], [0, 1], [2, 3]], seen=[True, False, True])


def test_attributes() -> None:
    assert ABC.names == ("a", "b", "c")
    assert ABC.n_classes == 3
    assert ABC.n_dimensions == 2
    assert ABC.vectors.dtype == np.float32
    assert ABC.seen is not None
    assert ABC.seen.tolist() == [True, False, True]
    assert Prototypes(["a"], [[1]]).seen is None


def test_not_array_like() -> None:
    assert not {"__len__", "shape", "__array__", "__getitem__", "__iter__"} & set(dir(ABC))


def test_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'names'"):
        ABC.names = ("x",)  # type: ignore[misc]
    for array in (ABC.vectors, ABC.seen):
        assert array is not None
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_the_callers_arrays_are_copied() -> None:
    vectors, seen = np.ones((2, 2), np.float32), np.array([True, False])
    made = Prototypes(["a", "b"], vectors, seen=seen)
    vectors[:], seen[:] = 7, False
    assert made.vectors.max() == 1
    assert made.seen is not None
    assert made.seen.tolist() == [True, False]


def test_positions_and_subset() -> None:
    assert ABC.positions(["c", "a"]).tolist() == [2, 0]
    few = ABC.subset(["c", "a"])
    assert few.names == ("c", "a")
    assert few.vectors.tolist() == [[2, 3], [1, 0]]
    assert few.seen is not None
    assert few.seen.tolist() == [True, True]
    assert Prototypes(["a", "b"], [[1], [2]]).subset(["b"]).seen is None


def test_equality_and_hash() -> None:
    same = Prototypes(("a", "b", "c"), np.array([[1, 0], [0, 1], [2, 3]]), seen=(True, False, True))
    assert same == ABC
    assert hash(same) == hash(ABC)
    assert ABC != "abc"


@pytest.mark.parametrize(
    "other",
    [
        Prototypes(["a", "b", "d"], ABC.vectors, seen=ABC.seen),
        Prototypes(["b", "a", "c"], ABC.vectors, seen=ABC.seen),
        Prototypes(ABC.names, ABC.vectors + 1e-6, seen=ABC.seen),
        Prototypes(ABC.names, ABC.vectors, seen=[True, True, True]),
        Prototypes(ABC.names, ABC.vectors),
        Prototypes(ABC.names, [[1, 0, 0], [1, 2, 3], [0, 0, 0]], seen=ABC.seen),
    ],
)
def test_fingerprint_tells_apart(other: Prototypes) -> None:
    assert other != ABC
    assert other.fingerprint != ABC.fingerprint


def test_fingerprint_does_not_run_names_together() -> None:
    assert Prototypes(["ab", "c"], [[1], [2]]) != Prototypes(["a", "bc"], [[1], [2]])


def test_fingerprint_is_the_same_for_ever() -> None:
    # Computed once: files on disk are keyed by it.
    expected = "0c818c7165d1d73c8f25036b80d7dcbddab16ddf361bfefd0368d2e29d1ca7d6"
    assert Prototypes(["okapi", "Zebra é"], [[1, -2.5], [0, 1e-3]], seen=[False, True]).fingerprint == expected


@pytest.mark.parametrize("names", ["ab", ["a", ""], ["a", None], [1, 2], 5, None])
def test_names_must_be_strings(names: Any) -> None:
    with pytest.raises(
        InputError, match=r"Prototypes: names must be a sequence of non-empty strings; got .*one name per"
    ):
        Prototypes(names, [[1], [2]])


def test_names_may_be_any_sequence() -> None:
    for names in (np.array(["a", "b"]), ("a", "b"), {"a": 1, "b": 2}):
        made = Prototypes(names, [[1], [2]])  # type: ignore[arg-type]
        assert made.names == ("a", "b")
        assert {type(name) for name in made.names} == {str}


def test_at_least_one_name() -> None:
    with pytest.raises(InputError, match=r"names must be at least one name; got none\. Pass one name per class\."):
        Prototypes([], np.zeros((0, 2)))


def test_names_are_unique() -> None:
    with pytest.raises(InputError, match=r"names must be unique; got 'b'\. Rename or remove one of the two\."):
        Prototypes(["a", "b", "b"], np.zeros((3, 2)))


def test_names_can_be_written() -> None:
    with pytest.raises(InputError, match=r"names must be text that UTF-8 can hold; got .*\. Mend that name\."):
        Prototypes(["a", "b\udcff"], [[1], [2]])


@pytest.mark.parametrize(
    "vectors", ["text", [["x"], ["y"]], [[1], [2, 3]], [[1j], [2]], np.ones((2, 1)) * 1j, object()]
)
def test_vectors_must_be_numbers(vectors: Any) -> None:
    with pytest.raises(InputError, match=r"vectors must be numbers of shape \(C, k\); got .* vector of one length\."):
        Prototypes(["a", "b"], vectors)


@pytest.mark.parametrize("shape", [(2,), (3, 2), (2, 0), (2, 2, 2), ()])
def test_vectors_must_fit(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"vectors must be of shape \(2, k\) with k at least 1; got an array of shape"):
        Prototypes(["a", "b"], np.zeros(shape))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
def test_vectors_must_be_finite(value: float) -> None:
    with pytest.raises(
        InputError, match=r"vectors must be finite in float32; got NaN or infinity in row 1\. Mend that row\."
    ):
        Prototypes(["a", "b"], np.array([[0, 0], [1, value]]))


@pytest.mark.parametrize("seen", [[True], [1, 0], ["yes", "no"], [[True, False]], True])
def test_seen_must_be_booleans(seen: Any) -> None:
    with pytest.raises(InputError, match=r"seen must be None or 2 booleans; got .*\. Pass one boolean per class\."):
        Prototypes(["a", "b"], [[1], [2]], seen=seen)


def test_unknown_name_lists_the_nearest() -> None:
    p = Prototypes(["okapi", "zebra"], [[1], [2]])
    with pytest.raises(InputError, match=r"names of the prototypes' classes; got 'okapy'\. Known and near: okapi\."):
        p.subset(["okapy"])
    with pytest.raises(InputError, match=r"got 'xyz'\. There are 2 names\."):
        p.positions(["xyz"])


def test_an_unhashable_name_is_refused() -> None:
    wrong: Any = [["okapi"]]
    with pytest.raises(InputError, match="names of the prototypes' classes; got"):
        Prototypes(["okapi"], [[1]]).positions(wrong)


def test_repr_is_short() -> None:
    assert repr(ABC) == "Prototypes(names=('a', 'b', 'c'))"


def test_mistakes_among_very_many_names_are_told_at_once() -> None:
    names = [f"class {i}" for i in range(100_000)]
    with pytest.raises(InputError, match="names must be unique; got 'class 99999'"):
        Prototypes([*names, names[-1]], np.zeros((100_001, 1)))
    with pytest.raises(InputError, match=r"got 'class'\. There are 100000 names"):
        Prototypes(names, np.zeros((100_000, 1))).positions(["class"])
