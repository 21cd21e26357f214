"""Explanations: parts of a lead add up, the seen classes are named, unusable items have none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import unseen
from unseen.results import Evidence, Explanation
from unseen.tasks.classify import classify_images, classify_texts
from unseen.tasks.explain import Explainer

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def rec() -> unseen.Recognizer:
    return unseen.Recognizer.load()


def test_a_class_with_one_text_has_one_part_which_is_its_whole_lead(rec: unseen.Recognizer) -> None:
    topics = unseen.Vocabulary.from_names(["sport", "money", "weather"])
    (answer,) = classify_texts(rec, ["It will rain tomorrow", ""], topics)
    found, nothing = Explainer(rec, topics, "text").explain(answer)
    assert nothing is None
    assert found is not None
    assert (found.item, found.name) == ("text-0", "weather")
    (part,) = found.evidence
    head = rec.head("text")
    vector = answer.vectors[0]
    assert vector is not None
    scores = head.method.class_scores(vector[None], prototypes=rec.prototypes(topics, modality="text"))[0]
    assert (part.kind, part.text) == ("name", "weather")
    assert part.weight == pytest.approx((scores[2] - scores.mean()) / head.decision.temperature, rel=1e-4)


def test_each_text_is_one_part_however_often_it_is_encoded(rec: unseen.Recognizer, root: Path) -> None:
    entry = unseen.ClassEntry("cat", descriptions=("A furry pet. It has whiskers.",), synonyms=("tabby",))
    vocabulary = unseen.Vocabulary([entry, "rocket"])
    (answer,) = classify_images(rec, root / "examples" / "photos" / "cat.jpg", vocabulary)
    (found,) = Explainer(rec, vocabulary, "image", n_seen=2).explain(answer)
    assert found is not None
    assert [part.kind for part in found.evidence[:2]] == ["seen class"] * 2
    assert 0 < found.evidence[1].weight <= found.evidence[0].weight <= 1
    texts = [(part.kind, part.text) for part in found.evidence[2:]]
    assert sorted(texts) == [
        ("description", "A furry pet."),
        ("description", "A furry pet. It has whiskers."),
        ("description", "It has whiskers."),
        ("name", "cat"),
        ("synonym", "tabby"),
    ]
    weights = [part.weight for part in found.evidence[2:]]
    assert weights == sorted(weights, reverse=True)


def test_only_unusable_items(rec: unseen.Recognizer) -> None:
    topics = unseen.Vocabulary.from_names(["sport", "money"])
    (answer,) = classify_texts(rec, ["", " "], topics)
    assert Explainer(rec, topics, "text").explain(answer) == [None, None]


def test_an_explanation_prints_a_line_per_part_and_nothing_that_steers_a_terminal() -> None:
    parts = (Evidence("seen class", "tabby", 0.5), Evidence("description", "two\nlines \u202eback", -1.25))
    assert str(Explanation("a\x1b[2J.jpg", "cat", parts)).splitlines() == [
        r"a\x1b[2J.jpg: cat",
        "  seen class      50%  tabby",
        r"  description   -1.25  two\nlines \u202eback",
    ]
