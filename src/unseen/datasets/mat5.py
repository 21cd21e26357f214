"""MATLAB files up to version 7 (format 5): real matrices and cells of texts, every length checked before it is used.

SciPy reads these files too, and ends the whole process on some that are damaged: it takes the kind of an element from
the file to index a table with. Here a damaged file is an error like any other.
"""

from __future__ import annotations

import math
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from unseen.datasets.problems import Array, check_size, problem
from unseen.validation import verbatim

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from unseen.errors import DatasetError

__all__ = ["read_mat5", "wrong_kind"]

#: As much of a variable as its header takes: flags, dimensions, name.
_HEAD = 4096
_MATRIX, _COMPRESSED = 14, 15
_CELL, _CHAR = 1, 4
_CLASSES = {
    1: "cell", 2: "struct", 3: "object", 4: "char", 5: "sparse matrix", 6: "double", 7: "single", 8: "int8",
    9: "uint8", 10: "int16", 11: "uint16", 12: "int32", 13: "uint32", 14: "int64", 15: "uint64", 16: "function",
}  # fmt: skip
#: How numbers of a class are handed out, and how the elements of a file store them.
_NUMBERS = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
_STORED = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_COMPLEX = 0x08


@dataclass(frozen=True)
class _Header:
    """A matrix's header, and where its contents begin in the bytes it was read from."""

    name: str
    kind: int
    complex: bool
    shape: tuple[int, ...]
    start: int


class _DamageError(ValueError):
    """The bytes contradict themselves; the caller names the file."""


def read_mat5(
    path: Path, stream: BinaryIO, *, numbers: Collection[str], texts: Collection[str]
) -> tuple[dict[str, Array], dict[str, tuple[str, ...]]]:
    """Read variables of an open file; see :func:`unseen.datasets.matlab.read_mat`.

    Raises
    ------
    DatasetError
        When a variable is of another kind or declares more than the file can hold.
    ValueError
        When the file is damaged.
    """
    size = stream.seek(0, 2)
    stream.seek(124)
    order = {b"IM": "<", b"MI": ">"}.get(stream.read(4)[2:])
    if order is None:
        raise _DamageError("it does not begin as a MATLAB file of version 5 to 7.3 does")
    found: dict[str, Array] = {}
    listed: dict[str, tuple[str, ...]] = {}
    for kind, begin, length in _variables(stream, order, size):
        head = stream.read(min(length, _HEAD))
        packed = kind == _COMPRESSED
        tag = struct.pack(order + "II", kind, length)
        about = _header(zlib.decompressobj().decompress(head, _HEAD) if packed else tag + head, order)
        if about.name not in numbers and about.name not in texts:
            continue
        if about.name in found or about.name in listed:
            raise _DamageError(f"the variable {about.name} is there twice")
        _check(path, about, size, as_text=about.name in texts)
        stream.seek(begin)
        body = stream.read(length)
        # Whatever is left of a packed variable beyond its declared size is never unpacked.
        data = zlib.decompressobj().decompress(body, _most_bytes(about, size)) if packed else tag + body
        if about.name in texts:
            listed[about.name] = tuple(_texts(path, data, order, about))
        else:
            found[about.name] = _numbers(data, order, about)
    return found, listed


def _variables(stream: BinaryIO, order: str, size: int) -> Iterator[tuple[int, int, int]]:
    """Yield kind, beginning and length of every element of the file."""
    position = 128
    while position < size:
        stream.seek(position)
        tag = stream.read(8)
        if len(tag) < 8:
            raise _DamageError("it ends within a variable's header")
        kind, length = struct.unpack(order + "II", tag)
        if kind not in (_MATRIX, _COMPRESSED):
            raise _DamageError(f"a variable of an unknown kind, {kind}")
        if position + 8 + length > size:
            raise _DamageError("it ends before a variable does")
        yield kind, position + 8, length
        position += 8 + length


def _element(data: bytes, order: str, position: int) -> tuple[int, int, int, int]:
    """Return an element's kind, where its body begins, the body's length, and where the next element begins."""
    if position + 8 > len(data):
        raise _DamageError("a variable ends within its header")
    kind, length = struct.unpack_from(order + "II", data, position)
    if kind >> 16:  # small: length and kind share one word, the body is the other
        if kind >> 16 > 4:
            raise _DamageError("a small element that is none")
        return kind & 0xFFFF, position + 4, kind >> 16, position + 8
    return kind, position + 8, length, position + 8 + length + -length % 8


def _header(data: bytes, order: str, position: int = 0) -> _Header:
    kind, position, length, _ = _element(data, order, position)
    if kind != _MATRIX:
        raise _DamageError("a variable that is no matrix")
    if not length:  # an empty cell's content
        return _Header("", 6, False, (0, 0), position)
    _, flags, width, position = _element(data, order, position)
    _, begin, extent, position = _element(data, order, position)
    _, start, letters, position = _element(data, order, position)
    if width != 8 or extent % 4 or not 8 <= extent <= 128 or max(begin + extent, start + letters) > len(data):
        raise _DamageError("a variable's header that is none")
    (word,) = struct.unpack_from(order + "I", data, flags)
    shape = struct.unpack_from(f"{order}{extent // 4}i", data, begin)
    if min(shape) < 0:
        raise _DamageError("a variable of negative size")
    name = data[start : start + letters].decode("latin-1")
    return _Header(name, word & 0xFF, bool(word >> 8 & _COMPLEX), shape, position)


def wrong_kind(path: Path, name: str, expected: str, found: str) -> DatasetError:
    """Return what to raise where a variable holds something else than it should."""
    return problem(path, name, expected, verbatim(found), "Check which file it is")


def _check(path: Path, about: _Header, size: int, *, as_text: bool) -> None:
    found = f"a MATLAB {_CLASSES.get(about.kind, 'something')}"
    if as_text and about.kind not in (_CELL, _CHAR):
        raise wrong_kind(path, about.name, "a cell of texts", found)
    if not as_text and (about.kind not in _NUMBERS or about.complex or len(about.shape) != 2):
        odd = f"{'complex ' if about.complex else ''}shape {about.shape}"
        raise wrong_kind(path, about.name, "a matrix of real numbers", odd if about.kind in _NUMBERS else found)
    check_size(path, about.name, _bytes(about), size)


def _bytes(about: _Header) -> int:
    """Return how many bytes the contents take at least, as cells, or at most, as numbers."""
    width = int(_NUMBERS.get(about.kind, "u8")[1])
    return math.prod(about.shape) * width


def _most_bytes(about: _Header, size: int) -> int:
    # Names of files take a hundred bytes or two each; a number is never stored wider than 8 bytes.
    return _HEAD + (math.prod(about.shape) * 8 if about.kind in _NUMBERS else max(200 * size, 1 << 20))


def _numbers(data: bytes, order: str, about: _Header) -> Array:
    kind, begin, length, _ = _element(data, order, about.start)
    stored = _STORED.get(kind)
    count = math.prod(about.shape)
    if stored is None or length != count * int(stored[1]) or begin + length > len(data):
        raise _DamageError(f"the numbers of {about.name} do not fit its size")
    flat = np.frombuffer(data, dtype=order + stored, count=count, offset=begin)
    matrix: Array = flat.astype(_NUMBERS[about.kind], copy=False).reshape(about.shape, order="F")
    return matrix


def _texts(path: Path, data: bytes, order: str, about: _Header) -> Iterator[str]:
    if about.kind == _CHAR:  # a text per row, filled up with spaces
        letters = _letters(data, order, about)
        rows, columns = about.shape[0], math.prod(about.shape[1:])
        if len(letters) != rows * columns:
            raise _DamageError(f"the letters of {about.name} do not fit its size")
        yield from (letters[row::rows].rstrip(" ") for row in range(rows))
        return
    position = about.start
    for number in range(1, math.prod(about.shape) + 1):
        _, _, _, after = _element(data, order, position)
        yield _text(path, data, order, position, about.name, number)
        position = after


def _text(path: Path, data: bytes, order: str, position: int, name: str, number: int) -> str:
    inner = _header(data, order, position)
    for _ in range(3):  # some tools wrap each text in a cell of its own
        if inner.kind != _CELL or math.prod(inner.shape) != 1:
            break
        inner = _header(data, order, inner.start)
    if not math.prod(inner.shape):
        return ""
    if inner.kind != _CHAR or inner.shape[0] != 1:
        found = f"a {_CLASSES.get(inner.kind, 'something')} of shape {inner.shape} in cell {number}"
        raise wrong_kind(path, name, "a cell of texts", found)
    return _letters(data, order, inner)


def _letters(data: bytes, order: str, about: _Header) -> str:
    kind, begin, length, _ = _element(data, order, about.start)
    wide = "le" if order == "<" else "be"
    encodings = {
        1: "latin-1", 2: "latin-1", 4: f"utf-16-{wide}", 16: "utf-8", 17: f"utf-16-{wide}", 18: f"utf-32-{wide}",
    }  # fmt: skip
    if kind not in encodings or begin + length > len(data):
        raise _DamageError("a text of unknown letters, or one that is cut off")
    return data[begin : begin + length].decode(encodings[kind])
