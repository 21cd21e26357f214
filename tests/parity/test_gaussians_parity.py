"""Methods that give classes Gaussians or borrow samples, against independent derivations in double precision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import multivariate_normal
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF
from sklearn.linear_model import Ridge as SklearnRidge

from unseen import Prototypes
from unseen.methods.borrowing.transferred_samples import TransferredSamples
from unseen.methods.synthesis.gaussian_synthesis import GaussianSynthesis
from unseen.methods.synthesis.gaussians import prototype_kernel, regress
from unseen.methods.synthesis.gfzsl import GFZSL

if TYPE_CHECKING:
    from unseen.methods.base import Method

Array = np.ndarray[Any, Any]

N_SEEN = 6
SHAPES = [(60, 8), (24, 30)]


def problem(seed: int, *, n: int, d: int, k: int = 5) -> tuple[Array, Array, Array, Prototypes]:
    """Return X, positions y among the first classes, new vectors, and prototypes of nine classes."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % N_SEEN
    prototypes = Prototypes([f"c{i}" for i in range(9)], rng.normal(size=(9, k)))
    noise = rng.normal(size=(n, d)) * np.linspace(0.5, 2, d) * (1 + y[:, None] / N_SEEN)
    X = prototypes.vectors[y] @ rng.normal(size=(k, d)) + noise + rng.normal(size=d) * 5
    return X, y, rng.normal(size=(20, d)) + X.mean(axis=0), prototypes


def names(prototypes: Prototypes, y: Array) -> list[str]:
    return [prototypes.names[i] for i in y]


def kernel_ridge(S: Array, Y: Array, P: Array, kernel: str, gamma: float, alpha: float) -> Array:
    """Minimise over the coefficients and an offset that is not penalised, by one bordered linear system."""
    C = len(S)
    if kernel == "linear":
        K, new = S @ S.T, P @ S.T
    else:
        pairs = [np.sum((S[i] - S[j]) ** 2) for i in range(C) for j in range(C) if i != j]
        rate = gamma / np.mean(pairs)
        K = np.array([[np.exp(-rate * np.sum((a - b) ** 2)) for b in S] for a in S])
        new = np.array([[np.exp(-rate * np.sum((a - b) ** 2)) for b in S] for a in P])
    H = np.eye(C) - 1 / C
    penalty = alpha * np.trace(H @ K @ H) / C
    bordered = np.block([[K + penalty * np.eye(C), np.ones((C, 1))], [np.ones((1, C)), np.zeros((1, 1))]])
    solved = np.linalg.solve(bordered, np.vstack([Y, np.zeros((1, Y.shape[1]))]))
    return np.asarray(new @ solved[:C] + solved[C])


@pytest.mark.parametrize(("n", "d"), SHAPES)
@pytest.mark.parametrize("kernel", ["linear", "rbf"])
@pytest.mark.parametrize("variance_alpha", [None, 0.5])
def test_gfzsl_is_the_ratio_of_densities(n: int, d: int, kernel: str, variance_alpha: float | None) -> None:
    X, y, new, prototypes = problem(0, n=n, d=d)
    P = prototypes.vectors.astype(float)
    pca = PCA(svd_solver="full", n_components=min(d, n - 1)).fit(X)
    Z, Z_new = pca.transform(X), pca.transform(new)
    means = np.array([Z[y == c].mean(axis=0) for c in range(N_SEEN)])
    shared = np.mean((Z - means[y]) ** 2, axis=0)
    floor = 0.7 * shared.mean()
    logs = [
        np.log((((Z[y == c] - means[c]) ** 2).sum(axis=0) + shared) / (y == c).sum() + floor) for c in range(N_SEEN)
    ]
    predicted = kernel_ridge(P[:N_SEEN], means, P, kernel, 0.4, 0.2)
    variances = np.tile(shared + floor, (9, 1))
    if variance_alpha is not None:
        variances = np.exp(kernel_ridge(P[:N_SEEN], np.array(logs), P, kernel, 0.4, variance_alpha))
    nothing = multivariate_normal.logpdf(Z_new, np.zeros(Z.shape[1]), np.diag(shared + floor))
    expected = np.array(
        [multivariate_normal.logpdf(Z_new, m, np.diag(v)) - nothing for m, v in zip(predicted, variances, strict=True)]
    ).T
    ours = GFZSL(0.2, kernel=kernel, gamma=0.4, shrinkage=0.7, variance_alpha=variance_alpha)
    ours.fit(X, names(prototypes, y), prototypes=prototypes)
    np.testing.assert_allclose(ours.class_scores(new, prototypes=prototypes), expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("alpha", [0.01, 1.0, 20.0])
def test_linear_regression_of_means_is_scikit_learns(alpha: float) -> None:
    rng = np.random.default_rng(0)
    S, P, Y = rng.normal(size=(7, 3)) + 4, rng.normal(size=(5, 3)), rng.normal(size=(7, 2))
    coef, offset = regress(S @ S.T, Y, alpha)
    theirs = SklearnRidge(alpha=alpha * np.square(S - S.mean(axis=0)).sum() / 7).fit(S, Y)
    np.testing.assert_allclose(P @ S.T @ coef + offset, theirs.predict(P), rtol=1e-8, atol=1e-10)


def test_rbf_interpolates_like_a_gaussian_process() -> None:
    rng = np.random.default_rng(0)
    S, P = rng.normal(size=(7, 3)), rng.normal(size=(5, 3))
    Y = rng.normal(size=(7, 2))
    K = prototype_kernel(S, S, kernel="rbf", gamma=0.5)
    coef, offset = regress(K, Y, 0.0)
    new = prototype_kernel(P, S, kernel="rbf", gamma=0.5)
    # A process around the offsets, which are its generalised least-squares mean.
    inverse = np.linalg.inv(K)
    np.testing.assert_allclose(offset, np.ones(7) @ inverse @ Y / inverse.sum(), rtol=1e-6)
    theirs = GaussianProcessRegressor(RBF(1.0), alpha=1e-12, optimizer=None).fit(S, Y - offset)
    np.testing.assert_allclose(new @ coef + offset, theirs.predict(P) + offset, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_discriminant_of_many_draws_is_the_ratio_of_densities(seed: int) -> None:
    X, y, _, prototypes = problem(seed, n=60, d=4)
    parameters: dict[str, Any] = {"alpha": 0.2, "kernel": "linear"}
    labels = names(prototypes, y)
    lda = LinearDiscriminantAnalysis()
    draws = GaussianSynthesis(**parameters, n_per_class=2000, classifier=lda, keep_seen=False, random_state=seed)
    exact = GFZSL(**parameters).fit(X, labels, prototypes=prototypes)
    # Equal covariances: log densities are linear, up to a term common to all classes, and so is the discriminant.
    ours = draws.fit(X, labels, prototypes=prototypes).class_scores(X, prototypes=prototypes)
    theirs = exact.class_scores(X, prototypes=prototypes)
    ours, theirs = (scores - scores.mean(axis=1, keepdims=True) for scores in (ours, theirs))
    np.testing.assert_allclose(ours, theirs, atol=0.05 * np.abs(theirs).max())


@pytest.mark.parametrize(("n", "d"), SHAPES)
@pytest.mark.parametrize("n_per_class", [2, 5, 20])
def test_default_classifier_is_scikit_learns(n: int, d: int, n_per_class: int) -> None:
    X, y, new, prototypes = problem(0, n=n, d=d)
    lda = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.5)
    ours, theirs = (
        GaussianSynthesis(n_per_class=n_per_class, classifier=classifier, random_state=0)
        .fit(X, names(prototypes, y), prototypes=prototypes)
        .class_scores(new, prototypes=prototypes)
        for classifier in (None, lda)
    )
    # Scikit-learn adds the logarithm of each class's share, which is one for all.
    np.testing.assert_allclose(ours, theirs + np.log(9), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(("n", "d"), SHAPES)
@pytest.mark.parametrize("sharpness", [0.0, 3.0])
def test_transferred_samples_is_a_plain_loop(n: int, d: int, sharpness: float) -> None:
    X, y, new, prototypes = problem(0, n=n, d=d)
    P = prototypes.vectors.astype(float)
    alpha, mean = 0.4, X.mean(axis=0)
    origin = P[:N_SEEN].mean(axis=0)
    D = (P - origin) / np.linalg.norm(P - origin, axis=1, keepdims=True)
    fits = SklearnRidge(alpha=X.var(axis=0).mean() * n, solver="svd").fit(X, D[y]).predict(X)
    pca = PCA(svd_solver="full", n_components=min(d, n - 1)).fit(X)
    Z = pca.transform(X)
    centres = np.array([Z[y == c].mean(axis=0) for c in range(N_SEEN)])
    variance = np.mean((Z - centres[y]) ** 2, axis=0)
    variance = variance + 2 * variance.mean()
    expected = np.zeros((len(new), 9))
    for c in range(9):

        def loss(a: Array, target: Array = D[c]) -> float:
            return float(np.sum((target - a @ D[:N_SEEN]) ** 2) + alpha * a @ a)

        found = minimize(
            loss, np.full(N_SEEN, 0.1), bounds=[(0, None)] * N_SEEN, options={"ftol": 1e-15, "gtol": 1e-10}
        )
        m = np.zeros(Z.shape[1])
        for t in range(N_SEEN):
            likeness = {i: np.exp(sharpness * fits[i] @ D[c] / np.linalg.norm(fits[i])) for i in range(n) if y[i] == t}
            for i, value in likeness.items():
                m += (1 + alpha) * found.x[t] * value / sum(likeness.values()) * Z[i]
        for i, z in enumerate(pca.transform(new)):
            expected[i, c] = z @ (m / variance) - m @ (m / variance) / 2
    ours = TransferredSamples(alpha, sharpness=sharpness, shrinkage=2.0)
    ours.fit(X, names(prototypes, y), prototypes=prototypes)
    assert np.allclose(ours.feature_mean_, mean)
    scores = ours.class_scores(new, prototypes=prototypes)
    np.testing.assert_allclose(scores, expected, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize(("n", "d"), SHAPES)
@pytest.mark.parametrize(
    "method",
    [GFZSL(), GFZSL(variance_alpha=1.0), GaussianSynthesis(random_state=0), TransferredSamples(random_state=0)],
    ids=["gfzsl", "gfzsl-variances", "gaussian_synthesis", "transferred_samples"],
)
def test_single_precision_is_double_precision(method: Method, n: int, d: int) -> None:
    X, y, new, prototypes = problem(0, n=n, d=d)
    X, new = X.astype(np.float32), new.astype(np.float32)
    labels = names(prototypes, y)
    single = method.fit(X, labels, prototypes=prototypes).class_scores(new, prototypes=prototypes)
    double = method.fit(X.astype(float), labels, prototypes=prototypes).class_scores(
        new.astype(float), prototypes=prototypes
    )
    np.testing.assert_allclose(single, double, atol=1e-4 * np.abs(double).max())
