"""Thresholds: from which probability on a class is accepted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.tasks.checks import no_class
from unseen.validation import check_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

__all__ = ["check_thresholds"]

#: For classes that a mapping does not name.
_DEFAULT = 0.5


def check_thresholds(threshold: Any, names: Sequence[str]) -> npt.NDArray[np.float32]:
    """Return the threshold of every class: one number of shape (), or of shape (C,) where classes have their own.

    Raises
    ------
    InputError
        When a threshold is no number in [0, 1], or is given for something else than a class.
    """
    if not isinstance(threshold, Mapping):
        return np.asarray(check_number("classify", "threshold", threshold, low=0, high=1), np.float32)
    values = np.full(len(names), _DEFAULT, np.float32)
    position = {name: i for i, name in enumerate(names)}
    for name, value in threshold.items():
        if name not in position:
            raise no_class("classify", "threshold", "given for classes of the vocabulary", name, names)
        values[position[name]] = check_number("classify", f"threshold of {name!r}", value, low=0, high=1)
    return values
