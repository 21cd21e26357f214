"""What generators that play against a critic share: the critic's steps, and the classifier of seen classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from unseen.methods.classifiers import softmax_classifiers
from unseen.methods.samples import Samples

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor, nn

    from unseen.methods.neural.session import Session

__all__ = ["critic_steps", "solve_classifier"]


def critic_steps(
    session: Session, make: Callable[[Tensor], Tensor], *, n_steps: int, penalty: float
) -> dict[str, Tensor]:
    """Update the part called "critic" on fresh batches, and return its losses of the last.

    Parameters
    ----------
    session : Session
        With a group of optimisation called "critic".
    make : callable
        Returns made-up vectors (n, d) of prototypes (n, k).
    n_steps : int
        Batches.
    penalty : float
        Weight of the gradient penalty.
    """
    critic = session.parts["critic"]
    batches = [session.batch() for _ in range(n_steps)]
    with torch.no_grad():  # the generator stands still meanwhile, so all batches are made up together
        made = make(torch.cat([batch.a for batch in batches])).split([len(batch) for batch in batches])
    for batch, fakes in zip(batches, made, strict=True):
        distance, steepness = critic.learn(batch.x, fakes, batch.a, session.shares(len(batch)), penalty)
        session.take_step("critic")
    return {"critic": distance, "penalty": steepness}


def solve_classifier(layer: nn.Module, X: Tensor, y: Tensor) -> None:
    """Set a linear layer to the softmax classifier of vectors X (n, d) and their classes y (n,), and freeze it."""
    vectors, classes = X.cpu().numpy(), y.cpu().numpy()
    n_classes = int(classes.max()) + 1
    weights = np.zeros((n_classes, vectors.shape[1])), np.zeros(n_classes)
    if n_classes > 1 and np.ptp(vectors, axis=0).any():
        weights = softmax_classifiers(Samples(vectors, classes, n_classes), C=1.0)
    with torch.no_grad():
        for parameter, values in zip(layer.parameters(), weights, strict=True):
            parameter.copy_(torch.as_tensor(values, dtype=parameter.dtype))
            parameter.requires_grad_(requires_grad=False)
