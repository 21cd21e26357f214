"""What each departure from a paper does, on held-out classes of the training part.

    python benchmarks/departures.py --data data/zsl

Methods with their defaults, and with one or several of what they add to the paper switched off. Three folds of
held-out classes, at most 100 samples of a class. The test part is not opened. Prints Markdown.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from unseen.methods.selection import ClassWiseSplit, select
from unseen.registry import METHODS
from xlsa import load

BARE: dict[str, Any] = {"center": False, "balanced": False, "normalize": False}
ROWS: list[tuple[str, str, dict[str, Any]]] = [
    ("ale", "as in the paper, weights averaged", BARE),
    ("ale", "defaults", {}),
    ("devise", "as in the paper, weights averaged", BARE),
    ("devise", "defaults", {}),
    ("sje", "as in the paper, weights averaged", BARE),
    ("sje", "defaults", {}),
    ("eszsl", "as in the paper", BARE),
    ("eszsl", "defaults", {}),
    ("latem", "one matrix", {"n_matrices": 1}),
    ("latem", "two matrices (default)", {"n_matrices": 2}),
    ("latem", "four matrices", {"n_matrices": 4}),
    ("dap", "binary attributes, prior of the seen classes, as in the paper", {"attributes": "binary", "prior": "seen"}),
    ("dap", "defaults", {}),
    ("iap", "binary attributes, prior of the seen classes, as in the paper", {"attributes": "binary", "prior": "seen"}),
    ("iap", "defaults", {}),
    ("conse", "defaults", {}),
    ("gfzsl", "variances predicted, as in the paper", {"variance_alpha": 0.3}),
    ("gfzsl", "one variance for all classes (default)", {}),
    ("kernel_ridge", "no whitening", {"shrinkage": None}),
    ("kernel_ridge", "defaults", {}),
]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="What each departure from a paper does.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--datasets", default="CUB100,AWA1")
    arguments = parser.parse_args()
    sets = [load(arguments.data / dataset) for dataset in arguments.datasets.split(",")]
    print(f"| method | setting | {' | '.join(data.name for data in sets)} |")
    print("|---" * (len(sets) + 2) + "|")
    for name, label, params in ROWS:
        method = METHODS.get(name)(**params)
        if "random_state" in method.get_params():
            method.set_params(random_state=0)
        figures = []
        for data in sets:
            X, y = data.take("trainval")
            found = select(
                method,
                X,
                y,
                prototypes=data.prototypes,
                space={},
                split=ClassWiseSplit(3),
                seen_share=0.0,
                max_per_class=100,
                refit=False,
            )
            figures.append(f"{found.rows[0]['accuracy']:.3f}")
        print(f"| `{name}` | {label} | {' | '.join(figures)} |", flush=True)


if __name__ == "__main__":
    main()
