"""Average precision of boxes, as COCO's evaluation defines it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.errors import InputError
from unseen.validation import check_number, counted, import_extra, message, verbatim

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from unseen.detection.detections import Detections
    from unseen.detection.readers import BoxFile, ImageBoxes

__all__ = ["AveragePrecision", "average_precision"]

_OWNER = "average_precision"
#: COCO's overlaps.
_COCO = tuple(round(0.5 + 0.05 * i, 2) for i in range(10))


@dataclass(frozen=True)
class AveragePrecision:
    """How well boxes were found.

    Attributes
    ----------
    ap : float
        Mean over classes and overlaps of the average precision, in [0, 1].
    by_iou : mapping of float to float
        Mean over classes, for each overlap.
    by_class : mapping of str to float
        Mean over overlaps, for each class of which there is a true box.
    ious : tuple of float
        The overlaps.
    images, boxes : int
        How many images, and how many true boxes that count.
    """

    ap: float
    by_iou: Mapping[float, float] = field(repr=False)
    by_class: Mapping[str, float] = field(repr=False)
    ious: tuple[float, ...] = field(repr=False)
    images: int
    boxes: int

    @property
    def ap50(self) -> float:
        """Mean over classes where an overlap of 0.5 is enough; NaN where it was not among the overlaps."""
        return self.by_iou.get(0.5, float("nan"))

    def __str__(self) -> str:
        of = f"{counted(self.images, 'image')}, {counted(self.boxes, 'box', 'boxes')}"
        return f"AP {self.ap:.3f}, AP50 {self.ap50:.3f} ({of})"


def average_precision(
    detections: Iterable[Detections] | BoxFile,
    truth: BoxFile | str | Any,
    *,
    iou: float | Sequence[float] | None = None,
    max_boxes: int = 100,
    rename: Mapping[str, str] | None = None,
) -> AveragePrecision:
    r"""Return the average precision of boxes: the mean precision over recalls of 0, 0.01, …, 1.

    .. math:: \text{AP} = \frac{1}{101} \sum_{r} \max_{r' \ge r} \text{precision}(r')

    Parameters
    ----------
    detections : iterable of Detections, or BoxFile
        What was found. Unknown boxes are passed over; an image with an error has no boxes.
    truth : BoxFile or path
        What is there; see :func:`~unseen.detection.readers.read_boxes`. Crowds and difficult objects are passed over.
    iou : float, sequence of float or None, default None
        Overlap from which a box counts as found, in (0, 1]; several are averaged. None: 0.5, 0.55, …, 0.95.
    max_boxes : int, default 100
        The surest boxes of each image and class that count.
    rename : mapping of str to str or None, default None
        What a class of `truth` is called in `detections`, where that differs by more than case, spaces and hyphens.

    Returns
    -------
    AveragePrecision
        Classes without a true box are left out of the means; classes that `detections` do not know count 0.

    Raises
    ------
    InputError
        When an image of `detections` is not in `truth`, is there twice, or `truth` holds no box that counts.
    MissingExtraError
        When faster-coco-eval is not installed.

    References
    ----------
    Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014.
    """
    from unseen.detection.readers import BoxFile, read_boxes

    coco = import_extra("faster_coco_eval", extra="vision", purpose=_OWNER)
    least = int(check_number(_OWNER, "max_boxes", max_boxes, low=1, integer=True))
    ious = _COCO if iou is None else tuple(iou) if isinstance(iou, list | tuple) else (iou,)
    ious = tuple(check_number(_OWNER, "iou", one, low=0, high=1, low_open=True) for one in ious)
    if not ious:
        raise InputError(message(_OWNER, "iou", "at least one overlap", verbatim("none"), "Pass for example 0.5"))
    there = truth if isinstance(truth, BoxFile) else read_boxes(truth)
    classes, images, annotations = _truth(there, rename or {})
    results = _results(detections, classes, images, there)
    categories = [{"id": i, "name": name} for i, name in enumerate(classes.values(), 1)]
    data = {"images": list(images.values()), "annotations": annotations, "categories": categories}
    true = coco.COCO(data)
    evaluation = coco.COCOeval_faster(true, true.loadRes(results), "bbox")
    evaluation.params.iouThrs = np.array(ious)
    evaluation.params.maxDets = [1, 10, least] if least > 10 else [1, 1, least]
    evaluation.evaluate()
    evaluation.accumulate()
    # (overlaps, recalls, classes, areas, numbers of boxes); -1 where a class has no true box
    precision = np.asarray(evaluation.eval["precision"])[:, :, :, 0, -1]
    each = np.where(precision > -1, precision, np.nan).mean(axis=1)
    counted = ~np.isnan(each).all(axis=0)
    names = list(classes.values())
    return AveragePrecision(
        float(each[:, counted].mean()),
        {one: float(row[counted].mean()) for one, row in zip(ious, each, strict=True)},
        {names[i]: float(each[:, i].mean()) for i in np.flatnonzero(counted)},
        ious,
        len(images),
        sum(not one["iscrowd"] for one in annotations),
    )


def _loose(name: str) -> str:
    return "".join(c for c in name.casefold() if c not in " -_")


def _truth(
    file: BoxFile, rename: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, dict[str, Any]], list[dict[str, Any]]]:
    """Return the classes by their loose names, the images by theirs, and the boxes, as COCO has them."""
    labels = {label for one in file.images.values() for label in one.labels if label is not None}
    strange = [name for name in rename if name not in {*file.names, *labels}]
    if strange:
        remedy = f"Classes there: {', '.join(sorted(labels))[:200]}"
        raise InputError(message(_OWNER, "rename", "of classes of the truth", strange[0], remedy))
    names = dict.fromkeys([*file.names, *sorted(labels - set(file.names))])
    classes = {_loose(rename.get(name, name)): rename.get(name, name) for name in names}
    number = {loose: i for i, loose in enumerate(classes, 1)}
    images: dict[str, dict[str, Any]] = {}
    annotations: list[dict[str, Any]] = []
    for key, (item, one) in enumerate(file.images.items(), 1):
        size = one.size or (1, 1)
        if one.relative and one.size is None:
            got = verbatim("shares of an image whose size is not known")
            remedy = "Use a format that says sizes, such as COCO or VOC"
            raise InputError(message(_OWNER, f"boxes of {item!r}", "in pixels", got, remedy))
        images[item] = {"id": key, "file_name": item, "width": size[0], "height": size[1]}
        boxes = one.pixels(size).astype(np.float64)
        for box, label, ignored in zip(boxes, one.labels, one.ignored, strict=True):
            if label is None:
                raise InputError(
                    message(_OWNER, f"boxes of {item!r}", "labelled", verbatim("one without a label"), "Label them")
                )
            annotations.append(
                _annotation(len(annotations) + 1, key, number[_loose(rename.get(label, label))], box)
                | {"iscrowd": int(ignored)}
            )
    if all(one["iscrowd"] for one in annotations):
        raise InputError(message(_OWNER, "truth", "with boxes that count", verbatim("none"), "Check the file"))
    return classes, images, annotations


def _annotation(number: int, image: int, category: int, box: Any) -> dict[str, Any]:
    x0, y0, x1, y1 = (float(edge) for edge in box)
    wide, high = x1 - x0, y1 - y0
    return {
        "id": number,
        "image_id": image,
        "category_id": category,
        "bbox": [x0, y0, wide, high],
        "area": wide * high,
    }


def _results(
    detections: Any, classes: Mapping[str, str], images: Mapping[str, dict[str, Any]], truth: BoxFile
) -> list[dict[str, Any]]:
    from unseen.detection.matching import NameIndex
    from unseen.detection.readers import BoxFile

    index = NameIndex(images)
    number = {loose: i for i, loose in enumerate(classes, 1)}
    found: list[dict[str, Any]] = []
    met: set[str] = set()
    rows = detections.images.values() if isinstance(detections, BoxFile) else detections
    for one in rows:
        item = index.find(one.item)
        if item is None or item in met:
            expected = f"one of the {len(images):,} images of {truth.path.name}, once"
            raise InputError(message(_OWNER, "an image of detections", expected, one.item, "Leave it out"))
        met.add(item)
        boxes, scores, labels = _found(one, truth.images[item])
        for box, score, label in zip(boxes, scores, labels, strict=True):
            position = None if label is None else number.get(_loose(label))
            if position is not None:
                made = _annotation(len(found) + 1, images[item]["id"], position, box)
                found.append(made | {"score": float(score), "iscrowd": 0})
    return found


def _found(one: Detections | ImageBoxes, true: ImageBoxes) -> tuple[Any, Any, Sequence[str | None]]:
    from unseen.detection.readers import ImageBoxes

    if not isinstance(one, ImageBoxes):
        return one.boxes.astype(np.float64), one.scores, one.best()
    size = one.size or true.size
    if one.relative and size is None:
        got = verbatim("shares of an image whose size is not known")
        raise InputError(message(_OWNER, f"boxes of {one.item!r}", "in pixels", got, "Use another format"))
    return one.pixels(size or (1, 1)).astype(np.float64), one.scores, one.labels
