"""LabelPropagation: by hand, islands, examples, messages; the rest in `test_methods_together` and the parity tests."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import sparse
from tests.groups import beside

from unseen import Prototypes
from unseen.errors import InputError
from unseen.methods.meta.label_propagation import LabelPropagation, _solve
from unseen.methods.projection.cosine import Cosine

X, Y, P = beside(5, 48, 12, offset=1.6, noise=1.2)


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


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"alpha": 1}, "LabelPropagation: alpha must be a number at least 0 and at most 0.99; got 1"),
        ({"gamma": 0}, "LabelPropagation: gamma must be a number above 0; got 0"),
        ({"method": 3}, "LabelPropagation: method must be an inductive method or None; got 3"),
    ],
)
def test_messages(params: dict[str, Any], match: str) -> None:
    with pytest.raises(InputError, match=match):
        LabelPropagation().set_params(**params).fit(X, Y, prototypes=P)
