"""What papers report, as checked data: to be set beside a result where the two can be compared, and only there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from unseen.benchmark.checked_toml import common_problem, read_checked, shipped

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

__all__ = ["Published", "read_published", "shipped_published"]

_FIGURES = ("t1", "h")
_TEXTS = ("method", "source", "features", "split")


@dataclass(frozen=True)
class Published:
    """Figures of one method in one paper.

    Attributes
    ----------
    method : str
        Registry name.
    source : str
        The paper.
    features, n_features : str and int
        What the photos were encoded by, and the length of its vectors.
    split : str
        Which classes were unseen.
    tolerance : float
        How far a repetition may be off.
    figures : mapping of str to mapping
        "t1" and "h" to data set to figure, in [0, 1].
    """

    method: str
    source: str
    features: str
    n_features: int
    split: str
    tolerance: float
    figures: Mapping[str, Mapping[str, float]]

    def figure(self, name: str, dataset: str) -> float | None:
        """Return a figure on a data set, by its name in any case; None where the paper has none."""
        return {key.lower(): value for key, value in self.figures.get(name, {}).items()}.get(dataset.lower())

    def not_comparable(self, n_features: int, split: str, *, own_prototypes: bool = True) -> str:
        """Return why a result is another thing; "" if it is not.

        Parameters
        ----------
        n_features : int
            Length of the vectors.
        split : str
            Where the split is from.
        own_prototypes : bool, default True
            Whether classes were described by the data set's own attributes.
        """
        if n_features != self.n_features:
            return f"vectors of {n_features:,} numbers; the paper has {self.features}"
        if "att_splits" not in split:
            return f"another split; the paper has the {self.split} one"
        return "" if own_prototypes else "other class vectors; the paper has the data set's attributes"


def read_published(path: Path) -> Published:
    """Read and check a file of published figures.

    Raises
    ------
    InputError
        Naming the file and what is wrong with it.
    """
    raw = read_checked("read_published", path, "a table of published figures", _problem)
    return Published(
        **{key: raw[key] for key in _TEXTS},
        n_features=raw["n_features"],
        tolerance=raw["tolerance"],
        figures={name: raw[name] for name in _FIGURES if name in raw},
    )


def shipped_published() -> Iterator[Published]:
    """Return what comes with the package, sorted by method."""
    return map(read_published, shipped("published"))


def _problem(raw: Mapping[str, Any]) -> str:
    problem = common_problem(raw, _TEXTS)
    if problem:
        return problem
    if not isinstance(raw.get("n_features"), int) or raw["n_features"] < 1:
        return "n_features is no positive whole number"
    tables = [raw[name] for name in _FIGURES if name in raw]
    if not tables or not all(isinstance(table, dict) and table for table in tables):
        return f"there is no table {' or '.join(_FIGURES)} of data sets"
    if not all(isinstance(v, float) and 0 <= v <= 1 for table in tables for v in table.values()):
        return "a figure is not between 0.0 and 1.0"
    unknown = set(raw) - {*_TEXTS, *_FIGURES, "n_features", "tolerance"}
    return f"{sorted(unknown)[0]} is no key" if unknown else ""
