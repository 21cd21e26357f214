"""The examples in the docstrings of every module are true."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from typing import TYPE_CHECKING

import pytest

import unseen

if TYPE_CHECKING:
    from pathlib import Path

MODULES = ["unseen", *sorted(found.name for found in pkgutil.walk_packages(unseen.__path__, "unseen."))]


@pytest.mark.parametrize("name", MODULES)
def test_doctests(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name)
    failed, _ = doctest.testmod(module)
    assert failed == 0


def test_there_are_doctests() -> None:
    finder = doctest.DocTestFinder(exclude_empty=True)
    with_examples = {name for name in MODULES for test in finder.find(importlib.import_module(name)) if test.examples}
    assert len(with_examples) >= 15
    assert {"unseen", "unseen.recognizer", "unseen.results", "unseen.prototypes"} <= with_examples
