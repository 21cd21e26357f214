"""The battery that every tracker passes, ours, borrowed ones and other people's."""

from __future__ import annotations

import tracemalloc
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.errors import InputError
from unseen.testing.running import Check, Report, require, require_close, require_raises, run
from unseen.tracking.base import FrameBoxes

if TYPE_CHECKING:
    from collections.abc import Callable

    from unseen.tracking.base import FrameTracks, Tracker

__all__ = ["MINIMUM_TRACKER_CHECKS", "all_tracker_checks", "check_tracker", "tracker_checks"]

Array = np.ndarray[Any, Any]

#: No tracker is judged by fewer checks than this.
MINIMUM_TRACKER_CHECKS = 15


def _video(*, n: int = 5, length: int = 30, seed: int = 0, shift: float = 0.0) -> list[FrameBoxes]:
    """Return objects on lanes of their own that move steadily and are seen with small errors."""
    random = np.random.default_rng(seed)
    looks = random.normal(size=(n, 16))
    looks /= np.linalg.norm(looks, axis=1, keepdims=True)
    pace = random.uniform(-3, 3, n)
    frames = []
    for t in range(length):
        x, y = 200 + pace * t, 100.0 * np.arange(n)
        boxes = np.stack([x, y, x + 40, y + 60], axis=1) + random.normal(0, 0.5, (n, 4)) + shift
        order = random.permutation(n)
        vectors = (looks + 0.02 * random.normal(size=looks.shape)).astype(np.float32)[order]
        frames.append(
            FrameBoxes(
                boxes[order].astype(np.float32), np.full(n, 0.9, np.float32), partial(_rows, vectors), np.eye(2, 3)
            )
        )
    return frames


def _rows(vectors: Array, positions: Array) -> Array:
    return np.asarray(vectors[positions])


def _empty() -> FrameBoxes:
    return FrameBoxes(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), partial(_rows, np.zeros((0, 16))))


def _follow(tracker: Tracker, video: list[FrameBoxes]) -> list[FrameTracks]:
    return [tracker.update(frame) for frame in video]


def _same(a: list[FrameTracks], b: list[FrameTracks]) -> bool:
    return len(a) == len(b) and all(
        np.array_equal(x.ids, y.ids) and np.array_equal(x.boxes, y.boxes) and np.array_equal(x.detections, y.detections)
        for x, y in zip(a, b, strict=True)
    )


def results_are_well_formed(make: Callable[[], Tracker]) -> None:
    """Every frame gives int64 ids, float32 boxes and positions of that frame's boxes, one row for each track."""
    for frame, tracks in zip(_video(), _follow(make(), _video()), strict=True):
        m = len(tracks.ids)
        require(tracks.ids.dtype == np.int64, f"ids are {tracks.ids.dtype}, not int64")
        require(tracks.boxes.dtype == np.float32, f"boxes are {tracks.boxes.dtype}, not float32")
        require(tracks.boxes.shape == (m, 4), f"boxes have shape {tracks.boxes.shape} for {m} tracks")
        require(tracks.detections.shape == (m,), f"detections have shape {tracks.detections.shape} for {m} tracks")
        require(np.isfinite(tracks.boxes).all(), "boxes are not finite")
        require((tracks.detections < len(frame.boxes)).all(), "a position is beyond the frame's boxes")
        require((tracks.detections >= -1).all(), "a position is below -1")


def numbers_are_unique(make: Callable[[], Tracker]) -> None:
    """No number and no box comes twice in a frame; numbers are from 1 and ascend."""
    for tracks in _follow(make(), _video()):
        require((np.diff(tracks.ids) > 0).all(), f"ids {tracks.ids.tolist()} do not ascend")
        require((tracks.ids >= 1).all(), "an id is below 1")
        seen = tracks.detections[tracks.detections >= 0]
        require(len(set(seen.tolist())) == len(seen), "a box belongs to two tracks")


def what_moves_steadily_keeps_its_number(make: Callable[[], Tracker]) -> None:
    """Objects on lanes of their own are all found, and each has one number from then on."""
    owner: dict[int, int] = {}
    tracks = None
    for tracks in _follow(make(), _video()):
        for number, box in zip(tracks.ids.tolist(), tracks.boxes, strict=True):
            lane = round((float(box[1]) + float(box[3])) / 2 / 100 - 0.3)
            require(owner.setdefault(number, lane) == lane, f"track {number} went from one object to another")
    require(tracks is not None and len(tracks.ids) == 5, "after 30 frames not all of five objects are tracked")
    require(len(owner) == 5, f"five objects have {len(owner)} numbers")


def numbers_are_never_used_again(make: Callable[[], Tracker]) -> None:
    """Objects that come long after others have gone have new numbers."""
    tracker = make()
    first = {int(i) for tracks in _follow(tracker, _video()) for i in tracks.ids}
    for _ in range(700):
        tracker.update(_empty())
    moved = _video(seed=1, shift=2000.0)
    second = {int(i) for tracks in _follow(tracker, moved) for i in tracks.ids}
    require(second, "nothing was found after a long time without boxes")
    require(not first & second, f"numbers {sorted(first & second)} were used twice")


def tracking_twice_agrees(make: Callable[[], Tracker]) -> None:
    """Two trackers that are handed the same give the same, to the last bit."""
    require(_same(_follow(make(), _video()), _follow(make(), _video())), "two runs differ")


def reset_forgets(make: Callable[[], Tracker]) -> None:
    """After `reset` a tracker is as newly made."""
    tracker = make()
    first = _follow(tracker, _video())
    _follow(tracker, _video(seed=1))
    tracker.reset()
    require(_same(first, _follow(tracker, _video())), "a run after reset differs from the first")


def empty_frames_are_taken(make: Callable[[], Tracker]) -> None:
    """500 frames without boxes give no tracks that are seen, at any time; in the end none at all."""
    tracker = make()
    for _ in range(3):
        require(not len(tracker.update(_empty()).ids), "tracks came of nothing")
    _follow(tracker, _video())
    last = tracker.update(_empty())
    for _ in range(500):
        require((last.detections == -1).all(), "a track is a box of a frame without boxes")
        last = tracker.update(_empty())
    require(not len(last.ids), "tracks live on after 500 frames without boxes")


def ages_advance_on_empty_frames(make: Callable[[], Tracker]) -> None:
    """What comes back after 500 empty frames is not taken for what left, as it would be after none."""
    tracker = make()
    first = {int(i) for tracks in _follow(tracker, _video()) for i in tracks.ids}
    for _ in range(500):
        tracker.update(_empty())
    again = {int(i) for tracks in _follow(tracker, _video()) for i in tracks.ids}
    require(not first & again, "tracks did not age while there were no boxes")


def a_thousand_boxes_are_taken(make: Callable[[], Tracker]) -> None:
    """1,000 boxes in a frame, overlapping, give at most as many tracks."""
    random = np.random.default_rng(0)
    place = random.uniform(0, 2000, (1000, 2))
    tracker = make()
    vectors = random.normal(size=(1000, 16)).astype(np.float32)
    for _ in range(3):
        boxes = np.concatenate([place, place + 50], axis=1) + random.normal(0, 0.3, (1000, 4))
        frame = FrameBoxes(boxes.astype(np.float32), np.full(1000, 0.9, np.float32), partial(_rows, vectors))
        tracks = tracker.update(frame)
        require(len(tracks.ids) <= 1000, f"{len(tracks.ids)} tracks of 1,000 boxes")
    require(len(tracks.ids) > 500, f"only {len(tracks.ids)} of 1,000 boxes that stand still are tracked")


def bad_boxes_are_refused(make: Callable[[], Tracker]) -> None:
    """NaN, infinity, missing edges and scores that do not fit raise InputError and change nothing."""
    tracker, video = make(), _video()
    _follow(tracker, video[:10])
    good = video[10]
    for what, boxes, scores in (
        ("NaN", np.full((1, 4), np.nan), np.ones(1)),
        ("infinity", np.array([[0, 0, np.inf, 1]]), np.ones(1)),
        ("three edges", np.ones((1, 3)), np.ones(1)),
        ("missing scores", good.boxes, np.ones(1)),
        ("NaN scores", good.boxes[:1], np.full(1, np.nan)),
        ("scores above 1", good.boxes[:1], np.full(1, 2.0)),
    ):
        require_raises(
            InputError, partial(tracker.update, FrameBoxes(boxes.astype(np.float32), scores.astype(np.float32))), what
        )
    other = make()
    _follow(other, video[:10])
    require(_same(_follow(tracker, video[10:]), _follow(other, video[10:])), "a refused frame left a trace")


def boxes_without_area_are_passed_over(make: Callable[[], Tracker]) -> None:
    """Boxes that are empty or inside out are no track, and the others keep their positions."""
    tracker = make()
    for frame in _video():
        odd = np.array([[10, 10, 10, 50], [50, 50, 20, 20]], np.float32)
        vectors = np.concatenate([np.full((2, 16), np.nan), frame.vectors(np.arange(5))]) if frame.vectors else None
        boxes, scores = np.concatenate([odd, frame.boxes]), np.full(7, 0.9, np.float32)
        tracks = tracker.update(FrameBoxes(boxes, scores, None if vectors is None else partial(_rows, vectors)))
        require((tracks.detections >= 2).all() or not len(tracks.ids), "a box without area is a track")
    require(len(tracks.ids) == 5, f"{len(tracks.ids)} of five objects are tracked beside boxes without area")
    # A track need not be given out exactly where it was seen, but it must be the same object.
    near = np.abs(tracks.boxes - boxes[tracks.detections]).max()
    require(near < 20, f"positions are of other boxes: {near:.0f} pixels away")


def the_place_does_not_matter(make: Callable[[], Tracker]) -> None:
    """The same video 512 pixels further on gives the same numbers, 512 pixels further on."""
    here, there = _follow(make(), _video()), _follow(make(), _video(shift=512.0))
    for a, b in zip(here, there, strict=True):
        require(np.array_equal(a.ids, b.ids), "other numbers at another place")
        require_close(b.boxes - 512, a.boxes, 1e-3, "boxes at another place")


def the_order_of_boxes_does_not_matter(make: Callable[[], Tracker]) -> None:
    """The boxes of each frame turned round give the same tracks; numbers may be dealt out in another order."""
    straight = _follow(make(), _video())
    turned = []
    for frame in _video():
        give = frame.vectors
        around = None if give is None else (lambda rows, g=give: g(4 - rows))
        turned.append(FrameBoxes(frame.boxes[::-1], frame.scores[::-1], around, frame.motion))
    for a, b in zip(straight, _follow(make(), turned), strict=True):
        require(len(a.ids) == len(b.ids), "another number of tracks")
        first, second = (np.sort(x.boxes.round(3), axis=0) for x in (a, b))
        require_close(second, first, 1e-5, "boxes of tracks changed")


def arguments_are_left_alone(make: Callable[[], Tracker]) -> None:
    """`update` neither writes to what it is handed nor keeps hold of it."""
    tracker, other = make(), make()
    for frame, twin in zip(_video(), _video(), strict=True):
        boxes, scores = frame.boxes.copy(), frame.scores.copy()
        boxes.flags.writeable = scores.flags.writeable = False
        found = tracker.update(FrameBoxes(boxes, scores, frame.vectors, frame.motion))
        require(np.array_equal(boxes, frame.boxes) and np.array_equal(scores, frame.scores), "an argument was changed")
        boxes.flags.writeable = True
        boxes[:] = -1  # what the caller does with its own afterwards
        expected = other.update(twin)
        require(_same([found], [expected]), "it kept hold of the boxes it was handed")


def missing_looks_are_no_match(make: Callable[[], Tracker]) -> None:
    """Vectors of NaN give what no vectors give: no look, and never a match."""
    blind = [FrameBoxes(f.boxes, f.scores, None, f.motion) for f in _video()]
    nans = [FrameBoxes(f.boxes, f.scores, lambda rows: np.full((len(rows), 16), np.nan), f.motion) for f in _video()]
    require(_same(_follow(make(), blind), _follow(make(), nans)), "NaN is taken for a look")


def memory_is_bounded(make: Callable[[], Tracker]) -> None:
    """Objects that come and go for 600 frames leave nothing behind."""
    tracker = make()

    def visit(times: int) -> None:
        for i in range(times):
            for frame in _video(n=3, length=5, seed=i):
                tracker.update(frame)
            for _ in range(15):
                tracker.update(_empty())

    visit(15)
    tracemalloc.start()
    try:
        visit(5)
        before = tracemalloc.get_traced_memory()[0]
        visit(10)
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    require(grown < 200_000, f"{grown:,} bytes more after 200 more frames")


#: In the order they run.
_CHECKS = {
    check.__name__: check
    for check in (
        results_are_well_formed,
        numbers_are_unique,
        what_moves_steadily_keeps_its_number,
        numbers_are_never_used_again,
        tracking_twice_agrees,
        reset_forgets,
        empty_frames_are_taken,
        ages_advance_on_empty_frames,
        a_thousand_boxes_are_taken,
        bad_boxes_are_refused,
        boxes_without_area_are_passed_over,
        the_place_does_not_matter,
        the_order_of_boxes_does_not_matter,
        arguments_are_left_alone,
        missing_looks_are_no_match,
        memory_is_bounded,
    )
}


def all_tracker_checks() -> list[str]:
    """Return the names of all checks, in the order they run."""
    return list(_CHECKS)


def tracker_checks(make: Callable[[], Tracker]) -> list[Check]:
    """Return the checks that trackers made by `make` must pass."""
    return [Check(name, partial(check, make)) for name, check in _CHECKS.items()]


def check_tracker(make: Callable[[], Tracker]) -> Report:
    """Run every check that a tracker must pass.

    Parameters
    ----------
    make : callable
        Makes a new tracker; its class, for one.

    Raises
    ------
    AssertionError
        Naming each check that failed and what it found.

    Examples
    --------
    >>> from unseen.testing.trackers import check_tracker
    >>> from unseen.tracking.tracker import MotionTracker
    >>> report = check_tracker(MotionTracker)
    >>> sorted(report.failed)
    []
    """
    report = run(getattr(make, "__name__", type(make).__name__), tracker_checks(make))
    if report.failed:
        raise AssertionError(str(report))
    if report.n_checks < MINIMUM_TRACKER_CHECKS:
        raise AssertionError(f"{report.subject}: only {report.n_checks} checks ran, of {MINIMUM_TRACKER_CHECKS}")
    return report
