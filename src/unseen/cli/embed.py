"""``unseen embed``: photos encoded once, to be asked about many times."""

from __future__ import annotations

from typing import Any

from unseen.cli.label import (
    Column,
    Engine,
    Every,
    Json,
    Out,
    RayAddress,
    Resume,
    RetryErrors,
    ShardSize,
    Sources,
    WorkerCores,
    Workers,
    tell,
    watched,
)
from unseen.cli.options import Device, Model, model_for

__all__ = ["EXAMPLE", "embed"]

EXAMPLE = (
    "Example: unseen embed photos/ --out vectors\n\n"
    "unseen classify vectors --classes classes.yaml --out answers.csv\n\n"
    'unseen search vectors "a red car at night"'
)


def embed(
    sources: Sources,
    *,
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
    column: Column = None,
    every: Every = None,
    as_json: Json = False,
) -> None:
    """Encode photos of any number once; `unseen classify` and `unseen search` then answer from the vectors."""
    from unseen.labelling.run import embed as run

    options: dict[str, Any] = {
        "recognizer": model_for("embed", model, device, engine=engine),
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
    with watched("encoding", sources, out, column=column, every=every, embeddings=True) as advance:
        report = run(sources, out, advance=advance, **options)
    tell(report, as_json)
