"""Boxes of a closed-set detector, named anew by the default recogniser from class names alone, on 100 VOC images.

    UNSEEN_DATA=... python benchmarks/detection_regions.py [--evaluator] [--json]

Prints AP50 (COCO's definition, faster-coco-eval) of the very same boxes under four kinds of names: the detector's own,
put into VOC's words by hand; the recogniser's from the picture alone; from the detector's word alone; from both. How
much the word counts (0.7) was chosen on the first 40 images by name, so the other 60 are shown apart. ``--evaluator``
checks the evaluator itself against pycocotools on another data set.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

import numpy as np

import unseen
from unseen.detection import BoxFile, Detections, YoloxDetector, read_boxes
from unseen.detection.judge import LABEL_WEIGHT
from unseen.detection.nms import nms
from unseen.metrics.boxes import average_precision

DEVELOPED_ON = 40
#: VOC's classes as people write them, and what VOC calls them.
WRITTEN = {"pottedplant": "potted plant", "tvmonitor": "tv monitor", "diningtable": "dining table"}
#: The closed-set detector's words for VOC's classes, where they are others.
BY_HAND = {"airplane": "aeroplane", "motorcycle": "motorbike", "couch": "sofa", "tv": "tv monitor"}


def own_names(detector: YoloxDetector, files: list[Path], names: list[str]) -> list[Detections]:
    """Return the detector's boxes under its own names, as far as they are VOC's."""
    from unseen.inputs import open_image

    out = []
    for file in files:
        pixels = np.asarray(open_image(file))
        found = detector.find(pixels)
        words = [BY_HAND.get(word or "", word or "") for word in found.labels or ()]
        rows = np.array([i for i, word in enumerate(words) if word in names], np.intp)
        top = np.array([names.index(words[i]) for i in rows], np.intp)
        kept = nms(found.boxes[rows], found.scores[rows], iou=0.5, classes=top)
        rows, top = rows[kept], top[kept]
        size = (pixels.shape[1], pixels.shape[0])
        shares, unknown = np.ones((len(rows), 1)), np.zeros(len(rows))
        out.append(
            Detections(str(file), size, names, found.boxes[rows], found.scores[rows], top[:, None], shares, unknown)
        )
    return out


def part(truth: BoxFile, files: list[Path]) -> BoxFile:
    wanted = {file.name for file in files}
    return BoxFile(truth.path, truth.format, truth.names, {k: v for k, v in truth.images.items() if k in wanted})


def regions(data: Path) -> list[dict[str, object]]:
    folder = data / "detection_voc100"
    truth = read_boxes(folder / "gts" / "coco_format_v1" / "instances_default.json")
    files = sorted((folder / "images").glob("*.jpg"))
    assert len(files) == len(truth) == 100
    names = [WRITTEN.get(name, name) for name in truth.names]
    detector = YoloxDetector(data / "models" / "yolox_nano_coco.onnx")
    recognizer, vocabulary = unseen.Recognizer.load(), unseen.Vocabulary.from_names(names)
    runs = {"the detector's own names, by hand": own_names(detector, files, names)}
    for title, weight in (
        ("recogniser, picture alone", 0.0),
        ("recogniser, detector's word alone", 1.0),
        ("recogniser, both (default)", LABEL_WEIGHT),
    ):
        runs[title] = recognizer.detect(files, vocabulary, detector=detector, threshold=0.001, label_weight=weight)
    rows: list[dict[str, object]] = []
    for title, found in runs.items():
        row: dict[str, object] = {"names": title}
        for column, chosen in (
            ("first 40", files[:DEVELOPED_ON]),
            ("other 60", files[DEVELOPED_ON:]),
            ("all 100", files),
        ):
            inside = {str(file) for file in chosen}
            result = average_precision([one for one in found if one.item in inside], part(truth, chosen), iou=0.5)
            row[column] = round(result.ap, 4)
        rows.append(row)
    return rows


def evaluator(data: Path) -> dict[str, float]:
    """Return AP of a stored detector's results by pycocotools and by ours."""
    import contextlib
    import io

    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    folder = data / "detection_coco100"
    with contextlib.redirect_stdout(io.StringIO()):
        true = COCO(str(folder / "gt_dataset.json"))
        found = true.loadRes(str(folder / "dt_dataset.json"))
        evaluation = COCOeval(true, found, "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    ours = average_precision(
        read_boxes(folder / "dt_dataset.json", images=folder / "gt_dataset.json"), folder / "gt_dataset.json"
    )
    return {
        "pycocotools AP": float(evaluation.stats[0]),
        "ours AP": ours.ap,
        "pycocotools AP50": float(evaluation.stats[1]),
        "ours AP50": ours.ap50,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--evaluator", action="store_true", help="check the evaluator against pycocotools instead")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    data = Path(os.environ["UNSEEN_DATA"])
    if arguments.evaluator:
        print(json.dumps(evaluator(data), indent=1))
        return
    rows = regions(data)
    if arguments.json:
        print(json.dumps(rows, indent=1))
        return
    columns = list(rows[0])
    print("| " + " | ".join(columns) + " |\n|" + "---|" * len(columns))
    for row in rows:
        print("| " + " | ".join(str(row[column]) for column in columns) + " |")


if __name__ == "__main__":
    main()
