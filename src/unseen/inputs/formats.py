"""What a photo's bytes declare, read before any decoder runs.

Each reader checks what a bomb lies about and hands back a file stripped to what decoding needs. Stripping is how
the rest of the room stays quiet and thread-safe: Pillow warns about odd metadata (truncated EXIF, malformed MPO,
invalid APNG, surplus TIFF tags), Python 3.11-3.13 cannot silence a warning in one thread alone, and without the
metadata there is nothing to warn about. It also keeps compressed text and colour profiles from being unpacked.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from unseen.errors import ItemError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["SNIFF_BYTES", "Stripped", "describe_foreign", "exif_orientation", "sniff", "strip"]

SNIFF_BYTES = 64
TRUNCATED = "truncated: the file ends before the picture does"
# What follows a scan: 00 stuffs a byte of the picture, D0 to D7 restart within it, FF pads.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
# Real progressive photos have about ten scans. Each scan of a bomb costs a pass over all pixels, yet few bytes.
_MOST_SCANS = 100

_MAGIC = re.compile(
    rb"(?P<JPEG>\xff\xd8\xff)|(?P<PNG>\x89PNG\r\n\x1a\n)|(?P<GIF>GIF8[79]a)|(?P<WEBP>RIFF....WEBP)"
    rb"|(?P<TIFF>II[*+]\0|MM\0[*+])|(?P<AVIF>....ftypavi[fs])|(?P<BMP>BM.{4}\0\0\0\0...\0)|(?P<PPM>P[456]\s)",
    re.DOTALL,
)
_FOREIGN = (
    (rb"....ftyp(?:hei[cxms]|hev[cx]|mif1|msf1)", "a HEIC photo; convert it to JPEG"),
    (rb"....ftyp", "a video"),
    (rb"....jP  |\xff\x4f\xff\x51", "a JPEG 2000 image; convert it to PNG or JPEG"),
    (rb"\xff\x0a|\0\0\0\x0cJXL ", "a JPEG XL image; convert it to PNG or JPEG"),
    (rb"%!PS|\xc5\xd0\xd3\xc6", "a PostScript document; convert it to PNG or JPEG"),
    (rb"%PDF", "a PDF document; convert its pages to PNG or JPEG"),
    (rb"8BPS", "a Photoshop document; export it as PNG or JPEG"),
    (rb"\0\0[\x01\x02]\0", "an icon; convert it to PNG"),
    (rb"PK\x03\x04|\x1f\x8b|Rar!|7z\xbc\xaf", "an archive; unpack it first"),
    (rb"\s*<(?i:!doctype html|html)", "a web page; its download probably failed"),
    (rb"\s*<(?:\?xml|svg|!--)", "SVG or other XML; convert it to PNG"),
    (rb"version https://git-lfs", "a Git LFS pointer; fetch the photo with git lfs pull"),
    (rb"P[123]\s", "a plain-text PNM image; convert it to PNG"),
    (rb"RIFF....AVI ", "a video"),
)


@dataclass(frozen=True)
class Stripped:
    """A photo's bytes without metadata, its declared size where known, and its EXIF orientation, 1 to 8."""

    data: bytes
    size: tuple[int, int] | None = None
    orientation: int = 1


def sniff(head: bytes) -> str | None:
    """Return the Pillow name of the format whose magic bytes these are, None for any we do not read."""
    found = _MAGIC.match(head)
    return found.lastgroup if found else None


def describe_foreign(head: bytes) -> str:
    """Say what a file is that :func:`sniff` does not know, and what to do about it."""
    for pattern, name in _FOREIGN:
        if re.match(pattern, head, re.DOTALL):
            return f"is {name}"
    if not head.strip(b"\0"):
        return "holds only zero bytes; it was probably never fully written"
    ascii_part = sum(byte < 0x80 for byte in head)
    if all(byte >= 0x20 or byte in b"\t\n\r\f" for byte in head) and 2 * ascii_part > len(head):
        return "is text, not a photo"
    return "is not a photo of a known format (JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF, PPM)"


def strip(kind: str, data: bytes) -> Stripped:
    """Strip a file to what decoding its first picture needs.

    Raises
    ------
    ItemError
        When the file ends early or contradicts itself.
    """
    reader = _READERS.get(kind)
    try:
        return Stripped(data) if reader is None else reader(data)
    except (struct.error, IndexError, OverflowError) as error:
        raise ItemError(TRUNCATED) from error


def exif_orientation(exif: bytes) -> int:
    """Return the orientation an EXIF block states, 1 to 8; 1 for a block that states none or is damaged."""
    tiff = exif.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return 1
    try:
        (start,) = struct.unpack_from(order + "I", tiff, 4)
        (count,) = struct.unpack_from(order + "H", tiff, start)
        for i in range(count):
            tag, kind, _, value = struct.unpack_from(order + "HHIH", tiff, start + 2 + 12 * i)
            if tag == 274 and kind == 3:
                return value if 1 <= value <= 8 else 1
    except struct.error:
        return 1  # a photo with a damaged note about it is still a photo
    return 1


def _jpeg(data: bytes) -> Stripped:
    """Keep the segments that libjpeg needs; drop EXIF, profiles, previews, comments and MPO's index."""
    kept = [b"\xff\xd8"]
    position, orientation, size, progressive = 2, 0, None, False
    while True:
        position = data.find(b"\xff", position)
        if position < 0:
            raise ItemError(TRUNCATED)
        while data[position] == 0xFF:  # padding
            position += 1
        marker = data[position]
        position += 1
        if marker <= 1 or 0xD0 <= marker <= 0xD8:  # markers without a body
            continue
        if marker == 0xD9:
            raise ItemError("damaged: the JPEG ends before its picture begins")
        (length,) = struct.unpack_from(">H", data, position)
        end = position + length
        if length < 2:
            raise ItemError("damaged: a JPEG segment has no length")
        if end > len(data):
            raise ItemError(TRUNCATED)
        if marker == 0xE1 and not orientation and data.startswith(b"Exif\0\0", position + 2):
            orientation = exif_orientation(data[position + 2 : end])
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", data, position + 3)
            size = (width, height)
            progressive = marker in (0xC2, 0xC6, 0xCA, 0xCE)
        # APP0 (JFIF) and APP14 (Adobe) say how colours are stored; the other notes do not matter here.
        if not (0xE1 <= marker <= 0xED or marker in (0xEF, 0xFE)):
            kept.append(b"\xff" + data[position - 1 : end])
        position = end
        if marker == 0xDA:
            break
    if progressive and _too_many_scans(data, position):
        raise ItemError(f"refused: the JPEG has more than {_MOST_SCANS} scans, as only bombs have")
    kept.append(data[position:])
    return Stripped(b"".join(kept), size, orientation or 1)


def _too_many_scans(data: bytes, position: int) -> bool:
    """Tell whether a JPEG has more than `_MOST_SCANS` scans, of which the first begins before `position`."""
    scans = 1
    while scans <= _MOST_SCANS and (found := _MARKER.search(data, position)):
        marker, position = data[found.end() - 1], found.end()
        if marker == 0xD9:  # the end; phones append videos
            return False
        scans += marker == 0xDA
        # Over the segment, which may hold anything, an end in disguise too.
        position += int.from_bytes(data[position : position + 2])
    return scans > _MOST_SCANS


def _png(data: bytes) -> Stripped:
    """Keep header, palette, transparency and pixels; drop text, profiles and animation."""
    kept = [data[:8]]
    position, orientation, size, depth, complete = 8, 1, None, 0, False
    while position + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        if kind == b"IEND":
            complete = True
            break
        if end > len(data):
            break
        if kind == b"IHDR" and size is None:
            width, height, depth = struct.unpack_from(">IIB", data, position + 8)
            size = (width, height)
        elif kind == b"eXIf":
            orientation = exif_orientation(data[position + 8 : end - 4])
        # With 16 bits the transparent colour cannot be compared any more once pixels have 8.
        if kind in (b"IHDR", b"PLTE", b"IDAT") or (kind == b"tRNS" and depth < 16):
            kept.append(data[position:end])
        position = end
    if not complete and (kind := data[position + 4 : position + 8]) in (b"IDAT", b"IHDR", b"PLTE"):
        raise ItemError(TRUNCATED)
    if size is None:
        raise ItemError(TRUNCATED if not complete else "damaged: the PNG has no header")
    kept.append(b"\0\0\0\0IEND\xaeB`\x82")
    return Stripped(b"".join(kept), size, orientation)


def _webp(data: bytes) -> Stripped:
    (length,) = struct.unpack_from("<I", data, 4)
    if length + 8 > len(data):
        raise ItemError(TRUNCATED)
    # The decoder allocates its canvas when it is created, so the size has to be known before.
    kind = data[12:16]
    if kind == b"VP8X":
        size = (1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little"))
    elif kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        size = (1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
    else:
        width, height = struct.unpack_from("<HH", data, 26)
        size = (width & 0x3FFF, height & 0x3FFF)
    return Stripped(data, size)


def _gif(data: bytes) -> Stripped:
    """Measure the first picture, which may reach beyond the screen that the header declares."""
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    position = 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
    while data[position] != 0x2C:
        if data[position] == 0x3B:
            raise ItemError("damaged: the GIF holds no picture")
        if data[position] == 0x21:
            position += 2
            while data[position]:
                position += 1 + data[position]
        position += 1
    left, top, w, h = struct.unpack_from("<HHHH", data, position + 1)
    return Stripped(data, (max(width, left + w), max(height, top + h)))


# Tags that decoding needs, and whether more than one value makes sense.
_TIFF_TAGS = {
    256: False, 257: False, 258: True, 259: False, 262: False, 266: False, 273: True, 277: False, 278: False,
    279: True, 284: False, 292: False, 293: False, 317: False, 320: True, 322: False, 323: False, 324: True,
    325: True, 332: False, 338: True, 339: True, 347: True, 512: False, 513: False, 514: False, 519: True,
    520: True, 521: True, 529: True, 530: True, 531: False, 532: True,
}  # fmt: skip
# CMYK and two more; beyond that it is a satellite's picture, or damage.
_MOST_CHANNELS = 6
_TIFF_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}


def _tiff(data: bytes) -> Stripped:
    """Append a directory that holds only what decoding page one needs, and point the header at it."""
    order = "<" if data[:2] == b"II" else ">"
    big = 43 in data[2:4]
    # count of entries, one entry, the field for a value or its offset, where the header points from
    count_code, entry_code, room, at = ("Q", "HHQ", 8, 8) if big else ("H", "HHI", 4, 4)
    word = order + ("Q" if big else "I")
    (start,) = struct.unpack_from(word, data, at)
    (count,) = struct.unpack_from(order + count_code, data, start)
    entry_size = struct.calcsize("<" + entry_code) + room
    first = start + struct.calcsize("<" + count_code)
    kept, numbers, orientation = {}, {}, 1
    for position in range(first, min(first + count * entry_size, len(data)), entry_size):
        tag, kind, n = struct.unpack_from(order + entry_code, data, position)
        entry = data[position : position + entry_size]
        field = position + entry_size - room
        if kind in (3, 4) and n == 1:
            numbers[tag] = struct.unpack_from(order + ("H" if kind == 3 else "I"), data, field)[0]
        if tag not in _TIFF_TAGS or tag in kept:
            continue
        length = n * _TIFF_SIZES.get(kind, len(data) + 1)
        if n == 0 or (n > 1 and not _TIFF_TAGS[tag]):
            raise ItemError(f"damaged: TIFF tag {tag} has {n} values")
        if length > room and struct.unpack_from(word, data, field)[0] + length > len(data):
            raise ItemError(TRUNCATED)
        kept[tag] = entry
    if numbers.get(254, 0) & 1:
        raise ItemError("is a camera's raw photo, which opens with a preview; convert it to JPEG")
    if not numbers.get(256) or not numbers.get(257):
        raise ItemError("damaged: the TIFF states no width and height")
    if numbers.get(277, 1) > _MOST_CHANNELS:
        raise ItemError(f"has {numbers[277]} channels; a photo has at most {_MOST_CHANNELS}")
    if 1 <= numbers.get(274, 1) <= 8:
        orientation = numbers.get(274, 1)
    padding = b"\0" * (-len(data) % 8)
    directory = struct.pack(order + count_code, len(kept)) + b"".join(kept[t] for t in sorted(kept)) + b"\0" * room
    pointer = struct.pack(word, len(data) + len(padding))
    body = data[:at] + pointer + data[at + room :] + padding + directory
    return Stripped(body, (numbers[256], numbers[257]), orientation)


def _avif(data: bytes) -> Stripped:
    """Rename EXIF items so that nobody parses them; AVIF states its orientation elsewhere."""
    return Stripped(re.sub(rb"(infe[\x02\x03].{3}(?:.{4}|.{6}))Exif", rb"\1uEXI", data, flags=re.DOTALL))


_READERS: Mapping[str, Callable[[bytes], Stripped]] = {
    "JPEG": _jpeg,
    "PNG": _png,
    "WEBP": _webp,
    "GIF": _gif,
    "TIFF": _tiff,
    "AVIF": _avif,
}
