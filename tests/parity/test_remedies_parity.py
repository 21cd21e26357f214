"""Remedies against their papers' formulas, written out once more in loops, row-constant terms and all."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn.linear_model import LogisticRegression

from unseen.decision.csls import CSLS
from unseen.decision.globally_corrected import GloballyCorrected
from unseen.decision.inverted_softmax import InvertedSoftmax
from unseen.decision.local_scaling import LocalScaling
from unseen.decision.mutual_proximity import MutualProximity
from unseen.decision.prior import PriorAdjustment
from unseen.decision.remedy import Bank, Competition, Remedy
from unseen.decision.stacking import CalibratedStacking
from unseen.metrics import harmonic_mean, seen_unseen_curve
from unseen.testing.competitions import make_competitions

Array = np.ndarray[Any, Any]


def drawn(seed: int, n: int = 12, m: int = 25, n_classes: int = 6) -> tuple[Array, Array]:
    """Return cosines of samples and of reference samples, with a hub."""
    rng = np.random.default_rng(seed)
    scores = np.clip(0.4 * rng.normal(size=(n + m, n_classes)), -1, 1) * 0.8
    scores[:, 2] += 0.15
    return scores[:n], scores[n:]


def mended(remedy: Remedy, S: Array, usual: Array) -> Array:
    bank = Bank(usual, np.zeros((len(usual), 1)), np.full(len(usual), -1))
    return remedy.apply(S, seen=np.zeros(S.shape[1], dtype=bool), bank=bank)


def csls(S: Array, usual: Array, k: int) -> Array:
    out = np.empty(S.shape)
    for i, row in enumerate(S):
        r_x = np.mean(sorted(row)[-k:])  # mean similarity of the sample to its k nearest classes
        for c in range(S.shape[1]):
            out[i, c] = 2 * row[c] - r_x - np.mean(sorted(usual[:, c])[-k:])
    return out


def inverted_softmax(S: Array, usual: Array, beta: float) -> Array:
    out = np.empty(S.shape)
    for i, row in enumerate(S):
        for c in range(S.shape[1]):
            out[i, c] = np.exp(beta * row[c]) / np.exp(beta * usual[:, c]).sum()
        out[i] /= out[i].sum()
    return out


def globally_corrected(S: Array, usual: Array) -> Array:
    # Dinu et al.: the class with the least rank of the query, less the cosine.
    ranks = [[sum(z > s for z in usual[:, c]) for c, s in enumerate(row)] for row in S]
    return -(np.array(ranks) - 0.5 * S)


def mutual_proximity(S: Array, usual: Array) -> Array:
    out = np.empty(S.shape)
    for i, row in enumerate(S):
        for c, s in enumerate(row):
            near_class = 1 - norm.sf(s, loc=usual[:, c].mean(), scale=usual[:, c].std())
            near_sample = 1 - norm.sf(s, loc=row.mean(), scale=row.std())
            out[i, c] = near_class * near_sample
    return out


def local_scaling(S: Array, usual: Array, k: int) -> Array:
    out = np.empty(S.shape)
    for i, row in enumerate(S):
        sigma_x = np.sqrt(1 - sorted(row)[-k])
        for c, s in enumerate(row):
            sigma_c = np.sqrt(1 - sorted(usual[:, c])[-k])
            out[i, c] = np.exp(-(1 - s) / (sigma_x * sigma_c))
    return out


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("k", [1, 3])
def test_rankings_are_those_of_the_papers(seed: int, k: int) -> None:
    S, usual = drawn(seed)
    pairs = [
        (CSLS(k, strength=1.0), csls(S, usual, k)),
        (InvertedSoftmax(4.0), inverted_softmax(S, usual, 4.0)),
        (MutualProximity(), mutual_proximity(S, usual)),
        (LocalScaling(k, ceiling=1.0, strength=1.0), local_scaling(S, usual, k)),
    ]
    for remedy, expected in pairs:
        found = mended(remedy, S, usual)
        np.testing.assert_array_equal(found.argsort(axis=1), expected.argsort(axis=1), err_msg=str(remedy))
    # Ranks tie, and the two squeeze the cosine that breaks ties differently, in one order.
    found, expected = mended(GloballyCorrected(), S, usual), globally_corrected(S, usual)
    np.testing.assert_array_equal(found.argsort(axis=1), expected.argsort(axis=1))


def test_inverted_softmax_and_mutual_proximity_to_the_value() -> None:
    S, usual = drawn(0)
    found = np.exp(4.0 * mended(InvertedSoftmax(4.0), S, usual))
    np.testing.assert_allclose(found / found.sum(axis=1, keepdims=True), inverted_softmax(S, usual, 4.0))
    np.testing.assert_allclose(np.exp(mended(MutualProximity(), S, usual)), mutual_proximity(S, usual))


def test_stacking_is_the_best_of_a_sweep() -> None:
    contests = make_competitions(n=1)
    one = contests[0]

    def h(gamma: float) -> float:
        S = one.scores - gamma * one.seen
        best = S.argmax(axis=1)
        rates = np.array([(best[one.y == c] == c).mean() for c in range(10)])
        return harmonic_mean(float(rates[~one.seen].mean()), float(rates[one.seen].mean()))

    gamma = CalibratedStacking().fit(contests).gamma_
    assert h(gamma) == pytest.approx(max(h(g) for g in np.linspace(-1, 2, 3001)))
    assert h(gamma) == pytest.approx(seen_unseen_curve(one.y, one.scores, one.seen).best()[1])


def test_prior_is_a_logistic_regression_where_there_are_two_classes() -> None:
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [150, 50])
    S = np.eye(2)[y] + rng.normal(scale=0.7, size=(200, 2)) + [0.8, 0]
    one = Competition(y, S, np.array([True, False]), ("a", "b"), S, Bank(S, S, y))
    found = PriorAdjustment().fit([one])
    lead = S[:, 1] - S[:, 0]
    reference = LogisticRegression(C=1e10, tol=1e-10).fit(lead[:, None], y, sample_weight=1 / np.bincount(y)[y])
    assert found.slope_ == pytest.approx(reference.coef_[0, 0], rel=1e-3)
    assert found.offset_ == pytest.approx(reference.intercept_[0], rel=1e-3)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 40), st.integers(1, 7), st.integers(1, 5))
def test_properties_of_column_remedies(seed: int, m: int, n_classes: int, k: int) -> None:
    S, usual = drawn(seed, n=5, m=m, n_classes=max(n_classes, 3))
    for remedy in (CSLS(k), CSLS(1.0), InvertedSoftmax(3.0), LocalScaling(k, ceiling=2.0), GloballyCorrected()):
        found = mended(remedy, S, usual)
        # Within a column the order of samples stays: a class is only held against itself.
        np.testing.assert_array_equal(found.argsort(axis=0, kind="stable"), S.argsort(axis=0, kind="stable"))
    # What is added to a class for nothing is taken away again, by those that take away all of it.
    shift = np.zeros(S.shape[1])
    shift[0] = 5.0
    for remedy in (CSLS(k, strength=2.0), InvertedSoftmax(3.0)):
        np.testing.assert_allclose(mended(remedy, S + shift, usual + shift), mended(remedy, S, usual), atol=1e-9)
