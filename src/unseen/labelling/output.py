"""The output folder of one run: locked, held against the run that began it, its parts noted one by one."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from unseen._version import __version__
from unseen.errors import InputError
from unseen.labelling.manifest import MANIFEST, VOCABULARY, Manifest, new_header, read_whole
from unseen.labelling.parts import part_name, sync_folder, unwritable
from unseen.validation import message, one_line, shorten, verbatim

try:
    import fcntl
except ImportError:  # pragma: no cover  not on Windows, where two runs on one output are not told apart
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from unseen.labelling.parts import PartSummary

__all__ = ["OtherVersionWarning", "Output"]

_LOCK = ".lock"
#: What an output that was stopped before its manifest existed may hold.
_LEFTOVERS = {_LOCK, VOCABULARY, MANIFEST + ".partial"}


class OtherVersionWarning(UserWarning):
    """A run is gone on with by another version of unseen than the one that began it."""


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
    retried : set of int
        Those of them whose rows with an error are to be labelled again.
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
        self.retried: set[int] = set()
        self.complete = False
        self._manifest: Manifest | None = None
        self._lock: int | None = None
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock = _lock(self.folder / _LOCK)
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
            self._manifest, self._whole = read_whole(path)
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

    def begin(self, kind: str, settings: Mapping[str, Any], *, retry_errors: bool = False) -> None:
        """Write the header, or hold it against that of the run to go on with.

        Parameters
        ----------
        kind : {"labels", "embeddings"}
            What the parts hold.
        settings : mapping
            What they are made with.
        retry_errors : bool, default False
            Whether rows with an error, in parts that are finished, are to be labelled again.

        Raises
        ------
        InputError
            When something differs, or the system refuses.

        Warns
        -----
        OtherVersionWarning
            When another version of unseen made the parts that are there.
        """
        settings = json.loads(json.dumps(settings, default=str))
        if self._manifest is None:
            self._start(new_header(kind, settings))
            return
        self._compare(kind, settings, self._manifest)
        parts = self._manifest.parts
        found = {i: part for i, part in parts.items() if self._is_there(part, whole=retry_errors and part.errors > 0)}
        self.done = found
        self.retried = {i for i, part in found.items() if retry_errors and part.errors}
        # A part that somebody deleted is made again; then the output is not complete, whatever its manifest says.
        self.complete = self._manifest.complete and len(found) == len(parts) and not self.retried
        if self._manifest.complete and not self.complete and not self.resume:
            gone = len(parts) - len(found)
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
            if self._manifest.version != __version__:
                warnings.warn(_other_version(self.folder, self._manifest.version), OtherVersionWarning, stacklevel=2)

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

    def _is_there(self, part: PartSummary, *, whole: bool) -> bool:
        """Whether a part is the one that its line speaks of: by its size, and `whole` by every byte."""
        path = self.folder / part_name(part.part)
        try:
            if path.stat().st_size != part.bytes:
                return False
            if not whole:
                return True
            # A run that was ended between the new part and its line may have left one of the same size.
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == part.file
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


def _other_version(folder: Path, version: str) -> str:
    made = f"version {one_line(shorten(version, 20))}" if version else "an unknown version"
    remedy = "Rows may differ in details; install that version, or label into another folder, to have them all alike"
    return (
        f"labelling: the run into {str(folder)!r} was begun by {made} of unseen, and this is {__version__}. {remedy}."
    )


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
