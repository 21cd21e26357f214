"""Prompts: from what people write about a class to the texts that are encoded, each with its weight."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from unseen.encoders.base import Encoder
    from unseen.prototypes import Prototypes
    from unseen.vocabulary import ClassEntry, Vocabulary

__all__ = ["TextView", "class_texts", "vocabulary_prototypes"]

#: An attribute is said of a class when its value is at least this (attributes lie in [0, 1] by convention).
_HAS = 0.5


@dataclass(frozen=True)
class TextView:
    """One text about a class.

    Parameters
    ----------
    kind : str
        ``"name"``, ``"synonym"``, ``"description"`` or ``"attribute"``.
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


def class_texts(entry: ClassEntry, templates: Sequence[str]) -> list[TextView]:
    """Return the texts that stand for a class.

    Parameters
    ----------
    entry : ClassEntry
        The class as people wrote it.
    templates : sequence of str
        Prompt templates with ``{name}``; used for the name and each synonym.

    Returns
    -------
    list of TextView
        The kinds that are there share the prototype equally, and within a kind each text shares equally: five
        descriptions do not drown the name.
    """
    kinds: list[tuple[str, list[tuple[str, str]]]] = [
        ("name", _fill(entry.name, templates)),
        ("synonym", [pair for synonym in entry.synonyms for pair in _fill(synonym, templates)]),
        ("description", [(text, f"{entry.name}: {text}") for text in entry.descriptions]),
        ("attribute", _attributes(entry)),
    ]
    present = [(kind, pairs) for kind, pairs in kinds if pairs]
    return [
        TextView(kind, label, text, 1 / len(present) / len(pairs)) for kind, pairs in present for label, text in pairs
    ]


def _fill(name: str, templates: Sequence[str]) -> list[tuple[str, str]]:
    return [(name, template.replace("{name}", name)) for template in templates]


def _attributes(entry: ClassEntry) -> list[tuple[str, str]]:
    said = [name.replace("_", " ") for name, value in entry.attributes.items() if value >= _HAS]
    return [(name, f"{entry.name}, {name}") for name in said]


def vocabulary_prototypes(encoder: Encoder, vocabulary: Vocabulary) -> Prototypes:
    """Return the class vectors (C, k) of a vocabulary: the weighted mean of each class's text vectors."""
    import numpy as np

    from unseen.encoders.cache import encode_texts_cached
    from unseen.prototypes import Prototypes

    templates = vocabulary.templates or encoder.templates
    views = [class_texts(entry, templates) for entry in vocabulary]
    vectors = encode_texts_cached(encoder, [view.text for texts in views for view in texts])
    weights = np.array([view.weight for texts in views for view in texts])
    starts = np.cumsum([0, *(len(texts) for texts in views)])[:-1]
    return Prototypes(
        vocabulary.names, np.add.reduceat(vectors * weights[:, None], starts, axis=0), seen=_seen(vocabulary)
    )


def _seen(vocabulary: Vocabulary) -> list[bool] | None:
    marks = [entry.seen for entry in vocabulary]
    return None if any(mark is None for mark in marks) else [bool(mark) for mark in marks]
