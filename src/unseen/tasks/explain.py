"""Explanations: what speaks for a prediction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.encoders.cache import encode_texts_cached
from unseen.encoders.prompts import class_texts, vocabulary_prototypes
from unseen.prototypes import Prototypes
from unseen.results import Evidence, Explanation

if TYPE_CHECKING:
    from unseen.prototypes import Prototypes as PrototypesType
    from unseen.recognizer import Recognizer
    from unseen.tasks.classify import Answer
    from unseen.vocabulary import Vocabulary

__all__ = ["Explainer"]


class Explainer:
    """Says what speaks for the likeliest class of each item.

    Two kinds of evidence: the seen classes that the item looks most like (ConSE's view; where the method has seen
    classes), and the part that each text about the class has in its lead. A part is the score of that text taken
    alone as the class's prototype, minus the mean score over the vocabulary, times the text's weight, in units of
    the temperature (log-odds). A class with one text has one part: its whole lead.

    Parameters
    ----------
    recognizer : Recognizer
        What made the predictions.
    vocabulary : Vocabulary
        The classes.
    modality : str
        ``"image"`` or ``"text"``.
    n_seen : int, default 3
        How many seen classes to name.
    """

    def __init__(self, recognizer: Recognizer, vocabulary: Vocabulary, modality: str, *, n_seen: int = 3) -> None:
        self._recognizer = recognizer
        self._vocabulary = vocabulary
        self._head = recognizer.head(modality)
        self._prototypes: PrototypesType = vocabulary_prototypes(recognizer.encoder, vocabulary)
        self._templates = vocabulary.templates or recognizer.encoder.templates
        self._n_seen = n_seen

    def explain(self, answer: Answer) -> list[Explanation | None]:
        """Return an explanation per item of an answer; None where the item could not be used."""
        out: list[Explanation | None] = []
        for i, vector in enumerate(answer.vectors):
            if vector is None:
                out.append(None)
                continue
            name = answer.predictions.names[answer.predictions.top[i, 0]]
            evidence = (*self._seen(vector[None]), *self._parts(vector[None], name))
            out.append(Explanation(answer.predictions.items[i], name, evidence))
        return out

    def _seen(self, X: np.ndarray[Any, Any]) -> list[Evidence]:
        probabilities_of = getattr(self._head.method, "seen_probabilities", None)
        if probabilities_of is None:
            return []
        probabilities = probabilities_of(X)[0]
        best = np.argsort(-probabilities, kind="stable")[: self._n_seen]
        names = self._head.method.seen_prototypes_.names
        return [Evidence("seen class", names[j], float(probabilities[j])) for j in best]

    def _parts(self, X: np.ndarray[Any, Any], name: str) -> list[Evidence]:
        views = class_texts(self._vocabulary[name], self._templates)
        vectors = encode_texts_cached(self._recognizer.encoder, [view.text for view in views])
        alone = Prototypes([str(i) for i in range(len(views))], vectors)
        method = self._head.method
        mean = float(method.class_scores(X, prototypes=self._prototypes).mean())
        leads = (method.class_scores(X, prototypes=alone)[0] - mean) / self._head.decision.temperature
        parts = [
            Evidence(view.kind, view.label, float(view.weight * lead)) for view, lead in zip(views, leads, strict=True)
        ]
        return sorted(parts, key=lambda part: -part.weight)
