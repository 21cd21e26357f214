"""What the embedded default model reaches: withheld classes, photos by class name, calibration, unknowns, texts.

    python benchmarks/default_model.py --data "$UNSEEN_DATA" --wordnet /usr/share/wordnet

Bridges with withheld classes are fitted anew; caltech51 and the texts are recognised by the shipped model through
`Recognizer`. Needs the packages of the ``build`` extra. Prints Markdown.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "tools" / "default_model")]

import imagenet_texts  # noqa: E402
import numpy as np  # noqa: E402
import towers  # noqa: E402
from bridge import REFERENCE, SIZES, Withheld, fit_bridge, known_and_unknown, pick, user_prototypes  # noqa: E402
from sklearn.metrics import roc_auc_score  # noqa: E402
from wordnet import WordNet  # noqa: E402

import build_default_model  # noqa: E402
import unseen  # noqa: E402
from unseen.decision.calibration import known_evidence  # noqa: E402
from unseen.encoders.prompts import vocabulary_prototypes  # noqa: E402
from unseen.methods.relationship.conse import ConSE  # noqa: E402
from unseen.metrics import expected_calibration_error, per_class_top_k  # noqa: E402

Array = np.ndarray[Any, Any]


def plain(encoder: Any, classes: list[Any], modality: str = "text") -> unseen.Prototypes:
    """Return prototypes of bare names without the lexicon."""
    return user_prototypes(encoder, classes, described=False, modality=modality)


def shuffled(encoder: Any, classes: list[Any], seed: int) -> unseen.Prototypes:
    """Return prototypes of names with another class's description: the control."""
    order = np.random.RandomState(seed).permutation(len(classes))
    entries = [
        unseen.ClassEntry(c.name, descriptions=(classes[j].description or classes[j].definition,))
        for c, j in zip(classes, order, strict=True)
    ]
    return vocabulary_prototypes(encoder, unseen.Vocabulary(entries))


def withheld_rows(withheld: Withheld, fit: Any, texts: dict[str, Any], n_draws: int) -> list[str]:
    """Return table rows: top-1 on 200 withheld classes for each pool and kind of text."""
    rows = []
    for pool in ("report", "all", "development"):
        found: dict[str, list[float]] = {}
        for unseen_classes, seen, rest in withheld.draws(pool, n_draws=n_draws):
            bridge, X = fit(seen), withheld.photos(unseen_classes)
            y = np.arange(len(unseen_classes))
            for name, prototypes in texts.items():
                scores = bridge.class_scores(X, prototypes=pick(prototypes, unseen_classes))
                found.setdefault(name, []).append(per_class_top_k(y, scores))
            rng = np.random.RandomState(0)
            for name in ("names", "names + lexicon", "names + descriptions"):
                hits = []
                for _ in range(5 if len(rest) >= 50 else 0):
                    chosen = np.concatenate([rng.permutation(unseen_classes)[:50], rng.permutation(rest)[:50]])
                    scores = bridge.class_scores(withheld.photos(chosen), prototypes=pick(texts[name], chosen))
                    hits.append(per_class_top_k(np.arange(100), scores))
                found.setdefault(f"mixed 100-way, {name}", []).append(float(np.mean(hits)))
        rows += [f"| {pool} | {name} | {np.mean(v):.3f} ± {np.std(v):.3f} |" for name, v in found.items()]
    return rows


def ablation_rows(withheld: Withheld, encoder: Any, weights: Array, classes: list[Any], texts: Any) -> list[str]:
    """Return table rows: what each part of the bridge is worth, on development classes (3 draws)."""
    kinds = list(classes[0].views())
    variants: dict[str, dict[str, Any]] = {
        "complete": {},
        "learning from names only": {"leave_out": [kind for kind in kinds if kind != "name"]},
        **{f"without the view '{kind}'": {"leave_out": [kind]} for kind in kinds},
        "no mixture of seen classes in the query (relation 0)": {"relation": 0.0},
        "only the mixture (relation 1)": {"relation": 1.0},
        "wide kernel, nearly linear (gamma 0.25)": {"gamma": 0.25},
        "narrow kernel (gamma 4)": {"gamma": 4.0},
        "penalty a tenth (alpha 0.03)": {"alpha": 0.03},
        "penalty tenfold (alpha 3)": {"alpha": 3.0},
        "*ConSE alone, on the same classifier*": {"method": "conse"},
    }
    rows = []
    for label, options in variants.items():
        found: dict[str, list[float]] = {}
        other = options.pop("method", None)
        for unseen_classes, seen, rest in withheld.draws("development", n_draws=3):
            method: Any = fit_bridge(encoder, weights, classes, seen, **options)
            if other == "conse":
                names, known = np.array(method.seen_prototypes_.names), method
                method = ConSE().fit(weights[seen[:2]], names[:2], prototypes=known.seen_prototypes_)
                # The classifier is the network's own: put it in the place of the one that was fitted.
                method.coef_, method.intercept_ = known.coef_, known.intercept_
                method.seen_prototypes_ = known.seen_prototypes_
            for name in ("names", "names + descriptions"):
                S = method.class_scores(withheld.photos(unseen_classes), prototypes=pick(texts[name], unseen_classes))
                found.setdefault(f"200-way, {name}", []).append(per_class_top_k(np.arange(200), S))
                rng, hits = np.random.RandomState(0), []
                for _ in range(5):
                    chosen = np.concatenate([rng.permutation(unseen_classes)[:50], rng.permutation(rest)[:50]])
                    S = method.class_scores(withheld.photos(chosen), prototypes=pick(texts[name], chosen))
                    hits.append(per_class_top_k(np.arange(100), S))
                found.setdefault(f"mixed, {name}", []).append(float(np.mean(hits)))
        order = ("200-way, names", "200-way, names + descriptions", "mixed, names", "mixed, names + descriptions")
        rows.append(f"| {label} | " + " | ".join(f"{np.mean(found[key]):.3f}" for key in order) + " |")
    return rows


def calibration_rows(withheld: Withheld, fit: Any, texts: dict[str, Any], decision: Any) -> list[str]:
    """Return table rows: accuracy, confidence and ECE on withheld report classes, by size of the vocabulary."""
    gathered: dict[tuple[str, int], list[tuple[Array, Array]]] = {}
    for unseen_classes, seen, _ in withheld.draws("report", n_draws=3):
        bridge, rng = fit(seen), np.random.RandomState(0)
        for name in ("names", "names + lexicon", "names + descriptions"):
            for size in SIZES:
                for _ in range(max(1, 200 // size)):
                    chosen = rng.permutation(unseen_classes)[:size]
                    scores = bridge.class_scores(withheld.photos(chosen), prototypes=pick(texts[name], chosen))
                    gathered.setdefault((name, size), []).append((np.arange(size), decision.probabilities(scores)))
    rows = []
    for (name, size), parts in gathered.items():
        y, p = np.concatenate([a for a, _ in parts]), np.concatenate([b for _, b in parts])
        accuracy, confidence = (p.argmax(1) == y).mean(), p.max(1).mean()
        rows.append(f"| {name} | {size} | {accuracy:.3f} | {confidence:.3f} | {expected_calibration_error(y, p):.3f} |")
    return rows


def unknown_rows(withheld: Withheld, fit: Any, texts: dict[str, Any], decision: Any) -> list[str]:
    """Return table rows: AUROC of known against unknown photos, by several scores, on report classes."""
    rows = []
    for name in ("names", "names + lexicon", "names + descriptions"):
        measures: dict[str, list[Array]] = {}
        labels = []
        for unseen_classes, seen, rest in withheld.draws("report", n_draws=3):
            bridge, rng = fit(seen), np.random.RandomState(1)
            for size in (6, 12, 24, 48, 72) * 2:
                known_set, unknown_set = known_and_unknown(rng, unseen_classes, rest, size)
                vocabulary = pick(texts[name], known_set)
                for group, is_known in ((known_set, True), (unknown_set, False)):
                    X = withheld.photos(group)
                    S, seen_scores = bridge.class_scores(X, prototypes=vocabulary), bridge.class_scores(X)
                    p = decision.probabilities(S)
                    energy = np.log(np.exp(S / decision.temperature).sum(1))
                    for key, value in {
                        "maximum probability": p.max(1),
                        "energy": energy,
                        "nearest prototype (best score)": S.max(1),
                        "best score less half the best seen score": known_evidence(S, seen_scores, reference=REFERENCE),
                        "P(known), as shipped": decision.known(S, seen_scores),
                    }.items():
                        measures.setdefault(key, []).append(value)
                    labels.append(np.full(len(group), is_known))
        y = np.concatenate(labels)
        for key, parts in measures.items():
            rows.append(f"| {name} | {key} | {roc_auc_score(y, np.concatenate(parts)):.3f} |")
        said = np.concatenate(measures["P(known), as shipped"]) >= 0.5
        balanced = ((said & y).sum() / y.sum() + (~said & ~y).sum() / (~y).sum()) / 2
        rows.append(f"| {name} | *balanced accuracy at 0.5* | {balanced:.3f} |")
    return rows


def caltech_rows(recognizer: unseen.Recognizer, data: Path) -> list[str]:
    """Return table rows: photos of 50 Caltech-101 classes by the names of their folders."""
    folder = data / "photos" / "caltech51"
    names = sorted(path.name for path in folder.iterdir() if path.is_dir())
    files = [path for name in names for path in sorted((folder / name).glob("*.jpg"))]
    y = np.array([names.index(path.parent.name) for path in files])
    vocabulary = unseen.Vocabulary.from_names([name.replace("_", " ") for name in names])
    X, head = recognizer.encode_images(files), recognizer.heads["image"]
    rows = []
    for label, modality in (("names", "text"), ("names, as `unseen classify` does (with lexicon)", "image")):
        prototypes = recognizer.prototypes(vocabulary, modality=modality)
        scores = head.method.class_scores(X, prototypes=prototypes)
        p = head.decision.probabilities(scores)
        half = np.arange(0, len(names), 2)
        known = head.decision.known(scores[:, half], head.method.class_scores(X))
        per_class = [(scores[y == c].argmax(1) == c).mean() for c in range(len(names))]
        draws = np.random.RandomState(0).choice(per_class, (2000, len(names))).mean(axis=1)
        rows.append(
            f"| {label} | {per_class_top_k(y, scores):.3f} [{np.quantile(draws, 0.025):.3f}, "
            f"{np.quantile(draws, 0.975):.3f}] | {per_class_top_k(y, scores, k=5):.3f} | "
            f"{expected_calibration_error(y, p):.3f} | {roc_auc_score(np.isin(y, half), known):.3f} |"
        )
    return rows


def text_rows(recognizer: unseen.Recognizer, data: Path) -> list[str]:
    """Return table rows: sentences by the names of their classes."""
    rows = []
    for name, texts, labels, classes in (trec(data), snips(data), banking(data)):
        vocabulary = unseen.Vocabulary.from_names(classes)
        result = recognizer.classify_text(texts, vocabulary, top_k=len(classes))
        p = np.zeros(result.top.shape)
        np.put_along_axis(p, result.top, result.probabilities, axis=1)
        y = np.array(labels)
        rows.append(
            f"| {name} | {len(classes)} | {len(y)} | {per_class_top_k(y, p):.3f} | {(p.argmax(1) == y).mean():.3f} | "
            f"{expected_calibration_error(y, p):.3f} |"
        )
    return rows


def trec(data: Path) -> tuple[str, list[str], list[int], list[str]]:
    """Return TREC's test questions by coarse class; the file numbers the classes in this order."""
    names = ["description", "entity", "abbreviation", "human", "location", "number"]
    lines = (data / "text/trec/TREC.test.all").read_text("latin-1").splitlines()
    pairs = [line.partition(" ") for line in lines if line.strip()]
    return "TREC", [pair[2] for pair in pairs], [int(pair[0]) for pair in pairs], names


def snips(data: Path) -> tuple[str, list[str], list[int], list[str]]:
    """Return SNIPS' validation requests by intent."""
    texts, labels, names = [], [], []
    for number, path in enumerate(sorted((data / "text/snips").glob("validate_*.json"))):
        intent = path.stem.removeprefix("validate_")
        names.append(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", intent).lower())
        for entry in json.loads(path.read_text("latin-1"))[intent]:
            texts.append("".join(part["text"] for part in entry["data"]))
            labels.append(number)
    return "SNIPS", texts, labels, names


def banking(data: Path) -> tuple[str, list[str], list[int], list[str]]:
    """Return BANKING77's test questions by intent."""
    with (data / "text/banking77/banking_data/test.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    names = sorted({row["category"] for row in rows})
    labels = [names.index(row["category"]) for row in rows]
    return "BANKING77", [row["text"] for row in rows], labels, [name.replace("_", " ").lower() for name in names]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measure the embedded default model.")
    parser.add_argument("--data", type=Path, required=True, help="the data pack ($UNSEEN_DATA)")
    parser.add_argument("--wordnet", type=Path, default=Path("/usr/share/wordnet"))
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--ablate", action="store_true", help="measure what each part is worth, and nothing else")
    parser.add_argument("--skip", nargs="*", default=[], help="sections to leave out: withheld caltech texts")
    arguments = parser.parse_args()
    recognizer = unseen.Recognizer.load()
    encoder, decision = recognizer.encoder, recognizer.heads["image"].decision
    if "withheld" not in arguments.skip:
        weights, _ = towers.imagenet_classifier()
        classes = imagenet_texts.read_classes(WordNet(arguments.wordnet))
        withheld = Withheld(*build_default_model.photo_vectors(encoder, arguments.data, classes))  # type: ignore[arg-type]
        texts = {
            "names": plain(encoder, classes),
            "names + lexicon": user_prototypes(encoder, classes, described=False),
            "names + descriptions": user_prototypes(encoder, classes, described=True),
            "names + shuffled descriptions": shuffled(encoder, classes, 5),
        }

        def fit(seen: Array) -> Any:
            return fit_bridge(encoder, weights, classes, seen)

        if arguments.ablate:
            print("| bridge | 200-way, names | 200-way, descriptions | mixed, names | mixed, descriptions |")
            print("|---|---|---|---|---|")
            print("\n".join(ablation_rows(withheld, encoder, weights, classes, texts)))
            return
        print("| classes drawn from | texts | top-1 |\n|---|---|---|")
        print("\n".join(withheld_rows(withheld, fit, texts, arguments.draws)))
        print("\n| texts | classes | accuracy | mean confidence | ECE |\n|---|---|---|---|---|")
        print("\n".join(calibration_rows(withheld, fit, texts, decision)))
        print("\n| texts | unknown score | AUROC |\n|---|---|---|")
        print("\n".join(unknown_rows(withheld, fit, texts, decision)))
    if "caltech" not in arguments.skip:
        print("\n| caltech51 | per-class top-1 [95 %] | top-5 | ECE | AUROC known |\n|---|---|---|---|---|")
        print("\n".join(caltech_rows(recognizer, arguments.data)))
    if "texts" not in arguments.skip:
        print("\n| texts | classes | items | per-class top-1 | accuracy | ECE |\n|---|---|---|---|---|---|")
        print("\n".join(text_rows(recognizer, arguments.data)))


if __name__ == "__main__":
    main()
