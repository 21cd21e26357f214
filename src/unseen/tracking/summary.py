"""The page of a run: every track with a few pictures of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.detection.crops import Crop, cut
from unseen.report.cards import Thumbnail, percent
from unseen.report.gallery import Tile, Wall, render_gallery
from unseen.validation import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from unseen.tracking.result import TrackedFrame

__all__ = ["Summary"]

#: Tracks with pictures, and pictures of each: some 7 kB apiece are kept in memory.
_TRACKS, _PICTURES = 200, 4
#: Share of a box's longer side that is shown around it.
_CONTEXT = 0.15


@dataclass
class _Picture:
    frame: int
    time: float
    score: float
    data: Thumbnail


@dataclass
class _Shown:
    pictures: list[_Picture] = field(default_factory=list)
    #: The next picture is taken when the track was seen this often.
    due: int = 1
    seen: int = 0
    gap: int = 8


class Summary:
    """Keeps a few pictures of each track, over its whole life, in bounded memory.

    A picture is taken at growing distances; when there are too many, every second one goes and the distance doubles.
    Tracks that are hardly there make room for those that stay.
    """

    def __init__(self) -> None:
        self._shown: dict[int, _Shown] = {}

    def add(self, tracked: TrackedFrame) -> None:
        """Take in the next frame."""
        for i, number in enumerate(map(int, tracked.ids)):
            if not tracked.seen[i]:
                continue
            shown = self._shown.get(number)
            if shown is None:
                if len(self._shown) >= _TRACKS and not self._make_room():
                    continue
                shown = self._shown[number] = _Shown()
            shown.seen += 1
            if shown.seen < shown.due:
                continue
            shown.due = shown.seen + shown.gap
            frame = tracked.frame
            picture = Thumbnail.of(np.ascontiguousarray(cut(Crop(frame.pixels, tracked.boxes[i]), context=_CONTEXT)))
            shown.pictures.append(_Picture(frame.index, frame.time, float(tracked.scores[i]), picture))
            if len(shown.pictures) > _PICTURES:
                shown.pictures = shown.pictures[::2]
                shown.gap *= 2

    def _make_room(self) -> bool:
        """Drop the track that was seen least, if it was seen less than a second or so."""
        least = min(self._shown, key=lambda number: self._shown[number].seen)
        if self._shown[least].seen > 25:
            return False
        del self._shown[least]
        return True

    def render(
        self,
        title: str,
        records: Mapping[int, Any],
        counts: Mapping[str, Any],
        settings: Mapping[str, Any],
        notes: Sequence[str] = (),
    ) -> str:
        """Return the page as HTML: tracks by how long they were there."""
        known = sum(record.name is not None for record in records.values())
        tiles = [("tracks", f"{len(records):,}"), ("recognised", f"{known:,}")]
        tiles.append(("unknown", f"{len(records) - known:,}"))
        for name, ways in counts["lines"].items():
            left, right = (sum(ways[way].values()) for way in ("left", "right"))
            tiles += [(f"{name}, to the left", f"{left:,}"), (f"{name}, to the right", f"{right:,}")]
        for name, zone in counts["zones"].items():
            tiles.append((f"{name}, visitors", f"{sum(zone['visitors'].values()):,}"))
        walls = [
            self._wall(records[number], shown)
            for number, shown in sorted(self._shown.items(), key=lambda pair: (-pair[1].seen, pair[0]))
            if number in records
        ]
        if len(records) > len(walls) and walls:
            n = len(records) - len(walls)
            was = "was there for a moment is" if n == 1 else "were there for a moment are"
            left_out = f"{counted(n, 'track')} that {was} in tracks.csv alone."
            walls.append(Wall("And more", left_out, []))
        shown_settings = {f"note {i}": note for i, note in enumerate(notes, 1)} | dict(settings)
        return render_gallery(title, tiles, walls, shown_settings)

    @staticmethod
    def _wall(record: Any, shown: _Shown) -> Wall:
        name = f"{record.name}, {percent(record.probability)}" if record.name else "unknown"
        note = (
            f"Seen in {counted(record.seen, 'frame')}, from {record.first:,} ({record.begin:.1f} s) to {record.last:,} "
            f"({record.end:.1f} s). The figure at each picture is how sure the detector was."
        )
        tiles = [
            Tile(f"frame {one.frame}, {one.time:.1f} s", rank, one.score, lambda data=one.data: data)  # type: ignore[misc]
            for rank, one in enumerate(shown.pictures, 1)
        ]
        return Wall(f"Track {record.id}: {name}", note, tiles)
