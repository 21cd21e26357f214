"""Calibration on one's own items: what is fitted, what is refused, and that it serves other classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.special import expit, softmax
from tests.toy_encoder import K, Toy, unit

import unseen
from unseen.decision.background import background_of
from unseen.decision.calibration import Decision, fit_known, fit_temperature
from unseen.encoders.base import Similarity
from unseen.encoders.prompts import background_vectors
from unseen.errors import InputError, ItemError
from unseen.heads import Head
from unseen.methods.projection.cosine import Cosine
from unseen.metrics import expected_calibration_error
from unseen.recognizer import Recognizer

if TYPE_CHECKING:
    from pathlib import Path

NAMES = [f"class {i}" for i in range(16)]
VOCABULARY = unseen.Vocabulary.from_names(NAMES)


def made(names: list[str], scale: float, *, n: int = 1500, seed: int = 0) -> tuple[np.ndarray[Any, Any], list[str]]:
    """Return vectors whose classes are drawn by the softmax of their cosines at that scale."""
    rng = np.random.default_rng(seed)
    X = unit(rng.normal(size=(n, K)))
    P = unit(Toy().encode_texts(names))
    p = softmax(scale * X.astype(float) @ P.T.astype(float), axis=1)
    return X, [names[rng.choice(len(names), p=row)] for row in p]


def test_the_temperature_is_recovered_and_serves_other_classes() -> None:
    rec = Recognizer.from_encoder(Toy(Similarity("softmax", 100.0)))  # far too sure
    X, labels = made(NAMES, 8.0)
    new = rec.calibrate(X, labels, VOCABULARY)
    assert rec.head("image").decision.temperature == 0.01
    assert new.head("image").decision.temperature == pytest.approx(1 / 8, rel=0.1)
    other = [f"thing {i}" for i in range(9)]
    X, labels = made(other, 8.0, seed=1)
    y = np.array([other.index(label) for label in labels])
    scores = rec.class_scores(X, rec.prototypes(unseen.Vocabulary.from_names(other)))
    before, after = (r.head("image").decision.probabilities(scores) for r in (rec, new))
    assert expected_calibration_error(y, before) > 0.25
    assert expected_calibration_error(y, after) < 0.05
    assert np.array_equal(before.argmax(axis=1), after.argmax(axis=1))


def test_certainty_becomes_a_probability() -> None:
    rec = Recognizer.from_encoder(Toy(Similarity("softmax", 8.0)))
    X, labels = made(NAMES, 30.0, n=3000)
    new = rec.calibrate(X, labels, VOCABULARY).head("image").decision
    # Half of the classes, each item as often known as not.
    columns = np.arange(0, 16, 2)
    prototypes = rec.prototypes(VOCABULARY)
    scores = rec.class_scores(X, prototypes)
    known = np.isin([NAMES.index(label) for label in labels], columns)
    beside = background_vectors(rec.encoder, background_of(new, "image", NAMES, None), None)
    probability = new.known(scores[:, columns], background_scores=(X @ unit(beside).T).astype(float))
    low, high = probability < 0.4, probability > 0.6
    assert known[high].mean() > 0.55 > 0.45 > known[low].mean()
    assert probability[known].mean() > probability[~known].mean() + 0.05


def test_a_sigmoid_model_gets_temperature_and_bias() -> None:
    rng = np.random.default_rng(0)
    rec = Recognizer.from_encoder(Toy(Similarity("sigmoid", 100.0, -50.0)))
    X, labels = made(NAMES, 30.0, n=2000)
    new = rec.calibrate(X, labels, VOCABULARY).head("image").decision
    assert (new.activation, new.known_slope, new.known_offset) == ("sigmoid", 1.0, 0.0)
    assert new.known_size != 0
    # A pair that belongs together is as likely shown as one that does not: probabilities of pairs are right.
    scores = rec.class_scores(X, rec.prototypes(VOCABULARY))
    y = np.array([NAMES.index(label) for label in labels])
    true = scores[np.arange(len(y)), y]
    wrong = scores[np.arange(len(y)), (y + rng.integers(1, 16, len(y))) % 16]
    p = expit(np.concatenate([true, wrong]) / new.temperature + new.bias)
    truth = np.arange(len(p)) < len(true)
    for low, high in ((0, 0.3), (0.3, 0.7), (0.7, 1.01)):
        inside = (p >= low) & (p < high)
        assert truth[inside].mean() == pytest.approx(p[inside].mean(), abs=0.12)


def test_items_of_no_class_count_as_unknown() -> None:
    rec = Recognizer.from_encoder(Toy(Similarity("softmax", 8.0)))
    X, labels = made(NAMES, 30.0, n=400)
    far = unit(np.random.default_rng(5).normal(size=(400, K)))
    with_none = rec.calibrate(np.concatenate([X, far]), [*labels, *[None] * 400], VOCABULARY)
    assert with_none.head("image").decision != rec.calibrate(X, labels, VOCABULARY).head("image").decision


def test_a_few_perfect_items_do_not_make_certain() -> None:
    rec = Recognizer.from_encoder(Toy(Similarity("softmax", 8.0)))
    X = unit(rec.encoder.encode_texts(NAMES[:6]))
    new = rec.calibrate(X, NAMES[:6], unseen.Vocabulary.from_names(NAMES[:6])).head("image").decision
    p = new.probabilities(rec.class_scores(X, rec.prototypes(unseen.Vocabulary.from_names(NAMES[:6]))))
    assert p.max(axis=1).min() > 0.5
    assert p.max() < 0.999


def test_the_embedded_model_keeps_its_kind_of_certainty(root: Path) -> None:
    rec = Recognizer.load()
    photos = sorted((root / "examples" / "photos").glob("*.jpg"))
    names = [path.stem for path in photos]
    new = rec.calibrate(photos, names, unseen.Vocabulary.from_names(names))
    old, decision = rec.head("image").decision, new.head("image").decision
    assert (decision.reference, decision.known_from) == (old.reference, "scores")
    assert decision != old
    assert new.head("text") == rec.head("text")
    assert new.fingerprint != rec.fingerprint
    assert new.calibrate(photos, names, unseen.Vocabulary.from_names(names)).fingerprint == new.fingerprint


def test_texts_are_calibrated_too() -> None:
    rec = Recognizer.load()
    texts = ["It will rain", "She won the match", "My bank raised its fees", "The band plays tonight"]
    topics = unseen.Vocabulary.from_names(["weather", "sport", "money", "music"])
    new = rec.calibrate(texts, topics.names, topics, modality="text")
    assert new.head("text").decision != rec.head("text").decision
    with pytest.raises(ItemError, match=r"Recognizer.calibrate: text-1: is empty"):
        rec.calibrate(["a", "", "b", "c"], topics.names, topics, modality="text")


@pytest.mark.parametrize(
    ("labels", "match"),
    [
        ("class 1", r"labels must be a sequence of class names; got 'class 1'"),
        ([*NAMES[:5], "clas 6"], r"labels must be classes of the vocabulary, or None; got 'clas 6'\. Known and near"),
        ([*NAMES[:5], ["class 6"]], r"labels must be classes of the vocabulary, or None; got \['class 6'\]"),
        ([*NAMES[:5], "zzz"], r"got 'zzz'\. There are 16 classes"),
        (["class 1"] * 6, r"labels must be of at least 4 classes, .*; got 1 class\. Add items of other classes"),
        (NAMES[:5], r"labels must be one for each item; got 5 for 6 items"),
    ],
)
def test_labels_that_do_not_fit(labels: Any, match: str) -> None:
    rec = Recognizer.from_encoder(Toy(Similarity("softmax", 8.0)))
    with pytest.raises(InputError, match=match):
        rec.calibrate(unit(np.ones((6, K))), labels, VOCABULARY)


@pytest.mark.parametrize(
    ("X", "match"),
    [
        (np.ones((6, K + 1)), f"items must be of {K} dimensions, like the recogniser's; got {K + 1} dimensions"),
        (np.full((6, K), np.nan), "items must be finite; got NaN or infinity in row 0"),
        (np.zeros((6, K)), "items must be recognisable as their classes"),
    ],
)
@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_vectors_that_do_not_fit(activation: Any, X: Any, match: str) -> None:
    rec = Recognizer.from_encoder(Toy(Similarity(activation, 8.0)))
    with pytest.raises(InputError, match=match):
        rec.calibrate(X, NAMES[:6], VOCABULARY)


def test_test_classes_are_refused() -> None:
    rec = Recognizer.from_encoder(Toy(Similarity("softmax", 8.0)))
    vocabulary = unseen.Vocabulary([unseen.ClassEntry(name, seen=i < 5) for i, name in enumerate(NAMES[:6])])
    with pytest.raises(InputError, match=r"calibrate: y must be of seen validation classes only; got 'class 5'"):
        rec.calibrate(unit(np.ones((6, K))), NAMES[:6], vocabulary)


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_labels_that_have_nothing_to_do_with_the_items(activation: Any) -> None:
    rec = Recognizer.from_encoder(Toy(Similarity(activation, 8.0)), background=["grass"])
    X, labels = made(NAMES, 30.0, n=400)
    for wrong in (-X, X[::-1]):
        with pytest.raises(InputError, match=r"items must be recognisable as their classes; .* Check that labels"):
            rec.calibrate(wrong, labels, VOCABULARY)


def test_weights_of_sets_by_hand() -> None:
    one, other = np.array([[1.0, 0.0]]), np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    sets, y = [one, other], [np.array([1]), np.array([0, 1, 0])]  # wrong, and right
    # Three quarters of the weight are right: p = 3/4 = 1/(1 + exp(-1/T)).
    assert fit_temperature(sets, y, weights=[1, 3]) == pytest.approx(1 / np.log(3), rel=1e-3)


def test_smoothing_by_hand() -> None:
    # Two items, both right, scores 1 and 0: with half of each item of any class alike, p of the true one is 3/4.
    scores, y = np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([0, 1])
    temperature = fit_temperature([scores], [y], smoothing=0.5)
    assert softmax(scores / temperature, axis=1)[0, 0] == pytest.approx(0.75, abs=1e-3)
    slope, offset, _ = fit_known([1.0, 1.0, -1.0], [True, True, False], [2, 2, 2], smoothing=0.25)
    assert expit(slope + offset) == pytest.approx(0.75, abs=1e-3)
    assert expit(offset - slope) == pytest.approx(0.25, abs=1e-3)


def test_a_head_of_ones_own_is_calibrated_by_its_scores() -> None:
    rec = Recognizer(Toy(), heads={"image": Head(Cosine(), Decision(0.01, 9.0))}, background=["grass"])
    X, labels = made(NAMES, 8.0)
    new = rec.calibrate(X, labels, VOCABULARY)
    assert new.background == ("grass",)
    assert new.head("image").decision.temperature == pytest.approx(1 / 8, rel=0.1)
