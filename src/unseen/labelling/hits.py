"""What a search found: readable when printed, and ready for what people already use."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unseen.validation import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["COLUMNS", "Hit", "Hits", "format_hits"]

_TYPES = {
    "query": "string",
    "rank": "int32",
    "item": "string",
    "score": "float32",
    "probability": "float32",
    "sha": "string",
    "width": "int32",
    "height": "int32",
}
#: The columns of every output, in order.
COLUMNS = tuple(_TYPES)


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
        from unseen.writers import arrow_table

        return arrow_table(self.rows(), _TYPES)

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
        from unseen.writers import open_writer

        with open_writer(Path(path), columns=_TYPES) as writer:
            writer.write_rows(self.rows())

    def __str__(self) -> str:
        return format_hits(self)


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
