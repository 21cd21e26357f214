"""The images of a file of boxes, found by the names that pictures go by elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["NameIndex"]


class NameIndex:
    """Finds a name among others by as much of its path as both have.

    Parameters
    ----------
    names : iterable of str
        The names that are there.

    Examples
    --------
    >>> from unseen.detection.matching import NameIndex
    >>> index = NameIndex(["train/a.jpg", "val/a.jpg", "b"])
    >>> index.find("/data/val/a.jpg"), index.find("b.png"), index.find("a.jpg")
    ('val/a.jpg', 'b', None)
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(names)
        self._by_end: dict[str, list[str]] = {}
        for name in sorted(self._names):
            for end in _ends(name):
                self._by_end.setdefault(end, []).append(name)

    def find(self, name: str) -> str | None:
        """Return the name that is there for this one; None where there is none, or several that fit as well."""
        if name in self._names:
            return name
        for end in _ends(name):
            there = self._by_end.get(end, [])
            if there:
                return there[0] if len(there) == 1 else None
        return None


def _ends(name: str) -> list[str]:
    """Return the ends of a path, longest first, then those without their suffix."""
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    whole = ["/".join(parts[i:]) for i in range(len(parts))][-4:]
    # Marked, so that "a.jpg" never stands for a file called "a.jpg.png".
    return whole + [f"/{end.rpartition('.')[0] or end}" for end in whole]
