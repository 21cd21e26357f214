"""Registries: complete without imports, open to other packages, closed to duplicates."""

from __future__ import annotations

import importlib
import re
import sys
from typing import TYPE_CHECKING, Any

import pytest

from unseen.errors import InputError, UnknownNameError
from unseen.registry import METHODS, Registry

if TYPE_CHECKING:
    from pathlib import Path

TABLE = {"ridge": "unseen.methods.projection.ridge:Ridge", "gone": "no.such.module:Thing"}


def registry(group: str = "unseen.nothing") -> Registry:
    return Registry("method", table=TABLE, group=group)


@pytest.fixture
def plug_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that installs a distribution with one module and these entry points."""

    def install(name: str, entries: str) -> None:
        module = name.replace("-", "_")
        (tmp_path / f"{module}.py").write_text("class Thing:\n    '''A thing.'''\n")
        info = tmp_path / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[unseen.tests]\n{entries}\n")
        importlib.invalidate_caches()

    monkeypatch.syspath_prepend(str(tmp_path))
    return install


def test_names_are_sorted_and_import_nothing() -> None:
    assert registry().names() == ["gone", "ridge"]
    assert list(registry()) == ["gone", "ridge"]
    assert "ridge" in registry()
    assert "Ridge" not in registry()
    assert 3 not in registry()


def test_get() -> None:
    assert registry().get("ridge").__name__ == "Ridge"


def test_unknown_name_lists_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"^Registry: no method is called 'rigde'\. Known and near: ridge\.$"):
        registry().get("rigde")


@pytest.mark.parametrize("name", ["zzz", 3, ()])
def test_unknown_name_lists_all_where_none_is_near(name: Any) -> None:
    with pytest.raises(
        UnknownNameError, match=rf"no method is called {re.escape(repr(name))}\. Known and near: gone, ridge\."
    ):
        registry().get(name)


def test_another_package_adds_an_entry(plug_in: Any) -> None:
    plug_in("unseen-more", "extra = unseen_more:Thing")
    table = registry("unseen.tests")
    assert table.names() == ["extra", "gone", "ridge"]
    assert "unseen_more" not in sys.modules
    assert table.get("extra").__module__ == "unseen_more"


def test_another_package_may_not_take_a_name_of_ours(plug_in: Any) -> None:
    plug_in("unseen-rival", "ridge = unseen_rival:Thing")
    with pytest.raises(
        InputError,
        match=r"^Registry: method 'ridge' is registered twice, as 'unseen\.methods\.projection\.ridge:Ridge' and as "
        r"'unseen_rival:Thing'\. Uninstall one of the packages or rename its entry\.$",
    ):
        registry("unseen.tests").names()


def test_two_packages_may_not_share_a_name(plug_in: Any) -> None:
    plug_in("unseen-one", "extra = unseen_one:Thing")
    plug_in("unseen-two", "extra = unseen_two:Thing")
    with pytest.raises(InputError, match=r"method 'extra' is registered twice, as 'unseen_(one|two):Thing' and as"):
        registry("unseen.tests").get("extra")


def test_our_tables_hold_no_other_packages_entries_here() -> None:
    for name in METHODS:
        assert METHODS.get(name).__module__.startswith("unseen.")
