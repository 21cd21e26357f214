"""What is wrong with a data set, worded like every other error; and how much a file may claim to hold."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from unseen.errors import DatasetError, ItemError, VocabularyError
from unseen.inputs.files import open_regular, printable
from unseen.validation import message, verbatim

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

__all__ = [
    "Array",
    "check_finite",
    "check_size",
    "first_repeat",
    "frozen",
    "open_file",
    "problem",
    "read_table_text",
    "some",
]

Array = np.ndarray[Any, Any]

#: What a file may declare in any case, and how many times its own size beyond that. Real features shrink by two to
#: fifty when they are packed; what claims more is a mistake or a bomb.
_ALWAYS, _TIMES = 256 << 20, 200


def problem(owner: object, argument: str, expected: str, value: object, remedy: str) -> DatasetError:
    """Return a `DatasetError` worded like every other; a path as owner is made printable."""
    name = printable(owner) if isinstance(owner, os.PathLike) else str(owner)
    return DatasetError(message(name, argument, expected, value, remedy))


def check_size(owner: object, argument: str, n_bytes: int, file_size: int) -> None:
    """Refuse what a file of `file_size` bytes declares when no honest file would hold it."""
    if n_bytes > max(_ALWAYS, _TIMES * file_size):
        found = verbatim(f"{n_bytes / 2**20:,.0f} MiB declared by a file of {file_size / 2**20:,.1f} MiB")
        raise problem(owner, argument, "of a size that the file can hold", found, "Check where the file comes from")


def check_finite(owner: object, features: Array) -> None:
    """Refuse vectors (n, d) that hold NaN or infinity, with their count."""
    # A sum is finite when every term is; only an overflow of the sum itself needs the long way.
    with np.errstate(over="ignore", invalid="ignore"):
        suspicious = np.flatnonzero(~np.isfinite(features.sum(axis=1, dtype=np.float64)))
    bad = suspicious[~np.isfinite(features[suspicious]).all(axis=1)]
    if len(bad):
        found = verbatim(f"NaN or infinity in {len(bad)} of {len(features)} samples, first in sample {bad[0] + 1}")
        raise problem(owner, "features", "finite in float32", found, "Encode those samples again or leave them out")


def frozen(array: Array) -> Array:
    """Return the array, read-only from here on."""
    array.flags.writeable = False
    return array


def open_file(path: Path) -> BinaryIO:
    """Open a regular file, or say why it cannot be read; pipes and devices are not waited for."""
    try:
        return open_regular(path)
    except ItemError as error:
        raise problem(path, "the file", "readable", verbatim(str(error)), "Check the path") from None


def read_table_text(path: Path) -> str:
    """Return the UTF-8 text of a CSV or a list, or say what is wrong with the file."""
    from unseen.vocabulary.files import MAX_TABLE_BYTES, read_text

    try:
        return read_text(path, MAX_TABLE_BYTES, "Use Parquet or safetensors for so much")
    except VocabularyError as error:
        raise DatasetError(str(error)) from None


def first_repeat(names: Iterable[str]) -> str | None:
    """Return the first name that occurs a second time, or None."""
    known: set[str] = set()
    for name in names:
        if name in known:
            return name
        known.add(name)
    return None


def some(names: Sequence[str], n: int = 3) -> str:
    """Return the first names for a message, and how many more there are."""
    shown = ", ".join(repr(str(name)[:40]) for name in names[:n])
    return shown + (f" and {len(names) - n} more" if len(names) > n else "")
