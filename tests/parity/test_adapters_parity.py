"""Few-shot adapters and transductive methods against plain implementations of the published formulas."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize

from unseen import Prototypes
from unseen.methods.borrowing.tip_adapter import TipAdapter
from unseen.methods.correspondence.text_probe import TextProbe
from unseen.methods.meta.label_propagation import LabelPropagation
from unseen.methods.meta.transclip import TransCLIP
from unseen.methods.neighbours import nearest_rows
from unseen.methods.projection.ridge import Ridge

C, D = 6, 32


def unit(A: Any) -> Any:
    return A / np.linalg.norm(A, axis=1, keepdims=True)


def problem(seed: int, per_class: int = 15, offset: float = 0.8, noise: float = 0.6) -> tuple[Any, Any, Prototypes]:
    """Vectors in groups beside their class's text."""
    rng = np.random.default_rng(seed)
    texts = rng.normal(size=(C, D)).astype(np.float32)
    p = Prototypes([f"c{i}" for i in range(C)], texts)
    y = np.repeat(np.arange(C), per_class)
    groups = texts + offset * rng.normal(size=(C, D))
    return groups[y] + noise * rng.normal(size=(len(y), D)), y, p


def names(p: Prototypes, y: Any) -> Any:
    return np.array(p.names)[y]


@pytest.mark.parametrize("alpha", [0.7, 3.0])
@pytest.mark.parametrize("beta", [1.0, 5.5])
def test_tip_adapter_is_the_papers_logits_over_their_scale(alpha: float, beta: float) -> None:
    torch = pytest.importorskip("torch")
    X, y, p = problem(0)
    shots = np.concatenate([np.flatnonzero(y == c)[:3] for c in range(4)])  # two classes have none
    model = TipAdapter(alpha, beta=beta).fit(X[shots], names(p, y[shots]), prototypes=p)

    def normalized(A: Any) -> Any:
        return torch.nn.functional.normalize(torch.tensor(A, dtype=torch.float64), dim=-1)

    features, weights, keys = normalized(X), normalized(p.vectors), normalized(X[shots])
    values = torch.nn.functional.one_hot(torch.tensor(y[shots]), C).double()
    affinity = features @ keys.T
    cache = ((-1) * (beta - beta * affinity)).exp() @ values
    logits = 100.0 * features @ weights.T + cache * alpha
    np.testing.assert_allclose(100 * model.class_scores(X, prototypes=p), logits.numpy(), atol=1e-5)


@pytest.mark.parametrize(("n", "pull"), [(2, 0.3), (10, 0.3), (10, 3.0)])
def test_text_probe_is_the_penalised_logistic_regression(n: int, pull: float) -> None:
    X, y, p = problem(1)
    shots = np.concatenate([np.flatnonzero(y == c)[:n] for c in range(C)])
    model = TextProbe(pull, scale=20.0).fit(X[shots], names(p, y[shots]), prototypes=p)
    Z, W, target = unit(X[shots]), 20 * unit(p.vectors.astype(float)), y[shots]

    # Over the weights themselves, with the pull to the texts written out, sample by sample.
    def loss(flat: Any) -> float:
        weights, total = flat.reshape(C, D), 0.0
        for z, c in zip(Z, target, strict=True):
            logits = weights @ z
            total += np.log(np.exp(logits - logits.max()).sum()) + logits.max() - logits[c]
        return total + pull / 2 * float(((weights - W) ** 2).sum())

    def gradient(flat: Any) -> Any:
        weights = flat.reshape(C, D)
        shares = np.exp(Z @ weights.T)
        shares /= shares.sum(axis=1, keepdims=True)
        return ((shares - np.eye(C)[target]).T @ Z + pull * (weights - W)).ravel()

    found = minimize(loss, W.ravel(), jac=gradient, method="BFGS", options={"gtol": 1e-7})
    expected = unit(X) @ found.x.reshape(C, D).T / 20
    np.testing.assert_allclose(model.class_scores(X, prototypes=p), expected, atol=1e-5)
    # Derivatives of the log loss sum to zero over classes: there is no mean shift to give to others.
    np.testing.assert_allclose(model.shift_.sum(axis=0), 0, atol=1e-6)


def transclip(
    features: Any, texts: Any, shots: Any, labels: Any, *, scale: float, weight: float, k: int, gamma: float
) -> Any:
    """The updates of the paper and of its code, with einsum over (n, C, d) as the code has it, in torch."""
    import torch

    f, t = torch.tensor(features), torch.tensor(texts)
    s, hot = (
        torch.tensor(shots),
        torch.nn.functional.one_hot(torch.tensor(labels, dtype=torch.int64), len(texts)).double(),
    )
    n, d = f.shape
    y_hat = torch.softmax(scale * f @ t.T, dim=1)
    z = y_hat.clone()
    mu = torch.zeros(len(texts), d, dtype=torch.float64)
    for c in range(len(texts)):
        best = torch.topk(z[:, c], min(8, n)).indices
        mu[c] = (z[best, c, None] * f[best]).mean(dim=0)
    mu = torch.nn.functional.normalize(mu, dim=1)
    if len(s):
        mu = torch.nn.functional.normalize(mu + torch.nn.functional.normalize(hot.T @ s, dim=1), dim=1)
    variance = torch.full((d,), 1 / d, dtype=torch.float64)
    w = torch.zeros(n + len(s), n, dtype=torch.float64)
    affinity = torch.cat([f @ f.T, s @ f.T])
    affinity[:n].fill_diagonal_(-2)
    values, near = affinity.topk(k, dim=1)
    w.scatter_(1, near, values)
    for turn in range(11):
        if turn:
            mass = (z / n).sum(dim=0) + gamma / n * hot.sum(dim=0)
            mu = torch.einsum("ij,ik->jk", z / n, f) + gamma / n * hot.T @ s
            mu = torch.nn.functional.normalize(mu / mass[:, None], dim=1)
            variance = torch.einsum("ij,ijk->k", z / n, (f[:, None] - mu) ** 2)
            variance = variance + torch.einsum("ij,ijk->k", gamma / n * hot, (s[:, None] - mu) ** 2)
            variance = variance / mass.sum()
        likelihood = -0.5 * torch.einsum("ijk,k->ij", (f[:, None] - mu) ** 2, 1 / variance)
        for _ in range(5):
            joined = torch.cat([z, hot])
            inner = likelihood + 50 / (2 * k) * (w.T @ joined + w[:n] @ z)
            inner = inner - inner.max(dim=1, keepdim=True).values
            z = y_hat**weight * torch.exp(inner / 50)
            z = z / z.sum(dim=1, keepdim=True)
    return z.numpy()


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("k", [3, 5])
def test_transclip_zero_shot_is_the_papers_updates(seed: int, k: int) -> None:
    pytest.importorskip("torch")
    X, y, p = problem(seed)
    none = np.zeros((0, D))
    expected = transclip(unit(X), unit(p.vectors.astype(float)), none, [], scale=20.0, weight=1.0, k=k, gamma=0.0)
    scores = TransCLIP(k, scale=20.0).class_scores(X, prototypes=p)
    np.testing.assert_allclose(softmax(20 * scores), expected, atol=1e-7)
    before = TransCLIP(n_iterations=0).predict(X, prototypes=p)
    assert (names(p, expected.argmax(axis=1)) == names(p, y)).mean() >= (before == names(p, y)).mean()


@pytest.mark.parametrize("gamma", [1.0, 4.0])
def test_transclip_with_examples_is_the_papers_updates(gamma: float) -> None:
    pytest.importorskip("torch")
    X, y, p = problem(2, noise=1.2)
    shots = np.concatenate([np.flatnonzero(y == c)[:2] for c in range(C)])
    rest = np.setdiff1d(np.arange(len(y)), shots)
    expected = transclip(
        unit(X[rest]), unit(p.vectors.astype(float)), unit(X[shots]), y[shots], scale=20.0, weight=0.5, k=3, gamma=gamma
    )
    model = TransCLIP(example_weight=gamma, scale=20.0).fit(X[shots], names(p, y[shots]), prototypes=p)
    # The examples are kept in single precision.
    np.testing.assert_allclose(softmax(20 * model.class_scores(X[rest], prototypes=p)), expected, atol=1e-4)


def softmax(A: Any) -> Any:
    shares = np.exp(A - A.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


def propagated(X: Any, scores: Any, k: int, alpha: float, gamma: float, labelled: Any = ()) -> Any:
    """Label propagation on a dense graph, edge by edge; `labelled` are pairs of a row of X and its class."""
    n, n_classes = scores.shape
    size = n_classes + n
    W = np.zeros((size, size))
    cosines = unit(X) @ unit(X).T
    for i in range(n):
        others = [j for j in np.argsort(-cosines[i]) if j != i][:k]
        for j in others:
            W[n_classes + i, n_classes + j] = max(cosines[i, j], 0)
        for c in np.argsort(-scores[i])[: min(k, n_classes)]:
            W[n_classes + i, c] = max(scores[i, c], 0) ** gamma
    W = W + W.T
    degrees = W.sum(axis=1)
    degrees[degrees == 0] = 1
    S = W / np.sqrt(degrees[:, None] * degrees[None, :])
    Y = np.zeros((size, n_classes))
    Y[:n_classes] = np.eye(n_classes)
    for i, c in labelled:
        Y[n_classes + i, c] = 1
    return np.linalg.solve(np.eye(size) - alpha * S, Y)[n_classes:]


@pytest.mark.parametrize(("k", "alpha", "gamma"), [(4, 0.3, 5.0), (3, 0.9, 3.0), (30, 0.5, 1.0)])
def test_label_propagation_solves_the_papers_system(k: int, alpha: float, gamma: float) -> None:
    X, _, p = problem(3)
    F = propagated(X, unit(X) @ unit(p.vectors.astype(float)).T, k, alpha, gamma)
    model = LabelPropagation(k, alpha=alpha, gamma=gamma)
    shares = softmax(100 * model.class_scores(X, prototypes=p))
    expected = F / F.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(shares, expected, atol=1e-9)
    assert (model.predict(X, prototypes=p) == names(p, F.argmax(axis=1))).all()


def test_label_propagation_starts_at_examples_too() -> None:
    X, y, p = problem(4)
    shots = np.arange(0, len(y), 15)[:3]
    rest = np.setdiff1d(np.arange(len(y)), shots)
    both = np.concatenate([X[rest], X[shots].astype(np.float32)])
    pairs = [(len(rest) + i, y[row]) for i, row in enumerate(shots)]
    F = propagated(both, unit(both) @ unit(p.vectors.astype(float)).T, 5, 0.5, 5.0, pairs)[: len(rest)]
    model = LabelPropagation(alpha=0.5).fit(X[shots], names(p, y[shots]), prototypes=p)
    shares = softmax(100 * model.class_scores(X[rest], prototypes=p))
    np.testing.assert_allclose(shares, F / F.sum(axis=1, keepdims=True), atol=1e-5)


def test_label_propagation_spreads_other_methods_scores() -> None:
    X, y, p = problem(5)
    ridge = Ridge().fit(X, names(p, y), prototypes=p)
    scores = ridge.class_scores(X, prototypes=p)
    best = np.sort(scores, axis=1)[:, -4:]
    spread = (scores - best.min()) / np.ptp(best)
    F = propagated(X, spread, 4, 0.3, 5.0)
    model = LabelPropagation(4).around(ridge)
    expected = F / F.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(softmax(100 * model.class_scores(X, prototypes=p)), expected, atol=1e-9)


@pytest.mark.parametrize("k", [1, 7, 200])
def test_neighbours_are_those_of_a_full_sort(k: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unseen.methods.neighbours._ROWS", 16)
    monkeypatch.setattr("unseen.methods.neighbours._COLUMNS", 24)
    rng = np.random.default_rng(0)
    A, B = unit(rng.normal(size=(50, 8))), unit(rng.normal(size=(90, 8)))
    for left, right, same in ((A, B, False), (B, B, True)):
        products = left @ right.T
        if same:
            np.fill_diagonal(products, -2)
        few = min(k, len(right) - same)
        expected = np.argsort(-products, axis=1, kind="stable")[:, :few]
        positions, found = nearest_rows(left, right, k, same=same)
        np.testing.assert_array_equal(positions, expected)
        np.testing.assert_allclose(found, np.take_along_axis(products, expected, axis=1), rtol=1e-12)
