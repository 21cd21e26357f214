"""``unseen classify``: the main job."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unseen.cli.options import (
    Background,
    Classes,
    Device,
    Ensemble,
    Index,
    Model,
    MultiLabel,
    Threshold,
    UnknownBelow,
    judge_options,
    top_k_option,
)
from unseen.cli.outputs import spare_files
from unseen.cli.progress import progress
from unseen.cli.streams import print_json, told
from unseen.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from unseen.labelling.reading import EmbeddingsFolder
    from unseen.recognizer import Recognizer
    from unseen.results import Explanation, Predictions
    from unseen.tasks.judge import Answer
    from unseen.vocabulary import Vocabulary

__all__ = ["EXAMPLE", "classify"]

EXAMPLE = (
    'Example: unseen classify photos/ --classes "okapi, zebra, horse" --unknown-below 0.5 --report report.html\n\n'
    "unseen classify --text questions.csv --column question --classes topics.yaml --out answers.csv"
)

#: Items shown on a terminal; every row goes to --out.
_SHOWN = 20
#: Classes per item where nobody says how many.
_FEW = 3


def classify(
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PATH", help="Photos, folders of photos, or what `unseen embed` wrote.", show_default=False
        ),
    ] = None,
    *,
    classes: Classes,
    text: Annotated[
        Path | None,
        typer.Option(
            "--text", help="Classify the texts of this file (.txt, .csv, .jsonl, .parquet) in place of photos."
        ),
    ] = None,
    column: Annotated[str | None, typer.Option("--column", help="The column of --text that holds the texts.")] = None,
    model: Model = "default",
    device: Device = "cpu",
    top_k: Annotated[int | None, top_k_option("3, with --multi-label 20")] = None,
    unknown_below: UnknownBelow = None,
    multi_label: MultiLabel = False,
    threshold: Threshold = None,
    candidates: Annotated[
        Path | None,
        typer.Option(
            "--candidates",
            help="A .csv file with the columns item and names (separated by |): the classes each item may be of.",
        ),
    ] = None,
    background: Background = None,
    ensemble: Ensemble = "embeddings",
    index: Index = "exact",
    transductive: Annotated[
        str | None,
        typer.Option(
            "--transductive",
            help="With what `unseen embed` wrote: let the photos help each other, by transclip or label_propagation.",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write every row here: .csv, .jsonl or .parquet.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option("--report", help="Write a page (.html) or a contact sheet (.png, .jpg) to look at.")
    ] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Say what speaks for each answer.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="End with exit code 1 at the first unusable item.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per row, for programs.")] = False,
) -> None:
    """Recognise photos (or texts) by what you write about the classes."""
    if bool(paths) == (text is not None):
        raise InputError("classify: give either photos (PATH) or a file of texts (--text FILE). See --help.")
    if column is not None and text is None:
        raise InputError("classify: --column needs --text FILE: photos have no columns. See --help.")
    from unseen.errors import ItemError
    from unseen.labelling.rescoring import load_model, rescore
    from unseen.recognizer import Recognizer
    from unseen.report import ReportBuilder, check_report
    from unseen.tasks.candidates import UnusedCandidatesWarning
    from unseen.tasks.explain import Explainer
    from unseen.vocabulary import Vocabulary
    from unseen.writers import open_writer

    vocabulary = Vocabulary.parse(classes)
    for target in (out, report):
        others = [str(one) for one in (text, candidates, threshold, background) if one]
        spare_files("classify", target, [*(paths or []), *others, classes])
    if report:
        check_report(report)
    if len(vocabulary) == 1 and unknown_below is None:
        note = "there is one class only; its probability says how likely each item is to be of it at all"
        print(f"unseen: {note}", file=sys.stderr)
    stored = _stored(paths or [])
    if transductive is not None and stored is None:
        raise InputError("classify: --transductive needs what `unseen embed` wrote: it looks at all photos together.")
    options = judge_options(
        "classify",
        vocabulary,
        top_k=_FEW if top_k is None and not multi_label else top_k,
        unknown_below=unknown_below,
        multi_label=multi_label,
        threshold=threshold,
        background=background,
        candidates=candidates,
        ensemble=ensemble,
        index=index,
        strict=strict,
    )
    # "default" is what nobody chose; a folder of vectors knows which model made them.
    if stored is None:
        recognizer = Recognizer.load(model, device=device)
    else:
        recognizer = load_model(stored, None if model == "default" else model, device=device)
    total: int | None
    if stored is not None:
        answers, total = rescore(stored, recognizer, vocabulary, transductive=transductive, **options), len(stored)
    else:
        answers, total = _answers(recognizer, vocabulary, paths or [], text, column, options)
    kind = "image" if text is None else "text"
    explainer = Explainer(recognizer, vocabulary, kind, ensemble=options["ensemble"]) if explain else None
    printer = _JsonPrinter() if as_json else _TablePrinter()
    page: ReportBuilder | None = None
    with ExitStack() as stack:
        # Opened before the work begins: a file that cannot be written is told at once, not after an hour.
        writer = stack.enter_context(open_writer(out)) if out else None
        advance = stack.enter_context(progress("classifying", total))
        stack.enter_context(told(UnusedCandidatesWarning))
        try:
            for answer in answers:
                explanations = explainer.explain_all(answer) if explainer else [[] for _ in answer.predictions.items]
                printer.add(answer.predictions, explanations)
                if writer:
                    writer.write(answer.predictions)
                if report:
                    page = page or ReportBuilder(answer.predictions.names, answer.predictions.settings)
                    page.add(
                        answer.predictions, answer.previews, [found[0] if found else None for found in explanations]
                    )
                advance(len(answer.predictions))
        except ItemError as error:
            print(f"unseen: {error}", file=sys.stderr)
            raise typer.Exit(1) from None
    if page and report:
        page.write(report)
    printer.close([path for path in (out, report) if path])


def _stored(paths: list[str]) -> EmbeddingsFolder | None:
    """Return the stored vectors that were pointed at in place of photos, if they were."""
    from unseen.labelling.reading import is_stored, open_embeddings

    if len(paths) != 1 or not is_stored(paths[0]):
        return None
    stored = open_embeddings(paths[0])
    if stored.warning:
        print(f"unseen: {stored.warning}", file=sys.stderr)
    return stored


def _answers(
    recognizer: Recognizer,
    vocabulary: Vocabulary,
    paths: list[str],
    text: Path | None,
    column: str | None,
    options: dict[str, Any],
) -> tuple[Iterator[Answer], int | None]:
    """Return the stream of answers, and how many items there will be where that is cheap to know."""
    from unseen.inputs.sources import count_images
    from unseen.inputs.texts import count_texts
    from unseen.tasks.classify import classify_images, classify_texts

    if text is not None:
        return classify_texts(recognizer, text, vocabulary, column=column, **options), count_texts(text, column=column)
    source = paths[0] if len(paths) == 1 else paths  # one folder without photos is a mistake, one of many is a row
    # Counting walks the folders once more; only somebody who watches a bar needs it.
    total = count_images(source) if sys.stderr.isatty() else None
    return classify_images(recognizer, source, vocabulary, **options), total


class _JsonPrinter:
    """One JSON object per row on standard output, and nothing else there."""

    def add(self, predictions: Predictions, explanations: Sequence[Sequence[Explanation]]) -> None:
        for line in predictions.iter_rows():
            print_json(line)
        for found in explanations:
            for explanation in found:
                print_json({"explanation": asdict(explanation)})

    def close(self, written: Sequence[Path]) -> None:
        sys.stdout.flush()


class _TablePrinter:
    """The first items as a table, a summary, and where the rest is."""

    def __init__(self) -> None:
        self._parts: list[Predictions] = []
        self._explanations: list[Explanation] = []
        self._shown = self._items = self._unknown = self._skipped = 0

    def add(self, predictions: Predictions, explanations: Sequence[Sequence[Explanation]]) -> None:
        if self._shown < _SHOWN:
            self._parts.append(predictions)
            self._explanations += [e for found in explanations[: _SHOWN - self._shown] for e in found]
            self._shown += len(predictions)
        for error in predictions.errors:
            self._skipped += error is not None
        self._items += len(predictions)
        self._unknown += int(predictions.unknown.sum())

    def close(self, written: Sequence[Path]) -> None:
        from unseen.results import Predictions, format_table

        print(format_table(Predictions.concatenate(self._parts), limit=_SHOWN, total=self._items))
        if self._explanations:
            print("\nwhat speaks for it (seen class: how likely; texts: log-odds over the mean class)")
        for explanation in self._explanations:
            print(f"\n{explanation}")
        known = self._items - self._unknown - self._skipped
        counts = f"{known:,} recognised, {self._unknown:,} unknown, {self._skipped:,} skipped"
        print(f"\n{counts}" + "".join(f"\nwritten: {path}" for path in written))
