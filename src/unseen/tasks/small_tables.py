"""Small tables that go with a vocabulary: candidates per item, thresholds per class."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from unseen.errors import InputError, ItemError
from unseen.inputs.files import open_regular, os_reason, printable, quoted
from unseen.validation import check_number, message, verbatim

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["read_candidates", "read_thresholds"]


def read_candidates(path: Path) -> dict[str, tuple[str, ...]]:
    """Read which classes each item may be of: CSV with the columns ``item`` and ``names``, these separated by ``|``.

    Raises
    ------
    InputError
        With the file and the line, when something in it is wrong.
    """
    found: dict[str, tuple[str, ...]] = {}
    for where, item, cell in _rows(path, "--candidates", ("item", "names")):
        names = tuple(name.strip() for name in cell.split("|") if name.strip())
        if not names:
            got = verbatim("none")
            raise InputError(message(where, "names", "at least one class name", got, "Write for example cat|dog"))
        if item in found:
            raise InputError(message(where, "items", "unique", item, "Put all of its classes into one line"))
        found[item] = names
    return found


def read_thresholds(path: Path) -> dict[str, float]:
    """Read from which probability on each class is accepted: CSV with the columns ``name`` and ``threshold``.

    Raises
    ------
    InputError
        With the file and the line, when something in it is wrong.
    """
    found: dict[str, float] = {}
    for where, name, cell in _rows(path, "--threshold", ("name", "threshold")):
        try:
            value: float | str = float(cell)
        except ValueError:
            value = cell
        if name in found:
            raise InputError(message(where, "names", "unique", name, "Remove one of the two lines"))
        found[name] = check_number(where, "threshold", value, low=0, high=1)
    return found


def _rows(path: Path, option: str, columns: tuple[str, str]) -> Iterator[tuple[str, str, str]]:
    """Yield for each row of a CSV file with a header where it stands, and its fields in these two columns."""
    shown = printable(path)
    try:
        with io.TextIOWrapper(open_regular(path), encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            there = reader.fieldnames or []
            if not set(columns) <= set(there):
                got = verbatim(", ".join(map(repr, there)) or "an empty file")
                expected = f"{columns[0]!r} and {columns[1]!r}"
                remedy = f"Write {','.join(columns)} into its first line"
                raise InputError(message(option, f"the columns of {shown}", expected, got, remedy))
            for row in reader:
                yield f"{shown}, line {reader.line_num}", row[columns[0]] or "", row[columns[1]] or ""
    except (ItemError, OSError) as error:
        reason = verbatim(str(error) if isinstance(error, ItemError) else os_reason(error))
        raise InputError(message(option, f"the file {quoted(path)}", "readable", reason, "Check the path")) from None
    except (UnicodeDecodeError, csv.Error) as error:
        reason = verbatim(" ".join(str(error).split())[:200])
        raise InputError(message(option, f"the file {shown}", "CSV in UTF-8", reason, "Save it as such")) from None
