"""An mp4 that grows as it is written: what a run that was killed leaves behind still plays."""

from __future__ import annotations

import math
import os
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from unseen.errors import InputError
from unseen.validation import import_extra, message, verbatim
from unseen.writers import open_alone, unwritable

if TYPE_CHECKING:
    from types import TracebackType

    import numpy.typing as npt

__all__ = ["VideoWriter"]

#: Ticks per second of the times written: divides evenly by all usual frame rates.
_CLOCK = 90_000
#: H.264 by whichever encoder this build of FFmpeg has; one thread, because the cores are busy tracking.
_ENCODERS: dict[str, dict[str, str]] = {
    "libx264": {"preset": "veryfast", "crf": "23", "threads": "1"},
    "libopenh264": {"threads": "1"},
    "h264_videotoolbox": {},
    "h264_mf": {},
}


class VideoWriter:
    """Writes RGB pictures as H.264 (yuv420p) into a fragmented mp4.

    Parameters
    ----------
    path : path
        The file.
    rate : float
        Frames per second, for players; the times of frames are written as they are.

    Raises
    ------
    InputError
        When the file cannot be written, or not any further (a full disk).
    MissingExtraError
        When PyAV is not installed.

    Notes
    -----
    A fragment is closed every second, and everything before it plays. The first picture decides the size, made even as
    the format asks; later ones of another size are fitted into it with black beside. Times never go back: a frame
    that claims to be older than the one before comes right after it.
    """

    def __init__(self, path: str | Path, *, rate: float = 25.0) -> None:
        self._av: Any = import_extra("av", extra="vision", purpose="Writing a video")
        self.path, self._rate = Path(path), min(max(float(rate), 1.0), 240.0)
        self._last = -1
        self._stream: Any = None
        self._size = (0, 0)
        # Fragments at key frames, an index of nothing at the front, and nothing kept back for later.
        flags = {"movflags": "frag_keyframe+empty_moov+default_base_moof", "flush_packets": "1"}
        try:
            # Not opened by FFmpeg, which does so at the first frame: what cannot be written is told at once.
            self._file: Any = os.fdopen(open_alone(self.path), "wb", buffering=0)
        except OSError as error:
            raise self._refused(error) from None
        try:
            self._container = self._av.open(self._file, mode="w", format="mp4", container_options=flags)
        except (self._av.error.FFmpegError, OSError) as error:
            self._file.close()
            raise self._refused(error) from None

    def _refused(self, error: BaseException) -> InputError:
        number = getattr(error, "errno", None)
        return unwritable("track", "the video", self.path, OSError(number, "") if number else OSError())

    def _begin(self, width: int, height: int) -> None:
        self._size = (width + width % 2, height + height % 2)
        name = next((name for name in _ENCODERS if name in self._av.codecs_available), None)
        if name is None:
            got = verbatim("a build of PyAV without one")
            raise InputError(message("track", "PyAV", "able to write H.264", got, "Leave out the video: --no-video"))
        stream = self._container.add_stream(name, rate=Fraction(self._rate).limit_denominator(1001))
        stream.width, stream.height, stream.pix_fmt = *self._size, "yuv420p"
        stream.options = _ENCODERS[name]
        stream.codec_context.time_base = Fraction(1, _CLOCK)
        stream.codec_context.gop_size = max(1, round(self._rate))
        stream.codec_context.max_b_frames = 0
        self._stream = stream

    def write(self, pixels: npt.NDArray[np.uint8], time: float) -> None:
        """Append a picture (h, w, 3) that is seen at `time` seconds."""
        height, width = pixels.shape[:2]
        try:
            if self._stream is None:
                self._begin(width, height)
            frame = self._av.VideoFrame.from_ndarray(self._fitted(pixels), format="rgb24")
            step = max(1, round(_CLOCK / self._rate / 8))
            tick = round(time * _CLOCK) if math.isfinite(time) else 0
            frame.pts = self._last = max(tick, self._last + step if self._last >= 0 else 0)
            frame.time_base = Fraction(1, _CLOCK)
            for packet in self._stream.encode(frame):
                self._container.mux(packet)
        except (self._av.error.FFmpegError, OSError) as error:
            raise self._refused(error) from None

    def _fitted(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        height, width = pixels.shape[:2]
        if (width, height) == self._size:
            return np.ascontiguousarray(pixels)
        canvas = np.zeros((self._size[1], self._size[0], 3), np.uint8)
        if width <= self._size[0] and height <= self._size[1] and self._size[0] - width < 2 > self._size[1] - height:
            canvas[:height, :width] = pixels
            canvas[height:, :width] = pixels[-1:]
            canvas[:, width:] = canvas[:, width - 1 : width]
            return canvas
        from PIL import Image, ImageOps

        fitted = np.asarray(ImageOps.contain(Image.fromarray(pixels), self._size))
        top, left = (self._size[1] - fitted.shape[0]) // 2, (self._size[0] - fitted.shape[1]) // 2
        canvas[top : top + fitted.shape[0], left : left + fitted.shape[1]] = fitted
        return canvas

    def close(self) -> None:
        """Write what the encoder still holds, and end the file."""
        if self._container is None:
            return
        container, self._container = self._container, None
        try:
            if self._stream is not None:
                for packet in self._stream.encode(None):
                    container.mux(packet)
            container.close()
        except (self._av.error.FFmpegError, OSError) as error:
            raise self._refused(error) from None
        finally:
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
            return
        try:
            self.close()
        except InputError:
            self._container = None  # what stopped the run is the news
