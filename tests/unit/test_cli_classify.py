"""``unseen classify`` as a person or a program runs it: in a process of its own."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import signal
import subprocess
import sys
import time
from contextlib import redirect_stderr
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

from unseen.cli import main
from unseen.results import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Run = Callable[..., subprocess.CompletedProcess[str]]

CLASSES = "cat, coffee, rocket"


@pytest.fixture
def run(root: Path, tmp_path: Path) -> Run:
    """Return a function that runs the command line in a folder with the example photos."""
    (tmp_path / "photos").symlink_to(root / "examples" / "photos")

    def run(*args: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-W", "error", "-m", "unseen", *args]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=120, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done

    return run


def here(
    root: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *args: str
) -> tuple[int | str | None, str, str]:
    """Run the command line in this process, which is faster; return its exit code and what it printed."""
    if not (folder / "photos").exists():
        (folder / "photos").symlink_to(root / "examples" / "photos")
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["unseen", "classify", *args])
    with pytest.raises(SystemExit) as end:
        main()
    told = capsys.readouterr()
    return end.value.code, told.out, told.err


def test_the_table_and_the_files(run: Run, tmp_path: Path, root: Path) -> None:
    n = len(list((root / "examples" / "photos").glob("*.jpg")))
    for suffix in ("csv", "jsonl", "parquet"):
        done = run("classify", "photos", "-c", CLASSES, "--out", f"out.{suffix}", "--report", "page.html")
        assert "cat.jpg" in done.stdout
        assert f"{n} recognised, 0 unknown, 0 skipped" in done.stdout
        assert "written: page.html" in done.stdout
        assert done.stderr == ""
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == 3 * n
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    table = pq.read_table(tmp_path / "out.parquet").to_pylist()
    assert [row["name"] for row in rows] == [row["name"] for row in lines] == [row["name"] for row in table]
    assert [float(row["probability"]) for row in rows] == pytest.approx([row["probability"] for row in table])
    page = (tmp_path / "page.html").read_text()
    assert "cat.jpg" in page
    assert "data:image/" in page


def test_json_is_all_there_is_on_standard_output(run: Run) -> None:
    done = run("classify", "photos/cat.jpg", "-c", CLASSES, "--json", "--top-k", "2")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [tuple(row) for row in rows] == [COLUMNS, COLUMNS]
    assert rows[0]["name"] == "cat"


def test_texts(run: Run, tmp_path: Path) -> None:
    (tmp_path / "q.csv").write_text('id,question\n1,"Will it rain, and when?"\n2,My bank charged me twice\n')
    done = run(
        "classify", "--text", "q.csv", "--column", "question", "-c", "weather, money, sport", "--json", "-k", "1"
    )
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["name"] for row in rows] == ["weather", "money"]


def test_explain(run: Run) -> None:
    done = run("classify", "photos/cat.jpg", "-c", CLASSES, "--explain")
    assert "seen class" in done.stdout
    assert "photos/cat.jpg: cat" in done.stdout
    done = run("classify", "photos/cat.jpg", "-c", CLASSES, "--explain", "--json")
    evidence = [json.loads(line) for line in done.stdout.splitlines()][-1]["explanation"]["evidence"]
    assert {part["kind"] for part in evidence} == {"seen class", "name", "definition"}


def test_an_unusable_photo_is_reported_and_strict_ends_with_1(run: Run, tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 not much of a photo")
    done = run("classify", "photos/cat.jpg", "broken.jpg", "-c", CLASSES, "--out", "out.csv")
    assert "1 recognised, 0 unknown, 1 skipped" in done.stdout
    with (tmp_path / "out.csv").open(newline="") as file:
        last = list(csv.DictReader(file))[-1]
    assert last["item"] == "broken.jpg"
    assert last["error"]
    assert last["name"] == last["rank"] == ""
    (tmp_path / "out.csv").unlink()
    done = run("classify", "photos/cat.jpg", "broken.jpg", "-c", CLASSES, "--out", "out.csv", "--strict", code=1)
    assert "broken.jpg" in done.stderr
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize(
    ("args", "match"),
    [
        (["-c", CLASSES], "give either photos"),
        (["photos", "--text", "q.txt", "-c", CLASSES], "give either photos"),
        (["photos", "--column", "a", "-c", CLASSES], "--column needs --text FILE: photos have no columns"),
        (["nowhere", "-c", CLASSES], "source must be a path that exists; got 'nowhere'"),
        (["photos", "-c", "nowhere.yaml"], "nowhere.yaml"),
        (["photos", "-c", "cat, cat"], "cat"),
        (["photos", "-c", CLASSES, "-o", "out.xls"], "suffix must be one of .csv, .jsonl"),
        (["photos", "-c", CLASSES, "--report", "out.pdf"], "suffix must be one of .html"),
        (
            ["photos", "-c", CLASSES, "-o", "nowhere/out.csv"],
            "the output file 'nowhere/out.csv' must be writable; got No such file or directory",
        ),
        (["photos", "-c", CLASSES, "--model", "nothing"], "model must be 'default', scheme:name, or a folder"),
        (["--text", "nowhere.txt", "-c", CLASSES], "nowhere.txt"),
    ],
)
def test_mistakes_are_told_in_one_line(run: Run, args: list[str], match: str) -> None:
    done = run("classify", *args, code=2)
    assert match in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


def test_several_labels(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "own.csv").write_text("name,threshold\ncat,0.1\ncoffee,1\nrocket,1\n")
    photos = ("photos/cat.jpg", "photos/coffee.jpg", "-c", CLASSES, "--multi-label", "--explain")
    for threshold in ("0.3", "own.csv"):
        args = (*photos, "--threshold", threshold, "--out", "out.csv", "--report", "page.html")
        code, out, err = here(root, tmp_path, monkeypatch, capsys, *args)
        assert (code, err) == (None, "")
        with (tmp_path / "out.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert [row["name"] for row in rows if row["item"].endswith("cat.jpg")] == ["cat"]
        last = [row for row in rows if row["item"].endswith("coffee.jpg")]
        if threshold == "own.csv":
            assert [(row["name"], row["rank"], row["unknown"]) for row in last] == [("", "", "true")]
            assert "1 recognised, 1 unknown, 0 skipped" in out
        else:
            assert [row["name"] for row in last] == ["coffee"]
    _, out, _ = here(root, tmp_path, monkeypatch, capsys, *photos, "--json")
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["explanation"]["name"] for line in lines if "explanation" in line] == ["cat", "coffee"]


def test_candidates(run: Run, tmp_path: Path) -> None:
    lines = "item,names\nphotos/cat.jpg,coffee|rocket\nphotos/elsewhere.jpg,cat\n"
    (tmp_path / "allowed.csv").write_text(lines)
    args = ("photos/cat.jpg", "photos/coffee.jpg", "-c", CLASSES, "--candidates", "allowed.csv", "--json")
    done = run("classify", *args)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["name"] for row in rows if row["item"] == "photos/cat.jpg" and row["name"] == "cat"] == []
    assert sum(row["probability"] for row in rows[:2]) == pytest.approx(1, abs=1e-5)
    assert rows[-1]["error"] == "is not among the candidates, so nobody said which classes it may be of"
    assert done.stderr.splitlines() == [
        "unseen: classify: candidates were given for 1 items that did not come: 'photos/elsewhere.jpg'. "
        "Names must be those of the results' column item."
    ]


def test_background_and_ensemble(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def certainty(*more: str) -> float:
        args = ("photos/cat.jpg", "-c", "cat", "--json", "--unknown-below", "0", *more)
        return float(json.loads(here(root, tmp_path, monkeypatch, capsys, *args)[1])["probability"])

    alone = certainty()
    assert certainty("--background", "") == alone
    assert certainty("--background", "rocket, sea") < alone
    assert certainty("--background", "kitten, tabby cat") < certainty("--background", "rocket, sea")
    assert certainty("--ensemble", "scores") != alone


@pytest.mark.parametrize(
    ("args", "match"),
    [
        (["--threshold", "0.5"], "--threshold needs --multi-label"),
        (["--multi-label", "--threshold", "high"], "--threshold must be a number from 0 to 1, or a .csv file with"),
        (["--multi-label", "--threshold", "2"], "threshold must be a number at least 0 and at most 1; got 2.0"),
        (["--multi-label", "--threshold", "no.csv"], "the file 'no.csv' must be readable; got cannot be read: no such"),
        (
            ["--multi-label", "--threshold", "t.csv"],
            "the columns of t.csv must be 'name' and 'threshold'; got 'a', 'b'",
        ),
        (["--candidates", "t.csv"], "the columns of t.csv must be 'item' and 'names'; got 'a', 'b'. Write item,names"),
        (["--candidates", "photos"], "the file 'photos' must be readable; got is a folder, not a file"),
        (["--candidates", "wrong.csv"], "must be classes of the vocabulary; got 'cta'. Known and near: cat"),
        (["--background", "cat"], "background must be of none of the classes; got 'cat'"),
        (["--ensemble", "votes"], "ensemble must be 'embeddings' or 'scores'; got 'votes'"),
    ],
)
def test_options_of_labels_that_do_not_fit(
    root: Path,
    tmp_path: Path,
    args: list[str],
    match: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    (tmp_path / "wrong.csv").write_text("item,names\nx,cta\n")
    code, out, err = here(root, tmp_path, monkeypatch, capsys, "photos", "-c", CLASSES, *args)
    assert code == 2
    assert match in err
    assert len(err.splitlines()) == 1
    assert out == ""


WRONG = [
    (["--multi-label", "--threshold", "wrong.csv"], "the columns of wrong.csv must be 'name' and 'threshold'"),
    (["--multi-label", "--threshold", "own.csv"], "threshold must be given for classes of the vocabulary; got 'cta'"),
    (["--background", "no.txt"], "no.txt"),
]


@pytest.mark.parametrize(
    ("command", "args", "match"),
    [
        *[("classify", *one) for one in WRONG],
        (
            "classify",
            ["--candidates", "wrong.csv"],
            "must be classes of the vocabulary; got 'cta'. Known and near: cat",
        ),
        *[("label", ["--out", "out", *args], match) for args, match in WRONG],
    ],
)
def test_files_are_looked_over_before_a_model_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, args: list[str], match: str
) -> None:
    def load(*_: object, **__: object) -> None:
        raise AssertionError("a model was loaded")

    monkeypatch.setattr("unseen.recognizer.Recognizer.load", load)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wrong.csv").write_text("item,names\nx,cta\n")
    (tmp_path / "own.csv").write_text("name,threshold\ncta,0.5\n")
    monkeypatch.setattr(sys, "argv", ["unseen", command, "photos", "-c", CLASSES, *args])
    told = io.StringIO()
    with redirect_stderr(told), pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    assert match in told.getvalue()


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_terminal_of_any_encoding_will_do(run: Run, encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", encoding)
    # The test reads what comes back in its own encoding, in which ASCII is ASCII.
    names = "cat, \N{CAT}" if encoding != "utf-8" else "cat, chat"
    rows = [json.loads(line) for line in run("classify", "photos/cat.jpg", "-c", names, "--json").stdout.splitlines()]
    assert ", ".join(sorted(row["name"] for row in rows)) == names
    assert "cat.jpg" in run("classify", "photos/cat.jpg", "-c", names).stdout


def test_a_report_that_cannot_be_written_is_told_before_the_work(run: Run, tmp_path: Path) -> None:
    done = run("classify", "photos", "-c", CLASSES, "-o", "out.csv", "--report", "nowhere/r.html", code=2)
    assert "the report 'nowhere/r.html' must be writable; got No such file or directory" in done.stderr
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize("args", [["--top-k", "0"], ["--unknown-below", "2"], ["--no-such-option"]])
def test_wrong_options_end_with_2(run: Run, args: list[str]) -> None:
    run("classify", "photos", "-c", CLASSES, *args, code=2)


def test_models_and_methods(run: Run) -> None:
    models = json.loads(run("models", "--json").stdout)
    assert "default" in [row["name"] for row in models]
    assert models[0]["modalities"] == ["image", "text"]
    methods = json.loads(run("methods", "--json").stdout)
    assert {"cosine", "ridge", "conse"} <= {row["name"] for row in methods}
    assert all(set(row) == {"name", "class", "family", "tags", "citation", "summary"} for row in methods)
    assert "projection" in run("methods").stdout
    assert "default" in run("models").stdout


def test_version_and_help(run: Run) -> None:
    import unseen

    assert run("--version").stdout == f"unseen {unseen.__version__}\n"
    for command in (
        [],
        ["classify"],
        ["models"],
        ["methods"],
        ["vocabulary"],
        ["vocabulary", "new"],
        ["vocabulary", "check"],
    ):
        assert "Example" in run(*command, "--help").stdout


def test_a_reader_that_leaves_early_is_no_error(root: Path) -> None:
    photos = root / "examples" / "photos"
    script = f"{sys.executable} -m unseen classify {photos} {photos} -c '{CLASSES}' --json -k 3 | head -n 1"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=120, check=True)
    assert done.stderr == ""


def test_stopped_by_the_user(root: Path, tmp_path: Path) -> None:
    photos = tmp_path / "many"
    photos.mkdir()
    for i in range(3000):
        (photos / f"{i}.jpg").symlink_to(root / "examples" / "photos" / "cat.jpg")
    command = [sys.executable, "-m", "unseen", "classify", str(photos), "-c", CLASSES, "-o", str(tmp_path / "o.csv")]
    # A shell that runs the tests in the background has them ignore interrupts, and children would inherit that.
    inherited = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    finally:
        signal.signal(signal.SIGINT, inherited)
    partial = tmp_path / "o.csv.partial"
    while not (partial.exists() and partial.stat().st_size > 1000):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert stderr == "unseen: stopped\n"
    assert not (tmp_path / "o.csv").exists()
    assert partial.read_text().startswith("item,rank,name")


def test_a_terminal_gets_a_progress_bar(root: Path) -> None:
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "unseen", "classify", str(root / "examples" / "photos"), "-c", CLASSES]
    env = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    process = subprocess.Popen(command, stderr=follower, stdout=subprocess.DEVNULL, env=env)
    os.close(follower)
    assert process.wait(timeout=120) == 0
    shown = os.read(leader, 1 << 16).decode(errors="replace")
    os.close(leader)
    assert "classifying" in shown


def test_an_input_is_never_overwritten(run: Run, tmp_path: Path) -> None:
    (tmp_path / "classes.csv").write_text("name\ncat\ncoffee\n")
    (tmp_path / "q.csv").write_text("text\nwill it rain\n")
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "cat.jpg").write_bytes((tmp_path / "photos" / "cat.jpg").read_bytes())
    before = {path: path.read_bytes() for path in (tmp_path / "classes.csv", tmp_path / "q.csv")}
    for args in (
        ["photos", "-c", "classes.csv", "--out", "classes.csv"],
        ["--text", "q.csv", "-c", "weather, sport", "--out", "./q.csv"],
        ["own", "-c", CLASSES, "--report", "own/cat.jpg"],
        ["own/cat.jpg", "-c", CLASSES, "--report", "own/cat.jpg"],
    ):
        done = run("classify", *args, code=2)
        assert "would be overwritten, and it is part of the input" in done.stderr
    assert before == {path: path.read_bytes() for path in before}
    run("classify", "own", "-c", CLASSES, "--report", "own/sheet.png")  # a new name there is nobody's loss


def test_one_class_is_remarked_on(run: Run) -> None:
    done = run("classify", "photos/cat.jpg", "-c", "cat")
    assert "there is one class only" in done.stderr
    assert run("classify", "photos/cat.jpg", "-c", "cat", "--unknown-below", "0.5").stderr == ""


def test_column_without_text_is_a_mistake(run: Run) -> None:
    done = run("classify", "photos", "-c", CLASSES, "--column", "a", code=2)
    assert "--column needs --text FILE" in done.stderr


def test_nothing_is_recorded_about_the_machine(root: Path, tmp_path: Path) -> None:
    env = {key: value for key, value in os.environ.items() if key != "ORT_DISABLE_TELEMETRY"}
    env |= {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache"), "UNSEEN_CACHE": "off"}
    photo = str(root / "examples" / "photos" / "cat.jpg")
    command = [sys.executable, "-m", "unseen", "classify", photo, "-c", CLASSES]
    subprocess.run(command, check=True, capture_output=True, env=env)
    assert list(tmp_path.rglob("*")) == []


def test_photos_that_cannot_be_read_are_not_passed_over(run: Run, tmp_path: Path) -> None:
    (tmp_path / "phone").mkdir()
    (tmp_path / "phone" / "a.HEIC").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0" + b"\0" * 64)
    done = run("classify", "phone", "-c", CLASSES)
    assert "is a HEIC photo; convert it to JPEG" in done.stdout
