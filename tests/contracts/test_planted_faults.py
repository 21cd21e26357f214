"""Each check of the battery for methods catches the fault it was written for.

Every fault is a method that is sound but for one thing. One test holds the set of checks caught in the act against
the set of all checks: a check that nothing can fail is no check.
"""

from __future__ import annotations

import pytest

from tests.contracts import planted_fit, planted_interface, planted_scores
from tests.contracts.planted import FAULTS, Fault, Sound
from unseen.testing import MINIMUM_METHOD_CHECKS, all_method_checks, check_method, contracts, method_checks
from unseen.testing.running import run

PLANTED = (planted_fit, planted_interface, planted_scores)


def test_the_sound_method_is_sound() -> None:
    assert check_method(Sound()).n_checks == len(all_method_checks())


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault.method).__name__)
def test_fault_is_caught(fault: Fault) -> None:
    check = {c.name: c for c in method_checks(fault.method)}[fault.check]
    report = run("faulty", [check])
    assert list(report.failed) == [fault.check]
    with pytest.raises(AssertionError, match=fault.says):
        raise AssertionError(report.failed[fault.check])


def test_every_check_is_caught_in_the_act() -> None:
    assert {fault.check for fault in FAULTS} == set(all_method_checks())


def test_check_method_names_each_failed_check() -> None:
    with pytest.raises(AssertionError, match=r"^Negative fails \d+ of 50 checks:\n(- .*\n)*- probabilities_agree_with"):
        check_method(planted_scores.Negative())


def test_a_battery_that_shrank_is_no_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contracts, "_METHOD_CHECKS", {})
    with pytest.raises(AssertionError, match=f"Sound: only 0 checks ran, of at least {MINIMUM_METHOD_CHECKS}"):
        check_method(Sound())


def test_every_module_of_faults_is_planted() -> None:
    assert {type(fault.method).__module__ for fault in FAULTS} == {module.__name__ for module in PLANTED}
