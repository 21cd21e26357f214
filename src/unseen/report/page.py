"""The report as one web page: no framework, no network, nothing that needs a server."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

from unseen.report.cards import percent, printable

if TYPE_CHECKING:
    from jinja2 import Environment

    from unseen.report.cards import Card, Summary
    from unseen.results import Evidence

__all__ = ["asset", "environment", "policy_of", "render"]

#: Rows of the chart of classes: at once, and after unfolding.
_MANY_CLASSES, _ALL_CLASSES = 10, 500
_MAX_EVIDENCE = 12
_MAX_SETTING = 400


@dataclass(frozen=True, slots=True)
class _Row:
    """One labelled bar of a chart; widths in per cent of the longest."""

    label: str
    count: int
    unknown: int
    solid: float
    hatched: float


@dataclass(frozen=True, slots=True)
class _Evidence:
    """One line of "why"; `width` in per cent of the strongest."""

    kind: str
    text: str
    value: str
    width: float
    against: bool


@dataclass(frozen=True, slots=True)
class _View:
    """A card as the template shows it."""

    order: int
    folder: str
    name: str
    item: str
    unknown: bool
    looks: str
    likeliest: int
    ranks: tuple[tuple[str, str, float], ...]
    labels: int
    picture: str | None
    width: int
    height: int
    text: str | None
    about: str
    evidence: tuple[_Evidence, ...]


def render(summary: Summary) -> str:
    """Return the page of a summary as HTML.

    Notes
    -----
    Names, texts and settings come from strangers' files: everything is escaped by the template engine, and a
    content security policy allows this page's own style and script, by their hashes, and embedded pictures, and
    nothing else. Bars are SVG because that policy forbids inline styles, and because SVG is printed where
    backgrounds are not.
    """
    from markupsafe import Markup

    style, script = asset("report.css"), asset("report.js")
    views = [_view(summary, order, card) for order, card in enumerate(summary.cards)]
    classes, hidden, unused = _class_rows(summary)
    template = environment().get_template("report.html.j2")
    return template.render(
        title=printable(summary.title),
        policy=policy_of(style, script),
        # Ours, checked by a test; everything else goes through the escape.
        style=Markup(style),  # noqa: S704
        script=Markup(script),  # noqa: S704
        summary=summary,
        scope=_scope(summary),
        shared=_shared_room(summary),
        views=views,
        choices=_choices(summary),
        classes=classes[:_MANY_CLASSES],
        more_classes=classes[_MANY_CLASSES:],
        hidden_classes=hidden,
        unused_classes=unused,
        histogram=_histogram_rows(summary),
        settings=_settings(summary.settings),
    )


def environment() -> Environment:
    """Return the template engine: it escapes everything and refuses names it does not know."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("unseen.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = percent
    return environment


def policy_of(style: str, script: str | None = None) -> str:
    """Return a content security policy that allows this style, this script and embedded pictures, nothing else."""
    scripts = f" script-src {_hash(script)};" if script is not None else ""
    return f"default-src 'none'; img-src data:; style-src {_hash(style)};{scripts} base-uri 'none'; form-action 'none'"


def asset(name: str) -> str:
    """Return a file of the templates' folder."""
    # Read as text: line ends become "\n", as the browser sees them, so the policy's hashes hold.
    return resources.files("unseen.report").joinpath("templates", name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _view(summary: Summary, order: int, card: Card) -> _View:
    # Of a path the card shows the last folder, which so often is the class it was sorted into by hand.
    *above, name = card.item.rsplit("/", 2)
    folder = f"{'…/' if len(above) == 2 else ''}{above[-1]}/" if above else ""
    picture = card.thumbnail
    return _View(
        order=order,
        folder=folder,
        name=name,
        item=card.item,
        unknown=card.unknown,
        looks=percent(card.known),
        likeliest=card.likeliest,
        ranks=tuple(
            (printable(summary.names[position], 60), percent(probability), _bar(probability))
            for position, probability in card.top
        ),
        labels=card.labels,
        picture=f"data:{picture.mime};base64,{base64.b64encode(picture.data).decode()}" if picture else None,
        width=picture.width if picture else 0,
        height=picture.height if picture else 0,
        text=card.text,
        about=printable(card.explanation.name, 60) if card.explanation else "",
        evidence=_evidence(card.explanation.evidence) if card.explanation else (),
    )


def _bar(share: float, whole: float = 1.0) -> float:
    return round(100 * min(max(share / whole, 0), 1), 1) if whole else 0.0


def _evidence(evidence: tuple[Evidence, ...]) -> tuple[_Evidence, ...]:
    evidence = evidence[:_MAX_EVIDENCE]
    # Probabilities and shares of a lead are different units: each kind of bar has its own whole.
    whole = max((abs(one.weight) for one in evidence if one.kind != "seen class"), default=0.0)
    return tuple(
        _Evidence(
            printable(one.kind, 40),
            printable(one.text, 240),
            percent(one.weight) if one.kind == "seen class" else f"{one.weight:+.2f}".replace("-", "−"),
            _bar(one.weight) if one.kind == "seen class" else _bar(abs(one.weight), whole),
            one.weight < 0,
        )
        for one in evidence
    )


def _scope(summary: Summary) -> str:
    usable = summary.recognised + summary.unknown
    shown = len(summary.cards)
    if shown < usable:
        return f"Showing the {shown:,} least certain of {summary.items:,}"
    return f"Showing all {shown:,}, least certain first" if shown > 1 else ""


def _shared_room(summary: Summary) -> str:
    """Say how the room was shared where items of both kinds had to be left out."""
    unknown = sum(card.unknown for card in summary.cards)
    recognised = len(summary.cards) - unknown
    if unknown == summary.unknown or recognised == 0:
        return ""
    parts = (
        f"{unknown:,} of the {summary.unknown:,} unknown",
        f"{recognised:,} of the {summary.recognised:,} recognised",
    )
    return " and ".join(parts)


def _choices(summary: Summary) -> list[tuple[int, str]]:
    present = {card.likeliest for card in summary.cards}
    return sorted(((p, printable(summary.names[p], 60)) for p in present), key=lambda choice: choice[1].casefold())


def _class_rows(summary: Summary) -> tuple[list[_Row], int, int]:
    """Return the chart's rows, how many classes found no room in it, and how many were never the answer."""
    ranked = sorted(
        ((count, position) for position, count in enumerate(summary.counts) if count),
        key=lambda pair: (-pair[0], pair[1]),
    )
    longest = ranked[0][0] if ranked else 0
    rows = [
        _Row(printable(summary.names[position], 60), count, 0, _bar(count, longest), 0.0)
        for count, position in ranked[:_ALL_CLASSES]
    ]
    return rows, len(ranked) - len(rows), len(summary.names) - len(ranked)


def _histogram_rows(summary: Summary) -> list[_Row]:
    longest = max((sum(pair) for pair in summary.histogram), default=0)
    step = 100 // len(summary.histogram)
    return [
        _Row(
            f"{step * i}–{step * (i + 1)}%",
            recognised + unknown,
            unknown,
            _bar(recognised, longest),
            _bar(unknown, longest),
        )
        for i, (recognised, unknown) in reversed(list(enumerate(summary.histogram)))
    ]


def _settings(settings: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for key, value in settings.items():
        label = f"{prefix}{str(key).replace('_', ' ')}"
        if isinstance(value, Mapping):
            rows += _settings(value, f"{label} · ")
        else:
            text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
            rows.append((printable(label), printable("–" if value is None else text, _MAX_SETTING)))
    return rows
