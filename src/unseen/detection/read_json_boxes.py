"""Boxes in JSON: COCO data sets and results, Label Studio tasks."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from unseen.detection.readers import BoxFile, image_boxes, read_text, wrong
from unseen.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from unseen.detection.readers import ImageBoxes

__all__ = ["read_json_boxes"]


def read_json_boxes(path: Path, kind: str, images: Path | None, guess: bool) -> BoxFile:
    """Read COCO or Label Studio; where `guess`, whichever it is.

    Raises
    ------
    InputError
        With the place, when something in it is wrong.
    """
    content = _parse(path)
    if guess and isinstance(content, list) and any(isinstance(one, dict) and "data" in one for one in content[:10]):
        kind = "label-studio"
    if kind == "label-studio":
        return _label_studio(path, content)
    if isinstance(content, list):
        return _coco_results(path, content, images)
    if not isinstance(content, dict) or not isinstance(content.get("images"), list):
        raise wrong(path, "", "its content", "a COCO data set with images, or a list of results", content)
    return _coco(path, content, content.get("annotations", []))


def _parse(path: Path) -> Any:
    try:
        return json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        raise wrong(path, "", "its text", "JSON", str(error)) from None


def _coco_results(path: Path, content: list[Any], images: Path | None) -> BoxFile:
    if images is not None:
        data = _parse(images)
        if not isinstance(data, dict) or not isinstance(data.get("images"), list):
            raise wrong(images, "", "its content", "a COCO data set with images", data)
        return _coco(path, data, content)
    # Numbers alone: COCO's own images are called by theirs.
    made = {
        "images": [{"id": i, "file_name": str(i)} for i in _numbers(content, "image_id")],
        "categories": [{"id": i, "name": None} for i in _numbers(content, "category_id")],
    }
    return _coco(path, made, content)


def _numbers(content: list[Any], key: str) -> list[int]:
    """Return the whole numbers under a key of results, each once."""
    values = [one.get(key) for one in content if isinstance(one, dict)]
    return sorted({i for i in values if isinstance(i, int) and not isinstance(i, bool)})


def _coco(path: Path, data: dict[str, Any], annotations: Any) -> BoxFile:
    if not isinstance(annotations, list):
        raise wrong(path, "annotations", "they", "a list", annotations)
    names: dict[Any, str | None] = {}
    for i, category in enumerate(_objects(path, "categories", data.get("categories", []))):
        name = category.get("name")
        if not isinstance(category.get("id"), int | str) or not (name is None or isinstance(name, str)):
            raise wrong(path, f"categories[{i}]", "it", "an id and a name", category)
        names[category["id"]] = name
    rows: dict[Any, list[tuple[Any, ...]]] = {}
    facts: dict[Any, tuple[str, tuple[int, int] | None]] = {}
    taken: set[str] = set()
    for i, image in enumerate(_objects(path, "images", data["images"])):
        where, key, file = f"images[{i}]", image.get("id"), image.get("file_name")
        if not isinstance(key, int | str) or not isinstance(file, str) or key in facts or file in taken:
            raise wrong(path, where, "it", "an id and a file_name of its own", image)
        width, height = image.get("width"), image.get("height")
        sized = all(isinstance(side, int) and 0 < side < 1 << 24 for side in (width, height))
        facts[key] = (file, (width, height) if sized else None)  # type: ignore[assignment]  # both are numbers
        taken.add(file)
        rows[key] = []
    for i, one in enumerate(_objects(path, "annotations", annotations)):
        where = f"annotations[{i}]"
        key, number = one.get("image_id"), one.get("category_id")
        if not isinstance(key, int | str) or key not in rows:
            raise wrong(path, where, "image_id", "that of one of the images", key)
        if not isinstance(number, int | str) or (names and number not in names):
            raise wrong(path, where, "category_id", "that of one of the categories", number)
        box = _four(path, where, one.get("bbox"))
        if box is None:
            continue  # of a segmentation without boxes
        x, y, wide, high = box
        score = one.get("score", 1.0)
        if not _number(score):
            raise wrong(path, where, "score", "a number", score)
        ignored = bool(one.get("iscrowd")) or bool(one.get("ignore"))
        share = min(max(float(score), 0.0), 1.0)
        rows[key].append(((x, y, x + wide, y + high), share, names.get(number), ignored, 0))
    images: dict[str, ImageBoxes] = {
        file: image_boxes(file, rows[key], size=size) for key, (file, size) in facts.items()
    }
    return BoxFile(path, "coco", tuple(name for name in names.values() if name is not None), images)


def _objects(path: Path, where: str, values: Any) -> list[dict[str, Any]]:
    if not isinstance(values, list):
        raise wrong(path, where, "they", "a list", values)
    for i, value in enumerate(values):
        if not isinstance(value, dict):
            raise wrong(path, f"{where}[{i}]", "it", "an object", value)
    return values


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and abs(value) < 1e9


def _four(path: Path, where: str, box: Any) -> list[float] | None:
    if box is None or box == []:
        return None
    if not isinstance(box, list) or len(box) != 4 or not all(map(_number, box)) or min(box[2:]) < 0:
        raise wrong(path, where, "bbox", "left, top, width and height", box)
    return [float(number) for number in box]


def _label_studio(path: Path, content: Any) -> BoxFile:
    """Read tasks with rectangles, of predictions or, where there are any, of people's annotations."""
    if not isinstance(content, list):
        raise wrong(path, "", "its content", "a list of tasks", content)
    images: dict[str, ImageBoxes] = {}
    names: dict[str, None] = {}
    for i, task in enumerate(_objects(path, "tasks", content)):
        where = f"tasks[{i}]"
        data = task.get("data")
        item = _task_item(data)
        if item is None or item in images:
            raise wrong(path, where, "data", "the image, of its own", data)
        sets = task.get("annotations") or task.get("predictions") or []
        chosen = sets[0] if isinstance(sets, list) and sets and isinstance(sets[0], dict) else {}
        size: tuple[int, int] | None = None
        rows = []
        for j, result in enumerate(_objects(path, f"{where}.result", chosen.get("result", []))):
            if result.get("type") != "rectanglelabels":
                continue
            place, given = f"{where}.result[{j}]", result.get("value")
            value: dict[str, Any] = given if isinstance(given, dict) else {}
            numbers = [value.get(key) for key in ("x", "y", "width", "height")]
            if not all(map(_number, numbers)):
                raise wrong(path, place, "value", "x, y, width and height in percent", value)
            x, y, wide, high = (float(number) / 100 for number in numbers)  # type: ignore[arg-type]  # checked above
            labels = value.get("rectanglelabels") or [None]
            label = labels[0] if isinstance(labels, list) and isinstance(labels[0], str) else None
            score = result.get("score", 1.0)
            if value.get("rotation"):
                raise wrong(path, place, "rotation", "0: boxes stand upright", value["rotation"])
            sides = (result.get("original_width"), result.get("original_height"))
            if all(isinstance(side, int) and side > 0 for side in sides):
                size = sides  # type: ignore[assignment]  # both are numbers
            rows.append(((x, y, x + wide, y + high), score if _number(score) else 1.0, label, False, 0))
            if label is not None:
                names.setdefault(label, None)
        images[item] = image_boxes(item, rows, size=size, relative=True)
    return BoxFile(path, "label-studio", tuple(names), images)


def _task_item(data: Any) -> str | None:
    if not isinstance(data, dict):
        return None
    if isinstance(data.get("item"), str):
        return str(data["item"])
    found = [value for value in data.values() if isinstance(value, str)]
    return found[0].rpartition("?d=")[2] if found else None
