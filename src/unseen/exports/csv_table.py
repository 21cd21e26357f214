"""A table."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from unseen.exports.base import Export

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
        self._rows = csv.writer(self._file, lineterminator="\n")
        self._rows.writerow(COLUMNS)

    def add(self, sample: Sample) -> None:
        """Write the item's rows."""
        about = (sample.sha or "", sample.width or "", sample.height or "")
        if not sample.names:
            self._rows.writerow((sample.item, "", "", "", "false", *about))
        for rank, (name, share) in enumerate(zip(sample.names, sample.probabilities, strict=True)):
            answer = "true" if rank < sample.answers else "false"
            self._rows.writerow((sample.item, rank + 1, name, share, answer, *about))

    def close(self) -> None:
        """Close the file."""
        if hasattr(self, "_file"):
            self._file.close()
