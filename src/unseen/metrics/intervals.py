"""Intervals and comparisons: how far a figure could have come out otherwise, by chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.errors import InputError
from unseen.metrics.checks import check_flags, check_positions, check_values
from unseen.validation import check_choice, check_number, check_seed, message, verbatim

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["Comparison", "Interval", "bootstrap_interval", "paired_comparison"]

Array = np.ndarray[Any, Any]

OVER = ("classes", "images", "both")

#: Classes with at most so many different values are drawn as counts of those, which costs nothing.
_FEW = 16
#: Numbers held at once while drawing.
_BLOCK = 2_000_000


@dataclass(frozen=True)
class Interval:
    """A figure and its bootstrap confidence interval.

    Attributes
    ----------
    estimate : float
        The figure on the samples as they are.
    low, high : float
        Ends of the interval: percentiles of the figure on resampled data.
    level : float
        Confidence level.
    over : str
        What was resampled: "classes", "images" or "both".
    n_resamples : int
        How many times.
    """

    estimate: float
    low: float
    high: float
    level: float
    over: str
    n_resamples: int


@dataclass(frozen=True)
class Comparison:
    """Two methods on the same samples.

    Attributes
    ----------
    first, second : float
        Figures of the two.
    difference : Interval
        First less second, with its interval: positive where the first is better.
    p_value : float
        How often a difference as large, either way, arises where the two methods' rates are swapped in classes
        picked by chance. Where the methods are as good as each other, values below 0.05 come up at most one time in 20.
    n_better, n_worse : int
        Classes on which the first has the higher, and the lower rate.
    n_permutations : int
        Swaps tried: all there are, or as many as were asked for.
    """

    first: float
    second: float
    difference: Interval
    p_value: float
    n_better: int
    n_worse: int
    n_permutations: int


def bootstrap_interval(
    values: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    seen: npt.ArrayLike | None = None,
    over: str = "classes",
    level: float = 0.95,
    n_resamples: int = 2000,
    random_state: Any = 0,
) -> Interval:
    """Return a mean over classes of the class's mean, such as per-class accuracy, with a confidence interval.

    Parameters
    ----------
    values : array of shape (n,)
        A figure of each sample, such as its hit: `top_k_hits`, or `generalized_hits` together with `seen`.
    y : int array of shape (n,)
        Positions of the samples' classes.
    seen : array of bool of shape (C,) or None, default None
        Which classes are seen. Where given, the figure is the harmonic mean of that over unseen and that over seen
        classes, and either kind is resampled by itself.
    over : {"classes", "images", "both"}, default "classes"
        What could have been otherwise. "images": the same classes, other images of each. "classes": other classes
        of the same sort. Their rates carry the noise of their images, so this covers other images too. "both": other
        classes, and other images of each on top, which counts the images' noise twice: it errs on the wide side.
    level : float in (0, 0.999], default 0.95
        Share of such intervals that are meant to hold the true figure.
    n_resamples : int, default 2000
        At least 100. More steady the ends.
    random_state : int, RandomState or None, default 0
        Which resamples are drawn. The same number gives the same interval.

    Returns
    -------
    Interval
        Its ends are percentiles.

    Raises
    ------
    InputError
        When shapes disagree, a value is not finite, a kind of class is missing, or what is to be resampled is there
        only once.

    Notes
    -----
    Classes without samples do not count. A class with one image always draws that image again, so for classes of few
    images, "images" is too narrow; for few classes, below 10 or so, "classes" is.

    O(B C) for values that are hits, and O(B n) for others, with B resamples.

    References
    ----------
    Efron and Tibshirani, "An Introduction to the Bootstrap", Chapman & Hall 1993. Davison and Hinkley, "Bootstrap
    Methods and their Application", Cambridge University Press 1997, section 3.8, for data in groups.

    Examples
    --------
    >>> from unseen.metrics import bootstrap_interval
    >>> found = bootstrap_interval([1, 1, 0, 1, 0, 0, 1, 1], [0, 0, 1, 1, 2, 2, 3, 3])
    >>> found.estimate, found.low, found.high  # four classes: 1, 1/2, 0, 1
    (0.625, 0.25, 1.0)
    """
    owner = "bootstrap_interval"
    options = _Options.check(owner, over, level, n_resamples, random_state)
    numbers = check_values(owner, "values", values)
    columns = check_positions(owner, "y", y, n=len(numbers))
    groups = _groups(owner, numbers[:, None], columns, seen, options.over)
    drawn = _join([group.resample(options) for group in groups])
    return options.interval(float(_join([group.rates.mean(axis=0) for group in groups])[0]), drawn[:, 0])


def paired_comparison(
    values_a: npt.ArrayLike,
    values_b: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    seen: npt.ArrayLike | None = None,
    over: str = "classes",
    level: float = 0.95,
    n_resamples: int = 2000,
    n_permutations: int = 10_000,
    random_state: Any = 0,
) -> Comparison:
    """Compare two methods by what they did on the same samples.

    Parameters
    ----------
    values_a, values_b : array of shape (n,)
        A figure of each sample under either method, such as its hit: `top_k_hits`, or `generalized_hits` together
        with `seen`. Higher is better.
    y : int array of shape (n,)
        Positions of the samples' classes.
    seen : array of bool of shape (C,) or None, default None
        Which classes are seen; where given, harmonic means are compared. See `bootstrap_interval`.
    over : {"classes", "images", "both"}, default "classes"
        What the interval resamples; see `bootstrap_interval`. The p-value is over classes in any case.
    level : float in (0, 0.999], default 0.95
        Confidence level of the interval.
    n_resamples : int, default 2000
        For the interval, at least 100.
    n_permutations : int, default 10000
        Swaps for the p-value, at least 100. Where there are no more than that in all, each is tried once and the
        p-value is exact; else it is at least ``1 / (n_permutations + 1)``.
    random_state : int, RandomState or None, default 0
        Which resamples and swaps are drawn. The same number gives the same comparison.

    Returns
    -------
    Comparison
        Differences are those of the first less the second.

    Raises
    ------
    InputError
        When shapes disagree, a value is not finite, a kind of class is missing, or what is to be resampled is there
        only once.

    Notes
    -----
    What both methods find hard cancels out: the interval of the difference is mostly narrower than the two methods'
    own, which may overlap although one method is clearly better.

    The p-value is the sign-flip permutation test of the mean difference over classes: if neither method is better, each
    class might as well have favoured the other one. Classes on which both are equal say nothing. With d others, it
    cannot fall below ``2 / 2**d``: five classes never reach 0.05. It holds for one comparison that was planned; the
    best of twenty beats the rest by chance.

    References
    ----------
    Good, "Permutation, Parametric and Bootstrap Tests of Hypotheses", Springer 2005.

    Examples
    --------
    >>> from unseen.metrics import paired_comparison
    >>> a, b, y = [1, 1, 1, 1, 0, 1], [1, 0, 0, 1, 0, 0], [0, 0, 1, 1, 2, 2]
    >>> found = paired_comparison(a, b, y)
    >>> round(found.difference.estimate, 2), found.n_better, found.p_value  # each class by 1/2; 2 of 8 swaps
    (0.5, 3, 0.25)
    """
    owner = "paired_comparison"
    options = _Options.check(owner, over, level, n_resamples, random_state)
    most = int(check_number(owner, "n_permutations", n_permutations, low=100, integer=True))
    first = check_values(owner, "values_a", values_a)
    both = np.column_stack([first, check_values(owner, "values_b", values_b, n=len(first))])
    columns = check_positions(owner, "y", y, n=len(first))
    groups = _groups(owner, both, columns, seen, options.over)
    a, b = _join([group.rates.mean(axis=0) for group in groups])
    drawn = _join([group.resample(options) for group in groups])
    p_value, tried = _swap([group.rates for group in groups], most, options.random)
    signs = np.concatenate([np.sign(group.rates[:, 0] - group.rates[:, 1]) for group in groups])
    difference = options.interval(float(a - b), drawn[:, 0] - drawn[:, 1])
    return Comparison(float(a), float(b), difference, p_value, int((signs > 0).sum()), int((signs < 0).sum()), tried)


@dataclass(frozen=True)
class _Options:
    over: str
    level: float
    n_resamples: int
    random: np.random.RandomState

    @classmethod
    def check(cls, owner: str, over: str, level: float, n_resamples: int, random_state: Any) -> _Options:
        return cls(
            check_choice(owner, "over", over, OVER),
            check_number(owner, "level", level, low=0, high=0.999, low_open=True),
            int(check_number(owner, "n_resamples", n_resamples, low=100, integer=True)),
            check_seed(owner, random_state),
        )

    def interval(self, estimate: float, drawn: Array) -> Interval:
        low, high = np.quantile(drawn, [(1 - self.level) / 2, (1 + self.level) / 2])
        return Interval(estimate, float(low), float(high), self.level, self.over, self.n_resamples)


class _Group:
    """Samples of one kind of class: values (n, m), one column per method, sorted by class."""

    def __init__(self, values: Array, columns: Array) -> None:
        _, codes, self.counts = np.unique(columns, return_inverse=True, return_counts=True)
        self.classes = np.split(values[np.argsort(codes, kind="stable")], np.cumsum(self.counts)[:-1])
        self.rates: Array = np.array([one.mean(axis=0) for one in self.classes])

    def resample(self, options: _Options) -> Array:
        """Return means over classes (B, m) of resampled data."""
        shape = (options.n_resamples, len(self.classes))
        if options.over == "images":
            picks = np.broadcast_to(np.arange(shape[1]), shape)
        else:
            picks = options.random.randint(0, shape[1], shape)
        if options.over == "classes":
            return np.stack([rates[picks].mean(axis=1) for rates in self.rates.T], axis=1)
        # A class that was picked more than once draws its images anew for each.
        order = np.argsort(picks, axis=None, kind="stable")
        sizes = np.bincount(picks.ravel(), minlength=shape[1])
        drawn = np.empty((picks.size, self.rates.shape[1]))
        drawn[order] = np.concatenate(
            [_draw(one, size, options.random) for one, size in zip(self.classes, sizes, strict=True)]
        )
        return np.asarray(drawn.reshape(*shape, -1).mean(axis=1))


def _draw(values: Array, size: int, random: np.random.RandomState) -> Array:
    """Return means (size, m) of as many draws with replacement from a class's values (n, m) as it has."""
    n = len(values)
    different, counts = np.unique(values, axis=0, return_counts=True)
    if len(different) <= _FEW:
        return np.asarray(random.multinomial(n, counts / n, size=size) @ different / n)
    step = max(_BLOCK // n, 1)
    parts = [values[random.randint(0, n, (min(step, size - start), n))].mean(axis=1) for start in range(0, size, step)]
    return np.concatenate(parts) if parts else np.empty((0, values.shape[1]))


def _groups(owner: str, values: Array, columns: Array, seen: npt.ArrayLike | None, over: str) -> list[_Group]:
    """Return the samples that one mean is taken of: all, or those of unseen and those of seen classes."""
    if seen is None:
        kinds = [np.full(len(columns), True)]
    else:
        mask = _seen_samples(owner, columns, seen)
        kinds = [~mask, mask]
        if values.min() < 0:
            found, remedy = verbatim(f"{values.min():.4g}"), "Negative figures have no harmonic mean: leave out seen"
            raise InputError(message(owner, "values", "at least 0", found, remedy))
    groups = [_Group(values[rows], columns[rows]) for rows in kinds]
    for group in groups:
        _check_enough(owner, group, over)
    return groups


def _seen_samples(owner: str, columns: Array, seen: npt.ArrayLike) -> Array:
    remedy = "Say of every class whether it was seen"
    flags = check_flags(owner, "seen", seen, None, "one per class", remedy)
    if len(flags) <= columns.max():
        expected = f"of at least {columns.max() + 1} classes, as y names them"
        raise InputError(message(owner, "seen", expected, verbatim(f"{len(flags)}"), remedy))
    mask: Array = flags[columns]
    if mask.all() or not mask.any():
        found = verbatim("one kind only")
        expected = "of both kinds, seen and unseen"
        raise InputError(message(owner, "samples", expected, found, "Pass samples of both, or leave out seen"))
    return mask


def _check_enough(owner: str, group: _Group, over: str) -> None:
    if over != "images" and len(group.classes) < 2:
        found, remedy = verbatim("a single one"), 'With one class, say over="images"'
        raise InputError(message(owner, "classes", "at least two to resample, of each kind", found, remedy))
    if over == "images" and group.counts.max() < 2:
        found, remedy = verbatim("one of each class"), 'With one image per class, say over="classes"'
        raise InputError(message(owner, "images", "at least two of some class", found, remedy))


def _join(means: list[Array]) -> Array:
    """Return the figure from the means of its groups: the mean itself, or the harmonic mean of two."""
    if len(means) == 1:
        return means[0]
    u, s = means
    joined: Array = np.divide(2 * u * s, u + s, out=np.zeros_like(u), where=u + s > 0)
    return joined


def _swap(rates: list[Array], most: int, random: np.random.RandomState) -> tuple[float, int]:
    """Return how often swapping methods in some classes gives a difference as large, and how many swaps were tried."""
    differ = [np.flatnonzero(one[:, 0] != one[:, 1]) for one in rates]
    n = sum(map(len, differ))
    exact = n <= 62 and 2**n <= most
    total = 2**n if exact else most
    observed = _difference([one.mean(axis=0) for one in rates])
    # As large, but for rounding: sums come in another order.
    bar = abs(float(observed)) * (1 - 1e-9)
    count, step = 0, max(_BLOCK // max(n, 1), 1)
    for start in range(0, total, step):
        stop = min(start + step, total)
        if exact:
            swapped = (np.arange(start, stop)[:, None] >> np.arange(n)) & 1
        else:
            swapped = random.randint(0, 2, (stop - start, n))
        means, used = [], 0
        for one, rows in zip(rates, differ, strict=True):
            change = (one[rows, 1] - one[rows, 0]) / len(one)
            moved = swapped[:, used : used + len(rows)] @ change
            used += len(rows)
            a, b = one.mean(axis=0)
            means.append(np.stack([a + moved, b - moved], axis=1))
        count += int((np.abs(_difference(means)) >= bar).sum())
    return (count / total if exact else (count + 1) / (total + 1)), total


def _difference(means: list[Array]) -> Array:
    joined = _join(means)
    difference: Array = joined[..., 0] - joined[..., 1]
    return difference
