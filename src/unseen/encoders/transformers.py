"""CLIP and its relatives as the library transformers runs them: CLIP, SigLIP, SigLIP 2, ALIGN, ChineseCLIP, …"""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from unseen.encoders.base import Similarity
from unseen.encoders.model_files import advice, digest_files, find_weights, model_folder, read_json, refuse_extras
from unseen.encoders.torch_towers import cut_strip, import_library, number, unusable
from unseen.encoders.vit_maps import VitEncoder, vit_of_transformers
from unseen.errors import InputError, ModelError
from unseen.validation import message, nearest, shorten

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt
    from PIL import Image

    from unseen.encoders.vit_maps import Vit

__all__ = ["KINDS", "Kind", "TransformersEncoder", "quiet"]

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Kind:
    """What differs between the kinds of models that share one pair of functions, images' and texts' features.

    Attributes
    ----------
    templates : tuple of str
        What its class names are put into.
    sigmoid : bool
        Whether each class is judged alone.
    fixed_texts : bool
        Whether texts are padded to the longest that the model reads, as it saw them in training.
    any_size : bool
        Whether its image network takes images of any size.
    """

    templates: tuple[str, ...] = ("a photo of a {name}.",)
    sigmoid: bool = False
    fixed_texts: bool = False
    any_size: bool = False


#: By the ``model_type`` of their ``config.json``.
KINDS = {
    "align": Kind(any_size=True),
    "altclip": Kind(),
    "chinese_clip": Kind(templates=("一张{name}的照片。",)),
    "clip": Kind(),
    "metaclip_2": Kind(),
    "siglip": Kind(templates=("This is a photo of {name}.",), sigmoid=True, fixed_texts=True),
}
_WEIGHTS = ("model.safetensors", "model.safetensors.index.json")
_RESAMPLES = ("nearest", "lanczos", "bilinear", "bicubic", "box", "hamming")
#: The longest text, in tokens, that SigLIPs were trained with; transformers' pipeline has it built in too.
_SIGLIP_TOKENS = 64


class TransformersEncoder(VitEncoder):
    r"""Encode images and texts with a model of transformers that has both in one space.

    Parameters
    ----------
    model : str
        A folder, or the id of a model that was downloaded before: ``openai/clip-vit-base-patch32``,
        ``google/siglip2-base-patch16-224``, ``kakaobrain/align-base``,
        ``OFA-Sys/chinese-clip-vit-base-patch16``, …
    device : str, default "cpu"
        Where the networks run, as torch names it.

    Attributes
    ----------
    similarity : Similarity
        For SigLIP and SigLIP 2 the sigmoid with the learned :math:`e^{s}` and bias; for the others the softmax
        with :math:`e^{s}`, for ALIGN with one over its temperature.
    templates : tuple of str
        ``"a photo of a {name}."`` as the CLIP paper has it; ``"This is a photo of {name}."`` for SigLIP, as its
        model cards have it; ``"一张{name}的照片。"`` (a photo of …) for ChineseCLIP.

    Raises
    ------
    InputError
        When there is no such folder or device.
    ModelError
        When the model is not on this machine, damaged, pickled, or of a kind that cannot be read.
    MissingExtraError
        When transformers or torch is not installed.

    Notes
    -----
    Nothing is downloaded and no code of a model is run. Weights are read from safetensors and computed with in
    float32 whatever they are stored in. Photos are decoded and turned upright by unseen, then resized and cropped
    by the model's own image processor; its rescaling and normalisation happen in the network. Texts longer than
    the model reads are cut off.

    Scores equal those of ``pipeline("zero-shot-image-classification")`` for the same template; its default is
    ``"This is a photo of {}."`` for every kind of model.

    References
    ----------
    Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", ICML 2021.
    Jia et al., "Scaling Up Visual and Vision-Language Representation Learning With Noisy Text Supervision",
    ICML 2021.
    Zhai et al., "Sigmoid Loss for Language Image Pre-Training", ICCV 2023.
    Yang et al., "Chinese CLIP: Contrastive Vision-Language Pretraining in Chinese", arXiv 2211.01335, 2022.
    """

    takes: ClassVar[str | None] = "<id or folder>"
    extra: ClassVar[str] = "hf"
    modalities = frozenset({"image", "text"})

    def __init__(self, model: str, *, device: str = "cpu") -> None:
        owner = type(self).__name__
        self.folder = model_folder(owner, str(model), extra="hf")
        again = advice(str(model))
        self._kind_name, self._kind = _read_kind(self.folder, again)
        find_weights(owner, self.folder, _WEIGHTS, again=again)
        refuse_extras(owner, self.folder, again=again)
        super().__init__(device=device)
        library = import_library("transformers", extra="hf", owner=owner)
        try:
            with quiet():
                self._model, self._processor, self._tokenizer = _load(library, self.folder)
            self._set_up()
        except ModelError:
            raise
        except ImportError as error:
            raise unusable("transformers", error, extra="hf", owner=owner) from error
        except Exception as error:  # whatever a damaged or foreign folder leads to
            reason = " ".join(str(error).split())[:300]
            raise ModelError(f"{owner}: the model in {self.folder} cannot be loaded: {reason}. {again}.") from error
        self.name = self.spec = f"hf:{model}"
        self.shared_space = True
        self.templates = self._kind.templates
        self._tokenizing = Lock()

    def _set_up(self) -> None:
        config = self._model.config
        text = config.text_config
        # SigLIP has the one, the others the other.
        self.image_dim = self.text_dim = int(text.projection_size if self._kind.sigmoid else config.projection_dim)
        if self._kind.sigmoid:
            scale, bias = math.exp(number(self._model.logit_scale)), number(self._model.logit_bias)
            self.similarity = Similarity("sigmoid", scale, bias)
        elif hasattr(self._model, "logit_scale"):
            self.similarity = Similarity("softmax", math.exp(number(self._model.logit_scale)))
        else:
            self.similarity = Similarity("softmax", 1 / number(self._model.temperature))
        # RoBERTa and its kin count positions from the padding's id on.
        longest = int(text.max_position_embeddings) - (text.pad_token_id + 1 if self._kind_name == "altclip" else 0)
        limit = _SIGLIP_TOKENS if self._kind.fixed_texts else self._tokenizer.model_max_length
        self._max_length = int(min(longest, limit))
        self._uses_mask = "attention_mask" in self._tokenizer.model_input_names
        self._set_up_images(config.vision_config)

    def _set_up_images(self, config: Any) -> None:
        """Tell the processor's rescaling and normalisation apart from its resizing, and make sure that it worked."""
        # EfficientNet's processor normalises twice where it is told to keep its head.
        self._raw = {"do_rescale": False, "do_normalize": False}
        if hasattr(self._processor, "include_top"):
            self._raw["include_top"] = False
        side = self._pixels(np.zeros((8, 12, 3), np.uint8)).shape
        if len(side) != 3 or side[0] != side[1] or side[2] != 3:
            raise ModelError(message(type(self).__name__, "prepared images", "square", side, "Choose another model"))
        self.image_size = side[0]
        if not self._kind.any_size and config.image_size != self.image_size:
            raise ModelError(
                f"{type(self).__name__}: {self.folder} prepares images of {self.image_size} pixels for a network that "
                f"takes {config.image_size}. Make its preprocessor_config.json agree with its config.json."
            )
        black, white = (self._normalised(np.full((*side[:2], 3), level, np.uint8)) for level in (0, 255))
        self._offset = black.mean(axis=(1, 2))
        self._scale = (white.mean(axis=(1, 2)) - self._offset) / 255
        photo = np.random.default_rng(0).integers(0, 256, (side[0] + 9, side[0] + 4, 3), dtype=np.uint8)
        expected = self._normalised(photo)
        found = self._pixels(photo) * self._scale + self._offset
        if not np.allclose(found.transpose(2, 0, 1), expected, rtol=1e-4, atol=1e-4):
            kind = type(self._processor).__name__
            raise ModelError(
                f"{type(self).__name__}: the image processor of {self.folder}, a {kind}, is not supported."
            )

    def _normalised(self, image: Array) -> Array:
        found = self._processor(images=[image], return_tensors="np", input_data_format="channels_last")
        return np.asarray(found["pixel_values"][0], dtype=np.float64)

    def _pixels(self, image: Array) -> Array:
        found = self._processor(images=[image], return_tensors="np", input_data_format="channels_last", **self._raw)
        pixels = np.asarray(found["pixel_values"][0])
        return np.ascontiguousarray(np.rint(pixels).astype(np.uint8).transpose(1, 2, 0))

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of weights, cards and tokenizer, and of which of its two resamplers transformers found."""
        backend = getattr(self._processor, "backend", type(self._processor).__name__)
        return digest_files(f"unseen-hf-1 {backend}", self.folder)

    def _prepare(self, image: Image.Image) -> npt.NDArray[np.uint8]:
        return self._pixels(np.array(cut_strip(image) if self._keeps_ratio else image))

    @property
    def _keeps_ratio(self) -> bool:
        return bool(dict(self._processor.size).get("shortest_edge"))

    def tokenize(self, texts: Sequence[str]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return ids and mask as the model's own tokenizer gives them, cut to what the model reads."""
        layout = self.text_layout()
        with self._tokenizing:  # a fast tokenizer keeps its settings for padding in itself
            found = self._tokenizer(
                list(texts),
                padding=layout["padding"],
                max_length=layout["max_length"],
                truncation=True,
                return_attention_mask=True,
                return_tensors="np",
            )
        return found["input_ids"].astype(np.int64), found["attention_mask"].astype(np.int64)

    def image_module(self) -> Any:
        """Return the image network: uint8 (b, s, s, 3) to unit float32 (b, d)."""
        from unseen.encoders.torch_modules import ImageTower

        def features(model: Any, images: Any) -> Any:
            return _pooled(model.get_image_features(pixel_values=images))

        return ImageTower(self._model, features, scale=self._scale.tolist(), offset=self._offset.tolist())

    def _find_vit(self) -> Vit | None:
        return vit_of_transformers(self._model)

    def _pixel_scale(self) -> tuple[Sequence[float], Sequence[float]]:
        return self._scale.tolist(), self._offset.tolist()

    def text_module(self) -> Any:
        """Return the text network: int64 ids and mask (b, t) to unit float32 (b, k)."""
        from unseen.encoders.torch_modules import TextTower

        if self._uses_mask:

            def features(model: Any, ids: Any, mask: Any) -> Any:
                return _pooled(model.get_text_features(input_ids=ids, attention_mask=mask))
        else:

            def features(model: Any, ids: Any, mask: Any) -> Any:
                return _pooled(model.get_text_features(input_ids=ids))

        return TextTower(self._model, features)

    def _tokenizer_twin(self) -> Any:
        from unseen.encoders.tokenizer_twins import twin_of_backend, twin_of_siglip

        slow_siglip = type(self._tokenizer).__name__ == "SiglipTokenizer"
        return twin_of_siglip(self._tokenizer) if slow_siglip else twin_of_backend(self._tokenizer)

    def text_layout(self) -> dict[str, Any]:
        """Return how ids are laid out."""
        return {
            "max_length": self._max_length,
            "padding": "max_length" if self._kind.fixed_texts else "longest",
            "pad_id": int(self._tokenizer.pad_token_id or 0),
            "uses_mask": self._uses_mask,
        }

    def image_layout(self) -> dict[str, Any]:
        """Return how photos become pixels, in the words of ``encoder.json``."""
        processor = self._processor
        size = {key: value for key, value in dict(processor.size).items() if value}
        crop = dict(processor.crop_size or {}) if getattr(processor, "do_center_crop", False) else {}
        resample = _RESAMPLES[int(processor.resample)]
        if processor.do_resize and set(size) == {"shortest_edge"} and crop:
            resize = {"mode": "shortest_edge", "edge": int(size["shortest_edge"]), "offset": "floor"}
        elif processor.do_resize and set(size) == {"height", "width"} and size["height"] == size["width"]:
            resize = {"mode": "squash", **({"edge": int(size["height"]), "offset": "floor"} if crop else {})}
        else:
            raise ModelError(f"{type(self).__name__}: how {self.folder} prepares photos has no words in encoder.json.")
        return {"size": self.image_size, "resize": {**resize, "resample": resample}}


def _read_kind(folder: Any, again: str) -> tuple[str, Kind]:
    owner = "TransformersEncoder"
    name = read_json(owner, folder / "config.json", again=again).get("model_type")
    if name == "siglip2":
        raise InputError(
            f"{owner}: model must be of a fixed image size; got a NaFlex model in {folder}, whose images keep their "
            "proportions. Take the same model with a fixed size, such as google/siglip2-base-patch16-224."
        )
    if not isinstance(name, str) or name not in KINDS:
        near = nearest(str(name), KINDS) or sorted(KINDS)
        remedy = f"Known and near: {', '.join(near)}. For texts alone there is sentence-transformers:<id or folder>"
        raise InputError(message(owner, f"model_type in {folder}", "one that unseen reads", name, remedy))
    return name, KINDS[name]


def _load(library: Any, folder: Any) -> tuple[Any, Any, Any]:
    import torch

    options = {"local_files_only": True, "trust_remote_code": False}
    model, report = library.AutoModelForZeroShotImageClassification.from_pretrained(
        folder, use_safetensors=True, dtype=torch.float32, output_loading_info=True, **options
    )
    absent = sorted(report["missing_keys"])
    if absent:  # transformers would go on with random numbers in their place
        raise ModelError(
            f"TransformersEncoder: the weights in {folder} must be whole; {len(absent)} are missing, such as "
            f"{shorten(absent[0])}. Get the files again."
        )
    processor = library.AutoImageProcessor.from_pretrained(folder, **options)
    return model.eval(), processor, library.AutoTokenizer.from_pretrained(folder, **options)


def _pooled(output: Any) -> Any:
    """Return the features; transformers wraps them since version 5."""
    return getattr(output, "pooler_output", output)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers' progress bars and remarks off the terminal while a model is loaded."""
    from transformers.utils import logging as log

    verbosity, bars = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity_error()
    log.disable_progress_bar()
    try:
        yield
    finally:
        log.set_verbosity(verbosity)
        if bars:
            log.enable_progress_bar()
