"""Recipes are read strictly, and those that ship can be had again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from unseen.benchmark import evaluate, read_recipe, shipped_recipes
from unseen.datasets import read_dataset
from unseen.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

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


@pytest.mark.parametrize("method", ["eszsl", "gfzsl", "reverse_ridge"])
def test_a_recipe_gives_its_figures_again(data: Path, method: str) -> None:
    (recipe,) = (r for r in shipped_recipes() if (r.dataset, r.method) == ("CUB100", method))
    birds = read_dataset(data / "zsl" / recipe.dataset)
    model = recipe.build().fit(*birds.learnable(), prototypes=birds.seen_prototypes)
    found = evaluate(model, birds, by=method, gamma=recipe.penalty)
    for name, value in recipe.expected.items():
        assert getattr(found, name) == pytest.approx(value, abs=recipe.tolerance), name
