"""Folder names and the names in a table, matched as a person would: case, underscores and leading numbers aside."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from unseen.datasets.problems import problem, some
from unseen.validation import nearest, verbatim

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["find_names", "match_names"]

_BREAKS = re.compile(r"[\s_\-+.]+")
_NUMBER = re.compile(r"^\d+[.\s_-]+(?=\D)")


def _plain(name: str) -> str:
    return _BREAKS.sub(" ", unicodedata.normalize("NFC", name)).strip().casefold()


def _unnumbered(name: str) -> str:
    return _plain(_NUMBER.sub("", name))


#: From exact to lenient: "007.Parakeet_Auklet", then "007 parakeet auklet", then "parakeet auklet".
_TIERS: tuple[Callable[[str], str], ...] = (lambda name: unicodedata.normalize("NFC", name), _plain, _unnumbered)


def match_names(owner: object, given: Sequence[str], known: Sequence[str], what: str, where: str) -> dict[str, str]:
    """Return, for every given name, the known name that it stands for.

    Parameters
    ----------
    owner : path or str
        Who complains.
    given, known : sequence of str
        Names to look up, and names to find.
    what : str
        What the given ones are: "folders of photos".
    where : str
        What the known ones are: "classes of birds.csv".

    Raises
    ------
    DatasetError
        When a name is not found, with the nearest known ones; or when two stand for the same, or one could stand for
        several.
    """
    found: dict[str, str] = {}
    for tier in _TIERS:
        table: dict[str, list[str]] = {}
        for name in known:
            table.setdefault(tier(name), []).append(name)
        for name in given:
            hits = [hit for hit in table.get(tier(name), []) if name not in found]
            if len(hits) > 1:
                remedy = "Write the name exactly as one of them"
                raise problem(owner, f"{name!r} among the {what}", "the name of one class", hits, remedy)
            if hits:
                found[name] = hits[0]
    missing = [name for name in given if name not in found]
    if missing:
        near = nearest(_plain(missing[0]), {_plain(name): None for name in known})
        hints = [next(name for name in known if _plain(name) == hit) for hit in near]
        count = f" ({len(missing)} are not: {some(missing, 4)})" if len(missing) > 1 else ""
        remedy = f"Near: {', '.join(map(repr, hints))}" if hints else f"There are {len(known)}, none of them near"
        raise problem(owner, f"the {what}", f"among the {where}{count}", missing[0], remedy)
    taken: dict[str, str] = {}
    for name, target in found.items():
        if target in taken:
            pair = verbatim(f"{some([taken[target], name])} for {target!r}")
            raise problem(owner, f"the {what}", "one per class", pair, "Merge or rename the two")
        taken[target] = name
    return found


def find_names(owner: object, given: Sequence[str], known: Sequence[str], where: str) -> list[str]:
    """Return the known names that the given ones stand for, as `match_names` finds them."""
    return list(match_names(owner, given, known, "classes named", where).values())
