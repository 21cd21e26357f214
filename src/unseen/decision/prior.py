"""PriorAdjustment: the share of seen classes that a method takes for granted is set right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unseen.decision.remedy import Remedy
from unseen.methods.base import Citation
from unseen.methods.meta.weights import spread
from unseen.validation import check_number

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from unseen.decision.remedy import Bank, Competition
    from unseen.methods.base import Array

__all__ = ["PriorAdjustment"]

# Scores in units of their spread need no sharper softmax than this; without a bound, separable ones have no best.
_SHARPEST = 1e3


class PriorAdjustment(Remedy):
    r"""Add to unseen classes' log-probabilities what makes their total right on classes held out of training.

    .. math:: f'_c(x) = a f_c(x) + \Bigl(b + \log\frac{\pi}{1-\pi}\Bigr)\,[c \notin \text{seen}], \qquad
       (a, b) = \arg\min \; -\tfrac12 \sum_{k \in \{\text{seen, unseen}\}} \frac{1}{|k|}\sum_{c \in k}
       \frac{1}{n_c}\sum_{i : y_i = c} \log p_{ic}

    with :math:`p_i` the softmax of :math:`a f_c(x_i) + b\,[c \notin \text{seen}]` in the competitions. There seen and
    held-out classes weigh the same, and classes of a kind weigh the same; b is the log-prior offset between the kinds.

    Parameters
    ----------
    unseen_share : float, default 0.5
        The share :math:`\pi` of samples that are expected to be of unseen classes, above 0 and below 1. More hands
        more samples to unseen classes; 0.5 is what the harmonic mean is about.

    Attributes
    ----------
    slope_ : float
        a, above 0.
    offset_ : float
        b, without the expected share.

    Raises
    ------
    InputError
        When `unseen_share` is not strictly between 0 and 1.

    Notes
    -----
    At the minimum the mean probability given to seen classes is exactly the share that they have in the competitions,
    one half: the priors that the scores imply are estimated and divided out, in one convex fit together with the
    temperature 1 / a. Scores come out as log-probabilities but for a constant in each row, so `predict_proba` is
    calibrated. The order of classes within a kind stays. It takes the number of classes of each kind to be about that
    of the competitions. Probabilities are what is balanced: where scores tell little, they may be even while nearly
    all answers are of one kind, and `CalibratedStacking`, which balances answers, does better. O(n C) per step of a
    fit.

    References
    ----------
    Saerens, Latinne and Decaestecker, "Adjusting the Outputs of a Classifier to New a Priori Probabilities: A Simple
    Procedure", Neural Computation 2002: dividing one prior out and another one in.
    Alexandari, Kundaje and Shrikumar, "Maximum Likelihood with Bias-Corrected Calibration is Hard-To-Beat at Label
    Shift Adaptation", ICML 2020: temperature and offsets by maximum likelihood.
    Menon et al., "Long-Tail Learning via Logit Adjustment", ICLR 2021.

    Examples
    --------
    >>> import numpy as np
    >>> from unseen.decision.prior import PriorAdjustment
    >>> from unseen.decision.remedy import Bank, Competition
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat([0, 1], 200)
    >>> scores = np.eye(2)[y] + rng.normal(scale=0.5, size=(400, 2)) + [0.8, 0]  # the seen class has 0.8 for nothing
    >>> bank = Bank(scores, np.zeros((400, 1)), y)
    >>> contest = Competition(y, scores, np.array([True, False]), ("a", "b"), np.zeros((400, 1)), bank)
    >>> remedy = PriorAdjustment().fit([contest])
    >>> round(remedy.offset_ / remedy.slope_, 1)
    0.8
    """

    failure = "bias"
    citation = Citation(
        authors="Saerens, Latinne and Decaestecker",
        title="Adjusting the Outputs of a Classifier to New a Priori Probabilities: A Simple Procedure",
        venue="Neural Computation",
        year=2002,
    )

    def __init__(self, unseen_share: float = 0.5) -> None:
        self.unseen_share = unseen_share

    def _check_parameters(self) -> None:
        check_number("PriorAdjustment", "unseen_share", self.unseen_share, low=0, high=1, low_open=True, high_open=True)

    def _fit(self, competitions: Sequence[Competition]) -> None:
        from scipy.optimize import minimize
        from scipy.special import log_softmax, softmax

        usual = float(np.mean([spread(np.asarray(one.scores, dtype=np.float64)) for one in competitions]))
        parts = []
        for one in competitions:
            S = np.asarray(one.scores, dtype=np.float64) / usual
            # Whatever is common to a row has no part in a softmax, and takes digits away.
            parts.append((S - S.max(axis=1, keepdims=True), ~one.seen, one.y, _weights(one) / len(competitions)))

        def loss(at: Array) -> tuple[float, Array]:
            value, gradient = 0.0, np.zeros(2)
            for S, unseen, y, w in parts:
                logits = at[0] * S + at[1] * unseen
                rows = np.arange(len(y))
                value -= float(w @ log_softmax(logits, axis=1)[rows, y])
                error = softmax(logits, axis=1)
                error[rows, y] -= 1
                error *= w[:, None]
                gradient += [float((error * S).sum()), float(error[:, unseen].sum())]
            return value, gradient

        bounds = [(1e-6, _SHARPEST), (-_SHARPEST, _SHARPEST)]
        found = minimize(loss, np.array([1.0, 0.0]), jac=True, method="L-BFGS-B", bounds=bounds)
        self.slope_ = float(found.x[0] / usual)
        self.offset_ = float(found.x[1])

    def _applier(self, seen: Array, bank: Bank | None) -> Callable[[Array, Array | None], Array]:
        offset = self.offset_ + float(np.log(self.unseen_share) - np.log1p(-self.unseen_share))
        return lambda S, X: self.slope_ * S + offset * ~seen


def _weights(one: Competition) -> Array:
    """Return weights of a competition's samples, of sum 1: half to each kind, the same to each class of a kind."""
    counts = np.bincount(one.y, minlength=len(one.seen))
    classes = np.array([((counts > 0) & (one.seen == kind)).sum() for kind in (False, True)])
    weights: Array = 0.5 / (counts[one.y] * classes[one.seen[one.y].astype(int)])
    return weights
