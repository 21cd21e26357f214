"""How well `unseen segment` finds objects by their names: DAVIS frames, and street scenes of CamVid.

DAVIS: one object against everything else, by the name of its class; the mean IoU of each sequence. CamVid: eleven
classes and no background; mean IoU of the sum over images. What was chosen was chosen on the sequences `dog` and
`blackswan` and on the first ten images of CamVid; figures for them are given apart.

    UNSEEN_DATA=… python benchmarks/segmentation.py [--part development|report] [--refine colours guided none]
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import unseen
from unseen.metrics import boundary_f_measure, class_ious, mask_iou, mean_iou, pixel_accuracy, pixel_confusion

DAVIS = {
    "blackswan": "black swan",
    "camel": "camel",
    "car-shadow": "car",
    "cows": "cow",
    "dog": "dog",
    "goat": "goat",
    "horsejump-high": "horse",
}
CAMVID = (
    "sky", "building", "pole", "road", "sidewalk", "tree", "traffic sign", "fence", "car", "pedestrian", "bicyclist",
)  # fmt: skip
DEVELOPMENT, CAMVID_DEVELOPMENT = ("blackswan", "dog"), 10


def davis(
    recognizer: unseen.Recognizer, folder: Path, sequence: str, every: int, **options: Any
) -> tuple[float, float]:
    """Return the mean IoU and the mean F of outlines over the frames of a sequence."""
    frames = sorted((folder / "JPEGImages" / sequence).glob("*.jpg"))[::every]
    vocabulary = unseen.Vocabulary.from_names([DAVIS[sequence]])
    ious, outlines = [], []
    for frame, found in zip(frames, recognizer.segment(frames, vocabulary, **options), strict=True):
        truth = np.asarray(Image.open(folder / "Annotations" / sequence / f"{frame.stem}.png").convert("L")) > 0
        ious.append(mask_iou(truth, found.mask(DAVIS[sequence])))
        outlines.append(boundary_f_measure(truth, found.mask(DAVIS[sequence])))
    return float(np.mean(ious)), float(np.mean(outlines))


def camvid(recognizer: unseen.Recognizer, images: list[Path], **options: Any) -> np.ndarray[Any, Any]:
    """Return how often pixels of each class got each class."""
    total = np.zeros((len(CAMVID), len(CAMVID)), np.intp)
    vocabulary = unseen.Vocabulary.from_names(CAMVID)
    for image, found in zip(images, recognizer.segment(images, vocabulary, background=[], **options), strict=True):
        (mask,) = (image.parents[1] / "masks").glob(f"{image.stem}*.png")
        total += pixel_confusion(np.asarray(Image.open(mask)), found.labels, n_classes=len(CAMVID), ignore=len(CAMVID))
    return total


def main() -> None:
    """Print tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", choices=("development", "report"), default="report")
    parser.add_argument("--model", default="default")
    parser.add_argument("--segmenter", default="default")
    parser.add_argument("--refine", nargs="+", default=["colours"])
    parser.add_argument("--every", type=int, default=5, help="every so many frames of DAVIS")
    parser.add_argument("--camvid", type=int, default=50, help="at most so many images of CamVid")
    chosen = parser.parse_args()
    data = Path(os.environ["UNSEEN_DATA"])
    recognizer = unseen.Recognizer.load(chosen.model)
    early = chosen.part == "development"
    print("| refine | sequence | IoU | outline F |\n|---|---|---|---|")
    for refine in chosen.refine:
        options = {"segmenter": chosen.segmenter, "refine": refine}
        rows = []
        for sequence in DAVIS:
            if (sequence in DEVELOPMENT) == early:
                rows.append(davis(recognizer, data / "video_davis7", sequence, chosen.every, **options))
                print(f"| {refine} | {sequence} | {rows[-1][0]:.3f} | {rows[-1][1]:.3f} |", flush=True)
        iou, outline = np.mean(rows, axis=0)
        print(f"| {refine} | mean | {iou:.3f} | {outline:.3f} |", flush=True)
    images = sorted((data / "segmentation_camvid50" / "images").glob("*"))
    images = images[:CAMVID_DEVELOPMENT] if early else images[CAMVID_DEVELOPMENT:]
    for refine in chosen.refine:
        counts = camvid(recognizer, images[: chosen.camvid], segmenter=chosen.segmenter, refine=refine)
        print(f"\nCamVid, {refine}: mean IoU {mean_iou(counts):.3f}, pixel accuracy {pixel_accuracy(counts):.3f}")
        print(", ".join(f"{name} {iou:.2f}" for name, iou in zip(CAMVID, class_ious(counts), strict=True)), flush=True)


if __name__ == "__main__":
    main()
