"""What a search found: readable when printed, and ready for what people already use."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unseen.errors import InputError
from unseen.validation import message, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["COLUMNS", "Hit", "Hits", "check_format", "format_hits"]

#: The columns of every output, in order.
COLUMNS = ("query", "rank", "item", "score", "probability", "sha", "width", "height")
_FORMATS = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet", ".pq": "parquet"}


@dataclass(frozen=True)
class Hit:
    """One image that was found.

    Attributes
    ----------
    query : str
        What was asked for.
    rank : int
        Its place for that query, from 1.
    item : str
        Its name.
    score : float
        The class score of the query, by which images are ranked: for most models a cosine.
    probability : float
        How likely the image shows it at all, in [0, 1], by the model's own calibration.
    sha : str or None
        Digest of its file.
    width, height : int
        Its size.
    """

    query: str
    rank: int
    item: str
    score: float
    probability: float
    sha: str | None
    width: int
    height: int


@dataclass(frozen=True)
class Hits:
    """What was found: for each query its best images, best first.

    Attributes
    ----------
    queries : tuple of str
        What was asked for.
    hits : tuple of Hit
        The images, query by query.
    searched : int
        How many images were looked at.
    settings : mapping
        What produced this.
    """

    queries: tuple[str, ...]
    hits: tuple[Hit, ...] = field(repr=False)
    searched: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.hits)

    def __iter__(self) -> Iterator[Hit]:
        return iter(self.hits)

    def of(self, query: str) -> list[Hit]:
        """Return the images for one query, best first."""
        return [hit for hit in self.hits if hit.query == query]

    def rows(self) -> list[dict[str, Any]]:
        """Return all rows as dicts of :data:`COLUMNS`."""
        return [{name: getattr(hit, name) for name in COLUMNS} for hit in self.hits]

    def to_arrow(self) -> Any:
        """Return a ``pyarrow.Table`` of the rows."""
        import pyarrow as pa

        types = (pa.string(), pa.int32(), pa.string(), pa.float32(), pa.float32(), pa.string(), pa.int32(), pa.int32())
        return pa.Table.from_pylist(self.rows(), schema=pa.schema(list(zip(COLUMNS, types, strict=True))))

    def to_pandas(self) -> Any:
        """Return a ``pandas.DataFrame`` of the rows.

        Raises
        ------
        MissingExtraError
            When pandas is not installed.
        """
        from unseen.validation import import_extra

        import_extra("pandas", extra="pandas", purpose="Hits.to_pandas")
        return self.to_arrow().to_pandas()

    def write(self, path: str | Path) -> None:
        """Write the rows: ``.csv``, ``.jsonl`` or ``.parquet``, whole or not at all.

        Raises
        ------
        InputError
            When the suffix is another, or the system refuses.
        """
        from unseen.writers import check_writable, partial_of, unwritable

        path = Path(path)
        kind = check_format(path)
        check_writable("search", "the output file", path)
        try:
            if kind == "parquet":
                import pyarrow.parquet as pq

                with partial_of(path).open("wb") as file:
                    pq.write_table(self.to_arrow(), file)
            else:
                partial_of(path).write_text(self._text(kind), "utf-8", newline="")
            partial_of(path).replace(path)
        except OSError as error:
            raise unwritable("search", "the output file", path, error) from None

    def _text(self, kind: str) -> str:
        if kind == "jsonl":
            return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in self.rows())
        out = io.StringIO()
        rows = csv.DictWriter(out, COLUMNS, lineterminator="\n", quoting=csv.QUOTE_MINIMAL)
        rows.writeheader()
        rows.writerows(self.rows())
        return out.getvalue()

    def __str__(self) -> str:
        return format_hits(self)


def check_format(path: Path) -> str:
    """Return the format a file's suffix asks for.

    Raises
    ------
    InputError
        When it asks for none that is known.
    """
    kind = _FORMATS.get(path.suffix.lower())
    if kind is None:
        known = ", ".join(_FORMATS)
        raise InputError(message("search", "the output file's suffix", f"one of {known}", path.name, "Rename the file"))
    return kind


def format_hits(hits: Hits, limit: int = 10) -> str:
    """Return a table of the first `limit` images of each query."""
    lines = []
    for query in hits.queries:
        found = hits.of(query)
        lines.append(f"{one_line(query)}: {len(found):,} of {hits.searched:,} images")
        for hit in found[:limit]:
            item = one_line(hit.item)
            item = item if len(item) <= 60 else "…" + item[-59:]
            lines.append(f"  {hit.rank:>4}  {hit.score:>7.3f}  {hit.probability:>4.0%}  {item}")
        if len(found) > limit:
            lines.append(f"        … and {len(found) - limit:,} more")
    return "\n".join(lines)
