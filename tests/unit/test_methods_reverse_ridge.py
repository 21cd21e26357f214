"""ReverseRidge, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from unseen import Prototypes
from unseen.errors import InputError
from unseen.methods.projection.reverse_ridge import ReverseRidge

AB = Prototypes(["a", "b"], [[1, 0], [0, 1]])
LINE = Prototypes(["a", "b", "c"], [[-1], [1], [3]])


def test_coefficients_by_hand() -> None:
    # Centred S is ±(1/2, -1/2), centred X is (-1, 1). S'S has the one eigenvalue 1, along (1, -1)/sqrt 2, and the
    # penalty is alpha times 1 over 2 dimensions. S'X = (-1, 1), so W = (-1, 1) / (1 + alpha / 2).
    for alpha, expected in ((0, 1), (2, 0.5), (6, 0.25)):
        model = ReverseRidge(alpha).fit([[0], [2]], ["a", "b"], prototypes=AB)
        np.testing.assert_allclose(model.coef_, [[-expected], [expected]])
    np.testing.assert_allclose(model.feature_mean_, [1])
    np.testing.assert_allclose(model.semantic_mean_, [0.5, 0.5])


def test_scores_by_hand() -> None:
    # Without penalty W is (1, 2) per unit of prototype: a lies at (-1, -2), b at (1, 2) and c at (3, 6), all around
    # the mean (5, 5). The vector (6, 5) is (1, 0) from it: cosines are ∓1/sqrt 5; squared distances 8, 4 and 40.
    X, new = [[4, 3], [6, 7]], [[6, 5]]
    model = ReverseRidge(0).fit(X, ["a", "b"], prototypes=LINE)
    np.testing.assert_allclose(model.class_scores(new, prototypes=LINE), np.array([[-1, 1, 1]]) / np.sqrt(5))
    model = ReverseRidge(0, metric="euclidean").fit(X, ["a", "b"], prototypes=LINE)
    np.testing.assert_allclose(model.class_scores(new, prototypes=LINE), [[-8, -4, -40]])


def test_a_class_counts_as_often_as_it_has_samples() -> None:
    # Samples 0, 0, 0, 4 of a, a, a, b: means are 1 and (-1/2); centred X is (-1, -1, -1, 3), centred S
    # (-1/2, -1/2, -1/2, 3/2). W = 6 / (3 + alpha * 3).
    model = ReverseRidge(1).fit([[0], [0], [0], [4]], ["a", "a", "a", "b"], prototypes=LINE)
    np.testing.assert_allclose(model.coef_, [[1]])
    np.testing.assert_allclose(model.semantic_mean_, [-0.5])


def test_one_class_scores_nothing() -> None:
    model = ReverseRidge().fit([[0, 1], [2, 5]], ["a", "a"], prototypes=LINE)
    np.testing.assert_array_equal(model.coef_, [[0, 0]])
    np.testing.assert_array_equal(model.class_scores([[3, 3]], prototypes=LINE), [[0, 0, 0]])


def test_one_prototype_for_all_scores_nothing() -> None:
    same = Prototypes(["a", "b", "c"], np.full((3, 2), 0.1))
    model = ReverseRidge().fit([[0, 1], [2, 5], [1, 1]], ["a", "b", "c"], prototypes=same)
    np.testing.assert_array_equal(model.coef_, np.zeros((2, 2)))
    np.testing.assert_array_equal(model.class_scores([[3, 3]], prototypes=same), [[0, 0, 0]])


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_the_penalty_has_no_scale(metric: str) -> None:
    rng = np.random.default_rng(0)
    X, y, P = rng.normal(size=(12, 3)), ["a", "b", "c"] * 4, rng.normal(size=(3, 2))
    scores = []
    for scale in (1, 2.0**-20, 2.0**20):
        prototypes = Prototypes(["a", "b", "c"], P * scale)
        scores.append(
            ReverseRidge(metric=metric).fit(X, y, prototypes=prototypes).class_scores(X, prototypes=prototypes)
        )
    np.testing.assert_allclose(scores[1], scores[0], rtol=1e-9)
    np.testing.assert_allclose(scores[2], scores[0], rtol=1e-9)


@pytest.mark.parametrize("alpha", [-1, "1", None, float("nan"), True])
def test_alpha(alpha: Any) -> None:
    with pytest.raises(
        InputError, match=r"ReverseRidge: alpha must be a (finite )?number at least 0; got .*\. Pass a "
    ):
        ReverseRidge(alpha).fit([[0], [2]], ["a", "b"], prototypes=AB)


@pytest.mark.parametrize("metric", ["dot", None, 1, ["cosine"]])
def test_metric(metric: Any) -> None:
    with pytest.raises(
        InputError, match=r"ReverseRidge: metric must be 'cosine' or 'euclidean'; got .*\. Pass one of them\."
    ):
        ReverseRidge(metric=metric).fit([[0], [2]], ["a", "b"], prototypes=AB)
