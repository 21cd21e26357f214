"""Average precision by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from unseen.errors import InputError
from unseen.metrics import average_precisions, mean_average_precision

# Three classes, four items. Class 0 at places 1 and 4, class 1 at place 2, class 2 nowhere.
Y = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 0], [1, 0, 0]], dtype=bool)
SCORES = np.array([[9.0, 9, 1], [8, 8, 2], [7, 7, 3], [6, 6, 4]])


def test_by_hand() -> None:
    # Class 0: precision 1/1 at recall 1/2, 2/4 at recall 1. Class 1: 1/2.
    np.testing.assert_allclose(average_precisions(Y, SCORES), [3 / 4, 1 / 2, np.nan])
    assert mean_average_precision(Y, SCORES) == pytest.approx((3 / 4 + 1 / 2) / 2)


def test_equal_scores_enter_together() -> None:
    # All four at once: precision 2/4 at recall 1, whatever their order.
    for order in ([0, 1, 2, 3], [3, 2, 1, 0]):
        assert average_precisions(Y[order], np.zeros((4, 3)))[0] == 0.5


def test_columns_are_never_compared() -> None:
    assert mean_average_precision(Y, SCORES * [1, 1e6, 1] - [0, 5, 0]) == mean_average_precision(Y, SCORES)


def test_classes_that_every_item_shows() -> None:
    assert mean_average_precision([[1], [1]], [[0.1], [0.2]]) == 1


@pytest.mark.parametrize("metric", [average_precisions, mean_average_precision])
def test_bad_input_is_told(metric: Any) -> None:
    name = metric.__name__
    cases: list[tuple[Any, Any, str]] = [
        (Y[:3], SCORES, r"Y must be of shape \(4, 3\), one per score; got shape \(3, 3\). Say of every item and class"),
        (Y, SCORES * np.nan, "scores must be finite"),
        (Y, SCORES[0], r"scores must be of shape \(n, C\) with n and C at least 1; got shape \(3,\)"),
        (Y[:, :0], SCORES[:, :0], r"got shape \(4, 0\). Pass one row per item"),
        (Y * 2, SCORES, "Y must be True or False throughout"),
    ]
    for flags, scores, match in cases:
        with pytest.raises(InputError, match=f"{name}: .*{match}"):
            metric(flags, scores)


def test_nothing_to_find_is_told() -> None:
    assert np.isnan(average_precisions(Y & False, SCORES)).all()
    match = "mean_average_precision: Y must be True somewhere; got none in any column. Check that Y marks"
    with pytest.raises(InputError, match=match):
        mean_average_precision(Y & False, SCORES)
