"""The judge: vectors of images or texts, scored against a vocabulary, and the answer worded."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from threadpoolctl import ThreadpoolController

from unseen._version import __version__
from unseen.encoders.prompts import vocabulary_prototypes
from unseen.errors import ItemError
from unseen.prototypes import Prototypes
from unseen.results import Predictions
from unseen.validation import check_number

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from unseen.recognizer import Recognizer
    from unseen.vocabulary import Vocabulary

__all__ = ["Answer", "Judge", "top_classes"]

Array = np.ndarray[Any, Any]

_BLAS = Lock()


@dataclass(frozen=True)
class Answer:
    """Predictions of one batch, with what they were made from.

    Attributes
    ----------
    predictions : Predictions
        Of the m items of the batch.
    previews : list
        For each item its prepared pixels (s, s, 3) uint8 or its text; None where it could not be used.
    vectors : list
        For each item its vector, or None.
    """

    predictions: Predictions
    previews: Sequence[npt.NDArray[np.uint8] | str | None]
    vectors: Sequence[npt.NDArray[np.float32] | None]


class Judge:
    """Scores vectors and words the answer; holds what is the same for every batch."""

    def __init__(
        self,
        recognizer: Recognizer,
        modality: str,
        vocabulary: Vocabulary,
        top_k: int,
        unknown_below: float | None,
        strict: bool,
    ) -> None:
        self.top_k = int(check_number("classify", "top_k", top_k, low=1, integer=True))
        if unknown_below is not None:
            unknown_below = check_number("classify", "unknown_below", unknown_below, low=0, high=1)
        self.unknown_below = unknown_below
        self.strict = strict
        self.head = recognizer.head(modality)
        self.prototypes: Prototypes = vocabulary_prototypes(recognizer.encoder, vocabulary, modality=modality)
        self.settings = {
            "unseen": __version__,
            "model": recognizer.encoder.name,
            "model_fingerprint": recognizer.fingerprint,
            "classes": self.prototypes.n_classes,
            "vocabulary_fingerprint": vocabulary.fingerprint,
            "prototypes_fingerprint": self.prototypes.fingerprint,
            "temperature": self.head.decision.temperature,
            "unknown_below": unknown_below,
        }

    @cached_property
    def _score(self) -> Callable[[npt.ArrayLike], Array]:
        """What scores vectors; made at the first batch, while the workers are busy with the next ones."""
        return self.head.method.scorer(self._columns())

    def _columns(self) -> Prototypes:
        """Return the vocabulary's prototypes, with the seen classes' behind them where the decision needs those."""
        if not self.head.decision.reference:
            return self.prototypes
        vectors = np.concatenate([self.prototypes.vectors, self.head.method.seen_prototypes_.vectors])
        return Prototypes([str(i) for i in range(len(vectors))], vectors)

    def _scores(self, vectors: npt.NDArray[np.float32]) -> tuple[Array, Array | None]:
        """Return the scores of the vocabulary's classes, and those of the seen classes or None."""
        # One thread: the other cores are decoding and encoding, and BLAS threads that wait take them away.
        # The limit is the process's, so one call at a time: two that overlap could restore each other's.
        with _BLAS, _blas().limit(limits=1, user_api="blas"):
            scores = self._score(vectors)
        n = self.prototypes.n_classes
        return scores[:, :n], scores[:, n:] if scores.shape[1] > n else None

    def answer(
        self, names: Sequence[str], vectors: npt.NDArray[np.float32], previews: Sequence[Any], errors: list[str | None]
    ) -> Answer:
        """Return the answer for items, of which `vectors` holds those without an error."""
        if self.strict:
            for name, error in zip(names, errors, strict=True):
                if error is not None:
                    raise ItemError(f"classify: {name}: {error}. Leave it out, or run without strict.")
        usable = np.array([i for i, error in enumerate(errors) if error is None], dtype=np.intp)
        k = min(self.top_k, self.prototypes.n_classes)
        top = np.zeros((len(names), k), np.intp)
        probabilities = np.zeros((len(names), k), np.float32)
        known = np.zeros(len(names), np.float32)
        if len(usable):
            scores, seen_scores = self._scores(vectors)
            top[usable] = best = top_classes(scores, k)
            known[usable] = self.head.decision.known(scores, seen_scores)
            if self.prototypes.n_classes == 1:
                # Among one class the answer is certain; what people ask then is whether the item is of it at all.
                probabilities[usable, 0] = known[usable]
            else:
                shares = self.head.decision.probabilities(scores)
                probabilities[usable] = np.take_along_axis(shares, best, axis=1)
        unknown = np.zeros(len(names), np.bool_)
        if self.unknown_below is not None:
            unknown[usable] = known[usable] < self.unknown_below
        rows: list[npt.NDArray[np.float32] | None] = [None] * len(names)
        for i, vector in zip(usable, vectors, strict=True):
            rows[i] = vector
        predictions = Predictions(
            names, self.prototypes.names, top, probabilities, known, unknown, errors, self.settings
        )
        return Answer(predictions, previews, rows)


@cache
def _blas() -> ThreadpoolController:
    """Return the controller of BLAS threads; finding the libraries takes too long to do it for every batch."""
    return ThreadpoolController()


def top_classes(scores: Array, k: int) -> npt.NDArray[np.intp]:
    """Return the positions (n, k) of the k best scores of each row, best first; ties in column order."""
    n, n_classes = scores.shape
    if k >= n_classes or n_classes <= 1024:
        return np.argsort(-scores, axis=1, kind="stable")[:, :k]
    # With many classes, sort only what can be among the best: all that reach the k-th score, ties included.
    out = np.empty((n, k), np.intp)
    cut = np.partition(scores, n_classes - k, axis=1)[:, n_classes - k]
    for row in range(n):
        candidates = np.flatnonzero(scores[row] >= cut[row])
        out[row] = candidates[np.argsort(-scores[row, candidates], kind="stable")[:k]]
    return out
