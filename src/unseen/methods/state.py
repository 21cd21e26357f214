"""Saving and loading of fitted methods: safetensors for arrays, JSON for the rest, never pickle."""

from __future__ import annotations

import importlib
import json
from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.errors import ModelError, UnknownNameError
from unseen.prototypes import Prototypes
from unseen.registry import METHODS

if TYPE_CHECKING:
    from pathlib import Path

    from unseen.methods.base import Method

__all__ = ["load_method", "registered_name", "save_method"]

_FORMAT, _VERSION = "unseen-method", 1


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
    safetensors = importlib.import_module("safetensors.numpy")
    tensors: dict[str, np.ndarray[Any, Any]] = {}
    values: dict[str, Any] = {}
    for key, value in vars(method).items():
        if not key.endswith("_") or key.startswith("_"):
            continue
        if isinstance(value, Prototypes):
            tensors[f"{key}.vectors"] = value.vectors
            if value.seen is not None:
                tensors[f"{key}.seen"] = value.seen
            values[key] = {"prototypes": value.names}
        elif isinstance(value, np.ndarray) and value.dtype.kind in "fiub":
            tensors[key] = np.ascontiguousarray(value)
        elif isinstance(value, np.ndarray) and value.dtype.kind in "UO":
            values[key] = {"strings": value.tolist()}
        elif isinstance(value, bool | int | float | str | np.integer | np.floating):
            values[key] = {"value": value.item() if isinstance(value, np.generic) else value}
        else:
            raise ModelError(
                f"save_method: {type(method).__name__}.{key} must be an array, a number, a string or Prototypes; "
                f"got {type(value).__name__}. Keep other things in attributes that do not end in an underscore."
            )
    card = {
        "format": _FORMAT,
        "version": _VERSION,
        "method": registered_name(method),
        "params": method.get_params(deep=False),
        "values": values,
    }
    # Through bytes: save_file would make the file readable by its owner alone.
    path.write_bytes(safetensors.save(tensors, metadata={"unseen": json.dumps(card, sort_keys=True)}))


def load_method(path: Path) -> Method:
    """Read a method that `save_method` wrote.

    Raises
    ------
    ModelError
        When the file is missing, damaged, of another format, or names a method that is not installed.
    """
    safetensors = importlib.import_module("safetensors")
    try:
        with safetensors.safe_open(str(path), framework="numpy") as file:
            card = json.loads((file.metadata() or {})["unseen"])
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  not a dict
        if card["format"] != _FORMAT or card["version"] != _VERSION:
            raise ValueError(f"format {card['format']!r}, version {card['version']!r}")
        for key, tensor in tensors.items():
            # NaN compares false everywhere, so it would come out as scores that look fine.
            if not np.isfinite(tensor).all():
                raise ValueError(f"{key} holds NaN or infinity")
        method: Method = METHODS.get(card["method"])(**card["params"])
        _restore(method, card["values"], tensors)
    except UnknownNameError as error:
        raise ModelError(f"load_method: {path} needs a method that is not installed. {error}") from None
    except FileNotFoundError:
        raise ModelError(f"load_method: {path} must exist; it is missing. Save the model again.") from None
    except (OSError, KeyError, TypeError, ValueError, AttributeError, RecursionError, safetensors.SafetensorError) as e:
        raise ModelError(f"load_method: {path} is no method that unseen saved: {e}. Save the model again.") from None
    return method


def _restore(method: Method, values: dict[str, Any], tensors: dict[str, np.ndarray[Any, Any]]) -> None:
    restored: dict[str, Any] = {key: tensor for key, tensor in tensors.items() if "." not in key}
    for key, value in values.items():
        if "prototypes" in value:
            vectors, seen = tensors[f"{key}.vectors"], tensors.get(f"{key}.seen")
            restored[key] = Prototypes(value["prototypes"], vectors, seen=seen)
        elif "strings" in value:
            restored[key] = np.array(value["strings"])
        else:
            restored[key] = value["value"]
    for key, value in restored.items():
        # A file may only set what a fit sets: never a method, a dunder or a parameter.
        if not key.endswith("_") or key.startswith("_") or hasattr(type(method), key):
            raise ValueError(f"attribute {key!r} is not one that a fit sets")
        setattr(method, key, value)
