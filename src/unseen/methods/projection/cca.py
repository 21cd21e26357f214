"""CanonicalCorrelation: vectors and prototypes projected to where they correlate most."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from scipy import linalg

from unseen.methods.base import Citation, Method
from unseen.methods.projection.nearness import nearness, prototype_axes
from unseen.validation import check_number

if TYPE_CHECKING:
    from collections.abc import Callable

    from unseen.methods.base import Array
    from unseen.methods.samples import Samples

__all__ = ["CanonicalCorrelation"]


class CanonicalCorrelation(Method):
    r"""Canonical correlation analysis (CCA) of vectors and their class's prototypes; the cosine in the shared space.

    .. math:: \max_{A, B} \operatorname{tr}(A^\top \Sigma_{xs} B) \quad\text{subject to}\quad
       A^\top(\Sigma_{xx} + \alpha\, \sigma_x I) A = B^\top(\Sigma_{ss} + \beta\, \sigma_s I) B = I, \qquad
       f_c(x) = \cos\bigl((x-\bar x) A D,\; (p_c-\bar s) B D\bigr)

    where :math:`\sigma` is the mean variance of a dimension and D holds the canonical correlations to the power of
    `weighting`.

    Parameters
    ----------
    n_components : int or None, default None
        Dimension of the shared space, at least 1; more than there are, or None, means all (at most C_seen - 1).
    alpha : float, default 1.0
        Penalty on the vectors' side, at least 0, relative to the mean variance of a feature.
    beta : float, default 1.0
        Penalty on the prototypes' side, at least 0, relative to the mean variance of a prototype's dimension.
    weighting : float, default 1.0
        Power of its canonical correlation that each dimension is weighted by, at least 0: the larger it is, the more
        the dimensions that the two sides agree on count.

    Attributes
    ----------
    visual_coef_ : ndarray of shape (d, m)
        A D.
    semantic_coef_ : ndarray of shape (k, m)
        B D.
    correlations_ : ndarray of shape (m,)
        Canonical correlations, descending; below their true size where penalties are above 0.
    feature_mean_ : ndarray of shape (d,)
        Mean of the training vectors.
    semantic_mean_ : ndarray of shape (k,)
        Mean of their classes' prototypes.

    Raises
    ------
    InputError
        When a parameter is out of range.

    Notes
    -----
    Inductive. O(n d min(n, d)) once for all parameters where samples are shared, then a singular value decomposition
    of r x min(C, k) numbers. Directions in which a side does not vary are left out, so that penalties of 0 are
    allowed. Lazaridou et al. compare regression with CCA for labelling images zero-shot; Fu et al. take CCA of several
    views, weight dimensions by powers of the eigenvalues, then label by propagation among the unlabelled examples:
    that step is transductive and is not done here.

    References
    ----------
    Hotelling, "Relations Between Two Sets of Variates", Biometrika 1936.
    Lazaridou, Bruni and Baroni, "Is this a wampimuk? Cross-modal mapping between distributional semantics and the
    visual world", ACL 2014.
    Fu, Hospedales, Xiang and Gong, "Transductive Multi-view Zero-Shot Learning", TPAMI 2015.

    Examples
    --------
    >>> from unseen import Prototypes
    >>> from unseen.methods.projection.cca import CanonicalCorrelation
    >>> p = Prototypes(["low", "middle", "high"], [[1, 0], [0.7, 0.7], [0, 1]])
    >>> X = [[0.0], [0.1], [1.0], [0.9]]
    >>> method = CanonicalCorrelation().fit(X, ["low", "low", "high", "high"], prototypes=p)
    >>> method.predict([[0.9]], prototypes=p).item()
    'high'
    """

    family = "projection"
    citation = Citation(
        authors="Hotelling",
        title="Relations Between Two Sets of Variates",
        venue="Biometrika",
        year=1936,
        url="https://doi.org/10.1093/biomet/28.3-4.321",
    )
    search_space = MappingProxyType(
        {
            "alpha": tuple(10.0**e for e in range(-2, 3)),
            "beta": tuple(10.0**e for e in range(-2, 3)),
            "weighting": (0.0, 1.0),
        }
    )

    def __init__(
        self,
        n_components: int | None = None,
        *,
        alpha: float = 1.0,
        beta: float = 1.0,
        weighting: float = 1.0,
    ) -> None:
        self.n_components = n_components
        self.alpha = alpha
        self.beta = beta
        self.weighting = weighting

    def _fit_samples(self, samples: Samples, S: Array) -> None:
        kept = None
        if self.n_components is not None:
            kept = int(check_number("CanonicalCorrelation", "n_components", self.n_components, low=1, integer=True))
        alpha = check_number("CanonicalCorrelation", "alpha", self.alpha, low=0)
        beta = check_number("CanonicalCorrelation", "beta", self.beta, low=0)
        weighting = check_number("CanonicalCorrelation", "weighting", self.weighting, low=0)
        self.feature_mean_ = samples.mean
        self.semantic_mean_, left, deviations, axes = prototype_axes(samples.counts, S)
        squares = np.square(deviations)
        visual = 1 / np.sqrt(samples.values + alpha * samples.scale)
        semantic = 1 / np.sqrt(squares + beta * squares.sum() / S.shape[1])
        # Both sides in their principal axes: covariances are diagonal, so whitening is scaling.
        shared = samples.rotated.T @ (np.sqrt(samples.counts)[:, None] * left * deviations)
        towards, correlations, back = linalg.svd(visual[:, None] * shared * semantic, full_matrices=False)
        self.correlations_ = correlations[:kept]
        weights = self.correlations_**weighting * np.sqrt(samples.n)
        self.visual_coef_ = samples.axes @ (visual[:, None] * towards[:, :kept] * weights)
        self.semantic_coef_ = axes @ (semantic[:, None] * back[:kept].T * weights)

    def _scorer(self, P: Array) -> Callable[[Array], Array]:
        near = nearness((P - self.semantic_mean_) @ self.semantic_coef_, "cosine")
        return lambda X: near((X - self.feature_mean_) @ self.visual_coef_)

    def _class_scores(self, X: Array, P: Array) -> Array:
        return self._scorer(P)(X)
