"""The contract of every tracker: boxes of one frame in, numbered boxes out.

A tracker knows nothing of classes and pictures. What it may use of them is handed to it: vectors of the boxes it asks
for, and how the camera moved.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from unseen.errors import InputError
from unseen.validation import check_number, message, verbatim

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

__all__ = ["FrameBoxes", "FrameTracks", "Tracker"]

#: Edges further out than this are no pixels of any picture, and their squares would not fit float32.
_FARTHEST = 1e7


@dataclass(frozen=True, eq=False)
class FrameBoxes:
    """The boxes that were found in one frame.

    Attributes
    ----------
    boxes : float32 array of shape (n, 4)
        Left, top, right and bottom edge in pixels.
    scores : float32 array of shape (n,)
        How sure the detector is, in [0, 1].
    vectors : callable or None
        Given positions (m,) of boxes, returns their image vectors (m, d), L2-normalised; a row with NaN says that the
        box has no appearance. None: nobody looks at pictures. A tracker asks only for what it needs, because each
        vector costs a run of the network.
    motion : float64 array of shape (2, 3) or None
        How the camera moved: maps points of the previous frame onto this one. None: not known, taken as still.
    elapsed : float, default 1.0
        How much time has passed since the previous frame, counted in usual frames: 2.0 where one was dropped.
    """

    boxes: npt.NDArray[np.float32]
    scores: npt.NDArray[np.float32]
    vectors: Callable[[npt.NDArray[np.intp]], npt.NDArray[np.float32]] | None = None
    motion: npt.NDArray[np.float64] | None = None
    elapsed: float = 1.0


@dataclass(frozen=True, eq=False)
class FrameTracks:
    """The tracks that are there in one frame.

    Attributes
    ----------
    ids : int64 array of shape (m,)
        Numbers of the tracks, from 1, never used twice; ascending.
    boxes : float32 array of shape (m, 4)
        Where they are.
    detections : int array of shape (m,)
        Which box of the frame each is; -1 where it was not seen and its place is a guess.
    """

    ids: npt.NDArray[np.int64]
    boxes: npt.NDArray[np.float32]
    detections: npt.NDArray[np.intp]


class Tracker(ABC):
    """Base of every tracker; feed it the frames in order, those without boxes too.

    A tracker is deterministic: the same boxes, vectors and motion give the same tracks. An author writes `_update`
    and `reset`; what is handed in is checked here.
    """

    #: The extra of the package that brings the libraries it needs; None where there is nothing to install.
    extra: ClassVar[str | None] = None
    #: Whether it asks for vectors of boxes.
    uses_appearance: bool = False
    #: Whether it asks how the camera moved.
    uses_motion: bool = False

    def update(self, frame: FrameBoxes) -> FrameTracks:
        """Take the boxes of the next frame; return the tracks that are there in it.

        Boxes without area are passed over: they are never part of a track.

        Raises
        ------
        InputError
            Where boxes, scores, motion or the time that has passed are no such thing (NaN among them); the tracker
            is then as it was before.
        """
        owner = type(self).__name__
        boxes = _numbers(owner, "boxes", frame.boxes, (None, 4), np.float32)
        scores = _numbers(owner, "scores", frame.scores, (len(boxes),), np.float32)
        if np.any(np.abs(boxes) > _FARTHEST):
            raise InputError(
                message(owner, "boxes", f"within ±{_FARTHEST:g} pixels", frame.boxes, "Look at what made the boxes")
            )
        if np.any((scores < 0) | (scores > 1)):
            far = scores[(scores < 0) | (scores > 1)][0]
            raise InputError(message(owner, "scores", "in [0, 1]", float(far), "Scale them"))
        motion = None if frame.motion is None else _numbers(owner, "motion", frame.motion, (2, 3), np.float64)
        elapsed = check_number(owner, "elapsed", frame.elapsed, low=0, low_open=True)
        solid = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
        if solid.all():
            return self._update(replace(frame, boxes=boxes, scores=scores, motion=motion, elapsed=elapsed))
        kept, ask = np.flatnonzero(solid), frame.vectors
        vectors = None if ask is None else lambda positions: ask(kept[positions])
        found = self._update(FrameBoxes(boxes[kept], scores[kept], vectors, motion, elapsed))
        seen = found.detections >= 0
        positions = found.detections.copy()
        positions[seen] = kept[positions[seen]]
        return replace(found, detections=positions)

    @abstractmethod
    def _update(self, frame: FrameBoxes) -> FrameTracks:
        """Do what `update` says; all of `frame` is as documented and every box has an area."""

    @abstractmethod
    def reset(self) -> None:
        """Forget everything, as if newly made."""

    def parameters(self) -> dict[str, Any]:
        """Return what it was made with, by name; for the settings of a result."""
        import inspect

        return {
            name: getattr(self, name) for name in inspect.signature(type(self).__init__).parameters if name != "self"
        }


def _numbers(owner: str, argument: str, value: Any, shape: tuple[int | None, ...], dtype: Any) -> npt.NDArray[Any]:
    """Return `value` as an array of finite numbers of this shape (None: any length), else raise InputError."""
    wanted = f"an array of shape ({', '.join('n' if n is None else str(n) for n in shape)}{',' * (len(shape) == 1)})"
    try:
        array = np.asarray(value, dtype=dtype)
    except (TypeError, ValueError):
        raise InputError(message(owner, argument, f"{wanted} of numbers", value, "Pass numbers")) from None
    if array.shape == (0,) and len(shape) == 2 and shape[0] is None:
        array = array.reshape(0, shape[1] or 0)  # what an empty list becomes
    if array.ndim != len(shape) or any(n is not None and n != m for n, m in zip(shape, array.shape, strict=True)):
        raise InputError(
            message(owner, argument, wanted, verbatim(f"shape {array.shape}"), "There is one row for each box")
        )
    if not np.isfinite(array).all():
        row = int(np.argwhere(~np.isfinite(array))[0][0])
        remedy = "Leave out what the detector could not place"
        raise InputError(message(owner, argument, "finite", verbatim(f"NaN or infinity in row {row}"), remedy))
    return array
