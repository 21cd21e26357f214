"""A decoded photo resampled to the pixels an encoder reads: the costliest step between a file and the network."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL import Image

    from unseen.inputs.framing import Frame

__all__ = ["resample_exactly", "resample_image"]

# Pillow's names for the filters that both libraries have -> the resizer's. Not Lanczos: there the two differ by up
# to 10 levels.
_VECTORISED = {"box": "box", "bilinear": "bilinear", "bicubic": "catmull_rom"}
# The vectorised resizer works on a copy of the pixels. Past this many, Pillow's reduction by whole factors, which
# needs no copy, does most of the work anyway.
_MAX_COPIED_PIXELS = 4_000_000
_REDUCING_GAP = 3.0
# A photo is resized whole before the square is cut out of it, unless that makes more than so many times the pixels
# that are kept: of a photo one pixel high and millions wide nobody could hold the whole.
_MAX_EXCESS = 32
# A resizer keeps its buffers between photos and refuses to be used by two threads at once.
_own = threading.local()


def resample_image(
    image: Image.Image, target: tuple[int, int], box: tuple[float, float, float, float], *, filter: str, fast: bool
) -> npt.NDArray[np.uint8]:
    """Resample a part of an RGB image, antialiased.

    Parameters
    ----------
    image : PIL.Image.Image in mode RGB
    target : (width, height)
        Size of the result in pixels.
    box : (left, top, right, bottom)
        The part of the image to show, in pixels and their fractions.
    filter : {"nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"}
        As in Pillow.
    fast : bool
        Whether a vectorised implementation may be used, and large images be reduced by a whole factor first. The
        results differ from Pillow's by about one level in 255, by up to 4 at hard edges.

    Returns
    -------
    ndarray of uint8 of shape (height, width, 3)
        A fresh, writable array.
    """
    import numpy as np
    from PIL import Image as PILImage

    if fast and filter in _VECTORISED and image.width * image.height <= _MAX_COPIED_PIXELS:
        return _vectorised(image, target, box, _VECTORISED[filter])
    resampling = PILImage.Resampling[filter.upper()]
    return np.array(image.resize(target, resampling, box=box, reducing_gap=_REDUCING_GAP if fast else None))


def resample_exactly(image: Image.Image, frame: Frame, *, filter: str) -> npt.NDArray[np.uint8]:
    """Resample an upright RGB image by Pillow alone, to what the frame shows of it.

    Where the frame cuts, the whole image is resized first, as torchvision, open_clip and transformers do it, so that
    the pixels are theirs.

    Parameters
    ----------
    image : PIL.Image.Image in mode RGB
    frame : Frame
    filter : {"nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"}
        As in Pillow.

    Returns
    -------
    ndarray of uint8 of shape (height, width, 3)
        A fresh, writable array; smaller than the frame where there is something to fill.
    """
    import numpy as np
    from PIL import Image as PILImage

    if frame.cuts:
        width, height = frame.resized(*image.size)
        if width * height <= _MAX_EXCESS * frame.size**2:
            whole = image.resize((width, height), PILImage.Resampling[filter.upper()])
            left, top = frame.cut(width, height)
            return np.array(whole.crop((left, top, left + frame.size, top + frame.size)))
    box, target = frame.fit(*image.size)
    return resample_image(image, target, box, filter=filter, fast=False)


def _vectorised(
    image: Image.Image, target: tuple[int, int], box: tuple[float, float, float, float], filter: str
) -> npt.NDArray[np.uint8]:
    import cykooz_resizer as fast
    import numpy as np

    resizer: Any = getattr(_own, "resizer", None)
    if resizer is None:
        resizer = _own.resizer = fast.Resizer()
    left, top, right, bottom = box
    # Bytes, not the Pillow image: handing that over relies on the layout of Pillow's structures in memory.
    source = fast.ImageData(image.width, image.height, fast.PixelType.U8x3, image.tobytes())
    result = fast.ImageData(*target, fast.PixelType.U8x3)
    algorithm = fast.ResizeAlg.convolution(fast.FilterType[filter])
    crop = fast.CropBox(left, top, right - left, bottom - top)
    resizer.resize(source, result, fast.ResizeOptions(resize_alg=algorithm, crop_box=crop))
    pixels = np.frombuffer(result.get_buffer(), np.uint8)
    return pixels.reshape(target[1], target[0], 3).copy()
