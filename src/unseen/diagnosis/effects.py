"""What remedies do, measured on training classes that were held out: never on what a remedy was fitted to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import clone

from unseen.decision.remedy import Competition
from unseen.metrics import generalized_hits, k_occurrence, paired_comparison, skewness, top_k_hits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from unseen.decision.remedy import Remedy
    from unseen.metrics import Interval

__all__ = ["Effect", "compare", "mended"]

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Effect:
    """What one remedy does to one figure, on held-out training classes.

    Attributes
    ----------
    remedy : str
        Its name.
    failure : str
        What it is for.
    figure : str
        "H", the harmonic mean of accuracy on seen and on unseen classes, or "T1", accuracy of unseen classes among
        themselves; both mean over classes.
    before, after : float
        The figure without and with it.
    gain : Interval
        After less before, with a bootstrap interval over classes.
    p_value : float
        Of the sign-flip test over classes.
    others : mapping of str to float
        Further figures with and without it, such as ``skewness_before``.
    transductive : bool
        Whether it looks at the samples that are scored together.
    """

    remedy: str
    failure: str
    figure: str
    before: float
    after: float
    gain: Interval
    p_value: float
    others: Mapping[str, float] = field(default_factory=dict)
    transductive: bool = False

    @property
    def clear(self) -> bool:
        """Whether it helps, and the interval of the gain excludes zero."""
        return self.gain.low > 0

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON can hold it."""
        return {
            "remedy": self.remedy,
            "failure": self.failure,
            "figure": self.figure,
            "before": self.before,
            "after": self.after,
            "gain": self.gain.estimate,
            "gain_low": self.gain.low,
            "gain_high": self.gain.high,
            "p_value": self.p_value,
            **self.others,
            "transductive": self.transductive,
        }


def mended(remedy: Remedy, contests: Sequence[Competition]) -> list[Array]:
    """Return every competition's scores, mended by a remedy that was fitted to the others."""
    found = []
    for i, one in enumerate(contests):
        fitted = clone(remedy).fit([other for j, other in enumerate(contests) if j != i])
        found.append(fitted.apply(one.scores, seen=one.seen, bank=one.bank, X=one.X))
    return found


def compare(
    remedy: str,
    failure: str,
    contests: Sequence[Competition],
    after: Sequence[Array | Competition],
    *,
    figure: str,
    transductive: bool = False,
    random_state: Any = 0,
) -> Effect:
    """Compare the scores of competitions with what a remedy made of them.

    Parameters
    ----------
    remedy, failure : str
        What is compared.
    contests : sequence of Competition
        As they are; together, every class is held out at most once.
    after : sequence of ndarray of shape (n, C) or of Competition
        Their scores with the remedy, or the competitions of a method that the remedy is part of.
    figure : {"H", "T1"}
        Which figure.
    transductive : bool, default False
        Whether it looks at the samples that are scored together.
    random_state : int, default 0
        Seed of the resamples.

    Notes
    -----
    Samples of all competitions are pooled. A class counts once as an unseen one, where it was held out, and once as a
    seen one, with its samples of all competitions in which the method was fitted to it.
    """
    names = sorted({name for one in contests for name in one.names})
    place = {name: i for i, name in enumerate(names)}
    first, second, columns = [], [], []
    skews: dict[str, list[float]] = {"skewness_before": [], "skewness_after": []}
    for one, then in zip(contests, after, strict=True):
        own = np.array([place[name] for name in one.names])
        new = then.scores if isinstance(then, Competition) else then
        # Like with like: what a remedy made of all classes' scores against those, a method asked alone against one.
        alone, y = one.held_out() if isinstance(then, Competition) else one.held_out(one.scores)
        alone_after, _ = then.held_out() if isinstance(then, Competition) else one.held_out(new)
        skews["skewness_before"].append(float(skewness(k_occurrence(alone))))
        skews["skewness_after"].append(float(skewness(k_occurrence(alone_after))))
        if figure == "H":
            first.append(generalized_hits(one.y, one.scores, one.seen))
            second.append(generalized_hits(one.y, new, one.seen))
            columns.append(own[one.y] + len(names) * one.seen[one.y])
        else:
            first.append(top_k_hits(y, alone))
            second.append(top_k_hits(y, alone_after))
            columns.append(own[~one.seen][y])
    found = paired_comparison(
        np.concatenate(second),
        np.concatenate(first),
        np.concatenate(columns),
        seen=np.arange(2 * len(names)) >= len(names) if figure == "H" else None,
        random_state=random_state,
    )
    others = {key: float(np.mean(values)) for key, values in skews.items()}
    return Effect(
        remedy, failure, figure, found.second, found.first, found.difference, found.p_value, others, transductive
    )
