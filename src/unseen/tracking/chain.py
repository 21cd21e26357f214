"""Lists of places, one after another: videos and runs of photos as one stream with a cut before each but the first."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from unseen.errors import InputError
from unseen.inputs.files import printable, quoted
from unseen.inputs.sources import iter_images
from unseen.tracking.frames import (
    OWNER,
    PHOTOS_PER_SECOND,
    SCHEME,
    Frame,
    Frames,
    PhotoFrames,
    Selection,
    is_video,
    shown_address,
)
from unseen.validation import message, verbatim

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

__all__ = ["ChainedFrames", "listed_frames"]

#: A list of more lines than this is no list of frames.
_MOST_LINES = 10_000_000


def listed_frames(path: Path, selection: Selection, rate: float | None) -> Frames:
    """Open what a list names: photos are one video, each video a piece of its own."""
    places: list[str] = []
    try:
        with path.open(encoding="utf-8", errors="surrogateescape") as file:
            for line in file:
                place = line.strip()
                if place and not place.startswith("#"):
                    # Beside the list first: a list that is moved together with its frames still works.
                    beside = path.parent / place
                    places.append(str(beside) if beside.exists() else place)
                if len(places) > _MOST_LINES:
                    break
    except OSError as error:
        reason = verbatim((error.strerror or type(error).__name__).lower())
        raise InputError(message(OWNER, f"source {quoted(path)}", "readable", reason, "Check the file")) from None
    if not places or len(places) > _MOST_LINES:
        got = verbatim(f"{'more than ' if places else ''}{len(places):,} lines")
        raise InputError(message(OWNER, f"source {quoted(path)}", "a list of frames or videos", got, "See the docs"))
    addresses = [place for place in places if SCHEME.match(place)]
    if addresses:
        got = verbatim(f"a list with an address, {shown_address(addresses[0])}")
        remedy = "Start one command per stream: each has a clock of its own"
        raise InputError(message(OWNER, "source", "a list of paths", got, remedy))
    videos = [is_video(place) for place in places]
    if not any(videos):
        return PhotoFrames(iter_images(places), name=printable(path), selection=selection, rate=rate, total=len(places))
    pieces: list[list[str]] = []
    for place, video in zip(places, videos, strict=True):
        if video or not pieces or is_video(pieces[-1][0]):
            pieces.append([place])
        else:
            pieces[-1].append(place)
    return ChainedFrames(pieces, name=printable(path), selection=selection, rate=rate)


@dataclass
class _Piece:
    """What a chain knows of the piece it is at."""

    first_index: int = 0
    first_time: float = 0.0
    next_index: int = 0
    next_time: float = 0.0
    notes: list[str] = field(default_factory=list)


class ChainedFrames(Frames):
    """Videos and runs of photos, one after another; each piece but the first begins with a cut."""

    def __init__(
        self, pieces: Sequence[Sequence[str]], *, name: str, selection: Selection, rate: float | None = None
    ) -> None:
        super().__init__()
        self.name, self.rate, self.step = name, rate or PHOTOS_PER_SECOND, selection.every
        self._pieces, self._selection = pieces, selection
        self._open: Frames | None = None

    def __iter__(self) -> Iterator[Frame]:
        at = _Piece()
        for number, places in enumerate(self._pieces):
            at.first_index, at.first_time = at.next_index, at.next_time
            if at.first_time >= self._selection.end:
                break
            begin = max(0.0, self._selection.start - at.first_time)
            rest = Selection(self._selection.every, begin, self._selection.end - at.first_time)
            try:
                self._open = self._opened(places, rest)
                if number == 0:
                    self.rate = self._open.rate
            except InputError as error:
                self.lost += 1
                self.notes.append(str(error))
                continue
            yield from self._piece(self._open, at, cut=number > 0)
            self._open.close()

    def _opened(self, places: Sequence[str], selection: Selection) -> Frames:
        if is_video(places[0]):
            from unseen.tracking.videos import VideoFrames

            return VideoFrames(places[0], selection=selection)
        items = iter_images(list(places))
        return PhotoFrames(items, name=printable(places[0]), selection=selection, rate=self.rate, total=len(places))

    def _piece(self, frames: Frames, at: _Piece, *, cut: bool) -> Iterator[Frame]:
        for frame in frames:
            at.next_index = at.first_index + frame.index + 1
            at.next_time = at.first_time + frame.time + 1 / frames.rate
            yield Frame(at.first_index + frame.index, at.first_time + frame.time, frame.name, frame.pixels, cut)
            cut = False
        self.lost += frames.lost
        self.notes += frames.notes

    def close(self) -> None:
        """Close the piece that is open."""
        if self._open is not None:
            self._open.close()
