"""Labelling a big folder: sources -> shards -> Parquet parts with a manifest.

::

    references.py   where one item is, and how its bytes are read
    sources.py      what people point at -> a stream of references (files, and the modules below)
    lists.py        tables of paths, addresses or bytes
    archives.py     tar and zip
    remote.py       addresses; by fsspec (connections.py), archives and tables through temporary copies (copies.py)
    videos.py       frames
    labeller.py     references -> rows, in one process
    rows.py         the columns
    shards.py       a source cut into shards; what is done is passed over
    parts.py        Parquet files, whole or not at all
    journal.py      rows of the part that is being made
    manifest.py     which parts count
    output.py       the folder of one run; one run at a time
    retries.py      rows with an error, labelled again
    run.py          `label` and `embed`
    local_engine.py one stream through all parts, in this process
    shipping.py     shards as plain data, for other machines
    ray_engine.py   shards handed out to a Ray cluster; what a worker does (ray_worker.py), the cluster (ray_cluster.py)
    report.py       what a run did
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from unseen.labelling.labeller import Job, Labeller
    from unseen.labelling.manifest import Manifest, read_manifest
    from unseen.labelling.output import OtherVersionWarning, Output
    from unseen.labelling.parts import PartSummary
    from unseen.labelling.report import Report
    from unseen.labelling.run import embed, label
    from unseen.labelling.shards import Shard, label_shard, plan_shards
    from unseen.labelling.sources import Source, open_source

__all__ = [
    "Job",
    "Labeller",
    "Manifest",
    "OtherVersionWarning",
    "Output",
    "PartSummary",
    "Report",
    "Shard",
    "Source",
    "embed",
    "label",
    "label_shard",
    "open_source",
    "plan_shards",
    "read_manifest",
]

_HOME = {
    "Job": "labeller",
    "Labeller": "labeller",
    "Manifest": "manifest",
    "OtherVersionWarning": "output",
    "Output": "output",
    "PartSummary": "parts",
    "Report": "report",
    "Shard": "shards",
    "Source": "sources",
    "embed": "run",
    "label": "run",
    "label_shard": "shards",
    "open_source": "sources",
    "plan_shards": "shards",
    "read_manifest": "manifest",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
