"""Sentence encoders as the library sentence-transformers runs them: texts alone."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from unseen.encoders.model_files import advice, digest_files, find_weights, model_folder, read_json, refuse_extras
from unseen.encoders.torch_towers import TorchEncoder, import_library, unusable
from unseen.errors import InputError, ModelError
from unseen.validation import message

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

__all__ = ["SentenceTransformersEncoder"]

_OWNER = "SentenceTransformersEncoder"
#: Where parts of a model that compute with weights of their own have them; Dense takes a pickle where this one is not.
_WEIGHTS = {
    "Dense": ("model.safetensors",),
    "Transformer": ("model.safetensors", "model.safetensors.index.json"),
}
_KNOWN = frozenset({"Dense", "Normalize", "Pooling", "Transformer"})


class SentenceTransformersEncoder(TorchEncoder):
    """Encode texts with a sentence encoder of sentence-transformers; takes no images.

    Parameters
    ----------
    model : str
        A folder, or the id of a model that was downloaded before, such as
        ``sentence-transformers/all-MiniLM-L6-v2`` or ``BAAI/bge-small-en-v1.5``.
    device : str, default "cpu"
        Where the network runs, as torch names it.

    Raises
    ------
    InputError
        When there is no such folder or device, or the model has parts other than a transformer, pooling, dense
        layers and normalisation.
    ModelError
        When the model is not on this machine, damaged or pickled.
    MissingExtraError
        When sentence-transformers or torch is not installed.

    Notes
    -----
    Nothing is downloaded and no code of a model is run. Vectors have length 1 whether or not the model itself
    makes them so. A prompt that the model puts in front of every text by default is put there; longer texts than
    it reads are cut off.

    References
    ----------
    Reimers & Gurevych, "Sentence-BERT: Sentence Embeddings using Siamese BERT-Networks", EMNLP 2019.
    """

    takes: ClassVar[str | None] = "<id or folder>"
    extra: ClassVar[str] = "hf"
    modalities = frozenset({"text"})

    def __init__(self, model: str, *, device: str = "cpu") -> None:
        super().__init__(device=device)
        self.folder = model_folder(_OWNER, str(model), extra="hf")
        again = advice(str(model))
        _check_parts(self.folder, again)
        library = import_library("sentence_transformers", extra="hf", owner=_OWNER)
        from unseen.encoders.transformers import quiet

        try:
            with quiet():
                self._model = library.SentenceTransformer(
                    str(self.folder),
                    device="cpu",
                    local_files_only=True,
                    trust_remote_code=False,
                    model_kwargs={"use_safetensors": True, "dtype": "float32"},
                ).eval()
            self.text_dim = int(self._model.get_embedding_dimension())
            self._max_length = int(self._model.max_seq_length or self._model.tokenizer.model_max_length)
        except ImportError as error:
            raise unusable("sentence_transformers", error, extra="hf", owner=_OWNER) from error
        except Exception as error:  # whatever a damaged or foreign folder leads to
            reason = " ".join(str(error).split())[:300]
            raise ModelError(f"{_OWNER}: the model in {self.folder} cannot be loaded: {reason}. {again}.") from error
        self._prompt = str(self._model.prompts.get(self._model.default_prompt_name or "", ""))
        self.name = self.spec = f"sentence-transformers:{model}"
        self.image_dim, self.image_size = None, 0
        self.shared_space = False
        self._tokenizing = Lock()

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of weights, cards and tokenizer."""
        return digest_files("unseen-sentence-transformers-1", self.folder, deep=True)

    def tokenize(self, texts: Sequence[str]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return ids and mask as the model itself makes them, with its default prompt in front."""
        with self._tokenizing:  # a fast tokenizer keeps its settings for padding in itself
            found = self._model.preprocess(list(texts), prompt=self._prompt or None)
        return found["input_ids"].numpy().astype(np.int64), found["attention_mask"].numpy().astype(np.int64)

    def image_module(self) -> Any:
        """Refuse: it takes no images."""
        raise _no_images()

    def image_layout(self) -> dict[str, Any]:
        """Refuse: it takes no images."""
        raise _no_images()

    def text_module(self) -> Any:
        """Return the text network: int64 ids and mask (b, t) to unit float32 (b, k)."""
        from unseen.encoders.torch_modules import TextTower

        def features(model: Any, ids: Any, mask: Any) -> Any:
            return model({"input_ids": ids, "attention_mask": mask})["sentence_embedding"]

        return TextTower(self._model, features)

    def _tokenizer_twin(self) -> Any:
        from unseen.encoders.tokenizer_twins import twin_of_backend

        return twin_of_backend(self._model.tokenizer)

    def text_layout(self) -> dict[str, Any]:
        """Return how ids are laid out."""
        return {
            "max_length": self._max_length,
            "padding": "longest",
            "pad_id": int(self._model.tokenizer.pad_token_id or 0),
            "uses_mask": True,
        }

    def prepare_image(self, content: Any) -> npt.NDArray[np.uint8]:
        """Refuse: it takes no images."""
        raise _no_images()


def _no_images() -> InputError:
    return InputError(message(_OWNER, "the input", "text", "image", "Choose a model that takes images"))


def _check_parts(folder: Path, again: str) -> None:
    """Make sure that a model is made of parts that only compute, with weights that are no pickles."""
    path = folder / "modules.json"
    parts = read_json(_OWNER, path, again=again, kind=list)
    if not all(isinstance(part, dict) and {"type", "path"} <= part.keys() for part in parts):
        raise ModelError(f"{_OWNER}: {path} must name type and path of every part. {again}.")
    for kind, place in ((str(part["type"]), str(part["path"])) for part in parts):
        library, name = kind.partition(".")[0], kind.rpartition(".")[2]
        if library != "sentence_transformers" or name not in _KNOWN:
            expected = f"of sentence-transformers: {', '.join(sorted(_KNOWN))}"
            raise InputError(message(_OWNER, f"the parts in {path}", expected, kind, "Choose another model"))
        if place != Path(place).name or place == "..":
            raise InputError(message(_OWNER, f"the paths in {path}", "names of folders in it", place, again))
        if name in _WEIGHTS:
            find_weights(_OWNER, folder / place, _WEIGHTS[name], again=again)
        refuse_extras(_OWNER, folder / place, again=again)
