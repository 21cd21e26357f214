"""The example that compares methods runs, and the page that shows it says what it prints."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from tests.docs.pages import DOCS, ROOT

from unseen.methods.base import FAMILIES
from unseen.registry import METHODS

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT = ROOT / "examples" / "compare_methods.py"
_ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| (.+) \|$", re.MULTILINE)


def rows(text: str) -> dict[str, tuple[str, list[float]]]:
    """Return the table's rows: method to family and figures."""
    return {name: (family, [float(cell) for cell in cells.split(" | ")]) for name, family, cells in _ROW.findall(text)}


def run(folder: Path, *arguments: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    before = [str(path)] if path else []
    environment = {
        **os.environ,
        "MPLCONFIGDIR": str(folder),
        "PYTHONPATH": os.pathsep.join([*before, str(ROOT / "src")]),
        "PYTHONWARNINGS": "error",
    }
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> str:
    pytest.importorskip("matplotlib")
    folder = tmp_path_factory.mktemp("compare")
    done = run(folder, "--out", "picture.png")
    assert done.returncode == 0, done.stderr
    with Image.open(folder / "picture.png") as picture, Image.open(DOCS / "images" / "compare-methods.png") as shown:
        assert picture.format == "PNG"
        assert picture.size == shown.size
        assert len(picture.convert("RGB").getcolors(maxcolors=1_000_000) or ()) > 50
    return done.stdout


def test_it_compares_a_method_of_each_family(printed: str) -> None:
    table = rows(printed)
    assert len(table) == 6
    assert {family for family, _ in table.values()} == set(FAMILIES) - {"meta"}
    assert all(METHODS.get(name).family == family for name, (family, _) in table.items())


def test_every_method_is_far_above_guessing_and_gains_by_the_penalty(printed: str) -> None:
    for name, (_, (alone, u, s, plain, balanced, ausuc)) in rows(printed).items():
        assert 3 * 100 / 15 < alone <= 100, name
        # Against more rivals nobody does better, and the curve lies below what it is without seen classes.
        assert u <= alone, name
        assert ausuc <= alone, name
        assert plain == pytest.approx(2 * u * s / (u + s) if u + s else 0, abs=0.5), name
        assert balanced > plain, name


def test_the_page_shows_what_is_printed(printed: str) -> None:
    shown, now = rows((DOCS / "compare-methods.md").read_text("utf-8")), rows(printed)
    assert list(shown) == list(now)
    for name, (family, figures) in now.items():
        assert shown[name][0] == family
        # Another processor rounds differently, and a photo or two of hundreds may change sides.
        assert shown[name][1] == pytest.approx(figures, abs=1.0), f"{name}: run {SCRIPT.name} and update the page"


def test_without_matplotlib_it_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "matplotlib.py").write_text("raise ImportError('not here')\n")
    done = run(tmp_path, path=tmp_path)
    assert done.returncode == 1
    assert done.stderr.strip() == (
        "The picture needs the package 'matplotlib', which is not installed. "
        "Install it with: pip install 'unseen[plots]'"
    )
    assert done.stdout == ""
