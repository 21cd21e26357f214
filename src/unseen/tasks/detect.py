"""Detection: what is where in each image, as they come, in bounded memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.detection.base import BoundDetector, Detector, Picture
from unseen.detection.boxes import clip_boxes, usable_boxes
from unseen.detection.crops import CONTEXT, Crop
from unseen.detection.detections import Detections
from unseen.detection.judge import LABEL_WEIGHT, BoxJudge, Judged
from unseen.detection.loading import bind_detector
from unseen.detection.nms import nms as suppress
from unseen.detection.tiles import TiledDetector, check_tiles
from unseen.encoders.base import available_cores
from unseen.encoders.prompts import check_vocabulary
from unseen.errors import InputError, ItemError
from unseen.inputs.images import open_image
from unseen.inputs.sources import iter_images
from unseen.tasks.checks import no_class
from unseen.validation import check_number, check_switch, message

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Sequence

    import numpy.typing as npt

    from unseen.detection.base import Proposals
    from unseen.inputs.sources import Item
    from unseen.recognizer import Recognizer
    from unseen.vocabulary import Vocabulary

__all__ = ["THRESHOLD", "BoxFinder", "Found", "detect_images"]

Array = np.ndarray[Any, Any]

#: Boxes less sure than this are not given, where nobody says otherwise.
THRESHOLD = 0.3
#: Pictures that are looked at together, so that their crops fill the encoder's batches, and their pixels at most.
_PICTURES, _PIXELS = 16, 64_000_000
#: Likeliest classes given of each box.
_RANKS = 5


@dataclass(frozen=True, eq=False)
class Found:
    """What was found in one image, with its pixels.

    Attributes
    ----------
    detections : Detections
        The boxes.
    pixels : uint8 array of shape (h, w, 3) or None
        The upright image in RGB; None where it could not be used.
    """

    detections: Detections
    pixels: npt.NDArray[np.uint8] | None


class BoxFinder:
    """Finds and names boxes; holds what is the same for every image.

    Parameters
    ----------
    recognizer : Recognizer
        What recognises.
    vocabulary : Vocabulary
        The classes.
    detector, threshold, nms, agnostic, tiles, background, label_weight, max_boxes, unknown_below, context, ensemble
        As in :func:`detect_images`.

    Attributes
    ----------
    settings : dict
        What goes with every result.
    """

    def __init__(
        self,
        recognizer: Recognizer,
        vocabulary: Vocabulary,
        *,
        detector: str | Detector | BoundDetector = "default",
        threshold: float | Mapping[str, float] = THRESHOLD,
        nms: float = 0.5,
        agnostic: bool = False,
        tiles: int | str | None = None,
        background: Sequence[str] | None = None,
        label_weight: float = LABEL_WEIGHT,
        max_boxes: int = 100,
        unknown_below: float | None = None,
        context: float = CONTEXT,
        ensemble: str = "embeddings",
    ) -> None:
        self.names = check_vocabulary(vocabulary).names
        self._thresholds = _thresholds(threshold, self.names)
        self._nms = check_number("detect", "nms", nms, low=0, high=1)
        self._agnostic = check_switch("detect", "agnostic", agnostic)
        self._most = int(check_number("detect", "max_boxes", max_boxes, low=1, integer=True))
        if unknown_below is not None:
            unknown_below = check_number("detect", "unknown_below", unknown_below, low=0, high=1)
        self._unknown_below = unknown_below
        self._judge = BoxJudge(
            recognizer,
            vocabulary,
            background=background,
            label_weight=label_weight,
            context=context,
            ensemble=ensemble,
        )
        shape = check_tiles(tiles)
        self.detector, name = bind_detector("detect", detector, recognizer, vocabulary, background)
        if shape is not None:
            self.detector = TiledDetector(self.detector, shape)
        self.settings = self._judge.settings | {
            "detector": name,
            "threshold": "own" if isinstance(threshold, Mapping) else float(threshold),
            "nms": self._nms,
            "agnostic": self._agnostic,
            "tiles": None if shape is None else str(tiles),
            "label_weight": self._judge.label_weight,
            "max_boxes": self._most,
            "unknown_below": unknown_below,
        }

    def find(self, pictures: Sequence[Picture]) -> list[Detections]:
        """Return the boxes of each picture, in order; one call of the encoder for all of them."""
        step = max(1, self.detector.at_once)
        proposals = [p for i in range(0, len(pictures), step) for p in self.detector.propose(pictures[i : i + step])]
        if len(proposals) != len(pictures):
            got = len(proposals)
            raise InputError(
                message("detect", "detector.propose", f"a list of {len(pictures)}", got, "Return one for each picture")
            )
        for p in proposals:
            p.check_classes("detect", len(self.names))
        chosen = [_choose(p, picture.size, self._most) for p, picture in zip(proposals, pictures, strict=True)]
        crops = [
            Crop(picture.pixels, box)
            for picture, own in zip(pictures, chosen, strict=True)
            if own.probabilities is None
            for box in own.boxes
        ]
        vectors = self._judge.encode(crops)
        out, start = [], 0
        for picture, p, own in zip(pictures, proposals, chosen, strict=True):
            if p.error is not None:
                out.append(self._failed(picture.item, picture.size, p.error))
                continue
            if own.probabilities is None:
                stop = start + len(own.boxes)
                judged = self._judge.judge(vectors[start:stop], own.labels)
                start = stop
                scores = own.scores * judged.known * judged.probabilities.max(axis=1, initial=0)
            else:
                judged, scores = _from_probabilities(own.probabilities)
            out.append(self._answer(picture, own, judged, scores))
        return out

    def _answer(self, picture: Picture, own: _Chosen, judged: Judged, scores: Array) -> Detections:
        """Return the boxes that are sure enough, each thing once."""
        n = len(own.boxes)
        best = judged.probabilities.argmax(axis=1) if n else np.zeros(0, np.intp)
        unknown = np.zeros(n, np.bool_)
        if self._unknown_below is not None:
            unknown = judged.known < self._unknown_below
        scores = np.where(unknown, own.scores, scores)
        least = self._thresholds if self._thresholds.ndim == 0 else self._thresholds[best]
        if self._thresholds.ndim:
            least = np.where(unknown, self._thresholds.min(), least)
        rows = np.flatnonzero(scores.astype(np.float32) >= least)
        kinds = np.where(unknown, -1, best)[rows]
        kept = suppress(own.boxes[rows], scores[rows], iou=self._nms, classes=None if self._agnostic else kinds)
        rows = rows[kept]
        top = np.argsort(-judged.probabilities[rows], axis=1, kind="stable")[:, :_RANKS]
        settings = self.settings | {"dropped": own.dropped} if own.dropped else self.settings
        return Detections(
            picture.item,
            picture.size,
            self.names,
            own.boxes[rows],
            np.clip(scores[rows], 0, 1),
            top,
            np.take_along_axis(judged.probabilities[rows], top, axis=1),
            unknown[rows],
            labels=None if own.labels is None else [own.labels[row] for row in rows],
            settings=settings,
        )

    def _failed(self, item: str, size: tuple[int, int], reason: str) -> Detections:
        return Detections(item, size, self.names, [], [], [], [], [], error=reason, settings=self.settings)

    def stream(self, items: Iterable[Item], *, pictures_at_once: int = _PICTURES) -> Generator[Found]:
        """Yield what is found in each item, in order; memory holds a few pictures whatever the number of items."""
        waiting: list[tuple[Item, Picture | str]] = []
        pixels = 0
        with closing(_opened(items)) as opened:
            for item, picture in opened:
                waiting.append((item, picture))
                pixels += 0 if isinstance(picture, str) else picture.pixels.shape[0] * picture.pixels.shape[1]
                if len(waiting) >= pictures_at_once or pixels >= _PIXELS:
                    yield from self._told(waiting)
                    waiting, pixels = [], 0
        yield from self._told(waiting)

    def _told(self, waiting: list[tuple[Item, Picture | str]]) -> Iterator[Found]:
        found = iter(self.find([picture for _, picture in waiting if isinstance(picture, Picture)]))
        for item, picture in waiting:
            if isinstance(picture, str):
                yield Found(self._failed(item.name, (0, 0), picture), None)
            else:
                yield Found(next(found), picture.pixels)

    def close(self) -> None:
        """Let go of what the detector holds."""
        self.detector.close()


def detect_images(
    recognizer: Recognizer,
    images: Any,
    vocabulary: Vocabulary,
    *,
    strict: bool = False,
    **options: Any,
) -> Iterator[Detections]:
    r"""Yield what is where in each image, as they are read.

    .. math:: \text{score} = P(\text{object}) \cdot P(\text{any of the classes} \mid \text{box}) \cdot
       P(\text{class} \mid \text{box}, \text{any})

    A class that is not there is meant to have no box that reaches the threshold.

    Parameters
    ----------
    recognizer : Recognizer
        What recognises.
    images : path, folder, PIL image, array, bytes, or an iterable or generator of those
        What to look at; folders are searched in depth.
    vocabulary : Vocabulary
        The classes.
    strict : bool, default False
        Raise at the first image that cannot be used, in place of reporting it and going on.
    detector : str, Detector or BoundDetector, default "default"
        What finds boxes; see :func:`~unseen.detection.loading.load_detector` for the names.
    threshold : float or mapping of class name to float, default 0.3
        From which score on a box is given, in [0, 1]; classes that a mapping does not name have the default.
    nms : float, default 0.5
        Of boxes of one class that overlap by more than this, the surest stays, in [0, 1]; 1 keeps all.
    agnostic : bool, default False
        Whether boxes of different classes, too, take away one another.
    tiles : int, str or None, default None
        Look at overlapping parts as well: N for N by N tiles, ``"640x640"`` for tiles of so many pixels.
    background : sequence of str or None, default None
        What boxes may show besides the classes; see :meth:`unseen.Recognizer.classify`.
    label_weight : float, default 0.7
        How much the detector's own word for a box counts beside the picture, in [0, 1].
    max_boxes : int, default 100
        Boxes per image that are looked at: those the detector is surest of.
    unknown_below : float or None, default None
        Call a box unknown when the probability that it holds any of the classes is below this, in [0, 1]; its score
        is then the detector's own. None: no box is called unknown.
    context : float, default 0.1
        Share of a box's longer side that the recogniser sees around it.
    ensemble : {"embeddings", "scores"}, default "embeddings"
        As in :meth:`unseen.Recognizer.classify`.

    Yields
    ------
    Detections
        One per image, in order; an image that cannot be used comes with its error.

    Raises
    ------
    InputError
        When an argument is out of range or a path does not exist.
    ItemError
        With `strict`, when an image cannot be used.

    Notes
    -----
    Boxes that are not finite, or less than a pixel wide or high, are left out; ``settings["dropped"]`` counts them.
    One run of the encoder per box where the detector does not know the vocabulary itself.
    """
    check_switch("detect", "strict", strict)
    finder = BoxFinder(recognizer, vocabulary, **options)
    return _plain(finder, iter_images(images), strict)


def _plain(finder: BoxFinder, items: Iterator[Item], strict: bool) -> Iterator[Detections]:
    with closing(finder), closing(finder.stream(items)) as stream:
        for found in stream:
            refuse_error(found.detections, strict)
            yield found.detections


def refuse_error(detections: Detections, strict: bool) -> None:
    """Raise where an image could not be used and that is not to be borne.

    Raises
    ------
    ItemError
        With the image and the reason.
    """
    if strict and detections.error is not None:
        raise ItemError(f"detect: {detections.item}: {detections.error}. Leave it out, or run without strict.")


@dataclass(frozen=True, eq=False)
class _Chosen:
    """The proposals of one picture that are looked at."""

    boxes: npt.NDArray[np.float32]
    scores: Array
    labels: list[str | None] | None
    probabilities: Array | None
    dropped: int


def _choose(proposals: Proposals, size: tuple[int, int], most: int) -> _Chosen:
    fine = usable_boxes(proposals.boxes, size) & np.isfinite(proposals.scores)
    if proposals.error is not None:  # with boxes or without
        fine[:] = False
    if proposals.probabilities is not None:
        fine &= np.isfinite(proposals.probabilities).all(axis=1)
    rows = np.flatnonzero(fine)
    if len(rows) > most:
        rows = np.sort(rows[np.argsort(-proposals.scores[rows], kind="stable")[:most]])
    return _Chosen(
        clip_boxes(proposals.boxes[rows], size),
        np.clip(proposals.scores[rows].astype(np.float64), 0, 1),
        None if proposals.labels is None else [proposals.labels[row] for row in rows],
        None if proposals.probabilities is None else proposals.probabilities[rows].astype(np.float64),
        int((~fine).sum()),
    )


def _from_probabilities(given: Array) -> tuple[Judged, Array]:
    """Return what boxes are, and their scores, of a detector that judges each class alone."""
    given = np.clip(given, 0, 1)
    best = given.max(axis=1, initial=0)
    total = given.sum(axis=1, keepdims=True)
    shares = np.divide(given, total, out=np.full_like(given, 1 / max(given.shape[1], 1)), where=total > 0)
    return Judged(shares.astype(np.float32), best.astype(np.float32)), best


def _thresholds(threshold: Any, names: Sequence[str]) -> npt.NDArray[np.float32]:
    """Return the threshold of every class, of shape () or (C,)."""
    if not isinstance(threshold, Mapping):
        return np.asarray(check_number("detect", "threshold", threshold, low=0, high=1), np.float32)
    values = np.full(len(names), THRESHOLD, np.float32)
    positions = {name: i for i, name in enumerate(names)}
    for name, value in threshold.items():
        if name not in positions:
            raise no_class("detect", "threshold", "given for classes of the vocabulary", name, names)
        values[positions[name]] = check_number("detect", f"threshold of {name!r}", value, low=0, high=1)
    return values


def _opened(items: Iterable[Item]) -> Generator[tuple[Item, Picture | str]]:
    """Yield each item with its picture, or with why there is none; a few are decoded ahead."""
    cores = available_cores()
    waiting: deque[tuple[Item, Future[Picture | str]]] = deque()
    pool = ThreadPoolExecutor(cores, thread_name_prefix="unseen-open")
    try:
        for item in items:
            waiting.append((item, pool.submit(_open, item)))
            if len(waiting) > cores or waiting[0][1].done():  # a slow source must not hold back what is ready
                first, future = waiting.popleft()
                yield first, future.result()
        while waiting:
            first, future = waiting.popleft()
            yield first, future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _open(item: Item) -> Picture | str:
    if item.error is not None:
        return item.error
    try:
        return Picture(item.name, np.asarray(open_image(item.content)))  # type: ignore[arg-type]  # without an error
    except ItemError as error:
        return str(error)
    except MemoryError:
        return "too large: not enough memory to open it"
