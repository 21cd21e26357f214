"""Lists of places, one after another: videos and runs of photos as one stream with a cut before each but the first."""

from __future__ import annotations

from io import TextIOWrapper
from typing import TYPE_CHECKING

from unseen.errors import InputError, ItemError
from unseen.inputs.files import open_regular, os_reason, printable, quoted
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
from unseen.tracking.videos import VideoFrames
from unseen.validation import message, verbatim

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

__all__ = ["ChainedFrames", "listed_frames"]

#: A list of more lines than this is no list of frames.
_MOST_LINES = 10_000_000
#: No path is longer than this.
_LONGEST_LINE = 1 << 16


def listed_frames(path: Path, selection: Selection, rate: float | None) -> Frames:
    """Open what a list names: photos are one video, each video a piece of its own."""
    places: list[str] = []
    try:
        with open_regular(path) as raw, TextIOWrapper(raw, "utf-8-sig", "surrogateescape") as file:
            while line := file.readline(_LONGEST_LINE):
                place = line.strip()
                if place and not place.startswith("#"):
                    # Beside the list first: a list that is moved together with its frames still works.
                    beside = path.parent / place
                    places.append(str(beside) if beside.exists() else place)
                if len(places) > _MOST_LINES:
                    break
    except (ItemError, OSError) as error:
        reason = str(error) if isinstance(error, ItemError) else os_reason(error)
        raise InputError(message(OWNER, f"source {quoted(path)}", "readable", verbatim(reason), "Check it")) from None
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
        index, time = 0, 0.0  # where the next piece begins
        for number, places in enumerate(self._pieces):
            if time >= self._selection.end:
                break
            begin, end = max(0.0, self._selection.start - time), self._selection.end - time
            try:
                self._open = frames = self._opened(places, Selection(self._selection.every, begin, end))
                if number == 0:
                    self.rate = frames.rate
            except InputError as error:
                self.lost += 1
                self.notes.append(str(error))
                continue
            if begin < frames.passed_time or not isinstance(frames, VideoFrames):
                cut = number > 0
                for frame in frames:
                    yield Frame(index + frame.index, time + frame.time, frame.name, frame.pixels, cut)
                    cut = False
            index, time = index + frames.passed, time + frames.passed_time
            self.lost += frames.lost
            self.notes += frames.notes
            frames.close()

    def _opened(self, places: Sequence[str], selection: Selection) -> Frames:
        if is_video(places[0]):
            video = VideoFrames(places[0], selection=Selection(selection.every))
            if selection.start < video.passed_time:  # else it is passed over, for the time that it takes
                video.select(selection)
            return video
        items = iter_images(list(places))
        return PhotoFrames(items, name=printable(places[0]), selection=selection, rate=self.rate, total=len(places))

    def close(self) -> None:
        """Close the piece that is open."""
        if self._open is not None:
            self._open.close()
