"""The rows of MOTChallenge text, for boxes and for tracks: ``frame,id,left,top,width,height,conf,class,…``"""

from __future__ import annotations

import math
from array import array
from typing import TYPE_CHECKING

import numpy as np

from unseen.errors import InputError, ItemError
from unseen.inputs.files import open_regular, os_reason, quoted
from unseen.validation import message, verbatim

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

__all__ = ["COLUMNS", "read_mot_rows"]

#: Columns of a row that are read, and the most that there may be.
COLUMNS, _MOST_COLUMNS = 8, 16
#: Larger files and numbers are no annotations of a video that anybody has.
_MOST_BYTES, _MOST_FRAME, _MOST_ID, _FARTHEST = 1 << 29, 100_000_000, 1 << 53, 1e9


def read_mot_rows(path: Path, *, owner: str, first: int = 1, empty: bool = False) -> npt.NDArray[np.float64]:
    """Read a MOTChallenge file: of detections, of tracks or of the truth.

    Parameters
    ----------
    path : Path
        Lines of at least six numbers with commas, semicolons or white space between; empty lines, and those that begin
        with ``#``, are passed over.
    owner : str
        Who complains.
    first : int, default 1
        The lowest frame number: 1 as the format has it, 0 for those who count so.
    empty : bool, default False
        Whether boxes may have a width or height of 0.

    Returns
    -------
    ndarray of shape (n, 8)
        In the file's order: frame, id, left, top, width, height, confidence (1 where there is none) and class (-1).

    Raises
    ------
    InputError
        When the file cannot be read or a line is no box; names the line.
    """
    values = array("d")
    try:
        with open_regular(path) as file:
            if (size := path.stat().st_size) > _MOST_BYTES:
                got = verbatim(f"{size:,} bytes")
                raise InputError(message(owner, f"{quoted(path)}", f"below {_MOST_BYTES >> 20} MiB", got, "Cut it"))
            for number, raw in enumerate(file, 1):
                line = raw.decode("utf-8", "replace").strip().lstrip("\ufeff")
                if line and not line.startswith("#"):
                    values.extend(_row(line, f"{quoted(path)}, line {number}", owner, first, empty))
    except ItemError as error:
        raise InputError(message(owner, "file", "a readable file", quoted(path), f"It {error}")) from None
    except OSError as error:
        raise InputError(message(owner, "file", "a readable file", quoted(path), f"It {os_reason(error)}")) from None
    return np.array(values, np.float64).reshape(-1, COLUMNS)


def _row(line: str, where: str, owner: str, first: int, empty: bool) -> list[float]:
    cells = line.replace(";", ",").split(",") if "," in line or ";" in line else line.split()
    while cells and not cells[-1].strip():
        cells.pop()

    def wrong(expected: str) -> InputError:
        return InputError(message(owner, where, expected, line, "Correct it or leave it out"))

    try:
        values = [float(cell) for cell in cells[:COLUMNS]]
    except ValueError:
        raise wrong("numbers with commas between") from None
    if not 6 <= len(cells) <= _MOST_COLUMNS or not all(map(math.isfinite, values)):
        raise wrong("frame,id,left,top,width,height,… in finite numbers")
    if not first <= values[0] <= _MOST_FRAME or values[0] != int(values[0]):
        raise wrong(f"a frame number from {first} on, first")
    if abs(values[1]) > _MOST_ID or values[1] != int(values[1]):
        raise wrong("a whole id, second")
    least = min(values[4:6])
    if least < 0 or (least == 0 and not empty) or max(abs(value) for value in values[2:6]) > _FARTHEST:
        raise wrong("a box with width and height")
    values += [1.0, -1.0][len(values) - 6 :]
    if abs(values[7]) > _MOST_ID:
        raise wrong("a class number, eighth")
    values[7] = float(int(values[7]))
    return values
