"""Rows of a stored folder, and what must be true of them before they are used."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.errors import InputError
from unseen.inputs.files import printable
from unseen.validation import message, verbatim

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

__all__ = ["WRITE_AGAIN", "Rows", "check_part", "damaged", "read_rows", "read_vectors", "refuse"]

#: Bytes of one row group, once they are unpacked, that a reader is willing to hold.
_MAX_GROUP = 1 << 33
WRITE_AGAIN = "Without that file, the command that wrote it makes it again by --resume"


@dataclass(frozen=True)
class Rows:
    """Some rows of a stored folder, in order.

    Attributes
    ----------
    first : int
        Position of the first row in the run.
    items, shas : list of str
        Names, and digests of the files (None where there was no file to digest).
    sizes : list of (int, int)
        Widths and heights of the upright pictures; 0 where unknown.
    errors : list of (str or None)
        Why an item could not be used.
    names : list of (tuple of str)
        Likeliest classes, likeliest first; where several may hold (``settings["multi_label"]``), those that do. Empty
        in folders of embeddings.
    probabilities : list of (tuple of float)
        Their probabilities.
    unknown : list of bool
        Whether the item was called unknown.
    vectors : ndarray of shape (m, d), float32, or None
        Vectors of the m rows without an error; None where they were not asked for.
    """

    first: int
    items: list[str]
    shas: list[str | None]
    sizes: list[tuple[int, int]]
    errors: list[str | None]
    names: list[tuple[str, ...]]
    probabilities: list[tuple[float, ...]]
    unknown: list[bool]
    vectors: npt.NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.items)


def refuse(path: Path, what: str, expected: str, found: object, remedy: str) -> InputError:
    """Return the error for something at `path` that cannot be true."""
    value = verbatim(found) if isinstance(found, str) else found
    return InputError(message("open_labels", f"{what} of {printable(path)}", expected, value, remedy))


def damaged(path: Path, error: BaseException) -> InputError:
    """Return the error for a part that is no Parquet."""
    reason = " ".join(str(error).split())[:120] or type(error).__name__
    return refuse(path, "the content", "Parquet that can be read", reason, WRITE_AGAIN)


def check_part(file: Any, path: Path, items: int, kind: str) -> None:
    """Raise when a part has not the rows, the columns or the size that it should have; reads its footer alone.

    Raises
    ------
    InputError
        Naming the file and the column.
    """
    metadata = file.metadata
    if metadata.num_rows != items:
        expected = f"of {items} rows, as the manifest says"
        raise refuse(path, "the content", expected, f"{metadata.num_rows} rows", WRITE_AGAIN)
    if any(metadata.row_group(i).total_byte_size > _MAX_GROUP for i in range(metadata.num_row_groups)):
        raise refuse(path, "a row group", "of at most 8 GB", "more, once it is unpacked", WRITE_AGAIN)
    for name, types in _COLUMNS.items():
        if kind == "embeddings" and name in ("names", "probabilities", "unknown"):
            continue
        found = _type_of(file, name)
        if found not in types:
            raise refuse(path, f"the column {name!r}", types[0], found, WRITE_AGAIN)
    found = _type_of(file, "embedding")
    if not _VECTOR.fullmatch(found) and (kind == "embeddings" or found != _ABSENT):
        raise refuse(path, "the column 'embedding'", "lists of float16, all of one length", found, WRITE_AGAIN)


def _type_of(file: Any, name: str) -> str:
    index = file.schema_arrow.get_field_index(name)
    return str(file.schema_arrow.field(index).type) if index >= 0 else _ABSENT


_COLUMNS = {
    "item": ("string", "large_string"),
    "sha": ("string", "large_string"),
    "width": ("int32",),
    "height": ("int32",),
    "names": ("list<element: string>", "list<item: string>"),
    "probabilities": ("list<element: float>", "list<item: float>"),
    "unknown": ("bool",),
    "error": ("string", "large_string"),
}
_ABSENT = "no such column"
_DIGEST = re.compile(r"[0-9a-f]{64}")
_VECTOR = re.compile(r"fixed_size_list<\w+: halffloat( not null)?>\[[1-9]\d{0,5}\]")


def read_rows(batch: Any, first: int, path: Path) -> Rows:
    """Return the rows of a record batch, of which the first one has the position `first`; without vectors."""
    try:
        values = {name: batch.column(i).to_pylist() for i, name in enumerate(batch.schema.names) if name != "embedding"}
    except UnicodeDecodeError as error:
        raise damaged(path, error) from None
    n = batch.num_rows
    items = values["item"]
    if any(item is None for item in items):
        raise refuse(path, f"row {first + items.index(None)}", "of an item with a name", "none", WRITE_AGAIN)
    odd = next((i for i, sha in enumerate(values["sha"]) if sha is not None and not _DIGEST.fullmatch(sha)), None)
    if odd is not None:
        raise refuse(path, f"the digest of row {first + odd}", "64 hexadecimal digits", values["sha"][odd], WRITE_AGAIN)
    names = [tuple(row or ()) for row in values.get("names", [None] * n)]
    probabilities = [tuple(row or ()) for row in values.get("probabilities", [None] * n)]
    for i, (classes, shares) in enumerate(zip(names, probabilities, strict=True)):
        sound = len(classes) == len(shares) and None not in classes
        if not sound or not all(share is not None and 0 <= share <= 1 for share in shares):
            told = "of as many classes as probabilities in [0, 1]"
            raise refuse(path, f"row {first + i}", told, "others", WRITE_AGAIN)
    sizes = [(w or 0, h or 0) for w, h in zip(values["width"], values["height"], strict=True)]
    unknown = [bool(value) for value in values.get("unknown", [False] * n)]
    return Rows(first, items, values["sha"], sizes, values["error"], names, probabilities, unknown)


def read_vectors(batch: Any, rows: Rows, path: Path) -> npt.NDArray[np.float32]:
    """Return the vectors of the rows without an error, in 32 bits."""
    usable = np.array([error is None for error in rows.errors], dtype=np.bool_)
    column = batch.column(batch.schema.get_field_index("embedding"))
    size = column.type.list_size
    present = np.asarray(column.is_valid())
    inner = column.values.slice(column.offset * size, len(column) * size)
    matrix = np.asarray(inner.to_numpy(zero_copy_only=False), dtype=np.float32).reshape(len(column), size)[usable]
    sound = present[usable] & np.isfinite(matrix).all(axis=1)
    if not sound.all():
        row = rows.first + int(np.flatnonzero(usable)[np.flatnonzero(~sound)[0]])
        raise refuse(path, f"the embedding of row {row}", "of finite numbers", "none, or others", WRITE_AGAIN)
    return matrix
