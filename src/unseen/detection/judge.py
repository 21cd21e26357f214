"""What is in a box: the recogniser's verb on a crop, together with what the detector called it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.detection.crops import CONTEXT, Crop, crop_maker
from unseen.detection.label_evidence import LabelEvidence
from unseen.inputs.sources import Item
from unseen.tasks.classify import make_judge
from unseen.validation import check_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from unseen.recognizer import Recognizer
    from unseen.vocabulary import Vocabulary

__all__ = ["LABEL_WEIGHT", "BoxJudge", "Judged"]

Array = np.ndarray[Any, Any]

#: How much a detector's own word counts beside the picture, where nobody says how much.
LABEL_WEIGHT = 0.7
_LEAST = 1e-6


@dataclass(frozen=True, eq=False)
class Judged:
    """What boxes are.

    Attributes
    ----------
    probabilities : float32 array of shape (n, C)
        Of each class, given that the box holds one of them; rows sum to one.
    known : float32 array of shape (n,)
        That it holds any of them, in [0, 1].
    """

    probabilities: npt.NDArray[np.float32]
    known: npt.NDArray[np.float32]


class BoxJudge:
    r"""Says what is in boxes.

    .. math:: p(c \mid \text{box}) \propto p_\text{image}(c)^{1-a}\; p_\text{label}(c)^{a}

    over the C classes and "none of them"; :math:`a` is 0 for a box the detector has no word for.

    Parameters
    ----------
    recognizer : Recognizer
        What recognises crops.
    vocabulary : Vocabulary
        The C classes.
    background : sequence of str or None, default None
        What a box may show besides the classes; see :meth:`unseen.Recognizer.classify`.
    label_weight : float, default 0.7
        a, in [0, 1]: how much the detector's own word for a box counts; 0 takes no notice of it, 1 of nothing else.
    context : float, default 0.1
        Share of a box's longer side that the crop shows around it, from 0 to 4.
    ensemble : {"embeddings", "scores"}, default "embeddings"
        As in :meth:`unseen.Recognizer.classify`.
    """

    def __init__(
        self,
        recognizer: Recognizer,
        vocabulary: Vocabulary,
        *,
        background: Sequence[str] | None = None,
        label_weight: float = LABEL_WEIGHT,
        context: float = CONTEXT,
        ensemble: str = "embeddings",
    ) -> None:
        self.recognizer = recognizer
        self.label_weight = check_number("detect", "label_weight", label_weight, low=0, high=1)
        self.context = check_number("detect", "context", context, low=0, high=4)
        self.names = vocabulary.names
        self._judge = make_judge(
            recognizer, "image", vocabulary, top_k=len(vocabulary), background=background, ensemble=ensemble
        )
        self._labels = LabelEvidence(recognizer.encoder, vocabulary)
        self.settings = {
            key: value for key, value in self._judge.settings.items() if key not in ("unknown_below", "index")
        }

    def encode(self, crops: Sequence[Crop]) -> npt.NDArray[np.float32]:
        """Return the image vectors (n, d) of crops, on all cores; a row of NaN where a crop cannot be used."""
        encoder = self.recognizer.encoder
        prepare = crop_maker(encoder.prepare_image, context=self.context)
        items: list[Any] = [Item(str(i), crop) for i, crop in enumerate(crops)]  # type: ignore[arg-type]  # see crop_maker
        out = np.full((len(crops), encoder.image_dim or 0), np.nan, np.float32)
        done = 0
        if not items:
            return out
        for batch in encoder.stream_images(items, prepare=prepare):
            rows = [done + i for i, error in enumerate(batch.errors) if error is None]
            if rows:
                out[rows] = batch.vectors
            done += len(batch.items)
        return out

    def judge(self, vectors: npt.NDArray[np.float32], labels: Sequence[str | None] | None = None) -> Judged:
        """Return what boxes are, given the vectors (n, d) of their crops and perhaps what the detector calls them."""
        n, c = len(vectors), len(self.names)
        usable = np.isfinite(vectors).all(axis=1)
        probabilities = np.full((n, c), 1 / c)
        known = np.zeros(n)
        if usable.any():
            names = [str(i) for i in np.flatnonzero(usable)]
            errors: list[str | None] = [None] * len(names)
            found = self._judge.answer(names, vectors[usable], errors, errors).predictions
            rows = np.zeros((len(names), c))
            np.put_along_axis(rows, found.top, found.probabilities.astype(np.float64), axis=1)
            if c == 1:  # the share of one class among one; how likely it is at all is `known`
                rows[:] = 1
            total = rows.sum(axis=1, keepdims=True)
            probabilities[usable] = np.divide(rows, total, out=np.full_like(rows, 1 / c), where=total > 0)
            known[usable] = found.known
        if labels is not None and self.label_weight > 0:
            self._add_labels(probabilities, known, labels)
        return Judged(probabilities.astype(np.float32), known.astype(np.float32))

    def _add_labels(self, probabilities: Array, known: Array, labels: Sequence[str | None]) -> None:
        a = self.label_weight
        for i, label in enumerate(labels):
            said = self._labels(label)
            if said is None:
                continue
            seen = np.append(known[i] * probabilities[i], 1 - known[i])
            log = (1 - a) * np.log(np.maximum(seen, _LEAST)) + a * np.log(np.maximum(said, _LEAST))
            both = np.exp(log - log.max())
            both /= both.sum()
            known[i] = 1 - both[-1]
            total = both[:-1].sum()
            probabilities[i] = both[:-1] / total if total > 0 else 1 / len(probabilities[i])
