"""The data set commands, from the command line's point of view."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image
from scipy.io import loadmat
from typer.testing import CliRunner

from unseen import InputError, MissingExtraError
from unseen.cli import dataset as cli
from unseen.datasets import read_dataset
from unseen.errors import DatasetError

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result

CLASSES = ("cat", "dog", "emu", "owl", "yak", "ant")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli.app, list(arguments))


def ok(*arguments: str) -> Result:
    result = run(*arguments)
    assert result.exit_code == 0, f"{result.output}\n{result.exception!r}"
    return result


def wrong(message: str, *arguments: str, error: type[Exception] = DatasetError) -> None:
    result = run(*arguments)
    assert isinstance(result.exception, error), result.output
    assert re.search(message, str(result.exception)), str(result.exception)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Six classes of four photos with a table, a list of unseen classes, and vectors; go there."""
    monkeypatch.chdir(tmp_path)
    items = []
    for i, name in enumerate(CLASSES):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for j in range(4):
            Image.new("RGB", (8, 8), (40 * i, 60 * j, 9)).save(tmp_path / "photos" / name / f"{j}.png")
            items.append(f"{name}/{j}.png")
    np.savez("f.npz", items=items, features=np.random.default_rng(0).normal(size=(24, 5)))
    rows = [f"{name},{i},{i % 2}" for i, name in enumerate(CLASSES)]
    (tmp_path / "classes.csv").write_text("\n".join(["class,size,wings", *rows]))
    (tmp_path / "unseen.txt").write_text("owl\nemu\n")
    return tmp_path


BUILD = ("build", "photos", "--attributes", "classes.csv", "--features", "f.npz", "--out", "birds")


@pytest.mark.parametrize("command", ["build", "info", "split", "convert"])
def test_help_has_an_example(command: str) -> None:
    assert f"Example: unseen dataset {command} " in ok(command, "--help").output


def test_build(folder: Path) -> None:
    result = ok(*BUILD, "--unseen", "unseen.txt")
    assert "photos: 24 samples of 5 numbers" in result.stdout
    assert "6 classes, 4 seen and 2 unseen, with prototypes of 2 numbers" in result.stdout
    # Of each of the four seen classes' four photos one is held out: 12 to learn from, 4 + 8 to test on.
    rows = {words[0]: words[1:] for words in map(str.split, result.stdout.splitlines()) if len(words) == 3}
    assert rows["trainval"] == ["12", "4"]
    assert rows["test_seen"] == ["4", "4"]
    assert rows["test_unseen"] == ["8", "2"]
    assert result.stdout.endswith("0 skipped\nwritten: birds\n")
    assert result.stderr == ""
    assert read_dataset("birds").summary()["unseen_classes"] == 2


def test_build_by_names_by_share_and_by_distance(folder: Path) -> None:
    about = json.loads(ok(*BUILD, "--unseen", "owl, Emu", "--name", "my birds", "--json").stdout)
    assert about["name"] == "my birds"
    assert about["unseen_classes"] == 2
    for i, options in enumerate((["--hard"], ["--easy"], ["--rare"], ["--seed", "4", "--unseen-share", "0.5"])):
        ok(*BUILD[:-1], f"out{i}", *options)
    assert read_dataset("out3").summary()["unseen_classes"] == 3
    assert [read_dataset(f"out{i}").made["split"] for i in range(4)] == ["hard", "easy", "rare", "random"]


def test_build_tells_what_it_leaves_out(folder: Path) -> None:
    (folder / "classes.csv").write_text((folder / "classes.csv").read_text() + "\nbat,7,1\n")
    (folder / "photos" / "cat" / "new.png").write_bytes((folder / "photos" / "cat" / "0.png").read_bytes())
    (folder / "photos" / "hen").mkdir()
    stderr = ok(*BUILD).stderr.splitlines()
    assert stderr == [
        "skipped: cat/new.png: has no vector in f.npz",
        "note: class folders without a photo left out: 'hen'",
        "note: classes of classes.csv without photos left out: 'bat'",
    ]
    for i in range(30):
        (folder / "photos" / "cat" / f"new{i}.png").write_bytes(b"")
    assert "skipped: 21 more" in ok(*BUILD[:-1], "again").stderr


def test_build_with_the_default_model_and_texts(folder: Path) -> None:
    (folder / "photos" / "cat" / "bad.png").write_bytes(b"no photo")
    (folder / "c.yaml").write_text("classes:\n" + "".join(f"  {name}: An animal.\n" for name in CLASSES))
    result = ok("build", "photos", "--classes", "c.yaml", "--unseen", "owl", "--out", "birds")
    assert "24 samples of 1280 numbers" in result.stdout
    assert "with prototypes of 384 numbers" in result.stdout
    assert "1 skipped" in result.stdout
    assert "skipped: cat/bad.png: is text, not a photo" in result.stderr
    strict = run("build", "photos", "--out", "other", "--strict")
    assert strict.exit_code == 1
    assert "unseen: build_dataset: cat/bad.png: is text, not a photo." in strict.stderr


def test_mistakes(folder: Path) -> None:
    once = "give only one of --unseen, --hard, --easy and --rare"
    wrong(once, *BUILD, "--unseen", "owl", "--hard", error=InputError)
    wrong(once, *BUILD, "--easy", "--rare", error=InputError)
    wrong("resplit: unseen must be given alone", *BUILD, "--unseen", "owl", "--unseen-share", "0.5", error=InputError)
    wrong(
        "the classes named must be among the classes that have photos; got 'oowl'. Near: 'owl'",
        *BUILD,
        "--unseen",
        "oowl",
    )
    wrong("Check the path, or give class names separated by commas", *BUILD, "--unseen", "unsen.txt", error=InputError)
    wrong("photos must be a folder that exists", "build", "fotos", "--out", "x")
    wrong("the header must be a row of titles", *BUILD[:2], "--attributes", "unseen.txt", "--out", "x")
    wrong("the folder must be a data set", "info", "photos")
    assert run(*BUILD, "--unseen-share", "2").exit_code == 2
    assert not (folder / "birds").exists()


def test_info(folder: Path) -> None:
    ok(*BUILD, "--unseen", "unseen.txt")
    text = ok("info", "birds").stdout
    assert "- no class is both seen and unseen: 4 seen, 2 unseen" in text
    assert "most alike prototypes" in text
    assert f"fingerprint: {read_dataset('birds').fingerprint}" in text
    assert "changed" not in text
    samples = folder / "birds" / "samples.csv"
    samples.write_text(samples.read_text("utf-8").replace("owl/0.png,owl,test_unseen", "owl/0.png,owl,"), "utf-8")
    text = ok("info", "birds").stdout
    assert "unused             1" in text
    assert "note: the files were changed after they were written" in text
    about = json.loads(ok("info", "birds", "--json").stdout)
    assert about["changed_since_written"] is True
    assert len(about["proof"]) == 5
    assert about["repeated_samples"] == 0


def test_info_warns_of_equal_classes_and_doubled_photos(folder: Path) -> None:
    table = folder / "classes.csv"
    table.write_text(table.read_text().replace("yak,4,0", "yak,0,0"))
    with np.load("f.npz") as arrays:
        np.savez("f.npz", items=arrays["items"], features=np.ones((24, 2)))
    ok(*BUILD, "--unseen", "unseen.txt")
    text = ok("info", "birds").stdout
    assert "- cat and yak: equal; no method can tell them apart" in text
    assert "warning: 12 test samples have the very vector of a sample to learn from" in text


def test_split(folder: Path) -> None:
    ok(*BUILD, "--unseen", "unseen.txt")
    assert "written: other" in ok("split", "birds", "--unseen", "CAT,dog", "--out", "other").stdout
    assert read_dataset("other").summary()["unseen_classes"] == 2
    assert "cat" not in read_dataset("other").seen_prototypes.names
    ok("split", "birds", "--unseen", "unseen.txt", "--out", "same")
    assert read_dataset("same").split == read_dataset("birds").split
    ok("split", "birds", "--hard", "--unseen-share", "0.5", "--seen-test-share", "0", "--out", "hard")
    assert "test_seen" in read_dataset("hard").summary()["parts"]
    assert read_dataset("hard").summary()["parts"]["test_seen"]["samples"] == 0
    wrong("the output folder must be new or empty", "split", "birds", "--out", "other")
    wrong("the classes named must be among the classes; got 'hen'", "split", "birds", "--unseen", "hen,", "--out", "x")


def test_convert(folder: Path) -> None:
    ok(*BUILD, "--unseen", "unseen.txt")
    assert ok("convert", "birds", "--to", "xlsa", "mat").stdout == "written: mat\n"
    assert loadmat("mat/res101.mat")["features"].shape == (5, 24)
    assert read_dataset("mat").fingerprint == read_dataset("birds").fingerprint
    ok("convert", "mat", "--to", "unseen", "back")
    assert read_dataset("back").fingerprint == read_dataset("birds").fingerprint
    ok("convert", "birds", "--to", "xlsa", "--normalize", "scaled")
    assert np.linalg.norm(loadmat("scaled/att_splits.mat")["att"], axis=0).max() == pytest.approx(1)
    ok("convert", "scaled", "--to", "unseen", "--prototypes", "original_att", "raw")
    assert read_dataset("raw").fingerprint == read_dataset("birds").fingerprint
    wrong(
        "convert: --to must be 'xlsa' or 'unseen'; got 'csv'", "convert", "birds", "--to", "csv", "x", error=InputError
    )
    wrong("--normalize needs --to xlsa", "convert", "birds", "--to", "unseen", "--normalize", "x", error=InputError)


def test_convert_without_h5py(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "new").mkdir()
    for name in ("res101.mat", "att_splits.mat"):
        (folder / "new" / name).write_bytes(b"MATLAB 7.3".ljust(512) + b"\x89HDF\r\n\x1a\n")
    monkeypatch.setitem(sys.modules, "h5py", None)
    wrong(r"pip install 'unseen\[mat73\]'", "info", "new", error=MissingExtraError)


def test_a_leaky_file_is_one_line_and_exit_code_2(data: Path, tmp_path: Path) -> None:
    (tmp_path / "att_splits.mat").symlink_to(data / "zsl/splits/AWA2/binaryAtt_splits.mat")
    (tmp_path / "res101.mat").write_bytes(b"")
    command = [sys.executable, "-W", "error", "-m", "unseen", "dataset", "info", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "got 5882 of its 5882: 4031 in train, 1851 in val" in done.stderr


def test_killed_in_the_middle_it_goes_on(folder: Path) -> None:
    """Killed, not asked to stop: what was written by then is all there is."""
    for i in range(100):
        Image.new("RGB", (8, 8), (i, 50, 77)).save(folder / "photos" / "cat" / f"more{i}.png")
    often = "import unseen.datasets.photos as p; p._SHARD = 16; from unseen.cli import main; main()"
    command = [sys.executable, "-c", often, "dataset", "build", "photos", "-a", "classes.csv", "--out", "birds"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60
        while not list(folder.glob("birds.partial/*.safetensors")) and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
    assert not (folder / "birds").exists()
    result = ok("build", "photos", "-a", "classes.csv", "--out", "birds")
    kept = re.search(r"note: (\d+) vectors were kept from an earlier run", result.stderr)
    assert kept is not None
    assert 16 <= int(kept[1]) < 124
    assert "124 samples" in result.stdout
    assert not (folder / "birds.partial").exists()
