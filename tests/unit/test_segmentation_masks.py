"""Masks: run lengths as pycocotools writes them, outlines that give the mask back, edges that are kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from unseen.errors import InputError
from unseen.segmentation.polygons import mask_polygons
from unseen.segmentation.refine import guided_filter, with_colours
from unseen.segmentation.rle import decode_rle, encode_rle

MASKS = arrays(np.bool_, st.tuples(st.integers(1, 12), st.integers(1, 12)))


def filled(polygons: Any, shape: tuple[int, int]) -> Any:
    """Return the pixels whose middle is inside an odd number of rings, told by crossings to the left of them."""
    inside = np.zeros(shape, np.int64)
    for ring in (ring for polygon in polygons for ring in polygon):
        for (x0, y0), (x1, y1) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
            if x0 == x1:
                inside[min(y0, y1) : max(y0, y1), x0:] += 1
    return inside % 2 == 1


@given(MASKS)
@settings(max_examples=150, deadline=None)
def test_run_lengths_are_those_of_pycocotools(mask: Any) -> None:
    coco = pytest.importorskip("pycocotools.mask")
    ours = encode_rle(mask)
    theirs = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    assert ours == {"size": list(mask.shape), "counts": theirs["counts"].decode()}
    assert (decode_rle(theirs) == mask).all()
    assert (decode_rle(encode_rle(mask, compressed=False)) == mask).all()


def test_long_runs_survive() -> None:
    coco = pytest.importorskip("pycocotools.mask")
    mask = np.zeros((700, 900), bool)
    mask[100:650, 3:897:7] = True
    ours = encode_rle(mask)
    assert ours["counts"] == coco.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"].decode()
    assert (decode_rle(ours) == mask).all()


@pytest.mark.parametrize(
    ("rle", "text"),
    [
        ({"size": [2, 2], "counts": [1, 2]}, r"counts must be lengths that add up to the 4 pixels"),
        ({"size": [2, 2], "counts": [-1, 5]}, r"counts must be lengths that add up"),
        ({"size": [2, 2], "counts": 3}, r"counts must be a string or a list"),
        ({"size": [2, 2], "counts": "\x01"}, r"counts must be as COCO packs them"),
        ({"size": [2, 2], "counts": "o" * 50}, r"counts must be as COCO packs them"),
        ({"size": [10**6, 10**6], "counts": [10**12]}, r"size must be \[height, width\] of at most 180 million"),
        ({"counts": [4]}, r"size must be \[height, width\]"),
    ],
)
def test_hostile_run_lengths_are_refused(rle: Any, text: str) -> None:
    with pytest.raises(InputError, match=text):
        decode_rle(rle)


@given(MASKS)
@settings(max_examples=200, deadline=None)
def test_outlines_give_the_mask_back(mask: Any) -> None:
    polygons = mask_polygons(mask)
    assert (filled(polygons, mask.shape) == mask).all()
    from scipy.ndimage import label

    assert len(polygons) == label(mask)[1]


def test_a_hole_belongs_to_what_surrounds_it() -> None:
    mask = np.zeros((7, 9), bool)
    mask[1:6, 1:6] = True
    mask[3, 3] = False
    mask[2, 7] = True
    ring, dot = mask_polygons(mask)
    assert ring[0].tolist() == [[1, 1], [6, 1], [6, 6], [1, 6]]
    assert sorted(map(tuple, ring[1].tolist())) == [(3, 3), (3, 4), (4, 3), (4, 4)]
    assert len(ring) == 2
    assert dot[0].tolist() == [[7, 2], [8, 2], [8, 3], [7, 3]]


def test_simplified_outlines_stay_near() -> None:
    y, x = np.mgrid[:80, :80]
    disc = (x - 40) ** 2 + (y - 40) ** 2 < 900
    exact, coarse = mask_polygons(disc)[0][0], mask_polygons(disc, tolerance=2.0)[0][0]
    assert 3 <= len(coarse) < len(exact) / 3
    assert abs(np.hypot(*(coarse - 40.0).T) - 30).max() < 3


def test_guided_filter_against_the_plain_formula() -> None:
    random = np.random.default_rng(1)
    picture = random.integers(0, 255, (9, 11, 3), dtype=np.uint8)
    values = random.random((9, 11)).astype(np.float32)
    ours = guided_filter(picture, values, radius=2, epsilon=0.01)
    colours = picture / 255.0
    slopes, offsets = np.zeros((9, 11, 3)), np.zeros((9, 11))
    windows = {}
    for i in range(9):
        for j in range(11):
            windows[i, j] = np.s_[max(i - 2, 0) : i + 3, max(j - 2, 0) : j + 3]
            c, v = colours[windows[i, j]].reshape(-1, 3), values[windows[i, j]].ravel()
            covariance = np.cov(c.T, bias=True) + 0.01 * np.eye(3)
            slopes[i, j] = np.linalg.solve(covariance, ((c - c.mean(0)) * (v - v.mean())[:, None]).mean(0))
            offsets[i, j] = v.mean() - slopes[i, j] @ c.mean(0)
    expected = [
        slopes[windows[i, j]].reshape(-1, 3).mean(0) @ colours[i, j] + offsets[windows[i, j]].mean()
        for i in range(9)
        for j in range(11)
    ]
    np.testing.assert_allclose(ours.ravel(), expected, atol=1e-4)


def test_colours_bring_a_coarse_answer_to_the_edge() -> None:
    picture = np.full((40, 40, 3), (40, 90, 30), np.uint8)
    picture[10:30, 10:30] = (200, 60, 50)
    picture = picture + np.random.default_rng(0).integers(0, 12, picture.shape, dtype=np.uint8)
    coarse = np.full((40, 40), 0.2, np.float32)
    coarse[6:26, 6:26] = 0.8  # four pixels off
    given = np.stack([coarse, 1 - coarse])
    shares, surer = with_colours(picture, given), with_colours(picture, given, weight=2.0)
    truth = np.zeros((40, 40), bool)
    truth[10:30, 10:30] = True
    before, after, most = (
        ((one > 0.5) & truth).sum() / ((one > 0.5) | truth).sum() for one in (coarse, shares[0], surer[0])
    )
    assert before < 0.5
    # By default colour counts as much as the place, which does not bring back all that was missed.
    assert after > 0.7
    assert most > 0.9
    np.testing.assert_allclose(shares.sum(axis=0), 1, atol=1e-5)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: encode_rle([[1, 2]]), r"mask must be a bool array"),
        (lambda: mask_polygons([1, 2]), r"mask must be a bool array"),
        (lambda: mask_polygons(np.ones((2, 2), bool), tolerance=-1), r"tolerance must be a number at least 0"),
        (lambda: guided_filter(np.zeros((2, 2, 3)), np.zeros((3, 3))), r"guide and values must be of shapes"),
        (lambda: guided_filter(np.zeros((2, 2, 3)), np.zeros((2, 2)), radius=0), r"radius must be a whole number"),
    ],
)
def test_wrong_input_is_told(call: Any, text: str) -> None:
    with pytest.raises(InputError, match=text):
        call()
