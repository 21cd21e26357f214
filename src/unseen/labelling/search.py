"""Search: the verb, transposed. Not the best classes of an image, but the best images for a text."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.errors import InputError
from unseen.labelling.hits import COLUMNS, Hit, Hits
from unseen.labelling.reading import EmbeddingsFolder, open_embeddings
from unseen.labelling.rescoring import check_model, load_model
from unseen.validation import check_choice, check_number, message, verbatim

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Sequence

    import numpy.typing as npt

    from unseen.prototypes import Prototypes
    from unseen.recognizer import Recognizer
    from unseen.vocabulary import Vocabulary

__all__ = ["COLUMNS", "Hit", "Hits", "search"]

Array = np.ndarray[Any, Any]

_MOST = 100_000


def search(
    folder: str | os.PathLike[str] | EmbeddingsFolder,
    queries: str | Sequence[str] | Vocabulary,
    *,
    recognizer: Recognizer | None = None,
    top_k: int = 50,
    by: str = "score",
    min_probability: float = 0.0,
    advance: Callable[[int], None] | None = None,
) -> Hits:
    r"""Find the images that show what a text says, among all whose vectors were stored.

    .. math:: \text{hits}(q) = \operatorname{top-}k_i\; f_q(x_i)

    Parameters
    ----------
    folder : path or EmbeddingsFolder
        What `unseen embed` wrote, or `unseen label --embeddings`.
    queries : str, sequence of str, or Vocabulary
        What to look for: names ("okapi"), phrases ("a red car at night"), or classes with all that is written about
        them. Names of one or two words are put into the model's templates, like names of classes; longer ones are
        taken as they are.
    recognizer : Recognizer or None, default None
        With the encoder that made the vectors; None loads what the folder names.
    top_k : int, default 50
        Images per query, from 1 to 100,000.
    by : {"score", "presence"}, default "score"
        What images are ranked by: the class score, or the calibrated probability that the image shows it at all,
        which holds what else the image looks like against it.
    min_probability : float, default 0.0
        Images that are less likely to show it than this are left out, in [0, 1].
    advance : callable or None, default None
        Called with the number of rows that were read since the last call.

    Returns
    -------
    Hits

    Raises
    ------
    InputError
        When the folder or an argument cannot be used, or another model made the vectors.

    Notes
    -----
    Exact: every stored vector is looked at, O(n Q d), in memory that holds the best k of each query and a few
    thousand rows. Images that score the same stand in the order of the run.

    A ranking of images needs scores that can be compared between images, which a method need not give: its scores
    only rank the classes of one image. Cosines can be compared. Measured with the embedded model (mean average
    precision over all class names as queries), ranking by its score against ranking by its calibrated presence:
    0.721 against 0.661 on 1,000 photos of 51 Caltech-101 classes, 0.924 against 0.914 on 500 photos of ImageNet,
    0.141 against 0.120 on 400 photos of 100 birds. Presence counts a look of what the model knows against the image,
    and so of the very class that is searched for, where that is one it knows; hence the score ranks. With
    a method whose scores grow with the length of a vector, ``by="presence"`` may serve better.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from unseen.labelling import embed
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     report = embed((np.full((32, 32, 3), shade, np.uint8) for shade in (0, 255)), folder)
    ...     hits = search(folder, ["a dark night"], top_k=1)
    >>> len(hits), hits.searched
    (1, 2)
    """
    k = int(check_number("search", "top_k", top_k, low=1, high=_MOST, integer=True))
    check_choice("search", "by", by, ("score", "presence"))
    least = check_number("search", "min_probability", min_probability, low=0, high=1)
    stored = folder if isinstance(folder, EmbeddingsFolder) else open_embeddings(folder)
    asked = _queries(queries)
    if recognizer is None:
        recognizer = load_model(stored)
    else:
        check_model(stored, recognizer)
    finder = _Finder(recognizer, asked, k, by)
    for rows in stored.iter_rows(vectors=True):
        finder.add(rows)
        if advance is not None:
            advance(len(rows))
    settings = {
        "searched": stored.folder.name,
        "model": stored.settings.get("model"),
        "encoder_fingerprint": recognizer.encoder.fingerprint,
        "by": by,
        "top_k": k,
    }
    hits = tuple(hit for hit in finder.hits() if hit.probability >= least)
    return Hits(tuple(finder.names), hits, finder.searched, settings)


def _queries(queries: Any) -> Vocabulary | tuple[str, ...]:
    from unseen.vocabulary import Vocabulary

    if isinstance(queries, Vocabulary):
        return queries
    given = (queries,) if isinstance(queries, str) else queries
    if not isinstance(given, list | tuple) or not given or not all(isinstance(one, str) for one in given):
        remedy = 'Pass a text such as "a red car at night"'
        raise InputError(message("search", "queries", "a text, a list of texts or a Vocabulary", queries, remedy))
    # Composed, as names of classes are: they are looked up by these.
    texts = tuple(unicodedata.normalize("NFC", " ".join(one.split())) for one in given)
    if not all(texts) or len(set(texts)) != len(texts):
        remedy = "Leave empty ones and repeated ones out"
        raise InputError(message("search", "queries", "different texts", verbatim(repr(list(given))), remedy))
    return texts


def query_prototypes(recognizer: Recognizer, queries: Vocabulary | Sequence[str]) -> Prototypes:
    """Return the vectors of queries: classes as for classifying, short names in templates, phrases as they are."""
    from unseen.prototypes import Prototypes
    from unseen.vocabulary import Vocabulary

    if isinstance(queries, Vocabulary):
        return recognizer.prototypes(queries)
    phrases = [text for text in queries if len(text.split()) > 2]
    parts = []
    for texts, templates in (([text for text in queries if text not in set(phrases)], None), (phrases, ["{name}"])):
        if texts:
            parts.append(recognizer.prototypes(Vocabulary.from_names(texts, templates=templates)))
    vectors = dict(zip([n for p in parts for n in p.names], [v for p in parts for v in p.vectors], strict=True))
    names = [text for text in queries if text in vectors]
    return Prototypes(names, np.stack([vectors[name] for name in names]))


class _Finder:
    """The best rows of each query so far."""

    def __init__(self, recognizer: Recognizer, queries: Vocabulary | Sequence[str], k: int, by: str) -> None:
        from unseen.decision.background import background_of
        from unseen.encoders.prompts import background_vectors
        from unseen.tasks.blocks import BlockScorer, RunningTop

        prototypes = query_prototypes(recognizer, queries)
        head = recognizer.head("image")
        self.names = prototypes.names
        self.searched = 0
        self._decision, self._by = head.decision, by
        words = background_of(head.decision, "image", self.names, recognizer.background)
        side = background_vectors(recognizer.encoder, words, None)
        self._n_background = len(side)
        if head.decision.reference:
            side = np.concatenate([head.method.seen_prototypes_.vectors, side])
        self._scorer = BlockScorer(head.method, prototypes, side=side)
        self._k = k
        self._new_top = RunningTop
        self._tops: dict[int, RunningTop] = {}
        # What is told of a row that is among the best of some query: item, sha, size, best seen score, background.
        self._kept: dict[int, tuple[str, str | None, tuple[int, int], float | None, float | None]] = {}

    def add(self, rows: Any) -> None:
        usable = [i for i, error in enumerate(rows.errors) if error is None]
        for start in range(0, len(usable), self._scorer.at_once):
            part = usable[start : start + self._scorer.at_once]
            self._add(rows, part, rows.vectors[start : start + len(part)])
        if len(self._kept) > 4 * self._k * len(self.names) + 4096:
            self._forget()

    def _add(self, rows: Any, part: Sequence[int], vectors: npt.NDArray[np.float32]) -> None:
        first = self.searched
        side, blocks = self._scorer(vectors)
        seen, beside = self._beside(side)
        winners: set[int] = set()
        for start, scores in blocks:
            ranked = scores if self._by == "score" else self._decision.presence_odds(scores, seen, beside)
            top = self._tops.setdefault(start, self._new_top(scores.shape[1], self._k))
            # The rows of the folder are the columns here: the verb, transposed.
            top.add(first, ranked.T)
            fresh = top.positions[top.positions >= first]
            winners.update(fresh.tolist())
        for position in winners:
            i = position - first
            kept = (
                rows.items[part[i]],
                rows.shas[part[i]],
                rows.sizes[part[i]],
                None if seen is None else float(seen[i]),
                None if beside is None else float(beside[i]),
            )
            self._kept[position] = kept
        self.searched += len(part)

    def _beside(self, side: Array | None) -> tuple[Array | None, Array | None]:
        """Return for each row the best score among seen classes, and what the background weighs."""
        if side is None:
            return None, None
        from scipy.special import logsumexp

        n_seen = side.shape[1] - self._n_background
        seen = side[:, :n_seen].max(axis=1) if n_seen else None
        background = side[:, n_seen:] / self._decision.temperature
        return seen, logsumexp(background, axis=1) if self._n_background else None

    def _forget(self) -> None:
        best = {position for top in self._tops.values() for position in top.positions.ravel().tolist()}
        self._kept = {position: kept for position, kept in self._kept.items() if position in best}

    def hits(self) -> Iterator[Hit]:
        for start, top in sorted(self._tops.items()):
            for q, positions in enumerate(top.positions):
                kept = [self._kept[position] for position in positions.tolist()]
                scores, odds = self._figures(top.values[q], kept)
                for rank, ((item, sha, (width, height), _, _), score, chance) in enumerate(
                    zip(kept, scores, odds, strict=True), 1
                ):
                    yield Hit(self.names[start + q], rank, item, score, chance, sha, width, height)

    def _figures(self, values: Array, kept: Sequence[tuple[Any, ...]]) -> tuple[list[float], list[float]]:
        """Return scores and probabilities of a query's best rows."""
        from scipy.special import expit

        seen = np.array([row[3] for row in kept], np.float64) if kept and kept[0][3] is not None else None
        beside = np.array([row[4] for row in kept], np.float64) if kept and kept[0][4] is not None else None
        odds = values
        if self._by == "score":
            odds = self._decision.presence_odds(values[:, None], seen, beside)[:, 0]
        return _shortest(values), _shortest(expit(odds))


def _shortest(values: Array) -> list[float]:
    """Return numbers as the shortest decimals that are these float32."""
    return [float(str(value)) for value in values.astype(np.float32)]
