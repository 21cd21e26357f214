"""What tracking says of one frame."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from unseen.tracking.frames import Frame

__all__ = ["TrackedFrame"]


@dataclass(frozen=True, eq=False)
class TrackedFrame:
    """The tracks that are there in one frame.

    Attributes
    ----------
    frame : Frame
        The frame with its number, time and pixels.
    names : tuple of str
        Class names of the vocabulary.
    ids : int64 array of shape (m,)
        Numbers of the tracks, from 1; never used twice.
    boxes : float32 array of shape (m, 4)
        Left, top, right and bottom edge in pixels of this frame.
    scores : float32 array of shape (m,)
        How sure the detector is of each box, in [0, 1]; 0 where it was not seen.
    seen : bool array of shape (m,)
        Whether the detector found it in this frame; else its place is a guess.
    classes : int array of shape (m,)
        Positions into `names` by all that was seen of the track so far; -1 where it is unknown.
    probabilities : float32 array of shape (m,)
        How likely it is of that class (where unknown: of its likeliest class), given that it is of one of them; in
        [0, 1].
    known : float32 array of shape (m,)
        How likely it is of any of the classes, in [0, 1].
    """

    frame: Frame
    names: tuple[str, ...] = field(repr=False)
    ids: npt.NDArray[np.int64]
    boxes: npt.NDArray[np.float32]
    scores: npt.NDArray[np.float32]
    seen: npt.NDArray[np.bool_]
    classes: npt.NDArray[np.intp]
    probabilities: npt.NDArray[np.float32]
    known: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.ids)

    def best(self) -> list[str | None]:
        """Return the class of each track; None where it is unknown."""
        return [self.names[position] if position >= 0 else None for position in self.classes]
