"""Two-sample tests: whether two sets of vectors may come from one source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.spatial.distance import pdist, squareform
from sklearn.utils import check_array

from unseen.errors import InputError
from unseen.validation import check_number, check_seed, message, verbatim

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["ClassifierTest", "TwoSampleTest", "check_pair", "classifier_two_sample_test", "maximum_mean_discrepancy"]

Array = np.ndarray[Any, Any]

# Permutations that are multiplied with the kernel matrix at a time.
_BLOCK = 256


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
    differ too, whatever took them; see :func:`~unseen.diagnosis.domain_shift.measure_domain_shift`.

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
    sigma = median_distance(np.sqrt(squared)) if wanted is None else wanted
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


def check_pair(owner: str, name_a: str, name_b: str, A: Any, B: Any) -> tuple[Array, Array]:
    """Return two samples of at least two vectors each.

    Raises
    ------
    InputError
        When there are fewer, or their dimensions differ.
    """
    first = check_array(A, dtype=np.float64, estimator=owner, input_name=name_a)
    second = check_array(B, dtype=np.float64, estimator=owner, input_name=name_b)
    if first.shape[1] != second.shape[1] or min(len(first), len(second)) < 2:
        shapes = verbatim(f"shapes {first.shape} and {second.shape}")
        expected = "at least two vectors each, of one dimension"
        raise InputError(message(owner, f"{name_a} and {name_b}", expected, shapes, "Encode both with one encoder"))
    return first, second


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
    first, second = check_pair(owner, "A", "B", A, B)
    return _fewer(first, limit, random), _fewer(second, limit, random)


def _fewer(X: Array, limit: int, random: np.random.RandomState) -> Array:
    return X if len(X) <= limit else X[np.sort(random.permutation(len(X))[:limit])]


def median_distance(distances: Array) -> float:
    """Return the median of distances between different vectors; where most are alike, the median of the others."""
    median = float(np.median(distances))
    if median == 0 and distances.any():
        median = float(np.median(distances[distances > 0]))
    return median or 1.0
