"""Photos as people have them: every case of the hostile corpus, orientations, modes, bombs, resizing."""

from __future__ import annotations

import io
import os
import re
import struct
import subprocess
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageFile
from tests.corpus import (
    COLOURS,
    TURNS,
    CorpusCase,
    big_tiff,
    build_image_corpus,
    corrupt_exif_jpeg,
    encode,
    exif,
    pixel_bomb_png,
    png_rgb16,
    quadrants,
)

from unseen.errors import InputError, ItemError
from unseen.inputs import MAX_PIXELS, iter_images, open_image, prepare_image
from unseen.inputs.formats import describe_foreign, exif_orientation, sniff, strip

GREYS = tuple((round(0.299 * r + 0.587 * g + 0.114 * b),) * 3 for r, g, b in COLOURS)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[CorpusCase]]:
    folder = tmp_path_factory.mktemp("corpus")
    return folder, build_image_corpus(folder)


def assert_quadrants(image: Image.Image | npt.NDArray[np.uint8], looks: str, tolerance: int = 12) -> None:
    pixels = np.asarray(image).astype(int)
    h, w = pixels.shape[:2]
    for i, wanted in enumerate(COLOURS if looks == "colour" else GREYS):
        got = pixels[h // 4 + i // 2 * (h // 2), w // 4 + i % 2 * (w // 2)]
        assert np.abs(got - wanted).max() <= tolerance, (i, got, wanted)


def outcome(path: Path) -> str:
    try:
        image = open_image(path)
    except ItemError as error:
        reason = str(error)
    else:
        assert image.mode == "RGB"
        return "ok"
    assert str(path) not in reason
    assert len(reason) < 160
    assert "\n" not in reason
    return reason


def test_walking_the_corpus_gives_exactly_its_cases(corpus: tuple[Path, list[CorpusCase]]) -> None:
    folder, cases = corpus
    names = sorted(item.name.removeprefix(f"{folder}/") for item in iter_images(folder))
    assert names == [case.name for case in cases]


def test_each_case_of_the_corpus_ends_as_expected(corpus: tuple[Path, list[CorpusCase]]) -> None:
    folder, cases = corpus
    expected = {case.name: case for case in cases}
    wrong = {}
    for item in iter_images(folder):
        case = expected[item.name.removeprefix(f"{folder}/")]
        if item.error is not None:
            got = item.error
        else:
            assert isinstance(item.content, Path)
            got = outcome(item.content)
        if (got != "ok") if case.expected == "ok" else (case.expected not in got):
            wrong[case.name] = (case.expected, got)
    assert wrong == {}


def test_every_readable_quadrant_looks_right_whole_and_prepared(corpus: tuple[Path, list[CorpusCase]]) -> None:
    folder, cases = corpus
    shown = [case for case in cases if case.looks is not None and "\\" not in case.name]
    assert len(shown) > 35
    for case in shown:
        assert case.looks is not None
        assert_quadrants(open_image(folder / case.name), case.looks)
        assert_quadrants(prepare_image(folder / case.name, size=32, resize="squash"), case.looks)


def test_results_do_not_depend_on_threads(corpus: tuple[Path, list[CorpusCase]]) -> None:
    folder, cases = corpus
    paths = [folder / case.name for case in cases if case.expected == "ok" and "\\" not in case.name]
    alone = [prepare_image(path, size=24) for path in paths]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda path: prepare_image(path, size=24), paths * 2))
    for one, other in zip(alone * 2, together, strict=True):
        assert np.array_equal(one, other)


def test_one_lazily_opened_image_is_decoded_once_by_many_threads(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(encode(quadrants(800, 600), "PNG"))
    for _ in range(5):
        with Image.open(path) as image, ThreadPoolExecutor(4) as pool:
            barrier = threading.Barrier(4)

            def work(_: int, image: Image.Image = image, barrier: threading.Barrier = barrier) -> Image.Image:
                barrier.wait()
                return open_image(image)

            for got in pool.map(work, range(4)):
                assert_quadrants(got, "colour")


def test_no_file_stays_open(corpus: tuple[Path, list[CorpusCase]]) -> None:
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("needs /proc to count open files")
    folder, cases = corpus
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 (a listing, not paths)
    kept = [outcome(folder / case.name) for case in cases if "\\" not in case.name]
    assert len(kept) > 50
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


def test_nothing_warns_and_nothing_global_changes(corpus: tuple[Path, list[CorpusCase]]) -> None:
    folder, cases = corpus
    settings = (ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS, list(warnings.filters))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for case in cases:
            if "\\" not in case.name:
                outcome(folder / case.name)
    assert [str(warning.message) for warning in caught] == []
    assert settings == (ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS, list(warnings.filters))


def test_pillow_would_have_warned() -> None:
    """Guards the test above: the corpus holds what Pillow warns about."""
    data = io.BytesIO(corrupt_exif_jpeg(quadrants()))
    with (
        pytest.warns(UserWarning, match=r"Skipping tag 271|Corrupt EXIF|Truncated File Read"),
        Image.open(data) as image,
    ):
        image.getexif()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_undone_exactly(kind: str, orientation: int) -> None:
    upright = quadrants(64, 48)
    stored = upright.transpose(TURNS[orientation]) if orientation > 1 else upright
    lossless: dict[str, dict[str, Any]] = {"WEBP": {"lossless": True}, "JPEG": {"quality": 100, "subsampling": 0}}
    options = dict(lossless.get(kind, {}))
    if kind == "TIFF":
        options["tiffinfo"] = {0x0112: orientation}
    else:
        options["exif"] = exif(orientation)
    image = open_image(encode(stored, kind, **options))
    assert image.size == (64, 48)
    assert np.abs(np.asarray(image).astype(int) - np.asarray(upright)).max() <= (4 if kind == "JPEG" else 0)
    assert not image.info


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("resize", ["center_crop", "squash", "pad"])
def test_orientation_survives_reduced_decoding(orientation: int, resize: str) -> None:
    upright = photo(900, 611)
    stored = upright.transpose(TURNS[orientation]) if orientation > 1 else upright
    plain = prepare_image(encode(upright, "PNG"), size=50, resize=resize, crop_fraction=0.8, fast=False)
    data = encode(stored, "JPEG", quality=97, subsampling=0, exif=exif(orientation))
    got = prepare_image(data, size=50, resize=resize, crop_fraction=0.8)
    assert np.abs(got.astype(int) - plain).mean() < 2.5
    assert np.abs(got.astype(int) - plain).max() < 40


def photo(width: int, height: int) -> Image.Image:
    """A smooth picture without symmetry."""
    y, x = np.mgrid[0:height, 0:width] / [[[height]], [[width]]]
    channels = [np.sin(9 * x + 2 * y), np.cos(5 * y * y - x), np.sin(13 * x * y)]
    return Image.fromarray((np.stack(channels, -1) * 110 + 128).astype(np.uint8))


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_reduced_decoding_agrees_with_full(mode: str) -> None:
    data = encode(photo(1203, 807).convert(mode), "JPEG", quality=95)
    slow = prepare_image(data, size=60, crop_fraction=0.875, fast=False).astype(int)
    fast = prepare_image(data, size=60, crop_fraction=0.875)
    assert 0 < np.abs(fast - slow).mean() < 1.0


def test_a_decoded_image_gives_what_its_file_gives(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(encode(photo(90, 70), "JPEG", exif=exif(6)))
    with Image.open(path) as image:
        assert open_image(image).tobytes() == open_image(path).tobytes()
        assert open_image(image).size == (70, 90)


def test_opening_an_image_twice_does_not_turn_it_twice() -> None:
    once = open_image(encode(photo(40, 30), "WEBP", exif=exif(6)))
    assert open_image(once).size == once.size == (30, 40)


def test_the_callers_image_is_not_handed_back() -> None:
    mine = quadrants()
    theirs = open_image(mine)
    theirs.putpixel((0, 0), (1, 2, 3))
    assert mine.getpixel((0, 0)) == (255, 0, 0)


# Scaling and colours


def test_16_bits_are_scaled_not_clipped() -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)
    ppm = b"P5 16 16 65535\n" + ramp.astype(">u2").tobytes()
    for data in (encode(Image.fromarray(ramp), "PNG"), encode(Image.fromarray(ramp), "TIFF"), ppm):
        grey = np.asarray(open_image(data))[..., 0].astype(int)
        assert np.abs(grey - ramp.astype(float) / 257).max() <= 1
    colour = np.asarray(open_image(png_rgb16(photo(20, 20))))
    assert np.array_equal(colour, np.asarray(photo(20, 20)))


def test_big_endian_and_integer_tiffs() -> None:
    def tiff(values: npt.NDArray[Any], bits: int, sample: int, order: str) -> bytes:
        body = values.tobytes()
        tags = [(256, 3, values.shape[1]), (257, 3, values.shape[0]), (258, 3, bits), (259, 3, 1), (262, 3, 1)]
        tags += [(273, 4, 8), (277, 3, 1), (278, 3, values.shape[0]), (279, 4, len(body)), (339, 3, sample)]
        entries = b"".join(
            struct.pack(order + "HHI", tag, kind, 1)
            + struct.pack(order + ("HH" if kind == 3 else "I"), *((v, 0) if kind == 3 else (v,)))
            for tag, kind, v in tags
        )
        head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8 + len(body))
        return head + body + struct.pack(order + "H", len(tags)) + entries + b"\0\0\0\0"

    ramp = np.arange(0, 65536, 4096).reshape(4, 4)
    wanted = np.round(ramp / 257)
    for order in "<>":
        short = tiff(ramp.astype(order + "u2"), 16, 1, order)
        assert np.abs(np.asarray(open_image(short))[..., 0] - wanted).max() <= 1
    signed = tiff((ramp // 2).astype("<i2"), 16, 2, "<")
    assert np.abs(np.asarray(open_image(signed))[..., 0] - wanted / 2).max() <= 1
    with pytest.raises(ItemError, match="has 32-bit or signed pixels outside 0 to 65535; scale them"):
        open_image(tiff((ramp * 1000).astype("<i4"), 32, 2, "<"))
    packed = np.array([0xFF, 0xF8, 0x00, 0x00] * 2, np.uint8)[:6].reshape(2, 3)  # 12 bits: 4095, 2048 / 0, 4095
    twelve = bytearray(tiff(packed, 12, 1, "<"))
    twelve[twelve.index(struct.pack("<HHIHH", 256, 3, 1, 3, 0)) + 8] = 2
    assert np.asarray(open_image(bytes(twelve)))[0, :, 0].tolist() == [255, 128]


def test_transparency_shows_white() -> None:
    clear = Image.new("RGBA", (4, 4), (10, 20, 30, 0))
    palette = Image.merge("PA", (Image.new("P", (4, 4)), Image.new("L", (4, 4), 0)))
    modes = [clear, clear.convert("LA"), palette, clear.convert("LA").convert("La"), clear.convert("RGBa")]
    for image in modes:
        assert open_image(image).getpixel((2, 2)) == (255, 255, 255), image.mode
    half = Image.new("RGBA", (4, 4), (0, 0, 0, 128))
    assert open_image(half).getpixel((0, 0)) == (127, 127, 127)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "CMYK", "YCbCr", "HSV", "LAB", "RGBX", "I;16", "I", "F"])
def test_every_mode_of_pillow_becomes_rgb(mode: str) -> None:
    image = Image.new("RGB", (5, 4), (255, 255, 255)).convert("L" if mode in {"I;16", "I", "F"} else "RGB")
    if mode == "I;16":
        image = Image.fromarray(np.full((4, 5), 65535, np.uint16))
    elif mode == "I":
        image = Image.fromarray(np.full((4, 5), 65535, np.int32))
    elif mode == "F":
        image = Image.fromarray(np.ones((4, 5), np.float32))
    else:
        image = image.convert(mode)
    assert image.mode == mode
    got = open_image(image)
    assert got.mode == "RGB"
    assert np.asarray(got).min() >= 254


# Limits


def test_a_declared_size_is_refused_before_decoding() -> None:
    with pytest.raises(ItemError, match=re.escape("too large: 100000 x 100000 is more than the limit of 180 million")):
        open_image(pixel_bomb_png())


def test_the_limit_can_be_set() -> None:
    data = encode(quadrants(), "PNG")
    assert open_image(data, max_pixels=64 * 48).size == (64, 48)
    for content in (data, quadrants(), np.zeros((48, 64), np.uint8)):
        with pytest.raises(ItemError, match=r"64 x 48 is more than the limit of 0.003071 million pixels"):
            open_image(content, max_pixels=64 * 48 - 1)
    assert MAX_PIXELS == 180_000_000


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF"])
def test_large_photos_below_the_limit_do_not_warn(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 2000)  # the picture has 3,072: Pillow would warn
    data = encode(quadrants(), kind)
    with pytest.warns(Image.DecompressionBombWarning), Image.open(io.BytesIO(data)):
        pass
    assert open_image(data).size == (64, 48)


def test_the_hosts_lower_limit_is_respected_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: ImageFile.ImageFile) -> None:
        raise Image.DecompressionBombError("host")

    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", refuse)
    with pytest.raises(ItemError, match=r"too large: refused by Pillow's Image.MAX_IMAGE_PIXELS"):
        open_image(encode(quadrants(), "PNG"))


def test_lack_of_memory_and_of_a_decoder_are_reasons(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encode(quadrants(), "PNG")
    for raised, reason in ((MemoryError(), "too large: not enough memory"), (ImportError(), "built without PNG")):

        def refuse(self: ImageFile.ImageFile, raised: Exception = raised) -> None:
            raise raised

        monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", refuse)
        with pytest.raises(ItemError, match=reason):
            open_image(data)


def test_a_file_too_heavy_to_be_a_photo_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "heavy.jpg"
    path.write_bytes(encode(quadrants(), "JPEG"))
    with path.open("r+b") as file:
        file.truncate(18 << 20)  # sparse: costs nothing on disk
    with pytest.raises(ItemError, match="too large: more than 16 MiB for one photo"):
        open_image(path, max_pixels=4000)


def test_a_screen_smaller_than_its_gif_does_not_hide_the_size() -> None:
    data = bytearray(encode(quadrants(), "GIF"))
    at = data.index(b"\x2c\0\0\0\0")
    data[at + 5 : at + 9] = struct.pack("<HH", 65535, 65535)
    with pytest.raises(ItemError, match="too large: 65535 x 65535 is more than the limit of 80 million pixels"):
        open_image(bytes(data))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is empty: it holds 0 bytes"),
        (b"\xff\xd8\xff\xd9", "damaged: the JPEG ends before its picture begins"),
        (b"\xff\xd8\xff\xe0\0\0", "damaged: a JPEG segment has no length"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\0IEND\xaeB`\x82", "damaged: the PNG has no header"),
        (b"\x89PNG\r\n\x1a\n", "truncated: the file ends before the picture does"),
        (b"II*\0\x08\0\0\0\0\0\0\0\0\0", "damaged: the TIFF states no width and height"),
        (b"II*\0\x08\0\0\0\1\0\0\1\3\0\2\0\0\0\1\0\1\0\0\0\0\0", "damaged: TIFF tag 256 has 2 values"),
        (b"II*\0\x08\0\0\0\1\0\xfe\0\4\0\1\0\0\0\1\0\0\0\0\0\0\0", "is a camera's raw photo"),
        (b"BM\1\1\1\1\0\0\0\0\x36\0\0\0\x28\0\0\0" + b"\7" * 60, "damaged, or of a rare kind: its BMP data"),
        (encode(Image.new("RGB", (1, 1)), "PNG").replace(b"IHDR\0\0\0\1", b"IHDR\0\0\0\0"), "its size is 0 x 1"),
    ],
)  # fmt: skip
def test_damage_is_named(data: bytes, reason: str) -> None:
    with pytest.raises(ItemError, match=re.escape(reason)):
        open_image(data)


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"\0\0\0\x20ftypisom", "is a video"),
        (b"RIFF\0\0\0\0AVI LIST", "is a video"),
        (b"\0\0\0\x0cjP  \r\n", "is a JPEG 2000 image"),
        (b"\xff\x0a\x00", "is a JPEG XL image"),
        (b"8BPS\0\1", "is a Photoshop document"),
        (b"\0\0\1\0\1\0", "is an icon"),
        (b"PK\3\4", "is an archive"),
        (b"version https://git-lfs.github.com/spec/v1", "is a Git LFS pointer"),
        (b"P3 2 2 255", "is a plain-text PNM image"),
        (b"\x80\x04\x95pickle", "is not a photo of a known format"),
    ],
)
def test_foreign_files_are_named(head: bytes, words: str) -> None:
    assert sniff(head) is None
    assert describe_foreign(head).startswith(words)
    with pytest.raises(ItemError, match=re.escape(words)):
        open_image(head)


def test_a_folder_and_a_missing_file_are_reasons(tmp_path: Path) -> None:
    with pytest.raises(ItemError, match=r"^is a folder, not a file$"):
        open_image(tmp_path)
    with pytest.raises(ItemError, match=r"^cannot be read: no such file$"):
        open_image(tmp_path / "none.jpg")
    with pytest.raises(ItemError, match=r"^cannot be read: the path holds a NUL$"):
        open_image("a\0b")


def test_reading_that_fails_midway_is_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError(5, "Input/output error")

    monkeypatch.setattr("unseen.inputs.images.open_regular", lambda path: Failing())
    with pytest.raises(ItemError, match=r"^cannot be read: input/output error$"):
        open_image(tmp_path / "a.jpg")


def test_truncation_is_an_error_at_every_length() -> None:
    """Nothing grey and half-decoded passes for a photo."""
    image = photo(64, 64)
    for kind in ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP"):
        whole = encode(image, kind)
        for cut in range(1, 20):
            with pytest.raises(ItemError):
                open_image(whole[: len(whole) * cut // 20])


# Arrays


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 1), (5, 7, 3), (5, 7, 4)])
def test_arrays_of_each_shape(shape: tuple[int, ...]) -> None:
    array = np.full(shape, 255, np.uint8)
    array[0, 0, ...] = 0
    array[..., -1:] = 255 if shape[-1] == 4 else array[..., -1:]
    image = open_image(array)
    assert image.size == (7, 5)
    assert image.getpixel((0, 0)) == (0, 0, 0)
    assert image.getpixel((3, 3)) == (255, 255, 255)


def test_strided_arrays() -> None:
    array = np.random.default_rng(0).integers(0, 256, (12, 10, 3), dtype=np.uint8)[::2, ::-1]
    assert np.array_equal(np.asarray(open_image(array)), array)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 4, 3), np.float32),
        np.zeros((4, 4), np.uint16),
        np.zeros((4, 4), bool),
        np.zeros((3, 4, 5), np.uint8),
        np.zeros(4, np.uint8),
        np.zeros((2, 4, 4, 3), np.uint8),
    ],
)
def test_other_arrays_are_told_what_is_expected(array: npt.NDArray[Any]) -> None:
    words = f"must be a uint8 array of shape (H, W), (H, W, 1), (H, W, 3) or (H, W, 4); got {array.dtype} of shape "
    with pytest.raises(ItemError, match=re.escape(words)):
        open_image(array)


def test_empty_arrays_and_other_things() -> None:
    with pytest.raises(ItemError, match="has no pixels: its size is 4 x 0"):
        open_image(np.zeros((0, 4, 3), np.uint8))
    with pytest.raises(ItemError, match="has no pixels: its size is 0 x 0"):
        open_image(Image.new("RGB", (0, 0)))
    with pytest.raises(ItemError, match="must be a path, bytes, a PIL image or an array; got int"):
        open_image(3)  # type: ignore[arg-type]


def test_a_closed_image_is_a_reason(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(encode(quadrants(), "PNG"))
    with Image.open(path) as image:
        pass
    with pytest.raises(ItemError, match="damaged, or of a rare kind: its PNG data cannot be decoded"):
        open_image(image)


# Resizing


def test_center_crop_takes_the_middle() -> None:
    array = np.zeros((20, 60, 3), np.uint8)
    array[:, 20:40] = 200
    assert (prepare_image(array, size=20) == 200).all()
    half = prepare_image(array, size=10, crop_fraction=0.5)
    assert (half == 200).all()


def test_center_crop_equals_resize_then_crop() -> None:
    """The crop and the resampling in one step give what two steps give, where those need no rounding."""
    image = photo(256, 256)
    two = image.resize((128, 128), Image.Resampling.BICUBIC).crop((8, 8, 120, 120))
    one = prepare_image(image, size=112, crop_fraction=112 / 128, fast=False)
    assert np.abs(one.astype(int) - np.asarray(two)).max() <= 1


def test_squash_and_pad_keep_everything() -> None:
    image = quadrants(200, 100)
    assert_quadrants(prepare_image(image, size=40, resize="squash"), "colour")
    padded = prepare_image(image, size=40, resize="pad", fill=(1, 2, 3))
    assert padded.shape == (40, 40, 3)
    assert padded[5, 5].tolist() == padded[35, 35].tolist() == [1, 2, 3]
    assert_quadrants(padded[10:30], "colour")
    assert prepare_image(image, size=40, resize="pad")[0, 0].tolist() == [124, 116, 104]


@pytest.mark.parametrize("resize", ["center_crop", "squash", "pad"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 50_000), (50_000, 1), (3, 2)])
def test_extreme_shapes_fill_the_square(resize: str, shape: tuple[int, int]) -> None:
    array = np.full((*shape, 3), 77, np.uint8)
    got = prepare_image(array, size=16, resize=resize, crop_fraction=0.9, fill=(77, 77, 77))
    assert got.shape == (16, 16, 3)
    assert (got == 77).all()


@pytest.mark.parametrize("resample", ["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"])
def test_each_filter_keeps_a_flat_colour(resample: str) -> None:
    assert (prepare_image(np.full((90, 70), 55, np.uint8), size=9, resample=resample) == 55).all()


def test_the_result_is_the_callers() -> None:
    got = prepare_image(np.zeros((8, 8), np.uint8), size=8)
    got[:] = 1
    assert got.dtype == np.uint8


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"size": 0}, "prepare_image: size must be a whole number of at least 1; got 0. Pass"),
        ({"size": True}, "prepare_image: size must be a whole number of at least 1; got True. Pass"),
        (
            {"size": 8, "resize": "crop"},
            "resize must be one of center_crop, squash, pad, shortest_edge; got 'crop'. Pass one",
        ),
        ({"size": 8, "resample": "cubic"}, "resample must be one of nearest, box, bilinear"),
        ({"size": 8, "crop_fraction": 0}, "crop_fraction must be None or above 0 and at most 1; got 0. Pass None"),
        ({"size": 8, "crop_fraction": 1.1}, "crop_fraction must be None or above 0 and at most 1; got 1.1"),
    ],
)
def test_wrong_options_are_named(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=re.escape(words)):
        prepare_image(np.zeros((8, 8), np.uint8), **options)


# What formats.py says on its own


def test_exif_that_is_damaged_or_silent_means_upright() -> None:
    assert exif_orientation(exif(6)) == 6
    assert exif_orientation(b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x08\0\0") == 8
    for block in (
        b"",
        b"Exif\0\0",
        b"Exif\0\0II*\0\xff\xff\xff\xff",
        exif(0),
        exif(9),
        exif(6)[:-8],
        b"II*\0\x08\0\0\0\0\0",
    ):
        assert exif_orientation(block) == 1


def test_stripping_drops_metadata_and_keeps_pixels() -> None:
    noisy = encode(quadrants(), "JPEG", exif=exif(6), comment=b"hello", icc_profile=b"p" * 500)
    stripped = strip("JPEG", noisy)
    assert (stripped.size, stripped.orientation) == ((64, 48), 6)
    assert b"hello" not in stripped.data
    assert b"ppp" not in stripped.data
    with Image.open(io.BytesIO(noisy)) as one, Image.open(io.BytesIO(stripped.data)) as other:
        assert one.tobytes() == other.tobytes()


def test_jpeg_headers_with_padding_and_without_an_end() -> None:
    data = encode(quadrants(), "JPEG")
    assert_quadrants(open_image(data[:2] + b"\xff" * 9 + data[2:]), "colour", tolerance=60)
    assert_quadrants(open_image(data[:2] + b"\xff\xd0" + data[2:]), "colour", tolerance=60)
    with pytest.raises(ItemError, match="truncated"):
        open_image(data[:20] + b"\0" * 9)


def test_gif_extensions_are_passed_over() -> None:
    data = encode(quadrants(), "GIF")
    at = data.index(b"\x2c\0\0\0\0")
    comment = b"\x21\xfe\x05hello\x03abc\0"
    assert_quadrants(open_image(data[:at] + comment + data[at:]), "colour")
    with pytest.raises(ItemError, match="truncated"):
        open_image(data[:at] + b"\x21\xfe\xff")


def test_tiff_values_beyond_the_end_and_orientations_that_are_none() -> None:
    data = bytearray(encode(quadrants(), "TIFF", tiffinfo={0x0112: 6}))
    at = data.index(struct.pack("<HHI", 0x0112, 3, 1))
    assert open_image(bytes(data)).size == (48, 64)
    data[at + 8] = 77
    assert open_image(bytes(data)).size == (64, 48)
    bits = data.index(struct.pack("<HHI", 258, 3, 3))
    data[bits + 8 : bits + 12] = b"\xff\xff\xff\x7f"
    with pytest.raises(ItemError, match="truncated"):
        open_image(bytes(data))


def test_sizes_that_only_the_decoder_tells_are_checked_too() -> None:
    data = bytearray(encode(quadrants(), "BMP"))
    data[18:26] = struct.pack("<ii", 60_000, 60_000)
    with pytest.raises(ItemError, match="too large: 60000 x 60000 is more than the limit of 180 million pixels"):
        open_image(bytes(data))


def test_colours_that_cannot_be_read_are_a_reason() -> None:
    image = Image.new("P", (4, 4))
    image.info["transparency"] = (1, 2, 3)
    with pytest.raises(ItemError, match=r"damaged, or of a rare kind: its colours \(P\) cannot be read"):
        open_image(image)


def test_pictures_of_many_channels_are_named() -> None:
    data = bytearray(encode(quadrants(), "TIFF"))
    at = data.index(struct.pack("<HHI", 277, 3, 1))
    data[at + 8] = 13
    with pytest.raises(ItemError, match="has 13 channels; a photo has at most 6"):
        open_image(bytes(data))


def test_big_tiff_is_read() -> None:
    assert_quadrants(open_image(big_tiff(quadrants())), "colour", tolerance=0)


def test_importing_the_room_loads_nothing_heavy() -> None:
    code = "import sys, unseen.inputs; print([m for m in ('numpy', 'PIL', 'pyarrow') if m in sys.modules])"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ.copy()
    )
    assert run.stdout.strip() == "[]"
