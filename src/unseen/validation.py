"""Messages and small checks that every room shares.

One generator for the wording keeps messages alike and testable:
``{owner}: {argument} must be {expected}; got {value}. {what to do}.``
"""

from __future__ import annotations

import difflib
import importlib
import math
import reprlib
import sys
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any
from unicodedata import category

from unseen.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import ModuleType

    import numpy as np

__all__ = [
    "REORDERING",
    "check_choice",
    "check_number",
    "check_seed",
    "check_switch",
    "counted",
    "import_extra",
    "message",
    "nearest",
    "one_line",
    "shorten",
    "verbatim",
]

#: Characters that reorder the text around them: a file called "cod<U+202E>gpj.exe" would show as "codexe.jpg".
REORDERING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
#: Unicode categories of controls, halves of surrogate pairs, line and paragraph separators.
_BREAKING = frozenset({"Cc", "Cs", "Zl", "Zp"})

#: Values of more entries than this are written in part.
_MOST_ENTRIES = 2000
_FEW = reprlib.Repr()
_FEW.maxlevel, _FEW.maxlist, _FEW.maxtuple, _FEW.maxset, _FEW.maxdict = 3, 40, 40, 40, 40
#: Names among which one that looks alike is found within seconds.
_SEARCHED = 50_000


def shorten(value: object, limit: int = 80) -> str:
    """Return ``repr(value)`` on one line, cut to at most `limit` characters."""
    # Whoever hands in an array has imported numpy; nobody else should wait for it.
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.ndarray):
        return f"an array of shape {value.shape} and dtype {value.dtype}"
    text = " ".join((value if isinstance(value, _Verbatim) else _written(value)).split("\n"))
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _written(value: object) -> str:
    """Return ``repr(value)``, or the beginning of it: a few lines of YAML can stand for a list of a billion entries."""
    if isinstance(value, str | bytes):
        return repr(value[:_MOST_ENTRIES])
    left, waiting = _MOST_ENTRIES, [value]
    while waiting:
        one = waiting.pop()
        entries = one.values() if isinstance(one, dict) else one if isinstance(one, list | tuple | set) else ()
        left -= 1 + len(entries)
        if left < 0:
            return _FEW.repr(value)
        waiting += entries
    return repr(value)


class _Verbatim(str):
    """A description of a value that is to be printed as it is, without quotes."""

    __slots__ = ()


def one_line(text: str) -> str:
    r"""Return `text` with whatever would break a line, steer a terminal or reorder its neighbours spelled out.

    Examples
    --------
    >>> one_line("cod\u202egpj.exe")
    'cod\\u202egpj.exe'
    """
    # Not isprintable(): the joiners that Persian and Hindi are written with count as unprintable.
    return "".join(
        c.encode("unicode_escape").decode("ascii") if c in REORDERING or category(c) in _BREAKING else c for c in text
    )


def message(owner: str, argument: str, expected: str, value: object, remedy: str) -> str:
    """Word an error the way every error of unseen is worded.

    Parameters
    ----------
    owner : str
        The class, function or command that complains.
    argument : str
        What is wrong.
    expected : str
        What it must be; completes "must be".
    value : object
        What was given; shortened. Pass ``verbatim("…")`` to describe it in words.
    remedy : str
        What to do, a sentence without its full stop.
    """
    return f"{owner}: {argument} must be {expected}; got {shorten(value)}. {remedy}."


def verbatim(description: str) -> str:
    """Mark a description so that :func:`message` prints it without quotes."""
    return _Verbatim(description)


def counted(n: int, one: str, several: str | None = None) -> str:
    """Return a number with its noun: `one` for one, else `several` (None: with an s).

    Examples
    --------
    >>> counted(1, "box", "boxes"), counted(2_000, "image")
    ('1 box', '2,000 images')
    """
    return f"{n:,} {one if n == 1 else several or one + 's'}"


def nearest(name: str, known: Iterable[str], n: int = 3) -> list[str]:
    """Return up to `n` known names that look like `name`, best first; none among very many: that would take long."""
    names = list(known)
    return difflib.get_close_matches(name, names, n=n, cutoff=0.5) if len(names) <= _SEARCHED else []


def check_number(
    owner: str,
    argument: str,
    value: Any,
    *,
    low: float | None = None,
    high: float | None = None,
    integer: bool = False,
    low_open: bool = False,
    high_open: bool = False,
) -> float:
    """Return `value` if it is a finite number within ``[low, high]``, else raise `InputError`.

    Parameters
    ----------
    low, high : float or None
        Bounds, inclusive; None for no bound.
    integer : bool
        Whether only whole numbers will do.
    low_open, high_open : bool
        Whether the bound itself is outside.
    """
    number = isinstance(value, Integral if integer else Real) and not isinstance(value, bool)
    endless = isinstance(value, Real) and (value != value or value in (math.inf, -math.inf))
    kind = "a whole number" if integer else "a finite number" if endless else "a number"
    bounds = []
    if low is not None:
        bounds.append(f"{'above' if low_open else 'at least'} {low:g}")
    if high is not None:
        bounds.append(f"{'below' if high_open else 'at most'} {high:g}")
    expected = " ".join([kind, " and ".join(bounds)]).strip()
    ok = number and not endless
    if ok and low is not None:
        ok = value > low if low_open else value >= low
    if ok and high is not None:
        ok = value < high if high_open else value <= high
    if not ok:
        raise InputError(message(owner, argument, expected, value, f"Pass {expected}"))
    return int(value) if integer else float(value)


def check_choice(owner: str, argument: str, value: Any, choices: tuple[str, ...]) -> str:
    """Return `value` if it is one of `choices`, else raise `InputError`."""
    if not isinstance(value, str) or value not in choices:
        expected = " or ".join(map(repr, choices)) if len(choices) < 3 else "one of " + ", ".join(choices)
        raise InputError(message(owner, argument, expected, value, "Pass one of them"))
    return value


def check_switch(owner: str, argument: str, value: Any) -> bool:
    """Return `value` if it is True or False, else raise `InputError`."""
    # numpy's own truth values are no `bool`; whoever passes one has imported numpy.
    numpy = sys.modules.get("numpy")
    if not isinstance(value, bool) and not (numpy is not None and isinstance(value, numpy.bool_)):
        raise InputError(message(owner, argument, "True or False", value, "Pass one of the two"))
    return bool(value)


def check_seed(owner: str, value: Any) -> np.random.RandomState:
    """Return the random numbers that `random_state` stands for, else raise `InputError`."""
    from sklearn.utils import check_random_state

    try:
        random: np.random.RandomState = check_random_state(value)
    except ValueError:
        expected = "None, a whole number from 0 to 2**32 - 1, or a numpy RandomState"
        raise InputError(message(owner, "random_state", expected, value, "Pass a number to repeat a fit")) from None
    return random


def import_extra(module: str, *, extra: str, purpose: str) -> ModuleType:
    """Import an optional dependency or say which pip line brings it.

    Raises
    ------
    MissingExtraError
        With the pip line, when `module` cannot be imported.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtraError(
            f"{purpose} needs the package {module.partition('.')[0]!r}, which is not installed. "
            f"Install it with: pip install 'unseen[{extra}]'"
        ) from error
