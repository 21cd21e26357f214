"""Results: frozen, readable when printed, and ready for what people already use."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.errors import InputError
from unseen.validation import message, one_line, verbatim

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy.typing as npt

__all__ = ["COLUMNS", "Evidence", "Explanation", "Predictions"]

#: The columns of every output, in order.
COLUMNS = ("item", "rank", "name", "probability", "unknown", "error")


@dataclass(frozen=True)
class Evidence:
    """One thing that speaks for (or against) a prediction.

    Parameters
    ----------
    kind : str
        ``"seen class"``, ``"name"``, ``"synonym"``, ``"description"``, ``"definition"`` or ``"attribute"``.
    text : str
        The seen class's name, or what the vocabulary says.
    weight : float
        For a seen class its probability in [0, 1]; otherwise its part of the class's lead over the mean class,
        positive where it speaks for the prediction.
    """

    kind: str
    text: str
    weight: float


@dataclass(frozen=True)
class Explanation:
    """What speaks for one prediction, strongest first within each kind."""

    item: str
    name: str
    evidence: tuple[Evidence, ...]

    def __str__(self) -> str:
        lines = [one_line(f"{self.item}: {self.name}")]
        for part in self.evidence:
            weight = f"{part.weight:.0%}" if part.kind == "seen class" else f"{part.weight:+.2f}"
            lines.append(f"  {part.kind:<12} {weight:>6}  {one_line(part.text)}")
        return "\n".join(lines)


@dataclass(frozen=True, eq=False)
class Predictions:
    """What was recognised: for each item its likeliest classes with probabilities, or why there are none.

    Parameters
    ----------
    items : sequence of str
        What each answer is about: a file, a line of a file, or a number.
    names : sequence of str
        Class names of the vocabulary.
    top : array-like of int of shape (n, K)
        Positions into `names`, likeliest first; ignored where there is an error.
    probabilities : array-like of shape (n, K)
        Calibrated probabilities of those classes among the vocabulary's classes, in [0, 1].
    known : array-like of shape (n,)
        How far each item looks like any of the classes, in [0, 1]; small means unknown.
    unknown : array-like of bool of shape (n,)
        Whether the item was called unknown.
    errors : sequence of (str or None)
        Why an item could not be used; None where it could.
    settings : mapping, default {}
        What produced this: model, fingerprints, thresholds.
    chosen : array-like of int of shape (n,) or None, default None
        How many of each item's ranks are its answer: of a multi-label answer the accepted classes, which come first;
        of an item with candidates as many as it had, K at most. None: all K.

    Notes
    -----
    One row per item and rank, ranks from 1; an item that could not be used is one row with its error and
    nothing else, and one with no accepted class is one row that says unknown. Ties are broken by the order of the
    vocabulary.

    Examples
    --------
    >>> from unseen import Predictions
    >>> p = Predictions(["a.jpg"], ["okapi", "zebra"], [[1, 0]], [[0.9, 0.1]], [0.8], [False], [None])
    >>> p.rows()[0]["name"], p.rows()[0]["probability"]
    ('zebra', 0.9)
    """

    items: tuple[str, ...]
    names: tuple[str, ...] = field(repr=False)
    top: npt.NDArray[np.intp] = field(repr=False)
    probabilities: npt.NDArray[np.float32] = field(repr=False)
    known: npt.NDArray[np.float32] = field(repr=False)
    unknown: npt.NDArray[np.bool_] = field(repr=False)
    errors: tuple[str | None, ...] = field(repr=False)
    settings: Mapping[str, Any] = field(repr=False)
    chosen: npt.NDArray[np.intp] | None = field(repr=False)

    def __init__(
        self,
        items: Sequence[str],
        names: Sequence[str],
        top: npt.ArrayLike,
        probabilities: npt.ArrayLike,
        known: npt.ArrayLike,
        unknown: npt.ArrayLike,
        errors: Sequence[str | None],
        settings: Mapping[str, Any] | None = None,
        *,
        chosen: npt.ArrayLike | None = None,
    ) -> None:
        n = len(items)
        arrays = {
            "top": _array("top", top, np.intp),
            "probabilities": _array("probabilities", probabilities, np.float32),
            "known": _array("known", known, np.float32),
            "unknown": _array("unknown", unknown, np.bool_),
        }
        ranks = arrays["top"].shape[1] if arrays["top"].ndim == 2 else 0
        expected = {"top": (n, ranks), "probabilities": (n, ranks), "known": (n,), "unknown": (n,)}
        for key, array in arrays.items():
            if array.size == 0 and 0 in expected[key]:
                array = array.reshape(expected[key])  # [] is as good as no rows of any length
            if array.shape != expected[key]:
                raise InputError(
                    message("Predictions", key, f"of shape {expected[key]}", array, "Give every item one answer")
                )
            array.flags.writeable = False
            object.__setattr__(self, key, array)
        if len(errors) != n:
            raise InputError(
                message(
                    "Predictions",
                    "errors",
                    f"{n} entries, one per item",
                    verbatim(str(len(errors))),
                    "Give every item an error or None",
                )
            )
        object.__setattr__(self, "items", tuple(items))
        object.__setattr__(self, "names", tuple(names))
        object.__setattr__(self, "errors", tuple(errors))
        object.__setattr__(self, "settings", dict(settings or {}))
        object.__setattr__(self, "chosen", None if chosen is None else _counts(chosen, n, ranks))
        self._check_answers()

    def _check_answers(self) -> None:
        """Refuse answers that are no classes, or no numbers; items with an error have no answer to check."""
        usable = np.array([error is None for error in self.errors], dtype=np.bool_)
        if not usable.any():
            return
        top, probabilities = self.top[usable], self.probabilities[usable]
        if top.shape[1] == 0:
            raise InputError(
                message("Predictions", "top", "of at least one rank", self.top, "Give every item one answer")
            )
        wrong = top[(top < 0) | (top >= len(self.names))]
        if wrong.size:
            expected = f"positions into the {len(self.names)} names"
            raise InputError(message("Predictions", "top", expected, int(wrong[0]), "Count positions from 0"))
        if not np.isfinite(probabilities).all():
            value = float(probabilities[~np.isfinite(probabilities)][0])
            raise InputError(message("Predictions", "probabilities", "finite", value, "Mend the scores they come from"))

    @classmethod
    def concatenate(cls, parts: Sequence[Predictions]) -> Predictions:
        """Return one result for all items of `parts`, which must share names and number of ranks.

        Raises
        ------
        InputError
            When they do not; a part without items fits any.
        """
        parts = [part for part in parts if len(part)] or list(parts[:1])
        if not parts:
            return cls([], [], [], [], [], [], [])
        first = parts[0]
        for part in parts[1:]:
            # Batches of one run share the tuple of names; to compare a million of them for each would take long.
            same = part.names is first.names or part.names == first.names
            same = same and part.top.shape[1] == first.top.shape[1]
            if not same or (part.chosen is None) != (first.chosen is None):
                raise InputError(
                    message(
                        "Predictions",
                        "the parts' names and numbers of ranks",
                        "the same in all",
                        verbatim("different ones"),
                        "Join only results of one vocabulary and one setting",
                    )
                )
        return cls(
            [item for part in parts for item in part.items],
            parts[0].names,
            np.concatenate([part.top for part in parts]),
            np.concatenate([part.probabilities for part in parts]),
            np.concatenate([part.known for part in parts]),
            np.concatenate([part.unknown for part in parts]),
            [error for part in parts for error in part.errors],
            parts[0].settings,
            chosen=None if first.chosen is None else np.concatenate([p.chosen for p in parts if p.chosen is not None]),
        )

    def __len__(self) -> int:
        return len(self.items)

    def ranks(self, i: int) -> int:
        """Return how many of item `i`'s ranks are its answer; 0 where it could not be used."""
        if self.errors[i] is not None:
            return 0
        return self.top.shape[1] if self.chosen is None else int(self.chosen[i])

    def best(self) -> list[str | None]:
        """Return each item's likeliest class, or None where it is unknown or could not be used."""
        return [
            None if self.errors[i] is not None or self.unknown[i] else self.names[self.top[i, 0]]
            for i in range(len(self))
        ]

    def accepted(self) -> list[list[str]]:
        """Return the classes of each item's answer, likeliest first; none where it is unknown or could not be used.

        Of a multi-label answer those are its accepted classes, of any other the likeliest ones.
        """
        return [
            [] if self.unknown[i] else [self.names[position] for position in self.top[i, : self.ranks(i)]]
            for i in range(len(self))
        ]

    def iter_rows(self) -> Iterator[dict[str, Any]]:
        """Yield a dict of :data:`COLUMNS` per item and rank."""
        for i, item in enumerate(self.items):
            if self.errors[i] is not None:
                yield dict(zip(COLUMNS, (item, None, None, None, None, self.errors[i]), strict=True))
                continue
            unknown, n = bool(self.unknown[i]), self.ranks(i)
            if not n:
                yield dict(zip(COLUMNS, (item, None, None, None, True, None), strict=True))
                continue
            ranked = zip(self.top[i, :n], self.probabilities[i, :n], strict=True)
            for rank, (position, probability) in enumerate(ranked, 1):
                # Through str(): the shortest decimal that is this float32, not its 17-digit expansion.
                row = (item, rank, self.names[position], float(str(probability)), unknown, None)
                yield dict(zip(COLUMNS, row, strict=True))

    def rows(self) -> list[dict[str, Any]]:
        """Return all rows as dicts, one per item and rank."""
        return list(self.iter_rows())

    # -- to what people use ------------------------------------------------------------------------------

    def to_arrow(self) -> Any:
        """Return a ``pyarrow.Table`` of the rows."""
        from unseen.writers import arrow_table

        return arrow_table(self.iter_rows())

    def to_pandas(self) -> Any:
        """Return a ``pandas.DataFrame`` of the rows.

        Raises
        ------
        MissingExtraError
            When pandas is not installed.
        """
        from unseen.validation import import_extra

        import_extra("pandas", extra="pandas", purpose="Predictions.to_pandas")
        return self.to_arrow().to_pandas()

    def to_csv(self, path: str | Path) -> None:
        """Write the rows as CSV (UTF-8, header line)."""
        self._write(path, "csv")

    def to_jsonl(self, path: str | Path) -> None:
        """Write the rows as JSON Lines."""
        self._write(path, "jsonl")

    def to_parquet(self, path: str | Path) -> None:
        """Write the rows as Parquet."""
        self._write(path, "parquet")

    def to_json(self) -> str:
        """Return settings and rows as one JSON document."""
        return json.dumps({"settings": self.settings, "rows": self.rows()}, ensure_ascii=False, default=str)

    def _write(self, path: str | Path, kind: str) -> None:
        from unseen.writers import open_writer

        with open_writer(Path(path), kind=kind) as writer:
            writer.write(self)

    # -- for people --------------------------------------------------------------------------------------

    def __str__(self) -> str:
        return format_table(self)

    def _repr_html_(self) -> str:
        from html import escape

        return f"<pre>{escape(format_table(self))}</pre>"


def format_table(predictions: Predictions, limit: int = 20, total: int | None = None) -> str:
    """Return a table of the first `limit` items, of `total`: item, answer, probability, and the runners-up."""
    if not len(predictions):
        return "no items"
    shown = range(min(limit, len(predictions)))
    lines = [_table_row(predictions, i) for i in shown]
    widths = [max(len(line[column]) for line in lines) for column in range(3)]
    text = "\n".join(f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c:>{widths[2]}}  {d}".rstrip() for a, b, c, d in lines)
    more = (len(predictions) if total is None else total) - len(shown)
    return text + (f"\n… and {more:,} more" if more else "")


def _array(key: str, values: npt.ArrayLike, dtype: type[np.generic]) -> npt.NDArray[Any]:
    try:
        return np.array(values, dtype=dtype)
    except (TypeError, ValueError, OverflowError):
        expected = f"an array of {dtype.__name__}"
        raise InputError(message("Predictions", key, expected, values, "Give every item one answer")) from None


def _counts(values: npt.ArrayLike, n: int, ranks: int) -> npt.NDArray[np.intp]:
    array = _array("chosen", values, np.intp)
    array = array.reshape(n) if not array.size and not n else array
    if array.shape != (n,) or (array < 0).any() or (array > ranks).any():
        raise InputError(
            message("Predictions", "chosen", f"{n} numbers from 0 to {ranks}", array, "Count ranks, one number an item")
        )
    array.flags.writeable = False
    return array


def _share(probability: float) -> str:
    """Write a probability in percent, never as the certainty it is not."""
    if 0.995 <= probability < 1:
        return ">99%"
    return "<1%" if 0 < probability < 0.005 else f"{probability:.0%}"


def _table_row(predictions: Predictions, i: int) -> tuple[str, str, str, str]:
    item = one_line(predictions.items[i])
    item = item if len(item) <= 48 else "…" + item[-47:]
    if (error := predictions.errors[i]) is not None:
        return item, "skipped", "", one_line(error)
    n = predictions.ranks(i)
    ranked = [
        (one_line(predictions.names[position]), _share(probability))
        for position, probability in zip(predictions.top[i], predictions.probabilities[i], strict=True)
    ]
    if predictions.unknown[i]:
        return (
            item,
            "unknown",
            "",
            "perhaps " + ", ".join(f"{name} {share}" for name, share in ranked[: min(n, 3) or 3]),
        )
    shown = n if predictions.settings.get("multi_label") else min(n, 3)
    return item, ranked[0][0], ranked[0][1], ", ".join(f"{name} {share}" for name, share in ranked[1:shown])
