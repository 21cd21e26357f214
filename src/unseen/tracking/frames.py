"""Frames: whatever people point at, as one stream of numbered, timed, upright pictures.

What is wrong with the request itself is an `InputError` at once. A frame that cannot be used is left out, counted and
told of at the end: its neighbours are worth following without it.
"""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from unseen.errors import InputError, ItemError
from unseen.inputs.files import printable, quoted, similar_names
from unseen.inputs.images import open_image
from unseen.inputs.sources import iter_images
from unseen.inputs.walking import has_wildcard
from unseen.validation import check_number, counted, message

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType

    import numpy.typing as npt

    from unseen.inputs.sources import Item

__all__ = ["Frame", "Frames", "PhotoFrames", "Selection", "check_selection", "is_video", "open_frames"]

OWNER = "track"
#: Photos carry no times; they are taken to be a video of so many per second.
PHOTOS_PER_SECOND = 25.0
#: Suffixes that are read as videos; a folder's other files are left to the readers of photos.
VIDEOS = frozenset(
    (
        *(".3gp", ".avi", ".flv", ".h264", ".h265", ".hevc", ".m2ts", ".m4v", ".mjpeg", ".mjpg", ".mkv", ".mov"),
        *(".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".ogv", ".ts", ".webm", ".wmv", ".y4m"),
    )
)
SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_DIGITS = re.compile(r"(\d+)")
_WHAT = "a video, a folder of frames, a pattern, a list (.txt), a camera's number, or an address (rtsp://, http://)"


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture of a stream.

    Attributes
    ----------
    index : int
        Its place in the source, from 0; frames that were left out count.
    time : float
        Seconds since the source's first frame.
    name : str
        What it is called: a photo's path, or the video's with the time.
    pixels : uint8 array of shape (h, w, 3)
        RGB, upright.
    cut : bool
        Whether another piece begins here (the next video of a list): nothing is followed across it.
    """

    index: int
    time: float
    name: str
    pixels: npt.NDArray[np.uint8]
    cut: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return int(self.pixels.shape[1]), int(self.pixels.shape[0])


@dataclass(frozen=True)
class Selection:
    """Which frames of a source are looked at.

    Attributes
    ----------
    every : int
        One of so many.
    start, end : float
        Seconds; frames from `start` on and before `end`.
    """

    every: int = 1
    start: float = 0.0
    end: float = math.inf


def check_selection(every: int = 1, start: float | None = None, end: float | None = None) -> Selection:
    """Return what was selected.

    Raises
    ------
    InputError
        When a number is out of range, or nothing lies between start and end.
    """
    every = int(check_number(OWNER, "every", every, low=1, integer=True))
    first = 0.0 if start is None else check_number(OWNER, "start", start, low=0)
    last = math.inf if end is None else check_number(OWNER, "end", end, low=0)
    if last <= first:
        raise InputError(message(OWNER, "end", f"after the start, {first:g} s", last, "Leave one of them out"))
    return Selection(every, first, last)


class Frames:
    """Base of the streams of frames: an iterator that can be closed.

    Attributes
    ----------
    name : str
        The source, printable, without any login.
    rate : float
        Frames per second, as far as known.
    total : int or None
        How many frames will come at most; None where nobody knows.
    live : bool
        Whether frames come by the clock, so that some are dropped where they cannot be kept up with.
    lost : int
        Frames that could not be used so far.
    notes : list of str
        What people should know of how it went; complete at the end.
    """

    name: str = ""
    rate: float = PHOTOS_PER_SECOND
    total: int | None = None
    live: bool = False

    #: One of so many frames is given.
    step: int = 1
    #: Frames of the source that have gone by, whether they were looked at or not, and the seconds that they took.
    passed: int = 0
    passed_time: float = 0.0

    def __init__(self) -> None:
        self.lost = 0
        self.notes: list[str] = []

    def __iter__(self) -> Iterator[Frame]:
        raise NotImplementedError  # pragma: no cover

    def stop(self) -> None:
        """Have whoever waits for a frame of a stream wait no longer, from any thread; files keep nobody waiting."""

    def close(self) -> None:
        """Let go of files, connections and threads."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_frames(
    source: Any,
    *,
    every: int = 1,
    start: float | None = None,
    end: float | None = None,
    rate: float | None = None,
    live: bool | None = None,
    reconnects: int = 20,
) -> Frames:
    """Open a source of frames.

    Parameters
    ----------
    source : path, str, int, or an ordered iterable of these or of pictures
        A video file; a folder of frames or a pattern, in natural order (``f2.png`` before ``f10.png``); a ``.txt``
        file with one path per line; the number of a camera; an ``rtsp://``, ``rtmp://``, ``udp://``, ``http://`` or
        ``https://`` address; arrays (h, w, 3) or PIL images.
    every : int, default 1
        Looks at one of so many frames.
    start, end : float or None, default None
        Seconds from the source's first frame: where to begin, and before which to end.
    rate : float or None, default None
        Frames per second of photos, which have no times; None: 25. Videos know their own times.
    live : bool or None, default None
        Whether frames of an address are dropped rather than waited for; None: where the address has no end.
    reconnects : int, default 20
        How often in a row a lost stream is looked for again.

    Returns
    -------
    Frames

    Raises
    ------
    InputError
        When there is no such source, or a number is out of range.
    MissingExtraError
        For a video without PyAV.

    Examples
    --------
    >>> import numpy as np
    >>> frames = open_frames([np.zeros((4, 6, 3), np.uint8)] * 3, rate=10)
    >>> [(frame.index, frame.time, frame.size) for frame in frames]
    [(0, 0.0, (6, 4)), (1, 0.1, (6, 4)), (2, 0.2, (6, 4))]
    """
    chosen = check_selection(every, start, end)
    if rate is not None:
        rate = check_number(OWNER, "rate", rate, low=0, low_open=True, high=1e6)
    if isinstance(source, bool) or (isinstance(source, int | np.integer) and source < 0):
        raise InputError(message(OWNER, "source", _WHAT, source, "Cameras are numbered from 0"))
    if isinstance(source, int | np.integer) or (isinstance(source, str) and source.isdecimal() and len(source) < 4):
        if isinstance(source, str) and Path(source).exists():
            return _of_path(source, chosen, rate)
        from unseen.tracking.streams import CameraFrames

        return CameraFrames(int(source), selection=chosen)
    if isinstance(source, str) and SCHEME.match(source):
        from unseen.tracking.streams import open_stream

        return open_stream(source, selection=chosen, live=live, reconnects=reconnects)
    if isinstance(source, str | os.PathLike):
        return _of_path(os.fspath(source), chosen, rate)
    return PhotoFrames(iter_images(source), name="frames", selection=chosen, rate=rate, total=_length(source))


def _length(source: Any) -> int | None:
    return len(source) if isinstance(source, list | tuple) else None


def is_video(path: str | os.PathLike[str]) -> bool:
    """Whether a path is read as a video, by its suffix.

    >>> is_video("a.MP4"), is_video("a.png")
    (True, False)
    """
    return Path(path).suffix.lower() in VIDEOS


def _of_path(source: str, selection: Selection, rate: float | None) -> Frames:
    if not source or "\0" in source:
        raise InputError(message(OWNER, "source", _WHAT, source, "Pass where the frames are"))
    path = Path(source)
    if path.is_dir() or (has_wildcard(source) and not path.exists()):
        return _of_items(list(iter_images(source, recursive=path.is_dir() and _nested(path))), source, selection, rate)
    if not path.exists():
        raise InputError(message(OWNER, "source", "a source that exists", quoted(source), similar_names(path)))
    if path.suffix.lower() in {".txt", ".lst"}:
        from unseen.tracking.chain import listed_frames

        return listed_frames(path, selection, rate)
    if is_video(path) or not _is_photo(path):
        from unseen.tracking.videos import VideoFrames

        return VideoFrames(source, selection=selection)
    return PhotoFrames(list(iter_images(source)), name=printable(source), selection=selection, rate=rate, total=1)


def _nested(folder: Path) -> bool:
    """Whether a folder's frames lie deeper: in it are folders alone, as MOTChallenge has it with img1."""
    with os.scandir(folder) as entries:
        return not any(entry.is_file() for entry in entries) or (folder / "img1").is_dir()


def _is_photo(path: Path) -> bool:
    from unseen.inputs.formats import SNIFF_BYTES, sniff

    try:
        with path.open("rb") as file:
            return sniff(file.read(SNIFF_BYTES)) is not None
    except OSError:
        return False


def natural(name: str) -> list[tuple[int, int, str]]:
    """Return what sorts names as people count: ``f2`` before ``f10``.

    >>> sorted(["f10.png", "f2.png", "f1.png"], key=natural)
    ['f1.png', 'f2.png', 'f10.png']
    """
    # By length, then text, for numbers of any length without turning them into integers.
    return [
        (1, len(part.lstrip("0")), part.lstrip("0")) if part.isdecimal() else (0, 0, part)
        for part in _DIGITS.split(name)
        if part
    ]


def _of_items(items: Sequence[Item], source: str, selection: Selection, rate: float | None) -> Frames:
    ordered = sorted(items, key=lambda item: natural(item.name))
    return PhotoFrames(ordered, name=printable(source), selection=selection, rate=rate, total=len(ordered))


def shown_address(address: str) -> str:
    """Return an address without login and query, which may hold keys; printable.

    >>> shown_address("rtsp://me:secret@camera.local:554/live?token=1")
    'rtsp://camera.local:554/live'
    """
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(address)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return "an address that cannot be read"
    return printable(f"{parts.scheme}://{host}{parts.path}")


class PhotoFrames(Frames):
    """Photos as frames, one after another.

    Parameters
    ----------
    items : iterable of Item
        In order.
    name : str
        The source.
    selection : Selection
        Which of them.
    rate : float or None
        Of so many per second; None: 25.
    total : int or None
        How many items there are.
    """

    def __init__(
        self, items: Any, *, name: str, selection: Selection, rate: float | None = None, total: int | None = None
    ) -> None:
        super().__init__()
        self.name, self.rate, self.step = name, rate or PHOTOS_PER_SECOND, selection.every
        self._items, self._selection = items, selection
        self.total = None if total is None else -(-total // selection.every)
        self._first_problem = ""

    def __iter__(self) -> Iterator[Frame]:
        index = -1
        for index, item in enumerate(self._items):
            time = index / self.rate
            self.passed, self.passed_time = index + 1, (index + 1) / self.rate
            if time >= self._selection.end:
                break
            if time < self._selection.start or index % self._selection.every:
                continue
            try:
                if item.error is not None:
                    raise ItemError(item.error)
                pixels = np.asarray(open_image(item.content))
            except ItemError as error:
                self.lost += 1
                self._first_problem = self._first_problem or f"{item.name}: {error}"
                continue
            yield Frame(index, time, item.name, pixels)
        if self.lost:
            self.notes.append(f"{counted(self.lost, 'frame')} could not be used; the first: {self._first_problem}")
