"""Whatever the bytes, a photo is decoded or refused with `ItemError`; nothing else is raised, nothing hangs."""

from __future__ import annotations

import random
import re
from datetime import timedelta

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tests.corpus import big_tiff, encode, exif, has_avif, quadrants

from unseen.errors import ItemError
from unseen.inputs import open_image, prepare_image
from unseen.inputs.files import printable
from unseen.inputs.formats import SNIFF_BYTES, describe_foreign, exif_orientation, sniff

# A mutated header may declare anything up to the limit; a low one keeps the tests quick.
LIMIT = 1_000_000
# Generous for a loaded machine: what it guards against takes for ever.
QUICK = settings(
    max_examples=60, deadline=timedelta(seconds=10), suppress_health_check=[HealthCheck.too_slow], derandomize=True
)


def _seeds() -> dict[str, bytes]:
    image = quadrants(40, 30)
    other = image.rotate(180)
    files = {
        "jpeg": encode(image, "JPEG", exif=exif(6)),
        "progressive": encode(image, "JPEG", progressive=True),
        "cmyk": encode(image.convert("CMYK"), "JPEG"),
        "png": encode(image, "PNG", exif=exif(3)),
        "apng": encode(image, "PNG", save_all=True, append_images=[other]),
        "palette": encode(image.convert("P"), "PNG", transparency=3),
        "gif": encode(image, "GIF", save_all=True, append_images=[other]),
        "webp": encode(image, "WEBP", exif=exif(8)),
        "lossless": encode(image, "WEBP", lossless=True),
        "tiff": encode(image, "TIFF"),
        "deflate": encode(image, "TIFF", compression="tiff_deflate"),
        "lzw": encode(image.convert("L"), "TIFF", compression="tiff_lzw"),
        "tiffjpeg": encode(image, "TIFF", compression="jpeg"),
        "bigtiff": big_tiff(image),
        "bmp": encode(image, "BMP"),
        "ppm": encode(image, "PPM"),
    }
    if has_avif():
        files["avif"] = encode(image, "AVIF")
    return files


SEEDS = _seeds()


def decode_or_refuse(data: bytes) -> None:
    for decode in (
        lambda: open_image(data, max_pixels=LIMIT),
        lambda: prepare_image(data, size=8, crop_fraction=0.875, max_pixels=LIMIT),
    ):
        reason = "decoded"
        try:
            decode()
        except ItemError as error:
            reason = str(error)
        assert 5 < len(reason) < 160
        assert "Error" not in reason


@given(st.binary(max_size=300))
@QUICK
def test_random_bytes(data: bytes) -> None:
    decode_or_refuse(data)


@given(st.sampled_from(sorted(SEEDS)), st.binary(max_size=200))
@QUICK
def test_random_bytes_after_a_valid_beginning(seed: str, data: bytes) -> None:
    decode_or_refuse(SEEDS[seed][:12] + data)


@pytest.mark.parametrize("seed", sorted(SEEDS))
@given(data=st.data())
@QUICK
def test_mutated_files(seed: str, data: st.DataObject) -> None:
    whole = bytearray(SEEDS[seed])
    chance = random.Random(data.draw(st.integers(0, 1 << 30)))
    for _ in range(data.draw(st.integers(1, 12))):
        # Headers are where a wrong byte does most.
        position = chance.randrange(len(whole) if chance.random() < 0.5 else min(200, len(whole)))
        whole[position] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))
    decode_or_refuse(bytes(whole))


@pytest.mark.parametrize("seed", sorted(SEEDS))
@given(data=st.data())
@QUICK
def test_cut_and_spliced_files(seed: str, data: st.DataObject) -> None:
    whole = SEEDS[seed]
    a, b = sorted((data.draw(st.integers(0, len(whole))), data.draw(st.integers(0, len(whole)))))
    decode_or_refuse(whole[:a])
    decode_or_refuse(whole[:a] + whole[b:])
    decode_or_refuse(whole[:b] + whole[a:])


@given(st.binary(max_size=SNIFF_BYTES))
@QUICK
def test_any_beginning_can_be_named(head: bytes) -> None:
    if sniff(head) is None:
        assert describe_foreign(head).startswith(("is ", "holds "))


@given(st.binary(max_size=60))
@QUICK
def test_any_exif_gives_an_orientation(block: bytes) -> None:
    assert 1 <= exif_orientation(b"Exif\0\0II*\0" + block) <= 8


@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 12), st.just(3))))
@QUICK
def test_arrays_and_lossless_files_round_trip(array: npt.NDArray[np.uint8]) -> None:
    image = open_image(array)
    assert np.array_equal(np.asarray(image), array)
    for kind in ("PNG", "BMP", "TIFF", "PPM"):
        assert np.array_equal(np.asarray(open_image(encode(image, kind))), array)


@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 40), st.floats(0.05, 1), st.booleans())
@QUICK
def test_every_shape_becomes_the_square(width: int, height: int, size: int, fraction: float, fast: bool) -> None:
    array = np.full((height, width, 3), 90, np.uint8)
    data = encode(open_image(array), "JPEG")
    for resize in ("center_crop", "squash", "pad"):
        options = {"size": size, "resize": resize, "crop_fraction": fraction, "fill": (90, 90, 90), "fast": fast}
        assert np.abs(prepare_image(data, **options).astype(int) - 90).max() <= 1  # type: ignore[arg-type]
        assert prepare_image(data, **options).shape == (size, size, 3)  # type: ignore[arg-type]


# Any name a POSIX file can have: text, and bytes that are none.
NAMES = st.text(st.characters(exclude_characters="\0/", exclude_categories=["Cs"])) | st.binary(max_size=20).map(
    lambda raw: raw.replace(b"\0", b"").replace(b"/", b"").decode("utf-8", "surrogateescape")
)
UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@given(NAMES, NAMES)
@QUICK
def test_printed_names_are_safe_and_unique(one: str, other: str) -> None:
    assert not UNSAFE.search(printable(one))
    printable(one).encode()
    assert (printable(one) == printable(other)) == (one == other)
