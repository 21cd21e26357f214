"""Encoders in folders: what is damaged or does not fit its card is refused with the reason."""

from __future__ import annotations

import json
import math
import os
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from unseen.encoders.base import Similarity
from unseen.encoders.default import default_folder
from unseen.encoders.onnx import OnnxEncoder
from unseen.errors import InputError, ItemError, ModelError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return shutil.copytree(default_folder() / "encoder", tmp_path / "encoder")


def edit(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    path = folder / "encoder.json"
    card = json.loads(path.read_text())
    change(card)
    path.write_text(json.dumps(card))


def resize(card: dict[str, Any], **changes: Any) -> None:
    card["image"]["resize"].update(changes)


def test_a_copy_gives_the_same_vectors_under_the_same_fingerprint(folder: Path) -> None:
    copy, original = OnnxEncoder(folder), OnnxEncoder(default_folder() / "encoder")
    assert copy.fingerprint == original.fingerprint
    assert np.array_equal(copy.encode_texts(["zebra"]), original.encode_texts(["zebra"]))


def test_half_a_surrogate_pair_is_a_text() -> None:
    encoder = OnnxEncoder(default_folder() / "encoder")
    np.testing.assert_array_equal(encoder.encode_texts(["cat \ud83d photo"]), encoder.encode_texts(["cat ? photo"]))


def test_a_changed_file_changes_the_fingerprint(folder: Path) -> None:
    with (folder / "tokenizer.json").open("a") as file:
        file.write("\n")
    assert OnnxEncoder(folder).fingerprint != OnnxEncoder(default_folder() / "encoder").fingerprint


def test_no_card(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"must hold encoder.json; it is missing"):
        OnnxEncoder(tmp_path)


@pytest.mark.parametrize("content", ["", "{", "[" * 100_000, "\udcff"])
def test_a_card_that_is_no_json(folder: Path, content: str) -> None:
    (folder / "encoder.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(ModelError, match=r"encoder.json cannot be read"):
        OnnxEncoder(folder)


def test_a_card_that_is_a_pipe_or_endless(folder: Path) -> None:
    (folder / "encoder.json").unlink()
    os.mkfifo(folder / "encoder.json")
    with pytest.raises(ModelError, match=r"encoder.json cannot be read: is a pipe, not a file; it was not opened"):
        OnnxEncoder(folder)
    (folder / "encoder.json").unlink()
    with (folder / "encoder.json").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(ModelError, match=r"encoder.json cannot be read: more than 16 MiB\. Point at a folder that"):
        OnnxEncoder(folder)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda card: card.update(format="x"), "must be of format 'unseen-encoder', version 1"),
        (lambda card: card.update(version=2), "Update unseen"),
        (lambda card: card["image"].pop("size"), "image.size must be a int"),
        (lambda card: card["image"].update(dim="many"), "image.dim must be a int"),
        (lambda card: card.update(text=["x"]), "text.file must be a str"),
        (lambda card: card["image"].update(file="../image.onnx"), "image.file must be a plain file name"),
        (lambda card: card["text"].update(tokenizer="/etc/passwd"), "text.tokenizer must be a plain file name"),
        (lambda card: card["image"].update(file="other.onnx"), r"must hold other.onnx; it is missing"),
        (lambda card: card["image"].update(size=True), "image.size must be a int"),
        (lambda card: card["image"].update(size=0), "image.size must be from 1 to 4096"),
        (lambda card: card["image"].update(size=100_000), "image.size must be from 1 to 4096"),
        (lambda card: card["image"]["resize"].pop("mode"), "image.resize.mode must be one of center_crop, squash, pad"),
        (lambda card: card["image"]["resize"].update(resample=[1]), "image.resize.resample must be one of nearest"),
        (lambda card: card["image"]["resize"].update(crop_fraction=2), "crop_fraction must be above 0 and at most 1"),
        (lambda card: card["text"].update(max_length=-1), "text.max_length must be from 1 to 65536"),
        (lambda card: card["text"].update(input_names=["a", "b", "c"]), "text.input_names must be one or two names"),
        (lambda card: card["text"].update(input_names=[1, 2]), "text.input_names must be one or two names"),
        (lambda card: card["text"].update(input_names=[]), "text.input_names must be one or two names"),
        (lambda card: card["text"].update(padding="left"), "text.padding must be one of longest, max_length"),
        (lambda card: card["text"].update(padding=None), "text.padding must be one of longest, max_length"),
        (lambda card: card["text"].update(pad_id=-1), "text.pad_id must be from 0 to 2147483647"),
        (lambda card: card["text"].update(pad_id=1 << 31), "text.pad_id must be from 0 to 2147483647"),
        (lambda card: card["text"].update(pad_id=0.5), "text.pad_id must be from 0 to 2147483647"),
        (lambda card: card["text"].update(dim=0), "text.dim must be from 1 to 1048576"),
        (lambda card: card["image"].update(dim=1 << 40), "image.dim must be from 1 to 1048576"),
        (lambda card: card["text"].update(one_by_one=1), "text.one_by_one must be true or false"),
        (lambda card: card["image"].update(one_by_one="no"), "image.one_by_one must be true or false"),
        (lambda card: card["image"].update(file="a\0b"), "image.file must be a plain file name"),
        (lambda card: card["image"].update(file="a" * 5000), r"must hold aaa.*; it is missing"),
        (lambda card: card["text"].update(lexicon=7), "text.lexicon must be a plain file name; got 7"),
        (lambda card: card.update(name=["x"]), "name must be a text"),
        (lambda card: card.update(shared_space="yes"), "shared_space must be true or false"),
        (lambda card: card.update(shared_space=True), "text.dim must be image.dim, 1280, where shared_space is true"),
        (
            lambda card: (card.update(shared_space=True), card.pop("text")),
            "the card must be about images and texts where shared_space is true",
        ),
        (lambda card: card.update(similarity={}), "similarity must be left out unless shared_space is true"),
        (lambda card: resize(card, offset="up"), "image.resize.offset must be one of round, floor"),
        (lambda card: resize(card, exact="yes"), "image.resize.exact must be true or false"),
        (lambda card: resize(card, crop_fraction=True), "crop_fraction must be above 0 and at most 1"),
        (lambda card: resize(card, crop_fraction=math.nan), "crop_fraction must be above 0 and at most 1"),
        (lambda card: resize(card, mode="shortest_edge"), "crop_fraction must be left out with shortest_edge"),
        (
            lambda card: resize(card, mode="squash", edge=300),
            "image.resize.edge must be left out but with shortest_edge",
        ),
        (
            lambda card: resize(card, mode="squash", crop_fraction=None, edge=259),
            "edge must be from image.size to 4096",
        ),
        (
            lambda card: resize(card, mode="squash", crop_fraction=None, edge=1e9),
            "edge must be from image.size to 4096",
        ),
        (lambda card: resize(card, fill=[1, 2]), "image.resize.fill must be three whole numbers from 0 to 255"),
        (lambda card: resize(card, fill=[1, 2, 256]), "image.resize.fill must be three whole numbers from 0 to 255"),
        (lambda card: card.update(templates="{name}"), "templates must be a list of texts with {name}"),
        (lambda card: card.update(templates=[]), "templates must be a list of texts with {name}"),
        (lambda card: (card.pop("image"), card.pop("text")), "the card must be about images, texts or both"),
    ],
)
def test_a_card_that_does_not_fit(folder: Path, change: Callable[[dict[str, Any]], Any], match: str) -> None:
    edit(folder, change)
    with pytest.raises(ModelError, match=match):
        OnnxEncoder(folder)


def shared(similarity: Any) -> dict[str, Any]:
    """Return a card of a shared space that fits; its networks are never opened."""
    image = {"file": "image.onnx", "size": 8, "resize": {"mode": "squash"}, "dim": 384}
    text = {"file": "text.onnx", "tokenizer": "tokenizer.json", "max_length": 8, "dim": 384, "input_names": ["ids"]}
    parts = {"image": {**image, "input_name": "x", "output_name": "y"}, "text": {**text, "output_name": "y"}}
    card = {"format": "unseen-encoder", "version": 1, "shared_space": True, **parts}
    return card if similarity is None else {**card, "similarity": similarity}


@pytest.mark.parametrize(
    ("similarity", "expected"),
    [
        (None, None),
        ({"activation": "softmax", "scale": 100}, Similarity("softmax", 100.0, 0.0)),
        ({"activation": "sigmoid", "scale": 112.5, "bias": -16.5}, Similarity("sigmoid", 112.5, -16.5)),
    ],
)
def test_how_a_cosine_is_read(folder: Path, similarity: Any, expected: Similarity | None) -> None:
    (folder / "encoder.json").write_text(json.dumps(shared(similarity)))
    encoder = OnnxEncoder(folder)
    assert encoder.similarity == expected
    assert encoder.shared_space
    assert encoder.spec == f"onnx:{folder}"


@pytest.mark.parametrize(
    ("similarity", "match"),
    [
        ([], "similarity must be an object with activation, scale and bias"),
        ({"scale": 1}, "similarity.activation must be softmax or sigmoid"),
        ({"activation": ["softmax"], "scale": 1}, "similarity.activation must be softmax or sigmoid"),
        ({"activation": "softmax"}, r"similarity.scale must be above 0 and at most 1e\+06"),
        ({"activation": "softmax", "scale": 0}, "similarity.scale must be above 0"),
        ({"activation": "softmax", "scale": math.inf}, "similarity.scale must be above 0"),
        ({"activation": "softmax", "scale": math.nan}, "similarity.scale must be above 0"),
        ({"activation": "softmax", "scale": True}, "similarity.scale must be above 0"),
        ({"activation": "softmax", "scale": 10**400}, "similarity.scale must be above 0"),
        ({"activation": "sigmoid", "scale": 1, "bias": None}, r"similarity.bias must be from -1e\+06 to 1e\+06"),
        ({"activation": "sigmoid", "scale": 1, "bias": -1e7}, "similarity.bias must be from"),
    ],
)
def test_a_similarity_that_does_not_fit(folder: Path, similarity: Any, match: str) -> None:
    (folder / "encoder.json").write_text(json.dumps(shared(similarity)))
    with pytest.raises(ModelError, match=match):
        OnnxEncoder(folder)


def test_a_name_cannot_steer_the_terminal(folder: Path) -> None:
    edit(folder, lambda card: card.update(name="a\x1b[2Jb\n"))
    assert OnnxEncoder(folder).name == "a\\x1b[2Jb\\n"


def test_an_exact_card_is_prepared_by_pillow_alone(folder: Path) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (600, 500, 3), np.uint8)
    edit(folder, lambda card: card["image"].update(size=64, resize={"mode": "shortest_edge", "edge": 70}))
    whole = Image.fromarray(photo).resize((70, 84), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(OnnxEncoder(folder).prepare_image(photo), np.array(whole.crop((3, 10, 67, 74))))
    edit(folder, lambda card: resize(card, exact=False))
    difference = OnnxEncoder(folder).prepare_image(photo).astype(int) - np.array(whole.crop((3, 10, 67, 74)))
    assert 0 < np.abs(difference).max() <= 16


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda card: card["image"].update(dim=7), r"image.onnx in .* must give finite vectors of shape \(1, 7\)"),
        (lambda card: card["text"].update(dim=7), r"text.onnx in .* must give finite vectors of shape \(1, 7\)"),
        (lambda card: card["image"].update(size=100), r"image.onnx in .* does not fit its card: .*dimensions"),
        (lambda card: card["image"].update(input_name="x"), r"image.onnx in .* does not fit its card"),
        (lambda card: card["text"].update(output_name="x"), r"text.onnx in .* does not fit its card: .*output name"),
    ],
)
def test_a_network_that_does_not_fit_its_card(
    folder: Path, change: Callable[[dict[str, Any]], Any], match: str
) -> None:
    edit(folder, change)
    encoder = OnnxEncoder(folder)
    with pytest.raises(ModelError, match=match):
        _ = encoder.encode_images(np.zeros((8, 8, 3), np.uint8)) if match[0] == "i" else encoder.encode_texts(["a"])


@pytest.mark.parametrize("name", ["image.onnx", "text.onnx"])
def test_a_damaged_network(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"not a network")
    encoder = OnnxEncoder(folder)
    with pytest.raises(ModelError, match=rf"{name} in .* cannot be loaded"):
        _ = encoder.encode_images(np.zeros((8, 8, 3), np.uint8)) if name[0] == "i" else encoder.encode_texts(["a"])


def test_a_damaged_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelError, match=r"tokenizer.json in .* is damaged"):
        OnnxEncoder(folder).encode_texts(["a"])


def test_one_tower_alone(folder: Path) -> None:
    edit(folder, lambda card: card.pop("image"))
    encoder = OnnxEncoder(folder)
    assert encoder.modalities == {"text"}
    assert encoder.encode_texts(["a"]).shape == (1, 384)
    with pytest.raises(InputError, match="the input must be text; got 'image'"):
        encoder.encode_images(np.zeros((8, 8, 3), np.uint8))


def test_texts_must_be_a_list_of_strings(folder: Path) -> None:
    for wrong in ("zebra", [1, 2]):
        with pytest.raises(InputError, match="texts must be a sequence of strings"):
            OnnxEncoder(folder).encode_texts(wrong)  # type: ignore[arg-type]


def test_an_unusable_image_is_named(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(ItemError, match=r"broken.jpg"):
        OnnxEncoder(folder).encode_images([tmp_path / "broken.jpg"])
