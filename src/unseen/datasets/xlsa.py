"""The format of Xian et al. (2018): ``res101.mat`` with features and labels, ``att_splits.mat`` with everything else.

Indices count from 1 and columns are samples. The names are the format's: any features may be in ``res101.mat``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from unseen.datasets.class_lists import ClassLists, read_class_lists
from unseen.datasets.dataset import Dataset
from unseen.datasets.matlab import read_mat
from unseen.datasets.problems import Array, frozen, problem
from unseen.datasets.readers import DatasetReader, check_folder, other_prototypes
from unseen.datasets.split import PARTS, Split
from unseen.errors import InputError
from unseen.prototypes import Prototypes
from unseen.validation import verbatim

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["XlsaReader", "XlsaSplit", "read_xlsa", "read_xlsa_split"]

_FEATURES, _SPLITS = "res101.mat", "att_splits.mat"
_ATTRIBUTES = ("att", "original_att")
_REQUIRED = ("trainval", "test_seen", "test_unseen")


@dataclass(frozen=True)
class XlsaSplit:
    """A splits file without features.

    Attributes
    ----------
    prototypes : Prototypes
        All classes.
    split : Split
        Samples; that no sample is in two parts is proven, classes cannot be without labels.
    n_samples : int
        The highest position that any part holds, plus one.
    lists : ClassLists or None
        The class lists beside the file, where there are any.
    """

    prototypes: Prototypes
    split: Split
    n_samples: int
    lists: ClassLists | None = None


class XlsaReader(DatasetReader):
    """The format of Xian et al. (2018), of MATLAB versions 5 to 7.3; see :func:`read_xlsa`."""

    looks_like = f"{_FEATURES} and {_SPLITS}"

    @staticmethod
    def recognises(folder: Path) -> bool:
        """Whether the splits file is there."""
        return (folder / _SPLITS).is_file()

    def read(self, folder: Path, *, prototypes: str | Path | Prototypes | None = None) -> Dataset:
        """Read the two files."""
        return read_xlsa(folder, prototypes=prototypes)


def read_xlsa(
    folder: str | Path,
    *,
    prototypes: str | Path | Prototypes | None = None,
    features: str = _FEATURES,
    splits: str = _SPLITS,
    name: str | None = None,
) -> Dataset:
    """Read a data set in the format of Xian et al. (2018).

    Parameters
    ----------
    folder : path
    prototypes : str, path, Prototypes or None, default None
        None or ``"att"`` takes the attributes as they are usually used, scaled to length one; ``"original_att"`` the
        raw ones; a file's name or path takes the ``att`` of another splits file, matched by class names.
    features : str, default "res101.mat"
        The file with ``features`` (d, n) and ``labels`` (n, 1); ``image_files`` become the items. Integers become
        float32.
    splits : str, default "att_splits.mat"
        The file with ``att``, ``allclasses_names``, ``trainval_loc``, ``test_seen_loc``, ``test_unseen_loc`` and,
        where there are any, ``train_loc`` and ``val_loc``.
    name : str or None, default None
        What to call it; None takes the folder's name.

    Raises
    ------
    DatasetError
        When a file is missing, damaged or does not fit the other, or the split leaks: several public splits files
        have all of ``test_seen_loc`` in ``train_loc`` and ``val_loc``.
    MissingExtraError
        When a file is of MATLAB version 7.3 and h5py is not installed.
    """
    folder = Path(folder)
    splits_path, features_path = check_folder(folder, splits), check_folder(folder, features)
    split, names, tables = _read_splits(splits_path)
    if prototypes is None or (isinstance(prototypes, str) and prototypes in _ATTRIBUTES):
        chosen = _prototypes(splits_path, names, tables, prototypes or "att")
    elif isinstance(prototypes, Prototypes):
        chosen, _ = other_prototypes(folder, prototypes, _bare(names))
    else:
        chosen = _from_other_file(folder, prototypes, names)
    numbers, texts = read_mat(features_path, numbers=("features", "labels"), texts=("image_files",))
    for wanted in ("features", "labels"):
        if wanted not in numbers:
            raise problem(features_path, wanted, "a variable of the file", verbatim("none"), "Check which file it is")
    labels = _whole(features_path, "labels", numbers["labels"])
    if labels.max() >= len(names):
        expected = f"1 to {len(names)}, the number of classes"
        raise problem(
            features_path, "labels", expected, int(labels.max()) + 1, "Use the splits file that belongs to it"
        )
    matrix = numbers["features"]
    if matrix.shape[1] != len(labels):
        found = verbatim(f"shape {matrix.shape} for {len(labels)} labels")
        raise problem(features_path, "features", "one column per label", found, "Columns are samples: transpose it")
    with np.errstate(over="ignore"):
        vectors = np.array(matrix.T, dtype=np.float32, order="C")
    return Dataset(
        frozen(vectors),
        labels,
        prototypes=chosen,
        split=split,
        name=name or folder.resolve().name,
        items=texts.get("image_files"),
        made={"format": "xlsa", "features": features_path.name, "split": splits_path.name},
    )


def read_xlsa_split(path: str | Path) -> XlsaSplit:
    """Read a splits file alone, with the class lists beside it: many are shared without features.

    Parameters
    ----------
    path : path
        The file, or a folder with ``att_splits.mat``.

    Raises
    ------
    DatasetError
        When it is missing or damaged, or a sample is in two parts.
    """
    path = Path(path)
    path = check_folder(path, _SPLITS) if path.is_dir() else path
    split, names, tables = _read_splits(path)
    parts = [getattr(split, part) for part in PARTS if getattr(split, part) is not None]
    n_samples = 1 + max(int(part[-1]) for part in parts if len(part))
    listed = (path.parent / "trainvalclasses.txt").is_file()
    lists = read_class_lists(path.parent, names=names) if listed else None
    return XlsaSplit(_prototypes(path, names, tables, "att"), split, n_samples, lists)


def _read_splits(path: Path) -> tuple[Split, tuple[str, ...], dict[str, Array]]:
    numbers, texts = read_mat(
        path, numbers=(*_ATTRIBUTES, *(f"{part}_loc" for part in PARTS)), texts=("allclasses_names",)
    )
    needed = ["allclasses_names", "att", *(f"{part}_loc" for part in _REQUIRED)]
    missing = [variable for variable in needed if variable not in numbers and variable not in texts]
    if missing:
        remedy = "Check which file it is"
        raise problem(path, ", ".join(missing), "among the file's variables", verbatim("nothing of the name"), remedy)
    found = {
        part: _whole(path, f"{part}_loc", numbers[f"{part}_loc"], empty=part == "test_seen")
        for part in PARTS
        if f"{part}_loc" in numbers
    }
    train, val = found.pop("train", None), found.pop("val", None)
    split = Split(*(found[part] for part in _REQUIRED), train=train, val=val, source=str(path))
    # Without labels, too: of a file that leaks, nothing should be used.
    split.check_samples(
        1 + max(int(rows.max()) for rows in (*found.values(), train, val) if rows is not None and len(rows))
    )
    return split, texts["allclasses_names"], {key: numbers[key] for key in _ATTRIBUTES if key in numbers}


def _prototypes(path: Path, names: tuple[str, ...], tables: Mapping[str, Array], which: str) -> Prototypes:
    if which not in tables:
        raise problem(path, which, "among the file's variables", verbatim("nothing of the name"), "Use 'att'")
    matrix = tables[which]
    if matrix.shape[1] != len(names):
        found = verbatim(f"shape {matrix.shape} for {len(names)} classes")
        raise problem(path, which, "one column per class", found, "Columns are classes: transpose it")
    try:
        return Prototypes(names, matrix.T)
    except InputError as error:
        raise problem(path, f"{which} and allclasses_names", "usable", verbatim(str(error)), "Mend the file") from None


def _from_other_file(folder: Path, given: str | Path, names: tuple[str, ...]) -> Prototypes:
    path = Path(given) if Path(given).is_file() else folder / given
    if not path.is_file():
        expected = "'att', 'original_att', Prototypes or a splits file"
        here = ", ".join(sorted(file.name for file in folder.glob("*.mat"))[:8])
        raise problem(folder, "prototypes", expected, str(given), f"Files there: {here}")
    numbers, texts = read_mat(path, numbers=("att",), texts=("allclasses_names",))
    if "att" not in numbers or "allclasses_names" not in texts:
        found = verbatim("a file without")
        raise problem(path, "att and allclasses_names", "in the file", found, "Check which file it is")
    own = _prototypes(path, texts["allclasses_names"], numbers, "att")
    return other_prototypes(path, own, _bare(names))[0]


def _bare(names: tuple[str, ...]) -> Prototypes:
    """Return prototypes that stand for their names alone."""
    return Prototypes(names, np.zeros((len(names), 1)))


def _whole(path: Path, name: str, values: Array, *, empty: bool = False) -> Array:
    """Return 1-based numbers (n, 1) as positions from 0."""
    if 1 not in values.shape and values.size:
        found = verbatim(f"shape {values.shape}")
        raise problem(path, name, "one column of numbers", found, "Check which file it is")
    flat = values.ravel()
    if not len(flat) and not empty:
        raise problem(path, name, "at least one number", verbatim("none"), "Check which file it is")
    wrong = ~np.isfinite(flat) | (flat < 1) | (flat > 2**40)
    wrong[~wrong] = flat[~wrong] != np.floor(flat[~wrong])
    if wrong.any():
        found = verbatim(f"{flat[wrong][0].item()} among them")
        raise problem(path, name, "whole numbers from 1", found, "xlsa17 files count from 1, as MATLAB does")
    return flat.astype(np.intp) - 1
