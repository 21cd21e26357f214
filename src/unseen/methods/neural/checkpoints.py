"""Unfinished training in a file: what a killed process leaves behind, and the next one goes on from."""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.errors import InputError, ModelError
from unseen.tensor_files import read_tensors, write_tensors
from unseen.validation import message, verbatim

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Checkpoint", "work_digest"]

Array = np.ndarray[Any, Any]
_FORMAT, _VERSION = "unseen-training", 1
#: Seconds between two writings: a kill costs no more work than that.
INTERVAL = 15.0


def work_digest(arrays: Mapping[str, Array], settings: str) -> str:
    """Return a digest of what a training depends on: data and settings."""
    digest = hashlib.sha256(settings.encode())
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _flat(error: Exception) -> str:
    """Return what an error says on one line, to stand inside a sentence; torch says it in paragraphs."""
    return " ".join(str(error).split()).rstrip(". ")


class Checkpoint:
    """A file that holds the latest state of one piece of work.

    Parameters
    ----------
    owner : str
        Who complains.
    path : str or None
        The file; None keeps nothing.
    digest : str
        What the work is; another's file is refused.
    """

    def __init__(self, owner: str, path: str | None, digest: str) -> None:
        self.owner, self.digest = owner, digest
        self.path = None if path is None else Path(path)
        self._written = time.monotonic()

    def read(self) -> tuple[dict[str, Any], dict[str, Array]] | None:
        """Return card and arrays as they were written, or None where there is nothing to go on from.

        Raises
        ------
        ModelError
            When the file is damaged, or no such file at all.
        InputError
            When it is of other data or other parameters, or none can be written there.
        """
        if self.path is None:
            return None
        try:
            there = self.path.exists()
            if not there:  # told now, not after the first minutes
                self._draft().touch()
                self._drafted.unlink()
        except (OSError, ValueError) as error:
            raise self._refused(error) from None
        if not there:
            return None
        try:
            card, arrays = read_tensors(self.path, kind=_FORMAT, version=_VERSION)
            mine, state = card["digest"], dict(card["state"])
        except (OSError, KeyError, TypeError, ValueError, RecursionError) as error:
            raise ModelError(
                f"{self.owner}: {self.path} is no unfinished training that unseen wrote: {_flat(error)}. Delete the "
                "file, or name another."
            ) from None
        if mine != self.digest:
            raise InputError(
                message(
                    self.owner,
                    "checkpoint",
                    "a file of the same data and parameters",
                    verbatim(f"{self.path}, which is of others"),
                    "Delete the file, or name another",
                )
            )
        return state, arrays

    def _draft(self) -> Path:
        path = Path("." if self.path is None else self.path)
        self._drafted = path.with_name(f".{path.name[:100]}.{secrets.token_hex(4)}.tmp")
        return self._drafted

    def _refused(self, error: Exception) -> InputError:
        return InputError(
            message(
                self.owner,
                "checkpoint",
                "a file that can be written",
                # The reason first: of a long path the end is cut.
                verbatim(f"{getattr(error, 'strerror', None) or error}: {self.path}"),
                "Check that the folder exists and may be written to",
            )
        )

    def damaged(self, error: Exception) -> ModelError:
        """Return what to raise when a state that was read does not fit."""
        return ModelError(
            f"{self.owner}: {self.path} does not fit this training: {_flat(error)}. Delete the file, or name another."
        )

    def due(self) -> bool:
        """Say whether enough time has gone by to write again."""
        return self.path is not None and time.monotonic() - self._written >= INTERVAL

    def write(self, state: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
        """Replace the file: whoever reads it finds the old one or the new one, whole.

        Raises
        ------
        InputError
            When the system refuses.
        """
        if self.path is None:
            return
        draft = self._draft()
        card = {"format": _FORMAT, "version": _VERSION, "digest": self.digest, "state": dict(state)}
        try:
            write_tensors(draft, arrays, card)
            with draft.open("rb") as stream:
                os.fsync(stream.fileno())
            draft.replace(self.path)
        except OSError as error:
            raise self._refused(error) from None
        finally:
            draft.unlink(missing_ok=True)
        self._written = time.monotonic()

    def remove(self) -> None:
        """Take the file away: there is nothing unfinished any more."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)
