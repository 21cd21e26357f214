"""Projection error: how far classes that were not learned from lie from where a method expects them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_array, check_consistent_length, column_or_1d

from unseen.diagnosis.finding import Finding, Severity
from unseen.errors import InputError
from unseen.methods.folds import front_of, make_folds
from unseen.methods.linalg import class_means
from unseen.methods.selection import ClassWiseSplit
from unseen.validation import check_number, check_seed, message, verbatim

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt
    from matplotlib.axes import Axes

    from unseen.prototypes import Prototypes

__all__ = ["ProjectionError", "measure_projection_error", "projection_error"]

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class ProjectionError:
    """How far predicted class means are from actual ones, as a share of how far classes are apart.

    Attributes
    ----------
    classes : ndarray of shape (C,)
        Each class's error: 0 is exact; 1 is as far as classes are from their common mean on average, which predicting
        that mean for all would reach as well.
    seen, unseen : float
        Means over the classes that were learned from, and over the others; NaN where there are none.
    """

    classes: npt.NDArray[np.float64]
    seen: float
    unseen: float

    @property
    def ratio(self) -> float:
        """How many times larger the error is for classes that were not learned from; infinite where theirs is 0."""
        return self.unseen / self.seen if self.seen > 0 else float("inf")


def projection_error(predicted: npt.ArrayLike, actual: npt.ArrayLike, seen: npt.ArrayLike) -> ProjectionError:
    r"""Compare predicted and actual class means, or projected class means and prototypes.

    .. math:: e_c = \frac{\lVert \hat m_c - m_c\rVert^2}{\operatorname{mean}_{c'} \lVert m_{c'} - \bar m\rVert^2}

    Parameters
    ----------
    predicted, actual : array-like of shape (C, k)
        Where a method expects each class, and where its samples are on average, in one space.
    seen : array-like of bool of shape (C,)
        Which classes were learned from.

    Returns
    -------
    ProjectionError
        Unit-free: scaling or moving the space changes nothing.

    Raises
    ------
    InputError
        When shapes disagree, or actual means are all alike.

    Examples
    --------
    >>> error = projection_error([[0.0], [2.0], [2.0]], [[0.0], [2.0], [4.0]], [True, True, False])
    >>> error.seen, error.unseen
    (0.0, 1.5)
    """
    owner = "projection_error"
    expected = check_array(predicted, dtype=np.float64, estimator=owner)
    means = check_array(actual, dtype=np.float64, estimator=owner)
    mask = np.asarray(seen, dtype=bool)
    if expected.shape != means.shape or mask.shape != (len(means),):
        found = verbatim(f"{expected.shape}, {means.shape} and {mask.shape}")
        wanted = "of shapes (C, k), (C, k) and (C,)"
        raise InputError(message(owner, "predicted, actual and seen", wanted, found, "Pass one row per class"))
    apart = float(np.square(means - means.mean(axis=0)).sum(axis=1).mean())
    if not apart:
        found = verbatim("equal ones")
        raise InputError(message(owner, "actual", "means of which two differ at least", found, "Pass other classes"))
    errors = np.square(expected - means).sum(axis=1) / apart
    sides = [float(errors[side].mean()) if side.any() else float("nan") for side in (mask, ~mask)]
    return ProjectionError(errors, sides[0], sides[1])


def measure_projection_error(
    method: Any,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    prototypes: Prototypes,
    split: Iterable[tuple[npt.ArrayLike, npt.ArrayLike]] | None = None,
    seen_share: float = 0.2,
    random_state: Any = 0,
) -> Finding:
    r"""Measure how much less a method's own class stands out for classes that it was fitted without.

    .. math:: z(x) = \frac{f_{y}(x) - \operatorname{mean}_{c \ne y} f_c(x)}{\operatorname{std}_{c \ne y} f_c(x)}

    A score says how near a sample lies to where the method expects a class. This compares the score of a sample's own
    class with those of the others, so it works with every method and knows no unit.

    Parameters
    ----------
    method : Method or Pipeline
        Cloned, never fitted itself.
    X, y : array-like of shapes (n, d) and (n,)
        Training vectors and class names; of each fold at least three classes.
    prototypes : Prototypes
        Of at least the classes in `y`; others are not looked at.
    split : iterable of pairs of positions or None, default None
        Training and held-out samples, of disjoint classes. None for ``ClassWiseSplit(3)``.
    seen_share : float, default 0.2
        Share of each remaining class kept out of the fit, in (0, 1), which the held-out classes are compared with.
    random_state : int, RandomState or None, default 0
        Which samples are kept.

    Returns
    -------
    Finding
        ``figures``: ``seen`` and ``unseen``, the mean z of new samples of fitted and of held-out classes, classes
        counting alike; ``ratio``, the second over the first, at most 1 in practice: 1 where being new makes no
        difference, 0 where a new class's own score is no higher than the others'. ``rows``: held-out classes, worst
        first. ``severity`` by the ratio: "none" from 0.8 on, "strong" below 0.5.

    Raises
    ------
    InputError
        When shapes disagree, or a fold lacks classes or samples of either kind.

    Notes
    -----
    Costs a fit per fold. Transductive methods and those that compare rivals are scored on both kinds together. Where
    a method gives class means or projections as arrays, :func:`projection_error` compares those directly.

    References
    ----------
    Fu, Hospedales, Xiang and Gong, "Transductive Multi-View Zero-Shot Learning", TPAMI 2015: projection domain shift.

    Examples
    --------
    >>> from unseen import Prototypes
    >>> from unseen.methods.projection.ridge import Ridge
    >>> rng = np.random.default_rng(0)
    >>> p = Prototypes([f"class {i:02d}" for i in range(18)], rng.normal(size=(18, 4)))
    >>> y = np.repeat(p.names, 6)
    >>> X = np.repeat(p.vectors @ rng.normal(size=(4, 8)), 6, axis=0) + 0.1 * rng.normal(size=(108, 8))
    >>> measure_projection_error(Ridge(0.01), X, y, prototypes=p).severity  # the map is the same for all classes
    'none'
    """
    owner = "measure_projection_error"
    share = check_number(owner, "seen_share", seen_share, low=0, high=1, low_open=True, high_open=True)
    front_of(method, owner)
    vectors = check_array(X, dtype=[np.float64, np.float32], estimator=owner)
    labels = column_or_1d(y)
    check_consistent_length(vectors, labels)
    random = check_seed(owner, random_state)
    pairs = ClassWiseSplit().split(vectors, labels) if split is None else split
    unseen: dict[str, float] = {}
    seen: list[float] = []
    for fold in make_folds(vectors, labels, prototypes, pairs, share, random):
        if fold.prototypes.n_classes < 3 or not len(fold.X_seen):
            found = verbatim(f"{fold.prototypes.n_classes} classes and {len(fold.X_seen)} kept samples")
            remedy = "Pass more classes, or more samples of each"
            raise InputError(message(owner, "y", "of three classes, with samples to keep", found, remedy))
        names = fold.prototypes.names
        front = front_of(clone(method), owner)
        front.fit(fold.samples.X, fold.labels[fold.samples.y], fold.prototypes.subset(names[: fold.n_seen]))
        columns = np.concatenate([fold.y_unseen, fold.y_seen])
        scores = front.score(np.concatenate([fold.X_unseen, fold.X_seen]), fold.prototypes)
        means = class_means(_standing_out(scores, columns)[:, None], columns, len(names))[:, 0]
        seen += means[np.unique(fold.y_seen)].tolist()
        unseen.update({names[c]: float(means[c]) for c in np.unique(fold.y_unseen)})
    figures = {"seen": float(np.mean(seen)), "unseen": float(np.mean(list(unseen.values())))}
    figures["ratio"] = figures["unseen"] / figures["seen"] if figures["seen"] > 0 else 0.0
    severity: Severity = "none" if figures["ratio"] >= 0.8 else "mild" if figures["ratio"] >= 0.5 else "strong"
    rows = [{"class": name, "stands_out": round(z, 4)} for name, z in sorted(unseen.items(), key=lambda item: item[1])]
    verdict = (
        f"The true class stands {figures['seen']:.2g} standard deviations above the others for classes that were "
        f"learned from, and {figures['unseen']:.2g} for new ones."
    )
    if severity != "none":
        verdict += " Prototypes are not where the new classes' photos are: transductive refinement may move them there."

    def draw(axes: Axes) -> None:
        edges = list(np.histogram_bin_edges([*seen, *unseen.values()], bins=20))
        axes.hist(seen, bins=edges, density=True, color="0.75", label="classes learned from")
        style: dict[str, Any] = {"histtype": "step", "color": "black", "hatch": "///", "label": "held-out classes"}
        axes.hist(list(unseen.values()), bins=edges, density=True, **style)
        axes.set_xlabel("how far the true class stands out,\nin standard deviations")
        axes.set_ylabel("density of classes")
        axes.set_title("Old and new classes")
        axes.legend()

    return Finding("domain_shift", "Projection error", severity, verdict, figures, rows, draw)


def _standing_out(scores: Array, columns: Array) -> Array:
    """Return z (n,) of each sample's own class among the others."""
    rows = np.arange(len(scores))
    own = scores[rows, columns]
    others = np.ma.array(scores)
    others[rows, columns] = np.ma.masked
    deviation = np.asarray(others.std(axis=1).filled(0.0))
    lead = own - np.asarray(others.mean(axis=1).filled(0.0))
    # Where all other classes score alike there is no unit; standing out at all then counts as one.
    still = deviation <= 1e-12 * np.abs(scores).max(initial=1e-300)
    z: Array = np.where(still, np.sign(lead), lead / np.where(still, 1.0, deviation))
    return z
