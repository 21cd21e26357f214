"""COSTA, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from unseen import Prototypes
from unseen.errors import InputError
from unseen.methods.relationship.costa import COSTA

SEEN = Prototypes(["a", "b"], [[1, 0], [0, 1]])
X, Y = [[0.0, 1.0], [4.0, 1.0]], ["a", "b"]


def weighted(P: list[list[float]], **parameters: Any) -> COSTA:
    """Return a COSTA whose seen classifiers are the axes, for seen prototypes P, and no mean to subtract."""
    names = [f"c{i}" for i in range(len(P))]
    rows = np.arange(len(P), dtype=float)[:, None] * np.ones(len(P))
    model = COSTA(**parameters).fit(rows, names, prototypes=Prototypes(names, P))
    model.coef_, model.feature_mean_ = np.eye(len(P)), np.zeros(len(P))
    return model


def test_classifiers_by_hand() -> None:
    # The first feature has variance 4 and the second none, so the mean variance is 2 and x is ±sqrt(2) after scaling.
    # By symmetry b's classifier w minimises w^2 / 2C + 2 (1 - sqrt(2) w)^2, so w (1 / C + 8) = 4 sqrt(2); with
    # C = 1/8, w = sqrt(2) / 4, which is 1/4 per unit of the feature. a's is its opposite.
    model = COSTA(C=0.125).fit(X, Y, prototypes=SEEN)
    np.testing.assert_allclose(model.coef_, [[-0.25, 0], [0.25, 0]], atol=1e-7)
    np.testing.assert_allclose(model.feature_mean_, [2, 1])


def test_scores_have_unit_classifiers() -> None:
    model = COSTA().fit(X, Y, prototypes=SEEN)
    np.testing.assert_allclose(model.class_scores([[5.0, 9.0]]), [[-3, 3]], atol=1e-6)


@pytest.mark.parametrize(
    ("similarity", "weights"),
    [
        # Against (3, 0) and (0, 1), with (1, 1): the mean is (3/2, 1/2), so that p - mean = (-1/2, 1/2), and the seen
        # ones less the mean are ±(3/2, -1/2).
        ("correlation", [-2 / np.sqrt(5), 2 / np.sqrt(5)]),
        ("cosine", [1 / np.sqrt(2), 1 / np.sqrt(2)]),
        ("dice", [6 / 11, 2 / 3]),
        ("product", [3, 1]),
    ],
)
def test_similarities_by_hand(similarity: str, weights: list[float]) -> None:
    model = weighted([[3, 0], [0, 1]], similarity=similarity)
    scores = model.class_scores(np.eye(2), prototypes=Prototypes(["new"], [[1, 1]]))
    np.testing.assert_allclose(scores[:, 0], np.array(weights) / np.linalg.norm(weights), rtol=1e-6)


@pytest.mark.parametrize(
    ("n_nearest", "weights"), [(1, [3, 0, 0]), (2, [3, 2, 2]), (3, [3, 2, 2]), (None, [3, 2, 2]), (9, [3, 2, 2])]
)
def test_the_nearest_take_part_and_so_do_ties(n_nearest: int | None, weights: list[float]) -> None:
    model = weighted([[3], [2], [2]], similarity="product", n_nearest=n_nearest)
    scores = model.class_scores(np.eye(3), prototypes=Prototypes(["new"], [[1]]))
    np.testing.assert_allclose(scores[:, 0], np.array(weights) / np.linalg.norm(weights))


@pytest.mark.parametrize("similarity", ["correlation", "cosine", "dice", "product"])
def test_a_class_like_no_other_scores_zero(similarity: str) -> None:
    nothing = Prototypes(["a", "b", "none"], [[0, 0], [0, 0], [0, 0]])
    model = COSTA(similarity=similarity).fit(X, Y, prototypes=nothing)
    assert model.class_scores(X, prototypes=nothing).tolist() == [[0, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize("n_nearest", [0, 1.5, "3"])
def test_n_nearest(n_nearest: Any) -> None:
    with pytest.raises(InputError, match=r"COSTA: n_nearest must be a whole number at least 1; got"):
        COSTA(n_nearest).fit(X, Y, prototypes=SEEN)


@pytest.mark.parametrize("similarity", ["euclidean", None, 3])
def test_similarity(similarity: Any) -> None:
    expected = r"COSTA: similarity must be one of correlation, cosine, dice, product; got .*\. Pass one of them\."
    with pytest.raises(InputError, match=expected):
        COSTA(similarity=similarity).fit(X, Y, prototypes=SEEN)


@pytest.mark.parametrize("strength", [0, -1, "1"])
def test_strength(strength: Any) -> None:
    with pytest.raises(InputError, match=r"COSTA: C must be a number above 0; got"):
        COSTA(C=strength).fit(X, Y, prototypes=SEEN)
