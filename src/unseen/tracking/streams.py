"""Streams and cameras as frames: read by a thread of their own, newest frame first, found again when they are lost."""

from __future__ import annotations

import threading
import time
from abc import abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.errors import InputError, ItemError
from unseen.tracking.frames import OWNER, Frame, Frames, Selection, shown_address
from unseen.tracking.videos import frame_pixels
from unseen.validation import check_number, counted, import_extra, message, verbatim

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

__all__ = ["AddressFrames", "CameraFrames", "ThreadedFrames", "open_stream"]

#: Where streams may come from, and what FFmpeg may open on their behalf: no files of this machine.
SCHEMES = ("http", "https", "rtsp", "rtsps", "rtmp", "rtmps", "rtp", "udp", "srt", "tcp")
_PROTOCOLS = "http,https,httpproxy,tls,tcp,udp,rtp,rtsp,rtsps,rtmp,rtmps,srt,crypto,data"
#: Seconds until a connection that says nothing is given up.
_OPEN_TIMEOUT, _READ_TIMEOUT = 10.0, 10.0
#: Seconds before looking for a lost stream again: doubled each time, up to the last.
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 15.0
#: Frames that wait for whoever reads a source that has an end.
_WAITING = 2


class LostError(Exception):
    """The stream broke off; another try may help."""


class ThreadedFrames(Frames):
    """Frames that a thread reads: the newest where they come by the clock, all of them where they wait.

    A live stream keeps one frame at most: what nobody fetched in time is dropped and counted, so that what is looked
    at is never old. Memory is a frame or two, whatever the stream does.

    Parameters
    ----------
    selection : Selection
        Which frames; times are seconds since the first frame.
    live : bool
        Whether to drop frames rather than wait.
    reconnects : int
        Tries in a row to find a lost stream again.

    Attributes
    ----------
    dropped : int
        Frames that nobody fetched in time.
    losses : int
        How often the stream was lost.
    """

    def __init__(self, *, selection: Selection, live: bool, reconnects: int) -> None:
        super().__init__()
        self.live, self.step = live, selection.every
        self.dropped = self.losses = 0
        self._reconnects = int(check_number(OWNER, "reconnects", reconnects, low=0, integer=True))
        self._selection = selection
        self._change = threading.Condition()
        self._frames: list[Frame] = []
        self._done = False
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._index = -1
        self._began: float | None = None
        self._failure: BaseException | None = None

    @abstractmethod
    def _session(self) -> Iterator[tuple[npt.NDArray[np.uint8], float | None]]:
        """Yield pictures, with their seconds where the stream knows them, until the stream ends; raise LostError."""

    def __iter__(self) -> Iterator[Frame]:
        if self._thread is not None:
            raise InputError(message(OWNER, "a stream", "read once", verbatim("a second reader"), "Open it again"))
        self._thread = threading.Thread(target=self._read, name="unseen-stream", daemon=True)
        self._thread.start()
        try:
            while True:
                with self._change:
                    self._change.wait_for(lambda: self._frames or self._done or self._stop.is_set())
                    if not self._frames or self._stop.is_set():
                        break
                    frame = self._frames.pop(0)
                    self._change.notify_all()
                yield frame
            if self._failure is not None:
                raise self._failure
        finally:
            self.close()
            self._tell()

    def _read(self) -> None:
        tries, wait = 0, _FIRST_WAIT
        try:
            while not self._stop.is_set():
                before = self._index
                try:
                    for pixels, seconds in self._session():
                        if not self._offer(pixels, seconds):
                            return
                    if not self.live:
                        return
                    raise LostError("it ended")
                except LostError:
                    if self._index > before:  # it had come back
                        tries, wait = 0, _FIRST_WAIT
                    self.losses += 1
                    tries += 1
                    if tries > self._reconnects:
                        return
                    self._stop.wait(wait)
                    wait = min(2 * wait, _LONGEST_WAIT)
        except BaseException as error:  # noqa: BLE001  raised again in the thread that reads
            self._failure = error
        finally:
            with self._change:
                self._done = True
                self._change.notify_all()

    def _offer(self, pixels: npt.NDArray[np.uint8], seconds: float | None) -> bool:
        """Hand a picture over; return whether more are wanted."""
        now = time.monotonic()
        if self._began is None:
            self._began = now
        self._index += 1
        at = now - self._began if seconds is None else seconds
        if at >= self._selection.end:
            return False
        if at < self._selection.start or self._index % self._selection.every:
            return not self._stop.is_set()
        frame = Frame(self._index, at, f"{self.name}#t={at:.3f}", pixels)
        with self._change:
            if self.live:
                self.dropped += len(self._frames)
                self._frames[:] = [frame]
            else:
                self._change.wait_for(lambda: len(self._frames) < _WAITING or self._stop.is_set())
                self._frames.append(frame)
            self._change.notify_all()
        return not self._stop.is_set()

    def _tell(self) -> None:
        if self.dropped:
            self.notes.append(f"{counted(self.dropped, 'frame was', 'frames were')} dropped to keep up with the stream")
        if self.losses:
            times = "once" if self.losses == 1 else f"{self.losses:,} times"
            self.notes.append(f"the stream was lost {times}; what came meanwhile is not in the tracks")
        if self.lost:
            self.notes.append(f"{counted(self.lost, 'frame')} could not be decoded")

    def stop(self) -> None:
        """Give no more frames, whatever the network does."""
        self._stop.set()
        with self._change:
            self._change.notify_all()

    def close(self) -> None:
        """End the thread; it may wait for the network a few seconds more, which holds nobody up."""
        self.stop()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(1.0)


def open_stream(address: str, *, selection: Selection, live: bool | None = None, reconnects: int = 20) -> AddressFrames:
    """Open what is behind an address.

    Raises
    ------
    InputError
        When the scheme is none of those for streams, or nobody answers.
    MissingExtraError
        When PyAV is not installed.
    """
    return AddressFrames(address, selection=selection, live=live, reconnects=reconnects)


class AddressFrames(ThreadedFrames):
    """Frames from an ``rtsp://``, ``rtmp://``, ``udp://`` or ``http(s)://`` address, by PyAV.

    Parameters
    ----------
    address : str
        Where; a login in it is used and never shown.
    selection : Selection
        Which frames.
    live : bool or None
        Whether to drop frames rather than wait; None: where what is behind the address has no end.
    reconnects : int
        Tries in a row to find a lost stream again.
    timeouts : tuple of (float, float), default (10, 10)
        Seconds until opening and reading are given up.
    """

    def __init__(
        self,
        address: str,
        *,
        selection: Selection,
        live: bool | None = None,
        reconnects: int = 20,
        timeouts: tuple[float, float] = (_OPEN_TIMEOUT, _READ_TIMEOUT),
    ) -> None:
        scheme = address.partition("://")[0].lower()
        if scheme not in SCHEMES:
            expected = f"an address that starts with one of {', '.join(SCHEMES)}"
            raise InputError(message(OWNER, "source", expected, shown_address(address), "Pass a file's path as it is"))
        self._av: Any = import_extra("av", extra="vision", purpose="Reading streams")
        self._address, self._timeouts = address, timeouts
        self._scheme = scheme
        self._seen: float | None = None
        try:
            self._container = self._connect()
        except LostError as error:
            got = verbatim(f"{shown_address(address)}, which {error}")
            remedy = "Check the address, the login and the network"
            raise InputError(message(OWNER, "source", "a stream that answers", got, remedy)) from None
        self._duration = float(self._container.duration or 0) / 1e6
        endless = self._duration <= 0 or scheme not in {"http", "https"}
        super().__init__(selection=selection, live=endless if live is None else live, reconnects=reconnects)
        self.name = shown_address(address)
        rate = float(self._container.streams.video[0].average_rate or 0)
        self.rate = rate if 0 < rate <= 1000 else 25.0

    def _connect(self) -> Any:
        options = {"protocol_whitelist": _PROTOCOLS}
        if self._scheme.startswith("rtsp"):
            options["rtsp_transport"] = "tcp"  # lost packets of udp are grey frames
        try:
            container = self._av.open(
                self._address, mode="r", timeout=self._timeouts, options=options, metadata_errors="replace"
            )
        # The library's words hold the address with its login, so they are not repeated.
        except (self._av.error.FFmpegError, OSError, ValueError) as error:
            raise LostError(_reason(error)) from None
        if not container.streams.video:
            container.close()
            raise LostError("sends no pictures")
        container.streams.video[0].thread_type = "AUTO" if self._duration_of(container) else "SLICE"
        return container

    @staticmethod
    def _duration_of(container: Any) -> float:
        return float(container.duration or 0)

    def _session(self) -> Iterator[tuple[npt.NDArray[np.uint8], float | None]]:
        container, self._container = self._container or self._connect(), None
        try:
            stream = container.streams.video[0]
            base, first = float(stream.time_base or 0) or 1.0, None
            for packet in container.demux(stream):
                try:
                    decoded = packet.decode()
                except (self._av.error.InvalidDataError, MemoryError):
                    self.lost += 1
                    continue
                for frame in decoded:
                    if not self.live and frame.pts is not None:
                        first = float(stream.start_time or 0) * base if first is None else first
                        seconds = frame.pts * base - first
                        if self._seen is not None and seconds <= self._seen:
                            continue  # had before the connection broke off
                        self._seen = seconds
                        yield self._pixels(frame), seconds
                    else:
                        yield self._pixels(frame), None
        except (self._av.error.FFmpegError, OSError, ValueError, ItemError) as error:
            raise LostError(_reason(error)) from None
        finally:
            container.close()
        # A server that goes away looks like the end of the file; the file's own length tells them apart.
        if not self.live and self._seen is not None and self._seen < self._duration - 1.0:
            raise LostError("broke off before its end")

    def _pixels(self, frame: Any) -> npt.NDArray[np.uint8]:
        return frame_pixels(frame)

    def close(self) -> None:
        """End the thread and the connection."""
        super().close()
        if self._thread is None and self._container is not None:
            self._container.close()
            self._container = None


def _reason(error: BaseException) -> str:
    number = getattr(error, "errno", None)
    words = {
        "ConnectionRefusedError": "refuses the connection",
        "TimeoutError": "does not answer",
        "ExitError": "does not answer",
        "HTTPUnauthorizedError": "wants a login (401)",
        "HTTPForbiddenError": "forbids it (403)",
        "HTTPNotFoundError": "does not have it (404)",
        "InvalidDataError": "sends no video",
    }
    return words.get(type(error).__name__, f"cannot be read ({type(error).__name__}{f' {number}' if number else ''})")


class CameraFrames(ThreadedFrames):
    """Frames of a camera of this machine, by OpenCV.

    Parameters
    ----------
    number : int
        Which camera, from 0.
    selection : Selection
        Which frames.

    Raises
    ------
    InputError
        When there is no such camera.
    MissingExtraError
        When opencv is not installed.
    """

    def __init__(self, number: int, *, selection: Selection) -> None:
        super().__init__(selection=selection, live=True, reconnects=5)
        self.name, self._number = f"camera {number}", number
        self._cv2: Any = import_extra("cv2", extra="vision", purpose="Reading a camera")
        self._capture = self._opened()
        if self._capture is None:
            expected, remedy = "the number of a camera that is connected and free", "The first one is 0"
            raise InputError(message(OWNER, "source", expected, number, remedy))

    def _opened(self) -> Any:
        # OpenCV prints its own complaint where there is no camera.
        level = self._cv2.utils.logging.getLogLevel() if hasattr(self._cv2.utils, "logging") else None
        if level is not None:
            self._cv2.utils.logging.setLogLevel(0)
        capture = self._cv2.VideoCapture(self._number)
        if level is not None:
            self._cv2.utils.logging.setLogLevel(level)
        return capture if capture.isOpened() else None

    def _session(self) -> Iterator[tuple[npt.NDArray[np.uint8], float | None]]:
        capture, self._capture = self._capture or self._opened(), None
        if capture is None:
            raise LostError("is not there")
        try:
            while True:
                good, pixels = capture.read()
                if not good:
                    raise LostError("sends nothing")
                yield np.ascontiguousarray(pixels[:, :, ::-1]), None  # OpenCV has blue first
        finally:
            capture.release()
