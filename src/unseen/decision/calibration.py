"""Calibration: scores become probabilities one can threshold, and a certainty that the item is known at all.

Both are fitted on scores of classes that the method did not learn from (validation classes held out of its
training), because a method is far surer of classes it has seen.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from unseen.errors import InputError, ModelError
from unseen.validation import check_number, message, verbatim

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from unseen.prototypes import Prototypes

__all__ = ["Decision", "fit_known", "fit_temperature", "known_evidence"]

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Decision:
    r"""What turns class scores into an answer.

    .. math:: p_c = \operatorname{softmax}_c(f_c / T), \qquad
       \text{known} = \sigma\bigl(a\, e + b + c \log C\bigr), \quad e = \max_c f_c - r \max_s f_s

    Parameters
    ----------
    temperature : float
        T, above 0, in units of the scores.
    known_slope, known_offset, known_size : float
        a, b and c: how the evidence e that the item is of any of the C classes becomes a probability. The best of
        many scores is high by chance alone, so c is negative where the size of the vocabulary was fitted too.
    reference : float
        r, in [0, 1]: how much the best score among the classes the method has seen counts against that. An item
        that looks far more like something outside the vocabulary is probably not of it. 0 where nothing was seen.

    Raises
    ------
    InputError
        When a parameter is not a finite number in its range.
    """

    temperature: float = 1.0
    known_slope: float = 1.0
    known_offset: float = 0.0
    known_size: float = 0.0
    reference: float = 0.0

    def __post_init__(self) -> None:
        check_number("Decision", "temperature", self.temperature, low=0, low_open=True)
        check_number("Decision", "known_slope", self.known_slope)
        check_number("Decision", "known_offset", self.known_offset)
        check_number("Decision", "known_size", self.known_size)
        check_number("Decision", "reference", self.reference, low=0, high=1)

    def probabilities(self, scores: npt.ArrayLike) -> Array:
        """Return probabilities (n, C) of scores (n, C); each row sums to one."""
        from scipy.special import softmax

        probabilities: Array = softmax(np.asarray(scores, dtype=np.float64) / self.temperature, axis=1)
        return probabilities

    def known(self, scores: npt.ArrayLike, seen_scores: npt.ArrayLike | None = None) -> Array:
        """Return the probability (n,) that each item is of one of the classes.

        Parameters
        ----------
        scores : array of shape (n, C)
            Scores of the classes in question.
        seen_scores : array of shape (n, C_seen) or None
            Scores of the method's seen classes; needed where `reference` is not 0.
        """
        from scipy.special import expit

        evidence = known_evidence(scores, seen_scores, reference=self.reference)
        size = np.log(np.shape(scores)[1])
        known: Array = expit(self.known_slope * evidence + self.known_offset + self.known_size * size)
        return known

    def to_dict(self) -> dict[str, float]:
        """Return the parameters as JSON can hold them."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return the decision that `to_dict` described.

        Raises
        ------
        ModelError
            When a parameter is missing, unknown or out of range.
        """
        try:
            return cls(**values)
        except (TypeError, InputError) as error:
            raise ModelError(f"Decision: the saved parameters cannot be used: {error}") from None


def known_evidence(scores: npt.ArrayLike, seen_scores: npt.ArrayLike | None = None, *, reference: float = 0.0) -> Array:
    """Return the evidence (n,) that an item is of one of the classes: its best score, less the reference's.

    Raises
    ------
    InputError
        When a reference is asked for and `seen_scores` are missing.
    """
    best: Array = np.asarray(np.max(np.asarray(scores, dtype=np.float64), axis=1))
    if not reference:
        return best
    if seen_scores is None:
        missing = verbatim("none")
        remedy = "Pass the method's scores of its seen classes, class_scores(X)"
        raise InputError(message("Decision", "seen_scores", "given where reference is not 0", missing, remedy))
    less: Array = best - reference * np.max(np.asarray(seen_scores, dtype=np.float64), axis=1)
    return less


def fit_temperature(
    scores: Sequence[npt.ArrayLike],
    y: Sequence[npt.ArrayLike],
    *,
    prototypes: Sequence[Prototypes] | None = None,
) -> float:
    """Return the temperature under which the true classes of validation items are likeliest.

    Parameters
    ----------
    scores : sequence of arrays (n_i, C_i)
        Scores of several validation sets, so that one temperature serves vocabularies of several sizes.
    y : sequence of int arrays (n_i,)
        Positions of the true classes.
    prototypes : sequence of Prototypes, optional
        Their classes; where a seen mask is given, items of test (unseen) classes are refused.

    Raises
    ------
    InputError
        When shapes disagree, or an item is of a class that is marked unseen.

    References
    ----------
    Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks", ICML 2017.
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import logsumexp

    sets = [_check_set(s, t) for s, t in zip(scores, y, strict=True)]
    for (_, targets), classes in zip(sets, prototypes or [], strict=bool(prototypes)):
        refuse_test_classes("fit_temperature", targets, classes)

    def loss(log_temperature: float) -> float:
        total = 0.0
        for matrix, targets in sets:
            scaled = matrix / np.exp(log_temperature)
            total += float((logsumexp(scaled, axis=1) - scaled[np.arange(len(targets)), targets]).mean())
        return total

    spread = np.mean([matrix.std(axis=1).mean() for matrix, _ in sets]) or 1.0
    centre = float(np.log(spread))
    best = minimize_scalar(loss, bounds=(centre - 7, centre + 7), method="bounded", options={"xatol": 1e-4})
    return float(np.exp(best.x))


def fit_known(evidence: npt.ArrayLike, known: npt.ArrayLike, sizes: npt.ArrayLike) -> tuple[float, float, float]:
    """Return slope, offset and size of the logistic curve from evidence (n,) to P(known), given booleans (n,).

    `sizes` (n,) are the numbers of classes each item was scored against; where they are all one, size is 0.
    Both kinds count equally, however many there are of each: how common unknown items are is for the user to know.

    Raises
    ------
    InputError
        When one of the two kinds is missing.
    """
    from sklearn.linear_model import LogisticRegression

    e, labels = np.asarray(evidence, dtype=np.float64), np.asarray(known, dtype=np.bool_)
    if labels.all() or not labels.any():
        raise InputError(
            message(
                "fit_known", "known", "true for some items and false for others", labels, "Add items of the other kind"
            )
        )
    logs = np.log(np.asarray(sizes, dtype=np.float64))
    one_size = np.ptp(logs) == 0
    scale = e.std() or 1.0
    X = np.stack([e / scale, np.zeros_like(e) if one_size else logs], axis=1)
    curve = LogisticRegression(C=1e6, class_weight="balanced", max_iter=1000).fit(X, labels)
    slope, size = curve.coef_[0]
    return float(slope / scale), float(curve.intercept_[0]), 0.0 if one_size else float(size)


def refuse_test_classes(owner: str, y: Array, prototypes: Prototypes) -> None:
    """Raise when an item is of a class marked unseen: a decision fitted on test classes is worth nothing.

    Raises
    ------
    InputError
        Naming the first such class.
    """
    if prototypes.seen is None:
        return
    unseen = ~prototypes.seen[y]
    if unseen.any():
        name = prototypes.names[int(y[np.flatnonzero(unseen)[0]])]
        raise InputError(
            message(owner, "y", "of seen validation classes only", name, "Hold out seen classes for calibration")
        )


def _check_set(scores: npt.ArrayLike, y: npt.ArrayLike) -> tuple[Array, Array]:
    matrix, targets = np.asarray(scores, dtype=np.float64), np.asarray(y)
    if matrix.ndim != 2 or targets.shape != (len(matrix),) or not len(matrix):
        raise InputError(
            message(
                "fit_temperature",
                "scores and y",
                "of shapes (n, C) and (n,) with n at least 1",
                verbatim(f"{matrix.shape} and {targets.shape}"),
                "Pass one position per row",
            )
        )
    if not np.isfinite(matrix).all() or targets.min() < 0 or targets.max() >= matrix.shape[1]:
        raise InputError(
            message(
                "fit_temperature",
                "scores and y",
                "finite, and positions of columns",
                verbatim("others"),
                "Check both",
            )
        )
    return matrix, targets
