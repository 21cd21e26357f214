"""Jobs of a benchmark: what a row depends on, where it is kept, and the processes that compute it."""

from __future__ import annotations

import hashlib
import importlib
import inspect
import json
import os
import subprocess
import sys
import threading
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from unseen.files import write_atomically
from unseen.registry import METHODS
from unseen.validation import one_line

__all__ = ["COLUMNS", "Processes", "kept_row", "key_of", "write_json"]

#: Columns of a row, in order; figures are in [0, 1], times in seconds.
COLUMNS = (
    "dataset",
    "method",
    "family",
    "params",
    "seed",
    "t1",
    "t5",
    "u",
    "s",
    "h",
    "h_calibrated",
    "gamma",
    "ausuc",
    "ece",
    "n1_skewness",
    "validation",
    "fit_s",
    "select_s",
    "predict_s",
    "rss_mb",
    "inductive",
    "test_openings",
)
_START = "import sys; from unseen.benchmark.worker import main; sys.exit(main(sys.argv[1:]))"
# What a row's figures come from: other code, another row.
_ROOMS = ("methods", "decision", "metrics", "benchmark", "datasets")
_LIBRARIES = ("numpy", "scipy", "scikit-learn")


def write_json(path: Path, value: Any) -> None:
    """Write JSON so that the file is there whole or not at all."""
    write_atomically(path, json.dumps(value, indent=1, allow_nan=False, ensure_ascii=False) + "\n")


@cache
def _code() -> str:
    digest = hashlib.sha256()
    root = Path(__file__).parents[1]
    for room in _ROOMS:
        for path in sorted((root / room).rglob("*.py")):
            digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    digest.update(" ".join(f"{name} {version(name)}" for name in _LIBRARIES).encode())
    return digest.hexdigest()


def key_of(values: dict[str, Any]) -> str:
    """Return what a row is known by: data, settings, and the code of the library and of the method."""
    module = importlib.import_module(METHODS.get(values["method"]).__module__)
    source = inspect.getsource(module)
    text = json.dumps({**values, "code": _code(), "source": source}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def kept_row(path: Path, key: str) -> dict[str, Any] | None:
    """Return a finished row with this key, or None; a damaged file is no row."""
    try:
        row = json.loads(path.read_text("utf-8")) if path.is_file() else None
    except (OSError, ValueError, RecursionError):
        return None
    whole = isinstance(row, dict) and row.get("key") == key and set(COLUMNS) <= set(row)
    return row if whole else None


class Processes:
    """The processes that compute rows, so that they can be ended together."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._over = False

    def run(self, place: Path, job: dict[str, Any]) -> str:
        """Run one job; return what its process said last, or why there was none."""
        log = place.with_suffix(".log")
        # Libraries that read these only when they are loaded would start more threads than they are given work for.
        alone = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        try:
            write_json(place.with_suffix(".job"), job)
            with log.open("wb") as file:
                command = [sys.executable, "-c", _START, str(place.with_suffix(".job"))]
                with self._lock:
                    if self._over:
                        return "stopped"
                    process = subprocess.Popen(command, stdout=file, stderr=file, env={**os.environ, **alone})  # noqa: S603
                    self._running.add(process)
                code = process.wait()
            said = [line for line in log.read_text("utf-8", errors="replace").splitlines() if line.strip()]
        except OSError as error:
            return f"{place.name}: {error.strerror or error}"
        if code < 0:
            return f"ended by signal {-code}; perhaps there was too little memory"
        return one_line(said[-1]) if said else f"ended with code {code}"

    def stop(self) -> None:
        """End those that run, and start no more."""
        with self._lock:
            self._over = True
            for process in self._running:
                process.terminate()
