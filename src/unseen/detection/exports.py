"""Boxes in the layouts of other tools: COCO, YOLO, Pascal VOC, Label Studio.

Pictures are never copied: an export names the files, and where a tool needs them in a folder of its own there are
links. An export is there whole or not at all, and takes the place of nothing.
"""

from __future__ import annotations

import io
import json
import math
from abc import ABC, abstractmethod
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

import yaml

from unseen.detection.boxes import to_cxcywh, to_xywh
from unseen.errors import InputError
from unseen.exports.base import JsonArray
from unseen.exports.draft import draft
from unseen.exports.names import safe_name, with_mark
from unseen.registry import BOX_EXPORTS
from unseen.validation import check_choice, message

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from unseen.detection.detections import Detections

__all__ = ["BoxExport", "CocoBoxes", "LabelStudioBoxes", "VocBoxes", "YoloBoxes", "export_boxes", "open_export"]

#: What names of an XML file may not hold, in any spelling.
_NO_XML = dict.fromkeys(range(32), " ") | {0xFFFE: " ", 0xFFFF: " "}


class BoxExport(ABC):
    """Base of the formats.

    Parameters
    ----------
    root : Path
        The file or folder to write; under another name until it is complete.
    names : sequence of str
        Classes of the vocabulary, in its order.
    settings : mapping
        What produced the boxes.
    """

    #: What `--help` says of it.
    description: ClassVar[str]
    #: The suffix of the one file it writes; None where it writes a folder.
    suffix: ClassVar[str | None] = None

    def __init__(self, root: Path, names: Sequence[str], settings: Mapping[str, Any]) -> None:
        self.root = root
        self.names = tuple(names)
        self.settings = settings
        self._taken: set[str] = set()

    def begin(self) -> None:  # noqa: B027  most have nothing to do
        """Write what comes before the first image."""

    @abstractmethod
    def add(self, detections: Detections) -> None:
        """Write the boxes of one image; images with an error, and unknown boxes, are left out."""

    def end(self) -> None:  # noqa: B027  most have nothing to do
        """Write what comes after the last image."""

    def close(self) -> None:  # noqa: B027  most have nothing open
        """Let go of what is open, whatever happened."""

    def _stem(self, item: str) -> str:
        """Return a name for an image's file of boxes, its own where that is free."""
        name = safe_name(_file_name(item))
        stem = Path(name).stem
        if stem.casefold() in self._taken:
            stem = with_mark(stem, item)
        self._taken.add(stem.casefold())
        return stem


class CocoBoxes(BoxExport):
    """One JSON file in COCO's layout, with ``score`` in each annotation; categories are numbered from 1."""

    description = "COCO: one .json file"
    suffix = ".json"

    def begin(self) -> None:
        """Open the file; annotations come behind the images."""
        self._file = self.root.open("w", encoding="utf-8", newline="\n")
        self._late = io.StringIO()
        self._file.write('{\n "info": ' + json.dumps({"description": "unseen"} | _plain(self.settings)) + ",\n")
        self._file.write(' "images": ')
        self._images = JsonArray(self._file)
        self._annotations = JsonArray(self._late)
        self._n_images = self._n_boxes = 0

    def add(self, detections: Detections) -> None:
        """Write the image, and keep its boxes."""
        if detections.error is not None:
            return
        self._n_images += 1
        width, height = detections.size
        self._images.add({"id": self._n_images, "file_name": detections.item, "width": width, "height": height})
        boxes = to_xywh(detections.boxes)
        for i in _known(detections):
            x, y, wide, high = (float(str(edge)) for edge in boxes[i])
            self._n_boxes += 1
            self._annotations.add(
                {
                    "id": self._n_boxes,
                    "image_id": self._n_images,
                    "category_id": int(detections.top[i, 0]) + 1,
                    "bbox": [x, y, wide, high],
                    "area": wide * high,
                    "iscrowd": 0,
                    "score": float(str(detections.scores[i])),
                }
            )

    def end(self) -> None:
        """Write annotations and categories."""
        self._images.end()
        self._annotations.end()
        categories = [{"id": number, "name": name} for number, name in enumerate(self.names, 1)]
        self._file.write(',\n "annotations": ' + self._late.getvalue())
        self._file.write(',\n "categories": ' + json.dumps(categories, ensure_ascii=False) + "\n}\n")

    def close(self) -> None:
        """Close the file."""
        if hasattr(self, "_file"):
            self._file.close()


class YoloBoxes(BoxExport):
    """``labels/``, ``images/`` with links to the pictures, and ``data.yaml``, as YOLO detectors are trained from."""

    description = "YOLO: labels/, images/ (links) and data.yaml"

    def begin(self) -> None:
        """Make the folders."""
        (self.root / "labels").mkdir()
        (self.root / "images").mkdir()

    def add(self, detections: Detections) -> None:
        """Write an image's labels: class, centre and size as shares of the image."""
        if detections.error is not None:
            return
        stem = self._stem(detections.item)
        width, height = detections.size
        boxes = to_cxcywh(detections.boxes)
        lines = []
        for i in _known(detections):
            x, y, wide, high = (float(edge) for edge in boxes[i])
            shares = " ".join(f"{v:.6f}" for v in (x / width, y / height, wide / width, high / height))
            lines.append(f"{int(detections.top[i, 0])} {shares}\n")
        (self.root / "labels" / f"{stem}.txt").write_text("".join(lines), "utf-8")
        _link(detections.item, self.root / "images", stem)

    def end(self) -> None:
        """Write the names."""
        data = {"path": ".", "train": "images", "val": "images", "nc": len(self.names), "names": list(self.names)}
        (self.root / "data.yaml").write_text(yaml.safe_dump(data, sort_keys=False, allow_unicode=True), "utf-8")


class VocBoxes(BoxExport):
    """``Annotations/`` with an XML file per image, and ``JPEGImages/`` with links to the pictures.

    Edges are whole pixels, counted from 1, the last one part of the box.
    """

    description = "Pascal VOC: Annotations/ and JPEGImages/ (links)"

    def begin(self) -> None:
        """Make the folders."""
        (self.root / "Annotations").mkdir()
        (self.root / "JPEGImages").mkdir()

    def add(self, detections: Detections) -> None:
        """Write an image's annotation."""
        if detections.error is not None:
            return
        stem = self._stem(detections.item)
        name = _link(detections.item, self.root / "JPEGImages", stem)
        width, height = detections.size
        parts = [
            "<annotation>",
            "  <folder>JPEGImages</folder>",
            f"  <filename>{_xml(name)}</filename>",
            f"  <path>{_xml(detections.item)}</path>",
            f"  <size><width>{width}</width><height>{height}</height><depth>3</depth></size>",
            "  <segmented>0</segmented>",
        ]
        for i in _known(detections):
            left, top, right, bottom = (float(edge) for edge in detections.boxes[i])
            x, y = min(math.floor(left + 0.5) + 1, width), min(math.floor(top + 0.5) + 1, height)
            xmax, ymax = max(math.floor(right + 0.5), x), max(math.floor(bottom + 0.5), y)
            parts += [
                "  <object>",
                f"    <name>{_xml(self.names[detections.top[i, 0]])}</name>",
                "    <pose>Unspecified</pose><truncated>0</truncated><difficult>0</difficult>",
                f"    <score>{detections.scores[i]}</score>",
                f"    <bndbox><xmin>{x}</xmin><ymin>{y}</ymin><xmax>{xmax}</xmax><ymax>{ymax}</ymax></bndbox>",
                "  </object>",
            ]
        (self.root / "Annotations" / f"{stem}.xml").write_text("\n".join([*parts, "</annotation>"]) + "\n", "utf-8")


class LabelStudioBoxes(BoxExport):
    """``tasks.json`` with predictions, ``config.xml`` with the interface, and ``images/`` with links.

    Start Label Studio with ``LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true`` and this folder as
    ``LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT``, and give the project ``images/`` as local storage.
    """

    description = "Label Studio: tasks with predicted rectangles, and the interface"

    def begin(self) -> None:
        """Open the file."""
        (self.root / "images").mkdir()
        self._file = (self.root / "tasks.json").open("w", encoding="utf-8", newline="\n")
        self._tasks = JsonArray(self._file)

    def add(self, detections: Detections) -> None:
        """Write a task with a prediction."""
        if detections.error is not None:
            return
        name = _link(detections.item, self.root / "images", self._stem(detections.item))
        width, height = detections.size
        boxes = to_xywh(detections.boxes)
        results, scores = [], []
        for i in _known(detections):
            scores.append(float(str(detections.scores[i])))
            x, y, wide, high = (float(edge) for edge in boxes[i])
            value = {"x": 100 * x / width, "y": 100 * y / height}
            value |= {"width": 100 * wide / width, "height": 100 * high / height}
            results.append(
                {
                    "id": f"box-{i + 1}",
                    "type": "rectanglelabels",
                    "from_name": "label",
                    "to_name": "image",
                    "original_width": width,
                    "original_height": height,
                    "image_rotation": 0,
                    "score": scores[-1],
                    "value": value | {"rotation": 0, "rectanglelabels": [self.names[detections.top[i, 0]]]},
                }
            )
        prediction: dict[str, Any] = {"model_version": f"unseen {self.settings.get('model', '')}".strip()}
        if results:
            prediction["score"] = max(scores)
        address = "/data/local-files/?d=" + quote(f"images/{name}")
        data = {"image": address, "item": detections.item}
        self._tasks.add({"data": data, "predictions": [prediction | {"result": results}]})

    def end(self) -> None:
        """Write the interface."""
        from unseen.report.drawing import colour_of

        self._tasks.end()
        self._file.write("\n")
        colours = ["#%02x%02x%02x" % colour_of(i) for i in range(len(self.names))]  # noqa: UP031  shortest
        labels = [
            f"    <Label value={quoteattr(name.translate(_NO_XML))} background={quoteattr(colour)}/>"
            for name, colour in zip(self.names, colours, strict=True)
        ]
        lines = [
            "<View>",
            '  <Image name="image" value="$image"/>',
            '  <RectangleLabels name="label" toName="image">',
            *labels,
            "  </RectangleLabels>",
            "</View>",
        ]
        (self.root / "config.xml").write_text("\n".join(lines) + "\n", "utf-8")

    def close(self) -> None:
        """Close the file."""
        if hasattr(self, "_file"):
            self._file.close()


@contextmanager
def open_export(
    to: str, out: str | os.PathLike[str], names: Sequence[str], settings: Mapping[str, Any] | None = None
) -> Iterator[BoxExport]:
    """Hand out an export to add detections to; it appears under its name when the block ends well.

    Parameters
    ----------
    to : {"coco", "label-studio", "voc", "yolo"}
        The format.
    out : path
        The file (``.json`` for "coco") or folder to write: new, or an empty folder.
    names : sequence of str
        Classes of the vocabulary.
    settings : mapping or None, default None
        What produced the boxes.

    Raises
    ------
    InputError
        When an argument cannot be used, there is something at `out`, or the system refuses (a full disk).
    """
    check_choice("detect", "format", to, tuple(BOX_EXPORTS.names()))
    kind: type[BoxExport] = BOX_EXPORTS.get(to)
    target = Path(out)
    if kind.suffix is not None and target.suffix.lower() != kind.suffix:
        raise InputError(message("detect", "out", f"a file that ends in {kind.suffix}", target.name, "Rename it"))
    with draft(target, folder=kind.suffix is None, owner="detect") as place:
        export = kind(place, names, settings or {})
        try:
            export.begin()
            yield export
            export.end()
        finally:
            export.close()


def export_boxes(detections: Iterable[Detections], to: str, out: str | os.PathLike[str]) -> int:
    """Write detections in another tool's layout; returns how many images are in it.

    Parameters
    ----------
    detections : iterable of Detections
        Of one vocabulary; images with an error, and unknown boxes, are left out.
    to, out
        As in :func:`open_export`.

    Raises
    ------
    InputError
        When there are none, an argument cannot be used, or there is something at `out`.
    """
    rows = iter(detections)
    first = next(rows, None)
    if first is None:
        raise InputError(message("export_boxes", "detections", "at least one", [], "Detect something first"))
    n = 0
    with open_export(to, out, first.names, first.settings) as export:
        while first is not None:
            export.add(first)
            n += first.error is None
            first = next(rows, None)
    return n


def _known(detections: Detections) -> list[int]:
    return [i for i, unknown in enumerate(detections.unknown) if not unknown]


def _file_name(item: str) -> str:
    return item.replace("\\", "/").rpartition("/")[2] or "image"


def _link(item: str, folder: Path, stem: str) -> str:
    """Link to an image's file, where it is one; returns what it is called there."""
    name = stem + (Path(_file_name(item)).suffix or ".png")
    source = Path(item)
    try:
        if source.is_file():
            (folder / name).symlink_to(source.absolute())
    except (OSError, ValueError) as error:
        if not isinstance(error, FileExistsError | ValueError) and getattr(error, "winerror", None) is None:
            raise
    return name


def _xml(text: str) -> str:
    return escape(text.translate(_NO_XML))


def _plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(json.dumps(dict(settings), default=str))
    return {"settings": plain} if plain else {}
