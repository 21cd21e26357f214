"""``unseen segment``: which class each pixel is of."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unseen.cli.options import Background, Classes, Device, Model, background_names, model_on, segmenter_on
from unseen.cli.outputs import spare_files, spare_photos
from unseen.cli.progress import progress
from unseen.cli.streams import print_json
from unseen.errors import InputError

if TYPE_CHECKING:
    from unseen.segmentation.files import Names
    from unseen.segmentation.result import Segmentation

__all__ = ["EXAMPLE", "segment"]

EXAMPLE = 'Example: unseen segment photos/ --classes "cat, horse" --out masks/ --overlay pictures/'

#: Images shown on a terminal; all of them go to --out.
_SHOWN = 20


def segment(
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH", help="Photos, or folders of photos.", show_default=False)
    ],
    *,
    classes: Classes,
    model: Model = "default",
    device: Device = "cpu",
    segmenter: Annotated[
        str,
        typer.Option("--segmenter", help="What looks: default (the model, at every place), or hf:… for a CLIPSeg."),
    ] = "default",
    background: Background = None,
    threshold: Annotated[
        float,
        typer.Option(
            "--threshold", min=0, max=1, help="A class that is less likely to be in the photo than this gets no pixels."
        ),
    ] = 0.2,
    refine: Annotated[
        str,
        typer.Option(
            "--refine",
            help="How answers are drawn to the edges of objects: colours, guided, grabcut (finest and slowest; extra "
            "vision) or none.",
        ),
    ] = "colours",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write masks into this folder.")] = None,
    kind: Annotated[
        str,
        typer.Option(
            "--format", help="png: label images; coco: run lengths in one file; polygons: outlines, a line per photo."
        ),
    ] = "png",
    overlay: Annotated[
        Path | None, typer.Option("--overlay", help="Write photos with the classes in colour into this folder.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option("--report", help="Write a page (.html) with the photos of each class to look at.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="End with exit code 1 at the first unusable photo.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per photo, for programs.")] = False,
) -> None:
    """Find which class each pixel of photos is of."""
    from unseen.errors import ItemError
    from unseen.inputs.sources import count_images
    from unseen.report.found import FoundReport, check_page
    from unseen.segmentation.files import FORMATS, MaskWriter, Names
    from unseen.tasks.segment import segment_images
    from unseen.validation import check_choice
    from unseen.vocabulary import Vocabulary

    check_choice("segment", "--format", kind, tuple(FORMATS))
    for folder in (out, overlay):
        spare_photos("segment", folder, paths)
    if out is not None and overlay is not None and out.resolve() == overlay.resolve():
        raise InputError("segment: --out and --overlay must be two folders. Choose another name for one of them.")
    if report:
        spare_files("segment", report, [*paths, classes, background or ""])
        check_page(report)
    vocabulary = Vocabulary.parse(classes)
    source: Any = paths[0] if len(paths) == 1 else paths
    chosen = segmenter_on(segmenter, device)
    results = segment_images(
        model_on(model, device, chosen),
        source,
        vocabulary,
        segmenter=chosen,
        background=background_names(background),
        threshold=threshold,
        refine=refine,
        strict=strict,
    )
    total = count_images(source) if sys.stderr.isatty() else None
    printer, taken = _Printer(as_json), Names()
    page: FoundReport | None = None
    with ExitStack() as stack:
        writer = stack.enter_context(MaskWriter(out, kind, vocabulary.names)) if out else None
        pictures = _folder(overlay) if overlay else None
        advance = stack.enter_context(progress("segmenting", total))
        try:
            for found in results:
                if writer:
                    writer.write(found)
                if pictures:
                    _draw(found, pictures, taken)
                if report:
                    page = page or FoundReport(vocabulary.names, found.settings)
                    page.add_masks(found, found.item)
                printer.add(found)
                advance(1)
        except ItemError as error:
            print(f"unseen: {error}", file=sys.stderr)
            raise typer.Exit(1) from None
    if page and report:
        page.write(report)
    printer.close([place for place in (out, overlay, report) if place])


def _folder(folder: Path) -> Path:
    from unseen.writers import unwritable

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable("segment", "the folder", folder, error) from None
    return folder


def _draw(found: Segmentation, folder: Path, names: Names) -> None:
    """Write one picture; a photo that has gone since is left out."""
    from unseen.errors import ItemError
    from unseen.segmentation.files import save_picture

    if found.error is not None:
        return
    try:
        save_picture(found.overlay(found.item), folder / names.of(found.item, ".jpg"))
    except (ItemError, InputError, MemoryError) as error:
        reason = "not enough memory" if isinstance(error, MemoryError) else error
        print(f"unseen: {found.item}: no overlay: {reason}", file=sys.stderr)


class _Printer:
    """One line per photo: which classes cover how much of it."""

    def __init__(self, as_json: bool) -> None:
        self._json = as_json
        self._items = self._skipped = self._empty = 0

    def add(self, found: Segmentation) -> None:
        shares = {name: share for name, share in found.fractions().items() if share}
        self._items += 1
        self._skipped += found.error is not None
        self._empty += found.error is None and not shares
        if self._json:
            rounded = {name: round(share, 6) for name, share in shares.items()}
            print_json({"item": found.item, "size": found.size, "fractions": rounded, "error": found.error})
        elif self._items <= _SHOWN:
            from unseen.validation import one_line

            ranked = sorted(shares.items(), key=lambda pair: -pair[1])
            said = ", ".join(f"{one_line(name)} {share:.1%}" for name, share in ranked) or "none of the classes"
            print(f"{one_line(found.item)}  {said if found.error is None else 'skipped: ' + one_line(found.error)}")

    def close(self, written: list[Path]) -> None:
        if self._json:
            sys.stdout.flush()
            return
        if self._items > _SHOWN:
            print(f"… and {self._items - _SHOWN:,} more")
        done = self._items - self._skipped - self._empty
        print(f"\n{done:,} with classes, {self._empty:,} without, {self._skipped:,} skipped")
        for path in written:
            print(f"written: {path}")
