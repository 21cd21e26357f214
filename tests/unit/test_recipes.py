"""Recipes are read strictly, and those that ship can be had again."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unseen.benchmark import read_recipe, shipped_recipes
from unseen.errors import InputError
from unseen.metrics import per_class_top_k, seen_unseen_curve

GOOD = """
dataset = "CUB100"
protocol = "as published"
method = "eszsl"
source = "python benchmarks/methods.py"
tolerance = 0.01
[params]
gamma = 3.0
[expected]
t1 = 0.5
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "recipe.toml"
    path.write_text(text, "utf-8")
    return path


def test_a_recipe_builds_its_method(tmp_path: Path) -> None:
    recipe = read_recipe(written(tmp_path, """unset = ["lam"]\n""" + GOOD + "[features]\npower = 0.5\n"))
    method: Any = recipe.build()
    assert method.method.gamma == 3.0
    assert method.features.power == 0.5
    assert method.method.lam is None
    assert method.prototypes is None
    assert recipe.name == "recipe"


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ('dataset = "CUB100"', "", "dataset is no text"),
        ('"eszsl"', '"eszls"', "no method is called 'eszls'"),
        ("gamma = 3.0", "gama = 3.0", "params has keys other than"),
        ("t1 = 0.5", "t9 = 0.5", "expected has keys other than t1"),
        ("t1 = 0.5", "t1 = 50.0", "an expected figure is not between"),
        ("tolerance = 0.01", "tolerance = 0.5", "tolerance is not above"),
        ("tolerance = 0.01", 'tolerance = 0.01\nunset = ["lamda"]', "unset has names other than balanced"),
        ("[params]", "[params", "must be TOML"),
    ],
)
def test_a_wrong_recipe_is_refused(old: str, new: str, match: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=match):
        read_recipe(written(tmp_path, GOOD.replace(old, new)))


def test_a_missing_recipe_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="must exist"):
        read_recipe(tmp_path / "none.toml")


def test_shipped_recipes_are_whole() -> None:
    recipes = list(shipped_recipes())
    assert len(recipes) >= 10
    assert len({(recipe.dataset, recipe.method) for recipe in recipes}) == len(recipes)
    for recipe in recipes:
        assert "t1" in recipe.expected
        recipe.build()


def load(folder: Path) -> Any:
    path = Path(__file__).parents[2] / "benchmarks" / "xlsa.py"
    spec = importlib.util.spec_from_file_location("xlsa", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["xlsa"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module.load(folder)


@pytest.mark.skipif("UNSEEN_DATA" not in os.environ, reason="UNSEEN_DATA is not set")
@pytest.mark.parametrize("method", ["eszsl", "gfzsl", "reverse_ridge"])
def test_a_recipe_gives_its_figures_again(method: str) -> None:
    (recipe,) = (r for r in shipped_recipes() if (r.dataset, r.method) == ("CUB100", method))
    data = load(Path(os.environ["UNSEEN_DATA"]) / "zsl" / recipe.dataset)
    model = recipe.build().fit(*data.take("trainval"), prototypes=data.prototypes)
    (X, y), (X_seen, y_seen) = data.take("test_unseen"), data.take("test_seen")
    unseen = data.prototypes.subset(sorted(set(y.tolist())))
    t1 = per_class_top_k(unseen.positions(y), model.class_scores(X, prototypes=unseen))
    both = model.class_scores(np.concatenate([X, X_seen]), prototypes=data.prototypes)
    curve = seen_unseen_curve(data.prototypes.positions([*y, *y_seen]), both, data.prototypes.seen)
    found = {"t1": t1, "h_calibrated": curve.at(recipe.penalty)[2], "ausuc": curve.ausuc}
    for name, value in recipe.expected.items():
        assert found[name] == pytest.approx(value, abs=recipe.tolerance), name
