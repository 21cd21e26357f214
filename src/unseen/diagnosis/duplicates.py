"""Near-duplicates: classes that nothing tells apart, because what is written about them is nearly the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.diagnosis.finding import Finding, Severity
from unseen.errors import InputError
from unseen.methods.linalg import unit_rows
from unseen.prototypes import Prototypes
from unseen.validation import message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

__all__ = ["duplicate_finding", "near_duplicates"]

_DRAWN = 12


def near_duplicates(prototypes: Prototypes, *, near: float = 0.95, n_pairs: int = 10) -> Finding:
    """Find classes that nothing tells apart because their prototypes are nearly one; needs no photo and no label.

    Parameters
    ----------
    prototypes : Prototypes
        The classes, at most 50,000.
    near : float, default 0.95
        Cosine from which two prototypes are nearly one, in (0, 1].
    n_pairs : int, default 10
        How many of the closest pairs to name.

    Returns
    -------
    Finding
        ``figures``: ``pairs``, how many pairs are that near, and ``largest_cosine``.
        ``rows``: the closest pairs with their cosine. ``severity``: "none" where no pair is that near, "strong" where
        the largest cosine is 1 to four digits.

    Examples
    --------
    >>> from unseen import Prototypes
    >>> finding = near_duplicates(Prototypes(["cat", "kitten", "car"], [[1, 0], [1, 0.1], [0, 1]]))
    >>> finding.severity, finding.rows[0]["first"], finding.rows[0]["second"]
    ('mild', 'cat', 'kitten')
    """
    from unseen.vocabulary import Vocabulary, check_vocabulary

    owner = "near_duplicates"
    if not isinstance(prototypes, Prototypes):
        remedy = "Build one with Prototypes(names, vectors)"
        raise InputError(message(owner, "prototypes", "an unseen.Prototypes", prototypes, remedy))
    # Names of classes may be what no vocabulary would take; their numbers are always names.
    numbered = Prototypes([f"class {i}" for i in range(prototypes.n_classes)], prototypes.vectors)
    report = check_vocabulary(Vocabulary.from_names(numbered.names), numbered, near=near, n_pairs=n_pairs)
    place = dict(zip(numbered.names, prototypes.names, strict=True))
    rows = [{"first": place[p.first], "second": place[p.second], "cosine": p.cosine} for p in report.nearest_pairs]
    return duplicate_finding(rows, near, prototypes)


def duplicate_finding(rows: Sequence[dict[str, Any]], near: float, prototypes: Prototypes) -> Finding:
    """Return what is to be said of the closest pairs, closest first: rows of ``first``, ``second`` and ``cosine``."""
    close = [row for row in rows if row["cosine"] >= near]
    total = max(len(close), _count_near(prototypes, near))
    figures = {"pairs": float(total), "largest_cosine": float(rows[0]["cosine"]) if rows else 0.0}
    severity: Severity = "none" if not close else "strong" if figures["largest_cosine"] >= 1 - 1e-6 else "mild"
    if not close:
        verdict = f"No two prototypes have a cosine of {near:.2f} or more."
    else:
        said = ", ".join(f"{row['first']!r} and {row['second']!r}" for row in close[:3])
        more = f" and {total - 3:,} more pairs" if total > 3 else ""
        verdict = f"{said}{more} are nearly one class to the method. Describe what tells them apart, or merge them."

    def draw(axes: Axes) -> None:
        shown = list(rows[:_DRAWN])[::-1]
        axes.barh(
            [f"{row['first']} / {row['second']}" for row in shown],
            [row["cosine"] for row in shown],
            color="0.75",
            edgecolor="0.2",
            linewidth=0.6,
        )
        axes.axvline(near, color="black", linestyle="--", label=f"near: {near:.2f}")
        axes.set_xlim(min([0.0, *(row["cosine"] for row in shown)]), 1.05)
        axes.set_xlabel("cosine between the two prototypes")
        axes.set_title("The closest prototypes")
        axes.legend(loc="lower left")

    return Finding("semantic_loss", "Near-duplicate prototypes", severity, verdict, figures, list(rows), draw)


def _count_near(prototypes: Prototypes, near: float) -> int:
    """Return how many pairs have a cosine of `near` or more, in blocks of classes."""
    unit = unit_rows(prototypes.vectors.astype(np.float64)).astype(np.float32)
    found = sum(int((unit[i : i + 1024] @ unit.T >= near).sum()) for i in range(0, len(unit), 1024))
    # Every pair was met twice, and every class that is not zero with itself once.
    return (found - int((np.einsum("ij,ij->i", unit, unit) >= near).sum())) // 2
