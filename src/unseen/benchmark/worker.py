"""One row of a benchmark, in a process of its own: its memory is measured, and its end ends nothing else."""

from __future__ import annotations

import json
import math
import os
import sys
import time
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from unseen.benchmark.choice import choose
from unseen.benchmark.evaluation import evaluate
from unseen.datasets import read_dataset
from unseen.errors import UnseenError
from unseen.files import write_atomically
from unseen.registry import METHODS

__all__ = ["main", "run_job", "write_json"]


def write_json(path: Path, value: Any) -> None:
    """Write JSON so that the file is there whole or not at all."""
    write_atomically(path, json.dumps(value, indent=1, allow_nan=False, ensure_ascii=False) + "\n")


def run_job(job: dict[str, Any]) -> dict[str, Any]:
    """Choose, fit and test one method, and return its row."""
    # One thread whatever else runs: sums are then taken in one order, and the same seed gives the same bits.
    with threadpool_limits(1):
        dataset = read_dataset(job["dataset"], prototypes=job["prototypes"])
        X, y = dataset.learnable()
        seen = dataset.seen_prototypes
        choice = choose(job["method"], X, y, seen, objective=job["objective"], seed=job["seed"])
        method = choice.estimator
        started = time.perf_counter()
        # Handed the seen classes' prototypes alone, a method cannot look at the others.
        needs_unseen = method.capabilities.needs_unseen_at_fit
        method.fit(X, y, prototypes=dataset.prototypes if needs_unseen else seen)
        fit_s = time.perf_counter() - started
        gamma = method.penalty_ if choice.gamma is None else choice.gamma
        temperature = method.temperature_ if choice.temperature is None else choice.temperature
        # Counted on disk before anything is looked at, so that a run that dies afterwards has left its mark.
        openings = _count(Path(job["openings"]))
        found = evaluate(
            method, dataset, by=job["method"], protocol=job["protocol"], gamma=gamma, temperature=temperature
        )
    row = {
        "dataset": dataset.name,
        "method": job["method"],
        "family": METHODS.get(job["method"]).family,
        "params": " ".join(repr(choice.estimator).split()),
        "seed": job["seed"],
        **{name: getattr(found, name) for name in ("t1", "t5", "u", "s", "h", "h_calibrated", "gamma", "ausuc", "ece")},
        "n1_skewness": found.n1_skewness,
        "validation": choice.accuracy,
        "fit_s": fit_s,
        "select_s": choice.seconds,
        "predict_s": found.predict_s,
        "rss_mb": _peak_mb(),
        "inductive": not method.capabilities.transductive,
        "test_openings": openings,
        "per_class": dict(found.per_class),
        "key": job["key"],
    }
    return {name: _plain(value) for name, value in row.items()}


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _count(path: Path) -> int:
    with path.open("a", encoding="utf-8") as file:
        file.write("opened\n")
        file.flush()
        os.fsync(file.fileno())
    return len(path.read_text("utf-8").splitlines())


def _peak_mb() -> float:
    """Return the most memory this process ever held, in MB; NaN where the system does not say."""
    try:
        import resource
    except ImportError:  # pragma: no cover  not on Windows
        return math.nan
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)


def main(arguments: list[str]) -> int:
    """Run the job in a file; an error of ours is one line on standard error."""
    place = Path(arguments[0])
    job = json.loads(place.read_text("utf-8"))
    try:
        row = run_job(job)
    except UnseenError as error:
        print(error, file=sys.stderr)
        return 2
    write_json(Path(job["row"]), row)
    return 0
