"""What tracks look like, and how much looks tell in this very video."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[np.float64]

__all__ = ["Distances", "Gallery"]


class Gallery:
    """The looks of tracks: for each the running mean of its vectors, and some of them as they were.

    Parameters
    ----------
    size : int, at least 1
        Vectors kept of each track; the oldest goes first.
    memory : float in (0, 1), default 0.9
        What is left of the mean when a vector comes in.

    Notes
    -----
    Memory: (size + 1) d numbers for each track that is alive; a track's place is used again when it has ended.
    """

    def __init__(self, size: int, *, memory: float = 0.9) -> None:
        self.size = size
        self.memory = memory
        self._vectors = np.zeros((0, size, 0), np.float32)
        self._means = np.zeros((0, 0), np.float32)
        self._counts = np.zeros(0, np.intp)
        self._free: list[int] = []

    @property
    def dimension(self) -> int:
        """Length of the vectors; 0 before the first."""
        return self._means.shape[1]

    def open(self, n: int) -> npt.NDArray[np.intp]:
        """Return n places for new tracks."""
        missing = n - len(self._free)
        if missing > 0:
            start, grown = len(self._counts), max(missing, len(self._counts), 16)
            pad = ((0, grown), (0, 0))
            self._vectors = np.pad(self._vectors, (*pad, (0, 0)))
            self._means = np.pad(self._means, pad)
            self._counts = np.pad(self._counts, (0, grown))
            self._free += range(start + grown - 1, start - 1, -1)
        return np.array([self._free.pop() for _ in range(n)], np.intp)

    def close(self, places: npt.NDArray[np.intp]) -> None:
        """Forget the tracks at these places."""
        self._counts[places] = 0
        self._free += places.tolist()

    def counts(self, places: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
        """Return how many vectors each has been given."""
        return self._counts[places]

    def add(self, places: npt.NDArray[np.intp], vectors: npt.NDArray[np.float32]) -> None:
        """Take in one vector (m, d) for each of m places."""
        if self.dimension == 0:
            self._vectors = np.zeros((*self._vectors.shape[:2], vectors.shape[1]), np.float32)
            self._means = np.zeros((len(self._means), vectors.shape[1]), np.float32)
        counts = self._counts[places]
        self._vectors[places, counts % self.size] = vectors
        # At first every vector counts alike: the first one is not better than the second.
        kept = np.minimum(self.memory, counts / (counts + 1))[:, None].astype(np.float32)
        mean = kept * self._means[places] + (1 - kept) * vectors
        self._means[places] = mean
        self._counts[places] += 1

    def distances(self, places: npt.NDArray[np.intp], vectors: npt.NDArray[np.float32]) -> Array:
        """Return (n, m) cosine distances of m vectors to n tracks; NaN where either side has no looks.

        Half of it is the distance to the mean, half that to the nearest vector kept: the mean is steady, the nearest
        knows the side of the object that is seen.
        """
        found = np.full((len(places), len(vectors)), np.nan)
        known = np.flatnonzero(self._counts[places])
        good = np.flatnonzero(np.isfinite(vectors).all(axis=1))
        if not len(known) or not len(good):
            return found
        counts = np.minimum(self._counts[places[known]], self.size)
        stored = self._vectors[places[known], : int(counts.max())]
        means = self._means[places[known]]
        means = means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)
        seen = vectors[good]
        near = stored.reshape(-1, stored.shape[-1]) @ seen.T
        near = near.reshape(*stored.shape[:2], len(good))
        near[np.arange(stored.shape[1]) >= counts[:, None]] = -np.inf
        found[np.ix_(known, good)] = 1 - (near.max(axis=1) + means @ seen.T) / 2
        return found


#: Standard deviations between the means from which on looks tell anything: copies of one object, before different
#: backgrounds, differ by less. Chosen on development scenes. It must be so by more than this many standard errors:
#: a handful of pairs of copies may lie apart by chance.
_TELLING, _SURE = 2.0, 2.0


class Distances:
    r"""How far apart sights of one track are in this video, and how far sights of different tracks.

    .. math:: \ell(d) = \frac{(\mu_\ne - \mu_=)\,(\frac{\mu_\ne + \mu_=}{2} - d)}{\sigma^2}

    is the logarithm of how much more likely a distance d is between sights of one object than of two (both normal,
    with one variance). Where all objects look alike both means are the same and every distance is worth nothing;
    where there has been too little to compare to be sure that they are not, too.

    Parameters
    ----------
    least : int, default 8
        Pairs of each kind to be seen before anything is said.
    memory : int, default 500
        Pairs of each kind after which older ones fade.
    limit : float, default 4.0
        Largest size of what is returned: one look should not decide alone, however clear.
    """

    def __init__(self, *, least: int = 8, memory: int = 500, limit: float = 4.0) -> None:
        self.least = least
        self.memory = memory
        self.limit = limit
        # Of each kind: how many, mean, mean square.
        self._same = np.zeros(3)
        self._other = np.zeros(3)

    def learn(self, same: Array, other: Array) -> None:
        """Take in distances between sights of one track, and of different tracks of one frame; NaN are left out."""
        for kept, new in ((self._same, same), (self._other, other)):
            d = new[np.isfinite(new)]
            if len(d):
                kept[0] = min(kept[0] + len(d), max(self.memory, len(d)))
                share = len(d) / kept[0]
                kept[1] += share * (d.mean() - kept[1])
                kept[2] += share * (np.square(d).mean() - kept[2])

    @property
    def separation(self) -> float:
        """How many standard deviations lie between the two means; 0 where looks tell nothing or too little is known."""
        if min(self._same[0], self._other[0]) < self.least:
            return 0.0
        return max(0.0, float(self._other[1] - self._same[1])) / self._deviation()

    def evidence(self, distances: Array) -> Array:
        """Return how much more likely each distance is within a track than between two, as logarithm; NaN gives 0."""
        apart = self.separation
        if not apart or apart - _SURE * sqrt(1 / self._same[0] + 1 / self._other[0]) < _TELLING:
            return np.zeros_like(distances)
        middle = (self._same[1] + self._other[1]) / 2
        told = np.clip(apart * (middle - distances) / self._deviation(), -self.limit, self.limit)
        told[np.isnan(told)] = 0.0
        return np.asarray(told)

    def _deviation(self) -> float:
        variances = [max(0.0, kept[2] - kept[1] ** 2) for kept in (self._same, self._other)]
        # Never so small that rounding decides.
        return sqrt(sum(variances) / 2 + 1e-8)
