"""MATLAB files, both kinds, read as if strangers had made them: numbers and texts come out, nothing else.

Before a variable is loaded its declared kind and size are looked at, so that a small file cannot ask for all memory. Of
version 7.3 (HDF5, read by h5py), links to other files are not followed.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, BinaryIO

from unseen.datasets.mat5 import read_mat5, wrong_kind
from unseen.datasets.problems import Array, check_size, open_file, problem
from unseen.errors import DatasetError
from unseen.validation import import_extra, verbatim

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

__all__ = ["read_mat"]

_HDF5 = b"\x89HDF\r\n\x1a\n"
_DAMAGED = "Fetch the file again; it is damaged or no MATLAB file"


def read_mat(
    path: Path, *, numbers: Collection[str] = (), texts: Collection[str] = ()
) -> tuple[dict[str, Array], dict[str, tuple[str, ...]]]:
    """Read variables of a MATLAB file; those that it lacks are left out.

    Parameters
    ----------
    path : Path
    numbers : collection of str
        Variables that are real matrices, returned as MATLAB shows them (rows, columns).
    texts : collection of str
        Variables that are cells of texts, or character matrices with a text per row.

    Raises
    ------
    DatasetError
        When the file is none, is damaged, declares more than it can hold, or a variable is of another kind.
    MissingExtraError
        When it is of version 7.3 and h5py is not installed.
    """
    with open_file(path) as stream:
        size = stream.seek(0, 2)
        stream.seek(0)
        head = stream.read(520)
        stream.seek(0)
        hdf5 = head.startswith(_HDF5) or head[512:520] == _HDF5
        try:
            if hdf5:
                return _read_73(path, stream, size, numbers, texts)
            return read_mat5(path, stream, numbers=numbers, texts=texts)
        except (DatasetError, ImportError):
            raise
        except MemoryError:
            found = verbatim("one larger than the memory that is free")
            raise problem(path, "the file", "of a size that fits", found, "Use a machine with more memory") from None
        except Exception as error:  # noqa: BLE001  whatever a damaged file makes the libraries raise
            found = verbatim(f"damage: {' '.join(str(error).split()) or type(error).__name__}")
            raise problem(path, "the file", "a MATLAB file that can be read", found, _DAMAGED) from None


def _read_73(
    path: Path, stream: BinaryIO, size: int, numbers: Collection[str], texts: Collection[str]
) -> tuple[dict[str, Array], dict[str, tuple[str, ...]]]:
    h5py: Any = import_extra("h5py", extra="mat73", purpose=f"{path.name} is a MATLAB file of version 7.3; reading it")
    found: dict[str, Array] = {}
    listed: dict[str, tuple[str, ...]] = {}
    with h5py.File(stream, "r") as file:
        for name in (*numbers, *texts):
            if name not in file:
                continue
            # A soft or external link may lead to any other file.
            if not isinstance(file.get(name, getlink=True), h5py.HardLink):
                raise wrong_kind(path, name, "stored in the file itself", "a link")
            if name in numbers:
                data = _stored(h5py, path, name, file[name], size)
                if data.dtype.kind not in "iufb" or data.ndim != 2:
                    found_kind = f"an array of shape {data.shape} and dtype {data.dtype}"
                    raise wrong_kind(path, name, "a matrix of real numbers", found_kind)
                found[name] = data[()].T  # HDF5 lists columns first
            else:
                listed[name] = _texts_73(h5py, path, name, file, size)
    return found, listed


def _stored(h5py: Any, path: Path, name: str, data: Any, size: int) -> Any:
    """Return a data set after looking at what it declares."""
    if not isinstance(data, h5py.Dataset):
        raise wrong_kind(path, name, "a matrix", f"an HDF5 {type(data).__name__.lower()}")
    if data.external is not None or data.is_virtual:
        raise wrong_kind(path, name, "stored in the file itself", "data in other files")
    if data.shape is None:
        raise wrong_kind(path, name, "a matrix", "nothing")
    stored = min(data.id.get_storage_size(), size)
    check_size(path, name, math.prod(data.shape) * data.dtype.itemsize, stored)
    return data


def _texts_73(h5py: Any, path: Path, name: str, file: Any, size: int) -> tuple[str, ...]:
    cells = _stored(h5py, path, name, file[name], size)
    if h5py.check_ref_dtype(cells.dtype) is not h5py.Reference:
        raise wrong_kind(path, name, "a cell of texts", f"an array of dtype {cells.dtype}")
    texts = []
    for i, reference in enumerate(cells[()].T.ravel(), 1):
        if not reference:
            raise wrong_kind(path, name, "a cell of texts", f"nothing in cell {i}")
        letters = _stored(h5py, path, name, file[reference], size)
        if letters.dtype.kind != "u" or letters.size > 1 << 16:
            raise wrong_kind(path, name, "a cell of texts", f"something else in cell {i}")
        empty = bool(letters.attrs.get("MATLAB_empty", 0))
        codes = letters[()].T.ravel().astype("<u2")
        texts.append("" if empty else codes.tobytes().decode("utf-16-le"))
    return tuple(texts)
