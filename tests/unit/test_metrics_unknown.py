"""Unknown detection by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from unseen.errors import InputError
from unseen.metrics import auroc, fpr_at_tpr


def test_auroc_by_hand() -> None:
    known, evidence = [True, True, True, False, False], [0.9, 0.6, 0.3, 0.6, 0.1]
    # Pairs: .9 wins both, .6 ties and wins, .3 loses and wins: 2 + 1.5 + 1 of 6.
    assert auroc(known, evidence) == pytest.approx(4.5 / 6)
    assert auroc(np.logical_not(known), evidence) == pytest.approx(1.5 / 6)
    assert auroc(known, np.negative(evidence)) == pytest.approx(1.5 / 6)
    assert auroc(known, [1.0] * 5) == 0.5
    assert auroc([1, 0], [2, 1]) == 1


def test_fpr_by_hand() -> None:
    known = [True] * 4 + [False] * 4
    evidence = [8, 6, 4, 2, 7, 5, 3, 1]
    # To accept all four known items, the threshold is 2: three of four unknown ones are above it.
    assert fpr_at_tpr(known, evidence) == 3 / 4
    assert fpr_at_tpr(known, evidence, tpr=1) == 3 / 4
    # Three of four: 4. Half of them: 6. Any: 8.
    assert fpr_at_tpr(known, evidence, tpr=0.75) == 2 / 4
    assert fpr_at_tpr(known, evidence, tpr=0.5) == 1 / 4
    assert fpr_at_tpr(known, evidence, tpr=0.01) == 0


def test_ties_are_accepted_together() -> None:
    known = [True] * 4 + [False] * 2
    # The second known item brings in the third, which has the same evidence, and an unknown one.
    assert fpr_at_tpr(known, [9, 5, 5, 1, 5, 0], tpr=0.5) == 0.5
    assert fpr_at_tpr(known, [5] * 6) == 1


def test_shares_are_counted_without_rounding() -> None:
    # 0.07 * 100 is 7.000000000000001, and seven of a hundred is enough.
    evidence = np.concatenate([np.arange(100, 0, -1), [93.5]])
    known = np.arange(101) < 100
    assert fpr_at_tpr(known, evidence, tpr=0.07) == 0
    assert fpr_at_tpr(known, evidence, tpr=0.0701) == 1
    for count in range(1, 101):
        expected = float(101 - count <= 93.5)
        assert fpr_at_tpr(known, evidence, tpr=count / 100) == expected


@pytest.mark.parametrize("metric", [auroc, fpr_at_tpr])
def test_bad_input_is_told(metric: Any) -> None:
    name = metric.__name__
    cases: list[tuple[Any, Any, str]] = [
        ([True], [0.1, 0.2], r"known must be of shape \(2,\), one per item of evidence; got shape \(1,\)"),
        ([True, True], [0.1, 0.2], "items must be of both kinds, known and unknown; got known ones only. Add items"),
        ([0, 0], [0.1, 0.2], "got unknown ones only"),
        ([True, False], [0.1, np.nan], "evidence must be finite; got NaN or infinity"),
        ([True, False], ["a", "b"], "evidence must be numbers"),
        (["yes", "no"], [0.1, 0.2], "known must be True or False throughout; got an array"),
        ([0, 2], [0.1, 0.2], "Say of every item whether it is of a known class"),
        ([], [], r"evidence must be of shape \(n,\) with n at least 1; got shape \(0,\). Pass one number per item"),
        ([[True]], [[0.1]], r"evidence must be of shape \(n,\) with n at least 1; got shape \(1, 1\)"),
    ]
    for known, evidence, match in cases:
        with pytest.raises(InputError, match=f"^{name}: .*{match}"):
            metric(known, evidence)


@pytest.mark.parametrize("tpr", [0, 1.01, np.nan, None])
def test_share_is_checked(tpr: Any) -> None:
    with pytest.raises(InputError, match=r"fpr_at_tpr: tpr must be a (finite )?number above 0 and at most 1"):
        fpr_at_tpr([True, False], [1, 0], tpr=tpr)
