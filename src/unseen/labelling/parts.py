"""Parts: the Parquet files of an output, each there whole or not at all.

A part is written under another name, brought to the disk, and renamed; its folder is brought to the disk after it.
Whatever ends the process or the machine, a file called ``part-000000.parquet`` is complete.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unseen.errors import InputError
from unseen.validation import message, verbatim

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["PartSummary", "names_digest", "part_name", "sync_folder", "unwritable", "write_part"]

#: Kinds of error that are counted apart; a stranger's files must not fill the manifest.
_MOST_REASONS = 50
_LONGEST_REASON = 80
OTHER = "other reasons"


@dataclass(frozen=True)
class PartSummary:
    """What the manifest says of a finished part.

    Parameters
    ----------
    part : int
        Its number, from 0.
    first : int
        The place of its first item in the source, from 0.
    items : int
        Its rows.
    errors : int
        How many of them hold an error.
    names : str
        SHA-256 of the item names, each followed by a newline.
    file : str
        SHA-256 of the Parquet file.
    bytes : int
        Size of the file.
    reasons : mapping of str to int
        The errors by their kind.
    """

    part: int
    first: int
    items: int
    errors: int
    names: str
    file: str
    bytes: int
    reasons: Mapping[str, int] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the line of the manifest."""
        return asdict(self)

    @classmethod
    def from_dict(cls, line: Mapping[str, Any]) -> PartSummary:
        """Read a line of the manifest.

        Raises
        ------
        InputError
            When a field is missing or of another kind.
        """
        try:
            numbers = {key: line[key] for key in ("part", "first", "items", "errors", "bytes")}
            texts = {key: line[key] for key in ("names", "file")}
            reasons = dict(line.get("reasons", {}))
        except (KeyError, TypeError, ValueError) as error:
            raise _damaged(line) from error
        good = all(
            isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in [*numbers.values(), *reasons.values()]
        )
        if not good or not all(isinstance(text, str) for text in texts.values()):
            raise _damaged(line)
        return cls(**numbers, **texts, reasons=reasons)


def _damaged(line: object) -> InputError:
    return InputError(
        message("labelling", "a line of the manifest", "about a part", line, "Restore the manifest, or start anew")
    )


def part_name(index: int) -> str:
    """Return the file name of a part.

    >>> part_name(12)
    'part-000012.parquet'
    """
    return f"part-{index:06d}.parquet"


def names_digest(names: Iterable[str]) -> str:
    """Return the SHA-256 of item names, each followed by a newline."""
    digest = hashlib.sha256()
    for name in names:
        digest.update(name.encode() + b"\n")
    return digest.hexdigest()


def reason_of(error: str) -> str:
    """Return the kind of an error: what it says before its details.

    >>> reason_of("too large: 90000 x 90000 is more than the limit of 180 million pixels")
    'too large'
    """
    kind = error.split(":", 1)[0].split(";", 1)[0].strip()
    if kind in {"cannot be read", "cannot be fetched"}:  # what follows is short, and tells most
        kind = error.split(";", 1)[0]
    return kind[:_LONGEST_REASON]


def count_reasons(errors: Iterable[str], into: dict[str, int] | None = None) -> dict[str, int]:
    """Count errors by their kind, adding to `into`; rare kinds beyond the first fifty go under "other reasons"."""
    counts = {} if into is None else into
    for error in errors:
        reason = reason_of(error)
        if reason not in counts and len(counts) >= _MOST_REASONS:
            reason = OTHER
        counts[reason] = counts.get(reason, 0) + 1
    return counts


def unwritable(path: Path, error: OSError) -> InputError:
    """Word the system's refusal to write the output; what is there already is kept."""
    reason = verbatim(os.strerror(error.errno) if error.errno else type(error).__name__)
    remedy = "Free some space or mend its rights, then run the same command with --resume: nothing done is lost"
    return InputError(message("labelling", f"the output {str(path)!r}", "writable", reason, remedy))


def sync_folder(folder: Path) -> None:
    """Bring a folder's list of names to the disk."""
    if os.name == "nt":  # pragma: no cover  folders cannot be opened there
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_part(folder: Path, index: int, first: int, table: Any) -> PartSummary:
    """Write one part, whole or not at all.

    Parameters
    ----------
    folder : Path
        The output folder.
    index, first : int
        The part's number, and the place of its first item in the source.
    table : pyarrow.Table
        Its rows, with the columns of :func:`unseen.labelling.rows.make_schema`.

    Returns
    -------
    PartSummary
        What the manifest's line says.

    Raises
    ------
    InputError
        When the system refuses, a full disk above all; nothing half written stays under the part's name.

    Notes
    -----
    The same rows give the same bytes. Two processes that write the same part, as may happen on a cluster, write
    under different temporary names, and the later one replaces the earlier.
    """
    import pyarrow.parquet as pq

    folder = Path(folder)
    path = folder / part_name(index)
    draft = folder / f"{path.name}.{secrets.token_hex(4)}.partial"
    try:
        with draft.open("xb") as file:
            pq.write_table(table, file, compression="zstd", row_group_size=max(1, len(table)))
            file.flush()
            os.fsync(file.fileno())
        with draft.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        size = draft.stat().st_size
        draft.replace(path)
        sync_folder(folder)
    except OSError as error:
        raise unwritable(folder, error) from None
    finally:
        with suppress(OSError):  # the next run removes it
            draft.unlink(missing_ok=True)
    errors = [error for error in table.column("error").to_pylist() if error is not None]
    names = names_digest(table.column("item").to_pylist())
    return PartSummary(index, first, len(table), len(errors), names, digest, size, count_reasons(errors))
