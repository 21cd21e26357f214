"""Encoders whose networks run in torch.

An author loads a model and says how to reach its two networks; pixels, ids, devices and threads are taken care of
here. The very modules that encode are those that :meth:`TorchEncoder.image_module` and
:meth:`TorchEncoder.text_module` hand out, so whatever is exported is what was used.
"""

from __future__ import annotations

import importlib
from abc import abstractmethod
from contextlib import nullcontext
from functools import cached_property
from importlib.util import find_spec
from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from unseen.encoders.base import Encoder
from unseen.errors import InputError, ItemError, MissingExtraError, ModelError
from unseen.inputs.images import open_image
from unseen.validation import import_extra, message

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

    import numpy.typing as npt
    from PIL import Image

__all__ = ["TorchEncoder", "checked_device", "cut_strip", "import_library", "number", "unusable"]

#: How many times longer than wide a photo may be before `cut_strip` cuts its ends.
_LONGEST = 64


class TorchEncoder(Encoder):
    """Base of the encoders whose networks run in torch.

    Parameters
    ----------
    device : str, default "cpu"
        Where the networks run, as torch names it: ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``; ``"auto"`` for a
        graphics card where torch finds one, else the CPU.

    Notes
    -----
    On the CPU each thread of `stream_images` decodes and encodes on a core of its own: torch's threads for one call,
    several calls at a time, would be more than there are cores, and wait for each other. The host's number of torch
    threads is left as it is, and serves texts; where the host has set it (``torch.set_num_threads``), matrix products
    keep to it in every thread, which costs speed. Another device runs one call at a time, while other threads decode.
    """

    extra: ClassVar[str] = "hf"

    def __init__(self, *, device: str) -> None:
        import_library("torch", extra=self.extra, owner=type(self).__name__)
        self.device = checked_device(type(self).__name__, device)
        if self.device != "cpu":
            self.batch_size = 32
        self._lock = Lock()

    # -- what an author writes ---------------------------------------------------------------------------

    @abstractmethod
    def image_module(self) -> Any:
        """Return the image network: a torch module from uint8 (b, s, s, 3) to unit float32 (b, d)."""

    @abstractmethod
    def text_module(self) -> Any:
        """Return the text network: a torch module from int64 ids (b, t) and mask (b, t) to unit float32 (b, k)."""

    @abstractmethod
    def tokenize(self, texts: Sequence[str]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return the ids (b, t) and the mask (b, t) of texts, laid out as `text_layout` says."""

    @abstractmethod
    def _tokenizer_twin(self) -> Any:
        """Return a tokenizer of the library ``tokenizers`` that should give the same ids, or None."""

    @abstractmethod
    def text_layout(self) -> dict[str, Any]:
        """Return how ids are laid out.

        ``{"max_length": int, "padding": "longest" or "max_length", "pad_id": int, "uses_mask": bool}``
        """

    @abstractmethod
    def image_layout(self) -> dict[str, Any]:
        """Return how photos become pixels: ``{"size": int, "resize": {...}}``, as in ``encoder.json``.

        What it describes may differ from `prepare_image` by a grey level or two, as two resamplers do.

        Raises
        ------
        ModelError
            When the model prepares photos in a way that ``encoder.json`` has no word for.
        """

    def _prepare(self, image: Image.Image) -> npt.NDArray[np.uint8]:
        """Return an upright RGB photo as the model's own library prepares it, (s, s, 3) uint8."""
        raise NotImplementedError

    # -- what they share ---------------------------------------------------------------------------------

    def tokenizer_json(self) -> str | None:
        """Return a serialised tokenizer of the library ``tokenizers`` that gives the same ids; None if none does.

        The ids are compared on a few texts, cut and padded as `text_layout` says, so that one that does not fit is
        never handed out. What it may do otherwise: repair letters that were decoded wrongly, resolve HTML entities.
        """
        from unseen.encoders.tokenizer_twins import SAMPLES

        twin, layout = self._tokenizer_twin(), self.text_layout()
        if twin is None:
            return None
        twin.no_padding()
        twin.enable_truncation(layout["max_length"])
        for text in SAMPLES:
            ids = twin.encode(text).ids
            if layout["padding"] == "max_length":
                ids += [layout["pad_id"]] * (layout["max_length"] - len(ids))
            if ids != self.tokenize([text])[0][0].tolist():
                return None
        twin.no_truncation()
        return str(twin.to_str())

    @cached_property
    def _image_network(self) -> Any:
        return self.image_module().to(self.device).eval()

    @cached_property
    def _text_network(self) -> Any:
        return self.text_module().to(self.device).eval()

    def prepare_image(self, content: Any) -> npt.NDArray[np.uint8]:
        """Decode one image, turn it upright, and resize and crop it as the model's own library does."""
        image = open_image(content)
        try:
            pixels = self._prepare(image)
        except (ValueError, RuntimeError, OSError, ArithmeticError) as error:
            reason = " ".join(str(error).split())[:120]
            raise ItemError(f"cannot be prepared at {image.width} x {image.height}: {reason}") from None
        if pixels.shape != (self.image_size, self.image_size, 3) or pixels.dtype != np.uint8:
            raise ItemError(f"was prepared to {pixels.dtype} of shape {pixels.shape}, not {self.image_size} squared")
        return pixels

    def _encode_pixels(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        return self._run("image", pixels)

    def _encode_texts(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        return self._run("text", *self.tokenize(texts))

    def _begin_worker(self) -> None:
        import torch
        from threadpoolctl import ThreadpoolController

        # Torch sets up a thread's number of threads when it is first used there, and OpenMP keeps that number by
        # thread: so in this order, and no other thread is touched.
        torch.get_num_threads()
        ThreadpoolController().limit(limits=1, user_api="openmp")

    def _run(self, kind: str, *inputs: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        import torch

        shape = self._shape(kind, inputs[0])
        try:
            with self._lock:
                network = getattr(self, f"_{kind}_network")
            with nullcontext() if self.device == "cpu" else self._lock, torch.inference_mode():
                tensors = [torch.from_numpy(np.ascontiguousarray(array)).to(self.device) for array in inputs]
                vectors: npt.NDArray[np.float32] = network(*tensors).cpu().numpy()
        except RuntimeError as error:  # out of memory, mostly
            if self.device == "cpu":
                raise
            reason = " ".join(str(error).split())[:200].rstrip(".")
            raise ModelError(
                f"{type(self).__name__}: {self.name} must be one that device {self.device!r} can run; it could not: "
                f"{reason}. Take a smaller model, or device 'cpu'."
            ) from error
        if vectors.shape != shape or not np.isfinite(vectors).all():
            found = vectors.shape if np.isfinite(vectors).all() else "NaN or infinity"
            raise ModelError(
                f"{type(self).__name__}: the {kind} network of {self.name} must give finite vectors of shape "
                f"{shape}; got {found}. Load another model, or get its files again."
            )
        return vectors

    def _shape(self, kind: str, first: npt.NDArray[Any]) -> tuple[int | None, ...]:
        """Return the shape of what a network must give for its first input."""
        if kind == "map":
            rows, columns = (n // self.map_stride for n in first.shape[1:3])
            return (len(first), rows, columns, self.image_dim)
        return (len(first), self.image_dim if kind == "image" else self.text_dim)


def import_library(module: str, *, extra: str, owner: str) -> ModuleType:
    """Import a library that brings many others, and tell one that is missing from one that does not work.

    Raises
    ------
    MissingExtraError
        With the pip line, in both cases.
    """
    if find_spec(module) is None:
        return import_extra(module, extra=extra, purpose=owner)
    try:
        return importlib.import_module(module)
    except (ImportError, RuntimeError) as error:
        raise unusable(module, error, extra=extra, owner=owner) from error


def unusable(module: str, error: Exception, *, extra: str, owner: str) -> MissingExtraError:
    """Return what to raise where a library, or a part of it that loads later, cannot be imported."""
    reason = " ".join(str(error).split())[:200].rstrip(".")
    return MissingExtraError(
        f"{owner} needs the package {module!r}, which is installed but does not work here: {reason}. Install versions "
        f"that fit each other: pip install --upgrade 'unseen[{extra}]'"
    )


def cut_strip(image: Image.Image) -> Image.Image:
    """Return a photo without the ends that no centre crop sees.

    A strip of 2 by 100,000 pixels, resized until its short side is 224, would take 7 GB.
    """
    short, long = sorted(image.size)
    if long <= _LONGEST * short:
        return image
    spare = (long - _LONGEST * short) // 2
    wide = image.width == long
    return image.crop((spare, 0, long - spare, short) if wide else (0, spare, short, long - spare))


def number(parameter: Any) -> float:
    """Return a learned parameter of one number."""
    return float(parameter.detach().reshape(-1)[0])


def checked_device(owner: str, device: Any) -> str:
    """Return the name of a device once a number has been there and back."""
    import torch

    for name in ("cuda", "mps", "cpu") if device == "auto" else (device,):
        try:
            found = torch.device(name)
            torch.empty(1, device=found).cpu()
        except (RuntimeError, AssertionError, TypeError, ValueError, NotImplementedError):
            continue
        return "cpu" if found.type == "cpu" else str(found)
    backends = {"cuda": torch.cuda, "mps": torch.backends.mps}
    present = ["cpu", *(kind for kind, backend in backends.items() if backend.is_available())]
    expected = f"a device of this machine ({', '.join(present)})"
    raise InputError(message(owner, "device", expected, device, "Pass 'auto' or 'cpu' if unsure"))
