"""The folder that a run leaves: complete, or cut off in the middle."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from unseen.errors import InputError, MissingExtraError
from unseen.tracking.annotate import Annotator
from unseen.tracking.counts import PlaceCounts
from unseen.tracking.frames import Frame, open_frames
from unseen.tracking.journal import Journal
from unseen.tracking.mot import read_mot
from unseen.tracking.outputs import TrackFolder
from unseen.tracking.result import TrackedFrame
from unseen.tracking.video_writer import VideoWriter
from unseen.tracking.zones import parse_line

av = pytest.importorskip("av")

NAMES = ("cat", "dög <b>")


def tracked(index: int, ids: tuple[int, ...] = (1, 2), *, size: tuple[int, int] = (64, 48)) -> TrackedFrame:
    """Return a frame with a box per track; the second one is not seen in odd frames and of unknown class."""
    n = len(ids)
    boxes = [(4 + 10 * i + index % 20, 5, 20 + 10 * i + index % 20, 30) for i in range(n)]
    pixels = np.random.default_rng(index).integers(0, 255, (size[1], size[0], 3), np.uint8)
    return TrackedFrame(
        Frame(index, index / 10, f"f{index}", pixels),
        NAMES,
        np.array(ids, np.int64),
        np.array(boxes, np.float32).reshape(-1, 4),
        np.linspace(0.5, 0.9, n, dtype=np.float32),
        np.array([i == 0 or index % 2 == 0 for i in range(n)], bool),
        np.array([1 if i == 0 else -1 for i in range(n)], np.intp),
        np.linspace(0.9, 0.3, n, dtype=np.float32),
        np.full(n, 0.75, np.float32),
    )


def written(folder: Path, n: int = 10, **options: Any) -> TrackFolder:
    with TrackFolder(folder, names=NAMES, source="v.mp4", **options) as out:
        for i in range(n):
            out.write(tracked(i))
        out.finish(["one note"])
    return out


def test_everything_is_there_and_agrees(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "out"
    counts = PlaceCounts([parse_line("gate=18,0 18,48")])
    out = written(folder, annotator=Annotator([parse_line("20,0 20,48")], trail=5), counts=counts, rate=10)
    assert (out.frames, out.boxes, len(out.records)) == (10, 15, 2)
    names = "counts.csv counts.json run.json summary.html tracks.csv tracks.json tracks.jsonl tracks.parquet tracks.txt"
    assert sorted(path.name for path in folder.iterdir()) == [*names.split(), "video.mp4"]

    mot = read_mot(folder / "tracks.txt")
    assert len(mot) == 15
    assert mot.boxes[0].tolist() == [4, 5, 20, 30]
    assert mot.frames.max() == 9

    table = pq.read_table(folder / "tracks.parquet").to_pylist()
    assert len(table) == 20  # guessed places too
    assert table[0] | {"score": 0.5, "probability": 0.9} == {
        **{"frame": 0, "time": 0.0, "name": "f0", "id": 1, "left": 4, "top": 5, "right": 20, "bottom": 30},
        **{"score": 0.5, "seen": True, "class": "dög <b>", "probability": 0.9, "known": 0.75, "track_class": "dög <b>"},
    }
    assert [row["track_class"] for row in table[:2]] == ["dög <b>", None]

    coco = json.loads((folder / "tracks.json").read_text("utf-8"))
    assert coco["videos"] == [{"id": 1, "name": "v.mp4", "fps": 10, "width": 64, "height": 48}]
    assert [one["frame_id"] for one in coco["images"]] == list(range(10))
    assert len(coco["annotations"]) == 15
    assert coco["annotations"][0]["bbox"] == [4.0, 5.0, 16.0, 25.0]
    assert {one["id"]: one["name"] for one in coco["categories"]} == {0: "unknown", 1: "cat", 2: "dög <b>"}
    assert [(one["id"], one["category_id"]) for one in coco["tracks"]] == [(1, 2), (2, 0)]

    rows = list(csv.DictReader((folder / "tracks.csv").read_text("utf-8").splitlines()))
    assert rows[1]["class"] == ""
    assert (rows[1]["first_frame"], rows[1]["last_frame"], rows[1]["frames"]) == ("0", "8", "5")
    page = (folder / "summary.html").read_text("utf-8")
    assert "Track 1: dög &lt;b&gt;" in page
    assert "data:image/" in page
    assert "http://" not in page
    assert "one note" in page
    assert json.loads((folder / "counts.json").read_text())["lines"]["gate"] == {"left": {"dög <b>": 1}, "right": {}}
    video = open_frames(folder / "video.mp4")
    assert [round(frame.time, 2) for frame in video] == [i / 10 for i in range(10)]


def test_coco_is_read_by_its_own_library(tmp_path: Path) -> None:
    coco = pytest.importorskip("pycocotools.coco")
    written(tmp_path / "o")
    read = coco.COCO(str(tmp_path / "o" / "tracks.json"))
    assert len(read.getAnnIds(imgIds=[1])) == 2
    assert len(read.getAnnIds(imgIds=[2])) == 1


def test_nothing_to_track_is_a_valid_folder(tmp_path: Path) -> None:
    with TrackFolder(tmp_path, names=NAMES, source="v", annotator=Annotator()) as out:
        out.finish()
    assert (tmp_path / "tracks.txt").read_text() == ""
    assert json.loads((tmp_path / "tracks.json").read_text())["annotations"] == []
    assert pq.read_table(tmp_path / "tracks.parquet").num_rows == 0


def test_an_earlier_run_is_not_overwritten_unless_asked(tmp_path: Path) -> None:
    written(tmp_path / "o")
    (tmp_path / "o" / "mine.txt").write_text("keep me")
    with pytest.raises(
        InputError, match=r"must be new or empty; got one with tracks.txt of an earlier run.*--exist-ok"
    ):
        written(tmp_path / "o")
    assert len(read_mot(tmp_path / "o" / "tracks.txt")) == 15
    written(tmp_path / "o", 2, replace=True)
    assert len(read_mot(tmp_path / "o" / "tracks.txt")) == 3
    assert (tmp_path / "o" / "mine.txt").read_text() == "keep me"


def test_a_folder_in_the_place_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "o" / "tracks.csv").mkdir(parents=True)
    with pytest.raises(InputError, match=r"the file of an earlier run .*tracks.csv' must be writable"):
        TrackFolder(tmp_path / "o", names=["a"], source="s", replace=True)


def test_an_earlier_run_stays_where_the_video_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path / "o", 3)
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingExtraError, match="Writing a video"):
        TrackFolder(tmp_path / "o", names=["a"], source="s", annotator=Annotator(), replace=True)
    assert len(read_mot(tmp_path / "o" / "tracks.txt")) > 0


def test_two_runs_in_one_folder(tmp_path: Path) -> None:
    with (
        TrackFolder(tmp_path / "o", names=NAMES, source="v"),
        pytest.raises(InputError, match="must be free; got one that another run is writing"),
    ):
        TrackFolder(tmp_path / "o", names=NAMES, source="v", replace=True)


def test_a_file_in_the_folders_place(tmp_path: Path) -> None:
    (tmp_path / "o").write_text("")
    with pytest.raises(InputError, match=r"the output folder '.*' must be writable"):
        TrackFolder(tmp_path / "o", names=NAMES, source="v")


def test_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "o").mkdir()
    (tmp_path / "victim").write_text("precious")
    (tmp_path / "o" / "tracks.txt").symlink_to(tmp_path / "victim")
    with TrackFolder(tmp_path / "o", names=NAMES, source="v", replace=True) as out:
        out.write(tracked(0))
    assert (tmp_path / "victim").read_text() == "precious"


_KILLED = """
import sys
sys.path.insert(0, {tests!r})
from tests.unit.test_tracking_outputs import *
with TrackFolder({folder!r}, names=NAMES, source="v", annotator=Annotator(), rate=10) as out:
    for i in range(100000):
        out.write(tracked(i))
        if i == 60:
            print("go", flush=True)
"""


def test_a_killed_run_leaves_a_video_that_plays_and_whole_lines(tmp_path: Path) -> None:
    root = str(Path(__file__).parents[2])
    code = _KILLED.format(tests=root, folder=str(tmp_path / "o"))
    run = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    try:
        assert run.stdout is not None
        assert run.stdout.readline() == b"go\n"
        time.sleep(0.05)
    finally:
        run.send_signal(signal.SIGKILL)
        run.wait()
        if run.stdout is not None:
            run.stdout.close()
    text = (tmp_path / "o" / "tracks.txt").read_text()
    assert text.endswith("\n")
    assert read_mot(tmp_path / "o" / "tracks.txt").frames.max() >= 60
    lines = (tmp_path / "o" / "tracks.jsonl").read_text().splitlines()
    assert [json.loads(line)["frame"] for line in lines] == list(range(len(lines)))
    played = list(open_frames(tmp_path / "o" / "video.mp4"))
    assert len(played) >= 40  # all but the second that was being made
    # What was left does not stand in the way of the next run.
    written(tmp_path / "o", 3, replace=True)
    assert not (tmp_path / "o" / ".writing").exists()


_FULL = """
import resource, signal, sys
sys.path.insert(0, {tests!r})
from tests.unit.test_tracking_outputs import *
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
{body}
"""


def limited(body: str, limit: int) -> str:
    """Run code that may write files of at most so many bytes, as on a disk that is full; return what it says."""
    root = str(Path(__file__).parents[2])
    code = _FULL.format(tests=root, body=body, limit=limit)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_a_full_disk_leaves_whole_lines(tmp_path: Path) -> None:
    body = f"""
journal = Journal(Path({str(tmp_path / "t.txt")!r}))
try:
    for i in range(10000):
        journal.write(f"{{i:07}}\\n")
except InputError as error:
    print(error)
"""
    said = limited(body, 1001)
    assert "track: the output file '" in said
    assert "must be writable; got File too large" in said
    assert (tmp_path / "t.txt").read_text() == "".join(f"{i:07}\n" for i in range(125))


def test_a_full_disk_is_told_by_the_video_too(tmp_path: Path) -> None:
    body = f"""
try:
    with TrackFolder({str(tmp_path / "o")!r}, names=NAMES, source="v", annotator=Annotator(), rate=10) as out:
        for i in range(10000):
            out.write(tracked(i, size=(320, 240)))
except InputError as error:
    print(error)
"""
    said = limited(body, 400_000)
    assert "track: the video '" in said
    assert "must be writable; got File too large" in said
    assert "Traceback" not in said
    assert len(list(open_frames(tmp_path / "o" / "video.mp4"))) >= 5
    assert len(read_mot(tmp_path / "o" / "tracks.txt")) > 5


def test_a_journal_that_is_full_says_so(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    with (
        pytest.raises(InputError, match=r"must be (writable|able to take more)"),
        Journal(Path("/dev/full")) as journal,
    ):
        journal.write("a line\n")


# -- the video -------------------------------------------------------------------------------------------------


def test_odd_sizes_and_frames_of_another_size(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "v.mp4", rate=5) as video:
        for i, size in enumerate([(63, 47), (63, 47), (100, 30), (20, 90)]):
            video.write(np.full((size[1], size[0], 3), 200, np.uint8), i / 5)
    found = list(open_frames(tmp_path / "v.mp4"))
    assert [frame.size for frame in found] == [(64, 48)] * 4
    assert found[2].pixels[0].mean() < 40  # black above the wide one
    assert found[3].pixels[:, 0].mean() < 40  # and beside the narrow one
    with av.open(str(tmp_path / "v.mp4")) as file:
        stream = file.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")


def test_times_never_go_back(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "v.mp4", rate=5) as video:
        for at in (1.0, 1.0, 0.2, float("nan"), 2.0):
            video.write(np.zeros((48, 64, 3), np.uint8), at)
    times = [frame.time for frame in open_frames(tmp_path / "v.mp4")]
    assert times == sorted(set(times))
    assert len(times) == 5


def test_a_video_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"the video '.*' must be writable; got No such file"):
        VideoWriter(tmp_path / "nowhere" / "v.mp4")


def test_drawing_leaves_the_frame_alone_and_is_the_same_again() -> None:
    frame = tracked(0)
    before = frame.frame.pixels.copy()
    first = Annotator(trail=3).draw(frame, counts=["gate: 1"])
    np.testing.assert_array_equal(frame.frame.pixels, before)
    np.testing.assert_array_equal(first, Annotator(trail=3).draw(frame, counts=["gate: 1"]))
    assert (first != before).any()


def test_pictures_of_tracks_stay_few(tmp_path: Path) -> None:
    from unseen.tracking.summary import Summary

    summary = Summary()
    for i in range(1500):
        summary.add(tracked(i, ids=(1, 10 + i)))
    kept = summary._shown
    assert len(kept) <= 200
    assert kept[1].seen == 1500
    assert max(len(shown.pictures) for shown in kept.values()) <= 4
    spread = [picture.frame for picture in kept[1].pictures]
    assert spread[0] == 0
    assert spread[-1] > 700
