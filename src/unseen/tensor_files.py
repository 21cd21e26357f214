"""Files of arrays and a card about them: one safetensors file each, never a pickle."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

__all__ = ["read_tensors", "write_tensors"]


def write_tensors(path: str | Path, tensors: Mapping[str, np.ndarray[Any, Any]], card: Mapping[str, Any]) -> None:
    """Write arrays, and beside them a card that JSON can hold, with its ``format`` and ``version``."""
    safetensors = importlib.import_module("safetensors.numpy")
    # Through bytes: save_file would make the file readable by its owner alone.
    data = safetensors.save(dict(tensors), metadata={"unseen": json.dumps(card, sort_keys=True)})
    Path(path).write_bytes(data)


def read_tensors(
    path: str | Path, *, kind: str, version: int
) -> tuple[dict[str, Any], dict[str, np.ndarray[Any, Any]]]:
    """Return card and arrays of a file that `write_tensors` wrote, as if a stranger had written it.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    OSError, KeyError, TypeError, ValueError, RecursionError
        When it is no file, damaged, of another format or version, or an array holds NaN or infinity.
    """
    import numpy as np

    safetensors = importlib.import_module("safetensors")
    if Path(path).exists() and not Path(path).is_file():  # a pipe would be waited for
        raise OSError("it is no file")
    try:
        with safetensors.safe_open(str(path), framework="numpy") as file:
            card: dict[str, Any] = json.loads((file.metadata() or {})["unseen"])
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  not a dict
    except safetensors.SafetensorError as error:
        raise ValueError(str(error)) from None
    if card["format"] != kind or card["version"] != version:
        raise ValueError(f"format {card['format']!r}, version {card['version']!r}")
    for key, tensor in tensors.items():
        # NaN compares false everywhere, so it would come out as scores that look fine.
        if not np.isfinite(tensor).all():
            raise ValueError(f"{key} holds NaN or infinity")
    return card, tensors
