"""Segmentation: which class each pixel is of.

::

    result.py        Segmentation: the class of every pixel of one image
    base.py          Segmenter: what says how likely each place is of each class
    default.py       the one that asks the recogniser about every place
    refine.py        drawing coarse answers to the edges of objects
    rle.py           run-length encoding, as COCO writes it
    polygons.py      outlines with holes
    pictures.py      palette and overlay
    files.py         what `unseen segment --out` writes
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from unseen.segmentation.base import BoundSegmenter, Segmenter
    from unseen.segmentation.result import Segmentation

__all__ = ["BoundSegmenter", "Segmentation", "Segmenter"]

_HOME = {"BoundSegmenter": "base", "Segmentation": "result", "Segmenter": "base"}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
