"""Our trackers: motion alone, and motion with looks where motion leaves doubt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unseen.errors import InputError
from unseen.tracking.association import assign, shares
from unseen.tracking.gallery import Distances, Gallery
from unseen.tracking.motion import VETO, Looks, MotionTracker
from unseen.validation import check_number, message, verbatim

if TYPE_CHECKING:
    import numpy.typing as npt

    from unseen.tracking.base import FrameBoxes

    Array = npt.NDArray[np.float64]
    Flags = npt.NDArray[np.bool_]
    Rows = npt.NDArray[np.intp]

__all__ = ["AppearanceTracker", "MotionTracker"]

# Set by hand; those of overlap, reach and evidence looked at on development scenes (seeds 100-119 of
# benchmarks/scenes.py), none on those that are reported.
#: A pair is in doubt where another one of the same track or box overlaps by so little more or less.
_MARGIN = 0.3
#: A box of which so much lies in another one may show somebody else.
_COVERED = 0.25
#: How far one that is known by its looks may have come: sizes of its box, at once and in each frame since. How much
#: wider or narrower, higher or lower its box may be: who goes behind something is often last seen in part.
_REACH, _SHAPE = (2.0, 0.6), 4.0
#: Evidence of looks that is needed to find a lost track by them.
_TOLD = 0.5


class AppearanceTracker(MotionTracker):
    r"""Follow boxes by where they are, how they move and what they look like.

    As :class:`MotionTracker`; and where motion leaves doubt, vectors of the boxes are asked for. How much they tell
    is learnt from the video itself: :class:`~unseen.tracking.gallery.Distances`. So any encoder will do, and objects
    that look alike are told apart by motion alone.

    Parameters
    ----------
    high_score, low_score, min_iou, confirm, coast
        As in :class:`MotionTracker`.
    max_unseen : float, at least 0, default 120
        As there; a track is found again by its looks within this time.
    weight : float, at least 0, default 0.15
        What looks are worth at most, in units of overlap, where boxes compete for tracks that were just seen. A box
        that is half hidden looks like what hides it, so a place that fits clearly better should win.
    refresh : int, at least 1, default 5
        Frames after which the looks of a track that nothing is in doubt about are taken again.
    gallery : int, at least 1, default 16
        Vectors kept of each track.

    Notes
    -----
    Cost in network runs: boxes in doubt, boxes that begin a track, and each track every `refresh` frames. A vector
    with NaN counts as no look at all, and never as a match.

    References
    ----------
    N. Wojke, A. Bewley, D. Paulus. Simple online and realtime tracking with a deep association metric. ICIP 2017.
    N. Aharon, R. Orfaig, B. Bobrovsky. BoT-SORT: robust associations multi-pedestrian tracking. arXiv 2206.14651,
    2022 (camera motion).

    Examples
    --------
    >>> from unseen.tracking.base import FrameBoxes
    >>> tracker = AppearanceTracker(confirm=1)
    >>> boxes, scores = np.array([[0, 0, 20, 40]], np.float32), np.array([0.9], np.float32)
    >>> tracker.update(FrameBoxes(boxes, scores, vectors=lambda rows: np.ones((len(rows), 1), np.float32))).ids.tolist()
    [1]
    """

    uses_appearance = True

    def __init__(
        self,
        high_score: float = 0.3,
        *,
        low_score: float = 0.1,
        min_iou: float = 0.3,
        confirm: int = 3,
        max_unseen: float = 120,
        coast: float = 0,
        weight: float = 0.15,
        refresh: int = 5,
        gallery: int = 16,
    ) -> None:
        owner = type(self).__name__
        self.weight = check_number(owner, "weight", weight, low=0)
        self.refresh = int(check_number(owner, "refresh", refresh, low=1, integer=True))
        self.gallery = int(check_number(owner, "gallery", gallery, low=1, integer=True))
        super().__init__(
            high_score, low_score=low_score, min_iou=min_iou, confirm=confirm, max_unseen=max_unseen, coast=coast
        )

    def reset(self) -> None:
        """Forget everything, as if newly made."""
        super().reset()
        self._gallery = Gallery(self.gallery)
        self._distances = Distances()
        self._slots = np.zeros(0, np.intp)
        self._stale = np.zeros(0)  # frames since the looks were last taken

    def _keep(self, kept: Flags) -> None:
        super()._keep(kept)
        self._gallery.close(self._slots[~kept])
        self._slots, self._stale = self._slots[kept], self._stale[kept]

    def _open(self, boxes: Array) -> None:
        super()._open(boxes)
        self._slots = np.concatenate([self._slots, self._gallery.open(len(boxes))])
        self._stale = np.concatenate([self._stale, np.full(len(boxes), np.inf)])

    def _look(self, frame: FrameBoxes, boxes: Array, strong: Flags, iou: Array) -> Looks | None:
        self._stale = self._stale + frame.elapsed
        if frame.vectors is None or not len(self._ids) or not strong.any():
            return None
        covered = shares(boxes, boxes)
        np.fill_diagonal(covered, 0.0)
        cover = covered.max(axis=1)
        gated = (iou >= self.min_iou) & strong
        held = np.where(gated, iou, -1.0)
        doubt = gated & (self._unseen > 1.5 * frame.elapsed)[:, None]
        if np.count_nonzero(gated) > min(gated.any(axis=0).sum(), gated.any(axis=1).sum()):  # else nobody has a choice
            near = np.minimum(np.abs(held - _second(held, 1)), np.abs(held - _second(held, 0)))
            doubt |= gated & (near < _MARGIN)
        unsure = doubt.any(axis=0)
        missing = bool(((self._ids > 0) & (self._unseen > frame.elapsed)).any())
        if missing:  # who is about to get a number may be somebody known
            unsure |= (gated & ((self._ids == 0) & (self._hits + 1 >= self.confirm))[:, None]).any(axis=0)
        known = self._gallery.counts(self._slots) > 0
        lonely = strong & ~gated.any(axis=0) & bool((known & (self._unseen > frame.elapsed)).any())
        clear = cover < _COVERED
        owner = held.argmax(axis=0)
        due = strong & gated.any(axis=0) & clear & (self._stale[owner] >= self.refresh)
        asked = np.flatnonzero(unsure | lonely | due)
        evidence = np.zeros(iou.shape)
        if not len(asked):
            return None
        vectors = self._ask(frame, asked)
        distances = self._gallery.distances(self._slots, vectors)
        trust = 1 - cover[asked]
        evidence[:, asked] = self._distances.evidence(distances) * trust
        return Looks(asked, vectors, distances, evidence, clear, np.asarray(gated.any(axis=0) & ~unsure))

    def _ask(self, frame: FrameBoxes, asked: Rows) -> npt.NDArray[np.float32]:
        """Return the vectors of these boxes, unit long; NaN where one has none."""
        if frame.vectors is None:
            return np.full((len(asked), 1), np.nan, np.float32)
        given = frame.vectors(asked)
        wide = self._gallery.dimension
        owner, expected = type(self).__name__, f"an array of shape ({len(asked)}, {wide or 'd'})"
        try:
            vectors = np.asarray(given, np.float32)
        except (TypeError, ValueError):
            raise InputError(message(owner, "vectors", f"{expected} of numbers", given, "Pass numbers")) from None
        rows = vectors.ndim > 0 and len(vectors) == len(asked)
        if rows and np.isnan(vectors).all():  # of whatever length: nobody has a look
            return np.full((len(asked), wide or 1), np.nan, np.float32)
        if not rows or vectors.ndim != 2 or not vectors.shape[1] or (wide and vectors.shape[1] != wide):
            got = verbatim(f"shape {vectors.shape}")
            raise InputError(message(owner, "vectors", expected, got, "There is one row for each box asked for"))
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(np.where(norms > 0, vectors / norms, np.nan))

    def _weigh(self, evidence: Array) -> Array:
        return np.asarray(self.weight * np.tanh(evidence / 2))

    def _worth(self, lost: Rows, z: Array, left: Rows, looks: Looks | None) -> Array:
        worth = super()._worth(lost, z, left, looks)
        if looks is None:
            return worth
        told = looks.evidence[np.ix_(lost, left)]
        fits = self._fits(lost, z) & (told > _TOLD)
        worth = np.where(told < VETO, 0.0, worth)
        return np.asarray(np.where(fits, 10.0 + told, worth))

    def _fits(self, lost: Rows, z: Array) -> Flags:
        """Return (n, m) which boxes lost tracks can have come to in the time."""
        place, last = self._filter.place[lost], self._last[lost]
        size = np.sqrt(last[:, 2] * last[:, 3])
        reach = size * (_REACH[0] + _REACH[1] * self._unseen[lost])
        gap = np.minimum(
            np.linalg.norm(z[None, :, :2] - place[:, None, :2], axis=2),
            np.linalg.norm(z[None, :, :2] - last[:, None, :2], axis=2),
        )
        ratio = np.abs(np.log(z[None, :, 2:] / last[:, None, 2:])).max(axis=2)
        return np.asarray((gap <= reach[:, None]) & (ratio < np.log(_SHAPE)))

    def _adopt(self, match: Rows, looks: Looks | None) -> Rows:
        """Let lost tracks go on as tracks that are about to get a number, where they look the same."""
        if looks is None:
            return match
        new = np.flatnonzero((self._ids == 0) & (match >= 0) & (self._hits >= self.confirm))
        lost = np.flatnonzero((self._ids > 0) & (match < 0))
        if not len(new) or not len(lost):
            return match
        told = looks.evidence[np.ix_(lost, match[new])]
        rows, columns = assign(told, self._fits(lost, self._filter.place[new]) & (told > _TOLD))
        if not len(rows):
            return match
        old, young = lost[rows], new[columns]
        match = match.copy()
        match[old] = match[young]
        self._filter.copy(young, old)
        self._last[old] = self._last[young]
        self._unseen[old] = 0
        self._hits[old] += self._hits[young]
        kept = np.ones(len(match), bool)
        kept[young] = False
        self._keep(kept)
        return match[kept]

    def _learn(self, match: Rows, looks: Looks) -> None:
        box_track = np.full(len(looks.clear), -1, np.intp)
        seen = np.flatnonzero(match >= 0)
        box_track[match[seen]] = seen
        owner = box_track[looks.asked]
        good = (owner >= 0) & looks.clear[looks.asked] & np.isfinite(looks.vectors).all(axis=1)
        told = looks.evidence[owner, looks.asked]
        pure = good & looks.sure[looks.asked]
        at = np.flatnonzero(pure)
        if len(at):
            table = looks.distances[:, at]
            same = table[owner[at], np.arange(len(at))]
            others = np.zeros(table.shape, bool)
            others[seen] = True
            others[owner[at], np.arange(len(at))] = False
            self._distances.learn(same, table[others])
        kept = np.flatnonzero(
            good & (looks.sure[looks.asked] | (told > 0) | (self._gallery.counts(self._slots[owner]) == 0))
        )
        if len(kept):
            self._gallery.add(self._slots[owner[kept]], looks.vectors[kept])
            self._stale[owner[kept]] = 0.0


def _second(values: Array, axis: int) -> Array:
    """Return, for each entry, the largest of the others in its row (axis 1) or column (axis 0)."""
    if values.shape[axis] < 2:
        return np.full(values.shape, -np.inf)
    best = values.max(axis=axis, keepdims=True)
    top = values.argmax(axis=axis)
    rest = values.copy()
    np.put_along_axis(rest, np.expand_dims(top, axis), -np.inf, axis=axis)
    runner = rest.max(axis=axis, keepdims=True)
    is_top = np.zeros(values.shape, bool)
    np.put_along_axis(is_top, np.expand_dims(top, axis), True, axis=axis)
    return np.asarray(np.where(is_top, runner, best))
