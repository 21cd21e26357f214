"""The diagnosis of bias, by hand."""

from __future__ import annotations

import json
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest

from unseen.diagnosis.bias import measure_bias
from unseen.errors import InputError

mpl.use("Agg")

NAMES = ["lion", "lynx", "bobcat", "puma"]
SEEN = [True, True, False, False]
# Two lions and a lynx, right; bobcats: two taken by the lynx, one right; one puma, taken by the lion.
Y = [0, 0, 1, 2, 2, 2, 3]
SCORES = [
    [9, 1, 1, 1],
    [9, 1, 1, 1],
    [1, 9, 1, 1],
    [1, 5, 4, 1],
    [1, 5, 4, 1],
    [1, 1, 4, 1],
    [5, 1, 1, 3],
]


def test_figures_by_hand() -> None:
    found = measure_bias(Y, SCORES, SEEN, NAMES, penalty=1.5)
    # Unseen: bobcat 1/3, puma 0, so u = 1/6; seen: s = 1; H = 2/6 / (7/6) = 2/7.
    assert found.figures["u"] == pytest.approx(1 / 6)
    assert found.figures["s"] == 1.0
    assert found.figures["harmonic_mean"] == pytest.approx(2 / 7)
    assert found.figures["gap"] == pytest.approx(5 / 6)
    assert found.figures["swallowed"] == 0.75  # three of four
    # A penalty of 1.5 frees the bobcats (lead 1) and not the puma (lead 2): u = 1/2, H = 1 / 1.5.
    assert found.figures["u_mended"] == 0.5
    assert found.figures["harmonic_mean_mended"] == pytest.approx(2 / 3)
    assert found.figures["swallowed_mended"] == 0.25
    # From 2 to 8 everything is right.
    assert (found.figures["best_harmonic_mean"], found.figures["best_penalty"]) == (1.0, 5.0)
    assert found.figures["ausuc"] == 1.0
    assert list(found.rows) == [
        {"class": "lynx", "share": 0.5, "count": 2, "mostly_from": "bobcat"},
        {"class": "lion", "share": 0.25, "count": 1, "mostly_from": "puma"},
    ]
    assert (found.failure, found.severity) == ("bias", "strong")
    assert found.verdict == (
        "75% of the unseen classes' images get a seen class's name; 'lynx' alone swallows 50% of them, mostly of "
        "'bobcat'. Seen classes are recognised at 1.00, unseen ones at 0.17: H is 0.29, and 0.67 with the penalty 1.5 "
        "on seen classes. The best balance would reach 1.00."
    )
    assert json.loads(json.dumps(found.to_dict()))["figures"]["swallowed"] == 0.75


def test_without_bias() -> None:
    scores = np.eye(4)[Y]
    found = measure_bias(Y, scores, SEEN, NAMES)
    assert found.severity == "none"
    assert found.rows == []
    assert found.verdict == (
        "No image of an unseen class gets a seen class's name. Seen classes are recognised at 1.00, unseen ones at "
        "1.00: H is 1.00. The best balance would reach 1.00."
    )


def test_a_tie_between_the_kinds_swallows_nothing() -> None:
    found = measure_bias([0, 1], [[1, 1], [1, 1]], [True, False], ["a", "b"])
    assert (found.figures["u"], found.figures["swallowed"]) == (1.0, 0.0)  # as in the curve


def test_severity_by_what_balance_would_add() -> None:
    # 50 samples of the unseen class, k of them taken by lead 1; the seen sample leads by 9, so all could be right.
    def severity(taken: int) -> str:
        scores = [[10, 1]] + [[2, 1]] * taken + [[0, 1]] * (50 - taken)
        return measure_bias([0] + [1] * 50, scores, [True, False], ["a", "b"]).severity

    # H = 2u / (1 + u): u = .98 gives .990, .92 gives .958, .8 gives .889.
    assert [severity(1), severity(4), severity(10)] == ["none", "mild", "strong"]


@pytest.mark.parametrize("penalty", [0.0, 1.5])
def test_the_picture(penalty: float) -> None:
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    found = measure_bias(Y, SCORES, SEEN, NAMES, penalty=penalty)
    assert found.draw is not None
    found.draw(axes)
    assert axes.get_xlabel()
    assert axes.get_ylabel()
    legend = axes.get_legend()
    assert legend is not None
    texts = [text.get_text() for text in legend.get_texts()]
    assert texts[:2] == ["all penalties, area 1.00", "as it is, H 0.29"]
    assert texts[2:] == (["penalty 1.5, H 0.67"] if penalty else [])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"names": NAMES[1:]}, "measure_bias: names must be 4 strings, one per column of scores; got 3 entries"),
        ({"names": "abcd"}, "measure_bias: names must be 4 strings.*; got 'abcd'"),
        ({"names": [1, 2, 3, 4]}, "measure_bias: names must be 4 strings"),
        ({"penalty": "much"}, "measure_bias: penalty must be a number; got 'much'"),
        ({"seen": [True] * 4}, "of both kinds, seen and unseen"),
        ({"seen": [True]}, "seen must be of shape"),
        ({"y": [0]}, "measure_bias: y and scores must be of shapes"),
        ({"scores": np.full((7, 4), np.nan)}, "measure_bias: scores must be finite"),
    ],
)
def test_what_is_refused(change: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        measure_bias(**{"y": Y, "scores": SCORES, "seen": SEEN, "names": NAMES, **change})
