"""Balanced assignment: a batch that is known to be spread over its classes is scored so that it is."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from unseen.methods.base import Capabilities, Citation, Method
from unseen.methods.meta.balance import balanced
from unseen.methods.meta.members import inner_method, seen_rows
from unseen.methods.meta.weights import spread
from unseen.validation import check_number

if TYPE_CHECKING:
    from unseen.methods.base import Array
    from unseen.methods.samples import Samples

__all__ = ["BalancedAssignment"]


class BalancedAssignment(Method):
    r"""Offset the scores of classes without examples, so that a batch spreads over them more evenly.

    .. math:: f_c(x) = g_c(x)/\sigma + b_c, \qquad \tfrac1n\sum_i \operatorname{softmax}_c(\tau f(x_i)) = \pi_c

    with target shares :math:`\pi` between those of the method and equal ones.

    Parameters
    ----------
    method : Method or None, default None
        What scores, inductive; None takes `KernelRidge` with its defaults.
    strength : float, default 0.5
        0 leaves the shares alone (the scores are the method's over their spread), 1 makes them equal; in [0, 1].

    Attributes
    ----------
    method_ : Method
        The fitted method.
    spread_ : float
        Spread of its scores.

    Raises
    ------
    InputError
        When a parameter is out of range, or the method is transductive itself.

    Notes
    -----
    Transductive. It undoes the worst of hubness, where a few classes attract most vectors, and does harm where the
    classes of a batch are in truth uneven. Classes that had examples keep their scores. Sinkhorn's iteration; at most
    100 rounds of O(n C).

    References
    ----------
    Cuturi, "Sinkhorn Distances: Lightspeed Computation of Optimal Transport", NIPS 2013.
    Caron, Misra, Mairal, Goyal, Bojanowski and Joulin, "Unsupervised Learning of Visual Features by Contrasting Cluster
    Assignments", NeurIPS 2020: equal shares by the same iteration.

    Examples
    --------
    >>> from unseen import Prototypes
    >>> from unseen.methods.meta.balanced_assignment import BalancedAssignment
    >>> from unseen.methods.projection.ridge import Ridge
    >>> p = Prototypes(["low", "middle", "high"], [[1, 0], [0.7, 0.7], [0, 1]])
    >>> X = [[0.0], [0.1], [1.0], [0.9]]
    >>> method = BalancedAssignment(Ridge(alpha=0)).fit(X, ["low", "low", "high", "high"], prototypes=p)
    >>> method.predict([[0.5], [0.0]], prototypes=p).tolist()
    ['middle', 'low']
    """

    family = "meta"
    citation = Citation(
        authors="Cuturi",
        title="Sinkhorn Distances: Lightspeed Computation of Optimal Transport",
        venue="NIPS",
        year=2013,
        url="https://arxiv.org/abs/1306.0895",
    )
    capabilities = Capabilities(transductive=True, generative=True)
    search_space = MappingProxyType({"strength": (0.0, 0.25, 0.5, 0.75, 1.0)})

    def __init__(self, method: Method | None = None, *, strength: float = 0.5) -> None:
        self.method = method
        self.strength = strength

    def _fit_samples(self, samples: Samples, S: Array) -> None:
        check_number("BalancedAssignment", "strength", self.strength, low=0, high=1)
        self.method_ = inner_method("BalancedAssignment", self.method)._fit_shared(
            samples, self.classes_, self.seen_prototypes_
        )
        self.spread_ = spread(self.method_._class_scores(samples.means, S))

    def _class_scores(self, X: Array, P: Array) -> Array:
        scores = self.method_._class_scores(X, P) / self.spread_
        moving = seen_rows(self.seen_prototypes_.vectors, P) < 0
        if not moving.any() or self.strength == 0 or len(X) < 2:
            return scores
        return balanced(scores, moving, self.strength)
