"""``unseen label`` and ``unseen embed``: what they print, and how they end."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.labelling_kit import rows, same, write_photos

from unseen.labelling import read_manifest

ROOT = Path(__file__).parents[2]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT / "src"), "PYTHONWARNINGS": "error", "OMP_NUM_THREADS": "1"}


def unseen(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "unseen", *arguments]
    return subprocess.run(command, cwd=cwd, env=environment(), capture_output=True, text=True, check=False)


def test_label_prints_totals_and_errors_by_kind(tmp_path: Path) -> None:
    write_photos(tmp_path / "photos", 12)
    (tmp_path / "photos" / "a.jpg").write_bytes(b"text")
    ran = unseen("label", "photos", "-c", "red, green", "--out", "out", "--shard-size", "5", "-k", "1", cwd=tmp_path)
    assert (ran.returncode, ran.stderr) == (0, "")
    first, second = ran.stdout.splitlines()
    assert first.startswith("13 items in 3 parts, 1 with an error; ")
    assert first.endswith(" items/s: out")
    assert second.split() == ["1", "is", "text,", "not", "a", "photo"]
    assert {len(row["names"]) for row in rows(tmp_path / "out") if row["error"] is None} == {1}
    again = unseen("label", "photos", "-c", "red, green", "--out", "out", "--shard-size", "5", "-k", "1", cwd=tmp_path)
    assert again.returncode == 0
    assert "all of them were done already" in again.stdout


@pytest.mark.parametrize("verb", [["label", "-c", "red, green"], ["embed"]])
def test_errors_are_tried_again(tmp_path: Path, verb: list[str]) -> None:
    write_photos(tmp_path / "photos", 4)
    good = (tmp_path / "photos" / "0002.png").read_bytes()
    (tmp_path / "photos" / "0002.png").write_bytes(b"")
    assert "1 with an error" in unseen(*verb, "photos", "--out", "out", cwd=tmp_path).stdout
    (tmp_path / "photos" / "0002.png").write_bytes(good)
    assert "all of them were done already" in unseen(*verb, "photos", "--out", "out", cwd=tmp_path).stdout
    ran = unseen(*verb, "photos", "--out", "out", "--retry-errors", cwd=tmp_path)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith("4 items in 1 parts, 0 with an error, 3 of them kept from an earlier run; ")
    assert [row["error"] for row in rows(tmp_path / "out")] == [None] * 4


def test_another_version_is_told_in_one_line(tmp_path: Path) -> None:
    write_photos(tmp_path / "photos", 4)
    assert unseen("embed", "photos", "--out", "out", cwd=tmp_path).returncode == 0
    manifest = tmp_path / "out" / "manifest.jsonl"
    header = json.loads(manifest.read_text("utf-8").splitlines()[0]) | {"unseen": "0.0.1"}
    manifest.write_text(json.dumps(header) + "\n", "utf-8")
    ran = unseen("embed", "photos", "--out", "out", "--resume", cwd=tmp_path)
    assert ran.returncode == 0
    (line,) = ran.stderr.splitlines()
    assert line.startswith("unseen: labelling: the run into 'out' was begun by version '0.0.1' of unseen, and this is ")


def test_embed_as_json(tmp_path: Path) -> None:
    write_photos(tmp_path / "photos", 3)
    ran = unseen("embed", "photos/*.png", "--out", "out", "--json", cwd=tmp_path)
    assert (ran.returncode, ran.stderr) == (0, "")
    report = json.loads(ran.stdout)
    assert (report["items"], report["parts"], report["errors"], report["out"]) == (3, 1, 0, "out")
    assert read_manifest(tmp_path / "out").kind == "embeddings"
    assert [len(row["embedding"]) for row in rows(tmp_path / "out")] == [1280] * 3


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (["photos", "-c", "a, b", "--out", "photos"], "out must be another folder than the source"),
        (
            ["phots", "-c", "a, b", "--out", "out"],
            "source must be a path that exists; got 'phots'. Near names there: photos",
        ),
        (["photos", "-c", "a, b", "--out", "busy"], "must be new, or an empty folder; got one that holds"),
        (["photos", "-c", "a, b", "--out", "out", "--engine", "spark"], "engine must be 'local' or 'ray'; got 'spark'"),
        (["photos", "-c", "a, b", "--out", "out", "--threshold", "0.2"], "--threshold needs --multi-label"),
        (["photos", "-c", "a, b", "--out", "out", "--column", "x"], "column must be None where no table is read"),
        (
            ["photos", "-c", "a, b", "--out", "out", "--every", "often"],
            "every must be seconds (2, 0.5) or frames (10f)",
        ),
    ],
)
def test_mistakes_are_told_in_one_line(tmp_path: Path, arguments: list[str], match: str) -> None:
    write_photos(tmp_path / "photos", 1)
    (tmp_path / "busy").mkdir()
    (tmp_path / "busy" / "letter.txt").touch()
    ran = unseen("label", *arguments, cwd=tmp_path)
    assert ran.returncode == 2
    assert match in ran.stderr
    assert len(ran.stderr.splitlines()) == 1


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_being_stopped_says_how_to_go_on(tmp_path: Path, number: int, code: int) -> None:
    photos = write_photos(tmp_path / "photos", 1)
    for copy in range(3000):
        os.link(photos / "0000.png", photos / f"copy-{copy:05}.png")
    command = ["label", "photos", "-c", "red, green", "--out", "out", "--shard-size", "16"]
    running = subprocess.Popen(
        [sys.executable, "-m", "unseen", *command],
        cwd=tmp_path,
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
        # Tests that run in the background of a shell have it ignored, and so would what they start.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    until = time.monotonic() + 60
    while not (tmp_path / "out" / "part-000001.parquet").exists() and time.monotonic() < until:
        time.sleep(0.01)
    running.send_signal(number)
    _, told = running.communicate(timeout=60)
    assert running.returncode == code
    assert "Traceback" not in told
    assert "items are done and written. Go on with: unseen label photos -c 'red, green' --out out" in told
    assert "--resume" in told
    done = read_manifest(tmp_path / "out")
    assert 16 <= done.items < 3001  # the line of the second part may not have been written yet
    assert not done.complete
    refused = unseen(*command, cwd=tmp_path)
    assert refused.returncode == 2
    assert "Go on with it by --resume" in refused.stderr


def test_killed_and_gone_on_with_by_the_same_command(tmp_path: Path) -> None:
    write_photos(tmp_path / "photos", 150)
    command = ["label", "photos", "-c", "red, green", "--shard-size", "16", "--embeddings", "--resume"]
    assert unseen(*command, "--out", "calm", cwd=tmp_path).returncode == 0
    running = subprocess.Popen(
        [sys.executable, "-m", "unseen", *command, "--out", "out"], cwd=tmp_path, env=environment()
    )
    until = time.monotonic() + 60
    while not (tmp_path / "out" / "part-000002.parquet").exists() and time.monotonic() < until:
        time.sleep(0.002)
    running.kill()
    running.wait()
    assert unseen(*command, "--out", "out", cwd=tmp_path).returncode == 0
    assert same(rows(tmp_path / "out"), rows(tmp_path / "calm"))


def test_a_disk_that_is_too_small_is_told_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from unseen.cli.label import _warn_of_disk

    usage = type("Usage", (), {"free": 1_000_000_000})
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    _warn_of_disk(tmp_path / "not" / "yet", 1_000_000, embeddings=False)
    _warn_of_disk(tmp_path / "not" / "yet", None, embeddings=True)
    assert capsys.readouterr().err == ""
    _warn_of_disk(tmp_path / "not" / "yet", 1_000_000, embeddings=True)
    assert "1,000,000 items may take 2.6 GB, and" in capsys.readouterr().err
