"""Saving and loading fitted methods: exact, and hostile files are refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from unseen import Prototypes
from unseen.errors import ModelError
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
    with pytest.raises(ModelError, match=r"Cosine.helper_ must be an array, a number, a string or Prototypes"):
        save_method(method, tmp_path / "m.safetensors")


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


@pytest.mark.parametrize("content", [b"", b"{}", b"\x80\x04K\x01.", b"\xff" * 100])
def test_damaged_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.safetensors").write_bytes(content)
    with pytest.raises(ModelError, match="is no method that unseen saved"):
        load_method(tmp_path / "m.safetensors")


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"m.safetensors must exist; it is missing"):
        load_method(tmp_path / "m.safetensors")
