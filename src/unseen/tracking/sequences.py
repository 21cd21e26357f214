"""Folders of MOTChallenge files: which file of tracks belongs to which file of the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unseen.errors import InputError
from unseen.inputs.files import quoted, similar_names
from unseen.tracking.mot import MotBoxes, read_mot
from unseen.validation import message, verbatim

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["read_hypotheses", "read_truth"]

_OWNER = "track-eval"
#: Where a sequence's folder holds the truth, and where tracks, in this order.
_TRUTHS = ("gt/gt.txt", "gt.txt")
_TRACKS = ("tracks.txt", "test.txt", "det.txt")
#: Sequences of one folder.
_MOST = 10_000


def _place(path: Path, what: str) -> Path:
    if not path.exists():
        raise InputError(message(_OWNER, what, "a place that exists", quoted(path), similar_names(path)))
    return path


def _sequences(folder: Path, inside: tuple[str, ...], passed_over: frozenset[str]) -> dict[str, Path]:
    """Return files by the names of their sequences: ``NAME.txt``, or ``NAME/`` with one of `inside`."""
    found: dict[str, Path] = {}
    for entry in sorted(folder.iterdir())[:_MOST]:
        if entry.is_dir():
            file = next((entry / name for name in inside if (entry / name).is_file()), None)
            if file is not None:
                found[entry.name] = file
        elif entry.suffix == ".txt" and entry.name.lower() not in passed_over:
            found[entry.stem] = entry
    return found


_NO_TRACKS = frozenset({"readme.txt", "seqmap.txt", "license.txt"})


def read_truth(path: Path) -> MotBoxes | Mapping[str, MotBoxes]:
    """Read the truth: one file, or a folder with ``NAME.txt``, ``NAME/gt.txt`` or ``NAME/gt/gt.txt`` per sequence.

    Rows with a 0 in the seventh column are distractors or regions to ignore: they do not count.

    Raises
    ------
    InputError
        When there is nothing to read.
    """
    if not _place(path, "--truth").is_dir():
        return _counting(read_mot(path, owner=_OWNER))
    files = _truth_files(path)
    return {name: _counting(read_mot(file, owner=_OWNER)) for name, file in files.items()}


def _truth_files(path: Path) -> dict[str, Path]:
    own = next((path / name for name in _TRUTHS if (path / name).is_file()), None)
    files = {path.name: own} if own is not None else _sequences(path, _TRUTHS, _NO_TRACKS)
    if not files:
        got = verbatim("a folder without any")
        raise InputError(message(_OWNER, "--truth", "a folder of sequences with gt.txt", got, "Name the file itself"))
    return files


def _counting(boxes: MotBoxes) -> MotBoxes:
    return boxes.where(boxes.scores != 0)


def read_hypotheses(path: Path, truth: Path) -> MotBoxes | Mapping[str, MotBoxes]:
    """Read tracks: one file where the truth is one, else a folder with ``NAME.txt`` or ``NAME/tracks.txt``.

    Raises
    ------
    InputError
        When there is nothing to read, or a folder stands against a file.
    """
    if not _place(truth, "--truth").is_dir():
        if _place(path, "HYPOTHESES").is_dir():
            own = next((path / name for name in _TRACKS if (path / name).is_file()), None)
            if own is None:
                got = verbatim("a folder, and the truth is a file")
                raise InputError(message(_OWNER, "HYPOTHESES", "a file too", got, "Name the file of tracks"))
            path = own
        return read_mot(path, owner=_OWNER)
    names = _truth_files(truth)
    if not _place(path, "HYPOTHESES").is_dir():
        if len(names) > 1:
            got = verbatim(f"a file for {len(names):,} sequences")
            raise InputError(message(_OWNER, "HYPOTHESES", "a folder too", got, "Name the folder, or one gt.txt"))
        return {next(iter(names)): read_mot(path, owner=_OWNER)}
    files = {name: file for name, file in _sequences(path, _TRACKS, _NO_TRACKS).items() if name in names}
    if not files:
        got = verbatim(f"none for {', '.join(list(names)[:3])}")
        remedy = "Call them NAME.txt, as the sequences of the truth"
        raise InputError(message(_OWNER, "HYPOTHESES", "a folder with a file per sequence", got, remedy))
    return {name: read_mot(file, owner=_OWNER) for name, file in files.items()}
