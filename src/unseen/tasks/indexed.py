"""A judge that does not look at every class: an index names candidates, and those are scored."""

from __future__ import annotations

import os
from contextlib import suppress
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

__all__ = ["IndexedJudge", "judge_for"]

Array = np.ndarray[Any, Any]

#: Candidates per item, at least.
_CANDIDATES = 100
#: Graphs of fewer classes are made again sooner than they are found on disk.
_WORTH_KEEPING = 50_000
#: Graphs in the cache folder; each takes about as much room as its classes' vectors in 16 bits.
_MOST_KEPT = 8


class IndexedJudge(Judge):
    r"""A judge that scores only the classes which an index finds near.

    .. math:: p_c = \operatorname{softmax}_{c \in N(x)}(f_c / T), \qquad
       N(x) = \text{the } m \text{ nearest classes found}

    Parameters
    ----------
    *asked, **options
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
    classes and more are kept in the cache folder, the eight that were used last.
    """

    def __init__(self, *asked: Any, index: str | ClassIndex = "usearch", **options: Any) -> None:
        for name in ("multi_label", "candidates"):
            if options.get(name):
                raise _every_class(name, options[name])
        if options.get("ensemble", "embeddings") != "embeddings":
            raise _every_class("ensemble", options["ensemble"])
        super().__init__(*asked, **options)
        if not isinstance(self.head.method, Cosine):
            expected = "for a model whose images and texts share a space"
            found = verbatim(f"one with the method {type(self.head.method).__name__}")
            raise InputError(message("classify", "index", expected, found, "Use index='exact', or another model"))
        classes = self.prototypes
        self._index = self._built(index) if isinstance(index, str) else index
        if not isinstance(self._index, ClassIndex):
            expected = "'exact', 'usearch', or a ClassIndex"
            raise InputError(message("classify", "index", expected, index, "Make one with build_index"))
        if not self._index.is_of(classes.vectors):
            found = verbatim(f"{self._index.n_classes} classes of {self._index.n_dimensions} dimensions, or others")
            expected = (
                f"of the vocabulary's {classes.n_classes} classes, of {classes.n_dimensions} dimensions, in order"
            )
            raise InputError(message("classify", "index", expected, found, "Build it of these prototypes"))
        self._n_candidates = min(max(_CANDIDATES, 4 * self.top_k), classes.n_classes)
        self.settings |= {"index": self._index.kind, "index_candidates": self._n_candidates}

    def _built(self, kind: str) -> ClassIndex:
        check_choice("classify", "index", kind, KINDS)
        if kind == "exact":
            return build_index(self.prototypes.vectors, kind)
        path = self._kept()
        index = UsearchIndex(self.prototypes.vectors, path=path, must_keep=False)
        if path is not None:
            _keep_few(path)
        return index

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
    def _score_side(self) -> Callable[[npt.ArrayLike], Array] | None:
        """What scores the seen classes and the background, where the decision asks for them."""
        side = self._side
        numbers = [str(i) for i in range(len(side))]
        return self.head.method.scorer(Prototypes(numbers, side)) if len(side) else None

    def _judge(
        self, vectors: npt.NDArray[np.float32], allowed: Sequence[npt.NDArray[np.intp]] | None, k: int
    ) -> tuple[npt.NDArray[np.intp], Array, Array, Array]:
        decision, n = self.head.decision, len(vectors)
        positions, cosines = self._index.search(vectors, k=self._n_candidates)
        scores = cosines.astype(np.float64)
        seen, background = self._apart(None if self._score_side is None else self._score_side(vectors))
        counted = tally(scores, decision.temperature, seen_scores=seen, background_scores=background)
        known = expit(decision.known_odds(counted))
        probabilities = decision.ranked_probabilities(scores[:, :k], counted.log_sum[:, None])
        if self.prototypes.n_classes == 1:
            probabilities[:, 0] = known
        return positions[:, :k], probabilities, known, np.full(n, k)


def judge_for(*asked: Any, index: str | ClassIndex | None = None, **options: Any) -> Judge:
    """Return a judge that looks at every class, or with an `index` at what that finds near.

    Parameters
    ----------
    *asked, **options
        As for :class:`~unseen.tasks.judge.Judge`.
    index : {"exact", "usearch"}, ClassIndex or None, default None
        None and ``"exact"`` look at every class.
    """
    if index is None or (isinstance(index, str) and check_choice("classify", "index", index, KINDS) == "exact"):
        return Judge(*asked, **options)
    return IndexedJudge(*asked, index=index, **options)


def _keep_few(used: Path) -> None:
    """Remove all graphs of a cache folder but those that were used last, `used` the last of all."""
    with suppress(OSError):  # another run may be removing the same ones; a cache is never a reason to fail
        os.utime(used)
        kept = sorted(used.parent.glob("*.usearch"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
        for path in kept[_MOST_KEPT:]:
            path.unlink(missing_ok=True)
            path.with_name(path.name + ".sha256").unlink(missing_ok=True)


def _every_class(name: str, value: object) -> InputError:
    remedy = "Leave it out, or use index='exact'"
    return InputError(message("classify", name, "left alone with an index: it asks about every class", value, remedy))
