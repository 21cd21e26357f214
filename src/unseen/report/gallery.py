"""Walls of pictures as one web page: what a search found, query by query."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from unseen.report.cards import Thumbnail, percent, printable
from unseen.report.page import asset, environment, policy_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

__all__ = ["Tile", "Wall", "render_gallery"]

#: Pictures on one page: what a browser bears, some 6 MB.
_MOST = 1000


@dataclass(frozen=True)
class Tile:
    """One picture of a wall.

    Attributes
    ----------
    item : str
        Its name.
    rank : int
        Its place.
    probability : float
        How likely it shows what was asked for, in [0, 1].
    read : callable
        Returns the picture as uint8 (height, width, 3), or made small already, or None where there is none to show.
    """

    item: str
    rank: int
    probability: float
    read: Callable[[], npt.NDArray[Any] | Thumbnail | None]


@dataclass(frozen=True)
class Wall:
    """A heading with its pictures; `note` says what they are."""

    heading: str
    note: str
    tiles: Sequence[Tile]


def render_gallery(
    title: str,
    tiles: Sequence[tuple[str, str]],
    walls: Sequence[Wall],
    settings: Mapping[str, Any],
    *,
    errors: Sequence[tuple[str, str]] = (),
    skipped: int = 0,
    large: bool = False,
) -> str:
    """Return the page as HTML: pictures embedded, nothing loaded from anywhere, every name escaped.

    At most 1,000 pictures are shown; walls beyond that are named with what was left out. `errors` are items that could
    not be used, with the reasons, the first of `skipped`; `large` gives pictures more room.
    """
    from markupsafe import Markup

    style = asset("report.css") + asset("gallery.css")
    left = _MOST
    shown = []
    for wall in walls:
        cards = [_card(tile) for tile in wall.tiles[: max(left, 0)]]
        left -= len(cards)
        less = len(wall.tiles) - len(cards)
        note = printable(wall.note, 400) + (f" {less:,} more are left out of this page." if less else "")
        shown.append({"heading": printable(wall.heading, 200), "note": note, "cards": cards})
    return (
        environment()
        .get_template("gallery.html.j2")
        .render(
            title=printable(title),
            policy=policy_of(style),
            style=Markup(style),  # noqa: S704  ours; everything else goes through the escape
            tiles=[(printable(label, 60), printable(value, 60)) for label, value in tiles],
            walls=shown,
            errors=[(printable(item), printable(reason, 400)) for item, reason in errors],
            skipped=skipped,
            large=large,
            settings=[(printable(str(key)), printable(str(value), 400)) for key, value in settings.items()],
        )
    )


def _card(tile: Tile) -> dict[str, Any]:
    found = tile.read()
    picture = found if found is None or isinstance(found, Thumbnail) else Thumbnail.of(found)
    *above, name = printable(tile.item).rsplit("/", 2)
    return {
        "rank": tile.rank,
        "probability": percent(tile.probability),
        "bar": round(100 * min(max(tile.probability, 0.0), 1.0), 1),
        "item": printable(tile.item),
        "folder": f"{'…/' if len(above) == 2 else ''}{above[-1]}/" if above else "",
        "name": name,
        "picture": f"data:{picture.mime};base64,{base64.b64encode(picture.data).decode()}" if picture else None,
        "width": picture.width if picture else 0,
        "height": picture.height if picture else 0,
    }
