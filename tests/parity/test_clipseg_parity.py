"""What CLIPSeg says of each place equals what transformers says, and becomes shares as the formula has it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image
from scipy.special import expit, logit, softmax
from tests.tiny_detectors import tiny_clipseg
from tests.tiny_models import tiny_clip

import unseen
from unseen.detection.base import Picture
from unseen.tasks.segment import load_segmenter

if TYPE_CHECKING:
    from pathlib import Path

Array = np.ndarray[Any, Any]

NAMES = ["cat", "red car at night", "striped giraffe", "bowl of soup"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_clipseg(tmp_path_factory.mktemp("clipseg") / "model")


@pytest.fixture(scope="module")
def rec() -> unseen.Recognizer:
    return unseen.Recognizer.load()


@pytest.fixture(scope="module")
def photos(root: Path) -> list[Image.Image]:
    """Return photos of several shapes: upright, wide and tall."""
    found = [Image.open(path).convert("RGB") for path in sorted((root / "examples" / "photos").glob("*.jpg"))[:3]]
    return [*found, found[0].resize((210, 60)), found[1].resize((60, 160))]


@pytest.fixture(scope="module")
def theirs(folder: Path, photos: list[Image.Image]) -> list[Array]:
    """Return the library's logits (4, 48, 48) of each photo, each text with the photo beside it."""
    import torch
    from transformers import CLIPSegForImageSegmentation, CLIPSegProcessor

    processor = CLIPSegProcessor.from_pretrained(folder)
    model = CLIPSegForImageSegmentation.from_pretrained(folder).eval()
    texts = [f"a photo of a {name}." for name in NAMES]
    logits = []
    for photo in photos:
        inputs = processor(text=texts, images=[photo] * len(texts), padding=True, return_tensors="pt")
        with torch.inference_mode():
            logits.append(model(**inputs).logits.numpy())
    return logits


def proposed(
    folder: Path, rec: unseen.Recognizer, photo: Image.Image, classes: Any, background: list[str] | None = None
) -> tuple[Array, Array]:
    """Return shares and presence."""
    vocabulary = classes if isinstance(classes, unseen.Vocabulary) else unseen.Vocabulary.from_names(classes)
    bound = load_segmenter(f"hf:{folder}").bind(rec, vocabulary, background=background)
    picture = Picture("photo", np.asarray(photo))
    shares = bound.propose(picture)
    return shares, bound.presence(picture, shares)


def test_logits_are_the_librarys(
    folder: Path, rec: unseen.Recognizer, photos: list[Image.Image], theirs: list[Array]
) -> None:
    for photo, expected in zip(photos, theirs, strict=True):
        assert expected.std() > 0.05  # the model tells places apart
        shares, presence = proposed(folder, rec, photo, NAMES[:1])
        assert shares.shape == (2, 48, 48)
        assert shares.dtype == np.float32
        np.testing.assert_allclose(logit(shares[0].astype(np.float64)), expected[0], atol=1e-5)
        np.testing.assert_allclose(presence, [expit(expected[0].max())], atol=1e-5)


def test_shares_of_several_classes_follow_the_formula(
    folder: Path, rec: unseen.Recognizer, photos: list[Image.Image], theirs: list[Array]
) -> None:
    for photo, z in zip(photos, theirs, strict=True):
        shares, presence = proposed(folder, rec, photo, NAMES)
        there = expit(z).max(axis=0)
        np.testing.assert_allclose(shares[:-1], there * softmax(z, axis=0), atol=1e-5)
        np.testing.assert_allclose(shares[-1], 1 - there, atol=1e-5)
        np.testing.assert_allclose(shares.sum(axis=0), 1, atol=1e-6)
        assert shares.min() >= 0
        np.testing.assert_allclose(presence, expit(z).max(axis=(1, 2)), atol=1e-5)
        # The classes' logits differ by what the library's do.
        np.testing.assert_allclose(np.log(shares[:-1] / shares[:1]), z - z[:1], atol=1e-4)


def test_synonyms_background_and_nothing_else(
    folder: Path, rec: unseen.Recognizer, photos: list[Image.Image], theirs: list[Array]
) -> None:
    photo, z = photos[0], theirs[0]
    entry = unseen.ClassEntry(NAMES[0], synonyms=(NAMES[1], NAMES[2]))
    shares, _ = proposed(folder, rec, photo, unseen.Vocabulary([entry]))
    np.testing.assert_allclose(shares[0], expit(z[:3].max(axis=0)), atol=1e-5)

    shares, _ = proposed(folder, rec, photo, NAMES[:2], NAMES[2:])
    expected = expit(z[:2]).max(axis=0) * softmax(z, axis=0)[:2]
    np.testing.assert_allclose(shares[:2], expected, atol=1e-5)
    np.testing.assert_allclose(shares[2], 1 - expected.sum(axis=0), atol=1e-5)

    shares, _ = proposed(folder, rec, photo, NAMES[:2], [])
    np.testing.assert_allclose(shares[:2], softmax(z[:2], axis=0), atol=1e-5)
    assert not shares[2].any()


def test_small_pictures_and_many_classes_get_coarser_grids(
    folder: Path, rec: unseen.Recognizer, photos: list[Image.Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    shares, _ = proposed(folder, rec, photos[0].resize((20, 12)), NAMES)
    assert shares.shape == (5, 12, 20)
    np.testing.assert_allclose(shares.sum(axis=0), 1, atol=1e-6)
    fine, _ = proposed(folder, rec, photos[0], NAMES[:1])
    monkeypatch.setattr("unseen.segmentation.clipseg._NUMBERS", 24 * 24)
    coarse, _ = proposed(folder, rec, photos[0], NAMES[:1])
    assert coarse.shape == (2, 24, 24)
    blocks = logit(fine[0].astype(np.float64)).reshape(24, 2, 24, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(logit(coarse[0].astype(np.float64)), blocks, atol=1e-4)


def test_a_long_vocabulary_is_looked_for_in_parts(
    folder: Path, rec: unseen.Recognizer, photos: list[Image.Image], theirs: list[Array]
) -> None:
    names = [*NAMES[1:], *(f"{a} {b}" for a in ("cat", "lake", "bird", "wire") for b in ("soup", "snow", "brick", "x"))]
    shares, presence = proposed(folder, rec, photos[0], [*names, NAMES[0]])
    assert shares.shape == (21, 48, 48)
    z = theirs[0]
    np.testing.assert_allclose(np.log(shares[19] / shares[0]), z[0] - z[1], atol=1e-4)
    np.testing.assert_allclose(presence[19], expit(z[0].max()), atol=1e-5)


def test_segment_from_photo_to_labels(folder: Path, rec: unseen.Recognizer, photos: list[Image.Image]) -> None:
    photo = photos[0].resize((120, 90))
    vocabulary = unseen.Vocabulary.from_names(NAMES)
    first, again = (
        next(iter(rec.segment([photo], vocabulary, segmenter=f"hf:{folder}", background=[], refine="none")))
        for _ in range(2)
    )
    assert first.error is None
    assert first.size == (120, 90)
    assert set(np.unique(first.labels)) <= set(range(4))
    np.testing.assert_array_equal(first.labels, again.labels)
    assert first.settings["segmenter"] == f"hf:{folder}"


def test_other_models_are_refused(tmp_path: Path) -> None:
    clip = tiny_clip(tmp_path / "clip")
    with pytest.raises(unseen.errors.InputError, match=r"model_type in .* must be one that unseen reads; got 'clip'"):
        load_segmenter(f"hf:{clip}")
    with pytest.raises(unseen.errors.ModelError, match="hf download CIDAS/clipseg-none"):
        load_segmenter("hf:CIDAS/clipseg-none")


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"size": {"shortest_edge": 48}}, "shortest_edge"),
        ({"size": {"height": 48, "width": 64}}, "64"),
        ({"size": {"height": 4096, "width": 4096}}, "4096"),
        ({"do_resize": False}, "cut or not resized"),
    ],
)
def test_pictures_that_would_be_cut_or_bent_are_refused(change: dict[str, Any], found: str, tmp_path: Path) -> None:
    folder = tiny_clipseg(tmp_path / "model")
    for path in (folder / "processor_config.json", folder / "preprocessor_config.json"):
        if path.is_file():
            card = json.loads(path.read_text("utf-8"))
            card.get("image_processor", card).update(change)
            path.write_text(json.dumps(card), "utf-8")
    expected = rf"how photos are resized must be to a square of 16 to 2048 pixels, uncut; got .*{found}"
    with pytest.raises(unseen.errors.ModelError, match=expected):
        load_segmenter(f"hf:{folder}")
