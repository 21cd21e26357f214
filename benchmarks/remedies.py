"""What each remedy against bias and hubness does, measured on classes held out of training.

    python benchmarks/remedies.py --data data/zsl [--datasets CUB100,AWA1] [--test | --plain]

Training classes only: three folds of classes are held out in turn, a method is fitted to the others, and a remedy is
judged on one fold after it has been fitted to the other two, never on what it was fitted to. Intervals are 95 %,
resampled over classes; resampling lowers a skewness, so its interval lies low around it. The defaults of the remedies
against hubs, and what the gate tries, were chosen on these very classes: their rows flatter them. With --test the test
part is opened as well, once per row; nothing is chosen there. Prints Markdown.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from unseen.decision.csls import CSLS
from unseen.decision.gate import SeenUnseenGate
from unseen.decision.globally_corrected import GloballyCorrected
from unseen.decision.inverted_softmax import InvertedSoftmax
from unseen.decision.local_scaling import LocalScaling
from unseen.decision.mutual_proximity import MutualProximity
from unseen.decision.prior import PriorAdjustment
from unseen.decision.remedy import Competition, Remedy
from unseen.decision.stacking import CalibratedStacking
from unseen.diagnosis.effects import mended
from unseen.methods.base import Method
from unseen.methods.meta.remedied import Remedied
from unseen.methods.selection import ClassWiseSplit, select
from unseen.methods.simulation import simulate
from unseen.metrics import bootstrap_interval, generalized_hits, k_occurrence, paired_comparison, skewness
from unseen.registry import METHODS
from xlsa import Data, load

Array = np.ndarray[Any, Any]

# Label, registered name, parameters: defaults, and those of the papers where they differ.
METHOD_ROWS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("`eszsl`", "eszsl", {}),
    ("`eszsl` as in the paper", "eszsl", {"center": False, "balanced": False, "normalize": False}),
    ("`sae`", "sae", {}),
    ("`sae`, visual to semantic", "sae", {"direction": "visual_to_semantic"}),
    ("`ridge`", "ridge", {}),
    ("`reverse_ridge`", "reverse_ridge", {}),
    ("`kernel_ridge`", "kernel_ridge", {}),
    ("`gfzsl`", "gfzsl", {}),
    ("`ale`", "ale", {}),
)
BIAS: dict[str, Remedy] = {
    "stacking": CalibratedStacking(),
    "gate": SeenUnseenGate(),
    "gate, hard": SeenUnseenGate(hard=True),
    "prior": PriorAdjustment(),
}
HUBNESS: dict[str, Remedy] = {
    "csls": CSLS(),
    "csls, k=10, strength=1": CSLS(10, strength=1.0),
    "inverted_softmax": InvertedSoftmax(),
    "globally_corrected": GloballyCorrected(),
    "mutual_proximity": MutualProximity(),
    "local_scaling": LocalScaling(),
}
_FOLDS, _RESAMPLES = 3, 2000


@dataclass
class Hits:
    """Right or wrong, with the class it counts for: the first half of the columns are unseen classes, then seen."""

    values: Array
    columns: Array
    n_classes: int

    @property
    def seen(self) -> Array:
        """Which columns are seen classes."""
        return np.arange(2 * self.n_classes) >= self.n_classes


def new(name: str, params: dict[str, Any] | None = None) -> Method:
    """Return a method with a fixed seed."""
    method: Method = METHODS.get(name)(**(params or {}))
    if "random_state" in method.get_params(deep=False):
        method.set_params(random_state=0)
    return method


def contests_of(method: Method, data: Data, repeats: int = 1) -> list[Competition]:
    """Return competitions between the training classes."""
    X, y = data.take("trainval")
    split = ClassWiseSplit(_FOLDS, n_repeats=repeats)
    return simulate(method, X, y, prototypes=data.prototypes, split=split, max_per_class=100)


def scores_of(contests: list[Competition], remedy: Remedy | None = None) -> list[Array]:
    """Return every competition's scores, mended by a remedy that was fitted to the others."""
    if remedy is None:
        return [one.scores for one in contests]
    # Other repetitions hold out the same classes again: only the other folds of its own are fitted to.
    rounds = [contests[i : i + _FOLDS] for i in range(0, len(contests), _FOLDS)]
    return [S for one in rounds for S in mended(remedy, one)]


def all_hits(contests: list[Competition], scores: list[Array], names: list[str]) -> Hits:
    """Return the hits of all competitions together."""
    values, columns = [], []
    for one, S in zip(contests, scores, strict=True):
        place = np.array([names.index(name) for name in one.names])
        values.append(generalized_hits(one.y, S, one.seen))
        columns.append(place[one.y] + len(names) * one.seen[one.y])
    return Hits(np.concatenate(values).astype(float), np.concatenate(columns), len(names))


def spell(interval: Any, sign: bool = False) -> str:
    """Return an estimate with its interval."""
    plus = "+" if sign else ""
    return f"{interval.estimate:{plus}.3f} [{interval.low:{plus}.3f}, {interval.high:{plus}.3f}]"


def rates_of(hits: Hits) -> str:
    """Return accuracy on unseen and on seen classes, and their harmonic mean with its interval."""
    counts = np.bincount(hits.columns, minlength=2 * hits.n_classes)
    rates = np.bincount(hits.columns, hits.values, minlength=2 * hits.n_classes) / np.maximum(counts, 1)
    u, s = (rates[(counts > 0) & kind].mean() for kind in (~hits.seen, hits.seen))
    whole = bootstrap_interval(hits.values, hits.columns, seen=hits.seen, n_resamples=_RESAMPLES)
    return f"{u:.3f} / {s:.3f} / {spell(whole)}"


def change_of(before: Hits, after: Hits) -> str:
    """Return the harmonic mean after a remedy, and by how much it changed."""
    found = paired_comparison(
        after.values, before.values, after.columns, seen=after.seen, n_resamples=_RESAMPLES, n_permutations=100
    )
    return f"{found.first:.3f}, {spell(found.difference, sign=True)}"


HEAD = [f"| method | u / s / H as it is | {' | '.join(BIAS)} |", "|---" * (len(BIAS) + 2) + "|"]


def bias_table(data: Data) -> str:
    """Return harmonic means before and after every remedy against bias, and what the gate can tell the kinds by."""
    lines = [f"{data.name}, held-out training classes: H after each remedy, and its change", "", *HEAD]
    evidence = [f"{data.name}: area under the ROC curve of every evidence that a sample is of a seen class", ""]
    names = list(data.prototypes.names)
    for label, method, params in METHOD_ROWS:
        contests = contests_of(new(method, params), data)
        before = all_hits(contests, scores_of(contests), names)
        cells = [change_of(before, all_hits(contests, scores_of(contests, remedy), names)) for remedy in BIAS.values()]
        lines.append(f"| {label} | {rates_of(before)} | {' | '.join(cells)} |")
        gates = [SeenUnseenGate(hard=hard).fit(contests) for hard in (True, False)]
        if len(evidence) == 2:
            heads = [
                f"{kind}: {name}" for gate, kind in zip(gates, ("hard", "soft"), strict=True) for name in gate.aurocs_
            ]
            evidence += [f"| method | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
        areas = [f"{value:.3f}" for gate in gates for value in gate.aurocs_.values()]
        evidence.append(f"| {label} | {' | '.join(areas)} |")
    return "\n".join([*lines, "", *evidence, ""])


def skewness_interval(counts: list[Array]) -> tuple[float, float, float]:
    """Return the mean skewness of several lists of occurrences, and its interval over classes."""
    rng = np.random.default_rng(0)
    drawn = [np.mean([skewness(rng.choice(c, len(c))) for c in counts]) for _ in range(_RESAMPLES)]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(np.mean([skewness(c) for c in counts])), float(low), float(high)


def hubness_line(title: str, parts: list[tuple[Array, Array]], names: list[Array]) -> str:
    """Return a row of the table of skewnesses."""
    hits = np.concatenate([S.argmax(axis=1) == y for S, y in parts]).astype(float)
    columns = np.concatenate([place[y] for (_, y), place in zip(parts, names, strict=True)])
    mean, low, high = skewness_interval([k_occurrence(S) for S, _ in parts])
    return f"| {title} | {mean:.2f} [{low:.2f}, {high:.2f}] | {spell(bootstrap_interval(hits, columns))} |"


def hubness_table(data: Data) -> str:
    """Return skewness and accuracy of ridge before and after every remedy, beside those of reverse_ridge."""
    lines = [f"{data.name}, held-out training classes among themselves, four times three folds: hubness", ""]
    lines += ["| method, remedy | N_1 skewness | T1 |", "|---|---|---|"]
    everything = list(data.prototypes.names)
    for name in ("reverse_ridge", "ridge"):
        contests = contests_of(new(name), data, repeats=4)
        names = [np.array([everything.index(c.names[i]) for i in np.flatnonzero(~c.seen)]) for c in contests]
        rows: dict[str, Remedy | None] = {f"`{name}`": None}
        if name == "ridge":
            rows |= {f"`ridge`, {title}": remedy for title, remedy in HUBNESS.items()}
        for title, remedy in rows.items():
            scores = scores_of(contests, remedy)
            parts = [one.held_out(S) for one, S in zip(contests, scores, strict=True)]
            lines.append(hubness_line(title, parts, names))
    return "\n".join([*lines, ""])


def opened(data: Data, method: Method, remedies: list[Remedy]) -> Hits:
    """Return the hits of a method with remedies on the test part."""
    X, y = data.take("trainval")
    model = Remedied(method, remedies=remedies).fit(X, y, prototypes=data.prototypes)
    (X_new, y_new), (X_old, y_old) = data.take("test_unseen"), data.take("test_seen")
    scores = model.class_scores(np.concatenate([X_new, X_old]), prototypes=data.prototypes)
    is_seen = np.asarray(data.prototypes.seen, dtype=bool)
    columns = np.asarray(data.prototypes.positions([*y_new, *y_old]))
    right = generalized_hits(columns, scores, is_seen).astype(float)
    return Hits(right, columns + len(is_seen) * is_seen[columns], len(is_seen))


def tested(data: Data) -> str:
    """Open the test part, once per row."""
    X, y = data.take("trainval")
    lines = [f"{data.name}, test part: H after each remedy, and its change", "", *HEAD]
    for label, name, params in METHOD_ROWS:
        before = opened(data, new(name, params), [])
        cells = [change_of(before, opened(data, new(name, params), [remedy])) for remedy in BIAS.values()]
        lines.append(f"| {label} | {rates_of(before)} | {' | '.join(cells)} |")
    lines += ["", f"{data.name}, test part, unseen classes among themselves: hubness", ""]
    lines += ["| method, remedy | N_1 skewness | T1 |", "|---|---|---|"]
    rows: list[tuple[str, str, list[Remedy]]] = [("`reverse_ridge`", "reverse_ridge", []), ("`ridge`", "ridge", [])]
    rows += [(f"`ridge`, {title}", "ridge", [remedy]) for title, remedy in HUBNESS.items()]
    known = set(y.tolist())
    unseen = data.prototypes.subset([name for name in data.prototypes.names if name not in known])
    for title, name, remedies in rows:
        model = Remedied(new(name), remedies=remedies).fit(X, y, prototypes=data.prototypes)
        X_new, y_new = data.take("test_unseen")
        part = (model.class_scores(X_new, prototypes=unseen), np.asarray(unseen.positions(y_new)))
        lines.append(hubness_line(title, [part], [np.arange(unseen.n_classes)]))
    return "\n".join([*lines, ""])


def plain(data: Data) -> str:
    """Return what stacking does for closed forms on vectors as they are, parameters chosen as other people's were."""
    X, y = data.take("trainval")
    heads = "H as it is, on the test part | stacking | gate"
    lines = [f"{data.name}, parameters chosen on training classes, vectors as they are", "", f"| method | {heads} |"]
    lines.append("|---|---|---|---|")
    for label, name, params in METHOD_ROWS[:-1]:
        space = {key: values for key, values in METHODS.get(name).search_space.items() if key not in params}
        if name == "sae" and not params:
            params, space = {"direction": "semantic_to_visual"}, {"alpha": space["alpha"]}
        method = select(
            new(name, params), X, y, prototypes=data.prototypes, space=space, max_per_class=100, refit=False
        ).estimator
        before = opened(data, method, [])
        cells = [change_of(before, opened(data, method, [BIAS[title]])) for title in ("stacking", "gate")]
        lines.append(f"| {label} | {rates_of(before)} | {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description="Remedies against bias and hubness.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--datasets", default="CUB100,AWA1")
    parser.add_argument("--test", action="store_true", help="open the test part as well")
    parser.add_argument("--plain", action="store_true", help="closed forms, parameters chosen, on the test part")
    arguments = parser.parse_args()
    for name in arguments.datasets.split(","):
        data = load(arguments.data / name)
        if arguments.plain:
            print(plain(data), flush=True)
            continue
        print(bias_table(data), flush=True)
        print(hubness_table(data), flush=True)
        if arguments.test:
            print(tested(data), flush=True)


if __name__ == "__main__":
    main()
