"""Hold the shipped towers against the networks they were made from, on real photos and sentences.

    python tools/default_model/verify.py --data "$UNSEEN_DATA"

Uses the originals' own code: `efficientnet-lite-pytorch` and `sentence-transformers`. Prints Markdown; ends with an
error when a tower is further from its original than `LEAST` allows.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import towers

from unseen.encoders.default import DefaultEncoder
from unseen.encoders.onnx import OnnxEncoder

Array = np.ndarray[Any, Any]

#: Mean cosine to the original, below which a tower is refused.
LEAST = {"image": 0.99, "text": 0.999}


def original_features(pixels: Array) -> Array:
    """Return the pooled features of the original image network for prepared photos (n, s, s, 3)."""
    import torch
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_pretrained(
        "efficientnet-lite2", weights_path=str(towers.packaged(*towers.IMAGE_WEIGHTS))
    )
    network.eval()
    features = []
    with torch.no_grad():
        for start in range(0, len(pixels), 16):
            x = (torch.from_numpy(pixels[start : start + 16]).permute(0, 3, 1, 2).float() - 127) / 128
            features.append(network.extract_features(x).mean(dim=(2, 3)).numpy())
    return np.concatenate(features)


def original_vectors(sentences: list[str]) -> Array:
    """Return the vectors of the original sentence encoder."""
    from sentence_transformers import SentenceTransformer

    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(towers.packaged(*towers.TEXT_ARCHIVE)) as archive:
            archive.extractall(folder)  # our own pinned package, not somebody's upload
        network = SentenceTransformer(folder, device="cpu")
        return np.asarray(network.encode(sentences, show_progress_bar=False))


def cosines(A: Array, B: Array) -> Array:
    """Return the cosine of each row of A with the same row of B."""
    product: Array = (A * B).sum(axis=1) / np.linalg.norm(A, axis=1) / np.linalg.norm(B, axis=1)
    return product


def image_rows(encoder: OnnxEncoder, data: Path) -> tuple[list[str], float]:
    """Return table rows about the image tower, and its mean cosine."""
    from imagenet_texts import source_files

    wnids = list(json.loads(source_files()[3].read_text("utf-8")).values())
    files = sorted((data / "photos" / "imagenet500").glob("*.jpg"))
    y = np.array([wnids.index(file.name.partition("_")[0]) for file in files])
    pixels = np.stack([encoder.prepare_image(file) for file in files])
    original, shipped = original_features(pixels), encoder.encode_images(files)
    weights, offsets = towers.imagenet_classifier()
    right = [((X @ weights.T + offsets).argmax(axis=1) == y).mean() for X in (original, shipped)]
    close = cosines(original, shipped)
    rows = [
        f"| top-1 on {len(files)} ImageNet photos by the tower's own classifier | {right[0]:.3f} | {right[1]:.3f} |",
        f"| image features, mean (least) cosine | 1 | {close.mean():.4f} ({close.min():.4f}) |",
    ]
    return rows, float(close.mean())


def text_rows(encoder: OnnxEncoder, data: Path) -> tuple[list[str], float]:
    """Return table rows about the text tower, and its mean cosine."""
    with (data / "text/banking77/banking_data/test.csv").open(encoding="utf-8", newline="") as file:
        sentences = [row["text"] for row in csv.DictReader(file)][::6]
    trec = (data / "text/trec/TREC.test.all").read_text("latin-1").splitlines()
    sentences += [line.partition(" ")[2] for line in trec if line.strip()]
    original, shipped = original_vectors(sentences), encoder.encode_texts(sentences)
    close = cosines(original, shipped)
    neighbours = []
    for vectors in (original, shipped):
        likeness = vectors @ vectors.T
        np.fill_diagonal(likeness, -1)
        neighbours.append(likeness.argmax(axis=1))
    mean, least = close.mean(), close.min()
    rows = [
        f"| text vectors of {len(sentences):,} sentences, mean (least) cosine | 1 | {mean:.4f} ({least:.4f}) |",
        f"| share with the same nearest neighbour | 1 | {(neighbours[0] == neighbours[1]).mean():.3f} |",
    ]
    return rows, float(close.mean())


def verify(encoder: OnnxEncoder, data: Path) -> None:
    """Print the comparison; end with an error when a tower is too far from its original."""
    (image, image_cosine), (text, text_cosine) = image_rows(encoder, data), text_rows(encoder, data)
    print("\n".join(["| | original | shipped |", "|---|---|---|", *image, *text]))
    for kind, value in (("image", image_cosine), ("text", text_cosine)):
        if value < LEAST[kind]:
            raise SystemExit(f"verify: the {kind} tower's mean cosine is {value:.4f}; at least {LEAST[kind]} is asked.")


def main() -> None:
    """Verify the shipped towers."""
    parser = argparse.ArgumentParser(description="Compare the shipped towers with their originals.")
    parser.add_argument("--data", type=Path, required=True, help="the data pack ($UNSEEN_DATA)")
    verify(DefaultEncoder(), parser.parse_args().data)


if __name__ == "__main__":
    main()
