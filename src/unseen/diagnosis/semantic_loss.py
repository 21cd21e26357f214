"""Semantic loss: how much of what tells classes apart gets lost on the way from vectors to prototypes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import linalg
from scipy.spatial.distance import pdist
from sklearn.utils import check_array, check_consistent_length, column_or_1d

from unseen.diagnosis.finding import Finding, Severity
from unseen.errors import InputError
from unseen.methods.attribute_weights import held_out_parts
from unseen.methods.samples import Samples
from unseen.prototypes import Prototypes
from unseen.validation import check_number, message, verbatim

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    from matplotlib.axes import Axes

__all__ = [
    "SemanticLoss",
    "effective_rank",
    "measure_semantic_loss",
    "retained_information",
]

Array = np.ndarray[Any, Any]

_FEWEST = 4
_MOST_CANDIDATES = 3000
_DRAWN = 12
# A pair is hidden when what is retained of its difference is among this share of the smallest, and the whole is not
# among that.
_CLOSE, _FAR = 0.1, 0.25


@dataclass(frozen=True)
class SemanticLoss:
    """What held-out classes' vectors tell of their prototypes, and the other way round.

    Attributes
    ----------
    actual, predicted : ndarray of shape (C, k)
        Prototypes of the classes, and what is predicted from their mean vectors without having learned from them,
        both less the mean prototype of the classes that were learned from.
    retained : ndarray of shape (k,)
        Share of each attribute's variation that is predicted, R², at most 1; below 0 it is worse than the mean; 0 for
        an attribute that does not vary.
    decoded : float
        Share of the variation of the classes' mean vectors that comes back after they were turned into prototypes and
        those into vectors (R²), by maps that have not seen the class.
    from_prototypes : float
        The same with the true prototypes: what the prototypes could tell at best.
    """

    actual: Array
    predicted: Array
    retained: Array
    decoded: float
    from_prototypes: float


def effective_rank(A: npt.ArrayLike) -> float:
    r"""Return how many directions the rows of A use, from 1 to their rank; 0 where they are all alike.

    .. math:: \operatorname{erank}(A) = \exp\Bigl(-\sum_i p_i \log p_i\Bigr), \qquad p_i = \sigma_i / \sum_j \sigma_j

    with the singular values of the rows less their mean.

    References
    ----------
    Roy and Vetterli, "The Effective Rank: A Measure of Effective Dimensionality", EUSIPCO 2007.

    Examples
    --------
    >>> round(effective_rank([[1, 0], [-1, 0], [0, 1], [0, -1]]), 6), round(effective_rank([[1, 1], [2, 2]]), 6)
    (2.0, 1.0)
    """
    from scipy.special import entr

    rows = check_array(A, dtype=np.float64, estimator="effective_rank")
    centred = rows - rows.mean(axis=0)
    values = linalg.svdvals(centred)
    # What rounding leaves of a constant is no direction.
    if values[0] <= 1e-12 * max(np.abs(rows).max(), 1e-300):
        return 0.0
    return float(np.exp(entr(values / values.sum()).sum()))


def retained_information(
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    prototypes: Prototypes,
    alpha: float = 1.0,
    n_splits: int = 4,
    random_state: Any = 0,
) -> SemanticLoss:
    """Predict classes' prototypes from their vectors and back, each by maps that have not seen the class.

    Parameters
    ----------
    X : array-like of shape (n, d)
        Vectors of seen classes, finite.
    y : array-like of str of shape (n,)
        Their names, of at least four classes.
    prototypes : Prototypes
        Of at least those classes; others are not looked at.
    alpha : float, default 1.0
        Strength of both regressions' penalties, at least 0.
    n_splits : int, default 4
        Groups that the classes are divided into, at least 2; each is predicted from the others.
    random_state : int, RandomState or None, default 0
        The groups.

    Returns
    -------
    SemanticLoss

    Raises
    ------
    InputError
        When shapes disagree, or there are too few classes.

    Notes
    -----
    Forwards by :class:`~unseen.methods.projection.ridge.Ridge`, backwards by
    :class:`~unseen.methods.projection.reverse_ridge.ReverseRidge`; every class counts once. `n_splits` eigen-
    decompositions.

    References
    ----------
    Kodirov, Xiang and Gong, "Semantic Autoencoder for Zero-Shot Learning", CVPR 2017: reconstruction as a measure of
    what a projection keeps.
    """
    from unseen.methods.projection.reverse_ridge import ReverseRidge
    from unseen.methods.projection.ridge import Ridge

    owner = "retained_information"
    strength = check_number(owner, "alpha", alpha, low=0)
    splits = int(check_number(owner, "n_splits", n_splits, low=2, integer=True))
    samples, seen = _seen(owner, X, y, prototypes, max(_FEWEST, splits))
    S, M = seen.vectors.astype(np.float64), samples.means
    actual, predicted = np.zeros(S.shape), np.zeros(S.shape)
    left = np.zeros((2, *M.shape))
    total = 0.0
    for part, known, held in held_out_parts(samples, splits, random_state):
        forwards, backwards = Ridge(strength), ReverseRidge(strength)
        forwards._fit_samples(part, S[known])
        backwards._fit_samples(part, S[known])
        encoded = (M[held] - forwards.feature_mean_) @ forwards.coef_ + forwards.semantic_mean_
        mean = S[known].mean(axis=0)
        actual[held], predicted[held] = S[held] - mean, encoded - mean
        for kind, source in enumerate((encoded, S[held])):
            decoded = (source - backwards.semantic_mean_) @ backwards.coef_ + backwards.feature_mean_
            left[kind, held] = M[held] - decoded
        total += float(np.square(M[held] - M[known].mean(axis=0)).sum())
    shares = 1 - np.square(left).sum(axis=(1, 2)) / (total or 1.0)
    return SemanticLoss(actual, predicted, _explained(actual, predicted), float(shares[0]), float(shares[1]))


def measure_semantic_loss(
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    prototypes: Prototypes,
    names: Sequence[str] | None = None,
    candidates: Prototypes | None = None,
    alpha: float = 1.0,
    n_splits: int = 4,
    n_pairs: int = 10,
    random_state: Any = 0,
) -> Finding:
    """Measure how much of what tells classes apart does not survive the way from vectors to prototypes.

    Parameters
    ----------
    X, y, prototypes, alpha, n_splits, random_state
        As for :func:`retained_information`.
    names : sequence of str of length k or None, default None
        What the prototypes' dimensions are called; None numbers them.
    candidates : Prototypes or None, default None
        Classes among which confusable pairs are looked for, at most 3,000. None takes those of `prototypes` that `y`
        has none of, or all where that leaves fewer than two.
    n_pairs : int, default 10
        How many pairs to name, at least 0.

    Returns
    -------
    Finding
        ``figures``: ``retained``, the mean share of an attribute's variation that is predicted on held-out classes
        (R², at least 0); ``lost_attributes``, the share of attributes of which nothing is; ``effective_rank`` of the
        prototypes and ``effective_rank_predicted``; ``decoded`` and ``from_prototypes`` as in `SemanticLoss`;
        ``hidden_pairs``, how many pairs of candidates differ mainly in attributes that are lost: closest tenth of all
        pairs by what is retained, but not among the closest quarter by the prototypes. ``rows``: attributes, worst
        first, with ``retained``; then pairs, closest first by what is retained, with both distances in units of the
        median. ``severity``: "none" from ``retained`` 0.5 on, "strong" below 0.25.

    Raises
    ------
    InputError
        When shapes disagree, or there are too few classes or too many candidates.

    Notes
    -----
    Retained distance: the squared difference of each attribute counts by its R². The ten closest pairs by it are
    those that get mixed up: with ridge regression on held-out classes of CUB100, 36 % of the photos of such a pair
    (sum of both directions) were taken for the other, of all pairs 4 %; on AWA1 31 and 13 %
    (``benchmarks/shift_and_loss.py``).

    References
    ----------
    Kodirov, Xiang and Gong, "Semantic Autoencoder for Zero-Shot Learning", CVPR 2017.
    Roy and Vetterli, "The Effective Rank: A Measure of Effective Dimensionality", EUSIPCO 2007.
    Chen, Zhang, Xiao, Liu and Chang, "Zero-Shot Visual Recognition Using Semantics-Preserving Adversarial Embedding
    Networks", CVPR 2018: semantic loss.

    Examples
    --------
    >>> import numpy as np
    >>> from unseen import Prototypes
    >>> rng = np.random.default_rng(0)
    >>> p = Prototypes([f"class {i:02d}" for i in range(20)], rng.normal(size=(20, 2)))
    >>> X = p.vectors[:, :1] + 0.1 * rng.normal(size=(20, 3))
    >>> finding = measure_semantic_loss(X, p.names, prototypes=p, names=["shows", "does not show"])
    >>> [row["attribute"] for row in finding.rows if "attribute" in row]
    ['does not show', 'shows']
    """
    owner = "measure_semantic_loss"
    wanted = int(check_number(owner, "n_pairs", n_pairs, low=0, integer=True))
    options: dict[str, Any] = {"alpha": alpha, "n_splits": n_splits, "random_state": random_state}
    loss = retained_information(X, y, prototypes=prototypes, **options)
    k = prototypes.n_dimensions
    labels = [f"attribute {j}" for j in range(k)] if names is None else [str(name) for name in names]
    if len(labels) != k:
        found = verbatim(str(len(labels)))
        raise InputError(message(owner, "names", f"{k}, one per attribute", found, "Pass them in the vectors' order"))
    chosen = _candidates(owner, y, prototypes, candidates)
    clipped = np.clip(loss.retained, 0, 1)
    pairs, hidden = _pairs(chosen, clipped, wanted)
    varying = np.square(loss.actual).sum(axis=0) > 0
    retained = float(clipped[varying].mean()) if varying.any() else 0.0
    figures = {
        "retained": retained,
        "lost_attributes": float((clipped[varying] == 0).mean()) if varying.any() else 1.0,
        "effective_rank": effective_rank(loss.actual),
        "effective_rank_predicted": effective_rank(loss.predicted),
        "decoded": loss.decoded,
        "from_prototypes": loss.from_prototypes,
        "hidden_pairs": float(hidden),
    }
    severity: Severity = "none" if retained >= 0.5 else "mild" if retained >= 0.25 else "strong"
    order = [int(j) for j in np.argsort(loss.retained, kind="stable") if varying[j]]
    rows: list[dict[str, Any]] = [
        {"attribute": labels[j], "retained": round(float(loss.retained[j]), 4)} for j in order
    ]

    def draw(axes: Axes) -> None:
        worst = order[:_DRAWN][::-1]
        # Far below 0 it is all the same: the attribute is lost.
        values = [max(float(loss.retained[j]), -1.0) for j in worst]
        axes.barh([labels[j] for j in worst], values, color="0.75", edgecolor="0.2", linewidth=0.6)
        axes.axvline(0, color="black", linewidth=0.8)
        axes.axvline(retained, color="black", linestyle="--", label=f"mean of all, {retained:.2f}")
        axes.set_xlim(min([0.0, *values]) * 1.1, 1)
        axes.set_xlabel("retained: R² on held-out classes")
        axes.set_title("Attributes that show least")
        axes.legend(loc="lower right", frameon=False)

    return Finding(
        "semantic_loss", "Semantic loss", severity, _verdict(figures, labels, order, pairs), figures, rows + pairs, draw
    )


def _seen(owner: str, X: Any, y: Any, prototypes: Any, fewest: int) -> tuple[Samples, Prototypes]:
    vectors = check_array(X, dtype=[np.float64, np.float32], estimator=owner)
    labels = column_or_1d(y)
    check_consistent_length(vectors, labels)
    classes, positions = np.unique(labels, return_inverse=True)
    if not isinstance(prototypes, Prototypes):
        remedy = "Build one with Prototypes(names, vectors)"
        raise InputError(message(owner, "prototypes", "an unseen.Prototypes", prototypes, remedy))
    if len(classes) < fewest:
        found = verbatim(f"{len(classes)} classes")
        raise InputError(message(owner, "y", f"of at least {fewest} classes", found, "Hold out fewer at a time"))
    return Samples(vectors, positions, len(classes)), prototypes.subset([str(name) for name in classes])


def _candidates(owner: str, y: Any, prototypes: Prototypes, candidates: Any) -> Prototypes:
    if candidates is None:
        labelled = {str(name) for name in np.unique(np.asarray(y))}
        others = [name for name in prototypes.names if name not in labelled]
        chosen = prototypes.subset(others) if len(others) > 1 else prototypes
    elif not isinstance(candidates, Prototypes) or candidates.n_dimensions != prototypes.n_dimensions:
        expected = f"an unseen.Prototypes of {prototypes.n_dimensions} dimensions, or None"
        raise InputError(message(owner, "candidates", expected, candidates, "Take them from the same source"))
    else:
        chosen = candidates
    if chosen.n_classes > _MOST_CANDIDATES:
        found = verbatim(str(chosen.n_classes))
        remedy = "Pass the classes in question as candidates"
        raise InputError(message(owner, "candidates", f"at most {_MOST_CANDIDATES} classes", found, remedy))
    return chosen


def _explained(actual: Array, predicted: Array) -> Array:
    total = np.square(actual).sum(axis=0)
    left = np.square(actual - predicted).sum(axis=0)
    shares: Array = np.where(total > 0, 1 - left / np.where(total > 0, total, 1.0), 0.0)
    return shares


def _pairs(candidates: Prototypes, retained: Array, wanted: int) -> tuple[list[dict[str, Any]], int]:
    """Return rows of the pairs that are closest by what is retained, and how many pairs are hidden."""
    vectors = candidates.vectors.astype(np.float64)
    full, kept = pdist(vectors, "sqeuclidean"), pdist(vectors * np.sqrt(retained), "sqeuclidean")
    if not len(full):
        return [], 0
    order = np.argsort(kept, kind="stable")
    # Where nothing is retained at all, no pair is closer than another.
    hidden = (kept <= np.quantile(kept, _CLOSE)) & (full > np.quantile(full, _FAR)) & (kept < np.median(kept))
    first, second = np.triu_indices(candidates.n_classes, 1)
    units = float(np.sqrt(np.median(full))) or 1.0, float(np.sqrt(np.median(kept))) or 1.0
    rows = [
        {
            "first": candidates.names[first[i]],
            "second": candidates.names[second[i]],
            "distance": round(float(np.sqrt(full[i])) / units[0], 4),
            "retained_distance": round(float(np.sqrt(kept[i])) / units[1], 4),
            "hidden": bool(hidden[i]),
        }
        for i in order[:wanted]
    ]
    return rows, int(hidden.sum())


def _verdict(figures: dict[str, float], labels: list[str], order: list[int], pairs: list[dict[str, Any]]) -> str:
    worst = ", ".join(repr(labels[j]) for j in order[:3])
    said = (
        f"Of an attribute's variation {figures['retained']:.0%} can be predicted on held-out classes, of "
        f"{figures['lost_attributes']:.0%} of the attributes nothing; worst: {worst}."
    ).replace("%", " %")
    if pairs:
        said += f" Closest by what is left: {pairs[0]['first']!r} and {pairs[0]['second']!r}."
    return said
