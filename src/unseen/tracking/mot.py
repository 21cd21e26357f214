"""MOTChallenge text: one line per box, ``frame,id,left,top,width,height,conf,…``; frames and pixels count from 1."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from unseen.detection.mot_rows import read_mot_rows
from unseen.errors import InputError
from unseen.inputs.files import quoted, similar_names
from unseen.validation import message

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

__all__ = ["MotBoxes", "mot_line", "read_mot"]


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
        Lines of at least six numbers with commas, semicolons or white space between; empty lines, and those that begin
        with ``#``, are passed over.

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
    table = read_mot_rows(path, owner=owner)
    table = table[np.argsort(table[:, 0], kind="stable")]
    corner = table[:, 2:4] - 1
    return MotBoxes(
        table[:, 0].astype(np.int64) - 1,
        table[:, 1].astype(np.int64),
        np.concatenate([corner, corner + table[:, 4:6]], axis=1),
        table[:, 6],
        table[:, 7].astype(np.int64),
    )
