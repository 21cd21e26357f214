"""The pages people read, and the fenced blocks on them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]

_FENCE = re.compile(r"^( *)(`{3,}|~{3,})(\S*)[^\n]*\n(.*?)^\1\2 *$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"<!-- (wrong )?file: (\S+) -->\s*$")


@dataclass(frozen=True)
class Block:
    """A fenced block.

    `file` is what a comment above it calls the file that it goes into: ``<!-- file: NAME -->``; with
    ``<!-- wrong file: NAME -->`` it is one that must be refused.
    """

    page: Path
    line: int
    language: str
    text: str
    file: str | None
    wrong: bool

    @property
    def address(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path) -> list[Block]:
    """Return the fenced blocks of a page, in order."""
    source = page.read_text("utf-8")
    found = []
    for match in _FENCE.finditer(source):
        comment = _FILE.search(source[: match.start()])
        first = source.count("\n", 0, match.start()) + 2
        file, wrong = (comment[2], bool(comment[1])) if comment else (None, False)
        found.append(Block(page, first, match[3], dedent(match[4]), file, wrong))
    return found


def prose(page: Path) -> str:
    """Return a page without its fenced blocks."""
    return _FENCE.sub("", page.read_text("utf-8"))


def name_of(page: Path) -> str:
    """Return a page's name for test ids."""
    return page.relative_to(ROOT).as_posix()
