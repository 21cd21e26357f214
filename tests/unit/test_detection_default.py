"""The embedded detector: boxes of maps, evidence, and what is found on scenes whose truth is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

import unseen
from unseen.detection import Picture
from unseen.detection.boxes import iou_matrix
from unseen.detection.default import DefaultDetector
from unseen.detection.evidence import Evidence, relations
from unseen.detection.proposals import BoxFit, component_boxes
from unseen.encoders.base import Encoder, Similarity
from unseen.errors import InputError
from unseen.registry import DETECTORS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

COLOURS = {"red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1)}
VOCABULARY = unseen.Vocabulary.from_names(["red", "green", "blue"])


class Colours(Encoder):
    """A picture's vector is its mean colour, with a map where asked; other words are grey."""

    name, modalities, image_dim, text_dim, image_size, shared_space = (
        "colours",
        frozenset({"image", "text"}),
        3,
        3,
        32,
        True,
    )
    similarity = Similarity("softmax", 20.0)
    fingerprint = "colours"

    def __init__(self, *, mapped: bool) -> None:
        self.mapped = mapped

    @property
    def has_map(self) -> bool:
        return self.mapped

    @property
    def map_stride(self) -> int:
        return 4

    def prepare_image(self, content: Any) -> np.ndarray[Any, Any]:
        from unseen.inputs.images import prepare_image

        return prepare_image(content, size=32, resize="squash", resample="box")

    def _encode_pixels(self, pixels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        means: np.ndarray[Any, Any] = pixels.mean(axis=(1, 2), dtype=np.float32) + 1e-3
        return means

    def _encode_map(self, pixels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        b, h, w, _ = pixels.shape
        cells = pixels.reshape(b, h // 4, 4, w // 4, 4, 3)
        means: np.ndarray[Any, Any] = cells.mean(axis=(2, 4), dtype=np.float32) + 1e-3
        return means

    def _encode_texts(self, texts: Sequence[str]) -> np.ndarray[Any, Any]:
        return np.array([COLOURS.get(text.split()[-1], (1, 1, 1)) for text in texts], np.float32)


def scene(*things: tuple[str, tuple[int, int, int, int]], size: tuple[int, int] = (160, 120)) -> Picture:
    pixels = np.full((size[1], size[0], 3), 60, np.uint8)
    for name, (left, top, right, bottom) in things:
        pixels[top:bottom, left:right] = np.array(COLOURS[name]) * 240
    return Picture("scene", pixels)


@pytest.fixture(params=[True, False], ids=["map", "windows"])
def recognizer(request: pytest.FixtureRequest) -> unseen.Recognizer:
    return unseen.Recognizer.from_encoder(Colours(mapped=request.param))


def best_of(found: Any, position: int) -> tuple[Any, float]:
    row = int(found.probabilities[:, position].argmax())
    return found.boxes[[row]], float(found.probabilities[row, position])


def test_things_are_found_where_they_are(recognizer: unseen.Recognizer) -> None:
    truth = {0: (20, 20, 80, 80), 2: (100, 50, 150, 110)}
    picture = scene(("red", truth[0]), ("blue", truth[2]))
    before = picture.pixels.copy()
    (found,) = DefaultDetector().bind(recognizer, VOCABULARY).propose([picture])
    for position, box in truth.items():
        place, score = best_of(found, position)
        least = 0.6 if recognizer.encoder.has_map else 0.4
        assert iou_matrix(place, [box])[0, 0] >= least
        assert 0 < score <= 1
    assert found.probabilities is not None
    absent = found.probabilities[:, 1].max(initial=0)
    assert absent < 0.1 * found.probabilities.max()
    assert found.boxes[:, 0::2].max() <= 160
    assert found.boxes.min() >= 0
    np.testing.assert_array_equal(found.scores, found.probabilities.max(axis=1))
    np.testing.assert_array_equal(picture.pixels, before)


def test_pictures_are_judged_alone_and_alike(recognizer: unseen.Recognizer) -> None:
    bound = DefaultDetector(crops=8).bind(recognizer, VOCABULARY)
    pictures = [scene(("red", (10, 10, 60, 60))), scene(("green", (50, 40, 120, 100)), size=(200, 140))]
    together, alone = bound.propose(pictures), [bound.propose([picture])[0] for picture in pictures]
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_array_equal(one.boxes, other.boxes)
        np.testing.assert_array_equal(one.scores, other.scores)


@pytest.mark.parametrize("size", [(3, 50), (50, 3), (8, 8), (9, 700)])
def test_odd_pictures_give_boxes_within_them_or_none(recognizer: unseen.Recognizer, size: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8)
    (found,) = DefaultDetector(crops=4).bind(recognizer, VOCABULARY).propose([Picture("odd", pixels)])
    assert found.probabilities is not None
    assert found.probabilities.shape == (len(found), 3)
    assert (found.boxes[:, 2:] <= size).all()
    assert ((found.scores >= 0) & (found.scores <= 1)).all()


def test_one_class_alone_is_found_and_its_absence_seen(recognizer: unseen.Recognizer) -> None:
    bound = DefaultDetector().bind(recognizer, unseen.Vocabulary.from_names(["red"]))
    there, not_there = bound.propose([scene(("red", (20, 20, 80, 80))), scene(("blue", (20, 20, 80, 80)))])
    assert not_there.scores.max(initial=0) < 0.2 * there.scores.max()


def test_it_is_registered_and_refuses_what_it_cannot_use() -> None:
    assert DETECTORS.get("default") is DefaultDetector
    with pytest.raises(InputError, match="DefaultDetector: crops must be a whole number at least 1"):
        DefaultDetector(crops=0)
    with pytest.raises(InputError, match=r"DefaultDetector: whole must be a number at least 0 and at most 1; got 2"):
        DefaultDetector(whole=2)
    with pytest.raises(InputError, match="DefaultDetector: alpha must be"):
        DefaultDetector(alpha=float("nan"))


def test_evidence_is_the_decision_of_the_recogniser() -> None:
    recognizer = unseen.Recognizer.from_encoder(Colours(mapped=True), background=["mud"])
    evidence = Evidence(recognizer, unseen.Vocabulary.from_names(["red", "blue"]))
    X = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [np.nan, 0, 0]], np.float32)
    found = evidence.probabilities(X)
    # Cosines with red, blue and mud (grey) are 1, 0, 1/sqrt(3) for the first; the scale is 20.
    z = np.array([20, 0, 20 / np.sqrt(3)])
    alone = 1 / (1 + np.exp(z[2] - z[:2]))
    np.testing.assert_allclose(found[0], alone * np.exp(z[:2]) / np.exp(z[:2]).sum(), rtol=1e-4)
    assert found[1].max() < 1e-2
    assert (found[2] == 0).all()
    contrast = evidence.contrast(X[:1])[0]
    scores = np.array([1, 0, *[1 / np.sqrt(3)] * 5])
    np.testing.assert_allclose(contrast, scores[:2] - scores.mean(), rtol=1e-4)


def test_evidence_of_a_sigmoid_model_judges_each_class_alone() -> None:
    encoder = Colours(mapped=True)
    encoder.similarity = Similarity("sigmoid", 10.0, -5.0)
    evidence = Evidence(unseen.Recognizer.from_encoder(encoder), VOCABULARY)
    found = evidence.probabilities([[1, 0, 0]])[0]
    np.testing.assert_allclose(found, 1 / (1 + np.exp([-5, 5, 5])), rtol=1e-4)


def test_parts_of_a_map_become_boxes() -> None:
    evidence = np.zeros((6, 6), np.float32)
    evidence[1, 1], evidence[3:5, 3:6] = 1.0, 0.5
    found = component_boxes(evidence, (60, 120), levels=(0.4, 0.8))
    assert found.tolist() == [[10, 20, 20, 40], [30, 60, 60, 100], [10, 20, 20, 40]]
    assert component_boxes(np.zeros((4, 4), np.float32), (9, 9)).shape == (0, 4)
    speckled = (np.indices((40, 40)).sum(axis=0) % 2).astype(np.float32)
    assert len(component_boxes(speckled, (40, 40), levels=(0.5,))) == 12


def test_excess_pays_for_size() -> None:
    evidence = np.ones((4, 4), np.float32)
    boxes = np.array([[0, 0, 4, 4], [0, 0, 2, 4], [0, 0, 0.5, 4]], np.float32)
    np.testing.assert_allclose(BoxFit(evidence, (4, 4), alpha=0.5).excess(boxes), [0.5, 0.25, 0.0625])
    nothing = BoxFit(np.zeros((4, 4), np.float32), (4, 4), alpha=0.5)
    assert nothing.excess(boxes).tolist() == [0, 0, 0]
    assert nothing.score(boxes).tolist() == [0, 0, 0]


def test_a_box_fits_best_around_the_whole_thing_and_nothing_else() -> None:
    evidence = np.zeros((20, 20), np.float32)
    evidence[5:15, 5:15] = 3
    fit = BoxFit(evidence, (100, 100), alpha=0.7)
    whole, part, large = np.array([[25, 25, 75, 75], [25, 25, 50, 75], [15, 15, 85, 85]], np.float32)
    scores = fit.score(np.array([whole, part, large]))
    # Around the whole: all of the map, a quarter of the picture; the ring of a fifth of the box is empty.
    assert scores[0] == pytest.approx((1 - 0.7 * 0.25) ** 0.75)
    # Around its left half: the ring is 5 wide and 10 high; 5 x 50 of its 35 x 70 - 25 x 50 pixels show the thing.
    assert scores[1] == pytest.approx((0.5 - 0.7 * 0.125) ** 0.75 * (1 - 250 / 1200) ** 0.25)
    assert scores[2] < scores[0]


def test_edges_settle_where_the_thing_ends() -> None:
    evidence = np.zeros((20, 30), np.float32)
    evidence[5:15, 10:20] = 1
    fit = BoxFit(evidence, (300, 200), alpha=0.7)
    start = np.array([[60, 30, 240, 180], [110, 60, 170, 120], [0, 0, 300, 200]], np.float32)
    before = start.copy()
    settled = fit.settle(start, least=8)
    assert (iou_matrix(settled, [[100, 50, 200, 150]])[:2, 0] > 0.9).all()
    assert (fit.score(settled) >= fit.score(start)).all()
    assert settled.dtype == np.float32
    assert (settled.min(axis=0) >= 0).all()
    assert (settled[:, 2:] <= (300, 200)).all()
    np.testing.assert_array_equal(start, before)
    assert fit.settle(start[:0]).shape == (0, 4)
    # A map that peaks in one place draws a box together, down to the least.
    peak = np.zeros((20, 30), np.float32)
    peak[10, 15] = 1
    small = BoxFit(peak, (300, 200), alpha=1.0).settle(np.array([[120, 70, 190, 140]], np.float32), least=30)
    assert (small[:, 2:] - small[:, :2]).min() >= 30


def test_one_thing_has_one_box(recognizer: unseen.Recognizer) -> None:
    (found,) = DefaultDetector().bind(recognizer, VOCABULARY).propose([scene(("red", (20, 20, 100, 100)))])
    assert found.probabilities is not None
    red = found.probabilities[:, 0]
    rest = np.delete(red, red.argmax())
    assert rest.max(initial=0) < 0.3 * red.max()


def test_places_speak_through_the_classes_that_were_learned() -> None:
    # Of three learned classes the first is like the class, the others are not.
    found = relations(np.array([[2.0, 0, 0]]), np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 1]]))
    np.testing.assert_allclose(found, [[2 / np.sqrt(2), 0, 0]])
    recognizer = unseen.Recognizer.load()
    evidence = Evidence(recognizer, unseen.Vocabulary.from_names(["zebra", "teapot"]))
    X = np.random.default_rng(0).normal(size=(3, recognizer.encoder.image_dim or 0)).astype(np.float32)
    places = evidence.places(X)
    assert places.shape == (3, 2)
    assert (places >= 0).all()
    head = recognizer.head("image")
    scores = head.method.scorer(head.method.seen_prototypes_)(X) / head.decision.temperature
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    classes = recognizer.prototypes(unseen.Vocabulary.from_names(["zebra", "teapot"])).vectors
    expected = shares @ relations(classes, head.method.seen_prototypes_.vectors).T
    np.testing.assert_allclose(places, expected * np.linalg.norm(X, axis=1, keepdims=True), rtol=1e-4)


def test_without_learned_classes_places_speak_by_contrast() -> None:
    evidence = Evidence(unseen.Recognizer.from_encoder(Colours(mapped=True)), VOCABULARY)
    X = np.array([[3, 0, 0], [1, 1, 1]], np.float32)
    lengths = np.linalg.norm(X, axis=1, keepdims=True)
    np.testing.assert_allclose(evidence.places(X), np.maximum(evidence.contrast(X), 0) * lengths)
    assert evidence.places(X)[0].argmax() == 0


def test_a_real_photo_has_its_thing_in_the_box(data: Path) -> None:
    frame = data / "video_davis7/JPEGImages/blackswan/00000.jpg"
    mask = np.array(Image.open(data / "video_davis7/Annotations/blackswan/00000.png").convert("L")) > 0
    ys, xs = np.nonzero(mask)
    bound = DefaultDetector().bind(unseen.Recognizer.load(), unseen.Vocabulary.from_names(["black swan", "teapot"]))
    (found,) = bound.propose([Picture("swan", np.array(Image.open(frame).convert("RGB")))])
    place, score = best_of(found, 0)
    assert iou_matrix(place, [[xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]])[0, 0] >= 0.5
    assert found.probabilities is not None
    assert found.probabilities[:, 1].max(initial=0) < 0.1 * score
