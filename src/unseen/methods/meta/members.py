"""What methods built around other methods share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import clone

from unseen.errors import InputError
from unseen.methods.base import Method
from unseen.validation import message

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from unseen.methods.base import Array

__all__ = ["inner_method", "seen_rows", "weighted_scorer"]


def inner_method(owner: str, method: Any) -> Method:
    """Return a clone of an inductive method to fit; `KernelRidge` for None.

    Raises
    ------
    InputError
        When it is something else.
    """
    from unseen.methods.projection.kernel_ridge import KernelRidge

    if method is None:
        return KernelRidge()
    if not isinstance(method, Method) or method.capabilities.transductive:
        raise InputError(message(owner, "method", "an inductive method or None", method, "Pass an instance"))
    copy: Method = clone(method)
    return copy


def seen_rows(seen: Array, P: Array) -> Array:
    """Return the row of `seen` (C_seen, k) that each row of P (C, k) equals, -1 where it equals none."""
    known = {row.tobytes(): i for i, row in enumerate(seen.astype(np.float32))}
    return np.array([known.get(row.tobytes(), -1) for row in P.astype(np.float32)], dtype=np.intp)


def weighted_scorer(methods: Sequence[Method], weights: Array, P: Array) -> Callable[[Array], Array]:
    """Return what scores vectors for prototypes P by the weighted sum of fitted methods' scores."""
    scorers = [method._scorer(P) for method in methods]
    return lambda X: np.sum([w * score(X) for w, score in zip(weights, scorers, strict=True)], axis=0)
