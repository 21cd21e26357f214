"""FiftyOne, for looking."""

from __future__ import annotations

import json
from pathlib import PurePath
from typing import TYPE_CHECKING

from unseen.exports.base import Export

if TYPE_CHECKING:
    from collections.abc import Mapping

    from unseen.exports.base import Sample

__all__ = ["FiftyOneExport"]


class FiftyOneExport(Export):
    """A FiftyOneImageClassificationDataset: photos in ``data/``, labels with confidence in ``labels.json``.

    Photos are numbered, because labels go by a file's name without its suffix. An unknown item has no label. One label
    per item: the likeliest.
    """

    description = "FiftyOneImageClassificationDataset: data/ and labels.json"

    def begin(self) -> None:
        """Open the file."""
        (self.root / "data").mkdir()
        self._file = (self.root / "labels.json").open("w", encoding="utf-8", newline="\n")
        self._file.write(f'{{"classes": {json.dumps(list(self.classes), ensure_ascii=False)},\n"labels": {{')
        self._any = False

    def add(self, sample: Sample) -> None:
        """Write the item's label."""
        name = self.originals.place(sample, self.root / "data", stem=f"{sample.position:09d}")
        label = None
        if sample.answer is not None:
            label = {"label": sample.answer, "confidence": sample.probabilities[0], "attributes": {"item": sample.item}}
        key = json.dumps(PurePath(name).stem, ensure_ascii=False)
        self._file.write(f"{',' if self._any else ''}\n  {key}: {json.dumps(label, ensure_ascii=False)}")
        self._any = True

    def end(self) -> Mapping[str, str]:
        """Close the object."""
        self._file.write("\n}}\n")
        return {}

    def close(self) -> None:
        """Close the file."""
        if hasattr(self, "_file"):
            self._file.close()
