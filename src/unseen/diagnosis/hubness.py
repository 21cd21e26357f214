"""Hubness: classes that are the answer to nearly everything, and classes that never are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.diagnosis.finding import Finding, check_names
from unseen.metrics.checks import check_scores
from unseen.metrics.hubness import hubs
from unseen.metrics.ranks import ranks_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    from matplotlib.axes import Axes

    from unseen.diagnosis.finding import Severity

__all__ = ["measure_hubness"]

Array = np.ndarray[Any, Any]

# Skewness of N_k: a normal distribution has 0, an exponential one 2.
_MILD, _STRONG = 0.5, 1.0
# More bars than this cannot be told apart.
_BARS = 60

_ENOUGH = 2
_TOO_FEW = " That is {n} images for {classes} classes: too few to tell."


def measure_hubness(
    scores: npt.ArrayLike, names: Sequence[str], y: npt.ArrayLike | None = None, *, k: int = 1
) -> Finding:
    """Measure how unevenly the best k places are spread over the classes.

    Parameters
    ----------
    scores : array-like of shape (n, C)
        Scores of all classes; higher is better.
    names : sequence of str of length C
        Their names.
    y : array-like of int of shape (n,) or None, default None
        Column of each sample's class, where it is known: then each class is compared with its true number of samples.
    k : int, default 1
        How many of the best classes of a sample count.

    Returns
    -------
    Finding
        ``figures``: ``skewness`` of N_k, the number of samples that have a class among their `k` best; ``hubs``, the
        number of classes with more than twice the mean; ``hub_share``, their share of all places; ``antihub_share``,
        the share of classes that are nobody's; ``robin_hood``, the share of places that would have to change hands.
        ``rows``: every class, most frequent first, with ``occurrence``, ``share`` of the samples and ``kind`` ("hub",
        "antihub" or ""); with `y` also ``samples`` and ``right``, the share of its occurrences that are its own (None
        where it has none).
        ``severity`` by the skewness, where there is a hub at all: "none" below 0.5, "strong" from 1.
        With fewer than three classes, or fewer than two samples a class, the verdict says that this is too few to tell.

    Raises
    ------
    InputError
        When shapes disagree, a score is not finite, or there are fewer than k classes.

    Notes
    -----
    Skewness grows with the number of classes: compare only among equally many. Where samples are spread unevenly
    over classes, so is N_k, without any hub; look at `rows` with `y` then. O(n C).

    References
    ----------
    Radovanović, Nanopoulos and Ivanović, "Hubs in Space: Popular Nearest Neighbors in High-Dimensional Data", JMLR
    2010.
    Shigeto, Suzuki, Hara, Shimbo and Matsumoto, "Ridge Regression, Hubness, and Zero-Shot Learning", ECML-PKDD 2015.

    Examples
    --------
    >>> from unseen.diagnosis.hubness import measure_hubness
    >>> scores = [[9, 5, 1, 1], [9, 1, 5, 1], [9, 1, 1, 5], [1, 9, 1, 1]]
    >>> found = measure_hubness(scores, ["lion", "lynx", "bobcat", "cat"])
    >>> found.severity, found.rows[0]["class"], found.figures["antihub_share"]
    ('mild', 'lion', 0.5)
    """
    found = hubs(scores, k=k)
    counts = found.occurrence
    S = np.asarray(scores, dtype=np.float64)
    labels = check_names("measure_hubness", names, len(counts))
    columns = None if y is None else check_scores("measure_hubness", y, S)[0]
    right = None if columns is None else ranks_of(columns, S) < found.k
    figures = {
        "skewness": found.skewness,
        "hubs": float(len(found.columns)),
        "hub_share": found.hub_occurrence,
        "antihub_share": found.antihub_occurrence,
        "robin_hood": found.robin_hood,
        "k": float(found.k),
    }
    # With fewer, chance alone makes one class the answer twice as often as another.
    enough = len(counts) > 2 and len(S) >= _ENOUGH * len(counts)
    severity: Severity = "none"
    if len(found.columns) and found.skewness >= _MILD:
        severity = "strong" if found.skewness >= _STRONG else "mild"
    order = np.argsort(-counts, kind="stable")
    hub = np.isin(np.arange(len(counts)), found.columns)
    rows = []
    for c in order:
        kind = "hub" if hub[c] else "antihub" if not counts[c] else ""
        row: dict[str, Any] = {"class": labels[c], "occurrence": int(counts[c]), "share": float(counts[c] / len(S))}
        row["kind"] = kind
        if right is not None and columns is not None:
            own = int((right & (columns == c)).sum())
            row |= {"samples": int((columns == c).sum()), "right": own / int(counts[c]) if counts[c] else None}
        rows.append(row)
    return Finding(
        "hubness",
        "Hubness",
        severity,
        _verdict(figures, rows) + ("" if enough else _TOO_FEW.format(n=len(S), classes=len(counts))),
        figures,
        rows,
        draw=lambda axes: _draw(axes, rows, len(S) * found.k / len(counts), found.k),
    )


def _verdict(figures: dict[str, float], rows: list[dict[str, Any]]) -> str:
    k = int(figures["k"])
    place = "the answer to" if k == 1 else f"among the {k} best of"
    named = [f"'{row['class']}' ({row['share']:.0%})" for row in rows if row["kind"] == "hub"][:3]
    nobody = sum(row["kind"] == "antihub" for row in rows)
    text = f"Skewness of N_{k} is {figures['skewness']:.2f}. "
    if named:
        more = f", and {int(figures['hubs']) - len(named)} more" if figures["hubs"] > len(named) else ""
        text += (
            f"Hubs, {place} more than twice as many images as the mean: {', '.join(named)}{more}. They take "
            f"{figures['hub_share']:.0%} of all places. "
        )
    else:
        text += f"No class is {place} more than twice as many images as the mean. "
    verb = "is" if nobody == 1 else "are"
    return text + (
        f"{nobody} of {len(rows)} classes {verb} {place} none." if nobody else f"Every class is {place} some."
    )


def _draw(axes: Axes, rows: list[dict[str, Any]], mean: float, k: int) -> None:
    shown = rows[:_BARS]
    heights = [row["occurrence"] for row in shown]
    bars = axes.bar(range(len(shown)), heights, color="0.75", edgecolor="0.2", linewidth=0.6)
    for bar, row in zip(bars, shown, strict=True):
        if row["kind"] == "hub":  # hatched, so that nothing rests on colour
            bar.set_hatch("///")
    axes.axhline(mean, color="0.0", linestyle="--", linewidth=1, label=f"mean, {mean:.3g}")
    if any(row["kind"] == "hub" for row in shown):
        bars[0].set_label("hubs: more than twice the mean")
    if len(shown) <= 30:
        axes.set_xticks(range(len(shown)), [row["class"] for row in shown], rotation=90)
    else:
        axes.set_xticks([])
    left_out = f" (the first {len(shown)} of {len(rows)})" if len(shown) < len(rows) else ""
    axes.set_xlabel(f"classes, most frequent first{left_out}")
    axes.set_ylabel("images" if k == 1 else f"images with it among the {k} best")
    axes.set_title(f"How often each class is {'the answer' if k == 1 else f'among the {k} best'}")
    axes.legend(loc="best", frameon=False)
