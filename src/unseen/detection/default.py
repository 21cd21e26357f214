"""The detector that needs nothing but the recogniser: the class of every place, made into boxes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from unseen.detection.base import BoundDetector, Detector, Proposals
from unseen.detection.boxes import covered_matrix
from unseen.detection.crops import Crop, cut
from unseen.detection.evidence import Evidence
from unseen.detection.nms import nms
from unseen.detection.proposals import BoxFit, component_boxes
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
#: How much the map of each scale counts: the finest tells best where a thing ends.
_WEIGHTS, _WINDOW_WEIGHTS = (1.0, 1.0, 2.0), (1.0,)
#: Rows and columns of the maps along the picture's shorter side.
_GRID = 48
#: Classes whose maps are made into boxes, and how wide and high a box must be at least, in pixels.
_CLASSES, _LEAST = 8, 8.0
#: Boxes that overlap further are one and the same candidate; of each class's boxes, these stay side by side.
_SAME, _APART = 0.85, 0.5
#: Boxes of a class whose edges are moved, the best first.
_SETTLED = 20
#: Scores below this are none.
_FLOOR = 1e-4


class DefaultDetector(Detector):
    r"""Make boxes of the recogniser's own evidence, offline and without a trained detector.

    .. math:: E_c(u) = \lVert x_u\rVert\, h_c(x_u), \qquad
       \text{score}_c(b) = P(c \mid \text{picture})^{w}\, P(c \mid b)^{1-w}\, \text{fit}_{E_c}(b)\,
       \bigl(1 - \text{nested}(b)\bigr)

    with :math:`x_u` the vector of place u, :math:`h_c` how related what it looks like is to class c (see
    :class:`~unseen.detection.evidence.Evidence`), and P the recogniser's calibrated probability, of the whole picture
    and of the box cut out of it. The fit (:class:`~unseen.detection.proposals.BoxFit`) is high where a box takes in
    much of the evidence for its size and stands out from the ring around it. A box that lies within a surer one of its
    class, or around one, in part or in whole, loses as much of its score: it is the same thing again.

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
    the connected parts of each class's map, and of the vectors' lengths, cut at seven levels; the best ones' edges are
    then moved to where they fit better. Numbers were chosen on forty photos and two short videos.

    A class that fills the picture evenly gets no good box, and things of one class that touch become one.

    References
    ----------
    Zhou, Khosla, Lapedriza, Oliva and Torralba, "Learning Deep Features for Discriminative Localization", CVPR 2016.
    Norouzi et al., "Zero-Shot Learning by Convex Combination of Semantic Embeddings", ICLR 2014.
    Lampert, Blaschko and Hofmann, "Beyond Sliding Windows: Object Localization by Efficient Subwindow Search",
    CVPR 2008.
    Bodla, Singh, Chellappa and Davis, "Soft-NMS: Improving Object Detection With One Line of Code", ICCV 2017.
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
        weights = _WEIGHTS if self._encoder.has_map else _WINDOW_WEIGHTS
        mean = np.average([m / np.maximum(m.max(axis=(0, 1)), 1e-12) for m in maps], axis=0, weights=weights)
        boxes = self._boxes(picture.size, classes, maps[-1], mean, strength)
        if not len(boxes):
            return Proposals([], [], probabilities=np.zeros((0, n_classes)))
        fits = {c: BoxFit(mean[:, :, c], picture.size, alpha=self._options.alpha) for c in classes}
        taken = np.zeros((len(boxes), n_classes))
        for c, fit in fits.items():
            taken[:, c] = fit.score(boxes)
        boxes = boxes[self._promising(taken, whole)]
        inside = self._evidence.probabilities(self._encode(picture, boxes)[1:])
        w = self._options.whole
        likely = whole[None] ** w * inside ** (1 - w)
        found = [(c, *_best(boxes, likely[:, c], fit)) for c, fit in fits.items()]
        return _proposals(found, n_classes)

    def _maps(self, picture: Picture) -> tuple[list[Array], Array]:
        """Return each scale's evidence (h, w, C), the finest last, and how strong vectors are (h, w), over scales."""
        scales = _SCALES if self._encoder.has_map else _WINDOW_SCALES
        shape = _grid(picture.size)
        maps, strength = [], np.zeros(shape)
        for scale in scales:
            dense = dense_features(self._encoder, picture.pixels, side=min(scale * self._encoder.image_size, 4096))
            rows = dense.vectors.reshape(-1, dense.vectors.shape[2])
            lengths = np.linalg.norm(rows, axis=1)
            evidence = self._evidence.places(rows)
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


def _best(boxes: npt.NDArray[np.float32], likely: Array, fit: BoxFit) -> tuple[npt.NDArray[np.float32], Array]:
    """Return the boxes (n, 4) of one class, their edges where they fit best, and their scores (n,), surest first."""
    scores = likely * fit.score(boxes)
    rows = np.flatnonzero(scores > _FLOOR)
    rows = rows[nms(boxes[rows], scores[rows], iou=_APART)][:_SETTLED]
    settled = fit.settle(boxes[rows], least=_LEAST)
    scores = likely[rows] * fit.score(settled)
    kept = nms(settled, scores, iou=_APART)
    settled, scores = settled[kept], scores[kept]
    # What lies within a surer box, or around one, is the same thing seen in part or with more around it.
    covered = covered_matrix(settled, settled)
    nested = np.tril(np.maximum(covered, covered.T), -1).max(axis=1, initial=0)
    scores = scores * (1 - nested)
    rows = np.flatnonzero(scores > _FLOOR)
    return settled[rows], scores[rows]


def _proposals(found: list[tuple[int, npt.NDArray[np.float32], Array]], n_classes: int) -> Proposals:
    """Return the boxes of all classes; one that is given for several of them is given once for each."""
    boxes = np.concatenate([np.zeros((0, 4), np.float32), *(part for _, part, _ in found)])
    scores = np.concatenate([np.zeros(0), *(part for _, _, part in found)])
    kinds = np.repeat([c for c, _, _ in found], [len(part) for _, _, part in found]).astype(np.intp)
    probabilities = np.zeros((len(boxes), n_classes))
    probabilities[np.arange(len(boxes)), kinds] = scores
    return Proposals(boxes, scores, probabilities=probabilities)


def _grid(size: tuple[int, int]) -> tuple[int, int]:
    """Return rows and columns of a picture's maps."""
    zoom = _GRID / min(size)
    longest = 8 * _GRID
    return min(max(1, round(size[1] * zoom)), longest), min(max(1, round(size[0] * zoom)), longest)
