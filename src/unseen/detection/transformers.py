"""``hf:…``: open-vocabulary detectors of transformers, which read the names of the classes themselves."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from unseen.decision.background import check_background
from unseen.detection.base import BoundDetector, Detector, Proposals
from unseen.encoders.hub_models import load_hub_model
from unseen.encoders.prompts import check_vocabulary
from unseen.errors import InputError
from unseen.validation import message, verbatim

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy.typing as npt

    from unseen.detection.base import Picture
    from unseen.encoders.hub_models import HubModel
    from unseen.recognizer import Recognizer
    from unseen.vocabulary import Vocabulary

__all__ = ["TransformersDetector"]

Array = np.ndarray[Any, Any]

_OWNER = "TransformersDetector"
#: Boxes that no class reaches so far are not handed on: these models say something of hundreds of places.
_FLOOR = 0.01
#: A longer side is shrunk to this before the model's own processor sees the picture: some pad to a square first, and
#: none looks at more than 1,333 pixels.
_LONGEST = 2048
#: What OWL-ViT and OWLv2 were trained to read.
_OWL_TEMPLATE = "a photo of a {name}"


class TransformersDetector(Detector):
    r"""Find what the classes' names say, with OWL-ViT, OWLv2, Grounding DINO or OmDet-Turbo.

    .. math:: p_c = \max_{t \in T_c} \sigma(z_t)

    over the texts :math:`T_c` of a class, its name and its synonyms; for Grounding DINO over their tokens.

    Parameters
    ----------
    model : str
        A folder, or the id of a model that was downloaded before: ``google/owlv2-base-patch16-ensemble``,
        ``google/owlvit-base-patch32``, ``IDEA-Research/grounding-dino-tiny``,
        ``omlab/omdet-turbo-swin-tiny-hf``, …
    device : str, default "cpu"
        Where the network runs, as torch names it; ``"auto"`` for a graphics card where there is one.

    Raises
    ------
    InputError
        When there is no such folder or device, or the model is of another kind.
    ModelError
        When the model is not on this machine, damaged or pickled.
    MissingExtraError
        When transformers or torch is not installed.

    Notes
    -----
    Boxes are those of the library's own post-processing, in pixels of the picture: OWLv2 pads a picture to a square on
    the right and below, which is taken into account. Every class has its own score, by the positions of its tokens,
    so that two names never melt into "car taxi". Of the vocabulary, names and synonyms are read; descriptions are not:
    these models were trained on short names. OWL-ViT and OWLv2 read each class once, not for every picture; OmDet-Turbo
    remembers a hundred; Grounding DINO mixes text and picture, and a long vocabulary is asked in several parts.
    Where a text of `background` is likelier than every class, a box is left out.

    References
    ----------
    Minderer et al., "Simple Open-Vocabulary Object Detection with Vision Transformers", ECCV 2022.
    Minderer, Gritsenko and Houlsby, "Scaling Open-Vocabulary Object Detection", NeurIPS 2023.
    Liu et al., "Grounding DINO: Marrying DINO with Grounded Pre-Training for Open-Set Object Detection", ECCV 2024.
    Zhao et al., "Real-time Transformer-based Open-Vocabulary Detection with Efficient Fusion Head", arXiv 2403.06892,
    2024.
    """

    takes: ClassVar[str | None] = "<id or folder>"
    extra: ClassVar[str | None] = "hf"
    description: ClassVar[str] = "OWL-ViT, OWLv2, Grounding DINO or OmDet-Turbo of transformers"

    def __init__(self, model: str, *, device: str = "cpu") -> None:
        task = "AutoModelForZeroShotObjectDetection"
        self._model = load_hub_model(_OWNER, str(model), kinds=_KINDS, task=task, device=device)
        self.spec = f"hf:{model}"

    def bind(
        self, recognizer: Recognizer, vocabulary: Vocabulary, *, background: Sequence[str] | None = None
    ) -> BoundDetector:
        """Return what looks for the classes; the recogniser is not asked."""
        classes = [(entry.name, *entry.synonyms) for entry in check_vocabulary(vocabulary)]
        beside = check_background("detect", background) if background else ()
        texts = [*(text for names in classes for text in names), *beside]
        owners = [position for position, names in enumerate(classes) for _ in names]
        return _Bound(self._model, texts, np.array([*owners, *[-1] * len(beside)]), len(classes))


class _Bound(BoundDetector):
    """A model that knows its texts; `owners` says which class each text is of, -1 for the background."""

    def __init__(self, model: HubModel, texts: list[str], owners: Array, n_classes: int) -> None:
        self._owners = owners
        self._n_classes = n_classes
        self._lock = Lock()
        self._look = _KINDS[model.kind](model, texts)

    def propose(self, pictures: Sequence[Picture]) -> list[Proposals]:
        """Return the proposals of each picture, in order."""
        import torch

        found = []
        for picture in pictures:
            with self._lock, torch.inference_mode():
                boxes, scores = self._look(_shrunk(picture.pixels))
            width, height = picture.size
            side = max(width, height)
            scale = (side, side) if getattr(self._look, "padded", False) else (width, height)
            found.append(self._proposals(boxes * np.array([*scale, *scale], np.float32), scores))
        return found

    def _proposals(self, boxes: Array, scores: Array) -> Proposals:
        probabilities = np.zeros((len(boxes), self._n_classes), np.float32)
        for position in range(self._n_classes):
            probabilities[:, position] = scores[:, self._owners == position].max(axis=1, initial=0)
        best = probabilities.max(axis=1, initial=0)
        beside = scores[:, self._owners < 0].max(axis=1, initial=0)
        kept = np.flatnonzero((best >= _FLOOR) & (best >= beside) & np.isfinite(boxes).all(axis=1))
        return Proposals(boxes[kept], best[kept], probabilities=probabilities[kept])


def _shrunk(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return a copy that torch may write to, not larger than the models need."""
    if max(pixels.shape[:2]) <= _LONGEST:
        return pixels.copy()
    from PIL import Image

    picture = Image.fromarray(pixels)
    picture.thumbnail((_LONGEST, _LONGEST))
    return np.array(picture)


def _corners(boxes: Any) -> Array:
    """Return centres and sizes as edges, as numbers of float32."""
    x, y, w, h = np.asarray(boxes.cpu().numpy(), np.float32).T
    return np.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2], axis=1)


class _Owl:
    """OWL-ViT and OWLv2: the texts become vectors once, each place of a picture is compared with all of them."""

    def __init__(self, model: HubModel, texts: list[str]) -> None:
        import torch

        self._model, self._network = model, model.network
        self.padded = model.kind == "owlv2"
        base = self._network.owlv2 if self.padded else self._network.owlvit
        tokenizer = model.processor.tokenizer
        limit = int(self._network.config.text_config.max_position_embeddings)
        parts = []
        with torch.inference_mode():
            for start in range(0, len(texts), 64):
                named = [_OWL_TEMPLATE.format(name=text) for text in texts[start : start + 64]]
                ids = tokenizer(named, padding="max_length", max_length=limit, truncation=True, return_tensors="pt")
                read = base.get_text_features(**ids.to(model.device))
                parts.append(getattr(read, "pooler_output", read))
        queries = torch.cat(parts)
        self._queries = (queries / queries.norm(dim=-1, keepdim=True))[None]

    def __call__(self, pixels: npt.NDArray[np.uint8]) -> tuple[Array, Array]:
        images = self._model.processor.image_processor(images=[pixels], return_tensors="pt", **_LAST)
        grid = self._network.image_embedder(pixel_values=images["pixel_values"].to(self._model.device))[0]
        places = grid.reshape(1, -1, grid.shape[-1])
        logits, _ = self._network.class_predictor(places, self._queries, None)
        boxes = self._network.box_predictor(places, grid)
        return _corners(boxes[0]), logits[0].sigmoid().cpu().numpy()


class _GroundingDino:
    """Grounding DINO: all classes are one text, "cat. red car.", and each box has a score for each of its tokens."""

    def __init__(self, model: HubModel, texts: list[str]) -> None:
        self._model = model
        tokenizer = model.processor.tokenizer
        # Not the tokenizer's own limit, which may be larger: the network cuts what is longer.
        self._most = int(min(model.network.config.max_text_len, tokenizer.model_max_length))
        self._dot = tokenizer(".", add_special_tokens=False)["input_ids"]
        read = [tokenizer(_plain(text), add_special_tokens=False)["input_ids"] for text in texts]
        for text, ids in zip(texts, read, strict=True):
            if not 0 < len(ids) <= self._most - 2 - len(self._dot):
                got = verbatim(f"{text!r}, of {len(ids)}")
                expected = f"a name of 1 to {self._most - 2 - len(self._dot)} tokens"
                raise InputError(message(_OWNER, "a class", expected, got, "Write it in other words"))
        self._parts = list(self._split(read))
        self._ends = (tokenizer.cls_token_id, tokenizer.sep_token_id)

    def _split(self, read: list[list[int]]) -> Iterator[list[list[int]]]:
        """Yield the texts in parts that the network reads at a time."""
        part: list[list[int]] = []
        length = 2
        for ids in read:
            if part and length + len(ids) + len(self._dot) > self._most:
                yield part
                part, length = [], 2
            part.append(ids)
            length += len(ids) + len(self._dot)
        yield part

    def __call__(self, pixels: npt.NDArray[np.uint8]) -> tuple[Array, Array]:
        import torch

        device = self._model.device
        images = self._model.processor.image_processor(images=[pixels], return_tensors="pt", **_LAST).to(device)
        found = []
        for part in self._parts:
            ids, spans = [self._ends[0]], []
            for text in part:
                spans.append(slice(len(ids), len(ids) + len(text)))
                ids += [*text, *self._dot]
            row = torch.tensor([[*ids, self._ends[1]]], device=device)
            output = self._model.network(
                **images, input_ids=row, token_type_ids=torch.zeros_like(row), attention_mask=torch.ones_like(row)
            )
            tokens = output.logits[0].sigmoid()
            scores = torch.stack([tokens[:, span].amax(dim=1) for span in spans], dim=1)
            found.append((_corners(output.pred_boxes[0]), scores.cpu().numpy()))
        # Each part finds its own boxes; of the other parts' texts it says nothing.
        scores = np.zeros((sum(len(boxes) for boxes, _ in found), sum(map(len, self._parts))), np.float32)
        down = right = 0
        for boxes, part_scores in found:
            scores[down : down + len(boxes), right : right + part_scores.shape[1]] = part_scores
            down, right = down + len(boxes), right + part_scores.shape[1]
        return np.concatenate([boxes for boxes, _ in found]), scores


class _OmDet:
    """OmDet-Turbo: it reads the classes one by one, and a task that names them all."""

    def __init__(self, model: HubModel, texts: list[str]) -> None:
        self._model = model
        tokenizer = model.processor.tokenizer
        limit = int(model.network.config.text_config.max_position_embeddings)
        options = {"padding": "max_length", "max_length": limit, "truncation": True, "return_tensors": "pt"}
        task = tokenizer([f"Detect {', '.join(texts)}."], **options).to(model.device)
        read = tokenizer(texts, **options).to(model.device)
        import torch

        self._texts = {
            "classes_input_ids": read["input_ids"],
            "classes_attention_mask": read["attention_mask"],
            "tasks_input_ids": task["input_ids"],
            "tasks_attention_mask": task["attention_mask"],
            "classes_structure": torch.tensor([len(texts)], device=model.device),
        }

    def __call__(self, pixels: npt.NDArray[np.uint8]) -> tuple[Array, Array]:
        images = self._model.processor.image_processor(images=[pixels], return_tensors="pt", **_LAST)
        output = self._model.network(pixel_values=images["pixel_values"].to(self._model.device), **self._texts)
        return _corners(output.decoder_coord_logits[0]), output.decoder_class_logits[0].sigmoid().cpu().numpy()


def _plain(text: str) -> str:
    """Return a name as Grounding DINO reads names: small, and without the full stop that would end it."""
    return " ".join(text.lower().replace(".", " ").split())


#: Two pictures of three rows would else be taken for two of three channels.
_LAST = {"input_data_format": "channels_last"}
#: By the ``model_type`` of their ``config.json``.
_KINDS: dict[str, Callable[[HubModel, list[str]], Callable[[npt.NDArray[np.uint8]], tuple[Array, Array]]]] = {
    "grounding-dino": _GroundingDino,
    "omdet-turbo": _OmDet,
    "owlv2": _Owl,
    "owlvit": _Owl,
}
