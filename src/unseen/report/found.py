"""The report of a search for things in photos: boxes, or masks; class by class, the clearest photos of each."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.errors import InputError
from unseen.files import write_atomically
from unseen.report.cards import Thumbnail, printable
from unseen.report.gallery import Tile, Wall, render_gallery
from unseen.report.keep import BestExamples
from unseen.validation import check_number, counted, message
from unseen.writers import check_writable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

    from unseen.detection.detections import Detections
    from unseen.segmentation.result import Segmentation

__all__ = ["FoundReport", "check_page"]

#: Pixels of a picture's longer side: boxes and their names can be read, some 25 kB each.
SIDE = 480
#: Photos that are shown of one class, photos in all, classes with a heading of their own, and reasons that are listed.
_PER_CLASS, _PHOTOS, _CLASSES, _ERRORS = 12, 360, 200, 100
#: Groups beside the classes: boxes of none of them, and photos in which nothing was found.
_UNKNOWN, _NOTHING = -1, -2


def check_page(path: Path) -> None:
    """Raise when a page cannot be written to `path`, so that this is known before the work and not after.

    Raises
    ------
    InputError
        When the suffix is another than .html, or the system refuses.
    """
    if path.suffix.lower() not in (".html", ".htm"):
        raise InputError(message("report", "the report's suffix", ".html or .htm", path.name, "Rename the report"))
    check_writable("report", "the report", path)


@dataclass(frozen=True)
class _Example:
    """A photo as an example of one class."""

    index: int
    item: str
    score: float
    picture: Thumbnail | None


class FoundReport:
    """Collects what was found, photo by photo, and writes a page of it for people.

    Parameters
    ----------
    names : sequence of str
        Class names of the vocabulary.
    settings : mapping
        What produced the results; shown as it is.
    title : str, default "What was found"
        The page's headline.
    per_class : int, default 12
        Photos that are shown of each class, the clearest ones; at least 1, and 360 in all.

    Raises
    ------
    InputError
        When `per_class` is no whole number of at least 1.

    Notes
    -----
    Memory is bounded by the number of classes and of photos shown, however many come. The page is one file that loads
    nothing from anywhere.

    Examples
    --------
    >>> import numpy as np
    >>> from unseen.detection import Detections
    >>> from unseen.report.found import FoundReport
    >>> report = FoundReport(["cat"], {})
    >>> boxes = Detections("a.jpg", (60, 40), ["cat"], [[0, 0, 9, 9]], [0.9], [[0]], [[1.0]], [False])
    >>> report.add_boxes(boxes, np.zeros((40, 60, 3), np.uint8))
    >>> "1 box in 1 photo" in report.render()
    True
    """

    def __init__(
        self,
        names: Sequence[str],
        settings: Mapping[str, Any],
        *,
        title: str = "What was found",
        per_class: int = _PER_CLASS,
    ) -> None:
        self._names, self._settings, self._title = tuple(names), dict(settings), title
        most = int(check_number("FoundReport", "per_class", per_class, low=1, integer=True))
        self._examples: BestExamples[_Example] = BestExamples(most, _PHOTOS)
        # Apart, lest they take the classes' room.
        self._beside: BestExamples[_Example] = BestExamples(most, 2 * most)
        self._photos: Counter[int] = Counter()
        self._boxes: Counter[int] = Counter()
        self._errors: list[tuple[str, str]] = []
        self._n = self._skipped = self._index = 0
        self._of_boxes = False

    def add_boxes(self, found: Detections, pixels: npt.NDArray[Any] | None) -> None:
        """Take in the boxes of a photo, given its pixels (h, w, 3), or None where it could not be used."""
        self._of_boxes = True
        classes = [_UNKNOWN if unknown else int(top[0]) for top, unknown in zip(found.top, found.unknown, strict=True)]
        self._boxes.update(classes)
        best: dict[int, float] = {}
        for position, score in zip(classes, found.scores.tolist(), strict=True):
            best[position] = max(best.get(position, 0.0), score)

        def picture() -> Thumbnail | None:
            from unseen.report.drawing import draw_detections

            return None if pixels is None else Thumbnail.of(draw_detections(pixels, found, side=SIDE), side=SIDE)

        self._add(found.item, best, found.error, picture)

    def add_masks(self, found: Segmentation, image: Any) -> None:
        """Take in the masks of a photo, and where it can be read again."""
        names = {name: position for position, name in enumerate(self._names)}
        shares = {names[name]: share for name, share in found.fractions().items() if share}

        def picture() -> Thumbnail | None:
            from unseen.errors import ItemError
            from unseen.segmentation.pictures import overlay

            try:
                return Thumbnail.of(np.asarray(overlay(found, image, side=SIDE)), side=2 * SIDE)
            except (ItemError, InputError, MemoryError):  # gone, or another one by now
                return None

        self._add(found.item, shares, found.error, picture)

    def _add(
        self, item: str, found: Mapping[int, float], error: str | None, picture: Callable[[], Thumbnail | None]
    ) -> None:
        self._n += 1
        if error is not None:
            self._skipped += 1
            if len(self._errors) < _ERRORS:
                self._errors.append((item, error))
            return
        made: list[Thumbnail | None] = []
        for position, score in (found or {_NOTHING: 0.0}).items():
            self._index += 1
            self._photos[position] += 1
            examples = self._examples if position >= 0 else self._beside
            if examples.admits(position, score, self._index):
                made = made or [picture()]  # only now, and once: it costs more than everything else here
                examples.add(position, score, _Example(self._index, item, score, made[0]))

    def render(self) -> str:
        """Return the page as HTML."""
        ranked = [p for p, _ in sorted(self._photos.items(), key=lambda pair: (-pair[1], pair[0])) if p >= 0]
        walls = [self._wall(position, self._names[position]) for position in ranked[:_CLASSES]]
        if len(ranked) > _CLASSES:
            note = f"{counted(len(ranked) - _CLASSES, 'rarer class', 'rarer classes')} found, and not shown."
            walls.append(Wall("And more", note, []))
        walls += [self._wall(p, word) for p, word in ((_UNKNOWN, "unknown"), (_NOTHING, "Nothing")) if self._photos[p]]
        without = self._photos[_NOTHING]
        tiles = [("photos", f"{self._n:,}")]
        if self._of_boxes:
            tiles.append(("boxes", f"{self._boxes.total():,}"))
        tiles += [("without a class", f"{without:,}"), ("skipped", f"{self._skipped:,}")]
        tiles.append(("classes found", f"{len(ranked):,} of {len(self._names):,}"))
        return render_gallery(
            self._title, tiles, walls, self._settings, errors=self._errors, skipped=self._skipped, large=True
        )

    def _wall(self, position: int, name: str) -> Wall:
        photos = counted(self._photos[position], "photo")
        examples = (self._examples if position >= 0 else self._beside).choose([position], self._photos[position])
        if position == _NOTHING:
            note = f"In {photos} there is none of the classes."
        elif self._of_boxes:
            boxes = counted(self._boxes[position], "box", "boxes")
            note = f"{boxes} in {photos}. The figure is that of the surest one in the photo."
        else:
            note = f"In {photos}. The figure is the share of the photo that it covers."
        if len(examples) < self._photos[position]:
            note += f" Here are {len(examples):,}{'' if position == _NOTHING else ', the clearest'}."
        tiles = [
            Tile(one.item, rank, one.score, lambda picture=one.picture: picture)  # type: ignore[misc]
            for rank, one in enumerate(examples, 1)
        ]
        return Wall(printable(name), note, tiles)

    def write(self, path: str | Path) -> None:
        """Write the page; it appears under its name when it is complete.

        Raises
        ------
        InputError
            When the suffix is another than .html, or the file cannot be written.
        """
        check_page(Path(path))
        write_atomically(Path(path), self.render())
