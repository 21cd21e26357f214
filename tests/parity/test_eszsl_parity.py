"""ESZSL against the authors' formula, and against its objective."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from unseen import Prototypes
from unseen.methods.correspondence.eszsl import ESZSL

Array = np.ndarray[Any, Any]

N_SEEN = 6
SIZES = [(60, 8, 5), (13, 30, 5), (60, 8, 40), (13, 30, 40), (60, 8, 6)]


def problem(seed: int, n: int, d: int, k: int) -> tuple[Array, Array, Prototypes, Array]:
    """Return X, positions y among the first classes (of unequal sizes), prototypes of nine classes, new vectors."""
    rng = np.random.default_rng(seed)
    y = np.minimum(np.arange(n) % 9, N_SEEN - 1)
    prototypes = Prototypes([f"c{i}" for i in range(9)], rng.normal(size=(9, k)))
    X = prototypes.vectors[y] @ rng.normal(size=(k, d)) + rng.normal(size=(n, d)) + rng.normal(size=d) * 5
    return X, y, prototypes, rng.normal(size=(20, d)) * 5


def sides(X: Array, y: Array, prototypes: Prototypes, *, center: bool, balanced: bool) -> tuple[Array, ...]:
    """Return centred X, labels Y, all prototypes as the method sees them, and both penalties' units."""
    P = prototypes.vectors.astype(float)
    if center:
        P = P - P[:N_SEEN].mean(axis=0)
        P = np.array([row / np.sqrt(row @ row) for row in P])
    Y = np.zeros((len(X), N_SEEN))
    for i, c in enumerate(y):
        Y[i, c] = len(X) / N_SEEN / np.sum(y == c) if balanced else 1
    centred = X - X.mean(axis=0)
    S = P[:N_SEEN]
    return centred, Y, P, len(X) * X.var(axis=0).mean(), np.sum(S * S) / min(S.shape)


@pytest.mark.parametrize(("n", "d", "k"), SIZES)
@pytest.mark.parametrize(("gamma", "lam"), [(1.0, 1.0), (1e-2, 10.0), (30.0, 1e-2)])
@pytest.mark.parametrize("switch", ["none", "center", "balanced", "normalize"])
def test_the_authors_formula(n: int, d: int, k: int, gamma: float, lam: float, switch: str) -> None:
    X, y, prototypes, new = problem(0, n, d, k)
    switches: dict[str, Any] = {name: name == switch for name in ("center", "balanced", "normalize")}
    centred, Y, P, unit, semantic_unit = sides(
        X, y, prototypes, center=switches["center"], balanced=switches["balanced"]
    )
    S = P[:N_SEEN]
    V = (
        np.linalg.inv(centred.T @ centred + gamma * unit * np.eye(d))
        @ (centred.T @ Y @ S)
        @ np.linalg.inv(S.T @ S + lam * semantic_unit * np.eye(k))
    )
    ours = ESZSL(gamma, lam=lam, **switches).fit(X, [f"c{i}" for i in y], prototypes=prototypes)
    np.testing.assert_allclose(ours.coef_, V, rtol=1e-6, atol=1e-9)
    expected = (new - X.mean(axis=0)) @ V @ P.T
    if switches["normalize"]:
        expected = expected / np.sqrt(np.sum((V @ P.T) ** 2, axis=0))
    np.testing.assert_allclose(ours.class_scores(new, prototypes=prototypes), expected, rtol=1e-6, atol=1e-7)


def test_labels_of_one_and_minus_one_are_twice_those_of_one_and_zero() -> None:
    X, y, prototypes, _ = problem(0, 60, 8, 5)
    centred, Y, *_ = sides(X, y, prototypes, center=False, balanced=False)
    np.testing.assert_allclose(centred.T @ (2 * Y - 1), 2 * centred.T @ Y, atol=1e-9)


@pytest.mark.parametrize(("n", "d", "k"), SIZES)
@pytest.mark.parametrize("center", [True, False])
def test_no_map_has_a_lower_objective(n: int, d: int, k: int, center: bool) -> None:
    X, y, prototypes, _ = problem(1, n, d, k)
    centred, Y, P, unit, semantic_unit = sides(X, y, prototypes, center=center, balanced=True)
    S, gamma, lam = P[:N_SEEN], 0.3 * unit, 0.7 * semantic_unit

    def objective(V: Array) -> float:
        terms = (centred @ V @ S.T - Y, gamma**0.5 * V @ S.T, lam**0.5 * centred @ V, (gamma * lam) ** 0.5 * V)
        return sum(float(np.sum(term**2)) for term in terms)

    V = ESZSL(0.3, lam=0.7, center=center).fit(X, [f"c{i}" for i in y], prototypes=prototypes).coef_
    rng = np.random.default_rng(2)
    for _ in range(20):
        step = rng.normal(size=V.shape) * np.abs(V).max()
        # The objective is quadratic: at its minimum it rises alike to both sides.
        there, back = objective(V + step) - objective(V), objective(V - step) - objective(V)
        assert there > 0
        np.testing.assert_allclose(there, back, rtol=1e-6)


@pytest.mark.parametrize(("n", "d", "k"), SIZES)
def test_without_penalties_it_is_the_least_squares_solution_of_least_norm(n: int, d: int, k: int) -> None:
    X, y, prototypes, _ = problem(3, n, d, k)
    centred, Y, P, *_ = sides(X, y, prototypes, center=True, balanced=True)
    expected = np.linalg.pinv(centred, rcond=1e-9) @ Y @ np.linalg.pinv(P[:N_SEEN], rcond=1e-5).T
    ours = ESZSL(0, lam=0).fit(X, [f"c{i}" for i in y], prototypes=prototypes)
    np.testing.assert_allclose(ours.coef_, expected, atol=1e-6 * np.abs(expected).max())


@pytest.mark.parametrize(("n", "d", "k"), SIZES)
def test_single_precision(n: int, d: int, k: int) -> None:
    X, y, prototypes, new = problem(4, n, d, k)
    labels = [f"c{i}" for i in y]
    double = ESZSL().fit(X, labels, prototypes=prototypes).class_scores(new, prototypes=prototypes)
    single = ESZSL().fit(X.astype(np.float32), labels, prototypes=prototypes)
    scores = single.class_scores(new.astype(np.float32), prototypes=prototypes)
    np.testing.assert_allclose(scores, double, atol=1e-4 * np.abs(double).max())
