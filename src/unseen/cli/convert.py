"""``unseen convert``: labels in the layouts that other tools read."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from unseen.cli.progress import progress
from unseen.cli.streams import print_json
from unseen.validation import one_line

__all__ = ["EXAMPLE", "convert"]

EXAMPLE = (
    "Example: unseen label photos/ --classes classes.yaml --out labels/\n\n"
    "unseen convert labels/ --to folders --out sorted/ --links copy\n\n"
    "unseen convert labels/ --to label-studio --out review/ --min-probability 0.5"
)


def convert(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="What `unseen label` wrote.", show_default=False)],
    *,
    to: Annotated[
        str,
        typer.Option("--to", help="folders, csv, coco, yolo, label-studio or fiftyone.", show_default=False),
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="The folder (for csv the file) to write; new.", show_default=False)
    ],
    links: Annotated[str, typer.Option("--links", help="How photos get there: symlink, hard or copy.")] = "symlink",
    min_probability: Annotated[
        float, typer.Option("--min-probability", min=0, max=1, help="Leave out items that are less certain.")
    ] = 0.0,
    include_unknown: Annotated[
        bool, typer.Option("--include-unknown", help="Put in items that were called unknown, too.")
    ] = False,
    val_share: Annotated[
        float | None, typer.Option("--val-share", min=0, max=0.9, help="For yolo: share of photos in val/ (0.1).")
    ] = None,
    base: Annotated[Path, typer.Option("--base", help="Where relative names of photos start.")] = Path(),
    verify: Annotated[
        bool, typer.Option("--verify", help="Look whether photos are still what was labelled before linking to them.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was done as JSON, for programs.")] = False,
) -> None:
    """Write labels as class folders, CSV, COCO, YOLO, Label Studio tasks or a FiftyOne data set."""
    from unseen.exports import convert as write
    from unseen.labelling.reading import open_labels

    labels: Any = open_labels(folder)
    if labels.warning:
        print(f"unseen: {labels.warning}", file=sys.stderr)
    options = {} if val_share is None else {"val_share": val_share}
    with progress("writing", len(labels)) as advance:
        done = write(
            labels,
            to,
            out,
            links=links,
            min_probability=min_probability,
            include_unknown=include_unknown,
            base=base,
            verify=verify,
            advance=advance,
            **options,
        )
    if as_json:
        print_json({"out": str(done.out), "items": done.items, "left_out": dict(done.left_out)})
        return
    print(done)
    for item, reason in done.examples[:5]:
        print(f"unseen: {one_line(item)}: {one_line(reason)}", file=sys.stderr)
