"""`label` and `embed`: one row per item whatever happens, and what is refused."""

from __future__ import annotations

import json
import os
import re
import shutil
import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.labelling_kit import CLASSES, colours, made_up, photo, rows, same, write_photos

from unseen import Vocabulary
from unseen.errors import InputError
from unseen.inputs import Item
from unseen.labelling import (
    Job,
    Labeller,
    OtherVersionWarning,
    Output,
    PartSummary,
    embed,
    label,
    label_shard,
    open_source,
    plan_shards,
    read_manifest,
)
from unseen.labelling.journal import Journal, read_journal
from unseen.labelling.parts import OTHER, count_reasons, names_digest, reason_of, write_part

ROOT = Path(__file__).parents[2]


def done(out: Path, count: int = 250, **options: Any) -> list[dict[str, Any]]:
    """Label made-up photos and return the rows."""
    label(made_up(count), CLASSES, out, recognizer=colours(), shard_size=40, **options)
    return rows(out)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    done(out)
    return out


# -- what comes out ------------------------------------------------------------------------------------------


def test_one_row_per_photo_in_order_with_what_classify_answers(tmp_path: Path) -> None:
    folder = write_photos(tmp_path / "photos", 30)
    (folder / "0007.png").write_bytes(b"broken")
    report = label(folder, CLASSES, tmp_path / "out", recognizer=colours(), shard_size=8, top_k=2, unknown_below=0.5)
    expected = colours().classify(folder, Vocabulary.from_names(CLASSES), top_k=2, unknown_below=0.5)
    found = rows(tmp_path / "out")
    assert [row["item"] for row in found] == list(expected.items)
    for i, row in enumerate(found):
        if i == 7:
            assert row == {
                "item": str(folder / "0007.png"), "sha": None, "width": None, "height": None, "names": None,
                "probabilities": None, "unknown": None, "error": "is text, not a photo",
            }  # fmt: skip
            continue
        assert row["names"] == [CLASSES[j] for j in expected.top[i]]
        assert row["probabilities"] == expected.probabilities[i].tolist()
        assert row["unknown"] == bool(expected.unknown[i])
        assert (row["width"], row["height"], row["error"]) == (12, 8, None)
        import hashlib

        assert row["sha"] == hashlib.sha256((folder / f"{i:04}.png").read_bytes()).hexdigest()
    assert (report.items, report.parts, report.errors, report.kept) == (30, 4, 1, 0)
    assert report.reasons == {"is text, not a photo": 1}


def test_real_photos_are_labelled_as_classify_does(tmp_path: Path, data: Path) -> None:
    from unseen import Recognizer

    folder = data / "photos" / "caltech51"
    files = [
        str(file) for name in sorted(folder.iterdir())[:12] if name.is_dir() for file in sorted(name.glob("*.jpg"))[:3]
    ]
    vocabulary = Vocabulary.from_names(["airplane", "anchor", "ant", "bird", "camera", "chair"])
    recognizer = Recognizer.load()
    label(files, vocabulary, tmp_path / "out", recognizer=recognizer, shard_size=7, embeddings=True)
    expected = recognizer.classify(files, vocabulary)
    vectors = recognizer.encode_images(files).astype(np.float16)
    for row, top, shares, vector in zip(
        rows(tmp_path / "out"), expected.top, expected.probabilities, vectors, strict=True
    ):
        assert row["names"] == [vocabulary.names[i] for i in top]
        assert np.allclose(row["probabilities"], shares, atol=1e-6)
        assert np.allclose(row["embedding"], vector, rtol=2e-3, atol=1e-6)


def test_types_of_the_columns(tmp_path: Path) -> None:
    label(made_up(5), CLASSES, tmp_path / "a", recognizer=colours(), embeddings=True)
    schema = pq.read_schema(tmp_path / "a" / "part-000000.parquet")
    assert schema.names == [
        "item", "sha", "width", "height", "names", "probabilities", "unknown", "error", "embedding"
    ]  # fmt: skip
    kinds = {field.name: str(field.type) for field in schema}
    assert (kinds["width"], kinds["unknown"]) == ("int32", "bool")
    assert schema.field("embedding").type == pa.list_(pa.float16(), 3)
    assert schema.field("probabilities").type.value_type == pa.float32()
    embed(made_up(5), tmp_path / "b", recognizer=colours())
    names = pq.read_schema(tmp_path / "b" / "part-000000.parquet").names
    assert names == ["item", "sha", "width", "height", "error", "embedding"]


def test_embeddings_are_the_vectors(tmp_path: Path) -> None:
    embed(made_up(120), tmp_path / "out", recognizer=colours(), shard_size=50)
    found = rows(tmp_path / "out")
    assert found[99]["embedding"] is None
    assert found[99]["error"] == "is text, not a photo"
    usable = [row for row in found if row["error"] is None]
    pixels = [item.content for item in made_up(120) if not isinstance(item.content, bytes)]
    expected = colours().encode_images(pixels).astype(np.float16)
    assert np.array_equal(np.array([row["embedding"] for row in usable], np.float16), expected)


def test_several_classes_per_item_are_those_chosen(tmp_path: Path) -> None:
    options: dict[str, Any] = {"multi_label": True, "threshold": 0.3, "background": ["grey"]}
    label(made_up(20), CLASSES, tmp_path / "out", recognizer=colours(), **options)
    images = [item.content for item in made_up(20)]
    expected = colours().classify(images, Vocabulary.from_names(CLASSES), **options)
    assert expected.chosen is not None
    for row, top, count in zip(rows(tmp_path / "out"), expected.top, expected.chosen, strict=True):
        assert row["names"] == [CLASSES[j] for j in top[:count]]
    assert read_manifest(tmp_path / "out").settings["threshold"] == 0.3


def test_thresholds_of_their_own_must_be_the_same_to_resume(tmp_path: Path) -> None:
    options: dict[str, Any] = {"multi_label": True, "recognizer": colours(), "background": ["grey"]}
    label(made_up(5), CLASSES, tmp_path / "out", threshold={"red": 0.3}, **options)
    with pytest.raises(InputError, match=r"threshold was \{'red': 0\.3\} and is \{'red': 0\.4\}"):
        label(made_up(5), CLASSES, tmp_path / "out", threshold={"red": 0.4}, **options)


def test_the_manifest_says_what_is_there(undisturbed: Path) -> None:
    lines = [json.loads(line) for line in (undisturbed / "manifest.jsonl").read_text("utf-8").splitlines()]
    header, *parts, last = lines
    assert (header["format"], header["version"], header["kind"]) == ("unseen-labels", 1, "labels")
    assert header["settings"]["shard_size"] == 40
    assert header["settings"]["classes"] == 3
    assert header["settings"]["model"] == "colours"
    assert [part["first"] for part in parts] == [0, 40, 80, 120, 160, 200, 240]
    assert last == {"complete": True, "items": 250, "parts": 7, "errors": 2}
    for part in parts:
        path = undisturbed / f"part-{part['part']:06}.parquet"
        table = pq.read_table(path)
        assert part["items"] == len(table)
        assert part["bytes"] == path.stat().st_size
        assert part["names"] == names_digest(table.column("item").to_pylist())
        assert part["errors"] == sum(error is not None for error in table.column("error").to_pylist())
    assert Vocabulary.load(undisturbed / "classes.yaml").names == tuple(CLASSES)
    left = sorted(path.name for path in undisturbed.iterdir() if not path.name.startswith("part-"))
    assert left == [".lock", "classes.yaml", "manifest.jsonl"]
    manifest = read_manifest(undisturbed)
    assert (manifest.items, manifest.errors, manifest.complete) == (250, 2, True)
    assert manifest.reasons == {"is text, not a photo": 2}


def test_the_same_rows_give_the_same_files(undisturbed: Path, tmp_path: Path) -> None:
    done(tmp_path / "out")
    for path in undisturbed.glob("part-*.parquet"):
        assert path.read_bytes() == (tmp_path / "out" / path.name).read_bytes()


@pytest.mark.parametrize("shard_size", [1, 3, 7, 20, 21, 1000])
def test_every_size_of_parts(tmp_path: Path, shard_size: int) -> None:
    report = label(made_up(21), CLASSES, tmp_path / "out", recognizer=colours(), shard_size=shard_size)
    assert [row["item"] for row in rows(tmp_path / "out")] == [f"made-up/{i}" for i in range(21)]
    assert (report.items, report.parts) == (21, -(-21 // shard_size))


# -- ended and started again ---------------------------------------------------------------------------------


class Stopped(Exception):  # noqa: N818  it is no error
    """Raised by a source in the middle."""


def stopping(count: int, at: int) -> Any:
    for number, item in enumerate(made_up(count)):
        if number == at:
            raise Stopped
        yield item


@pytest.mark.parametrize("at", [1, 39, 40, 41, 100, 249])
def test_a_source_that_breaks_down_is_gone_on_with(undisturbed: Path, tmp_path: Path, at: int) -> None:
    out = tmp_path / "out"
    with pytest.raises(Stopped):
        label(stopping(250, at), CLASSES, out, recognizer=colours(), shard_size=40)
    assert not read_manifest(out).complete
    assert read_manifest(out).items <= at
    report = label(made_up(250), CLASSES, out, recognizer=colours(), shard_size=40, resume=True)
    assert same(rows(out), rows(undisturbed))
    assert (report.items, report.kept % 40) == (250, 0)
    assert list(out.glob("*.rows")) == []


def test_what_is_done_is_not_read_again(tmp_path: Path) -> None:
    folder = write_photos(tmp_path / "photos", 50)
    out = tmp_path / "out"
    label(folder, CLASSES, out, recognizer=colours(), shard_size=10)
    expected = rows(out)
    lines = (out / "manifest.jsonl").read_text("utf-8").splitlines(keepends=True)
    (out / "manifest.jsonl").write_text("".join(lines[:-2]), "utf-8")  # without the last part and the end
    for number in range(40):
        (folder / f"{number:04}.png").write_bytes(b"nobody reads this any more")
    report = label(folder, CLASSES, out, recognizer=colours(), shard_size=10, resume=True)
    assert report.kept == 40
    assert rows(out) == expected


def test_rows_of_the_part_that_was_being_made_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_photos(tmp_path / "photos", 60)
    out = tmp_path / "out"

    def broken(self: Labeller, references: Any) -> Any:
        taken = 0
        for table in tables(self, references):
            yield table
            taken += len(table)
            if taken >= 35:
                raise Stopped

    tables = Labeller.tables
    monkeypatch.setattr(Labeller, "tables", broken)
    with pytest.raises(Stopped):
        label(folder, CLASSES, out, recognizer=colours(), shard_size=1000)
    monkeypatch.undo()
    assert read_manifest(out).items == 0
    for number in range(30):
        (folder / f"{number:04}.png").write_bytes(b"nobody reads this any more")
    label(folder, CLASSES, out, recognizer=colours(), shard_size=1000, resume=True)
    assert [row["error"] for row in rows(out)] == [None] * 60


def _frame(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    data: bytes = sink.getvalue().to_pybytes()
    return struct.pack("<QI", len(data), zlib.crc32(data)) + data


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "noise", "other columns"])
def test_a_damaged_journal_costs_time_and_no_row(undisturbed: Path, tmp_path: Path, damage: str) -> None:
    out = tmp_path / "out"
    with pytest.raises(Stopped):
        label(stopping(250, 70), CLASSES, out, recognizer=colours(), shard_size=40)
    (journal,) = out.glob("*.rows")
    data = journal.read_bytes()
    damaged = {
        "cut": data[:-3],
        "flip": data[:40] + bytes([data[40] ^ 1]) + data[41:],
        "empty": b"",
        "noise": b"\xff" * 100,
        "other columns": _frame(pa.table({"item": ["made-up/40"]})),
    }[damage]
    journal.write_bytes(damaged)
    label(made_up(250), CLASSES, out, recognizer=colours(), shard_size=40, resume=True)
    assert same(rows(out), rows(undisturbed))


def test_rows_are_not_kept_twice_when_the_run_is_stopped_just_then(tmp_path: Path) -> None:
    class Stopping(Journal):
        def _write(self, data: bytes) -> None:
            super()._write(data)
            raise KeyboardInterrupt

    table = pa.table({"item": ["a", "b"]})
    journal = Stopping(tmp_path, interval=0.0)
    with pytest.raises(KeyboardInterrupt):
        journal.add(0, table)
    journal.flush()  # as a run does at its end
    journal.close()
    assert read_journal(tmp_path, table.schema, ())[0].column("item").to_pylist() == ["a", "b"]


def test_a_journal_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work", "utf-8")
    (tmp_path / "part-000000.rows").symlink_to(tmp_path / "thesis.tex")
    assert read_journal(tmp_path, pa.schema([]), ()) == {}
    assert (tmp_path / "thesis.tex").read_text("utf-8") == "years of work"
    assert not (tmp_path / "part-000000.rows").is_symlink()


def unfinished(undisturbed: Path, out: Path, lines: int) -> list[str]:
    """Copy an output as if its run had ended after so many lines of its manifest; return all lines."""
    shutil.copytree(undisturbed, out)
    all_lines = (out / "manifest.jsonl").read_text("utf-8").splitlines(keepends=True)
    (out / "manifest.jsonl").write_text("".join(all_lines[:lines]), "utf-8")
    return all_lines


def again(out: Path, **changes: Any) -> Any:
    options: dict[str, Any] = {"recognizer": colours(), "shard_size": 40, "resume": True, **changes}
    return label(made_up(250), options.pop("vocabulary", CLASSES), out, **options)


def test_a_part_without_a_line_is_made_again(undisturbed: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    unfinished(undisturbed, out, 4)  # header, parts 0 to 2
    (out / "part-000003.parquet").write_bytes(b"written, and then the power failed")
    assert again(out).kept == 120
    assert same(rows(out), rows(undisturbed))


def test_a_torn_line_is_cut_away(undisturbed: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    lines = unfinished(undisturbed, out, 4)
    with (out / "manifest.jsonl").open("a", encoding="utf-8") as file:
        file.write(lines[4][:30])
    assert again(out).kept == 120
    assert same(rows(out), rows(undisturbed))
    assert (out / "manifest.jsonl").read_text("utf-8") == "".join(lines)


def test_a_part_with_a_line_that_is_gone_is_made_again(undisturbed: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    unfinished(undisturbed, out, 99)
    (out / "part-000002.parquet").unlink()
    (out / "part-000004.parquet").write_bytes(b"short")
    with pytest.raises(InputError, match=r"got a finished run of which 2 parts are missing or damaged\. Make them ag"):
        again(out, resume=False)
    assert again(out).kept == 170
    assert same(rows(out), rows(undisturbed))
    manifest = read_manifest(out)
    assert (manifest.items, len(manifest.parts), manifest.complete) == (250, 7, True)


def test_drafts_that_were_left_are_removed(undisturbed: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    unfinished(undisturbed, out, 4)
    (out / "part-000003.parquet.0123abcd.partial").write_bytes(b"half a part")
    again(out)
    assert list(out.glob("*.partial")) == []
    assert same(rows(out), rows(undisturbed))


def test_a_run_that_ended_before_its_manifest_is_begun_anew(tmp_path: Path, undisturbed: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / ".lock").touch()
    (out / "classes.yaml").write_text("- other\n", "utf-8")
    (out / "manifest.jsonl.partial").write_text("{", "utf-8")
    done(out)
    assert same(rows(out), rows(undisturbed))
    assert Vocabulary.load(out / "classes.yaml").names == tuple(CLASSES)


def test_a_finished_run_says_so(undisturbed: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(undisturbed, out)
    before = {path.name: path.stat().st_mtime_ns for path in out.iterdir()}
    for resume in (False, True):
        report = again(out, resume=resume)
        assert (report.items, report.kept) == (250, 250)
        assert "all of them were done already" in str(report)
    assert {path.name: path.stat().st_mtime_ns for path in out.iterdir()} == before


KILLER = """
import os, random, signal, sys, time
from pathlib import Path
import pyarrow.parquet
import unseen.labelling.journal as journal
import unseen.labelling.run, unseen.tasks.judge
from tests.labelling_kit import CLASSES, colours, made_up
from unseen.labelling import label

def run(out):
    # A frame for every batch, so that there are as many moments as possible to be killed at.
    make = journal.Journal.__init__
    journal.Journal.__init__ = lambda self, folder, interval=0.0: make(self, folder, interval=0.0)
    label(made_up(250), CLASSES, out, recognizer=colours(delay=0.01), shard_size=40, resume=True)

def killed(out):
    # How often a run was killed until it ended by itself.
    for kills in range(1000):
        child = os.fork()
        if child == 0:
            run(out)
            os._exit(0)
        limit = time.monotonic() + random.uniform(0.02, 0.2 + 0.02 * kills)
        ended = 0
        while time.monotonic() < limit and not ended:
            time.sleep(0.001)
            ended, status = os.waitpid(child, os.WNOHANG)
        if not ended:
            os.kill(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status):
            assert os.WEXITSTATUS(status) == 0
            return kills

random.seed(int(sys.argv[2]))
counts, until = [], time.monotonic() + 5
while len(counts) < 2 or (sum(counts) < 40 and time.monotonic() < until):
    counts.append(killed(Path(sys.argv[1]) / str(len(counts))))
print(*counts)
"""


def test_killed_at_random_moments(undisturbed: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")]), "OMP_NUM_THREADS": "1"}
    seed = time.time_ns() % 1000
    command = [sys.executable, "-W", "ignore", "-c", KILLER, str(tmp_path), str(seed)]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert ran.returncode == 0, f"seed {seed}: {ran.stderr}"
    counts = list(map(int, ran.stdout.split()))
    assert sum(counts) >= 6, "the runs must be killed to be tested"
    for number in range(len(counts)):
        out = tmp_path / str(number)
        assert same(rows(out), rows(undisturbed)), f"seed {seed}"
        assert read_manifest(out).complete
        assert list(out.glob("*.partial")) == list(out.glob("*.rows")) == []


def test_two_runs_on_one_output_refuse_each_other(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with Output(out) as first:
        first.begin("labels", {"a": 1})
        command = [sys.executable, "-c", f"from unseen.labelling import Output; Output({str(out)!r}, resume=True)"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
        second = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert "must be free; got one that another run is writing. Wait for it to end, or choose" in second.stderr
        with pytest.raises(InputError, match="must be free; got one that another run is writing"):
            Output(out, resume=True)
    with Output(out, resume=True) as later:
        later.begin("labels", {"a": 1})


# -- a disk that is full -------------------------------------------------------------------------------------

LIMITED = """
import resource, sys
from pathlib import Path
from tests.labelling_kit import CLASSES, colours, made_up
from unseen.errors import InputError
from unseen.labelling import label
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
try:
    label(made_up(250), CLASSES, Path(sys.argv[1]), recognizer=colours(), shard_size=40, resume=True)
except InputError as error:
    print(error)
"""


@pytest.mark.parametrize("limit", [300, 2500])
def test_a_file_that_cannot_grow_stops_the_run_with_a_hint(undisturbed: Path, tmp_path: Path, limit: int) -> None:
    out = tmp_path / "out"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")])}
    command = [sys.executable, "-W", "ignore", "-c", LIMITED, str(out), str(limit)]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert "must be writable; got File too large. Free some space or mend its rights, then run the same" in ran.stdout
    assert list(out.glob("*.partial")) == []
    again(out)
    assert same(rows(out), rows(undisturbed))


def test_a_full_disk_stops_the_run_and_is_gone_on_with(undisturbed: Path, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(small)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("mounting a small disk takes more rights; files that cannot grow are tested instead")
    try:
        ballast = small / "ballast"
        ballast.write_bytes(bytes(36 << 10))
        out = small / "out"
        with pytest.raises(InputError, match=r"must be writable; got No space left on device\. Free some space"):
            again(out)
        assert 0 < read_manifest(out).items < 250
        with pytest.raises(InputError, match="No space left"):
            again(out)
        ballast.unlink()
        again(out)
        assert same(rows(out), rows(undisturbed))
    finally:
        subprocess.run(["umount", str(small)], check=True)


# -- what is refused -----------------------------------------------------------------------------------------


def test_an_unfinished_output_needs_resume(undisturbed: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    unfinished(undisturbed, out, 4)
    with pytest.raises(InputError, match=r"got an unfinished run, with 120 items done\. Go on with it by --resume"):
        again(out, resume=False)


@pytest.mark.parametrize("resume", [False, True])
def test_a_folder_of_something_else_is_spared(tmp_path: Path, resume: bool) -> None:
    (tmp_path / "thesis.tex").write_text("years of work", "utf-8")
    with pytest.raises(InputError, match=r"new, or an empty folder; got one that holds 'thesis\.tex'"):
        again(tmp_path, resume=resume)
    assert (tmp_path / "thesis.tex").read_text("utf-8") == "years of work"


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"vocabulary": ["red", "green"]}, "classes was 3 and is 2; vocabulary_fingerprint was"),
        ({"recognizer": colours(salt="other")}, "model_fingerprint was"),
        ({"shard_size": 41}, r"; got another one\. shard_size was 40 and is 41\. Run it as it was begun"),
        ({"top_k": 1}, "top_k was 5 and is 1"),
        ({"unknown_below": 0.5}, "unknown_below was None and is 0.5"),
        ({"embeddings": True}, "embeddings was False and is True"),
    ],
)
def test_another_run_is_not_gone_on_with(
    undisturbed: Path, tmp_path: Path, changes: dict[str, Any], match: str
) -> None:
    out = tmp_path / "out"
    unfinished(undisturbed, out, 4)
    with pytest.raises(InputError, match=match):
        again(out, **changes)


def test_a_vocabulary_that_was_removed_is_not_replaced_by_another(undisturbed: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    unfinished(undisturbed, out, 4)
    (out / "classes.yaml").unlink()
    with pytest.raises(InputError, match="vocabulary_fingerprint was"):
        again(out, vocabulary=["red", "green", "grey"])
    assert not (out / "classes.yaml").exists()
    again(out)
    assert Vocabulary.load(out / "classes.yaml").names == tuple(CLASSES)


def test_very_many_paths_are_described_by_their_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unseen.labelling.run._LONGEST_DESCRIPTION", 100)
    paths = sorted(write_photos(tmp_path / "photos", 5).iterdir())
    label(paths, CLASSES, tmp_path / "out", recognizer=colours())
    (told,) = read_manifest(tmp_path / "out").settings["source"]
    assert re.fullmatch(r"<5 paths of SHA-256 [0-9a-f]{64}>", told)
    assert label(paths, CLASSES, tmp_path / "out", recognizer=colours()).kept == 5
    with pytest.raises(InputError, match=r"source was .* and is"):
        label(paths[:4], CLASSES, tmp_path / "out", recognizer=colours())


def test_settings_that_could_not_be_read_again_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unseen.labelling.manifest.LONGEST_LINE", 100)
    with Output(tmp_path / "out") as output, pytest.raises(InputError, match="the settings must be of 16 million"):
        output.begin("labels", {"threshold": {f"class {i}": 0.5 for i in range(9)}})


def test_names_that_no_table_can_hold_are_spelled_out(tmp_path: Path) -> None:
    items = [Item(name, np.zeros((4, 4, 3), np.uint8)) for name in ("a\udc80b", "c\nd", 7)]  # type: ignore[arg-type]
    label(iter(items), CLASSES, tmp_path / "out", recognizer=colours())
    assert [row["item"] for row in rows(tmp_path / "out")] == ["a\\udc80b", "c\\nd", "7"]


def test_embeddings_are_not_labels(undisturbed: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    unfinished(undisturbed, out, 4)
    with pytest.raises(InputError, match="it holds labels, and embeddings are asked for"):
        embed(made_up(250), out, recognizer=colours(), shard_size=40, resume=True)


@pytest.mark.parametrize(
    ("source", "match"),
    [
        (lambda: made_up(250, first=1), "up to item 1 and beyond; got other names among items 1 to 40"),
        (lambda: made_up(100), "up to item 81 and beyond; got 20 items in place of 40 from there on"),
        (lambda: made_up(80), "up to item 81 and beyond; got only 80 items"),
    ],
)
def test_a_changed_source_is_noticed(undisturbed: Path, tmp_path: Path, source: Any, match: str) -> None:
    out = tmp_path / "out"
    unfinished(undisturbed, out, 4)
    with pytest.raises(InputError, match=match):
        label(source(), CLASSES, out, recognizer=colours(), shard_size=40, resume=True)


@pytest.mark.parametrize(
    ("source", "match"),
    [
        (lambda: made_up(250, first=1), "up to item 1 and beyond; got another name for item 1"),
        (lambda: made_up(12), "got only 12 items"),
    ],
)
def test_a_changed_source_is_noticed_within_a_part(tmp_path: Path, source: Any, match: str) -> None:
    out = tmp_path / "out"
    with pytest.raises(Stopped):
        label(stopping(250, 200), CLASSES, out, recognizer=colours(), shard_size=1000)
    with pytest.raises(InputError, match=match):
        label(source(), CLASSES, out, recognizer=colours(), shard_size=1000, resume=True)


def test_a_source_that_grew_at_its_end_is_labelled_to_its_end(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(Stopped):
        label(stopping(250, 100), CLASSES, out, recognizer=colours(), shard_size=40)
    report = label(made_up(300), CLASSES, out, recognizer=colours(), shard_size=40, resume=True)
    assert report.items == 300


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"shard_size": 0}, "labelling: shard_size must be a whole number at least 1 and at most 1e"),
        ({"shard_size": 2.5}, "shard_size must be a whole number"),
        ({"engine": "spark"}, "labelling: engine must be 'local' or 'ray'; got 'spark'"),
        ({"resume": "yes"}, "labelling: resume must be True or False"),
        ({"embeddings": 1}, "labelling: embeddings must be True or False"),
        ({"column": "path"}, "column must be None where no table is read; got 'path'. Tables end in .csv"),
        ({"every": 2}, "every must be None where no video is read; got 2"),
        ({"engine": "ray"}, "recognizer must be a name or a folder, where workers are to load it"),
    ],
)
def test_options_that_do_not_fit(tmp_path: Path, options: dict[str, Any], match: str) -> None:
    with pytest.raises(InputError, match=match):
        label([photo(1)], CLASSES, tmp_path / "out", **{"recognizer": colours(), **options})


def test_nothing_to_label(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least one photo"):
        label(iter([]), CLASSES, tmp_path / "out", recognizer=colours())
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no images found"):
        label(tmp_path / "empty", CLASSES, tmp_path / "out", recognizer=colours())
    (tmp_path / "list.csv").write_text("path\n", "utf-8")
    with pytest.raises(InputError, match=r"source must be one with at least one photo; got none in .*list\.csv"):
        label(tmp_path / "list.csv", CLASSES, tmp_path / "out", recognizer=colours())
    assert not (tmp_path / "out").exists()


def test_the_output_is_not_the_source(tmp_path: Path) -> None:
    folder = write_photos(tmp_path / "photos", 2)
    with pytest.raises(InputError, match="out must be another folder than the source"):
        label(folder, CLASSES, folder, recognizer=colours())


def test_an_output_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"must be writable; got (File exists|Not a directory)"):
        label(made_up(2), CLASSES, tmp_path / "file", recognizer=colours())


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "got one without a header"),
        ('{"format": "other"}\n', "got format 'other', version None"),
        ('{"format": "unseen-labels", "version": 2}\n', "version 2"),
        ('{"format": "unseen-labels", "version": 1, "kind": "x", "settings": {}}\n', "got a damaged header"),
        (
            '{"format": "unseen-labels", "version": 1, "kind": "labels", "settings": {}}\n[1]\n',
            "a line that is no object",
        ),
        (
            '{"format": "unseen-labels", "version": 1, "kind": "labels", "settings": {}}\n{"part": -1}\n',
            "a line of the manifest must be about a part",
        ),
        (
            '{"format": "unseen-labels", "version": 1, "kind": "labels", "settings": {}}\n{x\n{}\n',
            "a damaged line at byte",
        ),
    ],
)
def test_a_damaged_manifest_is_refused(tmp_path: Path, text: str, match: str) -> None:
    (tmp_path / "manifest.jsonl").write_text(text, "utf-8")
    with pytest.raises(InputError, match=match):
        read_manifest(tmp_path)


def test_no_manifest(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"got none\. Point at a folder that `unseen label` wrote"):
        read_manifest(tmp_path)


# -- pieces --------------------------------------------------------------------------------------------------


def test_reasons_are_counted_by_kind() -> None:
    assert reason_of("too large: 9 x 9; scale it") == "too large"
    assert reason_of("cannot be read: no such file") == "cannot be read: no such file"
    assert reason_of("is text, not a photo") == "is text, not a photo"
    counts = count_reasons(f"odd {number}" for number in range(60))
    assert counts[OTHER] == 10
    assert len(counts) == 51


def test_shards_can_be_labelled_by_anybody(undisturbed: Path, tmp_path: Path) -> None:
    import pickle

    folder = write_photos(tmp_path / "photos", 50)
    label(folder, CLASSES, tmp_path / "local", recognizer=colours(), shard_size=20)
    out = tmp_path / "out"
    labeller = Labeller(colours(), Vocabulary.from_names(CLASSES), options={"top_k": 5, "unknown_below": None})
    with Output(out) as output:
        output.begin("labels", {})
        shards = list(plan_shards(open_source(folder), 20, output.done))
        assert [(shard.index, shard.first, len(shard.references)) for shard in shards] == [
            (0, 0, 20),
            (1, 20, 20),
            (2, 40, 10),
        ]
        for shard in reversed(pickle.loads(pickle.dumps(shards))):  # noqa: S301  our own, as a cluster sends them
            summary = label_shard(shard, labeller, out)
            assert isinstance(summary, PartSummary)
            output.record(pickle.loads(pickle.dumps(summary)))  # noqa: S301  likewise
        assert list(plan_shards(open_source(folder), 20, output.done)) == []
        output.finish()
    assert same(rows(out), rows(tmp_path / "local"))
    assert list(read_manifest(out).parts) == [0, 1, 2]


def test_a_job_makes_a_labeller() -> None:
    vocabulary = Vocabulary.from_names(["zebra", "okapi"])
    job = Job("default", vocabulary, embeddings=True, options={"top_k": 1, "unknown_below": None})
    labeller = job.labeller()
    assert labeller.settings["model"] == "default"
    assert labeller.settings["top_k"] == 1
    (table,) = labeller.tables(open_source([photo(1)]))
    assert table.column("names").to_pylist() in ([["zebra"]], [["okapi"]])
    assert table.schema == labeller.schema


def test_vectors_too_large_for_16_bits_are_refused(tmp_path: Path) -> None:
    class Loud(type(colours().encoder)):  # type: ignore[misc]
        def _encode_pixels(self, pixels: Any) -> Any:
            return super()._encode_pixels(pixels) * np.float32(1e6)

    from unseen import Recognizer
    from unseen.errors import ModelError

    recognizer = Recognizer(Loud(), heads=colours().heads)
    with pytest.raises(ModelError, match="vectors must fit into 16-bit floats; got larger ones"):
        embed(made_up(3), tmp_path / "out", recognizer=recognizer)


def test_a_part_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    table = pa.table({"item": ["a"], "error": pa.array([None], pa.string())})
    (tmp_path / "part-000000.parquet").mkdir()
    with pytest.raises(InputError, match=r"must be writable; got (Is a directory|File exists)"):
        write_part(tmp_path, 0, 0, table)
    assert list(tmp_path.glob("*.partial")) == []


def test_threads_end_when_a_run_is_left(tmp_path: Path) -> None:
    import threading

    with pytest.raises(Stopped):
        label(stopping(250, 100), CLASSES, tmp_path / "out", recognizer=colours(), shard_size=40)
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("unseen-")] == []


def test_advance_counts_every_item_once(undisturbed: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    unfinished(undisturbed, out, 4)
    counts: list[int] = []
    again(out, advance=counts.append)
    assert counts[0] == 120
    assert sum(counts) == 250


@pytest.mark.parametrize(("version", "told"), [("0.0.1", "version '0.0.1'"), (None, "an unknown version")])
def test_another_version_is_remarked_on(undisturbed: Path, tmp_path: Path, version: str | None, told: str) -> None:
    out = tmp_path / "out"
    lines = unfinished(undisturbed, out, 4)
    header = json.loads(lines[0])
    header["unseen"] = version
    if version is None:
        del header["unseen"]
    (out / "manifest.jsonl").write_text(json.dumps(header) + "\n" + "".join(lines[1:4]), "utf-8")
    with pytest.warns(OtherVersionWarning, match=rf"the run into '.*out' was begun by {told} of unseen, and this is "):
        again(out)
    assert same(rows(out), rows(undisturbed))
    assert again(out).kept == 250  # nothing left to make: nothing to remark on, and warnings are errors here
