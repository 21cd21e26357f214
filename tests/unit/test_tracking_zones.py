"""Regions, lines and counts, by numbers worked out by hand."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unseen.errors import InputError
from unseen.tracking.counts import PlaceCounts
from unseen.tracking.frames import Frame
from unseen.tracking.result import TrackedFrame
from unseen.tracking.zones import LineCounter, anchors, inside, parse_line, parse_polygon

# An L: the square (0, 0) to (4, 4) without its upper right quarter.
L = [(0, 0), (2, 0), (2, 2), (4, 2), (4, 4), (0, 4)]


def test_points_in_a_polygon_that_is_not_convex() -> None:
    points = [(1, 1), (3, 1), (3, 3), (1, 3), (5, 3), (-1, 1), (1, -1)]
    assert inside(points, L).tolist() == [True, False, True, True, False, False, False]


def test_the_edge_belongs_to_the_polygon() -> None:
    assert inside([(0, 0), (2, 1), (3, 2), (4, 4), (2, 4), (0, 2)], L).all()
    assert not inside([(2.001, 1), (3, 1.999), (4.001, 4)], L).any()


@given(
    st.lists(st.tuples(st.integers(-20, 20), st.integers(-20, 20)), min_size=3, max_size=8),
    st.integers(-20, 20),
    st.integers(-20, 20),
)
def test_inside_agrees_with_a_picture_of_the_polygon(corners: list[tuple[int, int]], x: int, y: int) -> None:
    """The even-odd rule by a ray in another direction; half pixels so that no corner lies on a ray."""
    point = (x + 0.37, y + 0.41)
    crossings = 0
    for (ax, ay), (bx, by) in zip(corners, corners[1:] + corners[:1], strict=True):
        if (ax > point[0]) != (bx > point[0]):
            crossings += ay + (point[0] - ax) * (by - ay) / (bx - ax) > point[1]
    on_an_edge = any(
        abs((bx - ax) * (point[1] - ay) - (by - ay) * (point[0] - ax)) < 1e-9
        for (ax, ay), (bx, by) in zip(corners, corners[1:] + corners[:1], strict=True)
    )
    if not on_an_edge:
        assert inside([point], corners)[0] == bool(crossings % 2)


def test_foot_and_centre() -> None:
    box = np.array([[10, 20, 30, 60]], np.float32)
    assert anchors(box).tolist() == [[20.0, 60.0]]
    assert anchors(box, "centre").tolist() == [[20.0, 40.0]]
    with pytest.raises(InputError, match="anchor must be 'foot' or 'centre'"):
        anchors(box, "head")


def test_crossing_to_the_right_and_back() -> None:
    counter = LineCounter((0, 0), (0, 10))  # down the picture: the walker's right hand points to smaller x
    assert [counter.move(1, p) for p in [(2, 5), (-2, 5), (-3, 5), (2, 5)]] == [None, "right", None, "left"]


def test_touching_the_line_is_no_crossing() -> None:
    counter = LineCounter((0, 0), (0, 10))
    assert [counter.move(1, p) for p in [(2, 5), (0, 5), (2, 6), (0, 5), (-1, 5)]] == [None, None, None, None, "right"]


def test_going_around_the_end_is_no_crossing() -> None:
    counter = LineCounter((0, 0), (0, 10))
    assert [counter.move(1, p) for p in [(2, 12), (-2, 12), (-2, 5), (2, 5)]] == [None, None, None, "left"]


def test_tracks_do_not_mix() -> None:
    counter = LineCounter((0, 0), (0, 10))
    assert counter.move(1, (2, 5)) is None
    assert counter.move(2, (-2, 5)) is None
    assert counter.move(1, (-2, 5)) == "right"
    counter.forget(2)
    assert counter.move(2, (2, 5)) is None


_POINT = st.tuples(st.floats(-50, 50, width=32), st.floats(-50, 50, width=32))


@given(_POINT, _POINT, st.lists(_POINT, min_size=2, max_size=12))
def test_turning_the_line_around_turns_every_crossing(
    a: tuple[float, float], b: tuple[float, float], way: list[tuple[float, float]]
) -> None:
    if a == b:
        return
    there, back = LineCounter(a, b), LineCounter(b, a)
    opposite = {"left": "right", "right": "left", None: None}
    assert [opposite[there.move(1, p)] for p in way] == [back.move(1, p) for p in way]


@given(st.lists(st.tuples(st.floats(-9, 9), st.floats(0.5, 9.5)), min_size=1, max_size=30))
def test_crossings_alternate(way: list[tuple[float, float]]) -> None:
    """Who has crossed to one side must come back before crossing to it again, where nobody can go around."""
    counter = LineCounter((0, -100), (0, 100))
    found = [way for way in (counter.move(1, p) for p in way) if way]
    assert all(first != second for first, second in pairwise(found))


def test_places_are_read() -> None:
    zone = parse_polygon("the door=0,0 50%,0 50%,100%")
    assert zone.name == "the door"
    assert zone.at((640, 360)).tolist() == [[0, 0], [320, 0], [320, 360]]
    assert parse_polygon("1,2;3,4;5.5,6", number=2).name == "zone 2"
    assert parse_line("0,1 2,-3").points == ((0.0, 1.0), (2.0, -3.0))


@pytest.mark.parametrize("text", ["", "1,2", "1,2 3", "1,2 3,4 five", "1;2;3", "name=", "1,2 3,4 5,6 x"])
def test_places_that_cannot_be_read(text: str) -> None:
    with pytest.raises(InputError, match=r"track: --zone must be (points x,y|three points or more)"):
        parse_polygon(text)
    with pytest.raises(InputError, match=r"track: --line must be (points x,y|two different points)"):
        parse_line("1,1 1,1")


# -- counting --------------------------------------------------------------------------------------------------


def tracked(index: int, boxes: dict[int, tuple[float, float]], size: tuple[int, int] = (100, 100)) -> TrackedFrame:
    """Return a frame with a 10 x 10 box on each foot."""
    ids = sorted(boxes)
    edges = [(boxes[i][0] - 5, boxes[i][1] - 10, boxes[i][0] + 5, boxes[i][1]) for i in ids]
    frame = Frame(index, index * 0.5, f"f{index}", np.zeros((size[1], size[0], 3), np.uint8))
    n = len(ids)
    return TrackedFrame(
        frame,
        ("cat", "dog"),
        np.array(ids, np.int64),
        np.array(edges, np.float32).reshape(-1, 4),
        np.ones(n, np.float32),
        np.ones(n, bool),
        np.zeros(n, np.intp),
        np.ones(n, np.float32),
        np.ones(n, np.float32),
    )


def test_lines_and_zones_are_counted_by_class() -> None:
    gate, left = parse_line("gate=50%,0 50%,100%"), parse_polygon("left=0,0 50%,0 50%,100% 0,100%")
    counts = PlaceCounts([gate], [left])
    counts.add(tracked(0, {1: (20, 50), 2: (80, 50)}))
    counts.add(tracked(1, {1: (30, 50), 2: (40, 50)}))  # the dog crosses to the left half: to the walker's right
    counts.add(tracked(2, {1: (70, 50)}))  # the cat leaves it
    found = counts.to_dict({1: "cat", 2: None})
    assert found["lines"] == {"gate": {"left": {"cat": 1}, "right": {"unknown": 1}}}
    zone = found["zones"]["left"]
    assert (zone["now"], zone["most"], zone["mean"]) == (0, 2, 1.0)
    assert zone["visitors"] == {"cat": 1, "unknown": 1}
    assert zone["seconds"] == {"cat": 0.5, "unknown": 0.0} or zone["seconds"] == {"cat": 0.5}
    assert ("line", "gate", "left", "cat", 1) in counts.rows(found)
    assert counts.lines_now() == ["gate: 1 left, 1 right", "left: 0 inside"]


def test_a_frame_of_another_size_shows_the_same_place() -> None:
    counts = PlaceCounts([parse_line("gate=50,0 50,100")])
    counts.add(tracked(0, {1: (20, 50)}))
    counts.add(tracked(1, {1: (60, 100)}, size=(200, 200)))  # 30, 50 in the first frame's pixels
    assert counts.lines_now() == ["gate: 0 left, 0 right"]
    counts.add(tracked(2, {1: (120, 100)}, size=(200, 200)))
    assert counts.lines_now() == ["gate: 1 left, 0 right"]


def test_names_of_places_differ() -> None:
    with pytest.raises(InputError, match=r"names of lines and zones must be different; got 'a' twice"):
        PlaceCounts([parse_line("a=0,0 1,1")], [parse_polygon("a=0,0 1,1 1,0")])


def test_a_slow_object_that_stands_on_a_line_is_counted_once() -> None:
    """Boxes of 10 x 10: within one pixel of the line they stand on it."""
    counts = PlaceCounts([parse_line("gate=50,0 50,100")])
    trembling = [40, 49.6, 50.4, 49.5, 50.6, 49.4, 50.5, 49.7, 50.3, 49.9, 50.1]
    for index, x in enumerate(trembling):
        counts.add(tracked(index, {1: (x, 50)}))
    assert counts.lines_now() == ["gate: 0 left, 0 right"]
    for index, x in enumerate([50.8, 52, 49.5, 50.5, 55], len(trembling)):
        counts.add(tracked(index, {1: (x, 50)}))
    assert counts.lines_now() == ["gate: 1 left, 0 right"]


def test_without_a_margin_every_change_of_sides_counts() -> None:
    counts = PlaceCounts([parse_line("gate=50,0 50,100")], margin=0)
    for index, x in enumerate([40, 50.4, 49.6, 50.4]):
        counts.add(tracked(index, {1: (x, 50)}))
    assert counts.lines_now() == ["gate: 2 left, 1 right"]
    with pytest.raises(InputError, match="PlaceCounts: margin must be a number at least 0; got -1"):
        PlaceCounts(margin=-1)


@given(st.lists(st.floats(-20, 20), min_size=1, max_size=30), st.floats(0, 5))
def test_a_margin_never_adds_crossings(way: list[float], margin: float) -> None:
    with_margin, without = LineCounter((0, -100), (0, 100)), LineCounter((0, -100), (0, 100))
    found = [way for way in (with_margin.move(1, (x, 0), margin=margin) for x in way) if way]
    assert len(found) <= sum(without.move(1, (x, 0)) is not None for x in way)
    assert all(first != second for first, second in pairwise(found))


def test_points_far_outside_any_picture_are_refused() -> None:
    with pytest.raises(InputError, match="--line must be points of a picture"):
        parse_line("0,0 " + "9" * 400 + ",1")
