"""A vector in the shared space for every patch of an image, from vision transformers trained with texts.

CLIP's vision transformer says what a whole image shows by its class token; its patches are no map, as in the last
block each looks at others that have little to do with it. With that block's attention changed so that a patch looks at
those that are like it, patches of one thing agree, and the shared space's texts can be compared with each of them.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from unseen.encoders.torch_towers import TorchEncoder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    import numpy.typing as npt

__all__ = ["Vit", "VitEncoder", "vit_of_open_clip", "vit_of_transformers"]


@dataclass(frozen=True, eq=False)
class Vit:
    """The parts of a vision transformer, whichever library has built it; all of them take and give tensors.

    Attributes
    ----------
    patch : int
        Side of a patch in pixels.
    heads : int
        Heads of the last block's attention.
    embed : callable
        Images (b, 3, H, W) to tokens (b, 1 + gh gw, w) with their positions, the class token first.
    blocks : sequence of callable
        All blocks but the last, tokens to tokens.
    project : callable
        Tokens to the last block's queries, keys and values, each (b, t, w).
    join : callable
        The last block's tokens and what its attention found (b, t, w) to the tokens behind that block.
    finish : callable
        Tokens to vectors (b, t, d) of the shared space.
    """

    patch: int
    heads: int
    embed: Callable[[Any], Any]
    blocks: Sequence[Callable[[Any], Any]]
    project: Callable[[Any], tuple[Any, Any, Any]]
    join: Callable[[Any, Any], Any]
    finish: Callable[[Any], Any]

    def map(self, images: Any) -> Any:
        r"""Return vectors (b, gh, gw, d) of the patches of images (b, 3, H, W).

        The last block's attention of a head is

        .. math:: A = \operatorname{softmax}\Bigl(\frac{Q Q^\top}{\sqrt{m}}\Bigr) +
           \operatorname{softmax}\Bigl(\frac{K K^\top}{\sqrt{m}}\Bigr)

        in place of :math:`\operatorname{softmax}(Q K^\top / \sqrt{m})`, m being the length of its queries.

        References
        ----------
        Wang, Mei and Yuille, "SCLIP: Rethinking Self-Attention for Dense Vision-Language Inference", ECCV 2024.
        """
        from torch.nn.functional import scaled_dot_product_attention

        tokens = self.embed(images)
        for block in self.blocks:
            tokens = block(tokens)
        b, t, width = tokens.shape
        q, k, v = (part.reshape(b, t, self.heads, -1).transpose(1, 2) for part in self.project(tokens))
        found = scaled_dot_product_attention(q, q, v) + scaled_dot_product_attention(k, k, v)
        tokens = self.join(tokens, found.transpose(1, 2).reshape(b, t, width))
        vectors = self.finish(tokens[:, 1:])
        rows, columns = (n // self.patch for n in images.shape[2:])
        return vectors.reshape(b, rows, columns, -1)


class VitEncoder(TorchEncoder):
    """Base of torch encoders that have a map where their image network is a plain vision transformer.

    Notes
    -----
    The map has a vector for each patch, of length 1. Positions are interpolated where an image is not of the size that
    the network was trained with. Residual connection and feed-forward part of the last block stay, as in SCLIP. Memory
    grows with the number of patches, time with its square.

    References
    ----------
    Zhou, Loy and Dai, "Extract Free Dense Labels from CLIP", ECCV 2022.
    Wang, Mei and Yuille, "SCLIP: Rethinking Self-Attention for Dense Vision-Language Inference", ECCV 2024.
    """

    #: What holds both networks.
    _model: Any

    @abstractmethod
    def _find_vit(self) -> Vit | None:
        """Return the parts of the image network, None where it is something else."""

    @abstractmethod
    def _pixel_scale(self) -> tuple[Sequence[float], Sequence[float]]:
        """Return what pixels are multiplied by, and what is added then, for each channel."""

    @cached_property
    def _vit(self) -> Vit | None:
        return self._find_vit()

    @property
    def has_map(self) -> bool:
        """Whether the image network is a plain vision transformer."""
        return self._vit is not None

    @property
    def map_stride(self) -> int:
        """The side of a patch in pixels; 0 where there is no map."""
        return self._vit.patch if self._vit is not None else 0

    @cached_property
    def _map_network(self) -> Any:
        from unseen.encoders.torch_modules import ImageTower

        vit = self._vit
        if vit is None:
            return None
        scale, offset = self._pixel_scale()
        tower = ImageTower(self._model, lambda _, images: vit.map(images), scale=scale, offset=offset)
        return tower.to(self.device).eval()

    def _encode_map(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Return unit vectors (b, gh, gw, d) of the patches of images (b, H, W, 3), H and W multiples of the stride."""
        if self._vit is None:
            return super()._encode_map(pixels)
        return self._run("map", pixels)


def vit_of_transformers(model: Any) -> Vit | None:
    """Return the parts of the image network of a CLIP of transformers or its kin; None where it is something else."""
    vision: Any = getattr(model, "vision_model", None)
    projection: Any = getattr(model, "visual_projection", None)
    layers = getattr(getattr(vision, "encoder", None), "layers", None)
    if projection is None or not layers or not hasattr(vision, "pre_layrnorm"):
        return None
    *first, last = layers
    attention = last.self_attn

    def project(tokens: Any) -> tuple[Any, Any, Any]:
        tokens = last.layer_norm1(tokens)
        return attention.q_proj(tokens), attention.k_proj(tokens), attention.v_proj(tokens)

    def join(tokens: Any, found: Any) -> Any:
        tokens = tokens + attention.out_proj(found)
        return tokens + last.mlp(last.layer_norm2(tokens))

    return Vit(
        patch=int(vision.embeddings.patch_size),
        heads=int(attention.num_heads),
        embed=lambda images: vision.pre_layrnorm(vision.embeddings(images, interpolate_pos_encoding=True)),
        blocks=[partial(layer, attention_mask=None) for layer in first],
        project=project,
        join=join,
        finish=lambda tokens: projection(vision.post_layernorm(tokens)),
    )


def vit_of_open_clip(visual: Any) -> Vit | None:
    """Return the parts of an image network of open_clip; None for ResNets, timm's networks and attention pools."""
    import torch
    from open_clip.transformer import ResidualAttentionBlock, VisionTransformer

    if type(visual) is not VisionTransformer or visual.attn_pool is not None or visual.proj is None:
        return None
    blocks = list(visual.transformer.resblocks)
    plain = all(type(block) is ResidualAttentionBlock for block in blocks) and visual.transformer.batch_first
    square = visual.patch_size[0] == visual.patch_size[1] and visual.grid_size[0] == visual.grid_size[1]
    if not blocks or not plain or not square or visual.pool_type not in ("tok", "avg"):
        return None
    *first, last = blocks
    attention = last.attn

    def embed(images: Any) -> Any:
        patches = visual.conv1(images)
        shape = tuple(patches.shape[2:])
        positions = visual.positional_embedding
        if shape != tuple(visual.grid_size):
            places = positions[1:].T.reshape(1, -1, *visual.grid_size)
            places = torch.nn.functional.interpolate(places, size=shape, mode="bicubic", align_corners=False)
            positions = torch.cat([positions[:1], places[0].flatten(1).T])
        kind = visual.class_embedding.expand(len(images), 1, -1)
        return visual.ln_pre(torch.cat([kind, patches.flatten(2).transpose(1, 2)], dim=1) + positions)

    def project(tokens: Any) -> tuple[Any, Any, Any]:
        both = torch.nn.functional.linear(last.ln_1(tokens), attention.in_proj_weight, attention.in_proj_bias)
        q, k, v = both.chunk(3, dim=-1)
        return q, k, v

    def join(tokens: Any, found: Any) -> Any:
        tokens = tokens + last.ls_1(attention.out_proj(found))
        return tokens + last.ls_2(last.mlp(last.ln_2(tokens)))

    return Vit(
        patch=int(visual.patch_size[0]),
        heads=int(attention.num_heads),
        embed=embed,
        blocks=first,
        project=project,
        join=join,
        finish=lambda tokens: visual.ln_post(tokens) @ visual.proj,
    )
