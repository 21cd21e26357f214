"""Trained networks behind their scalings, with a generator whose draws are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from unseen.methods.neural.model import Model
from unseen.methods.neural.space import Space


class Recipe:
    """A generator that draws around three times the prototype's first number, with a spread of a half."""

    def _networks(self, *_: int) -> dict[str, Any]:
        return {"scale": torch.nn.Linear(1, 1)}

    def _noise_size(self, k: int) -> int:
        return 2

    def _generate(self, parts: Any, A: Any, noise: Any) -> Any:
        return 3 * A[:, :1] + 0.5 * noise

    def _represent(self, parts: Any, V: Any) -> Any:
        return -V

    def _real(self, parts: Any, V: Any, noise: Any) -> Any:
        return 10 * V

    def _made(self, parts: Any, A: Any, noise: Any) -> Any:
        return -self._generate(parts, A, noise)


def hand_model() -> Any:
    recipe: Any = Recipe()
    space = Space(normalize=False, mean=np.zeros(2), axes=np.eye(2), prototype_mean=np.zeros(2), length=1.0)
    return Model(recipe, space, torch.nn.ModuleDict(recipe._networks()), seed=3)


def test_a_class_with_examples_is_shown_by_them() -> None:
    model, prototypes = hand_model(), np.array([[2.0, 0.0], [0.0, 5.0]])
    vectors, y = np.array([[1.0, 2], [3, 4], [5, 6]], dtype=np.float32), np.array([1, 0, 1])
    real, made_up = model.examples(prototypes, np.array([1, -1]), vectors, y, 4)
    np.testing.assert_array_equal(real, 10 * np.array([[1.0, 2], [5, 6], [1, 2], [5, 6]]))
    np.testing.assert_array_equal(made_up, model.made(prototypes, 4)[1])
    # A class that is called seen and of which nothing is kept is made up.
    np.testing.assert_array_equal(
        model.examples(prototypes, np.array([7, -1]), vectors, y, 4)[0], model.made(prototypes, 4)[0]
    )


def test_drawn_by_hand() -> None:
    drawn = hand_model().vectors(np.array([[2.0, 0.0], [0.0, 5.0]]), 4000)
    np.testing.assert_allclose(drawn.mean(axis=1), [[3, 3], [0, 0]], atol=0.04)  # directions: (1, 0) and (0, 1)
    np.testing.assert_allclose(drawn.std(axis=1), 0.5, atol=0.03)
    assert hand_model().represent(np.array([[1.0, -2.0]])).tolist() == [[-1, 2]]


def test_spreads_by_hand() -> None:
    # Two classes around (1, 0) and (-1, 0), whose vectors lie 1 beside them along the second axis.
    y, S = np.array([0, 0, 1, 1]), np.array([[1.0, 0.0], [-1.0, 0.0]])
    real = np.array([[1.0, 1], [1, -1], [-1, 1], [-1, -1]], dtype=np.float32)
    model = hand_model()
    n = 50
    drawn = model.vectors(S, 2)
    within, between = model.spreads(real, y, S)
    # Squares within classes: 0 and 1, their mean 1/2, over degrees of freedom 2 for 4: 1. Between classes 1 and 0: 1/2.
    assert within == pytest.approx(drawn.var(axis=1, ddof=1).mean() / 1.0)
    assert between in (1.0, pytest.approx(drawn.mean(axis=1).var(axis=0).mean() / 0.5))
    wide = np.repeat(real, n // 2, axis=0) * [1, 0.1]
    many = np.repeat(y, n // 2)
    drawn = model.vectors(S, n)
    within, between = model.spreads(wide.astype(np.float32), many, S)
    assert within == pytest.approx(drawn.var(axis=1, ddof=1).mean() / (0.01 / 2 * 100 / 98), rel=1e-4)
    assert between == pytest.approx(drawn.mean(axis=1).var(axis=0).mean() / 0.5, rel=1e-4)
    # Vectors that do not vary say nothing.
    assert model.spreads(np.ones((4, 2), np.float32), y, S) == (1.0, 1.0)
