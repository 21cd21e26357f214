"""What every diagnosis returns: figures, a verdict in plain words, a picture."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from unseen.errors import InputError
from unseen.validation import message, verbatim

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from matplotlib.axes import Axes

__all__ = ["Finding", "Severity", "check_names"]

Severity = Literal["none", "mild", "strong"]


@dataclass(frozen=True)
class Finding:
    """One failure, measured.

    Attributes
    ----------
    failure : str
        "bias", "domain_shift", "hubness" or "semantic_loss"; "synthesis" or "training" of made-up examples.
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


def check_names(owner: str, names: Any, n_classes: int) -> list[str]:
    """Return names as a list of str, one per class, or say what is wrong with them."""
    found = list(names) if not isinstance(names, str) and hasattr(names, "__iter__") else []
    if len(found) != n_classes or not all(isinstance(name, str) for name in found):
        expected = f"{n_classes} strings, one per column of scores"
        shown = verbatim(f"{len(found)} entries") if found else names
        raise InputError(message(owner, "names", expected, shown, "Pass the classes' names in the columns' order"))
    return [str(name) for name in found]
