"""Whether a calibration on some classes serves others: fitted on one half of the classes, judged on the other.

    python benchmarks/calibration.py --data "$UNSEEN_DATA"

The embedded model, `Recognizer.calibrate` on the photos of a random half of the classes (vocabulary: that half),
judged on the photos of the other half (vocabulary: the other half, and quarters of it); both ways round, several
draws. No class is in both. Prints Markdown.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

import unseen
from unseen.decision.calibration import Decision
from unseen.metrics import expected_calibration_error

Array = np.ndarray[Any, Any]


def classes_of(folder: Path) -> tuple[list[Path], Array]:
    """Return the photos of a folder of folders, and the name of each one's class."""
    paths = sorted(folder.rglob("*.jpg"))
    return paths, np.array([path.parent.name.replace("_", " ") for path in paths])


def judged(recognizer: unseen.Recognizer, X: Array, labels: Array, names: list[str], others: Array) -> list[float]:
    """Return what probabilities and certainties are worth on photos of these classes, and on others."""
    decision: Decision = recognizer.head("image").decision
    prototypes = recognizer.prototypes(unseen.Vocabulary.from_names(names))
    method = recognizer.head("image").method
    y = np.array([names.index(label) for label in labels])
    scores = method.class_scores(X, prototypes=prototypes)
    p = decision.probabilities(scores)
    known = np.concatenate(
        [
            decision.known(method.class_scores(part, prototypes=prototypes), method.class_scores(part))
            for part in (X, others)
        ]
    )
    truth = np.arange(len(known)) < len(X)
    balanced = ((known[truth] >= 0.5).mean() + (known[~truth] < 0.5).mean()) / 2
    weights = np.where(truth, 0.5 / len(X), 0.5 / len(others))
    kept = np.clip(np.where(truth, known, 1 - known), 1e-12, 1)
    return [
        float((p.argmax(axis=1) == y).mean()),
        float(p.max(axis=1).mean()),
        float(expected_calibration_error(y, p)),
        float(-np.log(np.maximum(p[np.arange(len(y)), y], 1e-12)).mean()),
        float(roc_auc_score(truth, known)),
        float(balanced),
        float(-(weights * np.log(kept)).sum()),
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measure whether a calibration serves other classes.")
    parser.add_argument("--data", type=Path, required=True, help="the data pack ($UNSEEN_DATA)")
    parser.add_argument("--draws", type=int, default=5)
    arguments = parser.parse_args()
    recognizer = unseen.Recognizer.load()
    for folder in ("caltech51", "cub100_x4"):
        paths, labels = classes_of(arguments.data / "photos" / folder)
        X, names = recognizer.encode_images(paths), sorted(set(labels.tolist()))
        found: dict[tuple[int, str], list[list[float]]] = {}
        temperatures = []
        for draw in range(arguments.draws):
            order = np.random.RandomState(draw).permutation(names)
            halves = [sorted(order[: len(names) // 2].tolist()), sorted(order[len(names) // 2 :].tolist())]
            for fitted, other in (halves, halves[::-1]):
                rows = np.isin(labels, fitted)
                vocabulary = unseen.Vocabulary.from_names(fitted)
                new = recognizer.calibrate(X[rows], labels[rows].tolist(), vocabulary)
                temperatures.append(new.head("image").decision.temperature)
                # A quarter of all classes as the vocabulary; the photos of another quarter are unknown to it.
                quarter = sorted(np.random.RandomState(draw).permutation(other)[: len(other) // 2].tolist())
                for size, chosen in ((len(other), other), (len(quarter), quarter)):
                    rest = ~np.isin(labels, chosen) & ~rows if size < len(other) else rows
                    inside = np.isin(labels, chosen)
                    for way, model in (("as shipped", recognizer), ("calibrated", new)):
                        values = judged(model, X[inside], labels[inside], chosen, X[rest])
                        found.setdefault((size, way), []).append(values)
        print(f"\n### {folder}: {len(names)} classes, {len(X)} photos, {arguments.draws} draws, both ways round\n")
        print(
            f"Temperature as shipped {recognizer.head('image').decision.temperature}, fitted "
            f"{np.mean(temperatures):.4f} ± {np.std(temperatures):.4f}.\n"
        )
        columns = "accuracy | mean confidence | ECE | log loss | known: AUROC | balanced accuracy at 0.5 | log loss"
        print(f"| classes | | {columns} |\n|{'---|' * 9}")
        for (size, way), results in found.items():
            print(f"| {size} | {way} | " + " | ".join(f"{v:.3f}" for v in np.mean(results, axis=0)) + " |", flush=True)


if __name__ == "__main__":
    main()
