"""CLIP and its relatives as the library open_clip runs them."""

from __future__ import annotations

import hashlib
import json
import math
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from unseen.encoders.base import Similarity
from unseen.encoders.model_files import (
    advice,
    digest_files,
    find_weights,
    local_folder,
    model_folder,
    read_json,
    refuse_extras,
)
from unseen.encoders.torch_towers import cut_strip, import_library, number, unusable
from unseen.encoders.vit_maps import VitEncoder, vit_of_open_clip
from unseen.errors import InputError, ModelError
from unseen.validation import message, nearest, verbatim

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    from PIL import Image

    from unseen.encoders.vit_maps import Vit

__all__ = ["OpenClipEncoder"]

_OWNER = "OpenClipEncoder"
_CARD = "open_clip_config.json"
_WEIGHTS = (
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.safetensors",
    "model.safetensors",
    "pytorch_model.safetensors",
)
#: What a card may tell open_clip's tokenizers; other options drop words at random, download or run code.
_TOKENIZER_OPTIONS = frozenset({"clean", "language", "strip_sep_token"})


class OpenClipEncoder(VitEncoder):
    r"""Encode images and texts with a model of open_clip.

    Parameters
    ----------
    model : str
        ``<architecture>/<pretrained>`` as open_clip lists them, such as ``ViT-B-32/laion2b_s34b_b79k``;
        ``hf-hub:<id>`` for a model of the hub with an ``open_clip_config.json``; or a folder with one. Models of
        the hub must have been downloaded before.
    device : str, default "cpu"
        Where the networks run, as torch names it.

    Attributes
    ----------
    similarity : Similarity
        The sigmoid with the learned scale and bias where the model has a bias (SigLIP), else the softmax.
    templates : tuple of str
        ``"a photo of a {name}."`` as the CLIP paper has it; ``"This is a photo of {name}."`` for SigLIP.

    Raises
    ------
    InputError
        When there is no such architecture, pretrained tag, folder or device.
    ModelError
        When the model is not on this machine, damaged or pickled.
    MissingExtraError
        When open_clip or torch is not installed.

    Notes
    -----
    Nothing is downloaded; weights are read from safetensors. Photos are decoded and turned upright by unseen, then
    go through open_clip's own preprocessing.

    Where a tag was trained with QuickGELU (``openai`` and some others), the network gets it; open_clip itself only
    warns for ``ViT-B-32/openai`` and computes with the plain GELU unless told ``ViT-B-32-quickgelu``.

    References
    ----------
    Cherti et al., "Reproducible Scaling Laws for Contrastive Language-Image Learning", CVPR 2023.
    Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", ICML 2021.
    Zhai et al., "Sigmoid Loss for Language Image Pre-Training", ICCV 2023.
    """

    takes: ClassVar[str | None] = "<architecture>/<pretrained> or folder"
    extra: ClassVar[str] = "clip"
    modalities = frozenset({"image", "text"})

    def __init__(self, model: str, *, device: str = "cpu") -> None:
        super().__init__(device=device)
        library = import_library("open_clip", extra="clip", owner=_OWNER)
        self._source = _find(library, str(model))
        folder = self._source.weights.parent
        again = f"Get the files of {model} again"
        if (folder / "config.json").is_file() and not self._source.weights.name.startswith("open_clip"):
            again = "Its weights may be for transformers: try hf: in place of open_clip:"
        try:
            self._model = _build(library, self._source)
            self._set_up_images()
            self._tokenizer = self._open_tokenizer(library)
            self._set_up_similarity()
        except (ModelError, InputError):
            raise
        except ImportError as error:
            raise unusable("open_clip", error, extra="clip", owner=_OWNER) from error
        except Exception as error:  # whatever a damaged or foreign folder leads to
            reason = " ".join(str(error).split())[:300]
            raise ModelError(f"{_OWNER}: the model in {folder} cannot be loaded: {reason}. {again}.") from error
        self.name = self.spec = f"open_clip:{model}"
        self.image_dim = self.text_dim = int(self._source.model_cfg["embed_dim"])
        self.shared_space = True
        self._tokenizing = Lock()

    def _set_up_similarity(self) -> None:
        bias = getattr(self._model, "logit_bias", None)
        scale = math.exp(number(self._model.logit_scale))
        if bias is None:
            self.similarity = Similarity("softmax", scale)
            self.templates = ("a photo of a {name}.",)
        else:
            self.similarity = Similarity("sigmoid", scale, number(bias))
            self.templates = ("This is a photo of {name}.",)

    def _set_up_images(self) -> None:
        from open_clip.transform import PreprocessCfg, image_transform_v2, merge_preprocess_dict

        size = self._model.visual.image_size
        height, width = size if isinstance(size, list | tuple) else (size, size)
        if width != height:
            found = verbatim(f"{width} x {height} pixels")
            raise ModelError(message(_OWNER, "prepared images", "square", found, "Choose another model"))
        self.image_size = int(width)
        settings = merge_preprocess_dict(PreprocessCfg(), self._source.preprocess_cfg) | {"size": self.image_size}
        self._settings = PreprocessCfg(**settings)
        steps = image_transform_v2(self._settings, is_train=False).transforms
        # Up to the step before the last two, which make a tensor and normalise it: the network does that here.
        self._steps = steps[:-2]
        mean, std = (np.asarray(values, dtype=np.float64) for values in (steps[-1].mean, steps[-1].std))
        self._scale, self._offset = 1 / (255 * std), -mean / std

    def _open_tokenizer(self, library: Any) -> Any:
        text = self._source.model_cfg["text_cfg"]
        options = dict(text.get("tokenizer_kwargs") or {})
        odd = sorted(set(options) - _TOKENIZER_OPTIONS)
        if odd:
            known = ", ".join(sorted(_TOKENIZER_OPTIONS))
            raise ModelError(
                message(_OWNER, "tokenizer_kwargs of its card", f"of {known}", odd, "Choose another model")
            )
        length = int(text.get("context_length", 77))
        if self._source.tokenizer is None:
            return library.SimpleTokenizer(context_length=length, **options)
        from open_clip.tokenizer import HFTokenizer

        mode = text.get("tokenizer_mode")
        return HFTokenizer(
            str(self._source.tokenizer),
            context_length=length,
            tokenizer_mode=mode,
            local_files_only=True,
            trust_remote_code=False,
            **options,
        )

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of weights, architecture, preprocessing and tokenizer."""
        digest = hashlib.sha256(b"unseen-open_clip-1")
        with self._source.weights.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
        model_cfg = deepcopy(self._source.model_cfg)
        words = model_cfg["text_cfg"].pop("hf_model_name", None)  # a path of this machine
        if words:
            digest.update((Path(words) / "config.json").read_bytes())
        digest.update(json.dumps([model_cfg, vars(self._settings)], sort_keys=True).encode())
        if self._source.tokenizer is not None:
            digest.update(digest_files("tokenizer", self._source.tokenizer, weights=False).encode())
        return digest.hexdigest()

    def _prepare(self, image: Image.Image) -> npt.NDArray[np.uint8]:
        mode = self._settings.resize_mode
        if mode == "shortest":
            image = cut_strip(image)
        elif mode == "longest" and round(min(image.size) * self.image_size / max(image.size)) < 1:
            # No row of pixels would be left.
            image = image.resize((self.image_size, 1) if image.width > image.height else (1, self.image_size))
        for step in self._steps:
            image = step(image)
        return np.array(image)

    def tokenize(self, texts: Sequence[str]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return ids as open_clip's tokenizer gives them, padded to the model's length, and a mask of ones."""
        with self._tokenizing:  # a fast tokenizer keeps its settings for padding in itself
            ids: npt.NDArray[np.int64] = self._tokenizer(list(texts)).numpy()
        return ids, np.ones_like(ids)

    def image_module(self) -> Any:
        """Return the image network: uint8 (b, s, s, 3) to unit float32 (b, d)."""
        from unseen.encoders.torch_modules import ImageTower

        return ImageTower(
            self._model,
            lambda model, images: model.encode_image(images),
            scale=self._scale.tolist(),
            offset=self._offset.tolist(),
        )

    def _find_vit(self) -> Vit | None:
        return vit_of_open_clip(self._model.visual)

    def _pixel_scale(self) -> tuple[Sequence[float], Sequence[float]]:
        return self._scale.tolist(), self._offset.tolist()

    def text_module(self) -> Any:
        """Return the text network: int64 ids and mask (b, t) to unit float32 (b, k)."""
        from unseen.encoders.torch_modules import TextTower

        return TextTower(self._model, lambda model, ids, _: model.encode_text(ids))

    def _tokenizer_twin(self) -> Any:
        from unseen.encoders.tokenizer_twins import twin_of_open_clip

        return twin_of_open_clip(self._tokenizer)

    def text_layout(self) -> dict[str, Any]:
        """Return how ids are laid out."""
        inner = getattr(self._tokenizer, "tokenizer", None)
        return {
            "max_length": int(self._tokenizer.context_length),
            "padding": "max_length",
            "pad_id": int(inner.pad_token_id or 0) if inner is not None else 0,
            "uses_mask": False,
        }

    def image_layout(self) -> dict[str, Any]:
        """Return how photos become pixels, in the words of ``encoder.json``."""
        words: dict[str, dict[str, Any]] = {
            "shortest": {"mode": "shortest_edge", "edge": self.image_size, "offset": "round"},
            "longest": {"mode": "pad", "fill": [int(self._settings.fill_color)] * 3},
            "squash": {"mode": "squash"},
        }
        resample = "bilinear" if self._settings.interpolation == "bilinear" else "bicubic"
        return {"size": self.image_size, "resize": {**words[self._settings.resize_mode], "resample": resample}}


@dataclass(frozen=True)
class _Source:
    """Where the weights are, the card's two parts, and the folder of the tokenizer or None for CLIP's own."""

    weights: Path
    model_cfg: dict[str, Any]
    preprocess_cfg: dict[str, Any]
    tokenizer: Path | None


def _find(library: Any, model: str) -> _Source:
    argument = model.removeprefix("local-dir:")
    name = argument.removeprefix("hf-hub:")
    if name != argument or local_folder(name) is not None:
        return _from_folder(model_folder(_OWNER, name, extra="clip"), advice(name))
    architecture, _, tag = argument.rpartition("/")
    return _from_tag(library, architecture.replace("/", "-"), tag, model)


def _from_folder(folder: Path, again: str) -> _Source:
    card = read_json(_OWNER, folder / _CARD, again=again)
    model_cfg, preprocess_cfg = card.get("model_cfg"), card.get("preprocess_cfg", {})
    towers = [model_cfg.get(name) for name in ("text_cfg", "vision_cfg")] if isinstance(model_cfg, dict) else [None]
    if not isinstance(model_cfg, dict) or not all(isinstance(part, dict) for part in (*towers, preprocess_cfg)):
        raise ModelError(f"{_OWNER}: {folder / _CARD} must have a model_cfg with text_cfg and vision_cfg. {again}.")
    return _source(find_weights(_OWNER, folder, _WEIGHTS, again=again), model_cfg, preprocess_cfg)


def _from_tag(library: Any, architecture: str, tag: str, given: str) -> _Source:
    known = library.list_models()
    if architecture not in known:
        near = nearest(architecture or tag, known) or ["ViT-B-32", "ViT-B-16-SigLIP"]
        remedy = f"Known and near: {', '.join(near)}. A model of the hub is hf-hub:<id>, a folder is named as it is"
        raise InputError(message(_OWNER, "model", "<architecture>/<pretrained> or a folder", given, remedy))
    settings = library.get_pretrained_cfg(architecture, tag)
    if not settings:
        tags = library.list_pretrained_tags_by_model(architecture)
        near = nearest(tag, tags) or tags
        remedy = f"Known and near: {', '.join(near)}" if tags else "open_clip lists no weights for it: pass a folder"
        raise InputError(message(_OWNER, f"pretrained of {architecture}", "one that open_clip lists", tag, remedy))
    model_cfg = library.get_model_config(architecture)
    if model_cfg.get("quick_gelu", False) and not settings.get("quick_gelu", False):
        plain = architecture.replace("-quickgelu", "")
        remedy = f"Pass {plain}/{tag}"
        raise InputError(message(_OWNER, "model", "an architecture that the weights were trained in", given, remedy))
    model_cfg["quick_gelu"] = bool(settings.get("quick_gelu", False))
    identifier, _, name = settings["hf_hub"].rpartition("/")
    folder = model_folder(_OWNER, identifier, extra="clip")
    names = [str(Path(name).with_suffix(".safetensors"))] if name else []
    weights = find_weights(_OWNER, folder, [*names, *_WEIGHTS], again=advice(identifier))
    return _source(weights, model_cfg, settings)


def _source(weights: Path, model_cfg: dict[str, Any], preprocess_cfg: dict[str, Any]) -> _Source:
    """Put a source together, with names of the hub replaced by folders of this machine."""
    model_cfg = deepcopy(model_cfg)
    text = model_cfg["text_cfg"]
    # Both libraries below would download what a name stands for.
    if ":" in str(model_cfg.get("vision_cfg", {}).get("timm_model_name", "")):
        name = model_cfg["vision_cfg"]["timm_model_name"]
        remedy = "Look for a version of the model whose image network is built into timm"
        raise ModelError(message(_OWNER, "timm_model_name", "a name that timm knows itself", name, remedy))
    if text.get("hf_model_name"):
        text["hf_model_name"] = str(_text_network(str(text["hf_model_name"])))
    tokenizer = None
    if text.get("hf_tokenizer_name"):
        own = any((weights.parent / name).is_file() for name in ("tokenizer.json", "tokenizer_config.json"))
        tokenizer = weights.parent if own else model_folder(_OWNER, str(text["hf_tokenizer_name"]), extra="clip")
    return _Source(weights, model_cfg, preprocess_cfg, tokenizer)


def _text_network(name: str) -> Path:
    """Return the folder of a text network of transformers, of which open_clip reads the card."""
    folder, again = model_folder(_OWNER, name, extra="clip"), advice(name)
    # transformers would ask at the terminal whether to run the model's code, and open_clip leaves it to ask.
    if "auto_map" in read_json(_OWNER, folder / "config.json", again=again):
        expected = "a model that transformers knows itself"
        raise ModelError(message(_OWNER, "hf_model_name of its card", expected, name, "Choose another model"))
    refuse_extras(_OWNER, folder, again=again)
    return folder


def _build(library: Any, source: _Source) -> Any:
    """Build the network and load its weights.

    What open_clip's ``create_model`` does, less what it does besides: it downloads, it takes pickled weights where
    it finds them, and its messages set up the host's logging.
    """
    settings = deepcopy(source.model_cfg)
    by_transformers = "hf_model_name" in settings["text_cfg"]
    if by_transformers:
        settings["text_cfg"]["hf_model_pretrained"] = False
    if "timm_model_name" in settings["vision_cfg"]:
        settings["vision_cfg"]["timm_model_pretrained"] = False
    custom = settings.pop("custom_text", False) or by_transformers
    kinds = (library.CoCa if "multimodal_cfg" in settings else library.CustomTextCLIP) if custom else library.CLIP
    model = kinds(**settings)
    library.load_checkpoint(model, str(source.weights), strict=True)
    return model.eval()
