"""What `auto` could do otherwise: the best setting alone, all members in the sum, more folds.

    python benchmarks/auto_choice.py --data data/zsl

On outer folds of held-out classes of the training part: what a search on the other classes chose is judged on
them, by accuracy per class. The test part is not opened. Prints Markdown.
"""

from __future__ import annotations

import argparse
from itertools import islice
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from unseen import Prototypes
from unseen.methods.meta import auto
from unseen.methods.meta.members import weighted_scorer
from unseen.methods.selection import ClassWiseSplit
from unseen.metrics import per_class_top_k
from xlsa import load

Array = np.ndarray[Any, Any]

#: Members of the sum, and the lead with which the best alone takes its place.
WAYS = {"as it is": (5, 0.01), "the best setting alone": (1, 0.01), "the sum of all": (99, np.inf)}


def judged(X: Array, y: Array, rows: Array, held: Array, prototypes: Prototypes, n_splits: int) -> dict[str, float]:
    """Return the accuracy on held-out classes of what is chosen on the others, each way."""
    known: dict[str, Any] = {"X": X[rows], "y": y[rows], "prototypes": prototypes}
    with patch.object(auto, "_chosen", wraps=auto._chosen) as choose:
        auto.Auto(None, n_splits=n_splits).fit(**known)
    names = np.unique(y[held])
    new = prototypes.subset(names.tolist())
    out = {}
    for way, (most, lead) in WAYS.items():
        with patch.multiple(auto, _MEMBERS=most, _LUCK=lead):
            members, weights, _ = auto._chosen(*choose.call_args.args)
        for member in members:
            member.fit(**known)
        scores = weighted_scorer(members, weights, new.vectors.astype(float))(X[held].astype(float))
        out[way] = per_class_top_k(new.positions(y[held]), scores)
    return out


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="What `auto` could do otherwise.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--datasets", default="CUB100,AWA1")
    parser.add_argument("--folds", type=int, default=3, help="how many of three outer folds")
    arguments = parser.parse_args()
    for name in arguments.datasets.split(","):
        data = load(arguments.data / name)
        X, y = data.take("trainval")
        found: dict[str, list[float]] = {}
        for rows, held in islice(ClassWiseSplit(3).split(X, y), arguments.folds):
            for n_splits in (3, 5):
                for way, accuracy in judged(X, y, rows, held, data.prototypes, n_splits).items():
                    found.setdefault(f"{way}, {n_splits} folds", []).append(accuracy)
        print(f"| {name} | mean | folds |\n|---|---|---|")
        for way, values in found.items():
            print(f"| {way} | {np.mean(values):.3f} | {', '.join(f'{one:.3f}' for one in values)} |", flush=True)
        print()


if __name__ == "__main__":
    main()
