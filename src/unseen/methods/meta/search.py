"""Many methods tried on the same folds, each fold's work done once."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.methods.folds import by_front, score_fold
from unseen.methods.meta.weights import spread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from unseen.methods.base import Array, Method
    from unseen.methods.folds import Fold

__all__ = ["Found", "search"]


@dataclass
class Found:
    """What one candidate did.

    Attributes
    ----------
    method : Method
        The candidate, unfitted.
    scores : list of ndarray of shape (m, H)
        Per fold: scores of the held-out vectors for the held-out classes, in single precision.
    accuracies : list of float
        Per fold: per-class accuracy.
    """

    method: Method
    scores: list[Array] = field(default_factory=list)
    accuracies: list[float] = field(default_factory=list)

    @property
    def accuracy(self) -> float:
        """Mean over folds."""
        return float(np.mean(self.accuracies)) if self.accuracies else 0.0

    @property
    def spread(self) -> float:
        """Mean over folds of the spread of the scores."""
        return float(np.mean([spread(scores) for scores in self.scores]))


def search(owner: str, candidates: Sequence[Method], folds: Sequence[Fold], *, deadline: float = np.inf) -> list[Found]:
    """Try candidates on all folds, those that prepare vectors alike together.

    Candidates that cannot be finished before `deadline` (of ``time.monotonic``) are left out: none is judged on fewer
    folds than the others.
    """
    found = [Found(method) for method in candidates]
    for group in by_front(candidates, owner):
        members = [found[j] for j in group]
        for i, fold in enumerate(folds):
            shared: dict[str, Any] = {}
            for one in members:
                if len(one.scores) < i or time.monotonic() > deadline:
                    continue
                alone = score_fold(one.method, fold, shared).alone
                one.scores.append(alone.astype(np.float32))
                one.accuracies.append(fold.accuracy(alone))
    return [one for one in found if len(one.scores) == len(folds)]
