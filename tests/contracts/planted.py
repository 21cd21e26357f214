"""A sound method, and the register of its faulty variants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.methods.base import Citation, Method
from unseen.methods.linalg import cosine
from unseen.validation import check_number

if TYPE_CHECKING:
    from collections.abc import Callable

Array = np.ndarray[Any, Any]


class Sound(Method):
    """Least squares from vectors to prototypes, compared by cosine.

    Parameters
    ----------
    alpha : float, default 0.01
        Penalty.
    power : int, default 2
        Exponent of the penalty.

    Notes
    -----
    Nothing to note.

    References
    ----------
    None.

    Examples
    --------
    >>> Sound()
    Sound()
    """

    family = "projection"
    citation = Citation("Somebody", "Something", "Somewhere", 2000)

    def __init__(self, alpha: float = 0.01, *, power: int = 2) -> None:
        self.alpha = alpha
        self.power = power

    def _fit(self, X: Array, y: Array, S: Array) -> None:
        penalty = check_number("Sound", "alpha", self.alpha, low=0, low_open=True)
        penalty = penalty ** check_number("Sound", "power", self.power, low=0, integer=True)
        self.coef_ = np.linalg.solve(X.T @ X + (penalty + 1e-9) * np.eye(X.shape[1]), X.T @ S[y])

    def _class_scores(self, X: Array, P: Array) -> Array:
        return cosine(X @ self.coef_, P)


class Fault:
    """A method with a fault, the check that must catch it, and what that check must say."""

    def __init__(self, method: Method, check: str, says: str) -> None:
        self.method, self.check, self.says = method, check, says


FAULTS: list[Fault] = []


def caught_by(check: str, says: str) -> Callable[[type[Method]], type[Method]]:
    def register(cls: type[Method]) -> type[Method]:
        try:
            method = cls()
        except TypeError:
            method = cls(1.0)  # the fault is an argument without default
        FAULTS.append(Fault(method, check, says))
        return cls

    return register
