"""Tiles: small things in large pictures, found by looking at overlapping parts as well as at the whole."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.detection.base import BoundDetector, Picture, Proposals
from unseen.detection.boxes import as_boxes, covered_matrix, iou_matrix
from unseen.errors import InputError
from unseen.validation import message, verbatim

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

__all__ = ["TiledDetector", "Tiles", "check_tiles", "merge_tiles"]

Array = np.ndarray[Any, Any]

#: Share of a tile's side by which neighbours overlap.
_OVERLAP = 0.2
#: So many tiles of one picture, at most.
_MOST = 1024
#: A box that ends this near to an inner edge of its tile was probably cut by it, in pixels.
_NEAR = 3.0
#: Two parts of one thing agree this far where both tiles see it.
_AGREE = 0.4
#: A part is in the whole when so much of it is.
_PART = 0.75


@dataclass(frozen=True)
class Tiles:
    """How a picture is divided.

    Parameters
    ----------
    across, down : int or None
        How many tiles, side by side and one below another; None where their size is given.
    width, height : int or None
        Size of a tile in pixels; None where their number is given.
    """

    across: int | None = None
    down: int | None = None
    width: int | None = None
    height: int | None = None

    def windows(self, size: tuple[int, int]) -> npt.NDArray[np.intp]:
        """Return left, top, right and bottom (n, 4) of each tile of a picture of this width and height.

        Raises
        ------
        InputError
            When there would be more than 1,024.
        """
        xs = _spans(size[0], self.across, self.width)
        ys = _spans(size[1], self.down, self.height)
        if len(xs) * len(ys) > _MOST:
            got = verbatim(f"{len(xs)} x {len(ys)} for a picture of {size[0]} x {size[1]}")
            raise InputError(message("detect", "tiles", f"at most {_MOST} of a picture", got, "Choose larger tiles"))
        return np.array([(x0, y0, x1, y1) for y0, y1 in ys for x0, x1 in xs], np.intp)


def check_tiles(tiles: Any) -> Tiles | None:
    """Return what ``tiles`` says: a number N (N by N tiles), ``"3x2"`` tiles, or ``"640x480"`` pixels; None for none.

    Numbers up to 32 count tiles, larger ones pixels.

    Raises
    ------
    InputError
        When it is something else.
    """
    if tiles is None or (tiles in (0, 1, "0", "1", "") and not isinstance(tiles, bool)):
        return None
    found = (
        re.fullmatch(r"\s*(\d{1,6})\s*(?:[xX×]\s*(\d{1,6}))?\s*", str(tiles)) if not isinstance(tiles, bool) else None
    )
    if found is not None:
        wide = int(found[1])
        high = int(found[2] or found[1])
        if 1 <= wide <= 32 and 1 <= high <= 32:
            return Tiles(across=wide, down=high)
        if wide >= 64 and high >= 64:
            return Tiles(width=wide, height=high)
    expected = "a number N for N by N tiles, 'WxH' with numbers up to 32 of tiles, or of at least 64 of pixels"
    raise InputError(message("detect", "tiles", expected, tiles, "Write for example 2 or 640x640"))


class TiledDetector(BoundDetector):
    """A detector that looks at the whole picture and at its tiles.

    Parameters
    ----------
    detector : BoundDetector
        What finds boxes.
    tiles : Tiles
        How pictures are divided.

    Raises
    ------
    InputError
        When the detector does not look at pictures: its boxes belong to whole files.
    """

    def __init__(self, detector: BoundDetector, tiles: Tiles) -> None:
        if not detector.looks:
            got = verbatim("boxes from a file, which are those of the whole picture")
            raise InputError(
                message("detect", "tiles", "left out for a detector that looks at no pixels", got, "Leave it out")
            )
        self._detector = detector
        self._tiles = tiles
        self.at_once = 1

    def propose(self, pictures: Sequence[Picture]) -> list[Proposals]:
        """Return the proposals of each picture, in order: of the whole and of its tiles, those of one thing merged."""
        return [self._one(picture) for picture in pictures]

    def _one(self, picture: Picture) -> Proposals:
        windows = self._tiles.windows(picture.size)
        if len(windows) < 2:
            return self._detector.propose([picture])[0]
        parts = [
            Picture(f"{picture.item}#{i}", np.ascontiguousarray(picture.pixels[y0:y1, x0:x1]))
            for i, (x0, y0, x1, y1) in enumerate(windows)
        ]
        views = [picture, *parts]
        step = max(1, self._detector.at_once)
        found = [p for i in range(0, len(views), step) for p in self._detector.propose(views[i : i + step])]
        failed = next((p.error for p in found if p.error is not None), None)
        if failed is not None:
            return Proposals.failed(failed)
        return merge_tiles(found[0], found[1:], windows, picture.size)

    def close(self) -> None:
        """Let go of what the detector holds."""
        self._detector.close()


def merge_tiles(
    whole: Proposals, parts: Sequence[Proposals], windows: npt.ArrayLike, size: tuple[int, int]
) -> Proposals:
    """Return the proposals of a picture from those of the whole and of its tiles.

    A box that ends at an inner edge of its tile was cut there. Cut boxes of neighbouring tiles that agree where both
    tiles see them become one; a cut box that lies in another box is a part of that and goes.

    Parameters
    ----------
    whole : Proposals
        In pixels of the picture.
    parts : sequence of Proposals
        One per tile, in pixels of the tile.
    windows : array-like of shape (n, 4)
        Left, top, right and bottom of each tile.
    size : tuple of (int, int)
        Width and height of the picture.
    """
    frames = np.asarray(windows, np.float32).reshape(-1, 4)
    moved = [as_boxes(part.boxes) + frames[i, [0, 1, 0, 1]] for i, part in enumerate(parts)]
    boxes = np.concatenate([whole.boxes, *moved])
    scores = np.concatenate([whole.scores, *(part.scores for part in parts)])
    owner = np.concatenate([np.full(len(p), i - 1) for i, p in enumerate([whole, *parts])]).astype(np.intp)
    everything = [whole, *parts]
    labelled = any(p.labels is not None for p in everything)
    labels: list[str | None] = [name for p in everything for name in (p.labels or (None,) * len(p))]
    known = [p.probabilities for p in everything if p.probabilities is not None]
    probabilities = (
        np.concatenate(known)
        if known and len(known) == sum(1 for p in everything if len(p) or p.probabilities is not None)
        else None
    )
    cut = _cut(boxes, owner, frames, size)
    kinds = _kinds(labels, probabilities)
    groups = _groups(boxes, owner, frames, cut, kinds)
    out_boxes, out_scores, out_labels, out_rows = [], [], [], []
    still_cut = []
    for rows in groups:
        best = rows[int(np.argmax(scores[rows]))]
        out_boxes.append(np.concatenate([boxes[rows, :2].min(axis=0), boxes[rows, 2:].max(axis=0)]))
        out_scores.append(scores[best])
        out_labels.append(labels[best])
        out_rows.append(best)
        still_cut.append(bool(cut[rows].any()))
    merged = np.array(out_boxes, np.float32).reshape(-1, 4)
    kept = ~_swallowed(merged, np.array(still_cut, np.bool_), kinds[out_rows])
    return Proposals(
        merged[kept],
        np.array(out_scores, np.float32)[kept],
        labels=[name for name, keep in zip(out_labels, kept, strict=True) if keep] if labelled else None,
        probabilities=None if probabilities is None else probabilities[out_rows][kept],
    )


def _spans(length: int, count: int | None, side: int | None) -> list[tuple[int, int]]:
    """Return where tiles begin and end along one axis, covering all of it, the last ones aligned to its end."""
    if count is not None:
        side = math.ceil(length / (count - (count - 1) * _OVERLAP))
    side = max(1, min(side or length, length))
    if side >= length:
        return [(0, length)]
    n = count or math.ceil((length - side) / (side * (1 - _OVERLAP))) + 1
    starts = [round(i * (length - side) / (n - 1)) for i in range(n)] if n > 1 else [0]
    return [(start, start + side) for start in starts]


def _cut(boxes: Array, owner: Array, frames: Array, size: tuple[int, int]) -> Array:
    """Return which boxes end at an edge of their tile that is none of the picture."""
    cut = np.zeros(len(boxes), np.bool_)
    inside = np.array([0, 0, size[0], size[1]], np.float32)
    for i, frame in enumerate(frames):
        rows = owner == i
        inner = np.abs(frame - inside) > 0.5
        cut[rows] = ((np.abs(boxes[rows] - frame) <= _NEAR) & inner).any(axis=1)
    return cut


def _kinds(labels: Sequence[str | None], probabilities: Array | None) -> Array:
    """Return a number for what each box is: boxes of different kinds are never parts of one thing."""
    if probabilities is not None:
        likeliest: Array = probabilities.argmax(axis=1)
        return likeliest
    numbers: dict[str | None, int] = {}
    return np.array([numbers.setdefault(label, len(numbers)) for label in labels], np.intp)


def _groups(boxes: Array, owner: Array, frames: Array, cut: Array, kinds: Array) -> list[Array]:
    """Return the boxes of each thing: cut boxes of neighbouring tiles that agree where both tiles see them."""
    parent = np.arange(len(boxes))

    def root(i: int) -> int:
        while parent[i] != i:
            i = int(parent[i])
        return i

    cut_in = {int(i): np.flatnonzero(cut & (owner == i)) for i in np.unique(owner[cut])}
    tiles = list(cut_in)
    for place, i in enumerate(tiles):
        for j in tiles[place + 1 :]:
            both = np.concatenate([np.maximum(frames[i, :2], frames[j, :2]), np.minimum(frames[i, 2:], frames[j, 2:])])
            if (both[2:] <= both[:2]).any():
                continue
            a, b = cut_in[i], cut_in[j]
            agree = iou_matrix(_within(boxes[a], both), _within(boxes[b], both)) >= _AGREE
            for first, second in np.argwhere(agree & (kinds[a][:, None] == kinds[b][None])).tolist():
                parent[root(int(b[second]))] = root(int(a[first]))
    roots = np.array([root(i) for i in range(len(boxes))], np.intp)
    return [np.flatnonzero(roots == r) for r in dict.fromkeys(roots.tolist())]


def _within(boxes: Array, frame: Array) -> Array:
    """Return boxes as far as they lie in a frame."""
    inside: Array = np.concatenate([np.maximum(boxes[:, :2], frame[:2]), np.minimum(boxes[:, 2:], frame[2:])], axis=1)
    return inside


def _swallowed(boxes: Array, cut: Array, kinds: Array) -> Array:
    """Return which cut boxes lie in another box of their kind."""
    if not len(boxes):
        return np.zeros(0, np.bool_)
    inside = covered_matrix(boxes, boxes) >= _PART
    larger = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    other = (kinds[:, None] == kinds[None]) & (larger[None] > larger[:, None])
    gone: Array = cut & (inside & other).any(axis=1)
    return gone
