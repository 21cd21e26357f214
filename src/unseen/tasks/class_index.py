"""Very many classes: which of a million is nearest, looked up exactly or in a graph of neighbours.

Both look-ups are behind one interface, :class:`ClassIndex`. The exact one looks at every class; the one of usearch
walks a graph and finds nearly all of the nearest, in less time. What it finds are candidates: they are scored exactly,
and what it missed cannot be the answer.
"""

from __future__ import annotations

import hashlib
import secrets
from abc import ABC, abstractmethod
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from unseen.errors import InputError
from unseen.validation import check_choice, check_number, check_switch, import_extra, message, verbatim

if TYPE_CHECKING:
    import os

    import numpy.typing as npt

__all__ = ["KINDS", "ClassIndex", "ExactIndex", "UsearchIndex", "build_index", "recall"]

Array = np.ndarray[Any, Any]

KINDS = ("exact", "usearch")
#: Classes scored at a time, and queries: 64 MB of scores.
_BLOCK, _ROWS = 16_384, 1024


class ClassIndex(ABC):
    """Finds, for vectors of a shared space, the classes of the largest cosine.

    Parameters
    ----------
    vectors : array-like of shape (C, d)
        Class vectors, finite; of any length, none of them zero.

    Attributes
    ----------
    n_classes, n_dimensions : int
        C and d.

    Raises
    ------
    InputError
        When the vectors cannot be used.
    """

    kind: ClassVar[str]
    #: Whether no class of a larger cosine can be missed.
    exact: ClassVar[bool]

    def __init__(self, vectors: npt.ArrayLike) -> None:
        self._units = _unit_rows("ClassIndex", vectors)
        self.n_classes, self.n_dimensions = self._units.shape

    def search(self, X: npt.ArrayLike, *, k: int = 10) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float32]]:
        """Return the nearest classes of each vector, nearest first, and their cosines.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Vectors of the same space.
        k : int, default 10
            Classes per vector, at least 1; no more than there are.

        Returns
        -------
        positions : ndarray of shape (n, min(k, C)), int
            Into the classes; ties in their order.
        cosines : ndarray of shape (n, min(k, C)), float32
            Computed from the vectors themselves, whatever the index keeps.

        Raises
        ------
        InputError
            When shapes or values cannot be used.
        """
        wanted = min(int(check_number("ClassIndex", "k", k, low=1, integer=True)), self.n_classes)
        units = _unit_rows("ClassIndex", X, zero=True)
        if units.shape[1] != self.n_dimensions:
            found = verbatim(f"{units.shape[1]} dimensions")
            remedy = "Encode both with one encoder"
            raise InputError(
                message("ClassIndex", "X", f"of {self.n_dimensions} dimensions, like the classes", found, remedy)
            )
        positions = np.zeros((len(units), wanted), np.intp)
        cosines = np.zeros((len(units), wanted), np.float32)
        for start in range(0, len(units), _ROWS):
            rows = slice(start, start + _ROWS)
            positions[rows], cosines[rows] = self._search(units[rows], wanted)
        return positions, cosines

    def is_of(self, vectors: Array) -> bool:
        """Return whether the index is of classes with these vectors (C, d), in this order; of any length."""
        if vectors.shape != self._units.shape:
            return False
        parts = (slice(start, start + _BLOCK) for start in range(0, self.n_classes, _BLOCK))
        return all(np.allclose(self._units[i], _unit_rows("ClassIndex", vectors[i]), atol=1e-5) for i in parts)

    @abstractmethod
    def _search(self, units: Array, k: int) -> tuple[Array, Array]:
        """Return positions and cosines (n, k) of unit vectors (n, d)."""


class ExactIndex(ClassIndex):
    """Looks at every class, some thousands at a time; O(n C d), in memory that does not grow with C.

    Examples
    --------
    >>> index = ExactIndex([[1, 0], [0, 1], [1, 1]])
    >>> positions, cosines = index.search([[0.1, 2.0]], k=2)
    >>> positions.tolist()
    [[1, 2]]
    """

    kind = "exact"
    exact = True

    def _search(self, units: Array, k: int) -> tuple[Array, Array]:
        from unseen.tasks.blocks import RunningTop

        top = RunningTop(len(units), k)
        for start in range(0, self.n_classes, _BLOCK):
            top.add(start, units @ self._units[start : start + _BLOCK].T)
        return top.positions, top.values


class UsearchIndex(ClassIndex):
    """Walks a graph of neighbours (HNSW), by usearch; worth its while from some 100,000 classes on.

    Parameters
    ----------
    vectors : array-like of shape (C, d)
        As for `ClassIndex`.
    connectivity : int, default 16
        Neighbours per class in the graph, from 2 to 256; more finds more and takes more memory.
    expansion_add : int, default 128
        Classes looked at when one is added, from 1 to 65,536; more makes a better graph, slower.
    expansion : int, default 128
        Classes kept in view in a search, from 1 to 65,536, at least `k`; more finds more, slower.
    path : path or None, default None
        Where a graph of these classes and settings was kept, or is to be; what is there and does not fit is made
        anew. Only a file that this program wrote should be named: it is checked for its size and its classes'
        digest beside it, not for malice.
    must_keep : bool, default True
        Whether it is an error when the graph cannot be kept there. False for a cache.

    Raises
    ------
    InputError
        When the vectors or a parameter cannot be used, or the graph cannot be kept.
    MissingExtraError
        When usearch is not installed.

    Notes
    -----
    The graph holds the vectors in 16 bits. What it returns is scored again in 32, so that among what was found
    order and cosines are exact. Of 100,000 classes in clusters it found all of the five nearest, 3.6 times as fast as
    looking at every class, after minutes of building; of random vectors about half of the five
    (``benchmarks/index_recall.py``).

    References
    ----------
    Malkov and Yashunin, "Efficient and Robust Approximate Nearest Neighbor Search Using Hierarchical Navigable Small
    World Graphs", IEEE TPAMI 2020.
    """

    kind = "usearch"
    exact = False

    def __init__(
        self,
        vectors: npt.ArrayLike,
        *,
        connectivity: int = 16,
        expansion_add: int = 128,
        expansion: int = 128,
        path: str | os.PathLike[str] | None = None,
        must_keep: bool = True,
    ) -> None:
        super().__init__(vectors)
        module = import_extra("usearch.index", extra="index", purpose="An approximate index of classes")
        whole: dict[str, Any] = {"integer": True}
        connectivity = int(check_number("UsearchIndex", "connectivity", connectivity, low=2, high=256, **whole))
        expansion_add = int(check_number("UsearchIndex", "expansion_add", expansion_add, low=1, high=65_536, **whole))
        self.expansion = int(check_number("UsearchIndex", "expansion", expansion, low=1, high=65_536, **whole))
        self._index = module.Index(
            ndim=self.n_dimensions,
            metric="cos",
            dtype="f16",
            connectivity=connectivity,
            expansion_add=expansion_add,
            expansion_search=self.expansion,
        )
        kept = None if path is None else _Kept(Path(path), self._units, (connectivity, expansion_add))
        if kept is None or not kept.load(self._index):
            self._index.add(np.arange(self.n_classes, dtype=np.uint64), self._units)
            if kept is not None:
                kept.save(self._index, must=check_switch("UsearchIndex", "must_keep", must_keep))

    def _search(self, units: Array, k: int) -> tuple[Array, Array]:
        # Somewhat more than asked for, as 16 bits may put the last ones in another order.
        more = min(self.n_classes, max(k + 8, 2 * k))
        self._index.expansion_search = max(self.expansion, more)
        found = self._index.search(units, more)
        keys, counts = np.atleast_2d(found.keys).astype(np.int64), np.atleast_1d(found.counts)
        positions = np.zeros((len(units), k), np.intp)
        cosines = np.zeros((len(units), k), np.float32)
        for row, (some, count) in enumerate(zip(keys, counts, strict=True)):
            near = np.sort(some[: int(count)])
            if len(near) < k:
                near = _filled(near, k, self.n_classes)
            exact = self._units[near] @ units[row]
            best = np.argsort(-exact, kind="stable")[:k]
            positions[row], cosines[row] = near[best], exact[best]
        return positions, cosines


class _Kept:
    """A graph on disk, beside it what it is of."""

    def __init__(self, path: Path, units: Array, settings: tuple[int, int]) -> None:
        self._path = path
        self._card = path.with_name(path.name + ".sha256")
        digest = hashlib.sha256(f"unseen-class-index-1 {units.shape} {settings}".encode())
        digest.update(np.ascontiguousarray(units).data)
        self._vectors = digest.hexdigest()

    def load(self, index: Any) -> bool:
        """Fill the index from the file; False where that is missing, damaged, or of other classes."""
        try:
            if self._card.read_text("ascii").split() != [self._vectors, _digest_of(self._path)]:
                return False
            index.load(str(self._path))
        except (OSError, ValueError, RuntimeError):
            return False
        return True

    def save(self, index: Any, *, must: bool) -> None:
        """Write the file, and what it is of after it.

        Raises
        ------
        InputError
            When the system refuses, and it must be written.
        """
        from unseen.writers import unwritable

        # Of this run alone: two that make the same graph at once must not write into one file.
        partial = self._path.with_name(f"{self._path.name}.{secrets.token_hex(4)}.partial")
        try:
            self._card.unlink(missing_ok=True)
            index.save(str(partial))
            digest = _digest_of(partial)
            partial.replace(self._path)
            self._card.write_text(f"{self._vectors} {digest}\n", "ascii")
        except (OSError, RuntimeError) as error:
            with suppress(OSError):
                partial.unlink(missing_ok=True)
            if must:
                refused = error if isinstance(error, OSError) else OSError(str(error))
                raise unwritable("UsearchIndex", "the index", self._path, refused) from None


def _digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _filled(near: Array, k: int, n_classes: int) -> Array:
    """Return `near` with the first other classes added, up to k: a graph may hold parts that no walk reaches."""
    others = np.setdiff1d(np.arange(min(n_classes, k + len(near))), near)[: k - len(near)]
    return np.sort(np.concatenate([near, others]))


def build_index(vectors: npt.ArrayLike, kind: str = "exact", **options: Any) -> ClassIndex:
    """Return an index of class vectors.

    Parameters
    ----------
    vectors : array-like of shape (C, d)
        As for `ClassIndex`.
    kind : {"exact", "usearch"}, default "exact"
        Which one.
    **options
        Of :class:`UsearchIndex`.

    Raises
    ------
    InputError
        When an argument cannot be used.
    MissingExtraError
        When usearch is asked for and not installed.

    Examples
    --------
    >>> build_index([[1, 0], [0, 1]]).search([[3, 1]], k=1)[0].tolist()
    [[0]]
    """
    check_choice("build_index", "index", kind, KINDS)
    if kind == "usearch":
        return UsearchIndex(vectors, **options)
    if options:
        raise InputError(message("build_index", "options", "none for an exact index", options, "Leave them out"))
    return ExactIndex(vectors)


def recall(found: npt.ArrayLike, truth: npt.ArrayLike) -> float:
    """Return the share of true nearest classes (n, k) that are among those found (n, at least k).

    Examples
    --------
    >>> recall([[0, 2, 5]], [[2, 3, 0]])
    0.6666666666666666
    """
    there, wanted = np.asarray(found), np.asarray(truth)
    return float(np.mean([np.isin(want, have).mean() for have, want in zip(there, wanted, strict=True)]))


def _unit_rows(owner: str, vectors: npt.ArrayLike, *, zero: bool = False) -> Array:
    matrix = np.asarray(vectors)
    if matrix.ndim != 2 or matrix.dtype.kind not in "fiu" or not matrix.shape[1] or (not zero and not len(matrix)):
        raise InputError(message(owner, "vectors", "numbers of shape (n, d)", matrix, "Pass one row per class"))
    rows = matrix.astype(np.float32)
    lengths = np.linalg.norm(rows.astype(np.float64) if rows.size < 1 << 20 else rows, axis=1)
    if not np.isfinite(lengths).all() or (not zero and not lengths.all()):
        wrong = int(np.flatnonzero(~(np.isfinite(lengths) & (lengths > 0)))[0])
        expected = "finite" if zero else "finite, and none of them zero"
        raise InputError(message(owner, "vectors", expected, verbatim(f"row {wrong}"), "Leave it out"))
    units: Array = rows / np.where(lengths > 0, lengths, 1).astype(np.float32)[:, None]
    return units
