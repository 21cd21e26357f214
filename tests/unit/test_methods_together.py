"""What methods that score all vectors together have in common: limits, symmetries, examples."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.groups import beside

from unseen import Prototypes
from unseen.errors import InputError
from unseen.methods.borrowing.tip_adapter import TipAdapter
from unseen.methods.meta.label_propagation import LabelPropagation
from unseen.methods.meta.transclip import TransCLIP
from unseen.methods.projection.cosine import Cosine
from unseen.methods.projection.ridge import Ridge

X, Y, P = beside(5, 48, 12, offset=1.6, noise=1.2)
PLAIN = Cosine().class_scores(X, prototypes=P)

Together = TransCLIP | LabelPropagation


@pytest.fixture(params=["transclip", "label_propagation"])
def model(request: pytest.FixtureRequest) -> Together:
    return made(request.param)


def made(name: str) -> Together:
    return TransCLIP(scale=20.0) if name == "transclip" else LabelPropagation()


def idle(model: Together) -> Together:
    model.set_params(**({"n_iterations": 0} if isinstance(model, TransCLIP) else {"alpha": 0}))
    return model


def test_it_helps_where_groups_are_classes(model: Together) -> None:
    before = np.mean(np.array(P.names)[PLAIN.argmax(axis=1)] == Y)
    assert before < 0.95
    assert np.mean(model.predict(X, prototypes=P) == Y) > before + 0.03


def test_without_company_it_is_the_method_inside(model: Together) -> None:
    np.testing.assert_allclose(model.class_scores(X[:1], prototypes=P), PLAIN[:1], atol=1e-12)
    np.testing.assert_allclose(model.class_scores(np.tile(X[:1], (9, 1)), prototypes=P), PLAIN[[0] * 9], atol=1e-12)
    one = P.subset(["c3"])
    np.testing.assert_allclose(model.class_scores(X, prototypes=one), PLAIN[:, 3:4], atol=1e-12)
    np.testing.assert_allclose(idle(model).class_scores(X, prototypes=P), PLAIN, atol=1e-12)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**31 - 1), st.sampled_from(["transclip", "label_propagation"]))
def test_order_moves_answers_and_nothing_else(seed: int, name: str) -> None:
    rng = np.random.default_rng(seed)
    rows, classes = rng.permutation(len(X)), rng.permutation(5)
    whole = made(name).class_scores(X, prototypes=P)
    moved = made(name).class_scores(X[rows], prototypes=P.subset([P.names[i] for i in classes]))
    np.testing.assert_array_equal(moved, whole[np.ix_(rows, classes)])


def test_equal_vectors_and_equal_classes_count_once(model: Together) -> None:
    whole = model.class_scores(X, prototypes=P)
    copies = np.concatenate([X, X[:7], X[:1]])
    np.testing.assert_array_equal(model.class_scores(copies, prototypes=P), whole[np.r_[: len(X), :7, 0]])
    double = Prototypes([*P.names, "again"], np.concatenate([P.vectors, P.vectors[2:3]]))
    np.testing.assert_array_equal(model.class_scores(X, prototypes=double), whole[:, [0, 1, 2, 3, 4, 2]])


@pytest.mark.parametrize("n", [2, 3])
def test_fewer_vectors_than_neighbours(model: Together, n: int) -> None:
    scores = model.set_params(n_neighbors=50).class_scores(X[:n], prototypes=P)
    assert np.isfinite(scores).all()
    fitted = model.fit(X[:2], Y[:2], prototypes=P).class_scores(X[:n], prototypes=P)
    assert np.isfinite(fitted).all()


def test_scores_that_are_all_alike_stay_alike(model: Together) -> None:
    flat = np.zeros((6, 48))
    flat[:, 0] = np.arange(1, 7)  # of one direction, which no prototype has a part in
    p = Prototypes(P.names, np.c_[np.zeros(5), P.vectors[:, 1:]])
    scores = model.class_scores(flat, prototypes=p)
    np.testing.assert_allclose(scores, scores[:, :1].repeat(5, axis=1), atol=1e-9)


def test_examples_of_classes_that_are_not_asked_for_have_no_part(model: Together) -> None:
    alone = model.class_scores(X, prototypes=P)
    other = Prototypes([*P.names, "far"], np.concatenate([P.vectors, -P.vectors[:1]]))
    fitted = model.fit(np.ones((3, 48)), ["far"] * 3, prototypes=other)
    np.testing.assert_array_equal(fitted.class_scores(X, prototypes=P), alone)


def test_fitted_without_prototypes_it_scores_one_by_one(model: Together) -> None:
    fitted = model.fit(X, Y)
    alone = np.concatenate([fitted.class_scores(X[i : i + 1]) for i in range(len(X))])
    np.testing.assert_allclose(fitted.class_scores(X), alone, atol=1e-12)
    assert fitted.alone_
    assert not fitted.fit(X, Y, prototypes=P).alone_


def test_around_a_fitted_method(model: Together) -> None:
    alone = model.class_scores(X, prototypes=P)
    np.testing.assert_array_equal(model.around(Cosine()).class_scores(X, prototypes=P), alone)
    ridge = Ridge().fit(X, Y, prototypes=P)
    assert np.isfinite(model.around(ridge).class_scores(X, prototypes=P)).all()
    with pytest.raises(InputError, match=f"{type(model).__name__}: fitted must be an inductive method; got TransCLIP"):
        model.around(TransCLIP())
    with pytest.raises(Exception, match="not fitted yet"):
        model.around(Ridge())
    still = idle(model).around(ridge)
    np.testing.assert_allclose(still.class_scores(X, prototypes=P), ridge.class_scores(X, prototypes=P), atol=1e-12)
    # What an earlier fit left has no part.
    tip = TipAdapter(1.0, beta=3.0).fit(X[::4], Y[::4], prototypes=P)
    again = still.fit(X, Y, prototypes=P).around(tip)
    np.testing.assert_allclose(again.class_scores(X, prototypes=P), tip.class_scores(X, prototypes=P), atol=1e-12)


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"n_neighbors": 0}, "n_neighbors must be a whole number at least 1; got 0"),
        ({"n_neighbors": 2.5}, r"n_neighbors must be a whole number at least 1; got 2\.5"),
        ({"scale": 0}, "scale must be a number above 0; got 0"),
        ({"scale": None}, "scale must be a number above 0; got None"),
        ({"method": TransCLIP()}, "method must be an inductive method or None; got TransCLIP"),
    ],
)
def test_messages(model: Together, params: dict[str, Any], match: str) -> None:
    with pytest.raises(InputError, match=f"{type(model).__name__}: {match}"):
        model.set_params(**params).fit(X, Y, prototypes=P)
    if "method" not in params:
        with pytest.raises(InputError, match=match):
            model.class_scores(X, prototypes=P)
