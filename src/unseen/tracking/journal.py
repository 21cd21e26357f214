"""Text that survives: whole lines, on the disk within a second, valid however the run ends."""

from __future__ import annotations

import errno
import os
import time
from typing import TYPE_CHECKING, Self

from unseen.errors import InputError
from unseen.validation import message, verbatim
from unseen.writers import open_alone, unwritable

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

__all__ = ["Journal"]

#: Seconds that a crash of the machine may cost.
_SYNC = 1.0


class Journal:
    """A text file that grows by whole lines.

    Each call of `write` reaches the system at once, so a process that is killed leaves all of them; once per second
    they reach the disk. Where the disk is full in the middle of a line, what was written of it is taken back.

    Parameters
    ----------
    path : Path
        The file; one that is there is begun anew.

    Raises
    ------
    InputError
        When it cannot be written, or not any further.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._descriptor = open_alone(path)
        except OSError as error:
            raise unwritable("track", "the output file", path, error) from None
        self._end = 0
        self._synced = time.monotonic()

    def write(self, text: str) -> None:
        """Append lines; `text` ends with a line's end, or is empty."""
        data = text.encode("utf-8", "replace")
        try:
            done = 0
            while done < len(data):
                written = os.write(self._descriptor, data[done:])
                if not written:
                    raise OSError(errno.ENOSPC, "")
                done += written
            self._end += len(data)
            if time.monotonic() - self._synced >= _SYNC:
                os.fsync(self._descriptor)
                self._synced = time.monotonic()
        except OSError as error:
            self._take_back()
            raise self._refused(error) from None

    def _take_back(self) -> None:
        try:
            os.ftruncate(self._descriptor, self._end)
        except OSError as error:
            raise self._refused(error) from None

    def _refused(self, error: OSError) -> InputError:
        if error.errno == errno.ENOSPC:
            got = verbatim(f"a full disk; {self.path.name} holds everything up to there")
            remedy = "Make room, or choose another place with --out"
            return InputError(message("track", f"the disk of {str(self.path)!r}", "able to take more", got, remedy))
        return unwritable("track", "the output file", self.path, error)

    def close(self) -> None:
        """Bring everything to the disk and close the file."""
        if self._descriptor < 0:
            return
        descriptor, self._descriptor = self._descriptor, -1
        try:
            os.fsync(descriptor)
        except OSError as error:
            raise self._refused(error) from None
        finally:
            os.close(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
