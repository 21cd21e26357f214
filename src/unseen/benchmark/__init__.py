"""Measured results as checked data: what a method reached, on which data, by which protocol, within what tolerance."""

from unseen.benchmark.recipes_reader import Recipe, read_recipe, shipped_recipes

__all__ = ["Recipe", "read_recipe", "shipped_recipes"]
