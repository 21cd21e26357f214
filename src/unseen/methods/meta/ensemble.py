"""Ensemble: several methods' scores, weighted by how well they do on classes held out of training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import clone

from unseen.errors import InputError
from unseen.methods.base import Citation, Method
from unseen.methods.folds import by_front, front_of, make_folds
from unseen.methods.meta.members import weighted_scorer
from unseen.methods.meta.search import search
from unseen.methods.meta.weights import informative, learn_weights, spread
from unseen.methods.preprocessing import FeatureScaling
from unseen.methods.samples import Samples
from unseen.methods.selection import ClassWiseSplit
from unseen.validation import check_number, check_seed, message

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from unseen.methods.base import Array
    from unseen.prototypes import Prototypes

__all__ = ["Ensemble"]

# A method below this share of the weight costs more time than it adds.
_NEGLIGIBLE = 0.01


class Ensemble(Method):
    r"""Weighted sum of several methods' standardised scores.

    .. math:: f_c(x) = \sum_j \frac{w_j}{\sigma_j} f^{(j)}_c(x)

    with :math:`\sigma_j` the spread of method j's scores and weights :math:`w \ge 0` of sum 1 that give the
    least log loss on classes held out of training.

    Parameters
    ----------
    methods : list of Method or None, default None
        What is combined, inductive; None takes `ESZSL`, `KernelRidge` and `SynC` with their defaults.
    n_splits : int, default 3
        Folds of classes on which the weights are learned, at least 2. With fewer than four classes a fold, or with
        prototypes that are all equally far apart, there is nothing to learn from and the weights are equal.
    random_state : int, RandomState or None, default 0
        Seed of the folds.

    Attributes
    ----------
    methods_ : list of Method
        The fitted methods with weight.
    weights_ : ndarray of shape (M,)
        Their weights, over their spread.
    shares_ : ndarray of shape (J,)
        Weight of every method given, of sum 1.

    Raises
    ------
    InputError
        When a part is no inductive method, or there is none.

    Notes
    -----
    Inductive, though a weight is learned from several classes at once; costs `n_splits` + 1 fits of every method.
    The spread is measured on held-out classes too, and is one number per method: a class's score does not depend
    on its rivals.

    References
    ----------
    Wolpert, "Stacked Generalization", Neural Networks 1992.
    Breiman, "Stacked Regressions", Machine Learning 1996: why the weights are not negative.

    Examples
    --------
    >>> from unseen import Prototypes
    >>> from unseen.methods.meta.ensemble import Ensemble
    >>> from unseen.methods.projection.ridge import Ridge
    >>> from unseen.methods.relationship.conse import ConSE
    >>> p = Prototypes(["low", "middle", "high"], [[1, 0], [0.7, 0.7], [0, 1]])
    >>> X = [[0.0], [0.1], [1.0], [0.9]]
    >>> ensemble = Ensemble([Ridge(), ConSE()]).fit(X, ["low", "low", "high", "high"], prototypes=p)
    >>> ensemble.predict([[0.5]], prototypes=p).item()
    'middle'
    """

    family = "meta"
    citation = Citation(authors="Wolpert", title="Stacked Generalization", venue="Neural Networks", year=1992)

    def __init__(self, methods: Sequence[Method] | None = None, *, n_splits: int = 3, random_state: Any = 0) -> None:
        self.methods = methods
        self.n_splits = n_splits
        self.random_state = random_state

    def _fit_samples(self, samples: Samples, S: Array) -> None:
        members = self._members()
        n_splits = int(check_number("Ensemble", "n_splits", self.n_splits, low=2, integer=True))
        check_seed("Ensemble", self.random_state)
        shares = np.full(len(members), 1.0 / len(members))
        spreads: Array | None = None
        if len(members) > 1 and samples.n_classes >= 4 * n_splits and informative(S):
            spreads, shares = self._learn(members, samples, n_splits)
        self.shares_ = shares
        kept = [j for j in range(len(members)) if shares[j] >= min(_NEGLIGIBLE, shares.max())]
        self.methods_ = fit_together([members[j] for j in kept], samples, self.classes_, self.seen_prototypes_)
        if spreads is None:
            spreads = np.ones(len(members))
            spreads[kept] = [spread(method._class_scores(samples.means, S)) for method in self.methods_]
        self.weights_ = shares[kept] / spreads[kept]

    def _learn(self, members: list[Method], samples: Samples, n_splits: int) -> tuple[Array, Array]:
        """Return every method's spread and share, from folds of classes."""
        names = np.array(self.seen_prototypes_.names)
        y = names[samples.y]
        split = ClassWiseSplit(n_splits, random_state=self.random_state).split(samples.X, y)
        folds = list(make_folds(samples.X, y, self.seen_prototypes_, split, 0.0, 0, max_per_class=100))
        found = search("Ensemble", members, folds)
        spreads = np.array([one.spread for one in found])
        scores = [np.stack([one.scores[i] / one.spread for one in found]) for i in range(len(folds))]
        return spreads, learn_weights(scores, [fold.y_unseen - fold.n_seen for fold in folds])

    def _members(self) -> list[Method]:
        from unseen.methods.correspondence.eszsl import ESZSL
        from unseen.methods.projection.kernel_ridge import KernelRidge
        from unseen.methods.relationship.sync import SynC

        if self.methods is None:
            return [ESZSL(), KernelRidge(), SynC()]
        members = list(self.methods) if isinstance(self.methods, list | tuple) else []
        if not members or not all(isinstance(m, Method) and not m.capabilities.transductive for m in members):
            raise InputError(
                message("Ensemble", "methods", "a list of inductive methods", self.methods, "Pass at least one")
            )
        return members

    def _class_scores(self, X: Array, P: Array) -> Array:
        return self._scorer(P)(X)

    def _scorer(self, P: Array) -> Callable[[Array], Array]:
        return weighted_scorer(self.methods_, self.weights_, P)


def fit_together(methods: Sequence[Method], samples: Samples, labels: Array, seen: Prototypes) -> list[Method]:
    """Return fitted clones, in order; those that scale vectors alike share one copy of them."""
    from unseen.methods.meta.prepared import Prepared

    fitted: dict[int, Method] = {}
    key: str | None = None
    scaled, features = samples, FeatureScaling()
    for j in (j for group in by_front(methods, "Ensemble") for j in group):
        method: Method = clone(methods[j])
        front = front_of(method, "Ensemble")
        if not isinstance(method, Prepared) or front.transformer is None:
            fitted[j] = method._fit_shared(samples, labels, seen)
            continue
        if front.key != key:
            features = clone(front.transformer)._learn(samples.X, samples.y, samples.n_classes)
            key, scaled = front.key, Samples(features._apply(samples.X), samples.y, samples.n_classes)
        method._fit_scaled(scaled, features, samples.d, labels, seen)
        fitted[j] = method
    return [fitted[j] for j in range(len(methods))]
