"""Vectors in groups that lie a little beside their class's prototype, as photos lie beside the text about them."""

from __future__ import annotations

from typing import Any

import numpy as np

from unseen import Prototypes


def beside(
    n_classes: int, d: int, each: int, *, offset: float, noise: float, seed: int = 0
) -> tuple[Any, Any, Prototypes]:
    """Return vectors, names and prototypes; groups are `offset` from those, and vectors `noise` from their group."""
    rng = np.random.default_rng(seed)
    p = Prototypes([f"c{i}" for i in range(n_classes)], rng.normal(size=(n_classes, d)))
    groups = p.vectors + offset * rng.normal(size=(n_classes, d))
    X = groups.repeat(each, axis=0) + noise * rng.normal(size=(n_classes * each, d))
    return X, np.repeat(p.names, each), p
