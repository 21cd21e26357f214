"""Explanations: what speaks for a prediction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.encoders.cache import encode_texts_cached
from unseen.encoders.prompts import vocabulary_prototypes, vocabulary_texts
from unseen.prototypes import Prototypes
from unseen.results import Evidence, Explanation

if TYPE_CHECKING:
    from unseen.recognizer import Recognizer
    from unseen.tasks.judge import Answer
    from unseen.vocabulary import Vocabulary

__all__ = ["Explainer"]


class Explainer:
    """Says what speaks for the likeliest class of each item.

    Two kinds of evidence: the seen classes that the item looks most like (ConSE's view; where the method has seen
    classes), and the part that each text about the class has in its lead. A part is the score of that text taken
    alone as the class's prototype, minus the mean score over the vocabulary, times the text's weight, in units of
    the temperature (log-odds). A class with one text has one part: its whole lead. Those of several need not add up
    to it: a prototype is the mean of its texts' vectors, of which no score is a linear function.

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
        self._head = recognizer.head(modality)
        self._texts = vocabulary_texts(recognizer.encoder, vocabulary, modality=modality)
        prototypes = vocabulary_prototypes(recognizer.encoder, vocabulary, modality=modality)
        self._score = self._head.method.scorer(prototypes)
        self._n_seen = n_seen

    def explain(self, answer: Answer) -> list[Explanation | None]:
        """Return an explanation per item of an answer; None where the item could not be used."""
        out: list[Explanation | None] = [None] * len(answer.vectors)
        usable = [i for i, vector in enumerate(answer.vectors) if vector is not None]
        if not usable:
            return out
        X = np.stack([vector for vector in answer.vectors if vector is not None])
        best = answer.predictions.top[usable, 0]
        seen = self._seen(X)
        parts = self._parts(X, best)
        for row, i in enumerate(usable):
            name = answer.predictions.names[best[row]]
            out[i] = Explanation(answer.predictions.items[i], name, (*seen[row], *parts[row]))
        return out

    def _seen(self, X: np.ndarray[Any, Any]) -> list[list[Evidence]]:
        """Return for each row of X the seen classes it looks most like."""
        probabilities_of = getattr(self._head.method, "seen_probabilities", None)
        if probabilities_of is None:
            return [[] for _ in X]
        probabilities = probabilities_of(X)
        names = self._head.method.seen_prototypes_.names
        order = np.argsort(-probabilities, axis=1, kind="stable")[:, : self._n_seen]
        return [
            [Evidence("seen class", names[j], float(share[j])) for j in best]
            for best, share in zip(order, probabilities, strict=True)
        ]

    def _parts(self, X: np.ndarray[Any, Any], best: np.ndarray[Any, Any]) -> list[list[Evidence]]:
        """Return for each row of X what each text about its best class contributes."""
        method, temperature = self._head.method, self._head.decision.temperature
        mean = self._score(X).mean(axis=1)
        out: list[list[Evidence]] = [[] for _ in X]
        for position in np.unique(best):
            rows = np.flatnonzero(best == position)
            views = self._texts[position]
            vectors = encode_texts_cached(self._recognizer.encoder, [view.text for view in views])
            alone = Prototypes([str(i) for i in range(len(views))], vectors)
            leads = (method.class_scores(X[rows], prototypes=alone) - mean[rows, None]) / temperature
            for row, lead in zip(rows, leads, strict=True):
                # One text can stand in several groups (after the name, and alone): its parts are one.
                parts: dict[tuple[str, str], float] = {}
                for view, part in zip(views, lead, strict=True):
                    key = (view.kind, view.label)
                    parts[key] = parts.get(key, 0.0) + float(view.weight * part)
                ranked = sorted(parts.items(), key=lambda item: -item[1])
                out[row] = [Evidence(kind, label, weight) for (kind, label), weight in ranked]
        return out
