"""The judge: vectors of images or texts, scored against a vocabulary, and the answer worded."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit

from unseen._version import __version__
from unseen.decision.background import background_of
from unseen.encoders.prompts import (
    background_vectors,
    check_vocabulary,
    ensemble_prototypes,
)
from unseen.errors import InputError, ItemError
from unseen.results import Predictions
from unseen.tasks.blocks import BlockScorer, RunningTally, RunningTop, top_classes
from unseen.tasks.candidates import Candidates, UnusedCandidatesWarning
from unseen.tasks.thresholds import check_thresholds
from unseen.validation import check_choice, check_number, check_switch, message, verbatim

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from unseen.encoders.prompts import TextPrototypes
    from unseen.prototypes import Prototypes
    from unseen.recognizer import Recognizer
    from unseen.vocabulary import Vocabulary

__all__ = ["Answer", "Judge", "top_classes"]

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Answer:
    """Predictions of one batch, with what they were made from.

    Attributes
    ----------
    predictions : Predictions
        Of the m items of the batch.
    previews : list
        For each item its prepared pixels (s, s, 3) uint8 or its text; None where it could not be used.
    vectors : list
        For each item its vector, or None.
    """

    predictions: Predictions
    previews: Sequence[npt.NDArray[np.uint8] | str | None]
    vectors: Sequence[npt.NDArray[np.float32] | None]


class Judge:
    """Scores vectors and words the answer; holds what is the same for every batch.

    Parameters
    ----------
    recognizer : Recognizer
        What recognises.
    modality : {"image", "text"}
        What the vectors are of.
    vocabulary : Vocabulary
        The classes.
    top_k, unknown_below, strict, multi_label, threshold, candidates, background, ensemble
        As in :meth:`unseen.Recognizer.classify`.
    block : int or None, default None
        Classes scored at a time; see :class:`~unseen.tasks.blocks.BlockScorer`.

    Attributes
    ----------
    prototypes : Prototypes or TextPrototypes
        The classes as they are scored.
    at_once : int
        For how many vectors `answer` is best called: with very many classes each call costs as much as many items.
    settings : dict
        What goes with every result.
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
        multi_label: bool = False,
        threshold: Any = 0.5,
        candidates: Any = None,
        background: Sequence[str] | None = None,
        ensemble: str = "embeddings",
        block: int | None = None,
    ) -> None:
        self.top_k = int(check_number("classify", "top_k", top_k, low=1, integer=True))
        if unknown_below is not None:
            unknown_below = check_number("classify", "unknown_below", unknown_below, low=0, high=1)
        self.unknown_below = unknown_below
        self.strict = strict
        self.multi_label = check_switch("classify", "multi_label", multi_label)
        check_choice("classify", "ensemble", ensemble, ("embeddings", "scores"))
        if block is not None:
            block = int(check_number("classify", "block", block, low=1, integer=True))
        self.head = recognizer.head(modality)
        names = check_vocabulary(vocabulary).names
        self._thresholds = check_thresholds(threshold, names) if self.multi_label else None
        self.candidates = None if candidates is None else Candidates(candidates, names)
        written = recognizer.background if background is None else background
        self.background = background_of(self.head.decision, modality, names, written)
        self._check_background(len(names))
        self.prototypes: Prototypes | TextPrototypes = ensemble_prototypes(
            "classify", recognizer.encoder, vocabulary, modality=modality, ensemble=ensemble
        )
        self._background = background_vectors(recognizer.encoder, self.background, vocabulary.templates)
        self._block = block
        self.settings = {
            "unseen": __version__,
            "model": recognizer.encoder.name,
            "model_fingerprint": recognizer.fingerprint,
            "classes": self.prototypes.n_classes,
            "vocabulary_fingerprint": vocabulary.fingerprint,
            "prototypes_fingerprint": self.prototypes.fingerprint,
            "temperature": self.head.decision.temperature,
            "unknown_below": unknown_below,
        }
        if self.background:
            self.settings["background"] = list(self.background)
        if ensemble != "embeddings":
            self.settings["ensemble"] = ensemble
        if self.multi_label:
            self.settings |= {
                "multi_label": True,
                "threshold": "own" if isinstance(threshold, Mapping) else float(threshold),
            }

    def _check_background(self, n_classes: int) -> None:
        """Refuse to ask a softmax about one class alone: it would be certain of anything."""
        decision = self.head.decision
        bare = decision.known_from == "probabilities" and decision.activation == "softmax" and not self.background
        if bare and (self.multi_label or n_classes == 1):
            what = "multi_label" if self.multi_label else "one class alone"
            raise InputError(
                message(
                    "classify",
                    "background",
                    f"at least one text for {what}",
                    verbatim("none"),
                    "The probabilities of this model are shares, and a share needs something beside the class",
                )
            )

    @cached_property
    def _scorer(self) -> BlockScorer:
        """What scores vectors; made at the first batch, while the workers are busy with the next ones."""
        return BlockScorer(self.head.method, self.prototypes, side=self._side, block=self._block)

    @property
    def _side(self) -> npt.NDArray[np.float32]:
        """Prototypes (S, k) that are scored besides: of seen classes, if the decision asks, then of the background."""
        if not self.head.decision.reference:
            return self._background
        return np.concatenate([self.head.method.seen_prototypes_.vectors, self._background])

    def _apart(self, side: Array | None) -> tuple[Array | None, Array | None]:
        """Return the seen classes' columns of the side's scores (n, S), and the background's; None where none are."""
        if side is None:
            return None, None
        n_seen = side.shape[1] - len(self._background)
        return side[:, :n_seen] if n_seen else None, side[:, n_seen:] if len(self._background) else None

    @property
    def at_once(self) -> int:
        """For how many vectors `answer` is best called; 1 where it makes no difference."""
        return min(self._scorer.at_once, _AT_ONCE) if self._scorer.repeats else 1

    def answer(
        self, names: Sequence[str], vectors: npt.NDArray[np.float32], previews: Sequence[Any], errors: list[str | None]
    ) -> Answer:
        """Return the answer for items, of which `vectors` holds those without an error."""
        errors, allowed, vectors = self._allowed(names, list(errors), vectors)
        if self.strict:
            for name, error in zip(names, errors, strict=True):
                if error is not None:
                    raise ItemError(f"classify: {name}: {error}. Leave it out, or run without strict.")
        n, k = len(names), min(self.top_k, self.prototypes.n_classes)
        usable = np.array([i for i, error in enumerate(errors) if error is None], dtype=np.intp)
        top = np.zeros((n, k), np.intp)
        probabilities = np.zeros((n, k), np.float32)
        known = np.zeros(n, np.float32)
        chosen = np.zeros(n, np.intp)
        for start in range(0, len(usable), self._scorer.at_once):
            rows = usable[start : start + self._scorer.at_once]
            part = slice(start, start + len(rows))
            found = self._judge(vectors[part], None if allowed is None else allowed[part], k)
            top[rows], probabilities[rows], known[rows], chosen[rows] = found
        unknown = np.zeros(n, np.bool_)
        if self.unknown_below is not None:
            unknown[usable] = known[usable] < self.unknown_below
        if self.multi_label:
            chosen[unknown] = 0
            unknown[usable] = chosen[usable] == 0
        rows_of: list[npt.NDArray[np.float32] | None] = [None] * n
        for i, vector in zip(usable, vectors, strict=True):
            rows_of[i] = vector
        predictions = Predictions(
            names,
            self.prototypes.names,
            top,
            probabilities,
            known,
            unknown,
            errors,
            self.settings,
            chosen=chosen if self.multi_label or allowed is not None else None,
        )
        return Answer(predictions, previews, rows_of)

    def tell_unused(self) -> None:
        """Warn of candidates for items that were not met: their names may be misspelled."""
        unused = self.candidates.unused() if self.candidates is not None else []
        if unused:
            some = ", ".join(map(repr, unused[:3])) + (", …" if len(unused) > 3 else "")
            warnings.warn(
                f"classify: candidates were given for {len(unused):,} items that did not come: {some}. "
                "Names must be those of the results' column item.",
                UnusedCandidatesWarning,
                stacklevel=2,
            )

    def _allowed(
        self, names: Sequence[str], errors: list[str | None], vectors: npt.NDArray[np.float32]
    ) -> tuple[list[str | None], list[npt.NDArray[np.intp]] | None, npt.NDArray[np.float32]]:
        """Return the errors, each vector's candidates, and the vectors: those of items that have candidates."""
        if self.candidates is None:
            return errors, None, vectors
        allowed, kept = [], []
        row = 0
        for i, name in enumerate(names):
            positions = self.candidates.positions(name)
            if errors[i] is not None:
                continue
            if positions is None:
                errors[i] = "is not among the candidates, so nobody said which classes it may be of"
            else:
                allowed.append(positions)
                kept.append(row)
            row += 1
        return errors, allowed, vectors[kept]

    def _judge(
        self, vectors: npt.NDArray[np.float32], allowed: list[npt.NDArray[np.intp]] | None, k: int
    ) -> tuple[npt.NDArray[np.intp], Array, Array, Array]:
        """Return for each vector its best classes, their probabilities, known, and how many of them are answers."""
        decision, n = self.head.decision, len(vectors)
        side, blocks = self._scorer(vectors)
        seen, background = self._apart(side)
        sizes: Array | int = self.prototypes.n_classes if allowed is None else np.array([len(a) for a in allowed])
        counted, best, others = RunningTally(n, decision.temperature), RunningTop(n, k), RunningTop(n, k)
        beside = counted.done(sizes, seen, background)
        for start, scores in blocks:
            if allowed is not None:
                scores = np.where(_mask(allowed, start, scores.shape[1]), scores, -np.inf)
            counted.add(scores)
            if self._thresholds is None:
                best.add(start, scores)
                continue
            odds = np.where(scores > -np.inf, decision.presence_odds(scores, beside.seen, beside.background), -np.inf)
            reached = self._thresholds[start : start + scores.shape[1]] if self._thresholds.ndim else self._thresholds
            # As float32, so that what is shown and what is decided agree.
            accepted = (expit(odds).astype(np.float32) >= reached) & (odds > -np.inf)
            best.add(start, np.where(accepted, odds, -np.inf))
            others.add(start, np.where(accepted, -np.inf, odds))
        known = expit(decision.known_odds(counted.done(sizes, seen, background)))
        if self._thresholds is not None:
            chosen = (best.values > -np.inf).sum(axis=1)
            top, odds = _accepted_first(best, others, k)
            return top, expit(odds), known, chosen
        log_sum = counted.done(sizes, None, None).log_sum[:, None]
        probabilities = decision.ranked_probabilities(best.values, log_sum)
        # Among one class the answer is certain; what people ask then is whether the item is of it at all.
        alone = np.broadcast_to(sizes, n) == 1
        probabilities[alone, 0] = known[alone]
        return best.positions, probabilities, known, np.minimum(np.broadcast_to(sizes, n), k)


#: Images of one call where each call is dear: with their previews, some 100 MB.
_AT_ONCE = 512


def _mask(allowed: list[npt.NDArray[np.intp]], start: int, width: int) -> npt.NDArray[np.bool_]:
    """Return which columns (n, width) from `start` on are among each row's sorted positions."""
    mask = np.zeros((len(allowed), width), np.bool_)
    for row, positions in enumerate(allowed):
        low, high = np.searchsorted(positions, (start, start + width))
        mask[row, positions[low:high] - start] = True
    return mask


def _accepted_first(best: RunningTop, others: RunningTop, k: int) -> tuple[npt.NDArray[np.intp], Array]:
    """Return positions and log-odds (n, k): accepted classes before others, each likeliest first."""
    positions = np.concatenate([best.positions, others.positions], axis=1)
    odds = np.concatenate([best.values, others.values], axis=1)
    order = np.argsort(odds == -np.inf, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(positions, order, axis=1), np.take_along_axis(odds, order, axis=1)
