"""Vocabulary files on disk: careful reading, whole-or-nothing writing, and which suffix means which format."""

from __future__ import annotations

import contextlib
import importlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unseen.errors import VocabularyError
from unseen.files import write_atomically
from unseen.validation import message, verbatim

if TYPE_CHECKING:
    from unseen.vocabulary.model import Vocabulary

FORMATS = {
    ".yaml": "yaml_format",
    ".yml": "yaml_format",
    ".csv": "csv_format",
    ".tsv": "csv_format",
    ".txt": "plain",
}
# Endings that say "this is a file" although no vocabulary is read from them.
_OTHER_FILES = (".json", ".xls", ".xlsx", ".ods", ".toml", ".md", ".doc", ".docx", ".pdf", ".parquet", ".xml")
MAX_TABLE_BYTES = 1 << 30
MAX_YAML_BYTES = 32 << 20
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f]")
_MARKS = (
    (b"\xff\xfe\x00\x00", "UTF-32"),
    (b"\x00\x00\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)
_SAVE_AS_UTF8 = "Save the file as UTF-8 (in Excel: 'CSV UTF-8'; in Notepad: encoding UTF-8)"


def format_of(path: Path) -> Any:
    """Return the module that reads and writes files like `path`, or say which endings are known."""
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        raise VocabularyError(
            message(
                "Vocabulary",
                "the file's name",
                f"one that ends in {', '.join(FORMATS)}",
                str(path),
                "Rename it, or copy the classes into one of these formats",
            )
        )
    return importlib.import_module(f"unseen.vocabulary.{FORMATS[suffix]}")


def load(path: Path) -> Vocabulary:
    """Read a vocabulary; the format follows from the file's name."""
    vocabulary: Vocabulary = format_of(path).read(path)
    return vocabulary


def save(vocabulary: Vocabulary, path: Path) -> None:
    """Write a vocabulary; the format follows from the file's name. An interrupted save leaves the old file."""
    text: str = format_of(path).write(vocabulary, path)
    write_atomically(path, text, error=VocabularyError)


def names_a_file(text: str) -> bool:
    """Tell whether `text` is meant as a file rather than as a list of class names.

    Raises
    ------
    VocabularyError
        When it looks like a file and there is none: a typing mistake in a file's name must not become a class.
    """
    with contextlib.suppress(OSError, ValueError):  # a long list of names is no valid file name; so be it
        if Path(text).is_file():
            return True
    ending = text.strip().lower()
    if ending.endswith((*FORMATS, *_OTHER_FILES)) or ("," not in text and ("/" in text or "\\" in text)):
        raise VocabularyError(
            message(
                "Vocabulary",
                "the file",
                "one that exists",
                text,
                "Check the path, or give class names separated by commas; a name with a slash belongs in a file",
            )
        )
    return False


def read_text(path: Path, limit: int, too_large: str) -> str:
    """Return a file's text, or say what is wrong with it: missing, too large, not UTF-8, control characters."""
    try:
        if path.is_dir():
            raise VocabularyError(message(str(path), "the file", "a file", verbatim("a folder"), "Name a file in it"))
        if path.exists() and not path.is_file():
            # A pipe would be waited for without end.
            raise VocabularyError(
                message(str(path), "the file", "a file", verbatim("a pipe or device"), "Save it first")
            )
        with path.open("rb") as stream:
            data = stream.read(limit + 1)
    except (OSError, ValueError) as error:
        if isinstance(error, VocabularyError):
            raise
        reason = getattr(error, "strerror", None) or str(error)
        raise VocabularyError(message(str(path), "the file", "readable", verbatim(reason), "Check the path")) from None
    if len(data) > limit:
        raise VocabularyError(
            message(path.name, "the file", f"at most {limit >> 20} MiB", verbatim("a larger one"), too_large)
        )
    return decode(data, path.name)


def decode(data: bytes, owner: str) -> str:
    """Decode UTF-8, with or without a byte-order mark; name the line of the first byte that is not."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            raise VocabularyError(message(owner, "the file", "UTF-8 text", verbatim(encoding), _SAVE_AS_UTF8))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise VocabularyError(
            message(
                f"{owner}, line {line}",
                "the file",
                "UTF-8 text",
                verbatim(f"byte 0x{data[error.start]:02X}, perhaps Latin-1 or Windows-1252"),
                _SAVE_AS_UTF8,
            )
        ) from None
    bad = _CONTROL.search(text)
    if bad:
        line = text.count("\n", 0, bad.start()) + 1
        looks_utf16 = bad.group() == "\x00" and text.count("\x00") > len(text) // 4
        raise VocabularyError(
            message(
                f"{owner}, line {line}",
                "the file",
                "UTF-8 text without control characters",
                verbatim("UTF-16" if looks_utf16 else f"character U+{ord(bad.group()):04X}"),
                _SAVE_AS_UTF8 if looks_utf16 else "Remove that character",
            )
        )
    return text
