"""A whole search for parameters, both ways: `select` on shared summaries, and one fit per setting.

    python benchmarks/methods_speed.py --data data/zsl/CUB100 [--only eszsl,sae]

The grid, the folds (the published training and validation classes) and the figure (per-class accuracy on validation
classes) are the same. The slow way is written as the published code is: two pseudo-inverses per ESZSL setting,
scipy's Sylvester solver per SAE setting, and one pass over samples in Python per epoch for ALE, DeViSE and SJE. Prints
Markdown.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.linalg import solve_sylvester

from unseen.methods.selection import select
from unseen.registry import METHODS
from xlsa import load

Array = np.ndarray[Any, Any]

GRIDS: dict[str, Mapping[str, Sequence[Any]]] = {
    "eszsl": {"gamma": tuple(10.0**e for e in range(-3, 4)), "lam": tuple(10.0**e for e in range(-3, 4))},
    "sae": {"alpha": tuple(10.0**e for e in range(-3, 4)), "direction": ("semantic_to_visual",)},
    "ale": {"learning_rate": (0.01, 0.03, 0.1), "n_epochs": (5, 10)},
    "devise": {"learning_rate": (0.01, 0.03, 0.1), "n_epochs": (5, 10)},
    "sje": {"learning_rate": (0.01, 0.03, 0.1), "n_epochs": (5, 10)},
}


def slow_eszsl(X: Array, y: Array, S: Array, *, gamma: float, lam: float) -> Array:
    """Return W (d, k) by two pseudo-inverses."""
    Y = np.where(np.arange(len(S)) == y[:, None], 1.0, -1.0)
    first = np.linalg.pinv(X.T @ X + gamma * np.eye(X.shape[1]))
    return np.asarray(first @ X.T @ Y @ S @ np.linalg.pinv(S.T @ S + lam * np.eye(S.shape[1])))


def slow_sae(X: Array, y: Array, S: Array, *, alpha: float, direction: str) -> Array:
    """Return W (d, k) by Sylvester's equation."""
    T = S[y]
    return np.asarray(solve_sylvester(T.T @ T, alpha * X.T @ X, (1 + alpha) * T.T @ X).T)


def slow_ranking(kind: str) -> Callable[..., Array]:
    """Return a trainer that takes one sample at a time."""

    def train(X: Array, y: Array, S: Array, *, learning_rate: float, n_epochs: int) -> Array:
        rng = np.random.default_rng(0)
        W = np.zeros((X.shape[1], S.shape[1]))
        ranks = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, len(S) + 1))])
        for _ in range(n_epochs):
            for i in rng.permutation(len(X)):
                scores = (X[i] @ W) @ S.T
                loss = scores - scores[y[i]] + 1
                loss[y[i]] = 0
                if kind == "sje":
                    worst = int(loss.argmax())
                    if loss[worst] > 0:
                        W += learning_rate * np.outer(X[i], S[y[i]] - S[worst])
                    continue
                wrong = np.flatnonzero(loss > 0)
                if len(wrong):
                    weight = 1.0 if kind == "devise" else ranks[len(wrong)] / len(wrong)
                    W += learning_rate * weight * np.outer(X[i], len(wrong) * S[y[i]] - S[wrong].sum(axis=0))
        return W

    return train


SLOW: dict[str, Callable[..., Array]] = {
    "eszsl": slow_eszsl,
    "sae": slow_sae,
    **{name: slow_ranking(name) for name in ("ale", "devise", "sje")},
}


def main() -> None:
    """Search both ways and print a table."""
    parser = argparse.ArgumentParser(description="Searches, shared and one fit per setting.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", default=",".join(GRIDS))
    arguments = parser.parse_args()
    data = load(arguments.data)
    X, y = data.take("trainval")
    X = X / np.linalg.norm(X, axis=1, keepdims=True)
    train, held = data.official_fold
    known, out = np.unique(y[train]), np.unique(y[held])
    S = data.prototypes.subset([str(name) for name in known]).vectors.astype(np.float64)
    P = data.prototypes.subset([str(name) for name in out]).vectors.astype(np.float64)
    positions, targets = np.searchsorted(known, y[train]), np.searchsorted(out, y[held])
    print("| method | settings | shared, s | one fit per setting, s | ratio | best, shared | best, slow |")
    print("|---|---|---|---|---|---|---|")
    for name in arguments.only.split(","):
        grid = GRIDS[name]
        started = time.perf_counter()
        method = METHODS.get(name)()
        if "random_state" in method.get_params():
            method.set_params(random_state=0)
        found = select(
            method, X, y, prototypes=data.prototypes, space=grid, split=[(train, held)], seen_share=0.0, refit=False
        )
        shared = time.perf_counter() - started
        started = time.perf_counter()
        best = 0.0
        wide = X.astype(np.float64)
        for row in found.rows:
            W = SLOW[name](wide[train], positions, S, **row["params"])
            if name == "sae":
                back = P @ W.T
                back /= np.linalg.norm(back, axis=1, keepdims=True)
                predicted = (wide[held] @ back.T).argmax(axis=1)
            else:
                predicted = (wide[held] @ W @ P.T).argmax(axis=1)
            best = max(best, float(np.mean([(predicted[targets == c] == c).mean() for c in range(len(out))])))
        slow = time.perf_counter() - started
        top = max(row["accuracy"] for row in found.rows)
        print(
            f"| `{name}` | {len(found.rows)} | {shared:.1f} | {slow:.0f} | {slow / shared:.0f} | {top:.3f} | "
            f"{best:.3f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
