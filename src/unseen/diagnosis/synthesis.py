"""Made-up examples beside real ones: are they where the class is, and as varied as it is?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.spatial.distance import cdist, pdist
from sklearn.base import clone
from sklearn.utils import check_array, check_consistent_length, column_or_1d

from unseen.diagnosis.finding import Finding, Severity
from unseen.diagnosis.projection_error import projection_error
from unseen.diagnosis.two_samples import maximum_mean_discrepancy, median_distance
from unseen.errors import InputError
from unseen.methods.selection import ClassWiseSplit
from unseen.methods.synthesis.synthesizer import Synthesizer
from unseen.validation import check_number, check_seed, message, verbatim

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    from matplotlib.axes import Axes

    from unseen.prototypes import Prototypes

__all__ = ["measure_synthesis"]

Array = np.ndarray[Any, Any]

# Neighbours that a real vector's surroundings reach to, as in the paper on coverage.
_NEIGHBOURS = 5
# Classes of the picture, and made-up vectors of each: more cannot be told apart.
_DRAWN, _DOTS = 6, 15


def measure_synthesis(
    method: Synthesizer,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    prototypes: Prototypes,
    split: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
    max_per_class: int = 100,
    random_state: Any = 0,
) -> Finding:
    r"""Hold classes out, make up vectors of them, and compare those with the real ones.

    Parameters
    ----------
    method : Synthesizer
        Makes up vectors: a neural generator, or GaussianSynthesis. Cloned, never fitted itself.
    X, y : array-like of shapes (n, d) and (n,)
        Training vectors and class names.
    prototypes : Prototypes
        Of at least the classes in `y`; others are not looked at.
    split : pair of positions or None, default None
        Training and held-out samples, of disjoint classes. None for the first fold of ``ClassWiseSplit(3)``.
    max_per_class : int, default 100
        At most so many real vectors of a held-out class are drawn, at least 4; as many are made up.
    random_state : int, RandomState or None, default 0
        Which vectors are drawn.

    Returns
    -------
    Finding
        With M the made-up and R the real vectors of a held-out class, means over classes in ``figures``, each class in
        ``rows``, worst mean distance first:

        - ``mean_distance``: squared distance of the means of M and R over that of classes from their common mean.
          0 is exact; 1 is no better than that common mean.
        - ``spread``: variance within M over that within R. Far below 1, the generator has collapsed onto few vectors.
        - ``spread_between``: variance of the means of M over that of R, one figure for all classes. Near 0, the
          generator makes up the same whatever it reads.
        - ``mmd``: maximum mean discrepancy of M and R over that of R and real vectors of other held-out classes: 0
          where they cannot be told apart, 1 where another class would do as well.
        - ``coverage``: share of R with a vector of M nearer than their fifth neighbour in R: 1 where every corner of
          the class is met. Two samples of R reach 1 - 2^-5 = 0.97 when they are large.
        - ``nearest_own``: share of M whose nearest real vector is of their class; ``real_nearest_own`` is the same of
          R, the best that could be expected.

        ``severity``: "strong" when ``mean_distance`` is 1 or more, or ``spread`` or ``spread_between`` below 0.02;
        else "mild" when ``mean_distance`` is 0.5 or more, or a spread below 0.2 or above 5.

    Raises
    ------
    InputError
        When the method makes up nothing, shapes disagree, or there are fewer than three held-out classes of at least
        four vectors.

    Notes
    -----
    Costs one fit. Everything is measured in the space in which the method makes up vectors.

    References
    ----------
    Naeem, Oh, Uh, Choi and Yoo, "Reliable Fidelity and Diversity Metrics for Generative Models", ICML 2020: coverage.
    Gretton, Borgwardt, Rasch, Schölkopf and Smola, "A Kernel Two-Sample Test", JMLR 2012: MMD.

    Examples
    --------
    >>> from unseen import Prototypes
    >>> from unseen.methods.synthesis.gaussian_synthesis import GaussianSynthesis
    >>> rng = np.random.default_rng(0)
    >>> p = Prototypes([f"class {i:02d}" for i in range(18)], rng.normal(size=(18, 4)))
    >>> y = np.repeat(p.names, 20)
    >>> X = np.repeat(p.vectors, 20, axis=0) @ rng.normal(size=(4, 8)) + 0.3 * rng.normal(size=(360, 8))
    >>> method = GaussianSynthesis(0.01, kernel="linear", shrinkage=0.01, random_state=0)
    >>> measure_synthesis(method, X, y, prototypes=p).severity
    'none'
    """
    owner = "measure_synthesis"
    if not isinstance(method, Synthesizer):
        found = verbatim(type(method).__name__)
        remedy = "Pass a neural generator or GaussianSynthesis"
        raise InputError(message(owner, "method", "one that makes up vectors", found, remedy))
    limit = int(check_number(owner, "max_per_class", max_per_class, low=4, integer=True))
    vectors = check_array(X, dtype=[np.float64, np.float32], estimator=owner)
    labels = column_or_1d(y)
    check_consistent_length(vectors, labels)
    random = check_seed(owner, random_state)
    learned, held = next(iter(ClassWiseSplit(3).split(vectors, labels))) if split is None else map(np.asarray, split)
    names = [str(name) for name, n in zip(*np.unique(labels[held], return_counts=True), strict=True) if n >= 4]
    if len(names) < 3:
        found = verbatim(f"{len(names)}")
        remedy = "Pass more classes, or more samples of each"
        raise InputError(message(owner, "y", "of three held-out classes of four samples each", found, remedy))
    known = prototypes.subset([str(name) for name in np.unique(labels[learned])])
    model = clone(method).fit(vectors[learned], labels[learned], prototypes=known)
    real = []
    for name in names:
        rows = random.permutation(held[labels[held] == name])[:limit]
        real.append(model.scaled(vectors[np.sort(rows)]))
    made = model.synthesize(prototypes.subset(names), n=max(len(one) for one in real))
    return _compare(names, real, [one[: len(r)] for one, r in zip(made, real, strict=True)])


def _compare(names: list[str], real: list[Array], made: list[Array]) -> Finding:
    centres, guesses = (np.array([one.mean(axis=0) for one in side]) for side in (real, made))
    errors = projection_error(guesses, centres, np.zeros(len(names), dtype=bool)).classes
    everyone = np.concatenate(real)
    place = np.repeat(np.arange(len(names)), [len(one) for one in real])
    width = median_distance(pdist(everyone[:: max(1, len(everyone) // 1000)]))
    made_own, real_own = [], []
    rows: list[dict[str, Any]] = []
    for c, (name, R, M) in enumerate(zip(names, real, made, strict=True)):
        others = everyone[place != c]
        apart = _discrepancy(R, others, width)
        nearest = place[cdist(M, everyone).argmin(axis=1)]
        between = cdist(R, everyone)
        between[np.arange(len(R)), np.flatnonzero(place == c)] = np.inf  # itself
        made_own.append(float((nearest == c).mean()))
        real_own.append(float((place[between.argmin(axis=1)] == c).mean()))
        rows.append(
            {
                "class": name,
                "mean_distance": float(errors[c]),
                "spread": _variance(M) / max(_variance(R), 1e-12),
                "mmd": _discrepancy(M, R, width) / max(apart, 1e-12),
                "coverage": _coverage(between[:, place == c], cdist(R, M)),
                "nearest_own": made_own[-1],
            }
        )
    figures = {key: float(np.mean([row[key] for row in rows])) for key in list(rows[0])[1:]}
    figures["real_nearest_own"] = float(np.mean(real_own))
    figures["spread_between"] = float(guesses.var(axis=0).sum() / max(centres.var(axis=0).sum(), 1e-12))
    severity = _severity(figures)
    rows.sort(key=lambda row: -row["mean_distance"])
    shown = [{key: value if key == "class" else round(value, 4) for key, value in row.items()} for row in rows]
    picked = [names.index(row["class"]) for row in (rows if len(rows) <= _DRAWN else [*rows[:3], *rows[-3:]])]
    return Finding(
        "synthesis",
        "Made-up examples",
        severity,
        _verdict(figures, severity),
        figures,
        shown,
        _picture([names[c] for c in picked], [real[c] for c in picked], [made[c] for c in picked]),
    )


def _variance(X: Array) -> float:
    return float(X.var(axis=0, ddof=1).sum())


def _discrepancy(A: Array, B: Array, width: float) -> float:
    """Return the squared maximum mean discrepancy, at least 0."""
    # Of the test that comes with it nothing is asked, so one permutation will do.
    return max(maximum_mean_discrepancy(A, B, width=width, n_permutations=1).statistic, 0.0)


def _coverage(own: Array, to_made: Array) -> float:
    """Return the share of real vectors nearer to a made-up one than to their fifth neighbour (of `own`)."""
    k = min(_NEIGHBOURS, own.shape[1] - 1)
    radius = np.partition(own, k - 1, axis=1)[:, k - 1]
    return float((to_made.min(axis=1) <= radius).mean())


def _severity(figures: dict[str, float]) -> Severity:
    spreads = (figures["spread"], figures["spread_between"])
    if figures["mean_distance"] >= 1 or min(spreads) < 0.02:
        return "strong"
    if figures["mean_distance"] >= 0.5 or min(spreads) < 0.2 or max(spreads) > 5:
        return "mild"
    return "none"


def _verdict(figures: dict[str, float], severity: Severity) -> str:
    verdict = (
        f"Of classes that were held out, made-up examples are off by {figures['mean_distance']:.2f} of how far "
        f"classes are apart (1 would be a guess), and vary {figures['spread']:.2g} times as much as real ones. The "
        f"nearest real example is of the same class for {figures['nearest_own']:.0%} of them; of real ones, for "
        f"{figures['real_nearest_own']:.0%}."
    )
    if severity == "none":
        return verdict
    if figures["spread_between"] < 0.2:
        return verdict + " They are nearly the same whatever the class: training has collapsed, or was too short."
    if figures["spread"] < 0.2:
        return verdict + " They are nearly copies of one another: the classifier sees one corner of each class."
    if figures["mean_distance"] >= 0.5:
        return verdict + " Descriptions say too little of where the classes are, or training was too short or too long."
    return verdict + " They scatter far wider than the classes do: training may be unstable."


def _picture(names: Sequence[str], real: list[Array], made: list[Array]) -> Any:
    """Return what draws real and made-up vectors, each made-up one tied to the real one that is nearest to it."""
    everyone = np.concatenate(real)
    some = [one[:_DOTS] for one in made]
    nearest = [everyone[cdist(one, everyone).argmin(axis=1)] for one in some]
    # The plane in which the real classes differ most.
    centres = np.array([one.mean(axis=0) for one in real])
    middle = centres.mean(axis=0)
    plane = np.linalg.svd(centres - middle, full_matrices=False)[2][:2].T

    def draw(axes: Axes) -> None:
        for c, (name, R, M, N) in enumerate(zip(names, real, some, nearest, strict=True)):
            r, m, n = ((side - middle) @ plane for side in (R, M, N))
            if r.shape[1] < 2:  # vectors of one number lie on a line
                r, m, n = (np.column_stack([side, np.zeros(len(side))]) for side in (r, m, n))
            colour = f"C{c}"
            axes.plot(*np.stack([m, n]).transpose(2, 0, 1), color="0.6", linewidth=0.5, zorder=1)
            axes.scatter(r[:60, 0], r[:60, 1], s=8, color=colour, alpha=0.35, linewidths=0, zorder=2)
            axes.scatter(m[:, 0], m[:, 1], s=26, color=colour, marker="x", linewidths=1.2, zorder=3)
            axes.annotate(name, r.mean(axis=0), fontsize=8, ha="center", zorder=4)
        axes.set_xlabel("where the real classes differ most")
        axes.set_ylabel("and second most")
        axes.set_title("Dots are real, crosses made up;\nlines lead to the real example that is nearest")

    return draw
