"""SAE, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from unseen import Prototypes
from unseen.errors import InputError
from unseen.methods.projection.sae import SAE

LINE = Prototypes(["a", "b", "c"], [[-3], [3], [9]])
DIRECTIONS = ["visual_to_semantic", "semantic_to_visual"]


@pytest.mark.parametrize("alpha", [0.1, 1, 10])
def test_one_dimension_by_hand(alpha: float) -> None:
    # Centred X is ∓1 and S is ∓3. Scaled to a total of one, both are ∓1/sqrt 2, and w + alpha w = 1 + alpha: w is 1
    # whatever alpha is. In the given scales it maps 1 to 3.
    model = SAE(alpha).fit([[4], [6]], ["a", "b"], prototypes=LINE)
    np.testing.assert_allclose(model.coef_, [[3]])


@pytest.mark.parametrize("alpha", [0.5, 1, 4])
def test_noise_by_hand(alpha: float) -> None:
    # Class means are (-2, 0) and (2, 0); sums of squares are 40 and 40, of the prototypes 72, and X'S is (48, 0). In
    # units of a total of one, each feature has 1/2, the prototypes 1: w (1 + alpha / 2) = (1 + alpha) 48 / sqrt(80 72).
    X = [[-1, 3], [3, -1], [-3, 1], [1, -3], [-1, -3], [3, 1], [-3, -1], [1, 3]]
    model = SAE(alpha).fit(X, ["a", "b"] * 4, prototypes=LINE)
    scaled = (1 + alpha) * 48 / np.sqrt(80 * 72) / (1 + alpha / 2)
    np.testing.assert_allclose(model.coef_, [[scaled * np.sqrt(72 / 80)], [0]], atol=1e-12)


def test_scores_by_hand() -> None:
    # As above W takes 1 to 3: the vector 6 is 1 from the mean 5 and 3 from the mean prototype, 0, when encoded.
    X, y = [[4], [6]], ["a", "b"]
    for direction in DIRECTIONS:
        model = SAE(direction=direction).fit(X, y, prototypes=LINE)
        np.testing.assert_allclose(model.class_scores([[6]], prototypes=LINE), [[-1, 1, 1]])


def test_directions_differ_in_the_intercept() -> None:
    # Prototypes (1, 0) and (0, 1) lie ±(1/2, -1/2) around (1/2, 1/2); centred X is ∓1. W is -/+1/2 in each column.
    ab = Prototypes(["a", "b"], [[1, 0], [0, 1]])
    # The vector at the mean is encoded as the mean prototype, whose cosine to both is 1/sqrt 2.
    model = SAE(direction="visual_to_semantic").fit([[4], [6]], ["a", "b"], prototypes=ab)
    np.testing.assert_allclose(model.coef_, [[-0.5, 0.5]])
    np.testing.assert_allclose(model.class_scores([[5]], prototypes=ab), [[np.sqrt(0.5)] * 2])
    # Seen from the vectors' side it lies in no direction.
    model = SAE(direction="semantic_to_visual").fit([[4], [6]], ["a", "b"], prototypes=ab)
    np.testing.assert_array_equal(model.class_scores([[5]], prototypes=ab), [[0, 0]])


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_scores_have_no_scale(direction: str) -> None:
    rng = np.random.default_rng(0)
    X, y, P = rng.normal(size=(12, 3)), ["a", "b", "c"] * 4, rng.normal(size=(3, 2))
    scores = []
    for a, b in ((1.0, 1.0), (1e-5, 2.0**10), (1e5, 2.0**-10)):
        prototypes = Prototypes(["a", "b", "c"], P * b)
        model = SAE(direction=direction).fit(X * a, y, prototypes=prototypes)
        scores.append(model.class_scores(X * a, prototypes=prototypes))
    np.testing.assert_allclose(scores[1], scores[0], rtol=1e-8)
    np.testing.assert_allclose(scores[2], scores[0], rtol=1e-8)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_one_class_and_one_prototype_for_all_learn_nothing(direction: str) -> None:
    same = Prototypes(["a", "b"], np.full((2, 3), 0.1))
    model = SAE(direction=direction)
    np.testing.assert_array_equal(model.fit([[0, 1], [2, 3]], ["a", "b"], prototypes=same).coef_, np.zeros((2, 3)))
    np.testing.assert_array_equal(model.fit([[0, 1], [2, 3]], ["a", "a"], prototypes=LINE).coef_, np.zeros((2, 1)))
    assert np.isfinite(model.class_scores([[5, 5]], prototypes=LINE)).all()


@pytest.mark.parametrize("alpha", [0, -1, "1", None, float("nan"), True])
def test_alpha(alpha: Any) -> None:
    with pytest.raises(
        InputError, match=r"SAE: alpha must be a (finite )?number above 0; got .*\. Pass a (finite )?num"
    ):
        SAE(alpha).fit([[0], [2]], ["a", "b"], prototypes=LINE)


def test_direction() -> None:
    with pytest.raises(
        InputError,
        match=r"SAE: direction must be 'visual_to_semantic' or 'semantic_to_visual'; got 'back'\. Pass one of them\.",
    ):
        SAE(direction="back").fit([[0], [2]], ["a", "b"], prototypes=LINE)
