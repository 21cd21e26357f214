"""A report made of sections: words, a picture, a table. One web page, no network, nothing that needs a server."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from unseen.report.cards import printable
from unseen.report.page import asset, environment, policy_of
from unseen.report.pictures import draw_svg, without_pictures

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from matplotlib.axes import Axes

__all__ = ["Document", "Picture", "Section", "Table", "render_document"]

_NUMBER = re.compile(r"[-−+]?[\d,]+(\.\d+)?")
# Rows of a table shown at once; the rest is folded away, up to a limit that a browser bears.
_AT_ONCE, _AT_MOST = 12, 500


@dataclass(frozen=True)
class Picture:
    """What draws a picture, its height in inches, and what it shows for those who cannot see it."""

    draw: Callable[[Axes], None] = field(repr=False)
    alt: str
    height: float = 4.2


@dataclass(frozen=True)
class Table:
    """Rows of values under column names; numbers are set to the right."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    caption: str = ""
    folds: bool = True


@dataclass(frozen=True)
class Section:
    """A heading with what belongs under it; `badge` and `tone` ("good", "doubt" or "") sum it up in a word."""

    heading: str
    paragraphs: Sequence[str] = ()
    badge: str = ""
    tone: str = ""
    pictures: Sequence[Picture] = ()
    tables: Sequence[Table] = ()


@dataclass(frozen=True)
class Document:
    """What a page says."""

    title: str
    tiles: Sequence[tuple[str, str]]
    sections: Sequence[Section]
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class _Cell:
    text: str
    number: bool


def render_document(document: Document) -> str:
    """Return the page as HTML.

    Notes
    -----
    Where matplotlib is missing, pictures are left out and the page says how to get them. Names come from strangers'
    files: the template engine escapes everything, and pictures are embedded as images, which can neither run
    scripts nor fetch anything.
    """
    from markupsafe import Markup

    style = asset("report.css") + asset("document.css")
    missing = without_pictures() if any(one.pictures for one in document.sections) else ""
    sections = [
        {
            "heading": printable(one.heading),
            "badge": one.badge,
            "tone": one.tone,
            "paragraphs": [printable(text, 2000) for text in one.paragraphs],
            "pictures": [
                (f"data:image/svg+xml;base64,{_encoded(picture)}", printable(picture.alt, 400))
                for picture in (() if missing else one.pictures)
            ],
            "tables": [_table(table) for table in one.tables],
        }
        for one in document.sections
    ]
    return (
        environment()
        .get_template("document.html.j2")
        .render(
            title=printable(document.title),
            policy=policy_of(style),
            style=Markup(style),  # noqa: S704  ours, checked by a test; everything else goes through the escape
            tiles=[(printable(label, 60), printable(value, 60)) for label, value in document.tiles],
            missing=printable(missing, 400),
            sections=sections,
            settings=[(printable(str(key)), printable(_text(value), 400)) for key, value in document.settings.items()],
        )
    )


def _encoded(picture: Picture) -> str:
    return base64.b64encode(draw_svg(picture.draw, height=picture.height)).decode()


def _table(table: Table) -> dict[str, Any]:
    cells = [
        [
            _Cell(printable(_text(v), 240), isinstance(v, int | float) or _NUMBER.fullmatch(str(v)) is not None)
            for v in row
        ]
        for row in table.rows[:_AT_MOST]
    ]
    at_once = _AT_ONCE if table.folds else len(cells)
    return {
        "caption": printable(table.caption, 400),
        "columns": [
            (printable(name, 60), bool(cells) and all(row[i].number or row[i].text == "–" for row in cells))
            for i, name in enumerate(table.columns)
        ],
        "rows": cells[:at_once],
        "more": cells[at_once:],
        "left_out": max(0, len(table.rows) - _AT_MOST),
    }


def _text(value: Any) -> str:
    if value is None or (isinstance(value, float) and value != value):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3f}".replace("-", "−")
    return f"{value:,}" if isinstance(value, int) else str(value)
