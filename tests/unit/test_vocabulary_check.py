"""check_vocabulary: each warning appears when it should and stays away when it should not."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from unseen.errors import InputError
from unseen.prototypes import Prototypes
from unseen.vocabulary import ClassEntry, NearestPair, Vocabulary, VocabularyReport, check_vocabulary
from unseen.vocabulary import check as check_module


def codes(report: VocabularyReport) -> list[str]:
    return [w.code for w in report.warnings]


def described(*names: str) -> Vocabulary:
    return Vocabulary([ClassEntry(n, (f"Looks like number {i}.",)) for i, n in enumerate(names)])


def test_nothing_to_warn_of() -> None:
    v = described("okapi", "zebra", "horse")
    report = check_vocabulary(v, Prototypes(v.names, np.eye(3)))
    assert report.warnings == ()
    assert len(report.nearest_pairs) == 3
    assert {p.cosine for p in report.nearest_pairs} == {0.0}


def test_words() -> None:
    v = Vocabulary(
        [
            ClassEntry("bear", ("Big. ",), ("Ursus",)),
            ClassEntry("polar bear", ("big.",), ("URSUS", "zebra")),
            ClassEntry("forbear", ("x" * 9_000,)),
            ClassEntry("Zebra", ("word " * 200,)),
            ClassEntry("zebra", synonyms=("Zebra",)),
        ]
    )
    report = check_vocabulary(v)
    found = {w.code: w for w in report.warnings}
    assert codes(report) == [
        "case-only", "name-in-name", "synonym-clash", "synonym-clash", "no-descriptions", "same-description",
        "too-long", "too-long",
    ]  # fmt: skip
    assert found["case-only"].classes == ("Zebra", "zebra")
    assert found["name-in-name"].classes == ("bear", "polar bear")
    assert "'bear' is part of 'polar bear'" in found["name-in-name"].message
    clashes = [w.classes for w in report.warnings if w.code == "synonym-clash"]
    assert clashes == [("polar bear", "bear"), ("polar bear", "Zebra")]
    assert found["no-descriptions"].message.startswith("1 of 5 classes lack a description ('zebra')")
    assert found["same-description"].classes == ("bear", "polar bear")
    assert found["too-long"].classes == ("Zebra",)
    assert "about 280 tokens; the text encoder reads the first 256" in found["too-long"].message
    assert report.nearest_pairs == ()


def test_no_descriptions_at_all_is_said_once() -> None:
    report = check_vocabulary(Vocabulary.from_names(f"c{i}" for i in range(100)))
    assert codes(report) == ["no-descriptions"]
    assert report.warnings[0].message.startswith("No class has a description;")
    assert len(report.warnings[0].classes) == 20


def test_the_encoders_own_token_counter_is_used() -> None:
    v = Vocabulary([ClassEntry("a", ("one two three",))])
    assert codes(check_vocabulary(v, count_tokens=len, max_tokens=12)) == ["too-long"]
    assert codes(check_vocabulary(v, count_tokens=len, max_tokens=13)) == []


def test_gaps() -> None:
    v = Vocabulary([ClassEntry("a", ("x",), (), {"p": 1}, True), ClassEntry("b", ("y",))])
    assert [(w.code, w.classes) for w in check_vocabulary(v).warnings] == [
        ("seen-gaps", ("b",)),
        ("attribute-gaps", ("b",)),
    ]


def test_near_duplicates_and_nearest_pairs() -> None:
    v = described("a", "b", "c", "d")
    vectors = np.array([[1, 0], [1, 0.1], [0, 1], [-2, 0]])
    report = check_vocabulary(v, Prototypes(["d", "c", "b", "a"], vectors[::-1]), n_pairs=2, near=0.99)
    assert codes(report) == ["near-duplicate"]
    assert report.warnings[0].classes == ("a", "b")
    assert "(cosine 0.995)" in report.warnings[0].message
    assert report.nearest_pairs == (NearestPair("a", "b", 0.995), NearestPair("b", "c", 0.0995))
    assert codes(check_vocabulary(v, Prototypes(v.names, vectors), near=0.996)) == []


@pytest.mark.parametrize("block", [1, 7, 1000])
def test_blocks_agree_with_the_whole(block: int) -> None:
    rng = np.random.default_rng(0)
    names = [f"c{i}" for i in range(60)]
    vectors = rng.normal(size=(60, 5)).astype(np.float32)
    vectors[3] = vectors[40] * 2
    vectors[7] = 0
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    cosines = unit @ unit.T
    rows, columns = np.triu_indices(60, 1)
    order = np.argsort(-cosines[rows, columns], kind="stable")[:12]
    report = check_vocabulary(described(*names), Prototypes(names, vectors), n_pairs=12, block=block, near=0.97)
    assert [(p.first, p.second) for p in report.nearest_pairs] == [(names[rows[i]], names[columns[i]]) for i in order]
    wanted = {(names[i], names[j]) for i, j in zip(rows, columns, strict=True) if cosines[i, j] >= 0.97}
    assert ("c3", "c40") in wanted
    assert {w.classes for w in report.warnings if w.code == "near-duplicate"} == wanted


def test_hubs() -> None:
    rng = np.random.default_rng(0)
    spokes = rng.normal(size=(40, 60))
    spokes /= np.linalg.norm(spokes, axis=1, keepdims=True)
    names = [f"c{i}" for i in range(40)] + ["middle"]
    vectors = np.vstack([spokes, spokes.mean(axis=0)])
    report = check_vocabulary(described(*names), Prototypes(names, vectors))
    hubs = [w for w in report.warnings if w.code == "hub"]
    assert [w.classes for w in hubs] == [("middle",)]
    assert "is among the 5 nearest of 19 classes (average 5): a hub" in hubs[0].message
    ring = np.column_stack([np.cos(np.arange(40) * np.pi / 20), np.sin(np.arange(40) * np.pi / 20)])
    assert "hub" not in codes(check_vocabulary(described(*names[:40]), Prototypes(names[:40], ring)))
    few = check_vocabulary(
        described(*names[:10], "middle"), Prototypes([*names[:10], "middle"], vectors[[*range(10), 40]])
    )
    assert "hub" not in codes(few)


def test_many_of_a_kind_are_counted() -> None:
    names = [f"c{i}" for i in range(30)]
    v = described(*names, *(f"big {n}" for n in names))
    report = check_vocabulary(v, Prototypes(v.names, np.ones((60, 2))))
    assert codes(report).count("name-in-name") == 21
    assert "… and 10 more of this kind." in [w.message for w in report.warnings]
    assert codes(report).count("near-duplicate") == 21
    assert "… and 1750 more of this kind." in [w.message for w in report.warnings]


def test_one_class_and_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    one = described("a")
    assert check_vocabulary(one, Prototypes(["a"], [[1.0]])) == VocabularyReport(1, (), ())
    two = described("a", "b")
    monkeypatch.setattr(check_module, "MAX_SEMANTIC", 1)
    report = check_vocabulary(two, Prototypes(two.names, [[1.0], [1.0]]))
    assert codes(report) == ["too-many-to-compare"]
    assert report.nearest_pairs == ()


def test_to_dict_is_json() -> None:
    v = described("a", "b")
    report = check_vocabulary(v, Prototypes(v.names, [[1.0], [1.0]]))
    data = json.loads(json.dumps(report.to_dict()))
    assert data["n_classes"] == 2
    assert data["warnings"][0]["code"] == "near-duplicate"
    assert data["warnings"][0]["classes"] == ["a", "b"]
    assert data["nearest_pairs"] == [{"first": "a", "second": "b", "cosine": 1.0}]


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ({"near": 0}, r"check_vocabulary: near must be a number above 0 and at most 1; got 0"),
        ({"near": 1.1}, r"near must be a number above 0 and at most 1"),
        ({"n_pairs": -1}, r"n_pairs must be a whole number at least 0; got -1"),
        ({"block": 0}, r"block must be a whole number at least 1; got 0"),
        ({"prototypes": Prototypes(["b"], [[1.0]])}, r"names must be names of the prototypes' classes; got 'a'"),
    ],
)
def test_odd_arguments(option: dict[str, Any], text: str) -> None:
    with pytest.raises(InputError, match=text):
        check_vocabulary(described("a"), **option)
