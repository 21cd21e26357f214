"""Export of a torch encoder to a folder of two ONNX networks, a tokenizer and a card, verified before it appears."""

from __future__ import annotations

import secrets
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unseen._version import __version__
from unseen.errors import InputError, ModelError
from unseen.validation import check_choice, import_extra, message, shorten

if TYPE_CHECKING:
    from unseen.encoders.base import Encoder
    from unseen.encoders.export_check import Loss
    from unseen.encoders.torch_towers import TorchEncoder
    from unseen.inputs.sources import Item

__all__ = ["LEAST_COSINE", "PRECISIONS", "ExportReport", "check_export", "export_onnx"]

PRECISIONS = ("fp32", "fp16", "int8")
#: Below this, for any photo or text, an export is refused.
LEAST_COSINE = {"fp32": 0.9999, "fp16": 0.999, "int8": 0.95}
_OWNER = "export_onnx"


@dataclass(frozen=True)
class ExportReport:
    """What an export wrote, and what it loses against its source.

    Attributes
    ----------
    folder : Path
        Load it with ``onnx:<folder>``.
    model : str
        What was exported.
    precision : {"fp32", "fp16", "int8"}
        Of the weights.
    losses : dict of str to Loss
        For ``"image"`` and ``"text"``: the cosines between the vectors of the source and of the export.
    agreement : float or None
        Share of the photos for which both find the same class likeliest; None for an encoder of texts alone.
    sizes : dict of str to int
        Bytes of each file.
    """

    folder: Path
    model: str
    precision: str
    losses: dict[str, Loss]
    agreement: float | None
    sizes: dict[str, int]

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON can hold it."""
        losses = {kind: loss.to_dict() for kind, loss in self.losses.items()}
        return {**asdict(self), "folder": str(self.folder), "losses": losses}

    def __str__(self) -> str:
        size = sum(self.sizes.values()) / 1e6
        lines = [f"{self.model} as ONNX, {self.precision}, {size:,.1f} MB"]
        for kind, loss in self.losses.items():
            items = {"image": "photos", "text": "texts"}[kind]
            lines.append(
                f"{loss.items:>4} {items:6}  cosine to the source: least {loss.cosine_min:.6f}, "
                f"mean {loss.cosine_mean:.6f}"
            )
        if self.agreement is not None:
            lines.append(f"same likeliest class for {self.agreement:.1%} of the photos")
        return "\n".join(lines)


def export_onnx(encoder: Encoder, folder: str | Path, *, precision: str = "fp32", photos: Any = None) -> ExportReport:
    """Write an encoder that runs in torch as a folder that needs onnxruntime only.

    Parameters
    ----------
    encoder : TorchEncoder
        Of ``open_clip:…``, ``hf:…`` or ``sentence-transformers:…``, on the CPU.
    folder : path
        Empty or new. It appears once everything in it is verified, and not at all if something is wrong.
    precision : {"fp32", "fp16", "int8"}, default "fp32"
        "fp16" stores weights in half the size and computes with them in float32. "int8" has the large matrix
        products in 8 bits ("dynamic quantisation") and stores the rest as "fp16" does: a quarter of the size, at a
        loss that is measured; whether it is faster depends on the processor. It encodes items one at a
        time, because what shares a batch would share a scale. Networks of convolutions (ALIGN's for images) have few
        such products.
    photos : path, folder or iterable of images
        Real photos to verify on, at least four; of more than 64, 64 are taken. An encoder of texts alone needs none.

    Returns
    -------
    ExportReport
        Also in ``encoder.json`` of the folder.

    Raises
    ------
    InputError
        When the encoder has no torch networks or is on another device, the folder holds something, or photos are
        missing.
    ModelError
        When a network cannot be exported, the tokenizer cannot be written, or a vector differs from the source's by
        more than :data:`LEAST_COSINE` allows: 0.9999 for fp32, 0.999 for fp16, 0.95 for int8.
    MissingExtraError
        When onnx or onnxscript is not installed.

    Notes
    -----
    The two encoders are compared from file to vector, each preparing photos and texts by itself: the export does so
    with Pillow and the library tokenizers alone, so a difference there would show. The time is that of exporting
    (seconds to a minute) and of encoding 100 texts and the photos twice.
    """
    check_export(folder, precision)
    torch_encoder, folder = _checked(encoder), Path(folder)
    from unseen.encoders.export_check import some_photos

    items: list[Item] = []
    if "image" in encoder.modalities:
        if photos is None:
            remedy = "Pass a folder of real photos, of the kind that the model is for"
            raise InputError(message(_OWNER, "photos", "given: the export is verified on them", None, remedy))
        items = some_photos(photos)
    draft = folder.absolute().with_name(f".{folder.absolute().name[:100]}.{secrets.token_hex(4)}.partial")
    try:
        draft.mkdir(parents=True)
        report = _write(torch_encoder, draft, folder, precision, items)
        if folder.exists():
            folder.rmdir()  # empty, as checked; moving over it would do on some systems only
        draft.rename(folder)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"{_OWNER}: {folder} cannot be written: {reason}. Check that there is room for it.") from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return report


def check_export(folder: str | Path, precision: str) -> None:
    """Raise what `export_onnx` would about its options, before a model is loaded for it.

    Raises
    ------
    InputError
        When there is no such precision, or the folder holds something.
    MissingExtraError
        When onnx or onnxscript is not installed.
    """
    check_choice(_OWNER, "precision", precision, PRECISIONS)
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(message(_OWNER, "folder", "empty or new", str(folder), "Choose another folder"))
    for package in ("onnx", "onnxscript"):
        import_extra(package, extra="export", purpose="unseen export")


def _checked(encoder: Encoder) -> TorchEncoder:
    from unseen.encoders.onnx import OnnxEncoder
    from unseen.encoders.torch_towers import TorchEncoder

    if isinstance(encoder, OnnxEncoder):
        raise InputError(
            f"{_OWNER}: encoder must be one that runs in torch; got {encoder.spec}, which is ONNX already. Copy its "
            f"folder: {encoder.folder}."
        )
    if not isinstance(encoder, TorchEncoder):
        remedy = "Load one of open_clip:…, hf:… or sentence-transformers:…"
        raise InputError(message(_OWNER, "encoder", "one that runs in torch", encoder, remedy))
    if encoder.device != "cpu":
        raise InputError(message(_OWNER, "encoder.device", "'cpu'", encoder.device, "Load it with device='cpu'"))
    return encoder


def _write(encoder: TorchEncoder, draft: Path, folder: Path, precision: str, photos: list[Item]) -> ExportReport:
    """Write everything into `draft`, measure it, and word the report about `folder`."""
    from unseen.encoders.export_check import measure
    from unseen.encoders.onnx import OnnxEncoder
    from unseen.encoders.onnx_card import write_card

    card = _card(encoder, draft, precision)
    write_card(draft, card)
    try:
        losses, agreement = measure(encoder, OnnxEncoder(draft), photos)
    except ModelError as error:
        raise ModelError(f"{_OWNER}: {card['name']} cannot be exported: {error}") from error
    least = LEAST_COSINE[precision]
    for kind, loss in losses.items():
        if not loss.cosine_min >= least:  # so that NaN is refused
            raise ModelError(
                f"{_OWNER}: the cosine of the source's and the exported {kind} vectors must be at least {least} for "
                f"{precision}; got {loss.cosine_min:.6f} for {shorten(loss.worst)}, mean {loss.cosine_mean:.6f}. "
                + ("Nothing was written." if precision == "fp32" else "Export it as fp32; nothing was written.")
            )
    # The card is part of what is measured and holds the measure; the networks are what decides, and they stay.
    card["export"] |= {"losses": {kind: loss.to_dict() for kind, loss in losses.items()}, "agreement": agreement}
    write_card(draft, card)
    sizes = {path.name: path.stat().st_size for path in sorted(draft.iterdir())}
    return ExportReport(folder, card["export"]["source"], precision, losses, agreement, sizes)


def _card(encoder: TorchEncoder, draft: Path, precision: str) -> dict[str, Any]:
    """Write networks and tokenizer into `draft` and return the card that describes them."""
    model = _portable_name(encoder)
    similarity = encoder.similarity if encoder.shared_space else None
    card: dict[str, Any] = {
        "name": model if precision == "fp32" else f"{model} {precision}",
        "shared_space": encoder.shared_space,
        "similarity": None if similarity is None else asdict(similarity),
        "templates": list(encoder.templates),
    }
    # First what fails fast: a network takes a minute, to find out after that that its tokenizer has no words is rude.
    if "text" in encoder.modalities:
        card["text"] = _text_card(encoder, draft)
    if "image" in encoder.modalities:
        card["image"] = _image_card(encoder)
    _write_networks(encoder, draft, card, precision)
    torch = import_extra("torch", extra="export", purpose="unseen export")
    card["export"] = {
        "source": model,
        "source_fingerprint": encoder.fingerprint,
        "precision": precision,
        "unseen": __version__,
        "torch": str(torch.__version__),
    }
    return card


def _portable_name(encoder: TorchEncoder) -> str:
    """Return what the encoder is called, without the path of a folder on this machine."""
    argument = encoder.spec.partition(":")[2] or encoder.name
    path = Path(argument.removeprefix("local-dir:")).expanduser()
    return path.resolve().name if path.is_dir() else argument


def _text_card(encoder: TorchEncoder, draft: Path) -> dict[str, Any]:
    tokenizer = encoder.tokenizer_json()
    if tokenizer is None:
        raise ModelError(
            f"{_OWNER}: the tokenizer of {encoder.spec} must be one that the library tokenizers can express; it is "
            "not. Use the model as it is."
        )
    (draft / "tokenizer.json").write_text(tokenizer, "utf-8")
    layout = encoder.text_layout()
    return {
        "file": "text.onnx",
        "tokenizer": "tokenizer.json",
        "dim": encoder.text_dim,
        "input_names": ["input_ids", "attention_mask"][: 2 if layout["uses_mask"] else 1],
        "max_length": layout["max_length"],
        "padding": layout["padding"],
        "pad_id": layout["pad_id"],
    }


def _image_card(encoder: TorchEncoder) -> dict[str, Any]:
    layout = encoder.image_layout()
    return {
        "file": "image.onnx",
        "dim": encoder.image_dim,
        "input_name": "images",
        "size": layout["size"],
        "resize": {**layout["resize"], "exact": True},
    }


def _write_networks(encoder: TorchEncoder, draft: Path, card: dict[str, Any], precision: str) -> None:
    import numpy as np

    from unseen.encoders.export_network import OUTPUT, IdsOnly, export_network, reduce_precision

    if "image" in card:
        part = card["image"]
        pixels = np.random.default_rng(0).integers(0, 256, (2, part["size"], part["size"], 3), dtype=np.uint8)
        example: dict[str, Any] = {part["input_name"]: pixels}
        export_network(encoder.image_module(), example, draft / part["file"], dynamic=[{0: "batch"}])
    if "text" in card:
        part = card["text"]
        # Of different lengths, so that padding and mask are more than ones in what the exporter follows.
        arrays = encoder.tokenize(["a photo of a cat", "a small bird on a wire above the road", "snow"])
        example = dict(zip(part["input_names"], arrays, strict=False))
        axes = {0: "batch", 1: "tokens"} if part["padding"] == "longest" else {0: "batch"}
        module = encoder.text_module()
        module = module if len(example) == 2 else IdsOnly(module)
        export_network(module, example, draft / part["file"], dynamic=[axes] * len(example))
    for part in (card[kind] for kind in ("image", "text") if kind in card):
        measures = reduce_precision(draft / part["file"], precision)
        part |= {"output_name": OUTPUT, **({"one_by_one": True} if measures else {})}
