"""LabelPropagation: limits, symmetries, examples, messages. The system itself is in the parity tests."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import sparse

from unseen import Prototypes
from unseen.errors import InputError
from unseen.methods.meta.label_propagation import LabelPropagation, _solve
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


def test_two_vectors_and_two_classes_by_hand() -> None:
    # Edges: x1 - a 1, x2 - b 1, x1 - x2 0.6; x1 - b and x2 - a weigh 0 and 0.6^gamma = 0.36.
    p = Prototypes(["a", "b"], [[1, 0], [0, 1]])
    X = np.array([[1.0, 0.0], [0.6, 0.8]])
    W = np.zeros((4, 4))  # a, b, x1, x2
    W[2, 0], W[2, 1], W[3, 0], W[3, 1] = 1.0, 0.0, 0.36, 0.64
    W = W + W.T
    W[2, 3] = W[3, 2] = 1.2  # each is the other's neighbour
    roots = np.sqrt(W.sum(axis=1))
    F = np.linalg.inv(np.eye(4) - 0.5 * W / roots / roots[:, None])[2:, :2]
    scores = LabelPropagation(alpha=0.5, gamma=2.0, scale=10.0).class_scores(X, prototypes=p)
    shares = F / F.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(np.diff(scores, axis=1), np.diff(np.log(shares), axis=1) / 10, rtol=1e-9)


def test_it_helps_where_groups_are_classes() -> None:
    before = np.mean(Cosine().fit(X, Y, prototypes=P).predict(X, prototypes=P) == Y)
    assert np.mean(LabelPropagation().predict(X, prototypes=P) == Y) > before + 0.03


def test_without_travel_or_company_it_is_the_method_inside() -> None:
    np.testing.assert_allclose(LabelPropagation(alpha=0).class_scores(X, prototypes=P), PLAIN, atol=1e-12)
    np.testing.assert_allclose(LabelPropagation().class_scores(X[:1], prototypes=P), PLAIN[:1], atol=1e-12)
    one = P.subset(["c3"])
    np.testing.assert_allclose(LabelPropagation().class_scores(X, prototypes=one), PLAIN[:, 3:4], atol=1e-12)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_order_moves_answers_and_nothing_else(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows, classes = rng.permutation(len(X)), rng.permutation(5)
    whole = LabelPropagation().class_scores(X, prototypes=P)
    moved = LabelPropagation().class_scores(X[rows], prototypes=P.subset([P.names[i] for i in classes]))
    np.testing.assert_array_equal(moved, whole[np.ix_(rows, classes)])


def test_equal_vectors_and_equal_classes_are_one_node() -> None:
    whole = LabelPropagation().class_scores(X, prototypes=P)
    copies = np.concatenate([X, X[:7], X[:1]])
    np.testing.assert_array_equal(LabelPropagation().class_scores(copies, prototypes=P), whole[np.r_[: len(X), :7, 0]])
    double = Prototypes([*P.names, "again"], np.concatenate([P.vectors, P.vectors[2:3]]))
    np.testing.assert_array_equal(LabelPropagation().class_scores(X, prototypes=double), whole[:, [0, 1, 2, 3, 4, 2]])


def test_many_classes_are_solved_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = LabelPropagation().class_scores(X, prototypes=P)
    monkeypatch.setattr("unseen.methods.meta.label_propagation._COLUMNS", 2)
    np.testing.assert_allclose(LabelPropagation().class_scores(X, prototypes=P), whole, atol=1e-7)


@pytest.mark.parametrize("alpha", [0.3, 0.99])
def test_conjugate_gradients_solve_the_system(alpha: float) -> None:
    rng = np.random.default_rng(0)
    W = rng.random((30, 30)) * (rng.random((30, 30)) < 0.2)
    W = W + W.T
    roots = np.sqrt(np.maximum(W.sum(axis=1), 1e-12))
    walk = alpha * W / roots / roots[:, None]
    right = rng.normal(size=(30, 4))
    right[:, 1] = 0
    found = _solve(sparse.csr_array(walk), right)
    np.testing.assert_allclose(found, np.linalg.solve(np.eye(30) - walk, right), atol=1e-8)


def test_classes_that_reach_nobody_rank_behind_by_their_scores() -> None:
    # Two islands: vectors with one neighbour and one class each, and classes that nobody is joined to.
    p = Prototypes(["a", "b", "c", "d"], np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0.1, 0, 1, 0], [0.2, 0, 0, 1]]))
    X = np.array([[1.0, 0, 0, 0.01], [1.0, 0, 0, 0.02], [0, 1.0, 0, 0.01], [0, 1.0, 0, 0.02]])
    scores = LabelPropagation(1).class_scores(X, prototypes=p)
    assert scores.argmax(axis=1).tolist() == [0, 0, 1, 1]
    assert (np.argsort(-scores[0])[1:] == [3, 2, 1]).all()


def test_a_vector_that_nothing_reaches_keeps_its_scores() -> None:
    # Opposite to both texts, and to the only other vector.
    p = Prototypes(["a", "b"], [[1.0, 1.0, 0.0], [0.0, 1.0, 0.1]])
    X = np.array([[-1.0, -2.0, 0.0], [2.0, 1.0, 0.0]])
    plain = Cosine().class_scores(X, prototypes=p)
    assert (plain[0] < 0).all()
    scores = LabelPropagation().class_scores(X, prototypes=p)
    np.testing.assert_allclose(scores[0], plain[0], atol=1e-12)
    assert scores[1, 0] != pytest.approx(plain[1, 0], abs=1e-3)


def test_labelled_examples_give_their_name() -> None:
    swapped = Prototypes(P.names, P.vectors[[1, 0, 2, 3, 4]])
    shots = np.concatenate([np.flatnonzero(name == Y)[:6] for name in P.names[:2]])
    rest = np.setdiff1d(np.flatnonzero(np.isin(Y, P.names[:2])), shots)
    blind = LabelPropagation().predict(X[rest], prototypes=swapped)
    told = LabelPropagation(gamma=20.0).fit(X[shots], Y[shots], prototypes=swapped)
    assert np.mean(told.predict(X[rest], prototypes=swapped) == Y[rest]) > np.mean(blind == Y[rest]) + 0.5
    # Those of classes that are not asked for have no part.
    fitted = LabelPropagation().fit(X[shots], Y[shots], prototypes=P)
    new = P.subset(P.names[2:])
    np.testing.assert_array_equal(
        fitted.class_scores(X, prototypes=new), LabelPropagation().class_scores(X, prototypes=new)
    )


def test_around_a_fitted_method() -> None:
    ridge = Ridge().fit(X, Y, prototypes=P)
    around = LabelPropagation(alpha=0).around(ridge)
    np.testing.assert_allclose(around.class_scores(X, prototypes=P), ridge.class_scores(X, prototypes=P), atol=1e-12)
    assert np.isfinite(LabelPropagation().around(ridge).class_scores(X, prototypes=P)).all()


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"n_neighbors": 0}, "LabelPropagation: n_neighbors must be a whole number at least 1; got 0"),
        ({"alpha": 1}, "LabelPropagation: alpha must be a number at least 0 and at most 0.99; got 1"),
        ({"gamma": 0}, "LabelPropagation: gamma must be a number above 0; got 0"),
        ({"scale": "x"}, "LabelPropagation: scale must be a number above 0; got 'x'"),
        ({"method": 3}, "LabelPropagation: method must be an inductive method or None; got 3"),
    ],
)
def test_messages(params: dict[str, Any], match: str) -> None:
    with pytest.raises(InputError, match=match):
        LabelPropagation().set_params(**params).fit(X, Y, prototypes=P)
