"""Boxes from a file, frame by frame: a detector that has already run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unseen.detection.base import Picture, Proposals
from unseen.detection.readers import read_boxes
from unseen.detection.regions import RegionsDetector
from unseen.errors import InputError
from unseen.inputs.files import quoted
from unseen.tracking.frames import natural
from unseen.validation import message, verbatim

if TYPE_CHECKING:
    from pathlib import Path

    from unseen.tracking.frames import Frame

__all__ = ["FileBoxes"]


class FileBoxes:
    """Finds the boxes of a frame in a file.

    Parameters
    ----------
    path : path
        A MOTChallenge file, or what :func:`~unseen.detection.readers.read_boxes` reads besides.
    photos : bool
        Whether frames are photos, which a COCO, YOLO or VOC file knows by name. A video's frames have no names: they
        are taken in natural order of the file's images.

    Raises
    ------
    InputError
        When the file cannot be read, holds no boxes at all, or is MOTChallenge text that counts frames from 0.

    Notes
    -----
    A MOTChallenge file counts frames of the source from 1, whatever a photo is called; ``--every`` and ``--start`` do
    not change that.
    """

    def __init__(self, path: str | Path, *, photos: bool) -> None:
        self._file = read_boxes(path)
        if not sum(len(image) for image in self._file.images.values()):
            raise InputError(
                message("track", f"detections {quoted(path)}", "a file with boxes", verbatim("none"), "Check the file")
            )
        self._order: list[str] | None = None
        self._bound = None
        if self._file.format == "mot":
            if "0" in self._file.images:  # all of its boxes would be a frame too early, and the first ones lost
                got, remedy = verbatim("a frame 0"), "Add 1 to the first column"
                raise InputError(message("track", f"detections {quoted(path)}", "numbered from frame 1", got, remedy))
            return
        if photos:
            self._bound = RegionsDetector(self._file).bind(None, None)
        else:
            self._order = sorted(self._file.images, key=natural)

    def propose(self, frame: Frame) -> Proposals:
        """Return the boxes of a frame; without any where the file has none."""
        if self._bound is not None:
            return self._bound.propose([Picture(frame.name, frame.pixels)])[0]
        key: str | None = str(frame.index + 1)
        if self._order is not None:
            key = self._order[frame.index] if frame.index < len(self._order) else None
        found = self._file.images.get(key) if key is not None else None
        if found is None:
            return Proposals(np.zeros((0, 4)), np.zeros(0))
        if found.size is not None and found.size != frame.size:
            sizes = f"{frame.size[0]} x {frame.size[1]} pixels, and {found.size[0]} x {found.size[1]}"
            return Proposals.failed(f"is {sizes} in the file: its boxes would not fit")
        labels = found.labels if any(label is not None for label in found.labels) else None
        return Proposals(found.pixels(frame.size), found.scores, labels=labels)
