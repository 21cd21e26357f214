"""Running many methods on one data set: each in its own process, each row on disk as soon as it is known."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unseen._version import __version__
from unseen.benchmark.choice import comparable
from unseen.benchmark.evaluation import PROTOCOLS
from unseen.benchmark.jobs import COLUMNS, Processes, kept_row, key_of, write_json
from unseen.datasets import read_dataset
from unseen.errors import InputError
from unseen.methods.selection import OBJECTIVES
from unseen.registry import METHODS
from unseen.validation import check_choice, check_number, message, nearest, one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from unseen.datasets import Dataset

__all__ = ["COLUMNS", "Results", "run_benchmark"]

# With fewer, three folds could not be made.
_FEWEST = 3
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
        Folder for rows, ``results.json`` and the logs. Rows that are there for the same data, settings and code are
        kept and not run again.
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
    if data.seen_prototypes.n_classes < _FEWEST:
        found = data.seen_prototypes.n_classes
        remedy = "Settings are chosen on folds of held-out seen classes: make fewer classes unseen"
        raise InputError(message("run_benchmark", "dataset", f"of at least {_FEWEST} seen classes", found, remedy))
    folder = Path(out)
    settings = {
        "protocol": protocol,
        "objective": objective,
        "version": __version__,
        "class vectors": "those of the data set" if prototypes is None else str(prototypes),
    }
    source = str(Path(dataset).resolve())
    tasks: list[tuple[Path, dict[str, Any]]] = []
    for name in sorted(names, key=lambda name: (_LONGEST.index(name) if name in _LONGEST else len(_LONGEST), name)):
        for seed in range(n_seeds):
            # What was opened counts for these data, whatever the settings; other data are another place.
            place = folder / "rows" / data.fingerprint[:12] / f"{name}-{seed}"
            asked: dict[str, Any] = {"fingerprint": data.fingerprint, "method": name, "seed": seed, **settings}
            job = {**asked, "key": key_of(asked), "dataset": source, "prototypes": prototypes, "place": str(place)}
            tasks.append((place, job))
    try:
        (folder / "rows" / data.fingerprint[:12]).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            message("run_benchmark", "out", "a folder that can be written", str(out), one_line(error.strerror or ""))
        ) from None
    rows, failures, waiting = [], [], []
    for place, job in tasks:
        row = kept_row(place.with_suffix(".json"), job["key"])
        if row is None:
            waiting.append((place, job))
        else:
            rows.append(row)
            _tell(on_row, job, "kept")
    processes = Processes()
    with ThreadPoolExecutor(n_jobs) as pool:
        try:
            running = {pool.submit(processes.run, place, job): (place, job) for place, job in waiting}
            for done in as_completed(running):
                place, job = running[done]
                row = kept_row(place.with_suffix(".json"), job["key"])
                if row is None:
                    failures.append({"method": job["method"], "seed": job["seed"], "error": done.result()})
                else:
                    rows.append(row)
                _tell(on_row, job, "failed" if row is None else "done")
        except BaseException:
            processes.stop()
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
        if name not in known and not METHODS.get(name).slow:
            close = ", ".join(nearest(name, known) or known)
            remedy = f"Choose others, such as {close}"
            raise InputError(message("run_benchmark", "methods", "comparable on these data", name, remedy))
    if not names:
        raise InputError(message("run_benchmark", "methods", "at least one name", names, "Pass names, or None for all"))
    return names


def _tell(on_row: Callable[[str, int, str], None] | None, job: dict[str, Any], state: str) -> None:
    if on_row is not None:
        on_row(job["method"], job["seed"], state)
