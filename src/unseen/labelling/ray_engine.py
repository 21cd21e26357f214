"""The Ray engine: shards labelled by the workers of a Ray cluster, and written down by this process alone.

::

    source ─► plan_shards ─► Desk ─► read task ─► map_batches(ShardLabeller) ─► answers ─► manifest
    (this process, a few shards ahead)            (each worker writes its parts)   (this process)

Ray Data starts the workers, hands shards out, and hands them out again when a worker dies. What it does not know is
what was done before: that is in the manifest.
"""

from __future__ import annotations

import json
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unseen._version import __version__
from unseen.errors import InputError, UnseenError
from unseen.labelling.parts import PartSummary, names_digest, part_name, unwritable
from unseen.labelling.ray_cluster import cluster, find_crew, last_line
from unseen.labelling.ray_worker import Desk, ShardLabeller, header_digest
from unseen.labelling.shards import plan_shards
from unseen.labelling.shipping import pack_shard
from unseen.validation import check_number, message, one_line, verbatim

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from unseen.labelling.labeller import Job
    from unseen.labelling.output import Output
    from unseen.labelling.ray_cluster import Crew
    from unseen.labelling.references import Reference
    from unseen.labelling.shards import Shard

__all__ = ["run_ray"]

#: Shards per execution of Ray Data, which keeps a few words on each until the end.
_SHARDS_PER_WAVE = 10_000
#: Shards that may fail before the rest is left: these, and a hundredth of what was done.
_MOST_FAILED = 10
#: Failed shards that are named.
_NAMED = 3
_LONGEST_NAME = 120
#: Seconds until a part that a worker wrote is seen from here; shared file systems are slow to tell.
_PATIENCE = 10.0


def run_ray(
    output: Output,
    references: Iterator[Reference],
    job: Job,
    *,
    shard_size: int,
    workers: int | None = None,
    worker_cores: int | None = None,
    ray_address: str | None = None,
    advance: Callable[[int], None] | None = None,
) -> None:
    """Label what is left of a source on a Ray cluster.

    Parameters
    ----------
    output : Output
        Begun. Its folder must be one that all machines reach under the same path.
    references : iterator of Reference
        The whole source, from its first item.
    job : Job
        What every worker loads.
    shard_size : int
        Items per part.
    workers : int or None, default None
        Processes that hold the model, at least 1; None for one on each machine, with all its cores.
    worker_cores : int or None, default None
        Cores of each worker, at least 1; None for an equal share of the cores that are there now. Give it where the
        cluster grows while it works: then nothing is asked of the machines that are there at the start.
    ray_address : str or None, default None
        Of the cluster: ``"auto"`` on one of its machines, or ``"host:port"``. None for ``RAY_ADDRESS``, for the one
        that this process is connected to, or else one that is started on this machine and ended afterwards.
    advance : callable or None, default None
        Called with the number of items that were done since the last call.

    Raises
    ------
    InputError
        When an argument is out of range, there is no such cluster, the source has changed or is in memory, a machine
        has another model, source or output, or the system refuses to write.
    MissingExtraError
        When Ray is not installed.
    UnseenError
        When parts could not be finished; all others are, and the same call goes on with those.

    Notes
    -----
    The manifest is written by this process as parts are finished, in any order. A worker that dies loses the shard it
    worked on, which is labelled again; a shard whose workers die three times is given up. Memory here and in Ray holds
    a few shards of references per worker, whatever the length of the source.
    """
    for name, number in (("workers", workers), ("worker_cores", worker_cores)):
        if number is not None:
            check_number("labelling", name, number, low=1, integer=True)
    _remove_journals(output.folder)
    done = dict(output.done)
    shards = plan_shards(references, shard_size, done)
    first = next(shards, None)
    if advance is not None:
        advance(sum(part.items for part in done.values()))
    if first is not None:
        pack_shard(first)  # what cannot be sent is told before anything is started
        absolute = _absolute(job)
        with cluster(ray_address) as ray:
            crew = find_crew(ray, workers, worker_cores)
            _Run(ray, output, absolute, crew, advance).label(chain([first], shards))
    output.finish()


def _remove_journals(folder: Path) -> None:
    """Remove what a local run kept of unfinished parts; here parts are made as a whole."""
    try:
        for path in folder.glob("part-*.rows"):
            path.unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(folder, error) from None


def _absolute(job: Job) -> Job:
    """Return the job with a model that lies in a folder named by its whole path: workers start elsewhere."""
    from dataclasses import replace

    scheme, colon, argument = job.recognizer.partition(":")
    if colon and argument and Path(argument).exists():
        return replace(job, recognizer=f"{scheme}:{Path(argument).absolute()}")
    if scheme != "default" and Path(job.recognizer).exists():
        return replace(job, recognizer=str(Path(job.recognizer).absolute()))
    return job


# -- the run -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Planned:
    """What is known here of a shard that was handed out."""

    index: int
    first: int
    items: int
    names: str
    name: str


class _Run:
    """Hands out shards and takes in answers."""

    def __init__(self, ray: Any, output: Output, job: Job, crew: Crew, advance: Callable[[int], None] | None) -> None:
        self._ray, self._output, self._crew = ray, output, crew
        self._advance = advance
        here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
            ray.get_runtime_context().get_node_id(), soft=False
        )
        # On this machine: it goes with this process, not with one that is taken out of the cluster.
        self._desk = ray.remote(Desk).options(num_cpus=0, max_concurrency=1000, scheduling_strategy=here).remote()
        self._job = ray.put(job)
        self._out = str(output.folder.resolve())
        self._planned: dict[int, _Planned] = {}
        self._failed: list[tuple[_Planned, str]] = []
        self._finished = 0
        # A worker has a shard and another one waiting; two more are on their way to whoever is done first.
        self._room = threading.Semaphore(2 * crew.workers + 2)
        self._stop = threading.Event()
        self._known = threading.Condition()
        self._handed = 0
        self._end: int | None = None
        self._problem: BaseException | None = None

    def label(self, shards: Iterator[Shard]) -> None:
        """Label all shards; raises what went wrong."""
        feeder = threading.Thread(target=self._feed, args=(shards,), name="unseen-plan", daemon=True)
        feeder.start()
        try:
            start = 0
            while waiting := self._waiting(start):
                # Ray Data warns of workers that will have nothing to do, and starts them all the same.
                self._wave(start, min(self._crew.workers, waiting))
                start += _SHARDS_PER_WAVE
        except self._ray.exceptions.RayError as error:
            remedy = "What is done is kept: run the same command again with --resume"
            got = verbatim(f"{type(error).__name__}: {last_line(error)}")
            raise UnseenError(message("labelling", "the Ray cluster", "up and running", got, remedy)) from error
        finally:
            self._stop.set()
            self._room.release()
            feeder.join()
        if self._problem is not None:
            raise self._problem
        self._failed += [(planned, "it came back without an answer") for planned in self._planned.values()]
        if self._failed:
            raise _unfinished(self._failed)

    def _feed(self, shards: Iterator[Shard]) -> None:
        """Plan shards, a few ahead of those that are done; in a thread of its own."""
        place = 0
        try:
            for shard in shards:
                self._room.acquire()
                if self._stop.is_set():
                    break
                row = {"place": place, **pack_shard(shard)}
                names = [reference.name for reference in shard.references]
                self._planned[place] = _Planned(
                    shard.index, shard.first, len(names), names_digest(names), _shown(names[0])
                )
                self._ray.get(self._desk.put.remote(place, row))
                place += 1
                with self._known:
                    self._handed = place
                    self._known.notify_all()
        except BaseException as error:  # noqa: BLE001  raised again by `label`, once what was handed out is done
            self._problem = error
        with self._known:
            self._end = place
            self._known.notify_all()
        with suppress(self._ray.exceptions.RayError):  # the cluster is gone, which `label` says
            self._ray.get(self._desk.end.remote(place))

    def _waiting(self, start: int) -> int:
        """Wait for a shard for each worker, or for all there are; returns how many there are from a place on."""
        with self._known:
            self._known.wait_for(lambda: self._end is not None or self._handed >= start + self._crew.workers)
            return max(0, self._handed - start)

    def _wave(self, start: int, workers: int) -> None:
        """Have Ray Data label the shards of some places."""
        data = self._ray.data
        context = data.DataContext.get_current().copy()
        context.enable_progress_bars = False
        context.print_on_execution_start = False
        # One row is one shard, and is handed on as soon as it is there.
        context.target_max_block_size = 1
        arguments = {
            "out": self._out,
            "header": header_digest(self._output.folder),
            "cores": self._crew.cores,
            "version": __version__,
        }
        with data.DataContext.current(context):
            answers = data.read_datasource(
                _shards_datasource(self._desk, range(start, start + _SHARDS_PER_WAVE)),
                override_num_blocks=1,
                num_cpus=0,
            ).map_batches(
                ShardLabeller,
                batch_size=1,
                batch_format="pyarrow",
                compute=data.ActorPoolStrategy(size=workers, max_tasks_in_flight_per_actor=2),
                fn_constructor_args=(self._job, self._desk),
                fn_constructor_kwargs=arguments,
                num_cpus=self._crew.cores,
            )
            for table in answers.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0):
                for row in table.to_pylist():
                    self._take(row["place"], json.loads(row["answer"]))

    def _take(self, place: int, answer: dict[str, Any]) -> None:
        """Take in an answer."""
        planned = self._planned.pop(place, None)
        if planned is None:  # handed out twice
            return
        self._ray.get(self._desk.drop.remote(place, planned.index))
        self._room.release()
        if "refused" in answer:
            raise InputError(answer["refused"])
        problem = answer.get("failed")
        if problem is None:
            summary = PartSummary.from_dict(answer["summary"])
            problem = self._check(planned, summary)
        if problem is None:
            self._output.record(summary)
            self._finished += 1
            if self._advance is not None:
                self._advance(summary.items)
            return
        self._failed.append((planned, problem))
        if len(self._failed) > _MOST_FAILED + self._finished // 100:
            self._stop.set()

    def _check(self, planned: _Planned, summary: PartSummary) -> str | None:
        """Return what is wrong with what a worker says it has written, or None."""
        expected = (planned.index, planned.first, planned.items, planned.names)
        if (summary.part, summary.first, summary.items, summary.names) != expected:
            return "its worker labelled other items than it was handed"
        path, until = self._output.folder / part_name(summary.part), time.monotonic() + _PATIENCE
        while True:
            with suppress(OSError):
                if path.stat().st_size == summary.bytes:
                    return None
            if time.monotonic() > until:
                return "its file is not where this machine looks for it: the output must be a folder that all share"
            time.sleep(0.1)


def _shards_datasource(desk: Any, places: range) -> Any:
    """Return what Ray Data reads shards from: one task that asks the desk for one place after another.

    Run again from its beginning, as Ray does when its machine is lost, it gives the same shards at the same places.
    """
    from ray.data.block import BlockMetadata
    from ray.data.datasource import Datasource, ReadTask

    class Shards(Datasource):  # type: ignore[misc]
        def estimate_inmemory_data_size(self) -> int | None:
            return None

        def get_read_tasks(self, *_: Any, **__: Any) -> list[Any]:
            unknown = BlockMetadata(num_rows=None, size_bytes=None, exec_stats=None, input_files=None)
            return [ReadTask(lambda: _read(desk, places), unknown)]

    return Shards()


def _read(desk: Any, places: range) -> Iterator[Any]:
    import pyarrow as pa
    import ray

    for place in places:
        row = ray.get(desk.take.remote(place))
        if row is None:
            return
        yield pa.Table.from_pylist([row])


def _shown(name: str) -> str:
    """Return an item's name; of a long one the end, which tells it from its neighbours."""
    return f"'{one_line(name)}'" if len(name) <= _LONGEST_NAME else f"'…{one_line(name[-_LONGEST_NAME:])}'"


def _unfinished(failed: list[tuple[_Planned, str]]) -> UnseenError:
    told = [
        f"part {one.index} (items {one.first + 1:,} to {one.first + one.items:,}, {one.name} first): {problem}"
        for one, problem in sorted(failed, key=lambda pair: pair[0].index)[:_NAMED]
    ]
    more = f"; and {len(failed) - _NAMED:,} more" if len(failed) > _NAMED else ""
    remedy = f"{'; '.join(told)}{more}. Everything else that was begun is done; mend that, then run it with --resume"
    got = verbatim(f"{len(failed):,} that {'is' if len(failed) == 1 else 'are'} not")
    return UnseenError(message("labelling", "every part", "finished", got, remedy))
