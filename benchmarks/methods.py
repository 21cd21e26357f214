"""Every registered method on the two data sets of `xlsa.py`, chosen on training classes, tested once.

    python benchmarks/methods.py --data data/zsl --out results.json [--only eszsl,auto] [--datasets CUB100]

Protocol: scalings and parameters are chosen on three folds of held-out classes of the training part (`select`), one
after the other: vectors, prototypes, standardised scores or not, then the method's search space. The winner is
fitted to the whole training part; then the test part is opened, once per row. `H_cal` subtracts from seen classes'
scores the penalty that was best on the folds. Finished rows are kept in the output and not run again. Prints Markdown.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from unseen.methods.base import Method
from unseen.methods.meta.auto import Auto
from unseen.methods.meta.balanced_assignment import BalancedAssignment
from unseen.methods.meta.prepared import Prepared
from unseen.methods.meta.self_training import SelfTraining
from unseen.methods.preprocessing import FeatureScaling, PrototypeScaling
from unseen.methods.selection import ClassWiseSplit, Selection, select
from unseen.metrics import per_class_top_k, seen_unseen_curve
from unseen.registry import METHODS
from xlsa import Data, load

FEATURES = [FeatureScaling(), FeatureScaling(0.5), FeatureScaling(normalize=False)]
PROTOTYPES = [PrototypeScaling(), PrototypeScaling(center="center"), PrototypeScaling(0.5, center="center")]
# Built of other methods; each has a row of its own below. `cosine` needs a shared space, which these data lack.
APART = {"aligned", "auto", "balanced_assignment", "cosine", "ensemble", "prepared", "remedied", "self_training"}
TRANSDUCTIVE = ["balanced_assignment", "self_training"]
# Samples of each class in the search; CUB100 has fewer. The final fit takes all.
SEARCHED = 100
# T1, H_cal and AUSUC of other people's code on the same features: CUB100, then AWA1.
PEERS: dict[str, tuple[tuple[float, float, float], tuple[float, float, float]]] = {
    "eszsl": ((0.589, 0.590, 0.474), (0.343, 0.240, 0.092)),
    "sae": ((0.589, 0.573, 0.453), (0.301, 0.207, 0.070)),
    "ale": ((0.572, 0.582, 0.455), (0.325, 0.227, 0.083)),
    "devise": ((0.524, 0.533, 0.417), (0.320, 0.213, 0.073)),
    "sje": ((0.568, 0.594, 0.452), (0.316, 0.238, 0.098)),
    "dap": ((0.421, 0.292, 0.262), (0.326, 0.199, 0.082)),
    "conse": ((0.421, 0.445, 0.314), (0.347, 0.276, 0.124)),
    "sync": ((0.618, 0.548, 0.511), (0.324, 0.237, 0.097)),
    "ridge": ((0.515, 0.533, 0.402), (0.304, 0.182, 0.061)),
    "reverse_ridge": ((0.630, 0.604, 0.483), (0.258, 0.142, 0.035)),
    "kernel_ridge": ((0.646, 0.639, 0.524), (0.238, 0.155, 0.040)),
    "gfzsl": ((0.670, 0.657, 0.541), (0.350, 0.228, 0.092)),
}


def chosen(method: Method, data: Data, space: dict[str, Any], objective: str) -> Selection:
    """Search a grid on folds of training classes."""
    X, y = data.take("trainval")
    return select(
        method,
        X,
        y,
        prototypes=data.prototypes,
        space=space,
        split=ClassWiseSplit(3),
        objective=objective,
        max_per_class=SEARCHED,
        refit=False,
    )


def new(name: str) -> Method:
    """Return a method with its defaults and a fixed seed."""
    method: Method = METHODS.get(name)()
    if "random_state" in method.get_params(deep=False):
        method.set_params(random_state=0)
    return method


def searched(name: str, data: Data, objective: str) -> Selection:
    """Choose the scaling of vectors, that of prototypes, whether scores are standardised, then parameters."""
    best: Any = Prepared(new(name), prototypes=PROTOTYPES[1])
    space = {f"method__{key}": values for key, values in METHODS.get(name).search_space.items()}
    for grid in ({"features": FEATURES}, {"prototypes": PROTOTYPES}, {"standardize": [False, True]}, space):
        found = chosen(best, data, grid, objective)
        best = found.estimator
    return found


def tested(method: Method, penalty: float, data: Data) -> dict[str, Any]:
    """Open the test part and measure."""
    X, y = data.take("test_unseen")
    X_seen, y_seen = data.take("test_seen")
    names = data.prototypes.names
    unseen = data.prototypes.subset([name for name in names if name in set(y)])
    started = time.perf_counter()
    alone = method.class_scores(X, prototypes=unseen)
    together = method.class_scores(np.concatenate([X, X_seen]), prototypes=data.prototypes)
    curve = seen_unseen_curve(
        data.prototypes.positions([*y, *y_seen]), together, np.asarray(data.prototypes.seen, dtype=bool)
    )
    (u, s, h), calibrated = curve.at(0.0), curve.at(penalty)
    return {
        "t1": per_class_top_k(unseen.positions(y), alone),
        "t5": per_class_top_k(unseen.positions(y), alone, k=5),
        **{"u": u, "s": s, "h": h, "h_calibrated": calibrated[2], "ausuc": curve.ausuc, "penalty": penalty},
        "predict_s": time.perf_counter() - started,
    }


def row(name: str, data: Data, objective: str) -> dict[str, Any]:
    """Choose, fit and test one method."""
    X, y = data.take("trainval")
    started = time.perf_counter()
    explanation = ""
    if name == "auto":
        method: Method = Auto(time_budget=None)
        penalty = 0.0
    elif name in TRANSDUCTIVE:
        base = searched("kernel_ridge", data, objective).estimator
        kind = BalancedAssignment if name == "balanced_assignment" else SelfTraining
        space: dict[str, Any] = dict(kind.search_space)
        if kind is SelfTraining:
            space["features"] = [FeatureScaling(0.5, shrinkage=1.0), FeatureScaling(normalize=False, shrinkage=1.0)]
        found = chosen(kind(base), data, space, objective)
        method, penalty = found.estimator, found.penalty
    else:
        selection = searched(name, data, objective)
        method, penalty = selection.estimator, selection.penalty
    select_s = time.perf_counter() - started
    started = time.perf_counter()
    method.fit(X, y, prototypes=data.prototypes)
    fit_s = time.perf_counter() - started
    if isinstance(method, Auto):
        explanation, penalty = method.explanation_, method.penalty_
    inductive = not method.capabilities.transductive
    params = " ".join(repr(method).split())
    family = METHODS.get(name).family
    return {
        **{"dataset": data.name, "method": name, "family": family, "params": params, "seed": 0},
        **tested(method, penalty, data),
        **recipe(method),
        **{"fit_s": fit_s, "select_s": select_s, "inductive": inductive, "explanation": explanation},
    }


def recipe(method: Method) -> dict[str, Any]:
    """Return what a recipe needs to build the method again; nothing for methods made of several."""
    if not isinstance(method, Prepared) or method.method is None:
        return {"recipe": None}
    inner, default = method.method, type(method.method)()
    changed = {k: v for k, v in inner.get_params(deep=False).items() if v != getattr(default, k)}
    parts = {
        name: part.get_params()
        for name, part in (("features", method.features), ("prototypes", method.prototypes))
        if part
    }
    return {"recipe": {"params": changed, "standardize": method.standardize, **parts}}


def write_recipes(rows: list[dict[str, Any]], folder: Path) -> None:
    """Write a TOML file for each row that has a recipe."""

    for r in rows:
        if not r["recipe"]:
            continue
        lines = [f"# What `python benchmarks/methods.py` measured for {r['method']} on {r['dataset']}."]
        protocol = "parameters chosen on 3 folds of held-out training classes; test part opened once"
        head = {"dataset": r["dataset"], "method": r["method"], "protocol": protocol}
        head |= {"source": "python benchmarks/methods.py --data data/zsl", "tolerance": 0.01}
        head |= {"penalty": r["penalty"], "standardize": r["recipe"]["standardize"]}
        unset = [k for k, v in r["recipe"]["params"].items() if v is None]  # TOML has no word for None
        lines += [f"{k} = {json.dumps(v)}" for k, v in (head | ({"unset": unset} if unset else {})).items()]
        for name in ("params", "features", "prototypes"):
            given = {k: v for k, v in r["recipe"].get(name, {}).items() if v is not None}
            if given:
                lines += ["", f"[{name}]", *(f"{k} = {json.dumps(v)}" for k, v in given.items())]
        lines += ["", "[expected]", *(f"{k} = {round(float(r[k]), 4)}" for k in ("t1", "h_calibrated", "ausuc"))]
        (folder / f"{r['dataset'].lower()}_{r['method']}.toml").write_text("\n".join(lines) + "\n", "utf-8")


def table(rows: list[dict[str, Any]]) -> str:
    """Return Markdown, inductive rows before the others."""
    lines = []
    for dataset in sorted({r["dataset"] for r in rows}, reverse=True):
        for inductive in (True, False):
            mine = [r for r in rows if r["dataset"] == dataset and r["inductive"] == inductive]
            if not mine:
                continue
            lines += [f"{dataset}, {'inductive' if inductive else 'transductive'}:", ""]
            lines += ["| method | T1 | peers' T1 | u / s / H | H_cal | peers' H_cal | AUSUC | fit s | search s |"]
            lines += ["|---|---|---|---|---|---|---|---|---|"]
            for r in sorted(mine, key=lambda r: -r["t1"]):
                peer = PEERS.get(r["method"], (None, None))[0 if dataset == "CUB100" else 1]
                theirs = (f"{peer[0]:.3f}", f"{peer[1]:.3f}") if peer else ("–", "–")
                lines.append(
                    f"| `{r['method']}` | {r['t1']:.3f} | {theirs[0]} | {r['u']:.3f} / {r['s']:.3f} / {r['h']:.3f} | "
                    f"{r['h_calibrated']:.3f} | {theirs[1]} | {r['ausuc']:.3f} | {r['fit_s']:.1f} | "
                    f"{r['select_s']:.0f} |"
                )
            lines.append("")
    return "\n".join(lines)


def main() -> None:
    """Run what is missing and print the table."""
    parser = argparse.ArgumentParser(description="All methods on CUB100 and AWA1.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("results.json"))
    parser.add_argument("--only", default="")
    parser.add_argument("--datasets", default="CUB100,AWA1")
    parser.add_argument("--recipes", type=Path, help="folder to write a recipe of each row to")
    parser.add_argument("--objective", default="accuracy")
    parser.add_argument("--sentences", action="store_true", help="CUB100's sentence embeddings as prototypes")
    arguments = parser.parse_args()
    rows = json.loads(arguments.out.read_text()) if arguments.out.exists() else []
    names = (
        arguments.only.split(",")
        if arguments.only
        else [n for n in METHODS if n not in APART] + ["auto", *TRANSDUCTIVE]
    )
    for dataset in arguments.datasets.split(","):
        data = load(arguments.data / dataset, sentences=arguments.sentences)
        for name in names:
            if any(r["dataset"] == dataset and r["method"] == name for r in rows):
                continue
            rows.append(row(name, data, arguments.objective))
            arguments.out.write_text(json.dumps(rows, indent=1))
            done = rows[-1]
            print(f"{dataset} {name}: T1 {done['t1']:.3f}, H_cal {done['h_calibrated']:.3f}", flush=True)
    if arguments.recipes:
        write_recipes(rows, arguments.recipes)
    print(table(rows))


if __name__ == "__main__":
    main()
