"""Aligned: vectors from another source are moved to where the training vectors lie before a method scores them."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from unseen.methods.base import Capabilities, Citation, Method
from unseen.methods.meta.members import inner_method
from unseen.methods.samples import Samples
from unseen.validation import check_choice, check_number

if TYPE_CHECKING:
    from unseen.methods.base import Array

__all__ = ["Aligned"]

_ALIGNMENTS = ("mean", "standardize", "coral")


class Aligned(Method):
    r"""Give the vectors that are scored together the mean, spread or covariance of the training vectors, then score.

    .. math:: \tilde x = (1-w)\, x + w\, \bigl((x - \mu_B)\, T + \mu_S\bigr), \qquad f_c(x) = g_c(\tilde x)

    with the method's score :math:`g`, means :math:`\mu_S, \mu_B` of the training vectors and of the batch, and
    :math:`T = I` ("mean"), :math:`T = \operatorname{diag}(\sigma_S / \sigma_B)` ("standardize") or
    :math:`T = (\Sigma_B + \lambda_B I)^{-1/2} (\Sigma_S + \lambda_S I)^{1/2}` ("coral").

    Parameters
    ----------
    method : Method or None, default None
        What scores, inductive; None takes `KernelRidge` with its defaults.
    alignment : {"mean", "standardize", "coral"}, default "standardize"
        What is made equal: the means; also each dimension's standard deviation; or the whole covariance.
    strength : float, default 1.0
        How far vectors are moved, in [0, 1]; 0 is the method itself.
    shrinkage : float, default 10.0
        For "coral" only: how far both covariances are shrunk towards a multiple of the identity before they are made
        equal, above 0, in units of the mean variance. Larger is closer to "mean".
    min_batch : int, default 20
        Smaller batches are not aligned, at least 2: their mean says more of their vectors than of their source.

    Attributes
    ----------
    method_ : Method
        The fitted method.
    mean_ : ndarray of shape (d,)
        Mean of the training vectors.
    deviation_ : ndarray of shape (d,)
        Their standard deviations.
    color_ : ndarray of shape (d, d)
        Square root of their shrunk covariance; (0, 0) unless `alignment` is "coral".

    Raises
    ------
    InputError
        When a parameter is out of range, or the method is transductive itself.

    Notes
    -----
    Transductive: what is scored together is aligned together, so report it in a table of its own. Nothing of the
    vectors is kept. O(m d) for m vectors; "coral" O(m d^2 + d^3).

    It is for a change of source: another camera, other processing. It cannot tell that from a change of *classes*:
    unseen classes have a mean of their own, and making it that of the seen ones removes what they have in common.
    Per-class accuracy on held-out training classes, and 95 % intervals of the difference over classes
    (``benchmarks/shift_and_loss.py``):

    ====================== ===== ================================ ================================
    `KernelRidge`, on      alone "standardize"                    "coral"
    ====================== ===== ================================ ================================
    CUB100                 .673  .686 (-.012 to +.039)            .633 (-.075 to -.003)
    the same, other sensor .585  .676 (+.051 to +.133)            .625 (-.007 to +.086)
    AWA1                   .299  .290 (-.023 to +.002)            .287 (-.027 to +.002)
    the same, other sensor .194  .276 (+.029 to +.133)            .265 (+.017 to +.121)
    ====================== ===== ================================ ================================

    where the other sensor has a gain and an offset of its own for each dimension, and noise. So "standardize" costs
    nothing that could be measured where there is no shift, and wins back most of what a sensor takes; "coral" loses
    on CUB100 where there is none. With `Ridge` "mean" is the safer one: .469 to .520 (+.014 to +.094) for CUB100 by the
    other sensor, where "standardize" won nothing.

    A dimension without variance in the batch is moved, not scaled. A batch of one class, or of very uneven shares, is
    better left alone. `SelfTraining` is the remedy where photos are of the same source and prototypes are off.

    References
    ----------
    Sun, Feng and Saenko, "Return of Frustratingly Easy Domain Adaptation", AAAI 2016: CORAL. There batch vectors stay
    and training vectors are moved; here the method is fitted once and the batch moves. Means are aligned too, where
    the authors standardise both sides first.

    Examples
    --------
    >>> import numpy as np
    >>> from unseen import Prototypes
    >>> from unseen.methods.meta.aligned import Aligned
    >>> from unseen.methods.projection.ridge import Ridge
    >>> p = Prototypes(["low", "middle", "high"], [[1, 0], [0.7, 0.7], [0, 1]])
    >>> X, y = np.array([[0.0], [0.1], [1.0], [0.9]]), ["low", "low", "high", "high"]
    >>> method = Aligned(Ridge(alpha=0), min_batch=2).fit(X, y, prototypes=p)
    >>> method.predict(3 * X + 5, prototypes=p).tolist()  # another sensor: three times the gain, an offset of five
    ['low', 'low', 'high', 'high']
    """

    family = "meta"
    citation = Citation(
        authors="Sun, Feng and Saenko",
        title="Return of Frustratingly Easy Domain Adaptation",
        venue="AAAI",
        year=2016,
        url="https://arxiv.org/abs/1511.05547",
    )
    capabilities = Capabilities(transductive=True)
    search_space = MappingProxyType({"alignment": _ALIGNMENTS, "strength": (0.0, 0.5, 1.0)})

    def __init__(
        self,
        method: Method | None = None,
        *,
        alignment: str = "standardize",
        strength: float = 1.0,
        shrinkage: float = 10.0,
        min_batch: int = 20,
    ) -> None:
        self.method = method
        self.alignment = alignment
        self.strength = strength
        self.shrinkage = shrinkage
        self.min_batch = min_batch

    def _fit_samples(self, samples: Samples, S: Array) -> None:
        check_choice("Aligned", "alignment", self.alignment, _ALIGNMENTS)
        check_number("Aligned", "strength", self.strength, low=0, high=1)
        check_number("Aligned", "shrinkage", self.shrinkage, low=0, low_open=True)
        check_number("Aligned", "min_batch", self.min_batch, low=2, integer=True)
        self.method_ = inner_method("Aligned", self.method)._fit_shared(samples, self.classes_, self.seen_prototypes_)
        self.mean_ = samples.mean
        self.deviation_ = np.sqrt(np.square(samples.axes) @ samples.values / samples.n)
        self.color_ = np.zeros((0, 0))
        if self.alignment == "coral":
            self.color_ = self._root(samples, 0.5)

    def _class_scores(self, X: Array, P: Array) -> Array:
        return self.method_._class_scores(self._moved(X), P)

    def _moved(self, X: Array) -> Array:
        """Return the vectors of a batch, moved to where the training vectors lie."""
        if self.strength == 0 or len(X) < self.min_batch:
            return X
        mean = X.mean(axis=0)
        centred = X - mean
        if self.alignment == "standardize":
            deviation = centred.std(axis=0)
            # What rounding leaves of a constant is no spread to divide by.
            still = deviation <= 1e-9 * np.maximum(np.abs(mean), deviation.max())
            centred = centred * np.where(still, 1.0, self.deviation_ / np.where(still, 1.0, deviation))
        elif self.alignment == "coral":
            batch = Samples(X, np.zeros(len(X), dtype=np.intp), 1)
            centred = centred @ self._root(batch, -0.5) @ self.color_
        moved: Array = X + self.strength * (centred + self.mean_ - X)
        return moved

    def _root(self, samples: Samples, power: float) -> Array:
        """Return a power (d, d) of the shrunk covariance."""
        total = float(samples.values.sum()) / samples.n / samples.d
        floor = self.shrinkage * total or 1.0
        # Directions in which nothing varies have the floor for a variance: they are the identity, scaled.
        inside = (samples.values / samples.n + floor) ** power - floor**power
        root: Array = (samples.axes * inside) @ samples.axes.T
        root[np.diag_indices_from(root)] += floor**power
        return root
