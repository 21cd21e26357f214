"""Measures of domain shift and semantic loss against independent implementations, written from the papers' formulas."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import linalg, stats
from sklearn.metrics import r2_score
from sklearn.metrics.pairwise import rbf_kernel

from unseen import Prototypes
from unseen.diagnosis.semantic_loss import effective_rank
from unseen.diagnosis.two_samples import classifier_two_sample_test, maximum_mean_discrepancy
from unseen.methods.meta.aligned import Aligned
from unseen.methods.projection.ridge import Ridge

RNG = np.random.default_rng(0)


def mmd_squared(A: Any, B: Any, width: float) -> float:
    """Compute the unbiased estimator of Gretton et al., equation 3, with scikit-learn's kernel."""
    gamma = 1 / (2 * width**2)
    m, n = len(A), len(B)
    same = [(rbf_kernel(X, gamma=gamma).sum() - len(X)) / (len(X) * (len(X) - 1)) for X in (A, B)]
    return float(sum(same) - 2 * rbf_kernel(A, B, gamma=gamma).sum() / (m * n))


@pytest.mark.parametrize(("m", "n", "d"), [(2, 2, 1), (7, 12, 3), (40, 25, 10)])
def test_discrepancy_and_its_width(m: int, n: int, d: int) -> None:
    A, B = RNG.normal(size=(m, d)), RNG.normal(size=(n, d)) + 0.5
    found = maximum_mean_discrepancy(A, B, n_permutations=1)
    pooled = np.concatenate([A, B])
    distances = [np.linalg.norm(a - b) for i, a in enumerate(pooled) for b in pooled[:i]]
    assert found.width == pytest.approx(np.median(distances))
    assert found.statistic == pytest.approx(mmd_squared(A, B, found.width), abs=1e-12)


def test_p_value_is_that_of_scipys_permutation_test() -> None:
    A, B = RNG.normal(size=(12, 2)), RNG.normal(size=(15, 2)) + 0.6
    found = maximum_mean_discrepancy(A, B, n_permutations=2000)
    indices = np.arange(27.0)
    pooled = np.concatenate([A, B])

    def statistic(a: Any, b: Any) -> float:
        return mmd_squared(pooled[a.astype(int)], pooled[b.astype(int)], found.width)

    theirs = stats.permutation_test(
        (indices[:12], indices[12:]), statistic, n_resamples=500, alternative="greater", rng=np.random.default_rng(1)
    )
    # Two estimates of one probability, from 2,000 and 500 draws.
    error = (theirs.pvalue * (1 - theirs.pvalue) * (1 / 2000 + 1 / 500)) ** 0.5
    assert found.p_value == pytest.approx(theirs.pvalue, abs=4 * error + 1e-3)


def test_p_value_of_the_classifier_is_fishers() -> None:
    A, B = RNG.normal(size=(30, 2)), RNG.normal(size=(30, 2)) + 0.7
    found = classifier_two_sample_test(A, B)
    # The same test, from the counts that give this p-value: 15 judged vectors of each side.
    candidates = {
        round(float(stats.fisher_exact(np.array([[b, 15 - b], [a, 15 - a]]), alternative="greater").pvalue), 12)
        for a in range(16)
        for b in range(16)
    }
    assert min(abs(found.p_value - value) for value in candidates) < 1e-9


@pytest.mark.parametrize("shape", [(5, 3), (8, 20), (30, 30)])
def test_effective_rank(shape: tuple[int, int]) -> None:
    A = RNG.normal(size=shape)
    values = linalg.svd(A - A.mean(axis=0), compute_uv=False)
    assert effective_rank(A) == pytest.approx(np.exp(stats.entropy(values)), rel=1e-9)


def test_retained_is_r2_where_the_mean_is_the_same() -> None:
    from unseen.diagnosis.semantic_loss import _explained

    actual, predicted = RNG.normal(size=(20, 4)), RNG.normal(size=(20, 4))
    actual -= actual.mean(axis=0)
    np.testing.assert_allclose(_explained(actual, predicted), r2_score(actual, predicted, multioutput="raw_values"))


def test_coral_is_the_papers() -> None:
    """Sun, Feng and Saenko, algorithm 1: whiten by one covariance, color by the other, both with a diagonal added."""
    n, d = 60, 5
    p = Prototypes(["a", "b", "c"], np.eye(3))
    y = np.repeat(p.names, 20)
    X, batch = RNG.normal(size=(n, d)) @ RNG.normal(size=(d, d)), RNG.normal(size=(n, d)) @ RNG.normal(size=(d, d))
    model = Aligned(Ridge(), alignment="coral", shrinkage=0.3).fit(X, y, prototypes=p)
    spread = [np.cov(part.T, bias=True) for part in (batch, X)]
    spread = [C + 0.3 * np.trace(C) / d * np.eye(d) for C in spread]
    whitened = (batch - batch.mean(axis=0)) @ linalg.inv(linalg.sqrtm(spread[0]))
    colored = whitened @ linalg.sqrtm(spread[1]) + X.mean(axis=0)
    np.testing.assert_allclose(model._moved(batch), colored, atol=1e-8)
