"""Classification: the likeliest classes of each image or text, as they come, in bounded memory."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from unseen.inputs.sources import iter_images
from unseen.inputs.texts import iter_texts
from unseen.tasks.judge import Judge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from unseen.recognizer import Recognizer
    from unseen.tasks.judge import Answer
    from unseen.vocabulary import Vocabulary

__all__ = ["classify_images", "classify_texts"]

#: Texts scored at a time.
_TEXTS = 256


def classify_images(
    recognizer: Recognizer,
    images: Any,
    vocabulary: Vocabulary,
    *,
    top_k: int = 5,
    unknown_below: float | None = None,
    strict: bool = False,
) -> Iterator[Answer]:
    """Yield answers for images as they are read; see :meth:`unseen.Recognizer.classify` for the parameters."""
    judge = Judge(recognizer, "image", vocabulary, top_k, unknown_below, strict)
    return _images(judge, recognizer, iter_images(images))


def _images(judge: Judge, recognizer: Recognizer, items: Any) -> Iterator[Answer]:
    for batch in recognizer.encoder.stream_images(items):
        names = [item.name for item in batch.items]
        yield judge.answer(names, batch.vectors, list(batch.pixels), list(batch.errors))


def classify_texts(
    recognizer: Recognizer,
    texts: Any,
    vocabulary: Vocabulary,
    *,
    column: str | None = None,
    top_k: int = 5,
    unknown_below: float | None = None,
    strict: bool = False,
) -> Iterator[Answer]:
    """Yield answers for texts as they are read; see :meth:`unseen.Recognizer.classify_text` for the parameters."""
    judge = Judge(recognizer, "text", vocabulary, top_k, unknown_below, strict)
    return _texts(judge, recognizer, iter(iter_texts(texts, column=column)))


def _texts(judge: Judge, recognizer: Recognizer, items: Any) -> Iterator[Answer]:
    while chunk := list(islice(items, _TEXTS)):
        vectors = recognizer.encoder.encode_texts([item.text for item in chunk if item.error is None])
        previews = [item.text if item.error is None else None for item in chunk]
        yield judge.answer([item.name for item in chunk], vectors, previews, [item.error for item in chunk])
