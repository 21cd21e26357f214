"""Files of boxes that other tools write: COCO, YOLO, Pascal VOC, MOTChallenge, Label Studio.

All of it is read as data from a stranger: sizes are bounded, nothing is resolved, and what is wrong names the file and
the place. Boxes come out in unseen's own coordinates; see :mod:`unseen.detection.boxes`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.detection.boxes import from_cxcywh
from unseen.errors import InputError, ItemError
from unseen.inputs.files import open_regular, quoted
from unseen.validation import check_choice, message, verbatim

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike

    import numpy.typing as npt

__all__ = ["FORMATS", "BoxFile", "ImageBoxes", "read_boxes", "read_text", "unreadable", "wrong"]

#: What `read_boxes` reads.
FORMATS = ("coco", "label-studio", "mot", "voc", "yolo")
_OWNER = "read_boxes"
#: Largest file that is read.
_MAX_BYTES = 1 << 30


@dataclass(frozen=True, eq=False)
class ImageBoxes:
    """The boxes that a file has for one image.

    Attributes
    ----------
    item : str
        The image, as the file names it; for MOT the frame's number.
    boxes : float32 array of shape (n, 4)
        Left, top, right and bottom edge in pixels, or, where `relative`, in shares of the image's width and height.
    scores : float32 array of shape (n,)
        How sure each is; 1 where the file does not say.
    labels : tuple of (str or None)
        What each is; None where the file does not say.
    size : tuple of (int, int) or None
        Width and height of the image, where the file says.
    ignored : bool array of shape (n,)
        Boxes that an evaluation passes over: crowds of COCO, difficult objects of VOC, what MOT does not count.
    tracks : int array of shape (n,) or None
        Numbers of tracks, where the file has them.
    relative : bool
        Whether boxes are shares of the image's size.
    """

    item: str
    boxes: npt.NDArray[np.float32]
    scores: npt.NDArray[np.float32]
    labels: tuple[str | None, ...]
    size: tuple[int, int] | None = None
    ignored: npt.NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))
    tracks: npt.NDArray[np.int64] | None = None
    relative: bool = False

    def __len__(self) -> int:
        return len(self.boxes)

    def pixels(self, size: tuple[int, int]) -> npt.NDArray[np.float32]:
        """Return the boxes in pixels of an image of this width and height."""
        if not self.relative:
            return self.boxes
        found: npt.NDArray[np.float32] = self.boxes * np.array([*size, *size], np.float32)
        return found


@dataclass(frozen=True, eq=False)
class BoxFile:
    """What a file (or a folder) of boxes holds.

    Attributes
    ----------
    path : Path
        Where it was read from.
    format : str
        One of :data:`FORMATS`.
    names : tuple of str
        Class names, in the file's order.
    images : mapping of str to ImageBoxes
        By the name of the image.
    """

    path: Path
    format: str
    names: tuple[str, ...]
    images: Mapping[str, ImageBoxes]

    def __len__(self) -> int:
        return len(self.images)


def read_boxes(
    path: str | PathLike[str], *, format: str | None = None, images: str | PathLike[str] | None = None
) -> BoxFile:
    """Read boxes that another tool wrote.

    Parameters
    ----------
    path : path
        A COCO file (``.json``: a data set, or the list of a detector's results), a Label Studio export (``.json``), a
        MOTChallenge file (``.txt``), or a folder of YOLO labels or of VOC annotations.
    format : {"coco", "label-studio", "mot", "voc", "yolo"} or None, default None
        What it is; None tells by looking.
    images : path or None, default None
        For a list of COCO results, which knows images by number alone: the data set (``.json``) that numbers them.

    Returns
    -------
    BoxFile

    Raises
    ------
    InputError
        When it cannot be read, or something in it is wrong; the message names the place.

    Notes
    -----
    VOC counts pixels from 1 and includes the last one: its ``xmin`` 1, ``xmax`` 10 are the edges 0 and 10. MOT counts
    from 1 as well. YOLO's boxes are shares of the image, whose size the file does not know.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from unseen.detection import read_boxes
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "gt.txt").write_text("1,7,11,21,100,50,1,-1,-1,-1\\n")
    ...     found = read_boxes(folder + "/gt.txt")
    >>> found.images["1"].boxes.tolist(), found.images["1"].tracks.tolist()
    ([[10.0, 20.0, 110.0, 70.0]], [7])
    """
    from unseen.detection import read_json_boxes, read_text_boxes, read_voc

    place = Path(path)
    kind = _kind(place) if format is None else check_choice(_OWNER, "format", format, FORMATS)
    if images is not None and kind != "coco":
        found = verbatim(f"given with {kind}")
        raise InputError(message(_OWNER, "images", "left out but for COCO results", found, "Leave it out"))
    if kind == "yolo":
        return read_text_boxes.read_yolo(place)
    if kind == "mot":
        return read_text_boxes.read_mot(place)
    if kind == "voc":
        return read_voc.read_voc(place)
    return read_json_boxes.read_json_boxes(place, kind, None if images is None else Path(images), format is None)


def _kind(path: Path) -> str:
    """Return what a path holds, as far as its name and its neighbours say; JSON is told apart when it is read."""
    remedy = "Say which: format='coco', 'label-studio', 'mot', 'voc' or 'yolo'"
    try:
        folder, there = path.is_dir(), path.exists()
    except (OSError, ValueError):
        folder = there = False
    if not there:
        raise unreadable(path, "no such file")
    if not folder:
        kinds = {".json": "coco", ".txt": "mot", ".csv": "mot", ".xml": "voc", ".yaml": "yolo", ".yml": "yolo"}
        kind = kinds.get(path.suffix.lower())
        if kind is None:
            expected = "a .json, .txt or .xml file, or a folder"
            raise InputError(message(_OWNER, "path", expected, path.name, remedy))
        return kind
    names = ("Annotations", "annotations", "")
    if any(next((path / name).glob("*.xml"), None) is not None for name in names):
        return "voc"
    if any(next((path / name).rglob("*.txt"), None) is not None for name in ("labels", "")):
        return "yolo"
    expected = "a folder with .txt (YOLO) or .xml (VOC) files in it"
    raise InputError(message(_OWNER, "path", expected, str(path), remedy))


def read_text(path: Path, *, limit: int = _MAX_BYTES) -> str:
    """Return the text of a regular file of at most `limit` bytes, in UTF-8.

    Raises
    ------
    InputError
        When there is no such file, it is too large, or no text.
    """
    try:
        with open_regular(path) as file:
            data = file.read(limit + 1)
    except ItemError as error:
        raise unreadable(path, str(error).removeprefix("cannot be read: ")) from None
    except OSError as error:
        raise unreadable(path, (error.strerror or type(error).__name__).lower()) from None
    if len(data) > limit:
        raise unreadable(path, f"more than {limit >> 20} MiB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise unreadable(path, "it is no text in UTF-8") from None


def unreadable(path: Path, reason: str) -> InputError:
    """Return what to raise about a file that cannot be read."""
    remedy = "Check the path"
    return InputError(message(_OWNER, f"the file {quoted(path)}", "readable", verbatim(reason), remedy))


def wrong(path: Path, where: str, what: str, expected: str, value: object) -> InputError:
    """Return what to raise about something wrong in a file."""
    place = f"{quoted(path)}{', ' + where if where else ''}"
    return InputError(message(_OWNER, f"{place}: {what}", expected, value, "Mend the file"))


def image_boxes(
    item: str,
    rows: list[tuple[Any, ...]],
    *,
    size: tuple[int, int] | None = None,
    relative: bool = False,
    tracked: bool = False,
    centred: bool = False,
) -> ImageBoxes:
    """Return the boxes of one image from rows of (four numbers, score, label, ignored, track)."""
    boxes = np.array([row[0] for row in rows], np.float32).reshape(-1, 4)
    return ImageBoxes(
        item,
        from_cxcywh(boxes) if centred else boxes,
        np.array([row[1] for row in rows], np.float32),
        tuple(row[2] for row in rows),
        size,
        np.array([row[3] for row in rows], np.bool_),
        np.array([row[4] for row in rows], np.int64) if tracked else None,
        relative,
    )
