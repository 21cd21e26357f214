"""Balanced assignment: shares of a batch, by hand and against Sinkhorn's fixed point."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.special import softmax

from unseen import Prototypes
from unseen.errors import InputError
from unseen.methods.meta.balance import balanced
from unseen.methods.meta.balanced_assignment import BalancedAssignment
from unseen.methods.meta.self_training import SelfTraining
from unseen.methods.meta.weights import spread
from unseen.methods.projection.kernel_ridge import KernelRidge
from unseen.methods.projection.ridge import Ridge


def problem() -> tuple[Any, Any, Any, Any, Prototypes]:
    """Five seen and three unseen classes; the prototype of the last is drawn to the middle, where it is a hub."""
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(8, 3))
    y = np.repeat([f"c{i}" for i in range(8)], 10)
    X = vectors.repeat(10, axis=0) @ rng.normal(size=(3, 6)) + 0.4 * rng.normal(size=(80, 6))
    vectors[7] = vectors[5:7].sum(axis=0)
    p = Prototypes([f"c{i}" for i in range(8)], vectors)
    seen = np.isin(y, p.names[:5])
    return X[seen], y[seen], X[~seen], y[~seen], p


X, Y, X_NEW, Y_NEW, P = problem()
UNSEEN = P.subset(P.names[5:])


def soft_shares(scores: Any) -> Any:
    return softmax(5 * scores, axis=1).mean(axis=0)


def test_two_classes_by_hand() -> None:
    # Three vectors lean to the first class by 1, 3 and 5: an offset of 3 for the second puts the middle on the fence.
    scores = np.array([[1.0, 0.0], [3.0, 0.0], [5.0, 0.0]])
    out = balanced(scores, np.array([True, True]), 1.0)
    np.testing.assert_allclose(out[:, 0] - out[:, 1], [-2, 0, 2], atol=1e-3)
    np.testing.assert_allclose(soft_shares(out), [0.5, 0.5], atol=1e-3)


@pytest.mark.parametrize("strength", [0.0, 0.25, 0.5, 1.0])
def test_shares_are_those_aimed_at(strength: float) -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(200, 5)) + np.array([0, 0, 1, 0, -1])
    moving = np.array([True, False, True, False, True])
    out = balanced(scores, moving, strength)
    before, after = soft_shares(scores), soft_shares(out)
    even = before[moving].sum() / 3
    np.testing.assert_allclose(after[moving], (1 - strength) * before[moving] + strength * even, rtol=2e-3)
    np.testing.assert_array_equal(out[:, ~moving], scores[:, ~moving])
    # One offset for each class.
    np.testing.assert_allclose(np.ptp(out - scores, axis=0), 0, atol=1e-12)


def test_classes_far_out_of_reach_stay_finite() -> None:
    scores = np.array([[0.0, -1e4, 3.0]] * 4)
    out = balanced(scores, np.array([True, True, True]), 1.0)
    assert np.isfinite(out).all()


def test_scores_are_the_methods_over_their_spread_with_offsets() -> None:
    plain = Ridge().fit(X, Y, prototypes=P)
    model = BalancedAssignment(Ridge(), strength=1.0).fit(X, Y, prototypes=P)
    means = np.array([X[name == Y].mean(axis=0) for name in P.names[:5]])
    assert model.spread_ == pytest.approx(spread(plain.class_scores(means)))
    scores = model.class_scores(X_NEW, prototypes=UNSEEN)
    offsets = scores - plain.class_scores(X_NEW, prototypes=UNSEEN) / model.spread_
    np.testing.assert_allclose(np.ptp(offsets, axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(soft_shares(scores), 1 / 3, atol=1e-3)


def test_it_undoes_a_hub() -> None:
    plain = Ridge().fit(X, Y, prototypes=P).predict(X_NEW, prototypes=UNSEEN)
    shares = [np.mean(plain == name) for name in UNSEEN.names]
    model = BalancedAssignment(Ridge(), strength=1.0).fit(X, Y, prototypes=P)
    evened = [np.mean(model.predict(X_NEW, prototypes=UNSEEN) == name) for name in UNSEEN.names]
    assert np.ptp(evened) < np.ptp(shares)


def test_classes_with_examples_keep_their_scores() -> None:
    model = BalancedAssignment(Ridge(), strength=1.0).fit(X, Y, prototypes=P)
    plain = Ridge().fit(X, Y, prototypes=P)
    both = np.concatenate([X, X_NEW])
    scores = model.class_scores(both, prototypes=P)
    expected = plain.class_scores(both, prototypes=P) / model.spread_
    np.testing.assert_array_equal(scores[:, :5], expected[:, :5])
    assert (scores[:, 5:] != expected[:, 5:]).any()
    for prototypes in (None, P.subset(["c4", "c0"])):
        expected = plain.class_scores(both, prototypes=prototypes) / model.spread_
        np.testing.assert_array_equal(model.class_scores(both, prototypes=prototypes), expected)


def test_without_strength_or_company_it_is_the_method() -> None:
    plain = Ridge().fit(X, Y, prototypes=P).class_scores(X_NEW, prototypes=P)
    off = BalancedAssignment(Ridge(), strength=0).fit(X, Y, prototypes=P)
    np.testing.assert_array_equal(off.class_scores(X_NEW, prototypes=P), plain / off.spread_)
    on = BalancedAssignment(Ridge(), strength=1).fit(X, Y, prototypes=P)
    np.testing.assert_allclose(on.class_scores(X_NEW[:1], prototypes=P), plain[:1] / on.spread_)
    default = BalancedAssignment(strength=0).fit(X, Y, prototypes=P).predict(X_NEW, prototypes=P)
    assert (default == KernelRidge().fit(X, Y, prototypes=P).predict(X_NEW, prototypes=P)).all()


def test_nothing_of_the_scored_vectors_is_kept() -> None:
    model = BalancedAssignment(Ridge()).fit(X, Y, prototypes=P)
    first = model.class_scores(X_NEW, prototypes=UNSEEN)
    model.class_scores(X_NEW[:5] * 3, prototypes=UNSEEN)
    np.testing.assert_array_equal(model.class_scores(X_NEW, prototypes=UNSEEN), first)
    order = np.random.default_rng(0).permutation(len(X_NEW))
    np.testing.assert_allclose(model.class_scores(X_NEW[order], prototypes=UNSEEN), first[order], rtol=1e-9)


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"method": 3}, "BalancedAssignment: method must be an inductive method or None; got 3. Pass an instance"),
        ({"method": Ridge}, "method must be an inductive method or None"),
        ({"method": SelfTraining()}, "method must be an inductive method or None; got SelfTraining"),
        ({"strength": -0.1}, "BalancedAssignment: strength must be a number at least 0 and at most 1; got -0.1"),
        ({"strength": 2}, "strength must be a number at least 0 and at most 1; got 2"),
        ({"strength": "x"}, "strength must be a number at least 0 and at most 1; got 'x'"),
    ],
)
def test_messages(params: dict[str, Any], match: str) -> None:
    with pytest.raises(InputError, match=match):
        BalancedAssignment().set_params(**params).fit(X, Y, prototypes=P)
