"""Opening the test part: the only place where a method meets test samples, and what it is measured by there."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.decision.calibration import Decision
from unseen.errors import InputError
from unseen.methods.folds import depends_on_rivals, single_precision
from unseen.metrics import (
    expected_calibration_error,
    k_occurrence,
    per_class_rates,
    per_class_top_k,
    seen_unseen_curve,
    skewness,
)
from unseen.validation import check_choice, check_number, message, verbatim

if TYPE_CHECKING:
    from collections.abc import Mapping

    from unseen.datasets import Dataset
    from unseen.methods.base import Array, Method
    from unseen.prototypes import Prototypes

__all__ = ["PROTOCOLS", "Evaluation", "evaluate"]

#: Unseen classes among themselves; or those, and seen and unseen classes together.
PROTOCOLS = ("zsl", "gzsl")
# Rows that are scored again, and how far rounding on the way may move their scores, relative to their range.
_AUDITED, _ROOM = 16, 1e-5


@dataclass(frozen=True)
class Evaluation:
    """Figures of a method on a test part, all in [0, 1] but `n1_skewness` and `predict_s`; NaN where not measured.

    Attributes
    ----------
    t1, t5 : float
        Average per-category top-1 and top-5 accuracy of unseen classes among themselves.
    u, s, h : float
        Average per-category top-1 accuracy of unseen and of seen classes among all classes, and their harmonic mean.
    h_calibrated : float
        The harmonic mean after `gamma` is subtracted from seen classes' scores.
    gamma : float
        That penalty, which validation classes chose.
    ausuc : float
        Area under the seen-unseen curve.
    ece : float
        Expected calibration error among unseen classes, at the temperature that validation classes chose.
    n1_skewness : float
        Skewness of how often each unseen class is the best one of a sample.
    predict_s : float
        Seconds that scoring took.
    per_class : mapping of str to float
        Top-1 accuracy of every unseen class.
    test_openings : int
        How often this method opened the test part.
    """

    t1: float
    t5: float
    u: float
    s: float
    h: float
    h_calibrated: float
    gamma: float
    ausuc: float
    ece: float
    n1_skewness: float
    predict_s: float
    per_class: Mapping[str, float]
    test_openings: int


def evaluate(
    method: Method,
    dataset: Dataset,
    *,
    by: str,
    protocol: str = "gzsl",
    gamma: float = 0.0,
    temperature: float = 1.0,
) -> Evaluation:
    """Open the test part and measure a fitted method there.

    Parameters
    ----------
    method : Method
        Fitted to nothing but what `Dataset.learnable` gives.
    dataset : Dataset
        Counts the opening.
    by : str
        Who opens it; figures of a method that looked twice should say so.
    protocol : {"zsl", "gzsl"}, default "gzsl"
        "zsl" measures unseen classes among themselves; "gzsl" also all classes together.
    gamma : float, default 0.0
        Penalty on seen classes' scores for `h_calibrated`, chosen before.
    temperature : float, default 1.0
        Temperature for `ece`, above 0, chosen before.

    Returns
    -------
    Evaluation

    Raises
    ------
    InputError
        When a parameter is out of range; when a method without the tag "transductive" gives a sample other scores
        when it is scored alone, which is learning from test samples; or when one without the tag "generative" scores
        a class differently beside other classes, which is learning from their prototypes.
    """
    check_choice("evaluate", "protocol", protocol, PROTOCOLS)
    check_number("evaluate", "gamma", gamma)
    decision = Decision(temperature)
    part = dataset.open_test(by)
    prototypes = dataset.prototypes
    unseen = prototypes.subset([name for name in prototypes.names if name in set(part.y_unseen.tolist())])
    started = time.perf_counter()
    alone = method.class_scores(part.X_unseen, prototypes=unseen)
    seconds = time.perf_counter() - started
    _audit(method, part.X_unseen, unseen, alone)
    _audit_rivals(method, part.X_unseen, unseen, prototypes, alone)
    y = unseen.positions(part.y_unseen)
    rates, _ = per_class_rates(y, alone)
    figures: dict[str, Any] = dict.fromkeys(("u", "s", "h", "h_calibrated", "ausuc"), np.nan)
    if protocol == "gzsl" and len(part.X_seen):
        X = np.concatenate([part.X_unseen, part.X_seen])
        started = time.perf_counter()
        together = method.class_scores(X, prototypes=prototypes)
        seconds += time.perf_counter() - started
        _audit(method, X, prototypes, together)
        columns = prototypes.positions([*part.y_unseen, *part.y_seen])
        curve = seen_unseen_curve(columns, together, np.asarray(prototypes.seen, dtype=bool))
        figures["u"], figures["s"], figures["h"] = curve.at(0.0)
        figures |= {"h_calibrated": curve.at(gamma)[2], "ausuc": curve.ausuc}
    return Evaluation(
        t1=per_class_top_k(y, alone),
        t5=per_class_top_k(y, alone, k=5),
        **figures,
        gamma=gamma,
        ece=expected_calibration_error(y, decision.probabilities(alone)),
        n1_skewness=float(skewness(k_occurrence(alone, k=1))),
        predict_s=seconds,
        per_class={name: float(rate) for name, rate in zip(unseen.names, rates, strict=True)},
        test_openings=dataset.openings[by],
    )


def _audit(method: Method, X: Array, prototypes: Prototypes, scores: Array) -> None:
    """Raise where an inductive method's scores of a sample depend on the samples beside it."""
    if not np.isfinite(scores).all():
        raise InputError(
            message(type(method).__name__, "class scores", "finite", verbatim("NaN or infinity"), "Correct the method")
        )
    if method.capabilities.transductive:
        return
    rows = _some(X)
    again = np.concatenate([method.class_scores(X[i : i + 1], prototypes=prototypes) for i in rows])
    _require_equal(
        method,
        again,
        scores[rows],
        "the scores of a test sample",
        "the same whether it is scored alone or among others",
        "Score each sample by itself, or declare the method transductive",
    )


def _audit_rivals(method: Method, X: Array, unseen: Prototypes, everything: Prototypes, alone: Array) -> None:
    """Raise where a method without a tag for it scores a class differently beside other classes."""
    if depends_on_rivals(method):
        return
    rows = _some(X)
    among = method.class_scores(X[rows], prototypes=everything)[:, everything.positions(unseen.names)]
    _require_equal(
        method,
        among,
        alone[rows],
        "the score of a class",
        "the same whichever other classes are scored",
        "Score each class by itself, or declare the method generative",
    )


def _some(X: Array) -> Array:
    rows: Array = np.unique(np.linspace(0, len(X) - 1, _AUDITED).astype(int))
    return rows


def _require_equal(method: Method, again: Array, scores: Array, what: str, expected: str, remedy: str) -> None:
    # Beside how far scores lie apart, not how large they are: a constant added to all would hide anything.
    size = max(float(np.abs(scores).max()), float(np.abs(again).max()))
    rounding = 64 * float(np.finfo(np.float32 if single_precision(method) else np.float64).eps) * size
    away = float(np.abs(again - scores).max())
    if away > _ROOM * float(np.ptp(scores)) + rounding:
        found = verbatim(f"a difference of {away:.3g}")
        raise InputError(message(type(method).__name__, what, expected, found, remedy))
