"""Recipes: TOML files that say how a figure came about, so that anybody can get it again."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unseen.errors import InputError, UnknownNameError
from unseen.registry import METHODS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

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
    try:
        raw = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise InputError(f"read_recipe: {path} must exist; it is missing. Check the path.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise InputError(f"read_recipe: {path} must be TOML; {error}. Correct the file.") from None
    problem = _problem(raw)
    if problem:
        raise InputError(f"read_recipe: {path} must be a recipe; {problem}. Correct the file.")
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
    """Yield the recipes that come with the package, sorted by name."""
    folder = resources.files("unseen.benchmark").joinpath("recipes")
    with resources.as_file(folder) as place:
        for path in sorted(Path(place).glob("*.toml")):
            yield read_recipe(path)


def _problem(raw: Mapping[str, Any]) -> str:
    """Return what is wrong with a recipe's content, or nothing."""
    for key in _TEXTS:
        if not isinstance(raw.get(key), str) or not raw[key]:
            return f"{key} is no text"
    try:
        known = METHODS.get(raw["method"])
    except UnknownNameError as error:
        return str(error).rstrip(".")
    allowed = set(known._get_param_names())
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
    tolerance = raw.get("tolerance")
    if not isinstance(tolerance, float) or not 0 < tolerance <= 0.1:
        return "tolerance is not above 0.0 and at most 0.1"
    return ""
