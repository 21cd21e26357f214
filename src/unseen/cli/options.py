"""Options that several commands have, worded once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unseen.errors import InputError
from unseen.validation import message

if TYPE_CHECKING:
    from unseen.detection.base import Detector
    from unseen.recognizer import Recognizer
    from unseen.segmentation.base import Segmenter
    from unseen.vocabulary import Vocabulary

__all__ = [
    "Background",
    "Classes",
    "Device",
    "Ensemble",
    "Index",
    "Model",
    "MultiLabel",
    "Threshold",
    "UnknownBelow",
    "background_names",
    "detector_on",
    "judge_options",
    "model_for",
    "model_on",
    "segmenter_on",
    "top_k_option",
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
Device = Annotated[
    str,
    typer.Option(
        "--device",
        help="Where networks of open_clip, hf and sentence-transformers run: cpu, cuda, cuda:1, mps; or auto, a "
        "graphics card where there is one.",
    ),
]


def detector_on(spec: str, device: str) -> str | Detector:
    """Return what --detector and --device say: the detector's name, or the detector where it has a network of its own.

    Raises
    ------
    UnseenError
        When it cannot be loaded.
    """
    from unseen.detection.loading import load_detector
    from unseen.registry import DETECTORS

    scheme = spec.partition(":")[0]
    if device == "cpu" or scheme not in DETECTORS or not _takes_device(DETECTORS.get(scheme)):
        return spec
    return load_detector(spec, device=device)


def segmenter_on(spec: str, device: str) -> str | Segmenter:
    """Return what --segmenter and --device say; as :func:`detector_on`.

    Raises
    ------
    UnseenError
        When it cannot be loaded.
    """
    from unseen.registry import SEGMENTERS
    from unseen.tasks.segment import load_segmenter

    scheme = spec.partition(":")[0]
    if device == "cpu" or scheme not in SEGMENTERS or not _takes_device(SEGMENTERS.get(scheme)):
        return spec
    return load_segmenter(spec, device=device)


def model_on(model: str, device: str, finder: object) -> Recognizer:
    """Return the recogniser of --model and --device; the embedded one runs beside a network that takes the device."""
    from unseen.recognizer import Recognizer

    beside = model == "default" and not isinstance(finder, str)
    return Recognizer.load(model, device="cpu" if beside else device)


def _takes_device(kind: Any) -> bool:
    from inspect import signature

    return "device" in signature(kind).parameters


def top_k_option(left_out: str) -> Any:
    """Return the option --top-k of a command; `left_out` says how many classes are given without it."""
    help_ = "Classes to give per item, likeliest first; with --multi-label at most so many."
    return typer.Option("--top-k", "-k", min=1, help=help_, show_default=left_out)


def model_for(command: str, model: str, device: str, *, engine: str) -> str | Recognizer:
    """Return what a labelling run takes for --model, --device and --engine: on the CPU each process loads its own."""
    from unseen.recognizer import Recognizer

    if device == "cpu":
        return model
    if engine != "local":
        raise InputError(
            f"{command}: --device needs --engine local: the workers of a cluster use processors. See --help."
        )
    return Recognizer.load(model, device=device)


def judge_options(
    command: str,
    vocabulary: Vocabulary,
    *,
    multi_label: bool,
    threshold: str | None,
    background: str | None,
    candidates: Path | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Return the options of a judge: files are read, and held against the classes, before any model is loaded.

    Raises
    ------
    InputError
        When one of them cannot be used.
    """
    from unseen.tasks.candidates import Candidates
    from unseen.tasks.small_tables import read_candidates
    from unseen.tasks.thresholds import check_thresholds

    if threshold is not None and not multi_label:
        raise InputError(
            f"{command}: --threshold needs --multi-label: else the likeliest class is the answer. See --help."
        )
    options |= {"multi_label": multi_label, "threshold": _threshold(threshold)}
    options["background"] = background_names(background)
    check_thresholds(options["threshold"], vocabulary.names)
    if candidates is not None:
        options["candidates"] = read_candidates(candidates)
        Candidates(options["candidates"], vocabulary.names)
    return options


def _threshold(text: str | None) -> float | dict[str, float]:
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


def background_names(text: str | None) -> list[str] | None:
    """Return what --background says; names as in --classes, and nothing for an empty text."""
    from unseen.vocabulary import Vocabulary

    if text is None:
        return None
    return list(Vocabulary.parse(text).names) if text.strip() else []
