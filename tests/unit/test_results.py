"""Results: rows, conversions, and the table for people."""

from __future__ import annotations

import csv
import dataclasses
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from unseen import Predictions
from unseen.errors import InputError, MissingExtraError
from unseen.results import COLUMNS, Evidence, Explanation, format_table

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ["okapi", "zebra", "giraffe"]

#: A photo that is known, one that is unknown, one that is broken.
THREE = Predictions(
    ["a.jpg", "b.jpg", "c.jpg"],
    NAMES,
    [[1, 0], [2, 1], [0, 0]],
    [[0.9, 0.1], [0.5, 0.3], [np.nan, np.nan]],
    [0.8, 0.1, np.nan],
    [False, True, False],
    [None, None, "not a picture"],
    {"model": "default"},
)

ROWS = [
    ("a.jpg", 1, "zebra", 0.9, False, None),
    ("a.jpg", 2, "okapi", 0.1, False, None),
    ("b.jpg", 1, "giraffe", 0.5, True, None),
    ("b.jpg", 2, "zebra", 0.3, True, None),
    ("c.jpg", None, None, None, None, "not a picture"),
]

HOSTILE = [
    "a,b",
    'say "hi"',
    "two\nlines",
    "carriage\rreturn",
    "tab\there",
    "オカピ 🦓",
    "=1+1",
    "'",
    " pad ",
    "\u2028",
]


def hostile() -> Predictions:
    n = len(HOSTILE)
    return Predictions(
        HOSTILE, HOSTILE, np.arange(n)[:, None], np.full((n, 1), 0.5), np.ones(n), np.zeros(n, bool), [None] * n
    )


def make(**changes: Any) -> Predictions:
    """Return a result of one item, with these arguments instead."""
    arguments: dict[str, Any] = {
        "items": ["a"],
        "names": NAMES,
        "top": [[0, 1]],
        "probabilities": [[0.6, 0.4]],
        "known": [1],
        "unknown": [False],
        "errors": [None],
    }
    return Predictions(**{**arguments, **changes})


def test_rows() -> None:
    assert [tuple(row.values()) for row in THREE.rows()] == ROWS
    assert all(tuple(row) == COLUMNS for row in THREE.iter_rows())


def test_best() -> None:
    assert THREE.best() == ["zebra", None, None]


def test_length_and_attributes() -> None:
    assert len(THREE) == 3
    assert THREE.names == tuple(NAMES)
    assert THREE.settings == {"model": "default"}
    kinds = [str(a.dtype) for a in (THREE.top, THREE.probabilities, THREE.known, THREE.unknown)]
    assert kinds == ["int64", "float32", "float32", "bool"]


def test_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'items'"):
        THREE.items = ()  # type: ignore[misc]
    for array in (THREE.top, THREE.probabilities, THREE.known, THREE.unknown):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_the_callers_arrays_are_copied() -> None:
    top, settings = np.array([[0, 1]]), {"model": "x"}
    made = make(top=top, settings=settings)
    top[:], settings["model"] = 2, "y"
    assert made.top.tolist() == [[0, 1]]
    assert made.settings == {"model": "x"}


# -- conversions ---------------------------------------------------------------------------------------------


def test_to_arrow() -> None:
    table = THREE.to_arrow()
    assert table.schema.types == [pa.string(), pa.int32(), pa.string(), pa.float32(), pa.bool_(), pa.string()]
    assert [tuple(row) for row in zip(*table.to_pydict().values(), strict=True)] == [
        (*row[:3], None if row[3] is None else np.float32(row[3]), *row[4:]) for row in ROWS
    ]


def test_to_pandas() -> None:
    frame = THREE.to_pandas()
    assert tuple(frame.columns) == COLUMNS
    assert frame["item"].tolist() == [row[0] for row in ROWS]
    assert frame.loc[frame["rank"] == 1, "name"].tolist() == ["zebra", "giraffe"]
    assert frame["error"].dropna().tolist() == ["not a picture"]


def test_to_pandas_without_pandas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(
        MissingExtraError, match=r"Predictions.to_pandas needs the package 'pandas'.*pip install 'unseen\[pandas\]'"
    ):
        THREE.to_pandas()


def test_to_csv(tmp_path: Path) -> None:
    THREE.to_csv(tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_bytes().decode() == (
        "item,rank,name,probability,unknown,error\n"
        "a.jpg,1,zebra,0.9,false,\n"
        "a.jpg,2,okapi,0.1,false,\n"
        "b.jpg,1,giraffe,0.5,true,\n"
        "b.jpg,2,zebra,0.3,true,\n"
        "c.jpg,,,,,not a picture\n"
    )


def test_to_jsonl(tmp_path: Path) -> None:
    THREE.to_jsonl(tmp_path / "out.jsonl")
    lines = (tmp_path / "out.jsonl").read_text("utf-8").split("\n")
    assert lines.pop() == ""
    assert [tuple(json.loads(line).values()) for line in lines] == ROWS


def test_to_parquet(tmp_path: Path) -> None:
    THREE.to_parquet(tmp_path / "out.parquet")
    assert pq.read_table(tmp_path / "out.parquet").equals(THREE.to_arrow())


def test_to_json() -> None:
    document = json.loads(THREE.to_json(), parse_constant=lambda value: pytest.fail(f"{value} is no JSON"))
    assert document["settings"] == {"model": "default"}
    assert document["rows"] == THREE.rows()


def test_hostile_names_survive_csv(tmp_path: Path) -> None:
    hostile().to_csv(str(tmp_path / "out.csv"))
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["item"] for row in rows] == HOSTILE
    assert [row["name"] for row in rows] == HOSTILE


def test_hostile_names_survive_pandas_reading_csv(tmp_path: Path) -> None:
    import pandas as pd

    hostile().to_csv(tmp_path / "out.csv")
    assert pd.read_csv(tmp_path / "out.csv")["name"].tolist() == HOSTILE


def test_hostile_names_survive_json_lines_and_parquet(tmp_path: Path) -> None:
    hostile().to_jsonl(tmp_path / "out.jsonl")
    hostile().to_parquet(tmp_path / "out.parquet")
    lines = (tmp_path / "out.jsonl").read_text("utf-8").split("\n")[:-1]
    assert [json.loads(line)["name"] for line in lines] == HOSTILE
    assert pq.read_table(tmp_path / "out.parquet")["name"].to_pylist() == HOSTILE


def test_the_format_asked_for_beats_the_suffix(tmp_path: Path) -> None:
    THREE.to_csv(tmp_path / "out.txt")
    assert (tmp_path / "out.txt").read_text().startswith("item,rank")


# -- joining -------------------------------------------------------------------------------------------------


def test_concatenate() -> None:
    joined = Predictions.concatenate([THREE, THREE])
    assert joined.rows() == THREE.rows() * 2
    assert joined.settings == THREE.settings


def test_concatenate_nothing() -> None:
    assert Predictions.concatenate([]).rows() == []


def test_concatenate_passes_over_empty_parts() -> None:
    empty = Predictions([], NAMES, [], [], [], [], [], {"model": "default"})
    assert Predictions.concatenate([empty, THREE, empty]).rows() == THREE.rows()
    both = Predictions.concatenate([empty, empty])
    assert (len(both), both.names, both.settings) == (0, tuple(NAMES), {"model": "default"})


@pytest.mark.parametrize(
    "other", [make(names=["x", "y", "z"]), make(names=NAMES[::-1]), make(top=[[0]], probabilities=[[1]])]
)
def test_concatenate_refuses_what_does_not_fit(other: Predictions) -> None:
    with pytest.raises(
        InputError,
        match=r"Predictions: the parts' names and numbers of ranks must be the same in all; got different ones\. Join",
    ):
        Predictions.concatenate([make(), other])


# -- what is refused -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"probabilities": [[1]]}, r"probabilities must be of shape \(1, 2\); got an array of shape \(1, 1\)"),
        ({"top": [0, 1]}, r"top must be of shape \(1, 0\); got an array of shape \(2,\)"),
        ({"known": [1, 1]}, r"known must be of shape \(1,\); got an array of shape \(2,\)"),
        ({"unknown": []}, r"unknown must be of shape \(1,\); got an array of shape \(0,\)"),
        (
            {"top": [[0, 1], [0]]},
            r"top must be an array of int64; got \[\[0, 1\], \[0\]\]\. Give every item one answer",
        ),
        ({"top": "first"}, "top must be an array of int64; got 'first'"),
        ({"errors": []}, r"errors must be 1 entries, one per item; got 0\. Give every item an error or None\."),
        ({"top": [[]], "probabilities": [[]]}, "top must be of at least one rank; got an array of shape"),
        ({"top": [[0, 3]]}, r"top must be positions into the 3 names; got 3\. Count positions from 0\."),
        ({"top": [[-1, 0]]}, "top must be positions into the 3 names; got -1"),
        ({"probabilities": [[0.5, np.nan]]}, r"probabilities must be finite; got nan\. Mend the scores they come"),
        ({"probabilities": [[np.inf, 0]]}, "probabilities must be finite; got inf"),
    ],
)
def test_refused(changes: dict[str, Any], match: str) -> None:
    with pytest.raises(InputError, match=rf"^Predictions: {match}"):
        make(**changes)


def test_answers_of_broken_items_are_not_looked_at() -> None:
    made = make(top=[[-1, 9]], probabilities=[[np.nan, np.nan]], errors=["broken"])
    assert made.rows() == [dict(zip(COLUMNS, ("a", None, None, None, None, "broken"), strict=True))]
    assert make(top=[[]], probabilities=[[]], errors=["broken"]).best() == [None]


# -- for people ----------------------------------------------------------------------------------------------


def test_table() -> None:
    assert str(THREE).splitlines() == [
        "a.jpg  zebra    90%  okapi 10%",
        "b.jpg  unknown       perhaps giraffe 50%, zebra 30%",
        "c.jpg  skipped       not a picture",
    ]


def test_table_of_nothing() -> None:
    assert str(Predictions.concatenate([])) == "no items"


def test_table_is_cut() -> None:
    many = Predictions.concatenate([THREE] * 800)
    assert str(many).splitlines()[-1] == "… and 2,380 more"
    assert len(str(many).splitlines()) == 21
    assert format_table(THREE, limit=2, total=1002).splitlines()[-1] == "… and 1,000 more"
    assert len(format_table(THREE, limit=3).splitlines()) == 3


def test_long_items_keep_their_end() -> None:
    line = str(make(items=["folder/" * 20 + "photo.jpg"]))
    assert line.startswith("…")
    assert line.split("  ")[0].endswith("/photo.jpg")
    assert len(line.split("  ")[0]) == 48


def test_hostile_names_keep_the_table_in_shape() -> None:
    text = str(hostile())
    assert len(text.split("\n")) == len(text.splitlines()) == len(HOSTILE)
    assert r"two\nlines" in text
    colour = make(items=["\x1b[31mred"], names=["\x9b2J", "zebra", "x"])
    assert str(colour).isprintable()
    assert "نمی\u200cدانم" in str(make(names=["نمی\u200cدانم", "b", "c"]))
    assert str(make(errors=["line 1\nline 2"])).endswith(r"line 1\nline 2")


def test_html_is_escaped() -> None:
    page = make(items=["<script>alert('x')</script> & co"])._repr_html_()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert page.startswith("<pre>")


def test_evidence_is_plain_data() -> None:
    found = Explanation("a.jpg", "okapi", (Evidence("seen class", "zebra", 0.5),))
    assert found == Explanation("a.jpg", "okapi", (Evidence("seen class", "zebra", 0.5),))
    with pytest.raises(dataclasses.FrozenInstanceError, match="weight"):
        found.evidence[0].weight = 1  # type: ignore[misc]


# -- answers of several classes, and of fewer ----------------------------------------------------------------

#: Two labels, one, none, and a broken photo.
LABELS = Predictions(
    ["a.jpg", "b.jpg", "c.jpg", "d.jpg"],
    NAMES,
    [[1, 0, 2], [2, 1, 0], [0, 1, 2], [0, 0, 0]],
    [[0.9, 0.6, 0.1], [0.5, 0.3, 0.2], [0.4, 0.3, 0.2], [0.0, 0.0, 0.0]],
    [0.8, 0.5, 0.4, 0.0],
    [False, False, True, False],
    [None, None, None, "not a picture"],
    {"multi_label": True},
    chosen=[2, 1, 0, 0],
)


def test_rows_of_the_accepted_classes_only() -> None:
    assert [tuple(row.values()) for row in LABELS.rows()] == [
        ("a.jpg", 1, "zebra", 0.9, False, None),
        ("a.jpg", 2, "okapi", 0.6, False, None),
        ("b.jpg", 1, "giraffe", 0.5, False, None),
        ("c.jpg", None, None, None, True, None),
        ("d.jpg", None, None, None, None, "not a picture"),
    ]
    assert LABELS.accepted() == [["zebra", "okapi"], ["giraffe"], [], []]
    assert LABELS.best() == ["zebra", "giraffe", None, None]
    assert [LABELS.ranks(i) for i in range(4)] == [2, 1, 0, 0]
    assert THREE.accepted() == [["zebra", "okapi"], [], []]
    assert [THREE.ranks(i) for i in range(3)] == [2, 2, 0]


def test_the_table_of_several_classes() -> None:
    lines = [line.split() for line in str(LABELS).splitlines()]
    assert lines[0] == ["a.jpg", "zebra", "90%", "okapi", "60%"]
    assert lines[1] == ["b.jpg", "giraffe", "50%"]
    assert lines[2] == ["c.jpg", "unknown", "perhaps", "okapi", "40%,", "zebra", "30%,", "giraffe", "20%"]
    assert lines[3] == ["d.jpg", "skipped", "not", "a", "picture"]


def test_every_label_is_in_the_table_and_of_single_answers_three() -> None:
    many = [f"class {i}" for i in range(6)]
    top, shares = [list(range(6))], [[0.9, 0.8, 0.7, 0.6, 0.5, 0.4]]
    labels = make(names=many, top=top, probabilities=shares, settings={"multi_label": True}, chosen=[5])
    assert "class 4" in str(labels)
    assert "class 5" not in str(labels)
    single = make(names=many, top=top, probabilities=shares)
    assert "class 2" in str(single)
    assert "class 3" not in str(single)


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_files_of_several_classes(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out.{suffix}"
    getattr(LABELS, f"to_{suffix}")(path)
    if suffix == "parquet":
        read = pq.read_table(path).to_pylist()
    elif suffix == "jsonl":
        read = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    else:
        with path.open(newline="") as file:
            read = list(csv.DictReader(file))
        assert [row["unknown"] for row in read] == ["false", "false", "false", "true", ""]
    assert [row["name"] or None for row in read] == ["zebra", "okapi", "giraffe", None, None]


def test_joining_keeps_what_was_chosen() -> None:
    joined = Predictions.concatenate([LABELS, LABELS])
    assert joined.rows() == LABELS.rows() * 2
    with pytest.raises(InputError, match="the parts' names and numbers of ranks must be the same in all"):
        Predictions.concatenate([LABELS, replace_chosen(None)])


def replace_chosen(chosen: Any) -> Predictions:
    p = LABELS
    return Predictions(p.items, p.names, p.top, p.probabilities, p.known, p.unknown, p.errors, chosen=chosen)


@pytest.mark.parametrize("chosen", [[1], [4, 0, 0, 0], [-1, 0, 0, 0], [[1, 1, 1, 1]]])
def test_counts_that_are_none(chosen: Any) -> None:
    with pytest.raises(
        InputError, match=r"chosen must be 4 numbers from 0 to 3; got .*Count ranks, one number an item"
    ):
        replace_chosen(chosen)
    with pytest.raises(InputError, match="chosen must be an array of int"):
        replace_chosen(["many"] * 4)
