"""``unseen label``: a folder, a list or an archive of any size, into Parquet files."""

from __future__ import annotations

import shlex
import shutil
import signal
import sys
import threading
from contextlib import contextmanager, redirect_stdout
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
    model_for,
    top_k_option,
)
from unseen.cli.progress import progress
from unseen.cli.streams import print_json, told
from unseen.errors import InputError
from unseen.validation import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from unseen.labelling.report import Report

__all__ = ["EXAMPLE", "label"]

EXAMPLE = (
    "Example: unseen label photos/ --classes classes.yaml --out labels\n\n"
    "unseen label 'shards/{000..099}.tar' --classes classes.yaml --out labels --resume\n\n"
    "unseen label photos.csv --column url --classes classes.yaml --out labels --embeddings"
)

#: Kinds of error that are listed.
_SHOWN = 12
#: Bytes that a row takes, without and with its vector; a little more than most do.
_ROW, _VECTOR = 250, 2600

Sources = Annotated[
    list[str],
    typer.Argument(
        metavar="SOURCE",
        help="Folders, photos, patterns, tables (.csv, .tsv, .jsonl, .parquet, .txt), archives (.tar, .tar.gz, .zip), "
        "videos, or addresses (https://, s3://, gs://) of these.",
        show_default=False,
    ),
]
Out = Annotated[Path, typer.Option("--out", "-o", help="The output folder.", show_default=False)]
Engine = Annotated[str, typer.Option("--engine", help="local: this machine; ray: a Ray cluster.")]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers", min=1, help="With --engine ray: processes that hold the model.", show_default="one per machine"
    ),
]
WorkerCores = Annotated[
    int | None,
    typer.Option(
        "--worker-cores", min=1, help="With --engine ray: cores of each worker.", show_default="an equal share"
    ),
]
RayAddress = Annotated[
    str | None,
    typer.Option(
        "--ray-address",
        help="With --engine ray: the cluster, auto or host:port.",
        show_default="RAY_ADDRESS, or this machine alone",
    ),
]
ShardSize = Annotated[int, typer.Option("--shard-size", min=1, max=1_000_000, help="Items per Parquet file.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with a run that was stopped or killed.")]
RetryErrors = Annotated[
    bool,
    typer.Option("--retry-errors", help="Go on, and try those items again whose row has an error."),
]
Column = Annotated[
    str | None,
    typer.Option(
        "--column",
        help="The column of a table that holds paths, addresses or bytes.",
        show_default="path, file, image, url …",
    ),
]
Every = Annotated[
    str | None,
    typer.Option(
        "--every", help="Frames of videos: one every so many seconds (2), or frames (10f).", show_default="1 second"
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print the totals as JSON, for programs.")]


def label(
    sources: Sources,
    *,
    classes: Classes,
    out: Out,
    model: Model = "default",
    device: Device = "cpu",
    engine: Engine = "local",
    workers: Workers = None,
    worker_cores: WorkerCores = None,
    ray_address: RayAddress = None,
    shard_size: ShardSize = 4096,
    resume: Resume = False,
    retry_errors: RetryErrors = False,
    embeddings: Annotated[
        bool, typer.Option("--embeddings", help="Write the vectors too, to ask about them again.")
    ] = False,
    top_k: Annotated[int | None, top_k_option("5, with --multi-label 20")] = None,
    unknown_below: UnknownBelow = None,
    multi_label: MultiLabel = False,
    threshold: Threshold = None,
    background: Background = None,
    ensemble: Ensemble = "embeddings",
    index: Index = "exact",
    column: Column = None,
    every: Every = None,
    as_json: Json = False,
) -> None:
    """Label photos of any number into a folder of Parquet files; killed and started again, nothing is lost."""
    from unseen.labelling.run import label as run
    from unseen.vocabulary import Vocabulary

    vocabulary = Vocabulary.parse(classes)
    judging = judge_options(
        "label",
        vocabulary,
        top_k=top_k,
        unknown_below=unknown_below,
        multi_label=multi_label,
        threshold=threshold,
        background=background,
        ensemble=ensemble,
        index=index,
    )
    options: dict[str, Any] = {
        **judging,
        "embeddings": embeddings,
        "recognizer": model_for("label", model, device, engine=engine),
        "engine": engine,
        "workers": workers,
        "worker_cores": worker_cores,
        "ray_address": ray_address,
        "shard_size": shard_size,
        "resume": resume,
        "retry_errors": retry_errors,
        "column": column,
        "every": every,
    }
    with watched("labelling", sources, out, column=column, every=every, embeddings=embeddings) as advance:
        report = run(sources, vocabulary, out, advance=advance, **options)
    tell(report, as_json)


@contextmanager
def watched(
    verb: str, sources: list[str], out: Path, *, column: str | None, every: str | None, embeddings: bool
) -> Iterator[Callable[[int], None]]:
    """Show a bar, warn of a full disk, and turn being stopped into how to go on.

    What others print meanwhile, as Ray does of workers that die, goes to standard error: there is but one answer.
    """
    from unseen.labelling.output import OtherVersionWarning
    from unseen.labelling.sources import open_source

    # Counting walks the folders once more; only somebody who watches a bar needs it.
    total = open_source(sources, column=column, every=every).count() if sys.stderr.isatty() else None
    _warn_of_disk(out, total, embeddings)
    stopped: list[int] = []
    try:
        with (
            told(OtherVersionWarning),
            _terminable(stopped),
            progress(verb, total) as advance,
            redirect_stdout(sys.stderr),
        ):
            yield advance
    except KeyboardInterrupt:
        print(f"unseen: {_how_to_go_on(out)}", file=sys.stderr)
        # 128 + the signal's number, as shells count it; `main` says that it was stopped.
        raise typer.Exit(128 + stopped[0] if stopped else 130) from None


@contextmanager
def _terminable(stopped: list[int]) -> Iterator[None]:
    """Have SIGTERM end the run as Ctrl-C does: what is done is kept, threads end."""

    def stop(number: int, frame: object) -> None:
        del frame
        stopped.append(number)
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():  # only there signals can be received
        yield
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _how_to_go_on(out: Path) -> str:
    from unseen.labelling.manifest import read_manifest

    try:
        items = read_manifest(out).items
    except InputError:
        return "nothing was written yet; run the command again"
    command = shlex.join(["unseen", *sys.argv[1:], *([] if "--resume" in sys.argv else ["--resume"])])
    return f"{items:,} items are done and written. Go on with: {one_line(command)}"


def _warn_of_disk(out: Path, total: int | None, embeddings: bool) -> None:
    if not total:
        return
    try:
        place = next(folder for folder in (out, *out.absolute().parents) if folder.exists())
        needed, free = total * (_VECTOR if embeddings else _ROW), shutil.disk_usage(place).free
    except OSError:  # the run itself says what is wrong with the output
        return
    if needed > free:
        note = f"{total:,} items may take {needed / 1e9:.1f} GB, and {place} has {free / 1e9:.1f} GB left"
        print(f"unseen: {note}; a full disk stops the run, which can be gone on with", file=sys.stderr)


def tell(report: Report, as_json: bool) -> None:
    """Print the totals of a run."""
    if as_json:
        print_json(report.to_dict())
        return
    print(str(report))
    shown = list(report.reasons.items())[:_SHOWN]
    for reason, count in shown:
        print(f"  {count:>9,}  {one_line(reason)}")
    if len(report.reasons) > len(shown):
        print(f"  {sum(report.reasons.values()) - sum(n for _, n in shown):>9,}  other reasons")
