"""Reach: whether a single vector is of a kind that the recogniser can say anything about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, validate_data

from unseen.errors import InputError, ModelError
from unseen.methods.linalg import unit_rows
from unseen.methods.samples import Samples
from unseen.tensor_files import read_tensors, write_tensors
from unseen.validation import check_choice, check_number, check_seed, check_switch, message, verbatim

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

__all__ = ["Reach"]

Array = np.ndarray[Any, Any]

_MEASURES = ("mahalanobis", "nearest")
_FORMAT, _VERSION = "unseen-reach", 1
_FOLDS = 5
_ROWS = 4096
# Arrays of a fit, with their number of dimensions.
_FITTED = {"held_out_": 1, "bank_": 2, "mean_": 1, "axes_": 2, "variances_": 1, "floor_": 0}


class Reach(BaseEstimator):  # type: ignore[misc]
    r"""Say of single vectors how far they are from reference vectors, as a percentile among those.

    .. math:: d(x) = (x - \mu)^\top \hat\Sigma^{-1} (x - \mu) \quad\text{or}\quad
       d(x) = \tfrac1k \sum_{r \in N_k(x)} \lVert x - r\rVert, \qquad
       \text{percentile}(x) = \frac{|\{i : d_i < d(x)\}|}{m + 1}

    with the distances :math:`d_i` of m reference vectors, each measured without it having been in the reference.

    Parameters
    ----------
    measure : {"mahalanobis", "nearest"}, default "mahalanobis"
        Distance from the centre of the reference, in units of its spread in that direction; or mean distance to the
        nearest reference vectors, for references that fall into separate groups.
    n_neighbors : int, default 5
        k, for "nearest", at least 1 and below the number of reference vectors.
    normalize : bool, default True
        Whether vectors are scaled to unit length first. False where their length says how unusual they are.
    max_reference : int, default 5000
        At most so many reference vectors are kept, drawn at random, at least 10.
    random_state : int, RandomState or None, default 0
        Which ones, and the folds.

    Attributes
    ----------
    held_out_ : ndarray of shape (m,)
        Distances of the reference vectors, sorted: leaving each out for "nearest", five folds for "mahalanobis".
    bank_ : ndarray of shape (m, d)
        The reference vectors, for "nearest"; (0, d) otherwise.
    mean_ : ndarray of shape (d,)
        Their mean.
    axes_, variances_ : ndarray of shapes (d, r) and (r,)
        Principal axes and shrunk variances, for "mahalanobis".
    floor_ : ndarray of shape ()
        Shrunk variance in all other directions.

    Raises
    ------
    InputError
        When a parameter is out of range, or there are fewer than ten reference vectors.

    Notes
    -----
    Inductive: what is said of a vector depends on no other. Where new vectors are of the same kind as the reference,
    about one in a hundred is out of reach at ``level=0.99``: that is what the level means (conformal prediction).
    The covariance is shrunk as far as Ledoit and Wolf advise. It costs O(m d min(m, d)) once, six times over, and a
    distance O(d r); "nearest" costs O(m d) each.

    Measured with the embedded encoder at level 0.99 (``benchmarks/reach.py``), as the share that is out of reach:

    ==================================== ============== ==============
    reference, and what was held to it    as it is       not normalised
    ==================================== ============== ==============
    500 photos of ImageNet classes
    1,000 photos, 50 Caltech-101 classes  1 %            1 %
    400 close-up photos of birds          0 %            0 %
    50 pictures of noise                  100 %          94 %
    50 blurred coloured clouds            0 %            98 %
    50 pages of text                      0 %            0 %
    50 bar charts                         0 %            2 %
    50 plain colours                      4 %            0 %
    400 close-up photos of birds
    the 1,000 photos of Caltech-101       100 %          82 %
    the 500 photos of ImageNet classes    98 %           71 %
    noise, clouds, text, charts, colours  100 %          100 %
    ==================================== ============== ==============

    A narrow reference tells more than a wide one: ImageNet has photos of menus, websites and screens.

    References
    ----------
    Lee, Lee, Lee and Shin, "A Simple Unified Framework for Detecting Out-of-Distribution Samples and Adversarial
    Attacks", NeurIPS 2018: Mahalanobis distance of features.
    Sun, Ming, Zhu and Li, "Out-of-Distribution Detection with Deep Nearest Neighbors", ICML 2022.
    Ledoit and Wolf, "A Well-Conditioned Estimator for Large-Dimensional Covariance Matrices", Journal of Multivariate
    Analysis 2004.
    Bates, Candès, Lei, Romano and Sesia, "Testing for Outliers with Conformal p-Values", Annals of Statistics 2023.

    Examples
    --------
    >>> import numpy as np
    >>> reach = Reach(normalize=False).fit(np.random.default_rng(0).normal(size=(200, 3)))
    >>> reach.within([[0.1, 0.0, -0.2], [9.0, 9.0, 9.0]]).tolist()
    [True, False]
    """

    def __init__(
        self,
        measure: str = "mahalanobis",
        *,
        n_neighbors: int = 5,
        normalize: bool = True,
        max_reference: int = 5000,
        random_state: Any = 0,
    ) -> None:
        self.measure = measure
        self.n_neighbors = n_neighbors
        self.normalize = normalize
        self.max_reference = max_reference
        self.random_state = random_state

    def fit(self, X: npt.ArrayLike, y: Any = None) -> Self:
        """Learn from reference vectors X (m, d), such as the training vectors; `y` is not looked at."""
        check_choice("Reach", "measure", self.measure, _MEASURES)
        check_switch("Reach", "normalize", self.normalize)
        limit = int(check_number("Reach", "max_reference", self.max_reference, low=10, integer=True))
        random = check_seed("Reach", self.random_state)
        vectors = validate_data(self, X, dtype=np.float64, ensure_min_samples=2)
        if len(vectors) < 10:
            found = verbatim(f"{len(vectors)}")
            raise InputError(message("Reach", "X", "at least 10 reference vectors", found, "Pass more"))
        order = random.permutation(len(vectors))[:limit]
        vectors = self._ready(vectors[order])
        most = len(vectors) - 1
        k = int(check_number("Reach", "n_neighbors", self.n_neighbors, low=1, high=most, integer=True))
        self.bank_ = vectors if self.measure == "nearest" else vectors[:0]
        self._learn(vectors)
        if self.measure == "nearest":
            # Every vector finds itself first, so one more is asked for; of copies, any one is itself.
            distances = self._nearest(vectors, k + 1)[:, 1:].mean(axis=1)
        else:
            distances = np.empty(len(vectors))
            for fold in np.array_split(np.arange(len(vectors)), _FOLDS):
                part = type(self)()._learn(np.delete(vectors, fold, axis=0))
                distances[fold] = part._squared(vectors[fold])
        self.held_out_ = np.sort(distances)
        return self

    def distances(self, X: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return how far vectors X (n, d) are from the reference, (n,); comparable within one fit."""
        check_is_fitted(self)
        vectors = self._ready(validate_data(self, X, dtype=np.float64, reset=False))
        if self.measure == "nearest":
            return np.asarray(self._nearest(vectors, int(self.n_neighbors)).mean(axis=1))
        return self._squared(vectors)

    def percentile(self, X: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return the share of reference vectors that are nearer than each vector of X (n, d), in [0, 1).

        Equal distances count as not nearer. The largest is m / (m + 1).
        """
        found = self.distances(X)
        return np.asarray(np.searchsorted(self.held_out_, found, side="left") / (len(self.held_out_) + 1))

    def within(self, X: npt.ArrayLike, *, level: float = 0.99) -> npt.NDArray[np.bool_]:
        """Return whether each vector of X (n, d) is within reach: nearer than the farthest of the reference.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Vectors, from the encoder of the reference.
        level : float, default 0.99
            Share of vectors of the reference's kind that are to be within reach, in (0, 1). To rule anything out at
            0.99 takes 99 reference vectors.

        Raises
        ------
        InputError
            When the reference is too small for the level.
        """
        check_is_fitted(self)
        wanted = check_number("Reach", "level", level, low=0, high=1, low_open=True)
        size = len(self.held_out_)
        if wanted > size / (size + 1):
            expected = f"at most {size / (size + 1):.4g} with {size} reference vectors"
            raise InputError(message("Reach", "level", expected, level, "Lower it, or fit to more vectors"))
        return np.asarray(self.percentile(X) < wanted - 1e-12)

    def abstain(self, answers: Sequence[Any], X: npt.ArrayLike, *, level: float = 0.99) -> list[Any]:
        """Return the answers, None in place of each one whose vector is out of reach.

        Parameters
        ----------
        answers : sequence of length n
            One per vector, such as what `predict` returned.
        X : array-like of shape (n, d)
            The vectors.
        level : float, default 0.99
            As for `within`.
        """
        inside = self.within(X, level=level)
        if len(answers) != len(inside):
            expected = f"one per vector, {len(inside)}"
            raise InputError(
                message("Reach", "answers", expected, verbatim(str(len(answers))), "Pass them in one order")
            )
        return [answer if ok else None for answer, ok in zip(answers, inside.tolist(), strict=True)]

    # -- keeping -----------------------------------------------------------------------------------------

    def save(self, path: str | Path) -> None:
        """Write the fitted reach into one safetensors file.

        Raises
        ------
        ModelError
            When `random_state` is an object: a file holds numbers only.
        """
        check_is_fitted(self)
        params = self.get_params()
        if not isinstance(params["random_state"], int | None):
            raise ModelError("Reach: random_state must be a whole number or None to be saved. Set another first.")
        card = {"format": _FORMAT, "version": _VERSION, "params": params}
        tensors = {name: np.array(getattr(self, name), order="C") for name in _FITTED}
        write_tensors(path, tensors, card)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a reach that `save` wrote.

        Raises
        ------
        ModelError
            When the file is missing, damaged, or of another format.
        """
        try:
            card, tensors = read_tensors(path, kind=_FORMAT, version=_VERSION)
            reach = cls(**card["params"])
            reach._restore({name: tensors[name] for name in _FITTED})
        except FileNotFoundError:
            raise ModelError(f"Reach: {path} must exist; it is missing. Save it again.") from None
        except (OSError, KeyError, TypeError, ValueError, RecursionError) as error:
            raise ModelError(f"Reach: {path} is no reach that unseen saved: {error}. Save it again.") from None
        return reach

    def _restore(self, tensors: dict[str, Array]) -> None:
        check_choice("Reach", "measure", self.measure, _MEASURES)
        check_switch("Reach", "normalize", self.normalize)
        d, n = len(np.atleast_1d(tensors["mean_"])), len(np.atleast_1d(tensors["held_out_"]))
        for name, tensor in tensors.items():
            if tensor.ndim != _FITTED[name] or tensor.dtype != np.float64 or not np.isfinite(tensor).all():
                raise ValueError(f"{name} of shape {tensor.shape} and type {tensor.dtype}")
        bank, axes, variances = tensors["bank_"], tensors["axes_"], tensors["variances_"]
        sound = bank.shape == (n if self.measure == "nearest" else 0, d) and axes.shape == (d, len(variances))
        if (
            not sound
            or n < 10
            or (np.diff(tensors["held_out_"]) < 0).any()
            or min(variances.min(initial=1), tensors["floor_"]) <= 0
        ):
            raise ValueError("arrays that do not fit together")
        check_number("Reach", "n_neighbors", self.n_neighbors, low=1, high=n - 1, integer=True)
        self.n_features_in_ = d
        for name, tensor in tensors.items():
            setattr(self, name, tensor)

    # -- distances ---------------------------------------------------------------------------------------

    def _ready(self, X: Array) -> Array:
        return unit_rows(X) if self.normalize else X

    def _learn(self, vectors: Array) -> Self:
        """Learn centre and shrunk covariance, as principal axes and one variance for all other directions."""
        self.mean_ = vectors.mean(axis=0)
        self.axes_, self.variances_, self.floor_ = np.zeros((vectors.shape[1], 0)), np.zeros(0), np.array(1.0)
        if self.measure != "mahalanobis":
            return self
        from sklearn.covariance import ledoit_wolf_shrinkage

        samples = Samples(vectors, np.zeros(len(vectors), dtype=np.intp), 1)
        if not len(samples.values):  # all alike: any other vector is out of reach
            return self
        variances = samples.values / samples.n
        mean_variance = variances.sum() / samples.d
        # In units of their spread: the formula squares squares.
        share = float(ledoit_wolf_shrinkage((vectors - self.mean_) / np.sqrt(mean_variance), assume_centered=True))
        # Some shrinkage is left where none is advised: a direction without variance must not count without bounds.
        share = min(max(share, 1e-6), 1.0)
        self.axes_, self.variances_ = samples.axes, (1 - share) * variances + share * mean_variance
        self.floor_ = np.array(share * mean_variance)
        return self

    def _squared(self, X: Array) -> Array:
        found = np.empty(len(X))
        for start in range(0, len(X), _ROWS):
            centred = X[start : start + _ROWS] - self.mean_
            along = np.square(centred @ self.axes_)
            rest = np.maximum(np.square(centred).sum(axis=1) - along.sum(axis=1), 0)
            found[start : start + _ROWS] = along @ (1 / self.variances_) + rest / self.floor_
        return found

    def _nearest(self, X: Array, k: int) -> Array:
        """Return the distances (n, k) to the nearest reference vectors, ascending."""
        from sklearn.neighbors import NearestNeighbors

        distances: Array = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(self.bank_).kneighbors(X)[0]
        return distances
