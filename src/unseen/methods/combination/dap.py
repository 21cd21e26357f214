"""DAP: direct attribute prediction, a classifier of each attribute, and their product for each class."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from scipy.special import log_expit

from unseen.methods.base import Citation
from unseen.methods.combination.attributes import (
    _AttributeMethod,
    attribute_classifiers,
    attribute_product,
)
from unseen.validation import check_number

if TYPE_CHECKING:
    from unseen.methods.base import Array
    from unseen.methods.samples import Samples

__all__ = ["DAP"]


class DAP(_AttributeMethod):
    r"""Direct attribute prediction: recognise attributes, then the class that has them.

    .. math:: f_c(x) = \sum_j a_{cj} \log\frac{p(a_j\mid x)}{p(a_j)} +
       (1-a_{cj}) \log\frac{1-p(a_j\mid x)}{1-p(a_j)}, \qquad p(a_j\mid x) = \sigma(w_j^\top x + b_j)

    where :math:`a_{cj}` is to what degree class c has attribute j:
    :math:`\sigma(\text{sharpness}\,(p_{cj}-\bar s_j)/\operatorname{std}s_j)`, or whether
    :math:`p_{cj} > \bar s_j`, with mean and deviation over seen classes.

    Parameters
    ----------
    C : float, default 1e-3
        Inverse strength of the attribute classifiers' penalty, above 0, for features scaled to unit variance. Smaller
        is smoother.
    attributes : {"soft", "binary"}, default "soft"
        Degrees between 0 and 1 of a class's attributes, or the paper's yes and no. Both are
        relative to the mean of the seen prototypes, which may be of any scale.
    sharpness : float, default 2.0
        Slope of soft attributes, above 0: larger comes closer to binary ones. Without effect on those.
    prior : {"uniform", "seen"}, default "uniform"
        Probability of attributes, p(a_j), that theirs is divided by: one half, or their share in the training vectors.
        "seen" goes with binary attributes; soft ones are balanced by construction.

    Attributes
    ----------
    coef_ : ndarray of shape (m, d)
        Weights of the attribute classifiers.
    intercept_ : ndarray of shape (m,)
        Their offsets.
    attributes_ : ndarray of int of shape (m,)
        Dimensions of the prototypes that differ between seen classes; the others tell nothing and are left out.
    attribute_mean_, attribute_spread_ : ndarray of shape (m,)
        Their means and standard deviations over seen classes.
    prior_ : ndarray of shape (m,)
        Their prior probabilities.

    Raises
    ------
    InputError
        When a parameter is out of range or unknown.

    Notes
    -----
    Inductive. `fit` takes tens of steps of O(n d m), `class_scores` O(n m (d + C)). The authors train a kernel SVM for
    each attribute and calibrate it by Platt scaling; here logistic regressions, whose outputs are probabilities
    already, are trained for all attributes at once. Platt scaling would take classes away, and few are
    there to tell each attribute by. Soft attributes are not in the paper: they keep what binarising throws
    away. ``attributes="binary", prior="seen"`` is the paper's method.

    References
    ----------
    Lampert, Nickisch and Harmeling, "Learning to Detect Unseen Object Classes by Between-Class Attribute Transfer",
    CVPR 2009.
    Lampert, Nickisch and Harmeling, "Attribute-Based Classification for Zero-Shot Visual Object Categorization",
    TPAMI 2014.

    Examples
    --------
    >>> from unseen import Prototypes
    >>> from unseen.methods.combination.dap import DAP
    >>> p = Prototypes(["fish", "duck", "bat", "stone"], [[1, 0], [1, 1], [0, 1], [0, 0]])
    >>> X = [[9.0, 1.0], [8.0, 0.0], [1.0, 9.0], [0.0, 8.0], [0.0, 1.0], [1.0, 0.0]]
    >>> y = ["fish", "fish", "bat", "bat", "stone", "stone"]
    >>> DAP(C=1).fit(X, y, prototypes=p).predict([[8.0, 9.0]], prototypes=p).item()
    'duck'
    """

    citation = Citation(
        authors="Lampert, Nickisch and Harmeling",
        title="Learning to Detect Unseen Object Classes by Between-Class Attribute Transfer",
        venue="CVPR",
        year=2009,
    )
    search_space = MappingProxyType({"C": (3e-4, 1e-3, 3e-3), "sharpness": (1.0, 2.0)})

    def __init__(
        self, C: float = 1e-3, *, attributes: str = "soft", sharpness: float = 2.0, prior: str = "uniform"
    ) -> None:
        self.C = C
        self.attributes = attributes
        self.sharpness = sharpness
        self.prior = prior

    def _fit_samples(self, samples: Samples, S: Array) -> None:
        strength = check_number("DAP", "C", self.C, low=0, low_open=True)
        table = self._fit_attributes(samples, S)
        self.coef_, self.intercept_ = attribute_classifiers(samples, table, C=strength)

    def _class_scores(self, X: Array, P: Array) -> Array:
        odds = X @ self.coef_.T + self.intercept_
        return attribute_product(log_expit(odds), log_expit(-odds), self.prior_, self._presence(P))
