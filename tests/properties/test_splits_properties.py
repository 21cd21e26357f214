"""Whatever the labels, a made split proves itself; whatever the leak, it is found; whatever is written comes back."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unseen import Prototypes
from unseen.datasets import (
    Dataset,
    Split,
    distant_classes,
    random_classes,
    rare_classes,
    read_dataset,
    split_by_classes,
    write_dataset,
    write_xlsa,
)
from unseen.errors import DatasetError


@st.composite
def labels(draw: st.DrawFn) -> np.ndarray[Any, Any]:
    """Labels of 2 to 8 classes, each with at least one sample, in any order."""
    n_classes = draw(st.integers(2, 8))
    more = draw(st.lists(st.integers(0, n_classes - 1), max_size=30))
    return np.array(draw(st.permutations([*range(n_classes), *more])))


@given(labels(), st.data())
def test_every_made_split_proves_itself(y: np.ndarray[Any, Any], data: st.DataObject) -> None:
    n_classes = int(y.max()) + 1
    names = [f"class {i}" for i in range(n_classes)]
    n_unseen = data.draw(st.integers(1, n_classes - 1))
    share = data.draw(st.floats(0, 0.9))
    seed = data.draw(st.integers(0, 5))
    p = Prototypes(names, np.random.default_rng(seed).normal(size=(n_classes, 3)))
    chosen = data.draw(
        st.sampled_from(
            [
                random_classes(y, names, n_unseen=n_unseen, random_state=seed),
                rare_classes(y, names, n_unseen=n_unseen),
                distant_classes(y, p, hard=True, n_unseen=n_unseen),
                distant_classes(y, p, hard=False, n_unseen=n_unseen),
            ]
        )
    )
    assert len(set(chosen)) == n_unseen
    split = split_by_classes(y, names, chosen, seen_test_share=share, random_state=seed)
    split.check(y, names)
    parts = [split.trainval, split.test_seen, split.test_unseen]
    assert sorted(int(i) for part in parts for i in part) == list(range(len(y)))  # nothing is lost
    assert {names[i] for i in y[split.test_unseen]} == set(chosen)
    for label in np.unique(y[split.trainval]):
        n, held = (y == label).sum(), (y[split.test_seen] == label).sum()
        assert held == min(int(share * n + 0.5), n - 1)


@given(labels(), st.data())
def test_every_planted_leak_is_found(y: np.ndarray[Any, Any], data: st.DataObject) -> None:
    n_classes = int(y.max()) + 1
    names = [f"class {i}" for i in range(n_classes)]
    good = split_by_classes(y, names, names[:1], seen_test_share=0.5, random_state=0)
    parts: dict[str, Any] = {name: getattr(good, name) for name in ("trainval", "test_seen", "test_unseen")}
    leak = data.draw(st.sampled_from(["test_unseen", "test_seen"]))
    if not len(parts[leak]):
        return
    sample = data.draw(st.sampled_from(parts[leak].tolist()))
    moved = data.draw(st.booleans())
    parts["trainval"] = np.append(parts["trainval"], sample)
    if moved:  # not in both: the class must give it away
        parts[leak] = np.setdiff1d(parts[leak], [sample])
    split = Split(**parts)
    harmless = moved and (leak == "test_seen" or not len(parts[leak]))
    if harmless and len(parts["test_unseen"]):
        split.check(y, names)
    else:
        with pytest.raises(DatasetError, match=r"must be (disjoint|at least one sample)"):
            split.check(y, names)


_TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n\t,\"'"), min_size=1, max_size=12)
_NUMBER = st.floats(width=32, allow_nan=False, allow_infinity=False)


@settings(max_examples=30)
@given(
    st.lists(_TEXT, min_size=3, max_size=3, unique=True),
    st.lists(_TEXT, min_size=5, max_size=5, unique=True),
    st.lists(st.lists(_NUMBER, min_size=2, max_size=2), min_size=8, max_size=8),
)
def test_what_is_written_comes_back(names: list[str], items: list[str], numbers: list[list[float]]) -> None:
    data = Dataset(
        numbers[:5],
        [0, 0, 1, 1, 2],
        prototypes=Prototypes(names, numbers[5:]),
        split=Split([0, 2], [1], [4], train=[0], val=[2]),
        items=items,
    )
    with tempfile.TemporaryDirectory() as folder:
        for write in (write_dataset, write_xlsa):
            out = Path(folder) / write.__name__
            write(data, out)
            again = read_dataset(out)
            assert again.fingerprint == data.fingerprint
            assert again._items == data._items
