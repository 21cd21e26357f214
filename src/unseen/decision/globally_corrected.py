"""GloballyCorrected: the class for which a sample ranks highest among all samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unseen.decision.remedy import ColumnRemedy
from unseen.methods.base import Citation

if TYPE_CHECKING:
    from unseen.methods.base import Array

__all__ = ["GloballyCorrected"]


class GloballyCorrected(ColumnRemedy):
    r"""Replace a class's score by the sample's rank among reference samples, as that class sees them.

    .. math:: f'_c(x) = -\frac{\#\{z : f_c(z) > f_c(x)\}}{m} + \frac{1}{2m}\,\frac{f_c(x)}{1 + |f_c(x)|}

    over m reference samples z. A hub ranks all samples about equally high, so none ranks very high with it.

    Parameters
    ----------
    transductive : bool, default False
        Whether the samples that are scored together are the reference. Then what is said of one depends on the
        others.

    Raises
    ------
    InputError
        When the switch is none, or the bank is missing.

    Notes
    -----
    Equal ranks, above all those of samples that outrank the whole bank, are told apart by the score itself, which the
    second term squeezes to less than one rank; the authors add the cosine for the same purpose. No parameter, any
    scale. Reference samples of a class itself do not count for it. O(m C log m) once for a bank of m samples, then
    O(n C log m).

    References
    ----------
    Dinu, Lazaridou and Baroni, "Improving Zero-Shot Learning by Mitigating the Hubness Problem", ICLR workshop 2015.

    Examples
    --------
    >>> import numpy as np
    >>> from unseen.decision.globally_corrected import GloballyCorrected
    >>> from unseen.decision.remedy import Bank
    >>> usual = np.array([[0.9, 0.1], [0.7, 0.3]])  # the first class scores high, whatever it is shown
    >>> bank = Bank(usual, np.zeros((2, 1)), np.array([-1, -1]))
    >>> GloballyCorrected().apply([[0.8, 0.6]], seen=[False, False], bank=bank).round(2).tolist()
    [[-0.39, 0.09]]
    """

    citation = Citation(
        authors="Dinu, Lazaridou and Baroni",
        title="Improving Zero-Shot Learning by Mitigating the Hubness Problem",
        venue="ICLR workshop",
        year=2015,
        url="https://arxiv.org/abs/1412.6568",
    )

    def __init__(self, *, transductive: bool = False) -> None:
        self.transductive = transductive

    def _columns(self, S: Array, foreign: Array) -> tuple[Array, ...]:
        return np.sort(np.where(foreign, S, -np.inf), axis=0), foreign.sum(axis=0)

    def _mend(self, scores: Array, usual: tuple[Array, ...], seen: Array) -> Array:
        columns, counts = usual
        # Samples that do not count stand at minus infinity: they outrank nobody.
        above = np.stack(
            [
                len(column) - np.searchsorted(column, own, side="right")
                for column, own in zip(columns.T, scores.T, strict=True)
            ],
            axis=1,
        )
        mended: Array = -above / counts + scores / (1 + np.abs(scores)) / (2 * len(columns))
        return mended
