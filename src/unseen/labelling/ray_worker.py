"""What a Ray worker does: one labeller, shard after shard; what comes back are a few words on each part."""

from __future__ import annotations

import hashlib
import json
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unseen._version import __version__
from unseen.errors import InputError, UnseenError
from unseen.labelling.manifest import MANIFEST, read_manifest
from unseen.labelling.shards import label_shard
from unseen.labelling.shipping import check_seen, unpack_shard
from unseen.validation import message, one_line, verbatim

if TYPE_CHECKING:
    from collections.abc import Mapping

    from unseen.labelling.labeller import Job, Labeller

__all__ = ["MOST_TRIES", "Desk", "ShardLabeller", "header_digest"]

#: How often a shard is begun before it is given up: a worker that dies takes its shard with it, and Ray hands it out
#: again without end.
MOST_TRIES = 3
_LONGEST = 300
#: In place of a shard that is done.
_NOTHING = {"index": -1, "first": 0, "references": "[]", "seen": "{}"}


def header_digest(folder: Path) -> str | None:
    """Return the SHA-256 of the first line of a folder's manifest; None where there is none."""
    try:
        with (folder / MANIFEST).open("rb") as file:
            return hashlib.sha256(file.readline()).hexdigest()
    except OSError:
        return None


class Desk:
    """Holds the shards that were planned and are not done, and counts how often each was begun; a Ray actor.

    Places count the shards of a run from 0, in the order they were planned. Whoever asks for a place that is not
    planned yet waits; whoever asks for one that is done, as Ray does when it reads again, gets a shard of nothing.
    """

    def __init__(self) -> None:
        import asyncio

        self._rows: dict[int, dict[str, Any]] = {}
        self._tries: dict[int, int] = {}
        self._planned = 0
        self._end: int | None = None
        self._changed = asyncio.Condition()

    async def put(self, place: int, row: dict[str, Any]) -> None:
        """Take in the shard of the next place."""
        async with self._changed:
            self._rows[place] = row
            self._planned = place + 1
            self._changed.notify_all()

    async def end(self, place: int) -> None:
        """Take in that there is nothing at this place and behind it."""
        async with self._changed:
            self._end = place
            self._changed.notify_all()

    async def take(self, place: int) -> dict[str, Any] | None:
        """Return the shard of a place, however often it is asked for; None behind the end."""
        async with self._changed:
            await self._changed.wait_for(lambda: place < self._planned or self._end is not None)
            return self._rows.get(place, _NOTHING | {"place": place}) if place < self._planned else None

    async def begin(self, index: int) -> int:
        """Count that a worker begins a part; returns the how manieth time it is."""
        self._tries[index] = self._tries.get(index, 0) + 1
        return self._tries[index]

    async def drop(self, place: int, index: int) -> None:
        """Forget a shard that is done."""
        self._rows.pop(place, None)
        self._tries.pop(index, None)


class ShardLabeller:
    """Labels one shard per call, in a Ray worker of its own.

    Parameters
    ----------
    job : ray.ObjectRef
        Of the `Job`.
    desk : actor handle
        Of the `Desk`.
    out : str
        The output folder, absolute; every machine must reach it under this path.
    header : str
        Digest of the first line of its manifest.
    cores : int
        Threads of this worker.
    version : str
        Of unseen, where the run was started.

    Notes
    -----
    The model is loaded by the first call and not when the worker starts: should that end the worker, it counts as a
    try of a shard. Nothing is raised, as that would end the run: an answer says what was wrong.
    """

    def __init__(self, job: Any, desk: Any, *, out: str, header: str, cores: int, version: str) -> None:
        self._job, self._desk = job, desk
        self._out, self._header = Path(out), header
        self._cores, self._version = cores, version
        self._labeller: Labeller | None = None

    def __call__(self, batch: Any) -> Any:
        """Return a table of one answer per row of `batch`, a table of shards: ``place``, ``answer`` (JSON)."""
        import pyarrow as pa

        rows = batch.to_pylist()
        answers = [json.dumps(self._answer(row)) for row in rows]
        return pa.table({"place": [row["place"] for row in rows], "answer": answers})

    def _answer(self, row: Mapping[str, Any]) -> dict[str, Any]:
        import ray

        if row["index"] < 0:
            return {}
        if ray.get(self._desk.begin.remote(row["index"])) > MOST_TRIES:
            return {"failed": f"its worker died {MOST_TRIES} times"}
        ready = False
        try:
            labeller = self._ready()
            ready = True
            check_seen(row)
            return {"summary": label_shard(unpack_shard(row), labeller, self._out).to_dict()}
        except UnseenError as error:
            # The model, the source or the output as this machine has them: other shards would meet the same.
            everywhere = not ready or isinstance(error, InputError)
            return {"refused": str(error)} if everywhere else {"failed": _short(str(error))}
        except Exception as error:  # noqa: BLE001  one shard must not end the others; the answer names the error
            return {"failed": _short(f"{type(error).__name__}: {error}")}

    def _ready(self) -> Labeller:
        if self._labeller is None:
            import ray

            self._check_machine()
            job: Job = ray.get(self._job)
            self._labeller = self._checked(job.labeller(cores=self._cores))
        return self._labeller

    def _check_machine(self) -> None:
        if self._version != __version__:
            raise self._other("unseen", f"version {self._version} on every machine", __version__, "Install that one")
        if header_digest(self._out) != self._header:
            there = "no manifest" if header_digest(self._out) is None else "another manifest"
            remedy = "Choose a folder that all machines reach under the same path (NFS)"
            raise self._other(f"the output '{self._out}'", "the same on every machine", verbatim(there), remedy)

    def _checked(self, labeller: Labeller) -> Labeller:
        """Compare what decides the rows with what the run was begun with."""
        begun = read_manifest(self._out).settings
        mine = json.loads(json.dumps(labeller.settings, default=str))
        # The model may lie elsewhere here; what it is, its fingerprint says.
        differing = [key for key in mine if key != "model" and begun.get(key) != mine[key]]
        if differing:
            remedy = "Put the same model on every machine; save an adapted recogniser and pass its folder"
            got = verbatim(f"other {', '.join(differing)}")
            raise self._other("the model and the classes", "the same on every machine", got, remedy)
        return labeller

    def _other(self, argument: str, expected: str, got: object, remedy: str) -> InputError:
        return InputError(message(f"labelling on {platform.node()}", argument, expected, got, remedy))


def _short(text: str) -> str:
    line = one_line(" ".join(text.split()))
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
