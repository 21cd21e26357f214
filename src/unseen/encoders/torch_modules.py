"""The two networks of a torch encoder as modules that hold everything from pixels or ids to unit vectors.

Imports torch: only :mod:`unseen.encoders.torch_towers` and those who build such encoders import this module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["ImageTower", "TextTower", "unit"]


def unit(vectors: torch.Tensor) -> torch.Tensor:
    """Return float32 rows of length 1."""
    vectors = vectors.float()
    return vectors / vectors.norm(dim=-1, keepdim=True).clamp_min(1e-12)


class ImageTower(torch.nn.Module):  # type: ignore[misc]  # torch has no types here
    """uint8 RGB pixels (b, s, s, 3) to unit vectors (b, d).

    Parameters
    ----------
    network : Module
        What `features` computes with.
    features : callable
        Of the network and its normalised input (b, 3, s, s): its features (b, d).
    scale, offset : sequence of 3 float
        What the network reads is ``pixel * scale + offset``.
    """

    def __init__(
        self,
        network: torch.nn.Module,
        features: Callable[[Any, torch.Tensor], torch.Tensor],
        *,
        scale: Sequence[float],
        offset: Sequence[float],
    ) -> None:
        super().__init__()
        self.network = network
        self._features = features
        self.register_buffer("scale", torch.tensor(scale, dtype=torch.float32).view(1, 3, 1, 1))
        self.register_buffer("offset", torch.tensor(offset, dtype=torch.float32).view(1, 3, 1, 1))

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Return unit vectors of pixels."""
        images = pixels.permute(0, 3, 1, 2).float() * self.scale + self.offset
        return unit(self._features(self.network, images))


class TextTower(torch.nn.Module):  # type: ignore[misc]  # torch has no types here
    """Token ids (b, t) and their mask (b, t), both int64, to unit vectors (b, k).

    Parameters
    ----------
    network : Module
        What `features` computes with.
    features : callable
        Of the network, ids and mask: its features (b, k).
    """

    def __init__(
        self, network: torch.nn.Module, features: Callable[[Any, torch.Tensor, torch.Tensor], torch.Tensor]
    ) -> None:
        super().__init__()
        self.network = network
        self._features = features

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Return unit vectors of texts."""
        return unit(self._features(self.network, ids, mask))
