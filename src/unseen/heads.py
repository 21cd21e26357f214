"""Heads: what answers for one kind of input, and the one that an encoder brings along."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from unseen.errors import InputError
from unseen.validation import check_number, message, verbatim

if TYPE_CHECKING:
    from unseen.decision.calibration import Decision
    from unseen.encoders.base import Encoder
    from unseen.methods.base import Method

__all__ = ["Head", "own_head"]

#: What CLIP's learned scale was held to, and what sentence encoders are commonly trained with.
_CLIP_SCALE, _SENTENCE_SCALE = 100.0, 20.0


@dataclass(frozen=True)
class Head:
    """What answers for one kind of input.

    Parameters
    ----------
    method : Method
        Scores vectors of that kind against prototypes.
    decision : Decision
        Turns scores into probabilities.
    """

    method: Method
    decision: Decision


def own_head(encoder: Encoder) -> tuple[str, Head]:
    """Return the kind of input that an encoder answers for without anything learned, and its head.

    Raises
    ------
    InputError
        When its images and texts do not share a space.
    """
    from unseen.decision.calibration import Decision
    from unseen.methods.projection.cosine import Cosine

    if encoder.shared_space and encoder.modalities >= {"image", "text"}:
        kind, similarity, scale = "image", encoder.similarity, _CLIP_SCALE
    elif encoder.modalities == {"text"}:
        kind, similarity, scale = "text", encoder.similarity, _SENTENCE_SCALE
    else:
        raise InputError(
            message(
                "Recognizer.from_encoder",
                "encoder",
                "of texts alone, or of images and texts that share a space",
                verbatim(f"{encoder.name!r}, of {' and '.join(sorted(encoder.modalities))} without a shared space"),
                "Fit a method that joins the two, and pass it: Recognizer(encoder, heads={'image': Head(method, ...)})",
            )
        )
    if similarity is None:
        return kind, Head(Cosine(), Decision(1 / scale, known_from="probabilities"))
    scale = check_number("Similarity", "scale", similarity.scale, low=0, low_open=True)
    decision = Decision(
        1 / scale,
        activation=similarity.activation,
        bias=similarity.bias if similarity.activation == "sigmoid" else 0.0,
        known_from="probabilities",
    )
    return kind, Head(Cosine(), decision)
