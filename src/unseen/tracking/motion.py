"""Following boxes by motion alone; what every tracker of ours is built on."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from unseen.tracking.association import assign, overlaps
from unseen.tracking.base import FrameTracks, Tracker
from unseen.tracking.kalman import BoxFilter, to_centers, to_edges
from unseen.validation import check_number

if TYPE_CHECKING:
    import numpy.typing as npt

    from unseen.tracking.base import FrameBoxes

    Array = npt.NDArray[np.float64]
    Flags = npt.NDArray[np.bool_]
    Rows = npt.NDArray[np.intp]

__all__ = ["Looks", "MotionTracker"]

# Set by hand; those of overlap, reach and evidence looked at on development scenes (seeds 100-119 of
# benchmarks/scenes.py), none on those that are reported.
#: What a track that is not yet confirmed is worth less than one that is.
_TENTATIVE = 0.1
#: What is left of a speed after each frame without a sight: of the centre, and of width and height.
_DAMPING = np.array([0.97, 0.97, 0.5, 0.5])
#: From so many frames without a sight on, the filter begins anew with the next one.
_RESTART = 3.0
#: An unsure box needs more overlap, and a track that was seen so many frames ago at most.
_WEAK_IOU, _WEAK_AGE = 0.4, 3.0
#: A lost track is found again within so many squared standard deviations, summed over four coordinates.
_AWAY = 6.0
#: Evidence of looks below which a lost track is not taken up again.
VETO = -0.5


@dataclass(eq=False)
class Looks:
    """What was asked about boxes of one frame.

    Attributes
    ----------
    asked : int array of shape (k,)
        Boxes that have vectors, ascending.
    vectors : float32 array of shape (k, d)
        Their vectors.
    distances : float64 array of shape (n, k)
        Their distances to the n tracks.
    evidence : float64 array of shape (n, m)
        How much more likely each of m boxes is each track's than another's, as logarithm; 0 where nothing is known.
    clear : bool array of shape (m,)
        Boxes that show one object alone.
    sure : bool array of shape (m,)
        Boxes that motion alone gives to one track.
    """

    asked: Rows
    vectors: npt.NDArray[np.float32]
    distances: Array
    evidence: Array
    clear: Flags
    sure: Flags


class MotionTracker(Tracker):
    """Follow boxes by where they are and how they move.

    Each frame: the tracks are moved on as the camera moved and as they moved (a Kalman filter). Sure boxes go to the
    tracks they overlap, so that the overlaps add up to most; unsure ones to the tracks that are left (they are what
    is half hidden, as a rule); sure boxes that are left go to tracks that were lost nearby; the others begin tracks,
    which get a number once they have been seen `confirm` frames running. All ages advance on empty frames, too.

    Parameters
    ----------
    high_score : float in [0, 1], default 0.3
        Boxes from this score on may begin tracks and go first.
    low_score : float in [0, high_score], default 0.1
        Boxes below this score are not looked at.
    min_iou : float in (0, 1), default 0.3
        Overlap that a box and the place where its track should be need at least.
    confirm : int, at least 1, default 3
        Frames running in which a track must be seen before it gets a number; what is there in the first frame gets
        its own at once.
    max_unseen : float, at least 0, default 120
        Frames after which a track that is not seen ends.
    coast : float, at least 0, default 0
        Frames for which a track that is not seen is still given out, at the place where it should be.

    Notes
    -----
    O(n m) in n tracks and m boxes and O(k^3) for the k that have a choice; no loop over tracks.

    References
    ----------
    A. Bewley et al. Simple online and realtime tracking. ICIP 2016.
    Y. Zhang et al. ByteTrack: multi-object tracking by associating every detection box. ECCV 2022 (two stages).
    J. Cao et al. Observation-centric SORT. CVPR 2023 (beginning anew when a track is found again).

    Examples
    --------
    >>> from unseen.tracking.base import FrameBoxes
    >>> tracker = MotionTracker()
    >>> for x in range(3):
    ...     boxes = np.array([[x, 0, x + 20, 40]], np.float32)
    ...     tracks = tracker.update(FrameBoxes(boxes, np.array([0.9], np.float32)))
    >>> tracks.ids.tolist(), tracks.detections.tolist()
    ([1], [0])
    """

    uses_motion = True

    def __init__(
        self,
        high_score: float = 0.3,
        *,
        low_score: float = 0.1,
        min_iou: float = 0.3,
        confirm: int = 3,
        max_unseen: float = 120,
        coast: float = 0,
    ) -> None:
        owner = type(self).__name__
        self.high_score = check_number(owner, "high_score", high_score, low=0, high=1)
        self.low_score = check_number(owner, "low_score", low_score, low=0, high=self.high_score)
        self.min_iou = check_number(owner, "min_iou", min_iou, low=0, high=1, low_open=True, high_open=True)
        self.confirm = int(check_number(owner, "confirm", confirm, low=1, integer=True))
        self.max_unseen = check_number(owner, "max_unseen", max_unseen, low=0)
        self.coast = check_number(owner, "coast", coast, low=0)
        self.reset()

    def reset(self) -> None:
        """Forget everything, as if newly made."""
        self._filter = BoxFilter()
        self._ids = np.zeros(0, np.int64)  # 0: not yet confirmed
        self._hits = np.zeros(0, np.intp)
        self._unseen = np.zeros(0)
        self._last = np.zeros((0, 4))  # centres where each was last seen, moved on with the camera only
        self._next = 1
        self._begun = False

    # -- one frame ---------------------------------------------------------------------------------------

    def _update(self, frame: FrameBoxes) -> FrameTracks:
        before = {**vars(self), "_filter": copy(self._filter)}
        self._advance(frame)
        boxes, scores = frame.boxes.astype(np.float64), frame.scores
        strong = scores >= self.high_score
        iou = overlaps(to_edges(self._filter.place), boxes)
        try:
            looks = self._look(frame, boxes, strong, iou)
        except BaseException:  # vectors come from outside: where they fail, this frame has not been
            vars(self).update(before)
            raise
        match = np.full(len(self._ids), -1, np.intp)  # which box each track is

        value = iou - _TENTATIVE * (self._ids == 0)[:, None]
        if looks is not None:
            value = value + self._weigh(looks.evidence)
        allowed = (iou >= self.min_iou) & strong
        if looks is not None:
            allowed &= (looks.evidence > VETO) | (self._unseen <= 2 * frame.elapsed)[:, None]
        self._match(match, value + 1, allowed)
        weak = ~strong & (scores >= self.low_score)
        if weak.any():
            recent = self._unseen <= _WEAK_AGE * frame.elapsed
            self._match(match, iou, (iou >= max(_WEAK_IOU, self.min_iou)) & weak & (recent & (self._ids > 0))[:, None])
        self._recover(match, boxes, strong, looks)

        if looks is not None:
            self._learn(match, looks)
        self._take_in(match, boxes, scores)
        match = self._adopt(match, looks)
        return self._finish(frame, match, boxes, strong)

    def _advance(self, frame: FrameBoxes) -> None:
        """Move tracks and ages on to the time of `frame`; arrays are made anew, never changed, so it can be undone."""
        if not len(self._ids):
            return
        if frame.motion is not None:
            self._filter.warp(frame.motion)
            turn = frame.motion[:, :2].T
            size = self._last[:, 2:] * np.sqrt(abs(np.linalg.det(turn)))
            self._last = np.concatenate([self._last[:, :2] @ turn + frame.motion[:, 2], size], axis=1)
        lost = self._unseen > 0
        damping = np.where(lost[:, None], _DAMPING, 1.0) if lost.any() else None
        self._filter.predict(frame.elapsed, damping)
        self._unseen = self._unseen + frame.elapsed

    def _match(self, match: Rows, value: Array, allowed: Flags) -> None:
        """Give boxes to tracks, both of which are still free, and write down which."""
        free = np.ones(value.shape[1], bool)
        free[match[match >= 0]] = False
        rows, columns = assign(value, allowed & free & (match < 0)[:, None])
        match[rows] = columns

    def _recover(self, match: Rows, boxes: Array, strong: Flags, looks: Looks | None) -> None:
        """Give boxes that nobody took to tracks that were lost."""
        lost = np.flatnonzero((match < 0) & (self._ids > 0))
        free = strong.copy()
        free[match[match >= 0]] = False
        left = np.flatnonzero(free)
        if not len(lost) or not len(left):
            return
        worth = self._worth(lost, to_centers(boxes[left]), left, looks)
        rows, columns = assign(worth, worth > 0)
        match[lost[rows]] = left[columns]

    def _worth(self, lost: Rows, z: Array, left: Rows, looks: Looks | None) -> Array:
        """Return (n, m) how likely lost tracks are boxes that nobody took; 0 or less: not at all."""
        place, spread = self._filter.place[lost], self._filter.spread()[lost]
        off = (z[None] - place[:, None]) / spread[:, None]
        away = np.square(off).sum(axis=2)
        return np.asarray(_AWAY - away)

    def _take_in(self, match: Rows, boxes: Array, scores: npt.NDArray[np.float32]) -> None:
        """Correct the tracks by the boxes they were given."""
        rows = np.flatnonzero(match >= 0)
        if len(rows):
            seen = boxes[match[rows]]
            gone = self._unseen[rows]
            again = gone > _RESTART
            usual = rows[~again]
            trust = np.clip(scores[match[usual]] / max(self.high_score, 1e-6), 0.1, 1.0)
            self._filter.update(usual, seen[~again], trust)
            if again.any():
                found = rows[again]
                self._filter.restart(found, self._last[found], seen[again], gone[again])
            self._last[rows] = to_centers(seen)
            self._unseen[rows] = 0
            self._hits[rows] += 1

    def _finish(self, frame: FrameBoxes, match: Rows, boxes: Array, strong: Flags) -> FrameTracks:
        """Confirm, begin and end tracks; return those that are there."""
        kept = (self._unseen <= self.max_unseen) & ((self._ids > 0) | (match >= 0))
        if not kept.all():
            self._keep(kept)
            match = match[kept]
        fresh = strong.copy()
        fresh[match[match >= 0]] = False
        new = np.flatnonzero(fresh)
        if len(new):
            self._open(boxes[new])
            match = np.concatenate([match, new])
        ready = (self._ids == 0) & (self._hits >= (self.confirm if self._begun else 1))
        n = int(np.count_nonzero(ready))
        if n:
            self._ids[ready] = np.arange(self._next, self._next + n)
            self._next += n
        self._begun = self._begun or bool(len(boxes))
        shown = np.flatnonzero((self._ids > 0) & (self._unseen <= self.coast))
        shown = shown[np.argsort(self._ids[shown])]
        where = match[shown]
        places = to_edges(self._filter.place[shown]).astype(np.float32)
        places[where >= 0] = frame.boxes[where[where >= 0]]
        return FrameTracks(self._ids[shown], places, where)

    def _keep(self, kept: Flags) -> None:
        self._filter.keep(kept)
        self._ids, self._hits, self._unseen = self._ids[kept], self._hits[kept], self._unseen[kept]
        self._last = self._last[kept]

    def _open(self, boxes: Array) -> None:
        n = len(boxes)
        self._filter.add(boxes)
        self._ids = np.concatenate([self._ids, np.zeros(n, np.int64)])
        self._hits = np.concatenate([self._hits, np.ones(n, np.intp)])
        self._unseen = np.concatenate([self._unseen, np.zeros(n)])
        self._last = np.concatenate([self._last, to_centers(boxes)])

    # -- what a tracker with eyes does in addition ---------------------------------------------------------

    def _look(self, frame: FrameBoxes, boxes: Array, strong: Flags, iou: Array) -> Looks | None:
        return None

    def _weigh(self, evidence: Array) -> Array:
        return evidence

    def _adopt(self, match: Rows, looks: Looks | None) -> Rows:
        return match

    def _learn(self, match: Rows, looks: Looks) -> None:
        """Keep what was seen."""
