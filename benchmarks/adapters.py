"""What a few labelled examples, or none but company, do for a recogniser whose images and texts share a space.

    python benchmarks/adapters.py --data data/zsl --photos data/photos

The shared space is made on seen classes: a ridge regression from photos' vectors to prototypes, its strength and the
temperature of the cosines chosen on three folds of training classes. Everything is then measured on the classes of the
published test part, which had no part in any of it; methods run with their defaults. Accuracy is per class; with
examples, mean and standard deviation over draws of examples, which are left out of what is scored. With ``--photos``
the embedded recogniser is adapted to and scored on photos, too. Prints Markdown.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from unseen import Prototypes, Recognizer, Vocabulary
from unseen.decision.calibration import fit_temperature
from unseen.methods.base import Method
from unseen.methods.borrowing.tip_adapter import TipAdapter
from unseen.methods.correspondence.text_probe import TextProbe
from unseen.methods.linalg import class_means, unit_rows
from unseen.methods.meta.balanced_assignment import BalancedAssignment
from unseen.methods.meta.label_propagation import LabelPropagation
from unseen.methods.meta.self_training import SelfTraining
from unseen.methods.meta.transclip import TransCLIP
from unseen.methods.projection.cosine import Cosine
from unseen.methods.selection import ClassWiseSplit
from unseen.tasks.adapt import adapt_head
from unseen.tasks.transduce import transduce
from xlsa import load

Array = np.ndarray[Any, Any]
SHOTS = (1, 2, 4, 8, 16)
STRENGTHS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)


def bridge(X: Array, y: Array, prototypes: Prototypes, strength: float) -> tuple[Callable[[Array], Array], Prototypes]:
    """Return what maps vectors into the space of prototypes, learned on the classes in y, and centred prototypes."""
    known = np.unique(y)
    P = unit_rows(prototypes.vectors.astype(float))
    P = unit_rows(P - P[prototypes.positions(known)].mean(axis=0))
    vectors = unit_rows(X)
    mean = vectors.mean(axis=0)
    # Every class counts once.
    weights = 1 / np.sqrt(np.unique(y, return_counts=True)[1][np.searchsorted(known, y)])[:, None]
    A = (vectors - mean) * weights
    scatter = A.T @ A
    scatter[np.diag_indices_from(scatter)] += strength * np.trace(scatter) / len(scatter)
    W = np.linalg.solve(scatter, A.T @ (P[prototypes.positions(y)] * weights))
    return lambda Z: unit_rows((unit_rows(Z) - mean) @ W), Prototypes(prototypes.names, P)


@dataclass
class Space:
    """Vectors and prototypes in one space: of training classes, and of classes that had no part in making it."""

    X_seen: Array
    y_seen: Array
    X: Array
    y: Array
    prototypes: Prototypes
    scale: float

    @property
    def new(self) -> Prototypes:
        """Prototypes of the classes that are scored."""
        return self.prototypes.subset(np.unique(self.y).tolist())


def make_space(X: Array, y: Array, X_new: Array, y_new: Array, prototypes: Prototypes) -> Space:
    """Choose strength and temperature on folds of training classes, and map everything."""
    accuracies, temperatures = [], []
    for strength in STRENGTHS:
        sets, targets, right = [], [], []
        for learned, held in ClassWiseSplit(3).split(X, y):
            into, P = bridge(X[learned], y[learned], prototypes, strength)
            names = np.unique(y[held])
            scores = Cosine().class_scores(into(X[held]), prototypes=P.subset(names.tolist()))
            sets.append(scores)
            targets.append(np.searchsorted(names, y[held]))
            right.append(per_class(names[scores.argmax(axis=1)], y[held]))
        accuracies.append(np.mean(right))
        temperatures.append(fit_temperature(sets, targets))
    best = int(np.argmax(accuracies))
    into, P = bridge(X, y, prototypes, STRENGTHS[best])
    return Space(into(X), y, into(X_new), y_new, P, 1 / temperatures[best])


def per_class(found: Array, y: Array) -> float:
    """Return the mean over classes of the share of their items that are recognised."""
    return float(np.mean([np.mean(found[y == c] == c) for c in np.unique(y)]))


def draw(y: Array, n: int, seed: int, names: Array | None = None) -> tuple[Array, Array]:
    """Return rows of n examples of each class (among `names`), and all others."""
    random = np.random.RandomState(seed)
    classes = np.unique(y)
    rows = np.concatenate([random.permutation(np.flatnonzero(y == c))[:n] for c in classes])
    kept = rows if names is None else rows[np.isin(y[rows], names)]
    return kept, np.setdiff1d(np.arange(len(y)), rows)


def head(*cells: str) -> None:
    print(f"| {' | '.join(cells)} |\n{'|---' * len(cells)}|", flush=True)


def cell(values: list[float]) -> str:
    return f"{np.mean(values):.3f} ± {np.std(values):.3f}"


def examples(space: Space, n_seeds: int) -> None:
    """Print what examples of all classes do, and of one half of them."""
    s = space.scale
    methods: dict[str, Callable[[], Method]] = {
        "zero-shot cosine": Cosine,
        "`TipAdapter(1, beta=5.5)`": lambda: TipAdapter(1, beta=5.5, scale=s),
        "`TipAdapter()`": lambda: TipAdapter(scale=s),
        "`TextProbe()`": lambda: TextProbe(scale=s),
        "`TransCLIP()` with examples": lambda: TransCLIP(scale=s),
        "`LabelPropagation()` with examples": lambda: LabelPropagation(scale=s),
    }
    print("Examples of every class:\n")
    head("method", *(f"{n} per class" for n in SHOTS))
    for name, make in methods.items():
        cells = []
        for n in SHOTS:
            found = []
            for seed in range(n_seeds):
                rows, rest = draw(space.y, n, seed)
                model = make().fit(space.X[rows], space.y[rows], prototypes=space.new)
                found.append(per_class(model.predict(space.X[rest], prototypes=space.new), space.y[rest]))
            cells.append(cell(found))
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    cells = []
    for n in SHOTS:
        found = []
        for seed in range(n_seeds):
            rows, rest = draw(space.y, n, seed)
            names, y = np.unique(space.y[rows], return_inverse=True)
            means = Prototypes(names.tolist(), class_means(unit_rows(space.X[rows]), y, len(names)))
            found.append(
                per_class(Cosine().fit(means.vectors, names, prototypes=means).predict(space.X[rest]), space.y[rest])
            )
        cells.append(cell(found))
    print(f"| examples alone: nearest mean | {' | '.join(cells)} |\n", flush=True)
    print("Examples of one half of the classes, all compete (classes with examples / without):\n")
    head("method", *(f"{n} per class" for n in SHOTS))
    for name, make in list(methods.items())[:4]:
        cells = []
        for n in SHOTS:
            known_found, other_found = [], []
            for seed in range(n_seeds):
                names = np.random.RandomState(seed).permutation(space.new.names)
                names = names[: len(names) // 2]
                rows, rest = draw(space.y, n, seed, names)
                model = make().fit(space.X[rows], space.y[rows], prototypes=space.new)
                answers, y = model.predict(space.X[rest], prototypes=space.new), space.y[rest]
                known = np.isin(y, names)
                known_found.append(per_class(answers[known], y[known]))
                other_found.append(per_class(answers[~known], y[~known]))
            both = np.mean([known_found, other_found])
            cells.append(f"{both:.3f} ({np.mean(known_found):.3f} / {np.mean(other_found):.3f})")
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    print()


def company(space: Space, n_seeds: int) -> None:
    """Print what scoring everything together does, with even and with uneven classes."""
    s = space.scale
    fit: dict[str, Any] = {"X": space.X_seen, "y": space.y_seen, "prototypes": space.prototypes}
    methods: dict[str, Method] = {
        "zero-shot cosine": Cosine(),
        "`TransCLIP()`": TransCLIP(scale=s),
        "`LabelPropagation()`": LabelPropagation(scale=s),
        "`BalancedAssignment(Cosine())`": BalancedAssignment(Cosine()).fit(**fit),
        "`BalancedAssignment(Cosine(), strength=1)`": BalancedAssignment(Cosine(), strength=1.0).fit(**fit),
        "`SelfTraining(Cosine())`": SelfTraining(Cosine()).fit(**fit),
    }
    draws: dict[str, list[Array]] = {"even": [], "uneven": [], "few classes": []}
    classes = np.unique(space.y)
    least = min(np.bincount(np.searchsorted(classes, space.y)))
    for seed in range(n_seeds):
        random = np.random.RandomState(seed)
        order = random.permutation(len(classes))
        # As many of each; ever fewer, down to a tenth; and a quarter of the classes, where all are asked about.
        for kind, shares in {
            "even": np.full(len(classes), 0.8),
            "uneven": 0.1 ** (order / (len(classes) - 1)),
            "few classes": 1.0 * (order < max(2, len(classes) // 4)),
        }.items():
            draws[kind].append(
                np.concatenate(
                    [
                        random.permutation(np.flatnonzero(space.y == c))[: int(share * least)]
                        for c, share in zip(classes, shares, strict=True)
                    ]
                )
            )
    head("method", *draws)
    for name, model in methods.items():
        cells = []
        for sets in draws.values():
            found = [
                per_class(model.predict(space.X[rows], prototypes=space.new), space.y[rows])
                for rows in sets
                if len(rows)
            ]
            cells.append(cell(found))
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    print()


def embedded(photos: Path, n_seeds: int) -> None:
    """Print what adapting and transducing do for the embedded recogniser."""
    recognizer = Recognizer.load()
    for folder in ("caltech51", "imagenet500"):
        paths = sorted(path for path in (photos / folder).rglob("*") if path.suffix.lower() in {".jpg", ".png"})
        named = folder == "imagenet500"
        labels = [p.stem.partition("_")[2] if named else p.parent.name for p in paths]
        y = np.array([label.replace("_", " ") for label in labels])
        vocabulary = Vocabulary.from_names(sorted(set(y.tolist())))
        prototypes = recognizer.prototypes(vocabulary)
        X = recognizer.encode_images(paths)
        names = np.array(prototypes.names)
        plain = recognizer.head("image")
        print(f"### {folder}: {len(X)} photos of {len(names)} classes\n")
        head("method", "accuracy")
        base = names[plain.method.class_scores(X, prototypes=prototypes).argmax(axis=1)]
        print(f"| zero-shot | {per_class(base, y):.3f} |")
        for method in ("transclip", "label_propagation"):
            scores = transduce(recognizer, X, prototypes, method=method)
            print(f"| `transduce(method={method!r})` | {per_class(names[scores.argmax(axis=1)], y):.3f} |", flush=True)
        for n in () if named else (1, 2, 4, 8):
            for method in ("tip_adapter", "text_probe"):
                found = []
                for seed in range(n_seeds):
                    rows, rest = draw(y, n, seed)
                    adapted = adapt_head(plain, X[rows], y[rows], prototypes=prototypes, method=method)
                    found.append(per_class(adapted.method.predict(X[rest], prototypes=prototypes), y[rest]))
                print(f"| `{method}`, {n} per class | {cell(found)} |", flush=True)
        print()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="What a few labelled examples, or none but company, do.")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--datasets", default="CUB100,AWA1")
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    for dataset in arguments.datasets.split(",") if arguments.data else ():
        folder = arguments.data / dataset
        data = load(folder, sentences=(folder / "sent_splits.mat").is_file())
        space = make_space(*data.take("trainval"), *data.take("test_unseen"), data.prototypes)
        print(f"## {dataset}: {space.new.n_classes} classes, {len(space.X)} photos, scale {space.scale:.1f}\n")
        examples(space, arguments.seeds)
        company(space, arguments.seeds)
    if arguments.photos:
        print("## The embedded recogniser\n")
        embedded(arguments.photos, arguments.seeds)


if __name__ == "__main__":
    main()
