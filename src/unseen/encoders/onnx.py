"""An encoder that lives in a folder: two ONNX networks, a tokenizer and one JSON card.

The folder holds ``encoder.json`` and the files it names, all beside it. Nothing in it is executed or unpickled, and
what does not fit the card is refused with the reason.
"""

from __future__ import annotations

import hashlib
import json
import os
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.encoders.base import Encoder, available_cores
from unseen.encoders.lexicon import Lexicon
from unseen.errors import ModelError
from unseen.inputs.images import RESAMPLES, RESIZES, prepare_image

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

__all__ = ["OnnxEncoder", "open_session"]

_CARD = "encoder.json"
_FORMAT, _VERSION = "unseen-encoder", 1
#: Far beyond any network's; a card that asks for more is after this machine's memory.
_MAX_SIZE, _MAX_TOKENS = 4096, 1 << 16


class OnnxEncoder(Encoder):
    """Encode with the networks of a folder, by onnxruntime.

    Parameters
    ----------
    folder : path
        Holds ``encoder.json`` (format ``unseen-encoder``, version 1), the networks and the tokenizer.

    Raises
    ------
    ModelError
        When the folder is missing, damaged or of another format.

    Notes
    -----
    The image network takes uint8 RGB pixels ``(b, s, s, 3)`` and normalises them itself; the text network takes
    token ids and their mask, pools and normalises. Networks load when first used.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        card = _read_card(self.folder)
        self._image: dict[str, Any] = card.get("image") or {}
        self._text: dict[str, Any] = card.get("text") or {}
        self.name = str(card.get("name", self.folder.name))
        self.modalities = frozenset(kind for kind in ("image", "text") if card.get(kind))
        self.shared_space = bool(card.get("shared_space", False))
        self.image_dim = self._image.get("dim")
        self.text_dim = self._text.get("dim")
        self.image_size = int(self._image.get("size", 0))
        self.templates = tuple(card.get("templates", Encoder.templates))
        lexicon = self._text.get("lexicon")
        self.lexicon = Lexicon(self.folder / lexicon) if lexicon else None
        self._lock = Lock()
        self._sessions: dict[str, Any] = {}

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the card and of every file it names."""
        digest = hashlib.sha256(b"unseen-encoder-1")
        names = [self._image.get("file"), *(self._text.get(key) for key in ("file", "tokenizer", "lexicon"))]
        for name in [_CARD, *(name for name in names if name)]:
            with (self.folder / name).open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        return digest.hexdigest()

    def prepare_image(self, content: Any) -> npt.NDArray[np.uint8]:
        """Decode, turn upright, resize and crop one image; see :mod:`unseen.inputs.images`."""
        resize = self._image["resize"]
        return prepare_image(
            content,
            size=self.image_size,
            resize=resize["mode"],
            crop_fraction=resize.get("crop_fraction"),
            resample=resize.get("resample", "bicubic"),
        )

    def _encode_pixels(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        return self._run("image", {self._image["input_name"]: pixels}, threads=1)

    def _encode_texts(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        encodings = self._tokenizer.encode_batch(list(texts))
        width = max(len(encoding.ids) for encoding in encodings)
        ids = np.zeros((len(texts), width), np.int64)
        mask = np.zeros((len(texts), width), np.int64)
        for row, encoding in enumerate(encodings):
            ids[row, : len(encoding.ids)] = encoding.ids
            mask[row, : len(encoding.ids)] = 1
        inputs = dict(zip(self._text["input_names"], (ids, mask), strict=True))
        return self._run("text", inputs, threads=available_cores())

    @cached_property
    def _tokenizer(self) -> Any:
        from tokenizers import Tokenizer

        path = self.folder / self._text["tokenizer"]
        try:
            tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # noqa: BLE001  the library raises bare Exception for a damaged file
            raise ModelError(f"OnnxEncoder: {path.name} in {self.folder} is damaged: {error}") from None
        tokenizer.no_padding()
        tokenizer.enable_truncation(self._text["max_length"])
        return tokenizer

    def _run(self, kind: str, inputs: dict[str, Any], *, threads: int) -> npt.NDArray[np.float32]:
        part = {"image": self._image, "text": self._text}[kind]
        session = self._session(kind, threads=threads)
        try:
            vectors = np.asarray(session.run([part["output_name"]], inputs)[0], dtype=np.float32)
        except Exception as error:  # noqa: BLE001  onnxruntime has no common base for its errors
            reason = " ".join(str(error).split())[:200]
            raise ModelError(f"OnnxEncoder: {part['file']} in {self.folder} does not fit its card: {reason}") from None
        expected = (len(next(iter(inputs.values()))), part["dim"])
        if vectors.shape != expected or not np.isfinite(vectors).all():
            raise ModelError(
                f"OnnxEncoder: {part['file']} in {self.folder} must give finite vectors of shape {expected}; got "
                f"{'NaN or infinity' if vectors.shape == expected else vectors.shape}. Save it again."
            )
        return vectors

    def _session(self, kind: str, *, threads: int) -> Any:
        with self._lock:
            if kind not in self._sessions:
                path = self.folder / {"image": self._image, "text": self._text}[kind]["file"]
                self._sessions[kind] = open_session(path, threads=threads)
            return self._sessions[kind]


def open_session(path: Path, *, threads: int) -> Any:
    """Open an ONNX network on the CPU with so many threads per call.

    Raises
    ------
    ModelError
        When the file is missing or damaged.
    """
    # Some builds of onnxruntime record what they run on and send it; read when the library is first imported.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # A thread that spins while it waits takes its core from the decoders.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001  onnxruntime has no common base for its errors
        raise ModelError(f"OnnxEncoder: {path.name} in {path.parent} cannot be loaded: {error}") from None


def _read_card(folder: Path) -> dict[str, Any]:
    path = folder / _CARD
    try:
        card = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ModelError(
            f"OnnxEncoder: {folder} must hold {_CARD}; it is missing. Point at a folder that unseen saved."
        ) from None
    except (OSError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise ModelError(f"OnnxEncoder: {path} cannot be read: {error}.") from None
    if not isinstance(card, dict) or card.get("format") != _FORMAT or card.get("version") != _VERSION:
        raise ModelError(f"OnnxEncoder: {path} must be of format {_FORMAT!r}, version {_VERSION}. Update unseen.")
    _check_card(card, path)
    return card


_NEEDED = {
    "image": {"file": str, "size": int, "resize": dict, "dim": int, "input_name": str, "output_name": str},
    "text": {
        "file": str,
        "tokenizer": str,
        "max_length": int,
        "dim": int,
        "input_names": list,
        "output_name": str,
    },
}


def _check_card(card: dict[str, Any], path: Path) -> None:
    for kind, needed in _NEEDED.items():
        part = card.get(kind)
        if part is None:
            continue
        for key, expected in needed.items():
            value = part.get(key) if isinstance(part, dict) else None
            if not isinstance(value, expected) or isinstance(value, bool):
                raise ModelError(f"OnnxEncoder: {path}: {kind}.{key} must be a {expected.__name__}. Save it again.")
        for key in ("file", "tokenizer", "lexicon"):
            name = part.get(key)
            if name is not None and (Path(str(name)).name != name or name in {"", ".", ".."}):
                raise ModelError(f"OnnxEncoder: {path}: {kind}.{key} must be a plain file name; got {name!r}.")
            if name is not None and not (path.parent / name).is_file():
                raise ModelError(f"OnnxEncoder: {path.parent} must hold {name}; it is missing. Save it again.")
    for what, fits, wanted in _facts(card):
        if not fits:
            raise ModelError(f"OnnxEncoder: {path}: {what} must be {wanted}. Save it again.")


def _facts(card: dict[str, Any]) -> Iterator[tuple[str, bool, str]]:
    """Yield what beyond the types must hold of a card: its name, whether it does, and what it must be."""
    image, text = card.get("image"), card.get("text")
    templates = card.get("templates", ["{name}"])
    yield "the card", bool(image or text), "about images, texts or both"
    good = isinstance(templates, list) and templates and all(isinstance(t, str) and "{name}" in t for t in templates)
    yield "templates", bool(good), "a list of texts with {name}"
    if image:
        resize = image["resize"]
        fraction = resize.get("crop_fraction", 1)
        yield "image.size", 1 <= image["size"] <= _MAX_SIZE, f"from 1 to {_MAX_SIZE}"
        yield "image.resize.mode", resize.get("mode") in RESIZES, f"one of {', '.join(RESIZES)}"
        yield "image.resize.resample", resize.get("resample", "bicubic") in RESAMPLES, f"one of {', '.join(RESAMPLES)}"
        good = fraction is None or (isinstance(fraction, int | float) and 0 < fraction <= 1)
        yield "image.resize.crop_fraction", good, "above 0 and at most 1, or null"
    if text:
        names = text["input_names"]
        yield "text.max_length", 1 <= text["max_length"] <= _MAX_TOKENS, f"from 1 to {_MAX_TOKENS}"
        yield "text.input_names", len(names) == 2 and all(isinstance(n, str) for n in names), "two names"
