"""``unseen detect``: what is where in photos."""

from __future__ import annotations

import sys
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unseen.cli.options import (
    Background,
    Classes,
    Device,
    Ensemble,
    Model,
    UnknownBelow,
    detector_on,
    judge_options,
    model_on,
)
from unseen.cli.outputs import spare_files, spare_photos
from unseen.cli.progress import progress
from unseen.cli.streams import print_json
from unseen.errors import InputError
from unseen.validation import message, verbatim

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from unseen.detection.detections import Detections
    from unseen.tasks.detect import Found

__all__ = ["EXAMPLE", "detect"]

EXAMPLE = (
    'Example: unseen detect photos/ --classes "zebra, okapi, jeep" --out boxes.csv --save-images drawn/\n\n'
    "unseen detect photos/ --classes classes.yaml --detector onnx:yolox_nano.onnx --out boxes.json\n\n"
    "unseen detect photos/ --classes classes.yaml --detector regions:boxes.json --format yolo --out dataset/"
)
#: Images shown on a terminal; every box goes to --out.
_SHOWN = 20


def detect(
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH", help="Photos or folders of photos.", show_default=False)
    ],
    *,
    classes: Classes,
    detector: Annotated[
        str,
        typer.Option(
            "--detector",
            "-d",
            help="What finds boxes: default, regions:FILE (boxes you have), onnx:FILE (YOLOX and its kin), hf:MODEL, "
            "or the address of a server, http://…",
        ),
    ] = "default",
    model: Model = "default",
    device: Device = "cpu",
    threshold: Annotated[
        str | None,
        typer.Option(
            "--threshold",
            help="Give boxes from this score on; or a .csv file with the columns name and threshold.",
            show_default="0.3",
        ),
    ] = None,
    nms: Annotated[
        float, typer.Option("--nms", min=0, max=1, help="Boxes of a class that overlap by more become one.")
    ] = 0.5,
    agnostic: Annotated[
        bool, typer.Option("--agnostic", help="Let boxes of different classes take away one another, too.")
    ] = False,
    tiles: Annotated[
        str | None,
        typer.Option("--tiles", help="Look at overlapping parts, too: 2 (2 by 2 tiles), 3x2, or 640x640 pixels."),
    ] = None,
    background: Background = None,
    label_weight: Annotated[
        float | None,
        typer.Option(
            "--label-weight",
            min=0,
            max=1,
            help="How much the detector's own word for a box counts beside the picture.",
            show_default="0.7",
        ),
    ] = None,
    unknown_below: UnknownBelow = None,
    max_boxes: Annotated[int, typer.Option("--max-boxes", min=1, help="Boxes per image that are looked at.")] = 100,
    ensemble: Ensemble = "embeddings",
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Write every box here: .csv, .jsonl, .parquet, .json (COCO), or a folder."),
    ] = None,
    format: Annotated[
        str | None, typer.Option("--format", help="Layout of --out: coco, yolo, voc or label-studio.")
    ] = None,
    save_images: Annotated[
        Path | None, typer.Option("--save-images", help="Write each photo with its boxes into this folder.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option("--report", help="Write a page (.html) with the photos of each class to look at.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="End with exit code 1 at the first unusable item.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per box, for programs.")] = False,
) -> None:
    """Find where things are in photos, by what you write about the classes."""
    from unseen.detection.judge import LABEL_WEIGHT
    from unseen.errors import ItemError
    from unseen.inputs.sources import count_images, iter_images
    from unseen.report.found import FoundReport, check_page
    from unseen.tasks.detect import THRESHOLD, BoxFinder, refuse_error
    from unseen.vocabulary import Vocabulary

    vocabulary = Vocabulary.parse(classes)
    layout = _layout(out, format)
    inputs = [*paths, classes, threshold or "", background or "", detector.partition(":")[2]]
    for target in (out, report):
        spare_files("detect", target, inputs)
    spare_photos("detect", save_images, paths)
    if report:
        check_page(report)
    # Files are read, and held against the classes, before any model is loaded.
    read = judge_options("detect", vocabulary, multi_label=True, threshold=threshold, background=background)
    source = paths[0] if len(paths) == 1 else paths  # one folder without photos is a mistake, one of many is a row
    items = iter_images(source)
    chosen = detector_on(detector, device)
    finder = BoxFinder(
        model_on(model, device, chosen),
        vocabulary,
        detector=chosen,
        threshold=THRESHOLD if threshold is None else read["threshold"],
        nms=nms,
        agnostic=agnostic,
        tiles=tiles,
        background=read["background"],
        label_weight=LABEL_WEIGHT if label_weight is None else label_weight,
        max_boxes=max_boxes,
        unknown_below=unknown_below,
        ensemble=ensemble,
    )
    printer = _JsonPrinter() if as_json else _TablePrinter()
    total = count_images(source) if sys.stderr.isatty() else None
    with ExitStack() as stack:
        stack.enter_context(closing(finder))
        # Opened before the work begins: a file that cannot be written is told at once, not after an hour.
        add = _sink(stack, out, layout, vocabulary.names, finder.settings)
        pictures = None if save_images is None else _Pictures(save_images)
        page = FoundReport(vocabulary.names, finder.settings) if report else None
        advance = stack.enter_context(progress("detecting", total))
        try:
            for found in stack.enter_context(closing(finder.stream(items))):
                refuse_error(found.detections, strict)
                printer.add(found.detections)
                if add is not None:
                    add(found.detections)
                if pictures is not None:
                    pictures.add(found)
                if page is not None:
                    page.add_boxes(found.detections, found.pixels)
                advance(1)
        except ItemError as error:
            print(f"unseen: {error}", file=sys.stderr)
            raise typer.Exit(1) from None
    if page is not None and report:
        page.write(report)
    printer.close([path for path in (out, save_images, report) if path])


def _layout(out: Path | None, format: str | None) -> str | None:
    """Return the layout of the output: one of the exports, "table", or None where there is none."""
    from unseen.registry import BOX_EXPORTS
    from unseen.validation import check_choice
    from unseen.writers import FORMATS

    if format is not None:
        check_choice("detect", "--format", format, tuple(BOX_EXPORTS.names()))
        if out is None:
            raise InputError(
                message("detect", "--out", "given with --format", verbatim("nothing"), "Say where to write")
            )
        return format
    if out is None:
        return None
    if out.suffix.lower() == ".json":
        return "coco"
    if out.suffix.lower() in FORMATS:
        return "table"
    expected = f"a file that ends in {', '.join(FORMATS)} or .json, or --format to be given"
    raise InputError(message("detect", "--out", expected, out.name, "Say --format yolo, voc, coco or label-studio"))


def _sink(
    stack: ExitStack, out: Path | None, layout: str | None, names: Sequence[str], settings: dict[str, Any]
) -> Callable[[Detections], None] | None:
    """Return what takes detections to the output."""
    from unseen.detection.detections import BOX_COLUMNS
    from unseen.detection.exports import open_export
    from unseen.writers import open_writer

    if out is None or layout is None:
        return None
    if layout == "table":
        writer = stack.enter_context(open_writer(out, columns=BOX_COLUMNS))
        return lambda detections: writer.write_rows(detections.iter_rows())
    return stack.enter_context(open_export(layout, out, names, settings)).add


class _Pictures:
    """Photos with their boxes, in a folder; what is there already under a name that is needed is replaced."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._taken: set[str] = set()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            reason = verbatim((error.strerror or type(error).__name__).lower())
            raise InputError(
                message("detect", f"the folder {str(folder)!r}", "writable", reason, "Choose another place")
            ) from None

    def add(self, found: Found) -> None:
        from PIL import Image

        from unseen.exports.names import safe_name, with_mark
        from unseen.report.drawing import draw_detections
        from unseen.writers import unwritable

        if found.pixels is None:
            return
        item = found.detections.item
        name = safe_name(Path(item.replace("\\", "/").rpartition("/")[2] or "image").stem + ".jpg")
        if name.casefold() in self._taken:
            name = with_mark(name, item)
        self._taken.add(name.casefold())
        target = self._folder / name
        if self._is_source(target, item):
            raise InputError(
                message(
                    "detect", "--save-images", "another folder than the photos'", str(self._folder), "Choose another"
                )
            )
        drawn: npt.NDArray[Any] = draw_detections(found.pixels, found.detections)
        try:
            Image.fromarray(drawn).save(target, "JPEG", quality=92, subsampling=0)
        except OSError as error:
            raise unwritable("detect", "the picture", target, error) from None

    @staticmethod
    def _is_source(target: Path, item: str) -> bool:
        try:
            return target.exists() and target.samefile(item)
        except (OSError, ValueError):
            return False


class _JsonPrinter:
    """One JSON object per row on standard output, and nothing else there."""

    def add(self, detections: Detections) -> None:
        for row in detections.iter_rows():
            print_json(row)

    def close(self, written: Sequence[Path]) -> None:
        sys.stdout.flush()


class _TablePrinter:
    """The first images as a table, a summary, and where the rest is."""

    def __init__(self) -> None:
        self._images = self._boxes = self._empty = self._skipped = self._dropped = 0
        self._counts: dict[str, int] = {}

    def add(self, detections: Detections) -> None:
        if self._images < _SHOWN:
            print(detections)
        elif self._images == _SHOWN:
            print("…")
        self._images += 1
        self._skipped += detections.error is not None
        self._empty += detections.error is None and not len(detections)
        self._boxes += len(detections)
        self._dropped += int(detections.settings.get("dropped", 0))
        for name in detections.best():
            self._counts[name or "unknown"] = self._counts.get(name or "unknown", 0) + 1

    def close(self, written: Sequence[Path]) -> None:
        from unseen.validation import counted, one_line

        most = sorted(self._counts.items(), key=lambda pair: -pair[1])
        said = ", ".join(f"{count:,} {one_line(name)}" for name, count in most[:10])
        more = f", and {counted(len(most) - 10, 'other class', 'other classes')}" if len(most) > 10 else ""
        found = f"{counted(self._images, 'image')}: {counted(self._boxes, 'box', 'boxes')}"
        print(f"\n{found}" + (f" ({said}{more})" if said else ""))
        left = f"{self._empty:,} without a box, {self._skipped:,} skipped"
        print(left + (f", {counted(self._dropped, 'unusable box', 'unusable boxes')} dropped" if self._dropped else ""))
        for path in written:
            print(f"written: {path}")
