"""A judge that does not look at every class: an index names candidates, and those are scored."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit

from unseen.decision.evidence import tally
from unseen.errors import InputError
from unseen.methods.projection.cosine import Cosine
from unseen.prototypes import Prototypes
from unseen.tasks.class_index import KINDS, ClassIndex, UsearchIndex, build_index
from unseen.tasks.judge import Judge
from unseen.validation import check_choice, message, verbatim

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from unseen.recognizer import Recognizer
    from unseen.vocabulary import Vocabulary

__all__ = ["IndexedJudge", "judge_for"]

Array = np.ndarray[Any, Any]

#: Candidates per item, at least.
_CANDIDATES = 100
#: Graphs of fewer classes are made again sooner than they are found on disk.
_WORTH_KEEPING = 50_000


class IndexedJudge(Judge):
    r"""A judge that scores only the classes which an index finds near.

    .. math:: p_c = \operatorname{softmax}_{c \in N(x)}(f_c / T), \qquad
       N(x) = \text{the } m \text{ nearest classes found}

    Parameters
    ----------
    recognizer, modality, vocabulary, top_k, unknown_below, strict, **options
        As for :class:`~unseen.tasks.judge.Judge`.
    index : {"usearch"} or ClassIndex
        What finds candidates: ``max(100, 4 top_k)`` for each item.

    Raises
    ------
    InputError
        When the model's images and texts do not share a space, an option asks about every class (``multi_label``,
        ``candidates``, ``ensemble="scores"``), or an index is of other classes.

    Notes
    -----
    Probabilities are shares among the candidates, no less than those among all classes, and almost the same: classes
    that are not among the hundred nearest weigh little. ``settings`` says that an index was used. Graphs of 50,000
    classes and more are kept in the cache folder.
    """

    def __init__(
        self,
        recognizer: Recognizer,
        modality: str,
        vocabulary: Vocabulary,
        top_k: int,
        unknown_below: float | None,
        strict: bool,
        *,
        index: str | ClassIndex = "usearch",
        **options: Any,
    ) -> None:
        for name in ("multi_label", "candidates"):
            if options.get(name):
                raise _every_class(name, options[name])
        if options.get("ensemble", "embeddings") != "embeddings":
            raise _every_class("ensemble", options["ensemble"])
        super().__init__(recognizer, modality, vocabulary, top_k, unknown_below, strict, **options)
        if not isinstance(self.head.method, Cosine):
            expected = "for a model whose images and texts share a space"
            found = verbatim(f"one with the method {type(self.head.method).__name__}")
            raise InputError(message("classify", "index", expected, found, "Use index='exact', or another model"))
        classes = self.prototypes
        self._index = self._built(index) if isinstance(index, str) else index
        if self._index.n_classes != classes.n_classes or self._index.n_dimensions != classes.n_dimensions:
            found = verbatim(f"{self._index.n_classes} classes of {self._index.n_dimensions} dimensions")
            expected = f"of the vocabulary's {classes.n_classes} classes, of {classes.n_dimensions} dimensions"
            raise InputError(message("classify", "index", expected, found, "Build it of these prototypes"))
        self._n_candidates = min(max(_CANDIDATES, 4 * self.top_k), classes.n_classes)
        self.settings |= {"index": self._index.kind, "index_candidates": self._n_candidates}

    def _built(self, kind: str) -> ClassIndex:
        check_choice("classify", "index", kind, KINDS)
        if kind == "exact":
            return build_index(self.prototypes.vectors, kind)
        return UsearchIndex(self.prototypes.vectors, path=self._kept(), must_keep=False)

    def _kept(self) -> Path | None:
        from unseen.encoders.cache import cache_file

        cache = cache_file()
        if cache is None or self.prototypes.n_classes < _WORTH_KEEPING:
            return None
        folder = cache.parent / "indexes"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:  # a cache is a convenience, and never a reason to fail
            return None
        return folder / f"{self.prototypes.fingerprint[:32]}.usearch"

    @property
    def at_once(self) -> int:
        """For how many vectors `answer` is best called; it makes no difference."""
        return 1

    @cached_property
    def _side(self) -> Callable[[npt.ArrayLike], Array] | None:
        """What scores the seen classes and the background, where the decision asks for them."""
        method, side = self.head.method, self._background
        if self.head.decision.reference:
            side = np.concatenate([method.seen_prototypes_.vectors, side])
        return method.scorer(Prototypes([str(i) for i in range(len(side))], side)) if len(side) else None

    def _judge(
        self, vectors: npt.NDArray[np.float32], allowed: Sequence[npt.NDArray[np.intp]] | None, k: int
    ) -> tuple[npt.NDArray[np.intp], Array, Array, Array]:
        decision, n = self.head.decision, len(vectors)
        positions, cosines = self._index.search(vectors, k=self._n_candidates)
        scores = cosines.astype(np.float64)
        side = None if self._side is None else self._side(vectors)
        n_seen = 0 if side is None else side.shape[1] - len(self._background)
        counted = tally(
            scores,
            decision.temperature,
            seen_scores=side[:, :n_seen] if side is not None and n_seen else None,
            background_scores=side[:, n_seen:] if side is not None and len(self._background) else None,
        )
        known = expit(decision.known_odds(counted))
        probabilities = decision.ranked_probabilities(scores[:, :k], counted.log_sum[:, None])
        if self.prototypes.n_classes == 1:
            probabilities[:, 0] = known
        return positions[:, :k], probabilities, known, np.full(n, k)


def judge_for(
    recognizer: Recognizer,
    modality: str,
    vocabulary: Vocabulary,
    top_k: int,
    unknown_below: float | None,
    strict: bool,
    *,
    index: str | ClassIndex | None = None,
    **options: Any,
) -> Judge:
    """Return a judge that looks at every class, or with an `index` at what that finds near.

    Parameters
    ----------
    recognizer, modality, vocabulary, top_k, unknown_below, strict, **options
        As for :class:`~unseen.tasks.judge.Judge`.
    index : {"exact", "usearch"}, ClassIndex or None, default None
        None and ``"exact"`` look at every class.
    """
    if index is None or (isinstance(index, str) and check_choice("classify", "index", index, KINDS) == "exact"):
        return Judge(recognizer, modality, vocabulary, top_k, unknown_below, strict, **options)
    return IndexedJudge(recognizer, modality, vocabulary, top_k, unknown_below, strict, index=index, **options)


def _every_class(name: str, value: object) -> InputError:
    remedy = "Leave it out, or use index='exact'"
    return InputError(message("classify", name, "left alone with an index: it asks about every class", value, remedy))
