"""An output that is there whole or not at all, and that takes the place of nothing."""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from unseen.errors import InputError
from unseen.validation import message, verbatim
from unseen.writers import open_alone, partial_of, unwritable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["draft"]

_OWNER = "convert"
#: In a folder that is being written; tells our own rubbish from somebody's folder.
_LOCK = ".unseen-export.lock"


@contextmanager
def draft(out: Path, *, folder: bool, owner: str = _OWNER) -> Iterator[Path]:
    """Hand out where to write; it becomes `out` when the block ends well, and is removed when it does not.

    Raises
    ------
    InputError
        When there is something at `out` already, another run is writing it, or the system refuses: a full disk.
    """
    _check_free(out, folder, owner)
    partial = partial_of(out)
    lock: int | None = None
    try:
        if folder:
            _clear(partial, owner)
            partial.mkdir()
            lock = open_alone(partial / _LOCK)
        else:
            lock = open_alone(partial)
    except OSError as error:
        raise unwritable(owner, "the output", out, error) from None
    try:
        yield partial
        if folder:
            (partial / _LOCK).unlink()
        _check_free(out, folder, owner)
        if folder and out.exists():
            out.rmdir()
        partial.rename(out)
    except BaseException as error:
        with suppress(OSError):
            _remove(partial, folder)
        if isinstance(error, OSError):
            raise unwritable(owner, "the output", out, error) from None
        raise
    finally:
        os.close(lock)


def _check_free(out: Path, folder: bool, owner: str) -> None:
    remedy = "Choose another name; nothing is overwritten"
    try:
        if not os.path.lexists(out):
            if not out.absolute().parent.is_dir():
                raise FileNotFoundError(errno.ENOENT, "")
            return
        empty = folder and out.is_dir() and not out.is_symlink() and not any(out.iterdir())
    except (OSError, ValueError) as error:
        refused = error if isinstance(error, OSError) else OSError(errno.EINVAL, "")
        raise unwritable(owner, "the output", out, refused) from None
    if not empty:
        expected = "new, or an empty folder" if folder else "new"
        found = verbatim("something that is there already")
        raise InputError(message(owner, f"the output {str(out)!r}", expected, found, remedy))


def _clear(partial: Path, owner: str) -> None:
    """Remove what an export that was ended left behind, and nothing else."""
    if not os.path.lexists(partial):
        return
    mark = partial / _LOCK
    if partial.is_dir() and not partial.is_symlink() and not any(partial.iterdir()):
        partial.rmdir()
        return
    if partial.is_symlink() or not mark.is_file() or mark.is_symlink():
        found = verbatim("something that no export left there")
        remedy = "Move it away, or choose another output"
        raise InputError(message(owner, f"{str(partial)!r}", "free to write to", found, remedy))
    os.close(open_alone(mark))  # raises where another run is writing
    _remove(partial, folder=True)


def _remove(partial: Path, folder: bool) -> None:
    if folder:
        shutil.rmtree(partial)
    else:
        partial.unlink(missing_ok=True)
