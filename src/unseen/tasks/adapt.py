"""Adapting a recogniser to a few labelled photos or texts, without training a network."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.errors import InputError, ItemError
from unseen.inputs.sources import iter_images
from unseen.methods.adapting import _Adapter, _TransductiveAdapter
from unseen.prototypes import Prototypes
from unseen.recognizer import Head, Recognizer
from unseen.registry import METHODS
from unseen.tasks.checks import check_vectors, no_class
from unseen.validation import check_choice, message, verbatim

if TYPE_CHECKING:
    import numpy.typing as npt

    from unseen.vocabulary import Vocabulary

__all__ = ["ADAPTERS", "adapt_head", "adapt_recognizer"]

#: Methods that `adapt_recognizer` can put around a recogniser's own.
ADAPTERS = ("text_probe", "tip_adapter")

_MODALITIES = ("image", "text")


def adapt_recognizer(
    recognizer: Recognizer,
    images: Any,
    labels: Iterable[str] | None,
    vocabulary: Vocabulary,
    *,
    method: str | _Adapter = "text_probe",
    modality: str = "image",
) -> Recognizer:
    """Return a recogniser that has also learned from a few labelled examples.

    Parameters
    ----------
    recognizer : Recognizer
        The one to start from; never changed.
    images : path, folder, PIL image, array, bytes, or an iterable of those
        The examples; with ``modality="text"`` a sequence of texts. Each must be usable.
    labels : iterable of str or None
        For each its class, by the name it has in the vocabulary. None for photos that lie in a folder called like
        their class.
    vocabulary : Vocabulary
        The classes, with or without examples: those without stay zero-shot. Ask about them in the same words
        afterwards: a class under another description is a new one.
    method : {"text_probe", "tip_adapter"} or an unfitted adapter, default "text_probe"
        How to learn from them.
    modality : {"image", "text"}, default "image"
        What the examples are.

    Returns
    -------
    Recognizer
        With the same encoder; its probabilities keep their temperature. Save it like any other.

    Raises
    ------
    InputError
        When a label is not in the vocabulary, there are not as many labels as examples, or an argument is of another
        kind.
    ItemError
        When an example cannot be used.

    Notes
    -----
    Costs encoding the examples, and a fit of seconds. See ``docs/few-shot.md`` for what it brings.

    Examples
    --------
    >>> import unseen
    >>> from unseen.tasks.adapt import adapt_recognizer
    >>> rec = unseen.Recognizer.load()
    >>> topics = unseen.Vocabulary.from_names(["bug", "wish"])
    >>> texts = ["It crashes", "Please add a dark mode", "Error 500 on save", "Could you support French?"]
    >>> told = adapt_recognizer(rec, texts, ["bug", "wish", "bug", "wish"], topics, modality="text")
    >>> told.classify_text(["Could you add Spanish?", "It crashes on start"], topics).best()
    ['wish', 'bug']
    """
    owner = "adapt_recognizer"
    if not isinstance(recognizer, Recognizer):
        raise InputError(message(owner, "recognizer", "an unseen.Recognizer", recognizer, "Load one"))
    check_choice(owner, "modality", modality, _MODALITIES)
    head = recognizer.head(modality)
    prototypes = recognizer.prototypes(vocabulary, modality=modality)
    if labels is not None:
        labels = _check_labels(owner, labels, prototypes)
    elif modality == "text":
        raise InputError(message(owner, "labels", "given for texts", None, "Pass one class name per text"))
    if modality == "text":
        if not isinstance(images, Iterable):
            raise InputError(message(owner, "images", "a sequence of texts", images, "Pass a list of strings"))
        texts = images if isinstance(images, str) else list(images)
        _check_count(owner, labels or [], texts)
        vectors = recognizer.encoder.encode_texts(texts)
    else:
        vectors, labels = _encode(owner, recognizer, images, labels, prototypes)
    adapted = adapt_head(head, vectors, labels or [], prototypes=prototypes, method=method)
    heads = {**recognizer.heads, modality: adapted}
    return type(recognizer)(recognizer.encoder, heads=heads, background=recognizer.background)


def adapt_head(
    head: Head,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    prototypes: Prototypes,
    method: str | _Adapter = "text_probe",
) -> Head:
    """Return a recogniser's head that has also learned from labelled vectors.

    Parameters
    ----------
    head : Head
        The one to start from; never changed.
    X : array-like of shape (n, d)
        Vectors of the examples, from the recogniser's encoder.
    y : array-like of str of shape (n,)
        Their classes.
    prototypes : Prototypes
        Of at least those.
    method : {"text_probe", "tip_adapter"} or an unfitted adapter, default "text_probe"
        How to learn from them.

    Raises
    ------
    InputError
        When the method is no adapter, or examples and prototypes do not fit the head.
    """
    from sklearn.base import clone

    if not isinstance(prototypes, Prototypes):
        raise InputError(message("adapt_head", "prototypes", "an unseen.Prototypes", prototypes, "Build one"))
    vectors = check_vectors("adapt_head", "X", X, method=head.method, prototypes=prototypes)
    labels = _check_labels("adapt_head", list(y) if isinstance(y, np.ndarray) else y, prototypes)
    _check_count("adapt_head", labels, vectors)

    if isinstance(method, str):
        check_choice("adapt_head", "method", method, ADAPTERS)
        adapter: _Adapter = METHODS.get(method)(scale=1 / head.decision.temperature)
    elif isinstance(method, _Adapter) and not isinstance(method, _TransductiveAdapter):
        adapter = clone(method)
    else:
        expected = f"one of {', '.join(ADAPTERS)}, or an instance of their classes"
        raise InputError(message("adapt_head", "method", expected, method, "Pass a name"))
    return Head(adapter.adapt(head.method, vectors, labels, prototypes=prototypes), head.decision)


def _encode(
    owner: str, recognizer: Recognizer, images: Any, labels: list[str] | None, prototypes: Prototypes
) -> tuple[npt.NDArray[np.float32], list[str]]:
    """Return the vectors of photos and their labels; where there are none, those of the folders they lie in."""
    vectors: list[npt.NDArray[np.float32]] = []
    folders: list[str] = []
    n = 0
    for batch in recognizer.encoder.stream_images(iter_images(images)):
        for item, error in zip(batch.items, batch.errors, strict=True):
            n += 1
            if error is not None:
                raise ItemError(f"{owner}: {item.name}: {error}. Leave it out.")
            if labels is None:
                if not isinstance(item.content, Path):
                    what = verbatim(f"{item.name}, which lies in none")
                    raise InputError(message(owner, "labels", "given for images without a folder", what, "Pass them"))
                folders.append(item.content.absolute().parent.name)
        vectors.append(batch.vectors)
    if labels is None:
        labels = _check_labels(owner, folders, prototypes)
    _check_count(owner, labels, range(n))
    return np.concatenate(vectors), labels


def _check_labels(owner: str, labels: Any, prototypes: Prototypes) -> list[str]:
    if isinstance(labels, str) or not isinstance(labels, Iterable):
        raise InputError(message(owner, "labels", "a sequence of class names or None", labels, "Pass one per example"))
    listed = [str(label) if isinstance(label, str) else label for label in labels]
    known = set(prototypes.names)
    for label in listed:
        if not isinstance(label, str) or label not in known:
            raise no_class(owner, "labels", "names of classes of the vocabulary", label, prototypes.names)
    return listed


def _check_count(owner: str, labels: list[str], examples: Any) -> None:
    if isinstance(examples, str) or len(labels) != len(examples) or not labels:
        found = verbatim("one text" if isinstance(examples, str) else f"{len(labels)} for {len(examples)}")
        raise InputError(
            message(owner, "labels", "one for each example, at least one", found, "Pass lists of one length")
        )
