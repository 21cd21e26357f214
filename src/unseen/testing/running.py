"""Named checks, how they are run, and what comes of it; needs no test framework."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = ["Check", "Report", "require", "require_close", "require_finite", "require_raises", "run"]

Array = np.ndarray[Any, Any]


class Check(NamedTuple):
    """One named check, bound to what it checks.

    Attributes
    ----------
    name : str
        What is true when it passes, in words joined by underscores.
    run : callable
        Takes nothing; raises when the check fails.
    """

    name: str
    run: Callable[[], None]


@dataclass(frozen=True)
class Report:
    """What a battery found.

    Attributes
    ----------
    subject : str
        What was checked.
    passed : tuple of str
        Names of the checks that passed.
    failed : mapping of str to str
        Name to message of those that did not.
    """

    subject: str
    passed: tuple[str, ...]
    failed: Mapping[str, str] = field(default_factory=dict)

    @property
    def n_checks(self) -> int:
        """How many checks ran."""
        return len(self.passed) + len(self.failed)

    def __str__(self) -> str:
        if not self.failed:
            return f"{self.subject} passes all {self.n_checks} checks"
        lines = [f"{self.subject} fails {len(self.failed)} of {self.n_checks} checks:"]
        return "\n".join(lines + [f"- {name}: {text}" for name, text in self.failed.items()])


def run(subject: str, checks: Iterable[Check]) -> Report:
    """Run every check, whatever the others do, and report."""
    passed: list[str] = []
    failed: dict[str, str] = {}
    for check in checks:
        try:
            check.run()
        except Exception as error:  # noqa: BLE001  whatever a stranger's code raises is the finding
            text = str(error) if isinstance(error, AssertionError) else f"{type(error).__name__}: {error}"
            failed[check.name] = text
        else:
            passed.append(check.name)
    return Report(subject, tuple(passed), failed)


def require(condition: object, message: str) -> None:
    """Raise AssertionError with `message` unless `condition` holds; holds under ``python -O`` too."""
    if not condition:
        raise AssertionError(message)


def require_finite(scores: Array, shape: tuple[int, ...], where: str) -> None:
    """Require an array of this shape without NaN and infinity."""
    require(isinstance(scores, np.ndarray), f"{where}: got {type(scores).__name__}, not an array")
    require(scores.shape == shape, f"{where}: shape {scores.shape}, not {shape}")
    require(np.isfinite(scores).all(), f"{where}: {int((~np.isfinite(scores)).sum())} values are not finite")


def require_close(got: Array, expected: Array, tolerance: float, message: str) -> None:
    """Require two arrays to agree within `tolerance` times their largest magnitude."""
    got, expected = np.asarray(got, dtype=np.float64), np.asarray(expected, dtype=np.float64)
    require(got.shape == expected.shape, f"{message}: shape {got.shape}, not {expected.shape}")
    size = max(float(np.abs(expected).max(initial=0)), float(np.abs(got).max(initial=0)))
    gap = float(np.abs(got - expected).max(initial=0))
    # Written so that NaN fails.
    require(gap <= tolerance * size, f"{message}: off by {gap:.3g} where values reach {size:.3g}")


def require_raises(kind: type[BaseException], act: Callable[[], object], message: str) -> str:
    """Require `act` to raise an exception of `kind`, and return its text."""
    try:
        act()
    except kind as error:
        return str(error)
    except Exception as error:  # any other exception is the finding
        raise AssertionError(f"{message}: raised {type(error).__name__} ({error}), not {kind.__name__}") from error
    raise AssertionError(f"{message}: nothing was raised, not {kind.__name__}")
