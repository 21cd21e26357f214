"""A folder that a stranger filled, classified as a person would: every item gets its rows, and the run goes on."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from tests.corpus import CorpusCase, build_image_corpus

from unseen.inputs.files import printable

if TYPE_CHECKING:
    from pathlib import Path

TOP_K = 2


@pytest.fixture
def folder(tmp_path: Path, root: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    cat = (root / "examples" / "photos" / "cat.jpg").read_bytes()
    (folder / "cat.jpg").write_bytes(cat)
    if os.name == "posix":
        (folder / os.fsdecode(b"cat\n\x1b[31m\xff.jpg")).write_bytes(cat)
    (folder / "<script>alert(1)<.jpg").write_bytes(cat)
    (folder / '=cmd|"x",\r.jpg').write_bytes(cat)
    with Image.open(folder / "cat.jpg") as photo:
        photo.transpose(Image.Transpose.ROTATE_90).save(folder / "sideways cat.png")
    return folder


def cats(folder: Path) -> list[CorpusCase]:
    return [CorpusCase(printable(path.name), "ok", "the cat") for path in folder.iterdir()]


def run(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-m", "unseen", "classify", "photos", "-c", "cat, dog"]
    done = subprocess.run(
        [*command, "-k", str(TOP_K), *args], capture_output=True, text=True, cwd=folder.parent, timeout=300, check=False
    )
    assert "Traceback" not in done.stderr
    return done


class Page(HTMLParser):
    """Collects what a browser would load or run, and the cards."""

    def __init__(self) -> None:
        super().__init__()
        self.scripts = self.cards = 0
        self.sources: list[str] = []
        self.handlers: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.scripts += tag == "script"
        self.cards += tag == "li" and ("class", "card") in attrs
        self.sources += [value or "" for key, value in attrs if key == "src"]
        self.handlers += [key for key, _ in attrs if key.startswith("on")]


def test_every_item_has_its_rows_and_the_page_is_harmless(folder: Path) -> None:
    good = cats(folder)
    cases = build_image_corpus(folder) + good
    done = run(folder, "--out", "out.csv", "--report", "r.html")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert all(char.isprintable() or char == "\n" for char in done.stdout)

    with (folder.parent / "out.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    found: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        found.setdefault(row["item"].removeprefix("photos/"), []).append(row)
    assert set(found) == {case.name for case in cases}
    for case in cases:
        own = found[case.name]
        if case.expected == "ok":
            assert [row["rank"] for row in own] == ["1", "2"], case
            assert {row["name"] for row in own} == {"cat", "dog"}
            assert all(not row["error"] for row in own)
            assert sum(float(row["probability"]) for row in own) == pytest.approx(1, abs=1e-5)
        else:
            (row,) = own
            assert case.expected in row["error"], case
            assert row["rank"] == row["name"] == row["probability"] == ""
    upright = [float(found[case.name][0]["probability"]) for case in good if case.name != "sideways cat.png"]
    assert {found[case.name][0]["name"] for case in good} == {"cat"}
    assert max(upright) == min(upright)

    bad = sum(case.expected != "ok" for case in cases)
    assert f"{len(cases) - bad} recognised, 0 unknown, {bad} skipped" in done.stdout
    page = Page()
    page.feed((folder.parent / "r.html").read_text("utf-8"))
    assert page.cards == len(cases) - bad
    assert page.scripts == 1
    assert page.handlers == []
    assert all(source.startswith("data:image/") for source in page.sources)


def test_strict_ends_with_1_and_leaves_no_output(folder: Path) -> None:
    build_image_corpus(folder)
    done = run(folder, "--out", "out.csv", "--report", "r.html", "--strict")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "Leave it out, or run without strict." in done.stderr
    assert not (folder.parent / "out.csv").exists()
    assert not (folder.parent / "r.html").exists()
