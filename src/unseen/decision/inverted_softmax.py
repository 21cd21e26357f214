"""InvertedSoftmax: probabilities over samples, not over classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unseen.decision.remedy import ColumnRemedy
from unseen.methods.base import Citation
from unseen.methods.meta.weights import spread
from unseen.validation import check_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from unseen.decision.remedy import Competition
    from unseen.methods.base import Array

__all__ = ["InvertedSoftmax"]


class InvertedSoftmax(ColumnRemedy):
    r"""Ask which sample a class would choose: a class that would choose all of them loses.

    .. math:: f'_c(x) = f_c(x) - \frac1\beta \log \frac1m \sum_{z} e^{\beta f_c(z)}

    over m reference samples z: the logarithm of the softmax down a column, over :math:`\beta`.

    Parameters
    ----------
    beta : float or None, default None
        Inverse temperature, above 0, in units of 1 / score. Small takes the mean of a class's scores away, large its
        highest one. None: learned, `sharpness` over the spread of the scores in the competitions; then `fit` comes
        first.
    sharpness : float, default 2.0
        Beta in units of 1 / spread, above 0; used where `beta` is None. The default was chosen on held-out
        training classes of two data sets.
    transductive : bool, default False
        Whether the samples that are scored together are the reference, as the authors have it. Then what is said of
        one depends on the others.

    Attributes
    ----------
    beta_ : float
        The inverse temperature in use, after a fit.

    Raises
    ------
    InputError
        When a parameter is out of range, or the bank is missing.

    Notes
    -----
    The authors also divide by a sum over a sample's classes. That is one number per sample, which changes no ranking,
    so it is left out: a class's score then depends on no rival. They learn beta from the likelihood of a dictionary.
    Reference samples of a class itself do not count for it. O(m C) once for a bank of m samples.

    References
    ----------
    Smith, Turban, Hamblin and Hammerla, "Offline Bilingual Word Vectors, Orthogonal Transformations and the Inverted
    Softmax", ICLR 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from unseen.decision.inverted_softmax import InvertedSoftmax
    >>> from unseen.decision.remedy import Bank
    >>> usual = np.array([[0.8, 0.2], [0.8, 0.2]])  # the first class scores high, whatever it is shown
    >>> bank = Bank(usual, np.zeros((2, 1)), np.array([-1, -1]))
    >>> InvertedSoftmax(1.0).apply([[0.8, 0.6]], seen=[False, False], bank=bank).round(2).tolist()
    [[0.0, 0.4]]
    """

    citation = Citation(
        authors="Smith, Turban, Hamblin and Hammerla",
        title="Offline Bilingual Word Vectors, Orthogonal Transformations and the Inverted Softmax",
        venue="ICLR",
        year=2017,
        url="https://arxiv.org/abs/1702.03859",
    )

    def __init__(self, beta: float | None = None, *, sharpness: float = 2.0, transductive: bool = False) -> None:
        self.beta = beta
        self.sharpness = sharpness
        self.transductive = transductive

    def _check_parameters(self) -> None:
        super()._check_parameters()
        if self.beta is not None:
            check_number("InvertedSoftmax", "beta", self.beta, low=0, low_open=True)
        check_number("InvertedSoftmax", "sharpness", self.sharpness, low=0, low_open=True)

    def _learns(self) -> bool:
        return self.beta is None

    def _fit(self, competitions: Sequence[Competition]) -> None:
        usual = float(np.mean([spread(np.asarray(one.scores, dtype=np.float64)) for one in competitions]))
        self.beta_ = float(self.sharpness / usual if self.beta is None else self.beta)

    def _columns(self, S: Array, foreign: Array) -> tuple[Array, ...]:
        from scipy.special import logsumexp

        beta = float(self.beta_ if self.beta is None else self.beta)
        total = logsumexp(np.where(foreign, beta * S, -np.inf), axis=0)
        return ((total - np.log(foreign.sum(axis=0))) / beta,)

    def _mend(self, scores: Array, usual: tuple[Array, ...], seen: Array) -> Array:
        mended: Array = scores - usual[0]
        return mended
