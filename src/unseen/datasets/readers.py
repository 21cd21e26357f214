"""What every reader of data sets is, and `read_dataset`, which finds the right one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from unseen.datasets.problems import problem
from unseen.inputs.files import similar_names
from unseen.prototypes import Prototypes
from unseen.registry import DATASETS
from unseen.validation import verbatim

if TYPE_CHECKING:
    from unseen.datasets.dataset import Dataset

__all__ = ["DatasetReader", "check_folder", "other_prototypes", "read_dataset"]


class DatasetReader(ABC):
    """Base of the readers: recognises a folder by what is in it, and reads it.

    Attributes
    ----------
    looks_like : str
        What a folder of this format holds, in words; completes "a folder with".
    """

    looks_like: ClassVar[str]

    @staticmethod
    @abstractmethod
    def recognises(folder: Path) -> bool:
        """Whether a folder is of this format, told from file names alone."""

    @abstractmethod
    def read(self, folder: Path, *, prototypes: str | Path | Prototypes | None = None) -> Dataset:
        """Read it; `prototypes` asks for others than the format's own."""


def read_dataset(
    path: str | Path, *, prototypes: str | Path | Prototypes | None = None, format: str | None = None
) -> Dataset:
    """Read a data set in any registered format.

    Parameters
    ----------
    path : path
        Its folder, or a file directly in it.
    prototypes : str, path, Prototypes or None, default None
        Class vectors to use in place of the usual ones: `Prototypes` with a row for every class; for "xlsa" also
        ``"original_att"`` or another splits file (``"sent_splits.mat"``); for the others also a table of attributes
        (CSV).
    format : str or None, default None
        A name in :data:`unseen.registry.DATASETS` ("xlsa", "unseen", "table"); None tells it from the files.

    Returns
    -------
    Dataset

    Raises
    ------
    DatasetError
        When there is no such folder, no format fits, or what is in it is damaged or leaks; the message names the
        file.
    UnknownNameError
        When there is no format of that name.

    Examples
    --------
    >>> import numpy as np
    >>> from unseen import Prototypes
    >>> from unseen.datasets import Dataset, Split, read_dataset, write_dataset
    >>> p = Prototypes(["cat", "dog"], [[1, 0], [0, 1]])
    >>> data = Dataset(np.eye(3), ["cat", "cat", "dog"], prototypes=p, split=Split([0], [1], [2]), name="pets")
    >>> write_dataset(data, "pets")
    >>> read_dataset("pets")
    Dataset('pets', 3 samples of 3 numbers, 2 classes)
    """
    folder = Path(path)
    if folder.is_file():
        folder = folder.parent
    if not folder.is_dir():
        raise problem("read_dataset", "path", "a folder that exists", str(path), similar_names(Path(path)))
    if format is not None:
        reader: DatasetReader = DATASETS.get(format)()
        return reader.read(folder, prototypes=prototypes)
    for name in DATASETS:
        kind: type[DatasetReader] = DATASETS.get(name)
        if kind.recognises(folder):
            return kind().read(folder, prototypes=prototypes)
    known = "; ".join(f"{name}: {DATASETS.get(name).looks_like}" for name in DATASETS)
    found = verbatim("one with none of the files")
    raise problem(folder, "the folder", "a data set", found, f"Formats and what they hold: {known}")


def other_prototypes(
    owner: Path | str, given: Prototypes | Path | str, own: Prototypes
) -> tuple[Prototypes, tuple[str, ...] | None]:
    """Return class vectors that somebody asked for in place of `own`, in its order, and their columns' names."""
    if not isinstance(given, Prototypes):
        from unseen.datasets.attributes import read_attributes

        table = read_attributes(given)
        rows, columns = Prototypes(table.names, table.values), table.columns
    else:
        rows, columns = given, None
    missing = [name for name in own.names if name not in rows.names]
    if missing:
        found = verbatim(f"{len(missing)} classes without, such as {missing[0]!r}")
        raise problem(owner, "prototypes", "given for every class", found, "Add a row for each")
    return rows.subset(own.names), columns


def check_folder(folder: Path, name: str) -> Path:
    """Return a file of a folder, or say that it is missing."""
    path = folder / name
    if not path.is_file():
        raise problem(folder, name, "a file in the folder", verbatim("none of that name"), similar_names(path))
    return path
