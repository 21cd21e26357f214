"""What each track is: evidence of many frames, gathered; and when to look again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.tracking.voting import ClassVotes
from unseen.validation import check_number

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["TrackClasses"]

Array = np.ndarray[Any, Any]

#: A track whose likeliest class is less likely than this is looked at in every frame, so many times at most.
_DOUBT, _LOOKS = 0.8, 5
#: What a look counts that shows none of the classes: something, so that there is an answer.
_LEAST = 0.02
#: Tracks that were not there for so many steps are not asked about again.
_GONE = 3000


@dataclass
class _Votes:
    votes: ClassVotes
    known: float = 0.0
    looks: int = 0
    since: int = 0
    gone: int = 0


class TrackClasses:
    """What is known of the class of each track.

    Which class it is, given that it is one of them, :class:`~unseen.tracking.voting.ClassVotes` gathers; a look counts
    as much as it shows any class at all. How likely it is one of them is the mean over all looks.

    Parameters
    ----------
    classify_every : int
        Frames after which a track is looked at again.
    unknown_below : float or None
        Probability of being of any class below which a track is unknown; None: it is its likeliest class.
    """

    def __init__(self, *, classify_every: int, unknown_below: float | None) -> None:
        self._every = int(check_number("track", "classify_every", classify_every, low=1, integer=True))
        if unknown_below is not None:
            unknown_below = check_number("track", "unknown_below", unknown_below, low=0, high=1)
        self._unknown_below = unknown_below
        self._votes: dict[int, _Votes] = {}

    def due(self, ids: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Return which tracks are to be looked at: new ones, doubtful ones, and those whose turn it is."""
        out = np.ones(len(ids), np.bool_)
        for row, number in enumerate(ids):
            votes = self._votes.get(int(number))
            if votes is not None and votes.looks:
                doubtful = votes.looks < _LOOKS and votes.votes.verdict().probability < _DOUBT
                out[row] = doubtful or votes.since >= self._every
        return out

    def add(self, ids: npt.NDArray[np.int64], probabilities: Array, known: Array) -> None:
        """Take in what was seen of tracks: shares (m, C) of the classes, and how likely (m,) it is any of them."""
        for number, shares, sure in zip(ids, probabilities, known, strict=True):
            share = min(max(float(sure), 0.0), 1.0)
            votes = self._votes.setdefault(int(number), _Votes(ClassVotes(least=0, threshold=0)))
            votes.votes.add(shares / max(float(shares.sum()), 1.0), score=max(share, _LEAST))
            votes.known += share
            votes.looks += 1
            votes.since = 0

    def step(self, ids: npt.NDArray[np.int64]) -> None:
        """One more frame has passed; `ids` were there in it."""
        there = {int(number) for number in ids}
        for number in list(self._votes):
            votes = self._votes[number]
            votes.since += 1
            votes.gone = 0 if number in there else votes.gone + 1
            if votes.gone > _GONE:
                del self._votes[number]

    def answers(
        self, ids: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Return what tracks are.

        Returns
        -------
        classes : int array of shape (m,)
            -1 where unknown: not likely enough to be of any class, or not looked at yet.
        probabilities : float32 array of shape (m,)
            Of the likeliest class, given that it is one of them.
        known : float32 array of shape (m,)
            Of any of them.
        """
        classes = np.full(len(ids), -1, np.intp)
        probabilities, known = np.zeros(len(ids), np.float32), np.zeros(len(ids), np.float32)
        for row, number in enumerate(ids):
            votes = self._votes.get(int(number))
            if votes is None or not votes.looks:
                continue
            verdict = votes.votes.verdict()
            probabilities[row] = verdict.probability
            known[row] = votes.known / votes.looks
            if self._unknown_below is None or known[row] >= self._unknown_below:
                classes[row] = verdict.position
        return classes, probabilities, known
