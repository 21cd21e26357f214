"""Embeddings, probabilities and ranks of CLIP's kin equal those of the libraries themselves, on real photos."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image, ImageOps

import unseen
from unseen.encoders.loading import load_encoder

if TYPE_CHECKING:
    from collections.abc import Callable

    from unseen.encoders.base import Encoder

Array = np.ndarray[Any, Any]

NAMES = ["Cat", "astronaut in a white suit", "cup of COFFEE!", "rocket", "brick wall's shadow", "un café noir"]
TRANSFORMERS = ["clip", "siglip", "siglip2", "align", "altclip", "chinese_clip", "metaclip2"]
OPEN_CLIP: list[dict[str, Any]] = [
    {},
    {"sigmoid": True},
    {"resize_mode": "longest"},
    {"resize_mode": "squash"},
    {"hf_tokenizer": True},
    {"coca": True},
]
#: As far apart as two orders of summing up may be, in numbers of size 1.
CLOSE = 1e-5


@pytest.fixture(scope="module")
def photos(root: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Return photos: the examples, some of UNSEEN_DATA, one turned by its EXIF mark, and odd shapes and modes."""
    found = sorted((root / "examples" / "photos").glob("*.jpg"))[:12]
    data = os.environ.get("UNSEEN_DATA")
    if data:
        found += sorted(Path(data, "photos", "caltech51").rglob("*.jpg"))[::250][:12]
    folder = tmp_path_factory.mktemp("photos")
    source = Image.open(found[0])
    exif = Image.Exif()
    exif[0x0112] = 6
    odd: dict[str, tuple[Image.Image, dict[str, Any]]] = {
        "turned.jpg": (source, {"exif": exif.tobytes(), "quality": 95}),
        "wide.png": (source.resize((401, 37)), {}),
        "tall.png": (source.resize((33, 300)), {}),
        "small.png": (source.resize((17, 13)), {}),
        "grey.png": (source.convert("L"), {}),
    }
    for name, (image, options) in odd.items():
        image.save(folder / name, **options)
    return [*found, *sorted(folder.iterdir())]


def upright(path: Path) -> Image.Image:
    """Return a photo as the libraries' users open it."""
    return ImageOps.exif_transpose(Image.open(path)).convert("RGB")


def probabilities(encoder: Encoder, images: Array, texts: Array) -> Array:
    assert encoder.similarity is not None
    scores = encoder.similarity.scale * (images.astype(np.float64) @ texts.T) + encoder.similarity.bias
    if encoder.similarity.activation == "sigmoid":
        return np.asarray(1 / (1 + np.exp(-scores)))
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def assert_alike(found: Array, expected: Array) -> None:
    """Probabilities agree, and so do the ranks of all that are told apart."""
    np.testing.assert_allclose(found, expected, atol=CLOSE)
    order = np.argsort(-expected, axis=1)
    ranked = np.take_along_axis(found, order, axis=1)
    assert (np.diff(ranked, axis=1) <= 2 * CLOSE).all()
    # Else all of the above could hold of a model that tells nothing apart.
    assert len(np.unique(expected.round(3), axis=0)) > len(expected) / 2
    assert np.ptp(expected, axis=1).min() > 0.001


def pipeline_probabilities(folder: Path, photos: list[Path], template: str) -> Array:
    from transformers import pipeline

    classifier = pipeline("zero-shot-image-classification", model=str(folder), device="cpu")
    rows = []
    for path in photos:
        answers = classifier(str(path), candidate_labels=NAMES, hypothesis_template=template)
        by_label = {answer["label"]: answer["score"] for answer in answers}
        rows.append([by_label[name] for name in NAMES])
    return np.array(rows)


@pytest.mark.parametrize("kind", TRANSFORMERS)
def test_transformers_embeddings(tiny: Callable[..., Path], photos: list[Path], kind: str) -> None:
    import torch
    from transformers import AutoImageProcessor, AutoModel, AutoTokenizer

    folder = tiny(kind)
    encoder = load_encoder(f"hf:{folder}")
    model = AutoModel.from_pretrained(folder).eval()
    processor, tokenizer = AutoImageProcessor.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    fixed = {"padding": "max_length", "max_length": 64, "truncation": True} if "siglip" in kind else {"padding": True}
    with torch.no_grad():
        images = [
            model.get_image_features(**processor(images=upright(path), return_tensors="pt")).pooler_output[0].numpy()
            for path in photos
        ]
        texts = model.get_text_features(**tokenizer(NAMES, return_tensors="pt", **fixed)).pooler_output.numpy()
    for found, expected in ((encoder.encode_images(photos), np.array(images)), (encoder.encode_texts(NAMES), texts)):
        unit = expected / np.linalg.norm(expected, axis=1, keepdims=True)
        np.testing.assert_allclose(found, unit, atol=CLOSE)


@pytest.mark.parametrize("kind", TRANSFORMERS)
@pytest.mark.parametrize("template", ["This is a photo of {}.", "{}"])
def test_transformers_pipeline(tiny: Callable[..., Path], photos: list[Path], kind: str, template: str) -> None:
    folder = tiny(kind)
    encoder = load_encoder(f"hf:{folder}")
    texts = encoder.encode_texts([template.format(name) for name in NAMES])
    found = probabilities(encoder, encoder.encode_images(photos), texts)
    assert_alike(found, pipeline_probabilities(folder, photos, template))


@pytest.mark.parametrize("kind", ["clip", "chinese_clip", "siglip"])
def test_the_recogniser_answers_as_the_pipeline(tiny: Callable[..., Path], photos: list[Path], kind: str) -> None:
    folder = tiny(kind)
    recognizer = unseen.Recognizer.load(f"hf:{folder}")
    template = recognizer.encoder.templates[0].replace("{name}", "{}")
    result = recognizer.classify(photos, unseen.Vocabulary.from_names(NAMES), top_k=len(NAMES))
    found = np.zeros((len(photos), len(NAMES)))
    np.put_along_axis(found, result.top, result.probabilities, axis=1)
    assert_alike(found, pipeline_probabilities(folder, photos, template))


@pytest.mark.parametrize("options", OPEN_CLIP, ids=str)
@pytest.mark.parametrize("template", ["a photo of a {}.", "{}"])
def test_open_clip(tiny: Callable[..., Path], photos: list[Path], options: dict[str, Any], template: str) -> None:
    import open_clip
    import torch

    folder = tiny("open_clip", **options)
    encoder = load_encoder(f"open_clip:{folder}")
    model, preprocess = open_clip.create_model_from_pretrained(f"local-dir:{folder}")
    tokenizer = open_clip.get_tokenizer(f"local-dir:{folder}")
    with torch.no_grad():
        images = model.eval().encode_image(torch.stack([preprocess(upright(path)) for path in photos]), normalize=True)
        texts = open_clip.build_zero_shot_classifier(model, tokenizer, NAMES, [template])
        logits = model.logit_scale.exp() * images @ texts + (0 if model.logit_bias is None else model.logit_bias)
        expected = logits.softmax(dim=1) if model.logit_bias is None else logits.sigmoid()
    found_images = encoder.encode_images(photos)
    found_texts = encoder.encode_texts([template.format(name) for name in NAMES])
    np.testing.assert_allclose(found_images, images.numpy(), atol=CLOSE)
    np.testing.assert_allclose(found_texts, texts.T.numpy(), atol=CLOSE)
    assert_alike(probabilities(encoder, found_images, found_texts), expected.numpy())


def test_open_clip_ensembles_of_templates(tiny: Callable[..., Path]) -> None:
    import open_clip

    folder = tiny("open_clip")
    encoder = load_encoder(f"open_clip:{folder}")
    templates = ["a photo of a {name}.", "a bad photo of the {name}.", "{name}"]
    vocabulary = unseen.Vocabulary.from_names(NAMES, templates=templates)
    from unseen.encoders.prompts import vocabulary_prototypes

    model, _ = open_clip.create_model_from_pretrained(f"local-dir:{folder}")
    tokenizer = open_clip.get_tokenizer(f"local-dir:{folder}")
    plain = [template.replace("{name}", "{}") for template in templates]
    expected = open_clip.build_zero_shot_classifier(model.eval(), tokenizer, NAMES, plain).T.numpy()
    found = vocabulary_prototypes(encoder, vocabulary).vectors
    np.testing.assert_allclose(found / np.linalg.norm(found, axis=1, keepdims=True), expected, atol=CLOSE)


def test_sentence_transformers(tiny: Callable[..., Path]) -> None:
    from sentence_transformers import SentenceTransformer

    folder = tiny("sentence_transformer")
    texts = [*NAMES, "a long text " * 60, ""]
    expected = SentenceTransformer(str(folder), device="cpu").encode(texts, normalize_embeddings=True)
    np.testing.assert_allclose(
        load_encoder(f"sentence-transformers:{folder}").encode_texts(texts), expected, atol=CLOSE
    )
