"""``hf:…``: CLIPSeg of transformers, a segmenter that reads the names of the classes itself."""

from __future__ import annotations

import math
from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from scipy.special import expit, logit, softmax

from unseen.decision.background import check_background
from unseen.encoders.hub_models import load_hub_model
from unseen.encoders.prompts import check_vocabulary
from unseen.errors import ModelError
from unseen.segmentation.base import BoundSegmenter, Segmenter
from unseen.validation import message, shorten

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from unseen.detection.base import Picture
    from unseen.encoders.hub_models import HubModel
    from unseen.recognizer import Recognizer
    from unseen.vocabulary import Vocabulary

__all__ = ["ClipSegSegmenter"]

Array = np.ndarray[Any, Any]

_OWNER = "ClipSegSegmenter"
#: One of the templates that CLIPSeg was trained with.
_TEMPLATE = "a photo of a {name}."
#: Texts that are read, or looked for, in one run.
_TEXTS = 16
#: Numbers that are kept of a picture, over all classes; with more classes the grid is coarser.
_NUMBERS = 2**26
#: Sides of what the network reads, in pixels: published ones read 352.
_SIDES = (16, 2048)


class ClipSegSegmenter(Segmenter):
    r"""Ask CLIPSeg for every class.

    Of the logits z of the texts :math:`T_c` of a class, its name and its synonyms, the largest counts. Each class is
    judged alone by the model, so that the likeliest one says how likely a place is of any, and classes compete for it:

    .. math:: z_c = \max_{t \in T_c} z_t, \qquad
       s_c = \max_k \sigma(z_k) \cdot \operatorname{softmax}(z)_c, \qquad s_{\text{none}} = 1 - \max_k \sigma(z_k)

    With one class :math:`s_c = \sigma(z_c)`, as the model has it. Texts of `background` compete in the softmax too, and
    what they get is of none.

    Parameters
    ----------
    model : str
        A folder, or the id of a model that was downloaded before: ``CIDAS/clipseg-rd64-refined``, …
    device : str, default "cpu"
        Where the network runs, as torch names it; ``"auto"`` for a graphics card where there is one.

    Raises
    ------
    InputError
        When there is no such folder or device, or the model is of another kind.
    ModelError
        When the model is not on this machine, damaged or pickled, or does not look at the whole of a square picture.
    MissingExtraError
        When transformers or torch is not installed.

    Notes
    -----
    The texts are read once, the picture once per picture, and the small decoder runs once per text and picture. Logits
    are those of the library, at the resolution of the network (352 x 352 for the published ones) or that of the
    picture where it is smaller; with more than some 500 classes on a coarser grid, so that memory stays bounded. Of
    the vocabulary, names and synonyms are read; descriptions are not: the model was trained on short phrases. Each is
    put into "a photo of a {name}.", one of the templates of its training.

    References
    ----------
    Lüddecke and Ecker, "Image Segmentation Using Text and Image Prompts", CVPR 2022.
    """

    takes: ClassVar[str | None] = "<id or folder>"
    extra: ClassVar[str | None] = "hf"
    description: ClassVar[str] = "CLIPSeg of transformers"

    def __init__(self, model: str, *, device: str = "cpu") -> None:
        task = "CLIPSegForImageSegmentation"
        self._model = load_hub_model(_OWNER, str(model), kinds={"clipseg"}, task=task, device=device)
        self._lock = Lock()
        _check_side(self._model, str(model))
        self.spec = f"hf:{model}"

    def bind(
        self, recognizer: Recognizer, vocabulary: Vocabulary, *, background: Sequence[str] | None = None
    ) -> BoundSegmenter:
        """Return what looks for the classes; the recogniser is not asked."""
        classes = [(entry.name, *entry.synonyms) for entry in check_vocabulary(vocabulary)]
        beside = check_background("segment", background) if background else ()
        everything = background is not None and not len(background)
        owners = [position for position, names in enumerate(classes) for _ in names]
        # Texts of the background have a row each behind the classes: they compete one by one.
        owners += range(len(classes), len(classes) + len(beside))
        texts = [*(text for names in classes for text in names), *beside]
        return _Bound(self._model, self._lock, texts, np.array(owners), len(classes), everything)


class _Bound(BoundSegmenter):
    """A model that knows its texts; `owners` says which row each text is of: first the classes, then the background."""

    def __init__(
        self, model: HubModel, lock: Lock, texts: list[str], owners: Array, n_classes: int, everything: bool
    ) -> None:
        self._model, self._lock, self._owners = model, lock, owners
        self._n_classes, self._everything = n_classes, everything
        with lock:
            self._queries = _read(model, texts)

    def propose(self, picture: Picture) -> npt.NDArray[np.float32]:
        logits = self._logits(picture.pixels)
        classes = logits[: self._n_classes]
        there = np.ones(logits.shape[1:], np.float32) if self._everything else expit(classes.max(axis=0))
        shares = softmax(logits, axis=0)[: self._n_classes] * there
        # What the background's texts got, too; rounding must not make it less than nothing.
        none = np.maximum(1 - shares.sum(axis=0, keepdims=True), 0)
        return np.concatenate([shares, np.zeros_like(none) if self._everything else none], dtype=np.float32)

    def presence(self, picture: Picture, shares: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        r"""Return how likely each class is anywhere: the largest :math:`\sigma(z_c)` of all places.

        Not the largest share: two names that a place fits alike halve it between them, and both are there. A share's
        ratio to the largest one gives back how far apart the logits are.
        """
        tiny = np.finfo(np.float32).tiny
        classes = np.maximum(shares[:-1].astype(np.float64), tiny)
        there = logit(np.clip(1 - shares[-1].astype(np.float64), 1e-7, 1 - 1e-7))
        odds = np.log(classes) - np.log(classes.max(axis=0)) + there
        likely: npt.NDArray[np.float32] = expit(odds.max(axis=(1, 2))).astype(np.float32)
        return likely

    def _logits(self, pixels: npt.NDArray[np.uint8]) -> Array:
        """Return what the model says (n, gh, gw) of the classes, and of each text of the background."""
        import torch

        n_rows = int(self._owners.max()) + 1
        most = max(1, math.isqrt(_NUMBERS // n_rows))
        out: Array = np.zeros((0, 0, 0), np.float32)
        with self._lock, torch.inference_mode():
            network = self._model.network
            images = self._model.processor.image_processor(images=[pixels.copy()], return_tensors="pt", **_LAST)
            seen = network.clip.get_image_features(
                images["pixel_values"].to(self._model.device), output_hidden_states=True
            )
            # The first one is what goes into the first layer.
            layers = [seen.hidden_states[i + 1] for i in network.extract_layers]
            for start in range(0, len(self._owners), _TEXTS):
                # One picture's activations serve all texts: they are of one row, the texts of many.
                found = network.decoder(layers, self._queries[start : start + _TEXTS]).logits.cpu().numpy()
                if not len(out):
                    limits = zip(found.shape[1:], pixels.shape[:2], strict=True)
                    shape = tuple(min(side, length, most) for side, length in limits)
                    out = np.full((n_rows, *shape), -np.inf, np.float32)
                for owner, one in zip(self._owners[start : start + _TEXTS], found, strict=True):
                    np.maximum(out[owner], _smaller(one, out.shape[1:]), out=out[owner])
        return out


def _read(model: HubModel, texts: list[str]) -> Any:
    """Return the model's own vectors of texts."""
    import torch

    tokenizer = model.processor.tokenizer
    limit = int(min(model.network.config.text_config.max_position_embeddings, tokenizer.model_max_length))
    parts = []
    with torch.inference_mode():
        for start in range(0, len(texts), _TEXTS):
            written = [_TEMPLATE.format(name=text) for text in texts[start : start + _TEXTS]]
            ids = tokenizer(written, padding="max_length", max_length=limit, truncation=True, return_tensors="pt")
            parts.append(
                model.network.get_conditional_embeddings(
                    batch_size=len(written),
                    input_ids=ids["input_ids"].to(model.device),
                    attention_mask=ids["attention_mask"].to(model.device),
                )
            )
    return torch.cat(parts)


def _smaller(values: Array, shape: tuple[int, ...]) -> Array:
    """Return values of a grid on a coarser one: the mean of what each place covers."""
    if values.shape == shape:
        return values
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(values, np.float32))
    return np.asarray(image.resize((shape[1], shape[0]), Image.Resampling.BOX), np.float32)


def _check_side(model: HubModel, name: str) -> None:
    """Refuse what does not squash pictures into the square that the decoder lays its places out in."""
    processor = model.processor.image_processor
    size = dict(getattr(processor, "size", None) or {})
    low, high = _SIDES
    side = size.get("height")
    square = isinstance(side, int) and low <= side <= high and size.get("width") == side
    cut = getattr(processor, "do_center_crop", False) or getattr(processor, "do_pad", False)
    if not square or cut or not getattr(processor, "do_resize", False):
        expected = f"to a square of {low} to {high} pixels, uncut"
        found = "cut or not resized" if square else shorten(str(size))
        remedy = f"Make the preprocessor_config.json of {name} resize so"
        raise ModelError(message(_OWNER, "how photos are resized", expected, found, remedy))


#: Two pictures of three rows would else be taken for two of three channels.
_LAST = {"input_data_format": "channels_last"}
