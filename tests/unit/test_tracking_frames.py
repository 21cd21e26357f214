"""Sources of frames: photos, lists, videos whole and damaged."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from unseen.errors import InputError
from unseen.tracking.ahead import ahead
from unseen.tracking.frames import check_selection, open_frames, shown_address
from unseen.tracking.video_writer import VideoWriter

if TYPE_CHECKING:
    from pathlib import Path

av = pytest.importorskip("av")


def picture(value: int, size: tuple[int, int] = (64, 48)) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return a frame that is told from others by its grey, with something in it to compress."""
    pixels = np.full((size[1], size[0], 3), value, np.uint8)
    pixels[: size[1] // 4] = np.arange(size[0], dtype=np.uint8)[None, :, None]
    return pixels


def write_video(path: Path, n: int = 30, *, rate: float = 10, times: Any = None, size: Any = (64, 48)) -> Path:
    with VideoWriter(path, rate=rate) as video:
        for i in range(n):
            video.write(picture(8 * (i % 30), size), times[i] if times is not None else i / rate)
    return path


def grey(frame: Any) -> int:
    return round(float(frame.pixels[-8:].mean()) / 8)


# -- photos ----------------------------------------------------------------------------------------------------


def photos(folder: Path, names: list[str]) -> Path:
    folder.mkdir(exist_ok=True)
    for i, name in enumerate(names):
        Image.fromarray(picture(8 * i)).save(folder / name)
    return folder


def test_a_folder_in_natural_order(tmp_path: Path) -> None:
    folder = photos(tmp_path / "f", ["f1.png", "f10.png", "f2.png"])
    frames = open_frames(folder, rate=10)
    found = list(frames)
    assert [frame.name.rpartition("/")[2] for frame in found] == ["f1.png", "f2.png", "f10.png"]
    assert [frame.index for frame in found] == [0, 1, 2]
    assert [frame.time for frame in found] == [0.0, 0.1, 0.2]
    assert (frames.total, frames.rate, frames.live, found[0].size) == (3, 10, False, (64, 48))
    assert [f.index for f in open_frames(str(folder / "*.png"), every=2)] == [0, 2]


def test_start_and_end_are_seconds(tmp_path: Path) -> None:
    folder = photos(tmp_path / "f", [f"{i}.png" for i in range(10)])
    assert [f.index for f in open_frames(folder, rate=10, start=0.25, end=0.8, every=2)] == [4, 6]


def test_a_photo_that_cannot_be_used_is_left_out_and_told(tmp_path: Path) -> None:
    folder = photos(tmp_path / "f", ["0.png", "1.png", "2.png"])
    (folder / "1.png").write_bytes(b"\x89PNG\r\n\x1a\n rubbish")
    frames = open_frames(folder)
    assert [frame.index for frame in frames] == [0, 2]
    assert frames.lost == 1
    assert frames.notes[0].startswith("1 frame could not be used; the first: ")
    assert "1.png" in frames.notes[0]


def test_a_list_beside_its_frames(tmp_path: Path) -> None:
    photos(tmp_path / "f", ["b.png", "a.png"])
    (tmp_path / "list.txt").write_text("# in this order\nf/b.png\n\nf/a.png\n")
    found = list(open_frames(tmp_path / "list.txt"))
    assert [frame.name.rpartition("/")[2] for frame in found] == ["b.png", "a.png"]
    assert not any(frame.cut for frame in found)


def test_a_list_of_videos_is_cut_between_them(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", 3)
    write_video(tmp_path / "b.mp4", 2)
    (tmp_path / "list.txt").write_text("a.mp4\nmissing.mp4\nb.mp4\n")
    frames = open_frames(tmp_path / "list.txt")
    found = list(frames)
    assert [(frame.index, frame.cut) for frame in found] == [(0, False), (1, False), (2, False), (3, True), (4, False)]
    assert [round(frame.time, 2) for frame in found] == [0.0, 0.1, 0.2, 0.3, 0.4]
    assert "missing.mp4" in frames.notes[0]


def test_arrays_are_frames() -> None:
    frames = open_frames([picture(0), picture(80)])
    assert [grey(frame) for frame in frames] == [0, 10]


# -- videos ----------------------------------------------------------------------------------------------------


def test_a_video_has_its_own_times(tmp_path: Path) -> None:
    frames = open_frames(write_video(tmp_path / "v.mp4"))
    found = list(frames)
    assert (frames.total, frames.rate) == (30, 10)
    assert [frame.index for frame in found] == list(range(30))
    np.testing.assert_allclose([frame.time for frame in found], np.arange(30) / 10, atol=1e-3)
    assert all(abs(grey(frame) - i) <= 1 for i, frame in enumerate(found))
    assert found[12].name.endswith("v.mp4#t=1.200")
    assert frames.notes == []


def test_beginning_in_the_middle_keeps_the_numbers(tmp_path: Path) -> None:
    found = list(open_frames(write_video(tmp_path / "v.mp4"), start=1.15, end=2.0, every=4))
    assert [frame.index for frame in found] == [12, 16]
    assert [grey(frame) for frame in found] == [12, 16]


def test_variable_frame_rate(tmp_path: Path) -> None:
    times = [0, 0.1, 0.2, 1.0, 1.05, 3.0]
    found = list(open_frames(write_video(tmp_path / "v.mp4", 6, times=times)))
    np.testing.assert_allclose([frame.time for frame in found], times, atol=1e-3)


def test_a_damaged_middle_is_passed_over(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", 60)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 900] = b"\xa5" * 900
    path.write_bytes(bytes(data))
    frames = open_frames(path)
    found = [frame.index for frame in frames]
    assert found == sorted(set(found))
    assert 10 < len(found) < 60
    assert found[0] == 0


def test_a_video_that_was_cut_off_plays_to_there(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", 60)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    found = [frame.index for frame in open_frames(path)]
    assert 10 < len(found) < 60
    assert found == list(range(len(found)))


@pytest.mark.parametrize("content", [b"", b"not a video at all", b"\0" * 5000, b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n"])
def test_what_is_no_video(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "v.mp4"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"track: source '.*v.mp4' must be a video; got (damaged|a file|holds)"):
        open_frames(path)


def test_sound_alone_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "s.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("aac", rate=16000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 16000
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    with pytest.raises(InputError, match="it has no video stream"):
        open_frames(path)


def test_a_playlist_may_not_open_files_of_this_machine(tmp_path: Path) -> None:
    write_video(tmp_path / "secret.mp4", 5)
    (tmp_path / "v.m3u8.mp4").write_text(f"#EXTM3U\n#EXTINF:1,\n{tmp_path}/secret.mp4\n#EXT-X-ENDLIST\n")
    with pytest.raises(InputError, match="must be a video"):
        open_frames(tmp_path / "v.m3u8.mp4")


def test_raw_streams_without_times(tmp_path: Path) -> None:
    path = tmp_path / "v.h264"
    with av.open(str(path), "w", format="h264") as out:
        stream = out.add_stream("libx264", rate=10, options={"tune": "zerolatency"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for i in range(12):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture(8 * i), format="rgb24")))
        out.mux(stream.encode(None))
    found = list(open_frames(path))
    assert [frame.index for frame in found] == list(range(12))
    assert all(frame.time >= 0 for frame in found)


def test_a_resolution_that_changes(tmp_path: Path) -> None:
    path = tmp_path / "v.ts"
    parts = []
    for size in ((64, 48), (96, 64)):
        part = tmp_path / f"{size[0]}.h264"
        with av.open(str(part), "w", format="h264") as out:
            stream = out.add_stream("libx264", rate=10, options={"tune": "zerolatency"})
            stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
            for i in range(6):
                out.mux(stream.encode(av.VideoFrame.from_ndarray(picture(8 * i, size), format="rgb24")))
            out.mux(stream.encode(None))
        parts.append(part.read_bytes())
    path = tmp_path / "v.h264"
    path.write_bytes(b"".join(parts))
    assert [frame.size for frame in open_frames(path)] == [(64, 48)] * 6 + [(96, 64)] * 6


# -- what is asked for -----------------------------------------------------------------------------------------


def test_requests_that_make_no_sense(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="every must be a whole number at least 1"):
        check_selection(0)
    with pytest.raises(InputError, match="end must be after the start, 2 s"):
        check_selection(1, 2, 1)
    with pytest.raises(InputError, match="source must be a source that exists"):
        open_frames(tmp_path / "nothing.mp4")
    with pytest.raises(InputError, match="source must be a video, a folder of frames"):
        open_frames("")
    with pytest.raises(InputError, match="Cameras are numbered from 0"):
        open_frames(-1)
    with pytest.raises(InputError, match="source must be an address that starts with one of http"):
        open_frames("file:///etc/passwd")
    with pytest.raises(InputError, match="start must be within the video"):
        open_frames(write_video(tmp_path / "v.mp4", 3), start=100)
    (tmp_path / "empty.txt").write_text("\n")
    with pytest.raises(InputError, match="must be a list of frames or videos; got 0 lines"):
        open_frames(tmp_path / "empty.txt")
    (tmp_path / "net.txt").write_text("rtsp://me:secret@camera/x\n")
    with pytest.raises(InputError, match=r"must be a list of paths; got a list with an address, rtsp://camera/x"):
        open_frames(tmp_path / "net.txt")


def test_no_camera_of_that_number() -> None:
    with pytest.raises(InputError, match="source must be the number of a camera that is connected and free; got 97"):
        open_frames(97)


def test_logins_and_keys_are_not_shown() -> None:
    assert shown_address("http://u:p@h:1/a?key=s#x") == "http://h:1/a"
    assert shown_address("http://[::1") == "an address that cannot be read"


# -- working ahead ---------------------------------------------------------------------------------------------


def test_errors_come_where_the_results_are_taken() -> None:
    results = ahead([1, 0], lambda x: 1 // x)
    assert next(results) == 1
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_who_stops_early_closes_the_source() -> None:
    closed = []

    def numbers() -> Any:
        try:
            yield from range(10**9)
        finally:
            closed.append(True)

    results = ahead(ahead(numbers(), lambda x: x), lambda x: x + 1)
    assert next(results) == 1
    results.close()
    assert closed == [True]


def test_a_chain_counts_the_frames_and_seconds_that_it_passes_over(tmp_path: Path) -> None:
    """Two videos of eleven and four frames, then two photos, ten per second: frame 13 is the third of the second."""
    write_video(tmp_path / "a.mp4", 11)
    write_video(tmp_path / "b.mp4", 4)
    photos(tmp_path, ["c.png", "d.png"])
    (tmp_path / "list.txt").write_text("a.mp4\nb.mp4\nc.png\nd.png\n")
    every = [(f.index, round(f.time, 2)) for f in open_frames(tmp_path / "list.txt", rate=10)]
    assert every == [(i, round(i / 10, 2)) for i in range(17)]
    frames = open_frames(tmp_path / "list.txt", start=1.25, rate=10)
    assert [(f.index, round(f.time, 2), f.cut) for f in frames] == [
        (13, 1.3, True), (14, 1.4, False), (15, 1.5, True), (16, 1.6, False)
    ]  # fmt: skip
    assert (frames.lost, frames.notes) == (0, [])
    assert [f.index for f in open_frames(tmp_path / "list.txt", every=3, rate=10)] == [0, 3, 6, 9, 11, 14, 15]
    assert [f.index for f in open_frames(tmp_path / "list.txt", start=0.9, end=1.2, rate=10)] == [9, 10, 11]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_list_that_is_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "list.txt")
    with pytest.raises(InputError, match=r"source .*list\.txt' must be readable; got is a pipe, not a file"):
        open_frames(tmp_path / "list.txt")
