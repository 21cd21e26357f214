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
    `w` alone: exactly what differentiating twice gives, without building a graph of a graph. With so few operations
    the loss is differentiated by hand too: `learn` needs no graph at all.

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
        rated: Tensor = self.output(functional.leaky_relu(self.inputs(x) + self.conditions(a), _SLOPE))[:, 0]
        return rated

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def learn(self, real: Tensor, made: Tensor, a: Tensor, shares: Tensor, penalty: float) -> tuple[Tensor, Tensor]:
        """Leave the gradient of the critic's loss in the weights, for an optimiser to take its step.

        Parameters
        ----------
        real, made : Tensor of shape (n, d)
            Real and made-up vectors.
        a : Tensor of shape (n, k)
            The conditions of both.
        shares : Tensor of shape (n, 1)
            In [0, 1]: the part of the real vector in the mixture at which the gradient penalty is taken.
        penalty : float
            Its weight.

        Returns
        -------
        distance, steepness : Tensor
            The Wasserstein loss, and the gradient penalty without its weight.
        """
        n, w = len(real), self.output.weight
        x = torch.cat([real, made])
        hidden = self.inputs(x) + self.conditions(a).repeat(2, 1)
        fired = functional.leaky_relu(hidden, _SLOPE)
        rated = self.output(fired)[:, 0]
        # What a mixture puts into the rectifiers is the mixture of what its two vectors do: the layer is affine.
        up = torch.lerp(hidden[n:], hidden[:n], shares.to(hidden.dtype)) > 0
        flat = _SLOPE * w
        steps = torch.where(up, w, flat)
        gradient = (steps @ self.inputs.weight).float() if x.dtype == torch.float32 else steps @ self.inputs.weight
        norms = gradient.norm(dim=1, keepdim=True)
        off = norms - 1
        pull = gradient * (2 * penalty / n * off / torch.where(norms > 0, norms, 1.0))
        sign = torch.full((2 * n, 1), 1 / n, dtype=w.dtype, device=w.device)
        sign[:n] *= -1
        own = torch.where(hidden > 0, w, flat) * sign
        lifted = pull @ self.inputs.weight.T
        # One product for the largest layer: three would write and read it three times.
        self._keep(self.inputs.weight, torch.cat([own, steps]).T @ torch.cat([x, pull]))
        self._keep(self.inputs.bias, own.sum(dim=0))
        self._keep(self.conditions.weight, (own[:n] + own[n:]).T @ a)
        self._keep(w, sign.T @ fired + torch.where(up, lifted, _SLOPE * lifted).sum(dim=0))
        self._keep(self.output.bias, torch.zeros_like(self.output.bias))  # it cancels out
        return rated[n:].mean() - rated[:n].mean(), off.square().mean()

    @staticmethod
    def _keep(weights: nn.Parameter, gradient: Tensor) -> None:
        weights.grad = gradient.to(weights.dtype)


def reparameterize(mean: Tensor, log_variance: Tensor, noise: Tensor) -> Tensor:
    """Return a draw of the Gaussian, differentiable by its parameters; `noise` is standard normal."""
    return mean + (0.5 * log_variance).exp() * noise


def kl_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return the divergence of Gaussians (n, z) from the standard one, a mean over n."""
    return -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum(dim=1).mean()


def squared_error(found: Tensor, wanted: Tensor) -> Tensor:
    """Return half of the squared distance, a mean over rows: up to a constant, a Gaussian's -log-likelihood."""
    return 0.5 * (found - wanted).square().sum(dim=1).mean()
