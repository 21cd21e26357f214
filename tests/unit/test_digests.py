"""Digests of estimators: every digit counts, and a file changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator

from unseen import Prototypes
from unseen.digests import estimator_digest
from unseen.methods.projection.cosine import Cosine
from unseen.methods.projection.ridge import Ridge
from unseen.methods.state import load_method, save_method

if TYPE_CHECKING:
    from pathlib import Path


class Holder(BaseEstimator):  # type: ignore[misc]
    """Holds one parameter."""

    def __init__(self, value: Any = None) -> None:
        self.value = value


LONG = "x" * 2000
NUMBERS = np.arange(5000.0)
DIFFERENT: list[tuple[Any, Any]] = [
    (LONG + "a", LONG + "b"),
    (0.1, 0.1 + 1e-16),
    (1, 1.0),
    (1, True),
    (1, "1"),
    (None, "None"),
    ([1, [2]], [[1], 2]),
    (["ab", "c"], ["a", "bc"]),
    ([[]], []),
    ({"a": 1, "b": 2}, {"a": 2, "b": 1}),
    # All of these print alike: the middle of what is long is left out.
    (NUMBERS, np.where(NUMBERS == 2500, -1, NUMBERS)),
    (list(range(500)), [*range(250), -1, *range(251, 500)]),
    (NUMBERS, NUMBERS.reshape(50, 100)),
    (NUMBERS, NUMBERS.astype(np.float32)),
    (np.array(["a", "b"]), np.array(["a", "c"])),
    (Ridge(alpha=1.0), Ridge(alpha=2.0)),
    ([Ridge(), Holder(LONG + "a")], [Ridge(), Holder(LONG + "b")]),
    (Ridge(), Cosine()),
    (np.random.RandomState(0), np.random.RandomState(1)),
    (Prototypes(["a"], [[1.0]]), Prototypes(["a"], [[2.0]])),
]


@pytest.mark.parametrize(("one", "other"), DIFFERENT, ids=lambda value: type(value).__name__)
def test_what_differs_differs(one: Any, other: Any) -> None:
    assert estimator_digest(Holder(one)) != estimator_digest(Holder(other))
    fitted: list[Any] = [Holder(), Holder()]
    fitted[0].value_, fitted[1].value_ = one, other
    assert estimator_digest(fitted[0]) != estimator_digest(fitted[1])
    assert estimator_digest(fitted[0]) != estimator_digest(Holder(one))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((1, 2), [1, 2]),
        (np.float64(0.5), 0.5),
        (np.array(["a", "b"], dtype=object), np.array(["a", "b"])),
        (NUMBERS.reshape(50, 100).T, NUMBERS.reshape(50, 100).T.copy()),
        (np.random.RandomState(0), np.random.RandomState(0)),
    ],
)
def test_what_comes_back_from_a_file_is_the_same(one: Any, other: Any) -> None:
    assert estimator_digest(Holder(one)) == estimator_digest(Holder(other))


def test_a_saved_method_has_the_same_digest(tmp_path: Path) -> None:
    prototypes = Prototypes(["a", "b", "c"], np.random.default_rng(0).normal(size=(3, 4)))
    X, y = np.random.default_rng(1).normal(size=(9, 6)), np.repeat(prototypes.names, 3)
    method = Ridge(alpha=np.float64(0.3)).fit(X, y, prototypes=prototypes)
    save_method(method, tmp_path / "m.safetensors")
    assert estimator_digest(load_method(tmp_path / "m.safetensors")) == estimator_digest(method)
    assert estimator_digest(Ridge(alpha=0.3)) != estimator_digest(method)
