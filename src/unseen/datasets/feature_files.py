"""Feature files: a vector per item, matched by name, from npz, safetensors or Parquet."""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.datasets.npz import read_arrays
from unseen.datasets.problems import Array, check_size, first_repeat, open_file, problem
from unseen.errors import DatasetError
from unseen.validation import shorten, verbatim

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["read_features"]

_NUMBERED = re.compile(r"\D*(\d+)$")
_LISTS = ("features", "vector", "embedding")


def read_features(path: str | Path) -> tuple[tuple[str, ...], Array]:
    """Read the items and vectors of a feature file.

    Parameters
    ----------
    path : path
        - ``.npz``: arrays ``items`` (n,) of texts and ``features`` (n, d). Pickled objects are refused.
        - ``.safetensors``: a tensor ``features`` (n, d) and, in the metadata, ``items`` as a JSON list.
        - ``.parquet``: a column ``item``, and either one column of lists or numeric columns ``f0``, ``f1`` and so on.

    Returns
    -------
    items : tuple of str
        Unique.
    features : ndarray of shape (n, d), float32

    Raises
    ------
    DatasetError
        When the file is damaged, of another kind, or declares more than it can hold.
    """
    path = Path(path)
    kinds: Mapping[str, Callable[[Path], tuple[Sequence[str], Any]]] = {
        ".npz": _npz,
        ".safetensors": _safetensors,
        ".parquet": _parquet,
        ".pq": _parquet,
    }
    if path.suffix.lower() not in kinds:
        expected = f"a file that ends in {', '.join(kinds)}"
        raise problem(path, "the feature file", expected, path.suffix, "Save the features in one of these formats")
    open_file(path).close()
    try:
        items, features = kinds[path.suffix.lower()](path)
    except (DatasetError, ImportError):
        raise
    except MemoryError:
        found = verbatim("one larger than the memory that is free")
        raise problem(path, "the file", "of a size that fits", found, "Use a machine with more memory") from None
    except Exception as error:  # noqa: BLE001  whatever a damaged file makes the libraries raise
        reason = verbatim(" ".join(str(error).split()) or type(error).__name__)
        raise problem(path, "the feature file", "readable", reason, "Write it again; it is damaged") from None
    names = tuple(str(item) for item in items)
    twice = first_repeat(names)
    if twice is not None:
        raise problem(path, "items", "unique", twice, "Keep one row of each")
    if not isinstance(features, np.ndarray) or features.dtype.kind not in "iuf" or features.ndim != 2:
        raise problem(path, "features", "numbers of shape (n, d)", features, "Save one vector per item")
    if len(features) != len(names) or not features.size:
        found = verbatim(f"{len(features)} for {len(names)} items")
        raise problem(path, "features", "one row per item", found, "Save a vector for each item")
    with np.errstate(over="ignore"):
        return names, features.astype(np.float32)


def _npz(path: Path) -> tuple[Sequence[str], Any]:
    arrays = read_arrays(path, ("items", "features"))
    items = arrays["items"]
    if items.dtype.kind != "U" or items.ndim != 1:
        raise problem(path, "items", "texts of shape (n,)", items, "Save one name per vector")
    return items.tolist(), arrays["features"]


def _safetensors(path: Path) -> tuple[Sequence[str], Any]:
    safetensors = importlib.import_module("safetensors")
    with safetensors.safe_open(path, framework="numpy") as file:
        listed = (file.metadata() or {}).get("items")
        if "features" not in file.keys() or listed is None:  # noqa: SIM118  not a mapping
            found = verbatim("neither or one of them")
            remedy = "Save with metadata={'items': json.dumps(names)}"
            raise problem(path, "features and the metadata 'items'", "in the file", found, remedy)
        items = json.loads(listed)
        if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
            raise problem(path, "the metadata 'items'", "a JSON list of texts", items, "Save with json.dumps(names)")
        return items, file.get_tensor("features")


def _parquet(path: Path) -> tuple[Sequence[str], Any]:
    pq = importlib.import_module("pyarrow.parquet")
    pa = importlib.import_module("pyarrow")
    with pq.ParquetFile(path) as file:
        about = file.metadata
        groups = [about.row_group(i) for i in range(about.num_row_groups)]
        values = sum(group.column(j).num_values for group in groups for j in range(group.num_columns))
        check_size(path, "the table", 8 * max(values, about.num_rows), path.stat().st_size)
        schema = file.schema_arrow
        if "item" not in schema.names:
            found = verbatim(", ".join(schema.names[:8]))
            raise problem(path, "item", "a column of the table", found, "Call the column of file names 'item'")
        lists = [f.name for f in schema if pa.types.is_list(f.type) or pa.types.is_fixed_size_list(f.type)]
        lists = [name for name in _LISTS if name in lists] or lists
        plain = [f.name for f in schema if pa.types.is_floating(f.type) or pa.types.is_integer(f.type)]
        columns = lists[:1] or sorted((name for name in plain if _NUMBERED.match(name)), key=_number)
        if not columns:
            found = verbatim(", ".join(schema.names[:8]))
            expected = "one column of lists, or columns f0, f1, and so on"
            raise problem(path, "features", expected, found, "Write the vectors so")
        table = file.read(columns=["item", *columns])
    items = table["item"].to_pylist()
    if not all(isinstance(item, str) for item in items) or any(table[c].null_count for c in columns):
        raise problem(path, "the table", "without empty cells", verbatim("some"), "Fill in or remove those rows")
    if not lists:
        return items, np.column_stack([table[column].to_numpy() for column in columns])
    vectors = table[columns[0]].to_pylist()
    lengths = sorted({len(vector) for vector in vectors})
    if len(lengths) > 1:
        found = verbatim(f"lengths {shorten(lengths, 60)}")
        raise problem(path, columns[0], "lists of one length", found, "Write vectors of one encoder")
    return items, np.array(vectors, dtype=np.float32)


def _number(name: str) -> int:
    found = _NUMBERED.match(name)
    return int(found[1]) if found else 0
