"""The layout that YOLO classifiers are trained from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unseen.exports.base import Export
from unseen.exports.names import class_folders
from unseen.validation import check_number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from unseen.exports.base import Sample

__all__ = ["YoloExport"]


class YoloExport(Export):
    """Photos under ``train/CLASS/`` and ``val/CLASS/``, as YOLO classifiers are trained from.

    Which part a photo goes to follows from its digest: the same in every export, and copies of one photo never in both.
    Every class that some photo is of has a folder in both parts, so that class numbers agree. Unknown items are left
    out: a classifier has no place for them.

    Options
    -------
    val_share : float, default 0.1
        Share of photos for ``val``, in [0, 1).
    """

    description = "train/ and val/ with a folder per class, for YOLO classifiers"
    takes_unknown = False
    options = ("val_share",)

    def begin(self) -> None:
        """Name the folders."""
        share = check_number("convert", "val_share", self.chosen.get("val_share", 0.1), low=0, high=0.9)
        self._val_below = int(share * (1 << 32))
        self._folders = class_folders(self.classes)
        self._used: dict[str, str] = {}

    def add(self, sample: Sample) -> None:
        """Put the item's file into its part and class."""
        name = sample.names[0]
        folder = self._folders[name]
        if folder not in self._used:
            for part in ("train", "val"):
                (self.root / part / folder).mkdir(parents=True, exist_ok=True)
            self._used[folder] = name
        part = "val" if int((sample.sha or "f")[:8], 16) < self._val_below else "train"
        self.originals.place(sample, self.root / part / folder)

    def end(self) -> Mapping[str, str]:
        """Return the class of each folder."""
        return self._used
