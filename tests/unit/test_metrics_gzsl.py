"""Seen and unseen classes in competition: curves by hand, and against a sweep by brute force."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from unseen.errors import InputError
from unseen.metrics import (
    SeenUnseenCurve,
    generalized_accuracy,
    generalized_hits,
    harmonic_mean,
    per_class_top_k,
    seen_unseen_curve,
)

# Columns: seen a, seen b, unseen c, unseen d.
SEEN = [True, True, False, False]


def test_harmonic_mean_by_hand() -> None:
    assert harmonic_mean(0.5, 0.5) == 0.5
    assert harmonic_mean(1.0, 0.5) == pytest.approx(2 / 3)
    assert harmonic_mean(0.0, 0.9) == harmonic_mean(0.0, 0.0) == 0.0


def hand_made() -> SeenUnseenCurve:
    # Rows: class, its best seen and best unseen column, and the lead of the seen one.
    #   a: a against c, lead 4       a: a against d, lead 1
    #   b: a against c, lead 0.5 (wrong either way)
    #   c: b against c, lead 2       c: a against d, lead 3 (wrong either way)
    #   d: a against d, lead 1
    scores = [
        [5.0, 0.0, 1.0, 0.0],
        [3.0, 0.0, 1.0, 2.0],
        [1.5, 1.0, 1.0, 0.0],
        [0.0, 4.0, 2.0, 1.0],
        [4.0, 0.0, 0.0, 1.0],
        [2.0, 0.0, 0.0, 1.0],
    ]
    return seen_unseen_curve([0, 0, 1, 2, 2, 3], scores, SEEN)


def test_a_curve_by_hand() -> None:
    curve = hand_made()
    np.testing.assert_array_equal(curve.penalties, [-np.inf, 0.5, 1, 2, 3, 4])
    # Class d is right from penalty 1, half of class c from 2: mean over two classes.
    np.testing.assert_allclose(curve.u, [0, 0, 1 / 2, 3 / 4, 3 / 4, 3 / 4])
    # Class b is never right; class a loses one of its two samples at 1 and the other at 4.
    np.testing.assert_allclose(curve.s, [1 / 2, 1 / 2, 1 / 4, 1 / 4, 1 / 4, 0])
    # From s = 0 to 1/4 at height 3/4, then a line from (1/4, 1/2) to (1/2, 0).
    assert curve.ausuc == pytest.approx(3 / 4 / 4 + (1 / 4) * (1 / 2) / 2)


def test_at_a_penalty_by_hand() -> None:
    curve = hand_made()
    assert curve.at(0.0) == (0.0, 0.5, 0.0)
    assert curve.at(0.999)[:2] == (0.0, 0.5)
    assert curve.at(1.0)[:2] == (0.5, 0.25)
    assert curve.at(2.5) == pytest.approx((0.75, 0.25, 0.375))
    assert curve.at(-1e9)[:2] == curve.at(-np.inf)[:2] == (0.0, 0.5)
    assert curve.at(1e9)[:2] == curve.at(np.inf)[:2] == (0.75, 0.0)


def test_the_best_penalty_is_in_the_middle_of_where_it_holds() -> None:
    # u = 3/4 and s = 1/4 from penalty 2 to 4, though a sample changes from one wrong answer to another at 3.
    assert hand_made().best() == pytest.approx((3.0, 0.375))


def test_the_best_penalty_lies_between_the_leads() -> None:
    # Leads: 1 for the seen sample and -0.5 for the unseen one: both are right from -0.5 until just before 1.
    curve = seen_unseen_curve([0, 2], [[1.0, 0.0, 0.0, 0.0], [2.0, 0.0, 2.5, 0.0]], SEEN)
    assert curve.best() == (0.25, 1.0)


def test_where_no_penalty_helps_there_is_none() -> None:
    # The seen sample is taken for the other seen class.
    never = seen_unseen_curve([0, 2], [[0.0, 1.0, 0.0, 0.0], [2.0, 0.0, 1.0, 0.0]], SEEN)
    assert never.best() == (0.0, 0.0)
    point = SeenUnseenCurve(np.array([-np.inf]), np.zeros(1), np.ones(1))
    assert (point.best(), point.ausuc) == ((0.0, 0.0), 0.0)


def test_the_best_penalty_reaches_the_best_mean() -> None:
    # Neighbouring numbers have no middle: that of 1 and the next rounds to one of the two.
    for low in (1.0, np.nextafter(1.0, 2)):
        high = np.nextafter(low, 2)
        curve = seen_unseen_curve([0, 2], [[high, 0, 0, 0], [low, 0, 0, 0]], SEEN)
        penalty, mean = curve.best()
        assert penalty == low
        assert mean == curve.at(penalty)[2] == 1.0


def test_ties_go_to_the_unseen_class_and_within_a_kind_to_the_first() -> None:
    curve = seen_unseen_curve([0, 2], [[1.0, 1.0, 1.0, 1.0]] * 2, SEEN)
    assert curve.at(0.0)[:2] == (1.0, 0.0)
    assert curve.at(-1e-12)[:2] == (0.0, 1.0)
    curve = seen_unseen_curve([1, 3], [[1.0, 1.0, 1.0, 1.0]] * 2, SEEN)
    assert curve.at(0.0)[:2] == curve.at(-1.0)[:2] == (0.0, 0.0)


def test_perfect_and_hopeless() -> None:
    names = np.repeat(np.arange(4), 3)
    assert seen_unseen_curve(names, np.eye(4)[names], SEEN).ausuc == pytest.approx(1.0)
    # Without any penalty all is right: the middle of the leads -1 and 1.
    assert seen_unseen_curve(names, np.eye(4)[names], SEEN).best() == pytest.approx((0.0, 1.0))
    assert seen_unseen_curve(names, -np.eye(4)[names], SEEN).ausuc == 0.0


def brute_force(y: Any, scores: Any, seen: Any) -> tuple[list[tuple[float, float]], float]:
    """Return (u, s) at penalties between and beyond all differences, and the area under them."""
    seen = np.asarray(seen)
    differences = sorted({a - b for row in scores for a in row[seen] for b in row[~seen]})
    middles = [(a + b) / 2 for a, b in itertools.pairwise(differences)]
    points = []
    for penalty in [differences[0] - 1, *middles, differences[-1] + 1]:
        answers = (scores - penalty * seen).argmax(axis=1)
        each = [np.mean(answers[y == c] == c) if (y == c).any() else np.nan for c in range(len(seen))]
        points.append((float(np.nanmean(np.array(each)[~seen])), float(np.nanmean(np.array(each)[seen]))))
    area = sum((b[0] + a[0]) / 2 * (a[1] - b[1]) for a, b in itertools.pairwise(points))
    return points, area


@pytest.mark.parametrize("seed", range(6))
def test_agrees_with_a_sweep_by_brute_force(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n_classes = int(rng.integers(2, 7))
    seen = rng.permutation(np.arange(n_classes) < rng.integers(1, n_classes))
    y = np.concatenate([np.flatnonzero(seen)[:1], np.flatnonzero(~seen)[:1], rng.integers(0, n_classes, 20)])
    scores = rng.normal(size=(22, n_classes))
    scores[np.arange(22), y] += rng.normal(size=22) + 1
    curve = seen_unseen_curve(y, scores, seen)
    points, area = brute_force(y, scores, seen)
    assert curve.ausuc == pytest.approx(area, abs=1e-9)
    best = max(harmonic_mean(u, s) for u, s in points)
    penalty, mean = curve.best()
    assert mean == pytest.approx(best, abs=1e-9)
    assert curve.at(penalty)[2] == mean
    answers = {(round(u, 9), round(s, 9)) for u, s in points}
    assert {(round(float(u), 9), round(float(s), 9)) for u, s in zip(curve.u, curve.s, strict=True)} == answers


def test_the_ends_are_the_two_closed_problems() -> None:
    rng = np.random.default_rng(7)
    y, scores, seen = rng.integers(0, 6, 60), rng.normal(size=(60, 6)), np.arange(6) < 4
    curve = seen_unseen_curve(y, scores, seen)
    mine = y >= 4
    assert (curve.u[0], curve.s[-1]) == (0.0, 0.0)
    assert curve.u[-1] == pytest.approx(per_class_top_k(y[mine] - 4, scores[mine][:, 4:]))
    assert curve.s[0] == pytest.approx(per_class_top_k(y[~mine], scores[~mine][:, :4]))


def test_classes_without_samples_do_not_count() -> None:
    with_more = seen_unseen_curve([0, 2], [[1.0, 0.0, 0.5, 0.0], [0.5, 0.0, 1.0, 0.0]], SEEN)
    without = seen_unseen_curve([0, 1], [[1.0, 0.5], [0.5, 1.0]], [True, False])
    np.testing.assert_array_equal(with_more.u, without.u)
    np.testing.assert_array_equal(with_more.s, without.s)


@pytest.mark.parametrize(
    ("y", "scores", "seen", "match"),
    [
        (
            [0, 1],
            [[1.0, 0.0]] * 2,
            [True],
            r"seen_unseen_curve: seen must be of shape \(2,\), one per column of scores; got shape \(1,\)\. "
            "Say of every class whether it was seen",
        ),
        ([0, 1], [[1.0, 0.0]] * 2, [[True, False]], r"got shape \(1, 2\)"),
        (
            [0, 1],
            [[1.0, 0.0]] * 2,
            [True, True],
            "seen_unseen_curve: classes and samples must be of both kinds, seen and unseen; got one kind only. "
            "Score seen and unseen classes together, for samples of both",
        ),
        ([0, 1], [[1.0, 0.0]] * 2, [False, False], "got one kind only"),
        ([0, 0], [[1.0, 0.0]] * 2, [True, False], "got one kind only"),
        ([1, 1], [[1.0, 0.0]] * 2, [True, False], "got one kind only"),
        ([0], [[1.0, 0.0]] * 2, [True, False], r"y and scores must be of shapes \(n,\) and \(n, C\)"),
        ([0, 2], [[1.0, 0.0]] * 2, [True, False], "y must be positions from 0 to 1"),
        ([0, 1], [[1.0, np.inf]] * 2, [True, False], "scores must be finite; got NaN or infinity"),
    ],
)
def test_bad_input_is_told(y: Any, scores: Any, seen: Any, match: str) -> None:
    with pytest.raises(InputError, match=match):
        seen_unseen_curve(y, scores, seen)


def test_generalized_accuracy_by_hand() -> None:
    # The samples of `hand_made`, whose leads are 4, 1, 0.5, 2, 3 and 1.
    scores = [
        [5.0, 0.0, 1.0, 0.0],
        [3.0, 0.0, 1.0, 2.0],
        [1.5, 1.0, 1.0, 0.0],
        [0.0, 4.0, 2.0, 1.0],
        [4.0, 0.0, 0.0, 1.0],
        [2.0, 0.0, 0.0, 1.0],
    ]
    y = [0, 0, 1, 2, 2, 3]
    # As it is: class a twice right, b never, no unseen one.
    assert generalized_accuracy(y, scores, SEEN) == (0.0, 0.5, 0.0)
    assert generalized_hits(y, scores, SEEN).tolist() == [True, True, False, False, False, False]
    # At 2.5: a once of two, c once of two, d once of one.
    assert generalized_accuracy(y, scores, SEEN, penalty=2.5) == pytest.approx((0.75, 0.25, 0.375))
    assert generalized_hits(y, scores, SEEN, penalty=2.5).tolist() == [True, False, False, True, False, True]


def test_hits_do_not_need_a_sample_of_each_class() -> None:
    assert generalized_hits([0, 2], [[1.0, 1.0, 1.0, 1.0]] * 2, SEEN).tolist() == [False, True]


@pytest.mark.parametrize("function", [generalized_accuracy, generalized_hits])
def test_bad_input_is_told_by_name(function: Any) -> None:
    name = function.__name__
    with pytest.raises(InputError, match=rf"{name}: seen must be of shape \(2,\), one per column of scores"):
        function([0, 1], [[1.0, 0.0]] * 2, [True])
    with pytest.raises(InputError, match=f"{name}: seen must be True or False throughout"):
        function([0, 1], [[1.0, 0.0]] * 2, ["yes", "no"])
    with pytest.raises(InputError, match=f"{name}: classes and samples must be of both kinds, seen and unseen"):
        function([0, 0], [[1.0, 0.0]] * 2, [True, False])
    with pytest.raises(InputError, match=f"{name}: penalty must be a finite number"):
        function([0, 1], [[1.0, 0.0]] * 2, [True, False], penalty=np.nan)
    with pytest.raises(InputError, match=f"{name}: scores must be finite"):
        function([0, 1], [[1.0, np.nan]] * 2, [True, False])


def midpoints(y: Any, scores: Any, seen: Any) -> tuple[list[tuple[float, float]], float]:
    """Return (u, s) by a plain argmax at each midpoint between sorted leads and beyond them, and the area."""
    leads = np.unique(scores[:, seen].max(axis=1) - scores[:, ~seen].max(axis=1))
    points = []
    for penalty in [leads[0] - 1, *((leads[1:] + leads[:-1]) / 2), leads[-1] + 1]:
        right = (scores - penalty * seen).argmax(axis=1) == y
        each = [right[y == c].mean() for c in np.unique(y)]
        kind = seen[np.unique(y)]
        points.append((float(np.mean(np.array(each)[~kind])), float(np.mean(np.array(each)[kind]))))
    return points, sum((b[0] + a[0]) / 2 * (a[1] - b[1]) for a, b in itertools.pairwise(points))


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_area_agrees_with_a_sweep_over_midpoints(seed: int, tied: bool) -> None:
    rng = np.random.default_rng(seed)
    seen = rng.permutation(np.arange(12) < 7)
    y = rng.integers(0, 12, 400)
    scores = rng.normal(size=(400, 12)) + 0.8 * seen
    scores[np.arange(400), y] += 1.5
    scores = np.round(scores) if tied else scores
    points, area = midpoints(y, scores, seen)
    curve = seen_unseen_curve(y, scores, seen)
    assert curve.ausuc == pytest.approx(area, abs=1e-6)
    np.testing.assert_allclose(np.stack([curve.u, curve.s], axis=1), points, atol=1e-12)
    for penalty in (-1.0, 0.0, 0.3, 1.0, 2.0, *curve.penalties[1::50]):
        assert generalized_accuracy(y, scores, seen, penalty=penalty) == pytest.approx(curve.at(penalty), abs=1e-12)
