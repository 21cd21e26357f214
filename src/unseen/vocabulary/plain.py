"""The plain list: one class name a line, ``#`` starts a comment line, and nothing else has a meaning."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unseen.errors import VocabularyError
from unseen.validation import message, shorten, verbatim
from unseen.vocabulary.files import MAX_TABLE_BYTES, read_text
from unseen.vocabulary.model import ClassEntry, Vocabulary, build
from unseen.vocabulary.rules import ProblemError

if TYPE_CHECKING:
    from pathlib import Path


def read(path: Path) -> Vocabulary:
    """Read one name per line; blank lines and lines that start with ``#`` are passed over."""
    text = read_text(path, MAX_TABLE_BYTES, "Split it into several vocabularies")
    entries: list[ClassEntry] = []
    lines: list[int] = []
    for number, line in enumerate(text.split("\n"), 1):
        name = line.strip()
        if not name or name[0] == "#":
            continue
        try:
            entries.append(ClassEntry(name))
        except ProblemError as error:
            raise error.at(f"{path.name}, line {number}") from None
        lines.append(number)
    return build(entries, None, path.name, lines)


def write(vocabulary: Vocabulary, path: Path) -> str:
    """Write one name per line; refuse a vocabulary that says more than names."""
    lost = "templates" if vocabulary.templates is not None else ""
    for entry in vocabulary:
        if entry != ClassEntry(entry.name):
            lost = f"more than a name for {shorten(entry.name)}"
        elif entry.name.startswith("#"):
            lost = f"the name {shorten(entry.name)}, which would be read as a comment"
        if lost:
            break
    if lost:
        raise VocabularyError(
            message(
                path.name,
                "the vocabulary",
                "names alone to be saved as a plain list",
                verbatim(lost),
                "Save it as .yaml, which holds everything",
            )
        )
    return "".join(f"{name}\n" for name in vocabulary.names)
