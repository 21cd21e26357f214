"""Compare six methods, one of each family, on classes that none of them had an example of.

Run it from anywhere: ``python examples/compare_methods.py``. It makes up the data (birds, in the manner of CUB: many
attributes in percent, most of them zero), prints a table in Markdown and draws a picture. Needs ``unseen[plots]``.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

from unseen import Prototypes
from unseen.errors import MissingExtraError
from unseen.methods.selection import select
from unseen.metrics import per_class_top_k, seen_unseen_curve
from unseen.registry import METHODS
from unseen.validation import import_extra

#: One method of each family.
NAMES = ("eszsl", "sync", "dap", "kernel_ridge", "transferred_samples", "gfzsl")
#: Colours that people with any colour vision tell apart (Okabe and Ito).
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#d55e00", "#56b4e9", "#cc79a7")

N_SEEN, N_UNSEEN, N_FEATURES = 60, 15, 256
#: Questions about a bird ("which colour is the bill?") and the answers that each allows: 312 attributes.
ANSWERS = (12,) * 26
N_TRAIN, N_TEST = 30, 15


@dataclass(frozen=True)
class Problem:
    """What there is to learn from, and what there is to be judged by.

    Attributes
    ----------
    prototypes : Prototypes
        All classes, seen ones first.
    X, y : ndarray of shapes (n, d) and (n,)
        Vectors and class names of seen classes, to learn from.
    X_unseen, y_unseen : ndarray of shapes (m, d) and (m,)
        Vectors of unseen classes and the columns of their classes, to be judged by.
    X_seen, y_seen : ndarray of shapes (q, d) and (q,)
        Other vectors of seen classes, to be judged by.
    """

    prototypes: Prototypes
    X: Any
    y: Any
    X_unseen: Any
    y_unseen: Any
    X_seen: Any
    y_seen: Any


def make_problem(seed: int = 0) -> Problem:
    """Make up birds: classes within genera, attributes in percent, features that bend with them and are noisy."""
    rng = np.random.default_rng(seed)
    n_classes = N_SEEN + N_UNSEEN
    genus = rng.integers(15, size=n_classes)
    blocks = []
    for n_answers in ANSWERS:
        # What people answer: mostly one thing, the same for most of a genus, sometimes something of a species' own.
        of_genus = rng.dirichlet(np.full(n_answers, 0.15), size=15)[genus]
        own = rng.dirichlet(np.full(n_answers, 0.15), size=n_classes)
        differs = rng.random((n_classes, 1)) < 0.35
        blocks.append(np.where(differs, own, 0.8 * of_genus + 0.2 * own))
    percent = np.round(100 * np.hstack(blocks))
    percent[percent < 5] = 0

    # Features: attributes, bent twice on their way. Between the bends photos of a class differ: in a few directions
    # that all classes share (poses, light) more than in the others. Noise comes on top.
    roots = np.sqrt(percent / 100)
    inner = rng.normal(size=(percent.shape[1], 96)) / np.sqrt(len(ANSWERS))
    outer = rng.normal(size=(96, N_FEATURES)) / np.sqrt(96)
    poses = rng.normal(scale=0.4, size=(10, 96))
    hidden = np.tanh(2 * (roots - roots.mean(axis=0)) @ inner)

    def photos(columns: Any) -> Any:
        n = len(columns)
        birds = hidden[columns] + rng.normal(size=(n, 10)) @ poses + rng.normal(scale=0.8, size=(n, 96))
        return np.maximum(birds @ outer + rng.normal(scale=0.7, size=(n, N_FEATURES)), 0).astype(np.float32)

    names = [f"bird {i:02d}" for i in range(n_classes)]
    train = np.repeat(np.arange(N_SEEN), N_TRAIN)
    seen = np.repeat(np.arange(N_SEEN), N_TEST)
    unseen = np.repeat(np.arange(N_SEEN, n_classes), N_TRAIN)
    return Problem(
        Prototypes(names, percent), photos(train), np.array(names)[train], photos(unseen), unseen, photos(seen), seen
    )


@dataclass(frozen=True)
class Outcome:
    """What a method did: accuracies are means over classes."""

    name: str
    family: str
    alone: float
    curve: Any
    penalty: float


def compare(problem: Problem) -> list[Outcome]:
    """Fit and judge every method, with its default parameters."""
    names = problem.prototypes.names
    unseen_only = problem.prototypes.subset(names[N_SEEN:])
    seen = np.arange(len(names)) < N_SEEN
    outcomes = []
    for name in NAMES:
        method = METHODS.get(name)
        method = method(random_state=0) if "random_state" in method().get_params() else method()
        # Nothing to search, so this only learns the penalty on seen classes, on classes held out of training, and
        # fits the method to all of them. The unseen classes have no part in it.
        found = select(method, problem.X, problem.y, prototypes=problem.prototypes, space={})
        fitted = found.estimator
        alone = fitted.class_scores(problem.X_unseen, prototypes=unseen_only)
        everyone = np.vstack(
            [fitted.class_scores(X, prototypes=problem.prototypes) for X in (problem.X_unseen, problem.X_seen)]
        )
        truth = np.concatenate([problem.y_unseen, problem.y_seen])
        outcomes.append(
            Outcome(
                name,
                method.family,
                per_class_top_k(problem.y_unseen - N_SEEN, alone, k=1),
                seen_unseen_curve(truth, everyone, seen),
                found.penalty,
            )
        )
    return outcomes


def table(outcomes: list[Outcome]) -> str:
    """Return the comparison in Markdown, in percent."""
    lines = [
        "| method | family | unseen classes alone | u | s | H | H with penalty | AUSUC |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for one in outcomes:
        u, s, plain = one.curve.at(0.0)
        figures = (one.alone, u, s, plain, one.curve.at(one.penalty)[2], one.curve.ausuc)
        cells = " | ".join(f"{100 * figure:.1f}" for figure in figures)
        lines.append(f"| `{one.name}` | {one.family} | {cells} |")
    return "\n".join(lines)


def draw(outcomes: list[Outcome], path: str, matplotlib_figure: Any) -> None:
    """Write the picture: accuracy on unseen classes as bars, and unseen against seen classes as curves."""
    figure = matplotlib_figure.Figure(figsize=(11, 4.6), layout="constrained", dpi=110)
    bars, curves = figure.subplots(1, 2, width_ratios=(1.15, 1))
    ranked = sorted(zip(outcomes, COLOURS, strict=True), key=lambda pair: pair[0].alone)

    labels = [f"{one.name}\n({one.family})" for one, _ in ranked]
    drawn = bars.barh(labels, [100 * one.alone for one, _ in ranked], color=[colour for _, colour in ranked])
    bars.bar_label(drawn, fmt="%.1f", padding=3)
    bars.axvline(100 / N_UNSEEN, color="#1d2433", linestyle="--", linewidth=1.2)
    bars.set(xlim=(0, 100), xlabel="accuracy, mean over classes, %   (dashed line: guessing)")
    bars.set(title=f"Only the {N_UNSEEN} unseen classes compete")

    for one, colour in reversed(ranked):
        curves.plot(100 * one.curve.s, 100 * one.curve.u, color=colour, label=one.name)
        u, s, _ = one.curve.at(0.0)
        curves.plot(100 * s, 100 * u, "o", color=colour, markerfacecolor="white")
        u, s, _ = one.curve.at(one.penalty)
        curves.plot(100 * s, 100 * u, "o", color=colour)
    curves.plot([], [], "o", color="#5b6472", markerfacecolor="white", label="as it is")
    curves.plot([], [], "o", color="#5b6472", label="with penalty")
    curves.set(xlim=(0, 100), ylim=(0, 100), xlabel="s: accuracy on seen classes, %")
    curves.set(ylabel="u: accuracy on unseen classes, %", title=f"All {N_SEEN + N_UNSEEN} classes compete")
    curves.legend(loc="lower left", fontsize=8, frameon=False)
    for axes in (bars, curves):
        axes.spines[["top", "right"]].set_visible(False)
    # No program's name or version in the file: the same numbers give the same picture.
    figure.savefig(path, metadata={"Software": None})


def main() -> None:
    """Print the table and write the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", default="compare-methods.png", help="where to write the picture")
    parser.add_argument("--seed", type=int, default=0, help="another number makes up other birds")
    arguments = parser.parse_args()
    try:
        matplotlib_figure = import_extra("matplotlib.figure", extra="plots", purpose="The picture")
    except MissingExtraError as error:
        sys.exit(str(error))
    outcomes = compare(make_problem(arguments.seed))
    print(table(outcomes))
    draw(outcomes, arguments.out, matplotlib_figure)
    print(f"\nThe picture is in {arguments.out}.")


if __name__ == "__main__":
    main()
