"""Adapting a recogniser to labelled photos and texts."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import unseen
from unseen.decision.calibration import Decision
from unseen.errors import InputError, ItemError
from unseen.methods.borrowing.tip_adapter import TipAdapter
from unseen.methods.correspondence.text_probe import TextProbe
from unseen.methods.meta.transclip import TransCLIP
from unseen.methods.projection.cosine import Cosine
from unseen.recognizer import Head
from unseen.tasks.adapt import ADAPTERS, adapt_head, adapt_recognizer

if TYPE_CHECKING:
    from pathlib import Path

# Names that say nothing: whatever is recognised comes from the examples.
CODES = unseen.Vocabulary.from_names(["lot 1", "lot 2", "lot 3"])
TOPICS = unseen.Vocabulary.from_names(["bug", "wish"])
TEXTS = ["It crashes", "Please add a dark mode", "Error 500 on save", "Could you support French?"]


@pytest.fixture(scope="module")
def rec() -> unseen.Recognizer:
    return unseen.Recognizer.load()


@pytest.fixture(scope="module")
def photos(root: Path) -> list[Path]:
    return [root / "examples" / "photos" / f"{name}.jpg" for name in ("cat", "coffee", "rocket")]


@pytest.mark.parametrize("method", ADAPTERS)
def test_photos_of_classes_whose_names_say_nothing(rec: unseen.Recognizer, photos: list[Path], method: str) -> None:
    before = rec.fingerprint
    named: Any = TextProbe(0.01, scale=24.0) if method == "text_probe" else TipAdapter(40.0, beta=20.0, scale=24.0)
    told = adapt_recognizer(rec, photos, CODES.names, CODES, method=named)
    assert told.classify(photos, CODES).best() == list(CODES.names)
    assert rec.fingerprint == before
    assert told.fingerprint != before
    assert told.encoder is rec.encoder
    assert told.heads["text"] is rec.heads["text"]
    assert told.heads["image"].decision == rec.heads["image"].decision


def test_other_classes_stay_as_they_were(rec: unseen.Recognizer, photos: list[Path]) -> None:
    vocabulary = unseen.Vocabulary.from_names(["cat", "coffee", "rocket"])
    told = adapt_recognizer(rec, photos, CODES.names, CODES)
    X, p = rec.encode_images(photos), rec.prototypes(vocabulary)
    np.testing.assert_array_equal(told.class_scores(X, p), rec.class_scores(X, p))
    first, second = (one.classify(photos, vocabulary) for one in (rec, told))
    np.testing.assert_array_equal(first.probabilities, second.probabilities)
    # How surely they are of any class at all is weighed against the same classes as before.
    np.testing.assert_array_equal(first.known, second.known)


def test_labels_from_the_names_of_folders(rec: unseen.Recognizer, photos: list[Path], tmp_path: Path) -> None:
    for photo, name in zip(photos, CODES.names, strict=True):
        (tmp_path / name).mkdir()
        shutil.copy(photo, tmp_path / name)
    told = adapt_recognizer(rec, tmp_path, None, CODES)
    given = adapt_recognizer(rec, photos, CODES.names, CODES)
    assert told.fingerprint == given.fingerprint
    (tmp_path / "lot 4").mkdir()
    shutil.copy(photos[0], tmp_path / "lot 4")
    with pytest.raises(InputError, match=r"labels must be names of classes of the vocabulary; got 'lot 4'\. Known and"):
        adapt_recognizer(rec, tmp_path, None, CODES)


def test_an_adapted_recogniser_is_saved_and_adapted_again(
    rec: unseen.Recognizer, photos: list[Path], tmp_path: Path
) -> None:
    told = adapt_recognizer(rec, photos[:2], CODES.names[:2], CODES)
    told.save(tmp_path / "model")
    loaded = unseen.Recognizer.load(tmp_path / "model")
    assert loaded.fingerprint == told.fingerprint
    X, p = rec.encode_images(photos), rec.prototypes(CODES)
    np.testing.assert_array_equal(loaded.class_scores(X, p), told.class_scores(X, p))
    more = adapt_recognizer(loaded, photos[2:], CODES.names[2:], CODES, method="tip_adapter")
    scores = more.class_scores(X, p)
    np.testing.assert_array_equal(scores[:, :2], told.class_scores(X, p)[:, :2])
    assert (scores[:, 2] > told.class_scores(X, p)[:, 2]).all()


def test_texts(rec: unseen.Recognizer) -> None:
    told = adapt_recognizer(rec, TEXTS, ["bug", "wish", "bug", "wish"], TOPICS, modality="text")
    assert told.classify_text(TEXTS, TOPICS).best() == ["bug", "wish", "bug", "wish"]
    assert told.heads["image"] is rec.heads["image"]


def test_a_shared_space_is_adapted_with_its_own_scale() -> None:
    rng = np.random.default_rng(0)
    p = unseen.Prototypes(["a", "b"], rng.normal(size=(2, 8)))
    head = Head(Cosine(), Decision(1 / 50))
    adapted = adapt_head(head, rng.normal(size=(4, 8)), ["a", "b"] * 2, prototypes=p)
    assert isinstance(adapted.method, TextProbe)
    assert adapted.method.scale == pytest.approx(50)
    assert adapted.decision is head.decision


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"X": np.ones((2, 7))}, "X must be of 8 dimensions, like the recogniser's; got 7 dimensions"),
        ({"X": np.ones(8)}, r"X must be numbers of shape \(n, d\) with n at least 1; got an array of shape \(8,\)"),
        ({"X": [[1.0] * 8, [np.nan] * 8]}, "X must be finite; got NaN or infinity in row 1"),
        ({"y": ["a"]}, "labels must be one for each example, at least one; got 1 for 2"),
        ({"y": np.array(["a", "z"])}, "labels must be names of classes of the vocabulary; got 'z'"),
        ({"y": np.array([0, 1])}, "labels must be names of classes of the vocabulary; got "),
        ({"prototypes": np.eye(8)}, r"prototypes must be an unseen\.Prototypes; got an array"),
    ],
)
def test_vectors_that_cannot_be_learned_from(changed: dict[str, Any], says: str) -> None:
    asked: dict[str, Any] = {
        "X": np.ones((2, 8)),
        "y": ["a", "b"],
        "prototypes": unseen.Prototypes(["a", "b"], np.eye(8)[:2]),
    }
    with pytest.raises(InputError, match=f"adapt_head: {says}"):
        adapt_head(Head(Cosine(), Decision(0.02)), **(asked | changed))


def test_messages(rec: unseen.Recognizer, photos: list[Path], tmp_path: Path) -> None:
    names = list(CODES.names)
    with pytest.raises(InputError, match=r"adapt_recognizer: recognizer must be an unseen\.Recognizer; got 3"):
        adapt_recognizer(3, photos, names, CODES)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="adapt_recognizer: modality must be 'image' or 'text'; got 'video'"):
        adapt_recognizer(rec, photos, names, CODES, modality="video")
    with pytest.raises(
        InputError, match=r"labels must be one for each example, at least one; got 2 for 3\. Pass lists"
    ):
        adapt_recognizer(rec, photos, names[:2], CODES)
    with pytest.raises(
        InputError, match=r"labels must be names of classes of the vocabulary; got 'lot1'\. Known and near: lot 1"
    ):
        adapt_recognizer(rec, photos, ["lot1", "lot 2", "lot 3"], CODES)
    with pytest.raises(InputError, match=r"got 3\. There are 3 classes"):
        adapt_recognizer(rec, photos, [3, 4, 5], CODES)  # type: ignore[list-item]
    with pytest.raises(InputError, match="labels must be a sequence of class names or None; got 'lot 1'"):
        adapt_recognizer(rec, photos, "lot 1", CODES)
    with pytest.raises(
        InputError, match="labels must be given for images without a folder; got image-0, which lies in"
    ):
        adapt_recognizer(rec, [photos[0].read_bytes()], None, CODES)
    with pytest.raises(InputError, match="labels must be given for texts; got None"):
        adapt_recognizer(rec, TEXTS, None, TOPICS, modality="text")
    with pytest.raises(InputError, match="adapt_recognizer: images must be a sequence of texts; got None"):
        adapt_recognizer(rec, None, ["bug"], TOPICS, modality="text")
    with pytest.raises(InputError, match="labels must be one for each example, at least one; got one text"):
        adapt_recognizer(rec, "It crashes", ["bug"], TOPICS, modality="text")
    with pytest.raises(InputError, match="labels must be one for each example, at least one; got 0 for 0"):
        adapt_recognizer(rec, [], [], TOPICS, modality="text")
    with pytest.raises(InputError, match="adapt_head: method must be 'text_probe' or 'tip_adapter'; got 'tip'"):
        adapt_recognizer(rec, photos, names, CODES, method="tip")
    with pytest.raises(InputError, match="adapt_head: method must be one of text_probe, tip_adapter, or an instance"):
        adapt_recognizer(rec, photos, names, CODES, method=TransCLIP())
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"nothing")
    with pytest.raises(ItemError, match=r"adapt_recognizer: .*broken\.jpg: .* Leave it out\."):
        adapt_recognizer(rec, [photos[0], broken], names[:2], CODES)


def test_real_photos_are_recognised_better(rec: unseen.Recognizer, data: Path) -> None:
    folders = sorted(path for path in (data / "photos" / "caltech51").iterdir() if path.is_dir())[:20]
    vocabulary = unseen.Vocabulary.from_names([folder.name.replace("_", " ") for folder in folders])
    files = [sorted(folder.iterdir()) for folder in folders]
    shots = [photo for some in files for photo in some[:4]]
    told = adapt_recognizer(rec, shots, np.repeat(vocabulary.names, 4).tolist(), vocabulary)
    rest = [photo for some in files for photo in some[4:10]]
    y, p = np.repeat(vocabulary.names, 6), rec.prototypes(vocabulary)
    X = rec.encode_images(rest)
    before, after = (np.mean(one.heads["image"].method.predict(X, prototypes=p) == y) for one in (rec, told))
    assert after > before + 0.03
