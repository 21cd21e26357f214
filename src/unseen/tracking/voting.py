"""What a track is: evidence of many frames, gathered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from unseen.errors import InputError
from unseen.validation import check_number, message, verbatim

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[np.float64]

__all__ = ["ClassVotes", "Verdict"]

#: Shares below this say no more than this: one frame that is dead sure of something wrong must not decide for ever.
_FLOOR = 0.01


@dataclass(frozen=True)
class Verdict:
    """What a track is by all that was seen of it.

    Attributes
    ----------
    position : int
        Position of its class in the vocabulary; -1 where it is unknown.
    probability : float
        How likely it is of that class; where unknown, of its likeliest class.
    evidence : float
        How many independent sights it rests on.
    """

    position: int
    probability: float
    evidence: float


class ClassVotes:
    r"""Gather the evidence of one track over time.

    .. math:: L_c = \sum_t w_t \log \max(p_{t,c}, \epsilon), \qquad
       p_c = \operatorname{softmax}(L)_c, \qquad w_t = \tau\, s_t

    over the C classes and "none of them", with :math:`p_{t,c}` the share of class c times the probability that it is
    any class at all, and :math:`s_t` the score of the box.

    Parameters
    ----------
    temper : float in (0, 1], default 0.25
        What a frame counts: the frames of a video look alike, so ten of them are no ten witnesses.
    least : float, at least 0, default 0.5
        Evidence to be gathered (the sum of the weights) before anything but "unknown" is said.
    threshold : float in [0, 1], default 0.5
        Probability below which it is unknown.
    most : float, above 0, default 20.0
        Weight that is remembered: older frames fade, so that nothing is settled for ever.
    top_k : int, at least 1, default 100
        Classes of one frame that are kept apart; the others share what is left, evenly.

    Notes
    -----
    Memory: the classes that were ever among the `top_k`, at most ``10 * top_k`` of them (the least likely go first),
    so a vocabulary of a million classes costs no more than one of a thousand.

    References
    ----------
    J. Kittler, M. Hatef, R. P. W. Duin, J. Matas. On combining classifiers. PAMI 1998 (the product rule).

    Examples
    --------
    >>> votes = ClassVotes()
    >>> for _ in range(5):
    ...     votes.add(np.array([0.7, 0.3]), known=0.9, score=0.8)
    >>> votes.verdict().position
    0
    """

    def __init__(
        self,
        temper: float = 0.25,
        *,
        least: float = 0.5,
        threshold: float = 0.5,
        most: float = 20.0,
        top_k: int = 100,
    ) -> None:
        self.temper = check_number("ClassVotes", "temper", temper, low=0, high=1, low_open=True)
        self.least = check_number("ClassVotes", "least", least, low=0)
        self.threshold = check_number("ClassVotes", "threshold", threshold, low=0, high=1)
        self.most = check_number("ClassVotes", "most", most, low=0, low_open=True)
        self.top_k = int(check_number("ClassVotes", "top_k", top_k, low=1, integer=True))
        self._classes = np.zeros(0, np.intp)
        self._logs = np.zeros(0)  # of the classes kept apart
        self._rest = 0.0  # of each class that is not
        self._none = 0.0
        self._weight = 0.0
        self._n = 0

    def add(
        self,
        probabilities: npt.NDArray[np.floating],
        *,
        positions: npt.NDArray[np.integer] | None = None,
        known: float = 1.0,
        score: float = 1.0,
        n_classes: int | None = None,
    ) -> None:
        """Take in what one frame says.

        Parameters
        ----------
        probabilities : array of shape (C,) or (k,)
            Shares of all classes, or of those at `positions`.
        positions : int array of shape (k,), optional
            Which classes those are; None for all in order.
        known : float in [0, 1], default 1.0
            How likely it is any of the classes.
        score : float in [0, 1], default 1.0
            How sure the detector is of the box; 0 counts for nothing.
        n_classes : int, optional
            C; needed with `positions`.

        Raises
        ------
        InputError
            Where shares are no probabilities, or positions do not fit them. NaN is no evidence, and refused.
        """
        owner = "ClassVotes.add"
        shares = np.asarray(probabilities, np.float64)
        n = len(shares) if n_classes is None and positions is None else n_classes
        if shares.ndim != 1 or not len(shares) or not np.isfinite(shares).all() or shares.min() < 0:
            raise InputError(message(owner, "probabilities", "shares, (k,)", probabilities, "Pass those of one box"))
        if shares.sum() > 1 + 1e-3:
            got = verbatim(f"a sum of {shares.sum():g}")
            raise InputError(message(owner, "probabilities", "shares of one whole", got, "Divide by their sum"))
        count = int(check_number(owner, "n_classes", n, low=1, integer=True))
        known = check_number(owner, "known", known, low=0, high=1)
        weight = self.temper * check_number(owner, "score", score, low=0, high=1)
        where = np.arange(len(shares)) if positions is None else np.asarray(positions, np.intp)
        fits = where.shape == shares.shape and where.min() >= 0 and where.max() < count
        if not fits or len(np.unique(where)) != len(where):
            remedy = "Pass one position below n_classes for each share"
            raise InputError(message(owner, "positions", f"{len(shares)} different classes", positions, remedy))
        if self._n and count != self._n:
            raise InputError(message(owner, "n_classes", f"{self._n}, as before", count, "Vote on one vocabulary"))
        self._n = count
        if weight == 0:
            return
        if len(where) > self.top_k:
            top = np.sort(np.argsort(-shares, kind="stable")[: self.top_k])
            where, shares = where[top], shares[top]
        left = max(0.0, 1.0 - float(shares.sum())) / max(1, count - len(where))
        self._fade(weight)
        new = np.setdiff1d(where, self._classes)
        self._classes = np.concatenate([self._classes, new])
        self._logs = np.concatenate([self._logs, np.full(len(new), self._rest)])
        order = np.argsort(self._classes, kind="stable")
        self._classes, self._logs = self._classes[order], self._logs[order]
        said = np.full(len(self._classes), left)
        said[np.searchsorted(self._classes, where)] = shares
        self._logs = self._logs + weight * np.log(np.maximum(known * said, _FLOOR / count))
        self._rest += weight * float(np.log(max(known * left, _FLOOR / count)))
        self._none += weight * float(np.log(max(1 - known, _FLOOR)))
        if len(self._classes) > 10 * self.top_k:
            kept = np.sort(np.argsort(-self._logs, kind="stable")[: 5 * self.top_k])
            self._classes, self._logs = self._classes[kept], self._logs[kept]

    def _fade(self, weight: float) -> None:
        kept = min(1.0, self.most / (self._weight + weight))
        self._logs = self._logs * kept
        self._rest *= kept
        self._none *= kept
        self._weight = self._weight * kept + weight

    def verdict(self) -> Verdict:
        """Return what the track is by all that was seen of it so far."""
        if not len(self._classes):
            return Verdict(-1, 0.0, self._weight)
        best = int(self._logs.argmax())
        top = max(float(self._logs[best]), self._rest, self._none)
        total = float(np.exp(self._logs - top).sum()) + float(np.exp(self._none - top))
        total += (self._n - len(self._classes)) * float(np.exp(self._rest - top))
        probability = float(np.exp(self._logs[best] - top)) / total
        sure = self._weight >= self.least and probability >= self.threshold
        return Verdict(int(self._classes[best]) if sure else -1, probability, self._weight)
