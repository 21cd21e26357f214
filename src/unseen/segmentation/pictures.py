"""Pictures of a segmentation: labels in VOC's palette, and colours over the photo with a legend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.errors import InputError
from unseen.report.cards import percent
from unseen.report.drawing import font_for, written
from unseen.validation import check_number, message, verbatim

if TYPE_CHECKING:
    import numpy.typing as npt
    from PIL import Image

    from unseen.segmentation.result import Segmentation

__all__ = ["label_image", "overlay", "voc_palette"]

# Apart from each other for the colour-blind too (after Okabe and Ito), and from most photos.
_COLOURS = (
    "#e69f00",
    "#56b4e9",
    "#009e73",
    "#f0e442",
    "#cc79a7",
    "#0072b2",
    "#d55e00",
    "#9467bd",
    "#17becf",
    "#b5cf6b",
)
_PAPER, _INK = "#ffffff", "#16191d"


def voc_palette() -> npt.NDArray[np.uint8]:
    """Return the 256 colours (256, 3) of Pascal VOC's masks; the first, of the background, is black."""
    palette = np.zeros((256, 3), np.uint8)
    numbers = np.arange(256)
    for bit in range(8):
        for channel in range(3):
            palette[:, channel] |= (((numbers >> (3 * bit + channel)) & 1) << (7 - bit)).astype(np.uint8)
    return palette


def label_image(found: Segmentation) -> Image.Image:
    """Return labels as an image: 0 for none, i + 1 for class i; with a palette where they fit into a byte."""
    from PIL import Image

    numbers = found.labels.astype(np.int32) + 1
    if len(found.names) > 255:
        return Image.fromarray(numbers.astype(np.uint16))
    image = Image.fromarray(numbers.astype(np.uint8))
    image.putpalette(voc_palette().ravel().tolist())
    return image


def overlay(
    found: Segmentation, image: Any, *, opacity: float = 0.5, legend: bool = True, side: int | None = None
) -> Image.Image:
    """Return the image with each class in its colour; see :meth:`unseen.segmentation.Segmentation.overlay`.

    Where `side` is given, the image is shrunk first, so that its longer side has at most so many pixels.
    """
    from PIL import Image

    from unseen.inputs.images import open_image

    opacity = check_number("overlay", "opacity", opacity, low=0, high=1)
    photo = open_image(image)
    if photo.size != found.size:
        sizes = verbatim(f"{photo.width} x {photo.height} for {found.size[0]} x {found.size[1]}")
        raise InputError(message("overlay", "image", "the one that was segmented", sizes, "Pass that one"))
    labels = found.labels
    if side is not None and max(photo.size) > side:
        photo = photo.copy()
        photo.thumbnail((side, side))
        labels = np.asarray(Image.fromarray(labels.astype(np.int32)).resize(photo.size, Image.Resampling.NEAREST))
    pixels = np.asarray(photo).astype(np.float32)
    present = found.present()
    colours = np.array([_rgb(i) for i in range(len(found.names))], np.float32)
    inside = labels >= 0
    pixels[inside] = (1 - opacity) * pixels[inside] + opacity * colours[labels[inside]]
    pixels[~inside] = pixels[~inside] * (1 - 0.25 * opacity)
    width = max(1, round(max(photo.size) / 500))
    line = _outline(labels, width) & inside
    pixels[line] = 0.35 * colours[labels[line]] + 0.65 * 255
    drawn = Image.fromarray(np.clip(np.round(pixels), 0, 255).astype(np.uint8))
    if not legend:
        return drawn
    return _with_legend(drawn, [(found.names.index(name), name) for name in present], found)


def _outline(labels: npt.NDArray[Any], width: int) -> npt.NDArray[np.bool_]:
    from scipy.ndimage import maximum_filter, minimum_filter

    size = 2 * width + 1
    outline: npt.NDArray[np.bool_] = maximum_filter(labels, size) != minimum_filter(labels, size)
    return outline


def _rgb(i: int) -> tuple[int, int, int]:
    from PIL import ImageColor

    red, green, blue = ImageColor.getrgb(_COLOURS[i % len(_COLOURS)])[:3]
    # Later rounds through the colours are darker, so that a hundred classes still differ.
    shade = 0.75 ** (i // len(_COLOURS) % 4)
    return round(red * shade), round(green * shade), round(blue * shade)


def _with_legend(drawn: Image.Image, classes: list[tuple[int, str]], found: Segmentation) -> Image.Image:
    """Return the picture above a strip with a square of colour, name and share for each class."""
    from PIL import Image, ImageDraw

    size = max(13, min(28, round(drawn.width / 36)))
    line, gap = round(size * 1.7), size
    shares = found.fractions()
    entries = [(i, f"{written(name, i)}  {percent(shares[name])}") for i, name in classes]
    if not entries:
        entries = [(-1, "none of the classes found")]
    rows: list[list[tuple[int, str, float]]] = [[]]
    x = float(gap)
    for i, text in entries:
        wide = 1.6 * size + font_for(text, size).getlength(text)
        if x > gap and x + wide > drawn.width - gap:
            rows.append([])
            x = float(gap)
        rows[-1].append((i, text, x))
        x += wide + 1.5 * gap
    strip = line * len(rows) + gap // 2 * 2
    sheet = Image.new("RGB", (drawn.width, drawn.height + strip), _PAPER)
    sheet.paste(drawn, (0, 0))
    pen = ImageDraw.Draw(sheet)
    for row, row_entries in enumerate(rows):
        middle = drawn.height + gap // 2 + row * line + line // 2
        for i, text, left in row_entries:
            if i >= 0:
                pen.rounded_rectangle((left, middle - size // 2, left + size, middle + size // 2), size // 4, _rgb(i))
            pen.text((left + (1.6 * size if i >= 0 else 0), middle), text, _INK, font_for(text, size), "lm")
    return sheet
