"""Detection: boxes, and what finds them.

::

    detections.py    Detections: the boxes of one image with their classes
    base.py          Detector: what finds boxes; Proposals: what it says of one image
    loading.py       from the name of a detector to the detector
    boxes.py, nms.py, tiles.py    boxes as arrays: overlap, suppression, tiles
    crops.py, label_evidence.py, judge.py    what is in a box
    default.py, transformers.py, yolox.py, regions.py, http.py    the detectors
    readers.py, read_*.py, exports.py    files of boxes
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from unseen.detection.base import BoundDetector, Detector, Picture, Proposals
    from unseen.detection.boxes import iou_matrix
    from unseen.detection.detections import Detections
    from unseen.detection.loading import load_detector
    from unseen.detection.readers import BoxFile, ImageBoxes, read_boxes
    from unseen.detection.regions import RegionsDetector
    from unseen.detection.yolox import YoloxDetector

__all__ = [
    "BoundDetector",
    "BoxFile",
    "Detections",
    "Detector",
    "ImageBoxes",
    "Picture",
    "Proposals",
    "RegionsDetector",
    "YoloxDetector",
    "iou_matrix",
    "load_detector",
    "read_boxes",
]

_HOME = {
    "BoundDetector": "base",
    "BoxFile": "readers",
    "Detections": "detections",
    "Detector": "base",
    "ImageBoxes": "readers",
    "Picture": "base",
    "Proposals": "base",
    "RegionsDetector": "regions",
    "YoloxDetector": "yolox",
    "iou_matrix": "boxes",
    "load_detector": "loading",
    "read_boxes": "readers",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
