"""Small made-up problems that methods are checked on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import clone

from unseen.prototypes import Prototypes

if TYPE_CHECKING:
    from unseen.methods.base import Method

__all__ = ["Problem", "fitted", "fresh", "make_problem"]

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Problem:
    """Labelled vectors of seen classes, vectors of unseen ones, and prototypes of both.

    Attributes
    ----------
    X : ndarray of shape (n, d)
        Vectors of seen classes.
    y : ndarray of str of shape (n,)
        Their names.
    X_new : ndarray of shape (m, d)
        Vectors of unseen classes.
    y_new : ndarray of str of shape (m,)
        Their names.
    prototypes : Prototypes
        Of seen and unseen classes, mixed.
    unseen : Prototypes
        Of unseen classes alone.
    """

    X: Array
    y: Array
    X_new: Array
    y_new: Array
    prototypes: Prototypes
    unseen: Prototypes

    def with_vectors(self, X: Array, X_new: Array) -> Problem:
        """Return the same problem with other vectors."""
        return replace(self, X=X, X_new=X_new)


def make_problem(
    method: Method,
    *,
    seed: int = 0,
    n_seen: int = 6,
    n_unseen: int = 4,
    per_class: int = 8,
    d: int = 10,
    k: int = 5,
    noise: float = 0.05,
    prefix: str = "class",
) -> Problem:
    """Make a problem in which class means depend linearly on prototypes.

    Where the method is tagged ``shared_space``, d is k and that dependence is the identity.
    """
    rng = np.random.default_rng(seed)
    shared = method.capabilities.shared_space
    d = k if shared else d
    n_classes = n_seen + n_unseen
    vectors = rng.normal(size=(n_classes, k))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    map_ = np.eye(k) if shared else rng.normal(size=(k, d))
    means = vectors @ map_
    names = np.array([f"{prefix} {i:02d}" for i in range(n_classes)])
    order = rng.permutation(n_classes)
    seen, unseen = np.sort(order[:n_seen]), np.sort(order[n_seen:])

    def sample(classes: Array) -> tuple[Array, Array]:
        labels = np.repeat(classes, per_class)
        return means[labels] + noise * rng.normal(size=(len(labels), d)), names[labels]

    X, y = sample(seen)
    X_new, y_new = sample(unseen)
    everything = Prototypes(names.tolist(), vectors, seen=np.isin(np.arange(n_classes), seen))
    return Problem(X, y, X_new, y_new, everything, everything.subset(names[unseen].tolist()))


def fresh(method: Method) -> Method:
    """Return an unfitted copy; a random method gets a fixed seed."""
    copy: Method = clone(method)
    parameters = copy.get_params(deep=False)
    if "random_state" in parameters and parameters["random_state"] is None:
        copy.set_params(random_state=0)
    return copy


def fitted(method: Method, problem: Problem) -> Method:
    """Return a copy of `method`, fitted to `problem`."""
    return fresh(method).fit(problem.X, problem.y, prototypes=problem.prototypes)
