"""Ridge: vectors regressed onto class prototypes (visual -> semantic)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import linalg

from unseen.methods.base import Citation, Method
from unseen.methods.linalg import cosine
from unseen.validation import check_number

if TYPE_CHECKING:
    from unseen.methods.base import Array

__all__ = ["Ridge"]


class Ridge(Method):
    r"""Regress vectors onto their class's prototype, then score by the cosine to each prototype.

    .. math:: \min_W \sum_i \lVert (x_i-\bar x) W - (s_{y_i}-\bar s)\rVert^2 + \alpha \lVert W\rVert_F^2,
       \qquad f_c(x) = \cos\bigl((x-\bar x)W + \bar s,\; p_c\bigr)

    Parameters
    ----------
    alpha : float, default 1.0
        Strength of the penalty, at least 0, relative to the mean variance of a feature times the number of
        samples, so that one value serves features of any scale. Larger is smoother.

    Attributes
    ----------
    coef_ : ndarray of shape (d, k)
        W.
    feature_mean_ : ndarray of shape (d,)
        Mean of the training vectors.
    semantic_mean_ : ndarray of shape (k,)
        Mean of their classes' prototypes.

    Raises
    ------
    InputError
        When `alpha` is not a number at least 0.

    Notes
    -----
    Inductive. The smaller of the primal (d x d) and the dual (n x n) system is solved: O(n d min(n, d)). Leaving
    out the intercept costs up to half of the accuracy on non-centred features, so there is no switch for it.
    Regression in this direction makes hubs (Shigeto et al. 2015).

    References
    ----------
    Hoerl and Kennard, "Ridge Regression: Biased Estimation for Nonorthogonal Problems", Technometrics 1970.
    Palatucci, Pomerleau, Hinton and Mitchell, "Zero-shot Learning with Semantic Output Codes", NIPS 2009.

    Examples
    --------
    >>> from unseen import Prototypes
    >>> from unseen.methods.projection.ridge import Ridge
    >>> p = Prototypes(["low", "middle", "high"], [[1, 0], [0.7, 0.7], [0, 1]])
    >>> X = [[0.0], [0.1], [1.0], [0.9]]
    >>> Ridge(alpha=0).fit(X, ["low", "low", "high", "high"], prototypes=p).predict([[0.5]], prototypes=p).item()
    'middle'
    """

    family = "projection"
    citation = Citation(
        authors="Palatucci, Pomerleau, Hinton and Mitchell",
        title="Zero-shot Learning with Semantic Output Codes",
        venue="NIPS",
        year=2009,
    )

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = alpha

    def _fit(self, X: Array, y: Array, S: Array) -> None:
        alpha = check_number("Ridge", "alpha", self.alpha, low=0)
        self.feature_mean_ = X.mean(axis=0)
        targets = S[y]
        self.semantic_mean_ = targets.mean(axis=0)
        A, T = X - self.feature_mean_, targets - self.semantic_mean_
        n, d = A.shape
        penalty = alpha * np.square(A).sum() / d
        if n < d:
            self.coef_ = A.T @ _solve(A @ A.T, penalty, T)
        else:
            self.coef_ = _solve(A.T @ A, penalty, A.T @ T)

    def _class_scores(self, X: Array, P: Array) -> Array:
        return cosine((X - self.feature_mean_) @ self.coef_ + self.semantic_mean_, P)


def _solve(gram: Array, penalty: float, right: Array) -> Array:
    """Solve (gram + penalty I) Z = right; by least norm where that is singular (constant or repeated columns)."""
    system = gram + penalty * np.eye(len(gram))
    try:
        factor = linalg.cho_factor(system, lower=True)
        diagonal = np.abs(np.diag(factor[0]))
        # Beyond this condition number a Cholesky solution has no digits left in double precision.
        if diagonal.min() > 1e-7 * diagonal.max():
            solution: Array = linalg.cho_solve(factor, right)
            return solution
    except linalg.LinAlgError:
        pass  # not positive definite in double precision: the least-norm solution below is right for it
    least_norm: Array = linalg.lstsq(system, right, lapack_driver="gelsd")[0]
    return least_norm
