"""The manifest: which parts of an output count, and what they were made with.

``manifest.jsonl`` holds one JSON object per line, in the order things happened: a header, a line for every finished
part, and at the end that the output is complete. It is written by one process alone, each line brought to the disk
after the part it speaks of; a part without a line does not count, a line that was cut off is cut away, and of two
lines about one part the later one holds.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from unseen._version import __version__
from unseen.errors import InputError
from unseen.labelling.parts import PartSummary, part_name, sync_folder, unwritable
from unseen.validation import message, one_line, shorten, verbatim

try:
    import fcntl
except ImportError:  # pragma: no cover  not on Windows, where two runs on one output are not told apart
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

__all__ = ["MANIFEST", "Manifest", "Output", "read_manifest"]

MANIFEST, LOCK, VOCABULARY = "manifest.jsonl", ".lock", "classes.yaml"
_FORMAT, _VERSION = "unseen-labels", 1
_KINDS = ("labels", "embeddings")
#: A line is a few hundred bytes, the header some more for long lists of sources.
_LONGEST_LINE = 1 << 24
#: What an output that was stopped before its manifest existed may hold.
_LEFTOVERS = {LOCK, VOCABULARY, MANIFEST + ".partial"}


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
    """

    kind: str
    settings: Mapping[str, Any]
    parts: Mapping[int, PartSummary]
    complete: bool

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
    return _read(Path(folder) / MANIFEST)[0]


def _wrong(path: Path, got: str) -> InputError:
    expected = f"a manifest of format {_FORMAT!r}, version {_VERSION}"
    return InputError(
        message("labelling", repr(str(path)), expected, verbatim(got), "Point at a folder that `unseen label` wrote")
    )


def _read(path: Path) -> tuple[Manifest, int]:
    """Return what a manifest says, and the length of it that is whole."""
    whole, header, complete = 0, None, False
    parts: dict[int, PartSummary] = {}
    try:
        with path.open("rb") as file:
            while raw := file.readline(_LONGEST_LINE):
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
    return Manifest(str(header["kind"]), header["settings"], ordered, complete), whole


def _check_header(path: Path, line: Mapping[str, Any]) -> Mapping[str, Any]:
    if line.get("format") != _FORMAT or line.get("version") != _VERSION:
        raise _wrong(path, f"format {line.get('format')!r}, version {line.get('version')!r}")
    if line.get("kind") not in _KINDS or not isinstance(line.get("settings"), dict):
        raise _wrong(path, "a damaged header")
    return line


class Output:
    """An output folder that this process alone writes to.

    Parameters
    ----------
    folder : str or Path
        Made where it does not exist.
    resume : bool, default False
        Whether to go on with what an earlier run left.

    Attributes
    ----------
    done : dict of int to PartSummary
        The finished parts whose files are there.
    complete : bool
        Whether nothing is left to do.

    Raises
    ------
    InputError
        When the folder holds something else, another run works on it, there is an unfinished output and `resume`
        is False, or the system refuses.

    Notes
    -----
    A context manager. The order is: make it (which locks the folder), `begin` with the settings, `record` each part
    after it was written, `finish`. Workers elsewhere write parts; only the process that holds this records them.
    """

    def __init__(self, folder: str | Path, *, resume: bool = False) -> None:
        self.folder = Path(folder)
        self.resume = resume
        self.done: dict[int, PartSummary] = {}
        self.complete = False
        self._manifest: Manifest | None = None
        self._lock: int | None = None
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock = _lock(self.folder / LOCK)
        except BlockingIOError:
            raise InputError(
                message(
                    "labelling",
                    f"the output {str(self.folder)!r}",
                    "free",
                    verbatim("one that another run is writing"),
                    "Wait for it to end, or choose another folder",
                )
            ) from None
        except OSError as error:
            raise unwritable(self.folder, error) from None
        try:
            self._look()
        except BaseException:
            self.close()
            raise

    def _look(self) -> None:
        """Find out what is there already."""
        path = self.folder / MANIFEST
        if path.exists():
            self._manifest, self._whole = _read(path)
            if not self.resume and not self._manifest.complete:
                raise InputError(
                    message(
                        "labelling",
                        f"the output {str(self.folder)!r}",
                        "new, or an empty folder",
                        verbatim(f"an unfinished run, with {self._manifest.items:,} items done"),
                        "Go on with it by --resume, or choose another folder",
                    )
                )
            return
        try:
            foreign = sorted(path.name for path in self.folder.iterdir() if not _is_leftover(path.name))
        except OSError as error:
            raise unwritable(self.folder, error) from None
        if foreign:
            raise InputError(
                message(
                    "labelling",
                    f"the output {str(self.folder)!r}",
                    "new, or an empty folder",
                    verbatim(f"one that holds {one_line(shorten(foreign[0], 40))}"),
                    "Choose another folder",
                )
            )

    @property
    def begun(self) -> bool:
        """Whether an earlier run left a manifest."""
        return self._manifest is not None

    def begin(self, kind: str, settings: Mapping[str, Any]) -> None:
        """Write the header, or hold it against that of the run to go on with.

        Raises
        ------
        InputError
            When something differs, or the system refuses.
        """
        settings = json.loads(json.dumps(settings, default=str))
        if self._manifest is None:
            header = {
                "format": _FORMAT,
                "version": _VERSION,
                "kind": kind,
                "unseen": __version__,
                "settings": settings,
            }
            text = json.dumps(header) + "\n"
            if len(text) > _LONGEST_LINE:  # before the work: it could not be read again
                remedy = "Pass fewer thresholds, or one for all classes"
                length = verbatim(f"{len(text):,}")
                raise InputError(
                    message("labelling", "the settings", "of 16 million characters at most", length, remedy)
                )
            self._start(text)
            return
        self._compare(kind, settings, self._manifest)
        found = {index: part for index, part in self._manifest.parts.items() if self._is_there(part)}
        self.done = found
        # A part that somebody deleted is made again; then the output is not complete, whatever its manifest says.
        self.complete = self._manifest.complete and len(found) == len(self._manifest.parts)
        if self._manifest.complete and not self.complete and not self.resume:
            gone = len(self._manifest.parts) - len(found)
            raise InputError(
                message(
                    "labelling",
                    f"the output {str(self.folder)!r}",
                    "new, or an empty folder",
                    verbatim(f"a finished run of which {gone} parts are missing or damaged"),
                    "Make them again by --resume, or choose another folder",
                )
            )
        if not self.complete:
            self._tidy()

    def _start(self, header: str) -> None:
        path = self.folder / MANIFEST
        draft = self.folder / (MANIFEST + ".partial")
        try:
            self._remove_drafts()
            with draft.open("w", encoding="utf-8", newline="\n") as file:
                file.write(header)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
            sync_folder(self.folder)
        except OSError as error:
            with suppress(OSError):
                draft.unlink(missing_ok=True)
            raise unwritable(self.folder, error) from None
        self._whole = len(header.encode())

    def _compare(self, kind: str, settings: Mapping[str, Any], old: Manifest) -> None:
        differing = [
            f"{key} was {shorten(old.settings.get(key))} and is {shorten(settings.get(key))}"
            for key in dict.fromkeys([*old.settings, *settings])
            if old.settings.get(key) != settings.get(key)
        ]
        if kind != old.kind:
            differing.insert(0, f"it holds {old.kind}, and {kind} are asked for")
        if differing:
            raise InputError(
                message(
                    "labelling",
                    f"the run into {str(self.folder)!r}",
                    "the same as the one that began it",
                    verbatim("another one"),
                    f"{one_line('; '.join(differing))}. Run it as it was begun, or choose another folder",
                )
            )

    def _is_there(self, part: PartSummary) -> bool:
        try:
            return (self.folder / part_name(part.part)).stat().st_size == part.bytes
        except OSError:
            return False

    def _tidy(self) -> None:
        """Cut away what a run that was ended left half written."""
        try:
            with (self.folder / MANIFEST).open("r+b") as file:
                file.truncate(self._whole)
                os.fsync(file.fileno())
            self._remove_drafts()
        except OSError as error:
            raise unwritable(self.folder, error) from None

    def _remove_drafts(self) -> None:
        for draft in self.folder.glob("part-*.partial"):
            draft.unlink(missing_ok=True)

    def record(self, part: PartSummary) -> None:
        """Note that a part is finished; its file must be on the disk already.

        Raises
        ------
        InputError
            When the system refuses.
        """
        self._append(part.to_dict())
        self.done[part.part] = part

    def finish(self) -> None:
        """Note that the output is complete.

        Raises
        ------
        InputError
            When the system refuses.
        """
        parts = self.done.values()
        totals = {"items": sum(p.items for p in parts), "parts": len(parts), "errors": sum(p.errors for p in parts)}
        self._append({"complete": True, **totals})
        self.complete = True

    def _append(self, line: Mapping[str, Any]) -> None:
        path = self.folder / MANIFEST
        data = (json.dumps(line) + "\n").encode()
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | getattr(os, "O_BINARY", 0))
            try:
                written = os.write(descriptor, data)
                while written < len(data):
                    written += os.write(descriptor, data[written:])
                os.fsync(descriptor)
            except OSError:
                # Half a line would be cut by the next run as well; this one may yet be told to go on.
                with suppress(OSError):
                    os.ftruncate(descriptor, self._whole)
                raise
            finally:
                os.close(descriptor)
        except OSError as error:
            raise unwritable(self.folder, error) from None
        self._whole += len(data)

    def close(self) -> None:
        """Let other runs in."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _is_leftover(name: str) -> bool:
    """Whether a run that was ended before its manifest existed may have left a file of this name."""
    return name in _LEFTOVERS or (name.startswith(f".{VOCABULARY}.") and name.endswith(".tmp"))


def _lock(path: Path) -> int:
    """Open the lock file as the only one to hold it; the lock goes with the process, whatever ends it."""
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    descriptor = os.open(path, flags, 0o666)
    try:
        if fcntl is not None:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
