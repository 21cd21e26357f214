"""What is done to vectors and prototypes before a method sees them; everything is learned on seen classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from scipy import linalg
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_consistent_length, check_is_fitted, column_or_1d, validate_data

from unseen.errors import InputError
from unseen.methods.samples import Samples
from unseen.validation import check_choice, check_number, check_switch, message

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["FeatureScaling", "PrototypeScaling", "even_share"]

Array = np.ndarray[Any, Any]
_ROWS = 4096
CENTRES = ("none", "center", "standardize")
# Scatter within classes below this share of all scatter is rounding: each class has one example, or copies of one.
_NO_SCATTER = 1e-10


def _powered(X: Array, power: float) -> Array:
    if power == 1:
        return X
    out: Array = np.sign(X) * np.abs(X) ** float(power) if power != 0.5 else np.sign(X) * np.sqrt(np.abs(X))
    return out


def _unit(X: Array) -> Array:
    norms = np.linalg.norm(X, axis=1, keepdims=True)
    out: Array = X / np.where(norms > 0, norms, 1)
    return out


def even_share(X: Array, y: Array, n_classes: int, wanted: int) -> Array:
    """Return at most `wanted` rows of X, evenly many of each class, in an order that reordering X does not change."""
    each = max(1, wanted // n_classes)
    rows = []
    for c in range(n_classes):
        mine = np.flatnonzero(y == c)
        ranked = mine[np.argsort(np.einsum("ij,ij->i", X[mine], X[mine]), kind="stable")]
        rows.append(ranked[np.linspace(0, len(mine) - 1, min(each, len(mine))).astype(int)])
    return np.concatenate(rows)[:wanted]


class FeatureScaling(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    r"""Scale feature vectors: signed power, unit length, principal components, within-class whitening.

    .. math:: x \mapsto
       \Bigl(\tfrac1n S_w + \lambda \tfrac{\operatorname{tr} S_w}{n r} I\Bigr)^{-1/2} V^\top (x - \bar x)

    Parameters
    ----------
    power : float, default 1.0
        Every number keeps its sign and is raised to this power, above 0. 0.5 evens out features that come from a
        rectifier.
    normalize : bool, default True
        Whether vectors are then scaled to unit length. False for features whose length carries meaning.
    n_components : int or None, default None
        Keep this many principal components, at least 1; None keeps all.
    shrinkage : float or None, default None
        Whiten the scatter within classes, with this multiple of its mean variance added to every direction, at
        least 0; small values whiten strongly. None leaves it as it is. Needs `y`.

    Attributes
    ----------
    mean_ : ndarray of shape (d,)
        Mean of the training vectors, after power and normalisation; zero where there is nothing to rotate, as where
        they are all alike.
    map_ : ndarray of shape (d, r)
        What centred vectors are multiplied with; of shape (0, 0) where there is nothing to rotate.

    Raises
    ------
    InputError
        When a parameter is out of range, or `shrinkage` is given without `y`.

    Notes
    -----
    A scikit-learn transformer: use it in a `Pipeline`, or inside :class:`unseen.methods.meta.prepared.Prepared`,
    which scales prototypes too. Whitening costs O(n d^2 + d^3) once. Nothing is ever learned from the vectors that are
    transformed. Where no class has two different examples there is no scatter to whiten by, and the principal
    components stay as they are.

    References
    ----------
    Perronnin, Sanchez and Mensink, "Improving the Fisher Kernel for Large-Scale Image Classification", ECCV 2010.
    Hariharan, Malik and Ramanan, "Discriminative Decorrelation for Clustering and Classification", ECCV 2012.

    Examples
    --------
    >>> from unseen.methods.preprocessing import FeatureScaling
    >>> FeatureScaling(power=0.5).fit_transform([[9.0, 16.0], [0.0, 4.0]]).tolist()
    [[0.6, 0.8], [0.0, 1.0]]
    """

    def __init__(
        self,
        power: float = 1.0,
        *,
        normalize: bool = True,
        n_components: int | None = None,
        shrinkage: float | None = None,
    ) -> None:
        self.power = power
        self.normalize = normalize
        self.n_components = n_components
        self.shrinkage = shrinkage

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike | None = None) -> Self:
        """Learn centre, axes and scatter from vectors X (n, d) and, for whitening, their classes y (n,)."""
        vectors = validate_data(self, X, dtype=[np.float64, np.float32])
        if y is None:
            if self.shrinkage is not None:
                # scikit-learn's checks ask for these words.
                remedy = "Whitening requires y to be passed, but the target y is None: pass classes, or shrinkage=None"
                raise InputError(message("FeatureScaling", "y", "given when shrinkage is", None, remedy))
            return self._learn(vectors, None, 1)
        check_consistent_length(vectors, y)
        if self.shrinkage is None:
            return self._learn(vectors, None, 1)
        labels, positions = np.unique(column_or_1d(y), return_inverse=True)
        return self._learn(vectors, positions, len(labels))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        tags.target_tags.required = self.shrinkage is not None
        return tags

    def _learn(self, X: Array, y: Array | None, n_classes: int) -> Self:
        check_number("FeatureScaling", "power", self.power, low=0, low_open=True)
        check_switch("FeatureScaling", "normalize", self.normalize)
        floor, limit = 0.0, len(X)
        if self.n_components is not None:
            limit = int(check_number("FeatureScaling", "n_components", self.n_components, low=1, integer=True))
        if self.shrinkage is not None:
            floor = check_number("FeatureScaling", "shrinkage", self.shrinkage, low=0)
        self.n_features_in_ = X.shape[1]
        y = np.zeros(len(X), np.intp) if y is None else y
        self.mean_, self.map_ = np.zeros(X.shape[1]), np.zeros((0, 0))
        if self.n_components is None and self.shrinkage is None:
            return self
        samples = Samples(self._simple(X), y, n_classes)
        kept = min(limit, len(samples.values))
        if not kept:
            return self
        self.mean_, self.map_ = samples.mean, samples.axes[:, :kept]
        if self.shrinkage is None:
            return self
        within = samples.within[:kept, :kept] / samples.n
        if np.trace(within) > _NO_SCATTER * samples.values[:kept].sum() / samples.n:
            values, turn = linalg.eigh(within)
            values = np.maximum(values, 0) + floor * np.trace(within) / kept
            # Without shrinkage a direction without scatter would be stretched without bounds.
            values = np.maximum(values, 1e-9 * values.max())
            self.map_ = (self.map_ @ turn) / np.sqrt(values)
        return self

    def transform(self, X: npt.ArrayLike) -> Array:
        """Return the scaled vectors (n, r), in the precision of X."""
        check_is_fitted(self)
        return self._apply(validate_data(self, X, dtype=[np.float64, np.float32], reset=False))

    def _simple(self, X: Array) -> Array:
        X = _powered(X, float(self.power))  # a numpy number would widen single precision
        return _unit(X) if self.normalize else X

    def _apply(self, X: Array) -> Array:
        if not self.map_.size:
            return self._simple(X)
        out = np.empty((len(X), self.map_.shape[1]), X.dtype)
        for start in range(0, len(X), _ROWS):
            rows = slice(start, start + _ROWS)
            out[rows] = (self._simple(X[rows]).astype(np.float64) - self.mean_) @ self.map_
        return out


class PrototypeScaling(BaseEstimator):  # type: ignore[misc]
    """Scale prototypes: signed power, centring or standardising by the seen classes, unit length.

    Parameters
    ----------
    power : float, default 1.0
        Every number keeps its sign and is raised to this power, above 0. 0.5 suits attributes given as percentages.
    center : {"none", "center", "standardize"}, default "none"
        Subtract the mean of the seen classes; "standardize" divides by their standard deviation too.
    normalize : bool, default True
        Whether prototypes are then scaled to unit length.

    Attributes
    ----------
    mean_ : ndarray of shape (k,)
        What is subtracted.
    spread_ : ndarray of shape (k,)
        What is divided by.

    Raises
    ------
    InputError
        When a parameter is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from unseen.methods.preprocessing import PrototypeScaling
    >>> scaling = PrototypeScaling(center="center", normalize=False).fit(np.array([[0.0, 1.0], [2.0, 1.0]]))
    >>> scaling.transform(np.array([[5.0, 5.0]])).tolist()
    [[4.0, 4.0]]
    """

    def __init__(self, power: float = 1.0, *, center: str = "none", normalize: bool = True) -> None:
        self.power = power
        self.center = center
        self.normalize = normalize

    def fit(self, S: Array) -> Self:
        """Learn centre and spread from the seen classes' prototypes S (C_seen, k)."""
        check_number("PrototypeScaling", "power", self.power, low=0, low_open=True)
        check_switch("PrototypeScaling", "normalize", self.normalize)
        check_choice("PrototypeScaling", "center", self.center, CENTRES)
        powered = _powered(np.asarray(S, dtype=np.float64), self.power)
        zeros, ones = np.zeros(powered.shape[1]), np.ones(powered.shape[1])
        self.mean_ = zeros if self.center == "none" else powered.mean(axis=0)
        self.spread_ = ones
        if self.center == "standardize":
            # An attribute that hardly varies among the seen classes must not drown the others elsewhere.
            spread = powered.std(axis=0)
            self.spread_ = np.maximum(spread, 0.1 * spread.mean() or 1.0)
        return self

    def transform(self, P: Array) -> Array:
        """Return the scaled prototypes (C, k)."""
        check_is_fitted(self)
        scaled = (_powered(np.asarray(P, dtype=np.float64), self.power) - self.mean_) / self.spread_
        return _unit(scaled) if self.normalize else scaled
