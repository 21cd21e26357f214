"""Compatibility x' W p, learned by stochastic gradient descent on a ranking loss: what ALE, DeViSE, SJE, LatEm share.

The papers' loops take one sample at a time and touch a d x k matrix for each. Two facts make that cheap without
changing a number: a step adds a product of a vector and a combination of seen prototypes, so that whatever the loop
learns lies in the span of the seen prototypes (at most C directions of the k); and the losses of a mini-batch against
all classes are one matrix product.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import linalg
from threadpoolctl import threadpool_limits

from unseen.methods.base import Method
from unseen.methods.linalg import directions_from, unit_rows
from unseen.methods.samples import blocks
from unseen.validation import check_number, check_seed, check_switch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from unseen.methods.samples import Samples

Array = np.ndarray[Any, Any]

__all__ = ["epochs", "standardised", "summed_violations"]

# Directions in which prototypes differ less than this, relative to the longest, are rounding of single precision.
_FLAT = 1e-6


def epochs(
    Z: Array,
    y: Array,
    T: Array,
    weigh: Callable[[Array], Array],
    *,
    weights: Array,
    start: Array,
    learning_rate: float,
    n_epochs: int,
    batch_size: int,
    average: bool,
    random: np.random.RandomState,
) -> Iterator[Array]:
    """Learn compatibilities, and yield what is learned after every pass: one run holds all shorter ones.

    Parameters
    ----------
    Z : ndarray of shape (n, d)
        Vectors, in the precision to compute in.
    y : ndarray of int of shape (n,)
        Their classes.
    T : ndarray of shape (C, q)
        Prototypes, in the same precision.
    weigh : callable
        Given margins' violations (b, C), above zero where a wrong class comes within a margin of one of the true
        class, returns how strongly each pushes, (b, C): at least zero, and zero where nothing is violated.
    weights : ndarray of shape (n,)
        How much the loss of each vector counts.
    start : ndarray of shape (d, K, q)
        The matrices to start from; the compatibility is the largest of the K products.
    learning_rate : float
        Step of one sample; those of a mini-batch add up.
    n_epochs : int
        Passes over the vectors, each in a new random order.
    batch_size : int
        Vectors whose violations are judged by the same matrices.
    average : bool
        Whether the mean of the matrices after every step is yielded in place of the last ones.
    random : RandomState
        Gives the orders.

    Yields
    ------
    ndarray of shape (d, K, q)
        A new array each time.
    """
    d, n_matrices, q = start.shape
    M = start.astype(Z.dtype).reshape(d, n_matrices * q)
    mean, steps = np.zeros_like(M), 0
    which = np.arange(n_matrices)[:, None]
    for _ in range(n_epochs):
        order = random.permutation(len(Z))
        for begin in range(0, len(Z), batch_size):
            chosen = order[begin : begin + batch_size]
            z, classes, rows = Z[chosen], y[chosen], np.arange(len(chosen))
            candidates = (z @ M).reshape(len(z), n_matrices, q) @ T.T
            best = candidates.argmax(axis=1)[:, None, :]
            scores = np.take_along_axis(candidates, best, axis=1)[:, 0]
            violations = scores + (1 - scores[rows, classes])[:, None]
            violations[rows, classes] = 0
            pushes = weigh(violations) * weights[chosen, None]
            pushes[rows, classes] = -pushes.sum(axis=1)
            if pushes.any():
                shares = np.where(best == which, pushes[:, None, :], 0) @ T
                M -= learning_rate * (z.T @ shares.reshape(len(z), -1))
            if average:
                steps += 1
                mean += (M - mean) / steps
        yield (mean if average else M).reshape(d, n_matrices, q).copy()


def summed_violations(violations: Array) -> Array:
    """Let every violated margin push alike."""
    return np.asarray(violations > 0, dtype=violations.dtype)


def standardised(samples: Samples) -> tuple[Array, float]:
    """Return centred vectors (n, d) in single precision, of mean squared length one, and the length taken out.

    Rotating them into their principal axes would change nothing either (the loop only ever adds multiples of vectors
    and takes inner products), but costs more than it saves where they span all d directions.
    """
    centred = np.empty((samples.n, samples.d), dtype=np.float64 if samples.X.dtype == np.float64 else np.float32)
    squares = 0.0
    for rows, block in blocks(samples.X):
        offsets = block - samples.mean
        squares += float(np.square(offsets).sum())
        centred[rows] = offsets
    length = float(np.sqrt(squares / samples.n)) or 1.0
    centred /= length
    return centred.astype(np.float32, copy=False), length


class _Bilinear(Method):
    """Base of methods that learn by `epochs`; a subclass writes `_weigh`."""

    family = "correspondence"

    def __init__(
        self,
        learning_rate: float = 0.03,
        *,
        n_epochs: int = 10,
        batch_size: int = 32,
        average: bool = True,
        center: bool = True,
        balanced: bool = True,
        normalize: bool = True,
        random_state: Any = None,
    ) -> None:
        self.learning_rate = learning_rate
        self.n_epochs = n_epochs
        self.batch_size = batch_size
        self.average = average
        self.center = center
        self.balanced = balanced
        self.normalize = normalize
        self.random_state = random_state

    def _weigh(self, violations: Array) -> Array:
        raise NotImplementedError  # pragma: no cover

    def _start(self, random: np.random.RandomState, d: int, q: int) -> Array:
        """Return the matrices (d, K, q) to start from."""
        return np.zeros((d, 1, q), dtype=np.float32)

    def _fit_samples(self, samples: Samples, S: Array) -> None:
        owner = type(self).__name__
        learning_rate = check_number(owner, "learning_rate", self.learning_rate, low=0, low_open=True)
        n_epochs = int(check_number(owner, "n_epochs", self.n_epochs, low=1, integer=True))
        batch_size = int(check_number(owner, "batch_size", self.batch_size, low=1, integer=True))
        average = check_switch(owner, "average", self.average)
        center = check_switch(owner, "center", self.center)
        balanced = check_switch(owner, "balanced", self.balanced)
        check_switch(owner, "normalize", self.normalize)
        random = check_seed(owner, self.random_state)
        self.feature_mean_ = samples.mean
        self.semantic_mean_ = S.mean(axis=0) if center else np.zeros(S.shape[1])
        prepared = self._prepared(S)
        _, values, right = linalg.svd(prepared, full_matrices=False)
        basis = right[values > _FLAT * values[0]].T
        size = float(np.sqrt(np.square(prepared).sum() / len(S))) or 1.0
        Z, length = standardised(samples)
        shares = samples.n / (len(S) * samples.counts) if balanced else np.ones(len(S))
        passes = epochs(
            Z,
            samples.y,
            (prepared @ basis / size).astype(np.float32),
            self._weigh,
            weights=shares[samples.y].astype(np.float32),
            start=self._start(random, samples.d, basis.shape[1]),
            learning_rate=learning_rate,
            n_epochs=n_epochs,
            batch_size=batch_size,
            average=average,
            random=random,
        )
        # A step's products are too small to share out: threads that wait for each other take longer than one alone,
        # many times longer where other programs want the processors too.
        with threadpool_limits(1, user_api="blas"):
            (learned,) = deque(passes, maxlen=1)
        self._keep(learned.astype(np.float64) @ basis.T / (length * size))

    def _keep(self, matrices: Array) -> None:
        """Keep what was learned, (d, K, k)."""
        self.coef_ = matrices[:, 0]

    def _prepared(self, P: Array) -> Array:
        return directions_from(self.semantic_mean_, P) if self.center else P

    def _scorer(self, P: Array) -> Callable[[Array], Array]:
        classifiers = self._prepared(P) @ self.coef_.T
        if self.normalize:
            classifiers = unit_rows(classifiers)
        return lambda X: np.asarray((X - self.feature_mean_) @ classifiers.T)

    def _class_scores(self, X: Array, P: Array) -> Array:
        return self._scorer(P)(X)
