"""Candidates: which classes an item may be of, where that is known item by item."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.errors import InputError
from unseen.tasks.checks import no_class
from unseen.validation import message

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

__all__ = ["Candidates", "UnusedCandidatesWarning"]


class UnusedCandidatesWarning(UserWarning):
    """Candidates were given for items that did not come: their names may be misspelled."""


class Candidates:
    """The classes that each item may be of.

    Parameters
    ----------
    allowed : mapping of str to sequence of str, or callable
        For an item's name, as results give it, the names of the classes it may be of.
    names : sequence of str
        The classes of the vocabulary.

    Raises
    ------
    InputError
        When it is neither, an item's list is no list or empty, or a name is none of the vocabulary's.
    """

    def __init__(self, allowed: Any, names: Sequence[str]) -> None:
        if not isinstance(allowed, Mapping) and not callable(allowed):
            remedy = "Write for example {'a.jpg': ['cat', 'dog']}"
            raise InputError(
                message("classify", "candidates", "a mapping of items to class names, or a callable", allowed, remedy)
            )
        self._names = names
        self._position = {name: i for i, name in enumerate(names)}
        self._allowed: Mapping[str, Sequence[str]] | Callable[[str], Sequence[str]] = allowed
        self._waiting: dict[str, None] = {}
        if isinstance(allowed, Mapping):
            for item, chosen in allowed.items():
                self._check(item, chosen)
            self._waiting = dict.fromkeys(allowed)

    def positions(self, item: str) -> npt.NDArray[np.intp] | None:
        """Return the columns of the classes that an item may be of, or None where nobody said.

        Raises
        ------
        InputError
            When the callable gives something else than names of the vocabulary.
        """
        if isinstance(self._allowed, Mapping):
            chosen = self._allowed.get(item)
            self._waiting.pop(item, None)
            if chosen is None:
                return None
        else:
            chosen = self._allowed(item)
            self._check(item, chosen)
        return np.array(sorted({self._position[name] for name in chosen}), np.intp)

    def unused(self) -> list[str]:
        """Return the items of the mapping that were not met so far."""
        return list(self._waiting)

    def _check(self, item: str, chosen: Any) -> None:
        what = f"the candidates of {str(item)[:80]!r}"
        if isinstance(chosen, str) or not isinstance(chosen, list | tuple | set | frozenset) or not chosen:
            raise InputError(message("classify", what, "a list of at least one class name", chosen, "Name the classes"))
        for name in chosen:
            if not isinstance(name, str) or name not in self._position:
                raise no_class("classify", what, "classes of the vocabulary", name, self._names)
