"""CanonicalCorrelation, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from unseen import Prototypes
from unseen.errors import InputError
from unseen.methods.projection.cca import CanonicalCorrelation

LINE = Prototypes(["a", "b", "c"], [[-3], [3], [9]])


def test_one_dimension_by_hand() -> None:
    # X is -1, 3, -3, 1 of a, b, a, b: sum of squares 20, of the prototypes 36, of products 24. The correlation is
    # 24 / sqrt(20 * 36) = 2/sqrt 5; coefficients are 1/sqrt of the variances 5 and 9.
    X, y = [[-1], [3], [-3], [1]], ["a", "b", "a", "b"]
    model = CanonicalCorrelation(alpha=0, beta=0, weighting=0).fit(X, y, prototypes=LINE)
    np.testing.assert_allclose(model.correlations_, [2 / np.sqrt(5)])
    np.testing.assert_allclose(np.abs(model.visual_coef_), [[1 / np.sqrt(5)]])
    np.testing.assert_allclose(np.abs(model.semantic_coef_), [[1 / 3]])
    np.testing.assert_allclose(model.class_scores([[-0.5]], prototypes=LINE), [[1, -1, -1]])
    # Penalties of one double both variances, and so halve the correlation.
    model = CanonicalCorrelation(weighting=2).fit(X, y, prototypes=LINE)
    np.testing.assert_allclose(model.correlations_, [1 / np.sqrt(5)])
    np.testing.assert_allclose(np.abs(model.visual_coef_), [[1 / np.sqrt(10) / 5]])
    np.testing.assert_allclose(np.abs(model.semantic_coef_), [[1 / np.sqrt(18) / 5]])


def test_weighting_by_hand() -> None:
    # Classes on the corners of a square; the first dimension follows the prototypes, the second only partly: of its
    # values ±3 and ±1 the class means are ±2. Correlations are 1 and 2/sqrt 5, as above.
    P = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]])
    prototypes = Prototypes(list("abcd"), P)
    X = np.vstack([P * [1, 3], P])
    plain = CanonicalCorrelation(alpha=0, beta=0, weighting=0).fit(X, list("abcd") * 2, prototypes=prototypes)
    np.testing.assert_allclose(plain.correlations_, [1, 2 / np.sqrt(5)])
    # The vector (1, sqrt 5) is (1, 1) in units of deviations: halfway between the axes, and wholly in a's direction.
    new = [[1, np.sqrt(5)]]
    np.testing.assert_allclose(plain.class_scores(new, prototypes=prototypes), [[1, 0, 0, -1]], atol=1e-12)
    # Weighting the second dimension by 2/sqrt 5 leaves a's cosine and moves b's to (1 - 4/5) / (1 + 4/5).
    model = CanonicalCorrelation(alpha=0, beta=0, weighting=1).fit(X, list("abcd") * 2, prototypes=prototypes)
    np.testing.assert_allclose(model.class_scores(new, prototypes=prototypes), [[1, 1 / 9, -1 / 9, -1]], atol=1e-12)
    # With one component the second dimension is gone.
    model = CanonicalCorrelation(1, alpha=0, beta=0).fit(X, list("abcd") * 2, prototypes=prototypes)
    np.testing.assert_allclose(model.class_scores(new, prototypes=prototypes), [[1, 1, -1, -1]], atol=1e-12)


def test_more_components_than_there_are_means_all() -> None:
    rng = np.random.default_rng(0)
    X, y, prototypes = rng.normal(size=(12, 4)), list("abc") * 4, Prototypes(list("abc"), rng.normal(size=(3, 5)))
    every = CanonicalCorrelation().fit(X, y, prototypes=prototypes)
    assert every.correlations_.shape == (2,)
    more = CanonicalCorrelation(99).fit(X, y, prototypes=prototypes)
    np.testing.assert_array_equal(more.visual_coef_, every.visual_coef_)


def test_scores_have_no_scale() -> None:
    rng = np.random.default_rng(0)
    X, y, P = rng.normal(size=(12, 3)), list("abc") * 4, rng.normal(size=(3, 2))
    scores = []
    for a, b in ((1.0, 1.0), (1e-5, 2.0**10), (1e5, 2.0**-10)):
        prototypes = Prototypes(list("abc"), P * b)
        model = CanonicalCorrelation().fit(X * a, y, prototypes=prototypes)
        scores.append(model.class_scores(X * a, prototypes=prototypes))
    np.testing.assert_allclose(scores[1], scores[0], rtol=1e-8)
    np.testing.assert_allclose(scores[2], scores[0], rtol=1e-8)


def test_nothing_correlates_where_nothing_varies() -> None:
    for prototypes, y in ((LINE, ["a", "a"]), (Prototypes(["a", "b"], [[0.1], [0.1]]), ["a", "b"])):
        model = CanonicalCorrelation(alpha=0, beta=0).fit([[0, 1], [2, 3]], y, prototypes=prototypes)
        assert model.correlations_.shape == (0,)
        np.testing.assert_array_equal(model.class_scores([[5, 5]], prototypes=prototypes), [[0] * prototypes.n_classes])


@pytest.mark.parametrize("parameter", ["alpha", "beta", "weighting"])
@pytest.mark.parametrize("value", [-1, "1", None, float("nan"), True])
def test_numbers(parameter: str, value: Any) -> None:
    with pytest.raises(
        InputError, match=rf"CanonicalCorrelation: {parameter} must be a (finite )?number at least 0; got .*\. Pass a "
    ):
        CanonicalCorrelation(**{parameter: value}).fit([[0], [2]], ["a", "b"], prototypes=LINE)


@pytest.mark.parametrize("value", [0, 1.5, "1", True])
def test_n_components(value: Any) -> None:
    with pytest.raises(
        InputError, match=r"CanonicalCorrelation: n_components must be a whole number at least 1; got .*\. Pass a whole"
    ):
        CanonicalCorrelation(value).fit([[0], [2]], ["a", "b"], prototypes=LINE)
