"""Vectorised resampling against Pillow's own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from unseen.inputs import resampling
from unseen.inputs.images import RESAMPLES
from unseen.inputs.resampling import resample_image


def photo(width: int, height: int) -> Image.Image:
    coarse = np.random.default_rng(0).integers(0, 256, (height // 6, width // 6, 3), np.uint8)
    return Image.fromarray(coarse).resize((width, height))


@pytest.mark.parametrize("filter", RESAMPLES)
@pytest.mark.parametrize("size", [(300, 200), (60, 90), (640, 480)])
def test_fast_is_pillow_to_a_few_levels(filter: str, size: tuple[int, int]) -> None:
    image = photo(*size)
    box = (4.25, 3.5, size[0] - 10.75, size[1] - 2.25)
    fast = resample_image(image, (112, 96), box, filter=filter, fast=True)
    slow = resample_image(image, (112, 96), box, filter=filter, fast=False)
    assert fast.shape == slow.shape == (96, 112, 3)
    difference = np.abs(fast.astype(int) - slow)
    assert difference.max() <= 4
    assert difference.mean() < 0.2
    assert fast.flags.writeable


def test_a_large_photo_goes_through_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resampling, "_MAX_COPIED_PIXELS", 100)
    monkeypatch.setattr(resampling, "_vectorised", None)
    assert resample_image(photo(60, 60), (8, 8), (0, 0, 60, 60), filter="bicubic", fast=True).shape == (8, 8, 3)


def test_threads_do_not_disturb_each_other() -> None:
    image = photo(300, 200)

    def work(_: int) -> bytes:
        return resample_image(image, (64, 64), (0, 0, 200, 200), filter="bicubic", fast=True).tobytes()

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(work, range(40)))) == 1
