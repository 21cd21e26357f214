"""The battery that every remedy passes: what it may learn from, look at, touch, and must refuse.

A tag relaxes exactly one check (:data:`REMEDY_RELAXES`); everything else runs for everybody, and nothing skips itself.
"""

from __future__ import annotations

import inspect
import re
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import NotFittedError

from unseen.decision.remedy import Bank, Competition, Remedy
from unseen.errors import InputError
from unseen.methods.base import Citation
from unseen.metrics import k_occurrence, seen_unseen_curve
from unseen.testing.competitions import make_competitions
from unseen.testing.running import Check, Report, require, require_close, require_finite, require_raises, run

__all__ = [
    "MINIMUM_REMEDY_CHECKS",
    "REMEDY_RELAXES",
    "all_remedy_checks",
    "check_remedy",
    "remedy_checks",
]

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Array = np.ndarray[Any, Any]

FAILURES = ("bias", "hubness", "domain_shift", "semantic_loss")
#: Tag of a remedy to the one check it relaxes.
REMEDY_RELAXES = {"transductive": "rows_are_mended_alone", "needs_rivals": "scores_ignore_unseen_rivals"}
#: No remedy is judged by fewer checks than this, whatever its tags.
MINIMUM_REMEDY_CHECKS = 22

# Room for sums taken in another order, and for nothing else.
_TIGHT = 1e-9


def _fitted(remedy: Remedy, contests: Sequence[Competition] | None = None) -> Remedy:
    return _copy(remedy).fit(make_competitions() if contests is None else contests)


def _copy(remedy: Remedy) -> Remedy:
    copy: Remedy = clone(remedy)
    return copy


def _new(**planted: float) -> Competition:
    """Return samples that no fit has seen."""
    return make_competitions(seed=1, n=1, **planted)[0]


def _apply(remedy: Remedy, one: Competition, rows: Any = slice(None)) -> Array:
    return remedy.apply(one.scores[rows], seen=one.seen, bank=one.bank, X=one.X[rows])


def _columns(one: Competition, kept: Array) -> Competition:
    """Return a competition's scores of some columns, in that order."""
    place = np.full(len(one.seen), -1)
    place[kept] = np.arange(len(kept))
    bank = Bank(one.bank.scores[:, kept], one.bank.X, place[one.bank.y])
    return replace(one, scores=one.scores[:, kept], seen=one.seen[kept], bank=bank)


# -- what it says about itself -------------------------------------------------------------------------------


def failure_is_known(remedy: Remedy) -> None:
    """`failure` is one of the four."""
    found = getattr(remedy, "failure", None)
    require(found in FAILURES, f"failure is {found!r}, not one of {', '.join(FAILURES)}")


def citation_is_complete(remedy: Remedy) -> None:
    """`citation` names authors, title, venue and year."""
    citation = getattr(remedy, "citation", None)
    require(isinstance(citation, Citation), f"citation is {citation!r}, not a Citation")
    parts = [citation.authors, citation.title, citation.venue, citation.year]  # type: ignore[union-attr]
    require(all(parts), "a part of the citation is empty")


def tags_are_booleans(remedy: Remedy) -> None:
    """Tags are True or False."""
    tags = ("transductive", "needs_bank", "needs_vectors", "needs_seen", "needs_rivals")
    odd = [tag for tag in tags if not isinstance(getattr(remedy, tag), bool)]
    require(not odd, f"tags {odd} are not True or False")


def _parameters(remedy: Remedy) -> list[inspect.Parameter]:
    init = type(remedy).__init__
    return [] if init is object.__init__ else list(inspect.signature(init).parameters.values())[1:]


def docstring_is_complete(remedy: Remedy) -> None:
    """The class's docstring documents the constructor's parameters and has Notes, References and Examples."""
    text = inspect.cleandoc(vars(type(remedy)).get("__doc__") or "")
    parts = re.split(r"^([A-Z][A-Za-z ]+)\n-{3,}\n", text, flags=re.MULTILINE)
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    for section in ("Notes", "References", "Examples"):
        require(sections.get(section, "").strip(), f"the docstring has no section {section}")
    documented = re.findall(r"^(\w+) :", sections.get("Parameters", ""), flags=re.MULTILINE)
    real = [p.name for p in _parameters(remedy)]
    require(documented == real, f"the docstring documents {documented}, the constructor takes {real}")


def constructor_is_plain(remedy: Remedy) -> None:
    """Parameters have defaults, and all but the first are keyword-only."""
    given = _parameters(remedy)
    bare = [p.name for p in given if p.default is inspect.Parameter.empty]
    require(not bare, f"constructor arguments {bare} have no default")
    loose = [p.name for p in given[1:] if p.kind is not inspect.Parameter.KEYWORD_ONLY]
    require(not loose, f"constructor arguments {loose} are not keyword-only")


def bad_parameters_are_refused(remedy: Remedy) -> None:
    """A nonsensical value is refused by `fit` and by `apply`, with an InputError that names the parameter."""
    for parameter in _parameters(remedy):
        model = _copy(remedy).set_params(**{parameter.name: object()})
        broken = _fitted(remedy).set_params(**{parameter.name: object()})
        for act in (lambda m=model: m.fit(make_competitions()), lambda m=broken: _apply(m, _new())):
            text = require_raises(InputError, act, f"{parameter.name}=object()")
            require(parameter.name in text, f"the message about {parameter.name} does not name it: {text}")


# -- fit -----------------------------------------------------------------------------------------------------


def fit_returns_the_remedy(remedy: Remedy) -> None:
    """`fit` returns the remedy itself."""
    model = _copy(remedy)
    require(model.fit(make_competitions()) is model, "fit does not return self")


def fit_refuses_what_tells_nothing(remedy: Remedy) -> None:
    """No competition, one kind of class or of sample, NaN: refused with an InputError."""
    contest = make_competitions(n=1)[0]
    lone = contest.seen[contest.y]
    hopeless: dict[str, Any] = {
        "no competition": [],
        "seen classes only": [replace(contest, seen=np.ones(10, dtype=bool))],
        "samples of seen classes only": [replace(contest, y=contest.y[lone], scores=contest.scores[lone])],
        "NaN": [replace(contest, scores=np.where(contest.scores > 0, contest.scores, np.nan))],
        "labels beyond the columns": [replace(contest, y=contest.y + 5)],
        "something else": contest.scores,
    }
    for what, contests in hopeless.items():
        require_raises(InputError, lambda c=contests: _copy(remedy).fit(c), f"fit with {what}")  # type: ignore[misc]


def fitting_twice_agrees(remedy: Remedy) -> None:
    """Two fits to the same competitions give the same scores to the last bit."""
    first, second = (_apply(_fitted(remedy), _new()) for _ in range(2))
    require_close(second, first, 0.0, "two fits differ")


def refitting_forgets(remedy: Remedy) -> None:
    """A second fit is as good as a first one."""
    other = make_competitions(seed=5, bias=1.5)
    model = _fitted(remedy)
    _apply(model, _new())
    model.fit(other)
    require_close(_apply(model, _new()), _apply(_fitted(remedy, other), _new()), 0.0, "an earlier fit left traces")


def learned_state_can_be_saved(remedy: Remedy) -> None:
    """What `fit` learns is in attributes with a final underscore: finite arrays, numbers, strings, estimators."""
    blank = _copy(remedy)
    before = blank.get_params(deep=False)
    model = _copy(remedy).fit(make_competitions())
    after = model.get_params(deep=False)
    changed = [name for name, value in before.items() if after[name] is not value and after[name] != value]
    require(not changed, f"fit changed the parameters {changed}")
    for name in set(vars(model)) - set(vars(blank)):
        value = vars(model)[name]
        require(name.endswith("_") and not name.startswith("_"), f"fit added {name}; end it with an underscore")
        plain = isinstance(value, bool | int | float | str | np.integer | np.floating | BaseEstimator)
        array = isinstance(value, np.ndarray) and value.dtype.kind in "fiubU"
        require(plain or array or value is None, f"{name} is a {type(value).__name__}, which is not written to files")
        if isinstance(value, float) or (array and value.dtype.kind == "f"):
            require(np.isfinite(value).all(), f"{name} is not finite after fit")
        setattr(blank, name, value)
    require_close(_apply(blank, _new()), _apply(model, _new()), 0.0, "attributes do not make up the fitted remedy")


def applying_needs_fit_or_nothing(remedy: Remedy) -> None:
    """Before `fit`, applying raises NotFittedError, or gives what it gives after."""
    try:
        before = _apply(_copy(remedy), _new())
    except NotFittedError:
        return
    require_close(before, _apply(_fitted(remedy), _new()), 0.0, "applied without a fit it gives something else")


# -- apply ---------------------------------------------------------------------------------------------------


def scores_stay_finite(remedy: Remedy) -> None:
    """Ordinary, constant, tiny and huge scores come out finite and in the same shape."""
    for factor in (1.0, 0.0, 1e-6, 1e6):
        *contests, one = (
            replace(c, scores=c.scores * factor, bank=replace(c.bank, scores=c.bank.scores * factor))
            for c in (*make_competitions(), _new())
        )
        for model in (_fitted(remedy), _fitted(remedy, contests)):
            require_finite(_apply(model, one), one.scores.shape, f"scores times {factor:g}")


def single_classes_and_rows_stay_finite(remedy: Remedy) -> None:
    """One row, no row, one class, one reference sample, and a single competition are enough."""
    model, one = _fitted(remedy, make_competitions(n=1)), _new()
    require_finite(_apply(model, one, slice(1)), (1, 10), "one row")
    require_finite(_apply(model, one, slice(0)), (0, 10), "no row")
    for column in (int(one.seen.argmax()), int(one.seen.argmin())):
        require_finite(_apply(model, _columns(one, np.array([column]))), (120, 1), "one class")
    bank = Bank(one.bank.scores[:1], one.bank.X[:1], one.bank.y[:1])
    require_finite(_apply(model, replace(one, bank=bank)), (120, 10), "one reference sample")


def applying_twice_agrees(remedy: Remedy) -> None:
    """Applying has no side effect on the next time."""
    model, one = _fitted(remedy), _new()
    first = _apply(model, one).copy()
    _apply(model, make_competitions(seed=7, n=1)[0])
    require_close(_apply(model, one), first, 0.0, "the same call gave other scores the second time")


def rows_are_mended_alone(remedy: Remedy) -> None:
    """A sample's scores come out the same whatever other samples they are mended with."""
    model, one = _fitted(remedy), _new()
    together = _apply(model, one)
    for rows in (slice(0, 1), slice(3, 4), slice(20, 31)):
        require_close(_apply(model, one, rows), together[rows], _TIGHT, "leaving out other rows changed scores")


def row_order_is_irrelevant(remedy: Remedy) -> None:
    """Reordering samples reorders their scores and nothing else."""
    model, one = _fitted(remedy), _new()
    order = np.random.default_rng(2).permutation(len(one.scores))
    require_close(_apply(model, one, order), _apply(model, one)[order], _TIGHT, "reordering the rows changed scores")


def scores_follow_positions(remedy: Remedy) -> None:
    """A class's score comes out the same wherever its column stands, in a fit too."""
    one = _new()
    order = np.random.default_rng(3).permutation(10)
    moved = [
        replace(_columns(c, order), y=np.argsort(order)[c.y], names=tuple(c.names[i] for i in order))
        for c in make_competitions()
    ]
    expected = _apply(_fitted(remedy), one)[:, order]
    require_close(_apply(_fitted(remedy), _columns(one, order)), expected, _TIGHT, "reordering columns changed scores")
    require_close(
        _apply(_fitted(remedy, moved), _columns(one, order)), expected, 1e-6, "reordering a fit's columns changed it"
    )


def scores_ignore_unseen_rivals(remedy: Remedy) -> None:
    """A class's score comes out the same whatever other unseen classes are there; unless tagged, seen ones too."""
    model, one = _fitted(remedy), _new()
    everything = _apply(model, one)
    seen, unseen = np.flatnonzero(one.seen), np.flatnonzero(~one.seen)
    choices = [np.concatenate([seen, unseen[:2]])]
    if not remedy.needs_seen:
        choices += [unseen, np.concatenate([seen[:3], unseen])]
    for kept in choices:
        require_close(
            _apply(model, _columns(one, kept)), everything[:, kept], _TIGHT, "leaving out rivals changed scores"
        )


def one_kind_keeps_what_bias_is_about(remedy: Remedy) -> None:
    """Among classes of one kind there is no bias: remedies against it leave the best class alone."""
    model, one = _fitted(remedy), _new()
    for kept in (np.flatnonzero(one.seen), np.flatnonzero(~one.seen)):
        some = _columns(one, kept)
        best = _apply(model, some).argmax(axis=1)
        same = (best == some.scores.argmax(axis=1)).all()
        require(same or remedy.failure != "bias", "the best of one kind of class changed")


def arguments_are_left_alone(remedy: Remedy) -> None:
    """Neither `fit` nor `apply` changes what it is handed; arrays that may not be written to are enough."""
    contests, one = make_competitions(), _new()
    for writable in (True, False):
        handed = [a for c in (*contests, one) for a in (c.y, c.scores, c.seen, c.X, c.bank.scores, c.bank.X, c.bank.y)]
        before = [a.copy() for a in handed]
        for array in handed:
            array.flags.writeable = writable
        mended = _apply(_fitted(remedy, contests), one)
        require(not np.shares_memory(mended, one.scores), "the scores that were handed in came out again")
        require(all(np.array_equal(a, b) for a, b in zip(handed, before, strict=True)), "an argument was changed")


def bad_scores_are_refused(remedy: Remedy) -> None:
    """NaN, another number of columns and vectors of other rows raise InputError."""
    model, one = _fitted(remedy), _new()
    wrong: dict[str, Callable[[], object]] = {
        "NaN": lambda: _apply(model, replace(one, scores=one.scores * np.nan)),
        "a missing column": lambda: _apply(model, replace(one, scores=one.scores[:, 1:])),
        "one dimension": lambda: _apply(model, replace(one, scores=one.scores[0])),
        "too few vectors": lambda: model.apply(one.scores, seen=one.seen, bank=one.bank, X=one.X[1:]),
        "kinds of no class": lambda: model.apply(one.scores, seen=[], bank=one.bank, X=one.X),
    }
    for what, act in wrong.items():
        require_raises(InputError, act, what)


def what_is_needed_is_asked_for(remedy: Remedy) -> None:
    """A bank or vectors that are needed and missing, or do not fit, raise InputError; others are not looked at."""
    model, one = _fitted(remedy), _new()
    odd = Bank(one.bank.scores[:, 1:], one.bank.X, one.bank.y)
    bare: Any = one.bank.scores
    if model.needs_bank and not model.transductive:
        for bank in (None, odd, bare, replace(one.bank, scores=one.bank.scores * np.nan)):
            act = partial(model.apply, one.scores, seen=one.seen, bank=bank, X=one.X)
            require_raises(InputError, act, "a bank that is missing or of other classes")
    else:
        got = model.apply(one.scores, seen=one.seen, X=one.X)
        require_close(got, _apply(model, one), 0.0, "it looks at a bank that it says it does not need")
    if model.needs_vectors:
        require_raises(InputError, lambda: model.apply(one.scores, seen=one.seen, bank=one.bank), "no vectors")
    else:
        got = model.apply(one.scores, seen=one.seen, bank=one.bank)
        require_close(got, _apply(model, one), 0.0, "it looks at vectors that it says it does not need")


def it_helps(remedy: Remedy) -> None:
    """A planted bias, or a planted hub, is less after it than before."""
    if remedy.failure == "bias":
        model, one = _fitted(remedy), _new()
        before, after = (seen_unseen_curve(one.y, S, one.seen).at(0.0)[2] for S in (one.scores, _apply(model, one)))
        require(after > before, f"the harmonic mean was {before:.3f} and is {after:.3f}")
    else:
        model, one = _fitted(remedy, make_competitions(bias=0.0, hub=0.5)), _new(bias=0.0, hub=0.5)
        hub = int(np.flatnonzero(~one.seen)[-1])
        before, after = (float(k_occurrence(S)[hub]) for S in (one.scores, _apply(model, one)))
        require(after < before or remedy.failure != "hubness", f"a hub was the best of {before:g}, and is of {after:g}")


#: In the order they run.
_CHECKS = {
    check.__name__: check
    for check in (
        failure_is_known,
        citation_is_complete,
        tags_are_booleans,
        docstring_is_complete,
        constructor_is_plain,
        bad_parameters_are_refused,
        fit_returns_the_remedy,
        fit_refuses_what_tells_nothing,
        fitting_twice_agrees,
        refitting_forgets,
        learned_state_can_be_saved,
        applying_needs_fit_or_nothing,
        scores_stay_finite,
        single_classes_and_rows_stay_finite,
        applying_twice_agrees,
        rows_are_mended_alone,
        row_order_is_irrelevant,
        scores_follow_positions,
        scores_ignore_unseen_rivals,
        one_kind_keeps_what_bias_is_about,
        arguments_are_left_alone,
        bad_scores_are_refused,
        what_is_needed_is_asked_for,
        it_helps,
    )
}


def all_remedy_checks() -> list[str]:
    """Return the names of all checks, in the order they run."""
    return list(_CHECKS)


def remedy_checks(remedy: Remedy) -> list[Check]:
    """Return the checks that `remedy` must pass, given its tags; they work on copies of it."""
    relaxed = {check for tag, check in REMEDY_RELAXES.items() if getattr(remedy, tag, False) is True}
    return [Check(name, partial(check, remedy)) for name, check in _CHECKS.items() if name not in relaxed]


def check_remedy(remedy: Remedy) -> Report:
    """Run every check that `remedy` must pass.

    Raises
    ------
    AssertionError
        Naming each check that failed and what it found.

    Examples
    --------
    >>> from unseen.decision.stacking import CalibratedStacking
    >>> from unseen.testing.remedies import check_remedy
    >>> sorted(check_remedy(CalibratedStacking()).failed)
    []
    """
    report = run(type(remedy).__name__, remedy_checks(remedy))
    if report.failed:
        raise AssertionError(str(report))
    if report.n_checks < MINIMUM_REMEDY_CHECKS:
        raise AssertionError(
            f"{report.subject}: only {report.n_checks} checks ran, of at least {MINIMUM_REMEDY_CHECKS}"
        )
    return report
