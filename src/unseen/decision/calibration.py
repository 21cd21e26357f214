"""Calibration: scores become probabilities one can threshold, and a certainty that the item is known at all.

Both are fitted on scores of classes that the method did not learn from (validation classes held out of its
training), because a method is far surer of classes it has seen.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from unseen.decision.evidence import Tally, bounded, odds_of_best, odds_of_both, tally
from unseen.errors import InputError, ModelError
from unseen.validation import check_choice, check_number, message, verbatim

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from unseen.prototypes import Prototypes

__all__ = ["Decision", "fit_known", "fit_temperature", "known_evidence"]

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Decision:
    r"""What turns class scores into an answer.

    .. math:: p_c = \operatorname{softmax}_c(f_c / T) \ \text{or}\ \sigma(f_c / T + \beta), \qquad
       \text{known} = \sigma\bigl(a\, e + b + c \log C\bigr)

    Parameters
    ----------
    temperature : float, default 1.0
        T, above 0, in units of the scores.
    known_slope, known_offset, known_size : float, default 1.0, 0.0, 0.0
        a, b and c: how the evidence e that the item is of any of the C classes becomes a probability. The best of
        many scores is high by chance alone, so c is negative where the size of the vocabulary was fitted too.
    reference : float, default 0.0
        r, in [0, 1]: how much the best score among the classes the method has seen counts against that. An item
        that looks far more like something outside the vocabulary is probably not of it. 0 where nothing was seen.
    activation : {"softmax", "sigmoid"}, default "softmax"
        Whether classes compete for an item, so that their probabilities sum to one, or each is judged alone.
    bias : float, default 0.0
        :math:`\beta`; of use with ``"sigmoid"`` alone.
    known_from : {"scores", "probabilities"}, default "scores"
        What the evidence e is. ``"scores"``: :math:`\max_c f_c - r \max_s f_s`, for methods whose a, b and c were
        fitted. ``"probabilities"``: log-odds that the model itself gives, for models that were trained to; with
        a = 1 and b = c = 0 known is then a probability of the model: the share of the classes beside background
        prompts; with ``"sigmoid"`` the largest :math:`p_c`, times that share where there is a background; else the
        largest :math:`p_c`.

    Raises
    ------
    InputError
        When a parameter is not a finite number in its range, or none of the words.

    Examples
    --------
    >>> from unseen.decision.calibration import Decision
    >>> Decision(temperature=0.5).probabilities([[0.0, 0.5]]).round(2).tolist()
    [[0.27, 0.73]]
    >>> Decision(temperature=0.5, activation="sigmoid", bias=-1.0).probabilities([[0.0, 0.5]]).round(2).tolist()
    [[0.27, 0.5]]
    """

    temperature: float = 1.0
    known_slope: float = 1.0
    known_offset: float = 0.0
    known_size: float = 0.0
    reference: float = 0.0
    activation: str = field(default="softmax", kw_only=True)
    bias: float = field(default=0.0, kw_only=True)
    known_from: str = field(default="scores", kw_only=True)

    def __post_init__(self) -> None:
        check_number("Decision", "temperature", self.temperature, low=0, low_open=True)
        check_number("Decision", "known_slope", self.known_slope)
        check_number("Decision", "known_offset", self.known_offset)
        check_number("Decision", "known_size", self.known_size)
        check_number("Decision", "reference", self.reference, low=0, high=1)
        check_choice("Decision", "activation", self.activation, ("softmax", "sigmoid"))
        check_number("Decision", "bias", self.bias)
        check_choice("Decision", "known_from", self.known_from, ("scores", "probabilities"))

    def probabilities(self, scores: npt.ArrayLike) -> Array:
        """Return probabilities (n, C) of scores (n, C); with softmax each row sums to one."""
        from scipy.special import softmax

        matrix = np.asarray(scores, dtype=np.float64)
        if self.activation == "sigmoid":
            return self.ranked_probabilities(matrix)
        probabilities: Array = softmax(matrix / self.temperature, axis=1)
        return probabilities

    def ranked_probabilities(self, scores: Array, log_sum: Array | float = 0.0) -> Array:
        """Return probabilities of some of each row's scores (n, K); softmax needs the rows' log_sum (n, 1)."""
        from scipy.special import expit

        logits = scores / self.temperature
        if self.activation == "softmax":
            shares: Array = np.exp(np.minimum(logits - log_sum, 0))
            return shares
        probabilities: Array = expit(logits + self.bias)
        return probabilities

    def known(
        self,
        scores: npt.ArrayLike,
        seen_scores: npt.ArrayLike | None = None,
        background_scores: npt.ArrayLike | None = None,
    ) -> Array:
        """Return the probability (n,) that each item is of one of the classes.

        Parameters
        ----------
        scores : array of shape (n, C)
            Scores of the classes in question.
        seen_scores : array of shape (n, C_seen) or None
            Scores of the method's seen classes; needed where `reference` is not 0.
        background_scores : array of shape (n, B) or None
            Scores of background prompts. Where `known_from` is ``"scores"``, known is multiplied by the share of
            the classes beside them.
        """
        from scipy.special import expit

        def matrix(values: npt.ArrayLike | None) -> Array | None:
            return None if values is None else np.asarray(values, dtype=np.float64)

        counted = tally(
            np.asarray(scores, dtype=np.float64),
            self.temperature,
            seen_scores=matrix(seen_scores),
            background_scores=matrix(background_scores),
        )
        probability: Array = expit(self.known_odds(counted))
        return probability

    def known_odds(self, counted: Tally) -> Array:
        """Return the log-odds that items are of one of the classes, given what was counted of their scores.

        Raises
        ------
        InputError
            When `reference` is not 0 and the seen classes' scores are missing.
        """
        share = None if counted.background is None else counted.log_sum - counted.background
        if self.known_from == "scores":
            odds = counted.best
            if self.reference:
                odds = odds - self.reference * _seen(counted.seen)
        elif self.activation == "sigmoid":
            odds = counted.best / self.temperature + self.bias
            odds = odds if share is None else odds_of_both(odds, share)
        elif share is not None:
            odds = share
        else:
            odds = bounded(odds_of_best(counted.best / self.temperature, counted.log_sum))
        size = self.known_size * np.log(counted.n_classes)
        odds = self.known_slope * odds + self.known_offset + size
        if self.known_from == "scores" and share is not None:
            odds = odds_of_both(odds, share)
        return bounded(odds)

    def presence_odds(self, scores: Array, seen: Array | None = None, background: Array | None = None) -> Array:
        """Return the log-odds (n, C) that items are of each class at all: those of known, of each class alone.

        `seen` and `background` (n,) are those of :class:`~unseen.decision.evidence.Tally`.
        """
        alone = Tally(
            scores,
            scores / self.temperature,
            1,
            None if seen is None else seen[:, None],
            None if background is None else background[:, None],
        )
        return self.known_odds(alone)

    def to_dict(self) -> dict[str, Any]:
        """Return the parameters as JSON can hold them; those that came later are left out where they change nothing."""
        later = {"activation": "softmax", "bias": 0.0, "known_from": "scores"}
        return {key: value for key, value in asdict(self).items() if key not in later or value != later[key]}

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
    seen = None if seen_scores is None else np.max(np.asarray(seen_scores, dtype=np.float64), axis=1)
    less: Array = best - reference * _seen(seen)
    return less


def _seen(best: Array | None) -> Array:
    if best is None:
        missing = verbatim("none")
        remedy = "Pass the method's scores of its seen classes, class_scores(X)"
        raise InputError(message("Decision", "seen_scores", "given where reference is not 0", missing, remedy))
    return best


def fit_temperature(
    scores: Sequence[npt.ArrayLike],
    y: Sequence[npt.ArrayLike],
    *,
    prototypes: Sequence[Prototypes] | None = None,
    weights: Sequence[float] | None = None,
    smoothing: float = 0.0,
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
    weights : sequence of float or None, default None
        How much each set counts, whatever its number of items; None for all alike.
    smoothing : float, default 0.0
        Share of each item, in [0, 1), that counts as of any class alike: else a few items that are all recognised
        would lead to certainty.

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

    owner = "fit_temperature"
    check_number(owner, "smoothing", smoothing, low=0, high=1, high_open=True)
    lengths = [len(given) for given in (scores, y, prototypes, weights) if given is not None]
    if not lengths[0] or len(set(lengths)) > 1:
        expected, found = "of as many sets each, at least one", verbatim(", ".join(map(str, lengths)))
        raise InputError(
            message(owner, "scores, y, prototypes and weights", expected, found, "Pass one of each per set")
        )
    sets = [_check_set(s, t) for s, t in zip(scores, y, strict=True)]
    for (_, targets), classes in zip(sets, prototypes or [], strict=bool(prototypes)):
        refuse_test_classes(owner, targets, classes)

    def loss(log_temperature: float) -> float:
        total = 0.0
        for (matrix, targets), weight in zip(sets, weights or [1.0] * len(sets), strict=True):
            scaled = matrix / np.exp(log_temperature)
            true = (1 - smoothing) * scaled[np.arange(len(targets)), targets]
            total += weight * float((logsumexp(scaled, axis=1) - true - smoothing * scaled.mean(axis=1)).mean())
        return total

    spread = np.mean([matrix.std(axis=1).mean() for matrix, _ in sets]) or 1.0
    centre = float(np.log(spread))
    best = minimize_scalar(loss, bounds=(centre - 7, centre + 7), method="bounded", options={"xatol": 1e-4})
    return float(np.exp(best.x))


def fit_known(
    evidence: npt.ArrayLike, known: npt.ArrayLike, sizes: npt.ArrayLike, *, smoothing: float = 0.0
) -> tuple[float, float, float]:
    """Return slope, offset and size of the logistic curve from evidence (n,) to P(known), given booleans (n,).

    `sizes` (n,) are the numbers of classes each item was scored against; where they are all one, size is 0.
    Both kinds count equally, however many there are of each: how common unknown items are is for the user to know.
    `smoothing`, in [0, 1), is the share of each item that counts as of the other kind.

    Raises
    ------
    InputError
        When one of the two kinds is missing, lengths differ, or a number is out of range.
    """
    from sklearn.linear_model import LogisticRegression

    check_number("fit_known", "smoothing", smoothing, low=0, high=1, high_open=True)
    e, labels = np.asarray(evidence, dtype=np.float64), np.asarray(known, dtype=np.bool_)
    counts = np.asarray(sizes, dtype=np.float64)
    if e.ndim != 1 or not e.shape == labels.shape == counts.shape:
        found = verbatim(f"shapes {e.shape}, {labels.shape} and {counts.shape}")
        remedy = "Pass one of each per item"
        raise InputError(message("fit_known", "evidence, known and sizes", "all of shape (n,)", found, remedy))
    if not np.isfinite(e).all() or not (np.isfinite(counts) & (counts >= 1)).all():
        expected = "finite, sizes at least 1"
        raise InputError(message("fit_known", "evidence and sizes", expected, verbatim("others"), "Check both"))
    if labels.all() or not labels.any():
        raise InputError(
            message(
                "fit_known", "known", "true for some items and false for others", labels, "Add items of the other kind"
            )
        )
    logs = np.log(counts)
    one_size = np.ptp(logs) == 0
    scale = e.std() or 1.0
    X = np.stack([e / scale, np.zeros_like(e) if one_size else logs], axis=1)
    curve = LogisticRegression(C=1e6, class_weight="balanced" if not smoothing else None, max_iter=1000)
    if smoothing:
        weights = np.where(labels, 0.5 / labels.mean(), 0.5 / (1 - labels.mean()))
        both = np.concatenate([(1 - smoothing) * weights, smoothing * weights])
        curve.fit(np.concatenate([X, X]), np.concatenate([labels, ~labels]), sample_weight=both)
    else:
        curve.fit(X, labels)
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
    if targets.dtype.kind not in "iu" or matrix.ndim != 2 or targets.shape != (len(matrix),) or not len(matrix):
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
