"""LocalScaling: distances in units of how far a class's neighbours are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unseen.decision.remedy import ColumnRemedy, check_neighbours, neighbours
from unseen.methods.base import Citation
from unseen.validation import check_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from unseen.decision.remedy import Competition
    from unseen.methods.base import Array

__all__ = ["LocalScaling"]


class LocalScaling(ColumnRemedy):
    r"""Measure the distance to a class in units of the class's distance to its k-th nearest reference sample.

    .. math:: f'_c(x) = -\frac{d(x,c)^2}{\sigma_c^\lambda}, \qquad d(x,c)^2 = t - f_c(x), \qquad
       \sigma_c = d(z_k(c), c)

    with :math:`t` the score of a perfect match. A hub has its neighbours close, so its unit is small, and samples are
    far from it.

    Parameters
    ----------
    k : int or float, default 0.2
        Which of the nearest reference samples gives the unit, at least 1; a float is a share of them, in (0, 1].
    ceiling : float or None, default None
        The score t of a perfect match, such as 1 for cosines and 0 for negative distances. None: learned, the highest
        score in the competitions; then `fit` comes first.
    strength : float, default 2.0
        Exponent of the unit, :math:`\lambda \ge 0`; the authors have 1, and 2 is the class's unit twice.
    transductive : bool, default False
        Whether the samples that are scored together are the reference. Then what is said of one depends on the
        others.

    Attributes
    ----------
    ceiling_ : float
        The score of a perfect match, after a fit.

    Raises
    ------
    InputError
        When a parameter is out of range, or the bank is missing.

    Notes
    -----
    The authors' affinity is :math:`\exp(-d^2 / (\sigma_x \sigma_c))`. The logarithm and the sample's own unit
    :math:`\sigma_x` change no ranking within a sample, so both are left out: a class's score then depends on no rival.
    With the sample's unit goes half of the correction, which is why `strength` is more than 1 here; the defaults
    were chosen on held-out training classes of two data sets. A unit is never less than a millionth. Reference samples
    of a class itself do not count for it. O(m C log m) once for a bank of m samples.

    References
    ----------
    Zelnik-Manor and Perona, "Self-Tuning Spectral Clustering", NIPS 2004.
    Schnitzer, Flexer, Schedl and Widmer, "Local and Global Scaling Reduce Hubs in Space", JMLR 2012: used on hubs.

    Examples
    --------
    >>> import numpy as np
    >>> from unseen.decision.local_scaling import LocalScaling
    >>> from unseen.decision.remedy import Bank
    >>> usual = np.array([[0.96, 0.0], [0.75, 0.0]])  # the first class scores high, whatever it is shown
    >>> bank = Bank(usual, np.zeros((2, 1)), np.array([-1, -1]))
    >>> remedy = LocalScaling(k=1, ceiling=1.0, strength=1.0)
    >>> remedy.apply([[0.8, 0.7]], seen=[False, False], bank=bank).round(2).tolist()
    [[-1.0, -0.3]]
    """

    citation = Citation(
        authors="Zelnik-Manor and Perona",
        title="Self-Tuning Spectral Clustering",
        venue="NIPS",
        year=2004,
    )

    def __init__(
        self, k: float = 0.2, *, ceiling: float | None = None, strength: float = 2.0, transductive: bool = False
    ) -> None:
        self.k = k
        self.ceiling = ceiling
        self.strength = strength
        self.transductive = transductive

    def _check_parameters(self) -> None:
        super()._check_parameters()
        check_neighbours("LocalScaling", self.k)
        check_number("LocalScaling", "strength", self.strength, low=0)
        if self.ceiling is not None:
            check_number("LocalScaling", "ceiling", self.ceiling)

    def _learns(self) -> bool:
        return self.ceiling is None

    def _fit(self, competitions: Sequence[Competition]) -> None:
        highest = max(float(max(np.max(one.scores), np.max(one.bank.scores))) for one in competitions)
        self.ceiling_ = float(highest if self.ceiling is None else self.ceiling)

    def _columns(self, S: Array, foreign: Array) -> tuple[Array, ...]:
        masked = -np.sort(-np.where(foreign, S, -np.inf), axis=0)
        place = neighbours(self.k, foreign.sum(axis=0)) - 1
        nearest = masked[place, np.arange(S.shape[1])]
        top = self._top()
        return (np.sqrt(np.maximum(top - nearest, 1e-12 * max(abs(top), 1.0))),)

    def _mend(self, scores: Array, usual: tuple[Array, ...], seen: Array) -> Array:
        return (scores - self._top()) / usual[0] ** self.strength

    def _top(self) -> float:
        return float(self.ceiling_ if self.ceiling is None else self.ceiling)
