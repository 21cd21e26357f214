"""Tracking: detection, then association in time, then a vote on what each track is."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.detection.base import BoundDetector, Detector, Picture, Proposals
from unseen.detection.boxes import clip_boxes, usable_boxes
from unseen.detection.judge import BoxJudge
from unseen.detection.loading import bind_detector
from unseen.detection.nms import nms as suppress
from unseen.tracking.ahead import ahead
from unseen.tracking.appearance import BoxVectors
from unseen.tracking.base import FrameBoxes
from unseen.tracking.camera import camera_motion
from unseen.tracking.detections_file import FileBoxes
from unseen.tracking.frames import Frame, Frames, PhotoFrames, open_frames
from unseen.tracking.loading import load_tracker
from unseen.tracking.result import TrackedFrame
from unseen.tracking.track_classes import TrackClasses
from unseen.tracking.zones import Polygon, anchors, inside
from unseen.validation import check_choice, check_number

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from unseen.recognizer import Recognizer
    from unseen.tracking.base import Tracker
    from unseen.vocabulary import Vocabulary

__all__ = ["LABEL_WEIGHT", "BoxTracker", "track"]

#: Boxes of different classes that overlap by more than this are one thing, where nobody says otherwise.
OVERLAP = 0.7
#: How much a detector's own word for a box counts beside the picture, where nobody says how much; what tracking was
#: measured with.
LABEL_WEIGHT = 0.5
#: Frames between looks at what a track is, where nothing is in doubt.
CLASSIFY_EVERY = 10
#: Gaps in time longer than so many usual frames are not worth more.
_LONGEST_GAP = 1000.0


@dataclass(frozen=True, eq=False)
class _Seen:
    """A frame with the boxes that were found in it."""

    frame: Frame
    boxes: npt.NDArray[np.float32]
    scores: npt.NDArray[np.float32]
    labels: tuple[str | None, ...] | None
    probabilities: npt.NDArray[np.float32] | None
    motion: npt.NDArray[np.float64] | None
    error: str | None


class BoxTracker:
    """Follows objects from frame to frame and says what they are; holds what is the same for every frame.

    Parameters
    ----------
    recognizer, vocabulary, detector, detections, tracker, threshold, overlap, roi, anchor, classify_every,
    unknown_below, label_weight, background, max_boxes, max_unseen, camera
        As in :func:`track`.
    photos : bool, default True
        Whether the frames are photos, which a file of detections may know by name.

    Attributes
    ----------
    settings : dict
        What goes with every result.
    failed : int
        Frames in which no boxes could be looked for.
    first_failure : str
        Why, of the first of them.
    """

    def __init__(
        self,
        recognizer: Recognizer,
        vocabulary: Vocabulary,
        *,
        detector: str | Detector | BoundDetector = "default",
        detections: str | Path | None = None,
        tracker: str | Tracker = "unseen",
        threshold: float | None = None,
        overlap: float = OVERLAP,
        roi: Sequence[Polygon] = (),
        anchor: str = "foot",
        classify_every: int = CLASSIFY_EVERY,
        unknown_below: float | None = None,
        label_weight: float = LABEL_WEIGHT,
        background: Sequence[str] | None = None,
        max_boxes: int = 300,
        max_unseen: float | None = None,
        camera: bool = True,
        photos: bool = True,
    ) -> None:
        self._overlap = check_number("track", "overlap", overlap, low=0, high=1)
        self._most = int(check_number("track", "max_boxes", max_boxes, low=1, integer=True))
        self._roi = list(roi)
        self._anchor = check_choice("track", "anchor", anchor, ("foot", "centre"))
        if threshold is not None:
            threshold = check_number("track", "threshold", threshold, low=0, high=1)
        self.tracker = load_tracker(tracker, high_score=threshold, max_unseen=max_unseen)
        self._judge = BoxJudge(recognizer, vocabulary, background=background, label_weight=label_weight)
        self.classes = TrackClasses(classify_every=classify_every, unknown_below=unknown_below)
        self.names = vocabulary.names
        self._file = None if detections is None else FileBoxes(detections, photos=photos)
        self._detector: BoundDetector | None = None
        name = "file"
        if self._file is None:
            self._detector, name = bind_detector("track", detector, recognizer, vocabulary, background)
        self._camera = camera_motion() if camera and self.tracker.uses_motion else None
        self._size: tuple[int, int] | None = None
        self._before: Frame | None = None
        self._first_id, self._last_id = 0, 0
        self.failed, self.first_failure = 0, ""
        self.settings: dict[str, Any] = self._judge.settings | {
            "detector": name,
            "tracker": tracker if isinstance(tracker, str) else type(tracker).__name__,
            "tracker_settings": self.tracker.parameters(),
            "overlap": self._overlap,
            "classify_every": classify_every,
            "unknown_below": unknown_below,
            "label_weight": self._judge.label_weight,
        }

    # -- finding boxes -----------------------------------------------------------------------------------

    def look(self, frame: Frame) -> _Seen:
        """Return the boxes of a frame and how the camera moved; may run in another thread than `follow`."""
        proposals = self._proposals(frame)
        keep = np.flatnonzero(usable_boxes(proposals.boxes, frame.size, least=1) & np.isfinite(proposals.scores))
        boxes = clip_boxes(proposals.boxes[keep], frame.size)
        scores = np.clip(proposals.scores[keep], 0, 1).astype(np.float32)
        if proposals.probabilities is not None:
            scores = np.clip(proposals.probabilities[keep].max(axis=1, initial=0), 0, 1).astype(np.float32)
        if self._roi and len(boxes):
            at = anchors(boxes, self._anchor)
            within = np.any([inside(at, place.at(frame.size)) for place in self._roi], axis=0)
            keep, boxes, scores = keep[within], boxes[within], scores[within]
        rows = np.asarray(suppress(boxes, scores, iou=self._overlap), np.intp)[: self._most]
        rows = np.sort(rows)
        keep, boxes, scores = keep[rows], boxes[rows], scores[rows]
        labels, shares = proposals.labels, proposals.probabilities
        motion = None
        if self._camera is not None:
            if frame.cut:
                self._camera.reset()
            shift = self._camera.update(frame.pixels, boxes)
            motion = shift.matrix if shift.confidence > 0 else None
        return _Seen(
            frame,
            boxes,
            scores,
            None if labels is None else tuple(labels[i] for i in keep),
            None if shares is None else shares[keep],
            motion,
            proposals.error,
        )

    def _proposals(self, frame: Frame) -> Proposals:
        if self._file is not None:
            return self._file.propose(frame)
        if self._detector is None:  # closed
            return Proposals.failed("the detector was closed")
        found = self._detector.propose([Picture(frame.name, frame.pixels)])[0]
        found.check_classes("track", len(self.names))
        return found

    # -- following them ----------------------------------------------------------------------------------

    def follow(self, seen: _Seen) -> TrackedFrame:
        """Return the tracks of the next frame."""
        frame = seen.frame
        if seen.error is not None:
            self.failed += 1
            self.first_failure = self.first_failure or f"{frame.name}: {seen.error}"
        if frame.cut:
            self._first_id = self._last_id
            self.tracker.reset()
            self._size = self._before = None
        self._size = self._size or frame.size
        # The tracker knows the first frame's pixels alone: a stream that changes its size shows the same scene.
        zoom = np.array([self._size[0] / frame.size[0], self._size[1] / frame.size[1]] * 2, np.float32)
        vectors = BoxVectors(frame.pixels, seen.boxes, self._judge.encode)
        motion = seen.motion
        if motion is not None and frame.size != self._size:
            to, back = np.diag(zoom[:2].astype(np.float64)), np.diag(1 / zoom[:2].astype(np.float64))
            motion = np.concatenate([to @ motion[:, :2] @ back, (to @ motion[:, 2])[:, None]], axis=1)
        found = self.tracker.update(
            FrameBoxes(
                seen.boxes * zoom,
                seen.scores,
                vectors if self.tracker.uses_appearance else None,
                motion,
                self._elapsed(frame),
            )
        )
        self._before = frame
        ids = found.ids + self._first_id
        self._last_id = max(self._last_id, int(ids.max(initial=0)))
        self._vote(ids, found.detections, seen, vectors)
        classes, probabilities, known = self.classes.answers(ids)
        was_seen = found.detections >= 0
        boxes = clip_boxes(found.boxes / zoom, frame.size)
        boxes[was_seen] = seen.boxes[found.detections[was_seen]]
        scores = np.zeros(len(ids), np.float32)
        scores[was_seen] = seen.scores[found.detections[was_seen]]
        solid = was_seen | usable_boxes(boxes, frame.size)
        return TrackedFrame(
            frame,
            self.names,
            ids[solid],
            boxes[solid],
            scores[solid],
            was_seen[solid],
            classes[solid],
            probabilities[solid],
            known[solid],
        )

    def _elapsed(self, frame: Frame) -> float:
        if self._before is None:
            return 1.0
        return min(max((frame.time - self._before.time) * self.frames_per_second, 0.05), _LONGEST_GAP)

    #: Frames that are looked at in a second, so that gaps can be told.
    frames_per_second: float = 25.0

    def _vote(
        self, ids: npt.NDArray[np.int64], detections: npt.NDArray[np.intp], seen: _Seen, vectors: BoxVectors
    ) -> None:
        """Take in what is known of the tracks' classes in this frame, and look where that is too little."""
        there = np.flatnonzero(detections >= 0)
        if not len(there):
            self.classes.step(ids)
            return
        at = detections[there]
        if seen.probabilities is not None:
            given = np.clip(seen.probabilities[at].astype(np.float64), 0, 1)
            total = given.sum(axis=1, keepdims=True)
            shares = np.divide(given, total, out=np.full_like(given, 1 / given.shape[1]), where=total > 0)
            self.classes.add(ids[there], shares, given.max(axis=1))
        else:
            due = self.classes.due(ids[there])
            wanted = np.union1d(at[due], np.intersect1d(at, vectors.known()))
            wanted = vectors.usable(wanted.astype(np.intp))
            if len(wanted):
                rows = vectors.raw(wanted)
                labels = None if seen.labels is None else [seen.labels[i] for i in wanted]
                judged = self._judge.judge(rows, labels)
                fine = np.isfinite(rows).all(axis=1)
                owner = {int(d): int(i) for d, i in zip(at, ids[there], strict=True)}
                whose = np.array([owner[int(i)] for i in wanted], np.int64)
                self.classes.add(whose[fine], judged.probabilities[fine], judged.known[fine])
        self.classes.step(ids)

    def run(self, frames: Frames) -> Generator[TrackedFrame, None, None]:
        """Yield the tracks of every frame; reading, looking for boxes and following them each have a thread."""
        self.frames_per_second = frames.rate / frames.step
        # A live source has a thread already, and frames that wait in a queue would be old.
        read: Any = frames if frames.live else ahead(frames, lambda frame: frame)
        depth = 1 if frames.live else 2
        looked = ahead(read, self.look, depth=depth)
        with closing(ahead(looked, self.follow, depth=depth, on_stop=frames.stop)) as followed:
            yield from followed

    def close(self) -> None:
        """Let go of what the detector holds."""
        if self._detector is not None:
            self._detector.close()


def track(
    recognizer: Recognizer,
    source: Any,
    vocabulary: Vocabulary,
    *,
    every: int = 1,
    start: float | None = None,
    end: float | None = None,
    rate: float | None = None,
    live: bool | None = None,
    **options: Any,
) -> Iterator[TrackedFrame]:
    """Yield the tracks of every frame of a video.

    Parameters
    ----------
    recognizer : Recognizer
        What recognises.
    source : path, str, int, iterable of pictures, or Frames
        A video, a folder of frames, a pattern, a list, a camera's number or an address; see
        :func:`~unseen.tracking.frames.open_frames`, also for `every`, `start`, `end`, `rate` and `live`.
    vocabulary : Vocabulary
        The classes.
    detector : str, Detector or BoundDetector, default "default"
        What finds boxes.
    detections : path or None, default None
        A file of boxes in place of a detector: MOTChallenge text, COCO, YOLO, VOC.
    tracker : str or Tracker, default "unseen"
        What tells which box is which: ``unseen``, ``motion``, ``sort``, ``bytetrack``, ``ocsort``, ``botsort``.
    threshold : float or None, default None
        Score from which a box may begin a track, in [0, 1]; None: the tracker's own.
    overlap : float, default 0.7
        Of boxes that overlap by more than this, whatever they are called, the surest stays.
    roi : sequence of Polygon, default ()
        Regions to look at: boxes whose anchor lies in none of them are left out.
    anchor : {"foot", "centre"}, default "foot"
        The point of a box that says where it is.
    classify_every : int, default 10
        Frames after which a track is looked at again, where it is not in doubt.
    unknown_below : float or None, default None
        A track is unknown while the probability that it is of any class is below this, in [0, 1]; None: every track
        is its likeliest class.
    label_weight : float, default 0.5
        How much the detector's own word for a box counts beside the picture, in [0, 1].
    background : sequence of str or None, default None
        What boxes may show besides the classes; see :meth:`unseen.Recognizer.classify`.
    max_boxes : int, default 300
        Boxes per frame: the surest.
    max_unseen : float or None, default None
        Frames after which a track that is not seen ends; None: the tracker's own.
    camera : bool, default True
        Whether the camera's motion is taken out (opencv; left out where it is not installed).

    Yields
    ------
    TrackedFrame

    Raises
    ------
    InputError
        When an argument is out of range, or there is no such source.

    Examples
    --------
    >>> import numpy as np
    >>> import unseen
    >>> from unseen.detection import RegionsDetector
    >>> from unseen.tasks.track import track
    >>> rng = np.random.default_rng(0)
    >>> frames = [rng.integers(0, 255, (48, 64, 3), np.uint8) for _ in range(4)]
    >>> there = RegionsDetector(lambda picture: [[8, 8, 40, 40]])
    >>> zoo = unseen.Vocabulary.from_names(["zebra", "okapi"])
    >>> rec = unseen.Recognizer.load()
    >>> [tracked.ids.tolist() for tracked in track(rec, frames, zoo, detector=there)]
    [[1], [1], [1], [1]]
    """
    given = isinstance(source, Frames)
    frames = source if given else open_frames(source, every=every, start=start, end=end, rate=rate, live=live)
    tracker = BoxTracker(recognizer, vocabulary, photos=isinstance(frames, PhotoFrames), **options)
    return _run(tracker, frames)


def _run(tracker: BoxTracker, frames: Frames) -> Iterator[TrackedFrame]:
    with closing(tracker), closing(frames):
        yield from tracker.run(frames)
