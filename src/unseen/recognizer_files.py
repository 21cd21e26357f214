"""The files of a saved recogniser: one JSON card, a file per method, perhaps an encoder's folder."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unseen.errors import InputError, ModelError
from unseen.heads import Head
from unseen.registry import ENCODERS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from unseen.encoders.base import Encoder

__all__ = ["CARD", "ENCODER_CARD", "fitted_digest", "holds", "name_of", "read", "write_card"]

CARD, ENCODER_CARD = "recognizer.json", "encoder.json"
_FORMAT, _VERSION = "unseen-recognizer", 1


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


def read(folder: Path, *, encoder: bool = False) -> dict[str, Any]:
    """Return the arguments of the `Recognizer` that a folder holds; with `encoder`, that one too, tried out.

    Raises
    ------
    ModelError
        When the folder is damaged, of another format, or needs what is not installed.
    """
    from unseen.encoders.onnx import OnnxEncoder

    card = _read_card(folder)
    own: dict[str, Any] = {}
    if encoder:
        name = card.get("encoder")
        own["encoder"] = _named_encoder(folder, name) if isinstance(name, str) else OnnxEncoder(folder / "encoder")
        _check_same(folder, name, own["encoder"], card.get("encoder_fingerprint"))
    heads = _load_heads(folder, card)
    if encoder:
        for kind, head in heads.items():
            _try_out(head, kind, own["encoder"], folder / f"{kind}.safetensors")
    return {**own, "heads": heads, "background": card.get("background")}


def holds(folder: Path, name: str) -> bool:
    """Whether there is such a folder with something of that name in it."""
    try:
        return folder.is_dir() and (folder / name).exists()
    except (OSError, ValueError):  # no path at all, such as one that is too long
        return False


def name_of(encoder: Encoder) -> str | None:
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
    path = folder / CARD
    try:
        card = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ModelError(
            f"Recognizer: {folder} must hold {CARD}; it is missing. Point at a folder that Recognizer.save wrote."
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"Recognizer: {path} cannot be read: {error}.") from None
    if not isinstance(card, dict) or card.get("format") != _FORMAT or card.get("version") != _VERSION:
        raise ModelError(f"Recognizer: {path} must be of format {_FORMAT!r}, version {_VERSION}. Update unseen.")
    if not isinstance(card.get("encoder"), str | None):
        raise ModelError(f"Recognizer: {path}: encoder must be a name or null. Save it again.")
    background = card.get("background")
    if background is not None and not (isinstance(background, list) and all(isinstance(b, str) for b in background)):
        raise ModelError(f"Recognizer: {path}: background must be a list of texts or left out. Save it again.")
    heads = card.get("heads")
    if not isinstance(heads, dict) or not heads or not set(heads) <= {"image", "text"}:
        raise ModelError(f"Recognizer: {path}: heads must be of 'image' and 'text'; got {heads!r}. Save it again.")
    if not all(isinstance(head, dict) and isinstance(head.get("decision"), dict) for head in heads.values()):
        raise ModelError(f"Recognizer: {path}: every head must have a decision. Save it again.")
    return card


def _named_encoder(folder: Path, name: str) -> Encoder:
    from unseen.encoders.loading import load_encoder

    try:
        return load_encoder(name)
    except InputError as error:
        raise ModelError(f"Recognizer: {folder} needs an encoder that is not there. {error}") from None


def _check_same(folder: Path, name: str | None, encoder: Encoder, expected: Any) -> None:
    """Refuse another model under the old name: what heads have learned about its vectors would be wrong, unnoticed."""
    if expected is not None and expected != encoder.fingerprint:
        raise ModelError(
            f"Recognizer: {folder} was saved with another model than {name!r} is now: their files differ. Put the "
            "former ones back, or adapt and save it again."
        )


def _load_heads(folder: Path, card: dict[str, Any]) -> dict[str, Head]:
    from unseen.decision.calibration import Decision
    from unseen.methods.state import load_method

    return {
        kind: Head(load_method(folder / f"{kind}.safetensors"), Decision.from_dict(head["decision"]))
        for kind, head in card["heads"].items()
    }


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


def fitted_digest(method: Any) -> bytes:
    """Return a digest of what a fit has set, in the estimators inside as well."""
    import hashlib

    digest = hashlib.sha256()
    for key, value in sorted(vars(method).items()):
        if key.endswith("_") and not key.startswith("_"):
            digest.update(key.encode())
            digest.update(_digested(value))
    return digest.digest()


def _digested(value: Any) -> bytes:
    import numpy as np
    from sklearn.base import BaseEstimator

    from unseen.prototypes import Prototypes

    if isinstance(value, Prototypes):
        return value.fingerprint.encode()
    if isinstance(value, np.ndarray) and value.dtype.kind in "fiub":
        return np.ascontiguousarray(value).tobytes()
    if isinstance(value, BaseEstimator):  # its name and parameters, and what it has learned
        return repr(value).encode() + fitted_digest(value)
    if isinstance(value, list | tuple) and any(isinstance(part, BaseEstimator) for part in value):
        return b"".join(map(_digested, value))
    return repr(value.tolist() if isinstance(value, np.ndarray) else value).encode()
