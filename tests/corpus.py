"""A folder of photos such as people really have, and such as attackers make, with what must become of each.

Every picture that can be read shows the same four quadrants: red, green / blue, white.
"""

from __future__ import annotations

import io
import os
import struct
import zlib
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, features

from unseen.inputs.files import printable

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

WIDTH, HEIGHT = 64, 48
COLOURS = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255))
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@dataclass(frozen=True)
class CorpusCase:
    """One item that `iter_images(folder)` gives.

    `name` is relative to the folder, as an output row prints it; `expected` is "ok" or a part of the error;
    `looks` is "colour" or "grey" for the quadrants, None for anything else.
    """

    name: str
    expected: str
    note: str
    looks: str | None = None


def quadrants(width: int = WIDTH, height: int = HEIGHT) -> Image.Image:
    """The picture: red, green / blue, white."""
    image = Image.new("RGB", (width, height))
    w, h = width // 2, height // 2
    for i, colour in enumerate(COLOURS):
        image.paste(colour, (i % 2 * w, i // 2 * h, width if i % 2 else w, height if i // 2 else h))
    return image


def has_avif() -> bool:
    """Whether this Pillow reads AVIF; before 11.3 it has not heard of it."""
    return find_spec("PIL.AvifImagePlugin") is not None and bool(features.check("avif"))


def encode(image: Image.Image, kind: str, **options: Any) -> bytes:
    """The image as a file's bytes."""
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def big_tiff(image: Image.Image) -> bytes:
    """The image as an uncompressed BigTIFF, which older Pillows read but do not write."""
    body = image.tobytes()
    tags = [(256, 3, image.width), (257, 3, image.height), (258, 3, None), (259, 3, 1), (262, 3, 2)]
    tags += [(273, 16, 16), (277, 3, 3), (278, 3, image.height), (279, 16, len(body))]
    entries = b"".join(
        struct.pack("<HHQHHHH", tag, kind, 3, 8, 8, 8, 0)
        if value is None
        else struct.pack("<HHQQ", tag, kind, 1, value)
        for tag, kind, value in tags
    )
    head = struct.pack("<2sHHHQ", b"II", 43, 8, 0, 16 + len(body))
    return head + body + struct.pack("<Q", len(tags)) + entries + bytes(8)


def exif(orientation: int) -> bytes:
    """A minimal EXIF block that states an orientation."""
    return b"Exif\0\0II*\0\x08\0\0\0\x01\0" + struct.pack("<HHIHHI", 0x0112, 3, 1, orientation, 0, 0)


def chunk(kind: bytes, body: bytes) -> bytes:
    """One PNG chunk."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, depth: int, colour: int, rows: bytes, *between: bytes) -> bytes:
    """A PNG from raw parts; `rows` are filtered scanlines."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(between) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def png_rgb16(image: Image.Image) -> bytes:
    """A PNG with 16 bits a channel."""
    wide = (np.asarray(image).astype(">u2") * 257).astype(">u2")
    rows = b"".join(b"\0" + row.tobytes() for row in wide)
    return png(image.width, image.height, 16, 2, rows)


def ycck_jpeg(image: Image.Image) -> bytes:
    """An Adobe JPEG whose inks are stored as YCC and K."""
    inks = 255 - np.asarray(image).astype(float)
    red, green, blue = inks[..., 0], inks[..., 1], inks[..., 2]
    y = 0.299 * red + 0.587 * green + 0.114 * blue
    planes = [y, 128 + (blue - y) * 0.564, 128 + (red - y) * 0.713]
    # Pillow inverts when it saves CMYK, as Adobe does, so hand it the inverse of what is to be stored.
    stored = [255 - np.clip(plane, 0, 255) for plane in planes] + [np.zeros_like(y)]
    raw = np.stack(stored, -1).astype(np.uint8).tobytes()
    jpeg = bytearray(encode(Image.frombytes("CMYK", image.size, raw), "JPEG", quality=95))
    jpeg[jpeg.index(b"Adobe") + 11] = 2
    return bytes(jpeg)


def corrupt_exif_jpeg(image: Image.Image) -> bytes:
    """A JPEG whose EXIF states entries beyond its end; Pillow warns about it."""
    broken = b"Exif\0\0II*\0\x08\0\0\0\x09\0" + struct.pack("<HHII", 0x010F, 2, 5000, 900) * 2
    return encode(image, "JPEG", exif=broken, quality=95)


def malformed_mpo(image: Image.Image) -> bytes:
    """A JPEG with a broken multi-picture index; Pillow warns about it."""
    data = encode(image, "JPEG", quality=95)
    body = b"MPF\0II*\0\x08\0\0\0" + b"\xff" * 30
    return data[:2] + b"\xff\xe2" + struct.pack(">H", len(body) + 2) + body + data[2:]


def text_bomb_png(image: Image.Image) -> bytes:
    """A small picture with hundreds of megabytes of compressed text."""
    packed = zlib.compress(b"\0" * (1 << 27), 1)
    bomb = chunk(b"zTXt", b"Comment\0\0" + packed)
    international = chunk(b"iTXt", b"Comment\0\1\0\0\0" + packed)
    data = encode(image, "PNG")
    return data[:33] + bomb + international + data[33:]


def pixel_bomb_png() -> bytes:
    """A few bytes that claim 100,000 x 100,000 pixels."""
    return png(100_000, 100_000, 8, 2, b"\0" * 1000)


def pixel_bomb_jpeg() -> bytes:
    """A JPEG header that claims 65,000 x 65,000 pixels."""
    data = bytearray(encode(quadrants(), "JPEG"))
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", 65_000, 65_000)
    return bytes(data)


def scan_bomb_jpeg() -> bytes:
    """A progressive JPEG that repeats its last scan, which costs much and weighs little."""
    data = encode(quadrants(), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * 300 + data[-2:]


def hidden_scan_bomb_jpeg() -> bytes:
    """The same, with a comment behind the first scan that holds what looks like the file's end."""
    data = scan_bomb_jpeg()
    position = data.index(b"\xff\xda") + 2
    while data[position] != 0xFF or data[position + 1] == 0:
        position += 1
    return data[:position] + b"\xff\xfe\0\4\xff\xd9" + data[position:]


def _tiff_float(values: npt.NDArray[np.floating[Any]]) -> bytes:
    return encode(Image.fromarray(values.astype(np.float32)), "TIFF")


def _files() -> list[tuple[str, bytes, str, str, str | None]]:
    base = quadrants()
    grey = base.convert("L")
    frames = [base, Image.new("RGB", base.size, (9, 9, 9))]
    clear = base.convert("RGBA")
    clear.putpixel((0, 0), (0, 0, 0, 0))
    clear.paste((0, 0, 0, 0), (WIDTH // 2, HEIGHT // 2, WIDTH, HEIGHT))  # the white quadrant, by showing through
    palette = base.convert("P", palette=Image.Palette.ADAPTIVE, colors=4)
    white = palette.getpixel((WIDTH - 1, HEIGHT - 1))
    jpeg = encode(base, "JPEG", quality=95, subsampling=0)
    plain = encode(base, "PNG")
    wide = (np.asarray(grey).astype(np.uint16) * 257).astype(np.uint16)
    webp = encode(base, "WEBP", lossless=True)
    tiff = encode(base, "TIFF")
    float_grey = np.asarray(grey).astype(np.float32) / 255
    ok, colour, gray = "ok", "colour", "grey"
    files: list[tuple[str, bytes, str, str, str | None]] = [
        ("plain.jpg", jpeg, ok, "an ordinary photo", colour),
        ("UPPER.JPG", jpeg, ok, "suffix in capitals", colour),
        ("nosuffix", jpeg, ok, "told by its first bytes", colour),
        ("progressive.jpeg", encode(base, "JPEG", progressive=True, quality=95), ok, "progressive", colour),
        ("grey.jpg", encode(grey, "JPEG", quality=95), ok, "one channel", gray),
        ("cmyk.jpg", encode(base.convert("CMYK"), "JPEG", quality=95), ok, "Adobe-inverted inks", colour),
        ("ycck.jpg", ycck_jpeg(base), ok, "Adobe YCCK", colour),
        ("corrupt_exif.jpg", corrupt_exif_jpeg(base), ok, "Pillow would warn", colour),
        ("malformed_mpo.jpg", malformed_mpo(base), ok, "Pillow would warn", colour),
        ("trailing.jpg", jpeg + b"\xff\xda" * 500, ok, "bytes after the end, as phones append videos", colour),
        ("truncated.jpg", encode(base, "JPEG", quality=95)[:-120], "truncated", "a broken download", None),
        ("header_only.jpg", jpeg[:200], "truncated", "cut within its header", None),
        ("empty.jpg", b"", "is empty", "0 bytes", None),
        ("zeros.jpg", b"\0" * 4096, "holds only zero bytes", "allocated, never written", None),
        ("text.jpg", b"not a photo at all\n" * 9, "is text, not a photo", "a text file", None),
        ("page.jpg", b"<!DOCTYPE html><title>404</title>", "is a web page", "a failed download", None),
        ("document.jpg", b"%PDF-1.7\n%\xe2\xe3", "is a PDF document", "", None),
        ("script.png", b"%!PS-Adobe-3.0 EPSF-3.0\n(x) run", "is a PostScript document", "never Ghostscript", None),
        ("phone.jpg", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "is a HEIC photo", "", None),
        ("drawing.png", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is SVG", "", None),
        ("random.jpg", bytes(range(128, 256)) * 3, "is not a photo of a known format", "", None),
        ("mislabelled.jpg", plain, ok, "a PNG called .jpg", colour),
        ("plain.png", plain, ok, "", colour),
        ("rgb16.png", png_rgb16(base), ok, "16 bits a channel", colour),
        ("grey16.png", encode(Image.fromarray(wide), "PNG"), ok, "16-bit grey, not clipped to white", gray),
        ("bits.png", encode(grey.point(lambda v: 255 * (v > 100)).convert("1"), "PNG"), ok, "1 bit", None),
        ("grey_alpha.png", encode(clear.convert("LA"), "PNG"), ok, "shows white below", gray),
        ("rgba.png", encode(clear, "PNG"), ok, "shows white below", colour),
        ("palette.png", encode(palette, "PNG"), ok, "palette", colour),
        ("palette_clear.png", encode(palette, "PNG", transparency=white), ok, "transparent palette entry", colour),
        ("palette_bytes.png", encode(palette, "PNG", transparency=b"\xff\xff\xff\xff"), ok, "Pillow warns", colour),
        ("colour_key.png", encode(base, "PNG", transparency=(255, 255, 255)), ok, "transparent colour", colour),
        ("truncated.png", plain[:-40], "truncated", "a broken download", None),
        ("short_pixels.png", png(64, 64, 8, 2, b"\0" * 500), "truncated", "fewer pixels than declared", None),
        ("text_bomb.png", text_bomb_png(base), ok, "compressed text is not unpacked", colour),
        ("pixel_bomb.png", pixel_bomb_png(), "too large", "declares 10 gigapixels", None),
        ("pixel_bomb.jpg", pixel_bomb_jpeg(), "too large", "declares 4 gigapixels", None),
        ("scan_bomb.jpg", scan_bomb_jpeg(), "more than 100 scans", "progressive bomb", None),
        ("hidden_bomb.jpg", hidden_scan_bomb_jpeg(), "more than 100 scans", "its end seems to come early", None),
        ("animated.png", encode(base, "PNG", save_all=True, append_images=frames[1:]), ok, "APNG", colour),
        ("animated.gif", encode(base, "GIF", save_all=True, append_images=frames[1:]), ok, "first frame", colour),
        ("animated.webp", encode(base, "WEBP", save_all=True, append_images=frames[1:], lossless=True), ok, "", colour),
        ("truncated.gif", encode(base, "GIF")[:-60], "truncated", "", None),
        ("empty_frames.gif", b"GIF89a\x10\0\x10\0\0\0\0;", "holds no picture", "", None),
        ("plain.webp", webp, ok, "", colour),
        ("truncated.webp", webp[:-20], "truncated", "", None),
        ("plain.bmp", encode(base, "BMP"), ok, "", colour),
        ("truncated.bmp", encode(base, "BMP")[:-500], "truncated", "", None),
        ("plain.tif", tiff, ok, "", colour),
        ("pages.tiff", encode(base, "TIFF", save_all=True, append_images=frames[1:]), ok, "first page", colour),
        ("deflate.tiff", encode(base, "TIFF", compression="tiff_deflate"), ok, "libtiff", colour),
        ("cmyk.tiff", encode(base.convert("CMYK"), "TIFF"), ok, "", colour),
        ("grey16.tiff", encode(Image.fromarray(wide), "TIFF"), ok, "16-bit grey", gray),
        ("float.tiff", _tiff_float(float_grey), ok, "floats in [0, 1]", gray),
        ("float_wide.tiff", _tiff_float(float_grey * 900), "outside [0, 1]", "floats of another range", None),
        ("float_nan.tiff", _tiff_float(float_grey * np.nan), "outside [0, 1]", "NaN", None),
        ("truncated.tiff", tiff[:200], "truncated", "", None),
        ("plain.ppm", encode(base, "PPM"), ok, "", colour),
        ("one_pixel.png", encode(Image.new("RGB", (1, 1), (9, 9, 9)), "PNG"), ok, "1 x 1", None),
        ("tall.png", encode(Image.new("RGB", (1, 50_000)), "PNG"), ok, "1 x 50,000", None),
        ("wide.jpg", encode(Image.new("RGB", (50_000, 1)), "JPEG"), ok, "50,000 x 1", None),
    ]
    if has_avif():
        files.append(("plain.avif", encode(base, "AVIF", quality=95), ok, "", colour))
    for orientation in range(1, 9):
        turned = base.transpose(TURNS[orientation]) if orientation > 1 else base
        stored = encode(turned, "JPEG", quality=95, subsampling=0, exif=exif(orientation))
        files.append((f"orientation_{orientation}.jpg", stored, ok, "EXIF orientation", colour))
    return files


def build_image_corpus(folder: Path) -> list[CorpusCase]:
    """Write the corpus into an existing folder; return the items that walking it gives, sorted by name."""
    cases = []
    for name, data, expected, note, looks in _files():
        (folder / name).write_bytes(data)
        cases.append(CorpusCase(name, expected, note, looks))
    plain = (folder / "plain.jpg").read_bytes()

    (folder / "folder.jpg").mkdir()
    (folder / "folder.jpg" / "inside.jpg").write_bytes(plain)
    cases.append(CorpusCase("folder.jpg/inside.jpg", "ok", "in a folder called .jpg", "colour"))
    for name in (".hidden.jpg", "._plain.jpg", "Thumbs.db", "notes.txt", "README"):
        (folder / name).write_bytes(b"no photo" if name == "README" else plain)
    for name in ("@eaDir", "__MACOSX", ".git"):
        (folder / name).mkdir()
        (folder / name / "passed_over.jpg").write_bytes(plain)

    if os.name == "posix":
        for raw in (b"new\nline.jpg", b"not utf-8 \xe9.jpg", "schön – 猫.jpg".encode()):
            path = folder / os.fsdecode(raw)
            path.write_bytes(plain)
            cases.append(CorpusCase(printable(path.name), "ok", "an awkward name", "colour"))
        (folder / "dangling.jpg").symlink_to("nowhere.jpg")
        cases.append(CorpusCase("dangling.jpg", "is a link to 'nowhere.jpg'", "dangling link"))
        (folder / "loop.jpg").symlink_to("loop.jpg")
        cases.append(CorpusCase("loop.jpg", "cannot be read", "a link to itself"))
        (folder / "itself").symlink_to(folder, target_is_directory=True)
        os.mkfifo(folder / "pipe.jpg")
        cases.append(CorpusCase("pipe.jpg", "is a pipe", "opening it would wait for ever"))
    if os.name == "posix" and os.geteuid() != 0:
        (folder / "secret.jpg").write_bytes(plain)
        (folder / "secret.jpg").chmod(0)
        cases.append(CorpusCase("secret.jpg", "permission denied", "not readable"))
    return sorted(cases, key=lambda case: case.name)
