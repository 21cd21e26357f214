"""Neural generators beside other people's code, beside all other methods, and over epochs.

    python benchmarks/generators.py peers --data data/zsl --out generators.json
    python benchmarks/generators.py board --data data/zsl --out board
    python benchmarks/generators.py curves --data data/zsl/CUB100 --plot curves.svg

peers: every generator with its defaults on CUB100, three seeds, a process each on two threads. `fit` is handed the
training part and the prototypes of seen classes; it chooses epochs, penalty and temperature on training classes. Then
the test part is opened, and once more for the best point of the curve, which nothing is chosen by. board: those and
all methods that `unseen bench` compares, by its protocol, one thread and one at a time. curves: a quarter of the
training classes is held out, and each generator is trained on the others for more and more epochs; no test part is
opened. Finished rows of the first two are kept in the output and not run again. Prints Markdown.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from unseen.benchmark import evaluate, run_benchmark
from unseen.benchmark.choice import comparable
from unseen.datasets import read_dataset
from unseen.methods.selection import ClassWiseSplit
from unseen.metrics import bootstrap_interval, per_class_top_k, seen_unseen_curve
from unseen.registry import METHODS

SENTENCES = "sent_splits.mat"
# T1, H, H_cal (the best point of the test curve), AUSUC and seconds of other people's code on the same features.
PEERS: dict[tuple[str, str], tuple[float, float, float, float, float]] = {
    ("cadavae", "att"): (0.638, 0.637, 0.644, 0.551, 724),
    ("tfvaegan", "att"): (0.446, 0.263, 0.523, 0.401, 146),
    ("cegzsl", "att"): (0.448, 0.534, 0.551, 0.412, 163),
    ("fclswgan", "att"): (0.267, 0.069, 0.321, 0.191, 172),
    ("fvaegan", "att"): (0.552, 0.433, 0.582, 0.481, 265),
    ("cegzsl", "sent"): (0.515, 0.515, 0.527, 0.462, 212),
}
# The only one that ran its full schedule: to be met within a point, in at most a quarter of its time.
FULL, ROOM, QUARTER = "cadavae", 0.01, 0.25
FIGURES = ("t1", "u", "s", "h", "h_calibrated", "h_best", "ausuc", "fit_s", "score_s", "rss_mb")


def neural() -> list[str]:
    """Return the names of the registered generators that are trained by epochs."""
    return [name for name in METHODS if METHODS.get(name).slow]


def means(rows: list[dict[str, Any]], name: str) -> tuple[float, float]:
    """Return the mean of a figure over rows, and its standard deviation, 0 for one row."""
    values = np.array([np.nan if row[name] is None else row[name] for row in rows], dtype=float)
    return float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else 0.0


# -- beside peers ---------------------------------------------------------------------------------------------


def one(job: dict[str, Any]) -> dict[str, Any]:
    """Fit and test one generator in this process."""
    import torch

    torch.set_num_threads(job["threads"])
    sentences = SENTENCES if job["prototypes"] == "sent" else None
    dataset = read_dataset(job["data"], prototypes=sentences)
    X, y = dataset.learnable()
    method = METHODS.get(job["method"])(random_state=job["seed"])
    started = time.perf_counter()
    method.fit(X, y, prototypes=dataset.seen_prototypes)
    fit_s = time.perf_counter() - started
    found = evaluate(method, dataset, by=job["method"], gamma=method.penalty_, temperature=method.temperature_)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
    part, prototypes = dataset.open_test(job["method"]), dataset.prototypes
    scores = method.class_scores(np.concatenate([part.X_unseen, part.X_seen]), prototypes=prototypes)
    columns = prototypes.positions([*part.y_unseen, *part.y_seen])
    curve = seen_unseen_curve(columns, scores, np.asarray(prototypes.seen, dtype=bool))
    return {
        **{key: job[key] for key in ("method", "prototypes", "seed", "threads")},
        **{key: getattr(found, key) for key in ("t1", "u", "s", "h", "h_calibrated", "gamma", "ausuc")},
        "h_best": curve.best()[1],
        "fit_s": fit_s,
        "score_s": found.predict_s,
        "rss_mb": peak,
        "n_epochs": int(method.n_epochs_),
    }


def verdict(name: str, prototypes: str, figures: dict[str, float]) -> str:
    """Say whether a row is above its peer's within its time; time is the fit's and that of the final classifiers."""
    t1, _, h_cal, _, seconds = PEERS[name, prototypes]
    if name == FULL:
        t1, h_cal, seconds = t1 - ROOM, h_cal - ROOM, seconds * QUARTER
    missing = [] if figures["t1"] > t1 else ["T1"]
    if figures["h_calibrated"] <= h_cal:
        missing.append("H_cal" if figures["h_best"] <= h_cal else "H_cal but for its best point")
    if figures["fit_s"] + figures["score_s"] > seconds:
        missing.append("time")
    return "yes" if not missing else "no: " + ", ".join(missing)


def peers(arguments: argparse.Namespace) -> None:
    """Run what is missing and print the table."""
    out = arguments.out or Path("generators.json")
    rows = json.loads(out.read_text("utf-8")) if out.exists() else []
    wanted = [key for key in PEERS if not arguments.only or key[0] in arguments.only.split(",")]
    threads = str(arguments.threads)
    limits = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), threads)
    for name, prototypes in wanted:
        for seed in range(arguments.seeds):
            asked = {"method": name, "prototypes": prototypes, "seed": seed, "threads": arguments.threads}
            if any(all(row[key] == value for key, value in asked.items()) for row in rows):
                continue
            job = json.dumps({**asked, "data": str(arguments.data / "CUB100")})
            command = [sys.executable, __file__, "one", "--job", job]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, **limits})
            rows.append(json.loads(done.stdout.splitlines()[-1]))
            out.write_text(json.dumps(rows, indent=1), "utf-8")
            print(f"{name} {prototypes} {seed}: T1 {rows[-1]['t1']:.3f}", file=sys.stderr, flush=True)
    print(
        "| method | prototypes | T1 | peer's | u / s / H | H_cal | H best | peer's | AUSUC | peer's | epochs | fit s | "
        "score s | peer's s | peak MB | holds |"
    )
    print("|---" * 16 + "|")
    for name, prototypes in wanted:
        keys = {"method": name, "prototypes": prototypes, "threads": arguments.threads}
        mine = [
            row for row in rows if row["seed"] < arguments.seeds and all(row[k] == value for k, value in keys.items())
        ]
        told = {figure: means(mine, figure) for figure in FIGURES}
        cell = {figure: f"{mean:.3f} ± {spread:.3f}" for figure, (mean, spread) in told.items()}
        mean = {figure: value for figure, (value, _) in told.items()}
        t1, _, h_cal, ausuc, seconds = PEERS[name, prototypes]
        epochs = ", ".join(str(row["n_epochs"]) for row in mine)
        print(
            f"| `{name}` | {prototypes} | {cell['t1']} | {t1:.3f} | {mean['u']:.3f} / {mean['s']:.3f} / {cell['h']} | "
            f"{cell['h_calibrated']} | {cell['h_best']} | {h_cal:.3f} | {cell['ausuc']} | {ausuc:.3f} | {epochs} | "
            f"{mean['fit_s']:.0f} ± {told['fit_s'][1]:.0f} | {mean['score_s']:.1f} | {seconds:.0f} | "
            f"{mean['rss_mb']:.0f} | {verdict(name, prototypes, mean)} |"
        )


# -- beside all methods ---------------------------------------------------------------------------------------


def board(arguments: argparse.Namespace) -> None:
    """Run what is missing and print a table of each data set."""
    out = arguments.out or Path("board")
    for name in arguments.datasets.split(","):
        place = arguments.data / name
        dataset = read_dataset(place)
        rows: list[Any] = []
        failures: list[Any] = []
        plain = comparable(dataset.prototypes, dataset.n_features)
        for group, seeds in ((plain, 1), (neural(), arguments.seeds)):
            names = [one for one in group if not arguments.only or one in arguments.only.split(",")]
            if not names:
                continue
            found = run_benchmark(place, names, out=out / name, seeds=seeds, jobs=1, on_row=_tell)
            rows += found.rows
            failures += found.failures
        print(f"{name}: 95 % intervals over classes; generators: mean of {arguments.seeds} seeds.\n")
        print("| method | family | scores | T1 | T1, 95 % | u / s / H | H_cal | AUSUC | search s | fit s | peak MB |")
        print("|---" * 11 + "|")
        merged = [[row for row in rows if row["method"] == one] for one in dict.fromkeys(r["method"] for r in rows)]
        merged.sort(key=lambda mine: -means(mine, "h")[0])
        for mine in merged:
            print(_line(mine))
        print()
        for kind, trained in (("generator", True), ("other method that scores each sample by itself", False)):
            some = [mine for mine in merged if mine[0]["inductive"] and (mine[0]["method"] in neural()) == trained]
            if some:
                best = some[0]
                print(f"- Best {kind} by H: `{best[0]['method']}`, {means(best, 'h')[0]:.3f}.")
        for one in failures:
            print(f"- `{one['method']}`, seed {one['seed']}, failed: {one['error']}")
        print(flush=True)


def _line(mine: list[dict[str, Any]]) -> str:
    first = mine[0]
    rates = np.mean([list(row["per_class"].values()) for row in mine], axis=0)
    sure = bootstrap_interval(rates, np.arange(len(rates)))
    cell = {}
    for figure in ("t1", "h", "h_calibrated", "ausuc"):
        mean, spread = means(mine, figure)
        cell[figure] = f"{mean:.3f}" + (f" ± {spread:.3f}" if len(mine) > 1 else "")
    number = {figure: means(mine, figure)[0] for figure in ("u", "s", "select_s", "fit_s", "rss_mb")}
    return (
        f"| `{first['method']}` | {first['family']} | {'each' if first['inductive'] else 'all together'} | "
        f"{cell['t1']} | {sure.low:.3f} to {sure.high:.3f} | {number['u']:.3f} / {number['s']:.3f} / {cell['h']} | "
        f"{cell['h_calibrated']} | {cell['ausuc']} | {number['select_s']:.0f} | {number['fit_s']:.1f} | "
        f"{number['rss_mb']:.0f} |"
    )


def _tell(name: str, seed: int, state: str) -> None:
    print(f"{name} {seed}: {state}", file=sys.stderr, flush=True)


# -- over epochs ----------------------------------------------------------------------------------------------


def doubled(most: int) -> list[int]:
    """Return 1, 2, 4 and so on, and `most` itself."""
    return [*(2**i for i in range(most.bit_length()) if 2**i < most), most]


def curve_of(name: str, data: Path, most: int, n_folds: int) -> list[tuple[int, float, float]]:
    """Return epochs, held-out accuracy and seconds of the fit, means over folds; no epoch is chosen."""
    dataset = read_dataset(data)
    X, y = dataset.learnable()
    folds = list(ClassWiseSplit(4, random_state=0).split(X, y))[:n_folds]
    points = []
    for n_epochs in doubled(most):
        found = []
        for learned, held in folds:
            out = dataset.seen_prototypes.subset([str(one) for one in np.unique(y[held])])
            known = dataset.seen_prototypes.subset([str(one) for one in np.unique(y[learned])])
            method = METHODS.get(name)(n_epochs=n_epochs, random_state=0)
            started = time.perf_counter()
            method.fit(X[learned], y[learned], prototypes=known)
            seconds = time.perf_counter() - started
            scores = method.class_scores(X[held], prototypes=out)
            found.append((per_class_top_k(out.positions(y[held]), scores), seconds))
        accuracy, seconds = np.mean(found, axis=0).tolist()
        points.append((n_epochs, accuracy, seconds))
        print(f"{name}, {n_epochs} epochs: {accuracy:.3f} after {seconds:.1f} s", file=sys.stderr, flush=True)
    return points


def curves(arguments: argparse.Namespace) -> None:
    """Train for more and more epochs, print both tables, draw the picture."""
    import torch

    torch.set_num_threads(arguments.threads)
    names = arguments.only.split(",") if arguments.only else neural()
    found = {}
    for name in names:
        most = arguments.epochs or arguments.times * METHODS.get(name)().max_epochs
        found[name] = curve_of(name, arguments.data, most, arguments.folds)
    print("| method | epochs | held-out accuracy | fit s |\n|---|---|---|---|")
    for name, points in found.items():
        for n_epochs, accuracy, seconds in points:
            print(f"| `{name}` | {n_epochs} | {accuracy:.3f} | {seconds:.1f} |")
    print("\n| method | best | at epochs | fit s | first within 0.01 of it | fit s | after the most epochs |")
    print("|---" * 7 + "|")
    for name, points in found.items():
        best = max(points, key=lambda point: point[1])
        near = next(point for point in points if point[1] >= best[1] - ROOM)
        print(
            f"| `{name}` | {best[1]:.3f} | {best[0]} | {best[2]:.1f} | {near[0]} | {near[2]:.1f} | "
            f"{points[-1][1]:.3f} |"
        )
    if arguments.plot:
        draw(found, arguments.plot)


def draw(found: dict[str, list[tuple[int, float, float]]], path: Path) -> None:
    """Write the curves as a picture; the ending of the name says which kind."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    for name, points in found.items():
        epochs, accuracy, seconds = zip(*points, strict=True)
        left.plot(epochs, accuracy, marker="o", markersize=3, label=name)
        right.plot(seconds, accuracy, marker="o", markersize=3, label=name)
    for axes, label in ((left, "epochs"), (right, "seconds of the fit")):
        axes.set_xscale("log")
        axes.set_xlabel(label)
        axes.grid(alpha=0.3)
    left.set_ylabel("accuracy on held-out training classes")
    left.legend()
    figure.savefig(path)


def main() -> None:
    """Do what the first word says."""
    parser = argparse.ArgumentParser(description="Neural generators: beside peers, beside all methods, over epochs.")
    parser.add_argument("what", choices=("peers", "board", "curves", "one"))
    parser.add_argument("--data", type=Path, help="folder of both data sets; for curves, of one")
    parser.add_argument("--out", type=Path, help="peers: a JSON file; board: a folder")
    parser.add_argument("--only", default="", help="names, with commas")
    parser.add_argument("--datasets", default="CUB100,AWA1", help="board: which")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2, help="peers and curves: threads of a fit")
    parser.add_argument("--times", type=int, default=3, help="curves: train for so many times max_epochs")
    parser.add_argument("--epochs", type=int, help="curves: the most epochs, in place of --times")
    parser.add_argument("--folds", type=int, default=2, help="curves: of four")
    parser.add_argument("--plot", type=Path, help="curves: a picture, .svg or .png")
    parser.add_argument("--job", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.what == "one":
        print(json.dumps(one(json.loads(arguments.job))))
        return
    if arguments.data is None:
        parser.error("--data is needed")
    {"peers": peers, "board": board, "curves": curves}[arguments.what](arguments)


if __name__ == "__main__":
    main()
