"""SSE, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from unseen import Prototypes
from unseen.errors import InputError
from unseen.methods.projection.sse import SSE, _mix, _to_simplex

LINE = Prototypes(["a", "b", "c"], [[-3], [3], [9]])


def test_the_simplex_by_hand() -> None:
    # Inside it stays; (1, 0.5) loses 1/4 each; (3, 0) ends in the corner; (0.9, 0.8, 0) loses 0.35 of the first two.
    found = _to_simplex(np.array([[0.3, 0.7], [1.0, 0.5], [3.0, 0.0]]))
    np.testing.assert_allclose(found, [[0.3, 0.7], [0.75, 0.25], [1.0, 0.0]])
    np.testing.assert_allclose(_to_simplex(np.array([[0.9, 0.8, 0.0]])), [[0.55, 0.45, 0.0]])


def test_mixtures_by_hand() -> None:
    # Between A = -1 and 1, z and 1 - z make 1 - 2z. Nearest to p: minimise (p - 1 + 2z)^2 + g (z^2 + (1 - z)^2),
    # whose derivative is 4 (p - 1 + 2z) + 2g (2z - 1): z = (1 - p + g/2) / (2 + g), cut to [0, 1].
    A = np.array([[-1.0], [1.0]])
    for gamma in (1e-3, 1.0, 10.0):
        for p in (-1, 0, 0.5, 2):
            z = min(max((1 - p + gamma / 2) / (2 + gamma), 0), 1)
            np.testing.assert_allclose(_mix(np.array([[p]]), A, gamma), [[z, 1 - z]], atol=1e-7)


def test_two_classes_by_hand() -> None:
    # X is -1 of a and 1 of b, prototypes scale to -1 and 1. With gamma 1, mixtures are (5/6, 1/6) and (1/6, 5/6).
    # From a to its own mean it is 0, to b's 2: a's score is -w (0 5/6 + 2/6), b's -w 2 5/6: the lead is w 4/3, for
    # both classes. Nothing varies within classes, so (1 - 4/3 w)^2 + alpha 16/9 w^2 is least at w = 3/4 / (1 + alpha).
    for alpha in (1e-9, 1.0, 3.0):
        model = SSE(alpha).fit([[-1], [1]], ["a", "b"], prototypes=LINE)
        np.testing.assert_allclose(model.coef_, [0.75 / (1 + alpha)], rtol=1e-6)
    model = SSE(1e-12).fit([[-1], [1]], ["a", "b"], prototypes=LINE)
    # a and b are a lead of 1 apart at their means; c scales to the prototype 1, as b does.
    np.testing.assert_allclose(model.class_scores([[-1]], prototypes=LINE), [[-1 / 4, -5 / 4, -5 / 4]], rtol=1e-6)


def test_noise_within_classes_counts_against_a_feature() -> None:
    # Both features put a at -1 and b at 1 on average; the second is ∓1 ± 1/2.
    X = np.array([[-1, -1.5], [-1, -0.5], [1, 0.5], [1, 1.5]])
    model = SSE().fit(X, ["a", "a", "b", "b"], prototypes=LINE)
    assert model.coef_[0] > model.coef_[1] > 0


def test_scores_do_not_depend_on_where_zero_is_or_on_scale() -> None:
    rng = np.random.default_rng(0)
    X, y, P = rng.normal(size=(12, 3)), list("abc") * 4, Prototypes(list("abc"), rng.normal(size=(3, 2)))
    scores = [SSE().fit(Z, y, prototypes=P).class_scores(Z, prototypes=P) for Z in (X, X + 100, X * 1e-5, X * 1e5)]
    for other in scores[1:]:
        np.testing.assert_allclose(other, scores[0], rtol=1e-6)


def test_nothing_to_rank_by() -> None:
    model = SSE().fit([[0, 1], [0, 1]], ["a", "b"], prototypes=LINE)
    np.testing.assert_array_equal(model.coef_, [1, 1])
    model.fit([[0, 1]], ["a"], prototypes=LINE)
    np.testing.assert_array_equal(model.class_scores([[0, 3]], prototypes=LINE), [[-2, -2, -2]])


@pytest.mark.parametrize("parameter", ["alpha", "gamma"])
@pytest.mark.parametrize("value", [0, -1, "1", None, float("nan"), True])
def test_numbers(parameter: str, value: Any) -> None:
    with pytest.raises(
        InputError,
        match=rf"SSE: {parameter} must be a (finite )?number above 0; got .*\. Pass a (finite )?number above",
    ):
        SSE(**{parameter: value}).fit([[0], [2]], ["a", "b"], prototypes=LINE)
