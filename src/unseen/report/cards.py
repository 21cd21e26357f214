"""Cards: what a report keeps of one item, small enough to keep a few hundred."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from unseen.validation import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from unseen.results import Explanation

__all__ = ["MAX_LABELS", "MAX_RANKS", "Card", "Summary", "Thumbnail", "percent", "printable", "quote"]

#: How many of an item's classes a card keeps.
MAX_RANKS = 5
#: How many of an item's accepted classes, where it may have several.
MAX_LABELS = 20
#: Longest side of a thumbnail in pixels: sharp on cards and on the contact sheet, some 6 kB each.
THUMBNAIL = 224


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A small encoded picture."""

    mime: str
    data: bytes
    width: int
    height: int

    @classmethod
    def of(cls, pixels: npt.NDArray[Any], *, side: int = THUMBNAIL) -> Thumbnail:
        """Shrink to `side` pixels, the longer one, and encode a uint8 RGB array of shape (height, width, 3)."""
        from PIL import Image, features

        picture = Image.fromarray(pixels)
        picture.thumbnail((side, side))
        file = io.BytesIO()
        # WebP is half the size of JPEG here, but a Pillow built from source may lack it.
        if features.check("webp"):
            mime = "image/webp"
            picture.save(file, "WEBP", quality=75, method=4)
        else:
            mime = "image/jpeg"
            picture.save(file, "JPEG", quality=80, optimize=True)
        return cls(mime, file.getvalue(), *picture.size)


@dataclass(frozen=True, slots=True)
class Card:
    """What a report keeps of one item.

    Parameters
    ----------
    index : int
        The item's position in the run.
    item : str
        Its name, shortened and made printable.
    top : tuple of (int, float)
        Positions of its likeliest classes with probabilities, likeliest first; never empty.
    known : float
        How far it looks like any class, in [0, 1].
    unknown : bool
        Whether it was called unknown.
    thumbnail : Thumbnail or None
        The photo, small.
    text : str or None
        The text, where the item is one.
    explanation : Explanation or None
        What speaks for the answer.
    labels : int, default 1
        How many of `top`, the first ones, are the answer: more than one where an item may be of several classes.
    """

    index: int
    item: str
    top: tuple[tuple[int, float], ...]
    known: float
    unknown: bool
    thumbnail: Thumbnail | None = None
    text: str | None = None
    explanation: Explanation | None = None
    labels: int = 1

    @property
    def certainty(self) -> float:
        """Probability of the likeliest class."""
        return self.top[0][1]

    @property
    def likeliest(self) -> int:
        """Position of the likeliest class."""
        return self.top[0][0]


@dataclass(frozen=True, slots=True)
class Summary:
    """Everything a report shows, as plain values.

    Parameters
    ----------
    title : str
        The headline.
    names : tuple of str
        Class names of the vocabulary.
    settings : mapping
        What produced the predictions.
    items, recognised, unknown, skipped : int
        How many there were.
    certainty : float or None
        Mean probability of the answers given; None where none was given.
    counts : tuple of int
        Answers per class, in the order of `names`; an item may have several.
    histogram : tuple of (int, int)
        Recognised and unknown items per tenth of probability of the likeliest class.
    cards : tuple of Card
        The least certain items: unknown ones first, then by probability.
    examples : tuple of Card
        What the contact sheet shows.
    errors : tuple of (str, str)
        The first few skipped items with their reasons.
    """

    title: str
    names: tuple[str, ...]
    settings: Mapping[str, Any]
    items: int
    recognised: int
    unknown: int
    skipped: int
    certainty: float | None
    counts: tuple[int, ...]
    histogram: tuple[tuple[int, int], ...]
    cards: tuple[Card, ...]
    examples: tuple[Card, ...]
    errors: tuple[tuple[str, str], ...]


def percent(share: float) -> str:
    """Return a share in words that never claim certainty: 1 only for exactly 1, 0 only for exactly 0."""
    rounded = f"{share:.0%}"
    if rounded == "0%" and share > 0:
        return "<1%"
    if rounded == "100%" and share < 1:
        return ">99%"
    return rounded


def printable(text: str, limit: int = 160) -> str:
    r"""Return `text` on one line, at most about `limit` characters, with nothing hidden in it.

    Control characters, lone surrogates and characters that reorder the text around them are written as escapes;
    of a long text the beginning and, since it says most in a path, the end are kept.

    Examples
    --------
    >>> printable("cod\u202egpj.exe")
    'cod\\u202egpj.exe'
    """
    if len(text) > limit:
        head = limit // 3
        text = text[:head] + "…" + text[len(text) - (limit - head - 1) :]
    return one_line(text)


def quote(text: str, limit: int = 400) -> str:
    """Return the beginning of `text` with its white space collapsed and nothing hidden in it."""
    # A book is cut before it is split; white space that is collapsed is forgiven a factor of four.
    words = " ".join(text[: 4 * limit + 1].split())
    cut = words[:limit].rstrip() + "…" if len(words) > limit or len(text) > 4 * limit else words
    return printable(cut, len(cut))
