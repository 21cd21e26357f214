"""Dataset: what lies open, what is counted, and what is refused."""

from __future__ import annotations

import copy
import re
from typing import Any

import numpy as np
import pytest

from unseen import InputError, Prototypes
from unseen.datasets import Dataset, Split, nearest_prototypes, repeated_samples
from unseen.errors import DatasetError

P = Prototypes(["cat", "dog", "owl"], np.eye(3))
Y = ["cat", "cat", "dog", "dog", "owl"]
SPLIT = Split([0, 2], [1, 3], [4], train=[2], val=[0], source="by hand")


def make(**options: Any) -> Dataset:
    given: dict[str, Any] = {"prototypes": P, "split": SPLIT, "name": "pets", "items": list("abcde"), **options}
    features = given.pop("features", np.arange(10.0).reshape(5, 2))
    return Dataset(features, given.pop("y", Y), **given)


def test_what_may_be_learned_from() -> None:
    data = make()
    X, y = data.learnable()
    assert X.tolist() == [[0, 1], [4, 5]]
    assert y.tolist() == ["cat", "dog"]
    assert X.dtype == np.float32
    assert data.items == ("a", "c")
    assert data.seen_prototypes.names == ("cat", "dog")
    assert data.prototypes.seen is not None
    assert data.prototypes.seen.tolist() == [True, True, False]
    fold = data.published_fold
    assert fold is not None
    assert [part.tolist() for part in fold] == [[1], [0]]
    assert make(split=Split([0, 2], [1, 3], [4])).published_fold is None
    assert data.openings == {}


def test_the_test_part_is_counted() -> None:
    data = make()
    part = data.open_test("eszsl")
    assert part.X_unseen.tolist() == [[8, 9]]
    assert part.y_unseen.tolist() == ["owl"]
    assert part.X_seen.tolist() == [[2, 3], [6, 7]]
    assert part.y_seen.tolist() == ["cat", "dog"]
    assert part.items_unseen == ("e",)
    assert part.items_seen == ("b", "d")
    data.open_test("eszsl")
    data.open_test("ale")
    assert dict(data.openings) == {"eszsl": 2, "ale": 1}
    with pytest.raises(TypeError):
        data.openings["eszsl"] = 0  # type: ignore[index]
    for name in ("", " ", None):
        with pytest.raises(InputError, match=r"Dataset.open_test: by must be a text that says who opens the test part"):
            data.open_test(name)  # type: ignore[arg-type]


def test_nothing_else_hands_out_the_test() -> None:
    data = make()
    kinds = {name: getattr(data, name) for name in dir(data) if not name.startswith("_")}
    arrays = [name for name, value in kinds.items() if isinstance(value, np.ndarray)]
    assert arrays == []
    assert "8." not in repr(kinds)
    assert "'e'" not in repr(kinds)  # the name of a test file may say its class
    assert "owl" not in repr(data.learnable())


def test_all_that_is_handed_out_is_read_only() -> None:
    data = make()
    part = data.open_test("test")
    fold = data.published_fold or ()
    for array in (*data.learnable(), part.X_unseen, part.y_unseen, part.X_seen, part.y_seen, *fold):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = array[0]


def test_the_callers_arrays_are_copied() -> None:
    features = np.arange(10, dtype=np.float32).reshape(5, 2).copy()  # of its own, not a view
    data = make(features=features)
    before = data.fingerprint
    features[:] = 7
    assert make().fingerprint == data.fingerprint == before
    assert features.flags.writeable
    features.flags.writeable = False
    assert make(features=features)._features is features  # read-only: no copy


def test_summary() -> None:
    about = make(split=Split([0, 2], [1], [4], source="by hand")).summary()
    assert about == {
        "name": "pets",
        "samples": 5,
        "features": 2,
        "classes": 3,
        "seen_classes": 2,
        "unseen_classes": 1,
        "prototype_dimensions": 3,
        "unused_samples": 1,
        "parts": {
            "trainval": {"samples": 2, "classes": 2},
            "test_seen": {"samples": 1, "classes": 1},
            "test_unseen": {"samples": 1, "classes": 1},
        },
        "split": "by hand",
        "openings": {},
    }


def test_the_fingerprint_is_of_all_that_matters() -> None:
    base = make()
    assert make(y=[0, 0, 1, 1, 2]).fingerprint == base.fingerprint  # positions are as good as names
    assert make(name="other", items=None).fingerprint == base.fingerprint
    others = [
        make(features=np.arange(10.0).reshape(5, 2) + 1),
        make(y=[0, 1, 1, 1, 2], split=Split([0, 2], [1, 3], [4])),
        make(prototypes=Prototypes(P.names, 2 * np.eye(3))),
        make(split=Split([0, 3], [1, 2], [4])),
    ]
    assert len({base.fingerprint, *(data.fingerprint for data in others)}) == 5


def test_a_new_split_that_learns_from_old_tests_is_an_opening() -> None:
    data = make()
    data.open_test("ale")
    same = data.with_split(Split([0, 2], [3], [4]))
    assert dict(same.openings) == {"ale": 1}
    assert dict(data.openings) == {"ale": 1}
    other = data.with_split(Split([0, 4], [1], [2, 3]))
    assert dict(other.openings) == dict(data.openings) == {"ale": 1, "with_split": 1}
    assert other.seen_prototypes.names == ("cat", "owl")
    assert other.learnable()[1].tolist() == ["cat", "owl"]
    assert other.items == ("a", "e")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"features": np.zeros(5)}, "features must be numbers of shape (n, d) with n and d at least 1"),
        ({"features": np.zeros((5, 0))}, "features must be numbers of shape (n, d) with n and d at least 1"),
        ({"features": [["a", "b"]] * 5}, "features must be numbers of shape (n, d) with n and d at least 1"),
        ({"features": [[1], [1, 2]]}, "features must be numbers of shape (n, d) with n and d at least 1"),
        ({"features": np.ones((5, 2)) * 1j}, "features must be numbers of shape (n, d) with n and d at least 1"),
        (
            {"features": [[0, 1], [np.nan, 0], [0, 1], [np.inf, -np.inf], [1, 1]]},
            "features must be finite in float32; got NaN or infinity in 2 of 5 samples, first in sample 2.",
        ),
        ({"features": [[0, 1e39]] * 5}, "features must be finite in float32; got NaN or infinity in 5 of 5 samples"),
        ({"y": Y[:4]}, "y must be one label per sample, 5"),
        ({"y": [*Y[:4], "emu"]}, "y must be names of the prototypes' classes; got 1 that are not, such as 'emu'."),
        ({"y": [0, 0, 1, 1, 3]}, "y must be positions of classes, 0 to 2; got 3."),
        ({"prototypes": np.eye(3)}, "prototypes must be Prototypes"),
        ({"split": [[0], [1], [2]]}, "split must be a Split"),
        ({"items": list("abc")}, "items must be one file name per sample, 5 texts; got 3."),
        ({"items": list("aacde")}, "items must be unique; got 'a'."),
        ({"items": ["a", "b", "c", "d", "e\x1b[2J"]}, "items must be text without control characters"),
        ({"items": ["a", "b", "c", "d", ""]}, "items must be one file name per sample, 5 texts"),
        ({"attribute_names": ["x"]}, "attribute_names must be one per dimension, 3 texts; got 1."),
        (
            {"prototypes": Prototypes(["cat", "dog", "owl\x07"], np.eye(3)), "y": [0, 0, 1, 1, 2]},
            "class names must be te",
        ),
    ],
)
def test_what_is_no_data_set(options: dict[str, Any], message: str) -> None:
    with pytest.raises(DatasetError, match="^pets: " + re.escape(message)):
        make(**options)


def test_it_travels_between_processes() -> None:
    data = make(made={"encoder": "default"})
    data.open_test("ale")
    again = copy.deepcopy(data)
    assert again.fingerprint == data.fingerprint
    assert again.openings == data.openings
    assert again.made == {"encoder": "default"}


def test_a_leaky_split_makes_no_data_set() -> None:
    with pytest.raises(DatasetError, match=r"^by hand: classes of trainval and test_unseen must be disjoint"):
        make(split=Split([0, 2], [1], [3, 4], source="by hand"))


def test_nearest_prototypes() -> None:
    p = Prototypes(["a", "b", "c", "d"], np.array([[1, 0], [1, 0], [0, 1], [0.1, 1]]))
    pairs = nearest_prototypes(p)
    assert [(pair.first, pair.second, pair.equal) for pair in pairs] == [("a", "b", True), ("c", "d", False)]
    assert pairs[0].cosine == pytest.approx(1)
    assert nearest_prototypes(Prototypes(["a"], [[1.0]])) == []
    with pytest.raises(InputError, match="nearest_prototypes: n must be a whole number at least 1; got 0"):
        nearest_prototypes(p, n=0)


def test_repeated_samples() -> None:
    assert repeated_samples(make()) == 0
    doubled = make(features=[[0, 1], [0, 1], [2, 3], [4, 5], [2, 3]])
    assert repeated_samples(doubled) == 2
    assert doubled.openings == {}
