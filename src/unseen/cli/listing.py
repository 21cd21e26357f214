"""``unseen models`` and ``unseen methods``: what there is to choose from."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from unseen.cli.streams import print_json

__all__ = ["methods", "models"]

_Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def models(as_json: _Json = False) -> None:
    """List the models that `--model` takes."""
    from unseen.registry import ENCODERS

    rows = []
    for name in ENCODERS:
        encoder = ENCODERS.get(name)
        takes, extra = getattr(encoder, "takes", None), getattr(encoder, "extra", None)
        rows.append(
            {
                "name": f"{name}:{takes}" if takes else name,
                "modalities": sorted(getattr(encoder, "modalities", {"image", "text"})),
                "extra": extra,
                "install": f"pip install 'unseen[{extra}]'" if extra else None,
                "summary": _summary(encoder),
            }
        )
    _print(rows, as_json, ("name", "extra", "summary"))


def methods(as_json: _Json = False) -> None:
    """List the zero-shot methods: name, class, family, tags, citation, summary."""
    from unseen.registry import METHODS

    rows = []
    for name in METHODS:
        method = METHODS.get(name)
        rows.append(
            {
                "name": name,
                "class": f"{method.__module__}.{method.__qualname__}",
                "family": method.family,
                "tags": method.capabilities.names(),
                "citation": str(method.citation),
                "summary": _summary(method),
            }
        )
    _print(rows, as_json, ("name", "family", "tags", "summary"))


def _summary(cls: type[Any]) -> str:
    return (cls.__doc__ or "").strip().partition("\n")[0]


def _cell(value: Any) -> str:
    return "" if value is None else ", ".join(value) if isinstance(value, list) else str(value)


def _print(rows: list[dict[str, Any]], as_json: bool, columns: tuple[str, ...] = ()) -> None:
    """Print all of the rows as JSON, or some columns as a table that fits a terminal."""
    if as_json:
        print_json(rows, indent=2)
        return
    from rich.console import Console
    from rich.table import Table

    shown = columns or tuple(rows[0])
    table = Table(box=None, header_style="bold")
    for column in shown:
        table.add_column(column, no_wrap=column == "name")  # the name is what people type: never cut it
    for row in rows:
        values = (row[column] for column in shown)
        table.add_row(*(_cell(value) for value in values))
    Console().print(table)
