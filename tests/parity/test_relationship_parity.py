"""Methods that combine classifiers, and those classifiers, against independent derivations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from unseen import Prototypes
from unseen.methods import classifiers
from unseen.methods.combination.attributes import attribute_classifiers
from unseen.methods.combination.dap import DAP
from unseen.methods.combination.iap import IAP
from unseen.methods.relationship.conse import ConSE
from unseen.methods.relationship.costa import COSTA
from unseen.methods.relationship.sync import SynC
from unseen.methods.samples import Samples

if TYPE_CHECKING:
    from unseen.methods.base import Method

Array = np.ndarray[Any, Any]

N_SEEN = 6
SHAPES = [(60, 8), (14, 30)]


def problem(seed: int, *, n: int, d: int, k: int = 5) -> tuple[Array, Array, Array, Prototypes]:
    """Return X, positions y among the first classes, new vectors, and prototypes of nine classes."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % N_SEEN
    prototypes = Prototypes([f"c{i}" for i in range(9)], rng.normal(size=(9, k)))
    X = prototypes.vectors[y] @ rng.normal(size=(k, d)) + rng.normal(size=(n, d)) + rng.normal(size=d) * 5
    return X, y, X[:20] + rng.normal(size=(len(X[:20]), d)), prototypes


def fit(method: Method, X: Array, y: Array, prototypes: Prototypes) -> Any:
    return method.fit(X, [prototypes.names[i] for i in y], prototypes=prototypes)


def scaled(X: Array) -> tuple[Array, Array, float]:
    mean = X.mean(axis=0)
    sigma = float(np.sqrt(np.mean((X - mean) ** 2)))
    return (X - mean) / sigma, mean, sigma


def one_against_others(X: Array, y: Array, C: float) -> Array:
    """Return squared hinge classifiers by plain minimisation, one class at a time."""
    Z, _, sigma = scaled(X)
    rows = []
    for c in range(N_SEEN):
        signs = np.where(y == c, 1.0, -1.0)

        def objective(v: Array, signs: Array = signs) -> tuple[float, Array]:
            short = np.maximum(0, 1 - signs * (Z @ v[:-1] + v[-1]))
            slope = -2 * short * signs
            gradient = np.append(slope @ Z + v[:-1] / C, slope.sum())
            return float(short @ short + v[:-1] @ v[:-1] / (2 * C)), gradient

        found = minimize(objective, np.zeros(Z.shape[1] + 1), jac=True, method="BFGS", options={"gtol": 1e-9})
        rows.append(found.x[:-1] / sigma)
    return np.array(rows)


@pytest.mark.parametrize(("n", "d"), SHAPES)
@pytest.mark.parametrize("C", [1e-3, 0.1])
def test_hinge_classifiers_are_trained_one_by_one(n: int, d: int, C: float) -> None:
    X, y, _, _ = problem(0, n=n, d=d)
    coef, _ = classifiers.hinge_classifiers(Samples(X, y, N_SEEN), C=C)
    np.testing.assert_allclose(coef, one_against_others(X, y, C), atol=1e-6)


@pytest.mark.parametrize(("n", "d"), SHAPES)
@pytest.mark.parametrize("C", [1e-3, 1.0])
def test_softmax_classifiers_are_scikit_learns(n: int, d: int, C: float) -> None:
    X, y, new, _ = problem(1, n=n, d=d)
    for classes in (2, N_SEEN):
        Xc, yc = X[y < classes], y[y < classes]
        Z, mean, sigma = scaled(Xc)
        theirs = LogisticRegression(C=C, solver="newton-cg", tol=1e-10, max_iter=1000).fit(Z, yc)
        coef, intercept = classifiers.softmax_classifiers(Samples(Xc, yc, classes), C=C)
        odds = new @ coef.T + intercept
        shares = np.exp(odds) / np.exp(odds).sum(axis=1, keepdims=True)
        np.testing.assert_allclose(shares, theirs.predict_proba((new - mean) / sigma), atol=1e-6)


@pytest.mark.parametrize(("n", "d"), SHAPES)
@pytest.mark.parametrize("C", [1e-3, 1.0])
def test_attribute_classifiers_are_scikit_learns(n: int, d: int, C: float) -> None:
    X, y, _, prototypes = problem(2, n=n, d=d)
    Z, _, sigma = scaled(X)
    table = (prototypes.vectors[:N_SEEN] > prototypes.vectors[:N_SEEN].mean(axis=0)).astype(float)
    coef, _ = attribute_classifiers(Samples(X, y, N_SEEN), table, C=C)
    for j, own in enumerate(coef):
        theirs = LogisticRegression(C=C, solver="newton-cg", tol=1e-10, max_iter=1000).fit(Z, table[y, j])
        np.testing.assert_allclose(own, theirs.coef_[0] / sigma, atol=1e-6)


def test_soft_attributes_are_weighted_examples() -> None:
    # A vector that has an attribute to 0.3 counts as 0.3 of one that has it and 0.7 of one that has not.
    X, y, _, _ = problem(2, n=60, d=8)
    Z, _, sigma = scaled(X)
    table = np.random.default_rng(3).uniform(size=(N_SEEN, 2))
    coef, _ = attribute_classifiers(Samples(X, y, N_SEEN), table, C=0.1)
    for j, own in enumerate(coef):
        theirs = LogisticRegression(C=0.1, solver="newton-cg", tol=1e-10, max_iter=1000)
        theirs.fit(np.vstack([Z, Z]), np.repeat([1, 0], len(Z)), sample_weight=np.append(table[y, j], 1 - table[y, j]))
        np.testing.assert_allclose(own, theirs.coef_[0] / sigma, atol=1e-6)


def test_what_single_precision_solves_agrees(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y, new, prototypes = problem(3, n=60, d=8)
    for method in (ConSE(C=0.01), SynC(), SynC(loss="structured"), COSTA(), DAP(), IAP()):
        exact = fit(method, X, y, prototypes).class_scores(new, prototypes=prototypes)
        with monkeypatch.context() as patch:
            patch.setattr(classifiers, "SMALL", 0)
            for dtype in (np.float32, np.float64):
                large = fit(method, X.astype(dtype), y, prototypes).class_scores(new, prototypes=prototypes)
                np.testing.assert_allclose(large, exact, atol=0.02 * np.abs(exact).max())


@pytest.mark.parametrize("similarity", ["correlation", "cosine", "dice", "product"])
@pytest.mark.parametrize("n_nearest", [1, 3, None])
def test_costa_is_a_plain_loop(similarity: str, n_nearest: int | None) -> None:
    X, y, new, prototypes = problem(4, n=60, d=8)
    P = prototypes.vectors.astype(float)
    S, mean = P[:N_SEEN], P[:N_SEEN].mean(axis=0)
    formulas = {
        "correlation": lambda p, s: (p - mean) @ (s - mean) / np.linalg.norm(p - mean) / np.linalg.norm(s - mean),
        "cosine": lambda p, s: p @ s / np.linalg.norm(p) / np.linalg.norm(s),
        "dice": lambda p, s: 2 * (p @ s) / (p @ p + s @ s),
        "product": lambda p, s: p @ s,
    }
    coef = one_against_others(X, y, 1e-3)
    expected = np.zeros((len(new), len(P)))
    for c, p in enumerate(P):
        weights = [formulas[similarity](p, s) for s in S]
        chosen = sorted(range(N_SEEN), key=lambda s: -weights[s])[:n_nearest]
        w = sum((weights[s] * coef[s] for s in chosen), np.zeros(X.shape[1]))
        expected[:, c] = (new - X.mean(axis=0)) @ w / np.linalg.norm(w)
    ours = fit(COSTA(n_nearest, similarity=similarity, C=1e-3), X, y, prototypes)
    np.testing.assert_allclose(ours.class_scores(new, prototypes=prototypes), expected, atol=1e-4)


@pytest.mark.parametrize("alpha", [0, 0.01, 1.0])
@pytest.mark.parametrize("sigma", [0.3, 1.0])
def test_sync_is_a_plain_loop(alpha: float, sigma: float) -> None:
    X, y, new, prototypes = problem(5, n=60, d=8)
    P = prototypes.vectors.astype(float)
    squared = np.array([[(p - s) @ (p - s) for s in P[:N_SEEN]] for p in P])
    delta = squared[:N_SEEN].sum() / (N_SEEN * (N_SEEN - 1))
    shares = np.exp(-squared / sigma / delta)
    shares /= shares.sum(axis=1, keepdims=True)
    inner = shares[:N_SEEN]
    system = inner.T @ inner + alpha * np.trace(inner.T @ inner) / N_SEEN * np.eye(N_SEEN)
    w = shares @ np.linalg.solve(system, inner.T @ one_against_others(X, y, 1e-2))
    expected = (new - X.mean(axis=0)) @ (w / np.linalg.norm(w, axis=1, keepdims=True)).T
    ours = fit(SynC(1e-2, sigma=sigma, alpha=alpha), X, y, prototypes)
    np.testing.assert_allclose(ours.class_scores(new, prototypes=prototypes), expected, atol=1e-4)


def test_structured_classifiers_minimise_their_loss() -> None:
    X, y, _, prototypes = problem(6, n=60, d=4)
    Z, _, sigma = scaled(X)
    S = prototypes.vectors[:N_SEEN].astype(float)
    squared = np.array([[(p - s) @ (p - s) for s in S] for p in S])
    margins = squared / (squared.sum() / (N_SEEN * (N_SEEN - 1)))

    def objective(v: Array) -> float:
        W, b = v[:-N_SEEN].reshape(N_SEEN, -1), v[-N_SEEN:]
        total = np.square(W).sum() / 2 / 0.05
        for z, own in zip(Z, y, strict=True):
            outputs = W @ z + b
            behind = margins[own] + outputs - outputs[own]
            total += 0.1 * np.log(np.exp((behind - behind.max()) / 0.1).sum()) + behind.max()
        return float(total)

    # With a kernel this narrow and no penalty, phantom classifiers are the seen ones.
    ours = fit(SynC(0.05, sigma=1e-3, alpha=0, loss="structured"), X, y, prototypes)
    W = ours.phantom_coef_ * sigma

    def of_offsets(b: Array) -> float:
        return objective(np.append(W.ravel(), b))

    offsets = minimize(of_offsets, np.zeros(N_SEEN), method="BFGS").x
    best = objective(np.append(W.ravel(), offsets))
    rng = np.random.default_rng(0)
    for size in (1e-3, 1e-2, 0.1):
        for _ in range(5):
            assert objective(np.append(W.ravel(), offsets) + size * rng.normal(size=W.size + N_SEEN)) > best


@pytest.mark.parametrize("attributes", ["soft", "binary"])
@pytest.mark.parametrize("prior", ["uniform", "seen"])
@pytest.mark.parametrize("kind", [DAP, IAP])
def test_attribute_prediction_is_a_plain_loop(kind: type[DAP | IAP], attributes: str, prior: str) -> None:
    X, y, new, prototypes = problem(7, n=60, d=8)
    ours = fit(kind(0.1, attributes=attributes, prior=prior, sharpness=1.5), X, y, prototypes)
    P = prototypes.vectors.astype(float)
    mean, spread = P[:N_SEEN].mean(axis=0), P[:N_SEEN].std(axis=0)
    table = 1 / (1 + np.exp(-1.5 * (P - mean) / spread)) if attributes == "soft" else np.greater(P, mean) * 1.0
    priors = table[y].mean(axis=0) if prior == "seen" else np.full(P.shape[1], 0.5)
    for x, scores in zip(new, ours.class_scores(new, prototypes=prototypes), strict=True):
        outputs = ours.coef_ @ x + ours.intercept_
        if kind is DAP:
            found = 1 / (1 + np.exp(-outputs))
        else:
            shares = np.exp(outputs) / np.exp(outputs).sum()
            found = 0.99 * (shares @ table[:N_SEEN]) + 0.01 * priors
        for c, score in enumerate(scores):
            terms = [
                a * np.log(p / q) + (1 - a) * np.log((1 - p) / (1 - q))
                for a, p, q in zip(table[c], found, priors, strict=True)
            ]
            np.testing.assert_allclose(score, sum(terms), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("method", [ConSE(), COSTA(), SynC(), SynC(loss="structured"), DAP(), IAP()], ids=repr)
def test_single_precision_agrees(method: Method) -> None:
    X, y, new, prototypes = problem(8, n=60, d=8)
    X, new = X.astype(np.float32), new.astype(np.float32)
    scores = [
        fit(method, X.astype(dtype), y, prototypes).class_scores(new.astype(dtype), prototypes=prototypes)
        for dtype in (np.float32, np.float64)
    ]
    np.testing.assert_allclose(scores[0], scores[1], atol=1e-4 * np.abs(scores[1]).max())
