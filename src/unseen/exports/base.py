"""What every export format is handed, and what an export returns."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from unseen.exports.originals import Originals

__all__ = ["Export", "Exported", "JsonArray", "Sample"]


@dataclass(frozen=True)
class Sample:
    """One labelled item.

    Attributes
    ----------
    position : int
        Its place in the run.
    item : str
        Its name.
    sha : str or None
        Digest of its file.
    width, height : int
        Its size; 0 where unknown.
    names : tuple of str
        Its likeliest classes, likeliest first.
    probabilities : tuple of float
        Theirs.
    answers : int
        How many of them are the answer: 1, more where several may hold, 0 where it is unknown.
    """

    position: int
    item: str
    sha: str | None
    width: int
    height: int
    names: tuple[str, ...]
    probabilities: tuple[float, ...]
    answers: int

    @property
    def unknown(self) -> bool:
        """Whether it was called unknown."""
        return self.answers == 0

    @property
    def answer(self) -> str | None:
        """Its likeliest class; None where it is unknown."""
        return self.names[0] if self.answers else None


@dataclass(frozen=True)
class Exported:
    """What an export did.

    Attributes
    ----------
    out : Path
        What was written.
    items : int
        Items in it.
    left_out : mapping of str to int
        How many were left out, by reason.
    examples : tuple of (str, str)
        The first few items that should have been in it and could not, with the reason.
    """

    out: Path
    items: int
    left_out: Mapping[str, int] = field(default_factory=dict)
    examples: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        lines = [f"{self.items:,} items: {self.out}"]
        lines += [f"left out: {count:,} {reason}" for reason, count in self.left_out.items()]
        return "\n".join(lines)


class Export(ABC):
    """Base of the formats.

    Parameters
    ----------
    root : Path
        The file or folder to write; under another name until it is complete.
    classes : sequence of str
        Classes of the vocabulary, in its order.
    originals : Originals
        Places the items' files.
    settings : mapping
        What the labelling run was told.
    options : mapping
        Options of this format, by name; those it does not know are refused before.
    """

    #: What `--help` and `unseen convert` say of it.
    description: ClassVar[str]
    #: Whether it is one file, and which suffix that must have.
    suffix: ClassVar[str | None] = None
    #: Whether there is a place in it for items that were called unknown.
    takes_unknown: ClassVar[bool] = True
    #: Names of the options it takes.
    options: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        root: Path,
        classes: Sequence[str],
        originals: Originals,
        settings: Mapping[str, Any],
        options: Mapping[str, Any],
    ) -> None:
        self.root = root
        self.classes = tuple(classes)
        self.originals = originals
        self.settings = settings
        self.chosen = dict(options)

    def begin(self) -> None:  # noqa: B027  most have nothing to do
        """Write what comes before the first item."""

    @abstractmethod
    def add(self, sample: Sample) -> None:
        """Write an item; raises ItemError where its file cannot be had."""

    def end(self) -> Mapping[str, str]:
        """Write what comes after the last item; returns class names by the folder or file they went to."""
        return {}

    def close(self) -> None:  # noqa: B027  most have nothing open
        """Let go of what is open, whatever happened."""


class JsonArray:
    """A JSON array in a file, one element at a time."""

    def __init__(self, file: IO[str], *, indent: str = "  ") -> None:
        self._file = file
        self._indent = indent
        self._any = False
        file.write("[")

    def add(self, value: Any) -> None:
        """Append an element."""
        self._file.write(("," if self._any else "") + "\n" + self._indent + json.dumps(value, ensure_ascii=False))
        self._any = True

    def end(self) -> None:
        """Write the closing bracket."""
        self._file.write("\n]" if self._any else "]")
