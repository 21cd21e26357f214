"""What holds of every curve of seen against unseen accuracy."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from unseen.metrics import harmonic_mean, seen_unseen_curve

# Whole numbers: differences are exact, and ties are common.
SCORES = st.integers(-6, 6).map(float)


@st.composite
def problems(draw: Any) -> tuple[Any, Any, Any]:
    n_classes = draw(st.integers(2, 6))
    seen = np.arange(n_classes) < draw(st.integers(1, n_classes - 1))
    seen = seen[draw(st.permutations(range(n_classes)))]
    more = draw(st.lists(st.integers(0, n_classes - 1), max_size=8))
    y = np.array([int(seen.argmax()), int((~seen).argmax()), *more])
    return y, draw(arrays(np.float64, (len(y), n_classes), elements=SCORES)), seen


@given(problems())
def test_curves_are_monotone_and_areas_are_shares(problem: tuple[Any, Any, Any]) -> None:
    curve = seen_unseen_curve(*problem)
    assert (np.diff(curve.penalties) > 0).all()
    assert (np.diff(curve.u) >= 0).all()
    assert (np.diff(curve.s) <= 0).all()
    for values in (curve.u, curve.s):
        assert values.min() >= 0
        assert values.max() <= 1
    assert 0 <= curve.ausuc <= curve.u[-1] * curve.s[0] + 1e-12
    penalty, mean = curve.best()
    assert np.isfinite(penalty)
    assert mean == curve.at(penalty)[2] == max(map(harmonic_mean, curve.u.tolist(), curve.s.tolist()))


@given(problems(), st.data())
def test_shifting_rows_changes_nothing(problem: tuple[Any, Any, Any], data: Any) -> None:
    y, scores, seen = problem
    shift = data.draw(arrays(np.float64, len(y), elements=st.integers(-1000, 1000).map(float)))
    assert_same(seen_unseen_curve(y, scores + shift[:, None], seen), seen_unseen_curve(y, scores, seen))


@given(problems(), st.data())
def test_the_order_of_samples_changes_nothing(problem: tuple[Any, Any, Any], data: Any) -> None:
    y, scores, seen = problem
    order = np.array(data.draw(st.permutations(range(len(y)))))
    assert_same(seen_unseen_curve(y[order], scores[order], seen), seen_unseen_curve(y, scores, seen))


@given(problems(), st.integers(-9, 9))
def test_a_bonus_for_seen_classes_moves_the_penalty_by_itself(problem: tuple[Any, Any, Any], bonus: int) -> None:
    y, scores, seen = problem
    moved, curve = seen_unseen_curve(y, scores + bonus * seen, seen), seen_unseen_curve(y, scores, seen)
    np.testing.assert_array_equal(moved.penalties, curve.penalties + bonus)
    np.testing.assert_array_equal(moved.u, curve.u)
    np.testing.assert_array_equal(moved.s, curve.s)


@given(problems(), st.integers(-13, 13))
def test_at_a_penalty_is_what_subtracting_it_gives(problem: tuple[Any, Any, Any], penalty: int) -> None:
    y, scores, seen = problem
    u, s, _ = seen_unseen_curve(y, scores, seen).at(penalty)
    # Half a step decides ties for unseen classes.
    answers = (scores - (penalty + 0.5) * seen).argmax(axis=1)
    hits = [np.mean(answers[y == c] == c) if (y == c).any() else np.nan for c in range(len(seen))]
    np.testing.assert_allclose([u, s], [np.nanmean(np.array(hits)[~seen]), np.nanmean(np.array(hits)[seen])])


def assert_same(one: Any, other: Any) -> None:
    np.testing.assert_array_equal(one.penalties, other.penalties)
    np.testing.assert_allclose(one.u, other.u, rtol=0, atol=1e-12)
    np.testing.assert_allclose(one.s, other.s, rtol=0, atol=1e-12)
