"""Segmentation: the class of every pixel of one image."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.errors import InputError
from unseen.validation import message, nearest, verbatim

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt
    from PIL import Image

    from unseen.detection.detections import Detections
    from unseen.segmentation.polygons import Polygon

__all__ = ["Segmentation"]


@dataclass(frozen=True, eq=False)
class Segmentation:
    """The class of every pixel of one image.

    Parameters
    ----------
    item : str
        The image.
    names : sequence of str
        Class names of the vocabulary.
    labels : array-like of int of shape (h, w)
        Position of each pixel's class in `names`; -1 where it is of none. Upright, in the size of the original;
        (0, 0) where the image could not be used.
    probabilities : array-like of shape (h, w)
        How likely the pixel is of its class, or, where it is of none, that it is of none; in [0, 1].
    error : str or None, default None
        Why the image could not be used.
    settings : mapping, default {}
        What produced this.

    Raises
    ------
    InputError
        When the parts do not fit together.

    Examples
    --------
    >>> from unseen.segmentation import Segmentation
    >>> found = Segmentation("a.jpg", ["cat"], [[-1, 0], [0, 0]], [[0.9, 0.8], [0.7, 0.8]])
    >>> found.fractions()
    {'cat': 0.75}
    """

    item: str
    names: tuple[str, ...] = field(repr=False)
    labels: npt.NDArray[np.int16] = field(repr=False)
    probabilities: npt.NDArray[np.float16] = field(repr=False)
    error: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def __init__(
        self,
        item: str,
        names: Sequence[str],
        labels: npt.ArrayLike,
        probabilities: npt.ArrayLike,
        error: str | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        names = tuple(names)
        given, shares = np.array(labels), np.array(probabilities, np.float16)
        if given.ndim != 2 or given.shape != shares.shape:
            shapes = verbatim(f"{given.shape} and {shares.shape}")
            remedy = "Give every pixel one of each"
            raise InputError(message("Segmentation", "labels and probabilities", "of one shape (h, w)", shapes, remedy))
        whole = given.dtype.kind in "iu" or not given.size
        if not whole or (given.size and (given.min() < -1 or given.max() >= len(names))):
            expected = f"positions from -1 to {len(names) - 1}"
            raise InputError(message("Segmentation", "labels", expected, given, "Number classes as in names"))
        kept = given.astype(np.int16)
        for array in (kept, shares):
            array.flags.writeable = False
        values = {"item": item, "names": names, "labels": kept, "probabilities": shares, "error": error}
        for key, value in (values | {"settings": dict(settings or {})}).items():
            object.__setattr__(self, key, value)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return int(self.labels.shape[1]), int(self.labels.shape[0])

    def present(self) -> list[str]:
        """Return the classes that have pixels, in the vocabulary's order."""
        return [self.names[i] for i in np.unique(self.labels).tolist() if i >= 0]

    def fractions(self) -> dict[str, float]:
        """Return the share of the image that each class covers; what is missing to 1 is of none."""
        counts = np.bincount(self.labels.ravel() + 1, minlength=len(self.names) + 1)[1:]
        pixels = max(self.labels.size, 1)
        return {name: int(count) / pixels for name, count in zip(self.names, counts, strict=True)}

    def mask(self, name: str) -> npt.NDArray[np.bool_]:
        """Return the pixels (h, w) of a class.

        Raises
        ------
        InputError
            When there is no such class.
        """
        if name not in self.names:
            near = nearest(str(name), self.names)
            remedy = f"Did you mean {near[0]!r}" if near else "See .names"
            raise InputError(message("Segmentation", "name", "a class of the vocabulary", name, remedy))
        found: npt.NDArray[np.bool_] = self.labels == self.names.index(name)
        return found

    # -- to what people use ------------------------------------------------------------------------------

    def to_png(self, path: str | Path) -> None:
        """Write labels as an image: 0 for none, i + 1 for the class at position i.

        Up to 255 classes it has VOC's palette of colours (mode P); with more it is grey, of 16 bits.

        Raises
        ------
        InputError
            When the image could not be used, or the file cannot be written.
        """
        from pathlib import Path

        from unseen.segmentation.files import save_picture
        from unseen.segmentation.pictures import label_image

        self._check_usable()
        save_picture(label_image(self), Path(path))

    def to_rle(self, *, compressed: bool = True) -> list[dict[str, Any]]:
        """Return an annotation in COCO's layout for each class that has pixels.

        Each has ``category_id`` (from 1, in the vocabulary's order), ``segmentation`` (see
        :func:`~unseen.segmentation.rle.encode_rle`), ``area``, ``bbox`` and ``score``, the mean probability.
        """
        from unseen.segmentation.rle import encode_rle

        found = []
        for name in self.present():
            mask = self.mask(name)
            left, top, right, bottom = _bounds(mask)
            found.append(
                {
                    "category_id": self.names.index(name) + 1,
                    "segmentation": encode_rle(mask, compressed=compressed),
                    "area": int(mask.sum()),
                    "bbox": [left, top, right - left, bottom - top],
                    "iscrowd": 0,
                    "score": round(float(self.probabilities[mask].mean(dtype=np.float64)), 4),
                }
            )
        return found

    def to_polygons(self, *, tolerance: float = 0.0) -> dict[str, list[Polygon]]:
        """Return the outlines, with holes, of each class that has pixels; see `mask_polygons`."""
        from unseen.segmentation.polygons import mask_polygons

        return {name: mask_polygons(self.mask(name), tolerance=tolerance) for name in self.present()}

    def to_detections(self, *, smallest: float = 0.001) -> Detections:
        """Return a box around each connected part of each class, surest first.

        Parameters
        ----------
        smallest : float, default 0.001
            Parts that cover less than this share of the image are left out.
        """
        from unseen.detection.detections import Detections

        boxes, scores, classes = [], [], []
        for name, part, _ in self._parts(smallest):
            boxes.append(_bounds(part))
            scores.append(float(self.probabilities[part].mean(dtype=np.float64)))
            classes.append(self.names.index(name))
        order = np.argsort(-np.array(scores), kind="stable")
        top = np.array(classes, np.intp).reshape(-1, 1)[order] if classes else np.zeros((0, 1), np.intp)
        return Detections(
            self.item,
            self.size,
            self.names,
            np.array(boxes, np.float32).reshape(-1, 4)[order],
            np.array(scores, np.float32)[order],
            top,
            np.ones((len(boxes), 1), np.float32),
            np.zeros(len(boxes), np.bool_),
            error=self.error,
            settings=self.settings,
        )

    def to_supervision(self) -> Any:
        """Return ``supervision.Detections`` with one mask for each class that has pixels.

        Raises
        ------
        MissingExtraError
            When supervision is not installed.
        """
        from unseen.validation import import_extra

        sv = import_extra("supervision", extra="vision", purpose="Segmentation.to_supervision")
        names = self.present()
        masks = np.stack([self.mask(name) for name in names]) if names else np.zeros((0, *self.labels.shape), np.bool_)
        return sv.Detections(
            xyxy=np.array([_bounds(mask) for mask in masks], np.float32).reshape(-1, 4),
            mask=masks,
            confidence=np.array([self.probabilities[mask].mean(dtype=np.float64) for mask in masks], np.float32),
            class_id=np.array([self.names.index(name) for name in names], int),
            data={"class_name": np.array(names, dtype=str)},
        )

    def overlay(self, image: Any, *, opacity: float = 0.5, legend: bool = True) -> Image.Image:
        """Return the image with each class in its colour, and a legend.

        Parameters
        ----------
        image : path, bytes, PIL image or array
            The image that was segmented.
        opacity : float, default 0.5
            Of the colours, in [0, 1].
        legend : bool, default True
            Whether to say below what the colours mean.

        Raises
        ------
        InputError
            When it is of another size, or `opacity` out of range.
        ItemError
            When the image cannot be read.
        """
        from unseen.segmentation.pictures import overlay

        self._check_usable()
        return overlay(self, image, opacity=opacity, legend=legend)

    def _parts(self, smallest: float) -> list[tuple[str, npt.NDArray[np.bool_], int]]:
        from scipy import ndimage

        parts = []
        for name in self.present():
            numbered, count = ndimage.label(self.mask(name))
            areas = np.bincount(numbered.ravel(), minlength=count + 1)
            keep = [i for i in range(1, count + 1) if areas[i] >= smallest * self.labels.size]
            parts += [(name, numbered == i, int(areas[i])) for i in keep]
        return parts

    def _check_usable(self) -> None:
        if self.error is not None:
            remedy = "Leave it out"
            raise InputError(
                message("Segmentation", self.item, "an image that could be used", verbatim(self.error), remedy)
            )


def _bounds(mask: npt.NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom edge of a mask that has pixels."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
