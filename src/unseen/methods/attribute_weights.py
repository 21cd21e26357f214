"""Weights of the prototypes' dimensions: what vectors do not show of a class counts less."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.utils import check_array, check_consistent_length, column_or_1d
from sklearn.utils.validation import check_is_fitted

from unseen.errors import InputError
from unseen.methods.preprocessing import PrototypeScaling
from unseen.methods.samples import Samples
from unseen.prototypes import Prototypes
from unseen.validation import check_number, check_seed, message, verbatim

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

__all__ = ["AttributeWeights", "held_out_parts", "predict_held_out"]

Array = np.ndarray[Any, Any]

# With fewer classes nothing can be learned from some and judged on others.
_FEWEST = 4
# A dimension that varies less than this share of the most varying one is constant: prototypes have single precision.
_CONSTANT = 1e-6


def held_out_parts(samples: Samples, n_splits: int, random_state: Any) -> Iterator[tuple[Samples, Array, Array]]:
    """Yield the samples of some classes, those classes, and the others; each class is among the others once.

    Parameters
    ----------
    samples : Samples
        Vectors of C classes.
    n_splits : int
        Groups that the classes are divided into, at most C.
    random_state : int, RandomState or None
        The groups.

    Yields
    ------
    part, known, held : Samples, ndarray and ndarray of int
        The part's classes are numbered as in `known`.
    """
    from unseen.methods.selection import ClassWiseSplit

    classes = np.arange(samples.n_classes)
    for known, held in ClassWiseSplit(n_splits, random_state=random_state).split(classes, classes):
        rows = np.isin(samples.y, known)
        yield Samples(samples.X[rows], np.searchsorted(known, samples.y[rows]), len(known)), known, held


def predict_held_out(
    samples: Samples, S: Array, *, alpha: float, n_splits: int, random_state: Any
) -> tuple[Array, Array]:
    """Predict the prototype of every class from its vectors, by a ridge regression that was fitted without the class.

    Parameters
    ----------
    samples : Samples
        Vectors of C classes; each class must have one at least.
    S : ndarray of shape (C, k)
        Their prototypes.
    alpha : float
        Strength of the penalty, at least 0.
    n_splits : int
        Groups that the classes are divided into; each is predicted from the others.
    random_state : int, RandomState or None
        The groups.

    Returns
    -------
    predicted, without : ndarray of shape (C, k)
        The predictions, at each class's mean vector; and the mean prototype of the classes they were learned from,
        which is the prediction of whoever has not seen the vectors.
    """
    from unseen.methods.projection.ridge import Ridge

    predicted, without = np.zeros(S.shape), np.zeros(S.shape)
    for part, known, held in held_out_parts(samples, n_splits, random_state):
        ridge = Ridge(alpha)
        ridge._fit_samples(part, S[known])
        predicted[held] = (samples.means[held] - ridge.feature_mean_) @ ridge.coef_ + ridge.semantic_mean_
        without[held] = S[known].mean(axis=0)
    return predicted, without


class AttributeWeights(BaseEstimator):  # type: ignore[misc]
    r"""Weigh each dimension of the prototypes by how well it can be predicted from vectors of classes held out.

    .. math:: w_j \propto \max\bigl(\rho_j, \epsilon\bigr)^{\text{power}}, \qquad
       \rho_j = \operatorname{corr}_c\bigl(s_{cj} - \bar s_j,\; \hat s_{cj} - \bar s_j\bigr), \qquad
       \tfrac1k \sum_j w_j^2 = 1

    where :math:`\hat s_c` is predicted from class c's vectors by a ridge regression fitted without class c, and
    :math:`\bar s` is the mean prototype of the classes it was fitted to.

    Parameters
    ----------
    power : float, default 0.5
        How much the weights differ, at least 0; 0 weighs all dimensions alike.
    floor : float, default 0.05
        :math:`\epsilon`, the correlation that a dimension is granted at least, above 0 and at most 1: one that could
        not be predicted in some classes may matter in others.
    alpha : float, default 1.0
        Strength of the regression's penalty, at least 0.
    n_splits : int, default 4
        Groups that the seen classes are divided into, at least 2.
    scaling : PrototypeScaling or None, default None
        What is done to prototypes before they are weighed; None nothing.
    random_state : int, RandomState or None, default 0
        The groups.

    Attributes
    ----------
    weights_ : ndarray of shape (k,)
        The weights.
    correlations_ : ndarray of shape (k,)
        The correlations; 0 for a dimension that does not vary among seen classes.
    scaling_ : PrototypeScaling or None
        The fitted scaling.

    Raises
    ------
    InputError
        When a parameter is out of range, or a class has no prototype.

    Notes
    -----
    Learns from seen classes alone. Use it as ``Prepared(method, prototypes=AttributeWeights())``, which also works
    inside `select`, or before any method: fit it to vectors, and hand ``transform(prototypes)`` to the method. With
    fewer than four seen classes, or less than two groups' worth, all weights are 1. Costs `n_splits` ridge
    regressions. A method that standardises prototypes undoes the weights.

    A small help at most, for methods that compare in the space of the attributes. Per-class accuracy on held-out
    training classes without and with, and 95 % intervals of the difference over classes
    (``benchmarks/shift_and_loss.py``):
    `Ridge` .514 and .531 (-.001 to +.036) on CUB100, .196 and .218 (-.002 to +.046) on AWA1; `KernelRidge` .673 and
    .682 (.000 to +.022), .299 and .302 (-.005 to +.009); `ESZSL` .651 and .645 (-.018 to +.007), .301 and .308
    (-.007 to +.022). With sentence embeddings they change nothing.

    References
    ----------
    Jayaraman and Grauman, "Zero-Shot Recognition with Unreliable Attributes", NIPS 2014: attributes count by how
    reliably they are predicted.

    Examples
    --------
    >>> import numpy as np
    >>> from unseen import Prototypes
    >>> from unseen.methods.attribute_weights import AttributeWeights
    >>> rng = np.random.default_rng(0)
    >>> p = Prototypes([f"class {i:02d}" for i in range(20)], rng.normal(size=(20, 2)))
    >>> X = p.vectors[:, :1] + 0.1 * rng.normal(size=(20, 3))  # the second attribute does not show
    >>> AttributeWeights().fit(X, p.names, prototypes=p).weights_.round(2).tolist()
    [1.14, 0.84]
    """

    def __init__(
        self,
        power: float = 0.5,
        *,
        floor: float = 0.05,
        alpha: float = 1.0,
        n_splits: int = 4,
        scaling: PrototypeScaling | None = None,
        random_state: Any = 0,
    ) -> None:
        self.power = power
        self.floor = floor
        self.alpha = alpha
        self.n_splits = n_splits
        self.scaling = scaling
        self.random_state = random_state

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike, *, prototypes: Prototypes) -> Self:
        """Learn the weights.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Vectors of seen classes, finite.
        y : array-like of str of shape (n,)
            Their names.
        prototypes : Prototypes
            Of at least those classes; others are not looked at.
        """
        vectors = check_array(X, dtype=[np.float64, np.float32], estimator="AttributeWeights")
        labels = column_or_1d(y)
        check_consistent_length(vectors, labels)
        names, positions = np.unique(labels, return_inverse=True)
        if not isinstance(prototypes, Prototypes):
            remedy = "Build one with Prototypes(names, vectors)"
            raise InputError(message("AttributeWeights", "prototypes", "an unseen.Prototypes", prototypes, remedy))
        seen = prototypes.subset([str(name) for name in names])
        return self._learn(Samples(vectors, positions, len(names)), seen.vectors.astype(np.float64))

    def _learn(self, samples: Samples, S: Array) -> Self:
        """Learn from summarised vectors and seen prototypes S (C_seen, k)."""
        power = check_number("AttributeWeights", "power", self.power, low=0)
        floor = check_number("AttributeWeights", "floor", self.floor, low=0, high=1, low_open=True)
        alpha = check_number("AttributeWeights", "alpha", self.alpha, low=0)
        n_splits = int(check_number("AttributeWeights", "n_splits", self.n_splits, low=2, integer=True))
        check_seed("AttributeWeights", self.random_state)
        if self.scaling is not None and not isinstance(self.scaling, PrototypeScaling):
            remedy = "Pass an instance"
            raise InputError(message("AttributeWeights", "scaling", "a PrototypeScaling or None", self.scaling, remedy))
        self.scaling_ = None if self.scaling is None else clone(self.scaling).fit(S)
        S = S if self.scaling_ is None else self.scaling_.transform(S)
        self.correlations_ = np.zeros(S.shape[1])
        if len(S) >= max(_FEWEST, n_splits):
            predicted, without = predict_held_out(
                samples, S, alpha=alpha, n_splits=n_splits, random_state=self.random_state
            )
            self.correlations_ = _correlations(S - without, predicted - without)
        weights = np.maximum(self.correlations_, floor) ** power
        self.weights_ = weights / np.sqrt(np.square(weights).mean())
        return self

    def transform(self, P: Any) -> Any:
        """Return the weighted prototypes: a `Prototypes` for a `Prototypes`, else an array (C, k)."""
        check_is_fitted(self)
        if isinstance(P, Prototypes):
            return Prototypes(P.names, self.transform(P.vectors), seen=P.seen)
        vectors = np.asarray(P, dtype=np.float64)
        if vectors.ndim != 2 or vectors.shape[1] != len(self.weights_):
            expected = f"of shape (C, {len(self.weights_)}), like those of fit"
            found = verbatim(f"shape {vectors.shape}")
            raise InputError(message("AttributeWeights", "prototypes", expected, found, "Pass the same attributes"))
        return (vectors if self.scaling_ is None else self.scaling_.transform(vectors)) * self.weights_


def _correlations(A: Array, B: Array) -> Array:
    """Return the correlation of each column of A with that of B, both (C, k); 0 where one does not vary."""
    A, B = A - A.mean(axis=0), B - B.mean(axis=0)
    lengths = [np.linalg.norm(M, axis=0) for M in (A, B)]
    varies = np.all([length > _CONSTANT * length.max() for length in lengths], axis=0)
    product = np.where(varies, lengths[0] * lengths[1], 1.0)
    found: Array = np.where(varies, (A * B).sum(axis=0) / product, 0.0)
    return found
