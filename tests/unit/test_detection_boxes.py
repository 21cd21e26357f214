"""Boxes, suppression, tiles and crops: by hand, and for any boxes at all."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from unseen.detection.base import BoundDetector, Picture, Proposals
from unseen.detection.boxes import (
    as_boxes,
    clip_boxes,
    covered_matrix,
    from_cxcywh,
    from_xywh,
    iou_matrix,
    to_cxcywh,
    to_xywh,
    usable_boxes,
)
from unseen.detection.crops import Crop, cut
from unseen.detection.nms import nms
from unseen.detection.tiles import TiledDetector, Tiles, check_tiles, merge_tiles
from unseen.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

Array = np.ndarray[Any, Any]


def some_boxes(least: int = 0) -> st.SearchStrategy[Array]:
    numbers = hnp.arrays(np.float32, st.tuples(st.integers(least, 12), st.just(4)), elements=st.integers(0, 64))
    return numbers.map(lambda a: np.concatenate([np.minimum(a[:, :2], a[:, 2:]), np.maximum(a[:, :2], a[:, 2:])], 1))


# -- arrays ---------------------------------------------------------------------------------------------------


def test_overlap_by_hand() -> None:
    a = [[0, 0, 10, 10], [0, 0, 5, 5]]
    b = [[5, 0, 15, 10], [2, 2, 2, 9], [0, 0, 10, 10]]
    overlaps: list[list[float]] = [[1 / 3, 0, 1], [0, 0, 0.25]]
    np.testing.assert_allclose(iou_matrix(a, b), overlaps, atol=1e-6)
    covered: list[list[float]] = [[0.5, 0, 1], [0, 0, 1]]
    np.testing.assert_allclose(covered_matrix(a, b), covered, atol=1e-6)


@settings(deadline=None)
@given(some_boxes(), some_boxes())
def test_overlap_is_symmetric_bounded_and_one_with_itself(a: Array, b: Array) -> None:
    found = iou_matrix(a, b)
    assert found.shape == (len(a), len(b))
    assert ((found >= 0) & (found <= 1)).all()
    np.testing.assert_array_equal(found, iou_matrix(b, a).T)
    own = np.diag(iou_matrix(a, a))
    solid = (a[:, 2] > a[:, 0]) & (a[:, 3] > a[:, 1])
    np.testing.assert_array_equal(own, solid.astype(np.float32))


@settings(deadline=None)
@given(some_boxes())
def test_conversions_go_back_and_forth(a: Array) -> None:
    np.testing.assert_array_equal(from_xywh(to_xywh(a)), a)
    np.testing.assert_array_equal(from_cxcywh(to_cxcywh(a)), a)


@settings(deadline=None)
@given(some_boxes(), st.tuples(st.integers(1, 70), st.integers(1, 70)))
def test_clipped_boxes_lie_in_the_picture_and_stay_when_clipped_again(a: Array, size: tuple[int, int]) -> None:
    clipped = clip_boxes(a, size)
    assert (clipped >= 0).all()
    assert (clipped[:, [0, 2]] <= size[0]).all()
    assert (clipped[:, [1, 3]] <= size[1]).all()
    np.testing.assert_array_equal(clip_boxes(clipped, size), clipped)


def test_usable_boxes_are_finite_and_have_a_pixel() -> None:
    rows: list[list[float]] = [
        [1, 1, 5, 5],
        [np.nan, 1, 5, 5],
        [1, 1, np.inf, 5],
        [5, 5, 1, 1],
        [1, 1, 1.5, 9],
        [90, 1, 120, 9],
        [-50, -50, 50, 50],
        [1e30, 0, 2e30, 5],
    ]
    assert usable_boxes(rows, (80, 80)).tolist() == [True, False, False, False, False, False, True, False]


@pytest.mark.parametrize("wrong", [[1, 2, 3, 4], [[1, 2, 3]], "boxes", np.zeros((2, 2, 4)), [["a"] * 4]])
def test_other_shapes_are_refused(wrong: Any) -> None:
    with pytest.raises(InputError, match=r"boxes must be an array of shape \(n, 4\)"):
        as_boxes(wrong)


# -- suppression ----------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(some_boxes(1), st.floats(0, 1), st.randoms(use_true_random=False))
def test_what_stays_does_not_overlap_and_what_went_does(a: Array, iou: float, random: Any) -> None:
    scores = [random.random() for _ in a]
    kept = nms(a, scores, iou=iou)
    assert list(kept) == sorted(kept, key=lambda i: -scores[i])
    overlaps = iou_matrix(a, a).astype(np.float64)
    for place, i in enumerate(kept):
        assert all(overlaps[i, j] <= iou + 1e-6 for j in kept[:place])
    for i in set(range(len(a))) - set(kept.tolist()):
        assert any(overlaps[i, j] > iou - 1e-6 and scores[j] >= scores[i] for j in kept)


def test_ties_nan_and_nothing() -> None:
    same = [[0, 0, 4, 4]] * 3
    assert nms(same, [0.5, 0.5, 0.5]).tolist() == [0]
    assert nms(same, [np.nan, 0.1, np.inf]).tolist() == [2]
    assert nms([], []).tolist() == []
    assert nms(same, [1, 1, 1], iou=1).tolist() == [0, 1, 2]
    assert nms([[0, 0, 0, 0]] * 2, [1, 1]).tolist() == [0, 1]


def test_suppression_refuses_what_does_not_fit() -> None:
    with pytest.raises(InputError, match="nms: scores must be one for each box; got 1 for 2 boxes"):
        nms([[0, 0, 1, 1]] * 2, [1])
    with pytest.raises(InputError, match="nms: classes must be one for each box"):
        nms([[0, 0, 1, 1]], [1], classes=[1, 2])
    with pytest.raises(InputError, match="nms: iou must be a number at least 0 and at most 1"):
        nms([[0, 0, 1, 1]], [1], iou=1.5)


# -- tiles ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (None, None),
        (1, None),
        ("0", None),
        (2, Tiles(2, 2)),
        ("3x2", Tiles(3, 2)),
        ("640", Tiles(width=640, height=640)),
        ("640X480", Tiles(width=640, height=480)),
    ],
)
def test_tiles_are_counted_or_measured(said: Any, meant: Tiles | None) -> None:
    assert check_tiles(said) == meant


@pytest.mark.parametrize("wrong", ["2x640", "many", -1, 40, True, "3x2x1"])
def test_other_tiles_are_refused(wrong: Any) -> None:
    with pytest.raises(InputError, match="tiles must be a number N for N by N tiles"):
        check_tiles(wrong)


@settings(deadline=None)
@given(st.integers(1, 900), st.integers(1, 900), st.integers(1, 5), st.integers(1, 5))
def test_tiles_cover_every_pixel_and_stay_inside(width: int, height: int, across: int, down: int) -> None:
    seen = np.zeros((height, width), np.bool_)
    for x0, y0, x1, y1 in Tiles(across, down).windows((width, height)):
        assert 0 <= x0 < x1 <= width
        assert 0 <= y0 < y1 <= height
        seen[y0:y1, x0:x1] = True
    assert seen.all()


def test_many_tiles_of_a_crowd_are_merged_in_no_time() -> None:
    """100 tiles with 20 things across each inner edge: 2,000 cut boxes in all, by pairs of neighbours alone."""
    windows = Tiles(across=10, down=10).windows((4000, 4000))
    random = np.random.default_rng(0)
    centres = random.uniform(50, 3950, (2000, 2))
    things = np.concatenate([centres - 30, centres + 30], axis=1)
    parts = []
    for x0, y0, x1, y1 in windows:
        seen = np.clip(things, [x0, y0, x0, y0], [x1, y1, x1, y1]) - [x0, y0, x0, y0]
        seen = seen[(seen[:, 2:] - seen[:, :2]).min(axis=1) > 3]
        parts.append(Proposals(seen, np.ones(len(seen))))
    began = time.perf_counter()
    found = merge_tiles(Proposals(np.zeros((0, 4)), np.zeros(0)), parts, windows, (4000, 4000))
    assert time.perf_counter() - began < 20
    assert len(found) >= 1000


def test_measured_tiles_have_their_size_and_there_is_a_limit() -> None:
    windows = Tiles(width=100, height=80).windows((250, 80))
    assert windows.tolist() == [[0, 0, 100, 80], [75, 0, 175, 80], [150, 0, 250, 80]]
    with pytest.raises(InputError, match="tiles must be at most 1024 of a picture"):
        Tiles(width=64, height=64).windows((20_000, 20_000))


class Bright(BoundDetector):
    """Finds the bright rectangle of what it is shown, and calls it a lamp."""

    def __init__(self) -> None:
        self.shown: list[tuple[int, int]] = []

    def propose(self, pictures: Sequence[Picture]) -> list[Proposals]:
        found = []
        for picture in pictures:
            self.shown.append(picture.size)
            ys, xs = np.nonzero(picture.pixels[:, :, 0] > 100)
            rows = [[xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]] if len(xs) else []
            found.append(Proposals(np.array(rows).reshape(-1, 4), [0.5] * len(rows), labels=["lamp"] * len(rows)))
        return found


@pytest.mark.parametrize("box", [(10, 10, 30, 30), (80, 20, 140, 60), (5, 5, 195, 95), (90, 40, 112, 60)])
def test_a_thing_across_tiles_is_one_box_where_it_is(box: tuple[int, int, int, int]) -> None:
    pixels = np.zeros((100, 200, 3), np.uint8)
    pixels[box[1] : box[3], box[0] : box[2]] = 255
    detector = Bright()
    found = TiledDetector(detector, Tiles(2, 2)).propose([Picture("a", pixels)])[0]
    assert len(detector.shown) == 5
    kept = nms(found.boxes, found.scores, iou=0.5)
    assert found.boxes[kept].tolist() == [list(box)]
    assert found.labels is not None


def test_cut_boxes_are_joined_where_the_whole_was_too_small_to_be_seen() -> None:
    nothing = Proposals(np.zeros((0, 4)), [])
    windows = [[0, 0, 60, 50], [40, 0, 100, 50]]
    left = Proposals([[30, 10, 60, 20]], [0.6])
    right = Proposals([[0, 10, 30, 20]], [0.9])
    found = merge_tiles(nothing, [left, right], windows, (100, 50))
    assert found.boxes.tolist() == [[30, 10, 70, 20]]
    assert found.scores.tolist() == pytest.approx([0.9])
    # Of two kinds, they are two things.
    kinds = merge_tiles(
        nothing,
        [Proposals(left.boxes, [0.6], labels=["bus"]), Proposals(right.boxes, [0.9], labels=["dog"])],
        windows,
        (100, 50),
    )
    assert len(kinds) == 2
    assert kinds.labels == ("bus", "dog")


def test_probabilities_go_with_their_boxes() -> None:
    windows = [[0, 0, 60, 50], [40, 0, 100, 50]]
    whole = Proposals([[10, 10, 20, 20]], [0.5], probabilities=[[0.1, 0.9]])
    parts = [
        Proposals(np.zeros((0, 4)), [], probabilities=np.zeros((0, 2))),
        Proposals([[50, 1, 55, 9]], [0.4], probabilities=[[0.8, 0.2]]),
    ]
    found = merge_tiles(whole, parts, windows, (100, 50))
    assert found.boxes.tolist() == [[10, 10, 20, 20], [90, 1, 95, 9]]
    assert found.probabilities is not None
    np.testing.assert_allclose(found.probabilities, [[0.1, 0.9], [0.8, 0.2]])


def test_boxes_of_files_cannot_be_tiled() -> None:
    from unseen.detection import RegionsDetector

    bound = RegionsDetector({"a": [[0, 0, 1, 1]]}).bind(None, None)
    with pytest.raises(InputError, match="tiles must be left out for a detector that looks at no pixels"):
        TiledDetector(bound, Tiles(2, 2))


# -- crops ----------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.tuples(*[st.integers(0, 64)] * 4), st.floats(0, 2))
def test_crops_are_squares_that_hold_their_boxes(corners: tuple[int, int, int, int], context: float) -> None:
    numbers = np.arange(1, 64 * 48 + 1).reshape(64, 48)
    ramp = np.stack([numbers % 256, numbers // 256, np.full_like(numbers, 9)], axis=2).astype(np.uint8)
    x0, x1, y0, y1 = *sorted(min(edge, 48) for edge in corners[:2]), *sorted(corners[2:])
    square = cut(Crop(ramp, np.array([x0, y0, x1, y1], np.float32)), context=context)
    assert square.shape[0] == square.shape[1] >= max(x1 - x0, y1 - y0, 1)
    shown = square.astype(int) @ [1, 256, 0]
    assert np.isin(numbers[y0:y1, x0:x1], shown).all()


def test_a_crop_larger_than_the_picture_is_filled_with_grey() -> None:
    picture = np.full((10, 40, 3), 7, np.uint8)
    square = cut(Crop(picture, np.array([0, 0, 40, 10], np.float32)), context=0)
    assert square.shape == (40, 40, 3)
    assert (square == 7).all(axis=2).sum() == 400
    assert tuple(square[0, 0]) == (124, 116, 104)
