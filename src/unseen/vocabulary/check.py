"""What in a vocabulary will hurt recognition, found before any photo is looked at."""

from __future__ import annotations

import heapq
import math
from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.validation import check_number, shorten

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import numpy.typing as npt

    from unseen.prototypes import Prototypes
    from unseen.vocabulary.model import Vocabulary

MAX_SEMANTIC = 50_000
"""Beyond this many classes comparing every pair takes minutes; the words are still checked."""
_MOST_OF_A_KIND = 20
_HUB_NEIGHBOURS = 5
_HUB_TIMES = 3


@dataclass(frozen=True)
class VocabularyWarning:
    """One thing that will hurt: a stable `code`, the classes it concerns, and a sentence for people."""

    code: str
    classes: tuple[str, ...]
    message: str


@dataclass(frozen=True)
class NearestPair:
    """Two classes whose prototypes are close, and the cosine of the angle between them."""

    first: str
    second: str
    cosine: float


@dataclass(frozen=True)
class VocabularyReport:
    """What :func:`check_vocabulary` found.

    Attributes
    ----------
    n_classes : int
    warnings : tuple of VocabularyWarning
        Empty when nothing was found.
    nearest_pairs : tuple of NearestPair
        The closest pairs, closest first; empty when no prototypes were given.
    """

    n_classes: int
    warnings: tuple[VocabularyWarning, ...]
    nearest_pairs: tuple[NearestPair, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain dictionaries and lists, ready for JSON."""
        report: dict[str, Any] = asdict(self)
        return report


def check_vocabulary(
    vocabulary: Vocabulary,
    prototypes: Prototypes | None = None,
    *,
    near: float = 0.95,
    n_pairs: int = 10,
    max_tokens: int = 256,
    count_tokens: Callable[[str], int] | None = None,
    block: int = 1024,
) -> VocabularyReport:
    """Look for what will hurt recognition.

    Parameters
    ----------
    vocabulary : Vocabulary
    prototypes : Prototypes or None, default None
        The classes' vectors, for near-duplicates and hubs; None checks the words alone.
    near : float in (0, 1], default 0.95
        Cosine from which two prototypes count as near-duplicates.
    n_pairs : int, default 10
        How many nearest pairs to report.
    max_tokens : int, default 256
        How much of a description the text encoder reads.
    count_tokens : callable or None, default None
        The encoder's own token counter; None estimates 1.4 tokens per word.
    block : int, default 1024
        Rows compared at a time; bounds memory at ``block * C`` floats.

    Returns
    -------
    VocabularyReport

    Notes
    -----
    Words cost O(C). Prototypes cost O(C² k) time in blocks; above 50,000 classes that part is skipped with a
    warning. A hub is a prototype among the 5 nearest of at least 3 times as many classes as average, looked for
    from 20 classes on (N_k occurrence; Radovanović et al., JMLR 2010).

    Examples
    --------
    >>> from unseen.vocabulary import Vocabulary, check_vocabulary
    >>> report = check_vocabulary(Vocabulary.from_names(["bear", "polar bear"]))
    >>> [w.code for w in report.warnings]
    ['name-in-name', 'no-descriptions']
    """
    near = check_number("check_vocabulary", "near", near, low=0, high=1, low_open=True)
    n_pairs = int(check_number("check_vocabulary", "n_pairs", n_pairs, low=0, integer=True))
    block = int(check_number("check_vocabulary", "block", block, low=1, integer=True))
    warnings: list[VocabularyWarning] = []
    for kind in (_case_only, _name_in_name, _synonym_clash, _descriptions, _gaps):
        warnings += _capped(kind(vocabulary))
    warnings += _capped(_too_long(vocabulary, max_tokens, count_tokens or _estimate_tokens))
    pairs: tuple[NearestPair, ...] = ()
    if prototypes is not None and len(vocabulary) > MAX_SEMANTIC:
        text = f"With more than {MAX_SEMANTIC} classes, near-duplicates and hubs were not looked for."
        warnings.append(VocabularyWarning("too-many-to-compare", (), text))
    elif prototypes is not None:
        semantic, pairs = _semantic(prototypes.subset(vocabulary.names), near, n_pairs, block)
        warnings += semantic
    return VocabularyReport(len(vocabulary), tuple(warnings), pairs)


def _capped(found: Iterable[VocabularyWarning]) -> list[VocabularyWarning]:
    """Keep the first of a kind and count the rest, so that one mistake repeated stays readable."""
    kept: list[VocabularyWarning] = []
    more: Counter[str] = Counter()
    for warning in found:
        if len(kept) < _MOST_OF_A_KIND:
            kept.append(warning)
        else:
            more[warning.code] += 1
    kept += [VocabularyWarning(code, (), f"… and {n} more of this kind.") for code, n in more.items()]
    return kept


def _case_only(vocabulary: Vocabulary) -> Iterator[VocabularyWarning]:
    groups: dict[str, list[str]] = {}
    for name in vocabulary.names:
        groups.setdefault(name.casefold(), []).append(name)
    for names in groups.values():
        if len(names) > 1:
            text = f"{_list(names)} differ in case alone; most text encoders see one class."
            yield VocabularyWarning("case-only", tuple(names), text)


def _name_in_name(vocabulary: Vocabulary) -> Iterator[VocabularyWarning]:
    words = {tuple(name.casefold().split()): name for name in vocabulary.names}
    longest = max(len(w) for w in words)
    for own, name in words.items():
        for size in range(1, min(len(own), longest + 1)):
            for start in range(len(own) - size + 1):
                inner = words.get(own[start : start + size])
                if inner is not None:
                    text = (
                        f"{inner!r} is part of {name!r}: photos of the second will score well for the first. "
                        "Describe both, or rename the first (such as 'brown bear')."
                    )
                    yield VocabularyWarning("name-in-name", (inner, name), text)


def _synonym_clash(vocabulary: Vocabulary) -> Iterator[VocabularyWarning]:
    owners: dict[str, str] = {}
    for name in vocabulary.names:
        owners.setdefault(name.casefold(), name)
    for entry in vocabulary:
        for synonym in entry.synonyms:
            owner = owners.setdefault(synonym.casefold(), entry.name)
            if owner != entry.name and owner.casefold() != entry.name.casefold():
                text = f"{synonym!r} is a synonym of {entry.name!r} and also stands for {owner!r}."
                yield VocabularyWarning("synonym-clash", (entry.name, owner), text)


def _descriptions(vocabulary: Vocabulary) -> Iterator[VocabularyWarning]:
    without = tuple(e.name for e in vocabulary if not e.descriptions)
    if without:
        who = "No class has" if len(without) == len(vocabulary) else f"{len(without)} of {len(vocabulary)} classes lack"
        extra = "" if len(without) == len(vocabulary) else f" ({_list(without)})"
        text = f"{who} a description{extra}; a sentence on what it looks like helps most."
        yield VocabularyWarning("no-descriptions", without[:_MOST_OF_A_KIND], text)
    same: dict[tuple[str, ...], list[str]] = {}
    for entry in vocabulary:
        if entry.descriptions:
            same.setdefault(tuple(sorted(d.strip().casefold() for d in entry.descriptions)), []).append(entry.name)
    for names in same.values():
        if len(names) > 1:
            text = f"{_list(names)} have the same description; nothing but the name tells them apart."
            yield VocabularyWarning("same-description", tuple(names), text)


def _gaps(vocabulary: Vocabulary) -> Iterator[VocabularyWarning]:
    silent = tuple(e.name for e in vocabulary if e.seen is None)
    if 0 < len(silent) < len(vocabulary):
        text = f"seen is given for some classes and missing for {_list(silent)}."
        yield VocabularyWarning("seen-gaps", silent[:_MOST_OF_A_KIND], text)
    wanted = len(vocabulary.attribute_names)
    lacking = tuple(e.name for e in vocabulary if len(e.attributes) < wanted)
    if lacking:
        text = f"{_list(lacking)} lack attributes that other classes have; attribute methods need every value."
        yield VocabularyWarning("attribute-gaps", lacking[:_MOST_OF_A_KIND], text)


def _too_long(
    vocabulary: Vocabulary, max_tokens: int, count_tokens: Callable[[str], int]
) -> Iterator[VocabularyWarning]:
    for entry in vocabulary:
        for description in entry.descriptions:
            n = count_tokens(description)
            if n > max_tokens:
                text = (
                    f"A description of {entry.name!r} has about {n} tokens; the text encoder reads the first "
                    f"{max_tokens}. Split it into several descriptions."
                )
                yield VocabularyWarning("too-long", (entry.name,), text)


def _estimate_tokens(text: str) -> int:
    # 1.4 per word fits English; scripts without spaces have words of many characters, so count those too
    return math.ceil(max(1.4 * len(text.split()), len(text) / 7))


def _list(names: Iterable[str], most: int = 5) -> str:
    listed = list(names)
    shown = ", ".join(shorten(name, 40) for name in listed[:most])
    return shown + (f" and {len(listed) - most} more" if len(listed) > most else "")


def _semantic(
    prototypes: Prototypes, near: float, n_pairs: int, block: int
) -> tuple[list[VocabularyWarning], tuple[NearestPair, ...]]:
    names = prototypes.names
    vectors = prototypes.vectors.astype(np.float64)
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = np.divide(vectors, norms, out=np.zeros_like(vectors), where=norms > 0).astype(np.float32)
    c = len(names)
    k = min(_HUB_NEIGHBOURS, c - 1)
    heap: list[tuple[float, int, int]] = []  # the n_pairs closest so far, the least close on top
    occurrences = np.zeros(c, dtype=np.intp)
    close: list[tuple[float, int, int]] = []
    n_close = 0
    for start in range(0, c, block):
        cosines = unit[start : start + block] @ unit.T
        rows = np.arange(len(cosines))
        cosines[rows, start + rows] = -np.inf
        if k > 0:
            neighbours = np.argpartition(-cosines, k - 1, axis=1)[:, :k]
            occurrences += np.bincount(neighbours.ravel(), minlength=c)
        cosines[np.arange(c)[None, :] < (start + rows)[:, None]] = -np.inf  # each pair once
        at = np.argwhere(cosines >= near)
        n_close += len(at)
        close = heapq.nlargest(
            _MOST_OF_A_KIND, close + [(float(cosines[i, j]), -(start + i), -j) for i, j in at[: 10 * _MOST_OF_A_KIND]]
        )
        _keep_closest(heap, cosines, start, n_pairs)
    warnings = [_near_duplicate(names[-i], names[-j], cosine) for cosine, i, j in close]
    if n_close > len(close):
        warnings.append(VocabularyWarning("near-duplicate", (), f"… and {n_close - len(close)} more of this kind."))
    warnings += _capped(_hubs(names, occurrences, k))
    pairs = tuple(NearestPair(names[-i], names[-j], round(cosine, 4)) for cosine, i, j in sorted(heap, reverse=True))
    return warnings, pairs


def _keep_closest(
    heap: list[tuple[float, int, int]], cosines: npt.NDArray[np.float32], start: int, n_pairs: int
) -> None:
    flat = cosines.ravel()
    n = min(n_pairs, flat.size)
    if n == 0:
        return
    for position in np.argpartition(-flat, n - 1)[:n]:
        cosine = float(flat[position])
        if cosine == -math.inf:
            continue
        i, j = divmod(int(position), cosines.shape[1])
        item = (cosine, -(start + i), -j)
        if len(heap) < n_pairs:
            heapq.heappush(heap, item)
        else:
            heapq.heappushpop(heap, item)


def _near_duplicate(first: str, second: str, cosine: float) -> VocabularyWarning:
    text = (
        f"{first!r} and {second!r} are nearly one class to the text encoder (cosine {cosine:.3f}). "
        "Describe what tells them apart, or merge them."
    )
    return VocabularyWarning("near-duplicate", (first, second), text)


def _hubs(names: tuple[str, ...], occurrences: npt.NDArray[np.intp], k: int) -> Iterator[VocabularyWarning]:
    if len(names) < 4 * _HUB_NEIGHBOURS:
        return
    for i in np.argsort(-occurrences, kind="stable"):
        if occurrences[i] < _HUB_TIMES * k:
            return
        text = (
            f"{names[i]!r} is among the {k} nearest of {occurrences[i]} classes (average {k}): a hub, which draws "
            "photos of many classes to itself. Describe it more specifically."
        )
        yield VocabularyWarning("hub", (names[i],), text)
