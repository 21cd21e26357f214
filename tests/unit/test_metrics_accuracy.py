"""Hits, rates and confusion by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from unseen.errors import InputError
from unseen.metrics import confusion_matrix, per_class_rates, per_class_top_k, top_k_accuracy, top_k_hits

# Five items of classes 0, 0, 1, 1, 3; class 2 has none.
Y = [0, 0, 1, 1, 3]
SCORES = [
    [9.0, 1.0, 0.0, 0.0],  # 0: first
    [1.0, 9.0, 2.0, 0.0],  # 0: third
    [1.0, 9.0, 0.0, 0.0],  # 1: first
    [9.0, 1.0, 0.0, 0.0],  # 1: second
    [1.0, 1.0, 1.0, 1.0],  # 3: fourth, as ties go to earlier columns
]


def test_the_worked_example_of_the_literature() -> None:
    probabilities = [[0.40, 0.15, 0.15, 0.20, 0.10]] * 5
    assert np.flatnonzero(top_k_hits(range(5), probabilities, k=2)).tolist() == [0, 3]
    rates, counts = per_class_rates(range(5), probabilities, k=2)
    assert rates.tolist() == [1, 0, 0, 1, 0]
    assert counts.tolist() == [1] * 5
    assert per_class_top_k(range(5), probabilities, k=2) == pytest.approx(2 / 5)


def test_rates_by_hand() -> None:
    rates, counts = per_class_rates(Y, SCORES)
    np.testing.assert_array_equal(rates, [1 / 2, 1 / 2, np.nan, 0])
    assert counts.tolist() == [2, 2, 0, 1]
    # The mean leaves out class 2: (1/2 + 1/2 + 0) / 3; overall, two of five.
    assert per_class_top_k(Y, SCORES) == pytest.approx(1 / 3)
    assert top_k_accuracy(Y, SCORES) == pytest.approx(2 / 5)
    # Among the best two: class 1 twice of two. (1/2 + 1 + 0) / 3, and three of five.
    assert per_class_top_k(Y, SCORES, k=2) == pytest.approx(1 / 2)
    assert top_k_accuracy(Y, SCORES, k=2) == pytest.approx(3 / 5)
    assert top_k_accuracy(Y, SCORES, k=4) == per_class_top_k(Y, SCORES, k=9) == 1


def test_rates_are_floats_and_hits_are_flags() -> None:
    rates, counts = per_class_rates([0], [[1, 0]])
    assert (rates.dtype.kind, counts.dtype.kind, top_k_hits([0], [[1, 0]]).dtype.kind) == ("f", "i", "b")


def test_confusion_by_hand() -> None:
    # Answers: 0, 1, 1, 0, and 0 by the tie.
    expected = [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0]]
    matrix = confusion_matrix(Y, SCORES)
    assert matrix.dtype.kind == "i"
    assert matrix.tolist() == expected
    assert confusion_matrix(Y, [0, 1, 1, 0, 0]).tolist() == expected
    shares = confusion_matrix(Y, SCORES, normalize=True)
    np.testing.assert_array_equal(shares, [[0.5, 0.5, 0, 0], [0.5, 0.5, 0, 0], [np.nan] * 4, [1, 0, 0, 0]])
    np.testing.assert_array_equal(np.diag(shares), per_class_rates(Y, SCORES)[0])


def test_confusion_takes_more_classes_than_occur() -> None:
    assert confusion_matrix([0], [1], n_classes=3).tolist() == [[0, 1, 0], [0, 0, 0], [0, 0, 0]]
    assert confusion_matrix([0], [[1.0, 0.0]], n_classes=3).shape == (3, 3)
    assert confusion_matrix(np.array([1], dtype=np.uint64), np.array([1], dtype=np.int8)).tolist() == [[0, 0], [0, 1]]


def test_nothing_is_changed() -> None:
    y, scores = np.array(Y), np.array(SCORES)
    for array in (y, scores):
        array.setflags(write=False)
    per_class_rates(y, scores)
    confusion_matrix(y, scores, normalize=True)
    top_k_hits(y, scores, k=3)


@pytest.mark.parametrize("metric", [per_class_rates, per_class_top_k, top_k_accuracy, top_k_hits])
def test_bad_input_is_told_by_name(metric: Any) -> None:
    name = metric.__name__
    cases: list[tuple[Any, Any, str]] = [
        ([0, 1], [[1.0, 0.0]], r"y and scores must be of shapes \(n,\) and \(n, C\) with n at least 1; got \(2,\)"),
        ([0], [[]], r"got \(1,\) and \(1, 0\)\. Pass one position and one row per item"),
        ([2], [[1.0, 0.0]], "y must be positions from 0 to 1; got an array"),
        ([-1], [[1.0, 0.0]], "y must be positions from 0 to 1"),
        ([True], [[1.0, 0.0]], "Pass columns of scores, as integers"),
        ([0], [[np.inf, 0.0]], "scores must be finite; got NaN or infinity"),
        ([0], [["a", "b"]], "scores must be numbers; got an array"),
        ([0], [[1j, 0]], "scores must be numbers"),
        ([0], [[None, 0]], "scores must be finite"),
        ([0], [[object(), 0]], "scores must be numbers"),
        ([0, 0], [[1.0], [1.0, 2.0]], "scores must be an array; got rows of different lengths. Pass rows of equal"),
    ]
    for y, scores, match in cases:
        with pytest.raises(InputError, match=f"^{name}: .*{match}"):
            metric(y, scores)
    with pytest.raises(InputError, match=f"{name}: k must be a whole number at least 1; got 0"):
        metric([0], [[1.0]], k=0)


@pytest.mark.parametrize(
    ("y", "answers", "options", "match"),
    [
        ([0], [[np.nan, 0.0]], {}, "confusion_matrix: scores must be finite"),
        ([0], [0, 1], {}, r"answers must be of shape \(1,\); got shape \(2,\)\. Pass one position per item"),
        ([], [], {}, r"y must be of shape \(n,\) with n at least 1; got shape \(0,\)"),
        ([0], [-1], {}, "answers must be positions from 0 on; got an array .* Pass them as integers"),
        (["a"], ["a"], {}, "y must be positions from 0 on"),
        ([0, 2], [0, 1], {"n_classes": 2}, "n_classes must be at least the 3 of the input and at most 32768; got 2"),
        ([0], [10**9], {}, "n_classes must be at least the 1000000001 .* Check the positions, or leave it out"),
        ([0], [0], {"n_classes": 1.5}, "n_classes must be a whole number at least 1"),
        ([0], [0], {"normalize": "true"}, "normalize must be True or False; got 'true'"),
    ],
)
def test_bad_input_of_confusion_is_told(y: Any, answers: Any, options: Any, match: str) -> None:
    with pytest.raises(InputError, match=match):
        confusion_matrix(y, answers, **options)
