"""SynC: classifiers synthesised from those of phantom classes that sit where the seen classes are."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from scipy import linalg
from scipy.spatial.distance import cdist
from scipy.special import softmax

from unseen.methods.base import Citation, Method
from unseen.methods.classifiers import hinge_classifiers, linear_outputs
from unseen.methods.linalg import unit_rows
from unseen.validation import check_choice, check_number

if TYPE_CHECKING:
    from collections.abc import Callable

    from unseen.methods.base import Array
    from unseen.methods.samples import Samples

__all__ = ["SynC"]

# How far the maximum over classes is rounded off, in units of the mean margin.
_ROUNDING = 0.1
# Singular values below this share of the largest are rounding.
_FLAT = 1e-10


class SynC(Method):
    r"""Synthesized classifiers: combine the classifiers of phantom classes by nearness in semantic space.

    .. math:: w_c = \sum_r s_{cr}\, v_r, \qquad s_{cr} \propto e^{-\lVert p_c-b_r\rVert^2/(\sigma\delta)}, \quad
       \textstyle\sum_r s_{cr} = 1, \qquad f_c(x) = \frac{w_c^\top(x-\bar x)}{\lVert w_c\rVert}

    with the seen prototypes as phantom classes :math:`b_r` and their mean squared distance :math:`\delta`. The seen
    classifiers W minimise :math:`\sum_i \ell(Wx_i + b, y_i) + \lVert W\rVert_F^2/2C`, and the phantom ones
    :math:`\lVert W - SV\rVert_F^2 + \alpha\,\tau\lVert V\rVert_F^2`, with the mean squared singular value
    :math:`\tau` of S.

    Parameters
    ----------
    C : float, default 3e-4
        Inverse strength of the classifiers' penalty, above 0, for features scaled to unit variance. Smaller is
        smoother.
    sigma : float, default 2.0
        Width of the kernel between classes, above 0, relative to the mean squared distance of seen prototypes. Smaller
        listens to the nearest phantom classes only.
    alpha : float, default 1e-3
        Strength of the penalty on phantom classifiers, at least 0. Without it they reproduce the seen classifiers
        exactly, by large weights of opposite signs where the kernel is wide.
    loss : {"one_versus_other", "structured"}, default "one_versus_other"
        Squared hinge of each class against all others; or Crammer and Singer's multi-class hinge, with the squared
        distance of the prototypes as margin, so that confusing like classes costs less.

    Attributes
    ----------
    phantom_coef_ : ndarray of shape (C_seen, d)
        Classifiers of the phantom classes, V.
    feature_mean_ : ndarray of shape (d,)
        Mean of the training vectors.
    distance_ : float
        Mean squared distance of seen prototypes, delta.

    Raises
    ------
    InputError
        When a parameter is out of range or unknown.

    Notes
    -----
    Inductive. `fit` takes tens of steps of O(n d C_seen) and one of O(C_seen^3), `class_scores` O(C C_seen (k + d)),
    done once per set of prototypes, and O(n C d). The penalty is on the seen classifiers, as in the paper. Where the
    kernel matrix of the seen classes can be inverted any seen classifiers can be synthesised, so they are trained
    first and the phantom ones solved for; `alpha`, which is not in the paper, keeps that inverse tame. Phantom classes
    stay at the seen prototypes. The maximum in the structured loss is rounded off by a tenth of the mean margin, which
    makes it smooth. Synthesised classifiers are scaled to one length and have no offset: classes between others
    otherwise get weak classifiers that never win.

    References
    ----------
    Changpinyo, Chao, Gong and Sha, "Synthesized Classifiers for Zero-Shot Learning", CVPR 2016.
    Crammer and Singer, "On the Algorithmic Implementation of Multiclass Kernel-based Vector Machines", JMLR 2001.

    Examples
    --------
    >>> from unseen import Prototypes
    >>> from unseen.methods.relationship.sync import SynC
    >>> p = Prototypes(["fish", "duck", "bat", "stone"], [[1, 0], [1, 1], [0, 1], [0, 0]])
    >>> X = [[9.0, 1.0], [8.0, 0.0], [1.0, 9.0], [0.0, 8.0], [0.0, 1.0], [1.0, 0.0]]
    >>> y = ["fish", "fish", "bat", "bat", "stone", "stone"]
    >>> SynC().fit(X, y, prototypes=p).predict([[8.0, 9.0]], prototypes=p).item()
    'duck'
    """

    family = "relationship"
    citation = Citation(
        authors="Changpinyo, Chao, Gong and Sha",
        title="Synthesized Classifiers for Zero-Shot Learning",
        venue="CVPR",
        year=2016,
        url="https://arxiv.org/abs/1603.00550",
    )
    search_space = MappingProxyType({"C": (3e-4, 1e-3), "sigma": (1.0, 2.0), "alpha": (3e-4, 1e-3, 1e-2)})

    def __init__(
        self, C: float = 3e-4, *, sigma: float = 2.0, alpha: float = 1e-3, loss: str = "one_versus_other"
    ) -> None:
        self.C = C
        self.sigma = sigma
        self.alpha = alpha
        self.loss = loss

    def _fit_samples(self, samples: Samples, S: Array) -> None:
        strength = check_number("SynC", "C", self.C, low=0, low_open=True)
        check_number("SynC", "sigma", self.sigma, low=0, low_open=True)
        alpha = check_number("SynC", "alpha", self.alpha, low=0)
        check_choice("SynC", "loss", self.loss, ("one_versus_other", "structured"))
        squared = cdist(S, S, "sqeuclidean")
        pairs = len(S) * (len(S) - 1)
        self.distance_ = float(squared.sum() / pairs) if squared.any() else 1.0
        self.feature_mean_ = samples.mean
        if self.loss == "structured":
            W = _structured_classifiers(samples, squared / self.distance_, C=strength)
        else:
            W = hinge_classifiers(samples, C=strength)[0]
        left, singular, right = linalg.svd(softmax(-squared / (self.sigma * self.distance_), axis=1))
        kept = singular > _FLAT * singular[0]
        shrunk = singular[kept] / (singular[kept] ** 2 + alpha * np.mean(singular**2))
        self.phantom_coef_ = right[kept].T @ (shrunk[:, None] * (left[:, kept].T @ W))

    def _scorer(self, P: Array) -> Callable[[Array], Array]:
        squared = cdist(P, self.seen_prototypes_.vectors.astype(np.float64), "sqeuclidean")
        shares = softmax(-squared / (self.sigma * self.distance_), axis=1)
        coef = unit_rows(shares @ self.phantom_coef_).T
        return lambda X: (X - self.feature_mean_) @ coef

    def _class_scores(self, X: Array, P: Array) -> Array:
        return self._scorer(P)(X)


def _structured_classifiers(samples: Samples, margins: Array, *, C: float) -> Array:
    """Return classifiers (C_seen, d) that leave each wrong class behind by its margin (C_seen, C_seen)."""

    def loss(Z: Array, y: Array) -> tuple[float, Array]:
        Z += margins[y].astype(Z.dtype)
        Z /= _ROUNDING
        highest = Z.max(axis=1, keepdims=True)
        Z -= highest
        slope = np.exp(Z, out=Z)
        sums = slope.sum(axis=1, keepdims=True)
        slope /= sums
        return _ROUNDING * float((np.log(sums) + highest).sum(dtype=np.float64)), slope

    classes = samples.n_classes
    curvature = 1 / (classes * _ROUNDING)
    return linear_outputs(samples, loss, classes, penalty=1 / C, curvature=curvature, targets=np.eye(classes))[0]
