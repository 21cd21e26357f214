"""MOTChallenge text: one line per box, ``frame,id,left,top,width,height,conf,…``; frames and pixels count from 1."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from unseen.errors import InputError, ItemError
from unseen.inputs.files import open_regular, os_reason, quoted, similar_names
from unseen.validation import message, verbatim

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

__all__ = ["MotBoxes", "mot_line", "read_mot"]

#: Larger files and numbers are no annotations of a video that anybody has.
_MOST_BYTES, _MOST_FRAME, _MOST_ID = 1 << 29, 100_000_000, 1 << 53


@dataclass(frozen=True, eq=False)
class MotBoxes:
    """The rows of a MOTChallenge file, in order of frames.

    Attributes
    ----------
    frames : int64 array of shape (n,)
        From 0.
    ids : int64 array of shape (n,)
        As written; -1 in files of detections.
    boxes : float64 array of shape (n, 4)
        Left, top, right and bottom edge; continuous, from 0.
    scores : float64 array of shape (n,)
        The seventh column; 1 where there is none.
    classes : int64 array of shape (n,)
        The eighth column; -1 where there is none.
    """

    frames: npt.NDArray[np.int64]
    ids: npt.NDArray[np.int64]
    boxes: npt.NDArray[np.float64]
    scores: npt.NDArray[np.float64]
    classes: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.frames)

    def where(self, mask: npt.NDArray[np.bool_]) -> MotBoxes:
        """Return some of the rows."""
        return MotBoxes(self.frames[mask], self.ids[mask], self.boxes[mask], self.scores[mask], self.classes[mask])


def mot_line(frame: int, track: int, box: Sequence[float], score: float) -> str:
    """Return the line of a box; frame from 0 and edges from 0 become numbers from 1.

    >>> mot_line(0, 3, (9, 19, 29, 59), 0.5)
    '1,3,10.00,20.00,20.00,40.00,0.5000,-1,-1,-1'
    """
    left, top, right, bottom = (float(edge) for edge in box)
    size = f"{left + 1:.2f},{top + 1:.2f},{right - left:.2f},{bottom - top:.2f}"
    return f"{frame + 1},{track},{size},{score:.4f},-1,-1,-1"


def read_mot(path: str | Path, *, owner: str = "read_mot") -> MotBoxes:
    """Read a MOTChallenge file: of detections, of tracks or of the truth.

    Parameters
    ----------
    path : path
        Lines of at least six numbers with commas or white space between; empty lines are passed over.

    Raises
    ------
    InputError
        When the file cannot be read or a line is no box; names the line.

    Notes
    -----
    ``left`` and ``top`` count from 1 in this format, so 1 is taken off; boxes without width or height are an error
    of the file, since no measure is defined on them.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(message(owner, "file", "a file that exists", quoted(path), similar_names(path)))
    rows: list[list[float]] = []
    try:
        with open_regular(path) as file:
            if (size := path.stat().st_size) > _MOST_BYTES:
                raise InputError(
                    message(owner, f"{quoted(path)}", "below 512 MiB", verbatim(f"{size:,} bytes"), "Cut it")
                )
            for number, raw in enumerate(file, 1):
                line = raw.decode("utf-8", "replace").strip().lstrip("\ufeff")
                if line:
                    rows.append(_row(line, path, number, owner))
    except ItemError as error:
        raise InputError(message(owner, "file", "a readable file", quoted(path), f"It {error}")) from None
    except OSError as error:
        raise InputError(message(owner, "file", "a readable file", quoted(path), f"It {os_reason(error)}")) from None
    table = np.array(rows, np.float64).reshape(-1, 8)
    table = table[np.argsort(table[:, 0], kind="stable")]
    corner = table[:, 2:4] - 1
    return MotBoxes(
        table[:, 0].astype(np.int64) - 1,
        table[:, 1].astype(np.int64),
        np.concatenate([corner, corner + table[:, 4:6]], axis=1),
        table[:, 6],
        table[:, 7].astype(np.int64),
    )


def _row(line: str, path: Path, number: int, owner: str) -> list[float]:
    parts = (line.replace(";", ",").split(",") if "," in line or ";" in line else line.split())[:8]

    def wrong(expected: str) -> InputError:
        return InputError(
            message(owner, f"{quoted(path)}, line {number}", expected, line, "Correct it or leave it out")
        )

    try:
        values = [float(part) for part in parts]
    except ValueError:
        raise wrong("numbers with commas between") from None
    if len(values) < 6 or not all(np.isfinite(values)):
        raise wrong("frame,id,left,top,width,height,…")
    if not (1 <= values[0] <= _MOST_FRAME and values[0] == int(values[0])):
        raise wrong("a frame number from 1 on, first")
    if abs(values[1]) > _MOST_ID or values[1] != int(values[1]):
        raise wrong("a whole id, second")
    if values[4] <= 0 or values[5] <= 0 or max(abs(value) for value in values[2:6]) > 1e9:
        raise wrong("a box with width and height")
    values += [1.0, -1.0][len(values) - 6 :]
    if abs(values[7]) > _MOST_ID:
        raise wrong("a class number, eighth")
    values[7] = float(int(values[7]))
    return values
