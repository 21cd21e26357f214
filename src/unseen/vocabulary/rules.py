"""What a name, a description, a number must be: the checks that the model and every file reader share."""

from __future__ import annotations

import math
import re
import unicodedata
from typing import TYPE_CHECKING, Any

from unseen.errors import VocabularyError
from unseen.validation import message, nearest, verbatim

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

MAX_LABEL = 256
"""Longest name, synonym or attribute name, in characters; also keeps every YAML key under YAML's own limit."""
MAX_TEXT = 10_000
"""Longest description or template, in characters: far more than any text encoder reads."""
MAX_TEXTS = 1_000
"""Most descriptions of one class; each is a column in CSV."""
MAX_SYNONYMS = 256
"""Most synonyms of one class; together they stay under the largest cell that Python's csv module reads."""
MAX_CLASSES = 5_000_000
MAX_NUMBER = 3.4e38
"""Attributes become float32; a larger number would become infinity there."""

# Line breaks, control characters, byte-order marks and noncharacters never belong in a one-line label.
_BAD_IN_LABEL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")
_BAD_IN_TEXT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff]")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_YES = frozenset({"true", "yes", "on"})
_NO = frozenset({"false", "no", "off"})


class ProblemError(VocabularyError):
    """A broken rule whose owner can be replaced by a better address: the file and the line."""

    owner: str = ""
    field: str = ""

    def at(self, owner: str) -> VocabularyError:
        """Return the same complaint from `owner`, such as ``classes.yaml, line 7``."""
        return VocabularyError(owner + str(self)[len(self.owner) :])


def problem(owner: str, argument: str, expected: str, value: object, remedy: str, *, field: str = "") -> ProblemError:
    """Word a :class:`ProblemError`; `field` lets a reader find the line."""
    error = ProblemError(message(owner, argument, expected, value, remedy))
    error.owner = owner
    error.field = field
    return error


def clean_label(value: Any, owner: str, argument: str, *, field: str) -> str:
    """Return a one-line name without spaces around it and in Unicode form NFC, or raise `ProblemError`."""
    if type(value) is str and value.isascii() and value.isprintable():
        label = value.strip()  # the way nearly every name goes; a million of them must load in seconds
    else:
        if not isinstance(value, str):
            raise problem(owner, argument, "text", value, "Put it in quotes if it is a number", field=field)
        bad = _BAD_IN_LABEL.search(value.strip())
        if bad:
            raise problem(
                owner,
                argument,
                "one line without control characters",
                verbatim(f"character U+{ord(bad.group()):04X} in {value!r:.60}"),
                "Remove that character",
                field=field,
            )
        label = unicodedata.normalize("NFC", str(value)).strip()
    if not label:
        raise problem(
            owner, argument, "text with at least one visible character", value, "Write it or leave it out", field=field
        )
    if len(label) > MAX_LABEL:
        raise problem(
            owner,
            argument,
            f"at most {MAX_LABEL} characters long",
            verbatim(f"{len(label)} characters, {label[:40]!r}…"),
            "Keep the name short and say the rest in the description",
            field=field,
        )
    return label


def clean_text(value: Any, owner: str, argument: str, *, field: str) -> str:
    """Return a description with its line breaks written as ``\\n`` and nothing else changed."""
    if not isinstance(value, str):
        raise problem(owner, argument, "text", value, "Put it in quotes if it is a number", field=field)
    text = str(value)
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    bad = _BAD_IN_TEXT.search(text)
    if bad:
        raise problem(
            owner,
            argument,
            "text without control characters",
            verbatim(f"character U+{ord(bad.group()):04X} at position {bad.start()}"),
            "Remove that character",
            field=field,
        )
    if not text.strip():
        raise problem(
            owner, argument, "text with at least one visible character", value, "Write it or leave it out", field=field
        )
    if len(text) > MAX_TEXT:
        raise problem(
            owner,
            argument,
            f"at most {MAX_TEXT} characters long",
            verbatim(f"{len(text)} characters"),
            "Keep what can be seen in a photo; a sentence or two per description is best",
            field=field,
        )
    return text


def clean_template(value: Any, owner: str) -> str:
    """Return a prompt template such as ``a photo of a {name}.``, or raise `ProblemError`."""
    text = clean_text(value, owner, "a template", field="templates")
    rest = text.replace("{name}", "")
    if rest == text or "{" in rest or "}" in rest:
        raise problem(
            owner,
            "a template",
            "text with {name} where the class name goes and no other braces",
            text,
            "Write for example 'a photo of a {name}.'",
            field="templates",
        )
    return text


def clean_number(value: Any, owner: str, argument: str, *, field: str) -> float:
    """Return an attribute's value as a float that float32 can hold; booleans become 1 and 0."""
    try:
        number = float(value) if not isinstance(value, str | bytes) else math.nan
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not abs(number) <= MAX_NUMBER:
        raise bad_number(value, owner, argument, field=field)
    return number


def bad_number(value: object, owner: str, argument: str, *, field: str) -> ProblemError:
    """Word the complaint about an attribute that is not a number."""
    return problem(
        owner,
        argument,
        f"a finite number of at most {MAX_NUMBER:g} or true or false",
        value,
        "Write a number such as 0.7, or leave the attribute out of this class",
        field=field,
    )


def parse_number(text: str) -> float | None:
    """Read a number or a yes/no as people write it in a file; None where it is neither."""
    text = text.strip()
    flag = parse_flag(text)
    if flag is not None:
        return float(flag)
    # float() alone would also take nan, inf, 1_000 and digits of other scripts.
    return float(text) if _NUMBER.fullmatch(text) else None


def parse_flag(text: str) -> bool | None:
    """Read true/false, yes/no or on/off in any case; None where it is neither."""
    word = text.strip().lower()
    return True if word in _YES else False if word in _NO else None


def format_number(number: float) -> str:
    """Write a number so that :func:`parse_number` reads exactly the same float; whole numbers stay short."""
    return str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)


def near_names(name: str, known: Collection[str], n: int = 3) -> list[str]:
    """Return up to `n` known names that look like `name`; quick even among a million."""
    candidates: Iterable[str] = known
    if len(known) > 20_000:
        start = name[:1].casefold()
        alike = (k for k in known if k[:1].casefold() == start and abs(len(k) - len(name)) <= 3)
        candidates = [k for _, k in zip(range(5_000), alike, strict=False)]
    return nearest(name, candidates, n)


def suggestion(name: str, known: Collection[str], otherwise: str) -> str:
    """Return ``Did you mean …`` with the nearest known names, or `otherwise` where none is near."""
    close = near_names(name, known)
    return f"Did you mean {' or '.join(repr(c) for c in close)}" if close else otherwise
