"""One photo: from a path, bytes, a Pillow image or an array to upright RGB pixels.

Only decoders on a short list run, and they run on bytes that :mod:`unseen.inputs.formats` has measured and
stripped. Whatever is wrong with a photo surfaces as `ItemError` with a reason short enough for a table's cell.
"""

from __future__ import annotations

import io
import math
import os
import threading
from typing import TYPE_CHECKING, Any

from unseen.errors import ItemError
from unseen.inputs.files import input_error, open_regular, os_reason, verbatim
from unseen.inputs.formats import SNIFF_BYTES, TRUNCATED, describe_foreign, exif_orientation, sniff, strip

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt
    from PIL import Image, ImageFile

    Content = str | Path | bytes | Image.Image | npt.NDArray[Any]
    Box = tuple[float, float, float, float]

__all__ = ["MAX_PIXELS", "RESAMPLES", "RESIZES", "open_image", "prepare_image"]

#: Largest photo that is decoded unless told otherwise; 180 million pixels take about 0.7 GB while decoding.
MAX_PIXELS = 180_000_000
RESIZES = ("center_crop", "squash", "pad")
RESAMPLES = ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos")
# Pillow counts these as a possible attack and warns, which cannot be silenced in one thread; no real GIF is near.
_MAX_GIF_PIXELS = 80_000_000
# Reduced decoding keeps at least this many times the pixels that are needed, which leaves the resampling filter
# enough to work with: results differ by about one grey level in 255.
_HEADROOM = 2
_REDUCING_GAP = 3.0
# The mean colour of ImageNet: what encoders see as nothing in particular.
_NEUTRAL = (124, 116, 104)
# Two threads may be handed the same lazily opened image; decoding it twice at once would corrupt it.
_LOADING = threading.Lock()


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
    return _guarded(content, max_pixels, lambda image, orientation: _upright(_to_rgb(image), orientation), None)


def prepare_image(
    content: Content,
    *,
    size: int,
    resize: str = "center_crop",
    crop_fraction: float | None = None,
    resample: str = "bicubic",
    fill: tuple[int, int, int] = _NEUTRAL,
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
    resize : {"center_crop", "squash", "pad"}, default "center_crop"
        How to make a rectangle square: take the largest square in the middle, change the aspect ratio, or fit
        all of it and fill the rest.
    crop_fraction : float in (0, 1] or None, default None
        Keep only the middle: this fraction of the square's side ("center_crop") or of both sides (otherwise).
        ``size / (size + 32)`` is what many networks were evaluated with. None keeps everything.
    resample : {"nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"}, default "bicubic"
        Filter, antialiased. The crop and the resampling are one step with fractions of pixels, so no rounding
        shifts the picture.
    fill : tuple of 3 int, default (124, 116, 104)
        Colour around a padded photo; the default is ImageNet's mean, what networks see as nothing.
    max_pixels : int, default 180 million
        As for :func:`open_image`.
    fast : bool, default True
        Whether to decode JPEGs much larger than needed at a half, quarter or eighth of their size and to resample
        in two steps. Results differ from ``fast=False`` by about one level in 255.

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
    _check_options(size, resize, crop_fraction, resample)
    fraction = 1.0 if crop_fraction is None else float(crop_fraction)

    def finish(image: Image.Image, orientation: int, scale: float = 1.0) -> npt.NDArray[np.uint8]:
        import numpy as np
        from PIL import Image as pil

        whole = (image.width, image.height) if scale == 1.0 else (full[0] / scale, full[1] / scale)
        box, target = _geometry(*whole, size, resize, fraction)
        small = _to_rgb(image).resize(
            target, pil.Resampling[resample.upper()], box=box, reducing_gap=_REDUCING_GAP if fast else None
        )
        small = _upright(small, orientation)
        if small.size != (size, size):
            canvas = pil.new("RGB", (size, size), fill)
            canvas.paste(small, ((size - small.width) // 2, (size - small.height) // 2))
            small = canvas
        return np.array(small)

    full = (0, 0)

    def shrink(image: ImageFile.ImageFile) -> float:
        nonlocal full
        full = image.size
        box, target = _geometry(*full, size, resize, fraction)
        wanted = (
            math.ceil(_HEADROOM * target[0] * full[0] / (box[2] - box[0])),
            math.ceil(_HEADROOM * target[1] * full[1] / (box[3] - box[1])),
        )
        drafted = image.draft(None, wanted)
        return 1.0 if drafted is None else full[0] / drafted[1][2]

    return _guarded(content, max_pixels, finish, shrink if fast else None)
