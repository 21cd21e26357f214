"""The report: what a run did."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Report"]


@dataclass(frozen=True)
class Report:
    """What a run did.

    Parameters
    ----------
    out : str
        The output folder.
    items : int
        Rows in it, of this run and of earlier ones.
    kept : int
        How many of them were there already.
    parts : int
        Files in it.
    errors : int
        Rows with an error.
    reasons : mapping of str to int
        The errors by their kind, most first.
    seconds : float
        What this run took, without loading the model.
    """

    out: str
    items: int
    kept: int
    parts: int
    errors: int
    reasons: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Items per second of this run."""
        return (self.items - self.kept) / self.seconds if self.seconds else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data, with the rate."""
        return {**asdict(self), "rate": round(self.rate, 2)}

    def __str__(self) -> str:
        done = f"{self.items:,} items in {self.parts:,} parts, {self.errors:,} with an error"
        if self.kept == self.items:
            return f"{done}; all of them were done already: {self.out}"
        kept = f", {self.kept:,} of them kept from an earlier run" if self.kept else ""
        return f"{done}{kept}; {self.rate:,.1f} items/s: {self.out}"
