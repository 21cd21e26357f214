"""An encoder that lives in a folder: two ONNX networks, a tokenizer and one JSON card.

The folder holds ``encoder.json`` and the files it names, all beside it. Nothing in it is executed or unpickled, and
what does not fit the card is refused with the reason.
"""

from __future__ import annotations

import hashlib
import os
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from unseen.encoders.base import Encoder, Similarity, available_cores
from unseen.encoders.lexicon import Lexicon
from unseen.encoders.onnx_card import CARD, prepare_options, read_card
from unseen.encoders.onnx_map import MapNetwork
from unseen.encoders.onnx_scan import external_file
from unseen.errors import ModelError
from unseen.inputs.images import prepare_image
from unseen.validation import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

__all__ = ["OnnxEncoder", "open_session"]


class OnnxEncoder(Encoder):
    """Encode with the networks of a folder, by onnxruntime.

    Parameters
    ----------
    folder : path
        Holds ``encoder.json`` (format ``unseen-encoder``, version 1; see :mod:`unseen.encoders.onnx_card`), the
        networks and the tokenizer. `unseen export` writes such a folder.

    Raises
    ------
    ModelError
        When the folder is missing, damaged or of another format.

    Notes
    -----
    The image network takes uint8 RGB pixels ``(b, s, s, 3)`` and normalises them itself; the text network takes
    token ids, and their mask where it needs one, pools and normalises. Networks load when first used. A network may
    keep weights in a file of its own name with ``.data`` behind it, and in no other.
    """

    #: What the part of ``onnx:…`` after the colon is.
    takes: ClassVar[str | None] = "<folder>"

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        card = read_card(self.folder)
        self._image: dict[str, Any] = card.get("image") or {}
        self._text: dict[str, Any] = card.get("text") or {}
        self.name = one_line(card.get("name", self.folder.name))
        self.spec = f"onnx:{folder}"
        self.modalities = frozenset(kind for kind in ("image", "text") if card.get(kind))
        self.shared_space = bool(card.get("shared_space", False))
        self.image_dim = self._image.get("dim")
        self.text_dim = self._text.get("dim")
        self.image_size = int(self._image.get("size", 0))
        similarity = card.get("similarity")
        self.similarity = None if similarity is None else _similarity(similarity)
        self.templates = tuple(card.get("templates", Encoder.templates))
        lexicon = self._text.get("lexicon")
        self.lexicon = Lexicon(self.folder / lexicon) if lexicon else None
        self._lock, self._map_lock = Lock(), Lock()
        self._sessions: dict[str, Any] = {}

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the card, of every file it names, and of the files these keep weights in."""
        digest = hashlib.sha256(b"unseen-encoder-1")
        names = [self._image.get("file"), *(self._text.get(key) for key in ("file", "tokenizer", "lexicon"))]
        files = [self.folder / name for name in [CARD, *names] if name]
        networks = [self.folder / part["file"] for part in (self._image, self._text) if part]
        files += [file for file in map(external_file, networks) if file is not None]
        for path in files:
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        return digest.hexdigest()

    def prepare_image(self, content: Any) -> npt.NDArray[np.uint8]:
        """Decode, turn upright, resize and crop one image; see :mod:`unseen.inputs.images`."""
        return prepare_image(content, **self._options)

    @cached_property
    def _options(self) -> dict[str, Any]:
        return prepare_options(self._image)

    def _encode_pixels(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        rows = pixels[:, None] if self._image.get("one_by_one") else [pixels]
        name = self._image["input_name"]
        return np.concatenate([self._run("image", {name: row}, threads=1) for row in rows])

    def _encode_texts(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        if self._text.get("one_by_one") and len(texts) > 1:  # each without the padding that a longer one asks for
            return np.concatenate([self._encode_texts([text]) for text in texts])
        encodings = self._tokenizer.encode_batch(list(texts))
        longest = max(len(encoding.ids) for encoding in encodings)
        width = self._text["max_length"] if self._text.get("padding") == "max_length" else max(longest, 1)
        ids = np.full((len(texts), width), self._text.get("pad_id", 0), np.int64)
        mask = np.zeros((len(texts), width), np.int64)
        for row, encoding in enumerate(encodings):
            ids[row, : len(encoding.ids)] = encoding.ids
            mask[row, : len(encoding.ids)] = 1
        # A network that takes one input reads the ids alone.
        inputs = dict(zip(self._text["input_names"], (ids, mask), strict=False))
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

    @property
    def has_map(self) -> bool:
        """Whether the image network averages over places, so that their own vectors can be had."""
        return self._map is not None

    @property
    def map_stride(self) -> int:
        """How many pixels lie between the places of the map."""
        return 0 if self._map is None else self._map.stride

    def map_side(self, side: float) -> int:
        """Return the height or width nearest to `side` that is `image_size` and some strides more or less.

        At such a side a convolution meets the edges as it was trained to, and the places lie in the middle.
        """
        first = self.image_size % self.map_stride or self.map_stride
        return max(0, round((side - first) / self.map_stride)) * self.map_stride + first

    def _encode_map(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        if self._map is None:
            return super()._encode_map(pixels)
        return self._map.run(pixels)

    @property
    def _map(self) -> MapNetwork | None:
        with self._map_lock:
            if "map" not in self._sessions:
                path = self.folder / self._image["file"] if self._image else None
                alone = path is not None and not self._image.get("one_by_one") and external_file(path) is None
                self._sessions["map"] = MapNetwork.of(self._image, path.read_bytes(), _open) if path and alone else None
            network: MapNetwork | None = self._sessions["map"]
            return network

    def _run(self, kind: str, inputs: dict[str, Any], *, threads: int) -> npt.NDArray[np.float32]:
        part = {"image": self._image, "text": self._text}[kind]
        n = len(next(iter(inputs.values())))
        session = self._session(kind, threads=threads)
        try:
            vectors = np.asarray(session.run([part["output_name"]], inputs)[0], dtype=np.float32)
        except Exception as error:  # noqa: BLE001  onnxruntime has no common base for its errors
            reason = " ".join(str(error).split())[:200]
            raise ModelError(f"OnnxEncoder: {part['file']} in {self.folder} does not fit its card: {reason}") from None
        expected = (n, part["dim"])
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
        When the file is missing or damaged, or reads other files than its own (see :mod:`unseen.encoders.onnx_scan`).
    """
    external_file(path)
    try:
        return _open(str(path), threads=threads)
    except Exception as error:  # noqa: BLE001  onnxruntime has no common base for its errors
        raise ModelError(f"OnnxEncoder: {path.name} in {path.parent} cannot be loaded: {error}") from None


def _open(model: str | bytes, *, threads: int) -> Any:
    # Some builds of onnxruntime record what they run on and send it; read when the library is first imported.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Not the format that onnxruntime keeps compiled networks in, which a file's name alone would choose.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    # A thread that spins while it waits takes its core from the decoders.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _similarity(values: dict[str, Any]) -> Similarity:
    return Similarity(values["activation"], float(values["scale"]), float(values.get("bias", 0)))
