"""ESZSL, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from unseen import Prototypes
from unseen.errors import InputError
from unseen.methods.correspondence.eszsl import ESZSL
from unseen.methods.linalg import directions_from

AB = Prototypes(["a", "b"], [[1, 0], [0, 1]])
PAPER: dict[str, Any] = {"center": False, "balanced": False, "normalize": False}


@pytest.mark.parametrize(("gamma", "lam"), [(0, 0), (1, 0), (0, 1), (1, 1), (3, 0.5)])
def test_coefficients_by_hand(gamma: float, lam: float) -> None:
    # Centred X is (-1, 1): X'X = 2, X'YS = (-1, 1), S'S = I. The mean variance times n is 2, the mean square of S 1.
    model = ESZSL(gamma, lam=lam, **PAPER).fit([[0], [2]], ["a", "b"], prototypes=AB)
    expected = 1 / (2 + 2 * gamma) / (1 + lam)
    np.testing.assert_allclose(model.coef_, [[-expected, expected]])
    np.testing.assert_allclose(model.feature_mean_, [1])
    np.testing.assert_allclose(model.semantic_mean_, [0, 0])
    np.testing.assert_allclose(model.class_scores([[4]], prototypes=AB), [[-3 * expected, 3 * expected]])


def test_centred_prototypes_by_hand() -> None:
    # The mean is (1/2, 1/2), the directions are ±(1, -1)/sqrt 2: one axis with sum of squares 2, mean square 2/2 = 1.
    # X'YS = (-2, 2)/sqrt 2; X'X + 2 = 4, 2 + 1 = 3.
    model = ESZSL(1, lam=1, normalize=False).fit([[0], [2]], ["a", "b"], prototypes=AB)
    np.testing.assert_allclose(model.semantic_mean_, [0.5, 0.5])
    np.testing.assert_allclose(model.coef_, np.array([[-2, 2]]) / np.sqrt(2) / 12)
    # x = 2 is 1 from the mean; the classifier of b is (-1, 1)/sqrt 2 times that, 2/12.
    np.testing.assert_allclose(model.class_scores([[2]], prototypes=AB), [[-2 / 12, 2 / 12]])
    # (1/2, 19/2) is (0, 9) from the mean, so its direction is (0, 1), and its classifier 2/sqrt 2/12.
    third = Prototypes(["c"], [[0.5, 9.5]])
    np.testing.assert_allclose(model.class_scores([[2]], prototypes=third), [[2 / np.sqrt(2) / 12]])


def test_balanced_classes_by_hand() -> None:
    # Centred X is (-1, -1, -1, 3): sums of a and b are -3 and 3, twice the means -2 and 6. X'X = 12 and so is 1 gamma.
    X, y = [[0], [0], [0], [4]], ["a", "a", "a", "b"]
    model = ESZSL(1, lam=0, **PAPER).fit(X, y, prototypes=AB)
    np.testing.assert_allclose(model.coef_, [[-3 / 24, 3 / 24]])
    model = ESZSL(1, lam=0, center=False, normalize=False).fit(X, y, prototypes=AB)
    np.testing.assert_allclose(model.coef_, [[-2 / 24, 6 / 24]])


def test_normalised_classifiers_have_length_one() -> None:
    model = ESZSL().fit([[0, 0], [2, 2]], ["a", "b"], prototypes=AB)
    # Both classifiers point along the diagonal; (2, 2) is sqrt 2 from the mean.
    np.testing.assert_allclose(model.class_scores([[2, 2]], prototypes=AB), [[-np.sqrt(2), np.sqrt(2)]])


def test_the_penalties_have_no_scale() -> None:
    X, y = np.random.default_rng(0).normal(size=(12, 3)), ["a", "b"] * 6
    vectors = AB.vectors
    for center in (True, False):
        scores = [
            ESZSL(center=center)
            .fit(X * s, y, prototypes=Prototypes(AB.names, vectors * t))
            .class_scores(X * s, prototypes=Prototypes(AB.names, vectors * t))
            / s
            for s, t in ((1, 1), (1e-5, 1), (1e5, 1), (1, 1e-3), (1, 1e3))
        ]
        for other in scores[1:]:
            np.testing.assert_allclose(other, scores[0], rtol=1e-6)


def test_prototypes_at_the_mean_have_no_direction() -> None:
    mean = np.full(4, 0.1)
    rounded = np.full((1, 4), np.float32(0.1), dtype=np.float64) * (1 + 1e-8)
    np.testing.assert_array_equal(directions_from(mean, rounded), np.zeros((1, 4)))
    np.testing.assert_allclose(directions_from(mean, mean + np.array([[0, 3, 0, 4]])), [[0, 0.6, 0, 0.8]])


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("vectors", [np.zeros((3, 2)), np.full((3, 2), 0.1), [[1, 0], [1, 0], [0, 0]]])
@pytest.mark.parametrize("penalty", [0, 1])
def test_prototypes_that_tell_nothing_stay_finite(center: bool, vectors: Any, penalty: float) -> None:
    prototypes = Prototypes(["a", "b", "c"], vectors)
    model = ESZSL(penalty, lam=penalty, center=center).fit(
        [[0, 1], [2, 1], [4, 1]], ["a", "b", "b"], prototypes=prototypes
    )
    assert np.isfinite(model.class_scores([[1, 1], [9, 9]], prototypes=prototypes)).all()


def test_vectors_that_never_vary_stay_finite() -> None:
    model = ESZSL(0, lam=0).fit(np.ones((4, 3)), ["a", "b", "a", "b"], prototypes=AB)
    np.testing.assert_array_equal(model.class_scores(np.eye(3), prototypes=AB), np.zeros((3, 2)))


@pytest.mark.parametrize("name", ["gamma", "lam"])
@pytest.mark.parametrize("value", [-1, "1", None, float("nan"), True])
def test_penalties(name: str, value: Any) -> None:
    with pytest.raises(
        InputError, match=rf"ESZSL: {name} must be a (finite )?number at least 0; got .*\. Pass a (finite )?number at"
    ):
        ESZSL(**{name: value}).fit([[0], [2]], ["a", "b"], prototypes=AB)


@pytest.mark.parametrize("name", ["center", "balanced", "normalize"])
@pytest.mark.parametrize("value", [1, "yes", None])
def test_switches(name: str, value: Any) -> None:
    with pytest.raises(InputError, match=rf"ESZSL: {name} must be True or False; got .*\. Pass one of the two\."):
        ESZSL(**{name: value}).fit([[0], [2]], ["a", "b"], prototypes=AB)
