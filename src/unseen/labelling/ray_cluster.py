"""The Ray cluster that is worked on: found or started, how many workers it has room for, and its noise kept away."""

from __future__ import annotations

import logging
import os
import signal
import sys
import tempfile
import threading
import warnings
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from unseen.encoders.base import available_cores
from unseen.errors import InputError
from unseen.validation import import_extra, message, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Crew", "cluster", "cores_per_worker", "find_crew", "last_line"]

#: Ray keeps shards and answers there, not photos.
_STORE_BYTES = 256 << 20


def cores_per_worker(machines: Sequence[int], workers: int) -> int:
    """Return the most cores that each worker can have so that all of them fit; 0 when they do not fit at all.

    Parameters
    ----------
    machines : sequence of int
        Cores of each machine.
    workers : int
        How many workers there shall be, at least 1.

    Examples
    --------
    >>> cores_per_worker([16, 16], 4), cores_per_worker([2], 2), cores_per_worker([2], 3)
    (8, 1, 0)
    """
    most = max(machines, default=0)
    fitting = (cores for cores in range(most, 0, -1) if sum(machine // cores for machine in machines) >= workers)
    return next(fitting, 0)


@dataclass(frozen=True)
class Crew:
    """How the work is shared out.

    Parameters
    ----------
    workers : int
        Processes that hold the model.
    cores : int
        Cores of each.
    """

    workers: int
    cores: int


def find_crew(ray: Any, workers: int | None, cores: int | None) -> Crew:
    """Return how the work is shared out; what is None is chosen.

    Raises
    ------
    InputError
        When the cluster does not have that many cores, and it was not said how many each worker is to have.
    """
    machines = [int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]]
    machines = [machine for machine in machines if machine]
    if cores is not None:
        return Crew(workers or max(1, sum(machine // cores for machine in machines)), cores)
    if workers is None:
        workers = max(1, len(machines))
    share = cores_per_worker(machines, workers)
    if not share:
        remedy = "Ask for fewer, or give worker_cores where the cluster grows while it works"
        expected = f"at most {sum(machines):,}, the cores that the cluster has now"
        raise InputError(message("labelling", "workers", expected, workers, remedy))
    return Crew(workers, share)


@contextmanager
def cluster(address: str | None) -> Iterator[Any]:
    """Connect to a cluster, or start one on this machine; yields the module ``ray``.

    Parameters
    ----------
    address : str or None
        As in :func:`unseen.labelling.ray_engine.run_ray`.

    Raises
    ------
    InputError
        When there is no such cluster.
    MissingExtraError
        When Ray is not installed.
    """
    # Read when Ray is first imported or started: it would report what it runs on, and print its doings to the screen.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    with warnings.catch_warnings():
        # Ray warns of names that it has given up and sets itself, when its settings are first made.
        warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"ray\.")
        ray: Any = import_extra("ray", extra="ray", purpose="Labelling on a Ray cluster")
        data: Any = import_extra("ray.data", extra="ray", purpose="Labelling on a Ray cluster")
        data.DataContext.get_current()
    with _quiet():
        if ray.is_initialized():
            if address is not None:
                remedy = "Leave it out, or call ray.shutdown() first"
                expected = "None in a process that is connected to a cluster"
                raise InputError(message("labelling", "ray_address", expected, address, remedy))
            yield ray
            return
        _connect(ray, address)
        try:
            yield ray
        finally:
            ray.shutdown()


def _connect(ray: Any, address: str | None) -> None:
    given = address or os.environ.get("RAY_ADDRESS") or "local"
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR, "configure_logging": True}
    if given == "local":
        cores = available_cores()
        options |= {"num_cpus": cores, "include_dashboard": False, "object_store_memory": _STORE_BYTES}
    if "://" in given:
        remedy = "Run the command on a machine of the cluster, with 'auto': it must reach source and output as well"
        raise InputError(message("labelling", "ray_address", "'auto' or host:port", given, remedy))
    # Ray has SIGTERM end the process; whoever called this may have another mind.
    main = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGTERM) if main else None
    try:
        with _without_greeting():
            ray.init(address=given, **options)
    except (ConnectionError, ValueError, RuntimeError) as error:
        remedy = f"{last_line(error)}. Start a cluster (`ray start --head`), or leave it out for this machine alone"
        raise InputError(message("labelling", "ray_address", "that of a running cluster", given, remedy)) from None
    finally:
        if handler is not None:
            signal.signal(signal.SIGTERM, handler)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Ray Data's log off the screen; its files in Ray's session folder go on."""
    handlers = [one for one in logging.getLogger("ray.data").handlers if isinstance(one, logging.StreamHandler)]
    levels = [one.level for one in handlers]
    for one in handlers:
        one.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for one, level in zip(handlers, levels, strict=True):
            one.setLevel(level)


@contextmanager
def _without_greeting() -> Iterator[None]:
    """Leave out the line by which Ray's core says, on standard error, that it was asked to say little."""
    try:
        kept = os.dup(2)
    except OSError:  # there is no standard error
        yield
        return
    if sys.stderr is not None:
        sys.stderr.flush()
    with tempfile.TemporaryFile() as said:
        os.dup2(said.fileno(), 2)
        try:
            yield
        finally:
            if sys.stderr is not None:
                sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
            said.seek(0)
            for line in said:
                if b"RAY_BACKEND_LOG_LEVEL" not in line:
                    with suppress(OSError):
                        os.write(2, line)


def last_line(error: object) -> str:
    """Return the last line of what an error says, shortened; Ray puts tracebacks of other processes before it."""
    lines = [line.strip() for line in str(error).strip().splitlines() if line.strip()]
    return one_line(lines[-1] if lines else type(error).__name__)[:200].rstrip(".")
