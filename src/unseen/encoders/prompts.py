"""Prompts: from what people write about a class to the texts that are encoded, each with its weight."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from unseen.errors import InputError
from unseen.validation import check_choice, message

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    import numpy.typing as npt

    from unseen.encoders.base import Encoder
    from unseen.encoders.lexicon import Lexicon
    from unseen.prototypes import Prototypes
    from unseen.vocabulary import ClassEntry, Vocabulary

__all__ = [
    "TextPrototypes",
    "TextView",
    "background_vectors",
    "check_vocabulary",
    "class_texts",
    "ensemble_prototypes",
    "vocabulary_prototypes",
    "vocabulary_text_prototypes",
    "vocabulary_texts",
]

#: An attribute is said of a class when its value is at least this (attributes lie in [0, 1] by convention).
_HAS = 0.5
#: Texts encoded at a time.
_TEXTS = 4096
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
    return [texts for chunk in _chunks(encoder, vocabulary, modality) for texts in chunk]


def vocabulary_prototypes(encoder: Encoder, vocabulary: Vocabulary, *, modality: str = "image") -> Prototypes:
    """Return the class vectors (C, k) of a vocabulary: the weighted mean of each class's text vectors.

    Texts are made and encoded a few thousand at a time: beside the vectors themselves, memory does not grow with C.
    """
    import numpy as np

    from unseen.prototypes import Prototypes

    check_vocabulary(vocabulary)
    means = np.zeros((len(vocabulary), encoder.text_dim or 0), np.float32)
    done = 0
    for vectors, weights, starts in _encoded(encoder, vocabulary, modality):
        with np.errstate(over="ignore"):  # what float32 cannot hold is refused by Prototypes
            means[done : done + len(starts)] = np.add.reduceat(vectors * weights[:, None], starts, axis=0)
        done += len(starts)
    return Prototypes(vocabulary.names, means, seen=_seen(vocabulary))


@dataclass(frozen=True, eq=False)
class TextPrototypes:
    r"""The text vectors of each class, kept apart, so that their scores are averaged and not the vectors.

    .. math:: f_c(x) = \sum_{v \in c} w_v\, f(x, t_v), \qquad \textstyle\sum_{v \in c} w_v = 1

    Attributes
    ----------
    names : tuple of str
        The C classes.
    vectors : ndarray of shape (T, k), float32
        One row per text, those of a class side by side.
    weights : ndarray of shape (T,)
        Share of each text in its class.
    starts : ndarray of shape (C + 1,)
        The first row of each class; the last entry is T.
    """

    names: tuple[str, ...]
    vectors: npt.NDArray[np.float32]
    weights: npt.NDArray[np.float64]
    starts: npt.NDArray[np.intp]

    @property
    def n_classes(self) -> int:
        """Number of classes, C."""
        return len(self.names)

    @property
    def n_dimensions(self) -> int:
        """Dimension of the semantic space, k."""
        return int(self.vectors.shape[1])

    @cached_property
    def texts(self) -> Prototypes:
        """One prototype per text."""
        from unseen.prototypes import Prototypes

        return Prototypes([str(i) for i in range(len(self.vectors))], self.vectors)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of names, vectors and weights."""
        import hashlib

        digest = hashlib.sha256(b"unseen-text-prototypes-1")
        digest.update("\n".join(self.names).encode())
        for array in (self.vectors, self.weights, self.starts):
            digest.update(f"\n{array.dtype.str} {array.shape}\n".encode() + array.tobytes())
        return digest.hexdigest()

    def combine(
        self, scores: npt.NDArray[np.float64], *, first: int = 0, last: int | None = None
    ) -> npt.NDArray[np.float64]:
        """Return scores (n, last - first) of classes, given those of all their texts."""
        import numpy as np

        bounds = self.starts[first : (self.n_classes if last is None else last) + 1]
        weighted = scores * self.weights[bounds[0] : bounds[-1]]
        sums: npt.NDArray[np.float64] = np.add.reduceat(weighted, bounds[:-1] - bounds[0], axis=1)
        return sums


def vocabulary_text_prototypes(encoder: Encoder, vocabulary: Vocabulary, *, modality: str = "image") -> TextPrototypes:
    """Return the text vectors of a vocabulary's classes, for averaging their scores: ``ensemble="scores"``."""
    import numpy as np

    check_vocabulary(vocabulary)
    parts, starts, total = [], [np.zeros(0, np.intp)], 0
    for vectors, weights, first in _encoded(encoder, vocabulary, modality):
        parts.append((vectors, weights))
        starts.append(first + total)
        total += len(weights)
    arrays = (
        np.concatenate([vectors for vectors, _ in parts]),
        np.concatenate([weights for _, weights in parts]),
        np.concatenate([*starts, [total]]).astype(np.intp),
    )
    for array in arrays:
        array.flags.writeable = False
    return TextPrototypes(vocabulary.names, *arrays)


def ensemble_prototypes(
    owner: str, encoder: Encoder, vocabulary: Vocabulary, *, modality: str, ensemble: str
) -> Prototypes | TextPrototypes:
    """Return what stands for the classes when the texts of each become one by ``"embeddings"`` or by ``"scores"``."""
    check_choice(owner, "ensemble", ensemble, ("embeddings", "scores"))
    make = vocabulary_prototypes if ensemble == "embeddings" else vocabulary_text_prototypes
    return make(encoder, vocabulary, modality=modality)


def background_vectors(
    encoder: Encoder, background: Sequence[str], templates: Sequence[str] | None
) -> npt.NDArray[np.float32]:
    """Return vectors (B, k) of a background: each text in the templates, like a class's name; one row per text."""
    import numpy as np

    from unseen.encoders.cache import TextCache

    if not background:
        return np.zeros((0, encoder.text_dim or 0), np.float32)
    filled = [[text for _, text in _fill(name, templates or encoder.templates)] for name in background]
    vectors = TextCache(encoder).encode([text for texts in filled for text in texts])
    by_name = vectors.reshape(len(background), -1, vectors.shape[1])
    means: npt.NDArray[np.float32] = by_name.mean(axis=1, dtype=np.float64).astype(np.float32)
    return means


def _encoded(
    encoder: Encoder, vocabulary: Vocabulary, modality: str
) -> Iterator[tuple[npt.NDArray[np.float32], npt.NDArray[np.float64], npt.NDArray[np.intp]]]:
    """Yield, for some classes after others, the vectors and weights of their texts, and where each class begins."""
    import numpy as np

    from unseen.encoders.cache import TextCache

    cache = TextCache(encoder)
    for views in _chunks(encoder, vocabulary, modality):
        vectors = cache.encode([view.text for texts in views for view in texts])
        weights = np.array([view.weight for texts in views for view in texts])
        yield vectors, weights, np.cumsum([0, *(len(texts) for texts in views)])[:-1]


def _chunks(encoder: Encoder, vocabulary: Vocabulary, modality: str) -> Iterator[list[list[TextView]]]:
    """Yield the texts of some classes after others, each time of about :data:`_TEXTS` texts."""
    templates = vocabulary.templates or encoder.templates
    lexicon = encoder.lexicon if modality == "image" else None
    chunk: list[list[TextView]] = []
    size = 0
    for entry in vocabulary:
        chunk.append(class_texts(entry, templates, lexicon))
        size += len(chunk[-1])
        if size >= _TEXTS:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def check_vocabulary(vocabulary: Any) -> Vocabulary:
    """Return `vocabulary` if it is one.

    Raises
    ------
    InputError
        When it is something else, such as a list.
    """
    if not hasattr(vocabulary, "templates"):
        remedy = "Build one with Vocabulary.load(path) or Vocabulary.from_names(names)"
        raise InputError(message("prototypes", "vocabulary", "an unseen.Vocabulary", vocabulary, remedy))
    checked: Vocabulary = vocabulary
    return checked


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
