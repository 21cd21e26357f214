"""Frames of videos, as references; read by PyAV one after another, in the order of time.

Which frames there are is told from the packets' times, which takes no decoding.
"""

from __future__ import annotations

import threading
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from unseen.errors import ItemError
from unseen.labelling.references import Held, Reference, Shelf, open_place, shown
from unseen.validation import import_extra

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    import numpy.typing as npt

    from unseen.labelling.sources import Every

__all__ = ["FrameReference", "video_frames"]

#: Frames larger than this are not decoded; no camera makes them.
_MOST_PIXELS = 1 << 26
#: Kept in memory as 8 bytes each; a day at 60 per second has five million.
_MOST_FRAMES = 50_000_000
#: Going back or ahead by more than this many seconds seeks; less decodes on.
_NEAR = 10.0


@dataclass(frozen=True, slots=True)
class FrameReference(Reference):
    """One frame of a video, by its presentation time in ticks of the stream."""

    path: str = ""
    tick: int = 0

    ordered: ClassVar[bool] = True

    def read(self, shelf: Shelf) -> Any:
        """Return the frame's pixels (H, W, 3), upright; raises ItemError."""
        return shelf.get(("video", self.path), lambda: _Video(self.path), _Video).frame(self.tick)


class _Video(Held):
    """A video that is open for reading, positioned at some frame."""

    def __init__(self, path: str) -> None:
        self._lock = threading.Lock()
        self._file: BinaryIO | None = None
        self._container: Any = None
        self._av: Any = import_extra("av", extra="video", purpose="Reading videos")
        self._file = open_place(path)
        try:
            # A file object and no path: PyAV would take an address or a device for a path as well.
            self._container = self._av.open(self._file, mode="r", metadata_errors="replace")
            self._stream = self._container.streams.video[0]
        except IndexError:
            raise ItemError("holds no pictures: it has no video stream") from None
        except (self._av.error.FFmpegError, OSError, ValueError) as error:
            raise ItemError("damaged, or of a rare kind: it cannot be opened as a video") from error
        self._stream.thread_type = "AUTO"
        self._frames: Iterator[Any] | None = None
        self._next: Any = None
        self._last: int | None = None

    @property
    def time_base(self) -> float:
        """Seconds per tick."""
        return float(self._stream.time_base or 0) or 1.0

    def ticks(self) -> npt.NDArray[np.int64]:
        """Return the times of all frames in order, without decoding; what is behind a damaged place is left out."""
        found = array("q")
        try:
            for packet in self._container.demux(self._stream):
                if packet.size and packet.pts is not None and not packet.is_discard:
                    found.append(int(packet.pts))
                if len(found) > _MOST_FRAMES:
                    self.damaged = True
                    break
        except (self._av.error.FFmpegError, OSError, ValueError):
            self.damaged = True
        return np.unique(np.array(found, dtype=np.int64))

    damaged = False

    def frame(self, tick: int) -> npt.NDArray[np.uint8]:
        """Return the pixels of the frame at a time, or of the first one after it."""
        with self._lock:
            try:
                return self._pixels(self._find(tick))
            except ItemError:
                self._frames = None
                raise
            except (self._av.error.FFmpegError, OSError, ValueError, MemoryError) as error:
                self._frames = None
                raise ItemError("damaged: the frame cannot be decoded") from error

    def _find(self, tick: int) -> Any:
        far = self._last is None or tick < self._last or (tick - self._last) * self.time_base > _NEAR
        if self._frames is None or far:
            self._container.seek(tick, stream=self._stream, backward=True)
            self._frames = self._container.decode(self._stream)
        while (frame := next(self._frames, None)) is not None:
            if frame.pts is not None and frame.pts >= tick:
                self._last = frame.pts
                if frame.pts > tick:
                    raise ItemError("damaged: there is no frame at this time")
                return frame
        self._frames = None
        raise ItemError("truncated: the video ends before this frame")

    def _pixels(self, frame: Any) -> npt.NDArray[np.uint8]:
        if frame.width * frame.height > _MOST_PIXELS:
            raise ItemError(f"too large: {frame.width} x {frame.height} for one frame")
        pixels: npt.NDArray[np.uint8] = frame.to_ndarray(format="rgb24")
        turns = round(getattr(frame, "rotation", 0) / 90) % 4
        return np.ascontiguousarray(np.rot90(pixels, turns)) if turns else pixels

    def close(self) -> None:
        if self._container is not None:
            self._container.close()
            self._container = None
        if self._file is not None:
            self._file.close()


def video_frames(path: str, every: Every) -> Iterator[Reference]:
    """Yield references to the frames of a video.

    Parameters
    ----------
    path : str
        The file, or its address.
    every : Every
        Which frames: the first one at or after every so many seconds from the first, or every so many frames.

    Yields
    ------
    Reference
        Named ``clip.mp4#t=1.200``: the seconds since the first frame. A file that is no video gives one reference that
        says so.

    Raises
    ------
    MissingExtraError
        When PyAV is not installed.
    """
    named = shown(path)
    try:
        video = _Video(path)
    except ItemError as error:
        yield Reference(named, str(error))
        return
    try:
        ticks, base, damaged = video.ticks(), video.time_base, video.damaged
    finally:
        video.close()
    for tick in _chosen(ticks, base, every):
        yield FrameReference(f"{named}#t={(tick - ticks[0]) * base:.3f}", path=path, tick=int(tick))
    if damaged:
        yield Reference(named, "damaged: the rest of the video was not read")
    elif not len(ticks):
        yield Reference(named, "holds no pictures: its video stream is empty")


def _chosen(ticks: npt.NDArray[np.int64], base: float, every: Every) -> npt.NDArray[np.int64]:
    if not len(ticks) or every.frames:
        return ticks[:: every.frames or 1]
    seconds = (ticks - ticks[0]) * base
    # Which of the equal stretches of time each frame lies in; the first of each is taken. A tick's rounding must not
    # push a frame into the stretch before.
    stretch = np.floor(seconds / (every.seconds or 1.0) + 1e-6).astype(np.int64)
    kept: npt.NDArray[np.int64] = ticks[np.concatenate([[True], np.diff(stretch) > 0])]
    return kept
