"""Boxes in lines of text: YOLO's labels and MOTChallenge files."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from unseen.detection.mot_rows import read_mot_rows
from unseen.detection.readers import BoxFile, image_boxes, read_text, wrong

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["read_mot", "read_yolo"]

#: Class names are found here, in this order.
_NAME_FILES = ("data.yaml", "dataset.yaml", "classes.txt", "obj.names", "names.txt")
_NO_LABELS = frozenset(
    {"classes.txt", "names.txt", "train.txt", "val.txt", "test.txt", "readme.txt", "requirements.txt"}
)


def read_mot(path: Path) -> BoxFile:
    """Read a MOTChallenge file: frame, track, left, top, width, height, confidence, and perhaps more.

    Raises
    ------
    InputError
        With the line, when something in it is wrong.
    """
    rows: dict[int, list[tuple[Any, ...]]] = {}
    table = read_mot_rows(path, owner="read_boxes", first=0, empty=True)
    for frame, track, left, top, width, height, sure, _ in table.tolist():
        # Files of detections hold confidences, those of truth 1 or 0: whether the row counts. -1 says nothing.
        box = (left - 1, top - 1, left - 1 + width, top - 1 + height)
        score = min(sure, 1.0) if sure >= 0 else 1.0
        rows.setdefault(int(frame), []).append((box, score, None, sure == 0, int(track)))
    images = {str(frame): image_boxes(str(frame), rows[frame], tracked=True) for frame in sorted(rows)}
    return BoxFile(path, "mot", (), images)


def read_yolo(path: Path) -> BoxFile:
    """Read a folder of YOLO labels: per image a ``.txt`` file of class, centre x, centre y, width, height.

    The folder, ``labels`` in it, or that of ``data.yaml``; polygons become the boxes around them; a sixth number is a
    confidence. Names are read from ``data.yaml``, ``classes.txt`` or ``obj.names`` there or one folder up.

    Raises
    ------
    InputError
        With the file and the line, when something in it is wrong.
    """
    root = path if path.is_dir() else path.parent
    names = _yolo_names(root)
    images = {}
    labels = root / "labels" if (root / "labels").is_dir() else root
    for file in sorted(labels.rglob("*.txt")):
        if file.name.lower() in _NO_LABELS or not file.is_file():
            continue
        rows = [_yolo_row(file, where, cells, names) for where, cells in _lines(file)]
        item = file.relative_to(labels).with_suffix("").as_posix()
        images[item] = image_boxes(item, rows, relative=True)
    if not images:
        raise wrong(path, "", "labels", "in .txt files, one per image", "none")
    return BoxFile(path, "yolo", tuple(names), images)


def _yolo_row(file: Path, where: str, cells: list[str], names: list[str]) -> tuple[Any, ...]:
    numbers = _numbers(file, where, cells)
    polygon = len(numbers) >= 7 and len(numbers) % 2 == 1
    if len(numbers) not in (5, 6) and not polygon:
        raise wrong(file, where, "a row", "class, centre x, centre y, width, height", " ".join(cells))
    number = int(numbers[0])
    if number != numbers[0] or number < 0 or (names and number >= len(names)):
        expected = f"a whole number below {len(names)}" if names else "a whole number of at least 0"
        raise wrong(file, where, "the class", expected, cells[0])
    label = names[number] if names else str(number)
    if polygon:
        xs, ys = numbers[1::2], numbers[2::2]
        box, score = (min(xs), min(ys), max(xs), max(ys)), 1.0
    else:
        x, y, wide, high = numbers[1:5]
        box, score = (x - wide / 2, y - high / 2, x + wide / 2, y + high / 2), [*numbers, 1.0][5]
    if min(box) < -0.5 or max(box) > 1.5:
        raise wrong(file, where, "a box", "shares of the image, from 0 to 1", " ".join(cells[1:5]))
    return tuple(min(max(edge, 0.0), 1.0) for edge in box), min(max(score, 0.0), 1.0), label, False, 0


def _yolo_names(root: Path) -> list[str]:
    for folder in (root, root.parent):
        for name in _NAME_FILES:
            file = folder / name
            if file.is_file():
                return _names_of(file)
    return []


def _names_of(file: Path) -> list[str]:
    text = read_text(file, limit=1 << 24)
    if file.suffix != ".yaml":
        return [line.strip() for line in text.splitlines() if line.strip()]
    import yaml

    try:
        found = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        raise wrong(file, "", "its text", "YAML", " ".join(str(error).split())[:100]) from None
    names = found.get("names") if isinstance(found, dict) else None
    if isinstance(names, dict) and set(names) == set(range(len(names))):
        names = [names[number] for number in range(len(names))]
    if not isinstance(names, list) or not all(isinstance(name, str | int) for name in names):
        raise wrong(file, "", "names", "a list, or numbers from 0 with a name each", names)
    return [str(name) for name in names]


def _lines(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield where each line with something on it is, and its cells."""
    for number, line in enumerate(read_text(path).splitlines(), 1):
        cells = [cell.strip() for cell in line.split()]
        while cells and not cells[-1]:
            cells.pop()
        if cells and not cells[0].startswith("#"):
            yield f"line {number}", cells


def _numbers(path: Path, where: str, cells: list[str]) -> list[float]:
    try:
        numbers = [float(cell) for cell in cells]
    except ValueError:
        raise wrong(path, where, "a row", "numbers", " ".join(cells)) from None
    if not all(math.isfinite(number) for number in numbers):
        raise wrong(path, where, "a row", "finite numbers", " ".join(cells))
    return numbers
