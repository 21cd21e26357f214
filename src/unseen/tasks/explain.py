"""Explanations: what speaks for a prediction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from unseen.encoders.cache import encode_texts_cached
from unseen.encoders.prompts import class_texts, ensemble_prototypes
from unseen.prototypes import Prototypes
from unseen.results import Evidence, Explanation
from unseen.tasks.blocks import BlockScorer

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
    the temperature (log-odds). A class with one text has one part: its whole lead. Those of several add up to it with
    ``ensemble="scores"``; else they need not: a prototype is the mean of its texts' vectors, of which no score is a
    linear function.

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
    ensemble : {"embeddings", "scores"}, default "embeddings"
        How the texts of a class became one; see :meth:`unseen.Recognizer.classify`.
    """

    def __init__(
        self,
        recognizer: Recognizer,
        vocabulary: Vocabulary,
        modality: str,
        *,
        n_seen: int = 3,
        ensemble: Literal["embeddings", "scores"] = "embeddings",
    ) -> None:
        self._recognizer = recognizer
        self._head = recognizer.head(modality)
        self._vocabulary = vocabulary
        self._lexicon = recognizer.encoder.lexicon if modality == "image" else None
        prototypes = ensemble_prototypes(
            "explain", recognizer.encoder, vocabulary, modality=modality, ensemble=ensemble
        )
        self._n_classes = prototypes.n_classes
        self._score = BlockScorer(self._head.method, prototypes)
        self._n_seen = n_seen

    def explain(self, answer: Answer) -> list[Explanation | None]:
        """Return an explanation per item of an answer, of its likeliest class; None where it could not be used."""
        return [found[0] if found else None for found in self._explained(answer, most=1)]

    def explain_all(self, answer: Answer) -> list[list[Explanation]]:
        """Return the explanations of each item: of every accepted class of a multi-label answer, else of the likeliest.

        Where nothing was accepted, the likeliest class is explained all the same; an unusable item has none.
        """
        several = bool(answer.predictions.settings.get("multi_label"))
        return self._explained(answer, most=answer.predictions.top.shape[1] if several else 1)

    def _explained(self, answer: Answer, *, most: int) -> list[list[Explanation]]:
        out: list[list[Explanation]] = [[] for _ in answer.vectors]
        usable = [i for i, vector in enumerate(answer.vectors) if vector is not None]
        if not usable:
            return out
        predictions = answer.predictions
        X = np.stack([vector for vector in answer.vectors if vector is not None])
        asked = [(row, rank) for row, i in enumerate(usable) for rank in range(max(1, min(most, predictions.ranks(i))))]
        rows = np.array([row for row, _ in asked])
        best = np.array([predictions.top[usable[row], rank] for row, rank in asked])
        seen = self._seen(X)
        parts = self._parts(X, rows, best)
        for row, position, part in zip(rows, best, parts, strict=True):
            item = usable[row]
            found = Explanation(predictions.items[item], predictions.names[position], (*seen[row], *part))
            out[item].append(found)
        return out

    def _mean(self, X: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Return the mean score (n,) of all classes."""
        means = []
        for start in range(0, len(X), self._score.at_once):
            _, blocks = self._score(X[start : start + self._score.at_once])
            means.append(np.sum([scores.sum(axis=1) for _, scores in blocks], axis=0) / self._n_classes)
        return np.concatenate(means)

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

    def _parts(
        self, X: np.ndarray[Any, Any], rows: np.ndarray[Any, Any], best: np.ndarray[Any, Any]
    ) -> list[list[Evidence]]:
        """Return for each of `rows` of X what each text about the class at `best` contributes."""
        method, temperature = self._head.method, self._head.decision.temperature
        encoder, mean = self._recognizer.encoder, self._mean(X)
        templates = self._vocabulary.templates or encoder.templates
        out: list[list[Evidence]] = [[] for _ in rows]
        for position in np.unique(best):
            asked = np.flatnonzero(best == position)
            views = class_texts(self._vocabulary.entries[position], templates, self._lexicon)
            vectors = encode_texts_cached(encoder, [view.text for view in views])
            alone = Prototypes([str(i) for i in range(len(views))], vectors)
            leads = (method.class_scores(X[rows[asked]], prototypes=alone) - mean[rows[asked], None]) / temperature
            for place, lead in zip(asked, leads, strict=True):
                # One text can stand in several groups (after the name, and alone): its parts are one.
                parts: dict[tuple[str, str], float] = {}
                for view, part in zip(views, lead, strict=True):
                    key = (view.kind, view.label)
                    parts[key] = parts.get(key, 0.0) + float(view.weight * part)
                ranked = sorted(parts.items(), key=lambda item: -item[1])
                out[place] = [Evidence(kind, label, weight) for (kind, label), weight in ranked]
        return out
