"""Encoders in folders: what is damaged or does not fit its card is refused with the reason."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

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


def test_a_copy_gives_the_same_vectors_under_the_same_fingerprint(folder: Path) -> None:
    copy, original = OnnxEncoder(folder), OnnxEncoder(default_folder() / "encoder")
    assert copy.fingerprint == original.fingerprint
    assert np.array_equal(copy.encode_texts(["zebra"]), original.encode_texts(["zebra"]))


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
        (lambda card: card["text"].update(input_names=["ids"]), "text.input_names must be two names"),
        (lambda card: card["text"].update(input_names=[1, 2]), "text.input_names must be two names"),
        (lambda card: card.update(templates="{name}"), "templates must be a list of texts with {name}"),
        (lambda card: card.update(templates=[]), "templates must be a list of texts with {name}"),
        (lambda card: (card.pop("image"), card.pop("text")), "the card must be about images, texts or both"),
    ],
)
def test_a_card_that_does_not_fit(folder: Path, change: Callable[[dict[str, Any]], Any], match: str) -> None:
    edit(folder, change)
    with pytest.raises(ModelError, match=match):
        OnnxEncoder(folder)


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
