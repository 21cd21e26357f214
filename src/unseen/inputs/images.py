"""One photo: from a path, bytes, a Pillow image or an array to upright RGB pixels.

Only decoders on a short list run, and they run on bytes that :mod:`unseen.inputs.formats` has measured and
stripped. Whatever is wrong with a photo surfaces as `ItemError` with a reason short enough for a table's cell.
"""

from __future__ import annotations

import importlib
import io
import math
import os
import threading
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from unseen.errors import ItemError
from unseen.inputs.files import open_regular, os_reason
from unseen.inputs.formats import SNIFF_BYTES, TRUNCATED, describe_foreign, exif_orientation, sniff, strip
from unseen.inputs.framing import NEUTRAL, RESAMPLES, RESIZES, make_frame
from unseen.inputs.resampling import resample_exactly, resample_image

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt
    from PIL import Image, ImageFile

    from unseen.inputs.framing import Frame

    Content = str | Path | bytes | Image.Image | npt.NDArray[Any]

__all__ = ["MAX_PIXELS", "RESAMPLES", "RESIZES", "open_image", "prepare_image"]

#: Largest photo that is decoded unless told otherwise; 180 million pixels take about 0.7 GB while decoding.
MAX_PIXELS = 180_000_000
# Pillow counts these as a possible attack and warns, which cannot be silenced in one thread; no real GIF is near.
_MAX_GIF_PIXELS = 80_000_000
# Reduced decoding keeps at least this many times the pixels that are needed, which leaves the resampling filter
# enough to work with: results differ by about one grey level in 255.
_HEADROOM = 2
# Two threads may be handed the same lazily opened image; decoding it twice at once would corrupt it.
_LOADING = threading.Lock()
# The whole list of decoders that may run (TIFF has its own). Not on it: EPS, which starts Ghostscript; PDF; and
# every format nobody keeps photos in.
_READERS = {
    "JPEG": ("PIL.JpegImagePlugin", "JpegImageFile"),
    "PNG": ("PIL.PngImagePlugin", "PngImageFile"),
    "WEBP": ("PIL.WebPImagePlugin", "WebPImageFile"),
    "GIF": ("PIL.GifImagePlugin", "GifImageFile"),
    "BMP": ("PIL.BmpImagePlugin", "BmpImageFile"),
    "AVIF": ("PIL.AvifImagePlugin", "AvifImageFile"),
    "PPM": ("PIL.PpmImagePlugin", "PpmImageFile"),
}


def open_image(content: Content, *, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Decode a photo fully, at its own size, as upright RGB.

    Parameters
    ----------
    content : path, bytes, PIL image, or uint8 array of shape (H, W), (H, W, 1), (H, W, 3) or (H, W, 4)
        The photo. Of an animation or a multi-page file the first picture is taken. A path is read whatever its
        suffix; the format is told from its bytes.
    max_pixels : int, default 180 million
        A photo that declares more is refused before it is decoded.

    Returns
    -------
    PIL.Image.Image
        In mode RGB, rotated as its EXIF orientation says, without metadata. Transparent parts show white.
        16 bits per channel are scaled to 8; so are floats in [0, 1]. CMYK is converted without its profile, and
        profiles of RGB photos are not applied.

    Raises
    ------
    ItemError
        With a short reason, when there is no whole photo in `content`.

    Notes
    -----
    Safe to call from any number of threads. Never runs a program, never unpickles, never touches Pillow's
    settings: a truncated photo is an error, not a half-grey picture, unless the host set
    ``ImageFile.LOAD_TRUNCATED_IMAGES``.

    Examples
    --------
    >>> import numpy as np
    >>> from unseen.inputs import open_image
    >>> open_image(np.zeros((4, 6), dtype=np.uint8)).size
    (6, 4)
    """
    decoded = _decode(content, max_pixels, None)
    image = _to_rgb(decoded)
    if image is content:
        image = image.copy()
    image = _upright(image, decoded.orientation)
    image.info = {}  # an orientation left in there would be applied twice
    return image


def prepare_image(
    content: Content,
    *,
    size: int,
    resize: str = "center_crop",
    crop_fraction: float | None = None,
    resample: str = "bicubic",
    edge: int | None = None,
    offset: str = "round",
    fill: tuple[int, int, int] = NEUTRAL,
    max_pixels: int = MAX_PIXELS,
    fast: bool = True,
) -> npt.NDArray[np.uint8]:
    """Decode a photo straight to the square of pixels that an encoder reads.

    Parameters
    ----------
    content : path, bytes, PIL image or uint8 array
        As for :func:`open_image`.
    size : int
        Width and height of the result.
    resize : {"center_crop", "shortest_edge", "squash", "pad"}, default "center_crop"
        How to make a rectangle square: take the largest square in the middle; the same in whole pixels, as
        torchvision, open_clip and transformers do it (shrink until the shorter side is `edge`, then cut `size` out
        of the middle); change the aspect ratio; or fit all of it and fill the rest.
    crop_fraction : float in (0, 1] or None, default None
        Keep only the middle: this fraction of the square's side ("center_crop") or of both sides ("squash", "pad").
        ``size / (size + 32)`` is what many networks were evaluated with. None keeps everything.
    resample : {"nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"}, default "bicubic"
        Filter, antialiased. The crop and the resampling are one step with fractions of pixels, so no rounding
        shifts the picture; "shortest_edge" rounds on purpose.
    edge : int or None, default None
        With "shortest_edge" and "squash", the side that is resized to before `size` is cut out of the middle, at
        least `size`; None for `size` itself.
    offset : {"round", "floor"}, default "round"
        Where that cut begins when a pixel is left over: half to even (torchvision, open_clip) or down
        (transformers).
    fill : tuple of 3 int, default (124, 116, 104)
        Colour around a padded photo; the default is ImageNet's mean, what networks see as nothing.
    max_pixels : int, default 180 million
        As for :func:`open_image`.
    fast : bool, default True
        Whether to decode JPEGs much larger than needed at a half, quarter or eighth of their size, to resample
        with vector instructions, and the largest photos in two steps. Results differ from ``fast=False``, which
        is Pillow alone on the upright photo, by about one level in 255.

    Returns
    -------
    ndarray of uint8 of shape (size, size, 3)
        A fresh, writable array.

    Raises
    ------
    ItemError
        As for :func:`open_image`.
    InputError
        When an option is not among those above.
    """
    frame = make_frame(
        size=size, resize=resize, crop_fraction=crop_fraction, resample=resample, edge=edge, offset=offset
    )
    import numpy as np
    from PIL import Image as PILImage

    decoded = _decode(content, max_pixels, frame if fast else None)
    if fast:
        box, target = frame.fit(*decoded.full_size)
        scale = decoded.scale
        part = (box[0] / scale, box[1] / scale, box[2] / scale, box[3] / scale)
        pixels = resample_image(_to_rgb(decoded), target, part, filter=resample, fast=True)
        # After resizing, where it costs least; the frame is symmetric, but for the pixel that `offset` is about.
        orientation = decoded.orientation
    else:
        pixels = resample_exactly(_upright(_to_rgb(decoded), decoded.orientation), frame, filter=resample)
        orientation = 1
    if orientation == 1 and pixels.shape == (size, size, 3):
        return pixels
    image = _upright(PILImage.fromarray(pixels), orientation)
    if image.size != (size, size):
        canvas = PILImage.new("RGB", (size, size), fill)
        canvas.paste(image, ((size - image.width) // 2, (size - image.height) // 2))
        image = canvas
    return np.array(image)


@dataclass(frozen=True)
class _Decoded:
    """A loaded image; `scale` is how many pixels of the photo, whose size was `full_size`, one of its own is."""

    image: Image.Image
    orientation: int
    full_size: tuple[int, int]
    scale: float = 1.0
    depth: int = 16


def _decode(content: Content, max_pixels: int, frame: Frame | None) -> _Decoded:
    if isinstance(content, str | os.PathLike):
        return _decode_bytes(_read(content, max_pixels), max_pixels, frame)
    if isinstance(content, bytes | bytearray | memoryview):
        data = bytes(content)
        if not data:
            raise ItemError("is empty: it holds 0 bytes")
        return _decode_bytes(data, max_pixels, frame)
    return _decode_memory(content, max_pixels)


def _read(path: str | os.PathLike[str], max_pixels: int) -> bytes:
    # No photo needs more than 8 bytes per pixel; more is another kind of file, or a way to fill memory.
    limit = 8 * max_pixels + (1 << 24)
    with open_regular(path) as file:
        try:
            head = file.read(SNIFF_BYTES)
            if not head:
                raise ItemError("is empty: it holds 0 bytes")
            if sniff(head) is None:
                raise ItemError(describe_foreign(head))
            data = head + file.read(limit)
        except OSError as error:
            raise ItemError(os_reason(error)) from error
    if len(data) > limit:
        raise ItemError(f"too large: more than {limit >> 20} MiB for one photo")
    return data


def _decode_bytes(data: bytes, max_pixels: int, frame: Frame | None) -> _Decoded:
    kind = sniff(data[:SNIFF_BYTES])
    if kind is None:
        raise ItemError(describe_foreign(data[:SNIFF_BYTES]))
    stripped = strip(kind, data)
    if stripped.size is not None:
        _check_size(stripped.size, min(max_pixels, _MAX_GIF_PIXELS) if kind == "GIF" else max_pixels)
    try:
        # The stream dies with the image: nothing is left open, whatever happens.
        image = _reader(kind)(io.BytesIO(stripped.data))
        _check_size(image.size, max_pixels)
        full_size, scale = image.size, 1.0
        if frame is not None and kind == "JPEG":
            scale = _draft(image, frame)
        image.load()
    except ItemError:
        raise
    except Exception as error:
        raise ItemError(_reason(kind, error)) from error
    orientation = stripped.orientation
    if kind in ("WEBP", "AVIF"):
        orientation = exif_orientation(image.info.get("exif", b""))
    depth = 12 if kind == "TIFF" and getattr(image, "tag_v2", {}).get(258) == (12,) else 16
    return _Decoded(image, orientation, full_size, scale, depth)


def _draft(image: ImageFile.ImageFile, frame: Frame) -> float:
    """Have a JPEG decoded at a fraction of its size where that is enough; return how much smaller it gets."""
    (left, top, right, bottom), (width, height) = frame.fit(*image.size)
    enough = (
        math.ceil(_HEADROOM * width * image.width / (right - left)),
        math.ceil(_HEADROOM * height * image.height / (bottom - top)),
    )
    full_width = image.width
    drafted = image.draft(None, enough)
    # Pillow rounds the reduced size up; the box it returns holds the exact one.
    return 1.0 if drafted is None else full_width / drafted[1][2]


@cache
def _reader(kind: str) -> Callable[[io.BytesIO], ImageFile.ImageFile]:
    """Return the one decoder for a format, imported by name.

    ``Image.open`` is passed by on purpose: it consults every registered plugin, warns about large photos in a
    way that one thread cannot silence, and takes its limit from a global that belongs to the host.
    """
    from PIL import ImageFile

    if kind == "TIFF":
        from PIL.TiffImagePlugin import TiffImageFile

        class Tiff(TiffImageFile):
            def load_prepare(self) -> None:
                # The parent warns about sizes that _check_size has already passed.
                ImageFile.ImageFile.load_prepare(self)

        return Tiff
    module, name = _READERS[kind]
    return cast("Callable[[io.BytesIO], ImageFile.ImageFile]", getattr(importlib.import_module(module), name))


def _check_size(size: tuple[int, int], max_pixels: int) -> None:
    width, height = size
    if width < 1 or height < 1:
        raise ItemError(f"has no pixels: its size is {width} x {height}")
    if width * height > max_pixels:
        raise ItemError(f"too large: {width} x {height} is more than the limit of {max_pixels / 1e6:g} million pixels")


def _reason(kind: str, error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "too large: not enough memory to decode it"
    if isinstance(error, ImportError):
        return f"cannot be decoded: this Pillow was built without {kind}"
    if type(error).__name__ == "DecompressionBombError":  # the host's own, lower limit
        return "too large: refused by Pillow's Image.MAX_IMAGE_PIXELS"
    if "truncated" in str(error).lower():
        return TRUNCATED
    return f"damaged, or of a rare kind: its {kind} data cannot be decoded"


def _decode_memory(content: Any, max_pixels: int) -> _Decoded:
    import numpy as np
    from PIL import Image as PILImage

    if isinstance(content, np.ndarray):
        image = _from_array(content)
        _check_size(image.size, max_pixels)
        return _Decoded(image, 1, image.size)
    if not isinstance(content, PILImage.Image):
        raise ItemError(f"must be a path, bytes, a PIL image or an array; got {type(content).__name__}")
    _check_size(content.size, max_pixels)
    try:
        with _LOADING:
            content.load()
    except Exception as error:
        raise ItemError(_reason(content.format or "image", error)) from error
    exif = content.info.get("exif")
    return _Decoded(content, exif_orientation(exif) if isinstance(exif, bytes) else 1, content.size)


def _from_array(array: npt.NDArray[Any]) -> Image.Image:
    import numpy as np
    from PIL import Image as PILImage

    shaped = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (1, 3, 4))
    if array.dtype != np.uint8 or not shaped:
        raise ItemError(
            f"must be a uint8 array of shape (H, W), (H, W, 1), (H, W, 3) or (H, W, 4); got {array.dtype} of shape "
            f"{array.shape}. Scale floats by 255, put channels last"
        )
    _check_size((array.shape[1], array.shape[0]), array.size + 1)
    plain = np.ascontiguousarray(array[:, :, 0] if array.ndim == 3 and array.shape[2] == 1 else array)
    return PILImage.fromarray(plain)


def _to_rgb(decoded: _Decoded) -> Image.Image:
    from PIL import Image as PILImage

    image = decoded.image
    try:
        if image.mode.startswith("I") or image.mode == "F":
            image = _scale_to_8_bits(image, decoded.depth)
        if image.mode == "RGB" and "transparency" not in image.info:
            return image
        if not image.has_transparency_data:
            return image.convert("RGB")
        if image.mode == "La":
            image = image.convert("LA")
        layered = image.convert("RGBA")
    except ItemError:
        raise
    except Exception as error:
        raise ItemError(f"damaged, or of a rare kind: its colours ({decoded.image.mode}) cannot be read") from error
    flat = PILImage.new("RGB", layered.size, (255, 255, 255))
    flat.paste(layered, mask=layered.getchannel("A"))
    return flat


def _scale_to_8_bits(image: Image.Image, depth: int) -> Image.Image:
    """Scale the full range of 16-bit (or 12-bit) grey to 8 bits; Pillow's own conversion clips at 255."""
    import numpy as np
    from PIL import Image as PILImage

    values = np.asarray(image)
    if image.mode == "F":
        # NaN compares false, so it is caught as well.
        if not (values.min() >= 0 and values.max() <= 1):
            raise ItemError("has float pixels outside [0, 1]; scale them")
        return PILImage.fromarray((values * 255 + 0.5).astype(np.uint8))
    top = (1 << depth) - 1
    if image.mode == "I" and not (values.min() >= 0 and values.max() <= top):
        raise ItemError("has 32-bit or signed pixels outside 0 to 65535; scale them")
    scaled = (np.minimum(values, top).astype(np.uint32) * 255 + top // 2) // top
    return PILImage.fromarray(scaled.astype(np.uint8))


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    from PIL.Image import Transpose

    turn = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }.get(orientation)
    return image if turn is None else image.transpose(turn)
