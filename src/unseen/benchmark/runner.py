"""Running many methods on one data set: each in its own process, each row on disk as soon as it is known."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unseen._version import __version__
from unseen.benchmark.choice import comparable
from unseen.benchmark.evaluation import PROTOCOLS
from unseen.benchmark.worker import write_json
from unseen.datasets import read_dataset
from unseen.errors import InputError
from unseen.methods.selection import OBJECTIVES
from unseen.registry import METHODS
from unseen.validation import check_choice, check_number, message, nearest, one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from unseen.datasets import Dataset

__all__ = ["COLUMNS", "Results", "run_benchmark"]

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
# Those that take longest first, so that none is left to run alone at the end.
_LONGEST = ("self_training", "cmt", "auto", "sse", "balanced_assignment", "dap", "iap", "kernel_ridge", "costa")


@dataclass(frozen=True)
class Results:
    """What a benchmark gave.

    Attributes
    ----------
    summary : dict
        Of the data set: `Dataset.summary`, with its fingerprint.
    settings : dict
        Protocol, objective, seeds, version.
    rows : tuple of dict
        One per method and seed, best `t1` first; keys as in `COLUMNS`, and ``per_class``.
    failures : tuple of dict
        Method, seed and what went wrong, for those without a row.
    """

    summary: dict[str, Any]
    settings: dict[str, Any]
    rows: tuple[dict[str, Any], ...]
    failures: tuple[dict[str, Any], ...]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON can hold it."""
        return {
            "dataset": self.summary,
            "settings": self.settings,
            "rows": list(self.rows),
            "failures": list(self.failures),
        }


def run_benchmark(
    dataset: str | Path,
    methods: Sequence[str] | None = None,
    *,
    out: str | Path,
    protocol: str = "gzsl",
    objective: str = "accuracy",
    seeds: int = 1,
    jobs: int | None = None,
    prototypes: str | None = None,
    on_row: Callable[[str, int, str], None] | None = None,
) -> Results:
    """Choose, fit and test methods on a data set; go on where an earlier run stopped.

    Parameters
    ----------
    dataset : path
        What `unseen.datasets.read_dataset` reads.
    methods : sequence of str or None, default None
        Registered names; None for all that are comparable on these data.
    out : path
        Folder for rows, ``results.json`` and the logs. Rows that are there for the same data, settings and version
        are kept and not run again.
    protocol : {"zsl", "gzsl"}, default "gzsl"
        See `unseen.benchmark.evaluate`.
    objective : {"accuracy", "harmonic_mean", "ausuc"}, default "accuracy"
        What the choice on held-out training classes maximises.
    seeds : int, default 1
        Runs of every method, at least 1, with seeds 0, 1, ….
    jobs : int or None, default None
        Methods run at a time, each on one processor core; None for one per core.
    prototypes : str or None, default None
        Other class vectors, as `read_dataset` takes them.
    on_row : callable or None, default None
        Called with method, seed and "done", "kept" or "failed".

    Returns
    -------
    Results

    Raises
    ------
    InputError
        When a name, a number or the data set cannot be used. A method that fails ends up in `Results.failures`.

    Notes
    -----
    Every method chooses scalings and parameters on three folds of held-out training classes, is fitted to all
    training samples, and opens the test part once. Each row is computed on one thread, so that the same seed gives the
    same numbers, whatever `jobs` is.
    """
    check_choice("run_benchmark", "protocol", protocol, PROTOCOLS)
    check_choice("run_benchmark", "objective", objective, OBJECTIVES)
    n_seeds = int(check_number("run_benchmark", "seeds", seeds, low=1, integer=True))
    n_jobs = _cores() if jobs is None else int(check_number("run_benchmark", "jobs", jobs, low=1, integer=True))
    data = read_dataset(dataset, prototypes=prototypes)
    names = _methods(methods, data)
    folder = Path(out)
    settings = {"protocol": protocol, "objective": objective, "version": __version__}
    source = str(Path(dataset).resolve())
    tasks: list[tuple[Path, dict[str, Any]]] = []
    for name in sorted(names, key=lambda name: (_LONGEST.index(name) if name in _LONGEST else len(_LONGEST), name)):
        for seed in range(n_seeds):
            key = _key({**settings, "data": data.fingerprint, "method": name, "seed": seed})
            place = folder / "rows" / f"{name}-{seed}"
            job: dict[str, Any] = {
                "dataset": source,
                "prototypes": prototypes,
                "method": name,
                "seed": seed,
                "key": key,
                **settings,
            }
            job |= {"row": str(place.with_suffix(".json")), "openings": str(place.with_suffix(".openings"))}
            tasks.append((place, job))
    try:
        (folder / "rows").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            message("run_benchmark", "out", "a folder that can be written", str(out), one_line(error.strerror or ""))
        ) from None
    rows, failures, waiting = [], [], []
    for place, job in tasks:
        row = _kept(place.with_suffix(".json"), job["key"])
        if row is None:
            waiting.append((place, job))
        else:
            rows.append(row)
            _tell(on_row, job, "kept")
    with ThreadPoolExecutor(n_jobs) as pool:
        running = {pool.submit(_run, place, job): (place, job) for place, job in waiting}
        try:
            for done in as_completed(running):
                place, job = running[done]
                row = _kept(place.with_suffix(".json"), job["key"])
                if row is None:
                    failures.append({"method": job["method"], "seed": job["seed"], "error": done.result()})
                else:
                    rows.append(row)
                _tell(on_row, job, "failed" if row is None else "done")
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    rows.sort(key=lambda row: (-(row["t1"] or 0.0), row["method"], row["seed"]))
    failures.sort(key=lambda failure: (failure["method"], failure["seed"]))
    summary = {**data.summary(), "fingerprint": data.fingerprint}
    results = Results(summary, {**settings, "seeds": n_seeds}, tuple(rows), tuple(failures))
    write_json(folder / "results.json", results.to_dict())
    return results


def _cores() -> int:
    """Return the processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _methods(wanted: Sequence[str] | None, data: Dataset) -> list[str]:
    known = comparable(data.prototypes, data.n_features)
    if wanted is None:
        return known
    names = list(dict.fromkeys(wanted))
    for name in names:
        METHODS.get(name)
        if name not in known:
            close = ", ".join(nearest(name, known) or known)
            remedy = f"Choose others, such as {close}"
            raise InputError(message("run_benchmark", "methods", "comparable on these data", name, remedy))
    if not names:
        raise InputError(message("run_benchmark", "methods", "at least one name", names, "Pass names, or None for all"))
    return names


def _key(values: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


def _kept(path: Path, key: str) -> dict[str, Any] | None:
    """Return a finished row of the same data and settings, or None."""
    try:
        row = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return row if isinstance(row, dict) and row.get("key") == key else None


def _run(place: Path, job: dict[str, Any]) -> str:
    """Run one job in a process of its own; return what it complained of last."""
    written = place.with_suffix(".job")
    write_json(written, job)
    command = [sys.executable, "-c", _START, str(written)]
    # Libraries that read these only when they are loaded would start more threads than they are given work for.
    alone = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    with place.with_suffix(".log").open("w", encoding="utf-8") as file:
        code = subprocess.run(command, stdout=file, stderr=file, env={**os.environ, **alone}, check=False).returncode  # noqa: S603
    said = [
        line for line in place.with_suffix(".log").read_text("utf-8", errors="replace").splitlines() if line.strip()
    ]
    if code < 0:
        return f"ended by signal {-code}; perhaps there was too little memory"
    return one_line(said[-1]) if said else f"ended with code {code}"


def _tell(on_row: Callable[[str, int, str], None] | None, job: dict[str, Any], state: str) -> None:
    if on_row is not None:
        on_row(job["method"], job["seed"], state)
