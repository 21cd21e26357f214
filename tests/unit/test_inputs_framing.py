"""Whole-pixel resizing and cutting: by hand, in odd shapes, and its options."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from unseen.errors import InputError
from unseen.inputs.framing import make_frame
from unseen.inputs.images import prepare_image

OPTIONS: dict[str, Any] = {
    "size": 4,
    "resize": "shortest_edge",
    "crop_fraction": None,
    "resample": "bicubic",
    "edge": None,
    "offset": "round",
}


def ramp(width: int, height: int) -> Image.Image:
    """Return a picture whose red is the column and whose green is the row."""
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    return Image.fromarray(np.stack([x, y, np.zeros_like(x)], axis=2).astype(np.uint8))


def exactly(content: Any, **options: Any) -> np.ndarray[Any, Any]:
    return prepare_image(content, fast=False, **options)


@pytest.mark.parametrize(
    ("width", "height", "resized"),
    [
        (640, 480, (298, 224)),
        (480, 640, (224, 298)),
        (224, 224, (224, 224)),
        (500, 333, (336, 224)),
        (3, 2, (336, 224)),
    ],
)
def test_the_longer_side_is_rounded_down(width: int, height: int, resized: tuple[int, int]) -> None:
    assert make_frame(**OPTIONS | {"size": 224}).resized(width, height) == resized


@pytest.mark.parametrize(
    ("offset", "width", "left"),
    [("round", 7, 2), ("floor", 7, 1), ("round", 9, 2), ("floor", 9, 2), ("round", 8, 2), ("floor", 8, 2)],
)
def test_a_left_over_pixel_goes_where_the_offset_says(offset: str, width: int, left: int) -> None:
    # 1.5 rounds to the even 2, 2.5 to the even 2.
    pixels = exactly(ramp(width, 4), size=4, resize="shortest_edge", offset=offset)
    assert pixels[0, :, 0].tolist() == [left, left + 1, left + 2, left + 3]
    assert pixels[:, 0, 1].tolist() == [0, 1, 2, 3]


def test_the_cut_is_out_of_the_edge() -> None:
    pixels = exactly(ramp(6, 6), size=4, edge=6, resize="squash", offset="floor")
    assert pixels[0, :, 0].tolist() == pixels[:, 0, 1].tolist() == [1, 2, 3, 4]
    pixels = exactly(ramp(12, 8), size=4, edge=8, resize="shortest_edge")
    assert pixels[0, :, 0].tolist() == [4, 5, 6, 7]
    assert pixels[:, 0, 1].tolist() == [2, 3, 4, 5]


def test_a_turned_photo_is_cut_as_it_is_seen(tmp_path: Any) -> None:
    upright = ramp(7, 4)
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees to see it upright
    upright.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.png", exif=exif)
    options = {"size": 4, "resize": "shortest_edge", "offset": "floor"}
    np.testing.assert_array_equal(exactly(tmp_path / "turned.png", **options), exactly(upright, **options))


@pytest.mark.parametrize("resize", ["shortest_edge", "squash", "pad", "center_crop"])
def test_fast_is_near(resize: str) -> None:
    coarse = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    photo = Image.fromarray(coarse).resize((300, 200))
    slow, fast = exactly(photo, size=64, resize=resize), prepare_image(photo, size=64, resize=resize)
    assert np.abs(slow.astype(int) - fast).mean() < 0.5


def test_fill_is_around_a_padded_photo() -> None:
    pixels = exactly(ramp(4, 2), size=4, resize="pad", fill=(9, 8, 7))
    assert (pixels[[0, 3]] == (9, 8, 7)).all()
    assert pixels[1, :, 0].tolist() == [0, 1, 2, 3]


@given(
    width=st.integers(1, 300),
    height=st.integers(1, 300),
    size=st.integers(1, 9),
    excess=st.integers(0, 5),
    resize=st.sampled_from(["shortest_edge", "squash"]),
    offset=st.sampled_from(["round", "floor"]),
    fast=st.booleans(),
)
def test_any_shape_becomes_the_square(
    width: int, height: int, size: int, excess: int, resize: str, offset: str, fast: bool
) -> None:
    photo = np.zeros((height, width, 3), np.uint8)
    pixels = prepare_image(photo, size=size, edge=size + excess, resize=resize, offset=offset, fast=fast)
    assert pixels.shape == (size, size, 3)
    assert not pixels.any()


def test_a_thread_of_a_photo_takes_no_memory() -> None:
    # Resized whole, 224 high, it would be 67 million pixels wide.
    strip = np.repeat(np.arange(300_000) % 251, 3).reshape(1, -1, 3).astype(np.uint8)
    pixels = exactly(strip, size=224, resize="shortest_edge")
    middle = strip[0, 149_999:150_002, 0]
    assert pixels.shape == (224, 224, 3)
    assert set(np.unique(pixels[0, :, 0])) <= set(range(middle.min() - 12, middle.max() + 13))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"offset": "middle"}, "offset must be one of round, floor; got 'middle'"),
        ({"edge": 3}, "edge must be a whole number of at least size, 4; got 3. Pass a larger one"),
        ({"edge": True}, "edge must be a whole number of at least size, 4; got True"),
        ({"resize": "pad", "edge": 5}, "edge must be None unless resize is 'shortest_edge' or 'squash', without"),
        ({"resize": "squash", "edge": 5, "crop_fraction": 0.5}, "without crop_fraction; got 5. Leave it out"),
        ({"crop_fraction": 0.5}, "crop_fraction must be None where resize is 'shortest_edge'; got 0.5. Pass edge"),
    ],
)
def test_wrong_options_are_named(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=re.escape(words)):
        prepare_image(np.zeros((8, 8, 3), np.uint8), **{"size": 4, "resize": "shortest_edge", **options})
