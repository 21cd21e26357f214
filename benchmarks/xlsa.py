"""The two data sets that methods are measured on, by the parts' names that the field's files use."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from unseen import Prototypes
from unseen.datasets import Dataset, read_xlsa

Array = np.ndarray[Any, Any]


@dataclass
class Data:
    """One data set."""

    dataset: Dataset

    @property
    def name(self) -> str:
        """Name of its folder."""
        return self.dataset.name

    @property
    def prototypes(self) -> Prototypes:
        """Of all classes; methods look at those they are fitted to."""
        return self.dataset.prototypes

    def take(self, part: str) -> tuple[Array, Array]:
        """Return vectors and names of "trainval", "test_seen" or "test_unseen"."""
        if part == "trainval":
            return self.dataset.learnable()
        test = self.dataset.open_test("benchmarks")
        return (test.X_seen, test.y_seen) if part == "test_seen" else (test.X_unseen, test.y_unseen)

    @property
    def official_fold(self) -> tuple[Array, Array]:
        """Positions within "trainval" of the published training and validation classes."""
        fold = self.dataset.published_fold
        assert fold is not None
        return fold


def load(folder: Path, *, sentences: bool = False) -> Data:
    """Read a data set; splits that leak are refused."""
    return Data(read_xlsa(folder, prototypes="sent_splits.mat" if sentences else None))
