"""``unseen search``: the images that show what a text says."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unseen.cli.options import Device
from unseen.cli.progress import progress
from unseen.cli.streams import print_json
from unseen.errors import InputError

if TYPE_CHECKING:
    from unseen.labelling.hits import Hits

__all__ = ["EXAMPLE", "search"]

EXAMPLE = (
    "Example: unseen embed photos/ --out vectors/\n\n"
    'unseen search vectors/ "a red car at night" --report hits.html\n\n'
    'unseen search vectors/ okapi zebra "a horse that jumps" --top 20 --out hits.csv'
)


def search(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="What `unseen embed` wrote.", show_default=False)],
    queries: Annotated[
        list[str] | None, typer.Argument(metavar="TEXT", help="What to look for; several are answered at once.")
    ] = None,
    *,
    classes: Annotated[
        str | None,
        typer.Option("--classes", "-c", help="Look for the classes of this vocabulary file, in place of texts."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model", "-m", help="The model that made the vectors, where the folder's own name for it fails."
        ),
    ] = None,
    device: Device = "cpu",
    top: Annotated[int, typer.Option("--top", "-k", min=1, max=100_000, help="Images per text.")] = 50,
    by: Annotated[str, typer.Option("--by", help="Rank by the model's score, or by presence.")] = "score",
    min_probability: Annotated[
        float,
        typer.Option("--min-probability", min=0, max=1, help="Leave out images less likely to show it than this."),
    ] = 0.0,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write every row here: .csv, .jsonl or .parquet.")
    ] = None,
    report: Annotated[Path | None, typer.Option("--report", help="Write a page (.html) to look at.")] = None,
    base: Annotated[
        Path, typer.Option("--base", help="Where relative names of photos start, for the report's pictures.")
    ] = Path(),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per row, for programs.")] = False,
) -> None:
    """Find photos by a text, among all whose vectors `unseen embed` stored; no photo is encoded again."""
    if bool(queries) == (classes is not None):
        raise InputError("search: give either texts to look for or --classes FILE. See --help.")
    from unseen.labelling.reading import open_embeddings
    from unseen.labelling.rescoring import load_model
    from unseen.labelling.search import search as find
    from unseen.vocabulary import Vocabulary
    from unseen.writers import check_writable, format_of

    asked: Any = queries if classes is None else Vocabulary.parse(classes)
    if out is not None:
        format_of(out)
        check_writable("search", "the output file", out)
    if report is not None:
        if report.suffix.lower() not in (".html", ".htm"):
            raise InputError(f"search: --report must end in .html; got {report.name!r}. Rename it.")
        check_writable("search", "the report", report)
    stored = open_embeddings(folder)
    if stored.warning:
        print(f"unseen: {stored.warning}", file=sys.stderr)
    recognizer = load_model(stored, model, device=device)
    with progress("searching", len(stored)) as advance:
        hits = find(
            stored,
            asked,
            recognizer=recognizer,
            top_k=top,
            by=by,
            min_probability=min_probability,
            advance=advance,
        )
    if out is not None:
        hits.write(out)
    if report is not None:
        from unseen.files import write_atomically

        write_atomically(report, _page(hits, base))
    if as_json:
        for row in hits.rows():
            print_json(row)
        return
    print(hits)
    for path in (out, report):
        if path is not None:
            print(f"written: {path}")


def _page(hits: Hits, base: Path) -> str:
    from unseen.labelling.originals import preview_of
    from unseen.report.gallery import Tile, Wall, render_gallery

    walls = []
    for query in hits.queries:
        found = hits.of(query)
        tiles = [Tile(hit.item, hit.rank, hit.probability, preview_of(hit.item, hit.sha, base)) for hit in found]
        note = f"The best {len(found):,} of {hits.searched:,} images; in percent how likely each shows it at all."
        walls.append(Wall(query, note, tiles))
    title = f"“{hits.queries[0]}”" if len(hits.queries) == 1 else f"{len(hits.queries):,} searches"
    return render_gallery(
        title, [("images searched", f"{hits.searched:,}"), ("found", f"{len(hits):,}")], walls, hits.settings
    )
