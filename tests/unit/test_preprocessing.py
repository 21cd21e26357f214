"""Scalings of features and prototypes: by hand, and against numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator

from unseen import Prototypes
from unseen.errors import InputError
from unseen.methods.preprocessing import FeatureScaling, PrototypeScaling
from unseen.methods.projection.ridge import Ridge


def blobs(n: int = 60, d: int = 5, n_classes: int = 4) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    y = np.arange(n) % n_classes
    return 3 * rng.normal(size=(n_classes, d))[y] + rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) + 7, y


def scatter_within(Z: Any, y: Any) -> Any:
    """Return the pooled covariance within classes, by a plain loop."""
    total = np.zeros((Z.shape[1], Z.shape[1]))
    for c in np.unique(y):
        centred = Z[y == c] - Z[y == c].mean(axis=0)
        total += centred.T @ centred
    return total / len(Z)


# -- features ------------------------------------------------------------------------------------------------


def test_power_keeps_signs() -> None:
    X = [[4.0, -9.0, 0.0]]
    np.testing.assert_array_equal(FeatureScaling(0.5, normalize=False).fit_transform(X), [[2, -3, 0]])
    np.testing.assert_array_equal(FeatureScaling(2, normalize=False).fit_transform(X), [[16, -81, 0]])
    np.testing.assert_allclose(FeatureScaling(1 / 3, normalize=False).fit_transform([[8.0, -27.0]]), [[2, -3]])
    np.testing.assert_array_equal(FeatureScaling(normalize=False).fit_transform(X), X)


def test_unit_length_comes_after_power_and_spares_zeros() -> None:
    np.testing.assert_allclose(FeatureScaling().fit_transform([[3.0, 4.0], [0.0, 0.0]]), [[0.6, 0.8], [0.0, 0.0]])
    np.testing.assert_allclose(FeatureScaling(0.5).fit_transform([[9.0, -16.0]]), [[0.6, -0.8]])


def test_whitening_by_hand() -> None:
    # Around the means 0 and 10, squares sum to 2 + 2 over 4 vectors: a variance of 1; lambda adds once its mean.
    X = [[-1.0], [1.0], [9.0], [11.0]]
    y = [0, 0, 1, 1]
    for shrinkage, deviation in ((0, 1), (3, 2), (8, 3)):
        Z = FeatureScaling(normalize=False, shrinkage=shrinkage).fit_transform(X, y)
        np.testing.assert_allclose(np.abs(Z.ravel()), np.array([6, 4, 4, 6]) / deviation)


@pytest.mark.parametrize("n_components", [1, 3, 5, 50])
def test_principal_components_are_those_of_numpy(n_components: int) -> None:
    X, _ = blobs()
    Z = FeatureScaling(normalize=False, n_components=n_components).fit_transform(X)
    left, values, _ = np.linalg.svd(X - X.mean(axis=0), full_matrices=False)
    expected = (left * values)[:, :n_components]
    np.testing.assert_allclose(np.abs(Z), np.abs(expected), rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(Z @ Z.T, expected @ expected.T, rtol=1e-8, atol=1e-8)


def test_principal_components_do_not_need_classes() -> None:
    X, y = blobs()
    scaling = FeatureScaling(0.5, n_components=2)
    np.testing.assert_array_equal(scaling.fit_transform(X, y), scaling.fit_transform(X))


@pytest.mark.parametrize("n_components", [None, 3])
@pytest.mark.parametrize("normalize", [False, True])
def test_whitened_scatter_within_classes_is_the_identity(n_components: int | None, normalize: bool) -> None:
    X, y = blobs()
    scaling = FeatureScaling(normalize=normalize, n_components=n_components, shrinkage=0)
    np.testing.assert_allclose(scatter_within(scaling.fit_transform(X, y), y), np.eye(n_components or 5), atol=1e-9)


def test_shrinkage_is_in_units_of_the_mean_variance() -> None:
    X, y = blobs()
    scaling = FeatureScaling(normalize=False, shrinkage=0.5).fit(X, y)
    within = scatter_within(X, y)
    shrunk = within + 0.5 * np.trace(within) / 5 * np.eye(5)
    np.testing.assert_allclose(scaling.map_ @ scaling.map_.T, np.linalg.inv(shrunk), rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(scaling.mean_, X.mean(axis=0))
    # Much shrinkage leaves the features as they are, but for their size.
    round_ = FeatureScaling(normalize=False, shrinkage=1e9).fit(X, y).map_
    np.testing.assert_allclose(round_ @ round_.T / (round_ @ round_.T)[0, 0], np.eye(5), atol=1e-6)


def test_new_vectors_are_scaled_by_what_training_vectors_taught() -> None:
    X, y = blobs()
    for scaling in (FeatureScaling(0.5), FeatureScaling(n_components=2), FeatureScaling(shrinkage=1.0)):
        scaling.fit(X, y)
        np.testing.assert_allclose(scaling.transform(X)[7:8], scaling.transform(X[7:8]), rtol=1e-12)


def test_many_rows_are_scaled_like_few() -> None:
    X = np.random.default_rng(0).normal(size=(5000, 3))
    scaling = FeatureScaling(n_components=2).fit(X)
    np.testing.assert_allclose(scaling.transform(X)[4990:], scaling.transform(X[4990:]), rtol=1e-12)


@pytest.mark.parametrize(
    "params",
    [
        {"power": 0.5},
        {"power": np.float64(0.3)},
        {"power": 2},
        {"normalize": False},
        {"n_components": 3},
        {"shrinkage": 1.0},
        {"power": np.float64(0.5), "shrinkage": np.float64(0.1), "n_components": np.int64(4)},
    ],
)
def test_single_precision_stays_single(params: dict[str, Any]) -> None:
    X, y = blobs()
    X = X.astype(np.float32)
    Z = FeatureScaling(**params).fit_transform(X, y)
    assert Z.dtype == np.float32
    expected = FeatureScaling(**params).fit_transform(X.astype(np.float64), y)
    assert expected.dtype == np.float64
    np.testing.assert_allclose(np.abs(Z), np.abs(expected), rtol=1e-4, atol=1e-4 * np.abs(expected).max())


def test_the_argument_is_left_alone() -> None:
    X, y = blobs()
    before = X.copy()
    FeatureScaling(0.5, shrinkage=1.0).fit(X, y).transform(X)
    np.testing.assert_array_equal(X, before)
    whole = [[4, 9], [1, 0]]
    np.testing.assert_array_equal(FeatureScaling(0.5, normalize=False).fit_transform(whole), [[2, 3], [1, 0]])


@pytest.mark.parametrize("shrinkage", [0, 0.1, 3.0])
def test_columns_without_variation_are_no_obstacle(shrinkage: float) -> None:
    X, y = blobs()
    expected = FeatureScaling(normalize=False, shrinkage=shrinkage).fit(X, y)
    wide = np.column_stack([X[:, :2], np.full(len(X), 5.0), X[:, 2:], X[:, 0] - X[:, 1]])
    scaling = FeatureScaling(normalize=False, shrinkage=shrinkage).fit(wide, y)
    assert scaling.map_.shape == (7, 5)
    Z = scaling.transform(wide)
    assert np.isfinite(Z).all()
    if shrinkage == 0:  # then whitening undoes any linear map: distances are those of the five columns alone
        Z0 = expected.transform(X)
        np.testing.assert_allclose(Z @ Z.T, Z0 @ Z0.T, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("n", [3, 6, 9])
def test_more_dimensions_than_vectors(n: int) -> None:
    X, y = np.random.default_rng(0).normal(size=(n, 20)), np.arange(n) % 3
    Z = FeatureScaling(shrinkage=1.0).fit_transform(X, y)
    assert Z.shape == (n, n - 1)
    assert np.isfinite(Z).all()
    # Without shrinkage, the directions in which only class means vary are stretched, but not without bounds.
    scaling = FeatureScaling(shrinkage=0).fit(X, y)
    assert np.isfinite(scaling.map_).all()
    if n > 3:
        assert np.linalg.svd(scaling.map_, compute_uv=False).max() < 1e6


@pytest.mark.parametrize("shrinkage", [0, 1.0, 100.0])
@pytest.mark.parametrize("copies", [1, 3])
@pytest.mark.parametrize("seed", range(4))
def test_without_scatter_within_classes_there_is_nothing_to_whiten_by(shrinkage: float, copies: int, seed: int) -> None:
    X = np.repeat(np.random.default_rng(seed).normal(size=(8, 4)) + 3, copies, axis=0)
    y = np.repeat(np.arange(8), copies)
    Z = FeatureScaling(normalize=False, shrinkage=shrinkage).fit_transform(X, y)
    expected = FeatureScaling(normalize=False, n_components=4).fit_transform(X)
    np.testing.assert_allclose(Z, expected)


@pytest.mark.parametrize("params", [{"n_components": 2}, {"shrinkage": 0}, {"shrinkage": 1.0}])
def test_vectors_that_are_all_alike_stay_as_they_are(params: dict[str, Any]) -> None:
    X = np.full((6, 3), 2.0)
    scaling = FeatureScaling(normalize=False, **params).fit(X, [0, 0, 0, 1, 1, 1])
    np.testing.assert_array_equal(scaling.transform(X), X)
    np.testing.assert_array_equal(scaling.mean_, np.zeros(3))
    assert scaling.map_.shape == (0, 0)


def test_one_class_and_one_vector() -> None:
    X, _ = blobs()
    whole = FeatureScaling(normalize=False, shrinkage=0).fit_transform(X, ["a"] * len(X))
    np.testing.assert_allclose(np.cov(whole.T, bias=True), np.eye(5), atol=1e-9)
    np.testing.assert_array_equal(FeatureScaling(shrinkage=1.0).fit_transform([[3.0, 4.0]], ["a"]), [[0.6, 0.8]])


def test_names_are_classes_like_numbers() -> None:
    X, y = blobs()
    named = FeatureScaling(shrinkage=1.0).fit(X, np.array(["a", "b", "c", "d"])[y])
    np.testing.assert_array_equal(named.map_, FeatureScaling(shrinkage=1.0).fit(X, y).map_)


def test_it_works_in_a_pipeline() -> None:
    X, y = blobs()
    names = np.array(["a", "b", "c", "d"])
    p = Prototypes(names.tolist(), np.eye(4))
    model = make_pipeline(FeatureScaling(0.5, shrinkage=1.0), Ridge()).fit(X, names[y], ridge__prototypes=p)
    scaled = FeatureScaling(0.5, shrinkage=1.0).fit_transform(X, y)
    assert (model.predict(X) == Ridge().fit(scaled, names[y], prototypes=p).predict(scaled)).all()


@pytest.mark.parametrize(
    "scaling",
    [
        FeatureScaling(),
        FeatureScaling(0.5),
        FeatureScaling(normalize=False),
        FeatureScaling(n_components=1),
        FeatureScaling(0.5, n_components=2, shrinkage=1.0),
    ],
    ids=repr,
)
def test_it_is_a_transformer_of_scikit_learn(scaling: FeatureScaling) -> None:
    assert {result["status"] for result in check_estimator(scaling, on_skip=None)} <= {"passed", "skipped"}


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"power": 0}, "FeatureScaling: power must be a number above 0; got 0. Pass a number above 0"),
        ({"power": "x"}, "power must be a number above 0; got 'x'"),
        ({"power": None}, "power must be a number above 0; got None"),
        ({"normalize": 1}, "FeatureScaling: normalize must be True or False; got 1"),
        ({"n_components": 0}, "FeatureScaling: n_components must be a whole number at least 1; got 0"),
        ({"n_components": 1.5}, "n_components must be a whole number at least 1; got 1.5"),
        ({"shrinkage": -1}, "FeatureScaling: shrinkage must be a number at least 0; got -1"),
        ({"shrinkage": "x"}, "shrinkage must be a number at least 0; got 'x'"),
        ({"shrinkage": float("inf")}, "shrinkage must be a finite number at least 0; got inf"),
    ],
)
def test_parameters_of_features_are_checked(params: dict[str, Any], match: str) -> None:
    scaling = FeatureScaling().set_params(**params)
    for X in ([[0.0, 1.0], [1.0, 0.0]], [[1.0, 1.0]] * 2):  # also where there is nothing to rotate
        with pytest.raises(InputError, match=match):
            clone(scaling).fit(X, [0, 1])


def test_whitening_needs_classes() -> None:
    with pytest.raises(
        InputError,
        match=r"FeatureScaling: y must be given when shrinkage is; got None\. Whitening requires y to be passed, but "
        "the target y is None: pass classes, or shrinkage=None",
    ):
        FeatureScaling(shrinkage=1.0).fit([[0.0], [1.0]])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        FeatureScaling(shrinkage=1.0).fit([[0.0], [1.0]], [0])
    with pytest.raises(ValueError, match="1d array"):
        FeatureScaling(shrinkage=1.0).fit([[0.0], [1.0]], [[0, 1], [1, 0]])


# -- prototypes ----------------------------------------------------------------------------------------------


def test_prototypes_by_hand() -> None:
    S = np.array([[0.0, 4.0], [4.0, 16.0]])
    raw = PrototypeScaling(normalize=False).fit(S)
    np.testing.assert_array_equal(raw.transform(S), S)
    np.testing.assert_allclose(
        PrototypeScaling().fit(S).transform(np.array([[3.0, -4.0], [0, 0]])), [[0.6, -0.8], [0.0, 0.0]]
    )
    # Roots are (0, 2) and (2, 4), their mean (1, 3), their deviation (1, 1).
    centred = PrototypeScaling(0.5, center="center", normalize=False).fit(S)
    np.testing.assert_allclose(centred.mean_, [1, 3])
    np.testing.assert_allclose(centred.transform(np.array([[9.0, -1.0]])), [[2, -4]])
    # Means are (2, 10), deviations (2, 6).
    standard = PrototypeScaling(center="standardize", normalize=False).fit(S)
    np.testing.assert_allclose(standard.spread_, [2, 6])
    np.testing.assert_allclose(standard.transform(S), [[-1, -1], [1, 1]])
    np.testing.assert_allclose(
        np.linalg.norm(clone(standard).set_params(normalize=True).fit(S).transform(S), axis=1), 1
    )


def test_attributes_that_hardly_vary_are_not_blown_up() -> None:
    S = np.array([[0.0, 1.0], [2.0, 1.0]])  # deviations 1 and 0: their mean is 1/2, a tenth of it the least
    scaling = PrototypeScaling(center="standardize", normalize=False).fit(S)
    np.testing.assert_allclose(scaling.spread_, [1, 0.05])
    alike = PrototypeScaling(center="standardize").fit(np.ones((3, 2)))
    np.testing.assert_array_equal(alike.spread_, [1, 1])
    np.testing.assert_array_equal(alike.transform(np.ones((1, 2))), [[0, 0]])


def test_single_precision_prototypes_are_scaled_in_double() -> None:
    S = np.random.default_rng(0).random((5, 3)).astype(np.float32)
    for center in ("none", "center", "standardize"):
        Z = PrototypeScaling(0.5, center=center).fit(S).transform(S)
        assert Z.dtype == np.float64
        np.testing.assert_allclose(np.linalg.norm(Z, axis=1), 1)


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"power": -1}, "PrototypeScaling: power must be a number above 0; got -1"),
        ({"center": "middle"}, "PrototypeScaling: center must be one of none, center, standardize; got 'middle'. Pass"),
        ({"center": ["none"]}, r"center must be one of none, center, standardize; got \['none'\]"),
        ({"center": None}, "center must be one of none, center, standardize; got None"),
        ({"normalize": "yes"}, "PrototypeScaling: normalize must be True or False; got 'yes'"),
    ],
)
def test_parameters_of_prototypes_are_checked(params: dict[str, Any], match: str) -> None:
    with pytest.raises(InputError, match=match):
        PrototypeScaling().set_params(**params).fit(np.eye(2))
