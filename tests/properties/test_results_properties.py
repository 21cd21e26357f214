"""What holds of all results: nothing is lost on the way to a file."""

from __future__ import annotations

import csv
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from unseen import Predictions

# Any text that UTF-8 can hold. NUL is left out: the csv module of Python 3.11 cannot read it.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=12)


@st.composite
def predictions(draw: Any) -> Predictions:
    names = draw(st.lists(TEXT, min_size=1, max_size=4, unique=True))
    items = draw(st.lists(TEXT, max_size=5))
    n, ranks = len(items), draw(st.integers(1, len(names)))
    return Predictions(
        items,
        names,
        draw(arrays(np.intp, (n, ranks), elements=st.integers(0, len(names) - 1))),
        draw(arrays(np.float32, (n, ranks), elements=st.floats(0, 1, width=32))),
        draw(arrays(np.float32, n, elements=st.floats(0, 1, width=32))),
        draw(arrays(np.bool_, n)),
        draw(st.lists(st.none() | TEXT, min_size=n, max_size=n)),
    )


@given(predictions())
def test_rows_count_items_and_ranks(p: Predictions) -> None:
    broken = sum(error is not None for error in p.errors)
    assert len(p.rows()) == broken + (len(p) - broken) * p.top.shape[1]
    assert len(p.best()) == len(p)
    for row in p.rows():
        assert (row["error"] is None) == (row["name"] is not None) == (row["rank"] is not None)


@given(predictions())
def test_probabilities_are_the_shortest_decimals_of_themselves(p: Predictions) -> None:
    for row in p.rows():
        if row["probability"] is not None:
            same = [p.probabilities[i, row["rank"] - 1] for i, item in enumerate(p.items) if item == row["item"]]
            assert np.float32(row["probability"]) in same
            # Nine significant digits tell all float32 apart; a float64 expansion would have up to 17.
            assert row["probability"] == float(f"{row['probability']:.9g}")


@given(predictions())
@settings(deadline=None, max_examples=40)
def test_files_hold_the_rows(p: Predictions) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        p.to_csv(folder / "a.csv")
        p.to_jsonl(folder / "a.jsonl")
        p.to_parquet(folder / "a.parquet")
        with (folder / "a.csv").open(encoding="utf-8", newline="") as file:
            read = list(csv.DictReader(file))
        lines = (folder / "a.jsonl").read_bytes().decode().split("\n")[:-1]
        table = pq.read_table(folder / "a.parquet")
    plain = [
        "" if v is None else str(v).lower() if isinstance(v, bool) else str(v) for r in p.rows() for v in r.values()
    ]
    assert [value for row in read for value in row.values()] == plain
    assert [json.loads(line) for line in lines] == p.rows()
    assert table.equals(p.to_arrow())


@given(predictions())
def test_the_table_has_a_line_for_each_item(p: Predictions) -> None:
    assert len(str(p).splitlines()) == max(len(p), 1)


@given(predictions(), st.data())
def test_joining_parts_gives_the_whole(p: Predictions, data: Any) -> None:
    cut = data.draw(st.integers(0, len(p)))

    def part(rows: slice) -> Predictions:
        return Predictions(
            p.items[rows],
            p.names,
            p.top[rows],
            p.probabilities[rows],
            p.known[rows],
            p.unknown[rows],
            p.errors[rows],
        )

    assert Predictions.concatenate([part(slice(cut)), part(slice(cut, None))]).rows() == p.rows()
