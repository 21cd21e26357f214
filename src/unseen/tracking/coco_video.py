"""What was written frame by frame, as COCO for videos and as a Parquet table; read line by line, so of any length."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from unseen.writers import open_alone, partial_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

__all__ = ["iter_frames", "write_coco", "write_parquet"]

#: Rows of a row group of Parquet.
_ROWS = 50_000


def iter_frames(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the frames of a ``tracks.jsonl``; a last line that was cut off ends it."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            if not line.endswith("\n"):
                return
            yield json.loads(line)


def write_coco(
    rows: Path, path: Path, names: Sequence[str], records: Mapping[int, Any], *, source: str, rate: float
) -> None:
    """Write COCO for videos.

    ``videos``, ``images`` with ``video_id`` and ``frame_id``, ``annotations`` with ``track_id``, ``categories`` and
    ``tracks``; boxes are left, top, width and height from 0. A track's category is what it was found to be in the
    end, in all of its boxes; 0 stands for unknown. ``score`` is the detector's, and places that are guessed are left
    out.
    """
    numbers = {name: i for i, name in enumerate(names, 1)}
    partial = partial_of(path)
    with os.fdopen(open_alone(partial), "w", encoding="utf-8") as file:
        first = next(iter_frames(rows), None)
        video = {"id": 1, "name": source, "fps": rate}
        if first is not None:
            video |= {"width": first["size"][0], "height": first["size"][1]}
        categories = [{"id": 0, "name": "unknown"}, *({"id": i, "name": name} for name, i in numbers.items())]
        file.write('{"videos": ' + json.dumps([video], ensure_ascii=False))
        file.write(',\n"categories": ' + json.dumps(categories, ensure_ascii=False))
        tracks = [
            {"id": r.id, "video_id": 1, "category_id": numbers.get(r.name, 0), "score": round(r.probability, 4)}
            for r in records.values()
        ]
        file.write(',\n"tracks": ' + json.dumps(tracks))
        _write_list(file, "images", (_image(i, frame) for i, frame in enumerate(iter_frames(rows), 1)))
        _write_list(file, "annotations", _annotations(rows, numbers, records))
        file.write("}\n")
    partial.replace(path)


def _image(number: int, frame: Mapping[str, Any]) -> dict[str, Any]:
    width, height = frame["size"]
    return {
        "id": number,
        "video_id": 1,
        "frame_id": frame["frame"],
        "file_name": frame["name"],
        "width": width,
        "height": height,
        "timestamp": frame["time"],
    }


def _annotations(rows: Path, numbers: Mapping[str, int], records: Mapping[int, Any]) -> Iterator[dict[str, Any]]:
    count = 0
    for image, frame in enumerate(iter_frames(rows), 1):
        for one in frame["tracks"]:
            if not one["seen"]:
                continue
            count += 1
            left, top, right, bottom = one["box"]
            wide, high = round(right - left, 2), round(bottom - top, 2)
            yield {
                "id": count,
                "image_id": image,
                "video_id": 1,
                "track_id": one["id"],
                "category_id": numbers.get(records[one["id"]].name, 0),
                "bbox": [left, top, wide, high],
                "area": round(wide * high, 2),
                "iscrowd": 0,
                "score": one["score"],
            }


def _write_list(file: Any, key: str, entries: Iterator[dict[str, Any]]) -> None:
    file.write(f',\n"{key}": [')
    for i, entry in enumerate(entries):
        file.write(("," if i else "") + "\n" + json.dumps(entry, ensure_ascii=False))
    file.write("]")


def write_parquet(rows: Path, path: Path, records: Mapping[int, Any]) -> None:
    """Write one row per box and frame; ``class`` as it was known then, ``track_class`` as it was found in the end."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    text, real = pa.string(), pa.float32()
    schema = pa.schema(
        [("frame", pa.int64()), ("time", pa.float64()), ("name", text), ("id", pa.int64())]
        + [(edge, real) for edge in ("left", "top", "right", "bottom")]
        + [
            ("score", real),
            ("seen", pa.bool_()),
            ("class", text),
            ("probability", real),
            ("known", real),
            ("track_class", text),
        ]
    )
    partial = partial_of(path)
    with os.fdopen(open_alone(partial), "wb") as file, pq.ParquetWriter(file, schema) as writer:
        waiting: list[dict[str, Any]] = []
        for frame in iter_frames(rows):
            head = {key: frame[key] for key in ("frame", "time", "name")}
            for one in frame["tracks"]:
                edges = dict(zip(("left", "top", "right", "bottom"), one["box"], strict=True))
                rest = {key: one[key] for key in ("id", "score", "seen", "class", "probability", "known")}
                waiting.append(head | edges | rest | {"track_class": records[one["id"]].name})
            if len(waiting) >= _ROWS:
                writer.write_table(pa.Table.from_pylist(waiting, schema=schema))
                waiting = []
        if waiting:
            writer.write_table(pa.Table.from_pylist(waiting, schema=schema))
    partial.replace(path)
