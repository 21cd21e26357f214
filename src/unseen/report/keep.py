"""What to keep of a stream too long to keep: the least certain items, and the best examples of each class."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["BestExamples", "LeastCertain"]


class _Numbered(Protocol):
    @property
    def index(self) -> int:
        """Its place among all that came, its own."""


_Kept = TypeVar("_Kept", bound=_Numbered)


class LeastCertain:
    """The positions of the least certain items seen so far, at most `limit` of them.

    Parameters
    ----------
    limit : int
        How many to keep.

    Notes
    -----
    Unknown items count as less certain than recognised ones, but where there are more of both than fit, half of
    the room is the recognised items': a run with thousands of unknown items must still show its doubtful answers.
    What is kept depends on the items alone, not on how they were batched; ties go to the earlier item.
    O(log limit) per item.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        # Max-heaps by way of negated keys: on top lies what goes next.
        self._recognised: list[tuple[float, int]] = []
        self._unknown: list[tuple[float, int]] = []

    def offer(self, index: int, certainty: float, *, unknown: bool) -> int | None:
        """Take in an item and return the index of the one that must go for it (perhaps itself), if any."""
        heapq.heappush(self._unknown if unknown else self._recognised, (-certainty, -index))
        if len(self._unknown) + len(self._recognised) <= self._limit:
            return None
        too_many_unknown = len(self._unknown) > (self._limit + 1) // 2
        _, gone = heapq.heappop(self._unknown if too_many_unknown else self._recognised)
        return -gone

    def indices(self) -> list[int]:
        """Return the kept indices, least certain first."""
        return [-index for heap in (self._unknown, self._recognised) for _, index in sorted(heap, reverse=True)]


class BestExamples(Generic[_Kept]):
    """The most certain items of each class, a few per class and at most `limit` in all.

    Parameters
    ----------
    per_class : int
        How many of one class to keep.
    limit : int
        How many to keep in all; the weakest of the classes with the most go first.

    Notes
    -----
    O(limit) per item at worst.
    """

    def __init__(self, per_class: int, limit: int) -> None:
        self._per_class = per_class
        self._limit = limit
        self._heaps: dict[int, list[tuple[float, int]]] = {}
        self._cards: dict[int, _Kept] = {}

    def admits(self, group: int, certainty: float, index: int) -> bool:
        """Tell whether an item would stay if it were added; cheap, so that thumbnails can wait for it."""
        heap, key = self._heaps.get(group, []), (certainty, -index)
        if heap and key > heap[0]:
            return True
        if len(heap) == self._per_class:
            return False
        if len(self._cards) < self._limit:
            return True
        # Full, and the weakest of its class: it stays if another class has more, or as many but a weaker one.
        most = max(map(len, self._heaps.values()))
        return len(heap) + 1 < most or (
            len(heap) + 1 == most and key > min(h[0] for h in self._heaps.values() if len(h) == most)
        )

    def add(self, group: int, certainty: float, card: _Kept) -> None:
        """Take in a card of class `group`."""
        heap = self._heaps.setdefault(group, [])
        heapq.heappush(heap, (certainty, -card.index))
        self._cards[card.index] = card
        if len(heap) > self._per_class:
            self._drop(group)
        if len(self._cards) > self._limit:
            self._drop(min(self._heaps, key=lambda g: (-len(self._heaps[g]), self._heaps[g][0])))

    def _drop(self, group: int) -> None:
        _, index = heapq.heappop(self._heaps[group])
        del self._cards[-index]
        if not self._heaps[group]:
            del self._heaps[group]

    def choose(self, groups: Sequence[int], limit: int) -> list[_Kept]:
        """Return up to `limit` cards: the best of each group in turn, then the second best, and so on.

        The cards come back grouped, in the order of `groups`, best first.
        """
        ranked = {group: sorted(self._heaps.get(group, []), reverse=True) for group in groups}
        chosen: dict[int, int] = dict.fromkeys(groups, 0)
        room = limit
        for rank in range(self._per_class):
            for group in groups:
                if room and rank < len(ranked[group]):
                    chosen[group] += 1
                    room -= 1
        return [self._cards[-index] for group in groups for _, index in ranked[group][: chosen[group]]]
