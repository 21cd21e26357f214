"""What methods that turn a prototype into a classifier share: where prototypes are measured from, small checks."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from unseen.errors import InputError
from unseen.methods.linalg import unit_rows
from unseen.validation import message

Array = np.ndarray[Any, Any]

__all__ = ["check_seed", "check_switch", "directions_from"]

# A prototype nearer to the mean than this share of its length is the mean: prototypes come in single precision, and
# what rounding leaves of it must not be blown up to a direction of length one.
_NEAR = 1e-6


def directions_from(mean: Array, P: Array) -> Array:
    """Return prototypes P (C, k) as directions from `mean` (k,), scaled to length one; zero where P is the mean."""
    offsets = P - mean
    lengths = np.linalg.norm(offsets, axis=1)
    return unit_rows(np.where((lengths > _NEAR * np.linalg.norm(P, axis=1))[:, None], offsets, 0.0))


def check_switch(owner: str, argument: str, value: Any) -> bool:
    """Return `value` if it is True or False, else raise `InputError`."""
    if not isinstance(value, bool | np.bool_):
        raise InputError(message(owner, argument, "True or False", value, "Pass one of the two"))
    return bool(value)


def check_seed(owner: str, value: Any) -> np.random.RandomState:
    """Return the random numbers that `random_state` stands for, else raise `InputError`."""
    try:
        random: np.random.RandomState = check_random_state(value)
    except ValueError:
        expected = "None, a whole number from 0 to 2**32 - 1, or a numpy RandomState"
        raise InputError(message(owner, "random_state", expected, value, "Pass a number to repeat a fit")) from None
    return random
