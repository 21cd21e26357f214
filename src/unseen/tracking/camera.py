"""How the camera moved between two frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.errors import InputError, MissingExtraError
from unseen.validation import check_number, import_extra, message, verbatim

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[np.float64]

__all__ = ["CameraMotion", "Shift", "camera_motion"]

#: Corners looked for, those needed to say anything, and those of them that must agree.
_CORNERS, _LEAST, _AGREE = 300, 8, 0.4
#: Frames that differ by more than a third in size, a half turn's part, or half a picture are another scene, not a
#: moved camera.
_SCALE, _TURN, _PART = 1.35, 0.35, 0.5


@dataclass(frozen=True, eq=False)
class Shift:
    """How the camera moved.

    Attributes
    ----------
    matrix : float64 array of shape (2, 3)
        Maps points of the previous frame onto this one; keeps shapes (turn, scale and shift only).
    confidence : float in [0, 1]
        Share of the points followed that move alike; 0 where nothing could be said, with a matrix that changes
        nothing.
    """

    matrix: Array
    confidence: float


class CameraMotion:
    """Find how the camera moved from each frame to the next, by points of the background.

    Corners of the previous frame are followed by optical flow; the turn, scale and shift that most of them agree on
    (RANSAC) is the camera's. Corners within boxes of the previous frame are left out: they move by themselves.

    Parameters
    ----------
    side : int, at least 32, default 320
        Pixels of the longer side that frames are scaled down to; more is more exact and slower.

    Raises
    ------
    MissingExtraError
        Where opencv is not installed.

    Notes
    -----
    A cut, a frame without texture or points that do not agree give no motion, with
    confidence 0. Deterministic: the random numbers of RANSAC are seeded anew in each frame.

    References
    ----------
    J. Shi, C. Tomasi. Good features to track. CVPR 1994. J.-Y. Bouguet. Pyramidal implementation of the Lucas Kanade
    feature tracker. Intel, 2000. M. A. Fischler, R. C. Bolles. Random sample consensus. CACM 1981.
    """

    def __init__(self, side: int = 320) -> None:
        self.side = int(check_number("CameraMotion", "side", side, low=32, integer=True))
        self._cv2: Any = import_extra("cv2", extra="vision", purpose="finding the camera's motion")
        self.reset()

    def reset(self) -> None:
        """Forget the previous frame."""
        self._before: npt.NDArray[np.uint8] | None = None
        self._boxes: Array = np.zeros((0, 4))
        self._shape: tuple[int, ...] = ()

    def update(self, picture: npt.NDArray[np.uint8], boxes: npt.NDArray[np.floating] | None = None) -> Shift:
        """Take the next frame, (h, w, 3) in RGB; return how the camera moved since the one before.

        Parameters
        ----------
        picture : uint8 array of shape (h, w, 3)
            The frame.
        boxes : array of shape (n, 4), optional
            What moves by itself in it: left, top, right and bottom edges. Used with the next frame.
        """
        if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8 or min(picture.shape) < 1:
            got = verbatim(f"shape {picture.shape} of {picture.dtype}")
            raise InputError(
                message("CameraMotion", "picture", "an array (h, w, 3) of uint8", got, "Pass RGB pictures")
            )
        cv2 = self._cv2
        scale = min(1.0, self.side / max(picture.shape[:2]))
        size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
        gray = cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2GRAY)
        small = cv2.resize(gray, size, interpolation=cv2.INTER_AREA) if scale < 1 else gray
        before, masked = self._before, self._boxes
        same = picture.shape == self._shape
        self._before, self._shape = small, picture.shape
        self._boxes = np.zeros((0, 4)) if boxes is None else np.asarray(boxes, np.float64)
        if before is None or not same:
            return _still()
        return self._find(before, small, masked, (size[0] / picture.shape[1], size[1] / picture.shape[0]))

    def _find(self, before: Any, now: Any, boxes: Array, scale: tuple[float, float]) -> Shift:
        cv2 = self._cv2
        height, width = before.shape
        mask = np.full(before.shape, 255, np.uint8)
        fitting = np.nan_to_num(boxes * np.array([*scale, *scale]), nan=0.0)
        edges = np.clip(fitting, 0, [width, height, width, height])
        for left, top, right, bottom in edges:
            mask[int(top) : int(np.ceil(bottom)), int(left) : int(np.ceil(right))] = 0
        points = cv2.goodFeaturesToTrack(before, _CORNERS, 0.01, 5, mask=mask)
        if points is None or len(points) < _LEAST:
            return _still()
        moved, found, _ = cv2.calcOpticalFlowPyrLK(before, now, points, None, winSize=(15, 15), maxLevel=3)
        good = (found.ravel() == 1) & np.isfinite(moved).all(axis=(1, 2))
        if np.count_nonzero(good) < _LEAST:
            return _still()
        cv2.setRNGSeed(0)
        matrix, inliers = cv2.estimateAffinePartial2D(
            points[good], moved[good], method=cv2.RANSAC, ransacReprojThreshold=1.0, maxIters=500, confidence=0.99
        )
        if matrix is None or not np.isfinite(matrix).all():
            return _still()
        confidence = float(np.count_nonzero(inliers)) / len(points)
        size, turn = float(np.hypot(matrix[0, 0], matrix[1, 0])), float(np.arctan2(matrix[1, 0], matrix[0, 0]))
        middle = np.array([width / 2, height / 2, 1.0])
        far = float(np.abs(matrix @ middle - middle[:2]).max())
        odd = not 1 / _SCALE < size < _SCALE or abs(turn) > _TURN or far > _PART * max(width, height)
        if odd or confidence < _AGREE or np.count_nonzero(inliers) < _LEAST:
            return _still()
        # From small pictures to whole ones: the two sides are scaled by (nearly) the same number.
        to_small, to_whole = np.diag(scale), np.diag(1 / np.array(scale))
        linear = to_whole @ matrix[:, :2] @ to_small
        return Shift(np.concatenate([linear, (to_whole @ matrix[:, 2])[:, None]], axis=1), confidence)


def camera_motion() -> CameraMotion | None:
    """Return what finds the camera's motion, or None where opencv is not installed."""
    try:
        return CameraMotion()
    except MissingExtraError:
        return None


def _still() -> Shift:
    return Shift(np.eye(2, 3), 0.0)
