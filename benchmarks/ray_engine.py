"""How fast `label` is with two Ray workers, against the local engine, on the same photos in one run.

    python benchmarks/ray_engine.py photos/ [--count 5000] [--repeats 3] [--workers 2] [--shard-size 128]

Starting is left out on both sides: the clock runs from the first answer to the last. Of the items, the first batch of
the local engine and the first shard of every Ray worker are not counted; what the other workers had begun by the first
answer is thereby work that Ray is given no credit for. Rounds alternate, so that a machine whose speed drifts does so
for both. Planning, by paths that do not exist, is timed by itself: no cluster is fed faster. Prints Markdown.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from unseen.encoders.base import available_cores
from unseen.labelling import label, open_source, plan_shards
from unseen.labelling.ray_cluster import cluster
from unseen.labelling.shipping import pack_shard

CLASSES = ["zebra", "okapi", "piano", "lighthouse", "teapot"]


def rate(files: list[str], engine: str, *, workers: int, shard_size: int) -> float:
    """Return photos per second of one run, its start left out."""
    told: list[tuple[float, int]] = []

    def advance(done: int) -> None:
        if done:
            told.append((time.perf_counter(), done))

    crew = workers if engine == "ray" else None
    with TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        report = label(
            files, CLASSES, out, engine=engine, shard_size=shard_size, advance=advance, embeddings=True, workers=crew
        )
    assert (report.items, report.errors) == (len(files), 0)
    counted = told[workers if engine == "ray" else 1 :]
    return sum(done for _, done in counted) / (told[-1][0] - told[0][0])


def planning(count: int = 200_000) -> float:
    """Return how many photos a second one process plans and packs, by a table of their paths."""
    with TemporaryDirectory() as folder:
        table = Path(folder) / "photos.csv"
        table.write_text("path\n" + "".join(f"some/folder/{i // 1000}/{i}.jpg\n" for i in range(count)))
        began = time.perf_counter()
        packed = [len(pack_shard(shard)["references"]) for shard in plan_shards(iter(open_source(table)), 4096, {})]
        seconds = time.perf_counter() - began
    assert len(packed) == -(-count // 4096)
    return count / seconds


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Ray workers against the local engine.")
    parser.add_argument("photos", type=Path)
    parser.add_argument("--count", type=int, default=5000, help="photos to label; the folder is taken repeatedly")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--shard-size", type=int, default=128)
    arguments = parser.parse_args()
    found = sorted(str(path) for path in arguments.photos.rglob("*.jpg"))
    files = (found * (1 + arguments.count // len(found)))[: arguments.count]
    rates: dict[str, list[float]] = {"local": [], "ray": []}
    with cluster(None):
        for _ in range(arguments.repeats):
            for engine, measured in rates.items():
                measured.append(rate(files, engine, workers=arguments.workers, shard_size=arguments.shard_size))
    ratios = [ray / local for ray, local in zip(rates["ray"], rates["local"], strict=True)]
    print(f"{len(files):,} photos in shards of {arguments.shard_size}, {available_cores()} cores, ", end="")
    print(f"{arguments.repeats} alternating rounds\n\n| engine | photos/s, median | rounds |\n|---|---|---|")
    for engine, name in (("local", "local"), ("ray", f"Ray, {arguments.workers} workers")):
        rounds = ", ".join(f"{one:.0f}" for one in rates[engine])
        print(f"| {name} | {float(np.median(rates[engine])):.0f} | {rounds} |")
    print(f"| planning, paths of a table | {planning():,.0f} | |")
    print(f"| Ray / local | {float(np.median(ratios)):.2f} | {', '.join(f'{one:.2f}' for one in ratios)} |")


if __name__ == "__main__":
    main()
