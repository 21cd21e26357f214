"""The square that an encoder looks through: which part of a photo is seen, and how large it becomes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from unseen.inputs.files import input_error

if TYPE_CHECKING:
    Box = tuple[float, float, float, float]

__all__ = ["NEUTRAL", "OFFSETS", "RESAMPLES", "RESIZES", "Frame", "make_frame"]

RESIZES = ("center_crop", "squash", "pad", "shortest_edge")
RESAMPLES = ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos")
OFFSETS = ("round", "floor")
#: The mean colour of ImageNet: what encoders see as nothing in particular.
NEUTRAL = (124, 116, 104)


def make_frame(
    *, size: int, resize: str, crop_fraction: float | None, resample: str, edge: int | None, offset: str
) -> Frame:
    """Check the options of :func:`~unseen.inputs.images.prepare_image` and return its frame.

    Raises
    ------
    InputError
        When an option is not among those that `prepare_image` names.
    """
    owner = "prepare_image"
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise input_error(owner, "size", "a whole number of at least 1", size, "Pass the encoder's side length")
    choices = (("resize", resize, RESIZES), ("resample", resample, RESAMPLES), ("offset", offset, OFFSETS))
    for argument, value, known in choices:
        if value not in known:
            raise input_error(owner, argument, f"one of {', '.join(known)}", value, "Pass one of them")
    if crop_fraction is not None and not (isinstance(crop_fraction, int | float) and 0 < crop_fraction <= 1):
        raise input_error(
            owner, "crop_fraction", "None or above 0 and at most 1", crop_fraction, "Pass None for everything"
        )
    if edge is None:
        edge = size
    elif resize not in ("shortest_edge", "squash") or crop_fraction is not None:
        expected = "None unless resize is 'shortest_edge' or 'squash', without crop_fraction"
        raise input_error(owner, "edge", expected, edge, "Leave it out")
    elif isinstance(edge, bool) or not isinstance(edge, int) or edge < size:
        raise input_error(owner, "edge", f"a whole number of at least size, {size}", edge, "Pass a larger one")
    if resize == "shortest_edge" and crop_fraction is not None:
        expected = "None where resize is 'shortest_edge'"
        raise input_error(owner, "crop_fraction", expected, crop_fraction, "Pass edge in its place")
    return Frame(size, resize, 1.0 if crop_fraction is None else float(crop_fraction), edge, offset)


@dataclass(frozen=True)
class Frame:
    """How photos of any size become a square; made by :func:`make_frame`, which checks."""

    size: int
    resize: str
    fraction: float
    edge: int
    offset: str

    def fit(self, width: int, height: int) -> tuple[Box, tuple[int, int]]:
        """Return which part of a photo is seen, and how large it becomes."""
        if self.cuts:
            wide, high = self.resized(width, height)
            left, top = self.cut(wide, high)
            zoom, zoom_y = width / wide, height / high
            right, bottom = min((left + self.size) * zoom, width), min((top + self.size) * zoom_y, height)
            return (left * zoom, top * zoom_y, right, bottom), (self.size, self.size)
        w, h = width * self.fraction, height * self.fraction
        if self.resize == "center_crop":
            w = h = min(w, h)
        target = (self.size, self.size)
        if self.resize == "pad":
            ratio = max(w / self.size, h / self.size)
            target = (max(1, round(w / ratio)), max(1, round(h / ratio)))
        x, y = (width - w) / 2, (height - h) / 2
        return (x, y, min(x + w, width), min(y + h, height)), target

    @property
    def cuts(self) -> bool:
        """Whether the whole photo is resized first and the square then cut out of it."""
        return self.resize == "shortest_edge" or self.edge != self.size

    def resized(self, width: int, height: int) -> tuple[int, int]:
        """Return the width and height before the cut, rounded as torchvision and transformers round them."""
        if self.resize == "squash":
            return self.edge, self.edge
        long = int(self.edge * max(width, height) / min(width, height))
        return (self.edge, long) if width <= height else (long, self.edge)

    def cut(self, width: int, height: int) -> tuple[int, int]:
        """Return the left and top of the cut out of a resized photo."""
        spare = (width - self.size) / 2, (height - self.size) / 2
        # Half to even, as Python and torchvision round.
        return (round(spare[0]), round(spare[1])) if self.offset == "round" else (int(spare[0]), int(spare[1]))
