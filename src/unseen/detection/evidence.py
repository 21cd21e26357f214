"""Evidence: how surely each vector, of a whole picture, a crop or a place, is of each class alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit, log_expit, log_softmax, logsumexp, softmax

from unseen.decision.background import background_of
from unseen.encoders.prompts import background_vectors, check_vocabulary, vocabulary_prototypes
from unseen.prototypes import Prototypes

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from unseen.recognizer import Recognizer
    from unseen.vocabulary import Vocabulary

__all__ = ["Evidence", "relations"]

Array = np.ndarray[Any, Any]

#: General words that stand for "none of the classes" where a recogniser brings nothing else to compare with.
_ANYTHING = ("something else", "an object", "a scene", "a texture", "a random picture")
#: Vectors scored at a time.
_ROWS = 2048


class Evidence:
    r"""Scores vectors against a vocabulary, in the recogniser's own calibrated terms.

    .. math:: P(c \mid x) = \sigma\bigl(e_c(x)\bigr) \cdot \operatorname{softmax}_c\bigl(f_c(x) / T\bigr), \qquad
       g_c(x) = f_c(x) - \operatorname{mean}_{c'} f_{c'}(x), \qquad
       h_c(x) = \sum_s \operatorname{softmax}_s\bigl(f_s(x) / T\bigr)\, r_{cs}

    with :math:`e_c` the log-odds of class c judged alone, the mean over the classes and a few general words, and
    :math:`r_{cs}` how related the class is to class s of those that the method has learned from (:func:`relations`).

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
        self._seen = head.method.scorer(_prototypes(seen)) if len(seen) else None
        self._relations = relations(classes, seen) if len(seen) else None

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

    def places(self, vectors: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return how much places with these vectors (n, d) speak for each class (n, C), at least 0.

        :math:`h_c`, times the vector's length, where the method has learned from classes of its own: what a place looks
        like is told best by them. Elsewhere :math:`g_c`, times the length.
        """
        X = np.asarray(vectors, np.float32)
        lengths = np.linalg.norm(X, axis=1)[:, None]
        if self._seen is None or self._relations is None:
            above: Array = np.maximum(self.contrast(X), 0) * lengths
            return above
        out = np.empty((len(X), len(self.names)))
        for start in range(0, len(X), _ROWS):
            shares = softmax(self._seen(X[start : start + _ROWS]) / self._decision.temperature, axis=1)
            out[start : start + _ROWS] = shares @ self._relations.T
        out *= lengths
        return out

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


def relations(classes: npt.NDArray[Any], seen: npt.NDArray[Any]) -> Array:
    """Return how much nearer than most each class (C, S) is to each seen one, in standard deviations; 0 for less.

    Examples
    --------
    >>> import numpy as np
    >>> from unseen.detection.evidence import relations
    >>> relations(np.array([[1.0, 0.0]]), np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])).round(2).tolist()
    [[1.41, 0.0, 0.0]]
    """
    a = classes / np.maximum(np.linalg.norm(classes, axis=1, keepdims=True), 1e-12)
    b = seen / np.maximum(np.linalg.norm(seen, axis=1, keepdims=True), 1e-12)
    cosines = a @ b.T
    spread = np.maximum(cosines.std(axis=1, keepdims=True), 1e-9)
    found: Array = np.maximum((cosines - cosines.mean(axis=1, keepdims=True)) / spread, 0)
    return found


def _prototypes(*parts: npt.NDArray[np.float32]) -> Prototypes:
    rows = np.concatenate([part for part in parts if len(part)])
    return Prototypes([str(i) for i in range(len(rows))], rows)
