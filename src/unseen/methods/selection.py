"""Choosing parameters without leaks: classes are held out, not samples, and what folds share is computed once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import ParameterGrid
from sklearn.utils import check_array, check_consistent_length, column_or_1d

from unseen.errors import InputError
from unseen.methods.folds import Fold, FoldScores, by_front, front_of, make_folds, score_fold
from unseen.validation import check_number, check_seed, message, verbatim

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy.typing as npt

    from unseen.methods.base import Array
    from unseen.prototypes import Prototypes

__all__ = ["OBJECTIVES", "ClassWiseSplit", "Selection", "select"]

#: What a search can maximise: figures of held-out classes alone, or of seen and held-out classes together.
OBJECTIVES = ("accuracy", "harmonic_mean", "ausuc")


class ClassWiseSplit:
    """Folds whose classes are disjoint: the held-out classes play the unseen ones.

    Parameters
    ----------
    n_splits : int, default 3
        Folds per repetition, at least 2: each holds out one share of the classes.
    n_repeats : int, default 1
        Repetitions with other shares, at least 1.
    random_state : int, RandomState or None, default 0
        Seed of the shares.

    Notes
    -----
    A scikit-learn splitter: ``GridSearchCV(cv=ClassWiseSplit())`` takes it. Ordinary folds hold out samples of
    classes that training has seen, and parameters chosen on them favour seen classes.

    Examples
    --------
    >>> from unseen.methods.selection import ClassWiseSplit
    >>> y = ["cat", "cat", "dog", "owl"]
    >>> [[y[i] for i in held] for _, held in ClassWiseSplit(3).split(y, y)]
    [['owl'], ['dog'], ['cat', 'cat']]
    """

    def __init__(self, n_splits: int = 3, *, n_repeats: int = 1, random_state: Any = 0) -> None:
        self.n_splits = n_splits
        self.n_repeats = n_repeats
        self.random_state = random_state

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of folds."""
        return self.n_splits * self.n_repeats

    def split(self, X: Any, y: npt.ArrayLike, groups: Any = None) -> Iterator[tuple[Array, Array]]:
        """Yield positions of training samples and of held-out samples.

        Raises
        ------
        InputError
            When there are fewer classes than folds.
        """
        check_number("ClassWiseSplit", "n_splits", self.n_splits, low=2, integer=True)
        check_number("ClassWiseSplit", "n_repeats", self.n_repeats, low=1, integer=True)
        labels, positions = np.unique(np.asarray(y), return_inverse=True)
        if len(labels) < self.n_splits:
            raise InputError(
                message(
                    "ClassWiseSplit",
                    "n_splits",
                    f"at most the number of classes, {len(labels)}",
                    self.n_splits,
                    "Use fewer folds",
                )
            )
        random = check_seed("ClassWiseSplit", self.random_state)
        for _ in range(self.n_repeats):
            for held in np.array_split(random.permutation(len(labels)), self.n_splits):
                out = np.isin(positions, held)
                yield np.flatnonzero(~out), np.flatnonzero(out)


@dataclass(frozen=True)
class Selection:
    """What a search found.

    Attributes
    ----------
    estimator : estimator
        The best setting, fitted to all samples; unfitted where `refit` was off.
    params : dict
        The best setting's parameters among those searched.
    penalty : float
        What to subtract from seen classes' scores where both kinds compete (calibrated stacking): the mean over
        folds of what was best with the held-out classes in the part of the unseen ones.
    rows : list of dict
        One per setting: ``params``; means over folds of ``accuracy`` (held-out classes among themselves), ``u``,
        ``s`` and ``harmonic_mean`` (all classes, after the best penalty) and ``ausuc``; ``spread`` (standard error of
        the objective over folds).
    objective : str
        What was maximised.
    """

    estimator: Any
    params: Mapping[str, Any]
    penalty: float
    rows: Sequence[Mapping[str, Any]] = field(repr=False)
    objective: str

    def to_markdown(self, n: int = 10) -> str:
        """Return the best `n` settings as a Markdown table."""
        figures = ("accuracy", "u", "s", "harmonic_mean", "ausuc", "spread")
        lines = [f"| setting | {' | '.join(figures)} |", "|" + "---|" * (len(figures) + 1)]
        for row in sorted(self.rows, key=lambda row: -row[self.objective])[:n]:
            setting = ", ".join(f"{key}={_cell(value)}" for key, value in row["params"].items()) or "(as given)"
            lines.append(f"| {setting} | {' | '.join(f'{row[name]:.3f}' for name in figures)} |")
        return "\n".join(lines)


def _cell(value: Any) -> str:
    return " ".join(repr(value).split()).replace("|", "\\|")


def select(
    method: Any,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    prototypes: Prototypes,
    space: Mapping[str, Sequence[Any]] | Sequence[Mapping[str, Sequence[Any]]] | None = None,
    split: ClassWiseSplit | Iterable[tuple[npt.ArrayLike, npt.ArrayLike]] | None = None,
    objective: str = "accuracy",
    seen_share: float = 0.2,
    max_per_class: int | None = None,
    refit: bool = True,
    random_state: Any = 0,
) -> Selection:
    """Search parameters on classes held out of training, as unseen ones will be.

    Parameters
    ----------
    method : Method, or scikit-learn Pipeline that ends in one
        What to tune; never changed.
    X : array-like of shape (n, d)
        Vectors of seen classes. Test samples have no place here.
    y : array-like of str of shape (n,)
        Their classes.
    prototypes : Prototypes
        Of those classes, at least.
    space : mapping of parameter to values, list of such mappings, or None, default None
        A grid, with names as for `set_params`; None is the method's own `search_space`.
    split : ClassWiseSplit, pairs of positions or None, default None
        The folds; None is three. Pairs are checked to be class-disjoint.
    objective : {"accuracy", "harmonic_mean", "ausuc"}, default "accuracy"
        What to maximise: per-class accuracy on held-out classes; or, with seen and held-out classes in competition,
        the harmonic mean after calibrated stacking, or the area under the seen-unseen curve.
    seen_share : float, default 0.2
        Share of each training class's samples that is kept for that competition, in [0, 0.5]. With 0 only
        "accuracy" can be maximised.
    max_per_class : int or None, default None
        At most this many samples of each class take part in the search, drawn at random; None takes all. The final
        fit takes all in any case.
    refit : bool, default True
        Whether to fit the best setting to all samples.
    random_state : int, RandomState or None, default 0
        Which samples are kept.

    Returns
    -------
    Selection

    Raises
    ------
    InputError
        When folds share a class, the objective is unknown or cannot be told from the samples kept, or a parameter does
        not exist.

    Notes
    -----
    All settings of a fold share the fold's :class:`~unseen.methods.samples.Samples`: one eigendecomposition serves
    the whole path of every closed-form method. Of settings that tie, the first wins.

    Examples
    --------
    >>> import numpy as np
    >>> from unseen import Prototypes
    >>> from unseen.methods.projection.ridge import Ridge
    >>> from unseen.methods.selection import select
    >>> rng = np.random.default_rng(0)
    >>> p = Prototypes([f"class {i}" for i in range(12)], rng.normal(size=(12, 4)))
    >>> y = np.repeat(p.names, 5)
    >>> X = np.repeat(p.vectors @ rng.normal(size=(4, 8)), 5, axis=0) + 0.1 * rng.normal(size=(60, 8))
    >>> found = select(Ridge(), X, y, prototypes=p, space={"alpha": [1e-3, 1e3]})
    >>> found.params
    {'alpha': 0.001}
    """
    if objective not in OBJECTIVES:
        raise InputError(message("select", "objective", f"one of {', '.join(OBJECTIVES)}", objective, "Pass one"))
    share = check_number("select", "seen_share", seen_share, low=0, high=0.5)
    if share == 0 and objective != "accuracy":
        raise InputError(
            message("select", "seen_share", f"above 0 for objective={objective!r}", seen_share, "Keep some samples")
        )
    front_of(method, "select").method._check_prototypes(prototypes)
    vectors, labels = check_array(X, dtype=[np.float64, np.float32], estimator="select"), column_or_1d(y)
    check_consistent_length(vectors, labels)
    grid = _grid(_space(method) if space is None else space)
    settings = [_configured(method, params) for params in grid]
    pairs = split if split is not None else ClassWiseSplit()
    pairs = pairs.split(vectors, labels) if isinstance(pairs, ClassWiseSplit) else pairs
    if not isinstance(pairs, Iterable):
        raise InputError(
            message("select", "split", "a ClassWiseSplit, pairs of positions or None", split, "Pass one of them")
        )
    figures: list[list[dict[str, float]]] = [[] for _ in settings]
    # Settings that prepare vectors alike stand together, so that one preparation serves them all.
    groups = by_front(settings, "select")
    limit = (
        None
        if max_per_class is None
        else int(check_number("select", "max_per_class", max_per_class, low=1, integer=True))
    )
    for fold in make_folds(
        vectors, labels, prototypes, pairs, share, random_state, max_per_class=limit, max_learned=limit
    ):
        for group in groups:
            shared: dict[str, Any] = {}
            for i in group:
                figures[i].append(_figures(fold, score_fold(settings[i], fold, shared)))
    rows = [_row(params, found, objective) for params, found in zip(grid, figures, strict=True)]
    if not rows or not figures[0]:
        raise InputError(message("select", "split", "at least one fold", verbatim("none"), "Pass pairs of positions"))
    if np.isnan(rows[0][objective]):
        raise InputError(
            message(
                "select",
                "seen_share",
                f"enough to keep samples for objective={objective!r}",
                seen_share,
                "Raise it, or give every class more samples",
            )
        )
    best = max(range(len(rows)), key=lambda i: (rows[i][objective], -i))
    estimator = settings[best]
    if refit:
        front_of(estimator, "select").fit(vectors, labels, prototypes)
    return Selection(estimator, grid[best], rows[best]["penalty"], rows, objective)


def _space(method: Any) -> Mapping[str, Sequence[Any]]:
    front = front_of(method, "select")
    return {f"{front.prefix}{key}": values for key, values in front.method.search_space.items()}


def _grid(space: Any) -> list[Mapping[str, Any]]:
    expected = "a mapping of parameters to sequences of values, or a list of such mappings"
    try:
        grid = list(ParameterGrid(space))
    except (TypeError, ValueError) as error:
        raise InputError(message("select", "space", expected, space, f"scikit-learn says: {error}")) from None
    if not grid:
        raise InputError(message("select", "space", expected, space, "Pass at least one setting, such as {}"))
    return grid


def _configured(method: Any, params: Mapping[str, Any]) -> Any:
    from unseen.methods.meta.prepared import Prepared

    whole = clone(method)
    if isinstance(whole, Prepared) and whole.method is None:
        whole.set_params(method=front_of(whole, "select").method)  # None has no parameters to set
    try:
        return whole.set_params(**params)
    except (ValueError, AttributeError) as error:
        raise InputError(
            message("select", "space", "parameters of the method", sorted(params), f"scikit-learn says: {error}")
        ) from None


def _figures(fold: Fold, scores: FoldScores) -> dict[str, float]:
    return {"accuracy": fold.accuracy(scores.alone), **fold.competition(scores.unseen, scores.seen)}


def _row(params: Mapping[str, Any], figures: list[dict[str, float]], objective: str) -> dict[str, Any]:
    names = list(figures[0]) if figures else []
    row: dict[str, Any] = {name: float(np.mean([f[name] for f in figures])) for name in names}
    values = [f[objective] for f in figures]
    row["spread"] = float(np.std(values, ddof=1) / len(values) ** 0.5) if len(values) > 1 else 0.0
    return {"params": dict(params), **row}
