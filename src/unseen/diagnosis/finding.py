"""What every diagnosis returns: figures, a verdict in plain words, a picture."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from matplotlib.axes import Axes

__all__ = ["Finding", "Severity"]

Severity = Literal["none", "mild", "strong"]


@dataclass(frozen=True)
class Finding:
    """One failure, measured.

    Attributes
    ----------
    failure : str
        "bias", "domain_shift", "hubness" or "semantic_loss".
    title : str
        What it is called, for people.
    severity : {"none", "mild", "strong"}
        By the thresholds that the function which measured it documents.
    verdict : str
        One or two sentences in plain words, with the figures that matter.
    figures : mapping of str to float
        Every figure, by name.
    rows : sequence of mappings
        Details, worst first: one mapping of column to value per class, attribute or pair.
    draw : callable taking Axes, or None
        Draws the picture: labelled axes, no colour that carries meaning alone.
    """

    failure: str
    title: str
    severity: Severity
    verdict: str
    figures: Mapping[str, float]
    rows: Sequence[Mapping[str, Any]] = ()
    draw: Callable[[Axes], None] | None = field(default=None, repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the picture, as JSON can hold it."""
        return {
            "failure": self.failure,
            "title": self.title,
            "severity": self.severity,
            "verdict": self.verdict,
            "figures": dict(self.figures),
            "rows": [dict(row) for row in self.rows],
        }
