"""What remedies for domain shift and semantic loss do, on held-out classes of the training part.

    python benchmarks/shift_and_loss.py --data data/zsl

Three folds of held-out classes, at most 100 samples of a class, defaults of the methods. Accuracy is per class, over
all classes, each when it was held out; differences are paired by class, with 95 % percentile intervals of 2,000
bootstrap draws of classes. The test part is not opened. Prints Markdown.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from unseen import Prototypes
from unseen.diagnosis.semantic_loss import measure_semantic_loss, retained_information
from unseen.methods.attribute_weights import AttributeWeights
from unseen.methods.base import Method
from unseen.methods.meta.aligned import Aligned
from unseen.methods.meta.prepared import Prepared
from unseen.methods.meta.self_training import SelfTraining
from unseen.methods.projection.sae import SAE
from unseen.methods.selection import ClassWiseSplit
from unseen.metrics import bootstrap_interval
from unseen.prototypes import combine_views
from unseen.registry import METHODS
from xlsa import load

Array = np.ndarray[Any, Any]
Shift = Callable[[Array, Array, np.random.RandomState], Array]


def offset(X: Array, deviation: Array, random: np.random.RandomState) -> Array:
    """Move every dimension by about a standard deviation."""
    return np.asarray(X + deviation * random.normal(size=X.shape[1]))


def gain(X: Array, deviation: Array, random: np.random.RandomState) -> Array:
    """Give every dimension its own gain and offset, and add noise."""
    gains = np.exp(0.5 * random.normal(size=X.shape[1]))
    noise = 0.3 * deviation * random.normal(size=X.shape)
    return np.asarray(X * gains + deviation * random.normal(size=X.shape[1]) + noise)


def mixing(X: Array, deviation: Array, random: np.random.RandomState) -> Array:
    """Let every dimension leak into all others."""
    d = X.shape[1]
    return np.asarray(X + X @ random.normal(size=(d, d)) / d**0.5)


SHIFTS: dict[str, Shift | None] = {
    "none": None,
    "offset": offset,
    "gain, offset, noise": gain,
    "mixed dimensions": mixing,
}


def subsample(X: Array, y: Array, most: int = 100) -> tuple[Array, Array]:
    """Return at most `most` samples of each class."""
    random = np.random.RandomState(0)
    rows = np.sort(np.concatenate([random.permutation(np.flatnonzero(y == c))[:most] for c in np.unique(y)]))
    return X[rows], y[rows]


def per_class(model: Method, X: Array, y: Array, prototypes: Prototypes) -> dict[str, float]:
    """Return the accuracy of each class among those of `y`."""
    names = np.unique(y)
    found = model.predict(X, prototypes=prototypes.subset(names.tolist()))
    return {str(name): float((found[y == name] == name).mean()) for name in names}


def cell(found: dict[str, float], base: dict[str, float] | None = None) -> str:
    """Return an accuracy, and its difference from another's with its interval."""
    values = np.array([found[name] for name in sorted(found)])
    if base is None:
        return f"{values.mean():.3f}"
    difference = values - np.array([base[name] for name in sorted(found)])
    change = bootstrap_interval(difference, np.arange(len(difference)))
    return f"{values.mean():.3f} ({change.estimate:+.3f}, {change.low:+.3f} to {change.high:+.3f})"


def head(*cells: str) -> None:
    print(f"| {' | '.join(cells)} |\n{'|---' * len(cells)}|", flush=True)


def alignment(X: Array, y: Array, prototypes: Prototypes, names: list[str]) -> None:
    """Print what aligning does, without a shift and under artificial ones."""
    wrappers: dict[str, Callable[[Method], Method]] = {
        "as it is": lambda method: method,
        "mean": lambda method: Aligned(method, alignment="mean"),
        "standardize": lambda method: Aligned(method, alignment="standardize"),
        "coral": lambda method: Aligned(method, alignment="coral"),
        "self-training": lambda method: SelfTraining(method),
        "standardize, then self-training": lambda method: SelfTraining(method),
    }
    found: dict[tuple[str, str, str], dict[str, float]] = {}
    for learned, held in ClassWiseSplit(3).split(X, y):
        deviation = X[learned].std(axis=0)
        moved = {
            shift: X[held] if move is None else move(X[held], deviation, np.random.RandomState(1))
            for shift, move in SHIFTS.items()
        }
        mover = Aligned(METHODS.get("ridge")()).fit(X[learned], y[learned], prototypes=prototypes)
        for name in names:
            for kind, wrap in wrappers.items():
                model = wrap(METHODS.get(name)()).fit(X[learned], y[learned], prototypes=prototypes)
                for shift, batch in moved.items():
                    ready = mover._moved(batch) if kind.startswith("standardize,") else batch
                    found.setdefault((name, shift, kind), {}).update(per_class(model, ready, y[held], prototypes))
    head("method", "shift", *wrappers)
    for name in names:
        for shift in SHIFTS:
            plain = found[name, shift, "as it is"]
            cells = [cell(found[name, shift, kind], plain if kind != "as it is" else None) for kind in wrappers]
            print(f"| `{name}` | {shift} | {' | '.join(cells)} |", flush=True)


def held_out(model: Method, X: Array, y: Array, views: Sequence[Prototypes]) -> dict[str, float]:
    """Return the accuracy of each class when it is held out; several views are combined, scaled by the others."""
    found: dict[str, float] = {}
    first = views[0]
    for learned, held in ClassWiseSplit(3).split(X, y):
        known = Prototypes(first.names, first.vectors, seen=np.isin(first.names, y[learned]))
        prototypes = first if len(views) == 1 else combine_views([known, *views[1:]])
        model.fit(X[learned], y[learned], prototypes=prototypes)
        found |= per_class(model, X[held], y[held], prototypes)
    return found


def views(X: Array, y: Array, sources: dict[str, list[Prototypes]], names: list[str]) -> None:
    """Print what other and more semantic views do, and weights of their dimensions."""
    head("method", "prototypes", "as they are", "`AttributeWeights()`", "`AttributeWeights(1.0)`")
    for name in names:
        first: dict[str, float] | None = None
        for source, given in sources.items():
            plain = held_out(METHODS.get(name)(), X, y, given)
            weighted = [
                cell(held_out(Prepared(METHODS.get(name)(), prototypes=weights), X, y, given), plain)
                for weights in (AttributeWeights(), AttributeWeights(1.0))
            ]
            print(f"| `{name}` | {source} | {cell(plain, first)} | {' | '.join(weighted)} |", flush=True)
            first = plain if first is None else first


def reconstruction(X: Array, y: Array, prototypes: Prototypes) -> None:
    """Print what the weight of decoding in SAE does."""
    head("`SAE(alpha)`", "visual to semantic", "semantic to visual")
    base: list[dict[str, float]] | None = None
    for alpha in (1000.0, 10.0, 1.0, 0.1, 0.01):
        found = [
            held_out(SAE(alpha, direction=direction), X, y, [prototypes])
            for direction in ("visual_to_semantic", "semantic_to_visual")
        ]
        cells = [cell(one, None if base is None else base[i]) for i, one in enumerate(found)]
        print(f"| {alpha:g} | {' | '.join(cells)} |", flush=True)
        base = found if base is None else base


def pairs(X: Array, y: Array, prototypes: Prototypes) -> None:
    """Print how often held-out classes that are close by what is retained are taken for each other."""
    close: list[float] = []
    every: list[float] = []
    for learned, held in ClassWiseSplit(3).split(X, y):
        names = np.unique(y[held])
        new = prototypes.subset(names.tolist())
        answers = (
            METHODS.get("ridge")().fit(X[learned], y[learned], prototypes=prototypes).predict(X[held], prototypes=new)
        )
        taken = np.array([[(answers[y[held] == a] == b).mean() for b in names] for a in names])
        both = taken + taken.T
        loss = measure_semantic_loss(X[learned], y[learned], prototypes=prototypes, candidates=new, n_pairs=10)
        found = [(new.positions([row["first"], row["second"]])) for row in loss.rows if "first" in row]
        close += [float(both[a, b]) for a, b in found]
        every += both[np.triu_indices(len(names), 1)].tolist()
    head("pairs of held-out classes", "photos of either that `ridge` takes for the other, both shares added")
    print(f"| the ten closest of each fold by what is retained | {np.mean(close):.1%} |")
    print(f"| all | {np.mean(every):.1%} |", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="What remedies for domain shift and semantic loss do.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--datasets", default="CUB100,AWA1")
    parser.add_argument("--parts", default="alignment,views,reconstruction,pairs")
    arguments = parser.parse_args()
    parts = arguments.parts.split(",")
    for dataset in arguments.datasets.split(","):
        data = load(arguments.data / dataset)
        X, y = subsample(*data.take("trainval"))
        sources = {"attributes": [data.prototypes]}
        if (arguments.data / dataset / "sent_splits.mat").is_file():
            sources["sentences"] = [load(arguments.data / dataset, sentences=True).prototypes]
            sources["both"] = sources["attributes"] + sources["sentences"]
        kept = []
        for source in sources.keys() - {"both"}:
            known = sources[source][0].subset(np.unique(y).tolist())
            loss = retained_information(X, y, prototypes=known)
            kept.append(f"{source} {np.clip(loss.retained, 0, 1).mean():.2f}")
        print(f"## {dataset}: retained, {', '.join(sorted(kept))}\n")
        if "alignment" in parts:
            alignment(X, y, data.prototypes, ["kernel_ridge", "ridge"])
            print()
        if "views" in parts:
            views(X, y, sources, ["ridge", "eszsl", "kernel_ridge"])
            print()
        if "reconstruction" in parts:
            reconstruction(X, y, data.prototypes)
            print()
        if "pairs" in parts:
            pairs(X, y, data.prototypes)
            print()


if __name__ == "__main__":
    main()
