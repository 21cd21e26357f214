"""`label` and `embed`: a source of any size into a folder of Parquet parts, on this machine."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unseen.errors import InputError
from unseen.labelling.labeller import Job, Labeller
from unseen.labelling.local_engine import run_local
from unseen.labelling.manifest import VOCABULARY, read_manifest
from unseen.labelling.output import Output
from unseen.labelling.parts import names_digest
from unseen.labelling.report import Report
from unseen.labelling.sources import nothing_found, open_source
from unseen.validation import check_choice, check_number, check_switch, message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from unseen.labelling.references import Reference
    from unseen.labelling.sources import Source
    from unseen.recognizer import Recognizer
    from unseen.vocabulary import Vocabulary

__all__ = ["embed", "label"]

#: Where the work is done, and by what; the local engine takes this process's labeller, the others a job to send out.
ENGINES = ("local", "ray")
#: What the engines that send jobs out may be told of the machines.
_CREW = ("workers", "worker_cores", "ray_address")
_MOST_ITEMS_PER_PART = 1_000_000
#: Characters of paths that are written down one by one.
_LONGEST_DESCRIPTION = 1 << 20


def label(
    source: Any,
    vocabulary: Any,
    out: str | Path,
    *,
    recognizer: str | Path | Recognizer = "default",
    shard_size: int = 4096,
    resume: bool = False,
    retry_errors: bool = False,
    embeddings: bool = False,
    engine: str = "local",
    workers: int | None = None,
    worker_cores: int | None = None,
    ray_address: str | None = None,
    top_k: int | None = None,
    unknown_below: float | None = None,
    multi_label: bool = False,
    threshold: Any = 0.5,
    background: Sequence[str] | None = None,
    ensemble: str = "embeddings",
    index: str = "exact",
    column: str | None = None,
    every: float | str | None = None,
    advance: Callable[[int], None] | None = None,
) -> Report:
    """Label every photo of a source, of any size, into a folder of Parquet files.

    Parameters
    ----------
    source : path, str, iterable of those, or an iterable of photos
        See :func:`unseen.labelling.open_source`: folders, patterns, tables, archives, videos, addresses.
    vocabulary : Vocabulary, path, str or sequence of str
        The classes: a vocabulary, its file, ``"a, b, c"``, or names.
    out : str or Path
        The output folder: new, empty, or with `resume` what an earlier run left.
    recognizer : str, path or Recognizer, default "default"
        The model, or what :meth:`unseen.Recognizer.load` finds it by.
    shard_size : int, default 4096
        Items per part, from 1 to 1,000,000.
    resume : bool, default False
        Whether to go on with an unfinished output; source, classes, model and options must be those it was begun with.
    retry_errors : bool, default False
        Whether to go on, and to label again the items whose row has an error: a server may answer by now. Takes the
        local engine.
    embeddings : bool, default False
        Whether rows also hold the vectors, as 16-bit floats.
    engine : {"local", "ray"}, default "local"
        Where the work is done: on this machine, or on a Ray cluster.
    workers, worker_cores, ray_address
        With ``engine="ray"``: how many processes hold the model, how many cores each of them has, and where the cluster
        is. See :func:`unseen.labelling.ray_engine.run_ray`.
    top_k, unknown_below, multi_label, threshold, background, ensemble
        As for :meth:`unseen.Recognizer.classify`.
    index : {"exact", "usearch"}, default "exact"
        Whether every class is looked at, or, for very many, those that a graph finds near; see
        :func:`unseen.tasks.class_index.build_index`.
    column : str or None, default None
        The column of a table that holds paths, addresses or bytes.
    every : float, str or None, default None
        Which frames of videos: seconds between two, or ``"10f"`` for every tenth frame; None for one a second.
    advance : callable or None, default None
        Called with the number of items that were done since the last call.

    Returns
    -------
    Report

    Raises
    ------
    InputError
        When an argument is out of range, a path does not exist, the source is empty or not the one the output was
        begun with, another run writes the same output, or the system refuses to write.

    Notes
    -----
    Exactly one row per item, in the order of the source; a photo that cannot be used is a row with its error. Memory
    does not grow with the number of items. Whatever ends the run, the same call with ``resume=True`` goes on where it
    was, having lost no more than the last seconds of work.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from unseen.labelling import label
    >>> photos = (np.full((32, 32, 3), shade, np.uint8) for shade in (0, 128, 255))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     report = label(photos, ["night", "fog", "snow"], folder)
    >>> report.items, report.errors
    (3, 0)
    """
    options: dict[str, Any] = {"top_k": top_k, "unknown_below": unknown_below}
    if multi_label:
        options |= {"multi_label": multi_label, "threshold": threshold}
    if background is not None:
        options["background"] = list(background)
    if ensemble != "embeddings":
        options["ensemble"] = ensemble
    if index != "exact":
        options["index"] = index
    return _run(
        source, _vocabulary(vocabulary), out, recognizer=recognizer, shard_size=shard_size, resume=resume,
        retry_errors=retry_errors, embeddings=embeddings, engine=engine, crew=(workers, worker_cores, ray_address),
        column=column, every=every, advance=advance, options=options,
    )  # fmt: skip


def embed(
    source: Any,
    out: str | Path,
    *,
    recognizer: str | Path | Recognizer = "default",
    shard_size: int = 4096,
    resume: bool = False,
    retry_errors: bool = False,
    engine: str = "local",
    workers: int | None = None,
    worker_cores: int | None = None,
    ray_address: str | None = None,
    column: str | None = None,
    every: float | str | None = None,
    advance: Callable[[int], None] | None = None,
) -> Report:
    """Encode every photo of a source once, into a folder of Parquet files, to be asked about many times.

    Parameters
    ----------
    source, out, recognizer, shard_size, resume, retry_errors, engine, workers, worker_cores, ray_address
        As for :func:`label`.
    column, every, advance
        As for :func:`label`.

    Returns
    -------
    Report

    Raises
    ------
    InputError
        As :func:`label`.

    Notes
    -----
    A vector of d numbers takes 2 d bytes: 2.5 GB for a million photos with the default model.
    """
    return _run(
        source, None, out, recognizer=recognizer, shard_size=shard_size, resume=resume,
        retry_errors=retry_errors, embeddings=True, engine=engine, crew=(workers, worker_cores, ray_address),
        column=column, every=every, advance=advance, options={},
    )  # fmt: skip


def _vocabulary(given: Any) -> Vocabulary:
    from unseen.vocabulary import Vocabulary

    if isinstance(given, Vocabulary):
        return given
    if isinstance(given, str):
        return Vocabulary.parse(given)
    if isinstance(given, os.PathLike):
        return Vocabulary.load(given)
    return Vocabulary.from_names(given)


def _run(
    source: Any,
    vocabulary: Vocabulary | None,
    out: str | Path,
    *,
    recognizer: str | Path | Recognizer,
    shard_size: int,
    resume: bool,
    retry_errors: bool,
    embeddings: bool,
    engine: str,
    crew: tuple[int | None, int | None, str | None],
    column: str | None,
    every: float | str | None,
    advance: Callable[[int], None] | None,
    options: Mapping[str, Any],
) -> Report:
    from unseen.recognizer import Recognizer

    shard_size = int(
        check_number("labelling", "shard_size", shard_size, low=1, high=_MOST_ITEMS_PER_PART, integer=True)
    )
    resume = check_switch("labelling", "resume", resume)
    retry_errors = check_switch("labelling", "retry_errors", retry_errors)
    embeddings = check_switch("labelling", "embeddings", embeddings)
    check_choice("labelling", "engine", engine, ENGINES)
    asked = {name: value for name, value in zip(_CREW, crew, strict=True) if value is not None}
    if engine == "local" and asked:
        name, remedy = next(iter(asked)), "Leave it out, or choose engine 'ray'"
        raise InputError(message("labelling", name, "None with engine 'local'", asked[name], remedy))
    if engine != "local" and retry_errors:
        remedy = "Leave the engine out: either goes on with what the other began"
        raise InputError(message("labelling", "retry_errors", f"False with engine {engine!r}", retry_errors, remedy))
    opened = open_source(source, column=column, every=every)
    with ExitStack() as stack:
        references: Iterator[Reference] = iter(opened)
        first = next(references, None)
        if first is None:
            raise nothing_found(opened.description)
        spare_source(out, source)
        output = stack.enter_context(Output(out, resume=resume or retry_errors))
        model = recognizer if isinstance(recognizer, Recognizer) else Recognizer.load(recognizer)
        labeller = Labeller(model, vocabulary, embeddings=embeddings, options=options)
        if vocabulary is not None and not output.begun:
            vocabulary.save(output.folder / VOCABULARY)
        kind, settings = (
            "embeddings" if vocabulary is None else "labels",
            _settings(opened, labeller, shard_size, column, every),
        )
        output.begin(kind, settings, retry_errors=retry_errors)
        if vocabulary is not None and not (output.folder / VOCABULARY).exists():  # somebody has removed it since
            vocabulary.save(output.folder / VOCABULARY)
        kept = sum(part.items - part.errors * (i in output.retried) for i, part in output.done.items())
        began = time.monotonic()
        if not output.complete:
            everything = chain([first], references)
            if engine == "local":
                run_local(output, everything, labeller, shard_size=shard_size, advance=advance)
            else:
                job = Job(_spec(recognizer), vocabulary, embeddings=embeddings, options=options)
                _engine(engine)(output, everything, job, shard_size=shard_size, advance=advance, **asked)
        seconds = time.monotonic() - began
    manifest = read_manifest(out)
    return Report(
        str(out),
        manifest.items,
        min(kept, manifest.items),
        len(manifest.parts),
        manifest.errors,
        manifest.reasons,
        seconds,
    )


def _spec(recognizer: str | Path | Recognizer) -> str:
    """Return what a worker finds the model by."""
    if isinstance(recognizer, str | os.PathLike):
        return os.fspath(recognizer)
    raise InputError(
        message(
            "labelling",
            "recognizer",
            "a name or a folder, where workers are to load it",
            recognizer,
            "Save it with Recognizer.save and pass the folder",
        )
    )


def _engine(name: str) -> Callable[..., None]:
    import importlib

    module = importlib.import_module(f"unseen.labelling.{name}_engine")
    run: Callable[..., None] = getattr(module, f"run_{name}")
    return run


def _settings(
    source: Source, labeller: Labeller, shard_size: int, column: str | None, every: float | str | None
) -> dict[str, Any]:
    return {
        "source": _described(source.description),
        "column": column,
        "every": None if every is None else str(every),
        "shard_size": shard_size,
        **labeller.settings,
    }


def _described(description: list[str]) -> list[str]:
    """Return what was pointed at; very many paths by their number and digest, as the manifest's first line is short."""
    if sum(map(len, description)) <= _LONGEST_DESCRIPTION:
        return description
    return [f"<{len(description):,} paths of SHA-256 {names_digest(description)}>"]


def spare_source(out: str | Path, source: Any) -> None:
    """Raise when the output lies where photos are looked for: a resumed run would see another source.

    Raises
    ------
    InputError
        Naming the two.
    """
    place = Path(out).resolve()
    given = [source] if isinstance(source, str | os.PathLike) else source
    for one in given if isinstance(given, list | tuple) else []:
        if isinstance(one, str | os.PathLike) and Path(one).is_dir() and place == Path(one).resolve():
            raise InputError(
                message("labelling", "out", "another folder than the source", str(out), "Choose another folder")
            )
