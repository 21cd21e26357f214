"""A whole run: from a source to a folder with everything that is known of it."""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from unseen.tasks.track import BoxTracker
from unseen.tracking.annotate import Annotator
from unseen.tracking.counts import PlaceCounts
from unseen.tracking.frames import Frames, PhotoFrames
from unseen.tracking.outputs import TrackFolder, TrackRecord
from unseen.tracking.stopping import held_interrupts
from unseen.validation import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from unseen.recognizer import Recognizer
    from unseen.tracking.result import TrackedFrame
    from unseen.tracking.zones import Line, Polygon
    from unseen.vocabulary import Vocabulary

__all__ = ["TrackReport", "track_to_folder"]


@dataclass(frozen=True)
class TrackReport:
    """How a run went.

    Attributes
    ----------
    frames, boxes : int
        Frames looked at, and boxes in tracks.
    tracks : tuple of TrackRecord
        All tracks, by number.
    counts : dict
        What was counted at lines and in zones.
    notes : tuple of str
        What people should know: damage, dropped frames, frames without an answer.
    stopped : bool
        Whether Ctrl-C ended it; all of it is then of the frames until there.
    """

    frames: int
    boxes: int
    tracks: tuple[TrackRecord, ...]
    counts: dict[str, Any]
    notes: tuple[str, ...]
    stopped: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        tracks = [
            {"id": r.id, "class": r.name, "probability": round(r.probability, 4), "known": round(r.known, 4)}
            | {
                "frames": r.seen,
                "first_frame": r.first,
                "last_frame": r.last,
                "begin": round(r.begin, 3),
                "end": round(r.end, 3),
            }
            for r in self.tracks
        ]
        head = {"frames": self.frames, "boxes": self.boxes, "stopped": self.stopped}
        return head | {"tracks": tracks, "counts": self.counts, "notes": list(self.notes)}


def track_to_folder(
    recognizer: Recognizer,
    frames: Frames,
    vocabulary: Vocabulary,
    folder: str | Path,
    *,
    video: bool = True,
    trail: int = 0,
    thickness: int | None = None,
    lines: Sequence[Line] = (),
    zones: Sequence[Polygon] = (),
    roi: Sequence[Polygon] = (),
    anchor: str = "foot",
    exist_ok: bool = False,
    advance: Callable[[TrackedFrame], None] | None = None,
    **options: Any,
) -> TrackReport:
    """Track what a source shows and write everything into a folder; see :mod:`unseen.tracking.outputs`.

    Parameters
    ----------
    recognizer : Recognizer
        What recognises.
    frames : Frames
        Of :func:`~unseen.tracking.frames.open_frames`; closed at the end.
    vocabulary : Vocabulary
        The classes.
    folder : path
        Where to write.
    video : bool, default True
        Whether to write the frames with their tracks drawn on them.
    trail : int, default 0
        Frames of each track's way that are drawn.
    thickness : int or None, default None
        Pixels of the lines of places and trails.
    lines, zones, roi : sequences of Line and Polygon
        Where to count, and where to look.
    anchor : {"foot", "centre"}, default "foot"
        The point of a box that says where it is.
    exist_ok : bool, default False
        Whether an earlier run's files in the folder are replaced.
    advance : callable or None, default None
        Called with every frame that is done.
    **options
        As in :func:`unseen.tasks.track.track`.

    Returns
    -------
    TrackReport

    Raises
    ------
    InputError
        When an argument is wrong or a file cannot be written; the folder then keeps valid text and a video that plays,
        up to the last frame.

    Notes
    -----
    Ctrl-C ends the run after the frame it is at, and the tables and pages are made of what was done until then; pressed
    once more while they are made, it ends that too, and leaves what grew while the run went.
    """
    counts = PlaceCounts(lines, zones, anchor=anchor)
    with ExitStack() as stack:
        stack.enter_context(closing(frames))
        photos = isinstance(frames, PhotoFrames)
        tracker = BoxTracker(recognizer, vocabulary, roi=roi, anchor=anchor, photos=photos, **options)
        stack.enter_context(closing(tracker))
        places = [*roi, *zones, *lines]
        annotator = Annotator(places, trail=trail, thickness=thickness, anchor=anchor) if video else None
        out = stack.enter_context(
            TrackFolder(
                folder,
                names=vocabulary.names,
                source=frames.name,
                annotator=annotator,
                rate=frames.rate / frames.step,
                counts=counts,
                replace=exist_ok,
                settings=tracker.settings,
            )
        )
        stopped = False
        try:
            # A frame is written to all files or to none of them.
            with held_interrupts() as hold, closing(tracker.run(frames)) as run:
                for tracked in run:
                    with hold:
                        out.write(tracked)
                    if advance is not None:
                        advance(tracked)
        except KeyboardInterrupt:
            # A camera has no other end, and hours of a long video are worth their page and tables.
            stopped = True
        notes = list(frames.notes)
        if tracker.failed:
            failed = counted(tracker.failed, "frame")
            notes.append(f"{failed} could not be looked at; the first: {tracker.first_failure}")
        if stopped:
            notes.append(f"stopped by hand after {counted(out.frames, 'frame')}")
        if not out.frames:
            notes.append("no frame could be used")
        out.finish(notes)
        return TrackReport(out.frames, out.boxes, tuple(out.records.values()), out.counted(), tuple(notes), stopped)
