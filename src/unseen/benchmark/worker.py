"""One row of a benchmark, in a process of its own: its memory is measured, and its end ends nothing else."""

from __future__ import annotations

import json
import math
import os
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from threadpoolctl import threadpool_limits

from unseen.benchmark.choice import choose
from unseen.benchmark.evaluation import evaluate
from unseen.benchmark.jobs import kept_row, write_json
from unseen.datasets import read_dataset
from unseen.errors import InputError, UnseenError
from unseen.registry import METHODS
from unseen.validation import message, one_line, verbatim
from unseen.writers import open_alone

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["alone", "main", "run_job"]


def run_job(job: dict[str, Any]) -> dict[str, Any]:
    """Choose, fit and test one method, and return its row."""
    # One thread whatever else runs: sums are then taken in one order, and the same seed gives the same bits.
    with threadpool_limits(1):
        dataset = read_dataset(job["dataset"], prototypes=job["prototypes"])
        if dataset.fingerprint != job["fingerprint"]:
            expected = "the same as when the benchmark was started"
            other = verbatim("one that was changed since")
            raise InputError(message("bench", "the data set", expected, other, "Run the benchmark again"))
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
        openings = _count(Path(job["place"] + ".openings"))
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
    with path.open("ab") as file:
        file.write(b"opened\n")
        file.flush()
        os.fsync(file.fileno())
    return path.read_bytes().count(b"\n")


def _peak_mb() -> float:
    """Return the most memory this process ever held, in MB; NaN where the system does not say."""
    try:
        import resource
    except ImportError:  # pragma: no cover  not on Windows
        return math.nan
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)


def main(arguments: list[str]) -> int:
    """Run the job in a file; what a person can do something about is one line on standard error."""
    job = json.loads(Path(arguments[0]).read_text("utf-8"))
    row = Path(job["place"] + ".json")
    try:
        # The process of a run that was killed may still be at it: its row is as good.
        with alone(Path(job["place"] + ".lock")):
            if kept_row(row, job["key"]) is None:
                write_json(row, run_job(job))
    except (UnseenError, OSError) as error:
        print(one_line(str(error)), file=sys.stderr)
        return 2
    return 0


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Wait until nobody else holds the lock of this file, and hold it; it goes with the process, whatever ends that."""
    while True:
        try:
            descriptor = open_alone(path)
            break
        except BlockingIOError:
            time.sleep(0.2)
    try:
        yield
    finally:
        os.close(descriptor)
