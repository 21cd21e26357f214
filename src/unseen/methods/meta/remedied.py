"""Remedied: any method, and what mends its scores, learned on classes held out of training."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import clone

from unseen.decision.remedy import Bank, Competition, Remedy
from unseen.decision.stacking import CalibratedStacking
from unseen.errors import InputError
from unseen.methods.base import Capabilities, Citation, Method
from unseen.methods.meta.members import seen_rows
from unseen.methods.meta.weights import informative
from unseen.methods.preprocessing import even_share
from unseen.methods.selection import ClassWiseSplit
from unseen.methods.simulation import simulate
from unseen.prototypes import Prototypes
from unseen.validation import check_number, check_seed, message

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from unseen.methods.base import Array
    from unseen.methods.samples import Samples

__all__ = ["Remedied"]

# Of three, four, five and eight, four lost least on outer folds of training classes (benchmarks/penalty.py).
_FOLDS = 4


class _Tags:
    """Tags that depend on the parts: none of the class, those of its parts on an instance."""

    def __get__(self, instance: Remedied | None, owner: type) -> Capabilities:
        if instance is None:
            return Capabilities()
        inner = instance.method.capabilities if isinstance(instance.method, Method) else Capabilities()
        remedies = [one for one in instance._chosen() if isinstance(one, Remedy)]
        return Capabilities(
            transductive=inner.transductive or any(bool(one.transductive) for one in remedies),
            needs_unseen_at_fit=inner.needs_unseen_at_fit,
            generative=inner.generative or any(bool(one.needs_rivals) for one in remedies),
            shared_space=inner.shared_space,
        )


class Remedied(Method):
    r"""Fit a method, see on held-out training classes how its scores go wrong, and mend them ever after.

    .. math:: f = r_J \circ \dots \circ r_1 \circ g

    with the method's scores :math:`g` and remedies :math:`r_j`, each fitted to competitions that the ones before it
    have mended.

    Parameters
    ----------
    method : Method or None, default None
        What scores; None takes `KernelRidge` with its defaults.
    remedies : sequence of Remedy or None, default None
        What mends its scores, in this order; see :mod:`unseen.decision`. None for `CalibratedStacking` alone. Put
        remedies against hubs before those against bias.
    split : ClassWiseSplit, list of pairs of positions or None, default None
        Which classes are held out in the competitions; None for four folds.
    seen_share : float, default 0.2
        Share of each remaining class kept out of these fits, above 0 and at most 0.5.
    bank_size : int, default 2000
        At most so many training vectors are kept as reference samples, at least 1; none where no remedy needs any.
    max_per_class : int or None, default 100
        At most so many samples of each class take part in the competitions; None for all. The final fit takes all.
    random_state : int, RandomState or None, default 0
        Seed of the folds and of what is kept.

    Attributes
    ----------
    method_ : Method
        The method, fitted to everything.
    remedies_ : list of Remedy
        The fitted remedies; none where there was nothing to learn from.
    n_competitions_ : int
        How many competitions they were fitted to.
    bank_X_ : ndarray of shape (m, d)
        The reference samples.
    bank_y_ : ndarray of int of shape (m,)
        Their positions in `classes_`.

    Raises
    ------
    InputError
        When a parameter is out of range, or a part is of another kind.

    Notes
    -----
    Inductive, unless the method or a remedy is tagged otherwise. Costs a fit per fold and the final one. A class
    counts as seen if `fit` was given samples of its *name*; where this is a part of another method and names are not
    handed on, if it has exactly a seen class's prototype. With ``prototypes=None`` all classes are seen, and remedies
    against bias have no effect.

    Where nothing can be held out no remedy is applied, and `remedies_` is empty: with fewer than four classes, with
    prototypes that are all equally far apart, and with so few samples per class that none of a seen class can be kept
    (with the default share, three of any class are enough).

    References
    ----------
    Chao, Changpinyo, Gong and Sha, "An Empirical Study and Analysis of Generalized Zero-Shot Learning for Object
    Recognition in the Wild", ECCV 2016: bias, and choosing its remedy on training classes.

    Examples
    --------
    >>> import numpy as np
    >>> from unseen import Prototypes
    >>> from unseen.methods.meta.remedied import Remedied
    >>> from unseen.methods.projection.ridge import Ridge
    >>> from unseen.metrics import seen_unseen_curve
    >>> rng = np.random.default_rng(0)
    >>> p = Prototypes([f"class {i:02d}" for i in range(16)], rng.normal(size=(16, 6)))
    >>> camera = rng.normal(size=(6, 20))
    >>> y = np.repeat(np.arange(16), 20)
    >>> X = p.vectors[y] @ camera + rng.normal(scale=1.0, size=(320, 20))
    >>> seen, train = np.arange(16) < 12, (y < 12) & (np.arange(320) % 2 == 0)
    >>> names, test = np.array(p.names), ~train
    >>> plain = Ridge().fit(X[train], names[y[train]], prototypes=p)
    >>> mended = Remedied(Ridge()).fit(X[train], names[y[train]], prototypes=p)
    >>> def harmonic_mean(method):
    ...     return seen_unseen_curve(y[test], method.class_scores(X[test], prototypes=p), seen).at(0.0)[2]
    >>> harmonic_mean(mended) > harmonic_mean(plain)
    True
    """

    family = "meta"
    citation = Citation(
        authors="Chao, Changpinyo, Gong and Sha",
        title="An Empirical Study and Analysis of Generalized Zero-Shot Learning for Object Recognition in the Wild",
        venue="ECCV",
        year=2016,
        url="https://arxiv.org/abs/1605.04253",
    )
    capabilities = _Tags()

    def __init__(
        self,
        method: Method | None = None,
        *,
        remedies: Sequence[Remedy] | None = None,
        split: ClassWiseSplit | Sequence[tuple[npt.ArrayLike, npt.ArrayLike]] | None = None,
        seen_share: float = 0.2,
        bank_size: int = 2000,
        max_per_class: int | None = 100,
        random_state: Any = 0,
    ) -> None:
        self.method = method
        self.remedies = remedies
        self.split = split
        self.seen_share = seen_share
        self.bank_size = bank_size
        self.max_per_class = max_per_class
        self.random_state = random_state

    def _fit_samples(self, samples: Samples, S: Array) -> None:
        from unseen.methods.projection.kernel_ridge import KernelRidge

        self._check_parts()
        method = KernelRidge() if self.method is None else clone(self.method)
        remedies: list[Remedy] = [clone(one) for one in self._chosen()]
        contests = self._competitions(method, samples, S) if remedies else []
        self.method_ = method._fit_shared(samples, self.classes_, self.seen_prototypes_)
        self.remedies_: list[Remedy] = []
        for one in remedies if contests else ():
            self.remedies_.append(one.fit(contests))
            contests = [_mended(one, contest) for contest in contests]
        self.n_competitions_ = len(contests)
        rows = np.zeros(0, dtype=np.intp)
        if any(one.needs_bank and not one.transductive for one in self.remedies_):
            rows = even_share(samples.X, samples.y, samples.n_classes, int(self.bank_size))
        self.bank_X_, self.bank_y_ = samples.X[rows], samples.y[rows]

    def _competitions(self, method: Method, samples: Samples, S: Array) -> list[Competition]:
        """Return competitions on folds of classes; none where there is nothing to learn from."""
        random = check_seed("Remedied", self.random_state)
        split: Any = self.split
        if split is None:
            if samples.n_classes < _FOLDS or not informative(S):
                return []
            split = ClassWiseSplit(_FOLDS, random_state=random.randint(2**31 - 1))
        contests = simulate(
            method,
            samples.X,
            np.array(self.seen_prototypes_.names)[samples.y],
            prototypes=self.seen_prototypes_,
            split=split,
            seen_share=self.seen_share,
            max_per_class=self.max_per_class,
            bank_size=self.bank_size,
            random_state=random,
        )
        if self.split is None:  # classes of one or two samples may leave nothing to judge seen ones on
            contests = [one for one in contests if one.seen[one.y].any()]
        return contests

    def scorer(self, prototypes: Prototypes | None = None) -> Callable[[npt.ArrayLike], npt.NDArray[np.float64]]:
        """Return a function that does what `class_scores` does for these prototypes; classes are known by name."""
        if not isinstance(prototypes, Prototypes) or not hasattr(self, "seen_prototypes_"):
            return super().scorer(prototypes)
        # A copy that knows the names: scoring leaves no trace on the method itself.
        told = copy.copy(self)
        told._names = prototypes.names
        return super(Remedied, told).scorer(prototypes)

    def _scorer(self, P: Array) -> Callable[[Array], Array]:
        if not self.remedies_:
            return self.method_._scorer(P)
        column = self._columns(P)
        n_asked = len(P)
        if any(one.needs_seen for one in self.remedies_):
            # Seen classes have a part in the others' scores: the same one, whichever of them are asked for.
            missing = np.setdiff1d(np.arange(len(self.classes_)), column)
            P = np.concatenate([P, self.seen_prototypes_.vectors[missing].astype(np.float64)])
            column = np.concatenate([column, missing])
        seen = column >= 0
        score = self.method_._scorer(P)
        bank: Bank | None = None
        if len(self.bank_X_):
            place = np.full(len(self.classes_), -1)
            place[column[seen]] = np.flatnonzero(seen)
            vectors = self.bank_X_.astype(np.float64, copy=False)
            bank = Bank(score(vectors), vectors, place[self.bank_y_])
        steps = []
        for one in self.remedies_:
            step = one.applier(seen=seen, bank=bank)
            steps.append(step)
            bank = None if bank is None else _mended_bank(one, step, bank)

        def scores(X: Array) -> Array:
            found = score(X)
            for step in steps:
                found = step(found, X)
            return found[:, :n_asked]

        return scores

    def _class_scores(self, X: Array, P: Array) -> Array:
        return self._scorer(P)(X)

    def _columns(self, P: Array) -> Array:
        """Return the position among `classes_` of each of the classes with prototypes P (C, k), -1 for unseen ones."""
        names = getattr(self, "_names", None)
        if names is None:
            return seen_rows(self.seen_prototypes_.vectors, P)
        known = {name: i for i, name in enumerate(self.seen_prototypes_.names)}
        return np.array([known.get(name, -1) for name in names], dtype=np.intp)

    def _chosen(self) -> Sequence[Any]:
        if self.remedies is None:
            return [CalibratedStacking()]
        return self.remedies if isinstance(self.remedies, list | tuple) else []

    def _check_parts(self) -> None:
        if self.method is not None and not isinstance(self.method, Method):
            raise InputError(message("Remedied", "method", "a Method or None", self.method, "Pass an instance"))
        chosen = self._chosen()
        if not isinstance(self.remedies, list | tuple | None) or not all(isinstance(one, Remedy) for one in chosen):
            expected = "a list of remedies or None"
            raise InputError(message("Remedied", "remedies", expected, self.remedies, "Pass instances"))
        for one in chosen:
            one._check_parameters()
        if self.split is not None and not isinstance(self.split, Iterable | ClassWiseSplit):
            expected = "a ClassWiseSplit, pairs of positions or None"
            raise InputError(message("Remedied", "split", expected, self.split, "Pass one of them"))
        check_number("Remedied", "seen_share", self.seen_share, low=0, high=0.5, low_open=True)
        check_number("Remedied", "bank_size", self.bank_size, low=1, integer=True)
        if self.max_per_class is not None:
            check_number("Remedied", "max_per_class", self.max_per_class, low=1, integer=True)
        check_seed("Remedied", self.random_state)


def _mended(remedy: Remedy, contest: Competition) -> Competition:
    step = remedy.applier(seen=contest.seen, bank=contest.bank)
    bank = _mended_bank(remedy, step, contest.bank)
    scores = step(contest.scores, contest.X)
    return Competition(contest.y, scores, contest.seen, contest.names, contest.X, bank)


def _mended_bank(remedy: Remedy, step: Callable[[Array, Array], Array], bank: Bank) -> Bank:
    return Bank(step(bank.scores, bank.X), bank.X, bank.y)
