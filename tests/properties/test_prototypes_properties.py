"""What holds of all prototypes."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from unseen import Prototypes

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
NUMBERS = st.floats(-(2.0**100), 2.0**100, width=32)


@st.composite
def prototypes(draw: Any) -> Prototypes:
    names = draw(st.lists(NAMES, min_size=1, max_size=6, unique=True))
    vectors = draw(arrays(np.float32, (len(names), draw(st.integers(1, 4))), elements=NUMBERS))
    seen = draw(st.none() | arrays(np.bool_, len(names)))
    return Prototypes(names, vectors, seen=seen)


@given(prototypes(), st.data())
def test_subset_keeps_names_with_their_vectors(p: Prototypes, data: Any) -> None:
    names = data.draw(st.lists(st.sampled_from(p.names), min_size=1, unique=True))
    few = p.subset(names)
    assert few.names == tuple(names)
    assert (few.seen is None) == (p.seen is None)
    for i, name in enumerate(names):
        row = p.names.index(name)
        np.testing.assert_array_equal(few.vectors[i], p.vectors[row])
        assert few.seen is None or p.seen is None or few.seen[i] == p.seen[row]


@given(prototypes())
def test_subset_there_and_back_is_the_same(p: Prototypes) -> None:
    assert p.subset(p.names[::-1]).subset(p.names) == p
    assert p.subset(p.names).fingerprint == p.fingerprint


@given(prototypes())
def test_rebuilding_gives_an_equal_one(p: Prototypes) -> None:
    again = Prototypes(list(p.names), p.vectors.astype(np.float64), seen=p.seen)
    assert again == p
    assert hash(again) == hash(p)


@given(prototypes())
def test_positions_are_the_inverse_of_names(p: Prototypes) -> None:
    assert p.positions(p.names).tolist() == list(range(p.n_classes))


@given(prototypes(), st.data())
def test_any_change_of_a_value_changes_the_fingerprint(p: Prototypes, data: Any) -> None:
    vectors = p.vectors.copy()
    place = data.draw(st.integers(0, vectors.size - 1))
    vectors.flat[place] = vectors.flat[place] + 1 if abs(vectors.flat[place]) < 1e6 else 0
    assert Prototypes(p.names, vectors, seen=p.seen).fingerprint != p.fingerprint


@given(prototypes(), NAMES)
def test_a_change_of_a_name_changes_the_fingerprint(p: Prototypes, name: str) -> None:
    if name not in p.names:
        assert Prototypes((name, *p.names[1:]), p.vectors, seen=p.seen) != p
