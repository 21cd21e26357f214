"""Whether search should rank photos by their score or by the probability that they show the query at all.

    python benchmarks/search_ranking.py $UNSEEN_DATA

The embedded model; every class name is a query, the photos of the class are what it should find. Prints the mean
average precision of both rankings as Markdown.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from sklearn.metrics import average_precision_score

from unseen.labelling import embed
from unseen.labelling.search import search

KINDS = ("score", "presence")


def classes_of(folder: Path) -> dict[str, str]:
    """Return the class of each photo by its path: its folder, or what follows the number in its name."""
    files = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in {".jpg", ".jpeg", ".png"}]
    names = {str(path): path.parent.name if path.parent != folder else path.stem.partition("_")[2] for path in files}
    return {path: name.replace("_", " ") for path, name in names.items()}


def precision(folder: Path) -> tuple[int, int, dict[str, float]]:
    """Return the number of photos and of classes, and the mean average precision of each ranking."""
    classes = classes_of(folder)
    queries = sorted(set(classes.values()))
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as out:
        embed(folder, out)
        for by in KINDS:
            hits = search(out, queries, top_k=len(classes), by=by)
            each = []
            for query in queries:
                ranked = hits.of(query)
                truth = [classes[hit.item] == query for hit in ranked]
                each.append(average_precision_score(truth, -np.arange(len(ranked))))
            found[by] = float(np.mean(each))
    return len(classes), len(queries), found


def main() -> None:
    """Measure all three folders of photos."""
    parser = argparse.ArgumentParser(description="How search should rank.")
    parser.add_argument("data", type=Path)
    photos = parser.parse_args().data / "photos"
    print("| photos | classes | by score | by presence |\n|---|---|---|---|")
    for name in ("caltech51", "imagenet500", "cub100_x4"):
        n, n_classes, found = precision(photos / name)
        print(f"| {name}, {n:,} | {n_classes} | {found['score']:.3f} | {found['presence']:.3f} |", flush=True)


if __name__ == "__main__":
    main()
