"""Scoring a whole folder at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.stored import COLOURS, Colours, Row, write_stored

import unseen
from unseen.decision.calibration import Decision
from unseen.errors import InputError
from unseen.labelling.rescoring import rescore
from unseen.methods.meta.label_propagation import LabelPropagation
from unseen.methods.meta.transclip import TransCLIP
from unseen.methods.projection.cosine import Cosine
from unseen.recognizer import Head
from unseen.results import Predictions
from unseen.tasks.transduce import TRANSDUCERS, transduce

if TYPE_CHECKING:
    from pathlib import Path

TOPICS = unseen.Vocabulary.from_names(["sport", "weather", "money"])
TEXTS = [
    "It will rain",
    "Snow is coming",
    "She scored twice",
    "The match was lost",
    "Banks raised interest",
    "My loan costs too much",
]


@pytest.fixture(scope="module")
def rec() -> unseen.Recognizer:
    return unseen.Recognizer.load()


@pytest.mark.parametrize("method", TRANSDUCERS)
def test_texts(rec: unseen.Recognizer, method: str) -> None:
    p = rec.prototypes(TOPICS, modality="text")
    X = rec.encoder.encode_texts(TEXTS)
    scores = transduce(rec, X, p, method=method, modality="text")
    assert [TOPICS.names[i] for i in scores.argmax(axis=1)] == ["weather"] * 2 + ["sport"] * 2 + ["money"] * 2
    shares = rec.head("text").decision.probabilities(scores)
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-9)


@pytest.mark.parametrize("method", [TransCLIP(n_iterations=0), LabelPropagation(alpha=0)], ids=repr)
def test_methods_that_are_switched_off_give_the_recognisers_scores(
    rec: unseen.Recognizer, method: TransCLIP | LabelPropagation
) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(12, rec.encoder.image_dim or 0))
    p = rec.prototypes(TOPICS)
    np.testing.assert_allclose(transduce(rec, X, p, method=method), rec.class_scores(X, p), atol=1e-6)
    assert method.method is None  # the instance passed is left alone


@pytest.mark.parametrize("method", TRANSDUCERS)
def test_an_item_alone_keeps_its_scores(rec: unseen.Recognizer, method: str) -> None:
    X = np.random.default_rng(0).normal(size=(1, rec.encoder.image_dim or 0))
    p = rec.prototypes(TOPICS)
    np.testing.assert_allclose(transduce(rec, X, p, method=method), rec.class_scores(X, p), atol=1e-6)


@pytest.mark.parametrize("method", TRANSDUCERS)
def test_a_shared_space_needs_no_fit(rec: unseen.Recognizer, method: str) -> None:
    rng = np.random.default_rng(0)
    p = unseen.Prototypes(["a", "b"], rng.normal(size=(2, 8)))
    heads = {"image": Head(Cosine(), Decision(1 / 50))}
    shared = unseen.Recognizer(rec.encoder, heads=heads)
    X = rng.normal(size=(20, 8))
    scores = transduce(shared, X, p, method=method)
    expected = (TransCLIP if method == "transclip" else LabelPropagation)(scale=50.0).class_scores(X, prototypes=p)
    np.testing.assert_allclose(scores, expected, atol=1e-12)


def test_messages(rec: unseen.Recognizer) -> None:
    p = rec.prototypes(TOPICS)
    X = np.zeros((3, rec.encoder.image_dim or 0))
    with pytest.raises(InputError, match=r"transduce: recognizer must be an unseen\.Recognizer; got 3"):
        transduce(3, X, p)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="transduce: modality must be 'image' or 'text'; got 'video'"):
        transduce(rec, X, p, modality="video")
    with pytest.raises(InputError, match="transduce: method must be 'transclip' or 'label_propagation'; got 'clip'"):
        transduce(rec, X, p, method="clip")
    with pytest.raises(InputError, match="transduce: method must be one of transclip, label_propagation, or an inst"):
        transduce(rec, X, p, method=Cosine())
    with pytest.raises(InputError, match="TransCLIP: prototypes must be of 384 dimensions, like those of fit; got 5"):
        transduce(rec, X, unseen.Prototypes(["a"], np.ones((1, 5))))
    with pytest.raises(InputError, match=r"transduce: prototypes must be an unseen\.Prototypes; got an array"):
        transduce(rec, X, p.vectors)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("X", "says"),
    [
        (np.zeros((3, 7)), "of 8 dimensions, like the recogniser's; got 7 dimensions"),
        (np.zeros(8), r"numbers of shape \(n, d\) with n at least 1; got an array of shape \(8,\)"),
        (np.zeros((0, 8)), r"numbers of shape \(n, d\) with n at least 1; got an array of shape \(0, 8\)"),
        ([[0.0] * 8, [0.0]], r"numbers of shape \(n, d\) with n at least 1; got \[\["),
        ([["a"] * 8], r"numbers of shape \(n, d\) with n at least 1"),
        ([[0.0] * 8, [np.inf] * 8], "finite; got NaN or infinity in row 1"),
    ],
)
@pytest.mark.parametrize("fitted", [False, True])
def test_vectors_that_cannot_be_scored(rec: unseen.Recognizer, X: Any, says: str, fitted: bool) -> None:
    p = unseen.Prototypes(["a", "b"], np.eye(8)[:2])
    method = Cosine().fit(np.eye(8)[:2], ["a", "b"], prototypes=p) if fitted else Cosine()
    shared = unseen.Recognizer(rec.encoder, heads={"image": Head(method, Decision(0.02))})
    with pytest.raises(InputError, match=f"transduce: vectors must be {says}"):
        transduce(shared, X, p)


@pytest.mark.parametrize("method", TRANSDUCERS)
def test_one_class_and_few_items(rec: unseen.Recognizer, method: str) -> None:
    X = np.random.default_rng(0).normal(size=(3, rec.encoder.image_dim or 0))
    one = rec.prototypes(unseen.Vocabulary.from_names(["cat"]))
    np.testing.assert_allclose(transduce(rec, X, one, method=method), rec.class_scores(X, one), atol=1e-6)
    same = np.ones((4, X.shape[1]))
    p = rec.prototypes(TOPICS)
    np.testing.assert_allclose(transduce(rec, same, p, method=method), rec.class_scores(same, p), atol=1e-6)


def test_real_photos_are_recognised_better(rec: unseen.Recognizer, data: Path) -> None:
    folders = sorted(path for path in (data / "photos" / "caltech51").iterdir() if path.is_dir())[:20]
    vocabulary = unseen.Vocabulary.from_names([folder.name.replace("_", " ") for folder in folders])
    X = rec.encode_images([photo for folder in folders for photo in sorted(folder.iterdir())[:10]])
    y, p = np.repeat(vocabulary.names, 10), rec.prototypes(vocabulary)
    names = np.array(vocabulary.names)
    before = np.mean(names[rec.class_scores(X, p).argmax(axis=1)] == y)
    for method in TRANSDUCERS:
        assert np.mean(names[transduce(rec, X, p, method=method).argmax(axis=1)] == y) > before + 0.02


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Vectors in two parts, one item of them unusable."""
    rng = np.random.default_rng(0)
    rows = [Row("damaged.jpg", error="is no photo")]
    for place, rgb in enumerate(list(COLOURS.values())[:3] * 4):
        vector = np.array(rgb) + 80 * rng.random(3)
        rows.append(Row(f"{place}.png", vector=(vector / np.linalg.norm(vector)).tolist(), sha="0" * 64))
    return write_stored(
        tmp_path / "stored",
        rows,
        kind="embeddings",
        dim=3,
        part_size=5,
        model="colours",
        encoder_fingerprint=Colours().fingerprint,
    )


@pytest.mark.parametrize("method", TRANSDUCERS)
def test_a_folder_is_judged_together(folder: Path, method: str) -> None:
    model = unseen.Recognizer.from_encoder(Colours())
    classes = unseen.Vocabulary.from_names(["red", "green", "blue"])
    together = Predictions.concatenate(
        [a.predictions for a in rescore(folder, model, classes, transductive=method, top_k=3, unknown_below=0.5)]
    )
    alone = Predictions.concatenate([a.predictions for a in rescore(folder, model, classes, top_k=3)])
    vectors = np.concatenate(
        [np.stack([v for v in a.vectors if v is not None]) for a in rescore(folder, model, classes)]
    )
    scores = transduce(model, vectors, model.prototypes(classes), method=method)
    shares = model.head("image").decision.probabilities(scores)
    assert together.errors[0] == "is no photo"
    assert together.top[1:, 0].tolist() == shares.argmax(axis=1).tolist()
    np.testing.assert_allclose(together.probabilities[1:], -np.sort(-shares, axis=1), atol=1e-6)
    assert not np.allclose(together.probabilities[1:], alone.probabilities[1:], atol=1e-3)
    np.testing.assert_array_equal(together.known, alone.known)
    assert together.settings["transductive"] == method


def test_a_folder_of_which_nothing_can_be_used(tmp_path: Path) -> None:
    rows = [Row("damaged.jpg", error="is no photo")]
    made_by: dict[str, Any] = {"model": "colours", "encoder_fingerprint": Colours().fingerprint}
    stored = write_stored(tmp_path / "stored", rows, kind="embeddings", dim=3, **made_by)
    model, classes = unseen.Recognizer.from_encoder(Colours()), unseen.Vocabulary.from_names(["red", "green"])
    found = [answer.predictions for answer in rescore(stored, model, classes, transductive="transclip")]
    assert [one.errors for one in found] == [("is no photo",)]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"multi_label": True}, "multi_label must be False with transductive; got True"),
        ({"index": "usearch"}, "index must be 'exact' with transductive; got 'usearch'"),
        ({"ensemble": "scores"}, "ensemble must be 'embeddings' with transductive; got 'scores'"),
        ({"candidates": {"a": ["red"]}}, "candidates must be None with transductive; got {'a'"),
        ({"transductive": "magic"}, "transductive must be 'transclip' or 'label_propagation'; got 'magic'"),
    ],
)
def test_options_that_judge_each_item_alone(folder: Path, options: dict[str, Any], says: str) -> None:
    model = unseen.Recognizer.from_encoder(Colours())
    with pytest.raises(InputError, match=says):
        rescore(
            folder, model, unseen.Vocabulary.from_names(["red", "blue"]), **{"transductive": "transclip", **options}
        )
