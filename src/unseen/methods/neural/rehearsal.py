"""How long to train, chosen on classes held out of training: they play the unseen ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.decision.calibration import fit_temperature
from unseen.metrics.accuracy import per_class_top_k
from unseen.metrics.gzsl import seen_unseen_curve

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FEWEST_CLASSES", "Rehearsal", "Roles", "cast"]

Array = np.ndarray[Any, Any]
#: With fewer classes than this, held-out ones say less than the usual number of epochs does.
FEWEST_CLASSES = 12
# Share of the training classes' samples that competes with held-out classes, and the most of a class that is judged.
_KEPT, _JUDGED = 0.15, 60


@dataclass(frozen=True)
class Roles:
    """Who plays what: rows of the training data and positions of classes.

    Attributes
    ----------
    learned, kept, held : ndarray of int
        Rows that are trained on; of the same classes, rows that are judged; rows of held-out classes.
    classes : ndarray of int of shape (C,)
        Training classes, then held-out ones.
    n_trained : int
        How many of them are trained on.
    """

    learned: Array
    kept: Array
    held: Array
    classes: Array
    n_trained: int

    def places(self, y: Array) -> Array:
        """Return where the classes y stand in `classes`."""
        places = np.empty(len(self.classes), np.intp)
        places[self.classes] = np.arange(len(self.classes))
        found: Array = places[y]
        return found


def cast(y: Array, n_classes: int, *, share: float, seed: int) -> Roles:
    """Hold out this share of the classes, at least two, and some samples of the others."""
    random = np.random.default_rng(seed)
    order = random.permutation(n_classes)
    n_held = min(max(2, round(share * n_classes)), n_classes - 2)
    trained, held = np.sort(order[n_held:]), np.sort(order[:n_held])
    kept, learned, judged = [], [], []
    for c in trained:
        rows = random.permutation(np.flatnonzero(y == c))
        n = min(int(_KEPT * len(rows)), _JUDGED)
        kept.append(rows[:n])
        learned.append(np.sort(rows[n:]))
    judged = [random.permutation(np.flatnonzero(y == c))[:_JUDGED] for c in held]
    return Roles(
        np.concatenate(learned),
        np.concatenate(kept),
        np.concatenate(judged),
        np.concatenate([trained, held]),
        len(trained),
    )


@dataclass
class Rehearsal:
    """What training with held-out classes has shown so far.

    Attributes
    ----------
    curve : list of (int, float)
        Epochs done, and per-class accuracy of held-out classes among themselves.
    penalty : float
        What to subtract from seen classes' scores where they compete with unseen ones.
    temperature : float
        What to divide scores by before the softmax.
    """

    curve: list[tuple[int, float]]
    penalty: float = 0.0
    temperature: float = 1.0

    @property
    def epochs(self) -> int:
        """Where the accuracy was highest; the first such epoch."""
        return max(self.curve, key=lambda point: (point[1], -point[0]))[0]

    def hopeless(self, patience: int) -> bool:
        """Say whether the last `patience` looks showed nothing better than what was there before them."""
        values = [value for _, value in self.curve]
        return len(values) > patience and max(values[-patience:]) <= max(values[:-patience])


def accuracy_alone(y: Array, score: Callable[[Array], Array], Z: Array) -> float:
    """Return per-class accuracy of vectors Z (n, r) of classes y (n,)."""
    return per_class_top_k(y, score(Z))


def decide(y: Array, scores: Array, n_trained: int) -> tuple[float, float]:
    """Return the best penalty on trained classes, and the likeliest temperature among held-out ones.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Places of the true classes: trained ones first.
    scores : ndarray of shape (n, C)
        For all classes.
    n_trained : int
        How many were trained on.
    """
    trained = np.arange(scores.shape[1]) < n_trained
    new = y >= n_trained
    penalty = 0.0
    if not new.all():
        penalty = float(seen_unseen_curve(y, scores, trained).best()[0])
    return penalty, fit_temperature([scores[new][:, n_trained:]], [y[new] - n_trained])
