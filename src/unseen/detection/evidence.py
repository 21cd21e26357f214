"""Evidence: how surely each vector, of a whole picture, a crop or a place, is of each class alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit, log_expit, log_softmax, logsumexp

from unseen.decision.background import background_of
from unseen.encoders.prompts import background_vectors, check_vocabulary, vocabulary_prototypes
from unseen.prototypes import Prototypes

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from unseen.recognizer import Recognizer
    from unseen.vocabulary import Vocabulary

__all__ = ["Evidence"]

Array = np.ndarray[Any, Any]

#: General words that stand for "none of the classes" where a recogniser brings nothing else to compare with.
_ANYTHING = ("something else", "an object", "a scene", "a texture", "a random picture")
#: Vectors scored at a time.
_ROWS = 2048


class Evidence:
    r"""Scores vectors against a vocabulary, in the recogniser's own calibrated terms.

    .. math:: P(c \mid x) = \sigma\bigl(e_c(x)\bigr) \cdot \operatorname{softmax}_c\bigl(f_c(x) / T\bigr), \qquad
       g_c(x) = f_c(x) - \operatorname{mean}_{c'} f_{c'}(x)

    with :math:`e_c` the log-odds of class c judged alone, and the mean over the classes and a few general words.

    Parameters
    ----------
    recognizer : Recognizer
        What recognises.
    vocabulary : Vocabulary
        The C classes.
    background : sequence of str or None, default None
        What a picture may show besides them; None for the recogniser's own, or, where each class would else compete
        with nothing, a few general words.
    """

    def __init__(
        self, recognizer: Recognizer, vocabulary: Vocabulary, *, background: Sequence[str] | None = None
    ) -> None:
        head = recognizer.head("image")
        self.names = check_vocabulary(vocabulary).names
        written = recognizer.background if background is None else background
        words = background_of(head.decision, "image", self.names, written)
        bare = head.decision.known_from == "probabilities" and head.decision.activation == "softmax"
        if bare and not words:
            known = {name.casefold() for name in self.names}
            words = tuple(word for word in _ANYTHING if word not in known)
        encoder = recognizer.encoder
        beside = background_vectors(encoder, words, vocabulary.templates)
        anchors = background_vectors(encoder, _ANYTHING, vocabulary.templates)
        classes = vocabulary_prototypes(encoder, vocabulary, modality="image").vectors
        self._decision, self._n_beside = head.decision, len(beside)
        self._near = head.method.scorer(_prototypes(classes, anchors))
        seen = head.method.seen_prototypes_.vectors if head.decision.reference else classes[:0]
        self._every = head.method.scorer(_prototypes(classes, beside, seen))

    def probabilities(self, vectors: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return, for vectors (n, d), the probability (n, C) of each class; 0 where a row is not finite."""
        X = np.asarray(vectors, np.float32)
        out = np.zeros((len(X), len(self.names)))
        rows = np.flatnonzero(np.isfinite(X).all(axis=1))
        for start in range(0, len(rows), _ROWS):
            part = rows[start : start + _ROWS]
            out[part] = self._probabilities(X[part])
        return out

    def contrast(self, vectors: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return how far the score (n, C) of each class lies above the mean of classes and general words."""
        scores = self._near(np.asarray(vectors, np.float32))
        above: Array = scores[:, : len(self.names)] - scores.mean(axis=1, keepdims=True)
        return above

    def _probabilities(self, X: npt.NDArray[np.float32]) -> Array:
        every = self._every(X)
        n, temperature = len(self.names), self._decision.temperature
        scores, beside, seen = np.split(every, [n, n + self._n_beside], axis=1)
        odds = self._decision.presence_odds(
            scores,
            seen.max(axis=1) if seen.shape[1] else None,
            logsumexp(beside / temperature, axis=1) if beside.shape[1] else None,
        )
        if self._decision.activation == "sigmoid":
            alone: Array = expit(odds)
            return alone
        each: Array = np.exp(log_expit(odds) + log_softmax(scores / temperature, axis=1))
        return each


def _prototypes(*parts: npt.NDArray[np.float32]) -> Prototypes:
    rows = np.concatenate([part for part in parts if len(part)])
    return Prototypes([str(i) for i in range(len(rows))], rows)
