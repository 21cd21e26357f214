"""CalibratedStacking: seen classes pay a fee for having been seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unseen.decision.remedy import Remedy
from unseen.methods.base import Citation
from unseen.metrics.gzsl import seen_unseen_curve
from unseen.validation import check_number

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from unseen.decision.remedy import Bank, Competition
    from unseen.methods.base import Array

__all__ = ["CalibratedStacking"]


class CalibratedStacking(Remedy):
    r"""Subtract one number from the scores of all seen classes.

    .. math:: f'_c(x) = f_c(x) - \gamma\,[c \in \text{seen}]

    Parameters
    ----------
    gamma : float or None, default None
        The penalty, in units of the scores; 0 changes nothing, and more hands more samples to unseen classes. None:
        learned, the mean over competitions of the penalty with the best harmonic mean.

    Attributes
    ----------
    gamma_ : float
        The penalty in use, after a fit.
    gammas_ : ndarray of shape (n_competitions,)
        The best penalty of each competition.

    Raises
    ------
    InputError
        When `gamma` is neither None nor a finite number.

    Notes
    -----
    With seen classes alone, or unseen ones alone, it changes no ranking. The penalty belongs to the scale of one
    method's scores. The authors choose it on one split of the training classes, for the area under the seen-unseen
    curve or a given point of it; here it is for the harmonic mean. O(n C).

    References
    ----------
    Chao, Changpinyo, Gong and Sha, "An Empirical Study and Analysis of Generalized Zero-Shot Learning for Object
    Recognition in the Wild", ECCV 2016.

    Examples
    --------
    >>> from unseen.decision.stacking import CalibratedStacking
    >>> CalibratedStacking(0.5).apply([[0.9, 0.6]], seen=[True, False]).round(2).tolist()
    [[0.4, 0.6]]
    """

    failure = "bias"
    citation = Citation(
        authors="Chao, Changpinyo, Gong and Sha",
        title="An Empirical Study and Analysis of Generalized Zero-Shot Learning for Object Recognition in the Wild",
        venue="ECCV",
        year=2016,
        url="https://arxiv.org/abs/1605.04253",
    )

    def __init__(self, gamma: float | None = None) -> None:
        self.gamma = gamma

    def _check_parameters(self) -> None:
        if self.gamma is not None:
            check_number("CalibratedStacking", "gamma", self.gamma)

    def _learns(self) -> bool:
        return self.gamma is None

    def _fit(self, competitions: Sequence[Competition]) -> None:
        self.gammas_ = np.array([seen_unseen_curve(one.y, one.scores, one.seen).best()[0] for one in competitions])
        self.gamma_ = float(self.gammas_.mean() if self.gamma is None else self.gamma)

    def _applier(self, seen: Array, bank: Bank | None) -> Callable[[Array, Array | None], Array]:
        penalty = float(self.gamma_ if self.gamma is None else self.gamma)
        return lambda S, X: S - penalty * seen
