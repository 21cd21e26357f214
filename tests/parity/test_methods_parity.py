"""Methods against independent derivations in double precision."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.linear_model import Ridge as SklearnRidge
from sklearn.metrics.pairwise import cosine_similarity

from unseen import Prototypes
from unseen.methods.projection.cosine import Cosine
from unseen.methods.projection.ridge import Ridge
from unseen.methods.relationship.conse import ConSE

Array = np.ndarray[Any, Any]

N_SEEN = 6


def problem(seed: int, *, n: int, d: int, k: int = 5) -> tuple[Array, Array, Array, Prototypes]:
    """Return X, positions y among the first classes, new vectors, and prototypes of nine classes."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % N_SEEN
    prototypes = Prototypes([f"c{i}" for i in range(9)], rng.normal(size=(9, k)))
    X = prototypes.vectors[y] @ rng.normal(size=(k, d)) + rng.normal(size=(n, d)) + rng.normal(size=d) * 5
    return X, y, rng.normal(size=(20, d)) + 3, prototypes


def names(prototypes: Prototypes, y: Array) -> list[str]:
    return [prototypes.names[i] for i in y]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("n", "d"), [(60, 8), (12, 30), (20, 20)])
@pytest.mark.parametrize("alpha", [1e-3, 1.0, 50.0])
def test_ridge_is_scikit_learns(seed: int, n: int, d: int, alpha: float) -> None:
    X, y, new, prototypes = problem(seed, n=n, d=d)
    targets = prototypes.vectors.astype(float)[y]
    # Ours is relative to the mean variance of a feature times n; theirs is absolute.
    theirs = SklearnRidge(alpha=alpha * X.var(axis=0).mean() * n, solver="svd").fit(X, targets)
    ours = Ridge(alpha).fit(X, names(prototypes, y), prototypes=prototypes)
    np.testing.assert_allclose(ours.coef_, theirs.coef_.T, rtol=1e-7, atol=1e-10)
    np.testing.assert_allclose(
        ours.class_scores(new, prototypes=prototypes),
        cosine_similarity(theirs.predict(new), prototypes.vectors.astype(float)),
        rtol=1e-7,
        atol=1e-10,
    )


@pytest.mark.parametrize(("n", "d"), [(60, 8), (12, 30)])
def test_ridge_without_penalty_is_least_squares(n: int, d: int) -> None:
    X, y, _, prototypes = problem(0, n=n, d=d)
    targets = prototypes.vectors.astype(float)[y]
    expected = np.linalg.lstsq(X - X.mean(axis=0), targets - targets.mean(axis=0), rcond=1e-10)[0]
    ours = Ridge(0).fit(X, names(prototypes, y), prototypes=prototypes)
    np.testing.assert_allclose(ours.coef_, expected, atol=1e-8)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("n_nearest", [1, 3, 10])
def test_conse_is_a_plain_loop(seed: int, n_nearest: int) -> None:
    X, y, new, prototypes = problem(seed, n=60, d=8)
    mean = X.mean(axis=0)
    scale = np.sqrt(np.mean((X - mean) ** 2))
    classifier = LogisticRegression(C=1.0, solver="newton-cg", tol=1e-10, max_iter=1000).fit((X - mean) / scale, y)
    expected = np.zeros((len(new), prototypes.n_classes))
    for i, shares in enumerate(classifier.predict_proba((new - mean) / scale)):
        mixture = np.zeros(prototypes.n_dimensions)
        best = sorted(range(N_SEEN), key=lambda t: -shares[t])[:n_nearest]
        for t in best:
            mixture += shares[t] * prototypes.vectors[t] / sum(shares[b] for b in best)
        for c, vector in enumerate(prototypes.vectors.astype(float)):
            expected[i, c] = mixture @ vector / np.sqrt(mixture @ mixture) / np.sqrt(vector @ vector)
    ours = ConSE(n_nearest).fit(X, names(prototypes, y), prototypes=prototypes)
    np.testing.assert_allclose(ours.class_scores(new, prototypes=prototypes), expected, atol=1e-6)


def test_conse_of_two_classes_is_scikit_learns() -> None:
    X, y, new, prototypes = problem(0, n=60, d=8)
    X, y = X[y < 2], y[y < 2]
    mean = X.mean(axis=0)
    scale = np.sqrt(np.mean((X - mean) ** 2))
    classifier = LogisticRegression(C=0.3, solver="newton-cg", tol=1e-10, max_iter=1000).fit((X - mean) / scale, y)
    ours = ConSE(C=0.3).fit(X, names(prototypes, y), prototypes=prototypes)
    np.testing.assert_allclose(
        ours.seen_probabilities(new), classifier.predict_proba((new - mean) / scale), rtol=1e-6, atol=1e-12
    )


@pytest.mark.parametrize("seed", range(3))
def test_cosine_is_scikit_learns(seed: int) -> None:
    _, _, new, prototypes = problem(seed, n=10, d=5)
    np.testing.assert_allclose(
        Cosine().class_scores(new, prototypes=prototypes),
        cosine_similarity(new, prototypes.vectors.astype(float)),
        rtol=1e-12,
    )
