"""Trained networks with the space they work in: makes up examples, and represents real ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from unseen.errors import ModelError
from unseen.methods.linalg import class_sums
from unseen.methods.neural.final import evenly
from unseen.validation import message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from unseen.methods.neural.space import Space
    from unseen.methods.synthesis.generative import _Generative

__all__ = ["Model", "build"]

Array = np.ndarray[Any, Any]
# Rows that go through a network at a time.
_ROWS = 4096


def build(recipe: _Generative, sizes: Sequence[int], seed: int) -> nn.ModuleDict:
    """Return a method's networks with their first weights; the caller's random numbers stay as they are."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.ModuleDict(recipe._networks(*sizes))


def _count(recipe: _Generative, sizes: Sequence[int]) -> int:
    """Return how many weights a method's networks have, -1 for sizes of none; without making them."""
    if len(sizes) != 3 or not all(isinstance(size, int) and size > 0 for size in sizes):
        return -1
    try:
        with torch.device("meta"):
            return sum(p.numel() for part in recipe._networks(*sizes).values() for p in part.parameters())
    except (RuntimeError, TypeError, ValueError, OverflowError):
        return -1


class Model:
    """Networks behind their scalings.

    Parameters
    ----------
    recipe : Generative
        The method: what its networks make, and how.
    space : Space
        The scalings.
    parts : ModuleDict
        The networks; they are put on the processor, in double precision: there a row's numbers do not depend on the
        rows beside it.
    seed : int
        Of the noise.
    """

    def __init__(self, recipe: _Generative, space: Space, parts: nn.ModuleDict, seed: int) -> None:
        self._made, self._real = recipe._made, recipe._real
        self._generate, self._represent = recipe._generate, recipe._represent
        self._noise_size = recipe._noise_size
        self.space, self.seed = space, seed
        self.parts = parts.to(device="cpu", dtype=torch.float64).eval()

    @classmethod
    def of_vector(cls, recipe: _Generative, space: Space, sizes: Sequence[int], weights: Array, seed: int) -> Model:
        """Return the model of weights that `vector` returned.

        Raises
        ------
        ModelError
            When there are more or fewer weights than the networks have.
        """
        if weights.shape != (_count(recipe, sizes),):
            owner = type(recipe).__name__
            raise ModelError(
                message(
                    owner,
                    "weights_",
                    "those of the networks that sizes_ and the parameters describe",
                    weights,
                    "Fit it again, or load it again",
                )
            )
        parts = build(recipe, sizes, seed)
        vector_to_parameters(torch.tensor(weights), parts.parameters())
        return cls(recipe, space, parts, seed)

    def vector(self) -> Array:
        """Return all weights, one after the other, in single precision."""
        with torch.no_grad():
            weights: Array = parameters_to_vector(self.parts.parameters()).float().numpy()
        return weights

    def _noise(self, key: Array, n: int) -> Tensor:
        """Return the noise of a class, (n, z): it depends on the seed and the class's prototype alone."""
        words = np.frombuffer((key.astype(np.float32) + np.float32(0)).tobytes(), dtype=np.uint32)
        random = np.random.default_rng([self.seed, *words.tolist()])
        return torch.tensor(random.normal(size=(n, self._noise_size(len(key)))))

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def vectors(self, P: Array, n: int) -> Array:
        """Return made-up vectors (C, n, r) of prototypes P (C, k)."""
        A = torch.tensor(self.space.prototypes(P))
        made = [
            self._generate(self.parts, a.expand(n, -1), self._noise(p, n)).numpy() for p, a in zip(P, A, strict=True)
        ]
        return np.stack(made)

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def made(self, P: Array, n: int) -> list[Array]:
        """Return n examples of each prototype in P (C, k), as the classifier is trained on."""
        A = torch.tensor(self.space.prototypes(P))
        return [self._made(self.parts, a.expand(n, -1), self._noise(p, n)).numpy() for p, a in zip(P, A, strict=True)]

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def examples(self, P: Array, seen: Array, vectors: Array, y: Array, n: int) -> list[Array]:
        """Return n examples of each prototype in P (C, k): real ones where ``seen`` names a class, made-up ones else.

        `vectors` (m, r) are real ones, scaled, of classes `y` (m,); a class with fewer shows them several times.
        """
        out = []
        for p, c in zip(P, seen, strict=True):
            rows = np.flatnonzero(y == c) if c >= 0 else np.empty(0, np.intp)
            if not len(rows):
                out += self.made(p[None], n)
                continue
            x = torch.tensor(vectors[rows[evenly(len(rows), n)]], dtype=torch.float64)
            out.append(self._real(self.parts, x, self._noise(p, n)).numpy())
        return out

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def represent(self, X: Array) -> Array:
        """Return what the classifier is handed of vectors X (n, d)."""
        parts = [self.space.vectors(X[i : i + _ROWS]) for i in range(0, len(X), _ROWS)]
        return np.concatenate([self._represent(self.parts, torch.tensor(part)).numpy() for part in parts])

    def spreads(self, vectors: Array, y: Array, S: Array) -> tuple[float, float]:
        """Return how much made-up vectors of seen classes vary within classes, and between, over what real ones do.

        1 where real ones do not vary, or their means differ no more than chance would have it.
        """
        counts = np.bincount(y, minlength=len(S))
        n = max(2, min(50, int(counts.max())))
        made = self.vectors(S, n)
        means = class_sums(vectors.astype(np.float64), y, len(S)) / np.maximum(counts, 1)[:, None]
        within = float(np.square(vectors - means[y]).mean() * len(y) / max(len(y) - (counts > 0).sum(), 1))
        made_within = float(made.var(axis=1, ddof=1).mean())
        between, made_between = float(means.var(axis=0).mean()), float(made.mean(axis=1).var(axis=0).mean())
        floor = 1e-6  # below this, real vectors are copies of each other
        chance = 10 * within / max(float(counts.mean()), 1.0)
        return (
            made_within / within if within > floor else 1.0,
            made_between / between if between > max(floor, chance) else 1.0,
        )
