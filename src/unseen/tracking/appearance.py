"""What boxes of one frame look like: each crop runs through the network once, whoever asks, and only if asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unseen.detection.crops import Crop

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

__all__ = ["BoxVectors"]

#: Boxes with a shorter side than this many pixels show nothing that could be recognised.
LEAST_SIDE = 6.0


class BoxVectors:
    """The image vectors of the boxes of one frame, made when first asked for.

    Parameters
    ----------
    pixels : uint8 array of shape (h, w, 3)
        The frame, RGB.
    boxes : float array of shape (n, 4)
        In its pixels.
    encode : callable
        Vectors (m, d) of m crops, such as :meth:`unseen.detection.judge.BoxJudge.encode`; NaN for what cannot be used.
    """

    def __init__(
        self,
        pixels: npt.NDArray[np.uint8],
        boxes: npt.NDArray[np.float32],
        encode: Callable[[Sequence[Crop]], npt.NDArray[np.float32]],
    ) -> None:
        self._pixels, self._boxes, self._encode = pixels, boxes, encode
        self._known: dict[int, npt.NDArray[np.float32]] = {}
        sides = boxes[:, 2:] - boxes[:, :2]
        self._small = set(np.flatnonzero((sides < LEAST_SIDE).any(axis=1)).tolist())

    def known(self) -> npt.NDArray[np.intp]:
        """Return which boxes have a usable vector already."""
        found = [i for i, vector in self._known.items() if np.isfinite(vector).all()]
        return np.array(sorted(found), np.intp)

    def __call__(self, positions: npt.NDArray[np.intp]) -> npt.NDArray[np.float32]:
        """Return the vectors (m, d) of these boxes, of length one; NaN for boxes that show nothing."""
        rows = [int(i) for i in positions]
        missing = [i for i in dict.fromkeys(rows) if i not in self._known and i not in self._small]
        if missing:
            vectors = self._encode([Crop(self._pixels, self._boxes[i]) for i in missing])
            self._known.update(zip(missing, vectors, strict=True))
        width = len(next(iter(self._known.values()))) if self._known else 1
        out = np.full((len(rows), width), np.nan, np.float32)
        for row, i in enumerate(rows):
            if i in self._known:
                out[row] = self._known[i]
        lengths = np.linalg.norm(out, axis=1, keepdims=True)
        unit: npt.NDArray[np.float32] = (out / np.where(lengths > 0, lengths, np.nan)).astype(np.float32)
        return unit

    def raw(self, positions: npt.NDArray[np.intp]) -> npt.NDArray[np.float32]:
        """Return the vectors as the encoder gives them, which is what classes are judged by."""
        self(positions)
        return np.stack([self._known[int(i)] for i in positions])

    def usable(self, positions: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
        """Return those of the boxes that are large enough to be looked at."""
        return np.array([i for i in positions if int(i) not in self._small], np.intp)
