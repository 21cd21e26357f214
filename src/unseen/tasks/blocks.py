"""Scores of very many classes, a block of classes at a time: exact, in memory that does not grow with their number."""

from __future__ import annotations

import sys
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from threadpoolctl import ThreadpoolController

from unseen.decision.evidence import Tally
from unseen.encoders.prompts import TextPrototypes
from unseen.prototypes import Prototypes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy.typing as npt

    from unseen.methods.base import Method

__all__ = ["BlockScorer", "RunningTally", "RunningTop", "top_classes"]

Array = np.ndarray[Any, Any]

_BLAS = Lock()

#: Classes (with ``ensemble="scores"``: their texts) scored at a time where there are more than this.
BLOCK = 16_384
#: Up to so many, what a method computes from prototypes alone is kept; beyond, it is computed again in every pass,
#: and blocks are smaller, so that a pass serves more items.
KEPT, SMALL_BLOCK = 65_536, 4096
#: Scores held at a time, in numbers: 32 MB.
_SCORES = 1 << 22


class BlockScorer:
    """Scores vectors against classes, a block of them after another.

    Parameters
    ----------
    method : Method
        What scores.
    classes : Prototypes or TextPrototypes
        The C classes.
    side : ndarray of shape (S, k) or None, default None
        Prototypes that are scored besides: of seen classes, of a background.
    block : int or None, default None
        Classes (or texts) in a block; None for 16,384, and for 4,096 where there are more than 65,536.

    Notes
    -----
    A method whose scores depend on a class's rivals, or on the other items, is never cut. Up to 65,536 classes, what
    depends on prototypes alone is computed once; beyond, once per call: then score many items at a time.
    """

    def __init__(
        self,
        method: Method,
        classes: Prototypes | TextPrototypes,
        *,
        side: npt.NDArray[np.float32] | None = None,
        block: int | None = None,
    ) -> None:
        self._method = method
        self._classes = classes
        self._side = side if side is not None and len(side) else None
        rows = self._first_row(classes.n_classes)
        if block is None:
            block = BLOCK if rows <= KEPT else SMALL_BLOCK
        tags = method.capabilities
        self._cuts = _cuts(classes, rows if tags.transductive or tags.generative else block)
        self._kept: dict[int, Callable[[npt.ArrayLike], Array]] = {}
        self._keep = len(self._cuts) == 2 or rows <= KEPT
        #: Whether every call costs what depends on the prototypes alone.
        self.repeats = not self._keep
        #: How many vectors may be scored at a time.
        self.at_once = max(1, _SCORES // min(rows, block)) if not tags.transductive else sys.maxsize

    def __call__(self, vectors: Array) -> tuple[Array | None, Iterator[tuple[int, Array]]]:
        """Return the scores (n, S) of the side or None, and the blocks: each its first class and scores (n, block)."""
        first = self._part(0, vectors)
        n = self._first_row(self._cuts[1])
        side = first[:, n:] if self._side is not None else None
        return side, self._blocks(vectors, first[:, :n])

    def _blocks(self, vectors: Array, first: Array) -> Iterator[tuple[int, Array]]:
        for i, (start, stop) in enumerate(zip(self._cuts[:-1], self._cuts[1:], strict=True)):
            scores = self._part(i, vectors) if i else first
            if isinstance(self._classes, TextPrototypes):
                scores = self._classes.combine(scores, first=start, last=stop)
            yield start, scores

    def _first_row(self, position: int) -> int:
        return int(self._classes.starts[position]) if isinstance(self._classes, TextPrototypes) else position

    def _part(self, i: int, vectors: Array) -> Array:
        """Return the scores of the rows of block `i`; those of the first one with the side's behind them."""
        # One thread: the other cores are decoding and encoding, and BLAS threads that wait take them away.
        # The limit is the process's, so one call at a time: two that overlap could restore each other's.
        with _BLAS, _blas().limit(limits=1, user_api="blas"):
            score = self._kept.get(i)
            if score is None:
                score = self._method.scorer(self._prototypes(i))
                if self._keep:
                    self._kept[i] = score
            return score(vectors)

    def _prototypes(self, i: int) -> Prototypes:
        start, stop = self._first_row(self._cuts[i]), self._first_row(self._cuts[i + 1])
        side = self._side if i == 0 else None
        if isinstance(self._classes, Prototypes) and len(self._cuts) == 2 and side is None:
            return self._classes
        rows = self._classes.vectors[start:stop]
        if side is not None:
            rows = np.concatenate([rows, side])
        return Prototypes([str(j) for j in range(len(rows))], rows)


def _cuts(classes: Prototypes | TextPrototypes, size: int) -> list[int]:
    """Return where the blocks of classes begin, and C at last; a block has at most `size` rows, or one class."""
    if isinstance(classes, Prototypes):
        return [*range(0, classes.n_classes, size), classes.n_classes]
    cuts = [0]
    while cuts[-1] < classes.n_classes:
        limit = classes.starts[cuts[-1]] + size
        cuts.append(max(cuts[-1] + 1, int(np.searchsorted(classes.starts, limit, side="right")) - 1))
    return cuts


class RunningTop:
    """The best `k` of each row of a score matrix that comes in blocks of columns; ties in column order.

    Attributes
    ----------
    positions, values : ndarray of shape (n, at most k)
        Columns and their scores, best first.
    """

    def __init__(self, n: int, k: int) -> None:
        self._k = k
        self.positions: npt.NDArray[np.intp] = np.zeros((n, 0), np.intp)
        self.values: Array = np.zeros((n, 0))

    def add(self, start: int, scores: Array) -> None:
        """Take in the columns from `start` on."""
        best = top_classes(scores, self._k)
        # What came before stands before: a stable sort then keeps ties in column order.
        positions = np.concatenate([self.positions, best + start], axis=1)
        values = np.concatenate([self.values, np.take_along_axis(scores, best, axis=1)], axis=1)
        order = np.argsort(-values, axis=1, kind="stable")[:, : self._k]
        self.positions = np.take_along_axis(positions, order, axis=1)
        self.values = np.take_along_axis(values, order, axis=1)


class RunningTally:
    """The tally of score rows that come in blocks of columns; minus infinity stands for a class that does not count."""

    def __init__(self, n: int, temperature: float) -> None:
        self._temperature = temperature
        self._best: Array = np.full(n, -np.inf)
        self._log_sum: Array = np.full(n, -np.inf)

    def add(self, scores: Array) -> None:
        """Take in some columns."""
        from scipy.special import logsumexp

        self._best = np.maximum(self._best, scores.max(axis=1))
        self._log_sum = np.logaddexp(self._log_sum, logsumexp(scores / self._temperature, axis=1))

    def done(self, n_classes: Array | int, seen_scores: Array | None, background_scores: Array | None) -> Tally:
        """Return the tally of all columns."""
        from scipy.special import logsumexp

        return Tally(
            self._best,
            self._log_sum,
            n_classes,
            None if seen_scores is None else seen_scores.max(axis=1),
            None if background_scores is None else logsumexp(background_scores / self._temperature, axis=1),
        )


@cache
def _blas() -> ThreadpoolController:
    """Return the controller of BLAS threads; finding the libraries takes too long to do it for every batch."""
    return ThreadpoolController()


def top_classes(scores: Array, k: int) -> npt.NDArray[np.intp]:
    """Return the positions (n, k) of the k best scores of each row, best first; ties in column order."""
    n, n_classes = scores.shape
    if k >= n_classes or n_classes <= 1024:
        return np.argsort(-scores, axis=1, kind="stable")[:, :k]
    # With many classes, sort only what can be among the best: all that reach the k-th score, ties included.
    out = np.empty((n, k), np.intp)
    cut = np.partition(scores, n_classes - k, axis=1)[:, n_classes - k]
    for row in range(n):
        candidates = np.flatnonzero(scores[row] >= cut[row])
        out[row] = candidates[np.argsort(-scores[row, candidates], kind="stable")[:k]]
    return out
