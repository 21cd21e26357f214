"""The two data sets that methods are measured on, in the format of Xian et al. (2018)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import loadmat

from unseen import Prototypes

Array = np.ndarray[Any, Any]


@dataclass
class Data:
    """One data set; `openings` counts how often its test part was handed out."""

    name: str
    features: Array
    positions: Array
    prototypes: Prototypes
    parts: dict[str, Array]
    openings: int = 0

    @cached_property
    def labels(self) -> Array:
        """Class name of every sample."""
        return np.array(self.prototypes.names)[self.positions]

    def take(self, part: str) -> tuple[Array, Array]:
        """Return vectors and names of a part; the test parts count as opened."""
        if part.startswith("test"):
            self.openings += 1
        rows = self.parts[part]
        return self.features[rows], self.labels[rows]

    @cached_property
    def official_fold(self) -> tuple[Array, Array]:
        """Positions within "trainval" of the published training and validation classes."""
        place = {row: i for i, row in enumerate(self.parts["trainval"])}
        first = np.array([place[row] for row in self.parts["train"]])
        return first, np.array([place[row] for row in self.parts["val"]])


def load(folder: Path, *, sentences: bool = False) -> Data:
    """Read a data set; refuses splits that leak."""
    raw = loadmat(folder / "res101.mat")
    split = loadmat(folder / "att_splits.mat")
    positions = raw["labels"].ravel().astype(int) - 1
    parts = {
        name.removesuffix("_loc"): split[name].ravel().astype(int) - 1
        for name in ("trainval_loc", "train_loc", "val_loc", "test_seen_loc", "test_unseen_loc")
    }
    seen, unseen = (set(positions[parts[name]].tolist()) for name in ("trainval", "test_unseen"))
    held_out = set(positions[parts["val"]].tolist())
    if seen & unseen or held_out & set(positions[parts["train"]].tolist()):
        raise SystemExit(f"{folder.name}: classes of training and test, or of training and validation, overlap")
    if set(parts["trainval"].tolist()) & set(parts["test_seen"].tolist()):
        raise SystemExit(f"{folder.name}: trainval_loc holds samples of test_seen_loc")
    names = [str(name[0]) for name in split["allclasses_names"].ravel()]
    vectors = loadmat(folder / "sent_splits.mat")["att"].T if sentences else split["att"].T
    mask = np.isin(np.arange(len(names)), list(seen))
    return Data(
        folder.name,
        np.ascontiguousarray(raw["features"].T.astype(np.float32)),
        positions,
        Prototypes(names, vectors, seen=mask),
        parts,
    )
