"""Arrays of an npz file, read without trusting what it says of itself."""

from __future__ import annotations

import math
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.datasets.problems import check_size, open_file, problem
from unseen.errors import DatasetError
from unseen.validation import verbatim

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from unseen.datasets.problems import Array

__all__ = ["read_arrays"]


def read_arrays(path: Path, required: Sequence[str], optional: Sequence[str] = ()) -> dict[str, Array]:
    """Return the named arrays of an npz file, those of `optional` where they are there.

    Raises
    ------
    DatasetError
        When the file is damaged, an array is missing, holds pickled objects, or claims more than the file can hold.
    """
    open_file(path).close()
    try:
        return _read(path, required, optional)
    except DatasetError:
        raise
    except MemoryError:
        found = verbatim("one larger than the memory that is free")
        raise problem(path, "the file", "of a size that fits", found, "Use a machine with more memory") from None
    except Exception as error:  # noqa: BLE001  whatever a damaged file makes the libraries raise
        reason = verbatim(" ".join(str(error).split()) or type(error).__name__)
        raise problem(path, "the file", "a readable npz file", reason, "Write it again; it is damaged") from None


def _read(path: Path, required: Sequence[str], optional: Sequence[str]) -> dict[str, Array]:
    size = path.stat().st_size
    with zipfile.ZipFile(path) as archive:
        members = set(archive.namelist())
        wanted = [*required, *(name for name in optional if f"{name}.npy" in members)]
        for name in wanted:
            if f"{name}.npy" not in members:
                found = verbatim(", ".join(sorted(members)[:5]) or "an empty archive")
                remedy = f"Save it with np.savez({'=…, '.join(required)}=…)"
                raise problem(path, name, "an array of the file", found, remedy)
            info = archive.getinfo(f"{name}.npy")
            check_size(path, name, info.file_size, size)
            with archive.open(info) as stream:
                shape, dtype = _header(stream)
                if dtype.hasobject:
                    remedy = "Save texts as np.array(list_of_names) and numbers as they are, without pickling"
                    raise problem(path, name, "an array of texts or numbers", verbatim("pickled objects"), remedy)
                if math.prod(shape) * dtype.itemsize > info.file_size:
                    found = verbatim(f"shape {shape} in {info.file_size:,} bytes")
                    raise problem(path, name, "of a size that the file can hold", found, "Write the file again")
    with np.load(path, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in wanted}


def _header(stream: Any) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(stream)
    return shape, dtype
