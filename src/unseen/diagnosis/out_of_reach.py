"""How many of some vectors are out of reach, as a finding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.diagnosis.finding import Finding, Severity
from unseen.diagnosis.reach import Reach
from unseen.errors import InputError
from unseen.validation import message, verbatim

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    from matplotlib.axes import Axes

__all__ = ["measure_reach"]

#: Vectors out of reach that are listed.
_LISTED = 20


def measure_reach(
    reach: Reach,
    X: npt.ArrayLike,
    *,
    level: float = 0.99,
    names: Sequence[str] | None = None,
) -> Finding:
    """Measure how many vectors are out of reach.

    Parameters
    ----------
    reach : Reach
        Fitted to reference vectors.
    X : array-like of shape (n, d)
        Vectors that are to be recognised.
    level : float, default 0.99
        As for `Reach.within`.
    names : sequence of str or None, default None
        What the vectors are of, such as file names; None numbers them.

    Returns
    -------
    Finding
        ``figures``: ``out`` (how many), ``share``, ``expected`` (share among vectors of the reference's kind) and
        ``p_value`` of so many by chance. ``rows``: those out of reach, farthest first, at most 20. ``severity``:
        "none" where ``p_value`` is 0.01 or more, "strong" from a fifth of the vectors on.

    Raises
    ------
    InputError
        When names and vectors differ in number, or the reference is too small for the level.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> finding = measure_reach(Reach(normalize=False).fit(rng.normal(size=(200, 3))), rng.normal(size=(50, 3)) + 9)
    >>> finding.severity, finding.figures["out"]
    ('strong', 50.0)
    """
    from scipy.special import bdtrc

    if not isinstance(reach, Reach):
        raise InputError(message("measure_reach", "reach", "a fitted Reach", reach, "Pass Reach().fit(reference)"))
    inside = reach.within(X, level=level)
    n, out = len(inside), int((~inside).sum())
    labels = [f"vector {i}" for i in range(n)] if names is None else [str(name) for name in names]
    if len(labels) != n:
        found = verbatim(str(len(labels)))
        raise InputError(message("measure_reach", "names", f"one per vector, {n}", found, "Pass them in one order"))
    chance = float(bdtrc(out - 1, n, 1 - level)) if out else 1.0
    share = out / n
    severity: Severity = "none" if chance >= 0.01 else "strong" if share >= 0.2 else "mild"
    distances = reach.distances(X)
    order = np.argsort(-distances, kind="stable")
    usual = float(np.median(reach.held_out_)) or 1.0
    rows = [
        {"item": labels[i], "times_usual_distance": round(float(distances[i]) / usual, 3)}
        for i in order[: min(out, _LISTED)]
    ]
    verdict = f"{out} of {n} are out of reach: farther from the reference than {level:.4g} of it."
    if severity == "none":
        verdict += " No more than chance makes."
    else:
        verdict += " Whatever is said of them is a guess: abstain (Reach.abstain), or train on photos like these."
    figures = {"out": float(out), "share": share, "expected": 1 - level, "p_value": chance}

    def draw(axes: Axes) -> None:
        border = float(np.quantile(reach.held_out_, level, method="inverted_cdf"))
        edges = list(np.histogram_bin_edges(np.concatenate([reach.held_out_, distances]) / usual, bins=40))
        axes.hist(reach.held_out_ / usual, bins=edges, density=True, color="0.75", label="reference")
        style: dict[str, Any] = {"histtype": "step", "color": "black", "hatch": "///", "label": "these"}
        axes.hist(distances / usual, bins=edges, density=True, **style)
        axes.axvline(border / usual, color="black", linestyle="--", label=f"level {level:.4g}")
        axes.set_xlabel("distance from the reference,\nin units of the usual one")
        axes.set_ylabel("density")
        axes.set_title("How far from the reference")
        axes.legend()

    return Finding("domain_shift", "Out of reach", severity, verdict, figures, rows, draw)
