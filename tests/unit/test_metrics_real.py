"""Metrics on scores of real birds, of training classes alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from unseen.datasets import read_dataset
from unseen.methods.projection.ridge import Ridge
from unseen.methods.simulation import simulate
from unseen.metrics import (
    bootstrap_interval,
    confusion_matrix,
    generalized_accuracy,
    generalized_hits,
    k_occurrence,
    paired_comparison,
    seen_unseen_curve,
)

if TYPE_CHECKING:
    from pathlib import Path

    from unseen.decision.remedy import Competition


@pytest.fixture(scope="module")
def birds(data: Path) -> Competition:
    """Return a competition between training classes of CUB100: a third of them play the unseen ones."""
    dataset = read_dataset(data / "zsl" / "CUB100")
    X, y = dataset.learnable()
    return simulate(Ridge(), X, y, prototypes=dataset.seen_prototypes, max_per_class=10)[0]


def test_area_agrees_with_a_sweep_over_midpoints(birds: Competition) -> None:
    y, S, seen = birds.y, birds.scores, birds.seen
    curve = seen_unseen_curve(y, S, seen)
    leads = np.unique(S[:, seen].max(axis=1) - S[:, ~seen].max(axis=1))
    there = np.unique(y)
    points = []
    for penalty in [leads[0] - 1, *((leads[1:] + leads[:-1]) / 2), leads[-1] + 1]:
        right = (S - penalty * seen).argmax(axis=1) == y
        rates = (np.bincount(y, right) / np.maximum(np.bincount(y), 1))[there]
        points.append((rates[~seen[there]].mean(), rates[seen[there]].mean()))
    u, s = np.array(points).T
    assert curve.ausuc == pytest.approx(float(((u[1:] + u[:-1]) / 2 * (s[:-1] - s[1:])).sum()), abs=1e-6)


def test_a_penalty_helps_beyond_chance(birds: Competition) -> None:
    y, S, seen = birds.y, birds.scores, birds.seen
    penalty, best = seen_unseen_curve(y, S, seen).best()
    plain, mended = (generalized_hits(y, S, seen, penalty=value) for value in (0.0, penalty))
    found = paired_comparison(mended, plain, y, seen=seen)
    assert found.first == pytest.approx(best)
    assert found.second == pytest.approx(generalized_accuracy(y, S, seen)[2])
    assert found.difference.low > 0
    own: Any = bootstrap_interval(mended, y, seen=seen)
    assert own.low < best < own.high


def test_answers_add_up(birds: Competition) -> None:
    np.testing.assert_array_equal(confusion_matrix(birds.y, birds.scores).sum(axis=0), k_occurrence(birds.scores))
