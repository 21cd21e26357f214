"""The bridge between the two towers, fitted on the 1,000 classifier rows and texts of ImageNet's classes.

Everything here goes the product's own way: its encoder, its `ClassifierRegression`, its texts per class. Functions are
shared with ``benchmarks/default_model.py``, which reports what this builds.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
from imagenet_texts import ClassTexts

from unseen import ClassEntry, Prototypes, Vocabulary
from unseen.decision.calibration import Decision, fit_known, fit_temperature, known_evidence
from unseen.encoders.cache import encode_texts_cached
from unseen.encoders.prompts import vocabulary_prototypes
from unseen.methods.correspondence.classifier_regression import ClassifierRegression
from unseen.methods.linalg import unit_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from unseen.encoders.base import Encoder

__all__ = ["SIZES", "Withheld", "compact", "fit_bridge", "fit_image_decision", "fit_text_decision", "user_prototypes"]

Array = np.ndarray[Any, Any]

#: How much the best seen class counts against an image being of the vocabulary; chosen on development classes.
REFERENCE = 0.5
#: Vocabulary sizes that the temperature must serve.
SIZES = (5, 20, 50, 100, 200)


def fit_bridge(
    encoder: Encoder,
    weights: Array,
    classes: Sequence[ClassTexts],
    positions: Array,
    *,
    leave_out: Sequence[str] = (),
    **parameters: Any,
) -> ClassifierRegression:
    """Fit the bridge on some of the classes: one classifier row and all texts of each.

    The prototype of a class is the mean over kinds of text of that kind's mean; each kind is a view of its own too.
    `leave_out` names kinds to do without, for measuring what each is worth.
    """
    names = [classes[i].name for i in positions]
    views = [classes[i].views() for i in positions]
    by_kind: dict[str, Prototypes] = {}
    for kind in (kind for kind in views[0] if kind not in leave_out):
        have = [j for j, view in enumerate(views) if view[kind]]
        texts = [text for j in have for text in views[j][kind]]
        starts = np.cumsum([0, *(len(views[j][kind]) for j in have)])[:-1]
        means = np.add.reduceat(encode_texts_cached(encoder, texts), starts, axis=0)
        by_kind[kind] = Prototypes([names[j] for j in have], unit_rows(means.astype(np.float64)))
    total = np.zeros((len(names), encoder.text_dim or 0))
    position = {name: j for j, name in enumerate(names)}
    for prototypes in by_kind.values():
        total[[position[name] for name in prototypes.names]] += prototypes.vectors
    anchors = Prototypes(names, unit_rows(total), seen=np.ones(len(names), np.bool_))
    bridge = ClassifierRegression(examples="classifiers", **parameters)
    return bridge.fit(weights[positions], np.array(names), prototypes=anchors, views=list(by_kind.values()))


def compact(bridge: ClassifierRegression) -> ClassifierRegression:
    """Store the large arrays in half precision; scoring is done in double all the same."""
    bridge.coef_ = bridge.coef_.astype(np.float16)
    bridge.intercept_ = bridge.intercept_.astype(np.float16)
    bridge.dual_ = bridge.dual_.astype(np.float16)
    return bridge


def user_prototypes(
    encoder: Encoder, classes: Sequence[ClassTexts], *, described: bool, modality: str = "image"
) -> Prototypes:
    """Return prototypes as a user's vocabulary gives them: by name alone, or by name and description."""
    entries = [
        ClassEntry(c.name, descriptions=(c.description,) if described and c.description else ()) for c in classes
    ]
    return vocabulary_prototypes(encoder, Vocabulary(entries), modality=modality)


class Withheld:
    """Draws of classes that the bridge has not seen, out of those for which there is a photo.

    Classes with photos are split once by a fixed seed: every choice is made on the development half, and the report
    half is for reporting. What is withheld is withheld from the bridge; the image tower was trained on all of them.
    """

    def __init__(self, positions: Array, vectors: Array) -> None:
        order = np.random.RandomState(0).permutation(np.sort(positions))
        half = len(order) // 2
        self.pools = {"development": np.sort(order[:half]), "report": np.sort(order[half:]), "all": np.sort(positions)}
        self._row = {int(p): i for i, p in enumerate(positions)}
        self._vectors = vectors

    def draws(self, pool: str, *, n_draws: int, n_withheld: int = 200) -> Iterator[tuple[Array, Array, Array]]:
        """Yield (withheld, seen, rest of the pool): positions of classes, for each draw."""
        for i in range(n_draws):
            order = np.random.RandomState(1000 + i).permutation(self.pools[pool])
            withheld = np.sort(order[:n_withheld])
            yield withheld, np.setdiff1d(np.arange(1000), withheld), np.sort(order[n_withheld:])

    def photos(self, positions: Array) -> Array:
        """Return the vectors of these classes' photos, in order."""
        return self._vectors[[self._row[int(p)] for p in positions]]


def fit_image_decision(
    withheld: Withheld, fit: Callable[[Array], ClassifierRegression], texts: dict[str, Prototypes], *, n_draws: int
) -> Decision:
    """Fit temperature and certainty of being known on withheld development classes.

    Parameters
    ----------
    fit : callable
        Positions of seen classes to a fitted bridge.
    texts : dict
        Prototypes of all 1,000 classes, as users would describe them; one entry per way.
    """
    scores, targets, evidence, known, sizes = [], [], [], [], []
    for unseen, seen, rest in withheld.draws("development", n_draws=n_draws):
        bridge, rng = fit(seen), np.random.RandomState(0)
        for prototypes in texts.values():
            for size in SIZES:
                for _ in range(max(1, 200 // size)):
                    chosen = rng.permutation(unseen)[:size]
                    scores.append(bridge.class_scores(withheld.photos(chosen), prototypes=pick(prototypes, chosen)))
                    targets.append(np.arange(size))
            for size in (6, 12, 24, 48, 72) * 4:
                known_set, unknown_set = known_and_unknown(rng, unseen, rest, size)
                vocabulary = pick(prototypes, known_set)
                for group, is_known in ((known_set, True), (unknown_set, False)):
                    X = withheld.photos(group)
                    S = bridge.class_scores(X, prototypes=vocabulary)
                    evidence.append(known_evidence(S, bridge.class_scores(X), reference=REFERENCE))
                    known.append(np.full(len(group), is_known))
                    sizes.append(np.full(len(group), size))
    curve = fit_known(np.concatenate(evidence), np.concatenate(known), np.concatenate(sizes))
    temperature = fit_temperature(scores, targets)
    slope, offset, growth = (round(value, 3) for value in curve)
    return Decision(round(temperature, 4), slope, offset, growth, REFERENCE)


def known_and_unknown(rng: np.random.RandomState, unseen: Array, rest: Array, size: int) -> tuple[Array, Array]:
    """Return the classes of a vocabulary, two thirds of them withheld, and as many others to be called unknown.

    As many, at every size: else how common each kind is would depend on the size, and the curve would learn that.
    """
    a, b = rng.permutation(unseen), rng.permutation(rest)
    n, m = 2 * size // 3, size - 2 * size // 3
    return np.concatenate([a[:n], b[:m]]), np.concatenate([a[n : 2 * n], b[m : 2 * m]])


def pick(prototypes: Prototypes, positions: Array) -> Prototypes:
    """Return the prototypes at these positions."""
    return prototypes.subset([prototypes.names[i] for i in positions])


def fit_text_decision(encoder: Encoder, classes: Sequence[ClassTexts]) -> Decision:
    """Fit the decision for texts: first sentences of descriptions, own names masked, against class names.

    No text that unseen is measured on takes part.
    """
    usable = [c for c in classes if c.sentences]
    X = unit_rows(encode_texts_cached(encoder, [_masked(c) for c in usable]).astype(np.float64))
    P = unit_rows(encode_texts_cached(encoder, [c.name for c in usable]).astype(np.float64))
    scores, targets, evidence, known, sizes = [], [], [], [], []
    for size in (5, 10, 20, 50, 100, 150):
        rng = np.random.RandomState(size)
        for _ in range(max(10, 2000 // size)):
            order = rng.permutation(len(usable))
            inside, outside = order[:size], order[size : 2 * size]
            scores.append(X[inside] @ P[inside].T)
            targets.append(np.arange(size))
            evidence += [scores[-1].max(axis=1), (X[outside] @ P[inside].T).max(axis=1)]
            known += [np.ones(size, np.bool_), np.zeros(size, np.bool_)]
            sizes.append(np.full(2 * size, size))
    curve = fit_known(np.concatenate(evidence), np.concatenate(known), np.concatenate(sizes))
    return Decision(round(fit_temperature(scores, targets), 4), *(round(value, 3) for value in curve))


def _masked(texts: ClassTexts) -> str:
    words = {w.lower() for name in (texts.name, *texts.synonyms) for w in re.findall(r"[A-Za-z]+", name) if len(w) > 2}

    def mask(match: re.Match[str]) -> str:
        word = match[0].lower()
        return "it" if word in words or word.rstrip("s") in words else match[0]

    return re.sub(r"[A-Za-z]+", mask, texts.sentences[0])
