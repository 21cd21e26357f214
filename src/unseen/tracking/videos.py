"""Video files as frames: every frame at its own time, past places that are damaged."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.errors import InputError, ItemError
from unseen.inputs.files import open_regular, printable, quoted
from unseen.tracking.frames import OWNER, Frame, Frames, Selection
from unseen.validation import counted, import_extra, message, verbatim

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

__all__ = ["VideoFrames", "frame_pixels"]

#: Frames larger than this are not decoded; no camera makes them.
MOST_PIXELS = 1 << 26
#: Kept in memory as 8 bytes each; a day at 60 per second has five million.
_MOST_FRAMES = 50_000_000
#: So many damaged places in a row, and what follows is taken for lost.
_MOST_DAMAGE = 256


def frame_pixels(frame: Any) -> npt.NDArray[np.uint8]:
    """Return the pixels (h, w, 3) of a decoded frame, upright.

    Raises
    ------
    ItemError
        When it is larger than any camera's.
    """
    if frame.width * frame.height > MOST_PIXELS:
        raise ItemError(f"too large: {frame.width} x {frame.height} for one frame")
    pixels: npt.NDArray[np.uint8] = frame.to_ndarray(format="rgb24")
    turns = round(getattr(frame, "rotation", 0) / 90) % 4
    return np.ascontiguousarray(np.rot90(pixels, turns)) if turns else pixels


class VideoFrames(Frames):
    """The frames of a video file.

    Parameters
    ----------
    path : str
        The file.
    selection : Selection
        Which frames.

    Raises
    ------
    InputError
        When the file is no video, is empty or cannot be opened.
    MissingExtraError
        When PyAV is not installed.

    Notes
    -----
    A frame's number comes from the times of all packets, which are read first, without decoding: so it is the same
    whether one begins at the start or in the middle, and whatever was damaged before.
    """

    _timeless = False

    def __init__(self, path: str, *, selection: Selection) -> None:
        super().__init__()
        self._av: Any = import_extra("av", extra="vision", purpose="Reading videos")
        self.name, self._path, self._selection = printable(path), path, selection
        self.step = selection.every
        self._damaged = 0
        self._container: Any = None
        self._file: Any = None
        self._open()
        try:
            self._ticks = self._read_ticks()
        finally:
            self.close()
        if not len(self._ticks):
            raise self._unusable("holds no frames: it is empty or damaged at its beginning")
        self.passed, self.passed_time = len(self._ticks), float(self._seconds[-1]) + 1 / self.rate
        self.select(selection)

    def select(self, selection: Selection) -> None:
        """Look at other frames from now on.

        Raises
        ------
        InputError
            When none of the video's frames is among them.
        """
        self._selection = selection
        inside = (self._seconds >= selection.start) & (self._seconds < selection.end)
        inside[np.arange(len(inside)) % selection.every != 0] = False
        self.total = int(inside.sum())
        if not self.total:
            length = verbatim(f"{selection.start:g} s, and the video has {self._seconds[-1]:.2f} s")
            raise InputError(message(OWNER, "start", "within the video", length, "Begin earlier"))

    def _unusable(self, reason: str) -> InputError:
        remedy = "Check that it plays, or convert it: ffmpeg -i IN OUT.mp4"
        return InputError(message(OWNER, f"source {quoted(self._path)}", "a video", verbatim(reason), remedy))

    def _open(self) -> None:
        try:
            self._file = open_regular(self._path)
        except ItemError as error:
            raise self._unusable(str(error)) from None
        try:
            # A file object and no path: PyAV would take an address or a device for a path as well. And no protocol:
            # a file may be a list of other places to read.
            self._container = self._av.open(
                self._file, mode="r", metadata_errors="replace", options={"protocol_whitelist": "none"}
            )
            self._stream = self._container.streams.video[0]
        except IndexError:
            self.close()
            raise self._unusable("a file without pictures: it has no video stream") from None
        except (self._av.error.FFmpegError, OSError, ValueError):
            self.close()
            raise self._unusable("damaged, or no video at all: it cannot be opened") from None
        self._stream.thread_type = "AUTO"
        self._base = float(self._stream.time_base or 0) or 1.0
        average = float(self._stream.average_rate or self._stream.guessed_rate or 0)
        self.rate = average if 0 < average < 1e6 else 25.0

    def _read_ticks(self) -> npt.NDArray[np.int64]:
        """Return the times of all frames in order, without decoding."""
        found, without = array("q"), 0
        for packet in self._packets():
            if packet.size and packet.pts is not None and not packet.is_discard and len(found) < _MOST_FRAMES:
                found.append(int(packet.pts))
            elif packet.size and packet.pts is None:
                without += 1
        ticks = np.unique(np.array(found, dtype=np.int64))
        if not len(ticks) and 0 < without < _MOST_FRAMES:  # raw streams know no times: one frame per packet
            self._base, ticks = 1 / self.rate, np.arange(without, dtype=np.int64)
            self._timeless = True
        self._seconds = (ticks - ticks[0]) * self._base if len(ticks) else np.zeros(0)
        return ticks

    def _packets(self) -> Iterator[Any]:
        """Yield packets, going on behind places that cannot be read."""
        failures = 0
        while failures < _MOST_DAMAGE:
            try:
                for packet in self._container.demux(self._stream):
                    failures = 0
                    yield packet
                return
            except (self._av.error.FFmpegError, OSError, ValueError):
                failures += 1
                self._damaged += 1

    def _decoded(self) -> Iterator[Any]:
        failures = 0
        for packet in self._packets():
            try:
                frames = packet.decode()
                failures = 0
            except (self._av.error.FFmpegError, OSError, ValueError, MemoryError):
                failures += 1
                self._damaged += 1
                if failures >= _MOST_DAMAGE:
                    return
                continue
            yield from frames

    def __iter__(self) -> Iterator[Frame]:
        self._open()
        try:
            self._damaged = 0
            if self._selection.start > 0 and not self._timeless:
                before = int(np.searchsorted(self._seconds, self._selection.start))
                self._container.seek(
                    int(self._ticks[min(before, len(self._ticks) - 1)]), stream=self._stream, backward=True
                )
            yield from self._chosen()
        except (self._av.error.FFmpegError, OSError) as error:
            self._damaged += 1
            if isinstance(error, OSError) and not isinstance(error, self._av.error.FFmpegError):
                self.notes.append("the video's file could not be read to its end")
        finally:
            self.close()
            self._tell()

    def _chosen(self) -> Iterator[Frame]:
        index = -1
        for decoded in self._decoded():
            if decoded.pts is None or self._timeless:
                index += 1
            else:
                index = max(int(np.searchsorted(self._ticks, decoded.pts)), index + 1)
            time = self._seconds[index] if index < len(self._seconds) else index / self.rate
            if time >= self._selection.end:
                return
            if time < self._selection.start or index % self._selection.every:
                continue
            try:
                pixels = frame_pixels(decoded)
            except ItemError:
                self.lost += 1
                continue
            yield Frame(index, float(time), f"{self.name}#t={time:.3f}", pixels)

    def _tell(self) -> None:
        if self._damaged:
            places = "a place" if self._damaged == 1 else f"{self._damaged:,} places"
            self.notes.append(f"the video is damaged at {places}; frames that could not be read were left out")
        if self.lost:
            self.notes.append(f"{counted(self.lost, 'frame is', 'frames are')} too large and left out")

    def close(self) -> None:
        """Close the file."""
        if self._container is not None:
            self._container.close()
            self._container = None
        if self._file is not None:
            self._file.close()
            self._file = None
