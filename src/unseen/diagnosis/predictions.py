"""Diagnosing what somebody has predicted already: a file of scores, or of answers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from unseen.datasets.npz import read_arrays
from unseen.diagnosis.bias import measure_bias
from unseen.diagnosis.failures import Diagnosis
from unseen.diagnosis.hubness import measure_hubness
from unseen.errors import InputError
from unseen.inputs.files import printable
from unseen.validation import message, verbatim

__all__ = ["diagnose_predictions"]

Array = np.ndarray[Any, Any]

_TABLES = (".csv", ".jsonl", ".ndjson", ".parquet", ".pq")


def diagnose_predictions(path: str | Path) -> Diagnosis:
    """Look for hubs and for bias to seen classes in predictions that were made elsewhere.

    Parameters
    ----------
    path : path
        - ``.npz``: arrays ``scores`` (n, C) and ``names`` (C,); optional ``y`` (n,), the column of each sample's true
          class, and ``seen`` (C,), whether the method had learned each class. Bias is measured where both are there.
        - ``.csv``, ``.jsonl``, ``.parquet`` as `unseen classify` writes them: only who is the answer how often.

    Returns
    -------
    Diagnosis
        Without effects of remedies, for which held-out training classes would be needed.

    Raises
    ------
    InputError
        When the file cannot be read as either.
    """
    place = Path(path)
    suffix = place.suffix.lower()
    if suffix == ".npz":
        arrays = read_arrays(place, ("scores", "names"), ("y", "seen"))
        names = [str(name) for name in np.atleast_1d(arrays["names"])]
        y, seen = arrays.get("y"), arrays.get("seen")
        findings = [] if y is None or seen is None else [measure_bias(y, arrays["scores"], seen, names)]
        findings.append(measure_hubness(arrays["scores"], names, y))
        rows = len(arrays["scores"])
    elif suffix in _TABLES:
        answers, names = _answers(place, suffix)
        one_hot = np.array(answers)[:, None] == np.array(names)
        hubs = measure_hubness(one_hot.astype(np.float64), names)
        told = " A class that is nowhere among the answers is not in the file, and cannot be seen here."
        findings = [replace(hubs, verdict=hubs.verdict + told)]
        rows = len(answers)
    else:
        expected = f"a file that ends in .npz, {', '.join(_TABLES)}"
        raise InputError(
            message(printable(place), "predictions", expected, suffix, "Save them in one of these formats")
        )
    settings = {"file": place.name, "samples": rows, "classes": len(names)}
    return Diagnosis(f"Predictions in {place.name}", tuple(findings), (), settings)


def _answers(path: Path, suffix: str) -> tuple[list[str], list[str]]:
    """Return the best class of every item that has one, and all classes that are named at any rank, sorted."""
    import pyarrow as pa
    from pyarrow import compute, csv, json, parquet

    try:
        if suffix == ".csv":
            text = pa.string()
            kinds = csv.ConvertOptions(column_types={"item": text, "name": text, "rank": pa.int64()})
            table = csv.read_csv(path, convert_options=kinds)
        elif suffix in (".parquet", ".pq"):
            table = parquet.read_table(path, columns=["rank", "name"])
        else:
            table = json.read_json(path)
        best = table.filter(compute.equal(table["rank"], 1))["name"].to_pylist()
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        reason = verbatim(" ".join(str(error).split())[:200] or type(error).__name__)
        expected = "a table with the columns rank and name, as `unseen classify --out` writes it"
        raise InputError(message(printable(path), "predictions", expected, reason, "Check the file")) from None
    found = [name for name in best if isinstance(name, str)]
    if not found:
        expected = "a table with an answer of rank 1 for some item"
        raise InputError(message(printable(path), "predictions", expected, verbatim("none"), "Check the file"))
    return found, sorted({name for name in table["name"].to_pylist() if isinstance(name, str)})
