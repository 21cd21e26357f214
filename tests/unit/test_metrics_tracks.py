"""Scores of tracks that can be worked out by hand."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from unseen.errors import InputError
from unseen.metrics.tracks import evaluate_tracks
from unseen.tracking.mot import MotBoxes

if TYPE_CHECKING:
    from collections.abc import Sequence

pytest.importorskip("trackeval")


def boxes(rows: Sequence[tuple[int, int, float]]) -> MotBoxes:
    """Return 10 x 10 boxes: frame, id, left edge."""
    table = np.array(rows, np.float64).reshape(-1, 3)
    n = len(table)
    left = table[:, 2]
    edges = np.stack([left, np.zeros(n), left + 10, np.full(n, 10.0)], axis=1)
    return MotBoxes(table[:, 0].astype(np.int64), table[:, 1].astype(np.int64), edges, np.ones(n), np.full(n, -1))


TRUTH = boxes([(t, who, 100.0 * who + t) for t in range(10) for who in (1, 2)])


def test_the_truth_fits_itself() -> None:
    scores = evaluate_tracks(TRUTH, TRUTH)
    assert (scores.hota, scores.mota, scores.idf1, scores.motp) == (1, 1, 1, 1)
    assert (scores.id_switches, scores.misses, scores.false_positives, scores.matches) == (0, 0, 0, 20)
    assert (scores.true_objects, scores.tracks, scores.true_boxes, scores.boxes) == (2, 2, 20, 20)
    assert scores.to_dict()["mostly_tracked"] == 2


def test_nothing_found() -> None:
    scores = evaluate_tracks(boxes([]), TRUTH)
    assert (scores.hota, scores.mota, scores.idf1, scores.misses, scores.mostly_lost) == (0, 0, 0, 20, 2)


def test_a_switch_halfway() -> None:
    """One object, two tracks of half its length each: one switch; half of the boxes have the right identity."""
    truth = boxes([(t, 1, 0) for t in range(10)])
    found = boxes([(t, 1 if t < 5 else 2, 0) for t in range(10)])
    scores = evaluate_tracks(found, truth)
    assert (scores.id_switches, scores.misses, scores.false_positives) == (1, 0, 0)
    assert scores.mota == pytest.approx(0.9)
    assert scores.idf1 == pytest.approx(0.5)
    # Each box's association: 5 frames together of 10 + 5 - 5; detection is perfect.
    assert scores.assa == pytest.approx(0.5)
    assert scores.hota == pytest.approx(math.sqrt(0.5))


def test_misses_and_false_positives() -> None:
    """Of ten boxes eight are found, and three more are made up: 1 - (2 + 3) / 10."""
    truth = boxes([(t, 1, 0) for t in range(10)])
    found = boxes([(t, 1, 0) for t in range(8)] + [(t, 2, 500) for t in range(3)])
    scores = evaluate_tracks(found, truth)
    assert (scores.misses, scores.false_positives, scores.matches) == (2, 3, 8)
    assert scores.mota == pytest.approx(0.5)
    assert scores.idf1 == pytest.approx(2 * 8 / (10 + 11))


def test_boxes_at_the_threshold_fit() -> None:
    truth, found = boxes([(0, 1, 0)]), boxes([(0, 1, 10 / 3)])  # IoU 1/2
    assert evaluate_tracks(found, truth, threshold=0.499).matches == 1
    assert evaluate_tracks(found, truth, threshold=0.501).matches == 0


def test_sequences_are_pooled() -> None:
    scores = evaluate_tracks({"a": TRUTH}, {"a": TRUTH, "b": TRUTH})
    assert isinstance(scores, dict)
    assert list(scores) == ["a", "b", "all"]
    assert (scores["a"].mota, scores["b"].mota, scores["all"].mota) == (1, 0, 0.5)
    assert (scores["all"].true_boxes, scores["all"].boxes) == (40, 20)


def test_what_cannot_be_compared() -> None:
    twice = boxes([(0, 1, 0), (0, 1, 50)])
    with pytest.raises(InputError, match="hypotheses must be one box for each id and frame; got 2 boxes of id 1 in f"):
        evaluate_tracks(twice, TRUTH)
    with pytest.raises(InputError, match="truth of 'a' must be one box for each id and frame"):
        evaluate_tracks({}, {"a": twice})
    with pytest.raises(InputError, match="hypotheses must be of sequences of the truth; got 'b'"):
        evaluate_tracks({"b": TRUTH}, {"a": TRUTH})
    with pytest.raises(InputError, match="truth must be sequences by name too"):
        evaluate_tracks({"b": TRUTH}, TRUTH)
    with pytest.raises(InputError, match="hypotheses must be sequences by name too"):
        evaluate_tracks(TRUTH, {"b": TRUTH})
    with pytest.raises(InputError, match="truth must be at least one sequence"):
        evaluate_tracks({}, {})
    with pytest.raises(InputError, match="threshold must be a number above 0 and at most 1"):
        evaluate_tracks(TRUTH, TRUTH, threshold=0)
    crowd = boxes([(0, i, i) for i in range(5000)])
    with pytest.raises(InputError, match="must be of fewer objects; got 5,000 objects and 5,000 tracks"):
        evaluate_tracks(crowd, crowd)
    broken = MotBoxes(TRUTH.frames, TRUTH.ids, TRUTH.boxes * np.nan, TRUTH.scores, TRUTH.classes)
    with pytest.raises(InputError, match="hypotheses must be frames, ids and finite boxes"):
        evaluate_tracks(broken, TRUTH)


def test_both_measures_are_at_home_in_metrics() -> None:
    from unseen import metrics
    from unseen.metrics.boxes import average_precision

    assert metrics.evaluate_tracks is evaluate_tracks
    assert metrics.average_precision is average_precision
    assert {"average_precision", "evaluate_tracks", "AveragePrecision", "TrackScores"} <= set(metrics.__all__)
    assert metrics.__all__ == sorted(metrics.__all__)


@pytest.mark.parametrize("broken", [np.zeros((20, 5)), np.zeros((7, 4)), np.zeros(21)])
def test_parts_that_do_not_fit_are_told(broken: np.ndarray) -> None:
    wrong = MotBoxes(TRUTH.frames, TRUTH.ids, broken, TRUTH.scores, TRUTH.classes)
    with pytest.raises(InputError, match="hypotheses must be frames, ids and finite boxes"):
        evaluate_tracks(wrong, TRUTH)
    few = MotBoxes(TRUTH.frames, TRUTH.ids[:3], TRUTH.boxes, TRUTH.scores, TRUTH.classes)
    with pytest.raises(InputError, match="hypotheses must be frames, ids and finite boxes"):
        evaluate_tracks(few, TRUTH)
