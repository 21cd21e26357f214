"""How many folds of training classes choose the best penalty on seen classes.

    python benchmarks/penalty.py --data data/zsl

A quarter of the training classes is held out, four times. The penalty is chosen on folds of the others and judged on
the held-out ones: how far is the harmonic mean below that of the best penalty in hindsight? The test part is not
opened. Prints Markdown.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from unseen.decision.stacking import CalibratedStacking
from unseen.methods.selection import ClassWiseSplit
from unseen.methods.simulation import simulate
from unseen.metrics import seen_unseen_curve
from unseen.registry import METHODS
from xlsa import load

METHOD_ROWS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("eszsl", {}),
    ("eszsl", {"center": False, "balanced": False, "normalize": False}),
    ("sae", {}),
    ("sae", {"direction": "visual_to_semantic"}),
    ("ridge", {}),
    ("reverse_ridge", {}),
    ("kernel_ridge", {}),
    ("gfzsl", {}),
)
FOLDS = (3, 4, 5, 8)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Folds that choose the penalty on seen classes.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--datasets", default="CUB100,AWA1")
    arguments = parser.parse_args()
    print("| data | folds | u / s | H | H lost against the best penalty |\n|---|---|---|---|---|")
    for dataset in arguments.datasets.split(","):
        data = load(arguments.data / dataset)
        X, y = data.take("trainval")
        outer = list(ClassWiseSplit(4, random_state=11).split(X, y))
        found: dict[int, list[tuple[float, float, float, float]]] = {k: [] for k in FOLDS}
        for name, params in METHOD_ROWS:
            method = METHODS.get(name)(**params)
            judged = simulate(method, X, y, prototypes=data.prototypes, split=outer, max_per_class=100)
            for (rows, _), contest in zip(outer, judged, strict=True):
                curve = seen_unseen_curve(contest.y, contest.scores, contest.seen)
                for k in FOLDS:
                    inner = simulate(
                        method,
                        X[rows],
                        y[rows],
                        prototypes=data.prototypes,
                        split=ClassWiseSplit(k),
                        max_per_class=100,
                        bank_size=1,
                    )
                    u, s, h = curve.at(CalibratedStacking().fit(inner).gamma_)
                    found[k].append((u, s, h, curve.best()[1] - h))
        for k, figures in found.items():
            u, s, h, lost = np.mean(figures, axis=0)
            print(f"| {data.name} | {k} | {u:.3f} / {s:.3f} | {h:.3f} | {lost:.4f} |", flush=True)


if __name__ == "__main__":
    main()
