"""How well boxes are found from class names alone, with no detector trained for it.

    python benchmarks/detection.py voc --data "$UNSEEN_DATA"
    python benchmarks/detection.py davis --data "$UNSEEN_DATA"

``voc``: AP50 over 100 photos of VOC 2007 by faster-coco-eval. Settings of the default detector were chosen on the first
40 photos by name; the other 60 are reported apart. ``davis``: the surest box of a sequence's one object, found frame by
frame from its class name, against the box of its mask; mean IoU. Settings were chosen on `dog` and `blackswan`; frames
of `car-shadow` were looked at, too. ``--part development`` looks at nothing but what settings were chosen on. Prints
Markdown.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import unseen
from unseen.detection.boxes import iou_matrix, to_xywh
from unseen.tasks.detect import detect_images

DEVELOPMENT, DAVIS_DEVELOPMENT = 40, ("blackswan", "dog")
#: The object of each sequence; the rest of a name says what it does.
DAVIS = {
    "blackswan": "black swan",
    "camel": "camel",
    "car-shadow": "car",
    "cows": "cow",
    "dog": "dog",
    "goat": "goat",
    "horsejump-high": "horse",
}


def ap50(truth: dict[str, Any], found: list[dict[str, Any]], ids: list[int]) -> tuple[float, dict[str, float]]:
    """Return AP50 over these images, in all and of each class that is there."""
    from faster_coco_eval import COCO, COCOeval_faster

    annotations = [a for a in truth["annotations"] if a["image_id"] in ids]
    part = truth | {"annotations": annotations, "images": [i for i in truth["images"] if i["id"] in ids]}
    with contextlib.redirect_stdout(io.StringIO()):
        gold = COCO(part)
        result = COCOeval_faster(gold, gold.loadRes([row for row in found if row["image_id"] in ids]), "bbox")
        result.evaluate()
        result.accumulate()
    precision = result.eval["precision"][0, :, :, 0, -1]  # IoU 0.5, any size, as many boxes as there are
    names = {category["id"]: category["name"] for category in truth["categories"]}
    by_class = {
        names[k]: float(p.mean()) for k, p in zip(result.params.catIds, precision.T, strict=True) if (p > -1).any()
    }
    return float(np.mean(list(by_class.values()))), by_class


def voc(data: Path, detector: str, model: str, early: bool) -> None:
    folder = data / "detection_voc100"
    truth = json.loads((folder / "gts/coco_format_v1/instances_default.json").read_text("utf-8"))
    names = (folder / "voc.names").read_text("utf-8").split()
    ids = {image["file_name"]: image["id"] for image in truth["images"]}
    kinds = {category["name"]: category["id"] for category in truth["categories"]}
    files = sorted(ids)[:DEVELOPMENT] if early else sorted(ids)
    recognizer = unseen.Recognizer.load(model)
    vocabulary = unseen.Vocabulary.from_names(names)
    found: list[dict[str, Any]] = []
    start = time.perf_counter()
    images = [folder / "images" / name for name in files]
    results = detect_images(recognizer, images, vocabulary, detector=detector, threshold=1e-4)
    for name, one in zip(files, results, strict=True):
        for box, score, kind in zip(to_xywh(one.boxes), one.scores, one.best(), strict=True):
            if kind is not None:
                row = {"image_id": ids[name], "category_id": kinds[kind], "bbox": [float(x) for x in box]}
                found.append(row | {"score": float(score)})
    seconds = (time.perf_counter() - start) / len(files)
    parts = {
        f"{DEVELOPMENT} for development": files[:DEVELOPMENT],
        f"{len(files) - DEVELOPMENT} for the report": files[DEVELOPMENT:],
        f"all {len(files)}": files,
    }
    print(f"VOC, {detector}, model {model}: {seconds:.2f} s a photo\n")
    print("| photos | AP50 |\n|---|---|")
    for title, chosen in list(parts.items())[: 1 if early else None]:
        value, by_class = ap50(truth, found, [ids[name] for name in chosen])
        print(f"| {title} | {value:.3f} |")
    print("\n" + ", ".join(f"{name} {value:.2f}" for name, value in sorted(by_class.items())))


def davis(data: Path, detector: str, model: str, every: int, early: bool) -> None:
    folder = data / "video_davis7"
    recognizer = unseen.Recognizer.load(model)
    print(f"DAVIS, {detector}, model {model}, every {every}. frame\n")
    print("| sequence | class | mean IoU | IoU >= 0.5 |\n|---|---|---|---|")
    means = []
    for sequence, name in DAVIS.items():
        if early and sequence not in DAVIS_DEVELOPMENT:
            continue
        frames = sorted((folder / "JPEGImages" / sequence).iterdir())[::every]
        vocabulary = unseen.Vocabulary.from_names([name])
        overlaps = []
        for frame, one in zip(
            frames, detect_images(recognizer, frames, vocabulary, detector=detector, threshold=1e-4), strict=True
        ):
            mask = np.array(Image.open(folder / "Annotations" / sequence / f"{frame.stem}.png").convert("L")) > 0
            ys, xs = np.nonzero(mask)
            if not len(ys):
                continue
            box = [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]
            best = one.boxes[[one.scores.argmax()]] if len(one) else np.zeros((1, 4), np.float32)
            overlaps.append(float(iou_matrix(best, [box])[0, 0]))
        means.append(np.mean(overlaps))
        print(f"| {sequence} | {name} | {means[-1]:.2f} | {np.mean(np.array(overlaps) >= 0.5):.0%} |", flush=True)
    print(f"| mean | | {np.mean(means):.2f} | {sum(m >= 0.5 for m in means)} of {len(means)} sequences |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["voc", "davis"])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--detector", default="default")
    parser.add_argument("--model", default="default")
    parser.add_argument("--every", type=int, default=6)
    parser.add_argument("--part", choices=["development", "all"], default="all")
    options = parser.parse_args()
    early = options.part == "development"
    if options.what == "voc":
        voc(options.data, options.detector, options.model, early)
    else:
        davis(options.data, options.detector, options.model, options.every, early)


if __name__ == "__main__":
    main()
