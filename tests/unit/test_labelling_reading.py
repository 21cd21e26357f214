"""Reading back what a labelling run wrote: every row, and nothing that cannot be true."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.stored import COLOURS, Colours, Row, photo, write_stored

import unseen
from unseen.errors import InputError
from unseen.labelling import embed, label
from unseen.labelling.originals import path_of
from unseen.labelling.reading import (
    EmbeddingsFolder,
    LabelledFolder,
    is_stored,
    open_embeddings,
    open_labels,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LABELS = [
    Row("a.jpg", ["cat", "dog"], [0.75, 0.25]),
    Row("b.jpg", ["dog", "cat"], [0.5, 0.5], unknown=True),
    Row("c.txt", error="is text, not a photo"),
    Row("d.jpg", ["cat", "dog"], [1.0, 0.0]),
    Row("e.jpg", ["dog", "cat"], [0.625, 0.375]),
]
VECTORS = [
    Row("a.jpg", vector=[1, 0, 0]),
    Row("b.jpg", error="is empty"),
    Row("c.jpg", vector=[0, 0.5, 0]),
    Row("d.jpg", vector=[0, 0, -2]),
]


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    return write_stored(tmp_path / "labels", LABELS, classes=["cat", "dog"], model="default")


@pytest.fixture
def vectors(tmp_path: Path) -> Path:
    return write_stored(tmp_path / "vectors", VECTORS, kind="embeddings", dim=3, model="default")


def lines_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]


def rewrite(folder: Path, lines: list[dict[str, Any]]) -> None:
    (folder / "manifest.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


# -- what is there -------------------------------------------------------------------------------------------


def test_labels_row_by_row(labels: Path) -> None:
    folder = open_labels(labels)
    assert isinstance(folder, LabelledFolder)
    assert (folder.kind, len(folder), folder.n_errors, folder.complete, folder.warning) == ("labels", 5, 1, True, None)
    parts = list(folder.iter_rows(batch_size=2))
    assert [len(rows) for rows in parts] == [2, 1, 2]
    assert [rows.first for rows in parts] == [0, 2, 3]
    assert [item for rows in parts for item in rows.items] == ["a.jpg", "b.jpg", "c.txt", "d.jpg", "e.jpg"]
    assert parts[0].names == [("cat", "dog"), ("dog", "cat")]
    assert parts[0].probabilities == [(0.75, 0.25), (0.5, 0.5)]
    assert parts[0].unknown == [False, True]
    assert parts[1].errors == ["is text, not a photo"]
    assert (parts[1].names, parts[1].sizes) == ([()], [(0, 0)])
    assert folder.vocabulary is not None
    assert folder.vocabulary.names == ("cat", "dog")
    assert repr(folder).endswith("5 items)")
    folder.verify()


def test_vectors_of_rows_without_an_error(vectors: Path) -> None:
    folder = open_labels(vectors)
    assert isinstance(folder, EmbeddingsFolder)
    assert folder.dim == 3
    parts = list(folder.iter_rows(vectors=True, batch_size=2))
    found = [rows.vectors for rows in parts]
    assert [None if v is None else v.tolist() for v in found] == [[[1, 0, 0]], [[0, 0.5, 0]], [[0, 0, -2]]]
    assert all(v is not None and v.dtype == np.float32 for v in found)
    assert [rows.vectors for rows in folder.iter_rows()] == [None, None]


def test_tables(labels: Path, vectors: Path) -> None:
    table = open_labels(labels).to_arrow()
    assert table.column("item").to_pylist() == [row.item for row in LABELS]
    assert open_labels(labels).to_pandas()["unknown"].tolist() == [False, True, None, False, False]
    assert "embedding" not in open_labels(vectors).to_arrow().column_names
    assert open_labels(vectors).to_arrow(vectors=True).column("embedding").to_pylist()[2] == [0, 0.5, 0]


def test_what_the_writer_writes_is_read(tmp_path: Path) -> None:
    paths = [photo(tmp_path / "photos" / f"{name}.png", rgb) for name, rgb in COLOURS.items()]
    recognizer = unseen.Recognizer.from_encoder(Colours())
    embed(tmp_path / "photos", tmp_path / "vectors", recognizer=recognizer, shard_size=2)
    label(
        tmp_path / "photos", ["red", "blue"], tmp_path / "labels", recognizer=recognizer, shard_size=2, embeddings=True
    )
    for name in ("vectors", "labels"):
        folder = open_embeddings(tmp_path / name)
        folder.verify()
        assert is_stored(tmp_path / name)
        stored = np.concatenate([rows.vectors for rows in folder.iter_rows(vectors=True) if rows.vectors is not None])
        expected = recognizer.encode_images(sorted(paths))
        assert stored == pytest.approx(expected, abs=1e-3)
    items = [item for rows in open_labels(tmp_path / "labels").iter_rows() for item in rows.items]
    assert [path_of(item) for item in items] == sorted(paths)


def test_labels_of_several_classes_at_once(tmp_path: Path) -> None:
    paths = [photo(tmp_path / "photos" / f"{name}.png", rgb) for name, rgb in COLOURS.items()]
    recognizer = unseen.Recognizer.from_encoder(Colours())
    label(paths, ["red", "yellow"], tmp_path / "x", recognizer=recognizer, multi_label=True, threshold=0.4)
    (rows,) = open_labels(tmp_path / "x").iter_rows()
    assert open_labels(tmp_path / "x").settings["multi_label"] is True
    assert [bool(names) for names in rows.names] == [not unknown for unknown in rows.unknown]
    assert {len(names) for names in rows.names} >= {0, 1}


def test_an_empty_run(tmp_path: Path) -> None:
    folder = open_labels(write_stored(tmp_path / "x", [], kind="embeddings", dim=3))
    assert (len(folder), folder.dim, list(folder.iter_rows(vectors=True))) == (0, None, [])
    assert folder.to_arrow().num_rows == 0


# -- runs that did not end -----------------------------------------------------------------------------------


def test_an_unfinished_run_is_read_as_far_as_it_got(labels: Path) -> None:
    rewrite(labels, lines_of(labels)[:2])
    folder = open_labels(labels)
    assert folder.warning is not None
    assert "3 items in 1 finished parts" in folder.warning
    assert sum(len(rows) for rows in folder.iter_rows()) == 3


def test_a_torn_last_line_does_not_count(labels: Path) -> None:
    path = labels / "manifest.jsonl"
    path.write_text(path.read_text()[:-20])
    folder = open_labels(labels)
    assert not folder.complete
    assert len(folder) == 5


def test_parts_of_an_unfinished_cluster_run_may_have_gaps(labels: Path) -> None:
    header, _, second, _ = lines_of(labels)
    rewrite(labels, [header, second])
    (rows,) = open_labels(labels).iter_rows()
    assert (rows.first, rows.items) == (3, ["d.jpg", "e.jpg"])


# -- what cannot be true -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"part": 7}, "parts that follow each other, the next from item 3; got part 7 from item 3"),
        ({"first": 2}, "parts that follow each other"),
        ({"errors": 9}, "9 of them errors"),
        ({"items": 1 << 40}, "parts that follow each other"),
        ({"items": -1}, "about a part"),
        ({"part": "../../etc/passwd"}, "about a part"),
        ({"items": 1}, "of 1 rows, as the manifest says; got 2 rows"),
    ],
)
def test_lines_that_contradict_the_others(labels: Path, change: dict[str, Any], says: str) -> None:
    lines = lines_of(labels)
    lines[2] |= change
    rewrite(labels, lines)
    with pytest.raises(InputError, match=says):
        list(open_labels(labels).iter_rows())


def test_a_part_that_is_missing(labels: Path) -> None:
    (labels / "part-000001.parquet").unlink()
    with pytest.raises(InputError, match=r"part-000001\.parquet must be there; got no such file\. Without that file"):
        list(open_labels(labels).iter_rows())


def test_a_part_that_leads_out_of_the_folder(labels: Path, tmp_path: Path) -> None:
    part = labels / "part-000001.parquet"
    part.rename(tmp_path / "elsewhere.parquet")
    part.symlink_to(tmp_path / "elsewhere.parquet")
    with pytest.raises(InputError, match="must be in this folder; got a link"):
        list(open_labels(labels).iter_rows())
    with pytest.raises(InputError, match="must be in this folder"):
        open_labels(labels).verify()


def test_a_part_that_was_changed(labels: Path) -> None:
    path = labels / "part-000000.parquet"
    data = bytearray(path.read_bytes())
    data[20] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(InputError, match="as it was written; got one of another digest"):
        open_labels(labels).verify()


def test_a_part_that_is_no_parquet(labels: Path) -> None:
    (labels / "part-000000.parquet").write_bytes(b"PAR1" + bytes(50))
    with pytest.raises(InputError, match="must be Parquet that can be read"):
        list(open_labels(labels).iter_rows())


def _replaced(folder: Path, change: Callable[[Any], Any], part: int = 0) -> None:
    path = folder / f"part-{part:06d}.parquet"
    pq.write_table(change(pq.read_table(path)), path)


def _column(table: Any, name: str, values: Any) -> Any:
    return table.set_column(table.column_names.index(name), name, values)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda t: t.drop_columns(["sha"]), "the column 'sha' of .* must be string; got no such column"),
        (lambda t: _column(t, "item", pa.array([1, 2, 3])), "the column 'item' of .* got int64"),
        (lambda t: _column(t, "names", pa.array(["a", "b", "c"])), "the column 'names'"),
        (
            lambda t: _column(t, "item", pa.array([b"a", b"\xff", b"c"], pa.binary()).view(pa.string())),
            "must be Parquet that can be read; got 'utf-8' codec",
        ),
        (
            lambda t: _column(t, "sha", pa.array([None, "../x", None], pa.string())),
            "the digest of row 1 .* hexadecimal",
        ),
        (lambda t: _column(t, "item", pa.array(["a", None, "c"])), "row 1 of .* an item with a name"),
        (
            lambda t: _column(t, "probabilities", pa.array([[0.5], [0.5, 0.5], None], pa.list_(pa.float32()))),
            "row 0 of .* as many classes as probabilities",
        ),
        (
            lambda t: _column(t, "probabilities", pa.array([[0.5, np.nan]] * 2 + [None], pa.list_(pa.float32()))),
            "row 0 of .* probabilities in",
        ),
    ],
)
def test_labels_of_another_shape(labels: Path, change: Callable[[Any], Any], says: str) -> None:
    _replaced(labels, change)
    with pytest.raises(InputError, match=says):
        list(open_labels(labels).iter_rows())


def _embeddings(values: Any, dim: int = 3) -> Any:
    rows = [None if row is None else [np.float16(v) for v in row] for row in values]
    return pa.array(rows, pa.list_(pa.float16(), dim))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda t: t.drop_columns(["embedding"]), "lists of float16, all of one length; got no such column"),
        (lambda t: _column(t, "embedding", pa.array([[1.0]] * 3, pa.list_(pa.float32(), 1))), "lists of float16"),
        (lambda t: _column(t, "embedding", _embeddings([[np.nan, 0, 0], None, [1, 0, 0]])), "row 0 of .* finite"),
        (lambda t: _column(t, "embedding", _embeddings([[1, 0, 0], None, [1, np.inf, 0]])), "row 2 of .* finite"),
        (lambda t: _column(t, "embedding", _embeddings([[1, 0, 0], None, None])), "row 2 of .* none, or others"),
    ],
)
def test_vectors_that_are_none(vectors: Path, change: Callable[[Any], Any], says: str) -> None:
    _replaced(vectors, change)
    with pytest.raises(InputError, match=says):
        list(open_embeddings(vectors).iter_rows(vectors=True))


def test_vectors_of_another_length_in_a_later_part(vectors: Path) -> None:
    _replaced(vectors, lambda t: _column(t, "embedding", _embeddings([[1, 0]], 2)), part=1)
    with pytest.raises(InputError, match=r"the columns of .*part-000001.* must be those of the first part"):
        list(open_embeddings(vectors).iter_rows(vectors=True))


def test_labels_without_vectors_are_no_embeddings(labels: Path) -> None:
    with pytest.raises(InputError, match=r"with embeddings; got labels alone\. Write embeddings with `unseen embed`"):
        open_embeddings(labels)


def test_what_is_no_such_folder(tmp_path: Path) -> None:
    photo(tmp_path / "photos" / "a.png", (1, 2, 3))
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "manifest.jsonl").write_text('{"format": "other"}\n')
    (tmp_path / "pipe").mkdir()
    os.mkfifo(tmp_path / "pipe" / "manifest.jsonl")
    for name in ("photos", "text", "pipe", "nowhere", "a\0b"):
        assert not is_stored(tmp_path / name)
        with pytest.raises(InputError, match="Point at a folder that `unseen label`"):
            open_labels(tmp_path / name)


def test_is_stored_looks_at_the_first_line_only(labels: Path, vectors: Path) -> None:
    assert is_stored(labels)
    assert is_stored(vectors)
    (vectors / "part-000000.parquet").unlink()
    assert is_stored(vectors)


def test_names_lead_back_to_paths(tmp_path: Path) -> None:
    from unseen.inputs.files import printable

    for name in ("a\nb.jpg", "tab\there", "back\\slash", "\x07bell", "caf\udce9.jpg", "cod\u202egpj.exe", "ü.jpg"):
        assert path_of(printable(name), tmp_path) == tmp_path / name
    assert path_of("/top/a.jpg", tmp_path).as_posix() == "/top/a.jpg"
