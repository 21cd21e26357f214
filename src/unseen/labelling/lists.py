"""Tables of photos: a column of paths, of addresses, or in Parquet of the photos' bytes."""

from __future__ import annotations

import os
import threading
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from unseen.errors import InputError, ItemError
from unseen.inputs.files import printable
from unseen.inputs.formats import SNIFF_BYTES, describe_foreign, sniff
from unseen.inputs.tables import read_rows
from unseen.labelling.references import (
    MAX_MEMBER_BYTES,
    FileReference,
    Held,
    Reference,
    Shelf,
    is_address,
    open_place,
    shown,
    suffix_of,
)
from unseen.validation import message, verbatim

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import BinaryIO

    from unseen.inputs.tables import Row

__all__ = ["COLUMNS", "CellReference", "list_items"]

#: Names that columns of photos go by, the likeliest first; in any case.
COLUMNS = (
    "path", "file", "filename", "file_name", "filepath", "file_path", "image", "image_path", "img", "img_path", "photo",
    "url", "image_url", "uri", "link", "item",
)  # fmt: skip
_LONGEST = 1 << 13
#: Rows unpacked at a time: of paths, and of bytes.
_ROWS, _CELLS = 4096, 8


def list_items(path: str, column: str | None) -> Iterator[Reference]:
    """Yield a reference per row of a table.

    Parameters
    ----------
    path : str
        A ``.csv``, ``.tsv``, ``.jsonl``, ``.parquet`` or ``.txt`` file, or its address. Relative paths in it are
        relative to its folder.
    column : str or None
        The column of paths, addresses or bytes; None for the first that goes by a name of :data:`COLUMNS`, or the only
        one.

    Yields
    ------
    Reference
        Named as the row says; rows of bytes are called ``table.parquet:17``, counted from 1. A row that cannot be
        used comes with its error.

    Raises
    ------
    InputError
        When the table as a whole cannot be read, or has no such column.
    """
    named, away = shown(path), is_address(path)
    base = path.partition("?")[0].rpartition("/")[0] if away else str(Path(path).parent)
    if suffix_of(path) == ".parquet":
        yield from _parquet_items(path, column, base, named)
        return
    with ExitStack() as stack:
        here = path
        if away:
            from unseen.labelling.copies import named_copy

            try:
                here = stack.enter_context(named_copy(path, suffix_of(path)))
            except ItemError as error:
                raise _unread(path, error) from error
        for number, value, problem in _text_rows(here, column):
            yield _named(value, base, f"{named}:{number}", problem)


def _unread(path: str, error: ItemError) -> InputError:
    return _wrong(path, "a file that can be read", f"one that {error}", "Check the path and its rights")


def _named(value: object, base: str, number: str, error: str | None = None) -> Reference:
    """Return the reference that a cell with a path or an address stands for."""
    if error is not None:
        return Reference(number, error)
    if not isinstance(value, str):
        return Reference(
            number, f"must be a path or an address; got {'nothing' if value is None else type(value).__name__}"
        )
    if not value.strip():
        return Reference(number, "is empty: it names no photo")
    if len(value) > _LONGEST:
        return Reference(number, "too long: no path or address has so many characters")
    if not (is_address(value) or is_address(base)):
        # join() leaves absolute paths as they are.
        return FileReference(printable(value), path=os.path.join(base, value))  # noqa: PTH118  Path drops "./"
    from unseen.labelling.remote import remote_reference

    address = value if is_address(value) else f"{base.rstrip('/')}/{value.lstrip('/')}"
    return remote_reference(shown(value), address)


def _text_rows(path: str, column: str | None) -> Iterator[Row]:
    if path.lower().endswith(".txt"):
        if column is not None:
            raise _wrong(path, "a table with columns", "a .txt file, with one path a line", "Leave the column out")
        yield from _reworded(read_rows(Path(path), None))
        return
    if column is not None:
        yield from _reworded(read_rows(Path(path), column))
        return
    for name in (spelled for usual in COLUMNS for spelled in (usual, usual.capitalize(), usual.upper())):
        rows = read_rows(Path(path), name)
        try:
            first = next(rows, None)
        except InputError:
            continue
        yield from chain([] if first is None else [first], rows)
        return
    rows = _reworded(read_rows(Path(path), None))
    first = next(rows, None)
    yield from chain([] if first is None else [first], rows)


def _reworded(rows: Iterator[Row]) -> Iterator[Row]:
    """Yield rows; what is wrong with the table is said by those who asked for it."""
    try:
        yield from rows
    except InputError as error:
        text = str(error).replace("iter_texts:", "labelling:", 1)
        raise InputError(text.replace("one called 'text'", f"one called {', '.join(COLUMNS[:4])}, …")) from None


def _wrong(path: str, expected: str, got: str, remedy: str) -> InputError:
    return InputError(message("labelling", f"file '{shown(path)}'", expected, verbatim(got), remedy))


# -- Parquet -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CellReference(Reference):
    """A row of a Parquet file whose column holds the photo's bytes, or a struct of bytes and path."""

    path: str = ""
    column: str = ""
    row: int = 0
    base: str = ""

    ordered: ClassVar[bool] = True

    def read(self, shelf: Shelf) -> Any:
        """Return the cell's bytes; raises ItemError."""
        table = shelf.get(("parquet", self.path, self.column), lambda: _Table(self.path, self.column), _Table)
        value = table.cell(self.row)
        if isinstance(value, dict):
            if value.get("bytes") is None:
                return _named(value.get("path"), self.base, self.name).read(shelf)
            value = value["bytes"]
        if not isinstance(value, bytes):
            raise ItemError("is empty: the row holds no photo")
        if len(value) > MAX_MEMBER_BYTES:
            raise ItemError(f"too large: more than {MAX_MEMBER_BYTES >> 20} MiB for one photo")
        if not value:
            raise ItemError("is empty: it holds 0 bytes")
        if sniff(value[:SNIFF_BYTES]) is None:
            raise ItemError(describe_foreign(value[:SNIFF_BYTES]))
        return value


class _Table(Held):
    """A column of a Parquet file, read forwards a few rows at a time."""

    def __init__(self, path: str, column: str) -> None:
        self._lock = threading.Lock()
        self._file: BinaryIO | None = None
        self._file = open_place(path)
        self._column = column
        self._table = _open_parquet(path, self._file)
        groups = range(self._table.metadata.num_row_groups)
        self._starts = [0]
        for group in groups:
            self._starts.append(self._starts[-1] + self._table.metadata.row_group(group).num_rows)
        self._batches: Iterator[Any] = iter(())
        self._values: list[Any] = []
        self._first = 0

    def cell(self, row: int) -> Any:
        with self._lock:
            try:
                return self._find(row)
            except ItemError:
                raise
            except Exception as error:
                self._values, self._batches = [], iter(())
                raise ItemError("cannot be read: its place in the table is damaged") from error

    def _find(self, row: int) -> Any:
        end = self._first + len(self._values)
        group = next((g for g, start in enumerate(self._starts[1:]) if row < start), None)
        if group is None:
            raise ItemError("cannot be read: the table has changed")
        if not self._values or row < self._first or self._starts[group] > end:
            self._first, self._values = self._starts[group], []
            self._batches = self._table.iter_batches(
                batch_size=_CELLS,
                row_groups=list(range(group, len(self._starts) - 1)),
                columns=[self._column],
                use_threads=False,
            )
        while row >= self._first + len(self._values):
            batch = next(self._batches)
            self._first += len(self._values)
            self._values = batch.column(0).to_pylist()
        return self._values[row - self._first]

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def _open_parquet(path: str, file: BinaryIO) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(file)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _wrong(path, "a Parquet file", "damaged or other data", "Write it again") from error


def _parquet_items(path: str, column: str | None, base: str, named: str) -> Iterator[Reference]:
    import pyarrow as pa

    try:
        file = open_place(path)
    except ItemError as error:
        raise _unread(path, error) from error
    with file:
        table = _open_parquet(path, file)
        schema = table.schema_arrow
        wanted = _choose(path, list(schema.names), column)
        kind = schema.field(wanted).type
        if pa.types.is_dictionary(kind):
            kind = kind.value_type
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            yield from _parquet_paths(table, wanted, base, named)
            return
        binary = pa.types.is_binary(kind) or pa.types.is_large_binary(kind)
        if not binary and not (pa.types.is_struct(kind) and {"bytes"} <= {field.name for field in kind}):
            expected = f"a table whose column {wanted!r} holds paths or photos"
            raise _wrong(path, expected, str(kind), "Name another column by --column")
        rows = table.metadata.num_rows
    for row in range(rows):
        yield CellReference(f"{named}:{row + 1}", path=path, column=wanted, row=row, base=base)


def _parquet_paths(table: Any, column: str, base: str, named: str) -> Iterator[Reference]:
    number = 0
    batches = table.iter_batches(batch_size=_ROWS, columns=[column])
    while True:
        try:
            batch = next(batches, None)
        except Exception as error:  # noqa: BLE001  damaged Parquet raises OSError, ArrowException and others
            problem = f"cannot be read: {type(error).__name__}. The rest of the file was not read"
            yield Reference(f"{named}:{number + 1}", problem)
            return
        if batch is None:
            return
        for value in batch.column(0):
            number += 1
            try:
                text = value.as_py()
            except UnicodeDecodeError:
                yield Reference(f"{named}:{number}", "is not UTF-8")
            else:
                yield _named(text, base, f"{named}:{number}")


def _choose(path: str, names: Sequence[str], column: str | None) -> str:
    listed = f"columns {', '.join(map(repr, names[:20]))}{', …' if len(names) > 20 else ''}" if names else "no columns"
    if column is not None:
        if names.count(column) == 1:
            return column
        raise _wrong(path, f"a table with one column {column!r}", listed, "Name one of them, and each column once")
    folded = {name.casefold(): name for name in reversed(names)}
    for usual in COLUMNS:
        if usual in folded and names.count(folded[usual]) == 1:
            return folded[usual]
    if len(names) == 1:
        return names[0]
    expected = f"a table with a sole column or one called {', '.join(COLUMNS[:4])}, …"
    raise _wrong(path, expected, listed, "Name the column: column=, or --column on the command line")
