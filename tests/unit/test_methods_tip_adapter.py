"""TipAdapter: by hand, what it must not touch, how it chooses, and adapting a method that is fitted already."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.groups import beside

from unseen import Prototypes
from unseen.errors import InputError
from unseen.methods.adapting import distinct_rows, known_rows
from unseen.methods.borrowing.tip_adapter import TipAdapter
from unseen.methods.meta.self_training import SelfTraining
from unseen.methods.projection.cosine import Cosine
from unseen.methods.projection.ridge import Ridge

# Eight classes in one space.
X, Y, P = beside(8, 12, 6, offset=0.9, noise=0.5)
SEEN = np.isin(Y, P.names[:5])


def test_by_hand() -> None:
    p = Prototypes(["a", "b", "c"], [[1, 0], [0, 1], [1, 1]])
    model = TipAdapter(50.0, beta=2.0, scale=10.0).fit(
        [[2.0, 0.0], [0.0, 3.0], [3.0, 4.0]], ["a", "b", "b"], prototypes=p
    )
    # Cosines of (0, 1) with the examples: 0 for a; 1 and 0.8 for b. None for c.
    scores = model.class_scores([[0.0, 5.0]], prototypes=p)
    near = [np.exp(-2.0), 1 + np.exp(-0.4), 0.0]
    expected = [0 + 5 * near[0], 1 + 5 * near[1], 0.5**0.5 + 5 * near[2]]
    np.testing.assert_allclose(scores, [expected], rtol=1e-6)


def test_without_weight_it_is_the_method_inside() -> None:
    plain = Cosine().fit(X[SEEN], Y[SEEN], prototypes=P).class_scores(X, prototypes=P)
    np.testing.assert_array_equal(
        TipAdapter(0).fit(X[SEEN], Y[SEEN], prototypes=P).class_scores(X, prototypes=P), plain
    )
    ridge = Ridge().fit(X[SEEN], Y[SEEN], prototypes=P).class_scores(X, prototypes=P)
    model = TipAdapter(0, method=Ridge()).fit(X[SEEN], Y[SEEN], prototypes=P)
    np.testing.assert_array_equal(model.class_scores(X, prototypes=P), ridge)


def test_classes_without_examples_stay_zero_shot() -> None:
    plain = Cosine().fit(X[SEEN], Y[SEEN], prototypes=P).class_scores(X, prototypes=P)
    scores = TipAdapter(5.0, beta=3.0).fit(X[SEEN], Y[SEEN], prototypes=P).class_scores(X, prototypes=P)
    np.testing.assert_array_equal(scores[:, 5:], plain[:, 5:])
    assert (scores[:, :5] > plain[:, :5]).all()


@settings(max_examples=25, deadline=None)
@given(st.permutations(range(8)), st.integers(1, 8))
def test_a_class_is_known_by_its_prototype_alone(order: list[int], n: int) -> None:
    model = TipAdapter(5.0, beta=3.0).fit(X[SEEN], Y[SEEN], prototypes=P)
    whole = model.class_scores(X[:4], prototypes=P)
    renamed = Prototypes([f"other {i}" for i in order[:n]], P.vectors[order[:n]])
    np.testing.assert_allclose(model.class_scores(X[:4], prototypes=renamed), whole[:, order[:n]], atol=1e-14)


def test_the_same_example_twice_counts_twice() -> None:
    once = TipAdapter(1.0, beta=3.0).fit(X[SEEN], Y[SEEN], prototypes=P)
    twice = TipAdapter(0.5, beta=3.0).fit(np.tile(X[SEEN], (2, 1)), np.tile(Y[SEEN], 2), prototypes=P)
    np.testing.assert_allclose(once.class_scores(X, prototypes=P), twice.class_scores(X, prototypes=P), rtol=1e-9)


def test_order_of_examples_does_not_matter() -> None:
    order = np.random.default_rng(1).permutation(np.flatnonzero(SEEN))
    first = TipAdapter().fit(X[SEEN], Y[SEEN], prototypes=P)
    second = TipAdapter().fit(X[order], Y[order], prototypes=P)
    assert (first.alpha_, first.beta_) == (second.alpha_, second.beta_)
    np.testing.assert_allclose(first.class_scores(X, prototypes=P), second.class_scores(X, prototypes=P), rtol=1e-9)


def test_what_it_chooses() -> None:
    # Texts say nothing and examples everything; and the other way round.
    rng = np.random.default_rng(0)
    y = np.repeat(P.names, 6)
    groups = rng.normal(size=(8, 12)).repeat(6, axis=0)
    told = TipAdapter(scale=20.0).fit(groups + 0.3 * rng.normal(size=(48, 12)), y, prototypes=P)
    right = TipAdapter(scale=20.0).fit(P.vectors.repeat(6, axis=0) + rng.normal(size=(48, 12)), y, prototypes=P)
    assert told.alpha_ >= 1 > right.alpha_ * np.exp(-right.beta_ * 0.3)
    fixed = TipAdapter(beta=7.0).fit(groups, y, prototypes=P)
    assert fixed.beta_ == 7.0
    fixed = TipAdapter(0.4).fit(groups, y, prototypes=P)
    assert fixed.alpha_ == 0.4


def test_useless_examples_are_given_no_weight() -> None:
    # Labels at random, texts that are right: whatever weight examples get, they only do harm.
    rng = np.random.default_rng(3)
    vectors = P.vectors.repeat(6, axis=0) + 0.1 * rng.normal(size=(48, 12))
    keys = rng.normal(size=(48, 12))
    spread = np.hstack([vectors, 5 * keys])  # what examples are compared by is noise, mostly
    texts = Prototypes(P.names, np.hstack([P.vectors, np.zeros((8, 12))]))
    model = TipAdapter(scale=100.0).fit(spread, np.repeat(P.names, 6), prototypes=texts)
    assert model.alpha_ * np.exp(-model.beta_ * 0.5) < 0.5


def test_one_example_each_leaves_nothing_to_choose_by() -> None:
    first = np.arange(0, len(Y), 6)
    model = TipAdapter().fit(X[first], Y[first], prototypes=P)
    assert (model.alpha_, model.beta_) == (1.0, 5.5)


def test_the_choice_is_made_with_some_of_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unseen.methods.borrowing.tip_adapter._CHOICE", 24)
    model = TipAdapter(scale=20.0).fit(X, Y, prototypes=P)
    assert len(model.keys_) == len(X)
    assert model.score(X, Y, prototypes=P) >= Cosine().fit(X, Y, prototypes=P).score(X, Y, prototypes=P)


def test_a_fitted_method_is_adapted_and_left_alone() -> None:
    many, names, p = beside(8, 12, 20, offset=0.9, noise=0.5, seed=1)
    first = np.isin(names, p.names[:6])
    ridge = Ridge().fit(many[first], names[first], prototypes=p)
    before = ridge.class_scores(many, prototypes=p)
    shots = np.flatnonzero(names == "c7")[:4]
    model = TipAdapter(3.0, beta=3.0).adapt(ridge, many[shots], names[shots], prototypes=p)
    np.testing.assert_array_equal(ridge.class_scores(many, prototypes=p), before)
    scores = model.class_scores(many, prototypes=p)
    np.testing.assert_array_equal(scores[:, :7], before[:, :7])
    assert (scores[:, 7] > before[:, 7]).all()
    assert model.examples_.names == ("c7",)
    assert model.classes_.tolist() == [f"c{i}" for i in range(6)]
    np.testing.assert_array_equal(model.class_scores(many), ridge.class_scores(many))


def test_a_method_that_needs_no_fit_is_adapted() -> None:
    model = TipAdapter(1.0, beta=3.0).adapt(Cosine(), X[SEEN], Y[SEEN], prototypes=P)
    fitted = TipAdapter(1.0, beta=3.0).fit(X[SEEN], Y[SEEN], prototypes=P)
    np.testing.assert_array_equal(model.class_scores(X, prototypes=P), fitted.class_scores(X, prototypes=P))
    assert model.classes_.tolist() == list(P.names[:5])


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"alpha": -1}, "TipAdapter: alpha must be a number at least 0; got -1"),
        ({"alpha": "x"}, "TipAdapter: alpha must be a number at least 0; got 'x'"),
        ({"beta": 0}, "TipAdapter: beta must be a number above 0; got 0"),
        ({"scale": 0}, "TipAdapter: scale must be a number above 0; got 0"),
        ({"method": 3}, "TipAdapter: method must be an inductive method or None; got 3. Pass an instance"),
        ({"method": SelfTraining()}, "TipAdapter: method must be an inductive method or None; got SelfTraining"),
    ],
)
def test_messages(params: dict[str, Any], match: str) -> None:
    with pytest.raises(InputError, match=match):
        TipAdapter().set_params(**params).fit(X, Y, prototypes=P)


def test_messages_of_adapt() -> None:
    ridge = Ridge().fit(X, Y, prototypes=P)
    with pytest.raises(
        InputError, match=r"TipAdapter: fitted must be an inductive method; got 3\. Pass the one to start"
    ):
        TipAdapter().adapt(3, X, Y, prototypes=P)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="TipAdapter: fitted must be an inductive method; got SelfTraining"):
        TipAdapter().adapt(SelfTraining(), X, Y, prototypes=P)
    with pytest.raises(Exception, match="not fitted yet"):
        TipAdapter().adapt(Ridge(), X, Y, prototypes=P)
    with pytest.raises(
        InputError, match="TipAdapter: X must be of 12 dimensions, like those that the method was fitted"
    ):
        TipAdapter().adapt(ridge, X[:, :5], Y, prototypes=P)
    short = Prototypes(P.names, P.vectors[:, :3])
    with pytest.raises(InputError, match="TipAdapter: prototypes must be of 12 dimensions, like those that the method"):
        TipAdapter().adapt(ridge, X, Y, prototypes=short)
    with pytest.raises(InputError, match=r"TipAdapter: prototypes must be an unseen\.Prototypes"):
        TipAdapter().adapt(ridge, X, Y, prototypes=P.vectors)  # type: ignore[arg-type]


# -- what adapters share --------------------------------------------------------------------------------------


def test_prototypes_are_known_up_to_rounding() -> None:
    rng = np.random.default_rng(0)
    seen = rng.normal(size=(40, 96)).astype(np.float32)
    asked = np.concatenate([seen[[3, 3, 17]], rng.normal(size=(5, 96)).astype(np.float32)])
    asked[1] *= 1 + 1e-5 * rng.normal(size=96)
    asked[2] += 1e-2
    assert known_rows(seen, asked).tolist() == [3, 3, -1, -1, -1, -1, -1, -1]
    assert known_rows(seen, asked[::-1]).tolist() == [-1] * 6 + [3, 3]
    assert known_rows(np.zeros((1, 4)), np.ones((2, 4))).tolist() == [-1, -1]
    assert known_rows(np.zeros((1, 4)), np.zeros((1, 4))).tolist() == [0]


def test_distinct_rows_do_not_depend_on_order() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(20, 3))[rng.integers(20, size=50)]
    rows[rng.integers(50, size=5)] = [[0.0, -0.0, 1.0]]
    first, places = distinct_rows(rows)
    np.testing.assert_array_equal(rows[first][places], rows)
    assert len(first) == len(np.unique(rows, axis=0))
    order = rng.permutation(50)
    again, _ = distinct_rows(rows[order])
    np.testing.assert_array_equal(rows[order][again], rows[first])
