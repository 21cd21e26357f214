"""The table of commands."""

from __future__ import annotations

from typing import Annotated

import typer

from unseen._version import __version__
from unseen.cli import (
    bench,
    classify,
    convert,
    dataset,
    detect,
    diagnose,
    embed,
    export,
    label,
    listing,
    search,
    segment,
    track,
    track_eval,
    vocabulary,
)

__all__ = ["app"]

app = typer.Typer(
    name="unseen",
    help="Recognise what nobody has labelled: write down your classes, point at photos or texts.",
    epilog='Example: unseen classify photos/ --classes "okapi, zebra, horse" --report report.html',
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"unseen {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    pass


app.command("classify", epilog=classify.EXAMPLE)(classify.classify)
app.command("models", epilog="Example: unseen models --json")(listing.models)
app.command("methods", epilog="Example: unseen methods --json")(listing.methods)
app.add_typer(vocabulary.app, name="vocabulary")
app.add_typer(dataset.app, name="dataset")
app.command("bench", epilog=bench.EXAMPLE)(bench.bench)
app.command("detect", epilog=detect.EXAMPLE)(detect.detect)
app.command("diagnose", epilog=diagnose.EXAMPLE)(diagnose.diagnose)
app.command("convert", epilog=convert.EXAMPLE)(convert.convert)
app.command("search", epilog=search.EXAMPLE)(search.search)
app.command("segment", epilog=segment.EXAMPLE)(segment.segment)
app.command("label", epilog=label.EXAMPLE)(label.label)
app.command("embed", epilog=embed.EXAMPLE)(embed.embed)
app.command("export", epilog=export.EXAMPLE)(export.export)
app.command("track", epilog=track.EXAMPLE)(track.track)
app.command("track-eval", epilog=track_eval.EXAMPLE)(track_eval.track_eval)
