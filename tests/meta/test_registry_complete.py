"""The tables of names are complete, and every entry is documented."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import unseen
import unseen.encoders
import unseen.methods
from unseen.encoders.base import Encoder
from unseen.methods.base import FAMILIES, Method
from unseen.methods.synthesis.synthesizer import Synthesizer
from unseen.registry import ENCODERS, METHODS, Registry

if TYPE_CHECKING:
    from types import ModuleType

# scikit-learn's battery treats any class called CCA as its own and skips checks of it.
SHORT = {"CanonicalCorrelation": "CCA"}
DOCS = Path(unseen.__file__).parents[2] / "docs"


def classes_in(package: ModuleType, base: type) -> set[type]:
    """Return the public subclasses of `base` that the modules of `package` define."""
    found = set()
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        for name, value in vars(importlib.import_module(module.name)).items():
            own = isinstance(value, type) and value.__module__ == module.name
            if own and issubclass(value, base) and value is not base and not name.startswith("_"):
                found.add(value)
    return found


def entries(registry: Registry) -> list[type]:
    return [registry.get(name) for name in registry]


def test_every_method_is_registered_once() -> None:
    # A base of methods is none itself.
    assert set(entries(METHODS)) == classes_in(unseen.methods, Method) - {Synthesizer}
    assert len(set(entries(METHODS))) == len(METHODS.names())


def test_every_encoder_that_needs_no_argument_is_registered_once() -> None:
    assert set(entries(ENCODERS)) <= classes_in(unseen.encoders, Encoder)
    assert len(set(entries(ENCODERS))) == len(ENCODERS.names())


@pytest.mark.parametrize("registry", [METHODS, ENCODERS], ids=lambda registry: registry.kind)
def test_names_are_lower_case_words(registry: Registry) -> None:
    assert registry.names()
    for name in registry:
        assert name == name.lower()
        assert name.replace("-", "").replace("_", "").isalnum()


@pytest.mark.parametrize("name", METHODS.names())
def test_a_method_lives_in_the_folder_of_its_family(name: str) -> None:
    cls = METHODS.get(name)
    assert cls.family in FAMILIES
    folder, _, module = cls.__module__.rpartition(".")
    assert folder == f"unseen.methods.{cls.family}"
    assert module.replace("_", "") == SHORT.get(cls.__name__, cls.__name__).lower()
    assert name == module
    assert importlib.import_module(cls.__module__).__all__ == [cls.__name__]


@pytest.mark.skipif(not list(DOCS.glob("*.md")), reason="no pages in docs/ yet")
@pytest.mark.parametrize("registry", [METHODS, ENCODERS], ids=lambda registry: registry.kind)
def test_every_name_is_documented(registry: Registry) -> None:
    text = "\n".join(page.read_text("utf-8") for page in sorted(DOCS.rglob("*.md")))
    assert [name for name in registry if f"`{name}`" not in text] == []
