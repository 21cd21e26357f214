"""Recognizer: an encoder, and for each kind of input a method and a decision."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from unseen.errors import InputError, ModelError, UnknownNameError
from unseen.registry import ENCODERS
from unseen.validation import message, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import numpy.typing as npt

    from unseen.decision.calibration import Decision
    from unseen.encoders.base import Encoder
    from unseen.methods.base import Method
    from unseen.prototypes import Prototypes
    from unseen.results import Predictions
    from unseen.vocabulary import Vocabulary

__all__ = ["Head", "Recognizer"]

_CARD = "recognizer.json"
_FORMAT, _VERSION = "unseen-recognizer", 1


@dataclass(frozen=True)
class Head:
    """What answers for one kind of input.

    Parameters
    ----------
    method : Method
        Scores vectors of that kind against prototypes.
    decision : Decision
        Turns scores into probabilities.
    """

    method: Method
    decision: Decision


class Recognizer:
    """Recognises images and texts by what people wrote about the classes.

    Parameters
    ----------
    encoder : Encoder
        Turns images and texts into vectors.
    heads : mapping of str to Head
        For ``"image"`` and/or ``"text"``.

    Examples
    --------
    >>> import unseen
    >>> rec = unseen.Recognizer.load()
    >>> topics = unseen.Vocabulary.from_names(["sport", "money", "weather"])
    >>> rec.classify_text(["It will rain tomorrow"], topics).best()
    ['weather']
    """

    def __init__(self, encoder: Encoder, *, heads: Mapping[str, Head]) -> None:
        self.encoder = encoder
        self.heads = dict(heads)

    def __repr__(self) -> str:
        heads = ", ".join(f"{kind}: {type(head.method).__name__}" for kind, head in self.heads.items())
        return f"Recognizer({self.encoder.name!r}, {heads})"

    # -- loading and saving ------------------------------------------------------------------------------

    @classmethod
    def load(cls, model: str | Path = "default") -> Self:
        """Load a recogniser.

        Parameters
        ----------
        model : str or path, default "default"
            ``"default"`` for the one shipped with the package, or a folder that `save` wrote.

        Raises
        ------
        InputError
            When there is no such model.
        ModelError
            When its folder is damaged or of another format.
        """
        from unseen.encoders.default import DefaultEncoder, default_folder
        from unseen.encoders.onnx import OnnxEncoder

        if model == "default":
            return cls(DefaultEncoder(), heads=_load_heads(default_folder(), _read_card(default_folder())))
        folder = Path(model)
        if not folder.is_dir():
            near = nearest(str(model), ["default"])
            raise InputError(
                message(
                    "Recognizer",
                    "model",
                    "'default' or a folder that Recognizer.save wrote",
                    str(model),
                    f"Did you mean {near[0]!r}" if near else "Check the path; `unseen models` lists what is there",
                )
            )
        card = _read_card(folder)
        name = card.get("encoder")
        encoder = _registered_encoder(folder, name) if isinstance(name, str) else OnnxEncoder(folder / "encoder")
        heads = _load_heads(folder, card)
        for kind, head in heads.items():
            _try_out(head, kind, encoder, folder / f"{kind}.safetensors")
        return cls(encoder, heads=heads)

    def save(self, folder: str | Path) -> None:
        """Write the recogniser into a folder that `load` reads.

        A registered encoder is written by its name; an encoder that lives in a folder is copied.

        Raises
        ------
        ModelError
            When the encoder or a method is of a kind that cannot be written.
        InputError
            When the folder holds something already.
        """
        import shutil

        from unseen.encoders.onnx import OnnxEncoder
        from unseen.methods.state import registered_name, save_method

        folder = Path(folder)
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise InputError(message("Recognizer", "folder", "empty or new", str(folder), "Choose another folder"))
        name = next((name for name in ENCODERS if ENCODERS.get(name) is type(self.encoder)), None)
        if name is None and not isinstance(self.encoder, OnnxEncoder):
            raise ModelError(
                f"Recognizer: {type(self.encoder).__name__} must be a registered encoder to be saved; it is not. "
                "Add an entry point to 'unseen.encoders'."
            )
        for head in self.heads.values():
            registered_name(head.method)
        # Nothing is written before it is clear that every class will be found again.
        folder.mkdir(parents=True, exist_ok=True)
        if name is None and isinstance(self.encoder, OnnxEncoder):
            shutil.copytree(self.encoder.folder, folder / "encoder")
        for kind, head in self.heads.items():
            save_method(head.method, folder / f"{kind}.safetensors")
        # The card goes last: a folder with a card is a folder that is complete.
        (folder / _CARD).write_text(write_card(name, self.heads), "utf-8")

    @property
    def fingerprint(self) -> str:
        """Hexadecimal digest of encoder, methods and decisions; equal models have equal fingerprints."""
        import hashlib

        from sklearn.base import clone

        digest = hashlib.sha256(self.encoder.fingerprint.encode())
        for kind, head in sorted(self.heads.items()):
            digest.update(f"{kind} {clone(head.method)!r} {json.dumps(head.decision.to_dict())}".encode())
            digest.update(_fitted_digest(head.method))
        return digest.hexdigest()

    # -- the pieces --------------------------------------------------------------------------------------

    def encode_images(self, images: Any) -> npt.NDArray[np.float32]:
        """Return vectors (n, d) of images: paths, folders, PIL images, arrays, or an iterable of those."""
        return self.encoder.encode_images(images)

    def prototypes(self, vocabulary: Vocabulary, *, modality: str = "image") -> Prototypes:
        """Return the class vectors (C, k) of a vocabulary: the weighted mean of each class's text vectors.

        For recognising images, a class of which nothing but the name is known is looked up in the encoder's
        lexicon, where it has one; for ``modality="text"`` it is not.
        """
        from unseen.encoders.prompts import vocabulary_prototypes

        return vocabulary_prototypes(self.encoder, vocabulary, modality=modality)

    def class_scores(
        self, X: npt.ArrayLike, prototypes: Prototypes, *, modality: str = "image"
    ) -> npt.NDArray[np.float64]:
        """Return scores (n, C) of vectors X (n, d) for classes; higher is better, comparable within a row only."""
        return self.head(modality).method.class_scores(X, prototypes=prototypes)

    def head(self, modality: str) -> Head:
        """Return what answers for ``"image"`` or ``"text"``.

        Raises
        ------
        InputError
            When this recogniser does not take that kind.
        """
        if modality not in self.heads:
            raise InputError(
                message("Recognizer", "the input", " or ".join(self.heads), modality, "Choose a model that takes it")
            )
        return self.heads[modality]

    # -- the main job ------------------------------------------------------------------------------------

    def classify(
        self,
        images: Any,
        vocabulary: Vocabulary,
        *,
        top_k: int = 5,
        unknown_below: float | None = None,
        strict: bool = False,
    ) -> Predictions:
        """Recognise images.

        Parameters
        ----------
        images : path, folder, PIL image, array, bytes, or an iterable or generator of those
            What to look at; folders are searched in depth.
        vocabulary : Vocabulary
            The classes.
        top_k : int, default 5
            Likeliest classes to return per image, at least 1; no more than there are classes.
        unknown_below : float or None, default None
            Call an image unknown when the probability that it is of any class is below this, in [0, 1].
        strict : bool, default False
            Raise at the first image that cannot be used, in place of reporting it and going on.

        Returns
        -------
        Predictions
            Probabilities are shares among the classes of the vocabulary. With a single class, its probability is
            that of the image being of it at all.

        Raises
        ------
        InputError
            When an argument is out of range or a path does not exist.
        ItemError
            With `strict`, when an image cannot be used.
        """
        from unseen.results import Predictions
        from unseen.tasks.classify import classify_images

        answers = classify_images(self, images, vocabulary, top_k=top_k, unknown_below=unknown_below, strict=strict)
        return Predictions.concatenate([answer.predictions for answer in answers])

    def classify_text(
        self,
        texts: Any,
        vocabulary: Vocabulary,
        *,
        column: str | None = None,
        top_k: int = 5,
        unknown_below: float | None = None,
        strict: bool = False,
    ) -> Predictions:
        """Recognise texts.

        Parameters
        ----------
        texts : iterable of str, or path to a .txt, .csv, .tsv, .jsonl or .parquet file
            What to read; in a table, the column called `column`.
        vocabulary, top_k, unknown_below, strict
            As in `classify`.
        column : str or None, default None
            The column that holds the texts; None takes the only one, or the one called ``text``.

        Returns
        -------
        Predictions
        """
        from unseen.results import Predictions
        from unseen.tasks.classify import classify_texts

        answers = classify_texts(
            self, texts, vocabulary, column=column, top_k=top_k, unknown_below=unknown_below, strict=strict
        )
        return Predictions.concatenate([answer.predictions for answer in answers])


def write_card(encoder: str | None, heads: Mapping[str, Head]) -> str:
    """Return the text of ``recognizer.json``."""
    card = {
        "format": _FORMAT,
        "version": _VERSION,
        "encoder": encoder,
        "heads": {kind: {"decision": head.decision.to_dict()} for kind, head in heads.items()},
    }
    return json.dumps(card, indent=2) + "\n"


def _read_card(folder: Path) -> dict[str, Any]:
    path = folder / _CARD
    try:
        card = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ModelError(
            f"Recognizer: {folder} must hold {_CARD}; it is missing. Point at a folder that Recognizer.save wrote."
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"Recognizer: {path} cannot be read: {error}.") from None
    if not isinstance(card, dict) or card.get("format") != _FORMAT or card.get("version") != _VERSION:
        raise ModelError(f"Recognizer: {path} must be of format {_FORMAT!r}, version {_VERSION}. Update unseen.")
    if not isinstance(card.get("encoder"), str | None):
        raise ModelError(f"Recognizer: {path}: encoder must be a name or null. Save it again.")
    heads = card.get("heads")
    if not isinstance(heads, dict) or not heads or not set(heads) <= {"image", "text"}:
        raise ModelError(f"Recognizer: {path}: heads must be of 'image' and 'text'; got {heads!r}. Save it again.")
    if not all(isinstance(head, dict) and isinstance(head.get("decision"), dict) for head in heads.values()):
        raise ModelError(f"Recognizer: {path}: every head must have a decision. Save it again.")
    return card


def _registered_encoder(folder: Path, name: str) -> Encoder:
    try:
        encoder: Encoder = ENCODERS.get(name)()
    except UnknownNameError as error:
        raise ModelError(f"Recognizer: {folder} needs an encoder that is not installed. {error}") from None
    return encoder


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


def _fitted_digest(method: Method) -> bytes:
    import hashlib

    import numpy as np

    from unseen.prototypes import Prototypes

    digest = hashlib.sha256()
    for key, value in sorted(vars(method).items()):
        if key.endswith("_") and not key.startswith("_"):
            digest.update(key.encode())
            if isinstance(value, Prototypes):
                digest.update(value.fingerprint.encode())
            elif isinstance(value, np.ndarray) and value.dtype.kind in "fiub":
                digest.update(np.ascontiguousarray(value).tobytes())
            else:
                digest.update(repr(value.tolist() if isinstance(value, np.ndarray) else value).encode())
    return digest.digest()
