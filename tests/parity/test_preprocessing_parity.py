"""Photos are prepared to the pixels of torchvision, open_clip and transformers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from unseen.inputs import open_image, prepare_image

if TYPE_CHECKING:
    from collections.abc import Callable

    from PIL import Image

Array = np.ndarray[Any, Any]


@pytest.fixture(scope="module")
def photos(root: Path) -> list[Image.Image]:
    """Return photos of many shapes, odd sides among them."""
    paths = sorted((root / "examples" / "photos").glob("*.jpg"))
    data = os.environ.get("UNSEEN_DATA")
    if data:
        paths += sorted(Path(data, "photos", "imagenet500").glob("*.jpg"))[::25]
    found = [open_image(path) for path in paths]
    return [*found, found[0].crop((0, 0, 301, 98)), found[1].crop((3, 0, 100, 330)), found[2].crop((0, 0, 57, 41))]


def differences(photos: list[Image.Image], theirs: Callable[[Image.Image], Array], **options: Any) -> list[Array]:
    found = []
    for photo in photos:
        expected = theirs(photo)
        ours = prepare_image(photo, fast=False, **options)
        assert ours.shape == expected.shape
        found.append(np.abs(ours.astype(int) - expected))
    return found


@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
@pytest.mark.parametrize(
    ("mode", "options"),
    [
        ("shortest", {"resize": "shortest_edge", "offset": "round"}),
        ("squash", {"resize": "squash"}),
        ("longest", {"resize": "pad", "fill": (0, 0, 0)}),
    ],
)
def test_open_clip_to_the_level(
    photos: list[Image.Image], mode: str, interpolation: str, options: dict[str, Any]
) -> None:
    from open_clip.transform import PreprocessCfg, image_transform_v2

    settings = PreprocessCfg(size=97, resize_mode=mode, interpolation=interpolation, mean=(0.0,) * 3, std=(1.0,) * 3)
    transform = image_transform_v2(settings, is_train=False)

    def theirs(photo: Image.Image) -> Array:
        levels: Array = np.rint(np.asarray(transform(photo)).transpose(1, 2, 0) * 255).astype(int)
        return levels

    for difference in differences(photos, theirs, size=97, resample=interpolation, **options):
        assert difference.max() == 0


def by_transformers(processor: Any) -> Callable[[Image.Image], Array]:
    def theirs(photo: Image.Image) -> Array:
        raw = {"do_rescale": False, "do_normalize": False}
        pixels = processor(images=photo, return_tensors="np", **raw)["pixel_values"][0]
        return np.asarray(pixels).transpose(1, 2, 0).astype(int)

    return theirs


def clip(backend: Any) -> tuple[Any, dict[str, Any]]:
    processor = backend(size={"shortest_edge": 97}, crop_size={"height": 97, "width": 97})
    return processor, {"size": 97, "resize": "shortest_edge", "offset": "floor"}


def test_transformers_with_pillow_to_the_level(photos: list[Image.Image]) -> None:
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    processor, options = clip(CLIPImageProcessorPil)
    for difference in differences(photos, by_transformers(processor), **options):
        assert difference.max() == 0


def test_transformers_with_torchvision_nearly(photos: list[Image.Image]) -> None:
    """torch's resampler is not Pillow's: one number in a hundred differs, nearly all of those by one level."""
    from transformers import CLIPImageProcessor, SiglipImageProcessor

    squash = SiglipImageProcessor(size={"height": 97, "width": 97}, resample=2)
    cases = [clip(CLIPImageProcessor), (squash, {"size": 97, "resize": "squash", "resample": "bilinear"})]
    for processor, options in cases:
        found = np.concatenate([d.ravel() for d in differences(photos, by_transformers(processor), **options)])
        assert (found > 0).mean() < 0.03
        assert (found > 1).mean() < 1e-4


def test_a_cut_out_of_a_squashed_photo(photos: list[Image.Image]) -> None:
    """As ALIGN's processor does it."""
    from transformers import EfficientNetImageProcessor

    processor = EfficientNetImageProcessor(
        size={"height": 120, "width": 120},
        crop_size={"height": 97, "width": 97},
        do_center_crop=True,
        include_top=False,
        resample=2,
    )
    options = {"size": 97, "edge": 120, "resize": "squash", "offset": "floor", "resample": "bilinear"}
    found = np.concatenate([d.ravel() for d in differences(photos, by_transformers(processor), **options)])
    assert (found > 0).mean() < 0.03
    assert found.max() <= 1
