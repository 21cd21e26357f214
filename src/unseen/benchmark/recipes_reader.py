"""Recipes: TOML files that say how a figure came about, so that anybody can get it again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from unseen.benchmark.checked_toml import common_problem, read_checked, shipped
from unseen.registry import METHODS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from unseen.methods.base import Method

__all__ = ["Recipe", "read_recipe", "shipped_recipes"]

_TEXTS = ("dataset", "protocol", "method", "source")
_FIGURES = ("t1", "h_calibrated", "ausuc")
_SCALINGS = {
    "features": ("power", "normalize", "n_components", "shrinkage"),
    "prototypes": ("power", "center", "normalize"),
}


@dataclass(frozen=True)
class Recipe:
    """One measured result.

    Attributes
    ----------
    name : str
        The file's name without its ending.
    dataset : str
        Folder name of the data set, in xlsa17 format.
    protocol : str
        How parameters were chosen and what the test part was used for.
    method : str
        Registry name.
    params : dict
        The method's parameters where they differ from its defaults.
    features, prototypes : dict or None
        Parameters of `FeatureScaling` and `PrototypeScaling`; None where there is none.
    standardize : bool
        As in `Prepared`.
    penalty : float
        What was subtracted from seen classes' scores for `h_calibrated`.
    expected : dict
        Figures in [0, 1]: t1, h_calibrated, ausuc.
    tolerance : float
        How far a repetition may be off, in the same units.
    source : str
        The command, or the publication, that the figures come from.
    """

    name: str
    dataset: str
    protocol: str
    method: str
    params: Mapping[str, Any]
    features: Mapping[str, Any] | None
    prototypes: Mapping[str, Any] | None
    standardize: bool
    penalty: float
    expected: Mapping[str, float]
    tolerance: float
    source: str

    def build(self) -> Method:
        """Return the method, unfitted, behind its scalings."""
        from unseen.methods.meta.prepared import Prepared
        from unseen.methods.preprocessing import FeatureScaling, PrototypeScaling

        method: Method = METHODS.get(self.method)(**self.params)
        return Prepared(
            method,
            features=None if self.features is None else FeatureScaling(**self.features),
            prototypes=None if self.prototypes is None else PrototypeScaling(**self.prototypes),
            standardize=self.standardize,
        )


def read_recipe(path: Path) -> Recipe:
    """Read and check a recipe.

    Raises
    ------
    InputError
        Naming the file and what is wrong with it.
    """
    raw = read_checked("read_recipe", path, "a recipe", _problem)
    return Recipe(
        name=path.stem,
        **{key: raw[key] for key in _TEXTS},
        # TOML has no word for None.
        params=raw.get("params", {}) | dict.fromkeys(raw.get("unset", ())),
        features=raw.get("features"),
        prototypes=raw.get("prototypes"),
        standardize=raw.get("standardize", False),
        penalty=float(raw.get("penalty", 0.0)),
        expected={key: float(value) for key, value in raw["expected"].items()},
        tolerance=float(raw["tolerance"]),
    )


def shipped_recipes() -> Iterator[Recipe]:
    """Return the recipes that come with the package, sorted by name."""
    return map(read_recipe, shipped("recipes"))


def _problem(raw: Mapping[str, Any]) -> str:
    """Return what is wrong with a recipe's content, or nothing."""
    problem = common_problem(raw, _TEXTS)
    if problem:
        return problem
    allowed = set(METHODS.get(raw["method"])._get_param_names())
    for table, names in (("params", allowed), *((name, set(keys)) for name, keys in _SCALINGS.items())):
        found = raw.get(table, {})
        if not isinstance(found, dict) or set(found) - names:
            return f"{table} has keys other than {', '.join(sorted(names))}"
    if not isinstance(raw.get("unset", []), list) or set(map(str, raw.get("unset", []))) - allowed:
        return f"unset has names other than {', '.join(sorted(allowed))}"
    expected = raw.get("expected")
    if not isinstance(expected, dict) or not expected or set(expected) - set(_FIGURES):
        return f"expected has keys other than {', '.join(_FIGURES)}, or none"
    if not all(isinstance(value, float) and 0 <= value <= 1 for value in expected.values()):
        return "an expected figure is not between 0.0 and 1.0"
    return ""
