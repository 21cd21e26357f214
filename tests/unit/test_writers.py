"""Writers: what they refuse, what they leave behind, and that they stream."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from unseen import Predictions
from unseen.errors import InputError
from unseen.results import COLUMNS
from unseen.writers import FORMATS, ParquetWriter, arrow_table, check_writable, format_of, open_writer

SUFFIXES = list(FORMATS)


def part(n: int, first: int = 0) -> Predictions:
    """Return n items of two ranks."""
    return Predictions(
        [f"{i}.jpg" for i in range(first, first + n)],
        ["okapi", "zebra"],
        np.tile([0, 1], (n, 1)),
        np.tile([0.75, 0.25], (n, 1)),
        np.ones(n),
        np.zeros(n, bool),
        [None] * n,
    )


def read(path: Path) -> list[dict[str, Any]]:
    kind = format_of(path)
    if kind == "parquet":
        rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
        return rows
    if kind == "jsonl":
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    lines = [line.split(",") for line in path.read_text("utf-8").splitlines()]
    assert tuple(lines.pop(0)) == COLUMNS
    return [
        dict(zip(COLUMNS, (item, int(rank), name, float(share), unknown == "true", None), strict=True))
        for item, rank, name, share, unknown, _ in lines
    ]


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.csv", "csv"), ("a.CSV", "csv"), ("a.b.jsonl", "jsonl"), ("a.ndjson", "jsonl"), ("a.parquet", "parquet")],
)
def test_format_of(name: str, kind: str) -> None:
    assert format_of(Path(name)) == kind


@pytest.mark.parametrize("name", ["a.xlsx", "a", "csv", ".csv"])
def test_unknown_suffix(name: str, tmp_path: Path) -> None:
    match = (
        r"^writers: the output file's suffix must be one of \.csv, \.jsonl, \.ndjson, \.parquet, \.pq; got "
        rf"'{name}'\. Rename the output file\.$"
    )
    with pytest.raises(InputError, match=match):
        open_writer(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_unknown_kind(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"kind must be one of csv, jsonl, parquet; got 'xml'\. Choose one of these\."):
        open_writer(tmp_path / "a.csv", kind="xml")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_parts_are_appended(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"out{suffix}"
    with open_writer(path) as writer:
        writer.write(part(2))
        writer.write(part(0))
        writer.write(part(1, first=2))
    assert read(path) == part(3).rows()
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_no_rows_make_a_valid_file(suffix: str, tmp_path: Path) -> None:
    with open_writer(tmp_path / f"out{suffix}"):
        pass
    assert read(tmp_path / f"out{suffix}") == []


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_file_appears_when_it_is_complete(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"out{suffix}"
    path.write_text("what was there before")
    with open_writer(path) as writer:
        writer.write(part(2))
        assert path.read_text() == "what was there before"
        assert (tmp_path / f"out{suffix}.partial").exists()
    assert len(read(path)) == 4


@pytest.mark.parametrize("stop", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_stopped_run_leaves_its_part_beside(suffix: str, stop: type[BaseException], tmp_path: Path) -> None:
    path = tmp_path / f"out{suffix}"
    path.write_text("what was there before")

    def stopped() -> None:
        with open_writer(path) as writer:
            writer.write(part(2))
            raise stop("stopped")

    with pytest.raises(stop, match=r"^stopped$"):
        stopped()
    assert path.read_text() == "what was there before"
    (tmp_path / f"out{suffix}.partial").rename(tmp_path / f"part{suffix}")
    assert read(tmp_path / f"part{suffix}") == part(2).rows()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_folder_that_is_missing(suffix: str, tmp_path: Path) -> None:
    with pytest.raises(
        InputError,
        match=r"^writers: the output file '.*out.*' must be writable; got No such file or directory\. Choose",
    ):
        open_writer(tmp_path / "missing" / f"out{suffix}")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_path_that_is_a_folder(suffix: str, tmp_path: Path) -> None:
    (tmp_path / f"out{suffix}").mkdir()
    with pytest.raises(InputError, match=r"the output file '.*' must be writable; got Is a directory\. Choose"):
        open_writer(tmp_path / f"out{suffix}")
    assert not (tmp_path / f"out{suffix}.partial").exists()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_parent_that_is_a_file(suffix: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"' must be writable; got Not a directory\. Choose"):
        open_writer(tmp_path / "file" / f"out{suffix}")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_to(tmp_path: Path) -> None:  # pragma: no cover
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match=r"' must be writable; got Permission denied\. Choose"):
        open_writer(tmp_path / "out.csv")


def test_text_is_on_disk_before_the_end(tmp_path: Path) -> None:
    with open_writer(tmp_path / "out.csv") as writer:
        for first in range(0, 4000, 1000):
            writer.write(part(1000, first))
        # All but a buffer's worth: rows are not held back.
        assert (tmp_path / "out.csv.partial").stat().st_size > 100_000


def test_parquet_is_written_in_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ParquetWriter, "_ROWS_PER_GROUP", 100)
    path = tmp_path / "out.parquet"
    with open_writer(path) as writer:
        assert isinstance(writer, ParquetWriter)
        for first in range(0, 120, 30):
            writer.write(part(30, first))
            assert len(writer._rows) < 100
    file = pq.ParquetFile(path)
    groups = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
    file.close()
    assert groups == [120, 120]
    assert [row["item"] for row in read(path)][::2] == [f"{i}.jpg" for i in range(120)]


def test_a_hundred_thousand_rows_to_a_group() -> None:
    assert ParquetWriter._ROWS_PER_GROUP == 100_000


def test_arrow_table_of_nothing() -> None:
    table = arrow_table([])
    assert table.num_rows == 0
    assert tuple(table.column_names) == COLUMNS


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full on this system")  # noqa: PTH110
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_disk_that_fills_up(suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / f"out{suffix}"
    monkeypatch.setattr("unseen.writers.open_alone", lambda _: os.open("/dev/full", os.O_WRONLY))

    def fill() -> None:
        with open_writer(path) as writer:
            writer.write(part(2000))

    with pytest.raises(InputError, match=r"^writers: the output file '.*' must be writable; got No space left on"):
        fill()
    assert not path.exists()


def test_what_can_be_written_later_is_known_now_and_leaves_nothing(tmp_path: Path) -> None:
    check_writable("report", "the report", tmp_path / "r.html")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InputError, match=r"^report: the report '.*' must be writable; got No such file or directory\."):
        check_writable("report", "the report", tmp_path / "missing" / "r.html")
    with pytest.raises(InputError, match=r"must be writable; got Is a directory\."):
        check_writable("report", "the report", tmp_path)


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_two_runs_on_one_output_refuse_each_other(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out.{suffix}"
    with (
        open_writer(path),
        pytest.raises(InputError, match=r"must be free; got one that another run is writing\. Wait"),
    ):
        open_writer(path)
    assert path.exists()
    with open_writer(path):  # free again
        pass


def test_a_link_in_the_place_of_the_partial_file_is_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("mine")
    (tmp_path / "out.csv.partial").symlink_to(precious)
    with pytest.raises(InputError, match="must be writable"):
        open_writer(tmp_path / "out.csv")
    assert precious.read_text() == "mine"


@pytest.mark.parametrize("item", ["=1+1", "+1", "-1", "@SUM(1)", "\tx", "\rx"])
def test_texts_are_written_exactly_even_formulas(tmp_path: Path, item: str) -> None:
    table = Predictions(
        [item, "a\rb,=1"], ["=okapi", "zebra"], np.array([[0], [1]]), np.full((2, 1), 0.5), np.ones(2),
        np.zeros(2, bool), [None] * 2,
    )  # fmt: skip
    table.to_csv(tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert [row[0] for row in rows] == ["item", item, "a\rb,=1"]
    assert [row[2] for row in rows[1:]] == ["=okapi", "zebra"]
    table.to_jsonl(tmp_path / "out.jsonl")
    assert [row["item"] for row in read(tmp_path / "out.jsonl")] == [item, "a\rb,=1"]


def test_numbers_of_a_csv_file_stay_numbers(tmp_path: Path) -> None:
    columns = {"item": "string", "score": "float32", "good": "bool_", "n": "int32"}
    with open_writer(tmp_path / "out.csv", columns=columns) as writer:
        writer.write_rows([{"item": None, "score": -0.5, "good": True, "n": -1}])
    assert (tmp_path / "out.csv").read_text("utf-8") == "item,score,good,n\n,-0.5,true,-1\n"
