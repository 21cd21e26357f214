"""Metrics against hand-computed values and independent implementations."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, top_k_accuracy_score

from unseen.errors import InputError
from unseen.metrics import expected_calibration_error, per_class_top_k


def test_worked_example_of_the_literature() -> None:
    probabilities = [[0.40, 0.15, 0.15, 0.20, 0.10]]
    hits = [per_class_top_k([c], probabilities, k=2) for c in range(5)]
    assert hits == [1, 0, 0, 1, 0]  # the top two are classes 0 and 3


def test_classes_count_equally_however_many_items_they_have() -> None:
    assert per_class_top_k([0, 0, 0, 1], [[1, 0]] * 4) == 0.5


def test_ties_go_to_the_earlier_column() -> None:
    assert per_class_top_k([0], [[1.0, 1.0]]) == 1
    assert per_class_top_k([1], [[1.0, 1.0]]) == 0
    assert per_class_top_k([1], [[1.0, 1.0]], k=2) == 1


def test_agrees_with_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    y, scores = rng.integers(0, 6, 300), rng.normal(size=(300, 6))
    assert per_class_top_k(y, scores) == pytest.approx(balanced_accuracy_score(y, scores.argmax(axis=1)))
    weights = 1 / np.bincount(y)[y]
    expected = top_k_accuracy_score(y, scores, k=3, sample_weight=weights)
    assert per_class_top_k(y, scores, k=3) == pytest.approx(expected)


def test_calibration_error_by_hand() -> None:
    # Bin (0.8, 0.9]: two items at 0.9, one right: |1 - 1.8|. Bin (0.5, 0.6]: one at 0.6, right: |1 - 0.6|.
    probabilities = [[0.9, 0.1], [0.1, 0.9], [0.6, 0.4]]
    assert expected_calibration_error([0, 0, 0], probabilities, n_bins=10) == pytest.approx((0.8 + 0.4) / 3)


def test_calibration_error_agrees_with_a_plain_loop() -> None:
    rng = np.random.default_rng(1)
    probabilities = rng.dirichlet(np.ones(4), size=200)
    y = rng.integers(0, 4, 200)
    total = 0.0
    for low in np.arange(15) / 15:
        inside = (probabilities.max(1) > low) & (probabilities.max(1) <= low + 1 / 15)
        if inside.any():
            gap = (probabilities.argmax(1) == y)[inside].mean() - probabilities.max(1)[inside].mean()
            total += inside.mean() * abs(gap)
    assert expected_calibration_error(y, probabilities) == pytest.approx(total)


@pytest.mark.parametrize(
    ("y", "scores", "match"),
    [
        ([0, 1], [[1.0, 0.0]], r"y and scores must be of shapes \(n,\) and \(n, C\)"),
        ([], np.zeros((0, 2)), "with n at least 1"),
        ([2], [[1.0, 0.0]], "y must be positions from 0 to 1"),
        ([0.5], [[1.0, 0.0]], "Pass columns of scores, as integers"),
        ([0], [[np.nan, 0.0]], "scores must be finite; got NaN or infinity"),
    ],
)
def test_bad_input_is_told(y: list[int], scores: list[list[float]], match: str) -> None:
    with pytest.raises(InputError, match=match):
        per_class_top_k(y, scores)
    with pytest.raises(InputError, match=match):
        expected_calibration_error(y, scores)


def test_parameters_are_checked() -> None:
    with pytest.raises(InputError, match="k must be a whole number at least 1; got 0"):
        per_class_top_k([0], [[1.0]], k=0)
    with pytest.raises(InputError, match="n_bins must be a whole number at least 1"):
        expected_calibration_error([0], [[1.0]], n_bins=0)
