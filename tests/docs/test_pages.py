"""Links lead somewhere, every page can be reached, and the lists on the pages are complete."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from tests.docs.pages import DOCS, PAGES, ROOT, name_of, prose

import unseen
from unseen import errors
from unseen.registry import METHODS
from unseen.results import COLUMNS

if TYPE_CHECKING:
    from pathlib import Path

_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_PATH = re.compile(r"`((?:src|tests|tools|benchmarks|examples|changelog\.d|docs)/[\w./-]+|[A-Z]+\.md)`")


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as the documentation's builder makes them."""
    found = set()
    for heading in re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        found.add(re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", text).strip()))
    return found


def links() -> list[Any]:
    return [
        pytest.param(page, target, id=f"{name_of(page)}->{target}")
        for page in PAGES
        for target in _LINK.findall(prose(page))
        if not target.startswith(("https://", "mailto:"))
    ]


@pytest.mark.parametrize(("page", "target"), links())
def test_link_leads_somewhere(page: Path, target: str) -> None:
    name, _, anchor = target.partition("#")
    path = (page.parent / name).resolve() if name else page
    assert path.exists(), f"{target} is not there"
    if DOCS in page.parents:
        assert path.is_relative_to(DOCS.resolve()) or path == page, (
            "a page cannot link out of docs/: write the path as `path`"
        )
    if anchor:
        assert anchor in anchors(path), f"{path.name} has no heading {anchor!r}: {sorted(anchors(path))}"


def test_there_are_links() -> None:
    assert len(links()) >= 40


@pytest.mark.parametrize("page", [page for page in PAGES if DOCS in page.parents], ids=name_of)
def test_paths_in_the_text_exist(page: Path) -> None:
    missing = [path for path in _PATH.findall(prose(page)) if not (ROOT / path).exists()]
    assert missing == []


def nav_files(nav: Any) -> list[str]:
    if isinstance(nav, str):
        return [nav]
    return [file for part in (nav.values() if isinstance(nav, dict) else nav) for file in nav_files(part)]


def test_every_page_is_in_the_navigation() -> None:
    config = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))
    listed = nav_files(config["nav"])
    assert sorted(listed) == sorted(page.relative_to(DOCS).as_posix() for page in PAGES if DOCS in page.parents)
    assert config["strict"] is True


def test_every_decision_is_in_the_index() -> None:
    folder = DOCS / "decisions"
    index = (folder / "README.md").read_text("utf-8")
    pages = [page for page in folder.glob("*.md") if page.name != "README.md"]
    assert pages
    for page in pages:
        text = page.read_text("utf-8")
        assert f"({page.name})" in index
        assert text.count("\n") < 40
        assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Choice", "Alternatives", "Consequences"]
        assert text.startswith(f"# {int(page.name[:4])}. ")


# -- complete lists -------------------------------------------------------------------------------------------


def code_words(page: str) -> set[str]:
    """Return the words in code on a page: in fenced blocks, and between backticks."""
    return set(re.findall(r"[\w.-]+", " ".join(re.findall(r"`+[^`]+`+", (DOCS / page).read_text("utf-8")))))


@pytest.mark.parametrize("name", unseen.__all__)
def test_public_name_is_on_the_python_page(name: str) -> None:
    words = {part for word in code_words("python.md") for part in word.split(".")}
    assert name in words


@pytest.mark.parametrize(
    "member", ["load", "save", "classify", "classify_text", "encode_images", "prototypes", "class_scores"]
)
def test_member_of_recognizer_is_on_the_python_page(member: str) -> None:
    assert hasattr(unseen.Recognizer, member)
    assert any(word.endswith(f".{member}") or word == member for word in code_words("python.md"))


@pytest.mark.parametrize("member", [name for name in vars(unseen.Predictions) if not name.startswith("_")])
def test_member_of_predictions_is_on_the_python_page(member: str) -> None:
    quiet = {"iter_rows"}  # `rows`, one by one
    assert member in quiet or any(member in word.split(".") for word in code_words("python.md"))


def test_exceptions_are_all_on_the_python_page() -> None:
    assert set(errors.__all__) <= code_words("python.md") | {
        part for word in code_words("python.md") for part in word.split(".")
    }


def commands(command: Any, name: str) -> list[tuple[str, Any]]:
    children = getattr(command, "commands", {})
    return [(name, command), *(pair for key, child in children.items() for pair in commands(child, f"{name} {key}"))]


def test_every_command_and_option_is_on_the_cli_page() -> None:
    from typer.main import get_command

    from unseen.cli.app import app

    text = (DOCS / "cli.md").read_text("utf-8")
    tree = commands(get_command(app), "unseen")
    assert len(tree) >= 8
    for name, command in tree:
        assert f"`{name}" in text, name
        _, _, section = text.partition(f"### `{name}`\n")
        section = section.partition("\n### ")[0] or text
        for parameter in command.params:
            for option in parameter.opts if parameter.param_type_name == "option" else ():
                assert re.search(rf"{re.escape(option)}(?![\w-])", section), f"{name} {option}"


def test_columns_and_exit_codes_are_on_the_cli_page() -> None:
    text = (DOCS / "cli.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)` \|", text.partition("## What comes out")[2].partition("\n## ")[0], re.MULTILINE)
    assert tuple(rows) == COLUMNS
    codes = re.findall(r"^\| (\d+) \|", text.partition("## Exit codes")[2], re.MULTILINE)
    assert codes == ["0", "1", "2", "130", "143"]
    assert "`UNSEEN_CACHE`" in text


@pytest.mark.parametrize("name", METHODS.names())
def test_method_is_on_the_methods_page(name: str) -> None:
    method = METHODS.get(name)
    text = (DOCS / "methods.md").read_text("utf-8")
    assert f"| `{name}` | {method.family} |" in text
    assert f"from {method.__module__} import {method.__name__}" in text


def test_generated_parts_are_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, "tools/make_reference.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
