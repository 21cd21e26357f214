"""Checks of what `fit` may look at, may touch, and must refuse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.errors import InputError
from unseen.prototypes import Prototypes
from unseen.testing.problems import fitted, fresh, make_problem
from unseen.testing.running import require, require_close, require_finite, require_raises

if TYPE_CHECKING:
    from unseen.methods.base import Method
    from unseen.testing.problems import Problem

__all__ = ["CHECKS"]

Array = np.ndarray[Any, Any]

#: Room for sums taken in another order, and for nothing else.
_TIGHT = 1e-9
#: Room for an iterative solver that is handed the same numbers in another memory layout.
_LOOSE = 1e-5
#: Room for single precision.
_SINGLE = 1e-4


def _scores(model: Method, problem: Problem) -> Array:
    return model.class_scores(problem.X_new, prototypes=problem.prototypes)


def fit_returns_the_method(method: Method) -> None:
    """`fit` returns the method itself, so that calls can be chained."""
    problem = make_problem(method)
    model = fresh(method)
    require(model.fit(problem.X, problem.y, prototypes=problem.prototypes) is model, "fit does not return self")


def fit_ignores_unseen_prototypes(method: Method) -> None:
    """What prototypes classes without examples have, or whether they have any, does not matter to `fit`."""
    problem = make_problem(method)
    expected = _scores(fitted(method, problem), problem)
    seen = np.isin(problem.prototypes.names, problem.y)
    garbage = np.where(seen[:, None], problem.prototypes.vectors, 1e3)
    for other in (
        Prototypes(problem.prototypes.names, garbage),
        problem.prototypes.subset(sorted(set(problem.y.tolist()))),
    ):
        model = fresh(method).fit(problem.X, problem.y, prototypes=other)
        require_close(_scores(model, problem), expected, _TIGHT, "fit looked at prototypes of unseen classes")


def fit_ignores_the_order_of_prototypes(method: Method) -> None:
    """The order of the prototypes given to `fit` does not matter."""
    problem = make_problem(method)
    backwards = problem.prototypes.subset(problem.prototypes.names[::-1])
    model = fresh(method).fit(problem.X, problem.y, prototypes=backwards)
    require_close(
        _scores(model, problem), _scores(fitted(method, problem), problem), _TIGHT, "reordering prototypes changed fit"
    )


def refitting_forgets(method: Method) -> None:
    """A second `fit`, to other classes and another dimension, is as good as a first one."""
    first = make_problem(method)
    second = make_problem(method, seed=1, n_seen=4, d=7, k=4, prefix="other")
    model = fitted(method, first)
    _scores(model, first)
    model.fit(second.X, second.y, prototypes=second.prototypes)
    require_close(_scores(model, second), _scores(fitted(method, second), second), _TIGHT, "an earlier fit left traces")


def fitting_twice_agrees(method: Method) -> None:
    """With one seed, two fits give the same scores to the last bit."""
    problem = make_problem(method)
    first, second = (_scores(fitted(method, problem), problem) for _ in range(2))
    require_close(second, first, 0.0, "two fits with one seed differ")


def arguments_are_left_alone(method: Method) -> None:
    """Neither `fit` nor scoring changes the caller's arrays."""
    problem = make_problem(method)
    given = (problem.X, problem.y, problem.X_new, problem.prototypes.vectors)
    before = [array.copy() for array in given]
    model = fitted(method, problem)
    model.predict(problem.X_new, prototypes=problem.prototypes)
    model.predict_proba(problem.X_new, prototypes=problem.prototypes)
    for name, array, copy in zip(("X", "y", "X at predict", "the array of prototypes"), given, before, strict=True):
        require(np.array_equal(array, copy), f"{name} was changed")


def read_only_arrays_work(method: Method) -> None:
    """Arrays that may not be written to, such as memory maps, are enough."""
    problem = make_problem(method)
    for array in (problem.X, problem.y, problem.X_new):
        array.flags.writeable = False
    _scores(fitted(method, problem), problem)


def memory_layout_is_irrelevant(method: Method) -> None:
    """Column-major and strided arrays give the scores of row-major ones."""
    problem = make_problem(method)
    expected = _scores(fitted(method, problem), problem)
    spread = np.repeat(problem.X, 2, axis=0)[::2], np.repeat(problem.X_new, 2, axis=1)[:, ::2]
    for X, X_new in ((np.asfortranarray(problem.X), np.asfortranarray(problem.X_new)), spread):
        other = problem.with_vectors(X, X_new)
        require_close(_scores(fitted(method, other), other), expected, _LOOSE, "the memory layout changed scores")


def single_precision_agrees(method: Method) -> None:
    """float32 vectors give the scores of the same numbers in float64."""
    problem = make_problem(method)
    single = problem.with_vectors(problem.X.astype(np.float32), problem.X_new.astype(np.float32))
    double = problem.with_vectors(single.X.astype(np.float64), single.X_new.astype(np.float64))
    require_close(
        _scores(fitted(method, single), single),
        _scores(fitted(method, double), double),
        _SINGLE,
        "float32 vectors changed scores",
    )


def lists_work(method: Method) -> None:
    """Plain lists of numbers and of names are as good as arrays."""
    problem = make_problem(method)
    model = fresh(method).fit(problem.X.tolist(), problem.y.tolist(), prototypes=problem.prototypes)
    scores = model.class_scores(problem.X_new.tolist(), prototypes=problem.prototypes)
    require_close(scores, _scores(fitted(method, problem), problem), _LOOSE, "lists changed scores")


def number_labels_are_refused(method: Method) -> None:
    """With prototypes, labels that are numbers raise InputError."""
    problem = make_problem(method)
    positions = problem.prototypes.positions(problem.y.tolist())
    require_raises(
        InputError, lambda: fresh(method).fit(problem.X, positions, prototypes=problem.prototypes), "numbers as labels"
    )


def labels_without_prototype_are_refused(method: Method) -> None:
    """A label that no prototype is named after raises InputError."""
    problem = make_problem(method)
    require_raises(
        InputError,
        lambda: fresh(method).fit(problem.X, problem.y, prototypes=problem.unseen),
        "labels without prototypes",
    )


def vectors_and_prototypes_may_differ_in_length(method: Method) -> None:
    """Vectors of d numbers are joined with prototypes of k numbers, k below and above d."""
    problem = make_problem(method)
    n, m = len(problem.X), len(problem.X_new)
    for d in (problem.prototypes.n_dimensions + 3, problem.prototypes.n_dimensions - 2):
        rng = np.random.default_rng(d)
        other = problem.with_vectors(rng.normal(size=(n, d)), rng.normal(size=(m, d)))
        scores = _scores(fitted(method, other), other)
        require_finite(scores, (m, problem.prototypes.n_classes), f"d={d}, k={problem.prototypes.n_dimensions}")


#: In the order they run.
CHECKS = (
    fit_returns_the_method,
    fit_ignores_unseen_prototypes,
    fit_ignores_the_order_of_prototypes,
    refitting_forgets,
    fitting_twice_agrees,
    arguments_are_left_alone,
    read_only_arrays_work,
    memory_layout_is_irrelevant,
    single_precision_agrees,
    lists_work,
    number_labels_are_refused,
    labels_without_prototype_are_refused,
    vectors_and_prototypes_may_differ_in_length,
)
