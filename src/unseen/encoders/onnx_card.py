"""The card of an encoder's folder, ``encoder.json``: read as if a stranger wrote it.

::

    format, version     "unseen-encoder", 1
    name                what it is called in reports
    shared_space        whether a text and an image vector can be compared directly
    similarity          activation, scale, bias: how the model reads a cosine (see Similarity)
    templates           prompt templates for class names
    image               file, dim, input_name, output_name, size,
                        resize: mode, resample, crop_fraction, edge, offset, fill, exact (see prepare_image)
    text                file, dim, input_names (token ids, and their mask where the network takes one), output_name,
                        tokenizer, max_length, padding ("longest" or "max_length"), pad_id, lexicon
    both of these       one_by_one: whether the network is given one item at a time, as those must be that measure
                        their input (dynamic quantisation) and would otherwise see an item's neighbours

Files are named plainly and lie beside the card. Keys that are not listed are notes; nothing reads them.
"""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unseen.encoders.model_files import read_json
from unseen.errors import ModelError
from unseen.inputs.framing import OFFSETS, RESAMPLES, RESIZES

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["CARD", "PADDINGS", "prepare_options", "read_card", "write_card"]

CARD = "encoder.json"
PADDINGS = ("longest", "max_length")
_FORMAT, _VERSION = "unseen-encoder", 1
#: Far beyond any network's; a card that asks for more is after this machine's memory.
_MAX_SIZE, _MAX_TOKENS, _MAX_DIM, _MAX_ID = 4096, 1 << 16, 1 << 20, 1 << 31
#: CLIP's scale ends at 100, sigmoid models' near 120 with a bias of -17.
_MAX_SCALE = 1e6
_NEEDED = {
    "image": {"file": str, "size": int, "resize": dict, "dim": int, "input_name": str, "output_name": str},
    "text": {
        "file": str,
        "tokenizer": str,
        "max_length": int,
        "dim": int,
        "input_names": list,
        "output_name": str,
    },
}


def prepare_options(image: dict[str, Any]) -> dict[str, Any]:
    """Return what :func:`~unseen.inputs.images.prepare_image` is called with for the ``image`` part of a card.

    Parameters
    ----------
    image : dict
        ``size`` and ``resize``, as a card or `TorchEncoder.image_layout` holds them.

    Examples
    --------
    >>> from unseen.encoders.onnx_card import prepare_options
    >>> prepare_options({"size": 224, "resize": {"mode": "shortest_edge", "offset": "floor"}})
    {'size': 224, 'resize': 'shortest_edge', 'offset': 'floor', 'fast': False}
    """
    resize = image["resize"]
    options = {"size": image["size"], "resize": resize["mode"]}
    options |= {key: resize[key] for key in ("crop_fraction", "resample", "edge", "offset") if key in resize}
    if "fill" in resize:
        options["fill"] = tuple(resize["fill"])
    # What cuts whole pixels is there to equal another library's pixels; the older modes are the fast ones.
    exact = resize.get("exact", resize["mode"] == "shortest_edge" or "edge" in resize)
    return options | {"fast": not exact}


def read_card(folder: Path) -> dict[str, Any]:
    """Return the card of a folder, every value of which has been checked.

    Raises
    ------
    ModelError
        When it is missing, unreadable, of another format, or a value is of the wrong type or out of range.
    """
    path = folder / CARD
    card: dict[str, Any] = read_json("OnnxEncoder", path, again="Point at a folder that unseen saved")
    if card.get("format") != _FORMAT or card.get("version") != _VERSION:
        raise ModelError(f"OnnxEncoder: {path} must be of format {_FORMAT!r}, version {_VERSION}. Update unseen.")
    _check_parts(card, path)
    for what, fits, wanted in _facts(card):
        if not fits:
            raise ModelError(f"OnnxEncoder: {path}: {what} must be {wanted}. Save it again.")
    return card


def write_card(folder: Path, card: dict[str, Any]) -> None:
    """Write a card into a folder; format and version are added."""
    text = json.dumps({"format": _FORMAT, "version": _VERSION, **card}, indent=2, ensure_ascii=False)
    (folder / CARD).write_text(text + "\n", "utf-8")


def _check_parts(card: dict[str, Any], path: Path) -> None:
    """Check that what must be there is, of the right type, and that files are plain names beside the card."""
    for kind, needed in _NEEDED.items():
        part = card.get(kind)
        if part is None:
            continue
        for key, expected in needed.items():
            value = part.get(key) if isinstance(part, dict) else None
            if not isinstance(value, expected) or isinstance(value, bool):
                raise ModelError(f"OnnxEncoder: {path}: {kind}.{key} must be a {expected.__name__}. Save it again.")
        for key in ("file", "tokenizer", "lexicon"):
            name = part.get(key)
            if name is None:
                continue
            if not isinstance(name, str) or Path(name).name != name or name in {"", ".", ".."} or "\0" in name:
                raise ModelError(f"OnnxEncoder: {path}: {kind}.{key} must be a plain file name; got {name!r}.")
            if not os.path.isfile(path.parent / name):  # noqa: PTH113  the other one raises where a name is too long
                raise ModelError(f"OnnxEncoder: {path.parent} must hold {name}; it is missing. Save it again.")


def _facts(card: dict[str, Any]) -> Iterator[tuple[str, bool, str]]:
    """Yield what beyond the types must hold of a card: its name, whether it does, and what it must be."""
    image, text = card.get("image"), card.get("text")
    templates = card.get("templates", ["{name}"])
    shared = card.get("shared_space", False)
    yield "the card", bool(image or text), "about images, texts or both"
    good = isinstance(templates, list) and templates and all(isinstance(t, str) and "{name}" in t for t in templates)
    yield "templates", bool(good), "a list of texts with {name}"
    yield "name", isinstance(card.get("name", ""), str), "a text"
    yield "shared_space", isinstance(shared, bool), "true or false"
    for kind, part in (("image", image), ("text", text)):
        if part:
            yield f"{kind}.one_by_one", isinstance(part.get("one_by_one", False), bool), "true or false"
    if image:
        yield from _image_facts(image)
    if text:
        yield from _text_facts(text)
    if shared:
        yield "the card", bool(image and text), "about images and texts where shared_space is true"
    if shared and image and text:
        yield "text.dim", text["dim"] == image["dim"], f"image.dim, {image['dim']}, where shared_space is true"
    if card.get("similarity") is not None:
        yield from _similarity_facts(card["similarity"], shared)


def _image_facts(image: dict[str, Any]) -> Iterator[tuple[str, bool, str]]:
    resize, size = image["resize"], image["size"]
    mode, edge, fill = resize.get("mode"), resize.get("edge"), resize.get("fill", [0, 0, 0])
    yield "image.size", 1 <= size <= _MAX_SIZE, f"from 1 to {_MAX_SIZE}"
    yield "image.dim", 1 <= image["dim"] <= _MAX_DIM, f"from 1 to {_MAX_DIM}"
    yield "image.resize.mode", mode in RESIZES, f"one of {', '.join(RESIZES)}"
    yield "image.resize.resample", resize.get("resample", "bicubic") in RESAMPLES, f"one of {', '.join(RESAMPLES)}"
    yield "image.resize.offset", resize.get("offset", "round") in OFFSETS, f"one of {', '.join(OFFSETS)}"
    yield "image.resize.exact", isinstance(resize.get("exact", True), bool), "true or false"
    fraction = resize.get("crop_fraction")
    good = fraction is None or (_is_number(fraction) and 0 < fraction <= 1)
    yield "image.resize.crop_fraction", good, "above 0 and at most 1, or null"
    yield "image.resize.crop_fraction", fraction is None or mode != "shortest_edge", "left out with shortest_edge"
    good = edge is None or (_is_whole(edge) and size <= edge <= _MAX_SIZE)
    yield "image.resize.edge", good, f"from image.size to {_MAX_SIZE}, or null"
    good = edge is None or (mode in {"shortest_edge", "squash"} and fraction is None)
    yield "image.resize.edge", good, "left out but with shortest_edge, or squash without crop_fraction"
    good = isinstance(fill, list) and len(fill) == 3 and all(_is_whole(level) and 0 <= level <= 255 for level in fill)
    yield "image.resize.fill", good, "three whole numbers from 0 to 255"


def _text_facts(text: dict[str, Any]) -> Iterator[tuple[str, bool, str]]:
    names, pad = text["input_names"], text.get("pad_id", 0)
    yield "text.max_length", 1 <= text["max_length"] <= _MAX_TOKENS, f"from 1 to {_MAX_TOKENS}"
    yield "text.dim", 1 <= text["dim"] <= _MAX_DIM, f"from 1 to {_MAX_DIM}"
    yield "text.input_names", len(names) in {1, 2} and all(isinstance(n, str) for n in names), "one or two names"
    yield "text.padding", text.get("padding", "longest") in PADDINGS, f"one of {', '.join(PADDINGS)}"
    yield "text.pad_id", _is_whole(pad) and 0 <= pad < _MAX_ID, f"from 0 to {_MAX_ID - 1}"


def _similarity_facts(similarity: Any, shared: bool) -> Iterator[tuple[str, bool, str]]:
    yield "similarity", isinstance(similarity, dict), "an object with activation, scale and bias"
    yield "similarity", shared, "left out unless shared_space is true"
    scale, bias = similarity.get("scale"), similarity.get("bias", 0)
    yield "similarity.activation", similarity.get("activation") in ("softmax", "sigmoid"), "softmax or sigmoid"
    yield "similarity.scale", _is_number(scale) and 0 < scale <= _MAX_SCALE, f"above 0 and at most {_MAX_SCALE:g}"
    yield "similarity.bias", _is_number(bias) and abs(bias) <= _MAX_SCALE, f"from -{_MAX_SCALE:g} to {_MAX_SCALE:g}"


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    # JSON as Python reads it knows NaN and Infinity, and whole numbers too long for a float.
    return (
        isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300 and math.isfinite(value)
    )
