"""One folder per class."""

from __future__ import annotations

from itertools import chain, count
from typing import TYPE_CHECKING

from unseen.exports.base import Export
from unseen.exports.names import class_folders

if TYPE_CHECKING:
    from collections.abc import Mapping

    from unseen.exports.base import Sample

__all__ = ["FoldersExport"]

UNKNOWN = "unknown"


class FoldersExport(Export):
    """Photos in a folder per class, as torchvision's ImageFolder, Keras, fastai and ``datasets`` read them.

    Items that were called unknown go to the folder ``unknown`` (``unknown-2`` where a class is called so). Only classes
    that some photo is of have a folder.
    """

    description = "a folder per class, of links or copies"

    def begin(self) -> None:
        """Name the folders."""
        self._folders = class_folders(self.classes)
        taken = {folder.casefold() for folder in self._folders.values()}
        numbered = (f"{UNKNOWN}-{number}" for number in count(2))
        self._unknown = next(name for name in chain([UNKNOWN], numbered) if name not in taken)
        self._used: dict[str, str] = {}

    def add(self, sample: Sample) -> None:
        """Put the item's file into the folder of its likeliest class."""
        folder = self._unknown if sample.answer is None else self._folders[sample.answer]
        place = self.root / folder
        if folder not in self._used:
            place.mkdir(exist_ok=True)
        self._used.setdefault(folder, sample.answer or "")
        self.originals.place(sample, place)

    def end(self) -> Mapping[str, str]:
        """Return the class of each folder."""
        return self._used
