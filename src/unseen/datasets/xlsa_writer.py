"""A data set as ``res101.mat`` and ``att_splits.mat``, for the code that others have published."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.datasets.own_format import written_whole
from unseen.datasets.problems import Array, problem
from unseen.datasets.split import PARTS
from unseen.validation import verbatim

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from unseen.datasets.dataset import Dataset

__all__ = ["write_xlsa"]

#: A MATLAB 5 variable counts its bytes in 32 bits.
_MOST = 2**32 - 2**16


def write_xlsa(dataset: Dataset, folder: str | Path, *, normalize: bool = False) -> None:
    """Write ``res101.mat`` and ``att_splits.mat`` (MATLAB 5) into a new folder.

    ``features`` (d, n), ``labels``, ``image_files``; ``att`` and ``original_att`` (k, C), ``allclasses_names``,
    ``trainval_loc``, ``test_seen_loc``, ``test_unseen_loc`` and, where there is a fold, ``train_loc`` and ``val_loc``.
    Indices count from 1.

    Parameters
    ----------
    dataset : Dataset
    folder : path
        Must be new, or empty.
    normalize : bool, default False
        Whether ``att`` holds the prototypes scaled to length one, as in the published files. Off, it holds them
        exactly, so that `read_dataset` gives back the same data set; ``original_att`` always does.

    Raises
    ------
    DatasetError
        When the folder holds something, or the features pass 4 GiB.
    """
    from scipy.io import savemat

    from unseen.methods.linalg import unit_rows

    if dataset._features.nbytes > _MOST:
        found = verbatim(f"{dataset._features.nbytes / 2**30:.1f} GiB")
        raise problem(dataset.name, "features", "at most 4 GiB for a MATLAB 5 file", found, "Write fewer samples")
    names = dataset.prototypes.names
    att = original = dataset.prototypes.vectors.T
    if normalize:
        att = unit_rows(dataset.prototypes.vectors.astype(np.float64)).T.astype(np.float32)
    splits: dict[str, Any] = {"att": att, "original_att": original, "allclasses_names": _cells(names)}
    for part in PARTS:
        rows = getattr(dataset.split, part)
        if rows is not None:
            splits[f"{part}_loc"] = _from_one(rows)
    features: dict[str, Any] = {"features": dataset._features.T, "labels": _from_one(dataset._classes)}
    if dataset._items is not None:
        features["image_files"] = _cells(dataset._items)
    with written_whole(folder) as draft:
        savemat(draft / "res101.mat", features)
        savemat(draft / "att_splits.mat", splits, do_compression=True)


def _from_one(positions: Array) -> Array:
    # 32 bits with a sign: what every library that reads these files can index with.
    return (positions + 1).astype(np.int32).reshape(-1, 1)


def _cells(texts: Sequence[str]) -> Array:
    cells = np.empty((len(texts), 1), dtype=object)
    cells[:, 0] = texts
    return cells
