"""Write the tables of ``docs/cli.md`` and ``docs/methods.md`` from the program itself.

Run it after changing a command, an option or a method: ``python tools/make_reference.py``. With ``--check`` it
changes nothing and ends with 1 when a page is out of date; a test does that.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

DOCS = Path(__file__).parents[1] / "docs"
START, END = "<!-- written by tools/make_reference.py -->", "<!-- end of what is written by it -->"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *([cell.replace("|", r"\|") for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def commands(command: Any, name: str = "unseen") -> Iterator[tuple[str, Any]]:
    """Yield every command that does something, with its full name."""
    for key, child in getattr(command, "commands", {}).items():
        yield from commands(child, f"{name} {key}")
    if not hasattr(command, "commands"):
        yield name, command


def default(parameter: Any) -> str:
    """Return what a cell says about the value of an option that is not given."""
    if parameter.required:
        return "needed"
    if parameter.default is None or callable(parameter.default):
        return "–"
    if getattr(parameter, "is_flag", False):
        return "on" if parameter.default else "off"
    return f"`{parameter.default}`"


def cli() -> str:
    """Return a section per command: its line, what it does, and a row per argument and option."""
    from typer.main import get_command

    from unseen.cli.app import app

    sections = []
    for name, command in commands(get_command(app)):
        arguments, options = [], []
        usage = [name]
        for parameter in command.params:
            text = parameter.help or ""
            if parameter.param_type_name == "argument":
                shown = parameter.metavar or parameter.name.upper()
                usage.append(f"{shown}..." if parameter.nargs == -1 else shown)
                arguments.append((f"`{shown}`", "needed" if parameter.nargs == 1 else "–", text))
            else:
                options.append((", ".join(f"`{opt}`" for opt in parameter.opts), default(parameter), text))
        usage.append("[OPTIONS]")
        rows = arguments + options
        example = (command.epilog or "").replace("Examples: ", "Example: ").removeprefix("Example: ")
        examples = "\n".join(part for part in example.split("   ") if part)
        section = [f"### `{name}`", (command.help or "").strip(), f"```text\n{' '.join(usage)}\n```"]
        if rows:
            section.append(table(("argument or option", "default", "what it does"), rows))
        if examples:
            section.append(f"For example:\n\n```text\n{examples}\n```")
        sections.append("\n\n".join(section))
    return "\n\n".join(sections)


def methods() -> str:
    """Return a table with a row per registered method, and a list of where each lives and comes from."""
    from unseen.registry import METHODS

    rows, homes = [], []
    for name in METHODS:
        method = METHODS.get(name)
        summary = (method.__doc__ or "").strip().partition("\n")[0]
        tags = ", ".join(f"`{tag}`" for tag in method.capabilities.names()) or "–"
        rows.append((f"`{name}`", method.family, summary, tags))
        cited = method.citation
        paper = f"[{cited.title}]({cited.url})" if cited.url else cited.title
        line = f"from {method.__module__} import {method.__name__}"
        homes.append(f"- `{line}`: {cited.authors}, {paper}, {cited.venue} {cited.year}.")
    return table(("name", "family", "what it does", "tags"), rows) + "\n\n" + "\n".join(homes)


PAGES = {"cli.md": cli, "methods.md": methods}


def main() -> int:
    """Write or check the pages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing; end with 1 when a page is out of date")
    check = parser.parse_args().check
    stale = 0
    for name, make in PAGES.items():
        path = DOCS / name
        old = path.read_text("utf-8")
        before, start, rest = old.partition(START)
        _, end, after = rest.partition(END)
        if not start or not end:
            print(f"{path}: the lines {START!r} and {END!r} must be there", file=sys.stderr)
            return 2
        new = f"{before}{START}\n\n{make()}\n\n{END}{after}"
        if new != old:
            stale += 1
            print(f"docs/{name} {'is out of date: run tools/make_reference.py' if check else 'written'}")
            if not check:
                path.write_text(new, "utf-8")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
