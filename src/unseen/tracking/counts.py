"""Counting: who crosses lines, and who is in zones."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.errors import InputError
from unseen.tracking.zones import LineCounter, anchors, inside
from unseen.validation import check_number, message, verbatim

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from unseen.tracking.result import TrackedFrame
    from unseen.tracking.zones import Line, Polygon

__all__ = ["MARGIN", "PlaceCounts"]

#: Share of a box's shorter side up to which it stands on a line; set by hand: detectors place edges no better.
MARGIN = 0.1
#: What tracks are counted as whose class nobody knows.
UNKNOWN = "unknown"


@dataclass
class _Zone:
    now: int = 0
    most: int = 0
    total: int = 0
    frames: int = 0
    #: Seconds inside, by track.
    seconds: dict[int, float] = field(default_factory=dict)
    visits: Counter[int] = field(default_factory=Counter)
    present: set[int] = field(default_factory=set)


class PlaceCounts:
    """Counts tracks at lines and in zones, frame by frame; only where they were seen, not where they are guessed.

    Parameters
    ----------
    lines, zones : sequences of Line and Polygon
        Where; names must differ.
    anchor : {"foot", "centre"}, default "foot"
        The point of a box that says where it is.
    margin : float, default 0.1
        Share of a box's shorter side up to which it stands on a line, at least 0: it has crossed when it is further on
        the other side. So a box that stands there and trembles is counted once at most.

    Raises
    ------
    InputError
        When two places have one name, or `margin` is no such number.
    """

    def __init__(
        self,
        lines: Sequence[Line] = (),
        zones: Sequence[Polygon] = (),
        *,
        anchor: str = "foot",
        margin: float = MARGIN,
    ) -> None:
        self._margin = check_number("PlaceCounts", "margin", margin, low=0)
        names = [place.name for place in (*lines, *zones)]
        for name in names:
            if names.count(name) > 1:
                got = verbatim(f"{name!r} twice")
                raise InputError(message("track", "names of lines and zones", "different", got, "Rename one: name=x,y"))
        self._lines, self._zones, self._anchor = list(lines), list(zones), anchor
        self._size: tuple[int, int] | None = None
        self._counters: list[LineCounter] = []
        self._crossed: dict[str, Counter[tuple[int, str]]] = {line.name: Counter() for line in lines}
        self._in: dict[str, _Zone] = {zone.name: _Zone() for zone in zones}
        self._last: float | None = None

    def __bool__(self) -> bool:
        return bool(self._lines or self._zones)

    def add(self, tracked: TrackedFrame) -> None:
        """Take in the tracks of the next frame."""
        size = tracked.frame.size
        if self._size is None:
            self._size = size
            self._counters = [LineCounter(*map(tuple, line.at(size))) for line in self._lines]
        ids = [int(number) for number in tracked.ids[tracked.seen]]
        # Places are kept in the first frame's pixels; a stream that changes its size shows the same scene.
        zoom = np.array([self._size[0] / size[0], self._size[1] / size[1]])
        boxes = tracked.boxes[tracked.seen]
        at = anchors(boxes, self._anchor) * zoom
        margins = self._margin * ((boxes[:, 2:] - boxes[:, :2]) * zoom).min(axis=1)
        for line, counter in zip(self._lines, self._counters, strict=True):
            for number, point, margin in zip(ids, at, margins, strict=True):
                direction = counter.move(number, (point[0], point[1]), margin=float(margin))
                if direction is not None:
                    self._crossed[line.name][number, direction] += 1
        passed = 0.0 if self._last is None else max(tracked.frame.time - self._last, 0.0)
        self._last = tracked.frame.time
        for zone in self._zones:
            state = self._in[zone.name]
            within = inside(at, zone.at(self._size))
            there = {number for number, is_in in zip(ids, within, strict=True) if is_in}
            for number in there & state.present:
                state.seconds[number] = state.seconds.get(number, 0.0) + passed
            for number in there - state.present:
                state.visits[number] += 1
            state.present, state.now = there, len(there)
            state.most, state.total, state.frames = (
                max(state.most, len(there)),
                state.total + len(there),
                state.frames + 1,
            )

    def lines_now(self) -> list[str]:
        """Return what is to be written on the frame: a line of text per place."""
        words = []
        for name, crossed in self._crossed.items():
            totals = {way: sum(n for (_, to), n in crossed.items() if to == way) for way in ("left", "right")}
            words.append(f"{name}: {totals['left']} left, {totals['right']} right")
        return words + [f"{name}: {zone.now} inside" for name, zone in self._in.items()]

    def to_dict(self, class_of: Mapping[int, str | None]) -> dict[str, Any]:
        """Return all counts, by the class that each track was found to be of in the end."""
        lines = {}
        for name, crossed in self._crossed.items():
            ways: dict[str, Counter[str]] = {"left": Counter(), "right": Counter()}
            for (number, way), n in crossed.items():
                ways[way][class_of.get(number) or UNKNOWN] += n
            lines[name] = {way: dict(sorted(found.items())) for way, found in ways.items()}
        zones = {}
        for name, zone in self._in.items():
            visitors: Counter[str] = Counter(class_of.get(number) or UNKNOWN for number in zone.visits)
            inside_for: dict[str, float] = {}
            for number, seconds in zone.seconds.items():
                kind = class_of.get(number) or UNKNOWN
                inside_for[kind] = inside_for.get(kind, 0.0) + seconds
            zones[name] = {
                "now": zone.now,
                "most": zone.most,
                "mean": round(zone.total / zone.frames, 4) if zone.frames else 0.0,
                "visitors": dict(sorted(visitors.items())),
                "seconds": {key: round(value, 3) for key, value in sorted(inside_for.items())},
            }
        return {"lines": lines, "zones": zones}

    @staticmethod
    def rows(counts: Mapping[str, Any]) -> list[tuple[str, str, str, str, float]]:
        """Return what `to_dict` gave as rows: kind, place, what, class, number."""
        found: list[tuple[str, str, str, str, float]] = []
        for name, ways in counts["lines"].items():
            found += [("line", name, way, kind, n) for way, kinds in ways.items() for kind, n in kinds.items()]
        for name, zone in counts["zones"].items():
            found += [("zone", name, "most", "", zone["most"]), ("zone", name, "mean", "", zone["mean"])]
            for what in ("visitors", "seconds"):
                found += [("zone", name, what, kind, n) for kind, n in zone[what].items()]
        return found
