"""Several texts per class: the mean of their embeddings against the mean of their scores, with the embedded model.

    python benchmarks/ensembles.py --data "$UNSEEN_DATA" --wordnet /usr/share/wordnet

Photos of 50 Caltech-101 classes, and of the 250 development classes of `imagenet500` (a random half; the other half is
for reporting what the embedded model reaches and is not touched). Nothing is chosen here: both ways are offered, and
this says how they differ. Classes of ImageNet are *seen* by the bridge, so their figures are no zero-shot accuracy.
Prints Markdown.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import logsumexp

import unseen
from unseen.metrics import expected_calibration_error, per_class_top_k
from unseen.vocabulary.wordnet import open_wordnet, prefill

Array = np.ndarray[Any, Any]

TEMPLATES = (
    "{name}",
    "a photo of a {name}.",
    "a close-up photo of a {name}.",
    "a photo of the large {name}.",
    "a photo of the small {name}.",
    "a drawing of a {name}.",
    "a bad photo of a {name}.",
)


def caltech(data: Path) -> tuple[list[Path], list[str]]:
    """Return photos and the name of each one's class."""
    paths = sorted((data / "photos" / "caltech51").rglob("*.jpg"))
    return paths, [path.parent.name.replace("_", " ") for path in paths]


def imagenet_development(data: Path) -> tuple[list[Path], list[str]]:
    """Return photos of the development half of the classes, and their names."""
    paths = sorted((data / "photos" / "imagenet500").glob("*.jpg"))
    chosen = np.sort(np.random.RandomState(0).permutation(len(paths))[: len(paths) // 2])
    kept = [paths[i] for i in chosen]
    return kept, [path.stem.partition("_")[2].replace("_", " ") for path in kept]


def vocabularies(names: list[str], wordnet: Path) -> dict[str, unseen.Vocabulary]:
    """Return ways to say more than one thing about each class."""
    bare = unseen.Vocabulary.from_names(names)
    filled, _ = prefill(bare, open_wordnet(wordnet))
    entry = unseen.ClassEntry
    return {
        "name, with its definition looked up": bare,
        "name in 7 templates, with its definition": unseen.Vocabulary.from_names(names, templates=TEMPLATES),
        "name in 7 templates alone": unseen.Vocabulary.from_names(names, templates=TEMPLATES),
        "name and synonyms alone": unseen.Vocabulary([entry(e.name, synonyms=e.synonyms) for e in filled]),
        "name, synonyms, description": filled,
    }


def rows(recognizer: unseen.Recognizer, X: Array, labels: list[str], wordnet: Path) -> list[str]:
    """Return table rows: top-1, calibration and fit of the probabilities, for both ways."""
    names = sorted(set(labels))
    y = np.array([names.index(label) for label in labels])
    head, out = recognizer.head("image"), []
    for label, vocabulary in vocabularies(names, wordnet).items():
        # Without the lexicon it is the texts that were written, and nothing else.
        modality = "text" if label.endswith("alone") else "image"
        best = {}
        for ensemble in ("embeddings", "scores"):
            make = recognizer.prototypes if ensemble == "embeddings" else recognizer.text_prototypes
            prototypes = make(vocabulary, modality=modality)
            scores = recognizer.class_scores(X, prototypes)
            best[ensemble] = scores.argmax(axis=1)
            p = head.decision.probabilities(scores)
            logits = scores / head.decision.temperature
            loss = float((logsumexp(logits, axis=1) - logits[np.arange(len(y)), y]).mean())
            out.append(
                f"| {label} | {ensemble} | {per_class_top_k(y, scores):.3f} | {per_class_top_k(y, scores, k=5):.3f} | "
                f"{p.max(axis=1).mean():.3f} | {expected_calibration_error(y, p):.3f} | {loss:.3f} |"
            )
        a, b = best["embeddings"] == y, best["scores"] == y
        out.append(f"| | *right in one way only* | {(a & ~b).sum()} : {(~a & b).sum()} | | | | |")
    return out


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Compare means of embeddings with means of scores.")
    parser.add_argument("--data", type=Path, required=True, help="the data pack ($UNSEEN_DATA)")
    parser.add_argument("--wordnet", type=Path, default=Path("/usr/share/wordnet"))
    arguments = parser.parse_args()
    recognizer = unseen.Recognizer.load()
    for title, reader in (("caltech51", caltech), ("imagenet500, development classes", imagenet_development)):
        paths, labels = reader(arguments.data)
        print(f"\n### {title}: {len(paths)} photos of {len(set(labels))} classes\n")
        print("| texts | mean of | top-1 | top-5 | mean confidence | ECE | log loss |\n|---|---|---|---|---|---|---|")
        print("\n".join(rows(recognizer, recognizer.encode_images(paths), labels, arguments.wordnet)), flush=True)


if __name__ == "__main__":
    main()
