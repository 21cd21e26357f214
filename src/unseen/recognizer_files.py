"""The files of a saved recogniser: one JSON card, a file per method, perhaps an encoder's folder."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unseen.encoders.model_files import read_json
from unseen.errors import InputError, ModelError
from unseen.heads import Head, own_head
from unseen.registry import ENCODERS
from unseen.validation import message, nearest, shorten

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from unseen.encoders.base import Encoder

__all__ = ["load_parts", "save_parts", "write_card"]

_CARD, _ENCODER_CARD = "recognizer.json", "encoder.json"
_FORMAT, _VERSION = "unseen-recognizer", 1


def load_parts(model: str | Path, *, device: str = "cpu") -> dict[str, Any]:
    """Return the arguments of the `Recognizer` that `model` stands for; see `Recognizer.load`."""
    from unseen.encoders.default import default_folder
    from unseen.encoders.loading import load_encoder

    if not isinstance(model, str | os.PathLike):
        remedy = "`unseen models` lists what there is"
        raise InputError(message("Recognizer", "model", "a name or a folder", model, remedy))
    if model == "default":
        return _read(default_folder(), load_encoder(model, device=device))
    folder = Path(model)
    if _holds(folder, _CARD):
        return _read(folder, device=device)
    if _holds(folder, _ENCODER_CARD):
        return _alone(load_encoder(f"onnx:{folder}", device=device))
    if isinstance(model, str) and (":" in model or model in ENCODERS):
        return _alone(load_encoder(model, device=device))
    if _holds(folder, "."):
        raise ModelError(
            f"Recognizer: {folder} must hold {_CARD} or {_ENCODER_CARD}; both are missing. Point at a folder that "
            f"Recognizer.save or `unseen export` wrote, or say what it is, such as hf:{folder}."
        )
    near = nearest(str(model), ENCODERS.names())
    hub = f"A model of the Hugging Face hub is 'hf:{model}'" if str(model).count("/") == 1 else ""
    raise InputError(
        message(
            "Recognizer",
            "model",
            "'default', scheme:name, or a folder that Recognizer.save wrote",
            str(model),
            f"Did you mean {near[0]!r}" if near else hub or "Check the path; `unseen models` lists what is there",
        )
    )


def save_parts(folder: Path, encoder: Encoder, heads: Mapping[str, Head], *, background: Sequence[str] | None) -> None:
    """Write what a `Recognizer` is made of into a folder; see `Recognizer.save`."""
    from unseen.encoders.onnx import OnnxEncoder
    from unseen.methods.state import registered_name, save_method

    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise InputError(message("Recognizer", "folder", "empty or new", str(folder), "Choose another folder"))
        name = None if type(encoder) is OnnxEncoder else _name_of(encoder)
        for head in heads.values():
            registered_name(head.method)
        # Nothing is written before it is clear that every class will be found again.
        folder.mkdir(parents=True, exist_ok=True)
        if name is None and isinstance(encoder, OnnxEncoder):
            place = folder.resolve()  # perhaps within what is copied

            def itself(where: str, names: list[str]) -> list[str]:
                return [name for name in names if Path(where, name).resolve() == place]

            shutil.copytree(encoder.folder, folder / "encoder", ignore=itself)
        for kind, head in heads.items():
            save_method(head.method, folder / f"{kind}.safetensors")
        # The card goes last: a folder with a card is a folder that is complete.
        fingerprint = None if name is None else encoder.fingerprint
        (folder / _CARD).write_text(write_card(name, heads, background=background, fingerprint=fingerprint), "utf-8")
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(
            f"Recognizer: {folder} cannot be written: {reason}. Check that there is room for it."
        ) from None


def write_card(
    encoder: str | None,
    heads: Mapping[str, Head],
    *,
    background: Sequence[str] | None = None,
    fingerprint: str | None = None,
) -> str:
    """Return the text of ``recognizer.json``; `fingerprint` is that of an encoder that is written by its name."""
    card: dict[str, Any] = {
        "format": _FORMAT,
        "version": _VERSION,
        "encoder": encoder,
        "heads": {kind: {"decision": head.decision.to_dict()} for kind, head in heads.items()},
    }
    if background is not None:
        card["background"] = list(background)
    if fingerprint is not None:
        card["encoder_fingerprint"] = fingerprint
    return json.dumps(card, indent=2) + "\n"


def _alone(encoder: Encoder) -> dict[str, Any]:
    modality, head = own_head(encoder)
    return {"encoder": encoder, "heads": {modality: head}}


def _read(folder: Path, encoder: Encoder | None = None, *, device: str = "cpu") -> dict[str, Any]:
    """Return the arguments of the `Recognizer` that a folder holds; without an `encoder` it is the one of the card.

    Raises
    ------
    ModelError
        When the folder is damaged, of another format, or needs what is not installed.
    """
    from unseen.decision.calibration import Decision
    from unseen.methods.state import load_method

    card = _read_card(folder)
    if encoder is None:
        encoder = _encoder_of(folder, card, device)
    heads = {}
    for kind, values in card["heads"].items():
        path = folder / f"{kind}.safetensors"
        heads[kind] = Head(load_method(path), Decision.from_dict(values["decision"]))
        _try_out(heads[kind], kind, encoder, path)
    return {"encoder": encoder, "heads": heads, "background": card.get("background")}


def _holds(folder: Path, name: str) -> bool:
    """Whether there is such a folder with something of that name in it."""
    try:
        return folder.is_dir() and (folder / name).exists()
    except (OSError, ValueError):  # no path at all, such as one that is too long
        return False


def _name_of(encoder: Encoder) -> str | None:
    """Return by which name an encoder is loaded again; None where it lives in a folder that can be copied.

    Raises
    ------
    ModelError
        When there is no such name.
    """
    from unseen.encoders.onnx import OnnxEncoder

    scheme, colon, argument = encoder.spec.partition(":")
    if scheme in ENCODERS and type(encoder) is ENCODERS.get(scheme):
        # A folder is found again from anywhere.
        return f"{scheme}:{Path(argument).resolve()}" if colon and Path(argument).is_dir() else encoder.spec
    for name in ENCODERS:
        with suppress(ImportError):  # one whose library is not installed is not the one at hand
            cls = ENCODERS.get(name)
            if type(encoder) is cls and getattr(cls, "takes", None) is None:
                return name
    if isinstance(encoder, OnnxEncoder):
        return None
    raise ModelError(
        f"Recognizer: {type(encoder).__name__} must be a registered encoder to be saved; it is not. "
        "Add an entry point to 'unseen.encoders'."
    )


def _read_card(folder: Path) -> dict[str, Any]:
    path = folder / _CARD
    card: dict[str, Any] = read_json("Recognizer", path, again="Point at a folder that Recognizer.save wrote")
    if card.get("format") != _FORMAT or card.get("version") != _VERSION:
        raise ModelError(f"Recognizer: {path} must be of format {_FORMAT!r}, version {_VERSION}. Update unseen.")
    if not isinstance(card.get("encoder"), str | None):
        raise ModelError(f"Recognizer: {path}: encoder must be a name or null. Save it again.")
    background = card.get("background")
    if background is not None and not (isinstance(background, list) and all(isinstance(b, str) for b in background)):
        raise ModelError(f"Recognizer: {path}: background must be a list of texts or left out. Save it again.")
    heads = card.get("heads")
    if not isinstance(heads, dict) or not heads or not set(heads) <= {"image", "text"}:
        raise ModelError(
            f"Recognizer: {path}: heads must be of 'image' and 'text'; got {shorten(heads)}. Save it again."
        )
    if not all(isinstance(head, dict) and isinstance(head.get("decision"), dict) for head in heads.values()):
        raise ModelError(f"Recognizer: {path}: every head must have a decision. Save it again.")
    return card


def _encoder_of(folder: Path, card: dict[str, Any], device: str) -> Encoder:
    """Load the encoder that a card names, or that lies beside it, and make sure that it is the one it was."""
    from unseen.encoders.loading import load_encoder

    name = card.get("encoder")
    try:
        encoder = load_encoder(f"onnx:{folder / 'encoder'}" if name is None else name, device=device)
    except InputError as error:
        raise ModelError(f"Recognizer: {folder} needs an encoder that cannot be loaded here. {error}") from None
    expected = card.get("encoder_fingerprint")
    # What heads have learned about another model's vectors would be wrong, unnoticed.
    if expected is not None and expected != encoder.fingerprint:
        raise ModelError(
            f"Recognizer: {folder} was saved with another model than {name!r} is now: their files differ. Put the "
            "former ones back, or adapt and save it again."
        )
    return encoder


def _try_out(head: Head, kind: str, encoder: Encoder, path: Path) -> None:
    """Score one made-up vector for one made-up class: what a damaged file holds surfaces here, not in a run."""
    import numpy as np

    from unseen.prototypes import Prototypes

    dims = {"image": encoder.image_dim, "text": encoder.text_dim}
    try:
        prototype = Prototypes(["any"], np.ones((1, encoder.text_dim or 0)))
        scores = head.method.class_scores(np.ones((1, dims[kind] or 0)), prototypes=prototype)
        seen = head.method.seen_prototypes_.n_dimensions if head.decision.reference else encoder.text_dim
        if seen != encoder.text_dim:
            raise ValueError(f"its seen prototypes have {seen} dimensions, not {encoder.text_dim}")
        if scores.shape != (1, 1) or not np.isfinite(scores).all():
            raise ValueError(f"its score is {scores!r}")
    except Exception as error:  # noqa: BLE001  whatever arrays of wrong shapes and odd parameters lead to
        reason = " ".join(str(error).split())[:200]
        raise ModelError(f"Recognizer: {path} does not fit the encoder: {reason}. Save the model again.") from None
