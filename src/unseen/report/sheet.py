"""The contact sheet: a picture of what was recognised, for a README or a chat."""

from __future__ import annotations

import functools
import io
import textwrap
import unicodedata
from typing import TYPE_CHECKING, Any

from unseen.report.cards import percent, printable

if TYPE_CHECKING:
    from unseen.report.cards import Card, Summary

__all__ = ["WIDTH", "draw", "drawable"]

#: Width of the sheet in pixels.
WIDTH = 1200
_MARGIN, _GAP, _HEADER, _CAPTION = 32, 20, 104, 44
_PAPER, _MAT, _INK, _SOFT = "#ffffff", "#eceef1", "#16191d", "#565e68"
_KNOWN, _TRACK, _DOUBT, _DOUBT_GROUND = "#0067a5", "#dfe3e8", "#a8480a", "#f7e6da"
_TITLE_SIZE, _SUMMARY_SIZE, _TEXT_SIZE, _NAME_SIZE = 34, 20, 19, 20

# What Unicode does not decompose, but everybody writes like this on a typewriter.
_SPELLINGS = str.maketrans(
    {"ß": "ss", "æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D"}
    | {"ð": "d", "þ": "th", "ı": "i", "’": "'", "‘": "'", "–": "-", "—": "-", "−": "-", "×": "x", "\u00a0": " "}
)


def draw(summary: Summary, kind: str) -> bytes:
    """Return the contact sheet of a summary as a PNG or JPEG file.

    Parameters
    ----------
    summary : Summary
        What to show; :attr:`~unseen.report.cards.Summary.examples` become the cells.
    kind : {"png", "jpeg"}
        The format.

    Notes
    -----
    The font is the one inside Pillow, so that the sheet looks the same everywhere. It knows little more than
    English: accents are dropped, and a class whose name it cannot write appears as ``class 3``, its place in the
    vocabulary. The web page shows every name as it is.
    """
    from PIL import Image, ImageDraw

    cards = summary.examples
    columns = _columns(len(cards))
    side = (WIDTH - 2 * _MARGIN - (columns - 1) * _GAP) // columns
    rows = -(-len(cards) // columns)
    height = _HEADER + _MARGIN + (rows * (side + _CAPTION + _GAP) - _GAP if rows else 60)
    sheet = Image.new("RGB", (WIDTH, height), _PAPER)
    pen = ImageDraw.Draw(sheet)
    room = WIDTH - 2 * _MARGIN
    pen.text(
        (_MARGIN, 50), _fit(drawable(summary.title) or "Report", _TITLE_SIZE, room), _INK, _font(_TITLE_SIZE), "ls"
    )
    pen.text((_MARGIN, 82), _fit(_subtitle(summary), _SUMMARY_SIZE, room), _SOFT, _font(_SUMMARY_SIZE), "ls")
    if not cards:
        pen.text((_MARGIN, _HEADER + 30), "No items.", _SOFT, _font(_TEXT_SIZE), "ls")
    for place, card in enumerate(cards):
        row, column = divmod(place, columns)
        x, y = _MARGIN + column * (side + _GAP), _HEADER + row * (side + _CAPTION + _GAP)
        sheet.paste(_picture(card, side), (x, y), _corners(side))
        _caption(pen, summary, card, x, y + side, side)
    file = io.BytesIO()
    sheet.save(file, kind, **({"quality": 90} if kind == "jpeg" else {"optimize": True}))
    return file.getvalue()


def _columns(cells: int) -> int:
    """Return five or six columns, whichever leaves fewer empty cells in the last row."""
    return min((5, 6), key=lambda columns: -cells % columns)


def _subtitle(summary: Summary) -> str:
    parts = [f"{summary.items:,} items", f"{summary.recognised:,} recognised", f"{summary.unknown:,} unknown"]
    if summary.skipped:
        parts.append(f"{summary.skipped:,} skipped")
    if len(summary.examples) < summary.recognised + summary.unknown:
        parts.append("the clearest of each class")
    return " · ".join(parts)


def _picture(card: Card, side: int) -> Any:
    """Return the item on a mat of `side` pixels square."""
    from PIL import Image, ImageDraw, ImageOps

    mat = Image.new("RGB", (side, side), _MAT)
    if card.thumbnail is not None:
        with Image.open(io.BytesIO(card.thumbnail.data)) as file:
            photo = ImageOps.contain(file.convert("RGB"), (side, side), Image.Resampling.LANCZOS)
        mat.paste(photo, ((side - photo.width) // 2, (side - photo.height) // 2))
        return mat
    font, line, inset = _font(_TEXT_SIZE), 26, 14
    words = drawable(card.text if card.text is not None else card.item) or "…"
    # By the width of an average letter, then each line by its own.
    letters = int((side - 2 * inset) / (font.getlength("the quick brown fox") / 19))
    lines = textwrap.wrap(words, letters, max_lines=(side - 2 * inset) // line, placeholder=" …")
    pen = ImageDraw.Draw(mat)
    for i, words in enumerate(lines):
        pen.text((inset, inset + i * line), _fit(words, _TEXT_SIZE, side - 2 * inset), _INK, font)
    return mat


def _caption(pen: Any, summary: Summary, card: Card, x: int, y: int, side: int) -> None:
    """Write name and probability under a cell, over a bar; unknown items get a word and a dashed line."""
    base, bar = y + 26, y + 35
    if card.unknown:
        pen.text((x, base), "unknown", _DOUBT, _font(_NAME_SIZE), "ls")
        for dash in range(x, x + side, 12):
            pen.rectangle((dash, bar, min(dash + 6, x + side - 1), bar + 4), _DOUBT)
        return
    # One share would say nothing of several classes.
    share = percent(card.certainty) if card.labels == 1 else ""
    taken = _font(_NAME_SIZE).getlength(share) + 10 if share else 0
    labels = [position for position, _ in card.top[: card.labels]]
    name = ", ".join(drawable(summary.names[position]) or f"class {position + 1}" for position in labels)
    pen.text((x, base), _fit(name, _NAME_SIZE, side - taken), _INK, _font(_NAME_SIZE), "ls")
    pen.text((x + side, base), share, _SOFT, _font(_NAME_SIZE), "rs")
    pen.rectangle((x, bar, x + side - 1, bar + 4), _TRACK)
    pen.rectangle((x, bar, x + max(round(card.certainty * side), 1) - 1, bar + 4), _KNOWN)


@functools.cache
def _font(size: int) -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(size)


@functools.cache
def _has(character: str) -> bool:
    """Whether the font has a picture of its own for a character, not the one for missing characters."""
    font = _font(_TEXT_SIZE)
    return bytes(font.getmask(character)) != bytes(font.getmask("\U0010ffff"))


def drawable(text: str) -> str:
    """Return `text` as far as the font can write it, without accents; empty when less than half can be written."""
    text = printable(text, 400)
    plain = "".join(
        c for c in unicodedata.normalize("NFKD", text.translate(_SPELLINGS)) if not unicodedata.combining(c)
    )
    written = "".join(c if c == " " or _has(c) else "\ufffd" for c in plain)
    missing = written.count("\ufffd")
    if 2 * missing >= len(written):
        return ""
    return " ".join(written.replace("\ufffd", " ").split())


def _fit(text: str, size: int, width: float) -> str:
    """Cut `text` so that it is at most `width` pixels long."""
    font = _font(size)
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "…") > width:
        text = text[:-1]
    return text.rstrip() + "…"


@functools.cache
def _corners(side: int) -> Any:
    """Return a mask with rounded corners, drawn four times as large because Pillow does not smooth edges."""
    from PIL import Image, ImageDraw

    mask = Image.new("L", (4 * side, 4 * side), 0)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, 4 * side - 1, 4 * side - 1), 4 * 8, fill=255)
    return mask.resize((side, side), Image.Resampling.LANCZOS)
