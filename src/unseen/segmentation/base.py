"""The contract of every segmenter.

A segmenter is bound to a recogniser and a vocabulary once, then says of one picture after another how likely each
place is of each class. Enlarging that to the picture's pixels, drawing it to the edges of objects, deciding which
classes are there at all and wording the result are the same for all of them (see :mod:`unseen.tasks.segment`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    from unseen.detection.base import Picture
    from unseen.recognizer import Recognizer
    from unseen.vocabulary import Vocabulary

__all__ = ["BoundSegmenter", "Segmenter"]


class BoundSegmenter(ABC):
    """A segmenter that knows what it is to look for."""

    @abstractmethod
    def propose(self, picture: Picture) -> npt.NDArray[np.float32]:
        """Return how likely each place of a picture is of each class.

        Parameters
        ----------
        picture : Picture
            Upright, RGB.

        Returns
        -------
        ndarray of shape (C + 1, gh, gw), float32
            Shares in [0, 1] that add up to one at every place: of the C classes of the vocabulary, in its order, and
            at last of none of them. The gh x gw places are cells of equal size that cover the picture from edge to
            edge, row by row from its top left corner; gh and gw are at least 1, at most the picture's own height and
            width, and may differ from picture to picture.
        """

    def presence(self, picture: Picture, shares: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return how likely each class (C,) is in the picture at all, given what `propose` returned; in [0, 1].

        A class below the caller's threshold gets no pixels. Here: the largest share that it has anywhere.
        """
        most: npt.NDArray[np.float32] = shares[:-1].max(axis=(1, 2))
        return most

    def close(self) -> None:  # noqa: B027  most have nothing open
        """Let go of what is open."""


class Segmenter(ABC):
    """Base of every segmenter.

    Attributes
    ----------
    spec : str
        What `--segmenter` finds it by.
    """

    #: What follows the scheme and a colon in its name, such as "<id or folder>"; None where the scheme is all.
    takes: ClassVar[str | None] = None
    #: The extra of the package that brings the libraries it needs; None where there is nothing to install.
    extra: ClassVar[str | None] = None
    #: What `--help` and `unseen models` say of it.
    description: ClassVar[str] = ""

    spec: str = ""

    @abstractmethod
    def bind(
        self, recognizer: Recognizer, vocabulary: Vocabulary, *, background: Sequence[str] | None = None
    ) -> BoundSegmenter:
        """Return what looks for the classes of a vocabulary.

        Parameters
        ----------
        recognizer : Recognizer
            What recognises; segmenters that need no recogniser leave it alone.
        vocabulary : Vocabulary
            The classes.
        background : sequence of str or None, default None
            What a picture may show besides the classes, written like class names; None for a few general words.

        Raises
        ------
        InputError
            When a text of `background` is one of the classes.
        """
