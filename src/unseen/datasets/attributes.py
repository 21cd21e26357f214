"""A table of attributes as people keep it: a row per class, a column per attribute, no gaps."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from unseen.datasets.problems import Array, problem, read_table_text
from unseen.validation import verbatim

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["AttributeTable", "read_attributes", "read_rows"]

#: Titles of the column of class names.
_CLASS = ("class", "name", "category", "label")
#: Columns of our own files that are no attributes.
_PASSED_OVER = ("seen",)


@dataclass(frozen=True)
class AttributeTable:
    """Attributes of classes.

    Attributes
    ----------
    names : tuple of str
        The classes, unique.
    columns : tuple of str
        The attributes, unique.
    values : ndarray of shape (C, k), float64
    """

    names: tuple[str, ...]
    columns: tuple[str, ...]
    values: Array


def read_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a CSV that are not blank, each with its line; the header comes first.

    Raises
    ------
    DatasetError
        When the file cannot be read, or is no CSV.
    """
    text = read_table_text(path)
    header = text[:100_000].partition("\n")[0]
    delimiter = next((mark for mark in ("\t", ";") if mark in header and "," not in header), ",")
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    start = 1
    try:
        for row in rows:
            if any(row):
                yield start, row
            start = rows.line_num + 1
    except csv.Error as error:
        remedy = "Close every double quote, and write a quote inside quotes twice"
        raise problem(f"{path.name}, line {start}", "the text", "valid CSV", verbatim(str(error)), remedy) from None


def read_attributes(path: str | Path) -> AttributeTable:
    """Read a CSV (comma, semicolon or tab) with a column of class names and numeric columns.

    Parameters
    ----------
    path : path
        Its first row names the columns. The classes are in the one called ``class``, ``name``, ``category`` or
        ``label``, else in the first. Every other one is an attribute, but for ``seen``; yes and no count as 1 and 0.

    Raises
    ------
    DatasetError
        With line and column, when a cell is empty or no number, a class or an attribute repeats, or there are none.
    """
    path = Path(path)
    rows = read_rows(path)
    line, header = next(rows, (1, []))
    titles = [cell.strip() for cell in header]
    if len(titles) < 2:
        expected = "a row of titles: class, and an attribute per column"
        raise problem(f"{path.name}, line {line}", "the header", expected, verbatim(",".join(titles)), "Write it")
    lower = [title.lower() for title in titles]
    key = next((lower.index(title) for title in _CLASS if title in lower), 0)
    used = [i for i in range(len(titles)) if i != key and lower[i] not in _PASSED_OVER]
    columns = [titles[i].removeprefix("attribute:").strip() for i in used]
    for i, column in enumerate(columns):
        if not column or column in columns[:i]:
            remedy = "Give every attribute a title of its own"
            raise problem(f"{path.name}, line {line}", "attribute titles", "unique", column, remedy)
    names: dict[str, int] = {}
    values: list[list[float]] = []
    for line, row in rows:
        where = f"{path.name}, line {line}"
        name = row[key].strip() if key < len(row) else ""
        if not name:
            raise problem(where, "the class name", "given", verbatim("an empty cell"), "Write it or remove the row")
        if name in names:
            raise problem(where, "class names", "unique", name, f"It is in line {names[name]} too: remove one")
        if len(row) > len(titles):
            found = verbatim(f"{len(row)} cells")
            remedy = "Put a text that holds the separator in double quotes"
            raise problem(where, f"the row of {name!r}", f"{len(titles)} cells long, like the header", found, remedy)
        names[name] = line
        values.append([_number(where, titles[i], name, row[i] if i < len(row) else "") for i in used])
    if not values or not columns:
        found = verbatim("no class" if not values else "no attribute")
        raise problem(path.name, "the table", "a row per class and a column per attribute", found, "Fill it in")
    return AttributeTable(tuple(names), tuple(columns), np.array(values, dtype=np.float64))


def _number(where: str, column: str, name: str, cell: str) -> float:
    from unseen.vocabulary.rules import MAX_NUMBER, parse_number

    number = parse_number(cell)
    if number is None or abs(number) > MAX_NUMBER:
        text = " ".join(cell.split())
        remedy = (
            "Write a number, 0 if the class does not have it; a gap is never filled with a guess"
            if not text
            else "Write a number such as 0.7; texts about classes belong in a vocabulary file (--classes)"
        )
        found = text or verbatim("an empty cell")
        raise problem(where, f"attribute {column!r} of {name!r}", "a number", found, remedy)
    return number
