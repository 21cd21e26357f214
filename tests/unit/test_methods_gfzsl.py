"""GFZSL, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from unseen import Prototypes
from unseen.errors import InputError
from unseen.methods.synthesis.gaussians import mean_square_distance, prototype_kernel, regress
from unseen.methods.synthesis.gfzsl import GFZSL

Array = np.ndarray[Any, Any]

ABC = Prototypes(["a", "b", "c"], [[-1.0], [1.0], [3.0]])
# Means -2 and 2, mean of all 0, and one square of distance per vector: variance within classes 1.
X, Y = [[-3.0], [-1.0], [1.0], [3.0]], ["a", "a", "b", "b"]


def along(model: GFZSL, values: Array) -> Array:
    """Turn what is given along the principal axes back to the features' axes."""
    return values @ model.axes_.T


def test_gaussians_by_hand() -> None:
    # The centred kernel of prototypes ±1 is [[1, -1], [-1, 1]]: eigenvalues 0 and 2, mean 1. A penalty of alpha = 2
    # leaves 2 / (2 + 2) of each mean's offset: ±1, and 3 for prototype 3. Variances: 1 + 1 * 1.
    model = GFZSL(2, kernel="linear", shrinkage=1).fit(X, Y, prototypes=ABC)
    means, variances = model._gaussians(ABC.vectors.astype(float))
    np.testing.assert_allclose(along(model, means), [[-1], [1], [3]])
    np.testing.assert_allclose(variances, [[2], [2], [2]])
    np.testing.assert_allclose(model.feature_mean_, [0])


def test_scores_by_hand() -> None:
    # log N(x; m, 2) - log N(x; 0, 2) = x m / 2 - m^2 / 4, at x = 2.
    model = GFZSL(2, kernel="linear", shrinkage=1).fit(X, Y, prototypes=ABC)
    np.testing.assert_allclose(model.class_scores([[2.0]], prototypes=ABC), [[-1.25, 0.75, 0.75]])


def test_variances_of_classes_by_hand() -> None:
    # Classes {-3, -1} and {0, 4}: means -2 and 2, squares 1 + 1 and 4 + 4, variance within classes 10 / 4 = 2.5, which
    # stands in for one square: (2 + 2.5) / 2 and (8 + 2.5) / 2, and 2.5 more of shrinkage: 4.75 and 7.75. Without a
    # penalty they are met exactly, and halfway between the prototypes lies their geometric mean.
    model = GFZSL(0, kernel="linear", shrinkage=1, variance_alpha=0)
    model.fit([[-3.0], [-1.0], [0.0], [4.0]], Y, prototypes=ABC)
    new = Prototypes(["a", "b", "between"], [[-1.0], [1.0], [0.0]])
    means, variances = model._gaussians(new.vectors.astype(float))
    np.testing.assert_allclose(along(model, means), [[-2], [2], [0]], atol=1e-12)
    np.testing.assert_allclose(variances, [[4.75], [7.75], [np.sqrt(4.75 * 7.75)]])
    # At x = 1, against N(0, 5): -(1 + 2)^2 / 9.5 + 1 / 10 - log(4.75 / 5) / 2, and so on.
    expected = [
        -9 / 9.5 + 0.1 - np.log(4.75 / 5) / 2,
        -1 / 15.5 + 0.1 - np.log(7.75 / 5) / 2,
        -0.5 / np.sqrt(4.75 * 7.75) + 0.1 - np.log(np.sqrt(4.75 * 7.75) / 5) / 2,
    ]
    np.testing.assert_allclose(model.class_scores([[1.0]], prototypes=new), [expected])


def test_predicted_variances_are_bounded() -> None:
    model = GFZSL(0, kernel="linear", variance_alpha=0).fit([[-3.0], [-1.0], [0.0], [4.0]], Y, prototypes=ABC)
    far = model._gaussians(np.array([[1e6], [-1e6]]))[1]
    np.testing.assert_allclose(far, model.variance_ * [[100], [0.01]])


def test_rbf_returns_to_the_mean_far_away() -> None:
    model = GFZSL(0.1).fit(X, Y, prototypes=ABC)
    means, _ = model._gaussians(np.array([[1e3]]))
    np.testing.assert_allclose(means, 0, atol=1e-12)


def test_without_spread_within_classes_that_of_all_stands_in() -> None:
    # Two vectors ±2, one of each class: variance 4, and as much shrinkage.
    model = GFZSL(shrinkage=1).fit([[-2.0], [2.0]], ["a", "b"], prototypes=ABC)
    np.testing.assert_allclose(model.variance_, [8])


def test_vectors_that_are_all_equal() -> None:
    model = GFZSL(variance_alpha=1).fit([[1.0, 2.0]] * 4, Y, prototypes=ABC)
    assert model.axes_.shape == (2, 0)
    np.testing.assert_array_equal(model.class_scores([[5.0, 5.0]], prototypes=ABC), np.zeros((1, 3)))


def test_one_seen_class() -> None:
    # Whatever the prototype, the class is the only one there is: N(1, (2 + 1) / 2 + 1) against N(1, 1 + 1), at 5.
    for variance_alpha, expected in ((None, 0), (0, 8 * (1 / 2 - 1 / 2.5) - np.log(2.5 / 2) / 2)):
        model = GFZSL(variance_alpha=variance_alpha).fit([[0.0], [2.0]], ["a", "a"], prototypes=ABC)
        np.testing.assert_allclose(model.class_scores([[5.0]], prototypes=ABC), np.full((1, 3), expected))


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
@pytest.mark.parametrize("variance_alpha", [None, 1.0])
def test_it_has_no_scale(kernel: str, variance_alpha: float | None) -> None:
    rng = np.random.default_rng(0)
    A, y = rng.normal(size=(12, 3)), ["a", "b"] * 6
    scores = [
        GFZSL(kernel=kernel, variance_alpha=variance_alpha).fit(A * s, y, prototypes=ABC).class_scores(A * s)
        for s in (1, 1e-5, 1e5)
    ]
    np.testing.assert_allclose(scores[1], scores[0], rtol=1e-8)
    np.testing.assert_allclose(scores[2], scores[0], rtol=1e-8)


def test_a_refit_without_variances_forgets_them() -> None:
    model = GFZSL(variance_alpha=0).fit([[-3.0], [-1.0], [0.0], [4.0]], Y, prototypes=ABC)
    assert model.variance_coef_.any()
    model.set_params(variance_alpha=None).fit(X, Y, prototypes=ABC)
    assert not model.variance_coef_.any()


def test_mean_square_distance_by_hand() -> None:
    # Pairs (0, 1), (0, 3), (1, 3): (1 + 9 + 4) / 3.
    assert mean_square_distance(np.array([[0.0], [1.0], [3.0]])) == pytest.approx(14 / 3)
    assert mean_square_distance(np.array([[2.0], [2.0]])) == 1
    assert mean_square_distance(np.array([[2.0]])) == 1


def test_kernels_by_hand() -> None:
    P, S = np.array([[1.0, 2.0]]), np.array([[3.0, 1.0], [1.0, 2.0]])
    np.testing.assert_allclose(prototype_kernel(P, S, kernel="linear", gamma=1), [[5, 5]])
    np.testing.assert_allclose(prototype_kernel(P, S, kernel="rbf", gamma=0.2), [[np.exp(-1), 1]])


def test_regression_of_equal_classes_is_their_mean() -> None:
    coef, offset = regress(np.ones((2, 2)), np.array([[1.0], [3.0]]), 0.0)
    np.testing.assert_array_equal(coef, [[0], [0]])
    np.testing.assert_array_equal(offset, [2])


@pytest.mark.parametrize(
    ("parameter", "value", "match"),
    [
        ("alpha", -1, r"GFZSL: alpha must be a number at least 0; got -1\. Pass a number at least 0\."),
        ("gamma", 0, r"GFZSL: gamma must be a number above 0; got 0\. Pass a number above 0\."),
        ("shrinkage", 0, r"GFZSL: shrinkage must be a number above 0; got 0\. Pass a number above 0\."),
        ("variance_alpha", -1, r"GFZSL: variance_alpha must be a number at least 0; got -1\. Pass a number at"),
        ("kernel", "poly", r"GFZSL: kernel must be 'linear' or 'rbf'; got 'poly'\. Pass one of them\."),
        ("kernel", ["rbf"], r"GFZSL: kernel must be 'linear' or 'rbf'; got \['rbf'\]\. Pass one of them\."),
    ],
)
def test_parameters(parameter: str, value: Any, match: str) -> None:
    with pytest.raises(InputError, match=match):
        GFZSL(**{parameter: value}).fit(X, Y, prototypes=ABC)
