"""Networks of one hidden layer, and the losses that more than one method is trained with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Critic", "kl_divergence", "perceptron", "reparameterize", "squared_error"]

_SLOPE = 0.2


def perceptron(n_inputs: int, n_hidden: int, n_outputs: int, *, slope: float = _SLOPE) -> nn.Sequential:
    """Return a network of one hidden layer with leaky rectifiers of this slope, and linear outputs."""
    return nn.Sequential(nn.Linear(n_inputs, n_hidden), nn.LeakyReLU(slope), nn.Linear(n_hidden, n_outputs))


class Critic(nn.Module):  # type: ignore[misc]
    r"""Wasserstein critic of vectors and their conditions, with its gradient penalty in closed form.

    .. math:: D(x, a) = w^\top \sigma(U x + V a + b) + c, \qquad
       \nabla_x D(x, a) = U^\top \bigl(w \odot \sigma'(U x + V a + b)\bigr)

    Parameters
    ----------
    n_inputs, n_conditions, n_hidden : int
        Sizes of x, of a and of the hidden layer.

    Notes
    -----
    The slope of a leaky rectifier is constant on either side, so the gradient's norm is differentiated through `U` and
    `w` alone: exactly what differentiating twice gives, without building the second graph.

    References
    ----------
    Gulrajani, Ahmed, Arjovsky, Dumoulin and Courville, "Improved Training of Wasserstein GANs", NIPS 2017.
    """

    def __init__(self, n_inputs: int, n_conditions: int, n_hidden: int) -> None:
        super().__init__()
        self.inputs = nn.Linear(n_inputs, n_hidden)
        self.conditions = nn.Linear(n_conditions, n_hidden, bias=False)
        self.output = nn.Linear(n_hidden, 1)
        # Both halves start as one layer over both inputs would.
        bound = (n_inputs + n_conditions) ** -0.5
        for weights in (self.inputs.weight, self.inputs.bias, self.conditions.weight):
            nn.init.uniform_(weights, -bound, bound)

    def forward(self, x: Tensor, a: Tensor) -> Tensor:
        """Return how real vectors x (n, d) with conditions a (n, k) look, (n,)."""
        return self._rate(self.inputs(x) + self.conditions(a))

    def _rate(self, hidden: Tensor) -> Tensor:
        rated: Tensor = self.output(functional.leaky_relu(hidden, _SLOPE))[:, 0]
        return rated

    def loss(self, real: Tensor, made: Tensor, a: Tensor, shares: Tensor) -> tuple[Tensor, Tensor]:
        """Return the Wasserstein loss of the critic, and its gradient penalty at mixtures of real and made vectors.

        `shares` (n, 1), in [0, 1], is the part of the real vector in each mixture.
        """
        n = len(real)
        hidden = self.inputs(torch.cat([real, made])) + self.conditions(a).repeat(2, 1)
        rated = self._rate(hidden)
        # What a mixture puts into the rectifiers is the mixture of what its two vectors do: the layer is affine.
        fixed = hidden.detach()
        slopes = torch.where(shares * fixed[:n] + (1 - shares) * fixed[n:] > 0, 1.0, _SLOPE)
        gradient = (slopes * self.output.weight) @ self.inputs.weight
        penalty = (gradient.norm(dim=1) - 1).square().mean()
        return rated[n:].mean() - rated[:n].mean(), penalty


def reparameterize(mean: Tensor, log_variance: Tensor, noise: Tensor) -> Tensor:
    """Return a draw of the Gaussian, differentiable by its parameters; `noise` is standard normal."""
    return mean + (0.5 * log_variance).exp() * noise


def kl_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return the divergence of Gaussians (n, z) from the standard one, a mean over n."""
    return -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum(dim=1).mean()


def squared_error(found: Tensor, wanted: Tensor) -> Tensor:
    """Return half of the squared distance, a mean over rows: up to a constant, a Gaussian's -log-likelihood."""
    return 0.5 * (found - wanted).square().sum(dim=1).mean()
