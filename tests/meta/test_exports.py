"""What `unseen` offers, and the tree of exceptions as it is drawn."""

from __future__ import annotations

import importlib
import inspect
import re

import pytest

import unseen
from unseen import errors


def test_all_is_sorted_and_complete() -> None:
    assert unseen.__all__ == sorted(unseen.__all__)
    assert set(unseen.__all__) == set(unseen._HOME) | {"__version__"}
    assert dir(unseen) == unseen.__all__


@pytest.mark.parametrize("name", unseen.__all__)
def test_name_is_importable_and_at_home(name: str) -> None:
    value = getattr(unseen, name)
    if name in unseen._HOME:
        home = importlib.import_module(unseen._HOME[name])
        assert value is getattr(home, name)
        assert name in home.__all__
        assert inspect.getdoc(value)


def test_all_is_what_type_checkers_see() -> None:
    source = inspect.getsource(unseen)
    block = source[source.index("if TYPE_CHECKING:\n    from") : source.index("_HOME = {")]
    assert set(re.findall(r"\b(?!import\b|from\b)([A-Z]\w+)", block)) - {"TYPE_CHECKING"} == set(unseen._HOME)


def test_unknown_attribute() -> None:
    with pytest.raises(AttributeError, match="module 'unseen' has no attribute 'Vocabularies'"):
        unseen.Vocabularies  # noqa: B018


def test_every_exception_is_exported() -> None:
    own = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)}
    assert own == set(errors.__all__)
    assert own <= set(unseen.__all__)


def drawn_tree() -> dict[str, tuple[str, ...]]:
    """Read class and bases off the drawing in the docstring of errors."""
    bases: dict[str, tuple[str, ...]] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"^    ([│├└─ ]*)([A-Z]\w+Error)(?: \((\w+)\))?(?:\s|$)", line)
        if not found:
            continue
        depth = len(found[1]) // 4
        path[depth:] = [found[2]]
        parent = path[depth - 1] if depth else "Exception"
        bases[found[2]] = (parent, found[3]) if found[3] else (parent,)
    return bases


def test_the_tree_of_exceptions_is_as_drawn() -> None:
    drawn = drawn_tree()
    assert set(drawn) == set(errors.__all__)
    for name, bases in drawn.items():
        assert tuple(base.__name__ for base in getattr(errors, name).__bases__) == bases
