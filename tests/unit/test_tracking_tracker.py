"""Our trackers: what they do in scenes drawn by hand."""

from __future__ import annotations

import inspect
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from unseen.errors import InputError
from unseen.registry import TRACKERS
from unseen.tracking.association import assign, overlaps, shares
from unseen.tracking.base import FrameBoxes
from unseen.tracking.gallery import Distances, Gallery
from unseen.tracking.tracker import AppearanceTracker, MotionTracker, _second

if TYPE_CHECKING:
    from collections.abc import Sequence

Array = np.ndarray[Any, Any]
LOOKS = np.linalg.qr(np.random.default_rng(7).normal(size=(16, 16)))[0].astype(np.float32)


def frame(
    boxes: Sequence[tuple[float, float]],
    who: list[int] | None = None,
    *,
    scores: list[float] | None = None,
    asked: list[int] | None = None,
    noise: int = 0,
    motion: Array | None = None,
) -> FrameBoxes:
    """Return boxes of 40 x 80 at these places, which look like `who`."""
    places = np.array(boxes, np.float32).reshape(-1, 2)
    edges = np.concatenate([places, places + np.array([40, 80])], axis=1).astype(np.float32)
    given = np.array([0.9] * len(boxes) if scores is None else scores, np.float32)
    vectors = LOOKS[who] + 0.03 * np.random.default_rng(noise).normal(size=(len(boxes), 16)) if who else None

    def give(rows: Array) -> Array:
        if asked is not None:
            asked.extend(rows.tolist())
        return np.asarray(vectors)[rows]

    return FrameBoxes(edges, given, give if who else None, motion)


def warm(tracker: AppearanceTracker, who: list[int], places: list[tuple[float, float]], length: int = 60) -> None:
    """Let objects stand for so long that it is known how far apart looks are."""
    for t in range(length):
        tracker.update(frame(places, who, noise=t))


def test_a_track_gets_its_number_when_it_is_confirmed() -> None:
    tracker = MotionTracker(confirm=3)
    tracker.update(frame([(0, 0)]))
    ids = [tracker.update(frame([(0, 0), (300, 0)])).ids.tolist() for _ in range(4)]
    assert ids == [[1], [1], [1, 2], [1, 2]]


def test_what_is_seen_once_gets_none() -> None:
    tracker = MotionTracker()
    tracker.update(frame([(0, 0)]))
    for t in range(10):
        assert tracker.update(frame([(0, 0), (200 + 60 * t, 300 - 20 * t)])).ids.tolist() == [1]


def test_unsure_boxes_carry_a_track_on_but_begin_none() -> None:
    tracker = MotionTracker()
    for _ in range(5):
        tracker.update(frame([(0, 0)]))
    for _ in range(20):
        found = tracker.update(frame([(0, 0), (300, 0)], scores=[0.15, 0.2]))
        assert found.ids.tolist() == [1]
        assert found.detections.tolist() == [0]
    assert not len(tracker.update(frame([(0, 0)], scores=[0.05])).ids)


def test_a_gap_is_bridged_by_motion() -> None:
    tracker = MotionTracker()
    for t in range(15):
        tracker.update(frame([(6 * t, 0)]))
    for _ in range(8):
        assert not len(tracker.update(frame([])).ids)
    assert tracker.update(frame([(6 * 23, 0)])).ids.tolist() == [1]


def test_coasting_gives_out_guesses() -> None:
    tracker = MotionTracker(coast=2)
    for t in range(15):
        tracker.update(frame([(6 * t, 0)]))
    rows = [tracker.update(frame([])) for _ in range(3)]
    assert [row.detections.tolist() for row in rows] == [[-1], [-1], []]
    assert rows[0].boxes[0, 0] == pytest.approx(90, abs=4)


def test_a_track_ends_when_its_time_is_over() -> None:
    for gap, expected in ((10, [1]), (12, [2])):
        tracker = MotionTracker(confirm=1, max_unseen=11)
        for _ in range(5):
            tracker.update(frame([(0, 0)]))
        for _ in range(gap):
            tracker.update(frame([]))
        assert tracker.update(frame([(0, 0)])).ids.tolist() == expected


def test_time_that_has_passed_counts() -> None:
    tracker = MotionTracker(confirm=1, max_unseen=11)
    tracker.update(frame([(0, 0)]))
    empty = frame([])
    tracker.update(FrameBoxes(empty.boxes, empty.scores, elapsed=12.0))
    assert tracker.update(frame([(0, 0)])).ids.tolist() == [2]


def test_the_camera_is_made_up_for() -> None:
    """Two neighbours; the camera jumps by the distance between them."""
    jump = np.array([[1, 0, 60.0], [0, 1, 0]])
    for motion, expected in ((jump, [1, 2]), (None, [2])):
        tracker = MotionTracker()
        for _ in range(10):
            tracker.update(frame([(100, 0), (160, 0)]))
        found = tracker.update(frame([(160, 0), (220, 0)], motion=motion))
        assert found.ids.tolist() == expected


def test_looks_tell_who_is_who_after_a_crossing() -> None:
    """Two stop behind each other and come out on the sides they came from: motion takes one for the other."""

    def run(tracker: MotionTracker, who: list[int]) -> list[int]:
        last: list[int] = []
        for t in range(70):
            offset = max(0.0, 150 - 5.0 * t) if t < 34 else 5.0 * (t - 34)
            hidden = offset < 15
            places, looks = [(300 - offset, 0.0), (300 + offset, 4.0)], who
            if hidden:
                places, looks = places[:1], who[:1]
            found = tracker.update(frame(places, looks, noise=t))
            if len(found.ids) == 2 and not hidden:
                last = found.ids[np.argsort(found.boxes[:, 0])].tolist()
        return last

    assert run(AppearanceTracker(), [0, 1]) == [1, 2]


def test_who_comes_back_is_known_by_looks() -> None:
    tracker = AppearanceTracker()
    warm(tracker, [0, 1, 2], [(0, 0), (200, 0), (400, 0)])
    for t in range(25):
        tracker.update(frame([(200, 0), (400, 0)], [1, 2], noise=t))
    for t in range(4):
        found = tracker.update(frame([(200, 0), (400, 0), (0, 200)], [1, 2, 0], noise=t))
    assert found.ids.tolist() == [1, 2, 3]
    strange = AppearanceTracker()
    warm(strange, [0, 1, 2], [(0, 0), (200, 0), (400, 0)])
    for t in range(25):
        strange.update(frame([(200, 0), (400, 0)], [1, 2], noise=t))
    for t in range(4):
        found = strange.update(frame([(200, 0), (400, 0), (0, 0)], [1, 2, 5], noise=t))
    assert found.ids.tolist() == [2, 3, 4]


def test_who_was_last_seen_in_part_is_known_when_it_comes_back_whole() -> None:
    tracker = AppearanceTracker()
    warm(tracker, [0, 1, 2], [(0, 0), (200, 0), (400, 0)])
    for t in range(20):  # the first goes behind something: less and less of it is to be seen
        given = frame([(0, 0), (200, 0), (400, 0)], [0, 1, 2], noise=t)
        given.boxes[0, 2] = 40 - 1.4 * t
        tracker.update(given)
    for t in range(20):
        tracker.update(frame([(200, 0), (400, 0)], [1, 2], noise=t))
    for t in range(4):
        found = tracker.update(frame([(200, 0), (400, 0), (60, 30)], [1, 2, 0], noise=t))
    assert found.ids.tolist() == [1, 2, 3]


@pytest.mark.parametrize(("apart", "expected"), [(15, 1), (4, 2)])
def test_looks_do_not_outweigh_a_place_that_fits_clearly_better(apart: float, expected: int) -> None:
    """The second of two is missed, and the box of the first shows what stands before it."""
    tracker = AppearanceTracker()
    warm(tracker, [0, 1], [(0, 0), (200, 0)])
    for t in range(60):  # the second comes near, and stops
        tracker.update(frame([(0, 0), (max(apart, 200 - 5 * t), 0)], [0, 1], noise=t))
    assert tracker.update(frame([(0, 0)], [1])).ids.tolist() == [expected]


def test_copies_of_one_object_are_told_apart_by_motion_alone() -> None:
    random = np.random.default_rng(3)
    video = []
    for t in range(120):
        places = [(10 + 4 * t, 20 * i + 10 * np.sin(t / 9 + i)) for i in range(4)]
        seen = random.uniform(size=4) > 0.2
        video.append(([p for p, s in zip(places, seen, strict=True) if s], t))
    looking, blind = AppearanceTracker(), MotionTracker()
    for places, t in video:
        given = frame(places, [0] * len(places), noise=t)
        a, b = looking.update(given), blind.update(given)
        np.testing.assert_array_equal(a.ids, b.ids)
        np.testing.assert_array_equal(a.boxes, b.boxes)


def test_vectors_are_asked_for_only_where_there_is_doubt() -> None:
    tracker = AppearanceTracker(refresh=10)
    asked: list[int] = []
    for t in range(41):
        tracker.update(frame([(0, 0), (300, 0)], [0, 1], asked=asked, noise=t))
    assert len(asked) == 8  # both, four times; the first frame has no tracks to compare with


def test_vectors_that_do_not_fit_are_refused() -> None:
    tracker = AppearanceTracker(confirm=1)
    tracker.update(frame([(0, 0)], [0]))
    wrong = frame([(0, 0)], [0])
    bad = FrameBoxes(wrong.boxes, wrong.scores, lambda rows: np.ones((3, 4), np.float32))
    with pytest.raises(InputError, match=r"vectors must be an array of shape \(1, d\); got shape \(3, 4\)"):
        tracker.update(bad)
    # All NaN, of whatever length: nobody has a look.
    tracker.update(FrameBoxes(wrong.boxes, wrong.scores, lambda rows: np.full((len(rows), 1), np.nan)))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"high_score": 1.5}, "high_score must be a number at least 0 and at most 1"),
        ({"high_score": 0.2, "low_score": 0.4}, "low_score must be a number at least 0 and at most 0.2"),
        ({"min_iou": 0}, "min_iou must be a number above 0 and below 1"),
        ({"confirm": 0}, "confirm must be a whole number at least 1"),
        ({"max_unseen": -1}, "max_unseen must be a number at least 0"),
        ({"coast": float("nan")}, "coast must be a finite number"),
        ({"weight": -1}, "weight must be a number at least 0"),
        ({"refresh": 0}, "refresh must be a whole number at least 1"),
        ({"gallery": 0}, "gallery must be a whole number at least 1"),
    ],
)
def test_bad_parameters_are_refused(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        AppearanceTracker(**arguments)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"boxes": np.ones((1, 3))}, r"boxes must be an array of shape \(n, 4\); got shape \(1, 3\)"),
        ({"boxes": np.full((1, 4), np.nan)}, "boxes must be finite; got NaN or infinity in row 0"),
        ({"boxes": np.full((1, 4), 1e9)}, "boxes must be within"),
        ({"boxes": "here"}, "boxes must be an array of shape .* of numbers; got 'here'"),
        ({"scores": np.ones(2)}, r"scores must be an array of shape \(1,\); got shape \(2,\)"),
        ({"scores": np.full(1, 7.0)}, r"scores must be in \[0, 1\]; got 7.0"),
        ({"motion": np.eye(3)}, r"motion must be an array of shape \(2, 3\); got shape \(3, 3\)"),
        ({"elapsed": 0.0}, "elapsed must be a number above 0"),
    ],
)
def test_bad_frames_are_refused(change: dict[str, Any], says: str) -> None:
    good = {"boxes": np.array([[0, 0, 5, 5]], np.float32), "scores": np.ones(1, np.float32)}
    with pytest.raises(InputError, match=says):
        MotionTracker().update(FrameBoxes(**{**good, **change}))


def test_parameters_are_what_it_was_made_with() -> None:
    assert AppearanceTracker(0.4, gallery=3).parameters() == {
        "high_score": 0.4,
        "low_score": 0.1,
        "min_iou": 0.3,
        "confirm": 3,
        "max_unseen": 120.0,
        "coast": 0.0,
        "weight": 0.15,
        "refresh": 5,
        "gallery": 3,
    }


# -- the borrowed ones ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["sort", "bytetrack", "ocsort", "botsort"])
def test_borrowed_trackers_have_the_defaults_of_their_package(name: str) -> None:
    trackers = pytest.importorskip("trackers")
    ours = TRACKERS.get(name)
    theirs = inspect.signature(getattr(trackers, ours._theirs).__init__).parameters
    own = inspect.signature(ours.__init__).parameters
    for key, parameter in own.items():
        assert parameter.default == theirs[key].default, key
    assert set(theirs) - set(own) <= {"state_estimator_class", "iou", "cmc_method", "cmc_downscale"}


@pytest.mark.parametrize("name", ["sort", "bytetrack", "ocsort", "botsort"])
def test_borrowed_trackers_say_what_their_package_says(name: str) -> None:
    trackers, supervision = pytest.importorskip("trackers"), pytest.importorskip("supervision")
    ours = TRACKERS.get(name)()
    theirs = getattr(trackers, ours._theirs)()
    random = np.random.default_rng(0)
    place = random.uniform(0, 400, (8, 2))
    for _ in range(40):
        place = place + random.normal(0, 3, (8, 2))
        boxes = np.concatenate([place, place + np.array([30, 60])], axis=1).astype(np.float32)
        scores = random.uniform(0.1, 1, 8).astype(np.float32)
        found = ours.update(FrameBoxes(boxes, scores))
        expected = theirs.update(supervision.Detections(xyxy=boxes, confidence=scores))
        numbers = expected.tracker_id[expected.tracker_id >= 0]
        order = np.argsort(numbers)
        np.testing.assert_array_equal(found.ids, numbers[order] + 1)
        np.testing.assert_array_equal(found.boxes, expected.xyxy[expected.tracker_id >= 0][order])
        np.testing.assert_array_equal(found.boxes, boxes[found.detections])


def test_bot_sort_is_told_how_the_camera_moved() -> None:
    pytest.importorskip("trackers")
    jump = np.array([[1, 0, 60.0], [0, 1, 0]])
    for motion, expected in ((jump, [1, 2]), (None, [2])):
        tracker = TRACKERS.get("botsort")()
        for _ in range(10):
            tracker.update(frame([(100, 0), (160, 0)]))
        assert tracker.update(frame([(160, 0), (220, 0)], motion=motion)).ids.tolist() == expected


# -- parts ---------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 10_000))
def test_the_assignment_is_the_best_there_is(n: int, m: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    value = random.uniform(0.1, 1, (n, m))
    allowed = random.uniform(size=(n, m)) < 0.5
    rows, columns = assign(value, allowed)
    assert allowed[rows, columns].all()
    assert len(set(rows.tolist())) == len(rows)
    assert len(set(columns.tolist())) == len(columns)
    gain = np.where(allowed, value, 0.0)
    best = gain[linear_sum_assignment(gain, maximize=True)].sum()
    assert value[rows, columns].sum() == pytest.approx(best)


def test_overlaps_by_hand() -> None:
    a, b = np.array([[0.0, 0, 10, 10]]), np.array([[5.0, 0, 15, 10], [10, 10, 20, 20], [2, 2, 4, 4]])
    np.testing.assert_allclose(overlaps(a, b), np.array([[1 / 3, 0, 0.04]]))
    np.testing.assert_allclose(shares(b, a), np.array([[0.5], [0.0], [1.0]]))


def test_the_second_best_of_rows_and_columns() -> None:
    values = np.array([[3.0, 1.0], [2.0, 5.0]])
    np.testing.assert_array_equal(_second(values, 1), [[1, 3], [5, 2]])
    np.testing.assert_array_equal(_second(values, 0), [[2, 5], [3, 1]])
    assert (_second(values[:, :1], 1) == -np.inf).all()


def test_the_gallery_by_hand() -> None:
    gallery = Gallery(2)
    places = gallery.open(3)
    gallery.add(places[:1], LOOKS[:1])
    gallery.add(places[:1], LOOKS[1:2])
    found = gallery.distances(places, np.concatenate([LOOKS[:1], LOOKS[2:3], np.full((1, 16), np.nan, np.float32)]))
    # The mean of two perpendicular vectors is 45 degrees from either; the nearest one kept is the vector itself.
    np.testing.assert_allclose(found[0, :2], np.array([(1 - 0.5**0.5) / 2, 1.0]), atol=1e-6)
    assert np.isnan(found[1:]).all()
    assert np.isnan(found[:, 2]).all()
    gallery.add(places[:1], LOOKS[3:4])  # the first one goes
    assert gallery.distances(places[:1], LOOKS[:1])[0, 0] > 0.5
    gallery.close(places[:1])
    again = gallery.open(1)
    assert again[0] == places[0]
    assert gallery.counts(again)[0] == 0


def test_places_of_the_gallery_are_used_again() -> None:
    gallery = Gallery(4)
    for _ in range(200):
        places = gallery.open(5)
        gallery.add(places, LOOKS[:5])
        gallery.close(places)
    assert len(gallery._counts) == 16


def test_evidence_by_hand() -> None:
    distances = Distances(least=2, limit=100)
    assert not distances.evidence(np.array([0.0])).any()
    distances.learn(np.array([0.1, 0.3]), np.array([0.7, 0.9, np.nan]))
    # Means 0.2 and 0.8, both deviations 0.1: 6 of them apart, and (0.6 / 0.01) (0.5 - d).
    assert distances.separation == pytest.approx(6, rel=1e-5)
    np.testing.assert_allclose(distances.evidence(np.array([0.5, 0.4, 0.8, np.nan])), [0, 6, -18, 0], atol=1e-3)


@pytest.mark.parametrize("scale", [0.01, 1.0])
def test_evidence_does_not_depend_on_the_encoder_s_scale(scale: float) -> None:
    random = np.random.default_rng(0)
    distances = Distances()
    distances.learn(scale * random.normal(0.2, 0.05, 300), scale * random.normal(0.6, 0.05, 300))
    told = distances.evidence(scale * np.array([0.2, 0.6]))
    np.testing.assert_array_equal(told, [4, -4])


def test_looks_that_do_not_differ_are_worth_nothing() -> None:
    random = np.random.default_rng(0)
    distances = Distances()
    for _ in range(20):
        distances.learn(random.normal(0.2, 0.05, 10), random.normal(0.22, 0.05, 10))
    assert not distances.evidence(np.linspace(0, 1, 11)).any()


def test_a_few_pairs_that_lie_apart_by_chance_prove_nothing() -> None:
    same, other = np.array([0.1, 0.2, 0.3]), np.array([0.3, 0.4, 0.5])
    few, many = Distances(least=3), Distances(least=3)
    few.learn(same, other)
    many.learn(np.tile(same, 50), np.tile(other, 50))
    # Both 0.2 / 0.0816 = 2.45 deviations apart; two standard errors are 1.63 with 3 pairs of each, 0.23 with 150.
    assert not few.evidence(np.array([0.1, 0.5])).any()
    assert many.evidence(np.array([0.1, 0.5])).all()


def test_two_trackers_do_not_share_anything() -> None:
    make = partial(AppearanceTracker, confirm=1)
    a, b = make(), make()
    for t in range(20):
        first = a.update(frame([(3 * t, 0), (80 - t, 9)], [0, 1], noise=t))
        second = b.update(frame([(3 * t, 0), (80 - t, 9)], [0, 1], noise=t))
        np.testing.assert_array_equal(first.ids, second.ids)
