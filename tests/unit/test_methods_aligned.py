"""Aligned: sensors that are undone, moments that agree, classes that are not to be aligned away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from unseen import Prototypes
from unseen.datasets import read_dataset
from unseen.errors import InputError
from unseen.methods.meta.aligned import Aligned
from unseen.methods.meta.balanced_assignment import BalancedAssignment
from unseen.methods.projection.kernel_ridge import KernelRidge
from unseen.methods.projection.ridge import Ridge
from unseen.methods.state import load_method, save_method

if TYPE_CHECKING:
    from pathlib import Path

ALIGNMENTS = ["mean", "standardize", "coral"]


def problem(n_classes: int = 12, each: int = 15, d: int = 6) -> tuple[Any, Any, Any, Any, Prototypes]:
    rng = np.random.default_rng(0)
    p = Prototypes([f"c{i:02d}" for i in range(n_classes)], rng.normal(size=(n_classes, 4)))
    map_ = rng.normal(size=(4, d))
    y = np.repeat(p.names, each)
    X, X_new = (np.repeat(p.vectors @ map_, each, axis=0) + 0.3 * rng.normal(size=(len(y), d)) for _ in range(2))
    return X, y, X_new, y, p


def moved(model: Aligned, X: Any) -> Any:
    return model._moved(np.asarray(X, dtype=np.float64))


def test_by_hand() -> None:
    # Training 0, 2: mean 1, deviation 1. Batch 10, 16: mean 13, deviation 3, so 10 becomes (10 - 13) / 3 + 1 = 0 and 16
    # becomes 2; with the mean alone -2 and 4; half-way in between the first is 5.
    p = Prototypes(["a", "b"], [[1, 0], [0, 1]])
    model = Aligned(Ridge(), min_batch=2).fit([[0.0], [2.0]], ["a", "b"], prototypes=p)
    np.testing.assert_allclose(moved(model, [[10.0], [16.0]]), [[0], [2]])
    np.testing.assert_allclose(moved(model.set_params(strength=0.5), [[10.0], [16.0]]), [[5], [9]])
    model = Aligned(Ridge(), alignment="mean", min_batch=2).fit([[0.0], [2.0]], ["a", "b"], prototypes=p)
    np.testing.assert_allclose(moved(model, [[10.0], [16.0]]), [[-2], [4]])
    # One dimension is one variance: with next to no shrinkage CORAL standardises.
    model = Aligned(Ridge(), alignment="coral", shrinkage=1e-9, min_batch=2)
    model.fit([[0.0], [2.0]], ["a", "b"], prototypes=p)
    np.testing.assert_allclose(moved(model, [[10.0], [16.0]]), [[0], [2]], atol=1e-6)


def test_moments_agree_afterwards() -> None:
    X, y, X_new, _, p = problem()
    batch = X_new * np.arange(1, 7) + 5
    for alignment in ALIGNMENTS:
        model = Aligned(Ridge(), alignment=alignment, shrinkage=1e-6).fit(X, y, prototypes=p)
        out = moved(model, batch)
        np.testing.assert_allclose(out.mean(axis=0), X.mean(axis=0), atol=1e-9)
        if alignment != "mean":
            np.testing.assert_allclose(out.std(axis=0), X.std(axis=0), rtol=1e-4)
        if alignment == "coral":
            np.testing.assert_allclose(np.cov(out.T), np.cov(X.T), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("alignment", ALIGNMENTS)
def test_nothing_moves_where_nothing_has_to(alignment: str) -> None:
    X, y, _, _, p = problem()
    model = Aligned(Ridge(), alignment=alignment).fit(X, y, prototypes=p)
    np.testing.assert_allclose(moved(model, X), X, atol=1e-8)


def test_a_sensor_is_undone_exactly() -> None:
    X, y, X_new, _, p = problem()
    rng = np.random.default_rng(1)
    gains, offsets = np.exp(rng.normal(size=6)), 5 * rng.normal(size=6)
    model = Aligned(KernelRidge()).fit(X, y, prototypes=p)
    np.testing.assert_allclose(
        model.class_scores(X_new * gains + offsets, prototypes=p), model.class_scores(X_new, prototypes=p), atol=1e-8
    )
    plain = KernelRidge().fit(X, y, prototypes=p)
    undisturbed = plain.score(X_new, y, prototypes=p)
    assert model.score(X_new * gains + offsets, y, prototypes=p) > undisturbed - 0.02
    assert plain.score(X_new * gains + offsets, y, prototypes=p) < undisturbed - 0.3


def test_coral_undoes_more_than_standardising_where_dimensions_mix() -> None:
    X, y, X_new, _, p = problem(n_classes=30, each=30)
    # A symmetric positive mixing is what equal covariances undo; turning the space is not.
    rng = np.random.default_rng(3)
    half = rng.normal(size=(6, 6))
    batch = X_new @ (half @ half.T / 6 + 0.3 * np.eye(6))
    errors = {}
    for alignment in ALIGNMENTS:
        model = Aligned(Ridge(), alignment=alignment, shrinkage=1e-4).fit(X, y, prototypes=p)
        errors[alignment] = float(np.square(moved(model, batch) - X_new).mean())
    assert errors["coral"] < errors["standardize"]
    assert errors["coral"] < errors["mean"]


def test_a_batch_of_one_class_loses_what_is_its_own() -> None:
    # The other side of it: a change of classes looks like a change of source.
    X, y, X_new, y_new, p = problem()
    one = y_new == "c03"
    aligned = Aligned(KernelRidge(), min_batch=2).fit(X, y, prototypes=p)
    assert KernelRidge().fit(X, y, prototypes=p).score(X_new[one], y_new[one], prototypes=p) == 1.0
    assert aligned.score(X_new[one], y_new[one], prototypes=p) < 0.5


def test_small_batches_and_strength_zero_are_the_method_itself() -> None:
    X, y, X_new, _, p = problem()
    plain = Ridge().fit(X, y, prototypes=p).class_scores(X_new + 3, prototypes=p)
    model = Aligned(Ridge(), strength=0).fit(X, y, prototypes=p)
    np.testing.assert_array_equal(model.class_scores(X_new + 3, prototypes=p), plain)
    model = Aligned(Ridge()).fit(X, y, prototypes=p)
    np.testing.assert_allclose(model.class_scores(X_new[:19] + 3, prototypes=p), plain[:19])
    assert not np.allclose(model.class_scores(X_new[:20] + 3, prototypes=p), plain[:20])


@pytest.mark.parametrize("alignment", ALIGNMENTS)
def test_constant_dimensions_are_moved_and_not_blown_up(alignment: str) -> None:
    X, y, X_new, _, p = problem()
    X[:, 2] = 1.0
    X_new[:, 2], X_new[:, 4] = 1e6, 7.0
    model = Aligned(Ridge(), alignment=alignment).fit(X, y, prototypes=p)
    out = moved(model, X_new)
    assert np.isfinite(out).all()
    np.testing.assert_allclose(out[:, 2], 1.0, atol=1e-6)
    np.testing.assert_allclose(out[:, 4].mean(), X[:, 4].mean(), atol=1e-6)
    if alignment != "coral":  # which gives a dimension that says nothing the covariance with the others
        assert np.ptp(out[:, 4]) < 1e-6
    copies = moved(model, np.repeat(X_new[:1], 30, axis=0))
    np.testing.assert_allclose(copies, np.repeat(X.mean(axis=0)[None], 30, axis=0), atol=1e-6)
    flat = Aligned(Ridge(), alignment=alignment).fit(np.ones_like(X), y, prototypes=p)
    assert np.isfinite(flat.class_scores(X_new, prototypes=p)).all()


def test_batch_is_left_alone_and_not_kept() -> None:
    X, y, X_new, _, p = problem()
    model = Aligned(alignment="coral").fit(X, y, prototypes=p)
    kept = {key: np.copy(value) for key, value in vars(model).items() if isinstance(value, np.ndarray)}
    before = X_new.copy()
    first = model.class_scores(X_new, prototypes=p)
    model.class_scores(X_new + 9, prototypes=p)
    np.testing.assert_array_equal(model.class_scores(X_new, prototypes=p), first)
    np.testing.assert_array_equal(X_new, before)
    for key, value in kept.items():
        np.testing.assert_array_equal(getattr(model, key), value)


@pytest.mark.parametrize("alignment", ALIGNMENTS)
def test_saved_and_loaded_scores_the_same(alignment: str, tmp_path: Path) -> None:
    X, y, X_new, _, p = problem()
    model = Aligned(Ridge(), alignment=alignment, strength=0.7).fit(X, y, prototypes=p)
    save_method(model, tmp_path / "method.safetensors")
    loaded = load_method(tmp_path / "method.safetensors")
    np.testing.assert_array_equal(loaded.class_scores(X_new, prototypes=p), model.class_scores(X_new, prototypes=p))


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"alignment": "cov"}, "Aligned: alignment must be one of mean, standardize, coral; got 'cov'"),
        ({"strength": 1.1}, "Aligned: strength must be a number at least 0 and at most 1; got 1.1"),
        ({"shrinkage": 0}, "Aligned: shrinkage must be a number above 0; got 0"),
        ({"min_batch": 1}, "Aligned: min_batch must be a whole number at least 2; got 1"),
        ({"method": 3}, "Aligned: method must be an inductive method or None; got 3. Pass an instance"),
        ({"method": BalancedAssignment()}, "Aligned: method must be an inductive method or None; got Balanced"),
    ],
)
def test_parameters(params: dict[str, Any], words: str) -> None:
    X, y, _, _, p = problem()
    with pytest.raises(InputError, match=words):
        Aligned(**params).fit(X, y, prototypes=p)


def test_birds_seen_by_another_sensor(data: Path) -> None:
    birds = read_dataset(data / "zsl" / "CUB100")
    (X, y), p = birds.learnable(), birds.seen_prototypes
    # The published training and validation classes, which are disjoint; a part of them for speed.
    train, held = (part[::4] for part in birds.published_fold or ())
    new = p.subset(np.unique(y[held]).tolist())
    rng = np.random.default_rng(0)
    sensor = X[held] * np.exp(0.5 * rng.normal(size=X.shape[1])) + X[train].std(axis=0) * rng.normal(size=X.shape[1])
    plain = KernelRidge().fit(X[train], y[train], prototypes=p)
    aligned = Aligned().fit(X[train], y[train], prototypes=p)
    assert aligned.score(sensor, y[held], prototypes=new) > plain.score(sensor, y[held], prototypes=new) + 0.03
    assert aligned.score(X[held], y[held], prototypes=new) > plain.score(X[held], y[held], prototypes=new) - 0.05
