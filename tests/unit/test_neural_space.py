"""The scalings in front of the networks, and made-up examples: each class's alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.made import made

from unseen import Prototypes
from unseen.methods.neural.space import Space
from unseen.methods.synthesis.cadavae import CADAVAE
from unseen.methods.synthesis.fclswgan import FCLSWGAN

DATA = made(6, 3, 6, noise=0.3)
FITTED = {
    cls: cls(2, n_hidden=8, n_synthetic=3, random_state=0).fit(*DATA.learnable(), prototypes=DATA.prototypes)
    for cls in (CADAVAE, FCLSWGAN)
}


# -- vectors --------------------------------------------------------------------------------------------------


def test_vectors_by_hand() -> None:
    # Along one line: 4 and -4 from the centre (1, 2), in the direction (0.6, 0.8).
    X = np.array([[1 + 2.4, 2 + 3.2], [1 - 2.4, 2 - 3.2]])
    space = Space.of(X, np.eye(2), n_components=1, normalize=False)
    np.testing.assert_allclose(space.mean, [1, 2])
    sign = np.sign(space.axes[0, 0])
    np.testing.assert_allclose(space.vectors(X), [[sign], [-sign]])
    np.testing.assert_allclose(space.vectors(np.array([[1.0, 2.0], [1 + 1.2, 2 + 1.6]])), [[0], [sign / 2]], atol=1e-12)
    # What is off the line is not kept.
    np.testing.assert_allclose(space.vectors(np.array([[1 - 8.0, 2 + 6.0]])), [[0]], atol=1e-12)


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("n_components", [None, 3])
@pytest.mark.parametrize("n", [5, 40])
def test_vectors_are_centred_and_of_variance_one(n: int, n_components: int | None, *, normalize: bool) -> None:
    X = np.random.default_rng(0).normal(size=(n, 8)) * np.arange(1, 9) + 7
    space = Space.of(X, np.eye(3), n_components=n_components, normalize=normalize)
    vectors = space.vectors(X)
    assert vectors.shape == (n, min(n - 1, 8) if n_components is None else 3)
    np.testing.assert_allclose(vectors.mean(axis=0), 0, atol=1e-10)
    assert vectors.var() == pytest.approx(1)
    # One scale for all: axes are kept apart, and wider ones stay wider.
    variances = vectors.var(axis=0)
    assert (np.diff(variances) <= 1e-9).all()
    covariance = vectors.T @ vectors / n
    np.testing.assert_allclose(covariance - np.diag(np.diag(covariance)), 0, atol=1e-9)


def test_all_axes_keep_the_distances() -> None:
    X = np.random.default_rng(0).normal(size=(40, 8)) + 3
    space = Space.of(X, np.eye(3), n_components=None, normalize=False)
    scale = np.linalg.norm(space.vectors(X)[0] - space.vectors(X)[1]) / np.linalg.norm(X[0] - X[1])
    for i, j in ((2, 9), (5, 30)):
        apart = np.linalg.norm(space.vectors(X)[i] - space.vectors(X)[j])
        assert apart == pytest.approx(scale * np.linalg.norm(X[i] - X[j]))


def test_length_of_vectors() -> None:
    X = np.random.default_rng(0).normal(size=(20, 4)) + 2
    factors = np.linspace(0.1, 50, 20)[:, None]
    unit, free = (Space.of(X, np.eye(2), n_components=None, normalize=normalize) for normalize in (True, False))
    np.testing.assert_allclose(unit.vectors(X * factors), unit.vectors(X), atol=1e-12)
    assert not np.allclose(free.vectors(X * factors), free.vectors(X))


def test_vectors_that_are_all_alike() -> None:
    space = Space.of(np.ones((4, 3)), np.eye(2), n_components=None, normalize=True)
    np.testing.assert_allclose(space.vectors(np.ones((2, 3))), 0)
    assert np.isfinite(space.vectors(np.random.default_rng(0).normal(size=(2, 3)))).all()


# -- prototypes -----------------------------------------------------------------------------------------------


def test_prototypes_by_hand() -> None:
    # The centre of the seen ones is (1, 1); directions from there, of length 5.
    space = Space.of(np.eye(2), np.array([[0.0, 1.0], [2.0, 1.0]]), n_components=None, normalize=True, length=5.0)
    found = space.prototypes(np.array([[1.0, 5.0], [-2.0, -3.0], [1.0, 1.0]]))
    np.testing.assert_allclose(found, [[0, 5], [-3, -4], [0, 0]])
    usual = Space.of(np.eye(2), np.array([[0.0, 1.0], [2.0, 1.0]]), n_components=None, normalize=True)
    np.testing.assert_allclose(usual.prototypes(np.array([[1.0, 5.0]])), [[0, np.sqrt(2)]])


def test_a_prototype_at_the_centre_is_zeros_in_spite_of_rounding() -> None:
    S = np.array([[0.1, 0.7], [0.2, 0.1], [0.3, 0.4]], dtype=np.float32).astype(np.float64)
    space = Space.of(np.eye(2), S, n_components=None, normalize=True)
    centre = S.mean(axis=0).astype(np.float32).astype(np.float64)
    np.testing.assert_array_equal(space.prototypes(centre[None]), [[0, 0]])
    assert not np.array_equal(space.prototypes((centre * (1 + 1e-4))[None]), [[0, 0]])


def test_equal_prototypes_are_zeros() -> None:
    space = Space.of(np.eye(2), np.full((3, 4), 0.3), n_components=None, normalize=True)
    np.testing.assert_array_equal(space.prototypes(np.full((1, 4), 0.3)), np.zeros((1, 4)))


def test_a_prototype_is_scaled_alike_beside_a_huge_one() -> None:
    space = Space.of(np.eye(2), np.array([[1.0, 0.0], [-1.0, 0.5]]), n_components=None, normalize=True)
    alone = space.prototypes(np.array([[0.3, 0.1]]))
    np.testing.assert_array_equal(space.prototypes(np.array([[0.3, 0.1], [1e9, 0.0]]))[:1], alone)


# -- made-up examples depend on the class alone ---------------------------------------------------------------

_number = st.floats(-3, 3, width=32)
_prototype = st.lists(_number, min_size=6, max_size=6)


@settings(max_examples=25, deadline=None)
@given(
    own=_prototype,
    rivals=st.lists(_prototype, max_size=4),
    scale=st.sampled_from([1.0, 1e-3, 1e9]),
    place=st.integers(0, 4),
    method=st.sampled_from([CADAVAE, FCLSWGAN]),
)
def test_examples_depend_on_no_rival(
    own: list[float], rivals: list[list[float]], scale: float, place: int, method: Any
) -> None:
    place = min(place, len(rivals))
    vectors = np.array(rivals).reshape(-1, 6) * scale
    everyone = np.insert(vectors, place, own, axis=0)
    names = [f"c{i}" for i in range(len(everyone))]
    fitted = FITTED[method]
    alone = fitted.synthesize(Prototypes(["own"], [own]), n=3)[0]
    np.testing.assert_array_equal(fitted.synthesize(Prototypes(names, everyone), n=3)[place], alone)
    # Nor on how many are asked for, where they are made one after the other.
    np.testing.assert_allclose(fitted.synthesize(Prototypes(["own"], [own]), n=5)[0, :3], alone, atol=1e-12)


@pytest.mark.parametrize("method", [CADAVAE, FCLSWGAN])
def test_minus_zero_is_zero(method: Any) -> None:
    plus, minus = ([[0.0, 1, 2, 0, 1, 0]], [[-0.0, 1, 2, -0.0, 1, 0]])
    fitted = FITTED[method]
    np.testing.assert_array_equal(
        fitted.synthesize(Prototypes(["a"], plus)), fitted.synthesize(Prototypes(["a"], minus))
    )


@pytest.mark.parametrize("method", [CADAVAE, FCLSWGAN])
def test_examples_of_one_class_differ_and_classes_differ(method: Any) -> None:
    drawn = FITTED[method].synthesize(DATA.prototypes, n=4)
    assert drawn.shape == (9, 4, 10)
    assert np.unique(drawn.reshape(36, 10), axis=0).shape == (36, 10)
    assert np.isfinite(drawn).all()
