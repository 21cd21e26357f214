"""Boxes, suppression and average precision against supervision, OpenCV and pycocotools."""

from __future__ import annotations

import contextlib
import io
import json
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
import supervision as sv
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from unseen.detection import read_boxes
from unseen.detection.boxes import areas, from_cxcywh, from_xywh, iou_matrix, to_cxcywh, to_xywh
from unseen.detection.nms import nms
from unseen.metrics.boxes import average_precision

if TYPE_CHECKING:
    from pathlib import Path

Array = np.ndarray[Any, Any]


def boxes(seed: int, n: int = 60, side: float = 100) -> Array:
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, side, (n, 2))
    return np.concatenate([corner, corner + rng.uniform(1, side / 2, (n, 2))], axis=1).astype(np.float32)


@pytest.mark.parametrize("seed", range(5))
def test_overlap_is_that_of_supervision_and_pycocotools(seed: int) -> None:
    a, b = boxes(seed), boxes(seed + 100, 40)
    ours = iou_matrix(a, b)
    np.testing.assert_allclose(ours, sv.box_iou_batch(a, b), atol=1e-5)
    theirs = coco_mask.iou(to_xywh(a).astype(float), to_xywh(b).astype(float), [0] * len(b))
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    assert (ours > 0).sum() > 50


@pytest.mark.parametrize("seed", range(3))
def test_conversions_are_those_of_supervision(seed: int) -> None:
    a = boxes(seed)
    np.testing.assert_allclose(from_xywh(to_xywh(a)), sv.xywh_to_xyxy(to_xywh(a)), rtol=1e-6)
    np.testing.assert_allclose(from_cxcywh(to_cxcywh(a)), sv.xcycwh_to_xyxy(to_cxcywh(a)), rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(areas(a), sv.Detections(xyxy=a).box_area, rtol=1e-5)


@pytest.mark.parametrize("iou", [0.3, 0.5, 0.7])
@pytest.mark.parametrize("seed", range(4))
def test_suppression_keeps_what_supervision_and_opencv_keep(seed: int, iou: float) -> None:
    a = boxes(seed, 80, 60)
    scores = np.random.default_rng(seed).permutation(80) / 80 + 0.001
    classes = np.random.default_rng(seed + 1).integers(0, 3, 80)
    one = nms(a, scores, iou=iou)
    theirs = sv.box_non_max_suppression(np.column_stack([a, scores]), iou_threshold=iou)
    np.testing.assert_array_equal(np.sort(one), np.flatnonzero(theirs))
    opencv = cv2.dnn.NMSBoxes(to_xywh(a).tolist(), scores.tolist(), 0.0, iou)
    np.testing.assert_array_equal(one, np.asarray(opencv).ravel())
    each = nms(a, scores, iou=iou, classes=classes)
    theirs = sv.box_non_max_suppression(np.column_stack([a, scores, classes]), iou_threshold=iou)
    np.testing.assert_array_equal(np.sort(each), np.flatnonzero(theirs))
    assert len(one) <= len(each)
    assert iou > 0.3 or len(one) < len(each) < 80


def pycocotools_ap(true: Path, found: Path) -> Array:
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(str(true))
        evaluation = COCOeval(coco, coco.loadRes(str(found)), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return np.asarray(evaluation.stats)


@pytest.mark.parametrize("seed", range(3))
def test_average_precision_is_that_of_pycocotools(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    images: list[dict[str, Any]] = [
        {"id": i, "file_name": f"{i}.jpg", "width": 200, "height": 200} for i in range(1, 13)
    ]
    annotations: list[dict[str, Any]] = []
    results = []
    for image in images:
        for box in boxes(seed * 50 + image["id"], 6):
            x, y, w, h = (float(v) for v in to_xywh(box[None])[0])
            kind = int(rng.integers(1, 4))
            entry = {"image_id": image["id"], "category_id": kind, "bbox": [x, y, w, h]}
            crowd = int(rng.random() < 0.1)
            annotations.append(entry | {"id": len(annotations) + 1, "area": w * h, "iscrowd": crowd})
            if rng.random() < 0.8:
                moved = [x + rng.normal(0, w / 12), y + rng.normal(0, h / 12), w, h]
                results.append(entry | {"bbox": moved, "score": float(rng.random())})
            if rng.random() < 0.3:
                results.append(entry | {"category_id": 1, "score": float(rng.random())})
    names = [{"id": i, "name": f"class {i}"} for i in (1, 2, 3, 4)]
    true, found = tmp_path / "true.json", tmp_path / "found.json"
    true.write_text(json.dumps({"images": images, "annotations": annotations, "categories": names}))
    found.write_text(json.dumps(results))
    stats = pycocotools_ap(true, found)
    ours = average_precision(read_boxes(found, images=true), true)
    assert ours.ap == pytest.approx(stats[0], abs=1e-4)
    assert ours.ap50 == pytest.approx(stats[1], abs=1e-4)
    assert ours.by_iou[0.75] == pytest.approx(stats[2], abs=1e-4)
    assert 0.2 < ours.ap < 0.9
    assert set(ours.by_class) == {"class 1", "class 2", "class 3"}


def test_stored_results_of_a_detector_score_as_with_pycocotools(data: Path) -> None:
    folder = data / "detection_coco100"
    stats = pycocotools_ap(folder / "gt_dataset.json", folder / "dt_dataset.json")
    found = read_boxes(folder / "dt_dataset.json", images=folder / "gt_dataset.json")
    ours = average_precision(found, folder / "gt_dataset.json")
    assert (ours.ap, ours.ap50) == pytest.approx((stats[0], stats[1]), abs=1e-6)


def test_stored_voc_results_score_alike_in_all_three_formats(data: Path) -> None:
    folder = data / "detection_voc100"
    found = read_boxes(folder / "dets/coco_format/coco_dets.json")
    coco = average_precision(found, folder / "gts/coco_format_v1/instances_default.json", iou=0.5)
    voc = average_precision(found, folder / "gts/pascalvoc_format", iou=0.5)
    assert coco.images == voc.images == 100
    assert coco.boxes + 5 > voc.boxes > 200
    assert coco.ap == pytest.approx(voc.ap, abs=0.05)
    assert coco.ap > 0.3
    yolo = read_boxes(folder / "gts/yolo_format/obj_train_data")
    assert sum(map(len, yolo.images.values())) == coco.boxes
