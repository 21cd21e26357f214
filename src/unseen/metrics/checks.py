"""What metrics ask of their input, and how they say that it is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.errors import InputError
from unseen.validation import message, verbatim

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["check_flags", "check_matrix", "check_positions", "check_probabilities", "check_scores", "check_values"]

Array = np.ndarray[Any, Any]

#: Softmax in single precision misses 0, 1 and a sum of 1 by about this much.
_ROUNDING = 1e-3


def check_scores(owner: str, y: npt.ArrayLike, scores: npt.ArrayLike) -> tuple[Array, Array]:
    """Return positions (n,) and finite scores (n, C) as arrays, or say what is wrong with them."""
    targets, matrix = _as_array(owner, "y", y), _as_numbers(owner, "scores", scores)
    if matrix.ndim != 2 or targets.shape != (len(matrix),) or not matrix.size:
        shapes = verbatim(f"{targets.shape} and {matrix.shape}")
        expected = "of shapes (n,) and (n, C) with n at least 1"
        raise InputError(message(owner, "y and scores", expected, shapes, "Pass one position and one row per item"))
    if targets.dtype.kind not in "iu" or targets.min() < 0 or targets.max() >= matrix.shape[1]:
        expected = f"positions from 0 to {matrix.shape[1] - 1}"
        raise InputError(message(owner, "y", expected, targets, "Pass columns of scores, as integers"))
    _check_finite(owner, "scores", matrix)
    return targets.astype(np.intp), matrix


def check_matrix(owner: str, scores: npt.ArrayLike) -> Array:
    """Return finite scores (n, C) as an array, or say what is wrong with them."""
    matrix = _as_numbers(owner, "scores", scores)
    if matrix.ndim != 2 or not matrix.size:
        expected = "of shape (n, C) with n and C at least 1"
        raise InputError(message(owner, "scores", expected, verbatim(f"shape {matrix.shape}"), "Pass one row per item"))
    _check_finite(owner, "scores", matrix)
    return matrix


def check_probabilities(
    owner: str, y: npt.ArrayLike, probabilities: npt.ArrayLike, *, complete: bool
) -> tuple[Array, Array]:
    """Return positions (n,) and probabilities (n, C); with `complete`, those of an item must add up to 1."""
    targets, matrix = check_scores(owner, y, probabilities)
    remedy = "Scores are no probabilities: turn them into some first, by a softmax with a fitted temperature"
    low, high = float(matrix.min()), float(matrix.max())
    if low < -_ROUNDING or high > 1 + _ROUNDING:
        found = verbatim(f"values from {low:.4g} to {high:.4g}")
        raise InputError(message(owner, "probabilities", "between 0 and 1", found, remedy))
    if complete:
        sums = matrix.sum(axis=1)
        worst = int(np.abs(sums - 1).argmax())
        if abs(sums[worst] - 1) > _ROUNDING:
            found = verbatim(f"a sum of {sums[worst]:.4g} in row {worst}")
            raise InputError(message(owner, "probabilities", "of sum 1 in every row", found, remedy))
    return targets, np.clip(matrix, 0.0, 1.0)


def check_values(owner: str, argument: str, values: npt.ArrayLike, *, n: int | None = None) -> Array:
    """Return finite numbers (n,) as an array, or say what is wrong with them."""
    numbers = _as_numbers(owner, argument, values)
    if numbers.ndim != 1 or not len(numbers) or (n is not None and len(numbers) != n):
        expected = "of shape (n,) with n at least 1" if n is None else f"of shape ({n},)"
        found = verbatim(f"shape {numbers.shape}")
        raise InputError(message(owner, argument, expected, found, "Pass one number per item"))
    _check_finite(owner, argument, numbers)
    return numbers


def check_positions(owner: str, argument: str, positions: npt.ArrayLike, *, n: int | None = None) -> Array:
    """Return positions (n,) from 0 on as an array, or say what is wrong with them."""
    array = _as_array(owner, argument, positions)
    if array.ndim != 1 or not len(array) or (n is not None and len(array) != n):
        expected = "of shape (n,) with n at least 1" if n is None else f"of shape ({n},)"
        found = verbatim(f"shape {array.shape}")
        raise InputError(message(owner, argument, expected, found, "Pass one position per item"))
    if array.dtype.kind not in "iu" or array.min() < 0:
        raise InputError(message(owner, argument, "positions from 0 on", array, "Pass them as integers"))
    return array.astype(np.intp)


def check_flags(
    owner: str, argument: str, flags: npt.ArrayLike, shape: tuple[int, ...] | None, of: str, remedy: str
) -> Array:
    """Return flags of a shape as an array of bool, or say what is wrong with them; 0 and 1 are as good.

    With None for the shape, any number of flags will do.
    """
    array = _as_array(owner, argument, flags)
    if array.shape != shape if shape is not None else array.ndim != 1:
        found = verbatim(f"shape {array.shape}")
        expected = "(C,)" if shape is None else str(shape)
        raise InputError(message(owner, argument, f"of shape {expected}, {of}", found, remedy))
    # Positions, or "False" as a text, would all count as true.
    if array.dtype.kind != "b" and not (array.dtype.kind in "iuf" and np.isin(array, (0, 1)).all()):
        raise InputError(message(owner, argument, "True or False throughout", array, remedy))
    return array.astype(bool)


def _as_array(owner: str, argument: str, values: npt.ArrayLike) -> Array:
    try:
        return np.asarray(values)
    except ValueError:
        found = verbatim("rows of different lengths")
        raise InputError(message(owner, argument, "an array", found, "Pass rows of equal length")) from None


def _as_numbers(owner: str, argument: str, values: npt.ArrayLike) -> Array:
    array = _as_array(owner, argument, values)
    try:
        if array.dtype.kind in "biufO":
            return array.astype(np.float64)
    except (TypeError, ValueError):
        pass
    raise InputError(message(owner, argument, "numbers", array, "Pass an array of numbers"))


def _check_finite(owner: str, argument: str, array: Array) -> None:
    if not np.isfinite(array).all():
        found = verbatim("NaN or infinity")
        raise InputError(message(owner, argument, "finite", found, "Check where it comes from"))
