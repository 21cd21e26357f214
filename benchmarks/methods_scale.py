"""Time and memory of every method's fit at AWA2's size: 37,322 random vectors of 2,048 numbers, 85 attributes.

    python benchmarks/methods_scale.py [--n 37322] [--only eszsl,gfzsl] [--wide]

Each method runs in a process of its own; memory is its peak above what the process held with the vectors loaded, in
multiples of the vectors' own size (float32). ``--wide`` instead fits to 2,000 vectors and names the best of 10,000
classes for 10,000 vectors; the scores alone would take 763 MiB. Prints Markdown.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time

import numpy as np

from unseen import Prototypes
from unseen.registry import METHODS

# Made of other methods, or nothing to fit.
APART = {"aligned", "auto", "balanced_assignment", "cosine", "ensemble", "prepared", "remedied", "self_training"}


def problem(n: int, d: int, k: int, n_classes: int) -> tuple[np.ndarray, np.ndarray, Prototypes]:
    """Return vectors, names and prototypes in which classes can be told apart."""
    rng = np.random.default_rng(0)
    S = rng.random((n_classes + 10, k))
    y = rng.integers(0, n_classes, n)
    X = rng.standard_normal((n, d), dtype=np.float32)
    X += (S @ rng.normal(size=(k, d)) / 4).astype(np.float32)[y]
    names = [f"class {i}" for i in range(len(S))]
    return X, np.array(names)[y], Prototypes(names, S)


def peak() -> float:
    """Return the largest memory this process has held, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def one(name: str, n: int, d: int) -> dict[str, float]:
    """Fit and score one method."""
    X, y, prototypes = problem(n, d, 85, 40)
    method = METHODS.get(name)()
    METHODS.get(name)().fit(X[:200], y[:200], prototypes=prototypes)  # loads libraries
    before, started = peak(), time.perf_counter()
    method.fit(X, y, prototypes=prototypes)
    seconds, used = time.perf_counter() - started, peak() - before
    started = time.perf_counter()
    method.class_scores(X[:5000], prototypes=prototypes.subset(prototypes.names[40:]))
    return {
        "fit_s": seconds,
        "score_s": time.perf_counter() - started,
        "extra": used / (X.nbytes / 2**20),
        "total": peak() / (X.nbytes / 2**20),
    }


def wide(name: str) -> dict[str, float]:
    """Let one method choose among very many classes."""
    X, y, prototypes = problem(10_000, 512, 85, 40)
    method = METHODS.get(name)().fit(X[:2000], y[:2000], prototypes=prototypes)
    rng = np.random.default_rng(1)
    many = Prototypes([f"new {i}" for i in range(10_000)], rng.random((10_000, 85)))
    before, started = peak(), time.perf_counter()
    method.predict(X, prototypes=many)
    return {"seconds": time.perf_counter() - started, "mib": peak() - before}


def main() -> None:
    """Run each method in a process and print a table."""
    parser = argparse.ArgumentParser(description="Time and memory of fits at AWA2's size.")
    parser.add_argument("--n", type=int, default=37322)
    parser.add_argument("--d", type=int, default=2048)
    parser.add_argument("--only", default="")
    parser.add_argument("--wide", action="store_true")
    parser.add_argument("--one", default="", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(wide(arguments.one) if arguments.wide else one(arguments.one, arguments.n, arguments.d)))
        return
    if arguments.wide:
        print("| method | 10,000 vectors, 10,000 classes, s | extra memory, MiB |\n|---|---|---|")
    else:
        print("| method | fit s | scoring 5,000 s | extra memory / features | whole process / features |")
        print("|---|---|---|---|---|")
    for name in arguments.only.split(",") if arguments.only else [n for n in METHODS if n not in APART]:
        command = [sys.executable, __file__, "--one", name, "--n", str(arguments.n), "--d", str(arguments.d)]
        command += ["--wide"] * arguments.wide
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"| `{name}` | failed: {done.stderr.strip().splitlines()[-1]} | | | |", flush=True)
            continue
        r = json.loads(done.stdout.splitlines()[-1])
        if arguments.wide:
            print(f"| `{name}` | {r['seconds']:.1f} | {r['mib']:.0f} |", flush=True)
            continue
        print(f"| `{name}` | {r['fit_s']:.1f} | {r['score_s']:.2f} | {r['extra']:.2f} | {r['total']:.2f} |", flush=True)


if __name__ == "__main__":
    main()
