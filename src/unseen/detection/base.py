"""The contract of every detector.

A detector is bound to a recogniser and a vocabulary once, then asked for proposals, some pictures at a time. What it
knows of classes it says as probabilities over the vocabulary; a detector that knows only where things are leaves the
classes to the recogniser (see :mod:`unseen.tasks.detect`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from unseen.errors import InputError
from unseen.validation import message, verbatim

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from unseen.recognizer import Recognizer
    from unseen.vocabulary import Vocabulary

__all__ = ["BoundDetector", "Detector", "Picture", "Proposals"]


@dataclass(frozen=True, eq=False)
class Picture:
    """One upright picture.

    Attributes
    ----------
    item : str
        Its name.
    pixels : uint8 array of shape (h, w, 3)
        RGB.
    """

    item: str
    pixels: npt.NDArray[np.uint8]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return int(self.pixels.shape[1]), int(self.pixels.shape[0])


@dataclass(frozen=True, eq=False)
class Proposals:
    """What a detector says of one picture.

    Parameters
    ----------
    boxes : float array of shape (n, 4)
        Left, top, right and bottom edge in pixels of the picture.
    scores : float array of shape (n,)
        How sure it is that there is an object, in [0, 1].
    labels : sequence of (str or None) or None, default None
        What the detector itself calls each; None where it names nothing.
    probabilities : float array of shape (n, C) or None, default None
        Of each class of the bound vocabulary, each judged alone, in [0, 1]: how likely the box holds an object of
        that class. None where the detector does not know the vocabulary.
    error : str or None, default None
        Why nothing can be said of this picture, where the next one may fare better.

    Raises
    ------
    InputError
        When the parts do not fit together.
    """

    boxes: npt.NDArray[np.float32]
    scores: npt.NDArray[np.float32]
    labels: tuple[str | None, ...] | None
    probabilities: npt.NDArray[np.float32] | None
    error: str | None

    def __init__(
        self,
        boxes: npt.ArrayLike,
        scores: npt.ArrayLike,
        *,
        labels: Sequence[str | None] | None = None,
        probabilities: npt.ArrayLike | None = None,
        error: str | None = None,
    ) -> None:
        found = np.asarray(boxes, np.float32).reshape(-1, 4)
        n = len(found)
        parts: dict[str, Any] = {"scores": np.asarray(scores, np.float32).reshape(-1)}
        if labels is not None:
            parts["labels"] = tuple(labels)
        if probabilities is not None:
            parts["probabilities"] = np.asarray(probabilities, np.float32)
        if not all(label is None or isinstance(label, str) for label in parts.get("labels", ())):
            remedy = "Give None where there is none"
            raise InputError(message("Proposals", "labels", "strings or None", labels, remedy))
        for name, part in parts.items():
            if len(part) != n:
                got = verbatim(f"{len(part)} for {n} boxes")
                raise InputError(message("Proposals", name, "one for each box", got, "Give every box its own"))
        object.__setattr__(self, "boxes", found)
        object.__setattr__(self, "scores", parts["scores"])
        object.__setattr__(self, "labels", parts.get("labels"))
        object.__setattr__(self, "probabilities", parts.get("probabilities"))
        object.__setattr__(self, "error", error)

    @classmethod
    def failed(cls, reason: str) -> Self:
        """Return what is said of a picture that could not be looked at."""
        return cls(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), error=reason)

    def __len__(self) -> int:
        return len(self.boxes)

    def check_classes(self, owner: str, n_classes: int) -> None:
        """Raise where `probabilities` are about another number of classes.

        Raises
        ------
        InputError
            In the name of `owner`.
        """
        given = self.probabilities
        if given is not None and (given.ndim != 2 or given.shape[1] != n_classes) and len(self):
            expected = f"of shape ({len(self)}, {n_classes}), one for each class"
            remedy = "Bind the detector to this vocabulary"
            raise InputError(message(owner, "probabilities of the detector", expected, given, remedy))


class BoundDetector(ABC):
    """A detector that knows what it is to look for."""

    #: Pictures that are best handed over at a time.
    at_once: int = 1
    #: Whether it finds boxes in any picture, so also in a part of one; not where boxes belong to whole files.
    looks: bool = True

    @abstractmethod
    def propose(self, pictures: Sequence[Picture]) -> list[Proposals]:
        """Return the proposals of each picture, in order."""

    def close(self) -> None:  # noqa: B027  most have nothing open
        """Let go of connections and files."""


class Detector(ABC):
    """Base of every detector.

    Attributes
    ----------
    spec : str
        What `--detector` finds it by.
    """

    #: What follows the scheme and a colon in its name, such as "<file>"; None where the scheme is all.
    takes: ClassVar[str | None] = None
    #: The extra of the package that brings the libraries it needs; None where there is nothing to install.
    extra: ClassVar[str | None] = None
    #: What `--help` and `unseen models` say of it.
    description: ClassVar[str] = ""

    spec: str = ""

    @abstractmethod
    def bind(
        self, recognizer: Recognizer, vocabulary: Vocabulary, *, background: Sequence[str] | None = None
    ) -> BoundDetector:
        """Return what looks for the classes of a vocabulary.

        Parameters
        ----------
        recognizer : Recognizer
            What recognises; detectors that need no recogniser leave it alone.
        vocabulary : Vocabulary
            The classes.
        background : sequence of str or None, default None
            What a picture may show besides the classes.
        """
