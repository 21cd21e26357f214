"""Classification: the likeliest classes of each image or text, as they come, in bounded memory."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.encoders.pipeline import grouped
from unseen.inputs.sources import iter_images
from unseen.inputs.texts import iter_texts
from unseen.tasks.indexed import judge_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from unseen.recognizer import Recognizer
    from unseen.tasks.judge import Answer, Judge
    from unseen.vocabulary import Vocabulary

__all__ = ["classify_images", "classify_texts", "make_judge"]

#: Texts scored at a time.
_TEXTS = 256
#: Ranks where nobody says how many: of an answer with one class, and of one with several.
_FEW, _MANY = 5, 20


def classify_images(
    recognizer: Recognizer, images: Any, vocabulary: Vocabulary, *, top_k: int | None = None, **options: Any
) -> Iterator[Answer]:
    """Yield answers for images as they are read; see :meth:`unseen.Recognizer.classify` for the parameters."""
    judge = make_judge(recognizer, "image", vocabulary, top_k=top_k, **options)
    return _images(judge, recognizer, iter_images(images))


def classify_texts(
    recognizer: Recognizer,
    texts: Any,
    vocabulary: Vocabulary,
    *,
    column: str | None = None,
    top_k: int | None = None,
    **options: Any,
) -> Iterator[Answer]:
    """Yield answers for texts as they are read; see :meth:`unseen.Recognizer.classify_text` for the parameters."""
    judge = make_judge(recognizer, "text", vocabulary, top_k=top_k, **options)
    return _texts(judge, recognizer, iter(iter_texts(texts, column=column)))


def make_judge(
    recognizer: Recognizer,
    modality: str,
    vocabulary: Vocabulary,
    *,
    top_k: int | None = None,
    unknown_below: float | None = None,
    strict: bool = False,
    make: Callable[..., Judge] = judge_for,
    **options: Any,
) -> Judge:
    """Return what judges vectors, by the parameters of :meth:`unseen.Recognizer.classify`."""
    if top_k is None:
        top_k = _MANY if options.get("multi_label") else _FEW
    return make(recognizer, modality, vocabulary, top_k, unknown_below, strict, **options)


def _images(judge: Judge, recognizer: Recognizer, items: Any) -> Iterator[Answer]:
    for batches in grouped(recognizer.encoder.stream_images(items), judge.at_once):
        names = [item.name for batch in batches for item in batch.items]
        pixels = [one for batch in batches for one in batch.pixels]
        vectors = np.concatenate([batch.vectors for batch in batches if batch.vectors.size] or [batches[0].vectors])
        yield judge.answer(names, vectors, pixels, [error for batch in batches for error in batch.errors])
    judge.tell_unused()


def _texts(judge: Judge, recognizer: Recognizer, items: Any) -> Iterator[Answer]:
    while chunk := list(islice(items, max(_TEXTS, judge.at_once))):
        vectors = recognizer.encoder.encode_texts([item.text for item in chunk if item.error is None])
        previews = [item.text if item.error is None else None for item in chunk]
        yield judge.answer([item.name for item in chunk], vectors, previews, [item.error for item in chunk])
    judge.tell_unused()
