"""An object is found by the name of its class and followed: seven sequences of DAVIS, real video, no training.

For each sequence the classes are the names of all seven objects. The object is the track that the recogniser calls by
the asked name; where several are, in each frame the one that was likeliest over the whole sequence, then the one seen
in most frames. Nothing else is known of the object. Its box is compared with the box around the mask, in every frame in
which the mask has any pixel; a frame without a box counts 0.

    UNSEEN_DATA=... python benchmarks/tracking_davis.py --detector onnx:$UNSEEN_DATA/models/yolox_nano_coco.onnx

Everything is at its default; some of the defaults were changed after figures of these sequences had been seen
(RESULTS.md tells which), so they are no blind test. ``--label-weight 0`` shows what the
recogniser does without the detector's names.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import unseen
from unseen.tasks.track import track

#: Sequence to the name of its object, as people call it.
OBJECTS = {
    "blackswan": "black swan",
    "camel": "camel",
    "car-shadow": "car",
    "cows": "cow",
    "dog": "dog",
    "goat": "goat",
    "horsejump-high": "horse",
}


def mask_box(path: Path) -> np.ndarray[Any, Any] | None:
    """Return left, top, right and bottom edge of what a mask marks."""
    mask = np.asarray(Image.open(path).convert("L")) > 0
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], float)


def iou(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> float:
    wide = min(a[2], b[2]) - max(a[0], b[0])
    high = min(a[3], b[3]) - max(a[1], b[1])
    both = max(wide, 0) * max(high, 0)
    return float(both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both))


def followed(frames: list[Any], name: str) -> dict[int, np.ndarray[Any, Any]]:
    """Return the box of the object by frame: of the tracks called `name` at the end, the likeliest there is."""
    last: dict[int, tuple[str | None, float]] = {}  # its class, and how likely it is of that
    seen: dict[int, int] = {}
    for one in frames:
        for number, best, share in zip(one.ids, one.best(), one.probabilities * one.known, strict=True):
            last[int(number)] = (best, float(share))
            seen[int(number)] = seen.get(int(number), 0) + 1
    rank = {number: (share, seen[number]) for number, (best, share) in last.items() if best == name}
    found = {}
    for one in frames:
        there = [(rank[int(number)], i) for i, number in enumerate(one.ids) if int(number) in rank]
        if there:
            found[one.frame.index] = one.boxes[max(there)[1]].astype(float)
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--detector", default="default")
    parser.add_argument("--model", default="default")
    parser.add_argument("--tracker", default="unseen")
    parser.add_argument("--label-weight", type=float, default=0.5, help="0: the detector's own names are not used")
    arguments = parser.parse_args()
    data = Path(os.environ["UNSEEN_DATA"]) / "video_davis7"
    recognizer = unseen.Recognizer.load(arguments.model)
    vocabulary = unseen.Vocabulary.from_names(sorted(OBJECTS.values()))
    means = []
    print("| sequence | asked for | frames | frames with a box | tracks in all | mean IoU |\n|---|---|---|---|---|---|")
    for sequence, name in OBJECTS.items():
        source = data / "JPEGImages" / sequence
        options: dict[str, Any] = {"detector": arguments.detector, "tracker": arguments.tracker}
        options["label_weight"] = arguments.label_weight
        frames = list(track(recognizer, source, vocabulary, **options))
        found = followed(frames, name)
        scores, boxes = [], 0
        for one in frames:
            truth = mask_box(data / "Annotations" / sequence / (Path(one.frame.name).stem + ".png"))
            if truth is not None:
                boxes += one.frame.index in found
                scores.append(iou(found[one.frame.index], truth) if one.frame.index in found else 0.0)
        means.append(float(np.mean(scores)))
        tracks = len({int(number) for one in frames for number in one.ids})
        print(f"| {sequence} | {name} | {len(scores)} | {boxes} | {tracks} | {means[-1]:.3f} |", flush=True)
    print(f"| mean | | | | | {np.mean(means):.3f} |")
    print(f"\n{sum(mean >= 0.5 for mean in means)} of {len(means)} sequences at 0.5 or more")


if __name__ == "__main__":
    main()
