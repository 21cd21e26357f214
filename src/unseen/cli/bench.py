"""``unseen bench``: methods compared on a data set, chosen on training classes, tested once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unseen.cli.progress import progress
from unseen.cli.streams import print_json

__all__ = ["EXAMPLE", "bench"]

EXAMPLE = "Example: unseen bench data/CUB --methods eszsl,ale,kernel_ridge --out results/"


def bench(
    dataset: Annotated[Path, typer.Argument(help="Folder of a data set; see `unseen dataset`.")],
    methods: Annotated[str, typer.Option(help="Names with commas between (see `unseen methods`), or all.")] = "all",
    protocol: Annotated[
        str, typer.Option(help="zsl: unseen classes among themselves. gzsl: seen and unseen classes together, too.")
    ] = "gzsl",
    seeds: Annotated[int, typer.Option(help="Runs of every method, with seeds 0, 1, ….")] = 1,
    out: Annotated[Path, typer.Option(help="Folder for results.json, results.md and report.html.")] = Path("bench"),
    jobs: Annotated[int | None, typer.Option(help="Methods run at a time; one per core when not given.")] = None,
    objective: Annotated[
        str,
        typer.Option(help="What held-out training classes choose settings by: accuracy, harmonic_mean or ausuc."),
    ] = "accuracy",
    prototypes: Annotated[
        str | None, typer.Option(help="Other class vectors: original_att, another .mat file, or a table of attributes.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the results as JSON in place of the table.")] = False,
) -> None:
    """Compare methods on a data set: settings chosen on training classes, the test part opened once.

    Run it again to go on where it stopped; finished rows are kept.
    """
    from unseen.benchmark.report import to_html, to_markdown
    from unseen.benchmark.runner import run_benchmark
    from unseen.files import write_atomically
    from unseen.report.pictures import without_pictures

    names = None if methods.strip().lower() == "all" else [name.strip() for name in methods.split(",") if name.strip()]
    with progress("methods", None if names is None else len(set(names)) * seeds) as step:

        def told(name: str, seed: int, state: str) -> None:
            step(1)
            if state == "failed":
                typer.echo(f"{name}, seed {seed}: failed", err=True)

        results = run_benchmark(
            dataset,
            names,
            out=out,
            protocol=protocol,
            objective=objective,
            seeds=seeds,
            jobs=jobs,
            prototypes=prototypes,
            on_row=told,
        )
    table = to_markdown(results)
    write_atomically(out / "results.md", table)
    write_atomically(out / "report.html", to_html(results))
    if as_json:
        print_json(results.to_dict(), indent=1)
    else:
        typer.echo(table)
        typer.echo(f"Written: {out / 'results.json'}, {out / 'results.md'}, {out / 'report.html'}", err=True)
    if without_pictures():
        typer.echo(f"The page has no pictures: {without_pictures()}", err=True)
    for one in results.failures:
        typer.echo(f"{one['method']}, seed {one['seed']}: {one['error']}", err=True)
    if results.failures:
        raise typer.Exit(1)
