"""Made-up competitions between seen and held-out classes that remedies are checked on."""

from __future__ import annotations

from typing import Any

import numpy as np

from unseen.decision.remedy import Bank, Competition

__all__ = ["make_competitions"]

Array = np.ndarray[Any, Any]


def make_competitions(*, seed: int = 0, n: int = 3, bias: float = 0.6, hub: float = 0.0) -> list[Competition]:
    """Make competitions between six seen and four held-out classes, with a planted bias and a planted hub.

    Parameters
    ----------
    seed : int, default 0
        Of everything drawn.
    n : int, default 3
        How many.
    bias : float, default 0.6
        What scores of seen classes have too much.
    hub : float, default 0.0
        What scores of the last held-out class have too much.
    """
    rng = np.random.default_rng(seed)
    means = rng.normal(size=(10, 8))
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    names = tuple(f"class {i}" for i in range(10))

    def draw(classes: Array, each: int, fitted: float) -> tuple[Array, Array, Array]:
        y = np.repeat(classes, each)
        X = means[y] + 0.25 * rng.normal(size=(len(y), 8))
        scores = X @ means.T + 0.1 * rng.normal(size=(len(y), 10))
        scores[:, seen] += bias
        scores[np.arange(len(y)), y] += fitted
        scores[:, np.flatnonzero(~seen)[-1]] += hub
        return y, scores, X

    contests = []
    for _ in range(n):
        seen = np.isin(np.arange(10), rng.permutation(10)[:6])
        y, scores, X = draw(np.arange(10), 12, 0.0)
        known, usual, vectors = draw(np.flatnonzero(seen), 10, 0.2)
        contests.append(Competition(y, scores, seen, names, X, Bank(usual, vectors, known)))
    return contests
