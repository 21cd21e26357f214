"""CSLS: cross-domain similarity local scaling."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unseen.decision.remedy import ColumnRemedy, check_neighbours, neighbours
from unseen.methods.base import Citation
from unseen.validation import check_number

if TYPE_CHECKING:
    from unseen.methods.base import Array

__all__ = ["CSLS"]


class CSLS(ColumnRemedy):
    r"""Take from twice a class's score the mean of its `k` highest scores among reference samples.

    .. math:: f'_c(x) = 2 f_c(x) - \frac{\lambda}{k} \sum_{z \in N_k(c)} f_c(z)

    A hub has high scores for samples of every kind, so it loses much; a class that few samples resemble loses little.

    Parameters
    ----------
    k : int or float, default 0.2
        How many of the reference samples' scores are averaged, at least 1; a float is a share of them, in (0, 1].
        Few look at the outliers, many at what is usual.
    strength : float, default 1.75
        How much of that mean is taken away, :math:`\lambda \ge 0`; the authors have 1, and 2 takes away all of it.
    transductive : bool, default False
        Whether the samples that are scored together are the reference, as the authors have it. Then what is said of
        one depends on the others.

    Raises
    ------
    InputError
        When a parameter is out of range, or the bank is missing.

    Notes
    -----
    The authors also take away the mean of the sample's own `k` highest scores. That is one number per sample, which
    changes no ranking, so it is left out: a class's score then depends on no rival. With it goes half of the
    correction, which is why `strength` is more than 1 here; the defaults were chosen on held-out training classes of
    two data sets. Reference samples of a class itself do not count for it. O(m C log m) once for a bank of m samples.

    References
    ----------
    Conneau, Lample, Ranzato, Denoyer and Jégou, "Word Translation Without Parallel Data", ICLR 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from unseen.decision.csls import CSLS
    >>> from unseen.decision.remedy import Bank
    >>> usual = np.array([[0.9, 0.1], [0.7, 0.3]])  # the first class scores high, whatever it is shown
    >>> bank = Bank(usual, np.zeros((2, 1)), np.array([-1, -1]))
    >>> CSLS(k=2, strength=1.0).apply([[0.8, 0.6]], seen=[False, False], bank=bank).round(2).tolist()
    [[0.8, 1.0]]
    """

    citation = Citation(
        authors="Conneau, Lample, Ranzato, Denoyer and Jégou",
        title="Word Translation Without Parallel Data",
        venue="ICLR",
        year=2018,
        url="https://arxiv.org/abs/1710.04087",
    )

    def __init__(self, k: float = 0.2, *, strength: float = 1.75, transductive: bool = False) -> None:
        self.k = k
        self.strength = strength
        self.transductive = transductive

    def _check_parameters(self) -> None:
        super()._check_parameters()
        check_neighbours("CSLS", self.k)
        check_number("CSLS", "strength", self.strength, low=0)

    def _columns(self, S: Array, foreign: Array) -> tuple[Array, ...]:
        counts = neighbours(self.k, foreign.sum(axis=0))
        highest = -np.sort(-np.where(foreign, S, -np.inf), axis=0)[: counts.max()]
        # What does not count stands at the end, at minus infinity.
        taken = np.arange(len(highest))[:, None] < counts
        return (np.where(taken, highest, 0.0).sum(axis=0) / counts,)

    def _mend(self, scores: Array, usual: tuple[Array, ...], seen: Array) -> Array:
        mended: Array = 2 * scores - self.strength * usual[0]
        return mended
