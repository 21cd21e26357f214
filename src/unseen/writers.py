"""Writers: rows onto disk as they come, so that memory does not grow with the number of items.

A file appears under its name only when it is complete: rows go to ``NAME.partial`` beside it, which is renamed at
the end and left for inspection when the run is stopped.
"""

from __future__ import annotations

import csv
import errno
import json
import os
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, Any, Self

from unseen.errors import InputError
from unseen.results import COLUMNS
from unseen.validation import message, verbatim

try:
    import fcntl
except ImportError:  # pragma: no cover  not on Windows, where two runs on one output are not told apart
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path
    from types import TracebackType

    from unseen.results import Predictions

__all__ = [
    "FORMATS",
    "CSVTable",
    "Writer",
    "arrow_table",
    "check_writable",
    "format_of",
    "open_writer",
    "partial_of",
    "unwritable",
]

#: Suffix to format.
FORMATS = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet", ".pq": "parquet"}
#: Columns of predictions, with their types by the names that pyarrow has for them.
_COLUMNS = dict(zip(COLUMNS, ("string", "int32", "string", "float32", "bool_", "string"), strict=True))


def format_of(path: Path) -> str:
    """Return the format a file's suffix asks for.

    Raises
    ------
    InputError
        When the suffix is none of :data:`FORMATS`.
    """
    try:
        return FORMATS[path.suffix.lower()]
    except KeyError:
        known = ", ".join(FORMATS)
        raise InputError(
            message("writers", "the output file's suffix", f"one of {known}", path.name, "Rename the output file")
        ) from None


def partial_of(path: Path) -> Path:
    """Return where a file is written until it is complete."""
    return path.with_name(path.name + ".partial")


def unwritable(owner: str, what: str, path: Path, error: OSError) -> InputError:
    """Word the system's refusal to write a file."""
    if isinstance(error, BlockingIOError):
        busy = verbatim("one that another run is writing")
        return InputError(message(owner, f"{what} {str(path)!r}", "free", busy, "Wait for it, or choose another name"))
    # By number: pyarrow's own wording repeats the path and guesses at the cause.
    reason = verbatim(os.strerror(error.errno) if error.errno else type(error).__name__)
    return InputError(message(owner, f"{what} {str(path)!r}", "writable", reason, "Choose another place"))


def open_alone(path: Path) -> int:
    """Open a file for writing from its start, as the only one to do so, and return its descriptor.

    A link of that name is not followed. The lock goes with the descriptor, whatever ends the process.

    Raises
    ------
    BlockingIOError
        When another run has it open.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
    try:
        if fcntl is not None:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(descriptor, 0)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def check_writable(owner: str, what: str, path: Path) -> None:
    """Raise when a file cannot be written later: what takes an hour to make should not fail at its end.

    Raises
    ------
    InputError
        With the system's reason.
    """
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "")
        partial_of(path).open("ab").close()
        partial_of(path).unlink()
    except OSError as error:
        raise unwritable(owner, what, path, error) from None


def open_writer(path: Path, *, kind: str | None = None, columns: Mapping[str, str] | None = None) -> Writer:
    """Open a writer of rows.

    Parameters
    ----------
    path : Path
        The file.
    kind : {"csv", "jsonl", "parquet"} or None, default None
        Its format; None for what the suffix says.
    columns : mapping of str to str or None, default None
        The columns, and their types by the names that pyarrow has for them; None for those of predictions.

    Raises
    ------
    InputError
        When the suffix or `kind` is unknown, or the file cannot be created.
    """
    writers = {"csv": CSVWriter, "jsonl": JSONLinesWriter, "parquet": ParquetWriter}
    kind = format_of(path) if kind is None else kind
    if kind not in writers:
        raise InputError(message("writers", "kind", f"one of {', '.join(writers)}", kind, "Choose one of these"))
    return writers[kind](path, _COLUMNS if columns is None else columns)


class Writer:
    """Base of the writers: a context manager around ``write(predictions)``, or ``write_rows(rows)`` of other columns.

    Raises
    ------
    InputError
        When the file cannot be created, or not be written any further (a full disk).
    """

    def __init__(self, path: Path, columns: Mapping[str, str]) -> None:
        self.path = path
        self._columns = columns
        self._partial = partial_of(path)
        with self._told():
            if path.is_dir():
                raise IsADirectoryError(errno.EISDIR, "")
            self._open()

    def _open(self) -> None:
        raise NotImplementedError  # pragma: no cover

    def _write(self, rows: Iterable[Mapping[str, Any]]) -> None:
        raise NotImplementedError  # pragma: no cover

    def _close(self) -> None:
        raise NotImplementedError  # pragma: no cover

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise unwritable("writers", "the output file", self.path, error) from None

    def write(self, predictions: Predictions) -> None:
        """Append the rows of `predictions`."""
        self.write_rows(predictions.iter_rows())

    def write_rows(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Append rows, whose keys are the columns in their order."""
        with self._told():
            self._write(rows)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            with suppress(OSError):  # what stopped the run is the news, not that the file could not be closed then
                self._close()
            return
        with self._told():
            self._close()
            self._partial.replace(self.path)


class _TextWriter(Writer):
    _file: IO[str]

    def _open(self) -> None:
        # Items name files; "surrogateescape" names were made printable at the door, so strict UTF-8 holds.
        self._file = os.fdopen(open_alone(self._partial), "w", encoding="utf-8", newline="")

    def _close(self) -> None:
        self._file.close()


class _UnixLines:
    """Ends lines with a newline alone, though the csv module is told to end them with both characters.

    Told otherwise, the csv module of Python 3.11 leaves a carriage return within a field unquoted, and readers
    take it for the end of the row.
    """

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def write(self, line: str) -> int:
        return self._file.write(line.removesuffix("\r\n") + "\n")


class CSVTable:
    """Rows of comma-separated values below a header; None is an empty field, booleans are true and false.

    Texts are written exactly as they are, even ``=1+1``: rows are joined by them, and an apostrophe in front would be
    another name.
    """

    def __init__(self, file: IO[str], columns: Iterable[str]) -> None:
        self._rows = csv.writer(_UnixLines(file), lineterminator="\r\n")
        self._rows.writerow(columns)

    def add(self, values: Iterable[Any]) -> None:
        """Append a row."""
        self._rows.writerow(map(_cell, values))


def _cell(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


class CSVWriter(_TextWriter):
    """Comma-separated values, as `CSVTable` writes them."""

    def _open(self) -> None:
        super()._open()
        self._table = CSVTable(self._file, self._columns)

    def _write(self, rows: Iterable[Mapping[str, Any]]) -> None:
        for row in rows:
            self._table.add(row.values())


class JSONLinesWriter(_TextWriter):
    """One JSON object per line."""

    def _write(self, rows: Iterable[Mapping[str, Any]]) -> None:
        self._file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


class ParquetWriter(Writer):
    """Parquet, one row group for every hundred thousand rows or so."""

    _ROWS_PER_GROUP = 100_000

    def _open(self) -> None:
        import pyarrow.parquet as pq

        self._file = os.fdopen(open_alone(self._partial), "wb")
        self._writer = pq.ParquetWriter(self._file, _arrow_schema(self._columns))
        self._rows: list[Mapping[str, Any]] = []

    def _write(self, rows: Iterable[Mapping[str, Any]]) -> None:
        self._rows.extend(rows)
        if len(self._rows) >= self._ROWS_PER_GROUP:
            self._flush()

    def _flush(self) -> None:
        if self._rows:
            self._writer.write_table(arrow_table(self._rows, self._columns))
            self._rows = []

    def _close(self) -> None:
        try:
            self._flush()
            self._writer.close()
        finally:
            self._file.close()


def arrow_table(rows: Iterable[Mapping[str, Any]], columns: Mapping[str, str] | None = None) -> Any:
    """Return a ``pyarrow.Table`` of rows; `columns` as for :func:`open_writer`."""
    import pyarrow as pa

    return pa.Table.from_pylist(list(rows), schema=_arrow_schema(_COLUMNS if columns is None else columns))


def _arrow_schema(columns: Mapping[str, str]) -> Any:
    import pyarrow as pa

    return pa.schema([(name, getattr(pa, kind)()) for name, kind in columns.items()])
