"""How well `unseen segment` finds objects by their names: DAVIS frames, and street scenes of CamVid.

DAVIS: one object against everything else, by the name of its class; the mean IoU of each sequence. CamVid: eleven
classes and no background; mean IoU of the sum over images. What was chosen was chosen on the sequences `dog` and
`blackswan` and on the first ten images of CamVid; figures for them are given apart.

    UNSEEN_DATA=… python benchmarks/segmentation.py [--part development|report] [--refine colours guided none]

``--compare`` sets ours beside two well-known ways to edges, on the same pictures: GrabCut of OpenCV, told where the
object is by the surest box of the default detector or by our unrefined mask, and SLIC superpixels of scikit-image, each
given to the class that our unrefined answer has most of within. GrabCut knows one object alone: it is not on CamVid.

    UNSEEN_DATA=… python benchmarks/segmentation.py --compare [--part development|report]
"""

from __future__ import annotations

import argparse
import os
import time
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


def by_superpixels(picture: np.ndarray[Any, Any], found: unseen.segmentation.Segmentation) -> np.ndarray[Any, Any]:
    """Return labels in which each superpixel is of the class that has most of it; -1 for none."""
    from skimage.segmentation import slic

    parts = slic(picture, n_segments=400, compactness=10, start_label=0)
    n_classes = len(found.names)
    votes = np.zeros((parts.max() + 1, n_classes + 1))
    np.add.at(votes, (parts, found.labels), found.probabilities.astype(float))  # -1 is the last column
    best = votes.argmax(axis=1)
    labels: np.ndarray[Any, Any] = np.where(best == n_classes, -1, best)[parts]
    return labels


def by_grabcut(
    picture: np.ndarray[Any, Any], *, box: np.ndarray[Any, Any] | None = None, mask: np.ndarray[Any, Any] | None = None
) -> np.ndarray[Any, Any]:
    """Return the pixels of the object, told where it is by a box or by a mask; none where that says nothing."""
    import cv2

    height, width = picture.shape[:2]
    marks = np.full((height, width), cv2.GC_BGD, np.uint8)
    if box is not None:
        left, top = np.floor(box[:2]).astype(int)
        right, bottom = np.ceil(box[2:]).astype(int)
        # A box over the whole picture would leave nothing to learn the background from.
        marks[max(top, 1) : min(bottom, height - 1), max(left, 1) : min(right, width - 1)] = cv2.GC_PR_FGD
    if mask is not None:
        marks[:] = np.where(mask, cv2.GC_PR_FGD, cv2.GC_PR_BGD)
    there: np.ndarray[Any, Any] = marks == cv2.GC_PR_FGD
    if not there.any() or there.all():
        return there
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(0)
    cv2.grabCut(picture[:, :, ::-1].copy(), marks, None, *models, 5, cv2.GC_INIT_WITH_MASK)
    there[:] = (marks == cv2.GC_FGD) | (marks == cv2.GC_PR_FGD)
    return there


def compare_davis(
    recognizer: unseen.Recognizer, folder: Path, sequence: str, every: int
) -> dict[str, list[tuple[float, float, float]]]:
    """Return IoU, F of outlines and seconds for each way and frame; what ways share, the evidence, is not timed."""
    frames = sorted((folder / "JPEGImages" / sequence).glob("*.jpg"))[::every]
    vocabulary = unseen.Vocabulary.from_names([DAVIS[sequence]])
    rows: dict[str, list[tuple[float, float, float]]] = {}

    def add(way: str, truth: np.ndarray[Any, Any], mask: np.ndarray[Any, Any], seconds: float) -> None:
        rows.setdefault(way, []).append((mask_iou(truth, mask), boundary_f_measure(truth, mask), seconds))

    for frame in frames:
        truth = np.asarray(Image.open(folder / "Annotations" / sequence / f"{frame.stem}.png").convert("L")) > 0
        picture = np.asarray(Image.open(frame).convert("RGB"))
        (detected,) = recognizer.detect(picture, vocabulary, threshold=1e-4)
        before = time.perf_counter()
        (coarse,) = recognizer.segment([picture], vocabulary, refine="none")
        middle = time.perf_counter()
        (ours,) = recognizer.segment([picture], vocabulary)
        add("unrefined", truth, coarse.labels == 0, 0.0)
        add("ours (colours, guided filter)", truth, ours.labels == 0, time.perf_counter() - middle - (middle - before))
        start = time.perf_counter()
        (cut,) = recognizer.segment([picture], vocabulary, refine="grabcut")
        add("ours, then GrabCut", truth, cut.labels == 0, time.perf_counter() - start - (middle - before))
        start = time.perf_counter()
        add("SLIC superpixels", truth, by_superpixels(picture, coarse) == 0, time.perf_counter() - start)
        box = detected.boxes[detected.scores.argmax()] if len(detected) else np.zeros(4)
        for way, seed in (("the detector's box", {"box": box}), ("our unrefined mask", {"mask": coarse.labels == 0})):
            start = time.perf_counter()
            mask = by_grabcut(picture, **seed)
            add(f"GrabCut from {way}", truth, mask, time.perf_counter() - start)
    return rows


def compare(recognizer: unseen.Recognizer, data: Path, images: list[Path], early: bool, every: int) -> None:
    """Print ours beside GrabCut and superpixels."""
    print("| way | sequence | IoU | outline F | seconds |\n|---|---|---|---|---|")
    means: dict[str, list[np.ndarray[Any, Any]]] = {}
    for sequence in DAVIS:
        if (sequence in DEVELOPMENT) == early:
            for way, rows in compare_davis(recognizer, data / "video_davis7", sequence, every).items():
                means.setdefault(way, []).append(np.mean(rows, axis=0))
                iou, outline, seconds = means[way][-1]
                print(f"| {way} | {sequence} | {iou:.3f} | {outline:.3f} | {seconds:.2f} |", flush=True)
    for way, each in means.items():
        iou, outline, seconds = np.mean(each, axis=0)
        print(f"| {way} | mean | {iou:.3f} | {outline:.3f} | {seconds:.2f} |")
    vocabulary = unseen.Vocabulary.from_names(CAMVID)
    n = len(CAMVID)
    counts = {
        way: np.zeros((n, n), np.intp) for way in ("unrefined", "ours (colours, guided filter)", "SLIC superpixels")
    }
    for image in images:
        (path,) = (image.parents[1] / "masks").glob(f"{image.stem}*.png")
        truth, picture = np.asarray(Image.open(path)), np.asarray(Image.open(image).convert("RGB"))
        (coarse,) = recognizer.segment([picture], vocabulary, background=[], refine="none")
        (ours,) = recognizer.segment([picture], vocabulary, background=[])
        for way, labels in zip(counts, (coarse.labels, ours.labels, by_superpixels(picture, coarse)), strict=True):
            counts[way] += pixel_confusion(truth, labels, n_classes=n, ignore=n)
    print("\n| way | CamVid mean IoU | pixel accuracy |\n|---|---|---|")
    for way, total in counts.items():
        print(f"| {way} | {mean_iou(total):.3f} | {pixel_accuracy(total):.3f} |")


def main() -> None:
    """Print tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", choices=("development", "report"), default="report")
    parser.add_argument("--model", default="default")
    parser.add_argument("--segmenter", default="default")
    parser.add_argument("--refine", nargs="+", default=["colours"])
    parser.add_argument("--every", type=int, default=5, help="every so many frames of DAVIS")
    parser.add_argument("--camvid", type=int, default=50, help="at most so many images of CamVid")
    parser.add_argument("--compare", action="store_true", help="ours beside GrabCut and superpixels")
    chosen = parser.parse_args()
    data = Path(os.environ["UNSEEN_DATA"])
    recognizer = unseen.Recognizer.load(chosen.model)
    early = chosen.part == "development"
    images = sorted((data / "segmentation_camvid50" / "images").glob("*"))
    images = (images[:CAMVID_DEVELOPMENT] if early else images[CAMVID_DEVELOPMENT:])[: chosen.camvid]
    if chosen.compare:
        compare(recognizer, data, images, early, chosen.every)
        return
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
    for refine in chosen.refine:
        counts = camvid(recognizer, images, segmenter=chosen.segmenter, refine=refine)
        print(f"\nCamVid, {refine}: mean IoU {mean_iou(counts):.3f}, pixel accuracy {pixel_accuracy(counts):.3f}")
        print(", ".join(f"{name} {iou:.2f}" for name, iou in zip(CAMVID, class_ious(counts), strict=True)), flush=True)


if __name__ == "__main__":
    main()
