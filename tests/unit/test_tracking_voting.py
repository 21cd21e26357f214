"""Votes on what a track is."""

from __future__ import annotations

import numpy as np
import pytest

from unseen.errors import InputError
from unseen.tracking.voting import ClassVotes


def test_two_frames_by_hand() -> None:
    votes = ClassVotes(0.5, least=0.5)
    votes.add(np.array([0.6, 0.4]), known=0.8, score=0.5)
    assert votes.verdict().position == -1  # 0.25 gathered, 0.5 needed
    votes.add(np.array([0.7, 0.3]), known=0.9, score=1.0)
    logs = 0.25 * np.log([0.48, 0.32, 0.2]) + 0.5 * np.log([0.63, 0.27, 0.1])
    expected = np.exp(logs) / np.exp(logs).sum()
    verdict = votes.verdict()
    assert verdict.probability == pytest.approx(expected[0])
    assert verdict.evidence == pytest.approx(0.75)
    assert verdict.position == (0 if expected[0] >= 0.5 else -1)


def test_what_is_none_of_the_classes_is_unknown() -> None:
    votes = ClassVotes()
    for _ in range(10):
        votes.add(np.array([0.9, 0.1]), known=0.1)
    assert votes.verdict().position == -1


def test_nothing_is_frozen_at_birth() -> None:
    votes = ClassVotes()
    for _ in range(8):
        votes.add(np.array([0.9, 0.1]), known=0.95)
    assert votes.verdict().position == 0
    for _ in range(30):
        votes.add(np.array([0.1, 0.9]), known=0.95)
    assert votes.verdict().position == 1


def test_one_sure_mistake_does_not_decide() -> None:
    votes = ClassVotes()
    for t in range(12):
        votes.add(np.array([0.0, 1.0]) if t == 3 else np.array([0.7, 0.3]), known=0.95)
    assert votes.verdict().position == 0


def test_boxes_nobody_is_sure_of_count_for_nothing() -> None:
    votes = ClassVotes()
    votes.add(np.array([1.0, 0.0]), score=0.0)
    assert votes.verdict() == ClassVotes().verdict()


def test_a_large_vocabulary_costs_no_more_than_a_small_one() -> None:
    votes, random = ClassVotes(top_k=5), np.random.default_rng(0)
    for _ in range(200):
        shares = random.dirichlet(np.full(20_000, 0.01)) * 0.5
        shares[17] += 0.5
        votes.add(shares, known=0.9)
    assert votes.verdict().position == 17
    assert len(votes._classes) <= 50


def test_positions_say_the_same_as_all_classes() -> None:
    whole, some = ClassVotes(top_k=2), ClassVotes(top_k=2)
    for shares in ([0.1, 0.5, 0.3, 0.1], [0.2, 0.6, 0.1, 0.1]):
        full = np.array(shares)
        top = np.sort(np.argsort(-full, kind="stable")[:2])
        whole.add(full, known=0.9)
        some.add(full[top], positions=top, n_classes=4, known=0.9)
    assert whole.verdict() == some.verdict()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"probabilities": np.array([np.nan, 0.5])}, r"probabilities must be shares, \(k,\); got"),
        ({"probabilities": np.array([0.9, 0.9])}, "probabilities must be shares of one whole; got a sum of 1.8"),
        ({"probabilities": np.array([0.5]), "positions": np.array([3]), "n_classes": 2}, "1 different classes"),
        ({"probabilities": np.array([0.5]), "positions": np.array([3])}, "n_classes must be a whole number"),
        ({"probabilities": np.array([0.5, 0.5]), "known": 2.0}, "known must be a number at least 0 and at most 1"),
    ],
)
def test_what_is_no_evidence_is_refused(arguments: dict[str, object], says: str) -> None:
    with pytest.raises(InputError, match=says):
        ClassVotes().add(**arguments)  # type: ignore[arg-type]


def test_another_vocabulary_is_refused() -> None:
    votes = ClassVotes()
    votes.add(np.array([0.5, 0.5]))
    with pytest.raises(InputError, match="n_classes must be 2, as before; got 3"):
        votes.add(np.array([0.5, 0.3, 0.2]))
