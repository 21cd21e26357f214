"""Occurrences, skewness and hubs by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from unseen.errors import InputError
from unseen.metrics import hubs, k_occurrence, skewness

# The best columns of five items: 0 and 1, 0 and 1 (ties), 0 and 3, 2 and 0, 0 and 2.
SCORES = np.array([[9, 5, 1, 1], [7, 7, 7, 7], [9, 1, 1, 5], [5, 1, 9, 1], [5, 1, 4, 1]], dtype=float)


def test_occurrences_by_hand() -> None:
    assert k_occurrence(SCORES).tolist() == [4, 0, 1, 0]
    assert k_occurrence(SCORES, k=2).tolist() == [5, 2, 2, 1]
    assert k_occurrence(SCORES, k=4).tolist() == [5, 5, 5, 5]


def test_the_worked_example_of_the_literature() -> None:
    assert k_occurrence([[0.40, 0.15, 0.15, 0.20, 0.10]], k=2).tolist() == [1, 0, 0, 1, 0]
    # The third place is tied: the earlier column has it.
    assert k_occurrence([[0.40, 0.15, 0.15, 0.20, 0.10]], k=3).tolist() == [1, 1, 0, 1, 0]


def test_skewness_by_hand() -> None:
    # Of 4, 0, 1, 0: mean 5/4; deviations 11/4, -5/4, -1/4, -5/4.
    second = (121 + 25 + 1 + 25) / 16 / 4
    third = (1331 - 125 - 1 - 125) / 64 / 4
    assert skewness([4, 0, 1, 0]) == pytest.approx(third / second**1.5)
    assert skewness([1, 2, 3]) == pytest.approx(0)
    assert skewness([7] * 4) == skewness([0, 0]) == skewness([3]) == 0
    # One class is everything: (C - 2) / sqrt(C - 1).
    assert skewness(np.arange(10) == 3) == pytest.approx(8 / 3)
    assert skewness([1e300, 0, 0, 0, 0]) == skewness([1e-300, 0, 0, 0, 0]) == pytest.approx(1.5)
    assert skewness([1e308, 1e308, 1e308, -1e308]) == pytest.approx(-2 / np.sqrt(3))


def test_hubs_by_hand() -> None:
    found = hubs(SCORES)
    # 4, 0, 1, 0 against a mean of 5/4: only 4 is above 2.5. It has 4 of 5 places.
    assert found.occurrence.tolist() == [4, 0, 1, 0]
    assert found.columns.tolist() == [0]
    assert found.hub_occurrence == 4 / 5
    assert found.antihub_occurrence == 2 / 4
    # 11/4 too many, of 5.
    assert found.robin_hood == pytest.approx(11 / 4 / 5)
    assert found.skewness == skewness([4, 0, 1, 0])
    assert (found.k, found.factor) == (1, 2.0)


def test_hubs_are_sorted_and_above_the_factor() -> None:
    found = hubs(SCORES, k=2, factor=1.0)
    # 5, 2, 2, 1 against a mean of 2.5.
    assert found.columns.tolist() == [0]
    scores = np.eye(6)[[4, 4, 4, 1, 1, 1, 2, 2, 2, 2]]
    # 0, 3, 4, 0, 3, 0 against 10/6: most first, ties in the columns' order. Twice the mean is 3.33.
    assert hubs(scores, factor=1.5).columns.tolist() == [2, 1, 4]
    assert hubs(scores).columns.tolist() == [2]
    # "More than": 3 is not above 1.8 times 10/6.
    assert hubs(scores, factor=1.8).columns.tolist() == [2]


def test_even_spread_has_no_hubs() -> None:
    found = hubs(np.eye(4))
    assert (found.columns.size, found.skewness, found.hub_occurrence, found.antihub_occurrence, found.robin_hood) == (
        0,
        0,
        0,
        0,
        0,
    )


@pytest.mark.parametrize("metric", [hubs, k_occurrence])
def test_bad_input_is_told(metric: Any) -> None:
    name = metric.__name__
    cases: list[tuple[Any, Any, str]] = [
        ([1.0, 2.0], 1, r"scores must be of shape \(n, C\) with n and C at least 1; got shape \(2,\)"),
        (np.zeros((0, 3)), 1, r"got shape \(0, 3\)"),
        ([[1.0, np.inf]], 1, "scores must be finite"),
        ([[1.0, 2.0]], 3, "k must be at most the 2 columns of scores; got 3. Ask for fewer, or score more classes"),
        ([[1.0, 2.0]], 0, "k must be a whole number at least 1"),
    ]
    for scores, k, match in cases:
        with pytest.raises(InputError, match=f"^{name}: .*{match}"):
            metric(scores, k=k)


def test_bad_parameters_are_told() -> None:
    with pytest.raises(InputError, match=r"hubs: factor must be a number at least 1; got 0\.5"):
        hubs([[1.0, 2.0]], factor=0.5)
    with pytest.raises(InputError, match="skewness: occurrence must be finite"):
        skewness([1, np.nan])
    with pytest.raises(InputError, match=r"skewness: occurrence must be of shape \(n,\) with n at least 1"):
        skewness([])
