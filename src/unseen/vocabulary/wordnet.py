"""Glosses and synonyms from a WordNet that the user points at; nothing is downloaded.

Three sources answer the same question: a WN-LMF file (.xml, .xml.gz), a lexicon in the database of the ``wn``
package, and a folder with Princeton's ``index.noun`` and ``data.noun`` (as in Debian's ``/usr/share/wordnet``). The
last needs no extra package.
"""

from __future__ import annotations

import contextlib
import gzip
import shutil
import tempfile
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from unseen.errors import VocabularyError
from unseen.validation import import_extra, message, verbatim
from unseen.vocabulary.model import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterator
    from os import PathLike

_PURPOSE = "Reading WordNet"
_WHAT = (
    "a WN-LMF file, the id of an installed wn lexicon such as oewn:2024, a folder with wn.db, "
    "or a folder with index.noun and data.noun"
)


@dataclass(frozen=True)
class Sense:
    """One meaning of a word: its gloss and every word for it."""

    definition: str
    lemmas: tuple[str, ...]


class WordNet(Protocol):
    """What :func:`prefill` asks of a WordNet."""

    title: str

    def senses(self, word: str) -> list[Sense]:
        """Return the senses of a word, most common first; nouns where there are any."""
        ...


def open_wordnet(where: str | PathLike[str]) -> WordNet:
    """Open a WordNet.

    Parameters
    ----------
    where : str or path
        A WN-LMF file (.xml, .xml.gz), a ``wn`` database or its folder, the id of a lexicon in the user's own
        ``wn`` database (``oewn:2024``), or a folder with Princeton's ``index.noun`` and ``data.noun``.

    Raises
    ------
    MissingExtraError
        When ``wn`` is needed and not installed.
    VocabularyError
        When nothing readable is there.
    """
    path = Path(where)
    if (path / "index.noun").is_file() and (path / "data.noun").is_file():
        return _Princeton(path)
    if path.name == "wn.db" and path.is_file():
        path = path.parent
    if (path / "wn.db").is_file():
        return _Database("*", path)
    if path.is_file():
        return _Lmf(path)
    text = str(where)
    if path.exists() or "/" in text or "\\" in text or text.endswith((".xml", ".gz", ".db")):
        raise _nothing(text, "Check the path")
    return _Database(text, None)


def prefill(vocabulary: Vocabulary, wordnet: WordNet) -> tuple[Vocabulary, dict[str, list[str]]]:
    """Fill in what nobody has written yet, and say where it came from.

    Classes that have descriptions keep them; the others get the gloss of their first sense, marked by
    ``description_source``, and its other words as synonyms where none were given.

    Returns
    -------
    vocabulary : Vocabulary
    comments : dict of str to list of str
        Remarks per class for whoever edits the file: other senses, or that nothing was found.
    """
    comments: dict[str, list[str]] = {}
    entries = []
    taken = {name.casefold() for name in vocabulary.names}
    for entry in vocabulary:
        senses = [] if entry.descriptions else wordnet.senses(entry.name)
        if entry.descriptions:
            entries.append(entry)
            continue
        if not senses:
            comments[entry.name] = [f"{wordnet.title} has no entry: write what it looks like."]
            entries.append(entry)
            continue
        first, *others = senses
        words = dict.fromkeys(w.replace("_", " ").strip() for w in first.lemmas)
        synonyms = tuple(w for w in words if w and ";" not in w and w.casefold() not in taken)
        entries.append(
            replace(
                entry,
                descriptions=(first.definition,),
                description_source=wordnet.title,
                synonyms=entry.synonyms or synonyms[:20],
            )
        )
        comments[entry.name] = [f"From {wordnet.title}, a dictionary: add what it looks like."]
        if others:
            comments[entry.name].append("It has other senses; if one of these is meant, use it instead:")
            comments[entry.name] += [f"  {i}. {sense.definition}" for i, sense in enumerate(others[:8], 2)]
    return Vocabulary(entries, templates=vocabulary.templates), comments


def _nothing(where: str, remedy: str) -> VocabularyError:
    return VocabularyError(message("open_wordnet", "where", _WHAT, where, remedy))


def _key(word: str) -> str:
    return word.replace("_", " ").casefold()


class _Princeton:
    """Princeton's WNDB files; format: https://wordnet.princeton.edu/documentation/wndb5wn."""

    def __init__(self, folder: Path) -> None:
        self.title = "WordNet"
        self._data = folder / "data.noun"
        self._offsets: dict[str, list[int]] = {}
        with (folder / "index.noun").open(encoding="utf-8", errors="replace") as lines:
            for number, line in enumerate(lines, 1):
                if line.startswith(" ") or not line.strip():  # the licence at the top
                    continue
                parts = line.split()
                try:
                    count = int(parts[2])
                    offsets = [int(p) for p in parts[len(parts) - count :]]
                except (IndexError, ValueError):
                    raise self._damaged("index.noun", f"line {number}") from None
                self._offsets[_key(parts[0])] = offsets

    @staticmethod
    def _damaged(file: str, where: str) -> VocabularyError:
        return VocabularyError(
            message("open_wordnet", file, "in WordNet's format", verbatim(where), "Install WordNet's files anew")
        )

    def senses(self, word: str) -> list[Sense]:
        found = []
        with self._data.open("rb") as data:
            for offset in self._offsets.get(_key(word), ()):
                data.seek(offset)
                facts, _, gloss = data.readline(1 << 16).decode("utf-8", "replace").partition(" | ")
                parts = facts.split()
                try:
                    if int(parts[0]) != offset:
                        raise ValueError(parts[0])
                    lemmas = tuple(parts[4 : 4 + 2 * int(parts[3], 16) : 2])
                except (IndexError, ValueError):
                    raise self._damaged("data.noun", f"byte {offset}") from None
                definition = gloss.split('; "')[0].strip()  # examples follow in quotes
                if definition:
                    found.append(Sense(definition, lemmas))
        return found


class _Lmf:
    """A WN-LMF file, read by the wn package into memory; its database is left alone."""

    def __init__(self, path: Path) -> None:
        wn = import_extra("wn", extra="wn", purpose=_PURPOSE)
        lmf = import_extra("wn.lmf", extra="wn", purpose=_PURPOSE)
        with _unpacked(path) as xml:
            try:
                resource: dict[str, Any] = lmf.load(xml, progress_handler=None)
            except (wn.Error, OSError, ValueError, KeyError, TypeError, AssertionError) as error:
                # wn checks a file's shape with assert statements
                reason = " ".join(str(error).split())[:100]
                raise _nothing(str(path), f"It could not be read as WN-LMF: {reason or type(error).__name__}") from None
        self._synsets: dict[str, Sense] = {}
        self._words: dict[str, dict[str, list[str]]] = {}  # word -> part of speech -> synsets in order
        written: dict[str, list[str]] = {}
        titles = []
        for lexicon in resource["lexicons"]:
            titles.append(f"{lexicon['id']}:{lexicon['version']}")
            for entry in lexicon.get("entries", ()):
                lemma = entry.get("lemma")
                if not lemma:
                    continue
                kinds = self._words.setdefault(_key(lemma["writtenForm"]), {})
                for sense in entry.get("senses", ()):
                    kinds.setdefault(lemma["partOfSpeech"], []).append(sense["synset"])
                    written.setdefault(sense["synset"], []).append(lemma["writtenForm"])
            for synset in lexicon.get("synsets", ()):
                texts = [d["text"] for d in synset.get("definitions", ()) if d.get("text", "").strip()]
                if texts:
                    lemmas = tuple(written.get(synset["id"], ()))
                    self._synsets[synset["id"]] = Sense(" ".join(texts[0].split()), lemmas)
        self.title = f"WordNet {', '.join(titles)}"

    def senses(self, word: str) -> list[Sense]:
        kinds = self._words.get(_key(word), {})
        ids = kinds.get("n") or [i for some in kinds.values() for i in some]
        return [self._synsets[i] for i in ids if i in self._synsets]


class _Database:
    """A lexicon in a database of the wn package."""

    def __init__(self, lexicon: str, folder: Path | None) -> None:
        self._wn = import_extra("wn", extra="wn", purpose=_PURPOSE)
        self._folder = folder
        self._lexicon = lexicon
        with self._opened():
            # asking wn about a database that is not there would create one in the user's home
            if not self._wn.config.database_path.is_file():
                raise _nothing(lexicon, "There is no wn database yet: run python -m wn download oewn:2024")
            try:
                found = self._wn.Wordnet(lexicon=lexicon).lexicons()
            except self._wn.Error:
                found = []
            if not found:
                known = ", ".join(sorted(x.specifier() for x in self._wn.lexicons())) or "none"
                raise _nothing(lexicon, f"Lexicons in {str(self._wn.config.database_path)!r}: {known}")
        self.title = f"WordNet {', '.join(x.specifier() for x in found)}"

    @contextlib.contextmanager
    def _opened(self) -> Iterator[None]:
        if self._folder is None:
            yield
            return
        before = self._wn.config.database_path.parent
        self._wn.config.data_directory = self._folder
        try:
            yield
        finally:
            self._wn.config.data_directory = before

    def senses(self, word: str) -> list[Sense]:
        with self._opened():
            net = self._wn.Wordnet(lexicon=self._lexicon)
            synsets = net.synsets(word, pos="n") or net.synsets(word)
            return [
                Sense(" ".join(definition.split()), tuple(synset.lemmas()))
                for synset in synsets
                if (definition := synset.definition())
            ]


@contextlib.contextmanager
def _unpacked(path: Path) -> Iterator[Path]:
    """Give the path of the plain XML; wn's own reader does not open .gz."""
    if path.suffix.lower() != ".gz":
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "wordnet.xml"
        try:
            with gzip.open(path, "rb") as packed, plain.open("wb") as out:
                shutil.copyfileobj(packed, out)
        except (OSError, EOFError, zlib.error) as error:
            raise _nothing(str(path), f"It could not be unpacked: {error}") from None
        yield plain
