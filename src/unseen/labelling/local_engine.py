"""The local engine: a source labelled by this process, as one stream through all parts."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from unseen.labelling.journal import Journal, read_journal
from unseen.labelling.parts import write_part
from unseen.labelling.retries import Retries
from unseen.labelling.shards import Walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from unseen.labelling.labeller import Labeller
    from unseen.labelling.output import Output
    from unseen.labelling.references import Reference

__all__ = ["run_local"]


def run_local(
    output: Output,
    references: Iterator[Reference],
    labeller: Labeller,
    *,
    shard_size: int,
    advance: Callable[[int], None] | None = None,
) -> None:
    """Label what is left of a source in this process, as one stream through all parts.

    Parameters
    ----------
    output : Output
        Begun.
    references : iterator of Reference
        The whole source, from its first item.
    labeller : Labeller
        Of this process.
    shard_size : int
        Items per part.
    advance : callable or None, default None
        Called with the number of items that were done since the last call.

    Raises
    ------
    InputError
        When the source has changed, or the system refuses to write.
    """
    done = dict(output.done)
    begun = read_journal(output.folder, labeller.schema, done)
    retries = Retries(output, labeller.schema)
    walk = Walk(
        references,
        shard_size=shard_size,
        done=done,
        begun={index: table.column("item").to_pylist() for index, table in begun.items()},
        retried=retries.places,
    )
    if advance is not None:
        kept = sum(part.items for part in done.values()) - retries.rows
        advance(kept + sum(len(table) for table in begun.values()))
    places: deque[int] = deque()

    def left() -> Iterator[Reference]:
        for place, reference in walk:
            places.append(place)
            yield reference

    journal = Journal(output.folder)
    making = _Making(output, journal, shard_size, begun, retries)
    tables = labeller.tables(left())
    try:
        for table in tables:
            start = 0
            while start < len(table):
                index = places[0] // shard_size
                count = 0
                while count < len(table) - start and places and places[0] // shard_size == index:
                    places.popleft()
                    count += 1
                making.add(index, table.slice(start, count))
                start += count
            if advance is not None:
                advance(len(table))
        making.finish()
    finally:
        # First the threads, then the rows they have answered: whoever goes on finds them.
        tables.close()
        making.close()
    output.finish()


class _Making:
    """The part that is being made."""

    def __init__(
        self, output: Output, journal: Journal, shard_size: int, begun: dict[int, Any], retries: Retries
    ) -> None:
        self._output, self._journal, self._size = output, journal, shard_size
        self._begun = begun
        self._retries = retries
        self._index: int | None = None
        self._tables: list[Any] = []
        self._rows = 0

    def add(self, index: int, table: Any) -> None:
        if index != self._index:
            self._write()
            for earlier in sorted(part for part in self._begun if part < index):
                self._whole(earlier)
            kept = self._begun.pop(index, None)
            self._index, self._tables = index, [] if kept is None else [kept]
            self._rows = 0 if kept is None else len(kept)
        self._tables.append(table)
        self._rows += len(table)
        if self._rows == (len(self._retries.places(index)) or self._size):
            self._write()
        elif index not in self._retries:
            self._journal.add(index, table)

    def _whole(self, index: int) -> None:
        """Write a part of which the journal held every row: the run was ended just before it was written."""
        self._index, self._tables = index, [self._begun.pop(index)]
        self._write()

    def _write(self) -> None:
        if self._index is None:
            return
        import pyarrow as pa

        index = self._index
        table = pa.concat_tables(self._tables).combine_chunks()
        if index in self._retries:
            table = self._retries.merged(index, table)
        self._output.record(write_part(self._output.folder, index, index * self._size, table))
        self._journal.drop(index)
        self._index, self._tables = None, []

    def finish(self) -> None:
        self._write()
        for index in sorted(self._begun):
            self._whole(index)

    def close(self) -> None:
        try:
            self._journal.flush()
        finally:
            self._journal.close()
