"""KernelRidge, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from unseen import Prototypes
from unseen.errors import InputError
from unseen.methods.projection.kernel_ridge import KernelRidge

AB = Prototypes(["a", "b"], [[1, 0], [0, 1]])
ABC = Prototypes(["a", "b", "c"], [[1, 0], [0, 1], [3, 3]])
PLAIN = KernelRidge(1, gamma=1, shrinkage=None, prototype_scaling="none", metric="euclidean")


def test_two_classes_by_hand() -> None:
    # Class means are ±1 around 1. The squared distance of the prototypes is 2, the only and so the median one; the
    # kernel between them is e^-1. (K + I) takes (-1, 1) to (2 - 1/e)(-1, 1), so the dual weights are ±1 / (2 - 1/e).
    model = PLAIN.fit([[0], [2]], ["a", "b"], prototypes=AB)
    weight = 1 / (2 - np.exp(-1))
    np.testing.assert_allclose(model.dual_, [[-weight], [weight]])
    np.testing.assert_allclose(model.sharpness_, 0.5)
    # a is predicted at (e^-1 - 1) weight from the mean, b across from it; c, as near to both, at the mean.
    shift = (1 - np.exp(-1)) * weight
    # x = 2 is 1 from the mean.
    np.testing.assert_allclose(
        model.class_scores([[2]], prototypes=ABC), [[-((1 + shift) ** 2), -((1 - shift) ** 2), -1]]
    )


def test_every_class_counts_once() -> None:
    # Means 0 and 2, but three samples of a: the mean of all is 1/2, class means lie at -1/2 and 3/2 from it.
    model = PLAIN.fit([[0], [0], [0], [2]], ["a", "a", "a", "b"], prototypes=AB)
    np.testing.assert_allclose(model.feature_mean_, [0.5])
    np.testing.assert_allclose(model.target_mean_, [0.5])


def test_whitening_by_hand() -> None:
    # Around the class means (0, 0) and (0, 4), the first feature varies by ±3 and the second by ±1: the covariance
    # within classes is diag(9, 1), its mean eigenvalue 5. Shrunk by 1 it is diag(14, 6).
    X = np.array([[3, 1], [-3, 1], [3, -1], [-3, -1]])
    X = np.vstack([X, X + np.array([0, 4])])
    model = KernelRidge(shrinkage=1).fit(X, ["a"] * 4 + ["b"] * 4, prototypes=AB)
    np.testing.assert_allclose(model.whitening_ @ model.whitening_.T, np.diag([1 / 14, 1 / 6]), atol=1e-12)


@pytest.mark.parametrize(
    ("scaling", "expected"),
    [
        # To unit length alone.
        ("none", [[0, 1], [0.8, 0.6]]),
        # The mean is (2, 4): ∓(2, 0) is left, wholly along the first dimension.
        ("center", [[-1, 0], [1, 0]]),
        # The second dimension does not vary; dividing by the floor instead of zero leaves zero.
        ("standardize", [[-1, 0], [1, 0]]),
        # Roots are (0, 2) and (2, sqrt 3), less their mean (1, (2 + sqrt 3)/2): ±(-1, (2 - sqrt 3)/2).
        ("sqrt", None),
    ],
)
def test_prototype_scaling_by_hand(scaling: str, expected: Any) -> None:
    second = 4 if scaling in ("center", "standardize") else 3
    prototypes = Prototypes(["a", "b"], [[0, 4], [4, second]])
    if expected is None:
        left = np.array([-1, 1 - np.sqrt(3) / 2])
        expected = np.array([left, -left]) / np.linalg.norm(left)
    model = KernelRidge(prototype_scaling=scaling).fit([[0], [2]], ["a", "b"], prototypes=prototypes)
    np.testing.assert_allclose(model.anchors_, expected, atol=1e-12)


def test_roots_keep_their_sign() -> None:
    prototypes = Prototypes(["a", "b"], [[-4, 1], [4, 1]])
    model = KernelRidge().fit([[0], [2]], ["a", "b"], prototypes=prototypes)
    np.testing.assert_allclose(model.scaling_.mean_, [0, 1])
    np.testing.assert_allclose(model.anchors_, [[-1, 0], [1, 0]])


@pytest.mark.parametrize("scaling", ["none", "center", "standardize", "sqrt"])
@pytest.mark.parametrize("shrinkage", [None, 1e-9, 1e9])
def test_degenerate_problems_stay_finite(scaling: str, shrinkage: float | None) -> None:
    same = Prototypes(["a", "b", "c"], np.full((3, 2), 0.1))
    zero = Prototypes(["a", "b", "c"], np.zeros((3, 2)))
    for prototypes in (same, zero, ABC):
        for X, y in (([[1.0, 2, 3]], ["a"]), ([[0.1] * 3] * 7, list("abcabca")), (np.eye(3), list("abc"))):
            model = KernelRidge(shrinkage=shrinkage, prototype_scaling=scaling).fit(X, y, prototypes=prototypes)
            assert np.isfinite(model.class_scores([[1, 0, 5], [0, 0, 0]], prototypes=prototypes)).all()


def test_single_examples_leave_nothing_to_whiten_by() -> None:
    model = KernelRidge(shrinkage=1).fit([[0, 0], [2, 0]], ["a", "b"], prototypes=AB)
    assert model.whitening_.shape == (2, 0)
    plain = KernelRidge(shrinkage=None).fit([[0, 0], [2, 0]], ["a", "b"], prototypes=AB)
    np.testing.assert_array_equal(
        model.class_scores([[3, 1]], prototypes=ABC), plain.class_scores([[3, 1]], prototypes=ABC)
    )


@pytest.mark.parametrize("shrinkage", [None, 3.0])
def test_scores_have_no_scale(shrinkage: float | None) -> None:
    X, y = np.random.default_rng(0).normal(size=(12, 3)), ["a", "b", "c"] * 4
    model = KernelRidge(shrinkage=shrinkage)
    scores = [model.fit(X * s, y, prototypes=ABC).class_scores(X * s, prototypes=ABC) for s in (1, 1e-5, 1e5)]
    np.testing.assert_allclose(scores[1], scores[0], rtol=1e-8)
    np.testing.assert_allclose(scores[2], scores[0], rtol=1e-8)


@pytest.mark.parametrize("value", [0, -1, "1", float("nan"), True])
@pytest.mark.parametrize("parameter", ["alpha", "gamma", "shrinkage"])
def test_numbers(parameter: str, value: Any) -> None:
    with pytest.raises(
        InputError, match=rf"KernelRidge: {parameter} must be a (finite )?number above 0; got .*\. Pass a (finite )?num"
    ):
        KernelRidge(**{parameter: value}).fit([[0], [2]], ["a", "b"], prototypes=AB)


def test_choices() -> None:
    with pytest.raises(
        InputError,
        match=r"KernelRidge: prototype_scaling must be one of none, center, standardize, sqrt; got 'log'\. Pass",
    ):
        KernelRidge(prototype_scaling="log").fit([[0], [2]], ["a", "b"], prototypes=AB)
    with pytest.raises(InputError, match=r"KernelRidge: metric must be 'cosine' or 'euclidean'; got 'dot'\. Pass one"):
        KernelRidge(metric="dot").fit([[0], [2]], ["a", "b"], prototypes=AB)


def test_residual_whitens_the_leave_one_out_errors() -> None:
    rng = np.random.default_rng(5)
    S = rng.normal(size=(7, 3))
    p = Prototypes([f"c{i}" for i in range(9)], np.vstack([S, rng.normal(size=(2, 3))]))
    y = np.repeat(np.arange(7), 12)
    X = (S @ rng.normal(size=(3, 6)) + rng.normal(size=(7, 6)))[y] + 0.5 * rng.normal(size=(84, 6))
    names = np.array(p.names)[y]
    plain = KernelRidge(shrinkage=1.0, metric="euclidean").fit(X, names, prototypes=p)
    Z = (X - plain.feature_mean_) @ plain.whitening_
    # Each class left out by hand: means, kernel and mean of the targets as in the whole fit.
    T = np.array([Z[y == c].mean(axis=0) for c in range(7)]) - plain.target_mean_
    A = plain.anchors_
    K = np.exp(-plain.sharpness_ * np.square(A[:, None] - A).sum(axis=-1))
    errors = []
    for c in range(7):
        rest = np.arange(7) != c
        errors.append(T[c] - K[c, rest] @ np.linalg.solve(K[np.ix_(rest, rest)] + 0.1 * np.eye(6), T[rest]))
    R = np.transpose(errors) @ np.array(errors) / 7
    precision = np.linalg.inv(np.eye(len(R)) + 2.0 * R)
    points = np.exp(-plain.sharpness_ * np.square(plain.scaling_.transform(p.vectors[7:])[:, None] - A).sum(-1))
    away = Z[:5, None] - (points @ plain.dual_ + plain.target_mean_)
    expected = -np.einsum("nci,ij,ncj->nc", away, precision, away)
    found = KernelRidge(shrinkage=1.0, metric="euclidean", residual=2.0).fit(X, names, prototypes=p)
    unseen = p.subset(["c7", "c8"])
    np.testing.assert_allclose(found.class_scores(X[:5], prototypes=unseen), expected, rtol=1e-6)


def test_a_bad_residual_is_refused() -> None:
    with pytest.raises(InputError, match="residual must be"):
        KernelRidge(residual=-1.0).fit([[0.0], [1.0]], ["a", "b"])
