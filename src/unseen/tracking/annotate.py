"""Frames with their tracks drawn on them."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.report.cards import percent
from unseen.report.drawing import UNKNOWN, colour_of, draw_boxes, font_for, written
from unseen.tracking.zones import anchors

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from unseen.tracking.result import TrackedFrame
    from unseen.tracking.zones import Place

__all__ = ["Annotator"]

#: Tracks whose trails are kept; the one that was gone longest is dropped first.
_MOST_TRAILS = 1000
#: Lines of counts that are written on a frame.
_MOST_COUNTS = 20


class Annotator:
    """Draws tracks onto frames: box, number, class and how likely it is; places and where tracks came from.

    Parameters
    ----------
    places : sequence of Place, default ()
        Regions, zones and lines.
    trail : int, default 0
        Frames of a track's way that are drawn; 0 for none.
    thickness : int or None, default None
        Pixels of the lines of places and trails; None: by the frame's size.
    anchor : {"foot", "centre"}, default "foot"
        Which point of a box leaves the trail.
    """

    def __init__(
        self, places: Sequence[Place] = (), *, trail: int = 0, thickness: int | None = None, anchor: str = "foot"
    ) -> None:
        self._places, self._trail, self._thickness, self._anchor = list(places), trail, thickness, anchor
        self._ways: OrderedDict[int, deque[tuple[float, float]]] = OrderedDict()

    def draw(self, tracked: TrackedFrame, *, counts: Sequence[str] = ()) -> npt.NDArray[np.uint8]:
        """Return a copy of the frame's pixels with everything drawn on it."""
        from PIL import Image, ImageDraw

        picture = Image.fromarray(tracked.frame.pixels).copy()
        pen = ImageDraw.Draw(picture)
        width, height = picture.size
        thick = self._thickness or max(1, round(min(width, height) / 240))
        for place in self._places:
            self._place(pen, place, picture.size, thick)
        if self._trail:
            self._trails(pen, tracked, thick)
        colours, texts = [], []
        shown = zip(tracked.ids, tracked.best(), tracked.classes, tracked.probabilities, strict=True)
        for number, name, position, share in shown:
            colours.append(UNKNOWN if name is None else colour_of(int(number) - 1))
            what = "unknown" if name is None else f"{written(name, int(position))} {percent(float(share))}"
            texts.append(f"{number} {what}")
        drawn = draw_boxes(np.asarray(picture), tracked.boxes, texts=texts, colours=colours, dashed=~tracked.seen)
        return self._counts(drawn, counts) if counts else drawn

    def _counts(self, pixels: npt.NDArray[np.uint8], counts: Sequence[str]) -> npt.NDArray[np.uint8]:
        from PIL import Image, ImageDraw

        picture = Image.fromarray(pixels).copy()
        pen = ImageDraw.Draw(picture)
        size = max(10, round(min(picture.size) / 26))
        for row, line in enumerate(counts[:_MOST_COUNTS]):
            font = font_for(line, size)
            right, bottom = font.getbbox(line)[2:]
            top = 4 + row * (bottom + 6)
            pen.rectangle((4, top, 12 + right, top + bottom + 4), (0, 0, 0))
            pen.text((8, top + 1), line, (255, 255, 255), font)
        return np.asarray(picture)

    def _place(self, pen: Any, place: Place, size: tuple[int, int], thick: int) -> None:
        points = [(float(x), float(y)) for x, y in place.at(size)]
        closed = points if len(points) == 2 else [*points, points[0]]
        pen.line(closed, (255, 255, 255), thick + 2)
        pen.line(closed, (200, 30, 30), thick)

    def _trails(self, pen: Any, tracked: TrackedFrame, thick: int) -> None:
        for number, point in zip(tracked.ids, anchors(tracked.boxes, self._anchor), strict=True):
            way = self._ways.setdefault(int(number), deque(maxlen=self._trail))
            way.append((float(point[0]), float(point[1])))
            self._ways.move_to_end(int(number))
            if len(way) > 1:
                pen.line(list(way), colour_of(int(number) - 1), thick)
        while len(self._ways) > _MOST_TRAILS:
            self._ways.popitem(last=False)
