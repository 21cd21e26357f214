"""TransCLIP: limits, symmetries, examples, memory, messages. The updates themselves are in the parity tests."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unseen import Prototypes
from unseen.errors import InputError
from unseen.methods.borrowing.tip_adapter import TipAdapter
from unseen.methods.meta.transclip import TransCLIP
from unseen.methods.projection.cosine import Cosine
from unseen.methods.projection.ridge import Ridge


def problem(seed: int = 0, per_class: int = 12) -> tuple[Any, Any, Prototypes]:
    rng = np.random.default_rng(seed)
    p = Prototypes([f"c{i}" for i in range(5)], rng.normal(size=(5, 48)))
    groups = p.vectors + 1.6 * rng.normal(size=(5, 48))
    y = np.repeat(p.names, per_class)
    return groups.repeat(per_class, axis=0) + 1.2 * rng.normal(size=(5 * per_class, 48)), y, p


X, Y, P = problem()
PLAIN = Cosine().class_scores(X, prototypes=P)


def model(**params: Any) -> TransCLIP:
    return TransCLIP(**{"scale": 20.0, **params})


def test_it_helps_where_groups_are_classes() -> None:
    before = np.mean(Cosine().fit(X, Y, prototypes=P).predict(X, prototypes=P) == Y)
    assert before < 0.95
    assert np.mean(model().predict(X, prototypes=P) == Y) > before + 0.03


def test_without_rounds_or_company_it_is_the_method_inside() -> None:
    np.testing.assert_allclose(model(n_iterations=0).class_scores(X, prototypes=P), PLAIN, atol=1e-12)
    np.testing.assert_allclose(model().class_scores(X[:1], prototypes=P), PLAIN[:1], atol=1e-12)
    np.testing.assert_allclose(model().class_scores(np.tile(X[:1], (9, 1)), prototypes=P), PLAIN[[0] * 9], atol=1e-12)
    one = P.subset(["c3"])
    np.testing.assert_allclose(model().class_scores(X, prototypes=one), PLAIN[:, 3:4], atol=1e-12)


def test_a_heavy_text_is_all_that_counts() -> None:
    scores = model(text_weight=1e6).class_scores(X, prototypes=P)
    np.testing.assert_array_equal(scores.argmax(axis=1), PLAIN.argmax(axis=1))


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**31 - 1))
def test_order_moves_answers_and_nothing_else(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows, classes = rng.permutation(len(X)), rng.permutation(5)
    whole = model().class_scores(X, prototypes=P)
    moved = model().class_scores(X[rows], prototypes=P.subset([P.names[i] for i in classes]))
    np.testing.assert_array_equal(moved, whole[np.ix_(rows, classes)])


def test_equal_vectors_and_equal_classes_count_once() -> None:
    whole = model().class_scores(X, prototypes=P)
    copies = np.concatenate([X, X[:7], X[:1]])
    np.testing.assert_array_equal(model().class_scores(copies, prototypes=P), whole[np.r_[: len(X), :7, 0]])
    double = Prototypes([*P.names, "again"], np.concatenate([P.vectors, P.vectors[2:3]]))
    np.testing.assert_array_equal(model().class_scores(X, prototypes=double), whole[:, [0, 1, 2, 3, 4, 2]])


def test_scores_keep_the_level_of_the_zero_shot_ones() -> None:
    scores = model().class_scores(X, prototypes=P)
    level = np.log(np.exp(20 * PLAIN).sum(axis=1)) / 20
    np.testing.assert_allclose(np.log(np.exp(20 * scores).sum(axis=1)) / 20, level, atol=1e-12)


def test_examples_decide_where_texts_are_wrong() -> None:
    swapped = Prototypes(P.names[:2], P.vectors[[1, 0]])
    shots = np.concatenate([np.flatnonzero(name == Y)[:4] for name in P.names[:2]])
    rest = np.setdiff1d(np.flatnonzero(np.isin(Y, P.names[:2])), shots)
    blind = model().predict(X[rest], prototypes=swapped)
    told = model(example_weight=20.0, text_weight=0.01).fit(X[shots], Y[shots], prototypes=swapped)
    assert np.mean(blind == Y[rest]) < 0.2
    assert np.mean(told.predict(X[rest], prototypes=swapped) == Y[rest]) > 0.8


def test_examples_of_classes_that_are_not_asked_for_have_no_part() -> None:
    other = Prototypes([*P.names, "far"], np.concatenate([P.vectors, -P.vectors[:1]]))
    fitted = model().fit(np.ones((3, 48)), ["far"] * 3, prototypes=other)
    np.testing.assert_array_equal(fitted.class_scores(X, prototypes=P), model().class_scores(X, prototypes=P))


def test_fitted_without_prototypes_it_scores_one_by_one() -> None:
    fitted = model().fit(X, Y)
    alone = np.concatenate([fitted.class_scores(X[i : i + 1]) for i in range(len(X))])
    np.testing.assert_allclose(fitted.class_scores(X), alone, atol=1e-12)
    assert fitted.alone_
    assert not fitted.fit(X, Y, prototypes=P).alone_


def test_around_a_fitted_method() -> None:
    ridge = Ridge().fit(X, Y, prototypes=P)
    around = model(n_iterations=0).around(ridge)
    np.testing.assert_allclose(around.class_scores(X, prototypes=P), ridge.class_scores(X, prototypes=P), atol=1e-12)
    tip = TipAdapter(1.0, beta=3.0).fit(X[::4], Y[::4], prototypes=P)
    again = model(n_iterations=0).fit(X, Y, prototypes=P).around(tip)
    np.testing.assert_allclose(again.class_scores(X, prototypes=P), tip.class_scores(X, prototypes=P), atol=1e-12)
    np.testing.assert_array_equal(
        model().around(Cosine()).class_scores(X, prototypes=P), model().class_scores(X, prototypes=P)
    )
    with pytest.raises(InputError, match="TransCLIP: fitted must be an inductive method; got TransCLIP"):
        model().around(model())
    with pytest.raises(Exception, match="not fitted yet"):
        model().around(Ridge())


def test_single_precision_and_small_blocks_answer_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = model().class_scores(X, prototypes=P)
    monkeypatch.setattr("unseen.methods.meta.transclip._ROWS", 7)
    np.testing.assert_allclose(model().class_scores(X, prototypes=P), whole, atol=1e-10)
    monkeypatch.setattr("unseen.methods.meta.transclip._DOUBLE", 0)
    single = model().class_scores(X, prototypes=P)
    assert (single.argmax(axis=1) == whole.argmax(axis=1)).all()
    np.testing.assert_allclose(single, whole, atol=1e-3)


def test_a_class_that_nobody_is_of_stays_finite() -> None:
    far = Prototypes([*P.names, "far"], np.concatenate([P.vectors, -P.vectors[:1]]))
    scores = TransCLIP(scale=1000.0).class_scores(X, prototypes=far)
    assert np.isfinite(scores).all()
    assert (scores.argmax(axis=1) < 5).all()
    assert np.isfinite(model().class_scores(np.zeros((4, 48)), prototypes=P)).all()
    mixed = np.concatenate([np.zeros((1, 48)), X])
    assert np.isfinite(model().class_scores(mixed, prototypes=P)).all()


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"n_neighbors": 0}, "TransCLIP: n_neighbors must be a whole number at least 1; got 0"),
        ({"n_neighbors": 2.5}, "TransCLIP: n_neighbors must be a whole number at least 1; got 2.5"),
        ({"n_iterations": -1}, "TransCLIP: n_iterations must be a whole number at least 0; got -1"),
        ({"text_weight": -1}, "TransCLIP: text_weight must be a number at least 0; got -1"),
        ({"example_weight": -1}, "TransCLIP: example_weight must be a number at least 0; got -1"),
        ({"scale": 0}, "TransCLIP: scale must be a number above 0; got 0"),
        ({"method": TransCLIP()}, "TransCLIP: method must be an inductive method or None; got TransCLIP"),
    ],
)
def test_messages(params: dict[str, Any], match: str) -> None:
    with pytest.raises(InputError, match=match):
        TransCLIP().set_params(**params).fit(X, Y, prototypes=P)
    if "method" not in params:
        with pytest.raises(InputError, match=match):
            TransCLIP().set_params(**params).class_scores(X, prototypes=P)
