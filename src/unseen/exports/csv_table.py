"""A table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unseen.exports.base import Export
from unseen.writers import CSVTable

if TYPE_CHECKING:
    from unseen.exports.base import Sample

__all__ = ["CsvExport"]

COLUMNS = ("item", "rank", "name", "probability", "answer", "sha", "width", "height")


class CsvExport(Export):
    """A CSV file: a row per item and rank, with the digest and size of its file.

    ``answer`` says whether this class is (one of) the item's; of an unknown item none is.
    """

    description = "a table, a row per item and rank"
    suffix = ".csv"

    def begin(self) -> None:
        """Write the header."""
        self._file = self.root.open("w", encoding="utf-8", newline="")
        self._table = CSVTable(self._file, COLUMNS)

    def add(self, sample: Sample) -> None:
        """Write the item's rows."""
        about = (sample.sha, sample.width or None, sample.height or None)
        if not sample.names:
            self._table.add((sample.item, None, None, None, False, *about))
        for rank, (name, share) in enumerate(zip(sample.names, sample.probabilities, strict=True)):
            self._table.add((sample.item, rank + 1, name, share, rank < sample.answers, *about))

    def close(self) -> None:
        """Close the file."""
        if hasattr(self, "_file"):
            self._file.close()
