"""Saving and loading fitted methods: exact, and hostile files are refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from unseen import Prototypes
from unseen.errors import ModelError
from unseen.methods.correspondence.eszsl import ESZSL
from unseen.methods.meta.ensemble import Ensemble
from unseen.methods.meta.prepared import Prepared
from unseen.methods.meta.self_training import SelfTraining
from unseen.methods.preprocessing import FeatureScaling, PrototypeScaling
from unseen.methods.projection.cmt import CMT
from unseen.methods.projection.ridge import Ridge
from unseen.methods.state import load_method, registered_name, save_method
from unseen.registry import METHODS

if TYPE_CHECKING:
    from pathlib import Path

    from unseen.methods.base import Method


def problem() -> tuple[Any, Any, Prototypes]:
    rng = np.random.default_rng(0)
    prototypes = Prototypes(["a", "b", "c", "d"], rng.normal(size=(4, 6)), seen=[True, True, True, False])
    y = np.array(["a", "b", "c"] * 5)
    return rng.normal(size=(15, 6)), y, prototypes


@pytest.mark.parametrize("name", METHODS.names())
def test_a_fitted_method_comes_back_exactly(name: str, tmp_path: Path) -> None:
    X, y, prototypes = problem()
    method = METHODS.get(name)().fit(X, y, prototypes=prototypes)
    save_method(method, tmp_path / "m.safetensors")
    again = load_method(tmp_path / "m.safetensors")
    assert type(again) is type(method)
    assert again.get_params() == method.get_params()
    assert again.seen_prototypes_ == method.seen_prototypes_
    expected = method.class_scores(X, prototypes=prototypes)
    assert np.array_equal(again.class_scores(X, prototypes=prototypes), expected)
    assert np.array_equal(again.predict(X), method.predict(X))


@pytest.mark.parametrize("name", METHODS.names())
def test_an_unfitted_method_comes_back_with_its_parameters(name: str, tmp_path: Path) -> None:
    method = METHODS.get(name)()
    save_method(method, tmp_path / "m.safetensors")
    assert load_method(tmp_path / "m.safetensors").get_params() == method.get_params()


def test_one_hot_classes_come_back(tmp_path: Path) -> None:
    X = np.array([[0.0], [0.1], [1.0], [1.1]])
    method = METHODS.get("ridge")().fit(X, [7, 7, 9, 9])
    save_method(method, tmp_path / "m.safetensors")
    assert load_method(tmp_path / "m.safetensors").predict(X).tolist() == [7, 7, 9, 9]


class Unregistered(METHODS.get("cosine")):  # type: ignore[misc]
    """A method nobody registered."""


def test_only_registered_methods_are_saved(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="Unregistered must be registered; it is not"):
        save_method(Unregistered(), tmp_path / "m.safetensors")
    assert registered_name(METHODS.get("ridge")()) == "ridge"


def test_only_plain_attributes_are_saved(tmp_path: Path) -> None:
    method: Method = METHODS.get("cosine")()
    method.helper_ = object()
    with pytest.raises(ModelError, match=r"Cosine.helper_ must be an array, a number, a string, Prototypes or estim"):
        save_method(method, tmp_path / "m.safetensors")


SCALED = Prepared(
    Ridge(alpha=0.5),
    features=FeatureScaling(0.5, n_components=3, shrinkage=1.0),
    prototypes=PrototypeScaling(center="standardize"),
    standardize=True,
)
NESTED = {
    "prepared": SCALED,
    "prepared, bare": Prepared(Ridge()),
    "ensemble": Ensemble([SCALED, ESZSL(gamma=0.1), Ridge()], random_state=3),
    "a tuple of methods": Ensemble((Ridge(), ESZSL())),
    "self_training": SelfTraining(SCALED, features=FeatureScaling(n_components=2), n_iterations=3, balance=0.5),
    "two levels": SelfTraining(Ensemble([SCALED, Prepared(ESZSL(), prototypes=PrototypeScaling(2.0))])),
}


@pytest.mark.parametrize("name", NESTED)
def test_methods_inside_methods_come_back_exactly(name: str, tmp_path: Path) -> None:
    X, y, prototypes = problem()
    method = NESTED[name]
    method.fit(X, y, prototypes=prototypes)
    save_method(method, tmp_path / "m.safetensors")
    again = load_method(tmp_path / "m.safetensors")
    # Estimators are equal when they are one object; how they print tells their class and parameters.
    assert repr(again).replace("[", "(").replace("]", ")") == repr(method).replace("[", "(").replace("]", ")")
    for given in (prototypes, None):
        expected = method.class_scores(X, prototypes=given)
        assert np.array_equal(again.class_scores(X, prototypes=given), expected)
    again.fit(X[:12], y[:12], prototypes=prototypes)
    expected = method.fit(X[:12], y[:12], prototypes=prototypes).class_scores(X, prototypes=prototypes)
    assert np.array_equal(again.class_scores(X, prototypes=prototypes), expected)


def test_unfitted_methods_inside_methods_come_back(tmp_path: Path) -> None:
    save_method(NESTED["two levels"].set_params(n_iterations=2), tmp_path / "m.safetensors")
    again = load_method(tmp_path / "m.safetensors")
    assert again.get_params()["n_iterations"] == 2
    assert again.get_params()["method__methods"][0].get_params()["features__shrinkage"] == 1.0
    assert type(again.get_params()["method__methods"][1].method) is ESZSL


def test_numbers_of_numpy_are_parameters_like_others(tmp_path: Path) -> None:
    X, y, prototypes = problem()
    # As they come out of a grid made with numpy.
    method = SelfTraining(Ridge()).set_params(method__alpha=np.float32(0.5), n_iterations=np.int64(4))
    method.fit(X, y, prototypes=prototypes)
    save_method(method, tmp_path / "m.safetensors")
    again = load_method(tmp_path / "m.safetensors")
    assert again.get_params()["n_iterations"] == 4
    assert again.get_params()["method__alpha"] == 0.5


def test_parameters_that_no_file_can_hold_are_told(tmp_path: Path) -> None:
    method = CMT(random_state=np.random.RandomState(0))
    with pytest.raises(
        ModelError, match=r"CMT's parameter random_state must be numbers, strings or estimators; got Ra"
    ):
        save_method(method, tmp_path / "m.safetensors")
    assert not (tmp_path / "m.safetensors").exists()


def test_unregistered_parts_are_not_saved(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="Unregistered must be registered"):
        save_method(Prepared(Unregistered()), tmp_path / "m.safetensors")


def write(path: Path, tensors: dict[str, Any] | None = None, **changes: Any) -> Path:
    card = {"format": "unseen-method", "version": 1, "method": "ridge", "params": {"alpha": 1.0}, "values": {}}
    save_file(tensors or {"coef_": np.zeros((1, 1))}, path, metadata={"unseen": json.dumps(card | changes)})
    return path


@pytest.mark.parametrize(
    ("tensors", "changes", "match"),
    [
        (None, {"version": 2}, "version 2"),
        (None, {"format": "other"}, "format 'other'"),
        (None, {"method": "magic"}, "needs a method that is not installed. Registry: no method is called 'magic'"),
        (None, {"params": {"beta": 1}}, "is no method that unseen saved"),
        (None, {"values": {"coef_": {}}}, "is no method that unseen saved"),
        (None, {"values": {"fit": {"value": 1}}}, "attribute 'fit' is not one that a fit sets"),
        (None, {"values": {"__class__": {"value": 1}}}, "attribute '__class__' is not one that a fit sets"),
        ({"predict": np.zeros(1)}, {}, "attribute 'predict' is not one that a fit sets"),
        ({"coef_": np.full((1, 1), np.nan)}, {}, "coef_ holds NaN or infinity"),
        (None, {"values": {"p_": {"prototypes": ["a"]}}}, "is no method that unseen saved"),
    ],
)
def test_hostile_files_are_refused(
    tmp_path: Path, tensors: dict[str, Any] | None, changes: dict[str, Any], match: str
) -> None:
    with pytest.raises(ModelError, match=match):
        load_method(write(tmp_path / "m.safetensors", tensors, **changes))


def part(method: str = "ridge", **values: Any) -> dict[str, Any]:
    return {"method": method, "params": {}, "values": values}


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"values": {"method_": {"estimator": part("os")}}}, "not installed. Registry: no method is called 'os'"),
        ({"values": {"methods_": {"estimators": [part("ridge"), part("magic")]}}}, "no method is called 'magic'"),
        ({"params": {"method": {"estimator": "subprocess", "params": {}}}}, "no method is called 'subprocess'"),
        ({"params": {"methods": {"estimators": [{"estimator": "os", "params": {}}]}}}, "no method is called 'os'"),
        ({"values": {"method_": {"estimator": part(fit={"value": 1})}}}, "attribute 'fit' is not one that a fit sets"),
        (
            {"values": {"methods_": {"estimators": [part("feature_scaling", __class__={"value": 1})]}}},
            "attribute '__class__' is not one that a fit sets",
        ),
        (
            {"values": {"method_": {"estimator": part(method_={"estimator": part(predict={"value": 1})})}}},
            "attribute 'predict' is not one that a fit sets",
        ),
        ({"values": {"fit": {"estimator": part()}}}, "attribute 'fit' is not one that a fit sets"),
        ({"values": {"method_": {"estimator": {"method": "ridge"}}}}, "is no method that unseen saved"),
        ({"values": {"method_": {"estimator": part(coef_={"array": True})}}}, "is no method that unseen saved"),
        ({"values": {"method_": {"estimator": "ridge"}}}, "is no method that unseen saved"),
        ({"params": {"method": {"estimator": ["ridge"], "params": {}}}}, "is no method that unseen saved"),
        ({"method": "feature_scaling", "params": {"alpha": 1}}, "is no method that unseen saved"),
        ({"method": "feature_scaling", "params": {}}, "feature_scaling is no method"),
    ],
)
def test_hostile_parts_are_refused(tmp_path: Path, changes: dict[str, Any], match: str) -> None:
    with pytest.raises(ModelError, match=match):
        load_method(write(tmp_path / "m.safetensors", **{"method": "prepared", "params": {}} | changes))


def test_endless_nesting_is_refused(tmp_path: Path) -> None:
    nested = "[" * 100_000
    save_file({"coef_": np.zeros((1, 1))}, tmp_path / "m.safetensors", metadata={"unseen": nested})
    with pytest.raises(ModelError, match="is no method that unseen saved"):
        load_method(tmp_path / "m.safetensors")


@pytest.mark.parametrize("content", [b"", b"{}", b"\x80\x04K\x01.", b"\xff" * 100])
def test_damaged_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.safetensors").write_bytes(content)
    with pytest.raises(ModelError, match="is no method that unseen saved"):
        load_method(tmp_path / "m.safetensors")


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"m.safetensors must exist; it is missing"):
        load_method(tmp_path / "m.safetensors")
