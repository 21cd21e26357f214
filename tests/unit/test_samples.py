"""Summaries of labelled vectors, against numpy and by hand."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest

from unseen.methods import samples as module
from unseen.methods.samples import Samples, blocks

Array = np.ndarray[Any, Any]

SHAPES = [(60, 7), (9, 30), (12, 12)]


def make(n: int, d: int, *, seed: int = 0, dtype: Any = np.float64) -> tuple[Array, Array]:
    """Return vectors of varied scales far from the origin, and positions of three classes."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) * rng.uniform(0.1, 3, size=d) + rng.normal(size=d) * 10
    return X.astype(dtype), rng.permutation(np.arange(n) % 3)


def scatter(X: Array) -> Array:
    centred = X - X.mean(axis=0)
    product: Array = centred.T @ centred
    return product


def within(X: Array, y: Array) -> Array:
    total = np.zeros((X.shape[1], X.shape[1]))
    for c in np.unique(y):
        total += scatter(X[y == c])
    return total


def test_by_hand() -> None:
    # The mean is (2, 0); class means are (1, 0) and (4, 0). Around the mean the sum of squares is 4 + 0 + 4, around
    # the class means 1 + 1 + 0; the second dimension never varies.
    samples = Samples(np.array([[0.0, 0.0], [2.0, 0.0], [4.0, 0.0]]), np.array([0, 0, 1]), 2)
    assert (samples.n, samples.d) == (3, 2)
    np.testing.assert_array_equal(samples.counts, [2, 1])
    np.testing.assert_array_equal(samples.mean, [2, 0])
    np.testing.assert_array_equal(samples.offsets, [[-1, 0], [2, 0]])
    np.testing.assert_array_equal(samples.means, [[1, 0], [4, 0]])
    np.testing.assert_allclose(samples.values, [8])
    np.testing.assert_allclose(np.abs(samples.axes), [[1], [0]])
    np.testing.assert_allclose(samples.scale, 4)
    np.testing.assert_allclose(samples.rotated * samples.axes[0], [[-1], [2]])
    np.testing.assert_allclose(samples.within, [[2]])
    np.testing.assert_allclose(samples.turned() * samples.axes[0], [[-2], [0], [2]])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("n", "d"), SHAPES)
def test_moments_are_numpys(n: int, d: int, dtype: Any) -> None:
    X, y = make(n, d, dtype=dtype)
    wide = X.astype(np.float64)
    samples = Samples(X, y, 3)
    np.testing.assert_array_equal(samples.counts, [np.sum(y == c) for c in range(3)])
    np.testing.assert_allclose(samples.mean, wide.mean(axis=0), rtol=1e-13)
    means = np.array([wide[y == c].mean(axis=0) for c in range(3)])
    np.testing.assert_allclose(samples.means, means, rtol=1e-12)
    np.testing.assert_allclose(samples.offsets, means - wide.mean(axis=0), atol=1e-12)
    for moment in (samples.mean, samples.offsets, samples.values, samples.axes, samples.within):
        assert moment.dtype == np.float64


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("n", "d"), SHAPES)
def test_the_eigendecomposition_is_the_scatters(n: int, d: int, dtype: Any) -> None:
    X, y = make(n, d, dtype=dtype)
    samples = Samples(X, y, 3)
    expected = scatter(X.astype(np.float64))
    rank = min(n - 1, d)
    assert samples.axes.shape == (d, rank)
    assert (np.diff(samples.values) <= 0).all()
    np.testing.assert_allclose(samples.values, np.linalg.eigvalsh(expected)[::-1][:rank], rtol=1e-9)
    np.testing.assert_allclose(samples.axes.T @ samples.axes, np.eye(rank), atol=1e-10)
    size = np.abs(expected).max()
    np.testing.assert_allclose((samples.axes * samples.values) @ samples.axes.T, expected, atol=1e-11 * size)
    np.testing.assert_allclose(samples.scale, np.trace(expected) / d, rtol=1e-12)


@pytest.mark.parametrize(("n", "d"), SHAPES)
def test_what_is_along_the_axes_turns_back(n: int, d: int) -> None:
    X, y = make(n, d)
    samples = Samples(X, y, 3)
    expected = within(X, y)
    np.testing.assert_allclose(samples.rotated @ samples.axes.T, samples.offsets, atol=1e-10)
    back = samples.axes @ samples.within @ samples.axes.T
    np.testing.assert_allclose(back, expected, atol=1e-10 * np.abs(expected).max())
    np.testing.assert_allclose(samples.turned() @ samples.axes.T, X - X.mean(axis=0), atol=1e-10)


def test_columns_that_repeat_and_never_vary_add_no_axes() -> None:
    X, y = make(40, 4)
    wide = np.column_stack([X, X[:, 0], X @ np.ones(4), np.full(40, 7.0), np.zeros(40)])
    samples = Samples(wide, y, 3)
    assert samples.axes.shape == (8, 4)
    np.testing.assert_allclose(samples.values, np.linalg.eigvalsh(scatter(wide))[::-1][:4], rtol=1e-10)
    # A column of a constant has no part in any axis.
    np.testing.assert_allclose(samples.axes[6:], 0, atol=1e-12)


def test_few_samples_that_repeat_add_no_axes() -> None:
    X, y = make(4, 20)
    samples = Samples(np.vstack([X, X]), np.hstack([y, y]), 3)
    assert samples.axes.shape == (20, 3)


@pytest.mark.parametrize(("n", "d"), [(1, 3), (5, 3), (3, 5)])
def test_vectors_that_never_vary_have_no_axes(n: int, d: int) -> None:
    samples = Samples(np.full((n, d), 0.5), np.zeros(n, dtype=int), 1)
    assert samples.values.shape == (0,)
    assert samples.axes.shape == (d, 0)
    assert samples.rotated.shape == (1, 0)
    assert samples.within.shape == (0, 0)
    assert samples.turned().shape == (n, 0)
    assert samples.scale == 1


def test_a_class_without_samples_lies_at_the_mean() -> None:
    samples = Samples(np.array([[0.0], [2.0]]), np.array([0, 2]), 3)
    np.testing.assert_array_equal(samples.counts, [1, 0, 1])
    np.testing.assert_array_equal(samples.offsets, [[-1], [0], [1]])


def test_single_examples_have_no_scatter_within_classes() -> None:
    X, _ = make(6, 4)
    samples = Samples(X, np.arange(6), 6)
    np.testing.assert_allclose(samples.within, 0, atol=1e-10 * samples.values[0])


def test_summaries_are_computed_once() -> None:
    samples = Samples(*make(30, 5), 3)
    for name in ("counts", "mean", "offsets", "values", "axes", "rotated", "within"):
        assert getattr(samples, name) is getattr(samples, name)


def test_the_vectors_are_left_alone() -> None:
    X, y = make(30, 5)
    X.flags.writeable = False
    samples = Samples(X, y, 3)
    assert samples.X is X
    assert samples.within.shape == (5, 5)
    assert samples.turned().shape == (30, 5)


@pytest.mark.parametrize("rows", [1, 7, 29, 30, 31])
@pytest.mark.parametrize("d", [5, 40])
def test_blocks_end_where_they_like(monkeypatch: pytest.MonkeyPatch, rows: int, d: int) -> None:
    X, y = make(30, d)
    whole = Samples(X, y, 3)
    expected = [whole.mean, whole.offsets, whole.values, np.abs(whole.turned())]
    monkeypatch.setattr(module, "_ROWS", rows)
    parts = Samples(X, y, 3)
    found = [parts.mean, parts.offsets, parts.values, np.abs(parts.turned())]
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("rows", [1, 4, 10, 11])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_blocks_cover_the_rows_once(monkeypatch: pytest.MonkeyPatch, rows: int, dtype: Any) -> None:
    monkeypatch.setattr(module, "_ROWS", rows)
    X = np.arange(30, dtype=dtype).reshape(10, 3)
    parts = list(blocks(X))
    assert len(parts) == -(-10 // rows)
    np.testing.assert_array_equal(np.concatenate([block for _, block in parts]), X)
    for where, block in parts:
        assert block.dtype == np.float64
        np.testing.assert_array_equal(block, X[where])


def test_blocks_of_double_precision_are_views() -> None:
    X = np.zeros((5, 2))
    assert all(np.shares_memory(block, X) for _, block in blocks(X))


def test_blocks_of_nothing() -> None:
    assert list(blocks(np.zeros((0, 3)))) == []


@pytest.mark.parametrize("name", ["mean", "offsets", "values", "within"])
def test_single_precision_is_never_copied_whole(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(module, "_ROWS", 256)
    X = np.random.default_rng(0).normal(size=(40_000, 16)).astype(np.float32)
    samples = Samples(X, np.arange(len(X)) % 3, 3)
    assert samples.counts.sum() == len(X)  # of whole numbers, one for each sample, and not of interest here
    tracemalloc.start()
    try:
        getattr(samples, name)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # In double precision the whole takes 2 * X.nbytes; one block takes 256 * 16 * 8 bytes, a hundredth of X.
    assert peak < X.nbytes / 8


def test_turning_single_precision_makes_no_double_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ROWS", 256)
    X = np.random.default_rng(0).normal(size=(40_000, 16)).astype(np.float32)
    samples = Samples(X, np.arange(len(X)) % 3, 3)
    assert samples.axes.shape == (16, 16)
    tracemalloc.start()
    try:
        turned = samples.turned()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert turned.dtype == np.float32
    assert peak < 1.25 * X.nbytes
