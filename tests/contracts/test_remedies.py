"""Every registered remedy passes the battery, and each check of the battery catches the fault it was written for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pytest

from unseen.decision.remedy import Bank, Competition, Remedy
from unseen.errors import InputError
from unseen.methods.base import Citation
from unseen.registry import METHODS, REMEDIES
from unseen.testing import remedies as battery
from unseen.testing.competitions import make_competitions
from unseen.testing.remedies import (
    MINIMUM_REMEDY_CHECKS,
    REMEDY_RELAXES,
    all_remedy_checks,
    check_remedy,
    remedy_checks,
)
from unseen.testing.running import run
from unseen.validation import check_number

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Array = np.ndarray[Any, Any]


def variants(name: str) -> list[Remedy]:
    """Return a remedy with its defaults, and with each switch it has turned on."""
    plain: Remedy = REMEDIES.get(name)()
    switches = [key for key, value in plain.get_params().items() if isinstance(value, bool)]
    return [plain, *(REMEDIES.get(name)(**{key: True}) for key in switches)]


CHECKS = [
    pytest.param(check.run, id=f"{name}-{i}-{check.name}")
    for name in REMEDIES
    for i, remedy in enumerate(variants(name))
    for check in remedy_checks(remedy)
]


@pytest.mark.parametrize("check", CHECKS)
def test_check(check: Callable[[], None]) -> None:
    check()


@pytest.mark.parametrize("name", REMEDIES.names())
def test_the_battery_is_whole(name: str) -> None:
    for remedy in variants(name):
        tags = sum(bool(getattr(remedy, tag)) for tag in REMEDY_RELAXES)
        assert len(remedy_checks(remedy)) == len(all_remedy_checks()) - tags >= MINIMUM_REMEDY_CHECKS


def test_the_registry() -> None:
    assert not set(REMEDIES) & set(METHODS)
    assert {REMEDIES.get(name).failure for name in REMEDIES} == {"bias", "hubness"}
    for name in REMEDIES:
        assert REMEDIES.get(name).__module__ == f"unseen.decision.{name}"
    assert set(REMEDY_RELAXES.values()) <= set(all_remedy_checks())
    assert len(all_remedy_checks()) - len(REMEDY_RELAXES) == MINIMUM_REMEDY_CHECKS


# -- planted faults --------------------------------------------------------------------------------------------


class Sound(Remedy):
    """Subtract a share of the mean lead of seen classes.

    Parameters
    ----------
    share : float, default 1.0
        How much of it.
    shift : float, default 0.0
        What is added.

    Notes
    -----
    Nothing to note.

    References
    ----------
    None.

    Examples
    --------
    >>> Sound()
    Sound()
    """

    failure: ClassVar[str] = "bias"
    citation = Citation("Somebody", "Something", "Somewhere", 2000)

    def __init__(self, share: float = 1.0, *, shift: float = 0.0) -> None:
        self.share = share
        self.shift = shift

    def _check_parameters(self) -> None:
        check_number("Sound", "share", self.share)
        check_number("Sound", "shift", self.shift)

    def _fit(self, competitions: Sequence[Competition]) -> None:
        leads = [c.scores[:, c.seen].mean() - c.scores[:, ~c.seen].mean() for c in competitions]
        self.lead_ = float(np.mean(leads))

    def _applier(self, seen: Array, bank: Bank | None) -> Callable[[Array, Array | None], Array]:
        return lambda S, X: self._mend(S, X, seen, bank)

    def _mend(self, S: Array, X: Array | None, seen: Array, bank: Bank | None) -> Array:
        return np.asarray(S - self.share * self.lead_ * seen + self.shift)


FAULTS: list[tuple[Remedy, str, str]] = []


def caught_by(check: str, says: str) -> Callable[[type[Remedy]], type[Remedy]]:
    def register(cls: type[Remedy]) -> type[Remedy]:
        FAULTS.append((cls(), check, says))
        return cls

    return register


@caught_by("failure_is_known", "failure is 'bad luck', not one of bias, hubness")
class BadLuck(Sound):
    failure = "bad luck"


@caught_by("citation_is_complete", "citation is 'Somebody 2000', not a Citation")
class Hearsay(Sound):
    citation: ClassVar[Any] = "Somebody 2000"


@caught_by("tags_are_booleans", r"tags \['needs_bank'\] are not True or False")
class Vague(Sound):
    needs_bank: ClassVar[Any] = 1


@caught_by("docstring_is_complete", "the docstring has no section Notes")
class Silent(Sound):
    """Nothing."""


@caught_by("docstring_is_complete", r"the docstring documents \['share', 'shift'\], the constructor takes \['share'\]")
class Forgetful(Sound):
    __doc__ = Sound.__doc__

    def __init__(self, share: float = 1.0) -> None:
        self.share, self.shift = share, 0.0


@caught_by("constructor_is_plain", r"constructor arguments \['shift'\] are not keyword-only")
class Loose(Sound):
    def __init__(self, share: float = 1.0, shift: float = 0.0) -> None:
        super().__init__(share, shift=shift)


@caught_by("bad_parameters_are_refused", r"share=object\(\): nothing was raised, not InputError")
class Trusting(Sound):
    def _check_parameters(self) -> None:
        pass


@caught_by("fit_returns_the_remedy", "fit does not return self")
class Mute(Sound):
    def fit(self, competitions: Sequence[Competition]) -> Any:
        super().fit(competitions)


@caught_by("fit_refuses_what_tells_nothing", "fit with no competition: nothing was raised")
class Undemanding(Sound):
    def fit(self, competitions: Sequence[Competition]) -> Any:
        try:
            return super().fit(competitions)
        except InputError:
            return self


@caught_by("fitting_twice_agrees", "two fits differ")
class Chancy(Sound):
    def _fit(self, competitions: Sequence[Competition]) -> None:
        self.lead_ = float(np.random.default_rng().normal())


@caught_by("refitting_forgets", "an earlier fit left traces")
class Nostalgic(Sound):
    def _fit(self, competitions: Sequence[Competition]) -> None:
        earlier = getattr(self, "_earlier", 0.0)
        super()._fit(competitions)
        self.lead_ += earlier
        self._earlier = self.lead_


@caught_by("learned_state_can_be_saved", "table_ is a dict, which is not written to files")
class Hoards(Sound):
    def _fit(self, competitions: Sequence[Competition]) -> None:
        super()._fit(competitions)
        self.table_ = {"lead": self.lead_}


@caught_by("learned_state_can_be_saved", r"fit changed the parameters \['share'\]")
class Meddles(Sound):
    def _fit(self, competitions: Sequence[Competition]) -> None:
        super()._fit(competitions)
        self.share = 0.5


@caught_by("applying_needs_fit_or_nothing", "applied without a fit it gives something else")
class Guesses(Sound):
    def _learns(self) -> bool:
        return False

    def _mend(self, S: Array, X: Array | None, seen: Array, bank: Bank | None) -> Array:
        return np.asarray(S - getattr(self, "lead_", 0.0) * seen)


@caught_by("scores_stay_finite", "scores times 0: .* values are not finite")
class Divides(Sound):
    def _mend(self, S: Array, X: Array | None, seen: Array, bank: Bank | None) -> Array:
        with np.errstate(all="ignore"):
            return np.asarray(S / S.std(axis=1, keepdims=True) - seen)


@caught_by("single_classes_and_rows_stay_finite", "no row: shape")
class NeedsRows(Sound):
    def _mend(self, S: Array, X: Array | None, seen: Array, bank: Bank | None) -> Array:
        return np.asarray(S - self.lead_ * seen if len(S) else np.zeros((1, S.shape[1])))


@caught_by("applying_twice_agrees", "the same call gave other scores the second time")
class Wears(Sound):
    def _mend(self, S: Array, X: Array | None, seen: Array, bank: Bank | None) -> Array:
        self.lead_ += 0.01
        return np.asarray(S - self.lead_ * seen)


@caught_by("rows_are_mended_alone", "leaving out other rows changed scores")
class CentresBatch(Sound):
    def _mend(self, S: Array, X: Array | None, seen: Array, bank: Bank | None) -> Array:
        return np.asarray(S - (S.mean(axis=0) if len(S) else 0.0))


@caught_by("row_order_is_irrelevant", "reordering the rows changed scores")
class MindsRows(Sound):
    def _mend(self, S: Array, X: Array | None, seen: Array, bank: Bank | None) -> Array:
        return np.asarray(S - self.lead_ * seen + np.arange(len(S))[:, None])


@caught_by("scores_follow_positions", "reordering columns changed scores")
class FavoursLater(Sound):
    def _mend(self, S: Array, X: Array | None, seen: Array, bank: Bank | None) -> Array:
        return np.asarray(S - self.lead_ * seen + 1e-6 * np.arange(S.shape[1]))


@caught_by("scores_ignore_unseen_rivals", "leaving out rivals changed scores")
class Normalises(Sound):
    def _mend(self, S: Array, X: Array | None, seen: Array, bank: Bank | None) -> Array:
        return np.asarray((S - self.lead_ * seen) / np.maximum(np.abs(S).max(axis=1, keepdims=True), 1e-9))


@caught_by("one_kind_keeps_what_bias_is_about", "the best of one kind of class changed")
class Reverses(Sound):
    def _mend(self, S: Array, X: Array | None, seen: Array, bank: Bank | None) -> Array:
        return np.asarray(np.where(seen, -S, S))


@caught_by("arguments_are_left_alone", "an argument was changed")
class Scribbles(Sound):
    def _mend(self, S: Array, X: Array | None, seen: Array, bank: Bank | None) -> Array:
        S -= self.lead_ * seen
        return S.copy()


@caught_by("arguments_are_left_alone", "the scores that were handed in came out again")
class Passes(Sound):
    def _mend(self, S: Array, X: Array | None, seen: Array, bank: Bank | None) -> Array:
        return S


@caught_by("bad_scores_are_refused", "a missing column: nothing was raised")
class Lenient(Sound):
    def apply(self, scores: Any, *, seen: Any, bank: Any = None, X: Any = None) -> Array:
        S = np.atleast_2d(scores)
        mask = np.resize(np.asarray(seen, dtype=bool), S.shape[1])
        return super().apply(S, seen=mask, bank=bank)


@caught_by("what_is_needed_is_asked_for", "it looks at a bank that it says it does not need")
class LooksAtBank(Sound):
    def _mend(self, S: Array, X: Array | None, seen: Array, bank: Bank | None) -> Array:
        return np.asarray(S - self.lead_ * seen - (0 if bank is None else bank.scores.mean(axis=0)))


@caught_by("what_is_needed_is_asked_for", "it looks at vectors that it says it does not need")
class LooksAtVectors(Sound):
    def _mend(self, S: Array, X: Array | None, seen: Array, bank: Bank | None) -> Array:
        return np.asarray(S - self.lead_ * seen - (0 if X is None else X[:, :1]))


@caught_by("it_helps", r"the harmonic mean was 0\.\d+ and is 0\.")
class Worsens(Sound):
    def _mend(self, S: Array, X: Array | None, seen: Array, bank: Bank | None) -> Array:
        return np.asarray(S + self.lead_ * seen)


@caught_by("it_helps", r"a hub was the best of \d+, and is of \d+")
class LeavesHubs(Sound):
    failure = "hubness"

    def _mend(self, S: Array, X: Array | None, seen: Array, bank: Bank | None) -> Array:
        return np.asarray(S + 0.0)


def test_the_sound_remedy_is_sound() -> None:
    assert check_remedy(Sound()).n_checks == len(all_remedy_checks())


@pytest.mark.parametrize(("remedy", "check", "says"), FAULTS, ids=[type(fault[0]).__name__ for fault in FAULTS])
def test_fault_is_caught(remedy: Remedy, check: str, says: str) -> None:
    found = {c.name: c for c in remedy_checks(remedy)}[check]
    report = run("faulty", [found])
    assert list(report.failed) == [check]
    with pytest.raises(AssertionError, match=says):
        raise AssertionError(report.failed[check])


def test_every_check_is_caught_in_the_act() -> None:
    assert {check for _, check, _ in FAULTS} == set(all_remedy_checks())


def test_check_remedy_names_what_failed() -> None:
    with pytest.raises(
        AssertionError, match=r"^CentresBatch fails \d+ of 24 checks:\n(- .*\n)*- rows_are_mended_alone"
    ):
        check_remedy(CentresBatch())


def test_a_battery_that_shrank_is_no_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(battery, "_CHECKS", {})
    with pytest.raises(AssertionError, match=f"Sound: only 0 checks ran, of at least {MINIMUM_REMEDY_CHECKS}"):
        check_remedy(Sound())


def test_what_is_planted_can_be_seen() -> None:
    plain, biased = (make_competitions(n=1, bias=bias)[0] for bias in (0.0, 3.0))
    assert plain.seen.sum() == 6
    assert biased.seen[biased.scores.argmax(axis=1)].mean() > 0.95 > plain.seen[plain.scores.argmax(axis=1)].mean()
