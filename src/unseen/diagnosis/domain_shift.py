"""Domain shift: whether the vectors that are to be recognised come from where the training vectors come from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from unseen.diagnosis.finding import Finding
from unseen.diagnosis.two_samples import check_pair, classifier_two_sample_test, maximum_mean_discrepancy
from unseen.errors import InputError
from unseen.validation import check_seed, message, verbatim

if TYPE_CHECKING:
    import numpy.typing as npt
    from matplotlib.axes import Axes

    from unseen.diagnosis.two_samples import ClassifierTest

__all__ = ["measure_domain_shift"]

Array = np.ndarray[Any, Any]

_DIMENSIONS = 10
# A third of fewer classes is one class: that says nothing of what new classes do.
_FEWEST = 6
# Above this chance of seeing such a difference among samples of one source, nothing is called a shift.
_LEVEL = 0.01


def measure_domain_shift(
    X_train: npt.ArrayLike,
    X_target: npt.ArrayLike,
    *,
    y_train: npt.ArrayLike | None = None,
    max_samples: int = 1000,
    n_permutations: int = 500,
    random_state: Any = 0,
) -> Finding:
    """Measure how far the vectors that are to be recognised are from those that were learned from.

    Parameters
    ----------
    X_train, X_target : array-like of shapes (n, d) and (m, d)
        Training vectors, and vectors that are to be recognised; no labels of theirs are needed.
    y_train : array-like of shape (n,) or None, default None
        Classes of the training vectors. Vectors of other classes differ whatever took them; with this, the
        difference is compared with that between training classes: three times, a third of them against the rest.
        With fewer than six classes there is nothing to compare with, and it is as if none were given.
    max_samples : int, default 1000
        At most so many vectors of each side are compared.
    n_permutations : int, default 500
        For the p-value of the maximum mean discrepancy.
    random_state : int, RandomState or None, default 0
        Which vectors are drawn.

    Returns
    -------
    Finding
        ``figures``: ``mmd`` (squared, unbiased) and ``mmd_p``; ``accuracy`` of telling a vector's side and
        ``accuracy_p``; ``mean_shift``, the distance between the means over the root of the training vectors' total
        variance; ``spread``, the root of the target's total variance over that of the training vectors. With
        `y_train` also ``mmd_between_classes`` and ``times``, the first over the second. ``rows``: the dimensions
        that moved most, with the move in standard deviations. ``severity`` is "none" where ``mmd_p`` is 0.01 or more.
        Else with `y_train`: "none" up to twice the difference between training classes, "strong" above four times;
        without: "none" below an accuracy of 0.6, "strong" from 0.8.

    Raises
    ------
    InputError
        When shapes disagree.

    Notes
    -----
    Descriptive of features, not of accuracy: a shift that no method minds is reported like any other. Costs four
    comparisons of :func:`~unseen.diagnosis.two_samples.maximum_mean_discrepancy` and one of
    :func:`~unseen.diagnosis.two_samples.classifier_two_sample_test`.

    References
    ----------
    Gretton, Borgwardt, Rasch, Schölkopf and Smola, "A Kernel Two-Sample Test", JMLR 2012.
    Lopez-Paz and Oquab, "Revisiting Classifier Two-Sample Tests", ICLR 2017.
    Fu, Hospedales, Xiang and Gong, "Transductive Multi-View Zero-Shot Learning", TPAMI 2015: domain shift in
    zero-shot learning.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(100, 4))
    >>> measure_domain_shift(X[:50], X[50:]).severity, measure_domain_shift(X[:50], X[50:] + 3).severity
    ('none', 'strong')
    """
    owner = "measure_domain_shift"
    random = check_seed(owner, random_state)
    train, target = check_pair(owner, "X_train", "X_target", X_train, X_target)
    options: dict[str, Any] = {"max_samples": max_samples, "random_state": random}
    test = maximum_mean_discrepancy(train, target, n_permutations=n_permutations, **options)
    told = classifier_two_sample_test(train, target, n_splits=min(5, len(train), len(target)), **options)
    deviation, total = train.std(axis=0), float(np.sqrt(train.var(axis=0).sum()))
    moved = target.mean(axis=0) - train.mean(axis=0)
    figures = {
        "mmd": test.statistic,
        "mmd_p": test.p_value,
        "accuracy": told.accuracy,
        "accuracy_p": told.p_value,
        "mean_shift": float(np.linalg.norm(moved)) / (total or 1.0),
        "spread": float(np.sqrt(target.var(axis=0).sum())) / (total or 1.0),
    }
    usual = None if y_train is None else _between_classes(owner, train, y_train, test.width, options)
    if usual is not None:
        figures["mmd_between_classes"] = usual
        # Training classes that do not differ at all leave nothing to compare with but the noise of the estimate.
        figures["times"] = max(test.statistic, 0.0) / max(usual, 1e-6)
    severity = _severity(figures)
    # A dimension that never varied in training has no unit of its own.
    moves = moved / np.where(deviation > 0, deviation, deviation.max() or 1.0)
    most = np.argsort(-np.abs(moves), kind="stable")[:_DIMENSIONS]
    rows = [{"dimension": int(j), "moved": round(float(moves[j]), 4)} for j in most]
    return Finding(
        "domain_shift",
        "Domain shift",
        severity,
        _verdict(figures, severity),
        figures,
        rows,
        lambda axes: _draw(axes, told),
    )


def _between_classes(owner: str, train: Array, y_train: Any, width: float, options: dict[str, Any]) -> float | None:
    """Return the mean discrepancy between a third of the training classes and the rest, over three thirds."""
    from unseen.methods.selection import ClassWiseSplit

    labels = np.asarray(y_train)
    if labels.shape != (len(train),):
        expected, found = f"of shape ({len(train)},)", verbatim(f"shape {labels.shape}")
        raise InputError(message(owner, "y_train", expected, found, "Pass a class per training vector, or None"))
    if len(np.unique(labels)) < _FEWEST:
        return None
    between = [
        maximum_mean_discrepancy(train[known], train[held], width=width, n_permutations=1, **options).statistic
        for known, held in ClassWiseSplit(3, random_state=options["random_state"]).split(train, labels)
    ]
    return float(np.mean(between))


def _severity(figures: dict[str, float]) -> Literal["none", "mild", "strong"]:
    if figures["mmd_p"] >= _LEVEL:
        return "none"
    value, low, high = (figures["times"], 2, 4) if "times" in figures else (figures["accuracy"], 0.6, 0.8)
    return "none" if value < low else "mild" if value < high else "strong"


def _verdict(figures: dict[str, float], severity: str) -> str:
    told = f"A classifier tells training vectors from the others {figures['accuracy']:.0%} of the time (chance: 50 %)"
    told = told.replace("%", " %", 1)
    if severity == "none" and figures["mmd_p"] >= _LEVEL:
        chance = f"at p = {figures['mmd_p']:.2g}, above {_LEVEL:g}, chance may explain what there is"
        return f"No shift found: {chance}. {told}."
    if "times" not in figures:
        return f"{told}. How much of that is new classes, only six or more training classes' labels could tell."
    size = f"they differ {figures['times']:.1f} times as much as training classes do from each other"
    if severity == "none":
        return f"{told}, and {size}: no more than new classes explain."
    return f"{told}, and {size}: more than new classes explain. Align the vectors, or train on photos like these."


def _draw(axes: Axes, told: ClassifierTest) -> None:
    edges = np.histogram_bin_edges(told.margins, bins=30)
    axes.hist(told.margins[told.side == 0], bins=list(edges), color="0.75", label="training")
    axes.hist(
        told.margins[told.side == 1], bins=list(edges), histtype="step", color="black", hatch="///", label="target"
    )
    axes.set_xlabel("position along the direction that\ntells them apart best")
    axes.set_ylabel("vectors")
    axes.set_title("Training and target")
    axes.legend()
