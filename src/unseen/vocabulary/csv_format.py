"""Vocabularies in CSV and TSV: one class per row, as a spreadsheet writes it.

Columns: ``name`` (required), ``description``, ``description_2``, … , ``description_source``, ``synonyms`` (separated
by ``;``), ``seen``, and any number of ``attribute:NAME``. A cell that is empty says nothing. Cells are written
exactly as they are, even ``=1+1``: a vocabulary is data, and whoever opens it in a spreadsheet should know.
"""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING, Any

from unseen.errors import VocabularyError
from unseen.validation import message, verbatim
from unseen.vocabulary.files import MAX_TABLE_BYTES, read_text
from unseen.vocabulary.model import ClassEntry, Vocabulary, build
from unseen.vocabulary.rules import ProblemError, bad_number, format_number, parse_flag, parse_number, suggestion

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_COLUMNS = ("name", "description", "description_2", "description_source", "synonyms", "seen")
_DESCRIPTION = re.compile(r"description(?:_([1-9][0-9]{0,3}))?")
_ATTRIBUTE = re.compile(r"(?:attribute|attr):(.*)", re.IGNORECASE | re.DOTALL)


def read(path: Path) -> Vocabulary:
    """Read a CSV or TSV vocabulary."""
    text = read_text(path, MAX_TABLE_BYTES, "Split it into several vocabularies")
    return _read(text, path.name, _delimiter(text, tsv=path.suffix.lower() == ".tsv"))


def _delimiter(text: str, *, tsv: bool) -> str:
    if tsv:
        return "\t"
    # Spreadsheets in countries with a decimal comma write semicolons; every header but `name` alone has a separator.
    header = text[:10_000].partition("\n")[0]
    return ";" if ";" in header and "," not in header else ","


def _read(text: str, owner: str, delimiter: str) -> Vocabulary:
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    entries: list[ClassEntry] = []
    lines: list[int] = []
    columns: list[tuple[str, Any]] | None = None
    for line, row in _numbered(rows, owner):
        if columns is None:
            columns = _header(row, owner, line)
            bare = len(columns) == 1
            continue
        if len(row) > len(columns) and any(row[len(columns) :]):
            raise VocabularyError(
                message(
                    f"{owner}, line {line}",
                    "a row",
                    f"{len(columns)} cells long, like the header",
                    verbatim(f"{len(row)} cells"),
                    "Put a text that holds the separator in double quotes",
                )
            )
        if not any(cell.strip() for cell in row):
            continue
        given = {"name": row[0]} if bare else _fields(columns, row, f"{owner}, line {line}")
        try:
            entries.append(ClassEntry(**given))
        except ProblemError as error:
            raise error.at(f"{owner}, line {line}") from None
        lines.append(line)
    return build(entries, None, owner, lines)


def _numbered(rows: Any, owner: str) -> Iterator[tuple[int, list[str]]]:
    """Yield rows that are not blank with the line each starts in."""
    start = 1
    try:
        for row in rows:
            if row:
                yield start, row
            start = rows.line_num + 1
    except csv.Error as error:
        raise VocabularyError(
            message(
                f"{owner}, line {start}",
                "the text",
                "valid CSV",
                verbatim(str(error)),
                "Close every double quote, write a quote inside quotes twice, and keep cells short",
            )
        ) from None


def _header(row: Sequence[str], owner: str, line: int) -> list[tuple[str, Any]]:
    """Return per column what it is: a field's name, and an attribute's name or a description's rank."""
    where = f"{owner}, line {line}"
    columns: list[tuple[str, Any]] = []
    for cell in row:
        title = cell.strip()
        known = title.lower()
        attribute = _ATTRIBUTE.fullmatch(title)
        description = _DESCRIPTION.fullmatch(known)
        if attribute:
            columns.append(("attributes", attribute.group(1).strip()))
        elif description:
            columns.append(("descriptions", int(description.group(1) or 1)))
        elif known in ("name", "synonyms", "seen", "description_source"):
            columns.append((known, None))
        else:
            hint = suggestion(known, _COLUMNS, f"Known: {', '.join(_COLUMNS)}")
            raise VocabularyError(
                message(where, "a column", "a known one", title, f"{hint}, or 'attribute:{title}' for an attribute")
            )
        if columns.index(columns[-1]) < len(columns) - 1:
            raise VocabularyError(message(where, "columns", "unique", title, "Rename or remove one of the two"))
    if ("name", None) not in columns:
        raise VocabularyError(
            message(
                where,
                "the header",
                "a row of column titles one of which is name",
                verbatim(", ".join(row)[:60]),
                "Write 'name' above the class names",
            )
        )
    return columns


def _fields(columns: Sequence[tuple[str, Any]], row: Sequence[str], where: str) -> dict[str, Any]:
    given: dict[str, Any] = {"name": ""}
    descriptions: list[tuple[int, str]] = []
    attributes: dict[str, float] = {}
    for (field, detail), cell in zip(columns, row, strict=False):
        if field == "name":
            given["name"] = cell
        elif not cell.strip():
            continue
        elif field == "descriptions":
            descriptions.append((detail, cell))
        elif field == "attributes":
            number = parse_number(cell)
            if number is None:
                raise bad_number(cell, where, f"attribute {detail!r} of {given['name']!r}", field=field)
            attributes[detail] = number
        elif field == "seen":
            given["seen"] = parse_flag(cell)
            if given["seen"] is None:
                raise VocabularyError(
                    message(where, f"seen of {given['name']!r}", "true, false or empty", cell, "Write true or false")
                )
        elif field == "synonyms":
            given["synonyms"] = tuple(s for s in cell.split(";") if s.strip())
        else:
            given[field] = cell
    if descriptions:
        given["descriptions"] = tuple(text for _, text in sorted(descriptions))
    if attributes:
        given["attributes"] = attributes
    return given


def write(vocabulary: Vocabulary, path: Path) -> str:
    """Return the vocabulary as CSV or TSV text, with only the columns that some class needs."""
    if vocabulary.templates is not None:
        raise VocabularyError(
            message(
                path.name,
                "the vocabulary",
                "free of templates to be saved as CSV",
                verbatim("templates"),
                "Save it as .yaml, which holds everything",
            )
        )
    n_descriptions = max(len(e.descriptions) for e in vocabulary)
    header = ["name", *(f"description_{i}" if i > 1 else "description" for i in range(1, n_descriptions + 1))]
    sourced = any(e.description_source is not None for e in vocabulary)
    named = any(e.synonyms for e in vocabulary)
    marked = any(e.seen is not None for e in vocabulary)
    header += ["description_source"] * sourced + ["synonyms"] * named + ["seen"] * marked
    header += [f"attribute:{name}" for name in vocabulary.attribute_names]
    out = io.StringIO(newline="")
    table = csv.writer(out, delimiter="\t" if path.suffix.lower() == ".tsv" else ",", lineterminator="\n")
    table.writerow(header)
    for e in vocabulary:
        row = [e.name, *e.descriptions, *[""] * (n_descriptions - len(e.descriptions))]
        row += [e.description_source or ""] * sourced + ["; ".join(e.synonyms)] * named
        row += ["" if e.seen is None else str(e.seen).lower()] * marked
        for name in vocabulary.attribute_names:
            row.append(format_number(e.attributes[name]) if name in e.attributes else "")
        table.writerow(row)
    return out.getvalue()
