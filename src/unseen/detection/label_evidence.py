"""What a detector's own word for a box says about the classes of a vocabulary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit, softmax

from unseen.encoders.cache import TextCache

if TYPE_CHECKING:
    import numpy.typing as npt

    from unseen.encoders.base import Encoder
    from unseen.vocabulary import Vocabulary

__all__ = ["LabelEvidence"]

Array = np.ndarray[Any, Any]

#: Words that have little to do with one another: how alike an encoder finds them is how alike it finds anything.
_WORDS = (
    "apple", "river", "hammer", "violin", "cloud", "king", "sock", "engine", "mushroom", "window", "whale",
    "pencil", "desert", "candle", "bridge", "butter", "lamp", "rabbit", "newspaper", "mountain", "spoon", "robot",
    "flower", "island", "helmet", "coin", "tiger", "pillow", "ladder", "tomato", "ship", "feather", "clock",
    "volcano", "glove", "wheel", "castle", "shark", "piano", "leaf", "rocket", "soup", "mirror", "camel", "tent",
    "stamp", "eagle", "drum", "snow", "banana",
)  # fmt: skip
#: What a word that is a class's name leaves for its being wrong.
_SLIP = 0.02
#: How many standard deviations above unrelated words a label must be to be as likely a class as none, how fast that
#: becomes certain, and how sharply the classes compete.
_EVEN, _WIDTH, _SPREAD = 4.5, 0.7, 0.5
#: Labels come from strangers: so much of each is read, and so many are remembered.
_LONGEST, _REMEMBERED = 200, 4096


class LabelEvidence:
    r"""How likely a box is of each class, or of none, by what the detector calls it.

    A label that is a class's name or synonym, but for case, spaces and hyphens, is that class. Any other is compared
    as a text:

    .. math:: z_c = \frac{\cos(t, t_c) - \mu}{\sigma}, \qquad
       P(\text{any}) = \sigma\bigl((\max_c z_c - z_0) / w\bigr), \qquad p_c = \operatorname{softmax}_c(z_c / s)

    where the mean and deviation are those of words that have nothing to do with one another, so that the scale holds
    for every encoder.

    Parameters
    ----------
    encoder : Encoder
        Encodes labels and names.
    vocabulary : Vocabulary
        The classes.
    """

    def __init__(self, encoder: Encoder, vocabulary: Vocabulary) -> None:
        self._cache = TextCache(encoder)
        self._names: dict[str, int] = {}
        texts, owners = [], []
        for position, entry in enumerate(vocabulary):
            for text in (entry.name, *entry.synonyms):
                self._names.setdefault(_loose(text), position)
                texts.append(text)
                owners.append(position)
        self._texts, self._starts = texts, np.flatnonzero(np.diff(owners, prepend=-1))
        self._known: dict[str, Array] = {}
        self._scale: tuple[Array, float, float] | None = None
        self.n_classes = len(vocabulary)

    def __call__(self, label: str | None) -> npt.NDArray[np.float64] | None:
        """Return the probability (C + 1,) of each class and, last, of none of them; None where there is no label."""
        text = (label or "").strip()[:_LONGEST]
        if not text:
            return None
        if text not in self._known:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[text] = self._look(text)
        return self._known[text]

    def _look(self, text: str) -> Array:
        found = np.zeros(self.n_classes + 1)
        position = self._names.get(_loose(text))
        if position is not None:
            found += _SLIP / self.n_classes
            found[position] = 1 - _SLIP
            exact: Array = found / found.sum()
            return exact
        classes, mean, deviation = self._compared()
        cosines = classes @ _unit(self._cache.encode([text]))[0]
        z = (np.maximum.reduceat(cosines, self._starts) - mean) / deviation
        known = float(np.clip(expit((z.max() - _EVEN) / _WIDTH), _SLIP, 1 - _SLIP))
        found[:-1] = known * softmax(z / _SPREAD)
        found[-1] = 1 - known
        return found

    def _compared(self) -> tuple[Array, float, float]:
        """Return vectors (T, k) of the classes' texts, and mean and deviation of cosines of unrelated words."""
        if self._scale is None:
            words = _unit(self._cache.encode(_WORDS))
            pairs = (words @ words.T)[np.triu_indices(len(words), 1)]
            deviation = max(float(pairs.std()), 1e-3)
            self._scale = _unit(self._cache.encode(self._texts)), float(pairs.mean()), deviation
        return self._scale


def _unit(vectors: Array) -> Array:
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    unit: Array = vectors / np.maximum(lengths, 1e-12)
    return unit


def _loose(text: str) -> str:
    """Return a name without what people write in several ways: "Dining-Table" and "diningtable" are one."""
    return "".join(c for c in text.casefold() if c not in " -_")
