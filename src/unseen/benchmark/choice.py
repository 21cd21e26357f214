"""Choosing scalings and parameters of a method on training classes alone."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.model_selection import ParameterGrid

from unseen.decision.calibration import fit_temperature
from unseen.methods.meta.auto import Auto
from unseen.methods.meta.ensemble import Ensemble
from unseen.methods.meta.prepared import Prepared
from unseen.methods.preprocessing import FeatureScaling, PrototypeScaling
from unseen.methods.selection import ClassWiseSplit, select
from unseen.methods.simulation import simulate
from unseen.metrics.gzsl import seen_unseen_curve
from unseen.registry import METHODS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from unseen.methods.base import Array, Method
    from unseen.prototypes import Prototypes

__all__ = ["Choice", "choose", "comparable"]

#: Scalings tried, one kind after the other, before a method's own parameters.
FEATURES = (FeatureScaling(), FeatureScaling(0.5), FeatureScaling(normalize=False))
PROTOTYPES = (PrototypeScaling(center="center"), PrototypeScaling(), PrototypeScaling(0.5, center="center"))
# Samples of each class that a search learns from and is judged on; the final fit takes all.
SEARCHED = 50
# Made of other methods: these wrap what a search over the named one finds, instead of searching by themselves.
_INNER = "kernel_ridge"


@dataclass(frozen=True)
class Choice:
    """What a search found, not fitted yet.

    Attributes
    ----------
    estimator : Method
        The best setting.
    gamma : float or None
        What to subtract from seen classes' scores where they compete with unseen ones; None where the method finds
        it when it is fitted.
    temperature : float or None
        What to divide scores by before the softmax; None likewise.
    accuracy : float
        Per-class accuracy of held-out training classes among themselves; NaN where nothing was searched.
    seconds : float
        What the search took.
    """

    estimator: Method
    gamma: float | None
    temperature: float | None
    accuracy: float
    seconds: float


def comparable(prototypes: Prototypes, n_features: int) -> list[str]:
    """Return the registered methods that "all" stands for on data of this kind.

    Left out are methods that only dress another one (`prepared`, `remedied`), those that need vectors and
    prototypes of one space where these are not, and slow ones, which are run when they are named.
    """
    names = []
    for name in METHODS:
        method = METHODS.get(name)
        wraps = "method" in method._get_param_names() and not method.search_space
        apart = method.capabilities.shared_space and prototypes.n_dimensions != n_features
        if not wraps and not apart and not method.slow:
            names.append(name)
    return names


def choose(
    name: str, X: Array, y: Array, prototypes: Prototypes, *, objective: str = "accuracy", seed: int = 0
) -> Choice:
    """Choose the scaling of vectors, that of prototypes, whether scores are standardised, then parameters.

    Parameters
    ----------
    name : str
        A registered method.
    X, y : ndarray of shapes (n, d) and (n,)
        Training vectors and class names: three folds of their classes are held out.
    prototypes : Prototypes
        Of the classes in `y`.
    objective : {"accuracy", "harmonic_mean", "ausuc"}, default "accuracy"
        What is maximised on held-out classes.
    seed : int, default 0
        Seed of the folds and of methods that draw random numbers.

    Notes
    -----
    Greedy: one kind of scaling after the other, each with the best of those before it. `Auto` and `Ensemble` search
    by themselves when they are fitted.
    """
    started = time.perf_counter()
    method = _new(name, seed)
    if method.slow:  # it holds classes out by itself
        return Choice(method, None, None, np.nan, 0.0)
    search = _Search(X, y, prototypes, objective, seed)
    if isinstance(method, Auto | Ensemble):
        if isinstance(method, Auto):
            return Choice(method.set_params(time_budget=None), None, None, np.nan, 0.0)
        return search.finished(method, np.nan, started)
    if "method" in method._get_param_names():
        inner = search.scaled(Prepared(_new(_INNER, seed)), METHODS.get(_INNER).search_space)[0]
        found = search.best(method.set_params(method=inner), method.search_space, -np.inf)
        return search.finished(*found, started)
    if method.capabilities.shared_space:
        return search.finished(method, np.nan, started)
    return search.finished(*search.scaled(Prepared(method), method.search_space), started)


class _Search:
    def __init__(self, X: Array, y: Array, prototypes: Prototypes, objective: str, seed: int) -> None:
        self.X, self.y, self.prototypes, self.objective, self.seed = X, y, prototypes, objective, seed

    def best(self, estimator: Any, space: Mapping[str, Sequence[Any]], so_far: float) -> tuple[Any, float]:
        """Return the best setting, or the one in hand where none is better, and its figure."""
        settings = [
            {key: [value] for key, value in setting.items()}
            for setting in ParameterGrid(dict(space))
            if so_far == -np.inf or any(repr(estimator.get_params()[key]) != repr(v) for key, v in setting.items())
        ]
        if not settings:
            return estimator, so_far
        found = select(
            estimator,
            self.X,
            self.y,
            prototypes=self.prototypes,
            space=settings,
            split=ClassWiseSplit(3, random_state=self.seed),
            objective=self.objective,
            max_per_class=SEARCHED,
            random_state=self.seed,
            refit=False,
        )
        figure = max(row[self.objective] for row in found.rows)
        return (found.estimator, figure) if figure > so_far else (estimator, so_far)

    def scaled(self, prepared: Prepared, space: Mapping[str, Sequence[Any]]) -> tuple[Any, float]:
        """Choose scalings around a method, then its parameters."""
        best: Any = prepared.set_params(prototypes=PROTOTYPES[0])
        figure = -np.inf
        inner = {f"method__{key}": values for key, values in space.items()}
        for grid in ({"features": FEATURES}, {"prototypes": PROTOTYPES}, {"standardize": (True,)}, inner):
            best, figure = self.best(best, grid, figure)
        return best, figure

    def finished(self, estimator: Method, figure: float, started: float) -> Choice:
        """Learn the penalty and the temperature of what was chosen, on four folds as `Remedied` does."""
        competitions = simulate(
            estimator,
            self.X,
            self.y,
            prototypes=self.prototypes,
            split=ClassWiseSplit(min(4, self.prototypes.n_classes), random_state=self.seed),
            bank_size=1,
            random_state=self.seed,
        )
        # With one or two samples of a class none can be kept to judge seen classes by.
        judged = [one for one in competitions if one.seen[one.y].any()]
        gammas = [seen_unseen_curve(one.y, one.scores, one.seen).best()[0] for one in judged]
        scores, targets = zip(*(one.held_out() for one in competitions), strict=True)
        temperature = fit_temperature(scores, targets)
        gamma = float(np.mean(gammas)) if gammas else 0.0
        return Choice(estimator, gamma, temperature, figure, time.perf_counter() - started)


def _new(name: str, seed: int) -> Method:
    method: Method = METHODS.get(name)()
    if "random_state" in method.get_params(deep=False):
        method.set_params(random_state=seed)
    return method
