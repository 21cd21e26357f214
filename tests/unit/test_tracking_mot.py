"""MOTChallenge text and the folders it comes in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from unseen.cli.app import app
from unseen.detection import read_boxes
from unseen.errors import InputError
from unseen.tracking.detections_file import FileBoxes
from unseen.tracking.mot import mot_line, read_mot
from unseen.tracking.sequences import read_hypotheses, read_truth

if TYPE_CHECKING:
    from pathlib import Path


def test_pixels_and_frames_count_from_one(tmp_path: Path) -> None:
    path = tmp_path / "gt.txt"
    path.write_text("2,7,11,21,100,50,0.5,3,1\n1,-1,1,1,2,2\n\n")
    found = read_mot(path)
    assert found.frames.tolist() == [0, 1]  # in order of frames
    assert found.ids.tolist() == [-1, 7]
    assert found.boxes.tolist() == [[0, 0, 2, 2], [10, 20, 110, 70]]
    assert found.scores.tolist() == [1.0, 0.5]
    assert found.classes.tolist() == [-1, 3]
    assert len(found.where(found.scores < 1)) == 1


@given(
    st.integers(0, 10**6),
    st.integers(1, 10**9),
    st.floats(-1000, 10_000),
    st.floats(-1000, 10_000),
    st.floats(1, 5000),
    st.floats(1, 5000),
    st.floats(0, 1),
)
def test_what_is_written_is_read_again(
    tmp_path_factory: pytest.TempPathFactory,
    frame: int,
    track: int,
    x: float,
    y: float,
    w: float,
    h: float,
    score: float,
) -> None:
    path = tmp_path_factory.mktemp("mot") / "t.txt"
    path.write_text(mot_line(frame, track, (x, y, x + w, y + h), score) + "\n")
    found = read_mot(path)
    assert (found.frames[0], found.ids[0]) == (frame, track)
    np.testing.assert_allclose(found.boxes[0], [x, y, x + w, y + h], atol=0.011)
    np.testing.assert_allclose(found.scores[0], score, atol=1e-4)


def test_spaces_and_semicolons_do_as_well(tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    path.write_text("\ufeff# by hand\n1 1 2 3 4 5\n2;1;2;3;4;5\n\n3,1,2,3,4,5,\n")
    assert read_mot(path).boxes.tolist() == [[1, 2, 5, 7]] * 3


def test_boxes_and_tracks_are_read_by_one_parser(tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    path.write_text("2 7 11 21 4 5 0.5\n1;8;11;21;4;5;0\n")
    tracks, boxes = read_mot(path), read_boxes(path)
    assert list(boxes.images) == ["1", "2"]
    for row, one in enumerate(boxes.images.values()):
        np.testing.assert_array_equal(one.boxes[0], tracks.boxes[row])
        assert one.tracks is not None
        assert (one.tracks[0], one.scores[0]) == (tracks.ids[row], tracks.scores[row])
    assert [bool(one.ignored[0]) for one in boxes.images.values()] == [True, False]


def test_what_boxes_may_be_and_tracks_may_not(tmp_path: Path) -> None:
    """Frames from 0, and boxes without area, which detection leaves out and counts."""
    path = tmp_path / "t.txt"
    path.write_text("0,1,11,21,0,5,0.5\n")
    assert read_boxes(path).images["0"].boxes.tolist() == [[10, 20, 10, 25]]
    with pytest.raises(InputError, match="line 1 must be a frame number from 1 on"):
        read_mot(path)
    with pytest.raises(InputError, match=r"must be numbered from frame 1; got a frame 0\. Add 1 to the first column"):
        FileBoxes(path, photos=False)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("hello", "numbers with commas between"),
        ("1,2,3,4,5", "frame,id,left,top,width,height"),
        ("1,2,3,4,nan,5", "frame,id,left,top,width,height"),
        ("0,1,1,1,5,5", "a frame number from 1 on"),
        ("1.5,1,1,1,5,5", "a frame number from 1 on"),
        ("1,1.5,1,1,5,5", "a whole id"),
        ("1,1,1,1,0,5", "a box with width and height"),
        ("1,1,1,1,5,-5", "a box with width and height"),
        ("1,1,1,1,1e30,5", "a box with width and height"),
        ("1,1,1,1,5,5,1,1e300", "a class number"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: str, expected: str) -> None:
    path = tmp_path / "t.txt"
    path.write_text("1,1,1,1,5,5\n" + line + "\n")
    with pytest.raises(InputError, match=rf"t.txt', line 2 must be {expected}"):
        read_mot(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "det.txt").write_text("")
    with pytest.raises(InputError, match=r"file must be a file that exists; got .*Near names there: det.txt"):
        read_mot(tmp_path / "dot.txt")
    with pytest.raises(InputError, match="is a folder, not a file"):
        read_mot(tmp_path)


ROW = "1,1,1,1,5,5,1,-1,-1,-1\n"


def names(found: Any) -> list[str]:
    assert isinstance(found, dict)
    return list(found)


def sequences(folder: Path) -> Path:
    for name in ("a", "b"):
        (folder / "truth" / name / "gt").mkdir(parents=True)
        (folder / "truth" / name / "gt" / "gt.txt").write_text(ROW + "1,2,50,50,5,5,0,-1,-1,-1\n")
    return folder / "truth"


def test_folders_of_sequences(tmp_path: Path) -> None:
    truth = sequences(tmp_path)
    found = read_truth(truth)
    assert isinstance(found, dict)
    assert {name: len(boxes) for name, boxes in found.items()} == {"a": 1, "b": 1}  # the distractor is left out
    tracks = tmp_path / "tracks"
    tracks.mkdir()
    (tracks / "b.txt").write_text(ROW)
    (tracks / "README.txt").write_text("not boxes")
    assert names(read_hypotheses(tracks, truth)) == ["b"]
    (tracks / "a").mkdir()
    (tracks / "a" / "tracks.txt").write_text(ROW)
    assert names(read_hypotheses(tracks, truth)) == ["a", "b"]
    assert names(read_hypotheses(tracks / "b.txt", truth / "a")) == ["a"]


def test_a_sequence_without_tracks_is_told(tmp_path: Path) -> None:
    pytest.importorskip("trackeval")
    truth, tracks = sequences(tmp_path), tmp_path / "tracks"
    tracks.mkdir()
    (tracks / "a.txt").write_text(ROW)
    done = CliRunner().invoke(app, ["track-eval", str(tracks), "--truth", str(truth)])
    assert done.exit_code == 0, done.output
    assert "unseen: no tracks for 1 sequence of the truth, which count as missed: b" in done.stderr
    (tracks / "b.txt").write_text(ROW)
    assert "no tracks" not in CliRunner().invoke(app, ["track-eval", str(tracks), "--truth", str(truth)]).stderr


def test_folders_that_do_not_fit(tmp_path: Path) -> None:
    truth = sequences(tmp_path)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(InputError, match=r"--truth must be a folder of sequences with gt\.txt"):
        read_truth(empty)
    with pytest.raises(InputError, match="HYPOTHESES must be a folder with a file per sequence; got none for a, b"):
        read_hypotheses(empty, truth)
    with pytest.raises(InputError, match="HYPOTHESES must be a folder too; got a file for 2 sequences"):
        read_hypotheses(truth / "a" / "gt" / "gt.txt", truth)
    with pytest.raises(InputError, match="HYPOTHESES must be a file too"):
        read_hypotheses(empty, truth / "a" / "gt" / "gt.txt")
    with pytest.raises(InputError, match="--truth must be a place that exists"):
        read_truth(tmp_path / "nowhere")
