"""The default segmenter: the recogniser asked about every place of a picture, at several scales."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit, softmax

from unseen.decision.background import background_of
from unseen.detection.evidence import relations
from unseen.encoders.dense import dense_features
from unseen.encoders.prompts import background_vectors, check_vocabulary
from unseen.prototypes import Prototypes
from unseen.segmentation.base import BoundSegmenter, Segmenter

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from unseen.detection.base import Picture
    from unseen.recognizer import Recognizer
    from unseen.vocabulary import Vocabulary

__all__ = ["DefaultSegmenter"]

Array = np.ndarray[Any, Any]

#: Shorter sides that a picture is looked at, in units of what the encoder reads; encoders without a map cost more.
_SCALES, _WINDOW_SCALES = (1.0, 1.5, 2.0), (2.0,)
#: How much evidence at each of these counts: the finest tells best where an object ends.
_WEIGHTS, _WINDOW_WEIGHTS = (1.0, 1.0, 2.0), (1.0,)
#: How steeply shares go from nothing to something between the means of the two.
_STEEP = 4.0
#: Where between those means the border lies: what surrounds an object is seen in part at coarse places, so not midway.
_BORDER = 0.65


class DefaultSegmenter(Segmenter):
    r"""Ask the recogniser about every place.

    Where the method has learned from classes s of its own (the default model), how much is at a place is told by how
    strong its vector x is, and by how related what it looks like is to the class c that is asked for:
    :math:`e_c = \lVert x \rVert \sum_s p_s r_{cs}`, r being the relation of names in standard deviations above the
    mean. The picture is then parted into what has much of it and what has little (Otsu). Elsewhere (CLIP and its kin)
    classes compete with the background's words at each place.

    Notes
    -----
    One run of the network for each of three sizes of the picture.

    References
    ----------
    Norouzi et al., "Zero-Shot Learning by Convex Combination of Semantic Embeddings", ICLR 2014.
    Otsu, "A Threshold Selection Method from Gray-Level Histograms", IEEE Trans. SMC, 1979.
    Zhou, Loy and Dai, "Extract Free Dense Labels from CLIP", ECCV 2022.
    """

    description = "The recogniser, asked about every place of the picture"

    def __init__(self) -> None:
        self.spec = "default"

    def bind(
        self, recognizer: Recognizer, vocabulary: Vocabulary, *, background: Sequence[str] | None = None
    ) -> BoundSegmenter:
        """Return what looks for the classes of a vocabulary; see :class:`~unseen.segmentation.base.Segmenter`."""
        return _Bound(recognizer, vocabulary, background)


class _Bound(BoundSegmenter):
    def __init__(self, recognizer: Recognizer, vocabulary: Vocabulary, background: Sequence[str] | None) -> None:
        self._encoder = recognizer.encoder
        head = recognizer.head("image")
        self._decision = head.decision
        names = check_vocabulary(vocabulary).names
        written = recognizer.background if background is None else background
        words = background_of(head.decision, "image", names, written)
        self._classes = recognizer.prototypes(vocabulary)
        side = background_vectors(self._encoder, words, vocabulary.templates)
        self._others = Prototypes([f"background {i}" for i in range(len(side))], side) if len(side) else None
        self._seen = getattr(head.method, "seen_prototypes_", None) if head.decision.reference else None
        self._score = {
            kind: head.method.scorer(prototypes)
            for kind, prototypes in (("classes", self._classes), ("others", self._others), ("seen", self._seen))
            if prototypes is not None
        }
        self._everything = written is not None and not len(written)
        if self._seen is not None:
            self._relations = relations(self._classes.vectors, self._seen.vectors)

    def propose(self, picture: Picture) -> npt.NDArray[np.float32]:
        height, width = picture.pixels.shape[:2]
        scales = _SCALES if self._encoder.has_map else _WINDOW_SCALES
        sides = [min(max(scale * self._encoder.image_size, 16), 2048) for scale in scales]
        maps = [dense_features(self._encoder, picture.pixels, side=side) for side in sides]
        shape = max((found.shape for found in maps), key=lambda one: one[0] * one[1])
        shape = (min(2 * shape[0], height), min(2 * shape[1], width))
        logits: Array = np.zeros((*shape, self._classes.n_classes), np.float32)
        others: Array = np.zeros(shape, np.float32)
        evidence: Array = np.zeros(shape, np.float32)
        weights = _WEIGHTS if self._encoder.has_map else _WINDOW_WEIGHTS
        for found, weight in zip(maps, weights, strict=True):
            vectors = found.vectors.reshape(-1, found.vectors.shape[-1])
            scores = self._score["classes"](vectors) / self._decision.temperature
            logits += found.spread(scores.reshape(*found.shape, -1), shape) / len(maps)
            if self._others is not None:
                beside = self._score["others"](vectors) / self._decision.temperature
                beside = np.logaddexp.reduce(beside, axis=1)
                others += found.spread(beside.reshape(found.shape), shape) / len(maps)
            if self._seen is not None and not self._everything:
                of_seen = self._score["seen"](vectors)
                shares = softmax(of_seen / self._decision.temperature, axis=1)
                related = (shares @ self._relations.T).max(axis=1) * np.linalg.norm(vectors, axis=1)
                related /= max(float(related.std()), 1e-9)
                evidence += weight * found.spread(related.reshape(found.shape), shape)
        classes = np.moveaxis(logits, 2, 0)
        if self._everything:
            return _stacked(softmax(classes, axis=0), np.ones(shape))
        if self._seen is None:
            if self._others is None and self._decision.activation == "sigmoid":
                alone = expit(classes + self._decision.bias)
                return _stacked(softmax(classes, axis=0), alone.max(axis=0))
            log_sum = np.logaddexp.reduce(classes, axis=0)
            there = expit(log_sum - others) if self._others is not None else np.ones(shape)
            return _stacked(softmax(classes, axis=0), there)
        there = _parted(evidence)
        if self._others is not None:
            there = there * expit(np.logaddexp.reduce(classes, axis=0) - others)
        return _stacked(softmax(classes, axis=0), there)

    def presence(self, picture: Picture, shares: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return how likely each class is there at all: what the recogniser says of the part of the picture it has."""
        height, width = picture.pixels.shape[:2]
        n, rows, columns = shares.shape
        out: npt.NDArray[np.float32] = np.zeros(n - 1, np.float32)
        best = shares.argmax(axis=0)
        found, crops = [], []
        for i in range(n - 1):
            ys, xs = np.nonzero(best == i)
            if not len(ys):
                continue
            low_y, high_y = _around(ys, rows, height)
            low_x, high_x = _around(xs, columns, width)
            found.append(i)
            crops.append(np.ascontiguousarray(picture.pixels[low_y:high_y, low_x:high_x]))
        if not crops:
            return out
        vectors = self._encoder.encode_images(crops)
        scores = self._score["classes"](vectors)
        beside = None
        if self._others is not None:
            beside = np.logaddexp.reduce(self._score["others"](vectors) / self._decision.temperature, axis=1)
        seen = self._score["seen"](vectors).max(axis=1) if self._seen is not None else None
        odds = self._decision.presence_odds(scores, seen, beside)
        out[found] = expit(odds[np.arange(len(found)), found])
        return out


def _around(places: Array, cells: int, length: int) -> tuple[int, int]:
    """Return where in pixels a range of cells begins and ends, with a tenth more on either side."""
    low, high = int(places.min()) / cells, (int(places.max()) + 1) / cells
    margin = 0.1 * (high - low)
    return max(0, int((low - margin) * length)), min(length, max(1, int(np.ceil((high + margin) * length))))


def _parted(evidence: Array) -> Array:
    """Return how likely each place is among those with much evidence; 0.5 at a border between the groups' means."""
    flat = np.sort(evidence.ravel().astype(np.float64))
    if flat[-1] - flat[0] < 1e-9:
        return np.zeros(evidence.shape)
    n = np.arange(1, len(flat))
    total = np.cumsum(flat)
    low, high = total[:-1] / n, (total[-1] - total[:-1]) / (len(flat) - n)
    cut = int((n * (len(flat) - n) * (high - low) ** 2).argmax())
    border = low[cut] + _BORDER * (high[cut] - low[cut])
    parted: Array = expit(_STEEP * (evidence - border) / (high[cut] - low[cut]))
    return parted


def _stacked(classes: Array, there: Array) -> npt.NDArray[np.float32]:
    return np.concatenate([classes * there, (1 - there)[None]]).astype(np.float32)
