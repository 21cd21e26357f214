"""Streaming: decoding and encoding on all cores, in order, in bounded memory.

Each worker thread takes some items, decodes them and runs the network on one core, a small batch at a time. Both
steps release the interpreter lock, so n workers keep n cores busy without a hand-over between decoders and encoders;
and a network on one core wastes nothing on synchronising, which a network on all cores does at every layer.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.errors import ItemError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import numpy.typing as npt

    from unseen.inputs.sources import Item

__all__ = ["Batch", "encode_stream", "grouped"]


@dataclass(frozen=True)
class Batch:
    """Some items, encoded.

    Attributes
    ----------
    items : list of Item
        In the order they came.
    vectors : ndarray of shape (m, d)
        Vectors of the m items without an error, in order.
    pixels : list of (ndarray of shape (s, s, 3) or None)
        The prepared images, one per item; None where there is an error.
    errors : list of (str or None)
        Why an item could not be used, one per item.
    """

    items: Sequence[Item]
    vectors: npt.NDArray[np.float32]
    pixels: Sequence[npt.NDArray[np.uint8] | None]
    errors: Sequence[str | None]


def encode_stream(
    items: Iterable[Item],
    *,
    prepare: Callable[[Any], npt.NDArray[np.uint8]],
    encode: Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]],
    batch_size: int,
    n_workers: int,
    begin: Callable[[], None] | None = None,
) -> Iterator[Batch]:
    """Yield batches in the order of `items`; at most ``2 * n_workers`` are in memory.

    The first ones are small, so that a few items are shared among all workers and a slow source is answered soon;
    they grow to ``3 * batch_size`` items, so that what is done once per batch is done seldom. The network sees at
    most `batch_size` at a time. Each worker thread calls `begin` before all else. `items` is drawn from in the
    caller's thread only, only as far ahead as that bound.
    """

    def work(chunk: list[Item]) -> Batch:
        pixels: list[npt.NDArray[np.uint8] | None] = []
        errors: list[str | None] = []
        for item in chunk:
            image, error = None, item.error
            if error is None:
                try:
                    image = prepare(item.content)
                except ItemError as problem:
                    error = str(problem)
                except MemoryError:
                    error = "too large: not enough memory to prepare it"
            pixels.append(image)
            errors.append(error)
        usable = [image for image in pixels if image is not None]
        parts = [encode(np.stack(usable[i : i + batch_size])) for i in range(0, len(usable), batch_size)]
        vectors = np.concatenate(parts) if parts else np.zeros((0, 0), np.float32)
        return Batch(chunk, vectors, pixels, errors)

    source = iter(items)
    sizes = _sizes(batch_size, n_workers)
    waiting: deque[Future[Batch]] = deque()
    pool = ThreadPoolExecutor(n_workers, thread_name_prefix="unseen-encode", initializer=begin)
    try:
        while True:
            while len(waiting) < 2 * n_workers and (chunk := list(islice(source, next(sizes)))):
                waiting.append(pool.submit(work, chunk))
                if waiting[0].done():  # a slow source (a camera) must not hold back what is ready
                    break
            if not waiting:
                return
            yield waiting.popleft().result()
    finally:
        # Also reached when the consumer stops early or is interrupted: drop what has not begun.
        pool.shutdown(wait=True, cancel_futures=True)


def _sizes(batch_size: int, n_workers: int) -> Iterator[int]:
    """Yield how many items each batch takes: small ones first, one round of each size for all workers."""
    size = max(1, batch_size // 4)
    while True:
        for _ in range(n_workers):
            yield size
        size = min(2 * size, 3 * batch_size)


def grouped(batches: Iterable[Batch], size: int) -> Iterator[list[Batch]]:
    """Yield batches in lists of at least `size` items, as far as they go."""
    waiting: list[Batch] = []
    n = 0
    for batch in batches:
        waiting.append(batch)
        n += len(batch.items)
        if n >= size:
            yield waiting
            waiting, n = [], 0
    if waiting:
        yield waiting
