"""The bilinear trainer against the papers' loops: one sample, one class, one d x k matrix at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from unseen import Prototypes
from unseen.methods.correspondence.ale import ALE
from unseen.methods.correspondence.bilinear import epochs
from unseen.methods.correspondence.devise import DeViSE
from unseen.methods.correspondence.latem import LatEm
from unseen.methods.correspondence.sje import SJE

Array = np.ndarray[Any, Any]

METHODS: dict[str, Any] = {"ale": ALE, "devise": DeViSE, "sje": SJE, "latem": LatEm}
N_SEEN = 5


def problem(seed: int, n: int = 40, d: int = 9, k: int = 12) -> tuple[Array, Array, Array]:
    rng = np.random.default_rng(seed)
    S = rng.normal(size=(N_SEEN, k)) / np.sqrt(k)
    y = rng.integers(0, N_SEEN, size=n)
    y[:N_SEEN] = np.arange(N_SEEN)
    return (S[y] @ rng.normal(size=(k, d)) + rng.normal(size=(n, d))) / np.sqrt(d), y, S


def loop(
    kind: str,
    X: Array,
    y: Array,
    S: Array,
    *,
    step: float,
    n_epochs: int,
    seed: int,
    start: Array | None = None,
    average: bool = False,
    counts: Array | None = None,
) -> Array:
    """Return the matrices (K, d, k) of a paper's stochastic gradient descent."""
    random = np.random.RandomState(seed)
    W = [np.zeros((X.shape[1], S.shape[1]))] if start is None else [m.copy() for m in start]
    total, n_steps = [np.zeros_like(m) for m in W], 0
    for _ in range(n_epochs):
        for i in random.permutation(len(X)):
            x, true = X[i], int(y[i])
            best = [max(range(len(W)), key=lambda j: x @ W[j] @ S[c]) for c in range(len(S))]
            f = [x @ W[best[c]] @ S[c] for c in range(len(S))]
            violated = [c for c in range(len(S)) if c != true and 1 + f[c] - f[true] > 0]
            if kind == "sje" and violated:
                violated = [max(violated, key=lambda c: f[c])]
            weight = 1.0 if counts is None else len(X) / (len(S) * counts[true])
            if kind == "ale" and violated:
                weight *= sum(1 / j for j in range(1, len(violated) + 1)) / len(violated)
            for c in violated:
                W[best[c]] -= step * weight * np.outer(x, S[c])
                W[best[true]] += step * weight * np.outer(x, S[true])
            n_steps += 1
            for j, m in enumerate(W):
                total[j] += m
    return np.array(total) / n_steps if average else np.array(W)


def run(kind: str, X: Array, y: Array, T: Array, start: Array, **options: Any) -> list[Array]:
    options = {"weights": np.ones(len(X)), "batch_size": 1, "average": False, **options}
    options["random"] = np.random.RandomState(options.pop("seed"))
    return list(epochs(X, y, T, METHODS[kind]()._weigh, start=start, **options))


@pytest.mark.parametrize("kind", METHODS)
@pytest.mark.parametrize("average", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_one_sample_at_a_time_is_the_loop(kind: str, average: bool, seed: int) -> None:
    X, y, S = problem(seed)
    n_matrices = 3 if kind == "latem" else 1
    start = np.random.default_rng(seed).normal(size=(n_matrices, X.shape[1], S.shape[1])) / 3
    expected = loop(kind, X, y, S, step=0.1, n_epochs=4, seed=seed, start=start, average=average)
    found = run(
        kind, X, y, S, start.transpose(1, 0, 2), learning_rate=0.1, n_epochs=4, average=average, seed=seed
    )[-1]  # fmt: skip
    np.testing.assert_allclose(found.transpose(1, 0, 2), expected, atol=1e-12)


@pytest.mark.parametrize("kind", METHODS)
def test_the_span_of_the_prototypes_is_enough(kind: str) -> None:
    X, y, S = problem(0)
    basis = np.linalg.qr(S.T)[0]  # (k, C)
    n_matrices = 2 if kind == "latem" else 1
    inside = np.random.default_rng(1).normal(size=(X.shape[1], n_matrices, N_SEEN)) / 3
    options: dict[str, Any] = {"learning_rate": 0.1, "n_epochs": 5, "batch_size": 7, "seed": 0}
    whole = run(kind, X, y, S, inside @ basis.T, **options)[-1]
    small = run(kind, X, y, S @ basis, inside, **options)[-1]
    np.testing.assert_allclose(small @ basis.T, whole, atol=1e-12)


@pytest.mark.parametrize("kind", METHODS)
@pytest.mark.parametrize("average", [True, False])
def test_a_long_run_holds_the_shorter_ones(kind: str, average: bool) -> None:
    X, y, S = problem(0)
    start = np.random.default_rng(1).normal(size=(X.shape[1], 2, S.shape[1]))
    options: dict[str, Any] = {"learning_rate": 0.1, "batch_size": 8, "average": average, "seed": 0}
    long = run(kind, X, y, S, start, n_epochs=6, **options)
    assert len(long) == 6
    for n_epochs in (1, 3):
        np.testing.assert_array_equal(run(kind, X, y, S, start, n_epochs=n_epochs, **options)[-1], long[n_epochs - 1])


@pytest.mark.parametrize("kind", ["ale", "devise", "sje"])
@pytest.mark.parametrize("average", [True, False])
@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("balanced", [True, False])
@pytest.mark.parametrize(("n", "d", "k"), [(40, 9, 12), (12, 30, 3)])
def test_methods_are_the_loop(kind: str, average: bool, center: bool, balanced: bool, n: int, d: int, k: int) -> None:
    X, y, S = problem(3, n, d, k)
    prototypes = Prototypes([f"c{i}" for i in range(N_SEEN)], S)
    P = prototypes.vectors.astype(float)
    if center:
        P = P - P.mean(axis=0)
        P = P / np.sqrt(np.sum(P * P, axis=1))[:, None]
    centred = X - X.mean(axis=0)
    length, size = np.sqrt(np.mean(np.sum(centred**2, axis=1))), np.sqrt(np.mean(np.sum(P**2, axis=1)))
    counts = np.bincount(y) if balanced else None
    (expected,) = loop(
        kind, centred / length, y, P / size, step=0.1, n_epochs=3, seed=7, average=average, counts=counts
    )  # fmt: skip
    switches: dict[str, Any] = {"average": average, "center": center, "balanced": balanced, "normalize": False}
    ours = METHODS[kind](learning_rate=0.1, n_epochs=3, batch_size=1, random_state=7, **switches)
    ours.fit(X, [f"c{i}" for i in y], prototypes=prototypes)
    expected = expected / (length * size)
    # The loop of the method runs in single precision.
    np.testing.assert_allclose(ours.coef_, expected, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("kind", METHODS)
def test_single_precision(kind: str) -> None:
    X, y, S = problem(5)
    prototypes = Prototypes([f"c{i}" for i in range(N_SEEN)], S)
    scores = []
    for vectors in (X, X.astype(np.float32)):
        model = METHODS[kind](random_state=0).fit(vectors, [f"c{i}" for i in y], prototypes=prototypes)
        scores.append(model.class_scores(vectors, prototypes=prototypes))
    np.testing.assert_allclose(scores[1], scores[0], atol=1e-4 * np.abs(scores[0]).max())
