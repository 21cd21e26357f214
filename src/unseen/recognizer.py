"""Recognizer: an encoder, and for each kind of input a method and a decision."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from unseen.decision.background import check_background
from unseen.errors import InputError
from unseen.heads import Head, own_head
from unseen.recognizer_files import load_parts, save_parts, write_card
from unseen.validation import message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import numpy as np
    import numpy.typing as npt

    from unseen.detection.detections import Detections
    from unseen.encoders.base import Encoder
    from unseen.encoders.prompts import TextPrototypes
    from unseen.prototypes import Prototypes
    from unseen.results import Predictions
    from unseen.segmentation.result import Segmentation
    from unseen.vocabulary import Vocabulary

__all__ = ["Head", "Recognizer", "write_card"]


class Recognizer:
    """Recognises images and texts by what people wrote about the classes.

    Parameters
    ----------
    encoder : Encoder
        Turns images and texts into vectors.
    heads : mapping of str to Head
        For ``"image"`` and/or ``"text"``.
    background : sequence of str or None, default None
        What items may be of besides the classes, written like class names; see `classify`. None: a few general words
        where a head takes its certainty from the model's own probabilities, else no background.

    Raises
    ------
    InputError
        When `background` is no sequence of texts.

    Examples
    --------
    >>> import unseen
    >>> rec = unseen.Recognizer.load()
    >>> topics = unseen.Vocabulary.from_names(["sport", "money", "weather"])
    >>> rec.classify_text(["It will rain tomorrow"], topics).best()
    ['weather']
    """

    def __init__(self, encoder: Encoder, *, heads: Mapping[str, Head], background: Sequence[str] | None = None) -> None:
        self.encoder = encoder
        self.heads = dict(heads)
        self.background = None if background is None else check_background("Recognizer", background)

    def __repr__(self) -> str:
        heads = ", ".join(f"{kind}: {type(head.method).__name__}" for kind, head in self.heads.items())
        return f"Recognizer({self.encoder.name!r}, {heads})"

    # -- loading and saving ------------------------------------------------------------------------------

    @classmethod
    def load(cls, model: str | Path = "default", *, device: str = "cpu") -> Self:
        """Load a recogniser.

        Parameters
        ----------
        model : str or path, default "default"
            ``"default"`` for the one shipped with the package; ``"scheme:name"`` for an encoder, such as
            ``"open_clip:ViT-B-32/laion2b_s34b_b79k"`` or ``"hf:google/siglip-base-patch16-224"`` (`unseen models`
            lists the schemes); or a folder that `save` or `unseen export` wrote.
        device : str, default "cpu"
            Where the networks of ``open_clip``, ``hf`` and ``sentence-transformers`` run, as torch names it
            (``"cuda"``, ``"cuda:1"``, ``"mps"``), or ``"auto"``: a graphics card where torch finds one. The others
            run on the CPU.

        Raises
        ------
        InputError
            When there is no such model, or it cannot run on that device.
        ModelError
            When its folder is damaged or of another format, or the encoder that it needs cannot be loaded.
        MissingExtraError
            When the library that reads such a model is not installed.
        """
        return cls(**load_parts(model, device=device))

    @classmethod
    def from_encoder(cls, encoder: Encoder, *, background: Sequence[str] | None = None) -> Self:
        r"""Make a recogniser of an encoder that needs nothing learned: the cosine says it all.

        Parameters
        ----------
        encoder : Encoder
            Of a space that images and texts share (CLIP and its kin), for images; or of texts alone, for texts.
        background : sequence of str or None, default None
            What an item may be of besides the classes, written like class names: what tells known from unknown
            (see `classify`). None: a few general words; empty: no background.

        Returns
        -------
        Recognizer
            With the model's own scale, and for sigmoid models its bias: :math:`p = \operatorname{softmax}(s \cos)` or
            :math:`\sigma(s \cos + \beta)`. Where a shared space was not trained to be read so, s is 100, what CLIP
            was held to; for texts it is 20, what sentence encoders are commonly trained with. `calibrate` fits it.

        Raises
        ------
        InputError
            When images and texts of the encoder do not share a space, so that something must be learned first.

        References
        ----------
        Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", ICML 2021.
        Zhai, Mustafa, Kolesnikov and Beyer, "Sigmoid Loss for Language Image Pre-Training", ICCV 2023.
        """
        modality, head = own_head(encoder)
        return cls(encoder, heads={modality: head}, background=background)

    def save(self, folder: str | Path) -> None:
        """Write the recogniser into a folder that `load` reads.

        An encoder that has a name (``default``) or comes from a hub (``hf:…``) is written by that name and loaded
        from there again, if it is the same by then; an encoder that lives in an ONNX folder is copied.

        Raises
        ------
        ModelError
            When the encoder or a method is of a kind that cannot be written.
        InputError
            When the folder holds something already, or the system refuses to write.
        """
        save_parts(Path(folder), self.encoder, self.heads, background=self.background)

    @property
    def fingerprint(self) -> str:
        """Hexadecimal digest of encoder, methods and decisions; equal models have equal fingerprints."""
        from unseen.digests import estimator_digest

        digest = hashlib.sha256(self.encoder.fingerprint.encode())
        for kind, head in sorted(self.heads.items()):
            digest.update(f"{kind} {json.dumps(head.decision.to_dict())}".encode())
            digest.update(estimator_digest(head.method))
        if self.background is not None:
            digest.update(f"background {json.dumps(self.background)}".encode())
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

    def text_prototypes(self, vocabulary: Vocabulary, *, modality: str = "image") -> TextPrototypes:
        """Return the vectors of each class's texts, kept apart, for the mean of their scores: ``ensemble="scores"``."""
        from unseen.encoders.prompts import vocabulary_text_prototypes

        return vocabulary_text_prototypes(self.encoder, vocabulary, modality=modality)

    def class_scores(
        self, X: npt.ArrayLike, prototypes: Prototypes | TextPrototypes, *, modality: str = "image"
    ) -> npt.NDArray[np.float64]:
        """Return scores (n, C) of vectors X (n, d) for classes; higher is better, comparable within a row only."""
        from unseen.encoders.prompts import TextPrototypes

        method = self.head(modality).method
        if isinstance(prototypes, TextPrototypes):
            return prototypes.combine(method.class_scores(X, prototypes=prototypes.texts))
        return method.class_scores(X, prototypes=prototypes)

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

    def calibrate(
        self,
        items: Any,
        labels: Sequence[str | None],
        vocabulary: Vocabulary,
        *,
        modality: Literal["image", "text"] = "image",
        ensemble: Literal["embeddings", "scores"] = "embeddings",
        random_state: Any = 0,
    ) -> Self:
        """Return a recogniser whose probabilities fit labelled items: a few of each of a few dozen classes will do.

        What is fitted is the temperature, and how certainty of being known grows; for a sigmoid model temperature and
        bias, and how certainty falls with the number of classes. None of it belongs to a class, so it serves other
        vocabularies too. Which class is the likeliest never changes.

        Parameters
        ----------
        items : as in `classify` or `classify_text`, or float array of shape (n, d)
            What to look at, or its vectors.
        labels : sequence of (str or None)
            The true class of each item, in order; None for an item of none of the classes. At least four classes.
        vocabulary : Vocabulary
            The classes: such as those that will be asked for, but not those that the result will be judged on.
        modality : {"image", "text"}, default "image"
            Which head is calibrated.
        ensemble : {"embeddings", "scores"}, default "embeddings"
            As it will be used in `classify`.
        random_state : int, RandomState or None, default 0
            Draws the vocabularies.

        Raises
        ------
        InputError
            When labels do not fit, are of a class marked unseen (``seen: false``), or are as good as random.
        ItemError
            When an item cannot be used.

        Notes
        -----
        Vocabularies of 2, 4, 8, … of the classes are drawn twenty times each. Of items of drawn classes the true one
        must be likely; items of as many other classes must be unknown. Targets are smoothed by 1/(n + 2), as Platt
        has it, so that few items never lead to certainty. The method may not have learned from these classes.

        References
        ----------
        Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks", ICML 2017.
        Platt, "Probabilistic Outputs for Support Vector Machines and Comparisons to Regularized Likelihood Methods",
        Advances in Large Margin Classifiers, 1999.
        """
        from unseen.tasks.calibrate import calibrated

        decision = calibrated(
            self, items, labels, vocabulary, modality=modality, ensemble=ensemble, random_state=random_state
        )
        heads = self.heads | {modality: Head(self.heads[modality].method, decision)}
        return type(self)(self.encoder, heads=heads, background=self.background)

    def adapt(self, images: Any, labels: Iterable[str] | None, vocabulary: Vocabulary, **options: Any) -> Recognizer:
        """Return a recogniser that has also learned from a few labelled examples, without training a network.

        See :func:`unseen.tasks.adapt.adapt_recognizer` for the parameters, among them ``method`` and ``modality``.
        """
        from unseen.tasks.adapt import adapt_recognizer

        return adapt_recognizer(self, images, labels, vocabulary, **options)

    # -- the main job ------------------------------------------------------------------------------------

    def classify(
        self,
        images: Any,
        vocabulary: Vocabulary,
        *,
        top_k: int | None = None,
        unknown_below: float | None = None,
        strict: bool = False,
        multi_label: bool = False,
        threshold: float | Mapping[str, float] = 0.5,
        candidates: Mapping[str, Sequence[str]] | Callable[[str], Sequence[str]] | None = None,
        background: Sequence[str] | None = None,
        ensemble: Literal["embeddings", "scores"] = "embeddings",
    ) -> Predictions:
        """Recognise images.

        Parameters
        ----------
        images : path, folder, PIL image, array, bytes, or an iterable or generator of those
            What to look at; folders are searched in depth.
        vocabulary : Vocabulary
            The classes.
        top_k : int or None, default None
            Likeliest classes to return per image, at least 1; no more than there are classes. None: 5, and with
            `multi_label` 20.
        unknown_below : float or None, default None
            Call an image unknown when the probability that it is of any class is below this, in [0, 1].
        strict : bool, default False
            Raise at the first image that cannot be used, in place of reporting it and going on.
        multi_label : bool, default False
            Judge each class alone: an image may be of several, or of none. A class's probability is then that of the
            image being of it at all, as it would be if it were the only class.
        threshold : float or mapping of class name to float, default 0.5
            With `multi_label`, from which probability on a class is accepted, in [0, 1]; classes that a mapping does
            not name have 0.5. At most `top_k` are, the likeliest.
        candidates : mapping of item name to class names, or callable, or None, default None
            Which classes an item may be of, by its name as results give it (for a file its path); others are left
            out of account, as if they were not in the vocabulary. An item that a mapping does not name is reported
            as one that cannot be used.
        background : sequence of str or None, default None
            What an image may be of besides the classes, written like class names: "grass", "an empty room". The
            share of the classes beside them says how likely an image is to be of any class. None: what the
            recogniser was made with; empty: none.
        ensemble : {"embeddings", "scores"}, default "embeddings"
            How several texts of a class become one: the mean of their vectors (`prototypes`), or of their scores
            (`text_prototypes`).

        Returns
        -------
        Predictions
            Probabilities are shares among the classes of the vocabulary; those of a sigmoid model are each class's
            own. With a single class, its probability is that of the image being of it at all.

        Raises
        ------
        InputError
            When an argument is out of range or a path does not exist.
        ItemError
            With `strict`, when an image cannot be used.
        """
        from unseen.results import Predictions
        from unseen.tasks.classify import classify_images

        answers = classify_images(
            self,
            images,
            vocabulary,
            top_k=top_k,
            unknown_below=unknown_below,
            strict=strict,
            multi_label=multi_label,
            threshold=threshold,
            candidates=candidates,
            background=background,
            ensemble=ensemble,
        )
        return Predictions.concatenate([answer.predictions for answer in answers])

    def classify_text(
        self,
        texts: Any,
        vocabulary: Vocabulary,
        *,
        column: str | None = None,
        top_k: int | None = None,
        unknown_below: float | None = None,
        strict: bool = False,
        multi_label: bool = False,
        threshold: float | Mapping[str, float] = 0.5,
        candidates: Mapping[str, Sequence[str]] | Callable[[str], Sequence[str]] | None = None,
        background: Sequence[str] | None = None,
        ensemble: Literal["embeddings", "scores"] = "embeddings",
    ) -> Predictions:
        """Recognise texts.

        Parameters
        ----------
        texts : iterable of str, or path to a .txt, .csv, .tsv, .jsonl or .parquet file
            What to read; in a table, the column called `column`.
        vocabulary, top_k, unknown_below, strict, multi_label, threshold, candidates, background, ensemble
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
            self,
            texts,
            vocabulary,
            column=column,
            top_k=top_k,
            unknown_below=unknown_below,
            strict=strict,
            multi_label=multi_label,
            threshold=threshold,
            candidates=candidates,
            background=background,
            ensemble=ensemble,
        )
        return Predictions.concatenate([answer.predictions for answer in answers])

    def detect(self, images: Any, vocabulary: Vocabulary, **options: Any) -> list[Detections]:
        """Find where things are in images; returns one result per image.

        See :func:`unseen.tasks.detect.detect_images` for the parameters, among them ``detector`` and ``threshold``.
        """
        from unseen.tasks.detect import detect_images

        return list(detect_images(self, images, vocabulary, **options))

    def segment(self, images: Any, vocabulary: Vocabulary, **options: Any) -> Iterator[Segmentation]:
        """Yield which class each pixel of images is of, one image after another.

        See :func:`unseen.tasks.segment.segment_images` for the parameters, among them ``segmenter`` and ``background``.
        """
        from unseen.tasks.segment import segment_images

        return segment_images(self, images, vocabulary, **options)
