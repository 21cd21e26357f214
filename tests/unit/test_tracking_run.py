"""Tracking from end to end, with an encoder and boxes that can be told by hand."""

from __future__ import annotations

import inspect
import json
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image
from tests.toy_encoder import Toy, vector_of
from typer.testing import CliRunner

import unseen
from unseen.cli.app import app
from unseen.cli.track import track as track_command
from unseen.detection.base import BoundDetector, Picture, Proposals
from unseen.detection.regions import RegionsDetector
from unseen.encoders.base import Similarity
from unseen.errors import InputError, UnknownNameError
from unseen.tasks.track import BoxTracker, track
from unseen.tracking.appearance import BoxVectors
from unseen.tracking.base import FrameBoxes
from unseen.tracking.frames import Frame, open_frames
from unseen.tracking.loading import load_tracker
from unseen.tracking.mot import mot_line, read_mot
from unseen.tracking.run import track_to_folder
from unseen.tracking.stopping import held_interrupts
from unseen.tracking.track_classes import TrackClasses
from unseen.tracking.tracker import AppearanceTracker, MotionTracker
from unseen.tracking.zones import parse_polygon

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

ZOO = unseen.Vocabulary.from_names(["zebra", "okapi"])
SIZE = (160, 120)


#: What the encoder below takes for an animal: the colour in the middle of a picture.
COATS = {"zebra": (250, 250, 250), "okapi": (90, 30, 10)}


class Coats(Toy):
    """Sees an animal by its coat, and grass in everything else."""

    def prepare_image(self, content: Any) -> Any:
        pixels = np.asarray(content)
        return pixels[pixels.shape[0] // 2, pixels.shape[1] // 2].reshape(1, 1, 3)

    def _encode_pixels(self, pixels: Any) -> Any:
        names: dict[Any, str] = {coat: name for name, coat in COATS.items()}
        return np.stack([vector_of(names.get(tuple(int(v) for v in one.ravel()), "grass")) for one in pixels])


def recogniser() -> unseen.Recognizer:
    return unseen.Recognizer.from_encoder(Coats(Similarity("softmax", 20.0)), background=["grass"])


def scene(objects: dict[str, tuple[int, int]], size: tuple[int, int] = SIZE) -> np.ndarray[Any, Any]:
    """Return a frame with 30 x 30 squares, each in the coat of its class."""
    pixels = np.full((size[1], size[0], 3), 100, np.uint8)
    for name, (x, y) in objects.items():
        pixels[y : y + 30, x : x + 30] = COATS[name]
    return pixels


def walk(n: int = 12) -> list[np.ndarray[Any, Any]]:
    return [scene({"zebra": (10 + 4 * t, 10), "okapi": (100 - 4 * t, 70)}) for t in range(n)]


class Squares(BoundDetector):
    """Finds the squares of a scene by their colour; sure of each."""

    def propose(self, pictures: Sequence[Picture]) -> list[Proposals]:
        found = []
        for picture in pictures:
            boxes = []
            for top in (0, picture.size[1] // 2):
                half = picture.pixels[top : top + picture.size[1] // 2]
                rows, columns = np.nonzero((half != 100).any(axis=2))
                if len(rows):
                    edges = (columns.min(), top + rows.min(), columns.max() + 1, top + rows.max() + 1)
                    boxes.append(edges)
            found.append(Proposals(np.array(boxes, np.float32).reshape(-1, 4), np.full(len(boxes), 0.9)))
        return found


OPTIONS: dict[str, Any] = {"tracker": "motion", "camera": False}


def test_two_animals_keep_their_numbers_and_get_their_names() -> None:
    found = list(track(recogniser(), walk(), ZOO, detector=Squares(), **OPTIONS))
    assert [one.ids.tolist() for one in found] == [[1, 2]] * 12
    names = [dict(zip(one.ids.tolist(), one.best(), strict=True)) for one in found]
    assert names[-1] in ({1: "zebra", 2: "okapi"}, {1: "okapi", 2: "zebra"})
    where = dict(zip(found[-1].best(), found[-1].boxes.tolist(), strict=True))
    assert where["zebra"] == pytest.approx([54, 10, 84, 40])
    assert found[-1].seen.all()
    np.testing.assert_allclose(found[-1].scores, 0.9)


def test_the_tracker_with_looks_sees_vectors_made_once() -> None:
    found = list(track(recogniser(), walk(), ZOO, detector=Squares(), camera=False))
    assert [one.ids.tolist() for one in found] == [[1, 2]] * 12


def test_a_region_of_interest_leaves_the_rest_out() -> None:
    upper = parse_polygon("0,0 100%,0 100%,50% 0,50%", what="roi")
    found = list(track(recogniser(), walk(), ZOO, detector=Squares(), roi=[upper], **OPTIONS))
    assert {tuple(one.best()) for one in found} == {("zebra",)}


def test_frames_without_boxes_age_tracks() -> None:
    frames = walk(4) + [scene({})] * 500 + walk(4)
    found = list(track(recogniser(), frames, ZOO, detector=Squares(), max_unseen=30, **OPTIONS))
    assert len(found) == 508
    assert all(len(one) == 0 for one in found[10:500])
    assert set(found[-1].ids.tolist()).isdisjoint({1, 2})


def test_the_size_of_frames_may_change() -> None:
    small, last = walk(8), walk(12)[8:]
    large = [np.asarray(Image.fromarray(one).resize((320, 240), Image.Resampling.NEAREST)) for one in last]
    found = list(track(recogniser(), small + large, ZOO, detector=Squares(), **OPTIONS))
    assert [one.ids.tolist() for one in found] == [[1, 2]] * 12
    tops = sorted(found[-1].boxes[:, 1].tolist())
    assert tops == pytest.approx([20, 140])  # in the large frame's own pixels


def test_numbers_are_never_used_twice_across_a_cut(tmp_path: Path) -> None:
    pytest.importorskip("av")
    from unseen.tracking.video_writer import VideoWriter

    for name in ("a.mp4", "b.mp4"):
        with VideoWriter(tmp_path / name, rate=10) as video:
            for i in range(5):
                video.write(walk()[i], i / 10)
    (tmp_path / "l.txt").write_text("a.mp4\nb.mp4\n")
    there = RegionsDetector(lambda picture: [[10, 10, 40, 40]])
    found = list(track(recogniser(), str(tmp_path / "l.txt"), ZOO, detector=there, **OPTIONS))
    assert [one.ids.tolist() for one in found] == [[1]] * 5 + [[2]] * 5


def test_a_thousand_boxes_in_a_frame() -> None:
    rng = np.random.default_rng(0)
    corner = rng.uniform(0, 100, (1000, 2))
    many = np.concatenate([corner, corner + rng.uniform(7, 20, (1000, 2))], axis=1)
    there = RegionsDetector(lambda picture: many)
    found = list(track(recogniser(), walk(2), ZOO, detector=there, max_boxes=50, overlap=1.0, **OPTIONS))
    assert len(found[0]) == 50


def test_what_a_detector_says_of_classes_is_evidence() -> None:
    class Knows(BoundDetector):
        def propose(self, pictures: Sequence[Picture]) -> list[Proposals]:
            return [Proposals([[5, 5, 35, 35]], [0.9], probabilities=[[0.1, 0.8]]) for _ in pictures]

    (*_, last) = track(recogniser(), walk(5), ZOO, detector=Knows(), **OPTIONS)
    assert last.best() == ["okapi"]
    assert last.probabilities[0] == pytest.approx(8 / 9 / 1.01, abs=1e-3)  # five looks at 1/4 of 0.8 make one
    assert last.known[0] == pytest.approx(0.8)
    assert last.scores[0] == pytest.approx(0.8)


def test_boxes_that_are_no_boxes_are_left_out() -> None:
    bad = np.array([[np.nan, 0, 10, 10], [5, 5, 35, 35], [50, 50, 50, 60], [-50, -50, -10, -10]], np.float32)

    class Broken(BoundDetector):
        def propose(self, pictures: Sequence[Picture]) -> list[Proposals]:
            return [Proposals(bad, [0.9, 0.9, 0.9, np.nan]) for _ in pictures]

    assert [len(one) for one in track(recogniser(), walk(3), ZOO, detector=Broken(), **OPTIONS)] == [1, 1, 1]


def test_a_detector_that_fails_at_times_is_told(tmp_path: Path) -> None:
    class Fails(BoundDetector):
        def propose(self, pictures: Sequence[Picture]) -> list[Proposals]:
            return [Proposals.failed("the server is busy") for _ in pictures]

    frames = open_frames(walk(3))
    report = track_to_folder(
        recogniser(), frames, ZOO, tmp_path / "o", video=False, detector=Fails(), tracker="motion", camera=False
    )
    assert report.notes == ("3 frames could not be looked at; the first: image-0: the server is busy",)
    assert json.loads((tmp_path / "o" / "run.json").read_text())["notes"] == list(report.notes)


def test_vectors_are_made_once_and_only_when_asked_for() -> None:
    asked: list[int] = []

    def encode(crops: Sequence[Any]) -> Any:
        asked.append(len(crops))
        return np.array([[3.0, 4.0]] * len(crops), np.float32)

    boxes = np.array([[0, 0, 20, 20], [5, 5, 25, 25], [0, 0, 3, 20]], np.float32)
    vectors = BoxVectors(np.zeros((48, 64, 3), np.uint8), boxes, encode)
    assert vectors.known().tolist() == []
    found = vectors(np.array([1, 2, 1]))
    np.testing.assert_allclose(found, [[0.6, 0.8], [np.nan, np.nan], [0.6, 0.8]])  # too small: no appearance
    assert vectors.known().tolist() == [1]
    vectors(np.array([0, 1]))
    assert asked == [1, 1]
    assert vectors.raw(np.array([0])).tolist() == [[3.0, 4.0]]
    assert vectors.usable(np.array([0, 2])).tolist() == [0]


def test_evidence_accumulates_and_looks_become_seldom() -> None:
    classes = TrackClasses(classify_every=3, unknown_below=0.5)
    one = np.array([7])
    assert classes.answers(one)[0].tolist() == [-1]
    assert classes.due(one).tolist() == [True]
    classes.add(one, np.array([[0.999, 0.001]]), np.array([1.0]))
    first = classes.answers(one)[1][0]
    for _ in range(3):
        classes.add(one, np.array([[0.999, 0.001]]), np.array([1.0]))
    assert classes.answers(one)[1][0] > first > 0.5
    classes.step(one)
    assert classes.due(one).tolist() == [False]
    classes.step(one)
    classes.step(one)
    assert classes.due(one).tolist() == [True]
    for _ in range(6):
        classes.add(one, np.array([[0.01, 0.99]]), np.array([1.0]))
    found, _, known = classes.answers(one)
    assert found.tolist() == [1]  # not frozen at birth
    assert known.tolist() == [1]
    for _ in range(11):
        classes.add(one, np.array([[0.5, 0.5]]), np.array([0.0]))
    found, _, known = classes.answers(one)
    assert found.tolist() == [-1]  # eleven of 21 looks say that it is none of them
    assert known[0] == pytest.approx(10 / 21)
    for _ in range(3002):
        classes.step(np.array([8]))
    assert classes.due(one).tolist() == [True]  # forgotten


def test_trackers_by_name() -> None:
    assert isinstance(load_tracker("motion", high_score=0.05), MotionTracker)
    assert load_tracker("motion", high_score=0.05).parameters()["low_score"] <= 0.05
    with pytest.raises(UnknownNameError, match="no tracker is called 'motoin'"):
        load_tracker("motoin")
    with pytest.raises(InputError, match="tracker must be a tracker or the name of one"):
        load_tracker(3)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="detector must be a detector or the name of one"):
        BoxTracker(recogniser(), ZOO, detector=3)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="classify_every must be a whole number at least 1"):
        BoxTracker(recogniser(), ZOO, detector=Squares(), classify_every=0)


def test_a_tracker_that_has_no_such_setting() -> None:
    pytest.importorskip("trackers")
    with pytest.raises(InputError, match="max_unseen must be left out with tracker 'sort'"):
        load_tracker("sort", max_unseen=3)


def test_bad_vectors_move_no_track() -> None:
    """Two trackers see the same; one is handed a frame with vectors that do not fit, twice, in between."""
    boxes = [
        np.array([[10 + 6 * t, 10, 40 + 6 * t, 40], [13 + 6 * t, 13, 43 + 6 * t, 43]], np.float32) for t in range(6)
    ]
    good, scores = (lambda rows: np.eye(8, dtype=np.float32)[rows]), np.full(2, 0.9, np.float32)
    one, two = AppearanceTracker(confirm=1), AppearanceTracker(confirm=1)
    for t, own in enumerate(boxes):
        if t == 3:
            wrong: list[Any] = [lambda _: np.ones((7, 3)), lambda _: "no", lambda _: 1.0, lambda _: 1 / 0]
            for bad in wrong:
                with pytest.raises((InputError, ZeroDivisionError), match=r"vectors must be|division by zero"):
                    two.update(FrameBoxes(own, scores, bad, np.array([[1, 0, 1], [0, 1, 1.0]]), 2.0))
        found = [tracker.update(FrameBoxes(own, scores, good)) for tracker in (one, two)]
        np.testing.assert_array_equal(found[0].ids, found[1].ids)
        np.testing.assert_array_equal(found[0].boxes, found[1].boxes)
    np.testing.assert_array_equal(one._filter.place, two._filter.place)
    np.testing.assert_array_equal(one._unseen, two._unseen)
    np.testing.assert_array_equal(one._last, two._last)


def test_the_command_and_python_weigh_words_alike() -> None:
    weight = inspect.signature(BoxTracker).parameters["label_weight"].default
    assert inspect.signature(track_command).parameters["label_weight"].default == weight


# -- stopping by hand ----------------------------------------------------------------------------------------------


def test_ctrl_c_makes_the_tables_of_what_was_done(tmp_path: Path) -> None:
    def press(_: Any) -> None:
        pressed.append(1)
        if len(pressed) == 5:
            signal.raise_signal(signal.SIGINT)

    pressed: list[int] = []
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with open_frames(walk(40)) as frames:
            report = track_to_folder(
                recogniser(), frames, ZOO, tmp_path / "o", video=False, detector=Squares(), advance=press, **OPTIONS
            )
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert (report.stopped, report.frames, len(report.tracks)) == (True, 5, 2)
    assert "stopped by hand after 5 frames" in report.notes
    assert report.to_dict()["stopped"] is True
    for name in ("tracks.csv", "tracks.json", "tracks.parquet", "summary.html", "run.json"):
        assert (tmp_path / "o" / name).stat().st_size > 0
    assert read_mot(tmp_path / "o" / "tracks.txt").frames.max() == 4
    assert len((tmp_path / "o" / "tracks.jsonl").read_text().splitlines()) == 5
    assert json.loads((tmp_path / "o" / "run.json").read_text())["frames"] == 5


def test_ctrl_c_never_tears_a_frame_apart() -> None:
    done = []

    def work() -> None:
        with held_interrupts() as hold:
            with hold:
                signal.raise_signal(signal.SIGINT)
                done.append("the rest of the block")
            done.append("what follows it")  # not reached

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            work()
    finally:
        signal.signal(signal.SIGINT, before)
    assert done == ["the rest of the block"]


def test_somebody_elses_handler_stays() -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: heard.append(number))
    try:
        with held_interrupts() as hold, hold:
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
    assert heard == [signal.SIGINT]


def test_the_command_says_that_it_was_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, file = photos(tmp_path / "f", walk()), detections(tmp_path / "det.txt", 12)

    @contextmanager
    def pressing(*_: Any) -> Iterator[Any]:
        left = iter(range(2, -1, -1))
        yield lambda _: signal.raise_signal(signal.SIGINT) if next(left) == 0 else None

    monkeypatch.setattr("unseen.cli.track.progress", pressing)
    arguments = [
        "track",
        str(folder),
        "-c",
        "zebra, okapi",
        "--detections",
        str(file),
        "-o",
        str(tmp_path / "o"),
        "--no-video",
    ]
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        done = CliRunner().invoke(app, [*arguments, "--tracker", "motion", "--no-camera-motion"])
    finally:
        signal.signal(signal.SIGINT, before)
    assert done.exit_code == 130
    assert "stopped by hand after 3 frames" in done.output
    assert "2 tracks in 3 frames" in done.output
    assert (tmp_path / "o" / "tracks.csv").exists()


# -- detections from files, and the command ----------------------------------------------------------------------


def photos(folder: Path, frames: list[np.ndarray[Any, Any]]) -> Path:
    folder.mkdir()
    for i, pixels in enumerate(frames):
        Image.fromarray(pixels).save(folder / f"{i:05}.png")
    return folder


def detections(path: Path, n: int) -> Path:
    lines = []
    for t in range(n):
        lines.append(mot_line(t, -1, (10 + 4 * t, 10, 40 + 4 * t, 40), 0.9))
        lines.append(mot_line(t, -1, (100 - 4 * t, 70, 130 - 4 * t, 100), 0.8))
    path.write_text("\n".join(lines) + "\n")
    return path


def test_the_command_from_photos_and_a_file_of_boxes(tmp_path: Path) -> None:
    folder, file = photos(tmp_path / "f", walk()), detections(tmp_path / "det.txt", 12)
    out = tmp_path / "out"
    arguments = ["track", str(folder), "-c", "zebra, okapi", "--detections", str(file), "-o", str(out), "--no-video"]
    done = CliRunner().invoke(app, [*arguments, "--tracker", "motion", "--line", "gate=60,0 60,120", "--every", "2"])
    assert done.exit_code == 0, done.output
    assert "2 tracks in 6 frames" in done.output
    mot = read_mot(out / "tracks.txt")
    assert sorted(set(mot.frames.tolist())) == [0, 2, 4, 6, 8, 10]
    truth = read_mot(file)
    own = truth.where(truth.frames % 2 == 0)
    np.testing.assert_allclose(np.sort(mot.boxes, axis=0), np.sort(own.boxes, axis=0), atol=0.02)
    crossed = json.loads((out / "counts.json").read_text())["lines"]["gate"]
    assert {way: sum(kinds.values()) for way, kinds in crossed.items()} == {"left": 1, "right": 0}
    again = CliRunner().invoke(app, [*arguments, "--json"])
    assert isinstance(again.exception, InputError)
    told = CliRunner().invoke(app, [*arguments, "--json", "--exist-ok", "--tracker", "motion"])
    assert len(json.loads(told.stdout)["tracks"]) == 2


def test_boxes_of_a_video_by_the_order_of_images(tmp_path: Path) -> None:
    pytest.importorskip("av")
    from unseen.tracking.video_writer import VideoWriter

    with VideoWriter(tmp_path / "v.mp4", rate=10) as video:
        for i, pixels in enumerate(walk(4)):
            video.write(pixels, i / 10)
    images = [{"id": i, "file_name": f"f{i}.png", "width": 160, "height": 120} for i in (10, 2, 1, 3)]
    boxes = [
        {"id": i, "image_id": i, "category_id": 1, "bbox": [i, 10, 30, 30], "area": 900, "iscrowd": 0}
        for i in (1, 2, 3, 10)
    ]
    coco = {"images": images, "annotations": boxes, "categories": [{"id": 1, "name": "thing"}]}
    (tmp_path / "boxes.json").write_text(json.dumps(coco))
    found = list(track(recogniser(), tmp_path / "v.mp4", ZOO, detections=tmp_path / "boxes.json", **OPTIONS))
    assert [one.boxes[0, 0] for one in found] == [1, 2, 3, 10]


def test_a_file_without_boxes(tmp_path: Path) -> None:
    (tmp_path / "det.txt").write_text("")
    with pytest.raises(InputError, match=r"det.txt"):
        track(recogniser(), walk(), ZOO, detections=tmp_path / "det.txt")


def test_detector_and_detections_exclude_each_other(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["track", ".", "-c", "a, b", "--detections", "x", "--detector", "onnx:y"])
    assert "give either --detector or --detections" in str(done.exception)


def test_a_frame_knows_its_size() -> None:
    assert Frame(0, 0.0, "f", scene({})).size == SIZE
