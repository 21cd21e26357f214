"""TOML files of figures: read, checked, and found among those that ship."""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unseen.errors import InputError, UnknownNameError
from unseen.registry import METHODS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

__all__ = ["common_problem", "read_checked", "shipped"]


def read_checked(owner: str, path: Path, what: str, problem_of: Callable[[Mapping[str, Any]], str]) -> dict[str, Any]:
    """Return the content of a TOML file in which `problem_of` finds nothing wrong.

    Raises
    ------
    InputError
        Naming the file and what is wrong with it.
    """
    try:
        raw = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise InputError(f"{owner}: {path} must exist; it is missing. Check the path.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise InputError(f"{owner}: {path} must be TOML; {error}. Correct the file.") from None
    problem = problem_of(raw)
    if problem:
        raise InputError(f"{owner}: {path} must be {what}; {problem}. Correct the file.")
    return raw


def common_problem(raw: Mapping[str, Any], texts: Sequence[str]) -> str:
    """Return what is wrong with the texts, the method's name and the tolerance, or nothing."""
    for key in texts:
        if not isinstance(raw.get(key), str) or not raw[key]:
            return f"{key} is no text"
    try:
        METHODS.get(raw["method"])
    except UnknownNameError as error:
        return str(error).rstrip(".")
    tolerance = raw.get("tolerance")
    if not isinstance(tolerance, float) or not 0 < tolerance <= 0.1:
        return "tolerance is not above 0.0 and at most 0.1"
    return ""


def shipped(folder: str) -> Iterator[Path]:
    """Yield the files of a folder that comes with the package, sorted by name."""
    with resources.as_file(resources.files("unseen.benchmark").joinpath(folder)) as place:
        yield from sorted(Path(place).glob("*.toml"))
