"""TransferredSamples, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from unseen import Prototypes
from unseen.errors import InputError
from unseen.methods.borrowing.transferred_samples import TransferredSamples

# Seen prototypes north, east, south and west; their mean is zero and they have length one.
NAMES = ["n", "e", "s", "w", "ne"]
COMPASS = Prototypes(NAMES, [[0.0, 1.0], [1.0, 0.0], [0.0, -1.0], [-1.0, 0.0], [3.0, 3.0]])
CENTRES = {"n": (0.0, 10.0), "e": (10.0, 0.0), "s": (0.0, -10.0), "w": (-10.0, 0.0)}
# Two samples a class, one further out than the other: variance within classes 4 * 2 / 8 / 2 = 1/2 on either axis.
X = np.array([np.array(c) * (1 + side / 10) for c in CENTRES.values() for side in (-1, 1)])
Y = np.repeat(list(CENTRES), 2)


def amounts(model: TransferredSamples, P: list[list[float]]) -> Any:
    """Sum the weights over each seen class: (C_seen, C)."""
    weights = model._weights(np.array(P))
    return np.array([weights[model.kept_classes_ == t].sum(axis=0) for t in range(4)])


def test_amounts_by_hand() -> None:
    # Towards ne, of length one (1, 1) / sqrt(2), e and n are equally near and at right angles; s and w would be
    # negative. Each alone: a = (1 / sqrt(2)) / (1 + alpha), times 1 + alpha. Classes are sorted: e, n, s, w.
    for alpha in (0.1, 0.3, 2.0):
        model = TransferredSamples(alpha).fit(X, Y, prototypes=COMPASS)
        half = np.sqrt(0.5)
        np.testing.assert_allclose(amounts(model, [[3.0, 3.0]]).T, [[half, half, 0, 0]], atol=1e-12)


def test_a_seen_class_borrows_itself() -> None:
    model = TransferredSamples().fit(X, Y, prototypes=COMPASS)
    np.testing.assert_allclose(amounts(model, [[0.0, 1.0]]).T, [[0, 1, 0, 0]], atol=1e-12)


def test_scores_by_hand() -> None:
    # n and ne without sharpness: means (0, 10) and 10 / sqrt(2) * (1, 1), of length 10 both; Sigma is 1/2 + 1/2.
    model = TransferredSamples(sharpness=0, shrinkage=1).fit(X, Y, prototypes=COMPASS)
    np.testing.assert_allclose(model.variance_, [1, 1])
    root = np.sqrt(0.5) * 10
    scores = model.class_scores([[1.0, 2.0]], prototypes=COMPASS.subset(["n", "ne"]))
    np.testing.assert_allclose(scores, [[20 - 50, 3 * root - 50]])


def test_samples_that_look_like_the_class_weigh_more() -> None:
    # Class e at (10, ±1): the upper sample looks more like ne, the lower one less.
    A = np.array([[10.0, 1.0], [10.0, -1.0], [0.0, 10.0], [0.0, -10.0], [-10.0, 0.0]])
    labels = ["e", "e", "n", "s", "w"]
    even = TransferredSamples(sharpness=0).fit(A, labels, prototypes=COMPASS)._weights(np.array([[3.0, 3.0]]))[:2, 0]
    sharp = TransferredSamples(sharpness=9).fit(A, labels, prototypes=COMPASS)._weights(np.array([[3.0, 3.0]]))[:2, 0]
    assert even[0] == pytest.approx(even[1])
    assert sharp[0] > sharp[1] > 0
    assert sharp.sum() == pytest.approx(even.sum())


def test_a_class_at_the_mean_borrows_nothing() -> None:
    model = TransferredSamples().fit(X, Y, prototypes=COMPASS)
    middle = Prototypes(["middle"], [[0.0, 0.0]])
    np.testing.assert_array_equal(model.class_scores(X, prototypes=middle), np.zeros((8, 1)))


def test_one_seen_class() -> None:
    model = TransferredSamples().fit(X[:2], Y[:2], prototypes=COMPASS)
    np.testing.assert_array_equal(model.class_scores(X, prototypes=COMPASS), np.zeros((8, 5)))


def test_few_are_kept_and_put_on_the_mean_of_all() -> None:
    rng = np.random.default_rng(0)
    A = np.repeat(list(CENTRES.values()), 30, axis=0) + rng.normal(size=(120, 2))
    labels = np.repeat(list(CENTRES), 30)
    model = TransferredSamples(n_per_class=7, random_state=0).fit(A, labels, prototypes=COMPASS)
    assert np.bincount(model.kept_classes_).tolist() == [7, 7, 7, 7]
    assert model.kept_.dtype == np.float32
    for t, name in enumerate(model.classes_):
        kept = model.kept_[model.kept_classes_ == t].mean(axis=0) @ model.axes_.T + model.feature_mean_
        np.testing.assert_allclose(kept, A[labels == name].mean(axis=0), atol=1e-5)
    again = TransferredSamples(n_per_class=7, random_state=0).fit(A, labels, prototypes=COMPASS)
    np.testing.assert_array_equal(again.kept_, model.kept_)
    other = TransferredSamples(n_per_class=7, random_state=1).fit(A, labels, prototypes=COMPASS)
    assert not np.array_equal(other.kept_, model.kept_)


def test_all_are_kept_where_there_are_few() -> None:
    model = TransferredSamples(n_per_class=2, random_state=0).fit(X, Y, prototypes=COMPASS)
    np.testing.assert_allclose(model.kept_ @ model.axes_.T + model.feature_mean_, X, atol=1e-5)
    np.testing.assert_array_equal(model.classes_[model.kept_classes_], Y)


def test_it_has_no_scale() -> None:
    scores = [
        TransferredSamples().fit(X * s, Y, prototypes=COMPASS).class_scores(X * s, prototypes=COMPASS)
        for s in (1, 1e-5, 1e5)
    ]
    np.testing.assert_allclose(scores[1], scores[0], rtol=1e-5)
    np.testing.assert_allclose(scores[2], scores[0], rtol=1e-5)


@pytest.mark.parametrize(
    ("parameter", "value", "match"),
    [
        ("alpha", 0, r"TransferredSamples: alpha must be a number above 0; got 0\. Pass a number above 0\."),
        ("sharpness", -1, r"TransferredSamples: sharpness must be a number at least 0 and at most 100; got -1\. Pass"),
        (
            "sharpness",
            101,
            r"TransferredSamples: sharpness must be a number at least 0 and at most 100; got 101\. Pass",
        ),
        ("shrinkage", 0, r"TransferredSamples: shrinkage must be a number above 0; got 0\. Pass a number above 0\."),
        ("n_per_class", 0, r"TransferredSamples: n_per_class must be a whole number at least 1; got 0\. Pass a whole"),
        ("random_state", "x", r"TransferredSamples: random_state must be None, a whole number .*; got 'x'\. Pass a"),
    ],
)
def test_parameters(parameter: str, value: Any, match: str) -> None:
    with pytest.raises(InputError, match=match):
        TransferredSamples(**{parameter: value}).fit(X, Y, prototypes=COMPASS)
