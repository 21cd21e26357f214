"""An encoder whose vectors can be told by hand: a space that pictures and texts share, of six dimensions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.encoders.base import Encoder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from unseen.encoders.base import Similarity

__all__ = ["K", "Toy", "unit", "vector_of"]

K = 6


def unit(rows: Any) -> np.ndarray[Any, Any]:
    """Return rows of length one, float32."""
    array = np.asarray(rows, np.float64)
    rows_of_length_one: np.ndarray[Any, Any] = array / np.linalg.norm(array, axis=-1, keepdims=True)
    return rows_of_length_one.astype(np.float32)


def vector_of(text: str) -> np.ndarray[Any, Any]:
    """Return the vector of a text."""
    return unit(np.random.default_rng(list(text.encode())).normal(size=K))


class Toy(Encoder):
    """Texts are vectors by their letters, pictures by their first pixels: a space that both share."""

    name, modalities, image_dim, text_dim = "toy", frozenset({"image", "text"}), K, K
    image_size, shared_space = 2, True

    def __init__(self, similarity: Similarity | None = None, *, templates: tuple[str, ...] = ("{name}",)) -> None:
        self.similarity, self.templates = similarity, templates
        self.encoded: list[str] = []

    @property
    def fingerprint(self) -> str:
        return "toy"

    def prepare_image(self, content: Any) -> Any:
        return np.asarray(content)

    def _encode_pixels(self, pixels: Any) -> Any:
        return unit(pixels.reshape(len(pixels), -1)[:, :K].astype(float) - 100)

    def _encode_texts(self, texts: Sequence[str]) -> Any:
        self.encoded += texts
        return np.stack([vector_of(text) for text in texts])
