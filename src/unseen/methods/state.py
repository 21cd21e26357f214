"""Saving and loading of fitted methods: safetensors for arrays, JSON for the rest, never pickle."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator

from unseen.decision.remedy import Remedy
from unseen.errors import ModelError, UnknownNameError
from unseen.methods.attribute_weights import AttributeWeights
from unseen.methods.preprocessing import FeatureScaling, PrototypeScaling
from unseen.prototypes import Prototypes
from unseen.registry import METHODS, REMEDIES
from unseen.tensor_files import read_tensors, write_tensors

if TYPE_CHECKING:
    from pathlib import Path

    from unseen.methods.base import Method

__all__ = ["load_method", "registered_name", "save_method"]

_FORMAT, _VERSION = "unseen-method", 1
# Estimators that are no methods but may be parts of one.
_SCALINGS: dict[str, type[Any]] = {
    "attribute_weights": AttributeWeights,
    "feature_scaling": FeatureScaling,
    "prototype_scaling": PrototypeScaling,
}
# Before the name of a remedy: no name of a method has a colon.
_REMEDY = "remedy:"


def registered_name(method: Method) -> str:
    """Return the name under which a method's class is registered.

    Raises
    ------
    ModelError
        When it is not registered: a file must say which class reads it.
    """
    for name in METHODS:
        if METHODS.get(name) is type(method):
            return name
    raise ModelError(
        f"save_method: {type(method).__name__} must be registered; it is not. Add an entry point to 'unseen.methods'."
    )


def save_method(method: Method, path: Path) -> None:
    """Write a method, fitted or not, into one safetensors file.

    Raises
    ------
    ModelError
        When the class is not registered, or an attribute is of a kind that cannot be written.
    """
    tensors: dict[str, np.ndarray[Any, Any]] = {}
    card = {"format": _FORMAT, "version": _VERSION, **_describe(method, "", tensors)}
    write_tensors(path, tensors, card)


def _describe(estimator: Any, prefix: str, tensors: dict[str, np.ndarray[Any, Any]]) -> dict[str, Any]:
    """Put an estimator's arrays into `tensors`, their names behind `prefix`; return everything else about it."""
    values: dict[str, Any] = {}
    for key, value in vars(estimator).items():
        if not key.endswith("_") or key.startswith("_"):
            continue
        name = f"{prefix}{key}"
        if isinstance(value, Prototypes):
            tensors[f"{name}.vectors"] = value.vectors
            if value.seen is not None:
                tensors[f"{name}.seen"] = value.seen
            values[key] = {"prototypes": value.names}
        elif isinstance(value, np.ndarray) and value.dtype.kind in "fiub":
            tensors[name] = np.ascontiguousarray(value)
            if prefix:  # at the top, every tensor with a plain name is an attribute, as in files of earlier versions
                values[key] = {"array": True}
        elif isinstance(value, np.ndarray) and value.dtype.kind in "UO":
            values[key] = {"strings": value.tolist()}
        elif isinstance(value, BaseEstimator):
            values[key] = {"estimator": _describe(value, f"{name}/", tensors)}
        elif isinstance(value, list) and all(isinstance(part, BaseEstimator) for part in value):
            parts = [_describe(part, f"{name}/{i}/", tensors) for i, part in enumerate(value)]
            values[key] = {"estimators": parts}
        elif value is None or isinstance(value, bool | int | float | str | np.integer | np.floating):
            values[key] = {"value": value.item() if isinstance(value, np.generic) else value}
        else:
            raise ModelError(
                f"save_method: {type(estimator).__name__}.{key} must be an array, a number, a string, Prototypes or "
                f"estimators; got {type(value).__name__}. Keep other things in attributes that do not end in an "
                "underscore."
            )
    return {"method": _name_of(estimator), "params": _params_of(estimator), "values": values}


def _params_of(estimator: Any) -> dict[str, Any]:
    """Return the parameters as JSON can hold them: an estimator among them as its name and parameters."""
    params: dict[str, Any] = {}
    for key, value in estimator.get_params(deep=False).items():
        if isinstance(value, BaseEstimator):
            params[key] = {"estimator": _name_of(value), "params": _params_of(value)}
        elif isinstance(value, list | tuple) and value and all(isinstance(part, BaseEstimator) for part in value):
            params[key] = {"estimators": [{"estimator": _name_of(v), "params": _params_of(v)} for v in value]}
        elif isinstance(value, np.generic):
            params[key] = value.item()
        else:
            try:
                json.dumps(value)
            except (TypeError, ValueError):
                raise ModelError(
                    f"save_method: {type(estimator).__name__}'s parameter {key} must be numbers, strings or "
                    f"estimators; got {type(value).__name__}. Set another with set_params before saving."
                ) from None
            params[key] = value
    return params


def _name_of(estimator: Any) -> str:
    for name, cls in _SCALINGS.items():
        if type(estimator) is cls:
            return name
    if isinstance(estimator, Remedy):
        for name in REMEDIES:
            if REMEDIES.get(name) is type(estimator):
                return f"{_REMEDY}{name}"
        raise ModelError(
            f"save_method: {type(estimator).__name__} must be registered; it is not. "
            "Add an entry point to 'unseen.remedies'."
        )
    return registered_name(estimator)


def _blank(name: str, params: dict[str, Any]) -> Any:
    """Return an unfitted estimator; only classes that are registered here can come out."""
    built = {}
    for key, value in params.items():
        if isinstance(value, dict) and "estimator" in value:
            value = _blank(value["estimator"], value["params"])
        elif isinstance(value, dict) and "estimators" in value:
            value = [_blank(part["estimator"], part["params"]) for part in value["estimators"]]
        built[key] = value
    if name.startswith(_REMEDY):
        return REMEDIES.get(name.removeprefix(_REMEDY))(**built)
    return (_SCALINGS[name] if name in _SCALINGS else METHODS.get(name))(**built)


def load_method(path: Path) -> Method:
    """Read a method that `save_method` wrote.

    Raises
    ------
    ModelError
        When the file is missing, damaged, of another format, or names a method that is not installed.
    """
    try:
        card, tensors = read_tensors(path, kind=_FORMAT, version=_VERSION)
        if card["method"] in _SCALINGS or card["method"].startswith(_REMEDY):
            raise ValueError(f"{card['method']} is no method")
        method: Method = _restore(card, "", tensors)
    except UnknownNameError as error:
        raise ModelError(f"load_method: {path} needs a method that is not installed. {error}") from None
    except FileNotFoundError:
        raise ModelError(f"load_method: {path} must exist; it is missing. Save the model again.") from None
    except (OSError, KeyError, TypeError, ValueError, AttributeError, RecursionError) as e:
        raise ModelError(f"load_method: {path} is no method that unseen saved: {e}. Save the model again.") from None
    return method


def _restore(card: dict[str, Any], prefix: str, tensors: dict[str, np.ndarray[Any, Any]]) -> Any:
    estimator = _blank(card["method"], card["params"])
    keys = [key for key in tensors if "." not in key and "/" not in key] if not prefix else []
    restored: dict[str, Any] = {key: tensors[key] for key in keys}
    for key, value in card["values"].items():
        name = f"{prefix}{key}"
        if "prototypes" in value:
            vectors, seen = tensors[f"{name}.vectors"], tensors.get(f"{name}.seen")
            restored[key] = Prototypes(value["prototypes"], vectors, seen=seen)
        elif "array" in value:
            restored[key] = tensors[name]
        elif "strings" in value:
            restored[key] = np.array(value["strings"])
        elif "estimator" in value:
            restored[key] = _restore(value["estimator"], f"{name}/", tensors)
        elif "estimators" in value:
            parts = value["estimators"]
            restored[key] = [_restore(part, f"{name}/{i}/", tensors) for i, part in enumerate(parts)]
        else:
            restored[key] = value["value"]
    for key, value in restored.items():
        # A file may only set what a fit sets: never a method, a dunder or a parameter.
        if not key.endswith("_") or key.startswith("_") or hasattr(type(estimator), key):
            raise ValueError(f"attribute {key!r} is not one that a fit sets")
        setattr(estimator, key, value)
    return estimator
