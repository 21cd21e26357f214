"""Domain shift: whether the vectors that are to be recognised come from where the training vectors come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from scipy.spatial.distance import pdist, squareform
from sklearn.utils import check_array

from unseen.diagnosis.finding import Finding
from unseen.errors import InputError
from unseen.validation import check_number, check_seed, message, verbatim

if TYPE_CHECKING:
    import numpy.typing as npt
    from matplotlib.axes import Axes

__all__ = [
    "ClassifierTest",
    "TwoSampleTest",
    "classifier_two_sample_test",
    "maximum_mean_discrepancy",
    "measure_domain_shift",
]

Array = np.ndarray[Any, Any]

# Permutations that are multiplied with the kernel matrix at a time.
_BLOCK = 256
_DIMENSIONS = 10
# A third of fewer classes is one class: that says nothing of what new classes do.
_FEWEST = 6
# Above this chance of seeing such a difference among samples of one source, nothing is called a shift.
_LEVEL = 0.01


@dataclass(frozen=True)
class TwoSampleTest:
    """What a two-sample test found.

    Attributes
    ----------
    statistic : float
        How far apart the samples are, in the unit of the test.
    p_value : float
        How likely so large a statistic is where both samples come from one source, in (0, 1].
    width : float
        Width of the kernel that was used.
    """

    statistic: float
    p_value: float
    width: float


@dataclass(frozen=True)
class ClassifierTest:
    """What a classifier two-sample test found.

    Attributes
    ----------
    accuracy : float
        Share of the vectors whose sample a classifier that had not seen them told right; 0.5 is chance.
    p_value : float
        How likely it is that a classifier that learned on one half tells the other half apart so well by chance.
    margins : ndarray of shape (2 m,)
        Where each vector lies along the direction that tells the samples apart best, found without it: below 0 on the
        first sample's side.
    side : ndarray of int of shape (2 m,)
        0 for vectors of the first sample, 1 for those of the second.
    """

    accuracy: float
    p_value: float
    margins: npt.NDArray[np.float64]
    side: npt.NDArray[np.intp]


def maximum_mean_discrepancy(
    A: npt.ArrayLike,
    B: npt.ArrayLike,
    *,
    width: float | None = None,
    n_permutations: int = 500,
    max_samples: int = 1000,
    random_state: Any = 0,
) -> TwoSampleTest:
    r"""Compare two samples by the maximum mean discrepancy of a Gaussian kernel.

    .. math:: \widehat{\mathrm{MMD}}^2 = \frac{1}{m(m-1)}\sum_{i \ne j} k(a_i, a_j)
       + \frac{1}{n(n-1)}\sum_{i \ne j} k(b_i, b_j) - \frac{2}{mn}\sum_{i, j} k(a_i, b_j), \qquad
       k(x, x') = \exp\Bigl(-\frac{\lVert x - x'\rVert^2}{2 \sigma^2}\Bigr)

    Parameters
    ----------
    A, B : array-like of shapes (m, d) and (n, d)
        The samples, finite, at least two vectors each.
    width : float or None, default None
        :math:`\sigma`, above 0; None takes the median distance between two vectors of the pooled sample.
    n_permutations : int, default 500
        Random divisions of the pooled sample that the statistic is compared with, at least 1. The smallest p-value is
        one over this number plus one.
    max_samples : int, default 1000
        At most so many vectors of each sample are drawn at random and compared, at least 2.
    random_state : int, RandomState or None, default 0
        Which vectors and divisions are drawn.

    Returns
    -------
    TwoSampleTest
        The statistic is unbiased: its mean is 0 where both samples come from one source, so it may be below 0.

    Raises
    ------
    InputError
        When shapes disagree or a parameter is out of range.

    Notes
    -----
    O(N^2 (d + n_permutations)) with N at most twice `max_samples`; memory for a few N x N matrices. Every division
    counts that reaches the statistic, ties included, so the p-value is valid at any size. Vectors that are all
    alike have statistic 0 and p-value 1. The test takes vectors for independent draws: samples of *other classes*
    differ too, whatever took them; see `measure_domain_shift`.

    References
    ----------
    Gretton, Borgwardt, Rasch, Schölkopf and Smola, "A Kernel Two-Sample Test", JMLR 2012.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> test = maximum_mean_discrepancy(rng.normal(size=(60, 3)), rng.normal(size=(60, 3)) + 1)
    >>> round(test.p_value, 3)
    0.002
    """
    owner = "maximum_mean_discrepancy"
    repeats = int(check_number(owner, "n_permutations", n_permutations, low=1, integer=True))
    wanted = None if width is None else check_number(owner, "width", width, low=0, low_open=True)
    random = check_seed(owner, random_state)
    first, second = _samples(owner, A, B, max_samples, random)
    m, n = len(first), len(second)
    squared = pdist(np.concatenate([first, second]), "sqeuclidean")
    sigma = _median(np.sqrt(squared)) if wanted is None else wanted
    # Off-diagonal sums alone enter the unbiased estimator, so the diagonal stays 0.
    kernel = squareform(np.exp(-squared / (2 * sigma**2)))
    rows, total = kernel.sum(axis=1), float(kernel.sum())

    def statistics(members: Array) -> Array:
        """Return the statistic of each division; members (P, N) is 1 for vectors of the first sample."""
        inside = np.einsum("pn,pn->p", members @ kernel, members)
        touching = members @ rows
        across = touching - inside
        outside = total - touching - across
        found: Array = inside / (m * (m - 1)) + outside / (n * (n - 1)) - 2 * across / (m * n)
        return found

    observed = float(statistics((np.arange(m + n) < m)[None].astype(np.float64))[0])
    reached = 0
    for start in range(0, repeats, _BLOCK):
        members = np.zeros((min(_BLOCK, repeats - start), m + n))
        for row in members:
            row[random.permutation(m + n)[:m]] = 1.0
        # Sums in another order differ in the last digits; such a tie is a tie.
        reached += int((statistics(members) >= observed - 1e-12).sum())
    return TwoSampleTest(observed, (1 + reached) / (1 + repeats), sigma)


def classifier_two_sample_test(
    A: npt.ArrayLike,
    B: npt.ArrayLike,
    *,
    C: float = 0.01,
    n_splits: int = 5,
    max_samples: int = 1000,
    random_state: Any = 0,
) -> ClassifierTest:
    """Compare two samples by how well a classifier learns to tell them apart.

    Parameters
    ----------
    A, B : array-like of shapes (m, d) and (n, d)
        The samples, finite, at least `n_splits` vectors each.
    C : float, default 0.01
        Inverse strength of the logistic regression's penalty, above 0, on standardised vectors; smaller is smoother.
    n_splits : int, default 5
        Folds, at least 2: every vector is judged by a classifier that has not seen it.
    max_samples : int, default 1000
        At most so many vectors of each sample are drawn at random; both give equally many.
    random_state : int, RandomState or None, default 0
        Which vectors are drawn, and the folds.

    Returns
    -------
    ClassifierTest
        The accuracy is that of all folds; the p-value is Fisher's exact test of one half of the vectors, judged by a
        classifier that learned on the other, and valid at any size. (Counting the folds' answers as independent
        guesses would not be: they share training vectors.)

    Raises
    ------
    InputError
        When shapes disagree or a parameter is out of range.

    Notes
    -----
    One logistic regression per fold, O(m d) a step. A margin of exactly 0 counts as the first sample's.

    References
    ----------
    Lopez-Paz and Oquab, "Revisiting Classifier Two-Sample Tests", ICLR 2017.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> test = classifier_two_sample_test(rng.normal(size=(60, 3)), rng.normal(size=(60, 3)) + 2)
    >>> test.accuracy > 0.9, test.p_value < 1e-6
    (True, True)
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    owner = "classifier_two_sample_test"
    strength = check_number(owner, "C", C, low=0, low_open=True)
    folds = int(check_number(owner, "n_splits", n_splits, low=2, integer=True))
    random = check_seed(owner, random_state)
    first, second = _samples(owner, A, B, max_samples, random)
    size = min(len(first), len(second))
    if size < folds:
        few = verbatim(f"{len(first)} and {len(second)}")
        remedy = "Pass more vectors, or use fewer folds"
        raise InputError(message(owner, "A and B", f"of at least {folds} vectors each", few, remedy))
    # Both are in random order where vectors were drawn; in the caller's order the first ones would not be typical.
    first, second = (X[random.permutation(len(X))[:size]] for X in (first, second))
    side = np.repeat(np.arange(2), size)
    classifier = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=1000))
    splitter = StratifiedKFold(folds, shuffle=True, random_state=random)
    margins = cross_val_predict(
        classifier, np.concatenate([first, second]), side, cv=splitter, method="decision_function"
    )
    accuracy = float(((margins > 0) == side).mean())
    return ClassifierTest(accuracy, _fisher(classifier, first, second), margins, side)


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
    comparisons of :func:`maximum_mean_discrepancy` and one of :func:`classifier_two_sample_test`.

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
    train, target = _pair(owner, "X_train", "X_target", X_train, X_target)
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


def _fisher(classifier: Any, first: Array, second: Array) -> float:
    """Return the p-value of telling the second halves apart by what was learned from the first halves."""
    from scipy.stats import fisher_exact

    half = len(first) // 2
    learned = np.concatenate([first[:half], second[:half]])
    classifier.fit(learned, np.repeat(np.arange(2), half))
    # Where both sides are drawn alike, which of the judged vectors are called "second" has nothing to do with the side.
    called = [classifier.decision_function(X[half:]) > 0 for X in (second, first)]
    table = np.array([[one.sum(), (~one).sum()] for one in called])
    return float(fisher_exact(table, alternative="greater").pvalue)


def _samples(owner: str, A: Any, B: Any, max_samples: Any, random: np.random.RandomState) -> tuple[Array, Array]:
    limit = int(check_number(owner, "max_samples", max_samples, low=2, integer=True))
    first, second = _pair(owner, "A", "B", A, B)
    return _fewer(first, limit, random), _fewer(second, limit, random)


def _pair(owner: str, name_a: str, name_b: str, A: Any, B: Any) -> tuple[Array, Array]:
    first = check_array(A, dtype=np.float64, estimator=owner, input_name=name_a)
    second = check_array(B, dtype=np.float64, estimator=owner, input_name=name_b)
    if first.shape[1] != second.shape[1] or min(len(first), len(second)) < 2:
        shapes = verbatim(f"shapes {first.shape} and {second.shape}")
        expected = "at least two vectors each, of one dimension"
        raise InputError(message(owner, f"{name_a} and {name_b}", expected, shapes, "Encode both with one encoder"))
    return first, second


def _fewer(X: Array, limit: int, random: np.random.RandomState) -> Array:
    return X if len(X) <= limit else X[np.sort(random.permutation(len(X))[:limit])]


def _median(distances: Array) -> float:
    """Return the median of distances between different vectors; where most are alike, the median of the others."""
    median = float(np.median(distances))
    if median == 0 and distances.any():
        median = float(np.median(distances[distances > 0]))
    return median or 1.0


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
