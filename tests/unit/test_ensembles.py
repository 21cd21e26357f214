"""Several texts per class: their mean as vectors or as scores; encoded once, in bounded memory, and never again."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.toy_encoder import K, Toy, unit, vector_of

import unseen
from unseen.encoders import cache, prompts
from unseen.encoders.base import Similarity
from unseen.encoders.prompts import TextPrototypes, vocabulary_prototypes, vocabulary_text_prototypes
from unseen.errors import InputError
from unseen.recognizer import Recognizer
from unseen.tasks.classify import classify_images, classify_texts
from unseen.tasks.explain import Explainer
from unseen.tasks.judge import Judge

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

VOCABULARY = unseen.Vocabulary(
    [
        unseen.ClassEntry("okapi", synonyms=("forest giraffe",), descriptions=("Striped legs. A long tongue.",)),
        unseen.ClassEntry("zebra", attributes={"striped": 1, "spotted": 0}),
        unseen.ClassEntry("rocket"),
    ],
    templates=["a photo of a {name}", "{name}"],
)
X = unit(np.random.default_rng(0).normal(size=(9, K)))


@pytest.fixture
def rec() -> Recognizer:
    return Recognizer.from_encoder(Toy(Similarity("softmax", 10.0)))


def test_mean_of_scores_by_hand(rec: Recognizer) -> None:
    vocabulary = unseen.Vocabulary([unseen.ClassEntry("okapi", synonyms=("a", "b")), unseen.ClassEntry("zebra")])
    texts = rec.text_prototypes(vocabulary)
    assert isinstance(texts, TextPrototypes)
    assert (texts.names, texts.n_classes, texts.n_dimensions) == (("okapi", "zebra"), 2, K)
    # The name has half, and so have the two synonyms together.
    assert texts.weights.tolist() == [0.5, 0.25, 0.25, 1.0]
    okapi, a, b, zebra = (X @ vector_of(text) for text in ("okapi", "a", "b", "zebra"))
    expected = np.stack([okapi / 2 + a / 4 + b / 4, zebra], axis=1)
    assert rec.class_scores(X, texts) == pytest.approx(expected, abs=1e-6)


def test_in_a_shared_space_the_two_differ_by_the_norm_of_the_mean_alone(rec: Recognizer) -> None:
    means = rec.prototypes(VOCABULARY)
    of_vectors = rec.class_scores(X, means)
    of_scores = rec.class_scores(X, rec.text_prototypes(VOCABULARY))
    norms = np.linalg.norm(means.vectors.astype(float), axis=1)
    assert of_scores == pytest.approx(of_vectors * norms, abs=1e-6)
    assert 0 < norms[0] < 0.9  # else the test says nothing
    # A class with one text has a mean of length one: no difference at all.
    single = unseen.Vocabulary.from_names(["okapi", "zebra"])
    assert rec.class_scores(X, rec.text_prototypes(single)) == pytest.approx(
        rec.class_scores(X, rec.prototypes(single)), abs=1e-6
    )


def test_with_the_embedded_model_they_differ(root: Path) -> None:
    rec = Recognizer.load()
    photo = root / "examples" / "photos" / "cat.jpg"
    vocabulary = unseen.Vocabulary.from_names(["cat", "rocket", "coffee"])
    a, b = rec.classify(photo, vocabulary), rec.classify(photo, vocabulary, ensemble="scores")
    assert a.best() == b.best() == ["cat"]
    assert b.settings["ensemble"] == "scores"
    assert "ensemble" not in a.settings
    assert a.probabilities != pytest.approx(b.probabilities, abs=1e-5)
    X = rec.encode_images(photo)
    texts = rec.text_prototypes(vocabulary)
    alone = rec.head("image").method.class_scores(X, prototypes=texts.texts)[0]
    by_hand = [
        float(alone[low:high] @ texts.weights[low:high])
        for low, high in zip(texts.starts[:-1], texts.starts[1:], strict=True)
    ]
    assert rec.class_scores(X, texts)[0] == pytest.approx(by_hand)


def test_parts_of_an_explanation_add_up_where_scores_are_averaged(rec: Recognizer) -> None:
    for ensemble in ("embeddings", "scores"):
        judge = Judge(rec, "image", VOCABULARY, 3, None, False, ensemble=ensemble)
        answer = judge.answer([str(i) for i in range(9)], X, [None] * 9, [None] * 9)
        explainer = Explainer(rec, VOCABULARY, "image", ensemble=ensemble)
        scores = rec.class_scores(X, judge.prototypes)
        leads = 10 * (scores.max(axis=1) - scores.mean(axis=1))
        sums = [sum(part.weight for part in found.evidence) for found in explainer.explain(answer) if found]
        close = sums == pytest.approx(leads, abs=1e-5)
        assert close is (ensemble == "scores")


def test_every_accepted_class_is_explained(rec: Recognizer) -> None:
    judge = Judge(rec, "image", VOCABULARY, 3, None, False, multi_label=True, threshold=0.3)
    errors = [None] * 8 + ["too dark"]
    answer = judge.answer([str(i) for i in range(9)], X[:8], [None] * 9, errors)
    explained = Explainer(rec, VOCABULARY, "image").explain_all(answer)
    for names, found in zip(answer.predictions.accepted()[:8], explained[:8], strict=True):
        if names:
            assert [one.name for one in found] == names
        else:
            assert len(found) == 1
    assert explained[8] == []
    assert {len(names) for names in answer.predictions.accepted()} > {0, 1}


def test_ensemble_is_one_of_two(rec: Recognizer) -> None:
    with pytest.raises(InputError, match=r"ensemble must be 'embeddings' or 'scores'; got 'votes'"):
        Explainer(rec, VOCABULARY, "image", ensemble="votes")  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"ensemble must be 'embeddings' or 'scores'; got 'votes'"):
        Judge(rec, "image", VOCABULARY, 1, None, False, ensemble="votes")


def test_other_texts_have_another_fingerprint(rec: Recognizer) -> None:
    texts = rec.text_prototypes(VOCABULARY)
    assert texts.fingerprint == vocabulary_text_prototypes(rec.encoder, VOCABULARY).fingerprint
    other = rec.text_prototypes(VOCABULARY.subset(["okapi", "zebra"]))
    assert texts.fingerprint != other.fingerprint


# -- made a few at a time --------------------------------------------------------------------------------------


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = vocabulary_prototypes(Toy(), VOCABULARY)
    texts = vocabulary_text_prototypes(Toy(), VOCABULARY)
    for size in (1, 2, 5):
        monkeypatch.setattr(prompts, "_TEXTS", size)
        assert vocabulary_prototypes(Toy(), VOCABULARY) == whole
        assert vocabulary_text_prototypes(Toy(), VOCABULARY).fingerprint == texts.fingerprint


def test_texts_are_encoded_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNSEEN_CACHE", "off")
    monkeypatch.setattr(prompts, "_TEXTS", 10)
    sizes: list[int] = []
    encode = cache.TextCache.encode

    def counted(own: cache.TextCache, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        sizes.append(len(texts))
        return encode(own, texts)

    monkeypatch.setattr(cache.TextCache, "encode", counted)
    vocabulary_prototypes(Toy(), unseen.Vocabulary.from_names([f"c{i}" for i in range(95)]))
    assert sizes == [10] * 9 + [5]


# -- never encoded again ---------------------------------------------------------------------------------------


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("UNSEEN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def labels(n: int) -> unseen.Vocabulary:
    return unseen.Vocabulary.from_names([f"label {i}" for i in range(n)])


@pytest.mark.parametrize("ensemble", ["embeddings", "scores"])
def test_a_second_run_with_a_thousand_labels_encodes_no_text(own_cache: Path, ensemble: str) -> None:
    pictures = [np.full((2, 2, 3), i, np.uint8) for i in range(3)]
    encoders = [Toy(Similarity("softmax", 10.0), templates=("a {name}", "the {name}")) for _ in range(2)]
    found = []
    for encoder in encoders:
        rec = Recognizer.from_encoder(encoder)
        answers = list(classify_images(rec, pictures, labels(1000), ensemble=ensemble))
        found.append([row for answer in answers for row in answer.predictions.rows()])
    n_background = len(answers[0].predictions.settings["background"])
    assert n_background > 0
    assert len(encoders[0].encoded) == 2 * (1000 + n_background)
    assert encoders[1].encoded == []
    assert found[0] == found[1]


def test_the_texts_to_classify_are_not_kept(own_cache: Path) -> None:
    encoder = Toy()
    encoder.modalities = frozenset({"text"})
    list(classify_texts(Recognizer.from_encoder(encoder), ["one", "two"], labels(5), background=[]))
    with sqlite3.connect(own_cache / "texts.sqlite") as connection:
        assert connection.execute("SELECT COUNT(*) FROM texts").fetchone() == (5,)
    connection.close()


def test_more_labels_than_the_cache_holds_do_not_push_each_other_out(
    own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "_LIMIT", 40)
    monkeypatch.setattr(prompts, "_TEXTS", 8)
    encoded = []
    for _ in range(4):
        encoder = Toy()
        vocabulary_prototypes(encoder, labels(100))
        encoded.append(len(encoder.encoded))
    assert encoded == [100, 60, 60, 60]
    # What is asked for next finds room all the same.
    for expected in (5, 0):
        encoder = Toy()
        vocabulary_prototypes(encoder, unseen.Vocabulary.from_names([f"other {i}" for i in range(5)]))
        assert len(encoder.encoded) == expected


def test_a_vocabulary_is_a_vocabulary(rec: Recognizer) -> None:
    for make in (vocabulary_prototypes, vocabulary_text_prototypes):
        with pytest.raises(InputError, match=r"vocabulary must be an unseen.Vocabulary; got \['a'\]"):
            make(rec.encoder, ["a"])  # type: ignore[arg-type]
