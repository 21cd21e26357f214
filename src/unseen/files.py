"""Writing a file whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from typing import TYPE_CHECKING

from unseen.errors import InputError
from unseen.validation import message, verbatim

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["write_atomically"]


def write_atomically(path: Path, text: str, *, error: type[InputError] = InputError) -> None:
    """Write `text` beside `path` and move it there: readers see the old file or the new one, never half.

    Raises
    ------
    InputError
        Or the `error` given, when the system refuses.
    """
    target = path.resolve()  # a link stays a link; what it points at is replaced
    draft = target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}.tmp")
    try:
        with draft.open("x", encoding="utf-8", newline="") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        if target.exists():
            shutil.copymode(target, draft)
        draft.replace(target)
    except OSError as refused:
        raise error(
            message(
                str(path),
                "the file",
                "writable",
                verbatim(refused.strerror or str(refused)),
                "Check that the folder exists and may be written to",
            )
        ) from None
    finally:
        draft.unlink(missing_ok=True)
