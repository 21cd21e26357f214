"""WordNet's noun files: definitions, synonyms, what a thing is a kind of, and the lexicon made of them.

Reads the folder of Debian's package ``wordnet-base`` (WordNet 3.0, /usr/share/wordnet). ImageNet's class numbers are
offsets into exactly this version.
"""

from __future__ import annotations

import gzip
import io
import re
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Synset", "WordNet", "write_lexicon"]

#: Lexicographer files of what a photo can show: animals, artefacts, body parts, food, natural objects, people,
#: phenomena, plants, substances.
VISIBLE = frozenset({5, 6, 8, 13, 17, 18, 19, 20, 27})


@dataclass(frozen=True)
class Synset:
    """One sense: its words, its definition without examples, its direct hypernyms, its lexicographer file."""

    words: tuple[str, ...]
    definition: str
    hypernyms: tuple[str, ...]
    instance: bool
    file: int


class WordNet:
    """The nouns of a WordNet folder with ``data.noun`` and ``index.noun``."""

    def __init__(self, folder: Path) -> None:
        self.synsets = dict(map(_synset, _lines(folder / "data.noun")))
        self.senses: dict[str, list[str]] = {}
        for line in _lines(folder / "index.noun"):
            fields = line.split()
            self.senses[fields[0].replace("_", " ")] = fields[-int(fields[2]) :]

    def kinds(self, offset: str, n: int) -> list[str]:
        """Return what a sense is a kind of, nearest first, at most n words."""
        out: list[str] = []
        while self.synsets[offset].hypernyms and len(out) < n:
            offset = self.synsets[offset].hypernyms[0]
            out.append(self.synsets[offset].words[0])
        return out


def write_lexicon(wordnet: WordNet, path: Path) -> int:
    """Write ``name TAB definition`` for every noun with a visible sense, the commonest such sense; return how many.

    Named individuals (persons, mountains) are left out: a class is a kind, and their names collide with kinds'.
    """
    table = {}
    for name, offsets in wordnet.senses.items():
        visible = (wordnet.synsets[offset] for offset in offsets)
        sense = next((s for s in visible if s.file in VISIBLE and not s.instance), None)
        if sense is not None and not any(character.isdigit() for character in name):
            table[name] = sense.definition
    text = "".join(f"{name}\t{table[name]}\n" for name in sorted(table))
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=9, mtime=0, filename="") as file:
        file.write(text.encode())
    path.write_bytes(buffer.getvalue())
    return len(table)


def _lines(path: Path) -> list[str]:
    # The licence at the head of each file is indented by two blanks.
    return [line for line in path.read_text("utf-8").splitlines() if line and not line.startswith("  ")]


def _synset(line: str) -> tuple[str, Synset]:
    head, _, gloss = line.partition("|")
    fields = head.split()
    n_words = int(fields[3], 16)
    words = tuple(fields[4 + 2 * i].replace("_", " ") for i in range(n_words))
    start = 5 + 2 * n_words
    pointers = [fields[start + 4 * i : start + 4 * i + 3] for i in range(int(fields[start - 1]))]
    hypernyms = tuple(offset for symbol, offset, part in pointers if symbol in {"@", "@i"} and part == "n")
    instance = any(symbol == "@i" for symbol, _, _ in pointers)
    definition = re.split(r'; "', gloss.strip())[0].strip()
    return fields[0], Synset(words, definition, hypernyms, instance, int(fields[1]))
