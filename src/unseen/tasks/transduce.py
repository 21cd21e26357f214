"""Scoring all vectors of a folder at once, so that they help each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import clone

from unseen.errors import InputError
from unseen.methods.adapting import _TransductiveAdapter
from unseen.prototypes import Prototypes
from unseen.recognizer import Recognizer
from unseen.registry import METHODS
from unseen.tasks.checks import check_vectors
from unseen.tasks.judge import Judge, top_classes
from unseen.validation import check_choice, message

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["TRANSDUCERS", "TransducedJudge", "transduce"]

#: Methods that `transduce` can put around a recogniser's own.
TRANSDUCERS = ("transclip", "label_propagation")


def transduce(
    recognizer: Recognizer,
    vectors: npt.ArrayLike,
    prototypes: Prototypes,
    *,
    method: str | _TransductiveAdapter = "transclip",
    modality: str = "image",
) -> npt.NDArray[np.float64]:
    """Score vectors of many items together, by the recogniser's method and by how they lie.

    Parameters
    ----------
    recognizer : Recognizer
        Its encoder has made the vectors and the prototypes.
    vectors : array-like of shape (n, d)
        Of all items at once; of one alone the scores are the recogniser's own.
    prototypes : Prototypes
        The classes, from `Recognizer.prototypes`.
    method : {"transclip", "label_propagation"} or an unfitted method of these classes, default "transclip"
        How they help each other.
    modality : {"image", "text"}, default "image"
        What the vectors are of.

    Returns
    -------
    ndarray of shape (n, C)
        On the scale of the recogniser's own scores: ``recognizer.head(modality).decision.probabilities(scores)`` are
        the method's probabilities. How surely an item is of any class at all is for the recogniser's own scores to say.

    Raises
    ------
    InputError
        When an argument is of another kind, or vectors or prototypes do not fit the recogniser.

    Notes
    -----
    The answer for an item depends on its company. For cost and memory see the methods: about twenty minutes on one
    core for 200,000 vectors of 512 numbers.

    Examples
    --------
    >>> import unseen
    >>> from unseen.tasks.transduce import transduce
    >>> rec = unseen.Recognizer.load()
    >>> topics = unseen.Vocabulary.from_names(["sport", "weather"])
    >>> texts = ["It will rain", "Snow is coming", "She scored twice", "The match was lost"]
    >>> p = rec.prototypes(topics, modality="text")
    >>> scores = transduce(rec, rec.encoder.encode_texts(texts), p, modality="text")
    >>> [topics.names[i] for i in scores.argmax(axis=1)]
    ['weather', 'weather', 'sport', 'sport']
    """
    owner = "transduce"
    if not isinstance(recognizer, Recognizer):
        raise InputError(message(owner, "recognizer", "an unseen.Recognizer", recognizer, "Load one"))
    head = recognizer.head(check_choice(owner, "modality", modality, ("image", "text")))
    if isinstance(method, str):
        check_choice(owner, "method", method, TRANSDUCERS)
        chosen: _TransductiveAdapter = METHODS.get(method)(scale=1 / head.decision.temperature)
    elif isinstance(method, _TransductiveAdapter):
        chosen = clone(method)
    else:
        expected = f"one of {', '.join(TRANSDUCERS)}, or an instance of their classes"
        raise InputError(message(owner, "method", expected, method, "Pass a name"))
    if not isinstance(prototypes, Prototypes):
        raise InputError(message(owner, "prototypes", "an unseen.Prototypes", prototypes, "Use Recognizer.prototypes"))
    X = check_vectors(owner, "vectors", vectors, method=head.method, prototypes=prototypes)
    return chosen.around(head.method).class_scores(X, prototypes=prototypes)


class TransducedJudge(Judge):
    """A judge that has seen all the vectors it will be asked about, and lets them help each other.

    Parameters
    ----------
    recognizer, modality, *asked, **options
        As for :class:`~unseen.tasks.judge.Judge`.
    vectors : array of shape (n, d)
        Of all items that can be used. `answer` must be handed the same ones, in the same order.
    method : {"transclip", "label_propagation"}, default "transclip"
        As for `transduce`.

    Raises
    ------
    InputError
        When an option asks about each item by itself: ``multi_label``, ``candidates``, ``ensemble="scores"``, an
        ``index``.

    Notes
    -----
    How surely an item is of any class at all is said by the recogniser's own scores: company makes no item known.
    """

    def __init__(
        self,
        recognizer: Recognizer,
        modality: str,
        *asked: Any,
        vectors: npt.NDArray[np.float32],
        method: str = "transclip",
        **options: Any,
    ) -> None:
        usual = {"multi_label": False, "candidates": None, "ensemble": "embeddings", "index": "exact"}
        for name, value in usual.items():
            if options.get(name) not in (None, value):
                remedy = "Leave one of the two out"
                raise InputError(message("classify", name, f"{value!r} with transductive", options[name], remedy))
        options.pop("index", None)
        check_choice("classify", "transductive", method, TRANSDUCERS)
        super().__init__(recognizer, modality, *asked, **options)
        self.settings["transductive"] = method
        classes = Prototypes(self.prototypes.names, self.prototypes.vectors)
        self._together = np.zeros((0, classes.n_classes))
        if len(vectors):  # else none of the items can be used
            self._together = transduce(recognizer, vectors, classes, method=method, modality=modality)
        self._answered = 0

    def _judge(
        self, vectors: npt.NDArray[np.float32], allowed: list[npt.NDArray[np.intp]] | None, k: int
    ) -> tuple[npt.NDArray[np.intp], npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]:
        _, alone, known, chosen = super()._judge(vectors, allowed, k)
        scores = self._together[self._answered : self._answered + len(vectors)]
        self._answered += len(vectors)
        top = top_classes(scores, k)
        shares = np.take_along_axis(self.head.decision.probabilities(scores), top, axis=1)
        return top, alone if self.prototypes.n_classes == 1 else shares, known, chosen
