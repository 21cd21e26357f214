"""Brier score and negative log-likelihood by hand, and the edges of the bins."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from unseen.errors import InputError
from unseen.metrics import brier_score, expected_calibration_error, negative_log_likelihood

PROBABILITIES = [[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]]


def test_brier_score_by_hand() -> None:
    # Class 0: .3^2 + .2^2 + .1^2 = .14. Class 1: .1^2 + .9^2 + .8^2 = 1.46.
    assert brier_score([0, 1], PROBABILITIES) == pytest.approx((0.14 + 1.46) / 2)
    assert brier_score([0], [[1.0, 0.0]]) == 0
    assert brier_score([1], [[1.0, 0.0]]) == 2
    assert brier_score([3], [[0.2] * 5]) == pytest.approx(1 - 1 / 5)


def test_negative_log_likelihood_by_hand() -> None:
    assert negative_log_likelihood([0, 1], PROBABILITIES) == pytest.approx(-(np.log(0.7) + np.log(0.1)) / 2)
    assert negative_log_likelihood([3], [[0.2] * 5]) == pytest.approx(np.log(5))
    certain = negative_log_likelihood([0], [[1.0, 0.0]])
    assert (certain, np.signbit(certain)) == (0, False)


def test_certain_mistakes_cost_what_clip_says() -> None:
    assert negative_log_likelihood([1], [[1.0, 0.0]]) == pytest.approx(52 * np.log(2))  # 2**-52
    assert negative_log_likelihood([1], [[1.0, 0.0]], clip=0.01) == pytest.approx(np.log(100))
    assert negative_log_likelihood([1], [[0.5, 0.5]], clip=0.01) == pytest.approx(np.log(2))


def test_edges_belong_to_the_bin_below() -> None:
    # 0.7 is in (0.6, 0.7] with 0.65, though 0.7 * 10 is more than 7: |1 - 1.35| / 2 in one bin, not .35 / 2 + .3 / 2.
    rows = [[0.7, 0.3], [0.65, 0.35]]
    assert expected_calibration_error([0, 1], rows, n_bins=10) == pytest.approx(0.35 / 2)
    assert expected_calibration_error([0, 1], rows, n_bins=1) == pytest.approx(0.35 / 2)
    assert expected_calibration_error([0, 0], [[1.0, 0.0], [0.0, 0.0]], n_bins=10) == 0.5


def test_rounding_of_single_precision_is_let_through() -> None:
    row = np.array([[0.9, 0.1, 2e-7]], dtype=np.float32)
    assert brier_score([0], row) == pytest.approx(0.02, abs=1e-5)
    over = [[1.0 + 1e-6, -1e-6]]
    assert brier_score([0], over) == expected_calibration_error([0], over) == negative_log_likelihood([0], over) == 0


@pytest.mark.parametrize("metric", [brier_score, negative_log_likelihood, expected_calibration_error])
def test_what_is_no_probability_is_told(metric: Any) -> None:
    name = metric.__name__
    with pytest.raises(InputError, match=f"{name}: probabilities must be between 0 and 1; got values from -1 to 2.5"):
        metric([0], [[2.5, -1.0]])
    with pytest.raises(InputError, match="Scores are no probabilities: turn them into some first, by a softmax"):
        metric([0], [[-0.1, 1.0]])
    with pytest.raises(InputError, match=f"{name}: scores must be finite"):
        metric([0], [[np.nan, 1.0]])
    with pytest.raises(InputError, match=f"{name}: y must be positions from 0 to 1"):
        metric([5], [[0.5, 0.5]])


@pytest.mark.parametrize("metric", [brier_score, negative_log_likelihood])
def test_what_does_not_add_up_is_told(metric: Any) -> None:
    name = metric.__name__
    with pytest.raises(InputError, match=rf"{name}: probabilities must be of sum 1 in every row; got a sum of 0\.8 in"):
        metric([0, 0], [[0.5, 0.5], [0.5, 0.3]])


@pytest.mark.parametrize("clip", [0, 0.6, -1, np.nan, "a"])
def test_clip_is_checked(clip: Any) -> None:
    match = "negative_log_likelihood: clip must be a (finite )?number above 0 and at most 0.5"
    with pytest.raises(InputError, match=match):
        negative_log_likelihood([0], [[1.0]], clip=clip)
