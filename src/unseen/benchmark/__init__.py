"""Benchmarks: methods chosen on training classes and tested once; recipes that say how a figure came about."""

from unseen.benchmark.choice import Choice, choose
from unseen.benchmark.evaluation import Evaluation, evaluate
from unseen.benchmark.published_reader import Published, read_published, shipped_published
from unseen.benchmark.recipes_reader import Recipe, read_recipe, shipped_recipes
from unseen.benchmark.report import to_html, to_markdown
from unseen.benchmark.runner import Results, run_benchmark

__all__ = [
    "Choice",
    "Evaluation",
    "Published",
    "Recipe",
    "Results",
    "choose",
    "evaluate",
    "read_published",
    "read_recipe",
    "run_benchmark",
    "shipped_published",
    "shipped_recipes",
    "to_html",
    "to_markdown",
]
