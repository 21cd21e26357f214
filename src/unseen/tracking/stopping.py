"""Stopping by hand, where nothing is half done."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Hold", "held_interrupts"]


class Hold:
    """A block that Ctrl-C does not tear apart: it is raised at the block's end."""

    def __init__(self) -> None:
        self._inside = self._pressed = False

    def __enter__(self) -> None:
        self._inside = True

    def __exit__(self, *_: object) -> None:
        self._inside = False
        if self._pressed:
            self._pressed = False
            raise KeyboardInterrupt

    def interrupt(self, number: int, frame: Any) -> None:
        """Take note of a signal, or end what runs at once where nothing is held together."""
        del number, frame
        if not self._inside:
            raise KeyboardInterrupt
        self._pressed = True


@contextmanager
def held_interrupts() -> Iterator[Hold]:
    """Hand out what holds Ctrl-C back; where somebody else handles it, or in another thread, it stays as it is."""
    hold = Hold()
    own = threading.current_thread() is threading.main_thread()
    if not own or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield hold
        return
    before = signal.signal(signal.SIGINT, hold.interrupt)
    try:
        yield hold
    finally:
        signal.signal(signal.SIGINT, before)
