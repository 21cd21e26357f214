"""Checks that several tasks share: vectors that a recogniser's method can score, and names of classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.errors import InputError
from unseen.validation import message, nearest, verbatim

if TYPE_CHECKING:
    from collections.abc import Collection

    from unseen.encoders.prompts import TextPrototypes
    from unseen.methods.base import Method
    from unseen.prototypes import Prototypes

__all__ = ["check_vectors", "no_class"]

Array = np.ndarray[Any, Any]


def check_vectors(
    owner: str, argument: str, X: Any, *, method: Method, prototypes: Prototypes | TextPrototypes
) -> Array:
    """Return vectors (n, d) that a method can score for these prototypes.

    Raises
    ------
    InputError
        When they are no finite numbers of shape (n, d) with n at least 1, or not of the method's dimension.
    """
    try:
        vectors = np.asarray(X)
    except ValueError:  # of different lengths
        vectors = np.zeros(0)
    if vectors.ndim != 2 or vectors.dtype.kind not in "fiu" or not len(vectors):
        expected = "numbers of shape (n, d) with n at least 1"
        raise InputError(message(owner, argument, expected, X, "Pass one vector per item"))
    d = prototypes.n_dimensions if method.capabilities.shared_space else vectors.shape[1]
    d = getattr(method, "n_features_in_", d)
    if vectors.shape[1] != d:
        found = verbatim(f"{vectors.shape[1]} dimensions")
        remedy = "Encode the items with the recogniser's encoder"
        raise InputError(message(owner, argument, f"of {d} dimensions, like the recogniser's", found, remedy))
    sound = np.isfinite(vectors).all(axis=1)
    if not sound.all():
        found = verbatim(f"NaN or infinity in row {int(sound.argmin())}")
        raise InputError(message(owner, argument, "finite", found, "Leave that item out"))
    return vectors


def no_class(owner: str, argument: str, expected: str, name: object, names: Collection[str]) -> InputError:
    """Return what to raise about a name that is none of a vocabulary's; the nearest of those are listed."""
    near = nearest(str(name), names)
    remedy = f"Known and near: {', '.join(near)}" if near else f"There are {len(names):,} classes"
    return InputError(message(owner, argument, expected, name, remedy))
