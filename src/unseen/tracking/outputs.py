"""The folder that a run leaves: what is written as it goes, and what is made of that at the end.

::

    tracks.txt       MOTChallenge text, line by line as frames come
    tracks.jsonl     everything known of every frame, one JSON object per frame, as frames come
    video.mp4        the frames with their tracks drawn on them, playable at any time
    tracks.csv       one row per track                       )
    tracks.json      COCO for videos                         ) at the end,
    tracks.parquet   one row per box                         ) from tracks.jsonl
    counts.json/csv  who crossed lines and was in zones      )
    summary.html     the tracks with pictures of them        )
    run.json         the settings, and how it went           )
"""

from __future__ import annotations

import csv
import io
import json
import os
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from unseen.errors import InputError
from unseen.files import write_atomically
from unseen.tracking.coco_video import write_coco, write_parquet
from unseen.tracking.journal import Journal
from unseen.tracking.mot import mot_line
from unseen.tracking.summary import Summary
from unseen.tracking.video_writer import VideoWriter
from unseen.validation import import_extra, message, verbatim
from unseen.writers import open_alone, unwritable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from types import TracebackType

    from unseen.tracking.annotate import Annotator
    from unseen.tracking.counts import PlaceCounts
    from unseen.tracking.result import TrackedFrame

__all__ = ["TrackFolder", "TrackRecord"]

_LOCK = ".writing"
#: What a run writes; nothing else in a folder is ever touched.
_FILES = (
    *("tracks.txt", "tracks.jsonl", "tracks.csv", "tracks.json", "tracks.parquet"),
    *("video.mp4", "counts.json", "counts.csv", "summary.html", "run.json"),
)


@dataclass
class TrackRecord:
    """What is kept of one track until the end.

    Attributes
    ----------
    id, seen, first, last : int
        Its number, frames in which it was seen, and the first and last of them.
    begin, end : float
        Their seconds.
    name : str or None
        Its class by all that was seen of it; None where unknown.
    probability, known : float
        How likely it is of that class, given that it is of one of them; and of any of them.
    """

    id: int
    first: int
    begin: float
    last: int = 0
    end: float = 0.0
    seen: int = 0
    name: str | None = None
    probability: float = 0.0
    known: float = 0.0


class TrackFolder:
    """Writes what tracking says, frame by frame, into a folder.

    Parameters
    ----------
    folder : path
        Made where it is missing.
    names : sequence of str
        Class names of the vocabulary.
    source : str
        What was tracked.
    annotator : Annotator or None, default None
        Draws the frames of the video; None for no video.
    rate : float, default 25
        Frames per second, for players.
    counts : PlaceCounts or None, default None
        Counts at lines and in zones.
    replace : bool, default False
        Whether the files of an earlier run there may be replaced.
    settings : mapping, default {}
        What produced the tracks.

    Raises
    ------
    InputError
        When the folder holds a run already, another run is writing there, or a file cannot be written.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        names: Sequence[str],
        source: str,
        annotator: Annotator | None = None,
        rate: float = 25.0,
        counts: PlaceCounts | None = None,
        replace: bool = False,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.folder = Path(folder)
        self.names, self._source, self._rate = tuple(names), source, rate
        self._annotator, self._counts, self._settings = annotator, counts, dict(settings or {})
        self.records: dict[int, TrackRecord] = {}
        self.frames = self.boxes = 0
        self._summary = Summary()
        self._stack = ExitStack()
        if annotator is not None:  # before an earlier run's files go for nothing
            import_extra("av", extra="vision", purpose="Writing a video")
        try:
            self._claim(replace)
            self._mot = self._stack.enter_context(Journal(self.folder / "tracks.txt"))
            self._rows = self._stack.enter_context(Journal(self.folder / "tracks.jsonl"))
            self._video = None
            if annotator is not None:
                self._video = self._stack.enter_context(VideoWriter(self.folder / "video.mp4", rate=rate))
        except BaseException:
            self._stack.close()
            raise

    def _claim(self, replace: bool) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            descriptor = open_alone(self.folder / _LOCK)
        except OSError as error:
            raise unwritable("track", "the output folder", self.folder, error) from None

        self._stack.callback(lambda: (self.folder / _LOCK).unlink(missing_ok=True))
        self._stack.callback(os.close, descriptor)
        there = [name for name in _FILES if (self.folder / name).exists()]
        if there and not replace:
            got = verbatim(f"one with {there[0]} of an earlier run")
            remedy = "Choose another folder, or replace it with --exist-ok"
            raise InputError(message("track", f"the output folder {str(self.folder)!r}", "new or empty", got, remedy))
        try:
            for name in there:
                (self.folder / name).unlink()
        except OSError as error:  # a folder of that name
            raise unwritable("track", "the file of an earlier run", self.folder / name, error) from None

    def write(self, tracked: TrackedFrame) -> None:
        """Take in the next frame."""
        frame = tracked.frame
        best = tracked.best()
        lines, rows = [], []
        for i, number in enumerate(map(int, tracked.ids)):
            box, name = tracked.boxes[i], best[i]
            record = self.records.get(number)
            if record is None:
                record = self.records[number] = TrackRecord(number, frame.index, frame.time)
            record.name, record.probability = name, float(tracked.probabilities[i])
            record.known = float(tracked.known[i])
            if tracked.seen[i]:
                record.last, record.end, record.seen = frame.index, frame.time, record.seen + 1
                lines.append(mot_line(frame.index, number, box, float(tracked.scores[i])) + "\n")
            rows.append(
                {
                    "id": number,
                    "box": [round(float(edge), 2) for edge in box],
                    "score": round(float(tracked.scores[i]), 4),
                    "class": name,
                    "probability": round(float(tracked.probabilities[i]), 4),
                    "known": round(float(tracked.known[i]), 4),
                    "seen": bool(tracked.seen[i]),
                }
            )
        head = {"frame": frame.index, "time": round(frame.time, 6), "name": frame.name, "size": list(frame.size)}
        self._mot.write("".join(lines))
        self._rows.write(json.dumps(head | {"tracks": rows}, ensure_ascii=False) + "\n")
        if self._counts:
            self._counts.add(tracked)
        self._summary.add(tracked)
        if self._video is not None and self._annotator is not None:
            shown = self._counts.lines_now() if self._counts else ()
            self._video.write(self._annotator.draw(tracked, counts=shown), frame.time)
        self.frames += 1
        self.boxes += len(lines)

    def counted(self) -> dict[str, Any]:
        """Return what was counted at lines and in zones so far, by class."""
        class_of = {number: record.name for number, record in self.records.items()}
        return self._counts.to_dict(class_of) if self._counts else {"lines": {}, "zones": {}}

    def finish(self, notes: Sequence[str] = ()) -> None:
        """Make of what was written everything that is made at the end.

        Raises
        ------
        InputError
            When a file cannot be written; what was written while the run went stays valid.
        """
        if self._video is not None:
            self._video.close()
        self._rows.close()
        try:
            self._tables()
            rows = self.folder / "tracks.jsonl"
            write_coco(
                rows, self.folder / "tracks.json", self.names, self.records, source=self._source, rate=self._rate
            )
            write_parquet(rows, self.folder / "tracks.parquet", self.records)
        except OSError as error:
            raise unwritable("track", "the output folder", self.folder, error) from None
        named = Path(self._source).name or self._source
        page = self._summary.render(f"Tracks in {named}", self.records, self.counted(), self._settings, notes)
        write_atomically(self.folder / "summary.html", page)
        run = {"source": self._source, "frames": self.frames, "tracks": len(self.records), "boxes": self.boxes}
        text = json.dumps(run | {"notes": list(notes), "settings": self._settings}, indent=1, ensure_ascii=False)
        write_atomically(self.folder / "run.json", text + "\n")

    def _tables(self) -> None:
        rows: list[list[Any]] = []
        for r in self.records.values():
            times = [f"{r.begin:.3f}", f"{r.end:.3f}"]
            sure = [f"{r.probability:.4f}", f"{r.known:.4f}"]
            rows.append([r.id, r.name or "", *sure, r.first, r.last, r.seen, *times])
        head = ["id", "class", "probability", "known", "first_frame", "last_frame", "frames", "begin", "end"]
        _write_csv(self.folder / "tracks.csv", head, rows)
        if self._counts:
            counts = self.counted()
            write_atomically(self.folder / "counts.json", json.dumps(counts, indent=1, ensure_ascii=False) + "\n")
            head = ["kind", "place", "what", "class", "number"]
            _write_csv(self.folder / "counts.csv", head, self._counts.rows(counts))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)


def _write_csv(path: Path, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(head)
    table.writerows(rows)
    write_atomically(path, text.getvalue())
