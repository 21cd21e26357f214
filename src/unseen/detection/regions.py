"""Boxes you have: from a file, a mapping or a function; the recogniser says what is in them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from unseen.detection.base import BoundDetector, Detector, Proposals
from unseen.detection.boxes import as_boxes
from unseen.detection.matching import NameIndex
from unseen.detection.readers import BoxFile, read_boxes
from unseen.errors import InputError
from unseen.validation import message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from unseen.detection.base import Picture
    from unseen.detection.readers import ImageBoxes

__all__ = ["RegionsDetector"]

_OWNER = "RegionsDetector"
_LAST_NUMBER = re.compile(r"(\d+)(?!.*\d)")


class RegionsDetector(Detector):
    """Boxes from elsewhere.

    Parameters
    ----------
    boxes : path, BoxFile, mapping or callable
        - A COCO, YOLO, VOC, MOT or Label Studio file or folder; see :func:`~unseen.detection.readers.read_boxes`.
        - A mapping from an image's name to its boxes.
        - A function of a :class:`~unseen.detection.base.Picture` (its ``item`` and its ``pixels``) that returns boxes.

        Boxes are arrays of shape (n, 4), or (n, 5) with a score, or :class:`~unseen.detection.base.Proposals`.
    format : str or None, default None
        What the file is, where looking at it does not tell.
    images : path or None, default None
        For a list of COCO results: the data set that numbers the images.

    Notes
    -----
    An image is found by its name, by the end of its path, by its file's name, by that without its suffix, whichever
    fits first; in MOT files by the last number in its file's name. One that the file does not name comes with an error
    (in YOLO's folders, where no labels mean no objects, and in MOT files, without boxes), and so does one whose size is
    another than the file says.

    Examples
    --------
    >>> import numpy as np
    >>> import unseen
    >>> from unseen.detection import RegionsDetector
    >>> boxes = RegionsDetector({"image-0": [[4, 4, 28, 28]]})
    >>> photo = np.zeros((32, 32, 3), np.uint8)
    >>> vocabulary = unseen.Vocabulary.from_names(["night", "day"])
    >>> found = unseen.Recognizer.load().detect(photo, vocabulary, detector=boxes, threshold=0)
    >>> found[0].boxes.tolist()
    [[4.0, 4.0, 28.0, 28.0]]
    """

    takes: ClassVar[str | None] = "<file or folder>"
    description: ClassVar[str] = "boxes you have: a COCO, YOLO, VOC, MOT or Label Studio file"

    def __init__(
        self,
        boxes: str | Path | BoxFile | Mapping[str, Any] | Callable[[Picture], Any],
        *,
        format: str | None = None,
        images: str | Path | None = None,
    ) -> None:
        self.spec = "regions"
        self._call: Callable[[Picture], Any] | None = None
        self._find: _Finder | None = None
        if isinstance(boxes, str | Path):
            self.spec = f"regions:{boxes}"
            boxes = read_boxes(boxes, format=format, images=images)
        if isinstance(boxes, BoxFile):
            self._find = _Finder(boxes.images, boxes)
        elif isinstance(boxes, Mapping):
            self._find = _Finder(boxes, None)
        elif callable(boxes):
            self._call = boxes
        else:
            expected = "a path, a mapping from names to boxes, or a function of a picture"
            raise InputError(message(_OWNER, "boxes", expected, boxes, "Pass one of these"))

    def bind(self, recognizer: Any, vocabulary: Any, *, background: Sequence[str] | None = None) -> BoundDetector:
        """Return what gives the boxes of each picture; they do not depend on the vocabulary."""
        if self._find is None:
            return _Called(self._call)  # type: ignore[arg-type]  # one of the two is there
        return _Looked(self._find)


class _Called(BoundDetector):
    def __init__(self, call: Callable[[Picture], Any]) -> None:
        self._call = call

    def propose(self, pictures: Sequence[Picture]) -> list[Proposals]:
        return [_proposals(self._call(picture), picture.item) for picture in pictures]


class _Looked(BoundDetector):
    looks = False

    def __init__(self, find: _Finder) -> None:
        self._find = find

    def propose(self, pictures: Sequence[Picture]) -> list[Proposals]:
        return [self._find(picture) for picture in pictures]


class _Finder:
    """Finds the boxes of a picture by its name."""

    def __init__(self, images: Mapping[str, Any], file: BoxFile | None) -> None:
        self._images = images
        self._file = file
        self._index = NameIndex(images)

    def __call__(self, picture: Picture) -> Proposals:
        key = self._key(picture.item)
        if key is None:
            if self._file is not None and self._file.format in ("yolo", "mot"):
                return Proposals(np.zeros((0, 4)), np.zeros(0))
            place = self._file.path.name if self._file is not None else "the mapping"
            return Proposals.failed(f"is not in {place}, so nobody said where its boxes are")
        found = self._images[key]
        if self._file is None:
            return _proposals(found, picture.item)
        return self._of_file(found, picture)

    def _of_file(self, found: ImageBoxes, picture: Picture) -> Proposals:
        if found.size is not None and found.size != picture.size:
            sizes = f"{picture.size[0]} x {picture.size[1]}", f"{found.size[0]} x {found.size[1]}"
            place = self._file.path.name if self._file is not None else ""
            return Proposals.failed(f"is {sizes[0]} pixels upright, and {sizes[1]} in {place}: its boxes would not fit")
        labels = found.labels if any(label is not None for label in found.labels) else None
        return Proposals(found.pixels(picture.size), found.scores, labels=labels)

    def _key(self, item: str) -> str | None:
        if self._file is not None and self._file.format == "mot":
            number = _LAST_NUMBER.search(item.rpartition("/")[2])
            return str(int(number[1])) if number is not None and str(int(number[1])) in self._images else None
        found = self._index.find(item)
        if found is not None:
            return found
        if self._file is None or self._file.format != "coco":
            return None
        number = _LAST_NUMBER.search(item.rpartition("/")[2])
        # COCO's own results know images by number, and its files are called by it.
        return str(int(number[1])) if number is not None and str(int(number[1])) in self._images else None


def _proposals(found: Any, item: str) -> Proposals:
    if isinstance(found, Proposals):
        return found
    try:
        array = found if isinstance(found, np.ndarray) else np.asarray(found, np.float32)
    except (TypeError, ValueError):
        expected = "an array of shape (n, 4), or (n, 5) with scores"
        raise InputError(message(f"{_OWNER}: {item}", "boxes", expected, found, "Give every box four edges")) from None
    if array.ndim == 2 and array.shape[1] == 5:
        return Proposals(as_boxes(array[:, :4], owner=f"{_OWNER}: {item}"), array[:, 4])
    boxes = as_boxes(array, owner=f"{_OWNER}: {item}")
    return Proposals(boxes, np.ones(len(boxes), np.float32))
