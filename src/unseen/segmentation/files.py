"""What `unseen segment --out` writes: a folder of label images, one COCO file, or outlines, as results come."""

from __future__ import annotations

import io
import json
import os
import secrets
import shutil
from contextlib import ExitStack
from typing import IO, TYPE_CHECKING, Any, Self

import numpy as np

from unseen.errors import InputError
from unseen.exports.base import JsonArray
from unseen.exports.names import safe_name, with_mark
from unseen.validation import check_choice, message
from unseen.writers import unwritable

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from PIL import Image

    from unseen.segmentation.result import Segmentation

__all__ = ["FORMATS", "MaskWriter", "Names", "save_picture"]

#: Formats, and what the file or files are called.
FORMATS = {"png": "*.png", "coco": "annotations.json", "polygons": "polygons.jsonl"}


def save_picture(picture: Image.Image, path: Path) -> None:
    """Write a picture whole or not at all; its suffix says how: .png, .jpg or .webp.

    Raises
    ------
    InputError
        When the suffix is another, or the file cannot be written.
    """
    kind = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}.get(path.suffix.lower())
    if kind is None:
        raise InputError(message("segment", "the picture's suffix", ".png, .jpg or .webp", path.name, "Rename it"))
    data = io.BytesIO()
    picture.save(data, kind, **({"quality": 90} if kind == "JPEG" else {}))
    draft = path.with_name(f".{path.name[:100]}.{secrets.token_hex(4)}.tmp")
    try:
        draft.write_bytes(data.getvalue())
        draft.replace(path)
    except OSError as error:
        raise unwritable("segment", "the picture", path, error) from None
    finally:
        draft.unlink(missing_ok=True)


class Names:
    """File names for items, safe on every system, none of them given twice."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def of(self, item: str, suffix: str) -> str:
        """Return a name with that suffix."""
        base = item.replace("\\", "/").rpartition("/")[2]
        stem = base.rpartition(".")[0] or base
        first = name = safe_name(stem + suffix)
        number = 1
        while name.casefold() in self._taken:
            name = with_mark(first, f"{item} {number}")
            number += 1
        self._taken.add(name.casefold())
        return name


class MaskWriter:
    """Writes segmentations into a folder as they come.

    Parameters
    ----------
    out : path
        The folder; made where it is missing.
    kind : {"png", "coco", "polygons"}
        Label images in VOC's manner beside ``classes.txt``; ``annotations.json`` in COCO's layout with run-length
        encoded masks; or ``polygons.jsonl``, for each image a line with GeoJSON's MultiPolygons.
    names : sequence of str
        Classes of the vocabulary.

    Raises
    ------
    InputError
        When `kind` is none of these, or the folder cannot be written.

    Notes
    -----
    A file of several images appears under its name only when the run ends well. Images of the same name in different
    folders are told apart by a mark. ``index.jsonl`` says which image became which file, and why one is missing.
    """

    def __init__(self, out: Path, kind: str, names: tuple[str, ...]) -> None:
        check_choice("segment", "format", kind, tuple(FORMATS))
        self.out, self.kind, self._names = out, kind, names
        self._taken = Names()
        self._stack = ExitStack()
        self._files: dict[str, IO[str]] = {}
        self._image = self._annotation = 0
        try:
            out.mkdir(parents=True, exist_ok=True)
            (out / "classes.txt").write_text("".join(f"{name}\n" for name in ("background", *names)), "utf-8")
            self._open("index.jsonl")
            if kind == "coco":
                self._annotations = JsonArray(self._open(".annotations"))
                self._images = JsonArray(self._open("annotations.json", '{"images": '))
            elif kind == "polygons":
                self._open("polygons.jsonl")
        except OSError as error:
            self._stack.close()
            raise unwritable("segment", "the folder", out, error) from None

    def _open(self, name: str, begin: str = "") -> IO[str]:
        path = self.out / f"{name}.partial"
        file = self._stack.enter_context(path.open("w+", encoding="utf-8", newline="\n"))
        file.write(begin)
        self._files[name] = file
        return file

    def write(self, found: Segmentation) -> None:
        """Write one image."""
        try:
            self._write(found)
        except OSError as error:
            raise unwritable("segment", "the folder", self.out, error) from None

    def _write(self, found: Segmentation) -> None:
        line: dict[str, Any] = {"item": found.item, "error": found.error}
        if found.error is None:
            if self.kind == "png":
                line["file"] = self._taken.of(found.item, ".png")
                found.to_png(self.out / line["file"])
            elif self.kind == "coco":
                self._coco(found)
            else:
                self._polygons(found)
            line["fractions"] = {name: round(share, 6) for name, share in found.fractions().items() if share}
        self._line("index.jsonl", line)

    def _coco(self, found: Segmentation) -> None:
        self._image += 1
        width, height = found.size
        self._images.add({"id": self._image, "file_name": found.item, "width": width, "height": height})
        for annotation in found.to_rle():
            self._annotation += 1
            self._annotations.add({"id": self._annotation, "image_id": self._image, **annotation})

    def _polygons(self, found: Segmentation) -> None:
        classes = {}
        for name, polygons in found.to_polygons(tolerance=1.0).items():
            rings = [[np.vstack([ring, ring[:1]]).tolist() for ring in polygon] for polygon in polygons]
            classes[name] = {"type": "MultiPolygon", "coordinates": rings}
        self._line("polygons.jsonl", {"item": found.item, "size": found.size, "classes": classes})

    def _line(self, name: str, value: Any) -> None:
        self._files[name].write(json.dumps(value, ensure_ascii=False) + "\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None and self.kind == "coco":
                self._join()
            self._stack.close()
            if kind is None:
                for name in self._files:
                    if not name.startswith("."):
                        os.replace(self.out / f"{name}.partial", self.out / name)  # noqa: PTH105  reads best
            (self.out / ".annotations.partial").unlink(missing_ok=True)
        except OSError as refused:
            raise unwritable("segment", "the folder", self.out, refused) from None

    def _join(self) -> None:
        self._images.end()
        self._annotations.end()
        file, side = self._files["annotations.json"], self._files[".annotations"]
        file.write(',\n"annotations": ')
        side.seek(0)
        shutil.copyfileobj(side, file)
        categories = [{"id": i, "name": name, "supercategory": ""} for i, name in enumerate(self._names, 1)]
        file.write(f',\n"categories": {json.dumps(categories, ensure_ascii=False)}}}\n')
