"""Detection from pictures to named boxes: with a detector and an encoder whose answers can be told by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import unseen
from unseen.decision.calibration import Decision
from unseen.detection import BoundDetector, Detector, Picture, Proposals, RegionsDetector
from unseen.detection.judge import BoxJudge
from unseen.detection.label_evidence import LabelEvidence
from unseen.encoders.base import Encoder
from unseen.errors import InputError, ItemError
from unseen.heads import Head
from unseen.methods.projection.cosine import Cosine
from unseen.tasks.detect import BoxFinder, detect_images
from unseen.tasks.track import track

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Array = np.ndarray[Any, Any]
COLOURS = {"red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1), "white": (1, 1, 1)}


class Colours(Encoder):
    """A picture's vector is its mean colour; a colour's name is that colour, any other word a mix of all."""

    name, modalities, image_dim, text_dim, image_size, shared_space = (
        "colours",
        frozenset({"image", "text"}),
        3,
        3,
        4,
        True,
    )
    batch_size = 2

    @property
    def fingerprint(self) -> str:
        return "colours-1"

    def prepare_image(self, content: Any) -> Any:
        mean = np.asarray(content).reshape(-1, 3).mean(axis=0)
        return np.broadcast_to(mean.astype(np.uint8), (4, 4, 3))

    def _encode_pixels(self, pixels: Any) -> Any:
        return pixels[:, 0, 0].astype(np.float32) / 255 + 1e-3

    def _encode_texts(self, texts: Sequence[str]) -> Any:
        def vector(text: str) -> Any:
            odd = np.random.default_rng(list(text.encode())).uniform(0.2, 1, 3)
            return COLOURS.get(text.split()[0], odd)

        return np.array([vector(text) for text in texts], np.float32)


@pytest.fixture(scope="module")
def rec() -> unseen.Recognizer:
    decision = Decision(0.1, known_slope=20.0, known_offset=-16.0)
    return unseen.Recognizer(Colours(), heads={"image": Head(Cosine(), decision)})


RGB = unseen.Vocabulary.from_names(["red", "green", "blue"])


def picture(*patches: tuple[tuple[int, int, int, int], str], size: tuple[int, int] = (60, 40)) -> Array:
    pixels = np.full((size[1], size[0], 3), 128, np.uint8)
    for (x0, y0, x1, y1), colour in patches:
        pixels[y0:y1, x0:x1] = np.array(COLOURS[colour]) * 255
    return pixels


def test_boxes_are_named_by_what_is_in_them(rec: unseen.Recognizer) -> None:
    a, b = (4, 4, 14, 14), (30, 10, 50, 30)
    photo = picture((a, "blue"), (b, "red"))
    found = rec.detect(photo, RGB, detector=RegionsDetector({"image-0": [[*a, 0.5], [*b, 0.8]]}), context=0)
    (one,) = found
    assert (one.item, one.size, one.error) == ("image-0", (60, 40), None)
    assert one.best() == ["red", "blue"]  # surest first
    assert one.boxes.tolist() == [list(b), list(a)]
    # cos 1 with its own colour, 0 with the others: known = sigmoid(20 - 16), the share of three exp(1/0.1).
    known, share = 1 / (1 + np.exp(-4)), 1 / (1 + 2 * np.exp(-10))
    np.testing.assert_allclose(one.scores, [0.8 * known * share, 0.5 * known * share], atol=2e-3)
    assert one.probabilities[:, 0].tolist() == pytest.approx([share] * 2, abs=1e-3)


def test_a_class_that_is_not_there_gets_no_box(rec: unseen.Recognizer) -> None:
    # Grey is as near to every colour, and near to none.
    photo = picture(((4, 4, 24, 24), "red"))
    boxes = RegionsDetector({"image-0": [[4, 4, 24, 24], [30, 10, 50, 30]]})
    assert rec.detect(photo, RGB, detector=boxes, context=0)[0].best() == ["red"]
    one = unseen.Vocabulary.from_names(["green"])
    assert len(rec.detect(photo, one, detector=boxes, context=0)[0]) == 0
    both = rec.detect(photo, one, detector=boxes, context=0, unknown_below=0.5)[0]
    assert both.best() == [None, None]
    assert both.scores.tolist() == [1, 1]


def test_one_class_alone_is_scored_by_how_likely_it_is_at_all(rec: unseen.Recognizer) -> None:
    photo = picture(((4, 4, 24, 24), "red"))
    boxes = RegionsDetector({"image-0": [[4, 4, 24, 24]]})
    (found,) = rec.detect(photo, unseen.Vocabulary.from_names(["red"]), detector=boxes, context=0)
    assert found.scores[0] == pytest.approx(1 / (1 + np.exp(-4)), abs=2e-3)
    assert found.probabilities.tolist() == [[1]]


def test_thresholds_by_class_and_suppression_by_class_or_not(rec: unseen.Recognizer) -> None:
    photo = picture(((0, 0, 30, 40), "red"), ((30, 0, 60, 40), "blue"))
    rows = [[0, 0, 28, 40, 0.9], [1, 0, 29, 40, 0.8], [31, 0, 60, 40, 0.7]]
    boxes = RegionsDetector(lambda _: np.array(rows))

    def names(**options: Any) -> list[str | None]:
        return rec.detect(photo, RGB, detector=boxes, context=0, **options)[0].best()

    assert names() == ["red", "blue"]
    assert names(nms=1.0) == ["red", "red", "blue"]
    assert names(threshold={"red": 0.95}) == ["blue"]
    assert names(threshold=0.75) == ["red"]
    assert names(max_boxes=1) == ["red"]
    over = RegionsDetector(lambda _: np.array([[0, 0, 40, 40, 0.9], [12, 0, 60, 40, 0.8]]))
    each = rec.detect(photo, RGB, detector=over, context=0, nms=0.3, threshold=0.01)[0]
    alone = rec.detect(photo, RGB, detector=over, context=0, nms=0.3, threshold=0.01, agnostic=True)[0]
    assert (len(each), len(alone)) == (2, 1)


def test_a_background_takes_what_it_describes(rec: unseen.Recognizer) -> None:
    photo = picture(((4, 4, 24, 24), "white"), ((30, 4, 50, 24), "red"))
    boxes = RegionsDetector({"image-0": [[4, 4, 24, 24], [30, 4, 50, 24]]})
    options: dict[str, Any] = {"detector": boxes, "context": 0, "threshold": 0}
    plain, with_background = (rec.detect(photo, RGB, background=b, **options)[0] for b in ([], ["white wall"]))

    def score(found: Any, left: int) -> float:
        return float(found.scores[found.boxes[:, 0] == left][0])

    assert score(with_background, 4) < score(plain, 4) / 10
    assert score(with_background, 30) > 0.9 * score(plain, 30)
    assert with_background.settings["background"] == ["white wall"]


def test_broken_boxes_are_dropped_and_counted(rec: unseen.Recognizer) -> None:
    rows = [[np.nan, 0, 5, 5], [4, 4, 24, 24], [9, 9, 2, 2], [0, 0, np.inf, 4], [-10, -10, 12, 12], [70, 0, 80, 9]]
    photo = picture(((0, 0, 24, 24), "red"))
    (found,) = rec.detect(photo, RGB, detector=RegionsDetector(lambda _: np.array(rows)), context=0, nms=1)
    assert found.boxes.tolist() == [[4, 4, 24, 24], [0, 0, 12, 12]]
    assert found.settings["dropped"] == 4


class Scripted(BoundDetector):
    """Says what it was told to, and remembers how many pictures it was shown at a time."""

    at_once = 3

    def __init__(self, proposals: Proposals) -> None:
        self.proposals = proposals
        self.shown: list[int] = []
        self.closed = False

    def propose(self, pictures: Sequence[Picture]) -> list[Proposals]:
        self.shown.append(len(pictures))
        return [self.proposals] * len(pictures)

    def close(self) -> None:
        self.closed = True


def test_a_detector_that_knows_the_classes_is_believed(rec: unseen.Recognizer) -> None:
    given = Proposals([[0, 0, 9, 9], [20, 0, 30, 9]], [1, 1], probabilities=[[0.1, 0.7, 0.3], [0.2, 0.1, 0.05]])
    detector = Scripted(given)
    (found,) = rec.detect(picture(), RGB, detector=detector)
    assert found.best() == ["green"]
    assert found.scores.tolist() == pytest.approx([0.7])
    np.testing.assert_allclose(found.probabilities, [[7 / 11, 3 / 11, 1 / 11]], rtol=1e-5)
    assert detector.closed


def test_images_come_in_order_as_they_are_read(rec: unseen.Recognizer, tmp_path: Any) -> None:
    drawn = 0

    def photos() -> Iterator[Any]:
        nonlocal drawn
        for i in range(200):
            drawn += 1
            yield b"no photo" if i % 50 == 3 else picture(((0, 0, 24, 24), ["red", "green", "blue"][i % 3]))

    detector = Scripted(Proposals([[0, 0, 24, 24]], [1.0]))
    stream = detect_images(rec, photos(), RGB, detector=detector, context=0)
    first = [next(stream) for _ in range(7)]
    assert drawn < 60  # bounded: sixteen at a time, and a few ahead
    rest = list(stream)
    found = first + rest
    assert [one.item for one in found] == [f"image-{i}" for i in range(200)]
    assert [one.best() for one in found[:3]] == [["red"], ["green"], ["blue"]]
    assert found[3].error is not None
    assert (found[3].size, len(found[3])) == ((0, 0), 0)
    assert sum(one.error is not None for one in found) == 4
    assert max(detector.shown) <= 3
    assert detector.closed


def test_stopping_early_closes_the_detector(rec: unseen.Recognizer) -> None:
    detector = Scripted(Proposals([[0, 0, 24, 24]], [1.0]))
    stream = detect_images(rec, [picture()] * 5, RGB, detector=detector)
    next(stream)
    stream.close()  # type: ignore[attr-defined]  # a generator
    assert detector.closed


def test_strict_ends_at_the_first_image_that_cannot_be_used(rec: unseen.Recognizer) -> None:
    boxes = RegionsDetector(lambda _: np.zeros((0, 4)))
    with pytest.raises(ItemError, match=r"detect: image-1: .* Leave it out, or run without strict"):
        rec.detect([picture(), b"no photo"], RGB, detector=boxes, strict=True)


class Bound(Detector):
    def __init__(self, found: Any) -> None:
        self._found = found

    def bind(self, recognizer: Any, vocabulary: Any, *, background: Any = None) -> BoundDetector:
        return self._found  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"threshold": 2}, "detect: threshold must be a number at least 0 and at most 1"),
        ({"threshold": {"grene": 0.5}}, "threshold must be given for classes of the vocabulary; got 'grene'.*green"),
        ({"nms": -1}, "detect: nms must be a number"),
        ({"max_boxes": 0}, "detect: max_boxes must be a whole number at least 1"),
        ({"unknown_below": 7}, "detect: unknown_below must be a number"),
        ({"label_weight": 1.5}, "detect: label_weight must be a number"),
        ({"context": -1}, "detect: context must be a number"),
        ({"agnostic": "yes"}, "detect: agnostic must be True or False"),
        ({"tiles": "x"}, "detect: tiles must be a number N"),
        ({"detector": 3}, "detect: detector must be a detector or the name of one"),
        ({"detector": "regoins:a.json"}, "detector must be one of .* Did you mean 'regions:a.json'"),
        ({"detector": "yolox.onnx"}, "Did you mean 'onnx:yolox.onnx'"),
        ({"detector": "regions"}, "must be 'regions' with <file or folder> after a colon"),
        ({"detector": "default:x"}, "detector must be 'default' alone"),
        ({"ensemble": "votes"}, "ensemble must be"),
    ],
)
def test_arguments_that_cannot_be_used(rec: unseen.Recognizer, options: dict[str, Any], told: str) -> None:
    given = {"detector": RegionsDetector(lambda _: np.zeros((0, 4)))} | options
    with pytest.raises(InputError, match=told):
        rec.detect(picture(), RGB, **given)


def test_a_detector_that_answers_too_little_is_told(rec: unseen.Recognizer) -> None:
    class Silent(BoundDetector):
        def propose(self, pictures: Sequence[Picture]) -> list[Proposals]:
            return []

    with pytest.raises(InputError, match=r"detector\.propose must be a list of 1; got 0"):
        rec.detect(picture(), RGB, detector=Bound(Silent()))
    with pytest.raises(InputError, match="Proposals: scores must be one for each box; got 1 for 2 boxes"):
        Proposals([[0, 0, 1, 1]] * 2, [1])


def test_a_picture_that_failed_takes_no_crops_from_the_next(rec: unseen.Recognizer) -> None:
    """A detector that gives boxes and an error all the same: the next picture's boxes are judged by their own crops."""

    class Odd(BoundDetector):
        def propose(self, pictures: Sequence[Picture]) -> list[Proposals]:
            boxes = [[0, 0, 10, 10], [10, 10, 20, 20]]
            return [Proposals(boxes, [1, 1], error="no" if one.item == "image-0" else None) for one in pictures]

    pictures = [np.zeros((30, 30, 3), np.uint8), np.zeros((30, 30, 3), np.uint8)]
    pictures[1][:10, :10] = (255, 0, 0)
    pictures[1][10:20, 10:20] = (0, 0, 255)
    options: dict[str, Any] = {"detector": Bound(Odd()), "threshold": 0, "nms": 1, "context": 0}
    alone = rec.detect(pictures[1], RGB, **options | {"detector": Bound(Even())})[0]
    failed, fine = rec.detect(pictures, RGB, **options)
    assert (failed.error, len(failed)) == ("no", 0)
    assert fine.best() == alone.best()
    np.testing.assert_array_equal(fine.scores, alone.scores)


class Even(BoundDetector):
    def propose(self, pictures: Sequence[Picture]) -> list[Proposals]:
        return [Proposals([[0, 0, 10, 10], [10, 10, 20, 20]], [1, 1]) for _ in pictures]


@pytest.mark.parametrize("wrong", [[[1, 2, 3, 4], [1, 2]], "boxes", [[1, 2, "x", 4]], {"a": 1}, 7])
def test_boxes_of_a_function_that_are_none_are_told(rec: unseen.Recognizer, wrong: Any) -> None:
    with pytest.raises(InputError, match="RegionsDetector: image-0: boxes must be "):
        rec.detect(picture(), RGB, detector=RegionsDetector(lambda _: wrong))


def test_what_a_detector_says_must_fit_the_vocabulary(rec: unseen.Recognizer) -> None:
    class Other(BoundDetector):
        def propose(self, pictures: Sequence[Picture]) -> list[Proposals]:
            return [Proposals([[0, 0, 9, 9]], [1], probabilities=[[0.1] * 7]) for _ in pictures]

    with pytest.raises(InputError, match=r"detect: probabilities of the detector must be of shape \(1, 3\)"):
        rec.detect(picture(), RGB, detector=Bound(Other()))
    with pytest.raises(InputError, match=r"track: probabilities of the detector must be of shape \(1, 3\)"):
        list(track(rec, [picture()], RGB, detector=Bound(Other()), camera=False))
    with pytest.raises(InputError, match="Proposals: labels must be strings or None"):
        Proposals([[0, 0, 1, 1]], [1], labels=[3])  # type: ignore[list-item]


# -- regions --------------------------------------------------------------------------------------------------


def test_regions_are_found_by_name_size_and_number(rec: unseen.Recognizer, tmp_path: Any) -> None:
    import json

    names = ["a/x.jpg", "b/x.jpg", "y.jpg"]
    data = {
        "images": [{"id": i, "file_name": name, "width": 60, "height": 40} for i, name in enumerate(names)],
        "annotations": [{"image_id": i, "category_id": 1, "bbox": [i, 0, 9, 9]} for i in range(3)],
        "categories": [{"id": 1, "name": "thing"}],
    }
    (tmp_path / "boxes.json").write_text(json.dumps(data))
    bound = RegionsDetector(tmp_path / "boxes.json").bind(rec, RGB)

    def one(item: str, size: tuple[int, int] = (60, 40)) -> Proposals:
        return bound.propose([Picture(item, picture(size=size))])[0]

    assert one("/data/b/x.jpg").boxes.tolist() == [[1, 0, 10, 9]]
    assert one("y.jpg").labels == ("thing",)
    assert one("elsewhere/y.png").boxes[0, 0] == 2  # the same name but for the suffix
    assert one("c/x.jpg").error == "is not in boxes.json, so nobody said where its boxes are"
    assert one("z.jpg").error == "is not in boxes.json, so nobody said where its boxes are"
    told = "is 40 x 60 pixels upright, and 60 x 40 in boxes.json: its boxes would not fit"
    assert one("y.jpg", (40, 60)).error == told
    (tmp_path / "gt.txt").write_text("7,1,11,21,10,10,0.5,-1,-1,-1\n")
    mot = RegionsDetector(tmp_path / "gt.txt").bind(rec, RGB)
    frames = mot.propose([Picture(f"img/{i:06}.jpg", picture()) for i in (7, 8)])
    assert [frame.boxes.tolist() for frame in frames] == [[[10, 20, 20, 30]], []]
    with pytest.raises(InputError, match="RegionsDetector: boxes must be a path, a mapping"):
        RegionsDetector(3)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="RegionsDetector: q: boxes must be an array of shape"):
        RegionsDetector({"q": [[1, 2, 3]]}).bind(rec, RGB).propose([Picture("q", picture())])


# -- what the detector's word says ----------------------------------------------------------------------------


def test_words_that_are_names_are_those_classes() -> None:
    vocabulary = unseen.Vocabulary([unseen.ClassEntry("dining table"), unseen.ClassEntry("sofa", synonyms=("couch",))])
    evidence = LabelEvidence(unseen.Recognizer.load().encoder, vocabulary)
    for word, position in (("Dining-Table", 0), ("diningtable", 0), ("couch", 1), (" sofa ", 1)):
        found = evidence(word)
        assert found is not None
        assert found.argmax() == position
        assert found[position] > 0.97
        assert found.sum() == pytest.approx(1)
    assert evidence(None) is None
    assert evidence("  ") is None


def test_other_words_are_compared_as_texts() -> None:
    names = ["aeroplane", "motorbike", "tv monitor", "cow"]
    evidence = LabelEvidence(unseen.Recognizer.load().encoder, unseen.Vocabulary.from_names(names))
    for word, name in (("airplane", "aeroplane"), ("motorcycle", "motorbike"), ("television", "tv monitor")):
        found = evidence(word)
        assert found is not None
        assert found.argmax() == names.index(name)
    for word in ("pizza", "toothbrush", "x" * 100_000):
        found = evidence(word)
        assert found is not None
        assert found.argmax() == 4  # none of them


def test_picture_and_word_are_weighed(rec: unseen.Recognizer) -> None:
    red = np.array([[1, 0, 0]], np.float32)
    scores = {}
    for weight in (0.0, 0.5, 1.0):
        judged = BoxJudge(rec, RGB, label_weight=weight).judge(red, ["blue"])
        scores[weight] = judged.probabilities[0]
        assert judged.probabilities.sum() == pytest.approx(1)
        assert 0 < judged.known[0] < 1
    assert scores[0.0].argmax() == 0
    assert scores[1.0].argmax() == 2
    assert scores[0.0][2] < scores[0.5][2] < scores[1.0][2]
    plain = BoxJudge(rec, RGB, label_weight=0.5).judge(red, [None])
    np.testing.assert_allclose(plain.probabilities[0], scores[0.0], rtol=1e-5)
    broken = BoxJudge(rec, RGB).judge(np.full((1, 3), np.nan, np.float32))
    assert broken.known.tolist() == [0]


def test_the_finder_says_what_it_was_told(rec: unseen.Recognizer) -> None:
    finder = BoxFinder(rec, RGB, detector=RegionsDetector(lambda _: np.zeros((0, 4))), threshold={"red": 0.4})
    assert finder.settings["threshold"] == "own"
    assert finder.settings["detector"] == "regions"
    assert finder.find([]) == []
    (found,) = finder.find([Picture("a", picture())])
    assert (len(found), found.error, found.size) == (0, None, (60, 40))
