"""Contrasts: samples of a class against those of others, and the right class against the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Comparison", "contrast"]


class Comparison(nn.Module):  # type: ignore[misc]
    r"""Rate how well embeddings h fit prototypes a, every one with every one.

    .. math:: F(h, a) = w^\top \max(0, U h + V a + b) + c

    Parameters
    ----------
    n_inputs, n_conditions, n_hidden : int
        Sizes of h, of a and of the hidden layer.
    """

    def __init__(self, n_inputs: int, n_conditions: int, n_hidden: int) -> None:
        super().__init__()
        self.inputs = nn.Linear(n_inputs, n_hidden)
        self.conditions = nn.Linear(n_conditions, n_hidden, bias=False)
        self.output = nn.Linear(n_hidden, 1)

    def forward(self, h: Tensor, A: Tensor) -> Tensor:
        """Return ratings (n, C) of embeddings h (n, e) for prototypes A (C, k)."""
        # The first layer of a pair is a sum: computed once for each sample and once for each class.
        hidden = functional.relu(self.inputs(h)[:, None] + self.conditions(A)[None])
        rated: Tensor = self.output(hidden)[..., 0]
        return rated


def contrast(z: Tensor, y: Tensor, *, temperature: float) -> Tensor:
    """Return how poorly projections z (n, q) of one class y (n,) are told from those of others.

    The share of the other samples of its class in a sample's similarities, as minus its logarithm; a mean over samples
    that have one. 0 where none has.
    """
    z = functional.normalize(z, dim=1)
    similar = z @ z.T / temperature
    alone = torch.eye(len(z), dtype=torch.bool, device=z.device)
    mates = (y[:, None] == y) & ~alone
    everybody = similar.masked_fill(alone, -torch.inf).logsumexp(dim=1)
    own = similar.masked_fill(~mates, -torch.inf).logsumexp(dim=1)
    some = mates.any(dim=1)
    return (everybody[some] - own[some]).sum() / max(int(some.sum()), 1)
