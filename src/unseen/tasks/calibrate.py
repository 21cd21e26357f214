"""Calibration of a recogniser on labelled items of somebody's own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from unseen.decision.background import background_of
from unseen.decision.calibration import Decision, fit_known, fit_temperature, refuse_test_classes
from unseen.decision.evidence import Tally, tally
from unseen.encoders.prompts import background_vectors, check_vocabulary, ensemble_prototypes
from unseen.errors import InputError
from unseen.prototypes import Prototypes
from unseen.tasks.checks import check_vectors, no_class
from unseen.validation import check_seed, message, verbatim

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from unseen.recognizer import Recognizer
    from unseen.vocabulary import Vocabulary

__all__ = ["calibrated"]

Array = np.ndarray[Any, Any]

_OWNER = "Recognizer.calibrate"
#: Classes that a vocabulary must have: two in it, and two outside.
_LEAST = 4
#: Times that a vocabulary of each size is drawn.
_DRAWS = 20


@dataclass(frozen=True)
class _Scores:
    """Scores of n items: of C classes, of seen ones or None, of the background or None; and the true columns.

    The column of an item of none of the classes is -1.
    """

    classes: Array
    seen: Array | None
    background: Array | None
    y: Array

    def tally(self, temperature: float, rows: Array, columns: Array) -> Tally:
        return tally(
            self.classes[np.ix_(rows, columns)],
            temperature,
            seen_scores=None if self.seen is None else self.seen[rows],
            background_scores=None if self.background is None else self.background[rows],
        )


def calibrated(
    recognizer: Recognizer,
    items: Any,
    labels: Sequence[str | None],
    vocabulary: Vocabulary,
    *,
    modality: str,
    ensemble: Literal["embeddings", "scores"],
    random_state: Any,
) -> Decision:
    """Return the decision fitted on labelled items; see :meth:`unseen.Recognizer.calibrate`."""
    head, random = recognizer.head(modality), check_seed(_OWNER, random_state)
    names = check_vocabulary(vocabulary).names
    y = _columns(labels, names)
    prototypes = ensemble_prototypes(_OWNER, recognizer.encoder, vocabulary, modality=modality, ensemble=ensemble)
    if isinstance(prototypes, Prototypes):
        refuse_test_classes(_OWNER, y[y >= 0], prototypes)
    X = _vectors(recognizer, items, modality)
    if len(X) != len(y):
        got = verbatim(f"{len(y):,} for {len(X):,} items")
        raise InputError(message(_OWNER, "labels", "one for each item", got, "Pass a class name, or None, for each"))
    X = check_vectors(_OWNER, "items", X, method=head.method, prototypes=prototypes)
    words = background_of(head.decision, modality, names, recognizer.background)
    beside = background_vectors(recognizer.encoder, words, vocabulary.templates)
    method = head.method
    scores = _Scores(
        recognizer.class_scores(X, prototypes, modality=modality),
        method.class_scores(X) if head.decision.reference else None,
        method.class_scores(X, prototypes=Prototypes(list(words), beside)) if words else None,
        y,
    )
    _check_fit(scores)
    draws = list(_draws(len(names), random))
    if head.decision.activation == "sigmoid":
        return _fit_sigmoid(head.decision, scores, draws)
    return _fit_softmax(head.decision, scores, draws)


def _fit_softmax(decision: Decision, scores: _Scores, draws: list[tuple[Array, Array]]) -> Decision:
    matrices, targets, weights = [], [], []
    everything = np.arange(scores.classes.shape[1])
    for inside, _ in [*draws, (everything, everything)]:
        rows = np.flatnonzero(np.isin(scores.y, inside))
        if len(rows):
            matrices.append(scores.classes[np.ix_(rows, inside)])
            targets.append(np.searchsorted(inside, scores.y[rows]))
            # Every size counts alike, that of all classes too, of which there is but one vocabulary.
            weights.append(_DRAWS if inside is everything else 1)
    smoothing = 1 / (len(scores.y) + 2)
    temperature = fit_temperature(matrices, targets, weights=weights, smoothing=smoothing)
    plain = replace(decision, temperature=temperature, known_slope=1.0, known_offset=0.0, known_size=0.0)
    evidence, known, sizes = _evidence(plain, scores, draws)
    slope, offset, size = fit_known(evidence, known, sizes, smoothing=smoothing)
    if slope <= 0:
        raise InputError(_hopeless())
    return replace(plain, known_slope=slope, known_offset=offset, known_size=size)


def _fit_sigmoid(decision: Decision, scores: _Scores, draws: list[tuple[Array, Array]]) -> Decision:
    """Fit temperature and bias to pairs of item and class, both kinds alike; then what the number of classes adds."""
    from scipy.optimize import minimize_scalar

    pairs = scores.y[:, None] == np.arange(scores.classes.shape[1])
    smoothing = 1 / (len(scores.y) + 2)
    slope, bias, _ = fit_known(scores.classes.ravel(), pairs.ravel(), np.ones(pairs.size), smoothing=smoothing)
    if slope <= 0:
        raise InputError(_hopeless())
    plain = replace(decision, temperature=1 / slope, bias=bias, known_slope=1.0, known_offset=0.0, known_size=0.0)
    evidence, known, sizes = _evidence(plain, scores, draws)
    logs, weights = np.log(sizes), np.where(known, 1 / known.sum(), 1 / (~known).sum())

    def loss(size: float) -> float:
        odds = evidence + size * logs
        return float((weights * np.logaddexp(0, np.where(known, -odds, odds))).sum())

    best = minimize_scalar(loss, bounds=(-10, 10), method="bounded")
    return replace(plain, known_size=float(best.x))


def _evidence(decision: Decision, scores: _Scores, draws: list[tuple[Array, Array]]) -> tuple[Array, Array, Array]:
    """Return the evidence of items against drawn vocabularies, whether they are of a class of it, and its size."""
    evidence, known, sizes = [], [], []
    for inside, outside in draws:
        rows = np.flatnonzero(np.isin(scores.y, np.concatenate([inside, outside, [-1]])))
        counted = scores.tally(decision.temperature, rows, inside)
        if decision.known_from == "scores":
            counted = replace(counted, background=None)  # a factor beside the curve, no part of it
        evidence.append(decision.known_odds(counted))
        known.append(np.isin(scores.y[rows], inside))
        sizes.append(np.full(len(rows), len(inside)))
    return np.concatenate(evidence), np.concatenate(known), np.concatenate(sizes)


def _draws(n_classes: int, random: np.random.RandomState) -> Iterator[tuple[Array, Array]]:
    """Yield the classes of vocabularies of several sizes, sorted, and as many others."""
    size = 2
    while size <= n_classes // 2:
        for _ in range(_DRAWS):
            order = random.permutation(n_classes)
            yield np.sort(order[:size]), order[size : 2 * size]
        size *= 2


def _columns(labels: Sequence[str | None], names: Sequence[str]) -> Array:
    if isinstance(labels, str) or not hasattr(labels, "__iter__"):
        raise InputError(message(_OWNER, "labels", "a sequence of class names", labels, "Pass one for each item"))
    position = {name: i for i, name in enumerate(names)}
    columns = []
    for label in labels:
        if label is not None and (not isinstance(label, str) or label not in position):
            raise no_class(_OWNER, "labels", "classes of the vocabulary, or None", label, names)
        columns.append(-1 if label is None else position[label])
    y = np.array(columns, np.intp)
    found = len(np.unique(y[y >= 0]))
    if found < _LEAST:
        expected = f"of at least {_LEAST} classes, so that some can be left out and be unknown"
        got = verbatim(f"{found} {'class' if found == 1 else 'classes'}")
        raise InputError(message(_OWNER, "labels", expected, got, "Add items of other classes"))
    return y


def _vectors(recognizer: Recognizer, items: Any, modality: str) -> Array:
    if isinstance(items, np.ndarray) and items.ndim == 2 and items.dtype.kind == "f":
        return items
    if modality == "image":
        return recognizer.encode_images(items)
    from unseen.errors import ItemError
    from unseen.inputs.texts import iter_texts

    texts = list(iter_texts(items))
    for one in texts:
        if one.error is not None:
            raise ItemError(f"{_OWNER}: {one.name}: {one.error}")
    return recognizer.encoder.encode_texts([one.text for one in texts if one.text is not None])


def _check_fit(scores: _Scores) -> None:
    """Refuse items whose true classes do not score above the others: labels in another order, most often."""
    rows = np.flatnonzero(scores.y >= 0)
    matrix = scores.classes[rows]
    true = matrix[np.arange(len(rows)), scores.y[rows]]
    lead = true - (matrix.sum(axis=1) - true) / (matrix.shape[1] - 1)
    if lead.mean() <= 2 * lead.std() / np.sqrt(len(lead)):
        raise InputError(_hopeless())


def _hopeless() -> str:
    got = verbatim("items that look no more like them than like others")
    return message(_OWNER, "items", "recognisable as their classes", got, "Check that labels and items belong together")
