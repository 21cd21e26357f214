"""Decisions: temperature, certainty of being known, and what they refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.special import softmax

from unseen import Prototypes
from unseen.decision.calibration import Decision, fit_known, fit_temperature, known_evidence
from unseen.errors import InputError, ModelError


def test_probabilities_by_hand() -> None:
    scores = [[np.log(3.0) * 2, 0.0]]
    assert Decision(temperature=2).probabilities(scores)[0] == pytest.approx([0.75, 0.25])


def test_known_by_hand() -> None:
    decision = Decision(known_slope=2, known_offset=-1)
    assert decision.known([[0.5, 0.0]]) == pytest.approx([0.5])


def test_temperature_is_recovered() -> None:
    rng = np.random.default_rng(0)
    sets = [rng.normal(size=(4000, c)) * 0.1 for c in (3, 20)]
    targets = [np.array([rng.choice(s.shape[1], p=softmax(row / 0.05)) for row in s]) for s in sets]
    assert fit_temperature(sets, targets) == pytest.approx(0.05, rel=0.1)


def test_known_is_recovered() -> None:
    rng = np.random.default_rng(0)
    evidence = np.concatenate([rng.normal(1, 1, 20000), rng.normal(-1, 1, 10000)])
    slope, offset, size = fit_known(evidence, np.arange(30000) < 20000, np.full(30000, 7))
    assert size == 0
    # Two Gaussians of unit variance at +1 and -1, equally likely: log-odds are 2e.
    assert slope == pytest.approx(2, rel=0.05)
    assert offset == pytest.approx(0, abs=0.05)


def test_test_classes_are_refused() -> None:
    prototypes = Prototypes(["zebra", "okapi"], np.eye(2), seen=[True, False])
    with pytest.raises(InputError, match="must be of seen validation classes only; got 'okapi'"):
        fit_temperature([np.eye(2)], [np.array([0, 1])], prototypes=[prototypes])
    seen_only = Prototypes(["zebra", "okapi"], np.eye(2), seen=[True, True])
    assert fit_temperature([np.eye(2)], [np.array([0, 1])], prototypes=[seen_only]) > 0


@pytest.mark.parametrize(
    ("scores", "y", "match"),
    [
        (np.eye(2), [0], r"of shapes \(n, C\) and \(n,\)"),
        (np.eye(2), [0, 2], "positions of columns"),
        (np.full((1, 2), np.nan), [0], "finite"),
        (np.eye(2), [0.0, 1.0], r"of shapes \(n, C\) and \(n,\)"),
    ],
)
def test_bad_scores_are_told(scores: object, y: list[int], match: str) -> None:
    with pytest.raises(InputError, match=match):
        fit_temperature([np.asarray(scores)], [np.array(y)])


@pytest.mark.parametrize(
    ("scores", "y", "options", "match"),
    [
        ([], [], {}, r"scores, y, prototypes and weights must be of as many sets each, at least one; got 0, 0\. Pass"),
        ([np.eye(2)], [], {}, "of as many sets each, at least one; got 1, 0"),
        ([np.eye(2)], [[0, 1]], {"weights": [1.0, 2.0]}, "of as many sets each, at least one; got 1, 1, 2"),
        ([np.eye(2)], [[0, 1]], {"smoothing": 1}, "smoothing must be a number at least 0 and below 1; got 1"),
    ],
)
def test_bad_sets_are_told(scores: Any, y: Any, options: dict[str, Any], match: str) -> None:
    with pytest.raises(InputError, match=match):
        fit_temperature(scores, y, **options)


@pytest.mark.parametrize(
    ("evidence", "sizes", "options", "match"),
    [
        (
            [1.0],
            [3, 3],
            {},
            r"evidence, known and sizes must be all of shape \(n,\); got shapes \(1,\), \(2,\) and \(2,\)",
        ),
        ([1.0, np.nan], [3, 3], {}, "evidence and sizes must be finite, sizes at least 1; got others"),
        ([1.0, 2.0], [3, 0], {}, "evidence and sizes must be finite, sizes at least 1; got others"),
        ([1.0, 2.0], [3, 3], {"smoothing": 1}, "smoothing must be a number at least 0 and below 1; got 1"),
    ],
)
def test_bad_evidence_is_told(evidence: Any, sizes: Any, options: dict[str, Any], match: str) -> None:
    with pytest.raises(InputError, match=f"fit_known: {match}"):
        fit_known(evidence, [True, False], sizes, **options)


def test_one_kind_only_is_told() -> None:
    with pytest.raises(InputError, match="known must be true for some items and false for others"):
        fit_known([1.0, 2.0], [True, True], [3, 3])


def test_the_size_of_the_vocabulary_is_taken_off() -> None:
    rng = np.random.default_rng(0)
    sizes = np.repeat([4, 64], 20000)
    known = np.tile([True, False], 20000)
    # By construction log-odds are 2e - log C.
    evidence = rng.normal(np.where(known, 1, -1), 1) + np.log(sizes) / 2
    slope, offset, size = fit_known(evidence, known, sizes)
    assert (slope, size) == pytest.approx((2, -1), rel=0.05)
    decision = Decision(known_slope=slope, known_offset=offset, known_size=size)
    assert decision.known([[0.0]]) == pytest.approx([0.5], abs=0.03)
    assert decision.known([[0.0] * 8])[0] < 0.2


def test_the_reference_counts_against() -> None:
    decision = Decision(known_slope=2, reference=0.5)
    assert decision.known([[0.5, 0.1]], [[1.0, 0.2]]) == pytest.approx([0.5])
    with pytest.raises(InputError, match="seen_scores must be given where reference is not 0; got none"):
        decision.known([[0.5]])


def test_parameters_are_checked_and_survive_json() -> None:
    with pytest.raises(InputError, match="temperature must be a number above 0; got 0"):
        Decision(temperature=0)
    decision = Decision(0.5, 2.0, -1.0, -0.5, 0.5)
    assert Decision.from_dict(decision.to_dict()) == decision
    with pytest.raises(ModelError, match="the saved parameters cannot be used"):
        Decision.from_dict({"temperature": -1.0})
    with pytest.raises(ModelError, match="the saved parameters cannot be used"):
        Decision.from_dict({"heat": 1.0})


def test_evidence_is_the_best_score() -> None:
    assert known_evidence([[0.1, 0.7], [0.3, 0.2]]).tolist() == [0.7, 0.3]
