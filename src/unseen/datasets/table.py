"""Photos in class folders with a table of attributes: read as a data set, encoded first where nobody did."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unseen.datasets.build import build_dataset
from unseen.datasets.problems import problem
from unseen.datasets.readers import DatasetReader, other_prototypes
from unseen.validation import verbatim

if TYPE_CHECKING:
    from pathlib import Path

    from unseen.datasets.dataset import Dataset
    from unseen.prototypes import Prototypes

__all__ = ["TableReader"]

_TABLES = ("attributes.csv", "classes.csv")
_UNSEEN = ("unseen.txt", "testclasses.txt")
_FEATURES = ("features.npz", "features.safetensors", "features.parquet")


class TableReader(DatasetReader):
    """Class folders of photos, a table of attributes, a list of unseen classes and, if at hand, a feature file.

    ::

        attributes.csv (or classes.csv)   a row per class, a column per attribute
        unseen.txt (or testclasses.txt)   the unseen classes, one per line
        photos/okapi/1.jpg ...            or the class folders beside the table
        features.npz (.safetensors, .parquet)   where the photos are encoded already; photos may then be missing

    What is held out of seen classes is drawn with seed 0. To choose anything, use `build_dataset`.
    """

    looks_like = "attributes.csv, unseen.txt, and photos in class folders or features.npz"

    @staticmethod
    def recognises(folder: Path) -> bool:
        """Whether there are a table and a list of unseen classes."""
        return _first(folder, _TABLES) is not None and _first(folder, _UNSEEN) is not None

    def read(self, folder: Path, *, prototypes: str | Path | Prototypes | None = None) -> Dataset:
        """Read the tables, and take vectors from the feature file or the default model."""
        table, unseen, features = (_first(folder, names) for names in (_TABLES, _UNSEEN, _FEATURES))
        for found, names in ((table, _TABLES), (unseen, _UNSEEN)):
            if found is None:
                none = verbatim("none of that name")
                raise problem(folder, " or ".join(names), "a file in the folder", none, "Write it; see TableReader")
        photos: Path | None = folder / "photos" if (folder / "photos").is_dir() else folder
        if features is not None and photos == folder and not any(path.is_dir() for path in folder.iterdir()):
            photos = None
        built = build_dataset(
            photos, attributes=table, unseen=unseen, features=features, name=folder.resolve().name
        ).dataset
        if prototypes is None:
            return built
        chosen, columns = other_prototypes(folder, prototypes, built.prototypes)
        return type(built)(
            built._features,
            built._classes,
            prototypes=chosen,
            split=built.split,
            name=built.name,
            items=built._items,
            attribute_names=columns,
            made=built.made,
        )


def _first(folder: Path, names: tuple[str, ...]) -> Path | None:
    return next((folder / name for name in names if (folder / name).is_file()), None)
