"""Shards: a source cut into runs of items, each of which becomes one part; what is done is passed over by name.

The cut is by count alone, so item i is in part ``i // shard_size`` whoever labels it and whenever.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from unseen.errors import InputError
from unseen.labelling.parts import write_part
from unseen.validation import message, verbatim

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from unseen.labelling.labeller import Labeller
    from unseen.labelling.parts import PartSummary
    from unseen.labelling.references import Reference

__all__ = ["Shard", "Walk", "changed", "label_shard", "plan_shards"]


@dataclass(frozen=True)
class Shard:
    """A run of items that becomes one part; may be sent to another process.

    Parameters
    ----------
    index : int
        Number of the part, from 0.
    first : int
        Place of its first item in the source, from 0.
    references : tuple of Reference
        Its items.
    """

    index: int
    first: int
    references: tuple[Reference, ...]


class Walk:
    """One pass over a source that yields what is left to do.

    Parameters
    ----------
    references : iterable of Reference
        The whole source, from its first item.
    shard_size : int
        Items per part.
    done : mapping of int to PartSummary
        Finished parts; their items are compared by name and not yielded.
    begun : mapping of int to sequence of str, default {}
        Names of the first items of parts that are not finished, whose rows are at hand already; likewise.
    retried : callable or None, default None
        For the number of a finished part, the places in it whose items are yielded all the same.

    Attributes
    ----------
    items : int
        How many items were drawn so far, done or not.
    """

    def __init__(
        self,
        references: Iterable[Reference],
        *,
        shard_size: int,
        done: Mapping[int, PartSummary],
        begun: Mapping[int, Sequence[str]] | None = None,
        retried: Callable[[int], Collection[int]] | None = None,
    ) -> None:
        self._references = iter(references)
        self._size = shard_size
        self._done = done
        self._begun = begun or {}
        self._retried = retried or (lambda _: ())
        self.items = 0

    def __iter__(self) -> Iterator[tuple[int, Reference]]:
        """Yield the place in the source and the reference of each item that is left to do.

        Raises
        ------
        InputError
            When the source is not the one that the finished parts were made of.
        """
        index = 0
        for first in self._references:
            shard = islice(chain([first], self._references), self._size)
            if index in self._done:
                yield from self._pass_over(self._done[index], shard)
            else:
                yield from self._rest(index, shard)
            index += 1
        ahead = [part for part in (*self._done, *self._begun) if part >= index]
        if ahead:
            raise changed(min(ahead) * self._size, f"only {self.items:,} items")

    def _pass_over(self, part: PartSummary, shard: Iterator[Reference]) -> Iterator[tuple[int, Reference]]:
        again = frozenset(self._retried(part.part))
        digest, count = hashlib.sha256(), 0
        for reference in shard:
            if count in again:
                yield part.first + count, reference
            digest.update(reference.name.encode() + b"\n")
            count += 1
        self.items += count
        if count != part.items:
            raise changed(part.first, f"{count:,} items in place of {part.items:,} from there on")
        if digest.hexdigest() != part.names:
            raise changed(part.first, f"other names among items {part.first + 1:,} to {part.first + count:,}")

    def _rest(self, index: int, shard: Iterator[Reference]) -> Iterator[tuple[int, Reference]]:
        known = self._begun.get(index, ())
        for place, reference in enumerate(shard):
            self.items += 1
            if place >= len(known):
                yield index * self._size + place, reference
            elif reference.name != known[place]:
                raise changed(index * self._size + place, f"another name for item {self.items:,}")
        if self.items < index * self._size + len(known):
            raise changed(self.items, f"only {self.items:,} items")


def changed(first: int, got: str) -> InputError:
    """Return the error for a source that is not the one the finished parts were made of."""
    return InputError(
        message(
            "labelling",
            "the source",
            f"the one that the run began with, up to item {first + 1:,} and beyond",
            verbatim(got),
            "Restore it, or label the changed source into another folder",
        )
    )


def plan_shards(references: Iterable[Reference], shard_size: int, done: Mapping[int, PartSummary]) -> Iterator[Shard]:
    """Yield the shards of a source that are left to do, in order; raises InputError when the source has changed.

    Parameters
    ----------
    references : iterable of Reference
        The whole source, from its first item; drawn from lazily.
    shard_size : int
        Items per shard.
    done : mapping of int to PartSummary
        Finished parts, of :attr:`unseen.labelling.output.Output.done`; their items are compared by name.
    """
    waiting: list[Reference] = []
    index = -1
    for place, reference in Walk(references, shard_size=shard_size, done=done):
        if place // shard_size != index and waiting:
            yield Shard(index, index * shard_size, tuple(waiting))
            waiting = []
        index = place // shard_size
        waiting.append(reference)
        if len(waiting) == shard_size:  # handed out at once: a source may take its time with the next item
            yield Shard(index, index * shard_size, tuple(waiting))
            waiting = []
    if waiting:
        yield Shard(index, index * shard_size, tuple(waiting))


def label_shard(shard: Shard, labeller: Labeller, out: str | Path) -> PartSummary:
    """Label one shard and write its part; the manifest is left to the process that holds the output.

    Parameters
    ----------
    shard : Shard
        Of `plan_shards`.
    labeller : Labeller
        Of this process, made once by :meth:`unseen.labelling.labeller.Job.labeller`.
    out : str or Path
        The output folder, as this process reaches it.

    Returns
    -------
    PartSummary
        What the process that holds the output hands to :meth:`unseen.labelling.output.Output.record`.

    Raises
    ------
    InputError
        When the part cannot be written.
    """
    from pathlib import Path

    import pyarrow as pa

    tables: list[Any] = list(labeller.tables(shard.references))
    return write_part(Path(out), shard.index, shard.first, pa.concat_tables(tables))
