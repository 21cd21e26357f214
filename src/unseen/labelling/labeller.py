"""The labeller: references in, rows out; what one process needs to work on any part of any source."""

from __future__ import annotations

import hashlib
import sys
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.encoders.pipeline import grouped
from unseen.errors import ItemError
from unseen.inputs.sources import Item
from unseen.labelling.measure import measure
from unseen.labelling.references import Shelf
from unseen.labelling.rows import Measured, make_schema, make_table

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence

    import numpy.typing as npt

    from unseen.encoders.base import Encoder
    from unseen.encoders.pipeline import Batch
    from unseen.labelling.references import Reference
    from unseen.recognizer import Recognizer
    from unseen.vocabulary import Vocabulary

__all__ = ["Job", "Labeller"]

#: Downloads under way at a time, and how many references further on one is begun.
_FETCHERS, _AHEAD = 16, 32


@dataclass(frozen=True)
class Job:
    """Everything that decides a row, small enough to send to every worker.

    Parameters
    ----------
    recognizer : str
        What `Recognizer.load` takes.
    vocabulary : Vocabulary or None
        The classes; None for embeddings alone.
    embeddings : bool, default False
        Whether rows hold the vectors.
    options : mapping, default {}
        Further arguments of the judge: ``top_k``, ``unknown_below`` and so on.
    """

    recognizer: str
    vocabulary: Vocabulary | None
    embeddings: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)

    def labeller(self, *, cores: int | None = None) -> Labeller:
        """Load the model and make the labeller of this process; raises what `Recognizer.load` raises."""
        from unseen.recognizer import Recognizer

        model = Recognizer.load(self.recognizer)
        return Labeller(model, self.vocabulary, embeddings=self.embeddings, options=self.options, cores=cores)


class Labeller:
    """Makes rows of references, with decoding and encoding on all cores of this process.

    Parameters
    ----------
    recognizer : Recognizer
        The model.
    vocabulary : Vocabulary or None
        The classes; None for embeddings alone.
    embeddings : bool, default False
        Whether rows hold the vectors, as 16-bit floats; always True without a vocabulary.
    options : mapping, default {}
        Further arguments of the judge: ``top_k``, ``unknown_below`` and so on.
    cores : int or None, default None
        Threads that decode and encode, where several processes share a machine; None for as many as there are cores.

    Attributes
    ----------
    schema : pyarrow.Schema
        Of the rows.
    settings : dict
        What decides the rows; two labellers of equal settings make equal rows.
    """

    def __init__(
        self,
        recognizer: Recognizer,
        vocabulary: Vocabulary | None,
        *,
        embeddings: bool = False,
        options: Mapping[str, Any] | None = None,
        cores: int | None = None,
    ) -> None:
        import pyarrow as pa

        self._encoder: Encoder = recognizer.encoder
        self._encoder._need("image")
        self._shelf = Shelf()
        self._cores = cores
        self._judge = None
        self._names = None
        embeddings = embeddings or vocabulary is None
        options = dict(options or {})
        self.settings: dict[str, Any] = {
            "model": recognizer.encoder.spec or recognizer.encoder.name,
            "model_fingerprint": recognizer.fingerprint,
            "encoder_fingerprint": recognizer.encoder.fingerprint,
        }
        if vocabulary is not None:
            from unseen.tasks.classify import make_judge

            self._judge = make_judge(recognizer, "image", vocabulary, **options)
            self._names = pa.array(self._judge.prototypes.names, pa.string())
            # Vectors of texts differ in their last digits from one machine, or batch, to the next: model and vocabulary
            # say which they are.
            beside = ("unseen", "model", "prototypes_fingerprint")
            self.settings |= {key: value for key, value in self._judge.settings.items() if key not in beside}
            # As they were given: the judge's settings shorten some.
            self.settings |= {key: value for key, value in options.items() if value is not None}
            self.settings["top_k"] = self._judge.top_k
        self.settings["embeddings"] = embeddings
        self._embeddings = embeddings
        self.schema = make_schema(
            labels=vocabulary is not None,
            dim=self._encoder.image_dim if embeddings else None,
        )

    def tables(self, references: Iterable[Reference]) -> Generator[Any]:
        """Yield ``pyarrow.Table`` after table, with exactly one row per reference, in order.

        Parameters
        ----------
        references : iterable of Reference
            Drawn from in this thread only, a bounded number ahead of the rows that are yielded.

        Notes
        -----
        Memory holds a few batches of prepared images, whatever the number of references. Close the generator (or
        exhaust it) to end its threads.
        """
        batches = self._encoder.stream_images(self._items(references), prepare=self._prepare, cores=self._cores)
        try:
            # With very many classes, judging one batch costs as much as judging many.
            for together in grouped(batches, 1 if self._judge is None else self._judge.at_once):
                yield self._table(together)
        finally:
            if hasattr(batches, "close"):
                batches.close()
            self._shelf.close()
            copies = sys.modules.get("unseen.labelling.copies")
            if copies is not None:  # otherwise nothing was fetched
                copies.forget_copies()

    # -- before the network ------------------------------------------------------------------------------

    def _items(self, references: Iterable[Reference]) -> Iterator[Item]:
        for ticket in _read_ahead(references, self._shelf):
            # The ticket is what the workers are handed, and what comes back with the batch.
            yield Item(ticket.measured.name, ticket, ticket.measured.error)  # type: ignore[arg-type]

    def _prepare(self, ticket: _Ticket) -> npt.NDArray[np.uint8]:
        measured = ticket.measured
        content = ticket.content if ticket.content is not None else ticket.reference.read(self._shelf)
        ticket.content = None
        if isinstance(content, bytearray | memoryview):
            content = bytes(content)
        measured.sha = _digest(content)
        pixels = self._encoder.prepare_image(content)
        measured.width, measured.height = measure(content)
        return pixels

    # -- after it ----------------------------------------------------------------------------------------

    def _table(self, batches: Sequence[Batch]) -> Any:
        measured: list[Measured] = []
        for batch in batches:
            for item, error in zip(batch.items, batch.errors, strict=True):
                one: Measured = item.content.measured  # type: ignore[union-attr]
                one.error = error
                measured.append(one)
        vectors = np.concatenate([batch.vectors for batch in batches if batch.vectors.size] or [batches[0].vectors])
        predictions = None
        if self._judge is not None:
            names, errors = [one.name for one in measured], [one.error for one in measured]
            predictions = self._judge.answer(names, vectors, [None] * len(names), errors).predictions
        return make_table(
            self.schema,
            measured,
            predictions=predictions,
            names=self._names,
            vectors=vectors if self._embeddings else None,
        )


@dataclass(slots=True)
class _Ticket:
    """One item on its way: where it is, what was read of it, what was found out about it."""

    reference: Reference
    measured: Measured
    content: Any = None


def _digest(content: Any) -> str | None:
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    if isinstance(content, np.ndarray):
        return hashlib.sha256(np.ascontiguousarray(content).data).hexdigest()
    try:
        return hashlib.sha256(content.tobytes()).hexdigest()
    except (OSError, ValueError, SyntaxError, AttributeError):  # a damaged picture; preparing it says so
        return None


def _read_ahead(references: Iterable[Reference], shelf: Shelf) -> Iterator[_Ticket]:
    """Yield a ticket per reference, in order; read what must be read in order, and download ahead."""
    waiting: deque[tuple[_Ticket, Future[Any] | None]] = deque()
    pool: ThreadPoolExecutor | None = None
    try:
        for reference in references:
            ticket, under_way = _Ticket(reference, Measured(reference.name, error=reference.error)), None
            if reference.error is None and reference.remote:
                pool = pool or ThreadPoolExecutor(_FETCHERS, thread_name_prefix="unseen-fetch")
                under_way = pool.submit(reference.read, shelf)
            elif reference.error is None and reference.ordered:
                _settle(ticket, shelf, None)
            waiting.append((ticket, under_way))
            # Only what waits for a download holds others back, and only so many of them.
            while waiting and (waiting[0][1] is None or len(waiting) > _AHEAD or waiting[0][1].done()):
                yield _settled(waiting.popleft(), shelf)
        while waiting:
            yield _settled(waiting.popleft(), shelf)
    finally:
        if pool is not None:
            pool.shutdown(wait=True, cancel_futures=True)


def _settled(pair: tuple[_Ticket, Future[Any] | None], shelf: Shelf) -> _Ticket:
    ticket, under_way = pair
    if under_way is not None:
        _settle(ticket, shelf, under_way)
    return ticket


def _settle(ticket: _Ticket, shelf: Shelf, under_way: Future[Any] | None) -> None:
    try:
        ticket.content = ticket.reference.read(shelf) if under_way is None else under_way.result()
    except ItemError as error:
        ticket.measured.error = str(error)
    except MemoryError:
        ticket.measured.error = "too large: not enough memory to read it"
