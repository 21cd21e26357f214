"""``unseen export``: a model of torch as a folder that needs onnxruntime only."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unseen.cli.streams import print_json

__all__ = ["EXAMPLE", "export"]

EXAMPLE = (
    "Example: unseen export --model open_clip:ViT-B-32/openai --photos photos/ --out clip-onnx\n\n"
    'unseen classify photos/ --model onnx:clip-onnx --classes "okapi, zebra, horse"'
)


def export(
    model: Annotated[
        str,
        typer.Option(
            "--model", "-m", help="What to export: open_clip:…, hf:… or sentence-transformers:….", show_default=False
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to write; new or empty.", show_default=False)],
    photos: Annotated[
        list[str] | None,
        typer.Option("--photos", help="Photos, or a folder of photos, to verify on; at least 4.", show_default=False),
    ] = None,
    precision: Annotated[
        str, typer.Option("--precision", help="fp32; fp16: half the size; int8: a quarter, less exact.")
    ] = "fp32",
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON, for programs.")] = False,
) -> None:
    """Write a model as ONNX, verified against the original on real photos.

    The folder appears only when every photo and text has the vector that the original gives it. It is read by
    `--model onnx:FOLDER`, without torch.
    """
    from unseen.encoders.export import check_export, export_onnx
    from unseen.encoders.loading import load_encoder

    check_export(out, precision)
    report = export_onnx(load_encoder(model), out, precision=precision, photos=_one_or_many(photos))
    if as_json:
        print_json(report.to_dict(), indent=2)
        return
    print(f"{report}\nwritten: {out} (use it with --model onnx:{out})")


def _one_or_many(photos: list[str] | None) -> str | list[str] | None:
    """Return one folder as itself: without photos it is a mistake, while of many it is a row with an error."""
    return photos[0] if photos and len(photos) == 1 else photos
