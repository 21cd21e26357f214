"""Vocabulary and its entries: frozen, checked while they are built, equal when they say the same."""

from __future__ import annotations

import hashlib
import html
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.errors import UnknownNameError, VocabularyError
from unseen.validation import message, shorten, verbatim
from unseen.vocabulary.entry import Attributes, ClassEntry, as_sequence
from unseen.vocabulary.rules import MAX_CLASSES, clean_template, format_number, problem, suggestion

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from os import PathLike

    import numpy.typing as npt

__all__ = ["Attributes", "ClassEntry", "Vocabulary"]


@dataclass(frozen=True, eq=False, repr=False)
class Vocabulary:
    """The classes that may be recognised, and what is written about each.

    Parameters
    ----------
    entries : iterable of ClassEntry or str
        The classes in their order; a bare string is a class of that name. Names are unique; names that differ
        in case alone are allowed (``Turkey``, ``turkey``) and reported by ``unseen vocabulary check``.
    templates : sequence of str or None, default None
        Sentences that turn a class name into a prompt, each with ``{name}`` in it; None for the encoder's own.

    Attributes
    ----------
    entries : tuple of ClassEntry
    templates : tuple of str or None

    Raises
    ------
    VocabularyError
        When there is no class, a name repeats, or a template has no ``{name}``.

    Notes
    -----
    Memory and time grow linearly: a plain list of 1,000,000 names loads in seconds. At most 5,000,000 classes.

    Examples
    --------
    >>> from unseen.vocabulary import Vocabulary
    >>> v = Vocabulary.from_names(["zebra", "okapi"])
    >>> len(v), "okapi" in v, v["zebra"].descriptions
    (2, True, ())
    """

    entries: tuple[ClassEntry, ...]
    templates: tuple[str, ...] | None

    def __init__(self, entries: Iterable[ClassEntry | str], *, templates: Sequence[str] | None = None) -> None:
        if isinstance(entries, str | Mapping) or not hasattr(entries, "__iter__"):
            raise problem(
                "Vocabulary",
                "entries",
                "an iterable of ClassEntry or names",
                entries,
                "Pass a list, or use Vocabulary.parse for text such as 'okapi, zebra'",
            )
        cleaned = tuple(e if isinstance(e, ClassEntry) else ClassEntry(e) for e in entries)
        _check(cleaned, "Vocabulary", None)
        object.__setattr__(self, "entries", cleaned)
        if templates is not None:
            given = as_sequence(templates, "Vocabulary", "templates", field="templates")
            if not given:
                raise problem(
                    "Vocabulary",
                    "templates",
                    "left out or at least one text",
                    verbatim("none"),
                    "Write for example 'a photo of a {name}.'",
                    field="templates",
                )
            templates = tuple(clean_template(t, "Vocabulary") for t in given)
        object.__setattr__(self, "templates", templates)

    @classmethod
    def from_names(cls, names: Iterable[str], *, templates: Sequence[str] | None = None) -> Vocabulary:
        """Make a vocabulary of names alone."""
        return cls(names, templates=templates)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Vocabulary:
        """Read a vocabulary file; its ending (.yaml, .yml, .csv, .tsv, .txt) says how.

        Raises
        ------
        VocabularyError
            With the file, the line and the field, when anything in it is wrong.
        """
        from unseen.vocabulary import files

        return files.load(Path(path))

    @classmethod
    def parse(cls, text: str) -> Vocabulary:
        """Read what people pass as ``--classes``: a file's path, or names separated by commas.

        An existing file is read. Text that looks like a file (a known ending, or a slash and no comma) and is
        none raises, because a mistyped path must not become a class.
        """
        from unseen.vocabulary import files

        if files.names_a_file(text):
            return cls.load(text)
        return cls.from_names(name for name in text.split(",") if name.strip())

    def save(self, path: str | PathLike[str]) -> None:
        """Write the vocabulary; ``Vocabulary.load(path)`` then gives an equal one.

        The ending says how. YAML holds everything; CSV and TSV everything but templates; a plain list names
        alone. What a format cannot hold raises instead of being dropped. An interrupted save leaves the old file.
        """
        from unseen.vocabulary import files

        files.save(self, Path(path))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Class names, in order."""
        return tuple(entry.name for entry in self.entries)

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.names)}

    def subset(self, names: Iterable[str]) -> Vocabulary:
        """Return the classes of these names, in this order, under the same templates."""
        return Vocabulary([self[name] for name in names], templates=self.templates)

    @cached_property
    def attribute_names(self) -> tuple[str, ...]:
        """Every attribute that some class has, sorted."""
        return tuple(sorted({name for entry in self.entries for name in entry.attributes}))

    def attribute_matrix(self) -> npt.NDArray[np.float32]:
        """Return attributes as an array of shape (C, a): a row per class, a column per `attribute_names`.

        Raises
        ------
        VocabularyError
            When there are no attributes, or a class lacks one; a gap is never filled with a guess.
        """
        columns = self.attribute_names
        if not columns:
            raise problem(
                "Vocabulary",
                "attributes",
                "given for the classes",
                verbatim("none"),
                "Write attributes into the file, or use descriptions instead",
            )
        for entry in self.entries:
            if len(entry.attributes) < len(columns):
                lacking = next(c for c in columns if c not in entry.attributes)
                raise problem(
                    "Vocabulary",
                    f"attribute {lacking!r} of {entry.name!r}",
                    "given, as it is for other classes",
                    verbatim("nothing"),
                    "Write a value for it, 0 if the class does not have it",
                )
        return np.array([tuple(entry.attributes.values()) for entry in self.entries], dtype=np.float32)

    @property
    def seen(self) -> npt.NDArray[np.bool_] | None:
        """Which classes have labelled examples, of shape (C,); None where no class says.

        Raises
        ------
        VocabularyError
            When some classes say and others do not.
        """
        silent = [entry.name for entry in self.entries if entry.seen is None]
        if len(silent) == len(self):
            return None
        if silent:
            raise problem(
                "Vocabulary",
                f"seen of {silent[0]!r}",
                "true or false, as other classes say it",
                verbatim("nothing"),
                "Write seen for every class or for none",
            )
        return np.array([entry.seen for entry in self.entries], dtype=np.bool_)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of all that is written; equal vocabularies have equal fingerprints on every machine."""
        digest = hashlib.sha256(b"unseen-vocabulary-1")
        digest.update(json.dumps(self.templates).encode())
        for e in self.entries:
            content: list[Any] = [e.name]
            if not e.bare:
                numbers = [[k, format_number(v)] for k, v in e.attributes.items()]
                content += [e.descriptions, e.synonyms, numbers, e.seen, e.description_source]
            digest.update(b"\n" + json.dumps(content).encode())
        return digest.hexdigest()

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[ClassEntry]:
        return iter(self.entries)

    def __contains__(self, name: object) -> bool:
        return name in self._positions

    def __getitem__(self, name: str) -> ClassEntry:
        try:
            return self.entries[self._positions[name]]
        except (KeyError, TypeError):
            hint = suggestion(str(name), self.names, f"There are {len(self)} classes")
            raise UnknownNameError(message("Vocabulary", "a name", "that of one of its classes", name, hint)) from None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Vocabulary):
            return NotImplemented
        return self.templates == other.templates and self.entries == other.entries

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def __repr__(self) -> str:
        first = ", ".join(shorten(name, 30) for name in self.names[:3])
        return f"Vocabulary({len(self)} {'class' if len(self) == 1 else 'classes'}: {first}{', …' * (len(self) > 3)})"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{html.escape(e.name)}</td><td>{html.escape(shorten(verbatim(' '.join(e.descriptions)), 200))}"
            f"</td><td>{html.escape(', '.join(e.synonyms))}</td></tr>"
            for e in self.entries[:20]
        )
        more = f"<p>and {len(self) - 20} more</p>" if len(self) > 20 else ""
        return f"<table><tr><th>name</th><th>descriptions</th><th>synonyms</th></tr>{rows}</table>{more}"


def _check(entries: tuple[ClassEntry, ...], owner: str, lines: Sequence[int] | None) -> None:
    """Refuse an empty vocabulary, too large a one, and names that repeat; `lines` locates them in a file."""
    if not entries:
        raise VocabularyError(
            message(owner, "classes", "at least one", verbatim("none"), "Write one class name per entry")
        )
    if len(entries) > MAX_CLASSES:
        raise VocabularyError(
            message(owner, "classes", f"at most {MAX_CLASSES}", len(entries), "Split it into several vocabularies")
        )
    if len({entry.name for entry in entries}) == len(entries):
        return
    first: dict[str, int] = {}
    for i, entry in enumerate(entries):
        if entry.name in first:
            where = "" if lines is None else f", line {lines[i]}"
            twin = "" if lines is None else f", first in line {lines[first[entry.name]]}"
            raise VocabularyError(
                message(
                    owner + where,
                    "class names",
                    "unique",
                    verbatim(f"{entry.name!r} twice{twin}"),
                    "Rename or remove one of the two",
                )
            )
        first[entry.name] = i


def build(
    entries: Iterable[ClassEntry], templates: Sequence[str] | None, owner: str, lines: Sequence[int]
) -> Vocabulary:
    """Make a vocabulary of entries that were read from a file; complaints name the file and the line."""
    checked = tuple(entries)
    _check(checked, owner, lines)
    return Vocabulary(checked, templates=templates)
