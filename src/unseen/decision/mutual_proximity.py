"""MutualProximity: a sample and a class are near if each is near for the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unseen.decision.remedy import ColumnRemedy
from unseen.methods.base import Citation

if TYPE_CHECKING:
    from unseen.methods.base import Array

__all__ = ["MutualProximity"]


class MutualProximity(ColumnRemedy):
    r"""Replace a score by the probability that it is high both for the class and for the sample.

    .. math:: f'_c(x) = \log \Phi\Bigl(\frac{f_c(x)-\mu_c}{\sigma_c}\Bigr) +
       \log \Phi\Bigl(\frac{f_c(x)-\mu_x}{\sigma_x}\Bigr)

    with mean and deviation :math:`\mu_c, \sigma_c` of the class's scores over reference samples, and
    :math:`\mu_x, \sigma_x` of the sample's scores over the seen classes.

    Parameters
    ----------
    transductive : bool, default False
        Whether the samples that are scored together are the reference, as the authors have it. Then what is said of
        one depends on the others.

    Raises
    ------
    InputError
        When the switch is none, or the bank is missing.

    Notes
    -----
    The authors' variant with normal distributions taken as independent, in logarithms. A sample's own distribution is
    taken over the seen classes, so that a class's score does not depend on which unseen classes are scored with it;
    where no seen class is scored, over all. What does not vary counts as if its deviation were one. Reference samples
    of a class itself do not count for it. O(m C) once for a bank of m samples.

    References
    ----------
    Schnitzer, Flexer, Schedl and Widmer, "Local and Global Scaling Reduce Hubs in Space", JMLR 2012.

    Examples
    --------
    >>> import numpy as np
    >>> from unseen.decision.mutual_proximity import MutualProximity
    >>> from unseen.decision.remedy import Bank
    >>> usual = np.array([[0.9, 0.1, 0.1], [0.7, 0.3, 0.2]])  # the first class scores high, whatever it is shown
    >>> bank = Bank(usual, np.zeros((2, 1)), np.array([-1, -1]))
    >>> MutualProximity().apply([[0.8, 0.7, 0.0]], seen=[False] * 3, bank=bank).argmax().item()
    1
    """

    citation = Citation(
        authors="Schnitzer, Flexer, Schedl and Widmer",
        title="Local and Global Scaling Reduce Hubs in Space",
        venue="JMLR",
        year=2012,
        url="https://www.jmlr.org/papers/v13/schnitzer12a.html",
    )
    needs_seen = True

    def __init__(self, *, transductive: bool = False) -> None:
        self.transductive = transductive

    def _columns(self, S: Array, foreign: Array) -> tuple[Array, ...]:
        counts = foreign.sum(axis=0)
        mean = np.where(foreign, S, 0.0).sum(axis=0) / counts
        square = np.where(foreign, S - mean, 0.0) ** 2
        return mean, _some(np.sqrt(square.sum(axis=0) / counts), mean)

    def _mend(self, scores: Array, usual: tuple[Array, ...], seen: Array) -> Array:
        from scipy.special import log_ndtr

        mean, deviation = usual
        own = scores[:, seen] if seen.any() else scores
        middle = own.mean(axis=1, keepdims=True)
        width = _some(own.std(axis=1, keepdims=True), middle)
        mended: Array = log_ndtr((scores - mean) / deviation) + log_ndtr((scores - middle) / width)
        return mended


def _some(deviation: Array, mean: Array) -> Array:
    """Return the deviations, 1 where there is none but rounding."""
    return np.where(deviation > 1e-12 * np.abs(mean), deviation, 1.0)
