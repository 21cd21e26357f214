"""The detector that needs nothing but the recogniser: the class of every place, made into boxes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from unseen.detection.base import BoundDetector, Detector, Proposals
from unseen.detection.crops import Crop, cut
from unseen.detection.evidence import Evidence
from unseen.detection.nms import nms
from unseen.detection.proposals import component_boxes, excess
from unseen.encoders.dense import dense_features
from unseen.inputs.sources import Item
from unseen.validation import check_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from unseen.detection.base import Picture
    from unseen.recognizer import Recognizer
    from unseen.vocabulary import Vocabulary

__all__ = ["DefaultDetector"]

Array = np.ndarray[Any, Any]

#: The shorter side of the picture at each scale, in sides of what the encoder reads; windows cost far more.
_SCALES, _WINDOW_SCALES = (1.0, 1.5, 2.0), (2.0,)
#: Rows and columns of the maps along the picture's shorter side.
_GRID = 48
#: Classes whose maps are made into boxes, and how wide and high a box must be at least, in pixels.
_CLASSES, _LEAST = 8, 8.0
#: Boxes that overlap further are one and the same candidate; of each class's boxes, these stay side by side.
_SAME, _APART = 0.85, 0.5
#: Scores below this are none.
_FLOOR = 1e-4


class DefaultDetector(Detector):
    r"""Make boxes of the recogniser's own evidence, offline and without a trained detector.

    .. math:: E_c(u) = \lVert x_u\rVert\,\max\bigl(0, g_c(x_u)\bigr), \qquad
       \text{score}_c(b) = P(c \mid \text{picture})^{w}\, P(c \mid b)^{1-w}
       \Bigl(\frac{\sum_{u \in b} E_c(u)}{\sum_u E_c(u)} - \alpha \frac{|b|}{|\text{picture}|}\Bigr)_{+}

    with :math:`x_u` the vector of place u, :math:`g_c` how far class c's score lies above the others', and P the
    recogniser's calibrated probability, of the whole picture and of the box cut out of it.

    Parameters
    ----------
    crops : int, default 48
        Candidates of each picture that are cut out and encoded, at least 1; the time of a picture grows with it.
    whole : float, default 0.7
        w, in [0, 1]: how much the whole picture counts beside the box. More for pictures of one thing.
    alpha : float, default 0.7
        What a box pays for its size, in [0, 1]; less for boxes that take in more around the thing.

    Raises
    ------
    InputError
        When a number is out of range.

    Notes
    -----
    A picture costs three runs of the network on the whole of it, the largest with four times the pixels of a photo
    that is classified, and one on each crop. An encoder without a map looks through windows instead. Candidates are
    the connected parts of each class's map, and of the vectors' lengths, cut at seven levels.

    A class that fills the picture evenly gets no good box, and things of one class that touch become one.

    References
    ----------
    Zhou, Khosla, Lapedriza, Oliva and Torralba, "Learning Deep Features for Discriminative Localization", CVPR 2016.
    Lampert, Blaschko and Hofmann, "Beyond Sliding Windows: Object Localization by Efficient Subwindow Search",
    CVPR 2008.
    """

    description: ClassVar[str] = "embedded, offline: the recogniser's evidence at every place, made into boxes"

    def __init__(self, *, crops: int = 48, whole: float = 0.7, alpha: float = 0.7) -> None:
        self.crops = int(check_number("DefaultDetector", "crops", crops, low=1, high=10_000, integer=True))
        self.whole = check_number("DefaultDetector", "whole", whole, low=0, high=1)
        self.alpha = check_number("DefaultDetector", "alpha", alpha, low=0, high=1)
        self.spec = "default"

    def bind(
        self, recognizer: Recognizer, vocabulary: Vocabulary, *, background: Sequence[str] | None = None
    ) -> BoundDetector:
        """Return what looks for the classes of a vocabulary."""
        return _Bound(self, recognizer, Evidence(recognizer, vocabulary, background=background))


class _Bound(BoundDetector):
    def __init__(self, options: DefaultDetector, recognizer: Recognizer, evidence: Evidence) -> None:
        self._options, self._encoder, self._evidence = options, recognizer.encoder, evidence

    def propose(self, pictures: Sequence[Picture]) -> list[Proposals]:
        return [self._propose(picture) for picture in pictures]

    def _propose(self, picture: Picture) -> Proposals:
        n_classes = len(self._evidence.names)
        if min(picture.size) < _LEAST:
            return Proposals([], [], probabilities=np.zeros((0, n_classes)))
        maps, strength = self._maps(picture)
        whole = self._evidence.probabilities(self._encode(picture, []))[0]
        peaks = np.array([maps_.max(axis=(0, 1)) for maps_ in maps]).max(axis=0)
        classes = self._candidates(whole, peaks)
        mean = np.mean([m / np.maximum(m.max(axis=(0, 1)), 1e-12) for m in maps], axis=0)
        boxes = self._boxes(picture.size, classes, maps[-1], mean, strength)
        if not len(boxes):
            return Proposals([], [], probabilities=np.zeros((0, n_classes)))
        taken = np.zeros((len(boxes), n_classes))
        for c in classes:
            taken[:, c] = excess(mean[:, :, c], boxes, picture.size, alpha=self._options.alpha)
        rows = self._promising(taken, whole)
        boxes, taken = boxes[rows], taken[rows]
        inside = self._evidence.probabilities(self._encode(picture, boxes)[1:])
        w = self._options.whole
        scores = whole[None] ** w * inside ** (1 - w) * taken
        return self._answer(boxes, scores)

    def _maps(self, picture: Picture) -> tuple[list[Array], Array]:
        """Return each scale's evidence (h, w, C), the finest last, and how strong vectors are (h, w), over scales."""
        scales = _SCALES if self._encoder.has_map else _WINDOW_SCALES
        shape = _grid(picture.size)
        maps, strength = [], np.zeros(shape)
        for scale in scales:
            dense = dense_features(self._encoder, picture.pixels, side=min(scale * self._encoder.image_size, 4096))
            rows = dense.vectors.reshape(-1, dense.vectors.shape[2])
            lengths = np.linalg.norm(rows, axis=1)
            evidence = np.maximum(self._evidence.contrast(rows), 0) * lengths[:, None]
            maps.append(dense.spread(evidence.reshape(*dense.shape, -1), shape))
            strong = dense.spread(lengths.reshape(dense.shape), shape)
            strength += strong / max(float(strong.max()), 1e-12)
        return maps, strength

    def _candidates(self, whole: Array, peaks: Array) -> list[int]:
        """Return the classes that the picture as a whole, or some place of it, speaks for most."""
        ranks = np.argsort(np.argsort(-whole, kind="stable")), np.argsort(np.argsort(-peaks, kind="stable"))
        best = np.argsort(np.minimum(*ranks), kind="stable")[:_CLASSES]
        return [int(c) for c in best if peaks[c] > 0]

    def _boxes(
        self, size: tuple[int, int], classes: list[int], finest: Array, mean: Array, strength: Array
    ) -> npt.NDArray[np.float32]:
        found = [np.array([[0, 0, *size]], np.float32)]
        for source in (finest, mean):
            found += [component_boxes(source[:, :, c], size) for c in classes]
        found.append(component_boxes(strength, size))
        boxes = np.concatenate(found)
        boxes = boxes[(boxes[:, 2:] - boxes[:, :2]).min(axis=1) >= _LEAST]
        rows = nms(boxes, np.arange(len(boxes), 0, -1, dtype=np.float64), iou=_SAME)
        apart: npt.NDArray[np.float32] = boxes[rows]
        return apart

    def _promising(self, taken: Array, whole: Array) -> npt.NDArray[np.intp]:
        """Return the boxes that are worth a look of their own."""
        guess = (np.sqrt(whole)[None] * taken).max(axis=1)
        rows: npt.NDArray[np.intp] = np.sort(np.argsort(-guess, kind="stable")[: self._options.crops])
        return rows

    def _encode(self, picture: Picture, boxes: Any) -> npt.NDArray[np.float32]:
        """Return vectors of the whole picture, and of each box of it; NaN where one cannot be used."""
        prepare = self._encoder.prepare_image

        def made(content: Any) -> npt.NDArray[np.uint8]:
            return prepare(cut(content) if isinstance(content, Crop) else content)

        contents: list[Any] = [picture.pixels, *(Crop(picture.pixels, box) for box in boxes)]
        out = np.full((len(contents), self._encoder.image_dim or 0), np.nan, np.float32)
        done = 0
        for batch in self._encoder.stream_images([Item("", content) for content in contents], prepare=made):
            rows = [done + i for i, error in enumerate(batch.errors) if error is None]
            if rows:
                out[rows] = batch.vectors
            done += len(batch.items)
        return out

    def _answer(self, boxes: npt.NDArray[np.float32], scores: Array) -> Proposals:
        """Return each class's boxes that do not overlap too far; a box is given for a class it is the best place of."""
        kept = np.zeros_like(scores)
        for c in np.flatnonzero(scores.max(axis=0) > _FLOOR):
            rows = np.flatnonzero(scores[:, c] > _FLOOR)
            rows = rows[nms(boxes[rows], scores[rows, c], iou=_APART)]
            kept[rows, c] = scores[rows, c]
        some = kept.max(axis=1) > 0
        # A box of several classes is given once for each: what comes after keeps one class for a box.
        pairs = np.argwhere(kept[some] > 0)
        probabilities = np.zeros((len(pairs), scores.shape[1]))
        rows = np.flatnonzero(some)[pairs[:, 0]]
        probabilities[np.arange(len(pairs)), pairs[:, 1]] = kept[rows, pairs[:, 1]]
        return Proposals(boxes[rows], probabilities.max(axis=1, initial=0), probabilities=probabilities)


def _grid(size: tuple[int, int]) -> tuple[int, int]:
    """Return rows and columns of a picture's maps."""
    zoom = _GRID / min(size)
    longest = 8 * _GRID
    return min(max(1, round(size[1] * zoom)), longest), min(max(1, round(size[0] * zoom)), longest)
