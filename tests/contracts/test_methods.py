"""Every registered method passes both batteries: scikit-learn's, unmodified, and ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from unittest import SkipTest

import numpy as np
import pytest
from sklearn.utils.estimator_checks import check_estimator, estimator_checks_generator

from unseen.methods.base import Capabilities, Method
from unseen.methods.state import load_method, save_method
from unseen.registry import METHODS
from unseen.testing import MINIMUM_METHOD_CHECKS, RELAXES, all_method_checks, check_method, method_checks
from unseen.testing.problems import fitted, make_problem

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: What scikit-learn does not check without SCIPY_ARRAY_API=1 in the environment; nothing else may skip itself.
KNOWN_SKIPS = {"check_array_api_input"}
MINIMUM_SKLEARN_CHECKS = 50


def new(name: str) -> Method:
    cls: type[Method] = METHODS.get(name)
    return cls(**cls.check_params)


OURS = [pytest.param(c.run, id=f"{name}-{c.name}") for name in METHODS for c in method_checks(new(name))]
THEIRS = [
    pytest.param(estimator, check, id=f"{name}-{i:02d}-{check.func.__name__}")
    for name in METHODS
    for i, (estimator, check) in enumerate(estimator_checks_generator(new(name)))
]


def test_there_are_methods() -> None:
    assert METHODS.names()


@pytest.mark.parametrize("check", OURS)
def test_our_check(check: Callable[[], None]) -> None:
    check()


@pytest.mark.parametrize(("estimator", "check"), THEIRS)
def test_sklearn_check(estimator: Any, check: Any) -> None:
    try:
        check(estimator)
    except SkipTest as skip:
        if check.func.__name__ not in KNOWN_SKIPS:
            pytest.fail(f"{check.func.__name__} skipped itself: {skip}")


@pytest.mark.parametrize("name", METHODS.names())
def test_sklearn_battery_is_whole(name: str) -> None:
    results = check_estimator(new(name), on_skip=None, on_fail=None)
    by_status: dict[str, list[str]] = {}
    for result in results:
        by_status.setdefault(result["status"], []).append(result["check_name"])
    assert set(by_status.get("skipped", [])) <= KNOWN_SKIPS
    assert set(by_status) <= {"passed", "skipped"}
    assert len(by_status["passed"]) >= MINIMUM_SKLEARN_CHECKS


@pytest.mark.parametrize("name", METHODS.names())
def test_our_battery_is_whole(name: str) -> None:
    method = new(name)
    report = check_method(method)
    assert report.n_checks == len(all_method_checks()) - len(method.capabilities.names())
    assert report.n_checks >= MINIMUM_METHOD_CHECKS


@pytest.mark.parametrize("name", METHODS.names())
def test_saved_and_loaded_scores_the_same(name: str, tmp_path: Path) -> None:
    problem = make_problem(new(name))
    model = fitted(new(name), problem)
    save_method(model, tmp_path / "method.safetensors")
    loaded = load_method(tmp_path / "method.safetensors")
    assert type(loaded) is type(model)
    assert loaded.get_params() == model.get_params()
    for prototypes in (problem.prototypes, None):
        np.testing.assert_array_equal(
            loaded.class_scores(problem.X_new, prototypes=prototypes),
            model.class_scores(problem.X_new, prototypes=prototypes),
        )
    np.testing.assert_array_equal(loaded.predict(problem.X), model.predict(problem.X))


def test_every_tag_relaxes_one_check_of_its_own() -> None:
    assert set(RELAXES) == set(vars(Capabilities()))
    assert len(set(RELAXES.values())) == len(RELAXES)
    assert set(RELAXES.values()) <= set(all_method_checks())
    assert len(all_method_checks()) - len(RELAXES) == MINIMUM_METHOD_CHECKS


@pytest.mark.parametrize(("tag", "relaxed"), list(RELAXES.items()))
def test_a_tag_relaxes_exactly_that_check(tag: str, relaxed: str) -> None:
    class Tagged(Method):
        capabilities = Capabilities(**{tag: True})

    assert [c.name for c in method_checks(Tagged())] == [name for name in all_method_checks() if name != relaxed]
