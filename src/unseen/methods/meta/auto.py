"""Auto: tries methods, scalings and parameters on held-out classes, and keeps what does best there."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.model_selection import ParameterGrid

from unseen.decision.calibration import fit_temperature
from unseen.methods.base import Citation, Method
from unseen.methods.folds import by_front, make_folds, score_fold
from unseen.methods.meta.ensemble import fit_together
from unseen.methods.meta.members import weighted_scorer
from unseen.methods.meta.prepared import Prepared
from unseen.methods.meta.search import search
from unseen.methods.meta.weights import informative, learn_weights
from unseen.methods.preprocessing import FeatureScaling, PrototypeScaling
from unseen.methods.selection import ClassWiseSplit
from unseen.registry import METHODS
from unseen.validation import check_number, check_seed, check_switch, import_extra

if TYPE_CHECKING:
    from collections.abc import Callable

    from unseen.methods.base import Array
    from unseen.methods.folds import Fold
    from unseen.methods.meta.search import Found
    from unseen.methods.samples import Samples

__all__ = ["Auto"]

# A member below this share of the weight costs more time than it adds.
_NEGLIGIBLE = 0.02
# How far the best of many settings may lead a mixture by luck alone: about the standard error of a fold's accuracy.
_LUCK = 0.01
# With fewer classes than this, a fold of held-out ones says less than the defaults do.
_FEWEST_CLASSES = 12
# Samples of each class that the search learns from and is judged on; the final fit takes all.
_LEARNED, _JUDGED = 200, 60
# Share of each training class's samples that competes with held-out classes for the penalty.
_KEPT = 0.15
_FEATURES = (
    FeatureScaling(),
    FeatureScaling(0.5),
    FeatureScaling(normalize=False),
)
# On held-out classes of two data sets, five members with learned weights did as well as all, or better by a point.
_MEMBERS = 5
_PROTOTYPES = (PrototypeScaling(), PrototypeScaling(center="center"), PrototypeScaling(0.5, center="center"))
# Closed forms, tried behind every scaling, with the settings of the second round.
_CLOSED: dict[str, tuple[dict[str, Any], dict[str, tuple[Any, ...]]]] = {
    "kernel_ridge": (
        {"prototype_scaling": "none"},
        {
            "alpha": (0.03, 0.1, 0.3),
            "shrinkage": (1.0, 3.0, 10.0),
            "metric": ("cosine", "euclidean"),
            "residual": (0.0, 0.5),
        },
    ),
    "gfzsl": ({}, {"alpha": (0.1, 0.3, 1.0), "shrinkage": (0.3, 1.0, 3.0, 10.0), "kernel": ("linear", "rbf")}),
    "eszsl": ({}, {"gamma": (0.3, 1.0, 3.0), "lam": (0.1, 1.0, 10.0)}),
    "cca": ({}, {"alpha": (0.3, 1.0, 10.0), "beta": (0.1, 1.0, 10.0)}),
}
# Iterative ones, tried behind the scalings that suited the closed forms best. The other methods came out below these,
# or answered alike, on held-out training classes of two data sets.
_ITERATIVE: dict[str, tuple[dict[str, Any], dict[str, tuple[Any, ...]]]] = {
    "sync": ({}, {"sigma": (1.0, 2.0)}),
    "dap": ({}, {}),
    "ale": ({}, {}),
}
# The quicker ones of the neural methods that did well on held-out training classes; each brings its own scalings.
_NEURAL = ("cadavae", "fvaegan")


class Auto(Method):
    r"""Choose methods, scalings and parameters on classes held out of training, and combine the best.

    .. math:: f_c(x) = \sum_j \frac{w_j}{\sigma_j} f^{(j)}_c(x)

    over the five best of the methods' best settings, with standardised scores and as they are; weights as in
    `Ensemble`.

    Parameters
    ----------
    time_budget : float or None, default 600
        Seconds that the search may take, above 0; the final fits come on top. What cannot be tried on every fold in
        time is left out, so a slow machine may choose differently; None tries everything, whatever it takes.
    n_splits : int, default 3
        Folds of held-out classes, at least 2.
    neural : bool, default False
        Whether neural generators are tried behind all others, as far as `time_budget` goes. They take minutes, and
        the extra ``neural``.
    random_state : int, RandomState or None, default 0
        Seed of the folds and of methods that draw numbers.

    Attributes
    ----------
    methods_ : list of Method
        The fitted members.
    weights_ : ndarray of shape (M,)
        Their weights, over the spread of their scores.
    penalty_ : float
        What to subtract from seen classes' scores where they compete with unseen ones: what was best on the folds;
        0 where nothing was tried.
    temperature_ : float
        What to divide scores by before the softmax: what was likeliest on the folds; 1 where nothing was tried.
    explanation_ : str
        In Markdown: what was tried, what each did on held-out classes, what was chosen and why.

    Raises
    ------
    InputError
        When a parameter is out of range.
    MissingExtraError
        With `neural`, without torch.

    Notes
    -----
    Inductive. Two rounds: every closed form with its defaults behind every scaling; then the settings of each behind
    the two scalings that suited it best, and iterative methods behind the best of all. Every candidate of a fold
    shares that fold's eigendecompositions. The accuracy of the mixture is estimated on folds that its weights were
    not learned on, and the best single method is taken in its place where that is clearly better. With fewer than 12
    seen classes, or with prototypes that are all equally far apart (as with ``prototypes=None``), nothing can be
    learned from held-out classes and `KernelRidge` is fitted as it is.

    References
    ----------
    Feurer, Klein, Eggensperger, Springenberg, Blum and Hutter, "Efficient and Robust Automated Machine Learning",
    NIPS 2015: choosing and combining within a budget; here folds hold out classes.

    Examples
    --------
    >>> import numpy as np
    >>> from unseen import Prototypes
    >>> from unseen.methods.meta.auto import Auto
    >>> rng = np.random.default_rng(0)
    >>> p = Prototypes([f"class {i}" for i in range(8)], rng.normal(size=(8, 4)))
    >>> X = np.repeat(p.vectors @ rng.normal(size=(4, 6)), 4, axis=0)
    >>> y = np.repeat(p.names, 4)
    >>> float(Auto().fit(X[:28], y[:28], prototypes=p).score(X[28:], y[28:], prototypes=p))
    1.0
    """

    family = "meta"
    citation = Citation(
        authors="Feurer, Klein, Eggensperger, Springenberg, Blum and Hutter",
        title="Efficient and Robust Automated Machine Learning",
        venue="NIPS",
        year=2015,
    )

    def __init__(
        self, time_budget: float | None = 600.0, *, n_splits: int = 3, neural: bool = False, random_state: Any = 0
    ) -> None:
        self.time_budget = time_budget
        self.n_splits = n_splits
        self.neural = neural
        self.random_state = random_state

    def _fit_samples(self, samples: Samples, S: Array) -> None:
        from unseen.methods.projection.kernel_ridge import KernelRidge

        started = time.monotonic()
        budget = np.inf
        if self.time_budget is not None:
            budget = check_number("Auto", "time_budget", self.time_budget, low=0, low_open=True)
        n_splits = int(check_number("Auto", "n_splits", self.n_splits, low=2, integer=True))
        if check_switch("Auto", "neural", self.neural):
            import_extra("torch", extra="neural", purpose="Auto with neural=True")
        check_seed("Auto", self.random_state)
        members: list[Method] = [KernelRidge()]
        self.penalty_, self.temperature_ = 0.0, 1.0
        weights = np.ones(1)
        if samples.n_classes < _FEWEST_CLASSES or not informative(S):
            why = "fewer than 12 seen classes" if informative(S) else "prototypes that say nothing about each other"
            self.explanation_ = f"Nothing was tried, because of {why}: `KernelRidge` with its defaults was fitted."
        else:
            folds = self._folds(samples, n_splits)
            found = self._try(folds, started + budget)
            if found:
                members, weights, self.explanation_ = _chosen(found, folds, time.monotonic() - started)
                self.penalty_, self.temperature_ = _decided(members, weights, folds)
            else:
                self.explanation_ = (
                    f"Nothing could be tried within {budget:g} s: `KernelRidge` with its defaults was fitted. Raise "
                    "time_budget."
                )
        self.methods_ = fit_together(members, samples, self.classes_, self.seen_prototypes_)
        self.weights_ = weights

    def _folds(self, samples: Samples, n_splits: int) -> list[Fold]:
        y = np.array(self.seen_prototypes_.names)[samples.y]
        split = ClassWiseSplit(n_splits, random_state=self.random_state).split(samples.X, y)
        return list(
            make_folds(
                samples.X, y, self.seen_prototypes_, split, _KEPT, 0, max_per_class=_JUDGED, max_learned=_LEARNED
            )
        )

    def _try(self, folds: list[Fold], deadline: float) -> list[Found]:
        first = [
            Prepared(self._new(name, {}), features=features, prototypes=prototypes, standardize=standardize)
            for features in _FEATURES
            for prototypes in _PROTOTYPES
            for name in _CLOSED
            for standardize in (False, True)
        ]
        found = sorted(search("Auto", first, folds, deadline=deadline), key=lambda one: -one.accuracy)
        second = []
        for name, (_, grid) in _CLOSED.items():
            mine = [one.method for one in found if type(one.method.method) is METHODS.get(name)]
            second += [self._with(one, name, params) for one in mine[:2] for params in ParameterGrid(grid)]
        if found:
            for standardize in (False, True):
                scaled = found[0].method.get_params(deep=False) | {"standardize": standardize}
                for name, (_, grid) in _ITERATIVE.items():
                    second += [self._with(Prepared(**scaled), name, params) for params in ParameterGrid(grid)]
        found += search("Auto", second, folds, deadline=deadline)
        for name in _NEURAL if self.neural else ():
            found += search("Auto", [Prepared(self._new(name, {}))], folds, deadline=deadline)
        return found

    def _with(self, prepared: Prepared, name: str, params: dict[str, Any]) -> Prepared:
        """Return the same scalings around another method."""
        return Prepared(**prepared.get_params(deep=False) | {"method": self._new(name, params)})

    def _new(self, name: str, params: dict[str, Any]) -> Method:
        fixed: dict[str, Any] = (_CLOSED | _ITERATIVE)[name][0] if name not in _NEURAL else {}
        method: Method = METHODS.get(name)(**{**fixed, **params})
        if "random_state" in method.get_params(deep=False):
            method.set_params(random_state=0)
        return method

    def _class_scores(self, X: Array, P: Array) -> Array:
        return self._scorer(P)(X)

    def _scorer(self, P: Array) -> Callable[[Array], Array]:
        return weighted_scorer(self.methods_, self.weights_, P)


def _chosen(found: list[Found], folds: list[Fold], seconds: float) -> tuple[list[Method], Array, str]:
    """Return members, their weights and why."""
    best: dict[tuple[Any, bool], Found] = {}
    for one in sorted(found, key=lambda one: -one.accuracy):
        best.setdefault((type(one.method.method), one.method.standardize), one)
    members = list(best.values())[:_MEMBERS]
    targets = [fold.y_unseen - fold.n_seen for fold in folds]
    stacked = [np.stack([one.scores[i] / one.spread for one in members]) for i in range(len(folds))]
    shares = learn_weights(stacked, targets)
    # The mixture is judged where its weights were not learned.
    judged = []
    for i, fold in enumerate(folds):
        others = [j for j in range(len(folds)) if j != i]
        weights = learn_weights([stacked[j] for j in others], [targets[j] for j in others])
        judged.append(fold.accuracy(np.tensordot(weights, stacked[i], axes=1)))
    mixed = float(np.mean(judged))
    kept = [j for j in range(len(members)) if shares[j] >= _NEGLIGIBLE]
    # The best alone is the highest of many figures and looks better than it is; the mixture's figure does not.
    alone = members[0].accuracy > mixed + _LUCK
    if alone:
        kept, shares = [0], np.eye(len(members))[0]
    lines = [
        f"{len(found)} settings were tried on {len(folds)} folds of held-out classes in {seconds:.0f} s. The best of "
        "each method, and its part in the result:",
        "",
        "| method | accuracy on held-out classes | share |",
        "|---|---|---|",
    ]
    for j, one in enumerate(members):
        name = " ".join(repr(one.method).split())
        lines.append(f"| `{name}` | {one.accuracy:.3f} | {shares[j] if j in kept else 0.0:.2f} |")
    verdict = f"Their weighted sum reaches {mixed:.3f} on folds its weights were not learned on, and " + (
        "the best alone was chosen." if alone else "was chosen."
    )
    return (
        [members[j].method for j in kept],
        np.array([shares[j] / members[j].spread for j in kept]),
        "\n".join([*lines, "", verdict]),
    )


def _decided(members: list[Method], weights: Array, folds: list[Fold]) -> tuple[float, float]:
    """Return the mean over folds of the mixture's best penalty on seen classes, and its likeliest temperature."""
    penalties, alone = [], []
    for fold in folds:
        shared: dict[str, Any] = {}
        unseen, seen = 0.0, 0.0
        for j in (j for group in by_front(members, "Auto") for j in group):
            scores = score_fold(members[j], fold, shared)
            unseen, seen = unseen + weights[j] * scores.unseen, seen + weights[j] * scores.seen
        penalties.append(fold.competition(np.asarray(unseen), np.asarray(seen))["penalty"])
        alone.append(np.asarray(unseen)[:, fold.n_seen :])
    return float(np.mean(penalties)), fit_temperature(alone, [fold.y_unseen - fold.n_seen for fold in folds])
