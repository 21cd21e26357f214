"""From scores to probabilities: softmax, sigmoid, a background, one class, several labels, candidates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit, softmax
from tests.toy_encoder import K, Toy, unit, vector_of

import unseen
from unseen.decision.calibration import Decision
from unseen.decision.evidence import odds_of_best, odds_of_both
from unseen.encoders.base import Similarity
from unseen.errors import InputError, ItemError, ModelError
from unseen.heads import Head
from unseen.methods.projection.cosine import Cosine
from unseen.recognizer import Recognizer
from unseen.tasks.judge import Judge

if TYPE_CHECKING:
    from collections.abc import Sequence

SOFTMAX, SIGMOID = Similarity("softmax", 10.0), Similarity("sigmoid", 8.0, -4.0)
NAMES = ("cat", "dog", "okapi", "rocket")
VOCABULARY = unseen.Vocabulary.from_names(NAMES)
X = unit(np.random.default_rng(0).normal(size=(12, K)))
ITEMS = [f"{i}.jpg" for i in range(len(X))]
COSINES = X.astype(float) @ np.stack([vector_of(name) for name in NAMES]).T.astype(float)


def answer(rec: Recognizer, vocabulary: unseen.Vocabulary = VOCABULARY, **options: Any) -> unseen.Predictions:
    top_k = options.pop("top_k", len(vocabulary))
    judge = Judge(rec, "image", vocabulary, top_k, options.pop("unknown_below", None), False, **options)
    return judge.answer(ITEMS, X, [None] * len(X), [None] * len(X)).predictions


def in_columns(predictions: unseen.Predictions) -> np.ndarray[Any, Any]:
    """Return probabilities in the order of the vocabulary; every class is among the ranks."""
    out = np.zeros(predictions.top.shape)
    np.put_along_axis(out, predictions.top, predictions.probabilities.astype(float), axis=1)
    return out


# -- the decision ----------------------------------------------------------------------------------------------


def test_sigmoid_by_hand() -> None:
    decision = Decision(0.5, activation="sigmoid", bias=-1.0, known_from="probabilities")
    expected = [[1 / (1 + np.exp(-1)), 0.5]]
    assert decision.probabilities([[1.0, 0.5]]) == pytest.approx(np.array(expected))
    assert decision.known([[1.0, 0.5]]) == pytest.approx([1 / (1 + np.exp(-1))])


def test_known_beside_a_background_by_hand() -> None:
    # e^1 + e^2 of classes, e^1 of the background.
    share = (np.e + np.e**2) / (2 * np.e + np.e**2)
    softmaxed = Decision(0.5, known_from="probabilities")
    assert softmaxed.known([[0.5, 1.0]], background_scores=[[0.5]]) == pytest.approx([share])
    fitted = Decision(0.5, 2.0, -1.0)
    assert fitted.known([[0.5, 1.0]], background_scores=[[0.5]]) == pytest.approx([expit(2 * 1.0 - 1) * share])
    sigmoid = Decision(0.5, activation="sigmoid", bias=-1.0, known_from="probabilities")
    assert sigmoid.known([[0.5, 1.0]], background_scores=[[0.5]]) == pytest.approx([expit(1.0) * share])


def test_known_without_a_background_is_the_largest_share() -> None:
    decision = Decision(0.5, known_from="probabilities")
    scores = np.array([[0.5, 1.0, -3.0]])
    assert decision.known(scores) == pytest.approx([softmax(scores / 0.5).max()])
    assert decision.known([[0.3]]).tolist() == [1.0]


@given(st.floats(-600, 600), st.floats(-600, 600))
def test_odds_of_both_are_those_of_the_product(a: float, b: float) -> None:
    product = expit(a) * expit(b)
    assert expit(odds_of_both(np.array(a), np.array(b))) == pytest.approx(product, rel=1e-9, abs=1e-300)


def test_odds_of_the_best() -> None:
    scores = np.array([0.3, 0.1, -2.0])
    odds = odds_of_best(np.array(0.3), np.log(np.exp(scores).sum()))
    assert odds == pytest.approx(logit(softmax(scores).max()))
    assert odds_of_best(np.array(0.3), np.array(0.3)) == np.inf


def test_what_came_later_is_left_out_of_a_card_where_it_changes_nothing() -> None:
    assert list(Decision().to_dict()) == ["temperature", "known_slope", "known_offset", "known_size", "reference"]
    new = Decision(0.1, activation="sigmoid", bias=-2.0, known_from="probabilities")
    assert Decision.from_dict(new.to_dict()) == new
    with pytest.raises(InputError, match=r"activation must be 'softmax' or 'sigmoid'; got 'tanh'"):
        Decision(activation="tanh")
    with pytest.raises(InputError, match=r"known_from must be 'scores' or 'probabilities'; got 'hope'"):
        Decision(known_from="hope")
    with pytest.raises(InputError, match="bias must be a finite number; got inf"):
        Decision(bias=float("inf"))
    with pytest.raises(ModelError, match="the saved parameters cannot be used"):
        Decision.from_dict({"activation": ["softmax"]})


# -- recognisers of an encoder ---------------------------------------------------------------------------------


def test_a_softmax_model_reads_its_own_scale() -> None:
    rec = Recognizer.from_encoder(Toy(SOFTMAX))
    assert list(rec.heads) == ["image"]
    assert in_columns(answer(rec)) == pytest.approx(softmax(10 * COSINES, axis=1), abs=1e-6)


def test_a_sigmoid_model_judges_each_class_alone() -> None:
    rec = Recognizer.from_encoder(Toy(SIGMOID))
    found, expected = answer(rec), expit(8 * COSINES - 4)
    assert in_columns(found) == pytest.approx(expected, abs=1e-6)
    assert found.known == pytest.approx(expected.max(axis=1), abs=1e-6)
    assert "background" not in found.settings


def test_a_space_that_was_not_trained_to_be_read_has_a_common_scale() -> None:
    assert Recognizer.from_encoder(Toy()).head("image").decision.temperature == 0.01


def test_encoders_of_two_spaces_need_a_method() -> None:
    with pytest.raises(InputError, match=r"from_encoder: encoder must be of texts alone, or .* Fit a method"):
        Recognizer.from_encoder(Recognizer.load().encoder)


def test_text_encoders_classify_texts() -> None:
    toy = Toy()
    toy.modalities = frozenset({"text"})
    rec = Recognizer.from_encoder(toy)
    assert rec.head("text").decision.temperature == 0.05
    found = rec.classify_text(["cat", "rocket"], VOCABULARY)
    assert found.best() == ["cat", "rocket"]


def test_a_default_background_stands_beside_the_classes_of_a_softmax() -> None:
    rec = Recognizer.from_encoder(Toy(SOFTMAX))
    found = answer(rec)
    words = found.settings["background"]
    assert len(words) >= 3
    beside = X.astype(float) @ np.stack([vector_of(word) for word in words]).T.astype(float)
    classes, others = np.exp(10 * COSINES).sum(axis=1), np.exp(10 * beside).sum(axis=1)
    assert found.known == pytest.approx(classes / (classes + others), abs=1e-6)
    # A class of such a name is a class.
    named = unseen.Vocabulary.from_names(["cat", words[0].upper()])
    assert words[0] not in answer(rec, named).settings["background"]


def test_own_background_goes_through_the_templates() -> None:
    templates = ("a photo of {name}", "{name}, drawn")
    rec = Recognizer.from_encoder(Toy(SOFTMAX, templates=templates), background=["grass"])
    prototype = unit(np.mean([vector_of("a photo of grass"), vector_of("grass, drawn")], axis=0))
    scores = rec.class_scores(X, rec.prototypes(VOCABULARY))
    classes, other = np.exp(10 * scores).sum(axis=1), np.exp(10 * (X @ prototype).astype(float))
    assert answer(rec).known == pytest.approx(classes / (classes + other), abs=1e-5)
    # Of the call rather than of the recogniser.
    assert answer(rec, background=["grass", "sky"]).settings["background"] == ["grass", "sky"]
    assert answer(rec, background=[]).known == pytest.approx(in_columns(answer(rec)).max(axis=1), abs=1e-6)


@pytest.mark.parametrize(
    ("background", "match"),
    [
        ("grass", r"background must be a list of texts; got 'grass'.*\[\] for none"),
        ([""], r"background must be a list of texts"),
        ([3], r"background must be a list of texts"),
    ],
)
def test_a_background_that_is_none(background: Any, match: str) -> None:
    with pytest.raises(InputError, match=match):
        Recognizer.from_encoder(Toy(SOFTMAX), background=background)
    with pytest.raises(InputError, match=match):
        answer(Recognizer.from_encoder(Toy(SOFTMAX)), background=background)


def test_a_background_that_is_a_class() -> None:
    with pytest.raises(InputError, match=r"background must be of none of the classes; got 'Cat'\. Leave it out"):
        answer(Recognizer.from_encoder(Toy(SOFTMAX)), background=["Cat"])


@pytest.mark.parametrize("options", [{"multi_label": True}, {"vocabulary": unseen.Vocabulary.from_names(["cat"])}])
def test_a_softmax_is_not_asked_about_a_class_alone(options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"background must be at least one text for .* got none\. .* are shares"):
        answer(Recognizer.from_encoder(Toy(SOFTMAX), background=[]), **options)


RECOGNISERS = {
    "softmax": lambda: Recognizer.from_encoder(Toy(SOFTMAX)),
    "sigmoid": lambda: Recognizer.from_encoder(Toy(SIGMOID)),
    "sigmoid and background": lambda: Recognizer.from_encoder(Toy(SIGMOID), background=["grass", "sky"]),
    "fitted": lambda: Recognizer(
        Toy(), heads={"image": Head(fitted_cosine(), Decision(0.1, 3.0, -1.0, -0.4, reference=0.5))}
    ),
    "fitted and background": lambda: Recognizer(
        Toy(), heads={"image": Head(Cosine(), Decision(0.1, 3.0, -1.0, -0.4))}, background=["grass"]
    ),
}


def fitted_cosine() -> Cosine:
    seen = unseen.Prototypes(["a", "b"], np.stack([vector_of("a"), vector_of("b")]))
    return Cosine().fit(seen.vectors, list(seen.names), prototypes=seen)


@pytest.fixture(params=RECOGNISERS)
def rec(request: pytest.FixtureRequest) -> Recognizer:
    return RECOGNISERS[request.param]()


def test_probabilities_are_probabilities(rec: Recognizer) -> None:
    found = answer(rec)
    for values in (found.probabilities, found.known):
        assert ((values >= 0) & (values <= 1)).all()
    assert (np.diff(found.probabilities, axis=1) <= 0).all()
    if rec.head("image").decision.activation == "softmax":
        assert found.probabilities.sum(axis=1) == pytest.approx(1, abs=1e-6)
    # Fewer ranks are the first of more.
    two = answer(rec, top_k=2)
    assert np.array_equal(two.top, found.top[:, :2])
    assert np.array_equal(two.probabilities, found.probabilities[:, :2])


def test_a_class_alone_has_the_probability_that_it_has_among_many_labels(rec: Recognizer) -> None:
    many = in_columns(answer(rec, multi_label=True))
    for column, name in enumerate(NAMES):
        alone = answer(rec, unseen.Vocabulary.from_names([name]))
        assert alone.probabilities[:, 0] == pytest.approx(alone.known)
        assert alone.probabilities[:, 0] == pytest.approx(many[:, column], abs=1e-6)


# -- several labels --------------------------------------------------------------------------------------------


def test_labels_at_or_over_the_threshold_are_accepted(rec: Recognizer) -> None:
    present = in_columns(answer(rec, multi_label=True))
    threshold = float(np.median(present))
    found = answer(rec, multi_label=True, threshold=threshold)
    for i, names in enumerate(found.accepted()):
        over = [name for name, p in zip(NAMES, present[i], strict=True) if p >= threshold]
        assert sorted(names) == sorted(over)
        assert found.unknown[i] == (not over)
        assert found.best()[i] == (names[0] if names else None)
        rows = [row for row in found.rows() if row["item"] == ITEMS[i]]
        if not over:
            assert rows == [
                {"item": ITEMS[i], "rank": None, "name": None, "probability": None, "unknown": True, "error": None}
            ]
        else:
            assert [row["rank"] for row in rows] == list(range(1, len(over) + 1))
            assert all(row["probability"] >= threshold and not row["unknown"] for row in rows)


def test_every_class_may_have_its_own_threshold() -> None:
    rec = Recognizer.from_encoder(Toy(SIGMOID))
    present = expit(8 * COSINES - 4).astype(np.float32)
    own = {"cat": 0.0, "dog": 1.0, "okapi": 0.01}
    found = answer(rec, multi_label=True, threshold=own)
    limits = np.array([own.get(name, 0.5) for name in NAMES], np.float32)
    for i, names in enumerate(found.accepted()):
        expected = sorted(np.flatnonzero(present[i] >= limits), key=lambda j: -present[i][j])
        assert names == [NAMES[j] for j in expected]
    assert found.settings["threshold"] == "own"
    # An unlikely class that is accepted is not crowded out by likelier ones that are not.
    one = answer(rec, multi_label=True, threshold={"cat": 0.0, "dog": 1, "okapi": 1, "rocket": 1}, top_k=1)
    assert one.accepted() == [["cat"]] * len(X)


def test_no_more_labels_than_top_k() -> None:
    rec = Recognizer.from_encoder(Toy(SIGMOID))
    all_of_them, two = answer(rec, multi_label=True, threshold=0), answer(rec, multi_label=True, threshold=0, top_k=2)
    assert (two.settings["multi_label"], two.settings["threshold"]) == (True, 0.0)
    assert two.accepted() == [names[:2] for names in all_of_them.accepted()]


def test_what_is_unknown_has_no_label() -> None:
    rec = Recognizer.from_encoder(Toy(SIGMOID))
    found = answer(rec, multi_label=True, threshold=0, unknown_below=0.5)
    assert found.unknown.tolist() == (found.known < 0.5).tolist()
    assert 0 < found.unknown.sum() < len(X)
    assert all(bool(names) != unknown for names, unknown in zip(found.accepted(), found.unknown, strict=True))


@pytest.mark.parametrize(
    ("threshold", "match"),
    [
        (1.5, r"threshold must be a number at least 0 and at most 1; got 1.5"),
        ({"cta": 0.5}, r"threshold must be given for classes of the vocabulary; got 'cta'\. Known and near: cat"),
        ({"zzzzz": 0.5}, r"got 'zzzzz'\. There are 4 classes"),
        ({"cat": "high"}, r"threshold of 'cat' must be a number"),
    ],
)
def test_thresholds_that_are_none(threshold: Any, match: str) -> None:
    with pytest.raises(InputError, match=match):
        answer(Recognizer.from_encoder(Toy(SIGMOID)), multi_label=True, threshold=threshold)


def test_multi_label_is_a_switch() -> None:
    with pytest.raises(InputError, match="multi_label must be True or False; got 'yes'"):
        answer(Recognizer.from_encoder(Toy(SIGMOID)), multi_label="yes")


# -- candidates ------------------------------------------------------------------------------------------------


def test_candidates_are_all_there_is(rec: Recognizer) -> None:
    rng = np.random.default_rng(1)
    allowed = {item: tuple(rng.permutation(NAMES)[: rng.integers(1, 5)]) for item in ITEMS}
    for multi_label in (False, True):
        found = answer(rec, candidates=allowed, multi_label=multi_label, threshold=0.0)
        by_call = answer(rec, candidates=allowed.__getitem__, multi_label=multi_label, threshold=0.0)
        assert found.rows() == by_call.rows()
        for i, item in enumerate(ITEMS):
            # The same as a vocabulary of these classes alone.
            order = [name for name in NAMES if name in allowed[item]]
            own = answer(rec, unseen.Vocabulary.from_names(order), multi_label=multi_label, threshold=0.0)
            if "background" in found.settings:
                assert own.settings["background"] == found.settings["background"]
            assert found.accepted()[i] == own.accepted()[i]
            ranks = len(order)
            assert found.ranks(i) == ranks
            assert found.probabilities[i, :ranks] == pytest.approx(own.probabilities[i], abs=1e-6)
            assert found.known[i] == pytest.approx(own.known[i], abs=1e-6)


def test_items_without_candidates_are_told(rec: Recognizer) -> None:
    allowed = dict.fromkeys(ITEMS[1:], ("cat",))
    found = answer(rec, candidates=allowed)
    assert found.errors[0] == "is not among the candidates, so nobody said which classes it may be of"
    assert found.best() == [None] + ["cat"] * (len(X) - 1)
    judge = Judge(rec, "image", VOCABULARY, 1, None, True, candidates=allowed)
    with pytest.raises(ItemError, match=r"classify: 0.jpg: is not among the candidates"):
        judge.answer(ITEMS, X, [None] * len(X), [None] * len(X))


def test_candidates_of_items_that_do_not_come_are_told() -> None:
    rec = Recognizer.from_encoder(Toy(SIGMOID))
    pictures = [np.zeros((2, 2, 3), np.uint8)]
    name = rec.classify(pictures, VOCABULARY).items[0]
    with pytest.warns(UserWarning, match=r"candidates were given for 4 items that did not come: 'a', 'b', 'c', …\."):
        found = rec.classify(pictures, VOCABULARY, candidates=dict.fromkeys([name, *"abcd"], ("cat",)))
    assert found.best() == ["cat"]


@pytest.mark.parametrize(
    ("candidates", "match"),
    [
        (["cat"], r"candidates must be a mapping of items to class names, or a callable; got \['cat'\]"),
        ({"0.jpg": "cat"}, r"the candidates of '0.jpg' must be a list of at least one class name; got 'cat'"),
        ({"0.jpg": []}, r"the candidates of '0.jpg' must be a list of at least one class name; got \[\]"),
        ({"0.jpg": ["cta"]}, r"the candidates of '0.jpg' must be classes of the vocabulary; got 'cta'.*near: cat"),
        ({"0.jpg": [["cat"]]}, r"must be classes of the vocabulary; got \['cat'\]"),
        (lambda item: ["zzzzz"], r"must be classes of the vocabulary; got 'zzzzz'\. There are 4 classes"),
        (lambda item: None, r"must be a list of at least one class name; got None"),
    ],
)
def test_candidates_that_are_none(candidates: Any, match: str) -> None:
    with pytest.raises(InputError, match=match):
        answer(Recognizer.from_encoder(Toy(SIGMOID)), candidates=candidates)


# -- blocks ----------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=40)
@given(
    kind=st.sampled_from(sorted(RECOGNISERS)),
    n_classes=st.integers(1, 30),
    block=st.integers(1, 31),
    top_k=st.integers(1, 7),
    multi_label=st.booleans(),
    with_candidates=st.booleans(),
    ensemble=st.sampled_from(["embeddings", "scores"]),
)
def test_blocks_change_nothing(
    kind: str, n_classes: int, block: int, top_k: int, multi_label: bool, with_candidates: bool, ensemble: str
) -> None:
    rec, names = RECOGNISERS[kind](), [f"c{i}" for i in range(n_classes)]
    entries = [unseen.ClassEntry(name, synonyms=("x", "y")[: i % 3]) for i, name in enumerate(names)]
    vocabulary = unseen.Vocabulary(entries)
    rng = np.random.default_rng(n_classes)
    allowed = {item: [names[j] for j in rng.integers(0, n_classes, 5)] for item in ITEMS}
    options: dict[str, Any] = {"top_k": top_k, "multi_label": multi_label, "threshold": 0.3, "ensemble": ensemble}
    if with_candidates:
        options["candidates"] = allowed
    whole, cut = answer(rec, vocabulary, block=10**6, **options), answer(rec, vocabulary, block=block, **options)
    assert cut.accepted() == whole.accepted()
    assert cut.probabilities == pytest.approx(whole.probabilities, abs=1e-6)
    assert cut.known == pytest.approx(whole.known, abs=1e-6)


def test_ties_are_broken_by_column_across_blocks() -> None:
    class Flat(Toy):
        fingerprint = "flat"

        def _encode_texts(self, texts: Sequence[str]) -> Any:
            return unit([[1, 0, 0, 0, 0, 0] if text in {"c3", "c8", "c9"} else [0, 1, 0, 0, 0, 0] for text in texts])

    rec = Recognizer.from_encoder(Flat(SIGMOID))
    vocabulary = unseen.Vocabulary.from_names([f"c{i}" for i in range(12)])
    judge = Judge(rec, "image", vocabulary, 5, None, False, block=4)
    found = judge.answer(["a"], unit([[1, 0, 0, 0, 0, 0]]), [None], [None]).predictions
    assert found.top.tolist() == [[3, 8, 9, 0, 1]]


def test_block_is_a_number() -> None:
    with pytest.raises(InputError, match="block must be a whole number at least 1; got 0"):
        answer(Recognizer.from_encoder(Toy(SIGMOID)), block=0)
