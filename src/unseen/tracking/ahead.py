"""Working ahead: a stage of a pipeline in a thread of its own, a few results in front of whoever takes them."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

__all__ = ["ahead"]

_T = TypeVar("_T")
_S = TypeVar("_S")
#: Seconds between looks at whether anybody still wants results.
_PATIENCE = 0.1


def ahead(
    source: Iterable[_T], work: Callable[[_T], _S], *, depth: int = 2, on_stop: Callable[[], None] | None = None
) -> Generator[_S, None, None]:
    """Yield ``work(item)`` for each item, in order; a thread draws and works up to `depth` results ahead.

    What goes wrong in the thread is raised where the results are taken. When the taker stops early, the thread ends
    after the item it is at, and the source is closed; `on_stop` is called first, so that a source that waits for a
    stream gives up.

    Examples
    --------
    >>> list(ahead(range(4), lambda x: x * x))
    [0, 1, 4, 9]
    """
    done: queue.Queue[tuple[bool, _S | BaseException | None]] = queue.Queue(depth)
    stop = threading.Event()

    def hand(entry: tuple[bool, _S | BaseException | None]) -> bool:
        while not stop.is_set():
            try:
                done.put(entry, timeout=_PATIENCE)
            except queue.Full:
                continue
            return True
        return False

    def run() -> None:
        iterator = iter(source)
        try:
            for item in iterator:
                if not hand((True, work(item))):
                    return
            hand((False, None))
        except BaseException as error:  # noqa: BLE001  raised again by whoever takes the results
            hand((False, error))
        finally:
            close = getattr(iterator, "close", None)
            if close is not None:
                close()

    thread = threading.Thread(target=run, name="unseen-ahead", daemon=True)
    thread.start()
    try:
        while True:
            more, found = done.get()
            if not more:
                if isinstance(found, BaseException):
                    raise found
                return
            yield found  # type: ignore[misc]  # a result wherever `more` says so
    finally:
        stop.set()
        if on_stop is not None:
            on_stop()
        thread.join()
