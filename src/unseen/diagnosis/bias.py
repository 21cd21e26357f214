"""Bias to seen classes: how many samples of unseen classes get a seen class's name, and which classes take them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.diagnosis.finding import Finding, check_names
from unseen.metrics.checks import check_scores
from unseen.metrics.gzsl import seen_unseen_curve
from unseen.validation import check_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    from matplotlib.axes import Axes

    from unseen.diagnosis.finding import Severity
    from unseen.metrics.gzsl import SeenUnseenCurve

__all__ = ["measure_bias"]

Array = np.ndarray[Any, Any]

# What a better balance would add to the harmonic mean.
_MILD, _STRONG = 0.02, 0.10


def measure_bias(
    y: npt.ArrayLike, scores: npt.ArrayLike, seen: npt.ArrayLike, names: Sequence[str], *, penalty: float = 0.0
) -> Finding:
    """Measure how far a method prefers the classes it has learned from.

    Parameters
    ----------
    y : array-like of int of shape (n,)
        Column of each sample's class; samples of seen and of unseen classes.
    scores : array-like of shape (n, C)
        Scores of all classes; higher is better.
    seen : array-like of bool of shape (C,)
        Which columns are seen classes.
    names : sequence of str of length C
        Their names.
    penalty : float, default 0.0
        A penalty on seen classes that was chosen elsewhere, on held-out training classes: what it does is measured
        beside the method as it is.

    Returns
    -------
    Finding
        ``figures``: ``u``, ``s``, ``harmonic_mean``, ``gap`` (s - u) and ``swallowed`` (share of the samples of unseen
        classes that get a seen class's name) of the method as it is; the same with ``_mended`` at `penalty`; ``ausuc``,
        ``best_harmonic_mean`` and ``best_penalty`` of the whole curve. ``rows``: seen classes that take any, with
        ``share`` of all samples of unseen classes, ``count``, and the unseen class that loses most to it. ``severity``
        by what the best balance would add to the harmonic mean: "none" below 0.02, "strong" from 0.10.

    Raises
    ------
    InputError
        When shapes disagree, a score is not finite, or one kind of class or of sample is missing.

    Notes
    -----
    Shares are of samples, not means over classes. The best balance is found on these very samples: it says how much
    there is to win, and is no result. O(n C + n log n).

    References
    ----------
    Chao, Changpinyo, Gong and Sha, "An Empirical Study and Analysis of Generalized Zero-Shot Learning for Object
    Recognition in the Wild", ECCV 2016.

    Examples
    --------
    >>> from unseen.diagnosis.bias import measure_bias
    >>> scores = [[5, 1, 4], [1, 5, 4], [5, 1, 4], [1, 2, 4]]
    >>> found = measure_bias([0, 1, 2, 2], scores, [True, True, False], ["lion", "lynx", "bobcat"])
    >>> found.figures["swallowed"], found.rows[0]["class"]
    (0.5, 'lion')
    """
    columns, S = check_scores("measure_bias", y, scores)
    given = check_number("measure_bias", "penalty", penalty)
    labels = check_names("measure_bias", names, S.shape[1])
    curve = seen_unseen_curve(columns, S, seen)  # refuses what is wrong with `seen`
    mask = np.asarray(seen, dtype=bool)
    figures: dict[str, float] = {}
    for suffix, at in (("", 0.0), ("_mended", given)):
        u, s, h = curve.at(at)
        figures |= {f"u{suffix}": u, f"s{suffix}": s, f"harmonic_mean{suffix}": h, f"gap{suffix}": s - u}
        figures[f"swallowed{suffix}"] = float(_taken(columns, S - at * mask, mask).any(axis=1).mean())
    best_penalty, best = curve.best()
    figures |= {"ausuc": curve.ausuc, "best_harmonic_mean": best, "best_penalty": best_penalty, "penalty": given}
    taken = _taken(columns, S, mask)
    rows = _rows(taken, columns[~mask[columns]], labels)
    lost = best - figures["harmonic_mean"]
    severity: Severity = "none" if lost < _MILD else "mild" if lost < _STRONG else "strong"
    return Finding(
        "bias",
        "Bias to seen classes",
        severity,
        _verdict(figures, rows),
        figures,
        rows,
        draw=lambda axes: _draw(axes, curve, given),
    )


def _taken(columns: Array, S: Array, mask: Array) -> Array:
    """Return which class, if a seen one, takes each sample of an unseen class, as (m, C); an even score does not."""
    rows = S[~mask[columns]]
    best = np.flatnonzero(mask)[rows[:, mask].argmax(axis=1)]
    ahead = rows[:, mask].max(axis=1) > rows[:, ~mask].max(axis=1)
    taken: Array = (best[:, None] == np.arange(S.shape[1])) & ahead[:, None]
    return taken


def _rows(taken: Array, y: Array, names: list[str]) -> list[dict[str, Any]]:
    counts = taken.sum(axis=0)
    rows = []
    for c in np.argsort(-counts, kind="stable"):
        if not counts[c]:
            break
        victims = np.bincount(y[taken[:, c]], minlength=len(names))
        row = {"class": names[c], "share": float(counts[c] / len(y)), "count": int(counts[c])}
        rows.append({**row, "mostly_from": names[int(victims.argmax())]})
    return rows


def _verdict(figures: dict[str, float], rows: list[dict[str, Any]]) -> str:
    h, best = figures["harmonic_mean"], figures["best_harmonic_mean"]
    if rows:
        first = rows[0]
        text = (
            f"{figures['swallowed']:.0%} of the unseen classes' images get a seen class's name; "
            f"'{first['class']}' alone swallows {first['share']:.0%} of them, mostly of '{first['mostly_from']}'. "
        )
    else:
        text = "No image of an unseen class gets a seen class's name. "
    text += f"Seen classes are recognised at {figures['s']:.2f}, unseen ones at {figures['u']:.2f}: H is {h:.2f}"
    if figures["penalty"]:
        text += f", and {figures['harmonic_mean_mended']:.2f} with the penalty {figures['penalty']:.3g} on seen classes"
    return f"{text}. The best balance would reach {best:.2f}."


def _draw(axes: Axes, curve: SeenUnseenCurve, penalty: float) -> None:
    axes.plot(curve.u, curve.s, color="0.2", label=f"all penalties, area {curve.ausuc:.2f}")
    # Shapes, not colours, tell the points apart; they may lie on the frame.
    marks: dict[str, Any] = {"markersize": 9, "linestyle": "none", "color": "0.0", "clip_on": False}
    u, s, h = curve.at(0.0)
    axes.plot([u], [s], marker="o", label=f"as it is, H {h:.2f}", **marks)
    if penalty:
        u, s, h = curve.at(penalty)
        label = f"penalty {penalty:.3g}, H {h:.2f}"
        axes.plot([u], [s], marker="s", markerfacecolor="none", label=label, **marks)
    axes.set(xlim=(0, 1), ylim=(0, 1), title="Seen against unseen classes")
    axes.set_xlabel("accuracy on unseen classes, u")
    axes.set_ylabel("accuracy on seen classes, s")
    axes.legend(loc="best", frameon=False)
