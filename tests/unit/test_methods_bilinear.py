"""ALE, DeViSE, SJE and LatEm, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from unseen import Prototypes
from unseen.errors import InputError
from unseen.methods.correspondence.ale import ALE
from unseen.methods.correspondence.bilinear import epochs, standardised, summed_violations
from unseen.methods.correspondence.devise import DeViSE
from unseen.methods.correspondence.latem import LatEm
from unseen.methods.correspondence.sje import SJE
from unseen.methods.samples import Samples

Array = np.ndarray[Any, Any]

AB = Prototypes(["a", "b"], [[1, 0], [0, 1]])
PLAIN: dict[str, Any] = {"n_epochs": 1, "batch_size": 1, "center": False, "normalize": False, "random_state": 0}
METHODS = [ALE, DeViSE, SJE, LatEm]
BILINEAR = [ALE, DeViSE, SJE]


def test_weights_of_violations_by_hand() -> None:
    # Two classes come within the margin of the first sample, none of the second, all three of the third.
    violations = np.array([[0, 0.5, 2, -1], [-1, 0, -2, -3], [1, 3, 0, 2.0]])
    np.testing.assert_array_equal(DeViSE()._weigh(violations), [[0, 1, 1, 0], [0, 0, 0, 0], [1, 1, 0, 1]])
    np.testing.assert_array_equal(LatEm()._weigh(violations), DeViSE()._weigh(violations))
    np.testing.assert_array_equal(SJE()._weigh(violations), [[0, 0, 1, 0], [0, 0, 0, 0], [0, 1, 0, 0]])
    # A rank of two costs (1 + 1/2) / 2 each, one of three (1 + 1/2 + 1/3) / 3.
    third = 11 / 18
    np.testing.assert_allclose(
        ALE()._weigh(violations), np.array([[0, 0.75, 0.75, 0], [0, 0, 0, 0], [third, third, 0, third]])
    )


@pytest.mark.parametrize("method", BILINEAR)
def test_two_steps_by_hand(method: Any) -> None:
    # Centred and scaled X is (-1, 1). From W = 0 either sample violates its margin, and either moves W by
    # 1/4 (-1, 1). For the other sample, the classes then differ by 1/2: another 1/2 is missing, another step is made.
    model = method(0.25, average=False, **PLAIN).fit([[0], [2]], ["a", "b"], prototypes=AB)
    np.testing.assert_allclose(model.coef_, [[-0.5, 0.5]], rtol=1e-6)
    # The mean of both.
    model = method(0.25, **PLAIN).fit([[0], [2]], ["a", "b"], prototypes=AB)
    np.testing.assert_allclose(model.coef_, [[-0.375, 0.375]], rtol=1e-6)
    np.testing.assert_allclose(model.class_scores([[3]], prototypes=AB), [[-0.75, 0.75]], rtol=1e-6)
    # A step of 1/2 settles both samples at once: nothing is violated after it.
    model = method(0.5, average=False, **{**PLAIN, "n_epochs": 7}).fit([[0], [2]], ["a", "b"], prototypes=AB)
    np.testing.assert_allclose(model.coef_, [[-0.5, 0.5]], rtol=1e-6)


@pytest.mark.parametrize("method", BILINEAR)
def test_a_batch_is_judged_together(method: Any) -> None:
    # Both samples are judged at W = 0, and both push.
    model = method(0.5, average=False, **{**PLAIN, "batch_size": 2}).fit([[0], [2]], ["a", "b"], prototypes=AB)
    np.testing.assert_allclose(model.coef_, [[-1, 1]], rtol=1e-6)


@pytest.mark.parametrize("method", BILINEAR)
def test_balanced_classes_by_hand(method: Any) -> None:
    # Centred X is (-1, -1, -1, 3), of mean square 3. In one batch at W = 0, the three of a push 1 each, b pushes 3:
    # 6 (-1, 1) times the step. Balanced, those of a count 4/(2 * 3) and b counts 4/2: 2 + 6.
    X, y = np.array([[0], [0], [0], [4]]), ["a", "a", "a", "b"]
    for balanced, pushed in ((False, 6), (True, 8)):
        model = method(0.5, average=False, balanced=balanced, **{**PLAIN, "batch_size": 4}).fit(X, y, prototypes=AB)
        # Vectors were divided by sqrt 3, once in the loop and once for scoring.
        np.testing.assert_allclose(model.coef_, [[-pushed / 6, pushed / 6]], rtol=1e-6)


@pytest.mark.parametrize("method", BILINEAR)
def test_centred_prototypes_by_hand(method: Any) -> None:
    # The directions are ±(1, -1)/sqrt 2. A step of 1/4 adds 1/4 of their difference, (-1, 1) sqrt 2; the other sample
    # then has a lead of 2 * sqrt 2/4 * 1/sqrt 2 * 2/2 = 1/2 * 2 = 1, which is the margin.
    model = method(0.25, average=False, **{**PLAIN, "center": True}).fit([[0], [2]], ["a", "b"], prototypes=AB)
    np.testing.assert_allclose(model.coef_, np.array([[-1, 1]]) * np.sqrt(2) / 4, rtol=1e-6)
    np.testing.assert_allclose(model.semantic_mean_, [0.5, 0.5])
    model.set_params(normalize=True)
    np.testing.assert_allclose(model.class_scores([[3]], prototypes=AB), [[-2, 2]], rtol=1e-6)


def test_latem_takes_the_best_matrix() -> None:
    model = LatEm(2, center=False, normalize=False, random_state=0).fit([[0], [2]], ["a", "b"], prototypes=AB)
    model.coef_ = np.array([[[1.0, -1.0]], [[-2.0, 3.0]]])  # two matrices of one row
    # x = 3 is 2 from the mean: (2, -2) and (-4, 6), the best is (2, 6). x = 0 is -1: (-1, 1) and (2, -3), so (2, 1).
    np.testing.assert_allclose(model.class_scores([[3], [0]], prototypes=AB), [[2, 6], [2, 1]])
    # The classifiers of a are 1 and -2, of mean square 5/2; those of b -1 and 3, of mean square 5.
    model.set_params(normalize=True)
    expected = np.array([[2, 6], [2, 1]]) / np.sqrt([2.5, 5])
    np.testing.assert_allclose(model.class_scores([[3], [0]], prototypes=AB), expected)


def test_latem_moves_the_matrix_that_is_best() -> None:
    # One vector z = 1 of class a; the matrices score it (2, 0) and (0, 3): a is served by the first, b by the second.
    # b is ahead by 1, so each of the two moves by the step, 1/2, and only for its class.
    start = np.array([[[2.0, 0.0], [0.0, 3.0]]])
    options: dict[str, Any] = {"learning_rate": 0.5, "batch_size": 1, "average": False}
    (learned,) = epochs(
        np.ones((1, 1)), np.array([0]), np.eye(2), summed_violations, weights=np.ones(1), start=start, n_epochs=1,
        random=np.random.RandomState(0), **options,
    )  # fmt: skip
    np.testing.assert_allclose(learned, [[[2.5, 0.0], [0.0, 2.5]]])
    np.testing.assert_array_equal(start, [[[2.0, 0.0], [0.0, 3.0]]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_standardised_by_hand(dtype: type) -> None:
    X: Array = np.array([[0, 0], [6, 8]], dtype=dtype)  # ±(3, 4) from the mean: squared length 25
    Z, length = standardised(Samples(X, np.array([0, 1]), 2))
    assert length == pytest.approx(5)
    assert Z.dtype == np.float32
    np.testing.assert_allclose(Z, [[-0.6, -0.8], [0.6, 0.8]], rtol=1e-6)
    np.testing.assert_array_equal(X, [[0, 0], [6, 8]])


def problem(seed: int = 0) -> tuple[Array, list[str], Prototypes]:
    rng = np.random.default_rng(seed)
    prototypes = Prototypes([f"c{i}" for i in range(7)], rng.normal(size=(7, 6)))
    y = np.arange(40) % 5
    return (
        prototypes.vectors[y] @ rng.normal(size=(6, 9)) + 0.3 * rng.normal(size=(40, 9)),
        [f"c{i}" for i in y],
        prototypes,
    )


@pytest.mark.parametrize("method", METHODS)
def test_random_state(method: Any) -> None:
    X, y, prototypes = problem()

    def scores(random_state: Any) -> Array:
        model = method(random_state=random_state).fit(X, y, prototypes=prototypes)
        return np.asarray(model.class_scores(X, prototypes=prototypes))

    np.testing.assert_array_equal(scores(3), scores(3))
    np.testing.assert_array_equal(scores(3), scores(np.random.RandomState(3)))
    assert np.abs(scores(3) - scores(4)).max() > 1e-6
    assert np.isfinite(scores(None)).all()


@pytest.mark.parametrize("method", METHODS)
def test_scores_follow_the_scale_of_vectors_alone(method: Any) -> None:
    X, y, prototypes = problem()
    for center in (True, False):
        scores = []
        for s, t in ((1, 1), (1e-4, 1), (1e4, 1), (1, 2.0**-9), (1, 2.0**9)):
            scaled = Prototypes(prototypes.names, prototypes.vectors * t)
            model = method(center=center, random_state=0).fit(X * s, y, prototypes=scaled)
            scores.append(model.class_scores(X * s, prototypes=scaled) / s)
        for other in scores[1:]:
            np.testing.assert_allclose(other, scores[0], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("vectors", [np.zeros((3, 2)), np.full((3, 2), 0.1), [[1, 0], [1, 0], [0, 0]]])
def test_prototypes_that_tell_nothing_stay_finite(method: Any, center: bool, vectors: Any) -> None:
    prototypes = Prototypes(["a", "b", "c"], vectors)
    model = method(center=center, random_state=0)
    model.fit([[0, 1], [2, 1], [4, 1]], ["a", "b", "b"], prototypes=prototypes)
    assert np.isfinite(model.class_scores([[1, 1], [9, 9]], prototypes=prototypes)).all()


@pytest.mark.parametrize("method", METHODS)
def test_vectors_that_never_vary_stay_finite(method: Any) -> None:
    model = method(random_state=0).fit(np.ones((4, 3)), ["a", "b", "a", "b"], prototypes=AB)
    assert np.isfinite(model.class_scores(np.eye(3), prototypes=AB)).all()


def fit(method: Any, name: str, value: Any) -> None:
    method(**{name: value}).fit([[0], [2]], ["a", "b"], prototypes=AB)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("value", [0, -1, "1", None, float("inf"), True])
def test_learning_rate(method: Any, value: Any) -> None:
    owner = method.__name__
    with pytest.raises(
        InputError,
        match=rf"{owner}: learning_rate must be a (finite )?number above 0; got .*\. Pass a (finite )?number",
    ):
        fit(method, "learning_rate", value)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ["n_epochs", "batch_size"])
@pytest.mark.parametrize("value", [0, 1.5, "1", None])
def test_whole_numbers(method: Any, name: str, value: Any) -> None:
    with pytest.raises(
        InputError, match=rf"{method.__name__}: {name} must be a whole number at least 1; got .*\. Pass"
    ):
        fit(method, name, value)


@pytest.mark.parametrize("value", [0, 1.5, "1", None])
def test_n_matrices(value: Any) -> None:
    with pytest.raises(InputError, match=r"LatEm: n_matrices must be a whole number at least 1; got .*\. Pass a whole"):
        fit(LatEm, "n_matrices", value)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ["average", "center", "balanced", "normalize"])
@pytest.mark.parametrize("value", [1, "yes", None])
def test_switches(method: Any, name: str, value: Any) -> None:
    with pytest.raises(InputError, match=rf"{method.__name__}: {name} must be True or False; got .*\. Pass one of the"):
        fit(method, name, value)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("value", ["1", -1, 1.5, object()])
def test_seeds(method: Any, value: Any) -> None:
    expected = r"None, a whole number from 0 to 2\*\*32 - 1, or a numpy RandomState; got .*\. Pass a number to repeat"
    with pytest.raises(InputError, match=rf"{method.__name__}: random_state must be {expected} a fit\."):
        fit(method, "random_state", value)
