"""IAP: indirect attribute prediction, attributes by way of the seen classes a vector looks like."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import softmax

from unseen.methods.base import Citation
from unseen.methods.classifiers import softmax_classifiers
from unseen.methods.combination.attributes import _AttributeMethod, attribute_product
from unseen.validation import check_number

if TYPE_CHECKING:
    from unseen.methods.base import Array
    from unseen.methods.samples import Samples

__all__ = ["IAP"]


class IAP(_AttributeMethod):
    r"""Indirect attribute prediction: seen classes imply attributes, and attributes imply unseen classes.

    .. math:: p(a_j\mid x) = (1-\epsilon)\sum_s p(s\mid x)\, a_{sj} + \epsilon\, p(a_j), \qquad
       f_c(x) = \sum_j a_{cj} \log\frac{p(a_j\mid x)}{p(a_j)} + (1-a_{cj}) \log\frac{1-p(a_j\mid x)}{1-p(a_j)}

    where p(s | x) is a softmax classifier of the seen classes and :math:`a_{cj}` to what degree class c has attribute
    j: :math:`\sigma(\text{sharpness}\,(p_{cj}-\bar s_j)/\operatorname{std}s_j)`, or whether
    :math:`p_{cj} > \bar s_j`, with mean and deviation over seen classes.

    Parameters
    ----------
    C : float, default 1e-3
        Inverse strength of the seen classifier's penalty, above 0, for features scaled to unit variance. Smaller makes
        more seen classes take part.
    attributes : {"soft", "binary"}, default "soft"
        Degrees between 0 and 1 of a class's attributes, or the paper's yes and no.
    sharpness : float, default 1.0
        Slope of soft attributes, above 0: larger comes closer to binary ones. Without effect on those.
    prior : {"uniform", "seen"}, default "uniform"
        Probability of attributes, p(a_j), that theirs is divided by: one half, or their share in the training vectors.
        "seen" goes with binary attributes; soft ones are balanced by construction.
    smoothing : float, default 0.01
        Share of the prior in the probability of an attribute, epsilon, above 0 and at most 1. Keeps one attribute that
        the likely seen classes lack from ruling a class out.

    Attributes
    ----------
    coef_ : ndarray of shape (C_seen, d)
        Weights of the seen classifier.
    intercept_ : ndarray of shape (C_seen,)
        Its offsets.
    attributes_ : ndarray of int of shape (m,)
        Dimensions of the prototypes that differ between seen classes; the others tell nothing and are left out.
    attribute_mean_, attribute_spread_ : ndarray of shape (m,)
        Their means and standard deviations over seen classes.
    presence_ : ndarray of shape (C_seen, m)
        Their presence in seen classes.
    prior_ : ndarray of shape (m,)
        Their prior probabilities.

    Raises
    ------
    InputError
        When a parameter is out of range or unknown.

    Notes
    -----
    Inductive. `fit` takes tens of steps of O(n d C_seen), `class_scores` O(n (d C_seen + m (C_seen + C))). The authors
    leave probabilities as they are; smoothing is added since a product cannot recover from a zero. Soft attributes are
    added as well; ``attributes="binary", prior="seen"`` is the paper's method.

    References
    ----------
    Lampert, Nickisch and Harmeling, "Learning to Detect Unseen Object Classes by Between-Class Attribute Transfer",
    CVPR 2009.
    Lampert, Nickisch and Harmeling, "Attribute-Based Classification for Zero-Shot Visual Object Categorization",
    TPAMI 2014.

    Examples
    --------
    >>> from unseen import Prototypes
    >>> from unseen.methods.combination.iap import IAP
    >>> p = Prototypes(["low", "middle", "high"], [[1, 0], [0.6, 0.6], [0, 1]])
    >>> X = [[0.0], [0.1], [1.0], [0.9]]
    >>> IAP(C=1).fit(X, ["low", "low", "high", "high"], prototypes=p).predict([[0.9]], prototypes=p).item()
    'high'
    """

    citation = Citation(
        authors="Lampert, Nickisch and Harmeling",
        title="Learning to Detect Unseen Object Classes by Between-Class Attribute Transfer",
        venue="CVPR",
        year=2009,
    )
    search_space = MappingProxyType({"C": (3e-4, 1e-3, 3e-3, 1e-2), "sharpness": (1.0, 2.0)})

    def __init__(
        self,
        C: float = 1e-3,
        *,
        attributes: str = "soft",
        sharpness: float = 1.0,
        prior: str = "uniform",
        smoothing: float = 0.01,
    ) -> None:
        self.C = C
        self.attributes = attributes
        self.sharpness = sharpness
        self.prior = prior
        self.smoothing = smoothing

    def _fit_samples(self, samples: Samples, S: Array) -> None:
        strength = check_number("IAP", "C", self.C, low=0, low_open=True)
        check_number("IAP", "smoothing", self.smoothing, low=0, high=1, low_open=True)
        self.presence_ = self._fit_attributes(samples, S)
        self.coef_, self.intercept_ = softmax_classifiers(samples, C=strength)

    def seen_probabilities(self, X: Array) -> Array:
        """Return the seen classifier's probabilities (n, C_seen) of vectors X (n, d)."""
        probabilities: Array = softmax(np.asarray(X, dtype=np.float64) @ self.coef_.T + self.intercept_, axis=1)
        return probabilities

    def _class_scores(self, X: Array, P: Array) -> Array:
        shares = self.seen_probabilities(X)
        kept = 1 - self.smoothing
        # Both sums are taken, since one less a sum that is nearly one has few digits.
        present = np.log(kept * shares @ self.presence_ + self.smoothing * self.prior_)
        absent = np.log(kept * shares @ (1 - self.presence_) + self.smoothing * (1 - self.prior_))
        return attribute_product(present, absent, self.prior_, self._presence(P))
