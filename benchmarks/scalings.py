"""What each scaling of vectors, prototypes and scores does to a method, on held-out classes of the training part.

    python benchmarks/scalings.py --data data/zsl

One option at a time is switched on, then all that `Auto` may combine at best; defaults of the methods otherwise. Three
folds of held-out classes, at most 100 samples of a class. The test part is not opened. Prints Markdown.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from unseen.methods.base import Method
from unseen.methods.meta.prepared import Prepared
from unseen.methods.preprocessing import FeatureScaling, PrototypeScaling
from unseen.methods.selection import ClassWiseSplit, select
from unseen.registry import METHODS
from xlsa import load

NONE = FeatureScaling(normalize=False)
OPTIONS = {
    "nothing": (NONE, None, False),
    "vectors of unit length": (FeatureScaling(), None, False),
    "square roots, unit length": (FeatureScaling(0.5), None, False),
    "100 principal components": (FeatureScaling(normalize=False, n_components=100), None, False),
    "whitened within classes, shrinkage 3": (FeatureScaling(normalize=False, shrinkage=3.0), None, False),
    "prototypes centred": (NONE, PrototypeScaling(center="center"), False),
    "prototypes standardised": (NONE, PrototypeScaling(center="standardize"), False),
    "prototypes' square roots, centred": (NONE, PrototypeScaling(0.5, center="center"), False),
    "scores standardised": (NONE, None, True),
    "square roots of both, centred": (FeatureScaling(0.5), PrototypeScaling(0.5, center="center"), False),
    "the same, scores standardised": (FeatureScaling(0.5), PrototypeScaling(0.5, center="center"), True),
}


def plain(name: str) -> Method:
    """Return a method without scalings of its own."""
    method: Method = METHODS.get(name)()
    if name == "kernel_ridge":
        method.set_params(prototype_scaling="none", shrinkage=None)
    return method


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="What each scaling does.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--datasets", default="CUB100,AWA1")
    parser.add_argument("--methods", default="ridge,reverse_ridge,kernel_ridge,eszsl,gfzsl,sync")
    arguments = parser.parse_args()
    names = arguments.methods.split(",")
    for dataset in arguments.datasets.split(","):
        data = load(arguments.data / dataset)
        X, y = data.take("trainval")
        print(f"{dataset}:\n\n| option | {' | '.join(f'`{name}`' for name in names)} |")
        print("|---" * (len(names) + 1) + "|")
        for option, (features, prototypes, standardize) in OPTIONS.items():
            figures = []
            for name in names:
                method = Prepared(plain(name), features=features, prototypes=prototypes, standardize=standardize)
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
            print(f"| {option} | {' | '.join(figures)} |", flush=True)
        print()


if __name__ == "__main__":
    main()
