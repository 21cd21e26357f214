"""What an approximate index of classes finds, and what it saves: recall@1, recall@5 and time, against the exact one.

Vectors of made-up classes, random (the worst case: every class is about as far as any other) and in clusters (as
embeddings of names are); queries are noisy copies of classes. Times are of one run, one after the other, and are to be
read as ratios.

    python benchmarks/index_recall.py --sizes 10000 100000 1000000 --dim 256
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

import numpy as np

from unseen.tasks.class_index import ClassIndex, build_index, recall

K = 5


def made(kind: str, n: int, dim: int, n_queries: int, seed: int) -> tuple[Any, Any]:
    """Return class vectors (n, dim) and queries (n_queries, dim)."""
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((n, dim), dtype=np.float32)
    if kind == "clustered":
        # Spread as wide as the clusters are apart, so that neighbours are many and near.
        centres = rng.standard_normal((max(10, n // 100), dim), dtype=np.float32)
        vectors *= 0.5
        vectors += centres[rng.integers(0, len(centres), n)]
    chosen = vectors[rng.integers(0, n, n_queries)]
    return vectors, chosen + 0.5 * rng.standard_normal(chosen.shape, dtype=np.float32)


def timed(index: ClassIndex, X: Any) -> tuple[Any, float]:
    """Return what is found, and seconds per 1,000 vectors."""
    index.search(X[:8], k=K)
    start = time.perf_counter()
    positions, _ = index.search(X, k=K)
    return positions, (time.perf_counter() - start) / len(X) * 1000


def measure(kind: str, n: int, dim: int, n_queries: int, seed: int, expansions: list[int]) -> list[dict[str, Any]]:
    vectors, X = made(kind, n, dim, n_queries, seed)
    truth, exact_seconds = timed(build_index(vectors), X)
    start = time.perf_counter()
    index: Any = build_index(vectors, "usearch")
    built = time.perf_counter() - start
    rows = []
    for expansion in expansions:
        index.expansion = expansion
        found, seconds = timed(index, X)
        rows.append(
            {
                "vectors": kind,
                "classes": n,
                "dim": dim,
                "expansion": expansion,
                "recall@1": round(recall(found[:, :1], truth[:, :1]), 4),
                "recall@5": round(recall(found, truth), 4),
                "exact, s per 1,000": round(exact_seconds, 3),
                "usearch, s per 1,000": round(seconds, 3),
                "times as fast": round(exact_seconds / seconds, 1),
                "to build, s": round(built, 1),
            }
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--dim", type=int, default=256)
    parser.add_argument("--queries", type=int, default=500)
    parser.add_argument("--expansions", type=int, nargs="+", default=[64, 128, 512])
    parser.add_argument("--kinds", nargs="+", default=["random", "clustered"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print JSON Lines in place of a table")
    options = parser.parse_args()
    heads: list[str] = []
    for kind in options.kinds:
        for n in options.sizes:
            for row in measure(kind, n, options.dim, options.queries, options.seed, options.expansions):
                if options.json:
                    print(json.dumps(row), flush=True)
                    continue
                if not heads:
                    heads = list(row)
                    print("| " + " | ".join(heads) + " |\n|" + "---|" * len(heads))
                print("| " + " | ".join(str(value) for value in row.values()) + " |", flush=True)


if __name__ == "__main__":
    main()
