"""Shares of classes in a batch, pushed towards equal ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import softmax

__all__ = ["balanced"]

Array = np.ndarray[Any, Any]

_ROUNDS = 100


def balanced(scores: Array, moving: Array, strength: float, *, sharpness: float = 5.0) -> Array:
    """Return scores (n, C) with an offset for each moving class, so that their shares of the batch come closer.

    The shares aimed at are ``(1 - strength)`` times what the scores give and ``strength`` times an equal share of the
    total that the moving classes have. `sharpness` turns scores, in units of their spread, into soft labels.
    """
    offsets = np.zeros(scores.shape[1])
    share = softmax(sharpness * scores, axis=1).mean(axis=0)
    target = np.where(moving, (1 - strength) * share + strength * share[moving].sum() / moving.sum(), share)
    for _ in range(_ROUNDS):
        share = softmax(sharpness * (scores + offsets), axis=1).mean(axis=0)
        step = np.log(np.maximum(target, 1e-12)) - np.log(np.maximum(share, 1e-12))
        step = np.where(moving, np.clip(step, -5, 5), 0.0) / sharpness
        offsets += step
        if np.abs(step).max() < 1e-4:
            break
    return scores + offsets
