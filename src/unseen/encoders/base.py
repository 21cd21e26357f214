"""The contract of every encoder.

An encoder declares what it takes (`modalities`), how long its vectors are and whether images and texts share a
space. An author writes `prepare_image`, `_encode_pixels` and `_encode_texts`; batching, threads, checking and the
cache are not the author's business.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from unseen.encoders.pipeline import encode_stream
from unseen.errors import InputError
from unseen.inputs.sources import iter_images
from unseen.validation import message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import numpy.typing as npt

    from unseen.encoders.lexicon import Lexicon
    from unseen.encoders.pipeline import Batch
    from unseen.inputs.sources import Item

__all__ = ["Encoder", "Similarity", "available_cores"]


def available_cores() -> int:
    """Return how many processors this process may run on."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on this system
        return os.cpu_count() or 1


@dataclass(frozen=True)
class Similarity:
    r"""How a model with a shared space was trained to read a cosine.

    .. math:: z_c = \text{scale}\,\cos(x, p_c) + \text{bias}, \qquad
       p = \operatorname{softmax}(z) \ \text{or}\ \sigma(z)

    Parameters
    ----------
    activation : {"softmax", "sigmoid"}
        Whether classes compete, or each is judged alone.
    scale : float
        The learned scale, above 0: the inverse of the temperature.
    bias : float, default 0.0
        The learned bias of sigmoid models.
    """

    activation: Literal["softmax", "sigmoid"]
    scale: float
    bias: float = 0.0


class Encoder(ABC):
    """Base of every encoder.

    Attributes
    ----------
    name : str
        What it is called in `Recognizer.load` and in reports.
    modalities : frozenset of str
        Of ``"image"`` and ``"text"``.
    image_dim, text_dim : int or None
        Length of image vectors (d) and of text vectors (k); None where it does not take that kind.
    image_size : int
        Side of the square that images are prepared to, in pixels.
    shared_space : bool
        Whether a text vector and an image vector can be compared directly.
    similarity : Similarity or None
        With a shared space, how the model reads a cosine; None where it was not trained to.
    spec : str
        What `Recognizer.load` finds it by.
    templates : tuple of str
        Prompt templates for class names, each with ``{name}``, used where the vocabulary has none of its own.
    lexicon : Lexicon or None
        Where names without a description are looked up before images are recognised.
    fingerprint : str
        Hexadecimal digest that changes whenever a vector could; keys the cache.
    """

    #: What follows the scheme and a colon in its name, such as "<id or folder>"; None where the scheme is all.
    takes: ClassVar[str | None] = None
    #: The extra of the package that brings the libraries it needs; None where there is nothing to install.
    extra: ClassVar[str | None] = None
    #: Images per call of `_encode_pixels`: small, because several threads run at once (see `pipeline`).
    batch_size: int = 8
    #: Texts per call of `_encode_texts`.
    text_batch_size: ClassVar[int] = 32

    name: str
    modalities: frozenset[str]
    image_dim: int | None
    text_dim: int | None
    image_size: int
    shared_space: bool
    similarity: Similarity | None = None
    spec: str = ""
    templates: tuple[str, ...] = ("{name}",)
    lexicon: Lexicon | None = None

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """Hexadecimal digest of everything that decides the vectors."""

    # -- what an author writes ---------------------------------------------------------------------------

    @abstractmethod
    def prepare_image(self, content: Any) -> npt.NDArray[np.uint8]:
        """Decode and resize one image to (s, s, 3); called from several threads; raises ItemError."""

    @abstractmethod
    def _encode_pixels(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Return (b, d) for prepared images (b, s, s, 3); called from several threads."""

    @abstractmethod
    def _encode_texts(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return (b, k) for texts."""

    def _begin_worker(self) -> None:  # noqa: B027  most have nothing to make ready
        """Make ready a thread of `stream_images`, called in it before all else; there is one per core."""

    # -- what an author may write for detection and segmentation (see `unseen.encoders.dense`) --------------

    @property
    def has_map(self) -> bool:
        """Whether `_encode_map` gives a vector for every place of an image; the others look through windows."""
        return False

    @property
    def map_stride(self) -> int:
        """How many pixels lie between the places that `_encode_map` gives vectors of; 0 where there is no map."""
        return 0

    def map_side(self, side: float) -> int:
        """Return the height or width nearest to `side` that `_encode_map` takes: here a multiple of the stride."""
        return max(1, round(side / self.map_stride)) * self.map_stride

    def _encode_map(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Return vectors (b, gh, gw, d) of the places of RGB images (b, H, W, 3); called from several threads.

        Each vector lives in the space of `encode_images`, so that `class_scores` reads both alike. H and W are such as
        `map_side` returns, and need be neither equal nor `image_size`. The places lie `map_stride` pixels apart, as
        far from the left edge as from the right, and from the top as from the bottom.
        """
        raise NotImplementedError(f"{type(self).__name__} has no map")

    # -- what everybody calls ----------------------------------------------------------------------------

    def stream_images(
        self,
        items: Iterable[Item],
        *,
        prepare: Callable[[Any], npt.NDArray[np.uint8]] | None = None,
        cores: int | None = None,
    ) -> Iterator[Batch]:
        """Encode items as they come, in order, with decoding and encoding on all cores.

        Memory holds a few batches whatever the number of items. An item that cannot be used carries its error.
        `prepare` takes the place of `prepare_image` for callers who do more with an item's content; `cores` is for
        processes that share a machine, None for all that this one may run on.
        """
        self._need("image")
        return encode_stream(
            items,
            prepare=prepare or self.prepare_image,
            encode=self._encode_pixels,
            batch_size=self.batch_size,
            n_workers=cores or available_cores(),
            begin=self._begin_worker,
        )

    def encode_images(self, images: Any) -> npt.NDArray[np.float32]:
        """Return vectors of images, in order.

        Parameters
        ----------
        images : path, folder, PIL image, array, or an iterable of those
            See :func:`unseen.inputs.sources.iter_images`.

        Returns
        -------
        ndarray of shape (n, d), float32

        Raises
        ------
        ItemError
            When an image cannot be used.
        """
        from unseen.errors import ItemError

        self._need("image")
        if isinstance(images, list | tuple) and not images:
            return np.zeros((0, self.image_dim or 0), np.float32)
        vectors: list[npt.NDArray[np.float32]] = []
        for batch in self.stream_images(iter_images(images)):
            for item, error in zip(batch.items, batch.errors, strict=True):
                if error is not None:
                    raise ItemError(f"{type(self).__name__}: {item.name}: {error}")
            vectors.append(batch.vectors)
        return np.concatenate(vectors)

    def encode_texts(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return vectors of texts, in order.

        Parameters
        ----------
        texts : sequence of str
            Longer than the encoder reads is cut off.

        Returns
        -------
        ndarray of shape (n, k), float32

        Raises
        ------
        InputError
            When `texts` is one string, or holds something else than strings.
        """
        self._need("text")
        texts = texts if isinstance(texts, str) else list(texts)
        if isinstance(texts, str) or not all(isinstance(text, str) for text in texts):
            raise InputError(
                message(type(self).__name__, "texts", "a sequence of strings", texts, "Pass a list of strings")
            )
        # Half of a surrogate pair, as file names may hold, is no text to any tokenizer.
        texts = [text.encode("utf-8", "replace").decode("utf-8") for text in texts]
        out = np.zeros((len(texts), self.text_dim or 0), np.float32)
        # Texts of like length share a batch, so that little is spent on padding.
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        for start in range(0, len(order), self.text_batch_size):
            rows = order[start : start + self.text_batch_size]
            out[rows] = self._encode_texts([texts[i] for i in rows])
        return out

    def _need(self, modality: str) -> None:
        if modality not in self.modalities:
            raise InputError(
                message(
                    type(self).__name__,
                    "the input",
                    " or ".join(sorted(self.modalities)),
                    modality,
                    f"Choose a model that takes {modality}s; `unseen models` lists them",
                )
            )
