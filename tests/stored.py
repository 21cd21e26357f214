"""Folders in the format that `unseen label` and `unseen embed` write, made by hand; and an encoder of colours."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from unseen.encoders.base import Encoder, Similarity
from unseen.errors import ItemError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["COLOURS", "Colours", "Row", "photo", "write_stored"]

COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "yellow": (255, 255, 0), "grey": (99, 99, 99)}


class Colours(Encoder):
    """A shared space of three dimensions: the mean colour of a photo, and what a colour's name means."""

    def __init__(self, name: str = "colours") -> None:
        self.name = self.spec = name
        self.modalities = frozenset({"image", "text"})
        self.image_dim = self.text_dim = 3
        self.image_size = 8
        self.shared_space = True
        self.similarity = Similarity("softmax", 10.0)

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(f"stored {self.name}".encode()).hexdigest()

    def prepare_image(self, content: Any) -> Any:
        try:
            image = Image.open(BytesIO(content) if isinstance(content, bytes) else Path(content))
            return np.asarray(image.convert("RGB").resize((8, 8)))
        except OSError as error:
            raise ItemError("is no photo") from error

    def _encode_pixels(self, pixels: Any) -> Any:
        mean = pixels.reshape(len(pixels), -1, 3).mean(axis=1) + 1
        return (mean / np.linalg.norm(mean, axis=1, keepdims=True)).astype(np.float32)

    def _encode_texts(self, texts: Sequence[str]) -> Any:
        found = [next((rgb for name, rgb in COLOURS.items() if name in text), (1, 1, 1)) for text in texts]
        rows = np.array(found, np.float64) + 1
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def photo(path: Path, colour: tuple[int, int, int], size: tuple[int, int] = (12, 8)) -> Path:
    """Write a photo of one colour."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)
    return path


@dataclass
class Row:
    """One row; of a path that exists, digest and size are filled in."""

    item: str
    names: Sequence[str] = ()
    probabilities: Sequence[float] = ()
    unknown: bool = False
    error: str | None = None
    vector: Sequence[float] | None = None
    sha: str | None = None
    size: tuple[int, int] = (12, 8)

    def digest(self) -> str | None:
        if self.sha is None and self.error is None and Path(self.item).is_file():
            return hashlib.sha256(Path(self.item).read_bytes()).hexdigest()
        return self.sha


def write_stored(
    folder: Path,
    rows: Sequence[Row],
    *,
    kind: str = "labels",
    dim: int | None = None,
    classes: Sequence[str] | None = None,
    part_size: int = 3,
    complete: bool = True,
    **settings: Any,
) -> Path:
    """Write a folder in exactly the documented format."""
    folder.mkdir(parents=True)
    header = {"format": "unseen-labels", "version": 1, "kind": kind, "settings": settings}
    lines = [header]
    for number, first in enumerate(range(0, len(rows), part_size)):
        some = rows[first : first + part_size]
        path = folder / f"part-{number:06d}.parquet"
        pq.write_table(_table(some, kind, dim), path)
        names = "".join(f"{row.item}\n" for row in some).encode()
        line = {
            "part": number,
            "first": first,
            "items": len(some),
            "errors": sum(row.error is not None for row in some),
            "names": hashlib.sha256(names).hexdigest(),
            "file": hashlib.sha256(path.read_bytes()).hexdigest(),
            "bytes": path.stat().st_size,
        }
        lines.append(line)
    if complete:
        errors = sum(row.error is not None for row in rows)
        lines.append({"complete": True, "items": len(rows), "parts": len(lines) - 1, "errors": errors})
    (folder / "manifest.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    if classes is not None:
        (folder / "classes.yaml").write_text(json.dumps({"classes": [{"name": name} for name in classes]}))
    return folder


def _table(rows: Sequence[Row], kind: str, dim: int | None) -> Any:
    usable = [row.error is None for row in rows]
    columns: dict[str, Any] = {
        "item": pa.array([row.item for row in rows], pa.string()),
        "sha": pa.array([row.digest() for row in rows], pa.string()),
        "width": pa.array([row.size[0] if ok else None for row, ok in zip(rows, usable, strict=True)], pa.int32()),
        "height": pa.array([row.size[1] if ok else None for row, ok in zip(rows, usable, strict=True)], pa.int32()),
    }
    if kind == "labels":
        lists = [
            (list(r.names), list(r.probabilities)) if ok else (None, None) for r, ok in zip(rows, usable, strict=True)
        ]
        columns["names"] = pa.array([names for names, _ in lists], pa.list_(pa.string()))
        columns["probabilities"] = pa.array([shares for _, shares in lists], pa.list_(pa.float32()))
        columns["unknown"] = pa.array(
            [r.unknown if ok else None for r, ok in zip(rows, usable, strict=True)], pa.bool_()
        )
    columns["error"] = pa.array([row.error for row in rows], pa.string())
    if dim is not None:
        vectors = [None if row.vector is None else [np.float16(v) for v in row.vector] for row in rows]
        columns["embedding"] = pa.array(vectors, pa.list_(pa.float16(), dim))
    return pa.table(columns)
