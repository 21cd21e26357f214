"""Projections against independent derivations in double precision."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import linalg, optimize
from sklearn.kernel_ridge import KernelRidge as SklearnKernelRidge
from sklearn.linear_model import Ridge as SklearnRidge
from sklearn.metrics.pairwise import cosine_similarity, rbf_kernel

from unseen import Prototypes
from unseen.methods.projection.cca import CanonicalCorrelation
from unseen.methods.projection.cmt import CMT
from unseen.methods.projection.kernel_ridge import KernelRidge
from unseen.methods.projection.reverse_ridge import ReverseRidge
from unseen.methods.projection.sae import SAE
from unseen.methods.projection.sse import SSE, _mix

Array = np.ndarray[Any, Any]

N_SEEN = 6
# Samples above and below the dimension, and prototypes of more dimensions than there are classes.
SHAPES = [(60, 8, 4), (60, 8, 11), (14, 30, 5)]
SEEDS = [0, 1]


def problem(seed: int, *, n: int, d: int, k: int) -> tuple[Array, Array, Array, Prototypes]:
    """Return X, positions y among the first classes (some larger), new vectors, and prototypes of nine classes."""
    rng = np.random.default_rng(seed)
    y = np.concatenate([np.arange(N_SEEN), rng.integers(0, N_SEEN, size=n - N_SEEN)])
    prototypes = Prototypes([f"c{i}" for i in range(9)], rng.uniform(-0.2, 1, size=(9, k)))
    X = prototypes.vectors[y] @ rng.normal(size=(k, d)) + rng.normal(size=(n, d)) + rng.normal(size=d) * 5
    return X, y, rng.normal(size=(20, d)) + 3, prototypes


def names(prototypes: Prototypes, y: Array) -> list[str]:
    return [prototypes.names[i] for i in y]


def vectors(prototypes: Prototypes) -> Array:
    return prototypes.vectors.astype(np.float64)


def unit(A: Array) -> Array:
    scaled: Array = A / np.linalg.norm(A, axis=1, keepdims=True)
    return scaled


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("n", "d", "k"), SHAPES)
@pytest.mark.parametrize("alpha", [1e-3, 1.0, 50.0])
def test_reverse_ridge_is_scikit_learns(seed: int, n: int, d: int, k: int, alpha: float) -> None:
    X, y, new, prototypes = problem(seed, n=n, d=d, k=k)
    P = vectors(prototypes)
    # Ours is relative to the mean variance of a dimension times n; theirs is absolute.
    theirs = SklearnRidge(alpha=alpha * P[y].var(axis=0).mean() * n, solver="svd").fit(P[y], X)
    images, mean = theirs.predict(P), X.mean(axis=0)
    ours = ReverseRidge(alpha).fit(X, names(prototypes, y), prototypes=prototypes)
    np.testing.assert_allclose(ours.coef_, theirs.coef_.T, atol=1e-9)
    np.testing.assert_allclose(
        ours.class_scores(new, prototypes=prototypes), cosine_similarity(new - mean, images - mean), atol=1e-9
    )
    ours = ReverseRidge(alpha, metric="euclidean").fit(X, names(prototypes, y), prototypes=prototypes)
    expected = [[-np.sum((x - image) ** 2) for image in images] for x in new]
    np.testing.assert_allclose(ours.class_scores(new, prototypes=prototypes), expected, rtol=1e-9)


@pytest.mark.parametrize(("n", "d", "k"), SHAPES)
def test_reverse_ridge_without_penalty_is_least_squares(n: int, d: int, k: int) -> None:
    X, y, _, prototypes = problem(0, n=n, d=d, k=k)
    S = vectors(prototypes)[y]
    expected = np.linalg.lstsq(S - S.mean(axis=0), X - X.mean(axis=0), rcond=1e-10)[0]
    ours = ReverseRidge(0).fit(X, names(prototypes, y), prototypes=prototypes)
    np.testing.assert_allclose(ours.coef_, expected, atol=1e-9)


def scaled_prototypes(S: Array, P: Array, scaling: str) -> tuple[Array, Array]:
    if scaling == "sqrt":
        S, P = (np.sign(A) * np.sqrt(np.abs(A)) for A in (S, P))
    mean, scale = np.zeros(S.shape[1]), np.ones(S.shape[1])
    if scaling != "none":
        mean = S.mean(axis=0)
    if scaling == "standardize":
        scale = S.std(axis=0)
    return unit((S - mean) / scale), unit((P - mean) / scale)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("n", "d", "k"), SHAPES)
@pytest.mark.parametrize("scaling", ["none", "center", "standardize", "sqrt"])
@pytest.mark.parametrize("shrinkage", [None, 0.1, 5.0])
@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_kernel_ridge_is_scikit_learns_on_whitened_features(
    seed: int, n: int, d: int, k: int, scaling: str, shrinkage: float | None, metric: str
) -> None:
    X, y, new, prototypes = problem(seed, n=n, d=d, k=k)
    mean = X.mean(axis=0)
    L = np.eye(d)
    if shrinkage is not None:
        within = np.zeros((d, d))
        for x, c in zip(X, y, strict=True):
            offset = x - X[y == c].mean(axis=0)
            within += np.outer(offset, offset) / n
        symmetric = linalg.inv(linalg.sqrtm(within + shrinkage * np.trace(within) / d * np.eye(d)))
        # What lies outside the span of the training vectors is dropped: it is orthogonal to every class.
        basis = linalg.orth((X - mean).T, rcond=1e-9)
        L = basis @ basis.T @ symmetric
    M = np.array([X[y == c].mean(axis=0) for c in range(N_SEEN)])
    S, P = scaled_prototypes(vectors(prototypes)[:N_SEEN], vectors(prototypes), scaling)
    pairs = [np.sum((S[i] - S[j]) ** 2) for i in range(N_SEEN) for j in range(N_SEEN) if i != j]
    gamma = 0.7 / float(np.median(pairs))
    targets = (M - mean) @ L
    middle = targets.mean(axis=0)
    theirs = SklearnKernelRidge(alpha=0.2, kernel="precomputed").fit(rbf_kernel(S, gamma=gamma), targets - middle)
    images = theirs.predict(rbf_kernel(P, S, gamma=gamma)) + middle
    Z = (new - mean) @ L
    if metric == "cosine":
        expected = cosine_similarity(Z, images)
    else:
        expected = np.array([[-np.sum((z - image) ** 2) for image in images] for z in Z])
    ours = KernelRidge(0.2, gamma=0.7, shrinkage=shrinkage, prototype_scaling=scaling, metric=metric)
    found = ours.fit(X, names(prototypes, y), prototypes=prototypes).class_scores(new, prototypes=prototypes)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("n", "d", "k"), SHAPES)
@pytest.mark.parametrize("alpha", [1e-2, 1.0, 1e2])
def test_sae_solves_the_sylvester_equation(seed: int, n: int, d: int, k: int, alpha: float) -> None:
    X, y, new, prototypes = problem(seed, n=n, d=d, k=k)
    P = vectors(prototypes)
    mean, middle = X.mean(axis=0), P[y].mean(axis=0)
    visual, semantic = (float(np.linalg.norm(A - A.mean(axis=0))) for A in (X, P[y]))
    x, s = (X - mean) / visual, (P[y] - middle) / semantic
    # In the paper's layout, W is (k, d): A W + W B = C. A jitter keeps the equation solvable where both are singular.
    jitter = 1e-13
    A, B = s.T @ s + jitter * np.eye(k), alpha * x.T @ x + jitter * np.eye(d)
    W = linalg.solve_sylvester(A, B, (1 + alpha) * s.T @ x)
    ours = SAE(alpha, direction="visual_to_semantic").fit(X, names(prototypes, y), prototypes=prototypes)
    np.testing.assert_allclose(ours.coef_, W.T * semantic / visual, atol=1e-5 * np.abs(ours.coef_).max())
    encoded = (new - mean) / visual @ W.T * semantic + middle
    np.testing.assert_allclose(ours.class_scores(new, prototypes=prototypes), cosine_similarity(encoded, P), atol=1e-5)
    ours = SAE(alpha, direction="semantic_to_visual").fit(X, names(prototypes, y), prototypes=prototypes)
    decoded = cosine_similarity(new - mean, (P - middle) @ W)
    np.testing.assert_allclose(ours.class_scores(new, prototypes=prototypes), decoded, atol=1e-5)


@pytest.mark.parametrize("alpha", [1e-2, 1.0, 1e2])
def test_sae_is_the_best_tied_map(alpha: float) -> None:
    X, y, _, prototypes = problem(0, n=30, d=5, k=3)
    S = vectors(prototypes)[y]
    x, s = X - X.mean(axis=0), S - S.mean(axis=0)
    x, s, ratio = x / np.linalg.norm(x), s / np.linalg.norm(s), np.linalg.norm(s) / np.linalg.norm(x)

    def loss(w: Array) -> float:
        W = w.reshape(5, 3)
        return float(np.sum((x - s @ W.T) ** 2) + alpha * np.sum((x @ W - s) ** 2))

    best = optimize.minimize(loss, np.zeros(15), method="BFGS", options={"gtol": 1e-9}).x.reshape(5, 3)
    ours = SAE(alpha).fit(X, names(prototypes, y), prototypes=prototypes)
    np.testing.assert_allclose(ours.coef_, best * ratio, atol=1e-4 * np.abs(best).max())


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("n", "d", "k"), SHAPES)
@pytest.mark.parametrize(("alpha", "beta"), [(0.1, 1.0), (10.0, 0.01)])
@pytest.mark.parametrize("weighting", [0.0, 1.0, 4.0])
def test_canonical_correlation_is_the_generalised_eigenproblem(
    seed: int, n: int, d: int, k: int, alpha: float, beta: float, weighting: float
) -> None:
    X, y, new, prototypes = problem(seed, n=n, d=d, k=k)
    P = vectors(prototypes)
    mean, middle = X.mean(axis=0), P[y].mean(axis=0)
    x, s = X - mean, P[y] - middle
    xx, ss, xs = x.T @ x / n, s.T @ s / n, x.T @ s / n
    xx += alpha * np.trace(xx) / d * np.eye(d)
    ss += beta * np.trace(ss) / k * np.eye(k)
    # [0 Sxs; Ssx 0] (a; b) = rho [Sxx 0; 0 Sss] (a; b)
    left = np.block([[np.zeros((d, d)), xs], [xs.T, np.zeros((k, k))]])
    values, both = linalg.eigh(left, linalg.block_diag(xx, ss))
    m = min(N_SEEN - 1, k, d)
    rho = values[::-1][:m]
    A, B = (part[:, ::-1][:, :m] * np.sqrt(2) for part in (both[:d], both[d:]))
    ours = CanonicalCorrelation(alpha=alpha, beta=beta, weighting=weighting)
    ours.fit(X, names(prototypes, y), prototypes=prototypes)
    np.testing.assert_allclose(ours.correlations_, rho, rtol=1e-8)
    np.testing.assert_allclose(np.abs(ours.visual_coef_), np.abs(A * rho**weighting), atol=1e-7)
    np.testing.assert_allclose(np.abs(ours.semantic_coef_), np.abs(B * rho**weighting), atol=1e-7)
    expected = cosine_similarity((new - mean) @ A * rho**weighting, (P - middle) @ B * rho**weighting)
    np.testing.assert_allclose(ours.class_scores(new, prototypes=prototypes), expected, atol=1e-7)


@pytest.mark.parametrize("gamma", [1e-3, 0.1, 5.0])
def test_sse_mixtures_are_the_best_on_the_simplex(gamma: float) -> None:
    rng = np.random.default_rng(0)
    A, P = unit(rng.normal(size=(7, 4))), unit(rng.normal(size=(5, 4)))
    # Non-negative least squares by active sets; a heavy row holds the sum at one.
    heavy = 1e4
    system = np.vstack([A.T, np.sqrt(gamma) * np.eye(7), np.full((1, 7), heavy)])
    for p, found in zip(P, _mix(P, A, gamma), strict=True):
        best, _ = optimize.nnls(system, np.concatenate([p, np.zeros(7), [heavy]]))
        np.testing.assert_allclose(found, best, atol=1e-5)
        assert abs(found.sum() - 1) < 1e-12
        assert (found >= 0).all()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("n", "d", "k"), SHAPES)
def test_sse_is_a_plain_loop(seed: int, n: int, d: int, k: int) -> None:
    X, y, new, prototypes = problem(seed, n=n, d=d, k=k)
    P = vectors(prototypes)
    middle = P[:N_SEEN].mean(axis=0)
    anchors = unit(P[:N_SEEN] - middle)
    Z = _mix(anchors, anchors, 0.5)
    M = [X[y == c].mean(axis=0) for c in range(N_SEEN)]
    psi = np.array([[sum(-Z[c, s] * np.abs(x - M[s]) for s in range(N_SEEN)) for c in range(N_SEEN)] for x in X])
    rows, system = [], np.zeros((d, d))
    for own in range(N_SEEN):
        of_class = psi[y == own]
        rows += [np.mean(of_class[:, own] - of_class[:, c], axis=0) for c in range(N_SEEN) if c != own]
        leads = of_class[:, own] - of_class.mean(axis=1)
        for lead in leads - leads.mean(axis=0):
            system += np.outer(lead, lead) / n
    ranked = np.array(rows)
    system += ranked.T @ ranked / len(ranked)
    w = linalg.solve(system + 0.3 * np.trace(system) / d * np.eye(d), ranked.mean(axis=0))
    ours = SSE(0.3, gamma=0.5).fit(X, names(prototypes, y), prototypes=prototypes)
    np.testing.assert_allclose(ours.coef_, w, rtol=1e-6, atol=1e-9)
    mixtures = _mix(unit(P - middle), anchors, 0.5)
    expected = [[sum(-z[s] * w @ np.abs(x - M[s]) for s in range(N_SEEN)) for z in mixtures] for x in new]
    np.testing.assert_allclose(ours.class_scores(new, prototypes=prototypes), expected, rtol=1e-6, atol=1e-9)


def test_cmt_minimises_what_it_says() -> None:
    # Training ends near a minimum of the documented objective, in which offsets are unpenalised.
    X, y, _, prototypes = problem(0, n=40, d=4, k=3)
    alpha = 0.05
    ours = CMT(3, alpha=alpha, learning_rate=0.05, max_iter=1000, random_state=0)
    ours.fit(X, names(prototypes, y), prototypes=prototypes)
    S = vectors(prototypes)[y]
    x, s = X - X.mean(axis=0), S - S.mean(axis=0)
    a, b = float(np.sqrt(np.mean(x**2))), float(np.sqrt(np.mean(np.sum(s**2, axis=1))))
    x, s = x / a, s / b

    def loss(theta: Array) -> float:
        W1, b1, W2, b2 = np.split(theta, [12, 15, 24])
        h = np.tanh(x @ W1.reshape(4, 3) + b1)
        error = float(np.mean(np.sum((s - h @ W2.reshape(3, 3) - b2) ** 2, axis=1)))
        return error + alpha * float(W1 @ W1 + W2 @ W2)

    found = np.concatenate(
        [
            ours.hidden_coef_.ravel() * a,
            ours.hidden_intercept_,
            ours.output_coef_.ravel() / b,
            ours.output_intercept_ / b,
        ]
    )
    best = optimize.minimize(loss, found, method="BFGS").fun
    assert loss(found) < 1.02 * best
    assert best < 0.9 * loss(np.zeros_like(found))


@pytest.mark.parametrize(
    "method",
    [
        ReverseRidge(),
        ReverseRidge(metric="euclidean"),
        KernelRidge(),
        KernelRidge(shrinkage=None),
        SAE(),
        SAE(direction="visual_to_semantic"),
        CanonicalCorrelation(),
        SSE(),
        CMT(10, random_state=0),
    ],
    ids=repr,
)
@pytest.mark.parametrize(("n", "d", "k"), SHAPES)
def test_single_precision_is_near_double(method: Any, n: int, d: int, k: int) -> None:
    X, y, new, prototypes = problem(0, n=n, d=d, k=k)
    narrow, narrow_new = X.astype(np.float32), new.astype(np.float32)
    found = method.fit(narrow, names(prototypes, y), prototypes=prototypes).class_scores(
        narrow_new, prototypes=prototypes
    )
    expected = method.fit(X, names(prototypes, y), prototypes=prototypes).class_scores(new, prototypes=prototypes)
    assert np.abs(found - expected).max() <= 1e-4 * np.abs(expected).max()
