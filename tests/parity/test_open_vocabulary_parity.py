"""Boxes of open-vocabulary detectors equal those of transformers' own post-processing, in the original's pixels."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image
from tests import tiny_detectors

import unseen
from unseen.detection.base import Picture
from unseen.detection.loading import load_detector

if TYPE_CHECKING:
    from pathlib import Path

    from unseen.detection.base import Proposals

Array = np.ndarray[Any, Any]

NAMES = ["cat", "red car at night", "Striped giraffe", "bowl of soup"]
KINDS = ["owlvit", "owlv2", "grounding_dino", "omdet"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    home = tmp_path_factory.mktemp("detectors")
    return {kind: getattr(tiny_detectors, f"tiny_{kind}")(home / kind) for kind in KINDS}


@pytest.fixture(scope="module")
def photos(root: Path) -> list[Image.Image]:
    """Return photos of several shapes: upright, wide, tall and small."""
    found = [Image.open(path).convert("RGB") for path in sorted((root / "examples" / "photos").glob("*.jpg"))[:3]]
    return [*found, found[0].resize((210, 40)), found[1].resize((37, 160)), found[2].resize((21, 20))]


def ours(folder: Path, photo: Image.Image, names: list[str], background: list[str] | None = None) -> Proposals:
    detector = load_detector(f"hf:{folder}")
    bound = detector.bind(unseen.Recognizer.load(), unseen.Vocabulary.from_names(names), background=background)
    return bound.propose([Picture("photo", np.asarray(photo))])[0]


def theirs(kind: str, folder: Path, photo: Image.Image, names: list[str]) -> tuple[Any, Any, Any]:
    """Return the library's raw output, its post-processed one, and the ids of the text."""
    import torch
    from transformers import AutoModelForZeroShotObjectDetection, AutoProcessor

    processor = AutoProcessor.from_pretrained(folder)
    model = AutoModelForZeroShotObjectDetection.from_pretrained(folder).eval()
    texts = [[f"a photo of a {name}" for name in names]] if kind.startswith("owl") else [names]
    inputs = processor(text=texts, images=[photo], return_tensors="pt")
    with torch.inference_mode():
        output = model(**inputs)
    sizes = torch.tensor([[photo.height, photo.width]])
    if kind.startswith("owl"):
        found = processor.image_processor.post_process_object_detection(output, threshold=0.01, target_sizes=sizes)
    elif kind == "omdet":
        found = [None]
    else:
        found = processor.post_process_grounded_object_detection(output, threshold=-1.0, target_sizes=sizes)
    return output, found[0], inputs


@pytest.mark.parametrize("kind", ["owlvit", "owlv2"])
def test_owl_boxes_scores_and_classes_are_the_librarys(
    kind: str, folders: dict[str, Path], photos: list[Image.Image]
) -> None:
    for photo in photos:
        _, expected, _ = theirs(kind, folders[kind], photo, NAMES)
        found = ours(folders[kind], photo, NAMES)
        assert len(found) == len(expected["boxes"]) > 10
        longest = max(photo.size)
        np.testing.assert_allclose(found.boxes / longest, expected["boxes"].numpy() / longest, atol=1e-5)
        np.testing.assert_allclose(found.scores, expected["scores"].numpy(), atol=1e-5)
        assert found.probabilities is not None
        np.testing.assert_array_equal(found.probabilities.argmax(axis=1), expected["labels"].numpy())


def test_owlv2_boxes_are_not_shifted_by_its_padding(folders: dict[str, Path], photos: list[Image.Image]) -> None:
    wide = photos[3]
    raw, _, _ = theirs("owlv2", folders["owlv2"], wide, NAMES)
    found = ours(folders["owlv2"], wide, NAMES)
    x, y, w, h = raw.pred_boxes[0].numpy().T
    side = 210  # the square that 210 x 40 is padded to: heights count in it too
    np.testing.assert_allclose(found.boxes[:, 1], (y - h / 2) * side, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(found.boxes[:, 2], (x + w / 2) * side, rtol=1e-4, atol=1e-3)


def test_omdet_boxes_and_scores_are_the_librarys(folders: dict[str, Path], photos: list[Image.Image]) -> None:
    from transformers.image_transforms import center_to_corners_format

    for photo in photos:
        raw, _, _ = theirs("omdet", folders["omdet"], photo, NAMES)
        found = ours(folders["omdet"], photo, NAMES)
        assert found.probabilities is not None
        scores = raw.decoder_class_logits[0].sigmoid().numpy()
        kept = scores.max(axis=1) >= 0.01
        np.testing.assert_allclose(found.probabilities, scores[kept], atol=1e-5)
        # What its post-processing does before it suppresses boxes, for which it needs a part of torchvision.
        corners = center_to_corners_format(raw.decoder_coord_logits[0]).numpy()
        width, height = photo.size
        np.testing.assert_allclose(found.boxes / [width, height, width, height], corners[kept], atol=1e-5)


def test_grounding_dino_boxes_are_the_librarys_and_each_class_has_its_own_tokens(
    folders: dict[str, Path], photos: list[Image.Image]
) -> None:
    for photo in photos:
        raw, expected, inputs = theirs("grounding_dino", folders["grounding_dino"], photo, NAMES)
        found = ours(folders["grounding_dino"], photo, NAMES)
        assert found.probabilities is not None
        longest = max(photo.size)
        np.testing.assert_allclose(found.boxes / longest, expected["boxes"].numpy() / longest, atol=1e-5)
        tokens = raw.logits[0].sigmoid().numpy()
        ids = inputs["input_ids"][0].tolist()
        # What separates two classes is the full stop, which no class has a score of.
        dot = ids[-2]
        ends = [0, *(i for i, token in enumerate(ids) if token == dot)]
        spans = [tokens[:, a + 1 : b].max(axis=1) for a, b in itertools.pairwise(ends)]
        np.testing.assert_allclose(found.probabilities, np.stack(spans, axis=1), atol=1e-5)


def test_a_long_vocabulary_is_asked_in_parts(folders: dict[str, Path], photos: list[Image.Image]) -> None:
    names = [
        f"{a} {b}"
        for a in ["cat", "car", "lake", "bird", "wire", "snow", "bowl", "people"]
        for b in ("photo", "house", "soup", "brick")
    ]
    whole = ours(folders["grounding_dino"], photos[0], names)
    assert whole.probabilities is not None
    assert whole.probabilities.shape == (24, 32)
    # Boxes of one part say nothing of the other parts' classes; each class is asked once.
    asked = (whole.probabilities > 0).sum(axis=1)
    assert asked.max() < 32
    assert ((whole.probabilities > 0).sum(axis=0) == 12).all()


def test_words_that_the_model_cannot_read_are_refused(folders: dict[str, Path], photos: list[Image.Image]) -> None:
    with pytest.raises(unseen.errors.InputError, match=r"a class must be a name of 1 to 61 tokens; got 'cat cat"):
        ours(folders["grounding_dino"], photos[0], ["cat " * 62])


@pytest.mark.parametrize("kind", KINDS)
def test_background_and_synonyms(kind: str, folders: dict[str, Path], photos: list[Image.Image]) -> None:
    photo = photos[0]
    alone = ours(folders[kind], photo, NAMES)
    beside = ours(folders[kind], photo, NAMES[:1], background=NAMES[1:])
    assert len(alone)
    assert len(beside) <= len(alone)
    assert beside.probabilities is not None
    assert beside.probabilities.shape == (len(beside), 1)
    if kind.startswith("owl"):  # there the classes do not see each other
        assert alone.probabilities is not None
        won = alone.probabilities.argmax(axis=1) == 0
        np.testing.assert_allclose(beside.boxes, alone.boxes[won], atol=1e-3)
        entry = unseen.ClassEntry(NAMES[0], synonyms=(NAMES[1],))
        bound = load_detector(f"hf:{folders[kind]}").bind(unseen.Recognizer.load(), unseen.Vocabulary([entry]))
        both = bound.propose([Picture("photo", np.asarray(photo))])[0]
        assert both.probabilities is not None
        np.testing.assert_allclose(both.probabilities[:, 0], alone.probabilities[:, :2].max(axis=1), atol=1e-5)


def test_a_long_picture_is_made_smaller_before_it_is_padded(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unseen.detection.transformers._LONGEST", 200)
    strip = np.random.default_rng(0).integers(0, 256, (40, 2000, 3), dtype=np.uint8)
    photo = Image.fromarray(strip)
    small = photo.copy()
    small.thumbnail((200, 200))
    found = ours(folders["owlv2"], photo, NAMES)
    _, expected, _ = theirs("owlv2", folders["owlv2"], small, NAMES)
    np.testing.assert_allclose(found.boxes, 10 * expected["boxes"].numpy(), atol=0.05)


def test_other_models_are_refused(tmp_path: Path) -> None:
    from tests.tiny_models import tiny_clip

    folder = tiny_clip(tmp_path / "clip")
    with pytest.raises(unseen.errors.InputError, match=r"model_type in .* must be one that unseen reads; got 'clip'"):
        load_detector(f"hf:{folder}")
    with pytest.raises(unseen.errors.ModelError, match="hf download google/owlv2-none"):
        load_detector("hf:google/owlv2-none")
