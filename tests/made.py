"""Data sets that are made up: vectors that prototypes explain, with noise."""

from __future__ import annotations

import numpy as np

from unseen import Prototypes
from unseen.datasets import Dataset, Split


def made(n_seen: int, n_unseen: int, each: int, *, noise: float) -> Dataset:
    """Return a data set of `each` samples per class; a quarter of those of seen classes is in the test part."""
    rng = np.random.default_rng(0)
    C = n_seen + n_unseen
    P = rng.normal(size=(C, 6))
    y = np.repeat(np.arange(C), each)
    X = P[y] @ rng.normal(size=(6, 10)) + noise * rng.normal(size=(len(y), 10))
    rows = np.arange(len(y))
    kept = (rows % each >= 3 * each // 4) & (y < n_seen)
    split = Split(rows[(y < n_seen) & ~kept], rows[kept], rows[y >= n_seen], source="made")
    names = [f"class {i:02}" for i in range(C)]
    return Dataset(X, np.array(names)[y], prototypes=Prototypes(names, P), split=split, name="made")
