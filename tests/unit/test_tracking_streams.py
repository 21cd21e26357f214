"""Streams: a server of this machine that answers, goes away and comes back."""

from __future__ import annotations

import io
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from unseen.errors import InputError
from unseen.tracking import streams
from unseen.tracking.ahead import ahead
from unseen.tracking.frames import check_selection, open_frames
from unseen.tracking.video_writer import VideoWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytest.importorskip("av")


def jpeg(value: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.full((48, 64, 3), value, np.uint8)).save(file, "JPEG")
    return file.getvalue()


@contextmanager
def server(answer: Callable[[BaseHTTPRequestHandler, int], None]) -> Iterator[str]:
    """Serve on a port of this machine; `answer` gets the handler and the number of the request."""
    count = [0]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            count[0] += 1
            try:
                answer(self, count[0])
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def log_message(self, *_: Any) -> None:
            return

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.daemon_threads = True
    thread = threading.Thread(target=httpd.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{httpd.server_address[1]}"
    finally:
        httpd.shutdown()
        httpd.server_close()
        thread.join()


def send_pictures(handler: BaseHTTPRequestHandler, n: int, *, pause: float) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
    handler.end_headers()
    for i in range(n):
        data = jpeg(10 * (i % 20))
        handler.wfile.write(b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(data))
        handler.wfile.write(data + b"\r\n")
        handler.wfile.flush()
        time.sleep(pause)


def test_a_stream_that_is_cut_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "_FIRST_WAIT", 0.05)

    def answer(handler: BaseHTTPRequestHandler, request: int) -> None:
        if request == 2:
            handler.send_error(503)
        else:
            send_pictures(handler, 12 if request == 1 else 500, pause=0.01)

    with server(answer) as address, open_frames(f"{address}/live?key=secret", reconnects=5) as frames:
        assert frames.live
        found = []
        for frame in frames:
            found.append(frame)
            if frames.losses >= 2 and len(found) > 5 and frame.index > found[0].index + 20:  # type: ignore[attr-defined]
                break
    assert [f.index for f in found] == sorted({f.index for f in found})
    assert [f.time for f in found] == sorted(f.time for f in found)
    assert found[0].size == (64, 48)
    assert "secret" not in found[0].name
    assert any("the stream was lost" in note for note in frames.notes)


def test_a_stream_that_stays_away_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "_FIRST_WAIT", 0.01)

    def answer(handler: BaseHTTPRequestHandler, request: int) -> None:
        if request > 1:
            handler.send_error(404)
        else:
            send_pictures(handler, 8, pause=0.005)

    with server(answer) as address, open_frames(f"{address}/live", reconnects=2) as frames:
        found = list(frames)
    assert found
    assert frames.notes[-1] == "the stream was lost 3 times; what came meanwhile is not in the tracks"


def test_frames_are_dropped_rather_than_late() -> None:
    with (
        server(lambda handler, _: send_pictures(handler, 100, pause=0.005)) as address,
        open_frames(f"{address}/live", reconnects=0) as frames,
    ):
        found = []
        for frame in frames:
            found.append(frame.index)
            time.sleep(0.05)
    assert len(found) < 40
    assert found[-1] >= 90  # the last one that was looked at is a new one
    assert frames.dropped >= 50  # type: ignore[attr-defined]
    assert any("were dropped to keep up" in note for note in frames.notes)


class Stalls(streams.ThreadedFrames):
    """A stream that sends three pictures and then says nothing for half a minute."""

    def __init__(self) -> None:
        super().__init__(selection=check_selection(), live=True, reconnects=20)
        self.hung = threading.Event()

    def _session(self) -> Iterator[tuple[np.ndarray[Any, Any], float | None]]:
        for value in range(3):
            yield np.full((48, 64, 3), value, np.uint8), None
            time.sleep(0.02)
        self.hung.set()
        time.sleep(30)


def test_a_stream_that_says_nothing_does_not_hold_up_whoever_stops() -> None:
    """As Ctrl-C does: the taker leaves while two stages of the pipeline wait for the next picture."""
    frames = Stalls()
    taken = ahead(ahead(frames, lambda frame: frame, depth=1), lambda frame: frame, depth=1, on_stop=frames.stop)
    first = next(taken)
    assert frames.hung.wait(10)
    began = time.monotonic()
    taken.close()
    frames.close()
    assert time.monotonic() - began < 5
    assert first.size == (64, 48)


def test_a_file_behind_an_address_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "v.mp4"
    with VideoWriter(path, rate=10) as video:
        for i in range(40):
            video.write(np.full((48, 64, 3), 5 * i, np.uint8), i / 10)
    data = path.read_bytes()

    def answer(handler: BaseHTTPRequestHandler, _: int) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    with server(answer) as address, open_frames(f"{address}/v.mp4", live=False) as frames:
        assert [round(frame.time, 2) for frame in frames] == [round(i / 10, 2) for i in range(40)]
        assert frames.notes == []


def test_nobody_answers() -> None:
    with server(lambda handler, _: handler.send_error(404)) as address:
        with pytest.raises(InputError, match=r"a stream that answers; got http://127.0.0.1:\d+/x, which does not have"):
            open_frames(f"{address.replace('//', '//me:secret@')}/x?key=secret")
        with pytest.raises(InputError, match="a stream that answers") as told:
            open_frames(f"{address.replace('//', '//me:secret@')}/x?key=secret")
    assert "secret" not in str(told.value)
    with pytest.raises(InputError, match="which refuses the connection"):
        open_frames(f"{address}/x")


def test_what_is_no_video_is_told() -> None:
    def answer(handler: BaseHTTPRequestHandler, _: int) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(b"<html>no video here</html>")

    with server(answer) as address, pytest.raises(InputError, match=r"which (sends no video|cannot be read|sends no)"):
        open_frames(f"{address}/x")


def test_a_playlist_may_not_reach_files_of_this_machine(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "secret.mp4") as video:
        video.write(np.zeros((48, 64, 3), np.uint8), 0)
    text = f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://{tmp_path}/secret.mp4\n#EXT-X-ENDLIST\n".encode()

    def answer(handler: BaseHTTPRequestHandler, _: int) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "application/vnd.apple.mpegurl")
        handler.end_headers()
        handler.wfile.write(text)

    with server(answer) as address, pytest.raises(InputError, match="a stream that answers"):
        open_frames(f"{address}/live.m3u8")


def test_a_server_that_says_nothing_is_given_up() -> None:
    stop = threading.Event()

    def answer(handler: BaseHTTPRequestHandler, _: int) -> None:
        stop.wait(10)

    with server(answer) as address:
        began = time.monotonic()
        with pytest.raises(InputError, match="does not answer"):
            streams.AddressFrames(f"{address}/x", selection=check_selection(), timeouts=(0.5, 0.5))
        assert time.monotonic() - began < 5
        stop.set()


def test_a_stream_is_read_once() -> None:
    with (
        server(lambda handler, _: send_pictures(handler, 30, pause=0.005)) as address,
        open_frames(f"{address}/live", reconnects=0) as frames,
    ):
        next(iter(frames))
        with pytest.raises(InputError, match="a stream must be read once; got a second reader"):
            next(iter(frames))
