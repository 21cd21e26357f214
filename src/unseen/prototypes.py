"""Prototypes: named class vectors, the auxiliary information in numbers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from unseen.errors import InputError
from unseen.validation import message, nearest, verbatim

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

__all__ = ["Prototypes"]


@dataclass(frozen=True, eq=False)
class Prototypes:
    """Named class vectors in a semantic space; frozen, and deliberately not array-like.

    scikit-learn's metadata routing slices whatever looks like an array whose length happens to equal the number
    of samples, so this class has no ``__len__``, ``shape`` or ``__array__``.

    Parameters
    ----------
    names : sequence of str
        Class names, unique, in the order of the columns that every method answers with.
    vectors : array-like of shape (C, k)
        One finite vector per class; stored as a read-only float32 copy.
    seen : array-like of bool of shape (C,) or None, default None
        Which classes have labelled examples; None where that is not known.

    Raises
    ------
    InputError
        When names repeat, shapes disagree, or a value is not finite.

    Examples
    --------
    >>> from unseen import Prototypes
    >>> p = Prototypes(["zebra", "okapi"], [[1, 0], [0, 1]], seen=[True, False])
    >>> p.subset(["okapi"]).names
    ('okapi',)
    """

    names: tuple[str, ...]
    vectors: npt.NDArray[np.float32] = field(repr=False)
    seen: npt.NDArray[np.bool_] | None = field(repr=False)

    def __init__(
        self,
        names: Sequence[str],
        vectors: npt.ArrayLike,
        *,
        seen: npt.ArrayLike | None = None,
    ) -> None:
        object.__setattr__(self, "names", _check_names(names))
        object.__setattr__(self, "vectors", _check_vectors(vectors, len(self.names)))
        object.__setattr__(self, "seen", _check_seen(seen, len(self.names)))

    @property
    def n_classes(self) -> int:
        """Number of classes, C."""
        return len(self.names)

    @property
    def n_dimensions(self) -> int:
        """Dimension of the semantic space, k."""
        return int(self.vectors.shape[1])

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.names)}

    def positions(self, names: Iterable[str]) -> npt.NDArray[np.intp]:
        """Return each name's row, in the order asked for.

        Raises
        ------
        InputError
            When a name is not among the prototypes; the nearest are listed.
        """
        try:
            return np.array([self._positions[name] for name in names], dtype=np.intp)
        except (KeyError, TypeError) as error:
            missing = str(error.args[0])
            hint = nearest(missing, self.names)
            remedy = f"Known and near: {', '.join(hint)}" if hint else f"There are {self.n_classes} names"
            raise InputError(
                message("Prototypes", "names", "names of the prototypes' classes", missing, remedy)
            ) from None

    def subset(self, names: Iterable[str]) -> Prototypes:
        """Return the prototypes of these classes, in this order."""
        rows = self.positions(names)
        return Prototypes(
            [self.names[i] for i in rows],
            self.vectors[rows],
            seen=None if self.seen is None else self.seen[rows],
        )

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of names, vectors and seen mask; equal prototypes have equal fingerprints on every machine."""
        digest = hashlib.sha256(b"unseen-prototypes-1")
        for name in self.names:
            raw = name.encode()
            digest.update(len(raw).to_bytes(8, "little") + raw)
        digest.update(np.array(self.vectors.shape, dtype="<u8").tobytes())
        digest.update(self.vectors.astype("<f4").tobytes())
        digest.update(b"none" if self.seen is None else self.seen.tobytes())
        return digest.hexdigest()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Prototypes):
            return NotImplemented
        return self.fingerprint == other.fingerprint

    def __hash__(self) -> int:
        return hash(self.fingerprint)


def _check_names(names: Sequence[str]) -> tuple[str, ...]:
    listed = None if isinstance(names, str) or not isinstance(names, Iterable) else tuple(names)
    if listed is None or not all(isinstance(name, str) and name for name in listed):
        raise InputError(
            message("Prototypes", "names", "a sequence of non-empty strings", names, "Pass one name per class")
        )
    names = tuple(str(name) for name in listed)
    if not names:
        raise InputError(
            message("Prototypes", "names", "at least one name", verbatim("none"), "Pass one name per class")
        )
    if len(set(names)) < len(names):
        twice = next(name for i, name in enumerate(names) if name in names[:i])
        raise InputError(message("Prototypes", "names", "unique", twice, "Rename or remove one of the two"))
    for name in names:
        if any("\ud800" <= letter <= "\udfff" for letter in name):
            # Half of a surrogate pair: no file could hold it.
            raise InputError(message("Prototypes", "names", "text that UTF-8 can hold", name, "Mend that name"))
    return names


def _check_vectors(vectors: npt.ArrayLike, n_classes: int) -> npt.NDArray[np.float32]:
    try:
        if np.iscomplexobj(vectors):
            raise TypeError("complex numbers would lose their imaginary part")
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite and is refused below
            array = np.array(vectors, dtype=np.float32, order="C")
    except (TypeError, ValueError, OverflowError):
        raise InputError(
            message(
                "Prototypes", "vectors", "numbers of shape (C, k)", vectors, "Give every class a vector of one length"
            )
        ) from None
    if array.ndim != 2 or array.shape[0] != n_classes or array.shape[1] == 0:
        raise InputError(
            message(
                "Prototypes",
                "vectors",
                f"of shape ({n_classes}, k) with k at least 1",
                array,
                "Give every class a vector of one length",
            )
        )
    if not np.isfinite(array).all():
        row = int(np.flatnonzero(~np.isfinite(array).all(axis=1))[0])
        raise InputError(
            message(
                "Prototypes", "vectors", "finite in float32", verbatim(f"NaN or infinity in row {row}"), "Mend that row"
            )
        )
    array.flags.writeable = False
    return array


def _check_seen(seen: npt.ArrayLike | None, n_classes: int) -> npt.NDArray[np.bool_] | None:
    if seen is None:
        return None
    mask = np.array(seen)
    if mask.shape != (n_classes,) or mask.dtype != np.bool_:
        raise InputError(
            message("Prototypes", "seen", f"None or {n_classes} booleans", mask, "Pass one boolean per class")
        )
    mask.flags.writeable = False
    return mask
