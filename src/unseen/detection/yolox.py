"""A closed-set detector in ONNX, YOLOX or like it: its boxes, which the recogniser then names anew."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from unseen.detection.base import BoundDetector, Detector, Proposals
from unseen.detection.boxes import clip_boxes, from_cxcywh, usable_boxes
from unseen.detection.names import COCO_80
from unseen.detection.nms import nms as suppress
from unseen.encoders.base import available_cores
from unseen.encoders.model_files import read_json
from unseen.encoders.onnx import open_session
from unseen.errors import InputError, ModelError
from unseen.validation import check_number, message, shorten, verbatim

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from unseen.detection.base import Picture

__all__ = ["YoloxDetector"]

_OWNER = "YoloxDetector"
_LAYOUTS = ("yolox", "decoded", "columns")
_COLOURS = ("bgr", "rgb")
_PLACES = ("top-left", "centre")
#: Sides of the networks' square that are believed; larger ones would fill the memory.
_SMALLEST, _LARGEST = 32, 4096
#: Beyond this, a size before the exponential is no size: exp(12) cells are a million pixels.
_LONGEST_LOG = 12.0
#: Scores are worth a look from here on; a hundred thousand cells are suppressed in no reasonable time.
_CANDIDATES = 3000


@dataclass(frozen=True)
class _Card:
    """What the file beside the network says."""

    names: tuple[str, ...]
    size: tuple[int, int] | None
    layout: str
    strides: tuple[int, ...]
    colour: str
    scale: float
    pad: int
    place: str


class YoloxDetector(Detector):
    """Find boxes with an ONNX network of the YOLO family.

    Parameters
    ----------
    file : path
        The network, such as ``yolox_nano.onnx``. A JSON file of the same name with the suffix ``.json`` may say how
        it is read; see the notes.
    confidence : float, default 0.05
        Boxes the network itself is less sure of are left out, in [0, 1]; low, because the recogniser and the tracker
        decide later.
    nms : float, default 0.65
        Of boxes that the network calls the same and that overlap by more than this, the surest stays.
    most : int, default 300
        Boxes per picture at most.

    Attributes
    ----------
    names : tuple of str
        What it calls its classes.

    Raises
    ------
    ModelError
        When the network or the card cannot be read, or do not fit each other.

    Notes
    -----
    Without a card the network is taken for YOLOX as its authors export it, trained on COCO: a letterbox at the top
    left filled with grey 114, BGR from 0 to 255, raw heads at strides of 8, 16 and 32. The keys of the card, all of
    them optional:

    ``names``
        List of class names.
    ``size``
        Side of the square, or ``[height, width]``, where the network takes any.
    ``layout``
        ``"yolox"``: rows of raw x, y, w, h, objectness, classes. ``"decoded"``: the same with boxes in pixels of the
        square, as centre and size. ``"columns"``: such boxes as columns, and classes without objectness.
    ``strides``
        Of ``"yolox"``, from the finest.
    ``colour``, ``scale``
        ``"bgr"`` or ``"rgb"``, and what pixels from 0 to 255 are divided by.
    ``pad``, ``place``
        The grey around the picture, and whether the picture is put at the ``"top-left"`` or in the ``"centre"``.

    One run of the network per picture, on all cores.

    References
    ----------
    Ge, Liu, Wang, Li and Sun, "YOLOX: Exceeding YOLO Series in 2021", arXiv:2107.08430, 2021.
    """

    takes: ClassVar[str | None] = "<file>"
    description: ClassVar[str] = "a closed-set network of the YOLO family, in ONNX; the recogniser names its boxes"

    def __init__(self, file: str | Path, *, confidence: float = 0.05, nms: float = 0.65, most: int = 300) -> None:
        self.file = Path(file)
        self.confidence = check_number(_OWNER, "confidence", confidence, low=0, high=1)
        self.nms = check_number(_OWNER, "nms", nms, low=0, high=1)
        self.most = int(check_number(_OWNER, "most", most, low=1, integer=True))
        self.spec = f"onnx:{file}"
        if not self.file.is_file():
            expected = "a file that exists"
            raise InputError(message(_OWNER, "file", expected, str(file), "Check the path of the network"))
        self._card = _read_card(self.file.with_suffix(".json"))

    @property
    def names(self) -> tuple[str, ...]:
        """What it calls its classes."""
        return self._card.names

    def bind(self, recognizer: Any, vocabulary: Any, *, background: Sequence[str] | None = None) -> BoundDetector:
        """Return what finds boxes; neither recogniser nor vocabulary change what this network sees."""
        return _BoundYolox(self)

    def find(self, pixels: npt.NDArray[np.uint8]) -> Proposals:
        """Return the boxes of one RGB picture (h, w, 3), each with the network's own name for it.

        Raises
        ------
        ModelError
            When the network gives something else than its card says.
        """
        square, ratio, (left, top) = _letterbox(pixels, self._size, self._card)
        output = self._run(square)
        boxes, scores = _decode(output, self._size, self._card, self.file)
        best = scores.argmax(axis=1)
        sure = scores[np.arange(len(scores)), best]
        rows = np.flatnonzero(sure >= self.confidence)
        if len(rows) > _CANDIDATES:
            rows = rows[np.argsort(-sure[rows], kind="stable")[:_CANDIDATES]]
        height, width = pixels.shape[:2]
        found = (boxes[rows] - np.array([left, top, left, top], np.float32)) / np.float32(ratio)
        fine = usable_boxes(found, (width, height))
        rows, found = rows[fine], clip_boxes(found[fine], (width, height))
        kept = suppress(found, sure[rows], iou=self.nms, classes=best[rows])[: self.most]
        labels = [self.names[position] for position in best[rows[kept]]]
        return Proposals(found[kept], np.clip(sure[rows[kept]], 0, 1), labels=labels)

    def _run(self, square: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        session = self._session
        try:
            output = np.asarray(session.run(None, {session.get_inputs()[0].name: square})[0], np.float32)
        except Exception as error:  # noqa: BLE001  onnxruntime has no common base for its errors
            reason = " ".join(str(error).split())[:200]
            raise ModelError(f"{_OWNER}: {self.file} cannot be run on a picture: {reason}.") from None
        return output

    @cached_property
    def _session(self) -> Any:
        try:
            session = open_session(self.file, threads=available_cores())
        except ModelError as error:
            raise ModelError(str(error).replace("OnnxEncoder", _OWNER, 1)) from None
        inputs = session.get_inputs()
        shape = inputs[0].shape if len(inputs) == 1 else None
        floats = len(inputs) == 1 and inputs[0].type == "tensor(float)"
        if shape is None or len(shape) != 4 or not floats or shape[1] not in (3, "3"):
            got = verbatim(", ".join(f"{i.name} {i.type} {i.shape}" for i in inputs)[:200] or "none")
            expected = "one picture of floats of shape (1, 3, h, w)"
            raise ModelError(message(_OWNER, f"the input of {self.file}", expected, got, "Export it in this layout"))
        return session

    @cached_property
    def _size(self) -> tuple[int, int]:
        """Height and width of what the network looks at."""
        shape = self._session.get_inputs()[0].shape[2:]
        fixed = [side for side in shape if isinstance(side, int)]
        if len(fixed) == 2:
            if self._card.size is not None and self._card.size != tuple(fixed):
                expected = f"the network's own, {fixed}"
                got = list(self._card.size)
                raise ModelError(message(_OWNER, f"size beside {self.file}", expected, got, "Leave it out"))
            size = (fixed[0], fixed[1])
        else:
            size = self._card.size or (640, 640)
        if not all(_SMALLEST <= side <= _LARGEST for side in size):
            expected = f"sides of {_SMALLEST} to {_LARGEST} pixels"
            raise ModelError(message(_OWNER, f"the input of {self.file}", expected, size, "Use another network"))
        return size


class _BoundYolox(BoundDetector):
    def __init__(self, detector: YoloxDetector) -> None:
        self._detector = detector

    def propose(self, pictures: Sequence[Picture]) -> list[Proposals]:
        return [self._detector.find(picture.pixels) for picture in pictures]


def _letterbox(
    pixels: npt.NDArray[np.uint8], size: tuple[int, int], card: _Card
) -> tuple[npt.NDArray[np.float32], float, tuple[int, int]]:
    """Return the picture as the network reads it (1, 3, h, w), how much it was scaled, and where it was put."""
    from PIL import Image

    from unseen.inputs.resampling import resample_image

    high, wide = pixels.shape[:2]
    ratio = min(size[0] / high, size[1] / wide)
    target = (max(1, int(wide * ratio)), max(1, int(high * ratio)))
    small = resample_image(Image.fromarray(pixels), target, (0, 0, wide, high), filter="bilinear", fast=True)
    left, top = (0, 0) if card.place == "top-left" else ((size[1] - target[0]) // 2, (size[0] - target[1]) // 2)
    square = np.full((3, *size), card.pad, np.float32)
    planes = small.transpose(2, 0, 1)
    square[:, top : top + target[1], left : left + target[0]] = planes[::-1] if card.colour == "bgr" else planes
    if card.scale != 1:
        square /= np.float32(card.scale)
    return square[None], ratio, (left, top)


def _decode(
    output: npt.NDArray[np.float32], size: tuple[int, int], card: _Card, file: Path
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return boxes (n, 4) in pixels of the square, and scores (n, C).

    Raises
    ------
    ModelError
        When the output is of another layout.
    """
    rows = output[0] if output.ndim == 3 and len(output) == 1 else output
    if card.layout == "columns" and rows.ndim == 2:
        rows = rows.T
    n_classes, before = len(card.names), 4 if card.layout == "columns" else 5
    if rows.ndim != 2 or rows.shape[1] != n_classes + before:
        expected = f"of shape (1, n, {n_classes + before}) for {n_classes} classes in layout {card.layout!r}"
        raise _no_fit(file, "the output", expected, verbatim(f"shape {output.shape}"))
    if not np.isfinite(rows).all():
        raise _no_fit(file, "the output", "finite", verbatim("NaN or infinity"))
    boxes, scores = rows[:, :4], rows[:, before:]
    if before == 5:
        scores = scores * rows[:, 4:5]
    if card.layout != "yolox":
        if len(rows) and boxes[:, 2:].min() < 0:
            raise _no_fit(file, "sizes of boxes", "at least 0", verbatim("negative ones, as of raw heads"))
        return from_cxcywh(boxes), scores
    grids, steps = [], []
    for stride in card.strides:
        y, x = np.mgrid[: size[0] // stride, : size[1] // stride]
        grids.append(np.stack([x.ravel(), y.ravel()], axis=1))
        steps.append(np.full((x.size, 1), stride))
    grid, step = np.concatenate(grids).astype(np.float32), np.concatenate(steps).astype(np.float32)
    if len(grid) != len(rows):
        expected = f"{len(grid)} rows at strides {list(card.strides)} of {size[0]} x {size[1]}"
        raise _no_fit(file, "the output", expected, verbatim(f"{len(rows)} rows"))
    if len(rows) and boxes[:, 2:].max() > _LONGEST_LOG:
        raise _no_fit(file, "sizes of boxes", "raw, before the exponential", verbatim("sizes in pixels"))
    return from_cxcywh(np.concatenate([(boxes[:, :2] + grid) * step, np.exp(boxes[:, 2:]) * step], axis=1)), scores


def _no_fit(file: Path, what: str, expected: str, got: object) -> ModelError:
    card = file.with_suffix(".json").name
    return ModelError(message(_OWNER, f"{what} of {file}", expected, got, f"Say in {card} how this network is read"))


def _read_card(path: Path) -> _Card:
    values = read_json(_OWNER, path, again="Write it anew, or take it away") if path.exists() else {}
    known = ("names", "size", "layout", "strides", "colour", "scale", "pad", "place")
    for key in values:
        if key not in known:
            raise ModelError(message(_OWNER, f"keys in {path}", f"among {', '.join(known)}", key, "Take it away"))
    names = values.get("names", COCO_80)
    if isinstance(names, dict):  # as in data.yaml of other tools: numbers to names
        names = [names.get(str(i)) for i in range(len(names))]
    fine = isinstance(names, list | tuple) and 0 < len(names) <= 100_000
    if not fine or not all(isinstance(name, str) and name.strip() for name in names):
        raise ModelError(message(_OWNER, f"names in {path}", "a list of class names", names, "Write one per class"))
    size = values.get("size")
    if size is not None:
        sides = [size, size] if isinstance(size, int) else size
        if not isinstance(sides, list) or len(sides) != 2 or not all(_whole(side, 1) for side in sides):
            remedy = "Write for example 640"
            raise ModelError(message(_OWNER, f"size in {path}", "a side or [height, width]", size, remedy))
        size = (sides[0], sides[1])
    strides = values.get("strides", [8, 16, 32])
    if not isinstance(strides, list) or not 0 < len(strides) < 10 or not all(_whole(step, 1) for step in strides):
        remedy = "Write for example [8, 16, 32]"
        raise ModelError(message(_OWNER, f"strides in {path}", "a list of whole numbers", strides, remedy))
    words = {"layout": _LAYOUTS, "colour": _COLOURS, "place": _PLACES}
    chosen = {key: values.get(key, choices[0]) for key, choices in words.items()}
    for key, choices in words.items():
        if chosen[key] not in choices:
            expected = f"one of {', '.join(choices)}"
            raise ModelError(message(_OWNER, f"{key} in {path}", expected, shorten(chosen[key]), "Write one of them"))
    scale, pad = values.get("scale", 1), values.get("pad", 114)
    if isinstance(scale, bool) or not isinstance(scale, int | float) or not 0 < scale < 1e6:
        raise ModelError(message(_OWNER, f"scale in {path}", "a number above 0", scale, "Write 1 or 255"))
    if not _whole(pad, 0) or pad > 255:
        raise ModelError(message(_OWNER, f"pad in {path}", "a grey from 0 to 255", pad, "Write for example 114"))
    return _Card(tuple(names), size, strides=tuple(strides), scale=float(scale), pad=pad, **chosen)


def _whole(value: object, low: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= low
