"""Prompts: from what people write about a class to the texts that are encoded, each with its weight."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from unseen.errors import InputError
from unseen.validation import message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from unseen.encoders.base import Encoder
    from unseen.encoders.lexicon import Lexicon
    from unseen.prototypes import Prototypes
    from unseen.vocabulary import ClassEntry, Vocabulary

__all__ = ["TextView", "class_texts", "vocabulary_prototypes", "vocabulary_texts"]

#: An attribute is said of a class when its value is at least this (attributes lie in [0, 1] by convention).
_HAS = 0.5
_SENTENCE_END = re.compile(r"(?<=[.;!?])\s+")


@dataclass(frozen=True)
class TextView:
    """One text about a class.

    Parameters
    ----------
    kind : str
        ``"name"``, ``"synonym"``, ``"description"``, ``"definition"`` (looked up, not written) or ``"attribute"``.
    label : str
        What the person wrote, for explanations.
    text : str
        What is encoded.
    weight : float
        Its share of the class's prototype; the shares of a class sum to one.
    """

    kind: str
    label: str
    text: str
    weight: float


def class_texts(entry: ClassEntry, templates: Sequence[str], lexicon: Lexicon | None = None) -> list[TextView]:
    """Return the texts that stand for a class.

    Parameters
    ----------
    entry : ClassEntry
        The class as people wrote it.
    templates : sequence of str
        Prompt templates with ``{name}``; used for the name and each synonym.
    lexicon : Lexicon or None, default None
        Where a class that has neither description nor attributes is looked up.

    Returns
    -------
    list of TextView
        The groups that are there (name; synonyms; descriptions after the name; descriptions; their single
        sentences; attributes) share the prototype equally, and so do the texts within a group: five descriptions
        do not drown the name.
    """
    kind, descriptions = "description", list(entry.descriptions)
    if lexicon is not None and not descriptions and not entry.attributes:
        definition = lexicon.definition(entry.name)
        kind, descriptions = "definition", [definition] if definition else []
    groups: list[tuple[str, list[tuple[str, str]]]] = [
        ("name", _fill(entry.name, templates)),
        ("synonym", [pair for synonym in entry.synonyms for pair in _fill(synonym, templates)]),
        (kind, [(text, f"{entry.name}: {text}") for text in descriptions]),
        (kind, [(text, text) for text in descriptions]),
        (kind, [pair for text in descriptions for pair in _sentences(text)]),
        ("attribute", _attributes(entry)),
    ]
    present = [(kind, pairs) for kind, pairs in groups if pairs]
    return [
        TextView(kind, label, text, 1 / len(present) / len(pairs)) for kind, pairs in present for label, text in pairs
    ]


def vocabulary_texts(encoder: Encoder, vocabulary: Vocabulary, *, modality: str) -> list[list[TextView]]:
    """Return the texts of each class, for recognising images (with definitions looked up) or texts (without)."""
    templates = vocabulary.templates or encoder.templates
    lexicon = encoder.lexicon if modality == "image" else None
    return [class_texts(entry, templates, lexicon) for entry in vocabulary]


def vocabulary_prototypes(encoder: Encoder, vocabulary: Vocabulary, *, modality: str = "image") -> Prototypes:
    """Return the class vectors (C, k) of a vocabulary: the weighted mean of each class's text vectors."""
    import numpy as np

    if not hasattr(vocabulary, "templates"):
        remedy = "Build one with Vocabulary.load(path) or Vocabulary.from_names(names)"
        raise InputError(message("prototypes", "vocabulary", "an unseen.Vocabulary", vocabulary, remedy))
    from unseen.encoders.cache import encode_texts_cached
    from unseen.prototypes import Prototypes

    views = vocabulary_texts(encoder, vocabulary, modality=modality)
    vectors = encode_texts_cached(encoder, [view.text for texts in views for view in texts])
    weights = np.array([view.weight for texts in views for view in texts])
    starts = np.cumsum([0, *(len(texts) for texts in views)])[:-1]
    means = np.add.reduceat(vectors * weights[:, None], starts, axis=0)
    return Prototypes(vocabulary.names, means, seen=_seen(vocabulary))


def _fill(name: str, templates: Sequence[str]) -> list[tuple[str, str]]:
    return [(name, template.replace("{name}", name)) for template in templates]


def _sentences(text: str) -> list[tuple[str, str]]:
    """Return the sentences of a text that has several; one sentence alone is in the other groups already."""
    sentences = [sentence for sentence in _SENTENCE_END.split(text.strip()) if sentence]
    return [(sentence, sentence) for sentence in sentences] if len(sentences) > 1 else []


def _attributes(entry: ClassEntry) -> list[tuple[str, str]]:
    said = [name.replace("_", " ") for name, value in entry.attributes.items() if value >= _HAS]
    return [(name, f"{entry.name}, {name}") for name in said]


def _seen(vocabulary: Vocabulary) -> list[bool] | None:
    marks = [entry.seen for entry in vocabulary]
    return None if any(mark is None for mark in marks) else [bool(mark) for mark in marks]
