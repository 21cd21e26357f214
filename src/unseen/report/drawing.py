"""Boxes drawn onto pictures: what was found, to look at.

Colours follow from a class's place in the vocabulary (or a track's number), so that they are the same in every picture
and in every run.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.report.cards import percent
from unseen.report.sheet import drawable

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from unseen.detection.detections import Detections

    Colour = tuple[int, int, int]

__all__ = ["UNKNOWN", "colour_of", "draw_boxes", "draw_detections", "font_for", "written"]

# Neighbours far apart in hue and lightness; all of them show on dark and on light ground.
_PALETTE: tuple[Colour, ...] = (
    *((0, 114, 206), (230, 85, 13), (0, 158, 96), (204, 51, 139), (240, 180, 0), (106, 76, 190)),
    *((0, 170, 190), (214, 39, 40), (124, 179, 40), (150, 90, 50), (255, 130, 170), (60, 90, 130)),
    *((190, 150, 255), (0, 120, 110), (255, 150, 60), (130, 20, 90), (90, 200, 250), (150, 150, 20)),
    *((250, 110, 90), (70, 60, 230)),
)
#: Colour of what is of none of the classes.
UNKNOWN: Colour = (122, 128, 136)
#: Tried in this order where the font inside Pillow cannot write a name; found wherever the system keeps fonts.
_FONTS = (
    *("NotoSans-Regular.ttf", "DejaVuSans.ttf", "Arial Unicode.ttf", "arialuni.ttf", "NotoSansCJK-Regular.ttc"),
    *("NotoSansSC-Regular.otf", "msyh.ttc", "YuGothM.ttc", "Hiragino Sans GB.ttc", "wqy-zenhei.ttc", "segoeui.ttf"),
)
_LONGEST = 40


def colour_of(position: int) -> Colour:
    """Return the colour (red, green, blue) of a class by its place in the vocabulary, or of a track by its number.

    The first twenty are the palette's; after each round they become darker, then lighter.

    Examples
    --------
    >>> from unseen.report.drawing import colour_of
    >>> colour_of(0), colour_of(20) != colour_of(0)
    ((0, 114, 206), True)
    """
    red, green, blue = _PALETTE[position % len(_PALETTE)]
    turn = (position // len(_PALETTE)) % 3
    if turn == 0:
        return red, green, blue
    if turn == 1:
        return red * 5 // 8, green * 5 // 8, blue * 5 // 8
    return (red + 255) // 2, (green + 255) // 2, (blue + 255) // 2


def draw_detections(
    pixels: npt.NDArray[np.uint8], detections: Detections, *, side: int | None = None
) -> npt.NDArray[np.uint8]:
    """Return a picture with its boxes, their classes and scores; unknown ones are grey and dashed.

    Parameters
    ----------
    pixels : uint8 array of shape (h, w, 3)
        The picture in RGB; it is not changed.
    detections : Detections
        What was found in it.
    side : int or None, default None
        Shrink the picture first, so that its longer side has at most so many pixels; lines and letters stay sharp.
    """
    boxes = detections.boxes
    if side is not None and max(pixels.shape[:2]) > side:
        from PIL import Image

        picture = Image.fromarray(pixels)
        picture.thumbnail((side, side))
        boxes = boxes * np.array([picture.width / pixels.shape[1], picture.height / pixels.shape[0]] * 2, np.float32)
        pixels = np.asarray(picture)
    colours, texts = [], []
    for i, name in enumerate(detections.best()):
        position = int(detections.top[i, 0]) if detections.top.shape[1] else 0
        colours.append(UNKNOWN if name is None else colour_of(position))
        texts.append(
            f"{written(name, position) if name is not None else 'unknown'} {percent(float(detections.scores[i]))}"
        )
    return draw_boxes(pixels, boxes, texts=texts, colours=colours, dashed=detections.unknown)


def draw_boxes(
    pixels: npt.NDArray[np.uint8],
    boxes: npt.ArrayLike,
    *,
    texts: Sequence[str],
    colours: Sequence[Colour],
    dashed: Sequence[bool] | npt.NDArray[np.bool_] | None = None,
) -> npt.NDArray[np.uint8]:
    """Return a picture with boxes, each with a text on its colour.

    Lines and letters grow with the picture. Large boxes are drawn first, so that small ones stay in front; a text goes
    above its box, or inside, or below, wherever it covers no other text.

    Parameters
    ----------
    pixels : uint8 array of shape (h, w, 3)
        The picture in RGB; it is not changed.
    boxes : array-like of shape (n, 4)
        Left, top, right and bottom edges.
    texts : sequence of str
        One per box; "" for none.
    colours : sequence of (int, int, int)
        One per box.
    dashed : sequence of bool or None, default None
        Which boxes are drawn as dashes.
    """
    from PIL import Image, ImageDraw

    image = Image.fromarray(np.asarray(pixels, np.uint8)).convert("RGB")
    rows = np.asarray(boxes, np.float64).reshape(-1, 4)
    width, height = image.size
    line = max(2, round(0.005 * (width * height) ** 0.5))
    size = max(12, round(0.03 * (width * height) ** 0.5))
    pen = ImageDraw.Draw(image, "RGBA")
    order = np.argsort(-np.prod(np.maximum(rows[:, 2:] - rows[:, :2], 0), axis=1), kind="stable")
    for i in order:
        # The last pixel of a box lies before its right and bottom edge.
        x0, y0, x1, y1 = (round(float(edge)) for edge in rows[i])
        edges = (x0, y0, max(x1 - 1, x0), max(y1 - 1, y0))
        _outline(pen, edges, colours[i], line, dashed is not None and bool(dashed[i]))
    taken: list[tuple[int, int, int, int]] = []
    for i in order[::-1]:  # small boxes choose their place first
        if texts[i]:
            taken.append(_chip(pen, rows[i], texts[i], colours[i], size, line, (width, height), taken))
    return np.array(image)


def _outline(pen: Any, edges: tuple[int, int, int, int], colour: Colour, line: int, dashed: bool) -> None:
    x0, y0, x1, y1 = edges
    if dashed:
        step = 5 * line
        for start in range(x0, x1 + 1, 2 * step):
            for y in (y0, y1 - line + 1):
                pen.rectangle((start, y, min(start + step, x1), y + line - 1), fill=colour)
        for start in range(y0, y1 + 1, 2 * step):
            for x in (x0, x1 - line + 1):
                pen.rectangle((x, start, x + line - 1, min(start + step, y1)), fill=colour)
        return
    # A thin dark seam on both sides keeps the line apart from ground of its own colour.
    for grown, wide in ((1, 1), (-line, 1)):
        frame = (x0 - grown, y0 - grown, x1 + grown, y1 + grown)
        if frame[2] > frame[0] and frame[3] > frame[1]:
            pen.rectangle(frame, outline=(0, 0, 0, 90), width=wide)
    pen.rectangle(edges, outline=(*colour, 255), width=line)


def _chip(
    pen: Any,
    box: npt.NDArray[np.float64],
    text: str,
    colour: Colour,
    size: int,
    line: int,
    picture: tuple[int, int],
    taken: Sequence[tuple[int, int, int, int]],
) -> tuple[int, int, int, int]:
    """Write a text on its colour; returns the place it takes."""
    font = font_for(text, size)
    pad = max(2, size // 4)
    ascent, descent = font.getmetrics()
    # Of what is written, for fonts whose metrics leave much room above.
    high = min(ascent + descent, round(1.35 * size)) + pad
    wide = round(font.getlength(text)) + 2 * pad
    x0, y0, x1, y1 = (round(float(edge)) for edge in box)
    left = min(max(x0, 0), max(picture[0] - wide, 0))
    right = min(max(x1 - wide, 0), max(picture[0] - wide, 0))
    places = [
        *((left, y0 - high), (left, y0), (right, y0 - high), (right, y0)),
        *((left, y1), (left, y1 - high), (right, y1), (right, y1 - high)),
    ]
    inside = [(x, y) for x, y in places if y >= 0 and y + high <= picture[1]] or [
        (left, max(0, min(y0, picture[1] - high)))
    ]
    free = [(x, y) for x, y in inside if not any(_meet((x, y, x + wide, y + high), other) for other in taken)]
    x, y = (free or inside)[0]
    place = (x, y, x + wide, y + high)
    pen.rounded_rectangle((x, y, x + wide - 1, y + high - 1), radius=max(1, line), fill=(*colour, 255))
    pen.text((x + pad, y + high / 2), text, _ink(colour), font, "lm")
    return place


def _meet(a: tuple[int, int, int, int], b: tuple[int, int, int, int]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _ink(colour: Colour) -> Colour:
    """Return black or white, whichever can be read on a colour (relative luminance of sRGB)."""
    light = [(c / 255 / 12.92) if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
    luminance = 0.2126 * light[0] + 0.7152 * light[1] + 0.0722 * light[2]
    # White where it has the higher contrast, with a little favour: white looks better on saturated colours.
    return (255, 255, 255) if 1.05 / (luminance + 0.05) >= 0.7 * (luminance + 0.05) / 0.05 else (16, 18, 22)


def written(name: str, position: int) -> str:
    """Return a name as some font here can write it, at most 40 letters of it; else the number of its class."""
    text = " ".join(name.split())
    text = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
    if any(_writes(path, text) for path in (None, *_FONTS)):
        return text
    return drawable(text) or f"class {position + 1}"


def font_for(text: str, size: int) -> Any:
    """Return the first font that can write all of a text; the one inside Pillow where none can."""
    path = next((path for path in (None, *_FONTS) if _writes(path, text)), None)
    return _font(path, size)


@functools.lru_cache(maxsize=256)
def _font(path: str | None, size: int) -> Any:
    from PIL import ImageFont

    if path is None:
        return ImageFont.load_default(size)
    try:
        return ImageFont.truetype(path, size)
    except OSError:
        return None


@functools.lru_cache(maxsize=4096)
def _writes(path: str | None, text: str) -> bool:
    font = _font(path, 16)
    if font is None:
        return False
    missing = bytes(font.getmask("\U0010ffff"))
    return all(c.isspace() or bytes(font.getmask(c)) != missing for c in set(text))
