"""The manifest: which parts of an output count, and what they were made with.

``manifest.jsonl`` holds one JSON object per line, in the order things happened: a header, a line for every finished
part, and at the end that the output is complete. It is written by one process alone, each line brought to the disk
after the part it speaks of; a part without a line does not count, a line that was cut off is cut away, and of two
lines about one part the later one holds.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unseen._version import __version__
from unseen.errors import InputError
from unseen.labelling.parts import PartSummary
from unseen.validation import message, verbatim

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["LONGEST_LINE", "MANIFEST", "VOCABULARY", "Manifest", "new_header", "read_manifest", "read_whole"]

MANIFEST, VOCABULARY = "manifest.jsonl", "classes.yaml"
_FORMAT, _VERSION = "unseen-labels", 1
_KINDS = ("labels", "embeddings")
#: A line is a few hundred bytes, the header some more for long lists of sources.
LONGEST_LINE = 1 << 24


@dataclass(frozen=True)
class Manifest:
    """What a manifest says.

    Parameters
    ----------
    kind : {"labels", "embeddings"}
        What the parts hold.
    settings : mapping
        What they were made with.
    parts : mapping of int to PartSummary
        The finished parts by their number, in ascending order.
    complete : bool
        Whether nothing of the source is left.
    version : str, default ""
        Of unseen, where it was begun.
    """

    kind: str
    settings: Mapping[str, Any]
    parts: Mapping[int, PartSummary]
    complete: bool
    version: str = ""

    @property
    def items(self) -> int:
        """Rows in all finished parts."""
        return sum(part.items for part in self.parts.values())

    @property
    def errors(self) -> int:
        """Rows with an error in all finished parts."""
        return sum(part.errors for part in self.parts.values())

    @property
    def reasons(self) -> dict[str, int]:
        """The errors of all finished parts by their kind, most first."""
        counts: dict[str, int] = {}
        for part in self.parts.values():
            for reason, count in part.reasons.items():
                counts[reason] = counts.get(reason, 0) + count
        return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


def read_manifest(folder: str | Path) -> Manifest:
    """Read the manifest of an output, finished or not.

    Parameters
    ----------
    folder : str or Path
        What `label` or `embed` wrote into.

    Raises
    ------
    InputError
        When there is none, or it is damaged or of another version.
    """
    return read_whole(Path(folder) / MANIFEST)[0]


def new_header(kind: str, settings: Mapping[str, Any]) -> str:
    """Return the first line of a manifest.

    Raises
    ------
    InputError
        When it would be too long to be read again.
    """
    header = {"format": _FORMAT, "version": _VERSION, "kind": kind, "unseen": __version__, "settings": settings}
    line = json.dumps(header) + "\n"
    if len(line) > LONGEST_LINE:
        length, remedy = verbatim(f"{len(line):,}"), "Pass fewer thresholds, or one for all classes"
        raise InputError(message("labelling", "the settings", "of 16 million characters at most", length, remedy))
    return line


def _wrong(path: Path, got: str) -> InputError:
    expected = f"a manifest of format {_FORMAT!r}, version {_VERSION}"
    return InputError(
        message("labelling", repr(str(path)), expected, verbatim(got), "Point at a folder that `unseen label` wrote")
    )


def read_whole(path: Path) -> tuple[Manifest, int]:
    """Return what a manifest says, and the length of it that is whole."""
    whole, header, complete = 0, None, False
    parts: dict[int, PartSummary] = {}
    try:
        with path.open("rb") as file:
            while raw := file.readline(LONGEST_LINE):
                if not raw.endswith(b"\n"):  # the last line, cut off when the run was ended
                    break
                try:
                    line = json.loads(raw)
                except (ValueError, RecursionError):
                    if file.read(1):
                        raise _wrong(path, f"a damaged line at byte {whole}") from None
                    break
                if not isinstance(line, dict):
                    raise _wrong(path, f"a line that is no object at byte {whole}")
                whole += len(raw)
                if header is None:
                    header = _check_header(path, line)
                elif "complete" in line:
                    complete = True
                else:
                    part = PartSummary.from_dict(line)
                    parts[part.part] = part
    except FileNotFoundError:
        raise _wrong(path, "none") from None
    except OSError as error:
        raise _wrong(path, (error.strerror or "an error").lower()) from None
    if header is None:
        raise _wrong(path, "one without a header")
    ordered = {index: parts[index] for index in sorted(parts)}
    return Manifest(header["kind"], header["settings"], ordered, complete, str(header.get("unseen", ""))), whole


def _check_header(path: Path, line: Mapping[str, Any]) -> Mapping[str, Any]:
    if line.get("format") != _FORMAT or line.get("version") != _VERSION:
        raise _wrong(path, f"format {line.get('format')!r}, version {line.get('version')!r}")
    if line.get("kind") not in _KINDS or not isinstance(line.get("settings"), dict):
        raise _wrong(path, "a damaged header")
    return line
