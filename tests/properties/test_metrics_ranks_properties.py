"""What holds of every ranking, matrix of counts, spread of answers and interval."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from unseen.metrics import (
    auroc,
    bootstrap_interval,
    brier_score,
    confusion_matrix,
    expected_calibration_error,
    fpr_at_tpr,
    hubs,
    k_occurrence,
    negative_log_likelihood,
    paired_comparison,
    per_class_rates,
    per_class_top_k,
    top_k_accuracy,
    top_k_hits,
)

# Few different numbers: ties are common.
SCORES = st.integers(-2, 2).map(float)


@st.composite
def problems(draw: Any) -> tuple[Any, Any]:
    n, n_classes = draw(st.integers(1, 12)), draw(st.integers(1, 6))
    y = np.array(draw(st.lists(st.integers(0, n_classes - 1), min_size=n, max_size=n)))
    return y, draw(arrays(np.float64, (n, n_classes), elements=SCORES))


@given(problems())
def test_one_rule_for_ties(problem: tuple[Any, Any]) -> None:
    y, scores = problem
    n, n_classes = scores.shape
    order = np.argsort(-scores, axis=1, kind="stable")  # earlier columns first
    for k in range(1, n_classes + 1):
        best = [set(row[:k]) for row in order.tolist()]
        hits = top_k_hits(y, scores, k=k)
        assert hits.tolist() == [c in row for c, row in zip(y.tolist(), best, strict=True)]
        occurrence = k_occurrence(scores, k=k)
        assert occurrence.tolist() == [sum(c in row for row in best) for c in range(n_classes)]
        assert occurrence.sum() == n * k
        # A hit of each class in turn is a place of that class.
        assert occurrence.tolist() == [int(top_k_hits([c] * n, scores, k=k).sum()) for c in range(n_classes)]
    assert confusion_matrix(y, scores).sum(axis=0).tolist() == k_occurrence(scores).tolist()
    np.testing.assert_array_equal(confusion_matrix(y, scores), confusion_matrix(y, order[:, 0], n_classes=n_classes))


@given(problems(), st.integers(1, 7))
def test_rates_make_up_both_accuracies(problem: tuple[Any, Any], k: int) -> None:
    y, scores = problem
    rates, counts = per_class_rates(y, scores, k=k)
    assert counts.sum() == len(y)
    np.testing.assert_array_equal(np.isnan(rates), counts == 0)
    assert per_class_top_k(y, scores, k=k) == pytest.approx(np.nanmean(rates))
    assert top_k_accuracy(y, scores, k=k) == pytest.approx(np.nansum(rates * counts) / len(y))
    assert per_class_top_k(y, scores, k=k) <= per_class_top_k(y, scores, k=k + 1)
    if k == 1:
        np.testing.assert_allclose(np.diag(confusion_matrix(y, scores, normalize=True)), rates)


@given(problems())
def test_hubs_are_consistent(problem: tuple[Any, Any]) -> None:
    scores = problem[1]
    for k in (1, scores.shape[1]):
        found = hubs(scores, k=k)
        counts = found.occurrence
        assert sorted(found.columns.tolist()) == np.flatnonzero(counts > 2 * counts.mean()).tolist()
        assert (np.diff(counts[found.columns]) <= 0).all()
        assert found.hub_occurrence == pytest.approx(counts[found.columns].sum() / counts.sum())
        assert 0 <= found.robin_hood < 1
        n_classes = len(counts)
        most = (n_classes - 2) / np.sqrt(n_classes - 1) if n_classes > 1 else 0.0
        assert found.skewness <= max(most, 0.0) + 1e-9
    assert hubs(scores, k=scores.shape[1]).robin_hood == hubs(scores, k=scores.shape[1]).skewness == 0


@given(problems())
def test_calibration_keeps_its_bounds(problem: tuple[Any, Any]) -> None:
    y, scores = problem
    P = np.exp(scores * 5)
    P /= P.sum(axis=1, keepdims=True)
    assert 0 <= expected_calibration_error(y, P) <= 1
    assert 0 <= brier_score(y, P) <= 2
    assert 0 <= negative_log_likelihood(y, P) < 52 * np.log(2) + 1e-9
    even = np.full_like(P, 1 / P.shape[1])
    assert negative_log_likelihood(y, even) == pytest.approx(np.log(P.shape[1]))
    assert brier_score(y, even) == pytest.approx(1 - 1 / P.shape[1])


@given(st.lists(st.tuples(st.booleans(), st.integers(-3, 3)), min_size=1, max_size=20), st.integers(1, 100))
def test_unknown_detection_is_about_ranks(items: list[tuple[bool, int]], percent: int) -> None:
    known = np.array([True, False] + [flag for flag, _ in items])
    values = np.array([0, 0] + [value for _, value in items], dtype=float)
    wins = values[known][:, None] - values[~known]
    assert auroc(known, values) == pytest.approx(((wins > 0) + (wins == 0) / 2).mean())
    assert auroc(~known, -values) == pytest.approx(auroc(known, values))
    assert auroc(known, np.exp(values)) == pytest.approx(auroc(known, values))
    # The least share of unknown items over all thresholds that accept enough.
    enough = [t for t in values if 100 * (values[known] >= t).sum() >= percent * known.sum()]
    expected = min((values[~known] >= t).mean() for t in enough)
    assert fpr_at_tpr(known, values, tpr=percent / 100) == expected


@settings(max_examples=40)
@given(problems(), st.sampled_from(["classes", "images", "both"]), st.integers(0, 2**32 - 1))
def test_intervals_stay_in_range(problem: tuple[Any, Any], over: str, seed: int) -> None:
    y, scores = problem
    y = np.concatenate([y, [0, 0, 6]])  # enough to resample
    scores = np.concatenate([np.pad(scores, ((0, 0), (0, 7 - scores.shape[1]))), np.zeros((3, 7))])
    hits = top_k_hits(y, scores)
    rates = per_class_rates(y, scores)[0]
    found = bootstrap_interval(hits, y, over=over, n_resamples=100, random_state=seed)
    assert found.estimate == pytest.approx(per_class_top_k(y, scores))
    assert np.nanmin(rates) - 1e-12 <= found.low <= found.high <= np.nanmax(rates) + 1e-12 or over != "classes"
    assert -1e-12 <= found.low <= found.high <= 1 + 1e-12
    narrow = bootstrap_interval(hits, y, over=over, n_resamples=100, random_state=seed, level=0.5)
    assert found.low <= narrow.low <= narrow.high <= found.high


@settings(max_examples=40)
@given(problems(), problems(), st.integers(0, 2**32 - 1))
def test_comparisons_are_fair(one: tuple[Any, Any], other: tuple[Any, Any], seed: int) -> None:
    n = min(len(one[0]), len(other[0]))
    y = np.concatenate([np.arange(n) % 3, [0, 1]])
    a, b = (np.concatenate([top_k_hits(side[0], side[1])[:n], [True, False]]) for side in (one, other))
    options: dict[str, Any] = {"n_resamples": 100, "n_permutations": 100, "random_state": seed}
    found, turned = paired_comparison(a, b, y, **options), paired_comparison(b, a, y, **options)
    assert found.difference.estimate == pytest.approx(found.first - found.second)
    assert found.p_value == turned.p_value
    assert 0 < found.p_value <= 1
    assert (found.n_better, found.n_worse) == (turned.n_worse, turned.n_better)
    assert found.difference.low == pytest.approx(-turned.difference.high)
    assert paired_comparison(a, a, y, **options).p_value == 1
