"""CMT, by hand."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from unseen import Prototypes
from unseen.errors import InputError
from unseen.methods.projection.cmt import CMT

AB = Prototypes(["a", "b"], [[1, 0], [0, 1]])
X, Y = np.array([[0.0, 1.0], [0.2, 1.0], [4.0, 1.0], [4.2, 1.0]]), ["a", "a", "b", "b"]


def test_scores_by_hand() -> None:
    # Weights put in by hand: h = tanh(2 (x - 1) + 1) = tanh 1 at x = 1; it maps to (h, 0) + (0, 1/2) around (1/2, 1/2).
    for metric in ("cosine", "euclidean"):
        model = CMT(1, metric=metric, random_state=0).fit([[0], [2]], ["a", "b"], prototypes=AB)
        model.hidden_coef_, model.hidden_intercept_ = np.array([[2.0]]), np.array([1.0])
        model.output_coef_, model.output_intercept_ = np.array([[1.0, 0.0]]), np.array([0.0, 0.5])
        image, a = np.array([np.tanh(1), 0.5]), np.array([0.5, -0.5])
        lead = image @ a / np.linalg.norm(image) / np.sqrt(0.5)
        expected = {"cosine": [[lead, -lead]], "euclidean": [[-np.sum((image - v) ** 2) for v in (a, -a)]]}
        np.testing.assert_allclose(model.class_scores([[1]], prototypes=AB), expected[metric])


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_it_learns_what_a_line_cannot_tell(metric: str) -> None:
    # a lies on both sides of b.
    Z = np.linspace(-1, 1, 60)[:, None]
    y = np.where(np.abs(Z[:, 0]) < 0.5, "b", "a").tolist()
    model = CMT(50, learning_rate=0.02, metric=metric, max_iter=300, random_state=0).fit(Z, y, prototypes=AB)
    assert model.score(Z, y, prototypes=AB) > 0.95


def test_seeds() -> None:
    fits = [CMT(5, random_state=seed).fit(X, Y, prototypes=AB).hidden_coef_ for seed in (0, 0, 1)]
    np.testing.assert_array_equal(fits[0], fits[1])
    assert not np.allclose(fits[0], fits[2])
    state = CMT(5, random_state=np.random.RandomState(0)).fit(X, Y, prototypes=AB).hidden_coef_
    np.testing.assert_array_equal(state, fits[0])


def test_running_out_of_passes_warns_nobody_and_touches_no_filter() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        before = list(warnings.filters)
        model = CMT(5, max_iter=2, random_state=0).fit(X, Y, prototypes=AB)
        assert warnings.filters == before
    assert model.n_iter_ == 2


def test_training_ends_when_the_loss_stops_falling() -> None:
    assert CMT(5, max_iter=5000, learning_rate=0.05, random_state=0).fit(X, Y, prototypes=AB).n_iter_ < 5000


def test_a_penalty_shrinks() -> None:
    free, held = (CMT(5, alpha=alpha, random_state=0).fit(X, Y, prototypes=AB) for alpha in (0, 10))
    assert np.linalg.norm(held.output_coef_) < np.linalg.norm(free.output_coef_)


@pytest.mark.parametrize("k", [1, 3])
def test_single_precision_stays_single(k: int) -> None:
    prototypes = Prototypes(["a", "b"], np.eye(2, k) if k > 1 else [[-1], [1]])
    wide, narrow = (CMT(5, random_state=0).fit(X.astype(t), Y, prototypes=prototypes) for t in (float, np.float32))
    np.testing.assert_allclose(
        narrow.class_scores(X, prototypes=prototypes), wide.class_scores(X, prototypes=prototypes), atol=1e-4
    )
    assert wide.output_coef_.shape == (5, k)


def test_nothing_to_learn() -> None:
    same = Prototypes(["a", "b"], np.full((2, 2), 0.1))
    for Z, y, prototypes in ((X, Y, same), (np.zeros((4, 2)), Y, AB), (X, ["a"] * 4, AB)):
        model = CMT(5).fit(Z, y, prototypes=prototypes)
        assert model.n_iter_ == 0
        np.testing.assert_array_equal(model.class_scores(X, prototypes=prototypes), np.zeros((4, 2)))


@pytest.mark.parametrize(
    ("parameter", "value", "expected"),
    [
        ("n_hidden", 0, "a whole number at least 1"),
        ("n_hidden", 1.5, "a whole number at least 1"),
        ("max_iter", 0, "a whole number at least 1"),
        ("alpha", -1, "a number at least 0"),
        ("learning_rate", 0, "a number above 0"),
        ("metric", "dot", "'cosine' or 'euclidean'"),
        ("random_state", "one", r"None, a whole number from 0 to 2\*\*32 - 1, or a numpy RandomState"),
    ],
)
def test_parameters(parameter: str, value: Any, expected: str) -> None:
    with pytest.raises(InputError, match=rf"^CMT: {parameter} must be {expected}; got .*\. Pass .*\.$"):
        CMT(**{parameter: value}).fit(X, Y, prototypes=AB)
