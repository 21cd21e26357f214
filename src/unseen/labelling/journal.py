"""The journal: rows of the part that is being made, kept twice a second.

A part of 4,096 photos takes a big model minutes; without this, whoever ends a run throws away all of them. Each frame
is ``length, CRC-32, Arrow stream``; what is torn at the end is cut away. Nothing rests on it: a journal that is
missing costs time, never a row.
"""

from __future__ import annotations

import io
import os
import stat
import struct
import time
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from unseen.labelling.parts import unwritable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Journal", "read_journal"]

_NAME = "part-{:06d}.rows"
_FRAME = struct.Struct("<QI")
#: Beyond any batch of rows; a length that is larger is damage.
_LONGEST_FRAME = 1 << 31


class Journal:
    """Appends rows to the journal of the part that is being made.

    Parameters
    ----------
    folder : Path
        The output folder.
    interval : float, default 0.5
        Seconds between two frames, at least 0.
    """

    def __init__(self, folder: Path, *, interval: float = 0.5) -> None:
        self._folder = folder
        self._interval = interval
        self._file: io.FileIO | None = None
        self._index: int | None = None
        self._waiting: list[Any] = []
        self._last = time.monotonic()

    def add(self, index: int, table: Any) -> None:
        """Take in rows of a part; raises InputError when the system refuses to write them."""
        if index != self._index:
            self._open(index)
        self._waiting.append(table)
        if time.monotonic() - self._last >= self._interval:
            self.flush()

    def flush(self) -> None:
        """Write what was taken in; raises InputError when the system refuses."""
        if not self._waiting or self._file is None:
            return
        import pyarrow as pa

        # First: being stopped after the rows were written, and before they are forgotten, would write them twice.
        waiting, self._waiting = self._waiting, []
        table = pa.concat_tables(waiting)
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table.combine_chunks())
        data = sink.getvalue().to_pybytes()
        try:
            # One call: an ended process leaves a frame whole, or torn at its end.
            self._write(_FRAME.pack(len(data), zlib.crc32(data)) + data)
        except OSError as error:
            raise unwritable(self._folder, error) from None
        self._last = time.monotonic()

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest and self._file is not None:
            rest = rest[self._file.write(rest) :]

    def _open(self, index: int) -> None:
        self.close()
        self._waiting = []
        path = self._folder / _NAME.format(index)
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
            self._file = io.FileIO(os.open(path, flags, 0o666), "w")
        except OSError as error:
            raise unwritable(self._folder, error) from None
        self._index, self._last = index, time.monotonic()

    def drop(self, index: int) -> None:
        """Remove the journal of a part that is finished."""
        if index == self._index:
            self._waiting = []
            self.close()
        with suppress(OSError):  # the next run removes it
            (self._folder / _NAME.format(index)).unlink(missing_ok=True)

    def close(self) -> None:
        """Close the file; what is not flushed is forgotten."""
        if self._file is not None:
            self._file.close()
        self._file = self._index = None


def read_journal(folder: Path, schema: Any, done: Any) -> dict[int, Any]:
    """Return the rows of unfinished parts that journals hold, by part; cut away torn ends and remove what is of no use.

    Parameters
    ----------
    folder : Path
        The output folder.
    schema : pyarrow.Schema
        Of the rows.
    done : container of int
        Parts that are finished.
    """
    found: dict[int, Any] = {}
    for path in sorted(folder.glob("part-*.rows")):
        digits = path.name[5:-5]
        table = None
        if digits.isdecimal() and int(digits) not in done:
            table = _read(path, schema)
        try:
            if table is None:
                path.unlink(missing_ok=True)
            else:
                found[int(digits)] = table
        except OSError as error:
            raise unwritable(folder, error) from None
    return found


def _read(path: Path, schema: Any) -> Any:
    import pyarrow as pa

    tables, whole = [], 0
    try:
        if not stat.S_ISREG(path.lstat().st_mode):  # a link would have what it leads to cut off
            return None
        with path.open("r+b") as file:
            for data in _frames(file):
                table = pa.ipc.open_stream(pa.py_buffer(data)).read_all()
                if table.schema != schema:
                    break
                tables.append(table)
                whole += _FRAME.size + len(data)
            file.truncate(whole)
    except (OSError, pa.ArrowException):
        return None
    return pa.concat_tables(tables) if tables else None


def _frames(file: Any) -> Iterator[bytes]:
    while len(head := file.read(_FRAME.size)) == _FRAME.size:
        length, check = _FRAME.unpack(head)
        data = file.read(length) if length < _LONGEST_FRAME else b""
        if len(data) != length or zlib.crc32(data) != check:
            return
        yield data
