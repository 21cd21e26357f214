"""ConSE, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from unseen import Prototypes
from unseen.errors import InputError
from unseen.methods.relationship.conse import ConSE

AXES = Prototypes(["a", "b", "c"], np.eye(3))


def certain(shares: list[float], n_nearest: int) -> ConSE:
    """Return a ConSE whose seen classifier always answers with these probabilities."""
    model = ConSE(n_nearest).fit([[0.0], [1.0], [2.0]], ["a", "b", "c"], prototypes=AXES)
    model.coef_ = np.zeros((3, 1))
    model.intercept_ = np.log(shares)
    return model


@pytest.mark.parametrize(
    ("n_nearest", "mixture"),
    [(1, [1, 0, 0]), (2, [0.5, 0.3, 0]), (3, [0.5, 0.3, 0.2]), (10, [0.5, 0.3, 0.2])],
)
def test_scores_by_hand(n_nearest: int, mixture: list[float]) -> None:
    scores = certain([0.5, 0.3, 0.2], n_nearest).class_scores([[4.0]], prototypes=AXES)
    np.testing.assert_allclose(scores[0], np.array(mixture) / np.linalg.norm(mixture))


def test_classes_that_tie_for_the_last_place_all_take_part() -> None:
    scores = certain([0.4, 0.3, 0.3], 2).class_scores([[4.0]], prototypes=AXES)
    np.testing.assert_allclose(scores[0], np.array([4, 3, 3]) / np.sqrt(34))


def test_an_unseen_class_between_seen_ones() -> None:
    between = Prototypes(["b and c", "a"], [[0, 1, 1], [1, 0, 0]])
    scores = certain([0.2, 0.4, 0.4], 3).class_scores([[4.0]], prototypes=between)
    np.testing.assert_allclose(scores[0], [0.8 / np.sqrt(0.36 * 2), 0.2 / 0.6])


def test_two_classes_are_a_logistic_regression() -> None:
    model = ConSE().fit([[0.0], [1.0], [3.0], [4.0]], ["a", "a", "b", "b"], prototypes=AXES)
    shares = model.seen_probabilities(np.array([[2.0], [4.0]]))
    np.testing.assert_allclose(shares[0], [0.5, 0.5], atol=1e-6)
    assert shares[1, 1] > 0.7


def test_one_class_is_certain() -> None:
    model = ConSE().fit([[0.0], [1.0]], ["b", "b"], prototypes=AXES)
    np.testing.assert_allclose(model.seen_probabilities(np.array([[9.0]])), [[1]])
    np.testing.assert_allclose(model.class_scores([[9.0]], prototypes=AXES), [[0, 1, 0]])


def test_offsets_of_features_do_not_matter() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 4)), np.repeat(["a", "b", "c"], 20)
    X[np.arange(60), np.repeat([0, 1, 2], 20)] += 2
    offset = np.array([0.0, 1000.0, -500.0, 20.0])
    here = ConSE().fit(X, y, prototypes=AXES).class_scores(X, prototypes=AXES)
    there = ConSE().fit(X + offset, y, prototypes=AXES).class_scores(X + offset, prototypes=AXES)
    np.testing.assert_allclose(there, here, atol=1e-4)


def test_rotations_of_features_do_not_matter() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 4)) + np.array([3, 0, 0, 9]), np.repeat(["a", "b", "c"], 20)
    X[np.arange(60), np.repeat([0, 1, 2], 20)] += 2
    turn = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    here = ConSE().fit(X, y, prototypes=AXES).class_scores(X, prototypes=AXES)
    there = ConSE().fit(X @ turn, y, prototypes=AXES).class_scores(X @ turn, prototypes=AXES)
    np.testing.assert_allclose(there, here, atol=1e-3)


@pytest.mark.parametrize("n_nearest", [0, -1, 1.5, "3", None])
def test_n_nearest(n_nearest: Any) -> None:
    with pytest.raises(InputError, match=r"ConSE: n_nearest must be a whole number at least 1; got"):
        ConSE(n_nearest).fit([[0.0], [1.0]], ["a", "b"], prototypes=AXES)


@pytest.mark.parametrize("strength", [0, -1, "1", None])
def test_strength(strength: Any) -> None:
    with pytest.raises(InputError, match=r"ConSE: C must be a number above 0; got .*\. Pass a number above 0\."):
        ConSE(C=strength).fit([[0.0], [1.0]], ["a", "b"], prototypes=AXES)
