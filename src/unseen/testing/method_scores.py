"""Checks of how a fitted method scores: positions, rivals, neighbours, hostile vectors, derived answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.exceptions import NotFittedError

from unseen.errors import InputError
from unseen.testing.problems import Problem, fitted, fresh, make_problem
from unseen.testing.running import require, require_close, require_finite, require_raises

if TYPE_CHECKING:
    from unseen.methods.base import Method

__all__ = ["CHECKS"]

Array = np.ndarray[Any, Any]


def _room(method: Method) -> float:
    """Return the room for sums taken in another order, and for nothing else."""
    return 1e-6 if method.single_precision else 1e-9


def unseen_classes_are_scored(method: Method) -> None:
    """Prototypes of classes without examples get scores like any other."""
    problem = make_problem(method)
    scores = fitted(method, problem).class_scores(problem.X_new, prototypes=problem.unseen)
    require_finite(scores, (len(problem.X_new), problem.unseen.n_classes), "scores of unseen classes")
    require(scores.dtype.kind == "f", f"scores are {scores.dtype}, not floating point")


def unseen_classes_are_recognised(method: Method) -> None:
    """Where class means depend linearly on prototypes, unseen classes are told apart far better than by chance."""
    n_unseen = 8
    problem = make_problem(method, n_seen=24, n_unseen=n_unseen, per_class=10, d=12, k=6)
    found = fitted(method, problem).predict(problem.X_new, prototypes=problem.unseen)
    accuracy = float(np.mean(found == problem.y_new))
    require(
        accuracy > 3 / n_unseen,
        f"accuracy {accuracy:.0%} on {n_unseen} unseen classes of an easy problem; three times chance is "
        f"{3 / n_unseen:.0%}",
    )


def scores_follow_positions(method: Method) -> None:
    """A class is scored the same wherever it stands among the prototypes."""
    problem = make_problem(method)
    model = fitted(method, problem)
    names = list(problem.prototypes.names)
    order = np.random.default_rng(1).permutation(len(names))
    moved = problem.prototypes.subset([names[i] for i in order])
    require_close(
        model.class_scores(problem.X_new, prototypes=moved),
        model.class_scores(problem.X_new, prototypes=problem.prototypes)[:, order],
        _room(method),
        "reordering the prototypes changed scores",
    )


def scores_ignore_rivals(method: Method) -> None:
    """A class is scored the same whatever other classes are scored with it."""
    problem = make_problem(method)
    model = fitted(method, problem)
    everything = model.class_scores(problem.X_new, prototypes=problem.prototypes)
    for few in (problem.unseen, problem.unseen.subset(problem.unseen.names[:1])):
        require_close(
            model.class_scores(problem.X_new, prototypes=few),
            everything[:, problem.prototypes.positions(few.names)],
            _room(method),
            f"leaving out {problem.prototypes.n_classes - few.n_classes} rival classes changed scores",
        )


def rows_are_scored_alone(method: Method) -> None:
    """A vector is scored the same whatever other vectors are scored with it."""
    problem = make_problem(method)
    model = fitted(method, problem)
    together = model.class_scores(problem.X_new, prototypes=problem.prototypes)
    for rows in (np.arange(1), np.arange(3, 4), np.arange(5, 12)):
        alone = model.class_scores(problem.X_new[rows], prototypes=problem.prototypes)
        require_close(
            alone, together[rows], _room(method), f"scoring {len(rows)} row(s) without the others changed scores"
        )


def row_order_is_irrelevant(method: Method) -> None:
    """Reordering vectors reorders their scores and nothing else."""
    problem = make_problem(method)
    model = fitted(method, problem)
    order = np.random.default_rng(2).permutation(len(problem.X_new))
    require_close(
        model.class_scores(problem.X_new[order], prototypes=problem.prototypes),
        model.class_scores(problem.X_new, prototypes=problem.prototypes)[order],
        _room(method),
        "reordering the vectors changed scores",
    )


def scoring_twice_agrees(method: Method) -> None:
    """Scoring has no side effect on the next scoring."""
    problem = make_problem(method)
    model = fitted(method, problem)
    first = model.class_scores(problem.X_new, prototypes=problem.prototypes).copy()
    model.class_scores(problem.X, prototypes=problem.unseen)
    second = model.class_scores(problem.X_new, prototypes=problem.prototypes)
    require_close(second, first, 0.0, "the same call gave other scores the second time")


def predicted_names_are_of_the_prototypes(method: Method) -> None:
    """`predict` answers with names of the prototypes it was given."""
    problem = make_problem(method)
    names = fitted(method, problem).predict(problem.X, prototypes=problem.unseen)
    require(names.shape == (len(problem.X),), f"predict has shape {names.shape}, not ({len(problem.X)},)")
    strange = set(names.tolist()) - set(problem.unseen.names)
    require(not strange, f"predict answered {sorted(map(str, strange))[:3]}, which are not among the prototypes")


def prediction_is_the_best_score(method: Method) -> None:
    """`predict` is the class of the highest score."""
    problem = make_problem(method)
    model = fitted(method, problem)
    scores = model.class_scores(problem.X_new, prototypes=problem.prototypes)
    expected = np.array(problem.prototypes.names)[scores.argmax(axis=1)]
    wrong = int((model.predict(problem.X_new, prototypes=problem.prototypes) != expected).sum())
    require(not wrong, f"{wrong} of {len(expected)} predictions are not the class of the highest score")


def probabilities_agree_with_scores(method: Method) -> None:
    """`predict_proba` has rows that sum to one and rank the classes as the scores do."""
    problem = make_problem(method)
    model = fitted(method, problem)
    scores = model.class_scores(problem.X_new, prototypes=problem.prototypes)
    shares = model.predict_proba(problem.X_new, prototypes=problem.prototypes)
    require_finite(shares, scores.shape, "probabilities")
    require((shares >= 0).all(), "a probability is negative")
    require_close(shares.sum(axis=1), np.ones(len(shares)), 1e-9, "probabilities of a row do not sum to one")
    best = np.take_along_axis(shares, scores.argmax(axis=1)[:, None], axis=1)[:, 0]
    require((best >= shares.max(axis=1)).all(), "the most probable class is not the one of the highest score")


def decision_function_is_the_scores(method: Method) -> None:
    """`decision_function` is `class_scores`, or for two classes their difference."""
    problem = make_problem(method)
    model = fitted(method, problem)
    scores = model.class_scores(problem.X_new, prototypes=problem.prototypes)
    decided = model.decision_function(problem.X_new, prototypes=problem.prototypes)
    require_close(decided, scores, _room(method), "decision_function differs from class_scores")
    two = problem.prototypes.subset(problem.prototypes.names[:2])
    scores = model.class_scores(problem.X_new, prototypes=two)
    decided = model.decision_function(problem.X_new, prototypes=two)
    require_close(
        decided, scores[:, 1] - scores[:, 0], _room(method), "decision_function of two classes is not their lead"
    )


def classes_of_fit_are_the_default(method: Method) -> None:
    """Without prototypes, the classes of `fit` are scored, in the order of ``classes_``."""
    problem = make_problem(method)
    model = fitted(method, problem)
    require(list(model.classes_) == sorted(set(problem.y.tolist())), "classes_ is not the sorted labels of fit")
    require_close(
        model.class_scores(problem.X_new),
        model.class_scores(problem.X_new, prototypes=problem.prototypes.subset(model.classes_.tolist())),
        _room(method),
        "scores without prototypes are not those of the classes of fit",
    )


def scoring_needs_fit(method: Method) -> None:
    """Scoring before `fit` raises scikit-learn's NotFittedError."""
    problem = make_problem(method)
    require_raises(
        NotFittedError,
        lambda: fresh(method).class_scores(problem.X, prototypes=problem.prototypes),
        "class_scores before fit",
    )


def other_dimensions_are_refused(method: Method) -> None:
    """Prototypes of another dimension than those of `fit` raise InputError."""
    problem = make_problem(method)
    longer = make_problem(method, k=problem.prototypes.n_dimensions + 1).prototypes
    model = fitted(method, problem)
    require_raises(
        InputError,
        lambda: model.class_scores(problem.X, prototypes=longer),
        "class_scores with prototypes of another dimension",
    )


def bare_arrays_are_refused(method: Method) -> None:
    """An array in place of Prototypes raises InputError, in `fit` and in scoring."""
    problem = make_problem(method)
    bare: Any = problem.prototypes.vectors
    model = fitted(method, problem)
    require_raises(InputError, lambda: model.class_scores(problem.X, prototypes=bare), "an array of prototypes")
    require_raises(
        InputError, lambda: fresh(method).fit(problem.X, problem.y, prototypes=bare), "an array of prototypes in fit"
    )


# -- hostile but legal vectors -------------------------------------------------------------------------------


def _stays_finite(method: Method, problem: Problem) -> None:
    model = fitted(method, problem)
    for X in (problem.X, problem.X_new):
        scores = model.class_scores(X, prototypes=problem.prototypes)
        require_finite(scores, (len(X), problem.prototypes.n_classes), "scores")


def constant_columns_stay_finite(method: Method) -> None:
    """Features that never vary do no harm."""
    problem = make_problem(method)
    X, X_new = problem.X.copy(), problem.X_new.copy()
    X[:, :2], X_new[:, :2] = (0.0, 3.0), (0.0, 3.0)
    _stays_finite(method, problem.with_vectors(X, X_new))


def repeated_columns_stay_finite(method: Method) -> None:
    """Features that repeat others do no harm."""
    problem = make_problem(method)
    X, X_new = problem.X.copy(), problem.X_new.copy()
    X[:, 1], X_new[:, 1] = X[:, 0], X_new[:, 0]
    _stays_finite(method, problem.with_vectors(X, X_new))


def rank_deficient_vectors_stay_finite(method: Method) -> None:
    """Vectors that span two directions only do no harm."""
    problem = make_problem(method)
    left, right = np.random.default_rng(3).normal(size=(2, problem.X.shape[1], 2))
    flat = left @ right.T
    _stays_finite(method, problem.with_vectors(problem.X @ flat, problem.X_new @ flat))


def few_samples_stay_finite(method: Method) -> None:
    """Fewer samples than features do no harm."""
    _stays_finite(method, make_problem(method, n_seen=3, per_class=2, d=20, k=9))


def one_seen_class_stays_finite(method: Method) -> None:
    """One seen class is enough to fit."""
    _stays_finite(method, make_problem(method, n_seen=1, n_unseen=4))


def single_examples_stay_finite(method: Method) -> None:
    """One example of each seen class is enough to fit."""
    _stays_finite(method, make_problem(method, per_class=1))


def zero_vectors_stay_finite(method: Method) -> None:
    """Vectors of zeros, in `fit` and in scoring, do no harm."""
    problem = make_problem(method)
    X, X_new = problem.X.copy(), problem.X_new.copy()
    X[::8], X_new[::3] = 0, 0
    _stays_finite(method, problem.with_vectors(X, X_new))


def tiny_vectors_stay_finite(method: Method) -> None:
    """Features of the size 1e-6 do no harm."""
    problem = make_problem(method)
    _stays_finite(method, problem.with_vectors(problem.X * 1e-6, problem.X_new * 1e-6))


def huge_vectors_stay_finite(method: Method) -> None:
    """Features of the size 1e6 do no harm."""
    problem = make_problem(method)
    _stays_finite(method, problem.with_vectors(problem.X * 1e6, problem.X_new * 1e6))


#: In the order they run.
CHECKS = (
    unseen_classes_are_scored,
    unseen_classes_are_recognised,
    scores_follow_positions,
    scores_ignore_rivals,
    rows_are_scored_alone,
    row_order_is_irrelevant,
    scoring_twice_agrees,
    predicted_names_are_of_the_prototypes,
    prediction_is_the_best_score,
    probabilities_agree_with_scores,
    decision_function_is_the_scores,
    classes_of_fit_are_the_default,
    scoring_needs_fit,
    other_dimensions_are_refused,
    bare_arrays_are_refused,
    constant_columns_stay_finite,
    repeated_columns_stay_finite,
    rank_deficient_vectors_stay_finite,
    few_samples_stay_finite,
    one_seen_class_stays_finite,
    single_examples_stay_finite,
    zero_vectors_stay_finite,
    tiny_vectors_stay_finite,
    huge_vectors_stay_finite,
)
