"""What to know of a data set before trusting a figure on it: classes hardly told apart, samples in two parts."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from unseen.validation import check_number

if TYPE_CHECKING:
    from unseen.datasets.dataset import Dataset
    from unseen.prototypes import Prototypes

__all__ = ["PrototypePair", "nearest_prototypes", "repeated_samples"]


@dataclass(frozen=True)
class PrototypePair:
    """Two classes and how alike their prototypes are.

    Attributes
    ----------
    first, second : str
    cosine : float
        Of the prototypes, centred on their mean.
    equal : bool
        Whether no method could tell the two apart.
    """

    first: str
    second: str
    cosine: float
    equal: bool


def nearest_prototypes(prototypes: Prototypes, *, n: int = 5) -> list[PrototypePair]:
    """Return each class with its nearest other class, the most alike pairs first, at most `n`.

    Costs O(C² k), in blocks. Pairs are listed once; of pairs as alike, the earlier one first.

    Examples
    --------
    >>> from unseen import Prototypes
    >>> from unseen.datasets import nearest_prototypes
    >>> p = Prototypes(["cat", "lynx", "carp"], [[1, 0], [1, 0.1], [0, 1]])
    >>> [(pair.first, pair.second) for pair in nearest_prototypes(p, n=1)]
    [('cat', 'lynx')]
    """
    from unseen.methods.linalg import directions_from

    check_number("nearest_prototypes", "n", n, low=1, integer=True)
    raw = prototypes.vectors.astype(np.float64)
    vectors = directions_from(raw.mean(axis=0), raw)
    pairs: dict[tuple[int, int], float] = {}
    for start in range(0, len(vectors), 1024):
        cosine = vectors[start : start + 1024] @ vectors.T
        rows = np.arange(len(cosine))
        cosine[rows, start + rows] = -np.inf
        for row, other in enumerate(cosine.argmax(axis=1)):
            i = start + row
            if i != other:
                pairs[min(i, int(other)), max(i, int(other))] = float(cosine[row, other])
    best = sorted(pairs, key=lambda pair: (-round(pairs[pair], 9), pair))[:n]
    names = prototypes.names
    return [
        PrototypePair(names[i], names[j], pairs[i, j], bool((prototypes.vectors[i] == prototypes.vectors[j]).all()))
        for i, j in best
    ]


def repeated_samples(dataset: Dataset) -> int:
    """Count test samples whose vector occurs in trainval too, bit for bit: the same photo on both sides.

    Says how many, not which; nothing of the test part is handed out, so this is no opening.
    """
    split = dataset.split

    def digest(row: int) -> bytes:
        return hashlib.blake2b(dataset._features[row].tobytes(), digest_size=16).digest()

    learned = {digest(row) for row in split.trainval}
    return sum(digest(row) in learned for row in np.concatenate([split.test_seen, split.test_unseen]))
