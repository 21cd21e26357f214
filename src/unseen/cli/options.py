"""Options that several commands have, worded once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unseen.errors import InputError
from unseen.validation import message

__all__ = [
    "Background",
    "Classes",
    "Ensemble",
    "Index",
    "Model",
    "MultiLabel",
    "Threshold",
    "UnknownBelow",
    "background_of",
    "threshold_of",
]

Classes = Annotated[
    str,
    typer.Option("--classes", "-c", help='A vocabulary file (.yaml, .csv, .txt), or "a, b, c".', show_default=False),
]
UnknownBelow = Annotated[
    float | None,
    typer.Option(
        "--unknown-below",
        min=0,
        max=1,
        help="Call an item unknown when the probability that it is of any class is below this.",
    ),
]
MultiLabel = Annotated[
    bool, typer.Option("--multi-label", help="Judge each class alone: an item may be of several, or of none.")
]
Threshold = Annotated[
    str | None,
    typer.Option(
        "--threshold",
        help="With --multi-label: accept a class from this probability on; or a .csv file with the columns name "
        "and threshold (classes that are not in it: 0.5).",
        show_default="0.5",
    ),
]
Background = Annotated[
    str | None,
    typer.Option(
        "--background",
        help='What items may be of besides the classes, "grass, an empty room" or a .txt file; "" for nothing.',
        show_default="of the model",
    ),
]
Ensemble = Annotated[
    str,
    typer.Option("--ensemble", help="How several texts of a class become one: mean of embeddings, or of scores."),
]
Index = Annotated[
    str,
    typer.Option(
        "--index", help="exact looks at every class; usearch, for very many, at those that a graph finds near."
    ),
]
Model = Annotated[
    str,
    typer.Option("--model", "-m", help="A model of `unseen models` (default, hf:…, open_clip:…), or a saved folder."),
]


def threshold_of(text: str | None) -> float | dict[str, float]:
    """Return what --threshold says: a number, or the numbers of a file."""
    from unseen.tasks.small_tables import read_thresholds

    if text is None:
        return 0.5
    try:
        return float(text)
    except ValueError:
        path = Path(text)
    if path.suffix.lower() != ".csv":
        expected = "a number from 0 to 1, or a .csv file with the columns name and threshold"
        raise InputError(message("classify", "--threshold", expected, text, "Write for example 0.5"))
    return read_thresholds(path)


def background_of(text: str | None) -> list[str] | None:
    """Return what --background says; names as in --classes, and nothing for an empty text."""
    from unseen.vocabulary import Vocabulary

    if text is None:
        return None
    return list(Vocabulary.parse(text).names) if text.strip() else []
