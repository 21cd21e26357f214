"""Ridge, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from unseen import Prototypes
from unseen.errors import InputError
from unseen.methods.projection.ridge import Ridge

AB = Prototypes(["a", "b"], [[1, 0], [0, 1]])


def test_coefficients_by_hand() -> None:
    # Centred X is (-1, 1), centred targets are ±(1/2, -1/2): X'T = (-1, 1), X'X = 2, and the penalty is 2 alpha.
    for alpha, expected in ((0, 0.5), (1, 0.25), (3, 0.125)):
        model = Ridge(alpha).fit([[0], [2]], ["a", "b"], prototypes=AB)
        np.testing.assert_allclose(model.coef_, [[-expected, expected]])
    np.testing.assert_allclose(model.feature_mean_, [1])
    np.testing.assert_allclose(model.semantic_mean_, [0.5, 0.5])


def test_scores_by_hand() -> None:
    model = Ridge(1).fit([[0], [2]], ["a", "b"], prototypes=AB)
    # x = 2 goes to (1/4, 3/4), whose length is sqrt(10)/4.
    np.testing.assert_allclose(model.class_scores([[2]], prototypes=AB), [[1 / np.sqrt(10), 3 / np.sqrt(10)]])


def test_dual_by_hand() -> None:
    # Two samples of three features: centred X is ±(1, 1, 0), its sum of squares 4, the penalty 4 alpha / 3.
    model = Ridge(3).fit([[0, 0, 5], [2, 2, 5]], ["a", "b"], prototypes=AB)
    # X'T = (-1, 1) in the first two rows; X'X + 4 I acts on (1, 1, 0) as 4 + 4.
    np.testing.assert_allclose(model.coef_, np.array([[-1, 1], [-1, 1], [0, 0]]) / 8, atol=1e-15)


def test_the_penalty_has_no_scale() -> None:
    X, y = np.random.default_rng(0).normal(size=(12, 3)), ["a", "b"] * 6
    scores = [Ridge().fit(X * s, y, prototypes=AB).class_scores(X * s, prototypes=AB) for s in (1, 1e-5, 1e5)]
    np.testing.assert_allclose(scores[1], scores[0], rtol=1e-9)
    np.testing.assert_allclose(scores[2], scores[0], rtol=1e-9)


def test_without_penalty_singular_systems_are_solved_by_least_norm() -> None:
    X = np.array([[0.0, 0.0, 7.0], [2.0, 2.0, 7.0]])[[0, 1, 0, 1]]
    model = Ridge(0).fit(X, ["a", "b", "a", "b"], prototypes=AB)
    np.testing.assert_allclose(model.coef_, np.array([[-1, 1], [-1, 1], [0, 0]]) / 4, atol=1e-12)


@pytest.mark.parametrize("alpha", [-1, "1", None, float("nan"), True])
def test_alpha(alpha: Any) -> None:
    with pytest.raises(
        InputError, match=r"Ridge: alpha must be a (finite )?number at least 0; got .*\. Pass a (finite )?number at"
    ):
        Ridge(alpha).fit([[0], [2]], ["a", "b"], prototypes=AB)
