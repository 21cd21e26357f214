"""Stored vectors, asked anew: another vocabulary over what `unseen embed` wrote, without touching a picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.errors import InputError
from unseen.labelling.originals import preview_of
from unseen.labelling.reading import EmbeddingsFolder, open_embeddings
from unseen.validation import message, verbatim

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    import numpy.typing as npt

    from unseen.recognizer import Recognizer
    from unseen.tasks.judge import Answer, Judge
    from unseen.vocabulary import Vocabulary

__all__ = ["check_model", "load_model", "rescore", "stored_items"]

#: Rows scored at a time where their number makes no difference.
_ROWS = 1024


def load_model(folder: EmbeddingsFolder, model: str | Path | None = None, *, device: str = "cpu") -> Recognizer:
    """Load the recogniser that a folder's vectors are of.

    Parameters
    ----------
    folder : EmbeddingsFolder
        The stored vectors.
    model : str, path or None, default None
        What :meth:`unseen.Recognizer.load` takes; None for what the folder says it was made with.
    device : str, default "cpu"
        Where its networks run, as :meth:`unseen.Recognizer.load` takes it.

    Raises
    ------
    InputError
        When that is another model than the one that made the vectors, or the folder names none.
    """
    from unseen.recognizer import Recognizer

    spec = folder.settings.get("model") if model is None else model
    if not isinstance(spec, str | Path):
        raise InputError(message("rescore", "model", "named in the folder's settings", spec, "Pass the model"))
    recognizer = Recognizer.load(spec, device=device)
    check_model(folder, recognizer)
    return recognizer


def check_model(folder: EmbeddingsFolder, recognizer: Recognizer) -> None:
    """Raise when a recogniser's encoder is not the one that made a folder's vectors.

    Raises
    ------
    InputError
        Naming the model that did.
    """
    recognizer.head("image")
    settings, encoder = folder.settings, recognizer.encoder
    if "encoder_fingerprint" in settings:
        same = settings["encoder_fingerprint"] == encoder.fingerprint
    else:
        same = settings.get("model_fingerprint") == recognizer.fingerprint
    if not same or folder.dim not in (None, encoder.image_dim):
        made = settings.get("model")
        found = encoder.spec or encoder.name
        if found == made:
            found = f"another of the name {found}"
        remedy = f"Load {made!r} as it was then, or embed the photos again"
        expected = f"the one that made the vectors in {folder.folder}, {made!r}"
        raise InputError(message("rescore", "the model", expected, verbatim(found), remedy))


def rescore(
    folder: str | os.PathLike[str] | EmbeddingsFolder,
    recognizer: Recognizer | None,
    vocabulary: Vocabulary,
    *,
    top_k: int | None = None,
    unknown_below: float | None = None,
    strict: bool = False,
    transductive: str | None = None,
    base: str | os.PathLike[str] = "",
    **options: Any,
) -> Iterator[Answer]:
    """Recognise what was embedded, with any vocabulary.

    Parameters
    ----------
    folder : path or EmbeddingsFolder
        What `unseen embed` wrote, or `unseen label --embeddings`.
    recognizer : Recognizer or None
        With the encoder that made the vectors; None loads what the folder names.
    vocabulary : Vocabulary
        The classes.
    top_k, unknown_below, strict, **options
        As for :meth:`unseen.Recognizer.classify`.
    transductive : {"transclip", "label_propagation"} or None, default None
        How the items help each other, see :func:`unseen.tasks.transduce.transduce`; None judges each by itself. All
        vectors are then in memory at once.
    base : path, default ""
        Where relative names of items start, for previews in reports; "" for the current folder.

    Yields
    ------
    Answer
        Some items at a time, in the order of the run. Each preview is a function that reads the picture again where
        its file still is what it was, and returns None where it is not: only what a report shows is read.

    Raises
    ------
    InputError
        At the call, when the folder or an argument cannot be used, or another model made the vectors.
    ItemError
        With `strict`, when an item could not be used.

    Notes
    -----
    Vectors are stored in 16 bits. Over 1,000 photos and 51 classes with the embedded model no answer differed from
    those of :meth:`unseen.Recognizer.classify`, and no probability by more than 0.0003.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> import unseen
    >>> from unseen.labelling import embed
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     report = embed((np.full((32, 32, 3), shade, np.uint8) for shade in (0, 255)), folder)
    ...     answers = list(rescore(folder, None, unseen.Vocabulary.from_names(["night", "snow"])))
    >>> [len(answer.predictions) for answer in answers]
    [2]
    """
    from unseen.tasks.classify import make_judge
    from unseen.tasks.indexed import judge_for
    from unseen.tasks.transduce import TransducedJudge

    stored = folder if isinstance(folder, EmbeddingsFolder) else open_embeddings(folder)
    if recognizer is None:
        recognizer = load_model(stored)
    else:
        check_model(stored, recognizer)
    if transductive is not None:
        options |= {"vectors": stored_items(stored)[1], "method": transductive}
    judge = make_judge(
        recognizer,
        "image",
        vocabulary,
        top_k=top_k,
        unknown_below=unknown_below,
        strict=strict,
        make=judge_for if transductive is None else TransducedJudge,
        **options,
    )
    return _answers(stored, judge, base)


def _answers(stored: EmbeddingsFolder, judge: Judge, base: str | os.PathLike[str]) -> Iterator[Answer]:
    for rows in stored.iter_rows(vectors=True, batch_size=max(_ROWS, judge.at_once)):
        previews = [
            None if error is not None else preview_of(item, sha, base)
            for item, sha, error in zip(rows.items, rows.shas, rows.errors, strict=True)
        ]
        vectors = np.zeros((0, 0), np.float32) if rows.vectors is None else rows.vectors
        yield judge.answer(rows.items, vectors, previews, rows.errors)
    judge.tell_unused()


def stored_items(
    stored: EmbeddingsFolder, *, most: int | None = None, seed: int = 0
) -> tuple[list[str], npt.NDArray[np.float32]]:
    """Return names (m,) and vectors (m, d) of the items that could be used; in memory, so of large runs a sample.

    Parameters
    ----------
    stored : EmbeddingsFolder
        The stored vectors.
    most : int or None, default None
        Where there are more, so many are drawn; None takes all.
    seed : int, default 0
        Which ones.
    """
    n = len(stored) - stored.n_errors
    drawn = None if most is None or n <= most else np.sort(np.random.default_rng(seed).choice(n, most, replace=False))
    names: list[str] = []
    vectors: list[npt.NDArray[np.float32]] = []
    done = 0
    for rows in stored.iter_rows(vectors=True):
        usable = [item for item, error in zip(rows.items, rows.errors, strict=True) if error is None]
        some = np.arange(len(usable))
        if drawn is not None:
            low, high = np.searchsorted(drawn, (done, done + len(usable)))
            some = drawn[low:high] - done
        done += len(usable)
        names += [usable[i] for i in some]
        if rows.vectors is not None and len(some):
            vectors.append(rows.vectors[some])
    return names, np.concatenate(vectors) if vectors else np.zeros((0, stored.dim or 0), np.float32)
