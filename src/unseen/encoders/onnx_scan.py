"""What an ONNX file says about other files, read before onnxruntime sees it.

A network may keep its weights in files beside it, and it is the network that names them. Versions of onnxruntime before
1.24 open whatever it names, ``../../secret`` and places in memory included; here the only name allowed is the network's
own with ``.data`` behind it. The reader knows just enough of the format (protobuf messages of numbered fields) to find
every tensor, and never unpacks one.
"""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING

from unseen.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["external_file"]

#: A large network has some ten thousand; a file of nothing but empty fields would keep us for minutes.
_MAX_FIELDS = 1_000_000
#: Field numbers of onnx.proto: for each message, which of its fields hold which messages.
_INSIDE: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "entry"},
}
_LENGTHS = {1: 8, 5: 4}  # of the wire types "fixed64" and "fixed32"


def external_file(path: Path) -> Path | None:
    """Return the file that a network keeps weights in beside itself, or None where it keeps them all inside.

    Raises
    ------
    ModelError
        When the file is not ONNX, or names any other file than its own name with ``.data`` behind it.
    """
    own = path.name + ".data"
    try:
        locations = set(_locations(path))
    except (OSError, ValueError) as error:
        raise ModelError(
            f"OnnxEncoder: {path.name} in {path.parent} cannot be loaded: {error}. Save it again."
        ) from None
    for location in locations - {own}:
        raise ModelError(
            f"OnnxEncoder: {path.name} in {path.parent} must keep its weights in {own} if not in itself; "
            f"got {location[:80]!r}. Do not use this model."
        )
    if not locations:
        return None
    file = path.with_name(own)
    if not file.is_file():
        raise ModelError(f"OnnxEncoder: {path.parent} must hold {own}; it is missing. Save it again.")
    return file


def _locations(path: Path) -> Iterator[str]:
    """Yield the ``location`` of every tensor that has one."""
    with path.open("rb") as file:
        if not path.stat().st_size:
            raise ValueError("it is empty")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            yield from _walk(data)


def _walk(data: mmap.mmap) -> Iterator[str]:
    waiting, count = [("model", 0, len(data))], 0
    while waiting:
        kind, start, end = waiting.pop()
        if kind == "entry":
            key, value = _entry(data, start, end)
            if key == b"location":
                yield value.decode("utf-8", "backslashreplace")
            continue
        inside = _INSIDE[kind]
        for number, first, last in _fields(data, start, end):
            count += 1
            if count > _MAX_FIELDS:
                raise ValueError("it has more parts than any network")
            if number in inside:
                waiting.append((inside[number], first, last))


def _entry(data: mmap.mmap, start: int, end: int) -> tuple[bytes, bytes]:
    found = {1: b"", 2: b""}
    for number, first, last in _fields(data, start, end):
        found[number] = data[first : min(last, first + 4096)]
    return found[1], found[2]


def _fields(data: bytes | mmap.mmap, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield number, start and end of each field that holds bytes; skip the numbers between them."""
    position = start
    while position < end:
        tag, position = _varint(data, position)
        wire = tag & 7
        if wire == 2:
            length, position = _varint(data, position)
            if length > end - position:
                raise ValueError("it is damaged or no ONNX file")
            yield tag >> 3, position, position + length
            position += length
        elif wire == 0:
            _, position = _varint(data, position)
        elif wire in _LENGTHS:
            position += _LENGTHS[wire]
        else:
            raise ValueError("it is damaged or no ONNX file")
    if position != end:
        raise ValueError("it is damaged or no ONNX file")


def _varint(data: bytes | mmap.mmap, position: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(data):
            break
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise ValueError("it is damaged or no ONNX file")
