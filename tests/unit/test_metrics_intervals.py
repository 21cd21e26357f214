"""Intervals and comparisons by hand, on known chances, and in time."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import numpy as np
import pytest

from unseen.errors import InputError
from unseen.metrics import Comparison, Interval, bootstrap_interval, harmonic_mean, paired_comparison

OVER = ["classes", "images", "both"]


def test_the_estimate_is_the_mean_over_classes() -> None:
    # Class 0: 1/2, class 4: 1, class 7: 0. Classes in between have no samples.
    values, y = [1, 0, 1, 0, 0], [0, 0, 4, 7, 7]
    for over in OVER:
        found = bootstrap_interval(values, y, over=over)
        assert found.estimate == pytest.approx(1 / 2)
        assert (found.level, found.over, found.n_resamples) == (0.95, over, 2000)
        assert 0 <= found.low <= found.estimate <= found.high <= 1


def test_over_classes_by_hand() -> None:
    # Two classes with rates 0 and 1: resamples are 0, 1/2 and 1 with chances 1/4, 1/2, 1/4.
    values, y = [0, 0, 1], [0, 0, 1]
    found = bootstrap_interval(values, y)
    assert (found.low, found.high) == (0, 1)
    found = bootstrap_interval(values, y, level=0.4)  # from 30 % to 70 %
    assert (found.low, found.high) == (0.5, 0.5)


def test_over_images_by_hand() -> None:
    # Class 0 always draws 0; class 1 draws of 0 and 1: 0, 1/2 or 1. Means: 0, 1/4, 1/2.
    values, y = [0, 0, 0, 1], [0, 0, 1, 1]
    found = bootstrap_interval(values, y, over="images")
    assert (found.low, found.high) == (0, 0.5)
    found = bootstrap_interval(values, y, over="images", level=0.4)
    assert (found.low, found.high) == (0.25, 0.25)
    # Images within classes that are all alike cannot come out otherwise.
    found = bootstrap_interval([0, 0, 1, 1], y, over="images")
    assert (found.low, found.estimate, found.high) == (0.5, 0.5, 0.5)


@pytest.mark.parametrize("kind", ["hits", "figures"])
def test_spread_is_what_theory_says(kind: str) -> None:
    # 30 classes of 40 images. Few different values are drawn as counts, many as positions.
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(30), 40)
    values = (rng.random(1200) < 0.2 + y / 60).astype(float)
    if kind == "figures":
        values += rng.normal(size=1200)
    rates = values.reshape(30, 40)
    within = rates.var(axis=1).mean() / 40 / 30
    between = rates.mean(axis=1).var() / 30
    for over, variance in {"images": within, "classes": between, "both": within + between}.items():
        found = bootstrap_interval(values, y, over=over, n_resamples=8000)
        assert (found.high - found.low) / (2 * 1.96) == pytest.approx(variance**0.5, rel=0.06)
        assert (found.high + found.low) / 2 == pytest.approx(found.estimate, abs=0.3 * variance**0.5)


def test_how_often_intervals_hold_the_truth() -> None:
    # Classes whose rates are drawn evenly from [0, 1], so that the truth for other classes is 1/2.
    rng = np.random.default_rng(1)
    y = np.repeat(np.arange(25), 30)
    held: dict[str, list[bool]] = {over: [] for over in OVER}
    for _ in range(100):
        values = rng.random(len(y)) < rng.random(25)[y]
        for over in OVER:
            found = bootstrap_interval(values, y, over=over, n_resamples=300)
            held[over].append(found.low <= 0.5 <= found.high)
    assert np.mean(held["classes"]) == pytest.approx(0.95, abs=0.06)
    assert np.mean(held["both"]) == pytest.approx(0.96, abs=0.06)
    # Other images of the same classes say nothing about other classes.
    assert np.mean(held["images"]) < 0.6


def test_harmonic_means_have_intervals() -> None:
    # Unseen 0 and 1: 1/2 and 1. Seen 2 and 3: 1 and 1/2. H of 3/4 and 3/4.
    values, y = [0, 1, 1, 1, 1, 1, 0, 1], [0, 0, 1, 1, 2, 2, 3, 3]
    seen = [False, False, True, True]
    for over in OVER:
        found = bootstrap_interval(values, y, seen=seen, over=over)
        assert found.estimate == pytest.approx(3 / 4)
    found = bootstrap_interval(values, y, seen=seen)
    assert (found.low, found.high) == pytest.approx((harmonic_mean(0.5, 0.5), harmonic_mean(1, 1)))
    nothing = bootstrap_interval(np.zeros(8), y, seen=seen)
    assert (nothing.low, nothing.estimate, nothing.high) == (0, 0, 0)


def test_the_same_number_gives_the_same_interval() -> None:
    rng = np.random.default_rng(2)
    y, a, b = rng.integers(0, 20, 300), rng.random(300), rng.random(300) < 0.5
    for over in OVER:
        for values in (a, b):
            first = bootstrap_interval(values, y, over=over, random_state=3)
            assert first == bootstrap_interval(values, y, over=over, random_state=3)
            assert first != bootstrap_interval(values, y, over=over, random_state=4)
        assert paired_comparison(a, b, y, over=over) == paired_comparison(a, b, y, over=over)


def test_results_are_frozen() -> None:
    found = paired_comparison([1, 0, 1], [0, 0, 1], [0, 1, 2])
    assert isinstance(found, Comparison)
    assert isinstance(found.difference, Interval)
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.p_value = 0  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.difference.low = 0  # type: ignore[misc]


def test_nothing_is_changed() -> None:
    values, y, seen = np.array([1.0, 0, 1, 0]), np.array([0, 1, 2, 3]), np.array([True, True, False, False])
    for array in (values, y, seen):
        array.setflags(write=False)
    bootstrap_interval(values, y, seen=seen)
    paired_comparison(values, values, y, seen=seen)


def test_a_comparison_by_hand() -> None:
    # Rates of a: 1, 1, 1/2; of b: 1/2, 0, 1. Differences 1/2, 1, -1/2: mean 1/3.
    a, b, y = [1, 1, 1, 1, 0, 1], [0, 1, 0, 0, 1, 1], [0, 0, 1, 1, 2, 2]
    found = paired_comparison(a, b, y)
    assert (found.first, found.second) == pytest.approx((5 / 6, 1 / 2))
    assert found.difference.estimate == pytest.approx(1 / 3)
    assert (found.n_better, found.n_worse) == (2, 1)
    # Sums under the eight swaps: ±1, ±2 (1/2 + 1 + 1/2), ±1 (1/2 + 1 - 1/2) and 0 twice; at least 1 either way: 6.
    assert found.p_value == 6 / 8
    assert found.n_permutations == 8
    # The other way round, all but the p-value is turned.
    turned = paired_comparison(b, a, y)
    assert turned.difference.estimate == pytest.approx(-1 / 3)
    assert (turned.n_better, turned.n_worse, turned.p_value) == (1, 2, 6 / 8)


def test_the_smallest_p_value_of_few_classes() -> None:
    for n_classes in (5, 6, 10):
        y = np.arange(n_classes).repeat(2)
        found = paired_comparison(np.ones(len(y)), np.zeros(len(y)), y)
        assert found.p_value == 2 / 2**n_classes
        assert found.difference == Interval(1.0, 1.0, 1.0, 0.95, "classes", 2000)


def test_equal_classes_are_not_swapped() -> None:
    y = np.arange(40)
    a, b = np.ones(40), np.ones(40)
    b[:3] = 0
    found = paired_comparison(a, b, y)
    assert (found.p_value, found.n_permutations, found.n_better) == (2 / 8, 8, 3)
    same = paired_comparison(a, a, y)
    assert (same.p_value, same.n_permutations, same.difference.low, same.difference.high) == (1, 1, 0, 0)


def test_many_classes_are_swapped_by_chance() -> None:
    # 60 classes, 59 of which agree: no swap of 10,000 comes near.
    y = np.arange(60)
    a, b = np.ones(60), np.zeros(60)
    a[0], b[0] = 0, 1
    found = paired_comparison(a, b, y)
    assert (found.p_value, found.n_permutations) == (1 / 10_001, 10_000)
    # 30 against 30: every swap is as far.
    a, b = (y < 30).astype(float), (y >= 30).astype(float)
    assert paired_comparison(a, b, y).p_value == 1


def test_p_values_of_equal_methods_are_even() -> None:
    rng = np.random.default_rng(5)
    y = np.repeat(np.arange(15), 8)
    chance = rng.random(15)[y]
    p_values = []
    for _ in range(200):
        a, b = rng.random((2, len(y))) < chance
        p_values.append(paired_comparison(a, b, y, n_resamples=100, n_permutations=300).p_value)
    assert np.mean(np.array(p_values) < 0.05) <= 0.1
    assert np.mean(np.array(p_values) < 0.5) == pytest.approx(0.5, abs=0.1)


def test_what_both_find_hard_cancels_out() -> None:
    # b is a, with an image in twenty lost.
    rng = np.random.default_rng(6)
    y = np.repeat(np.arange(30), 20)
    a = rng.random(600) < rng.random(30)[y]
    b = a & (rng.random(600) < 0.95)
    found = paired_comparison(a, b, y)
    alone = [bootstrap_interval(values, y) for values in (a, b)]
    assert alone[0].low < alone[1].high  # apart, nothing could be said
    assert found.difference.low > 0
    assert found.p_value < 0.01


def test_harmonic_means_are_compared() -> None:
    # a: u = 1/2, s = 1. b: u = 0, s = 1. Swapped in class 0, the only one on which they differ, it is the reverse.
    a, b, y = [1, 0, 1, 1], [0, 0, 1, 1], [0, 1, 2, 3]
    found = paired_comparison(a, b, y, seen=[False, False, True, True])
    assert (found.first, found.second) == pytest.approx((2 / 3, 0))
    assert found.difference.estimate == pytest.approx(2 / 3)
    assert (found.p_value, found.n_permutations) == (1, 2)


def test_many_samples_take_little_time() -> None:
    rng = np.random.default_rng(7)
    y = np.repeat(np.arange(50), 200)
    a, b = rng.random((2, 10_000)) < 0.5
    started = time.process_time()
    for over in OVER:
        bootstrap_interval(a, y, over=over)
        paired_comparison(a, b, y, over=over)
    assert time.process_time() - started < 1
    started = time.process_time()
    bootstrap_interval(rng.random(10_000), y, over="both")
    assert time.process_time() - started < 1


@pytest.mark.parametrize("function", [bootstrap_interval, paired_comparison])
def test_bad_input_is_told(function: Any) -> None:
    name = function.__name__
    values = (lambda v: (v,)) if function is bootstrap_interval else (lambda v: (v, v))
    cases: list[tuple[Any, Any, dict[str, Any], str]] = [
        ([], [], {}, r"values\w* must be of shape \(n,\) with n at least 1; got shape \(0,\)"),
        ([[1.0]], [0], {}, r"values\w* must be of shape \(n,\)"),
        ([1, np.nan], [0, 1], {}, r"values\w* must be finite"),
        (["a", "b"], [0, 1], {}, r"values\w* must be numbers"),
        ([1, 0], [0], {}, r"y must be of shape \(2,\); got shape \(1,\). Pass one position per item"),
        ([1, 0], [-1, 0], {}, "y must be positions from 0 on"),
        ([1, 0], [0.0, 1.0], {}, "y must be positions from 0 on"),
        (
            [1, 0],
            [0, 0],
            {},
            'classes must be at least two to resample, .*got a single one. With one class, say over="i',
        ),
        ([1, 0], [0, 0], {"over": "both"}, "classes must be at least two to resample, of each kind; got a single one"),
        ([1, 0], [0, 1], {"over": "images"}, "images must be at least two of some class; got one of each class. With"),
        ([1, 0], [0, 1], {"over": "birds"}, "over must be one of classes, images, both; got 'birds'"),
        ([1, 0], [0, 1], {"level": 1}, "level must be a number above 0 and at most 0.999; got 1"),
        ([1, 0], [0, 1], {"n_resamples": 5}, "n_resamples must be a whole number at least 100; got 5"),
        ([1, 0], [0, 1], {"random_state": "x"}, "random_state must be None, a whole number"),
        ([1, 0], [0, 1], {"seen": [True]}, "seen must be of at least 2 classes, as y names them; got 1. Say of every"),
        ([1, 0], [0, 1], {"seen": True}, r"seen must be of shape \(C,\), one per class; got shape \(\)"),
        ([1, 0], [0, 1], {"seen": [[True, False]]}, r"seen must be of shape \(C,\), one per class; got shape \(1, 2\)"),
        ([1, 0], [0, 1], {"seen": [[1], [0, 1]]}, "seen must be an array; got rows of different lengths"),
        ([1, 0], [0, 1], {"seen": [0, 5]}, "seen must be True or False throughout"),
        ([1, 0], [0, 1], {"seen": [1, 1]}, "samples must be of both kinds, seen and unseen; got one kind only"),
        (
            [1, -2],
            [0, 1],
            {"seen": [1, 0]},
            "values must be at least 0; got -2. Negative figures have no harmonic mean",
        ),
        ([1, 0], [0, 1], {"seen": [1, 0]}, "classes must be at least two to resample, of each kind; got a single one"),
    ]
    for figures, y, options, match in cases:
        with pytest.raises(InputError, match=f"^{name}: {match}"):
            function(*values(figures), y, **options)


def test_bad_pairs_are_told() -> None:
    with pytest.raises(InputError, match=r"paired_comparison: values_b must be of shape \(2,\); got shape \(3,\)"):
        paired_comparison([1, 0], [1, 0, 1], [0, 1])
    with pytest.raises(InputError, match="paired_comparison: n_permutations must be a whole number at least 100"):
        paired_comparison([1, 0], [1, 0], [0, 1], n_permutations=1)
