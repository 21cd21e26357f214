"""Files that strangers named: names that print, and opening that cannot hang.

A file's name may hold newlines, terminal commands or bytes that are no text; a path may lead to a pipe whose
opening waits for ever. What crosses this module is a printable name and an open regular file, or a reason.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from unseen.errors import InputError, ItemError
from unseen.validation import REORDERING, message, nearest, verbatim

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "describe_special",
    "input_error",
    "open_regular",
    "os_reason",
    "printable",
    "quoted",
    "similar_names",
]

# Characters that are valid text yet rearrange or hide the text around them: what a row says must be what it is.
_DECEIVING = REORDERING | frozenset("\u2028\u2029\ufeff")
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
# difflib compares against every name; a folder of 200,000 would make a typo cost seconds.
_MOST_SIBLINGS = 2000
# Leaves room for quotes within the 80 characters that messages spend on a value.
_LONGEST_PATH = 70


def printable(path: str | os.PathLike[str]) -> str:
    r"""Return a path as printable, valid Unicode; different paths give different texts.

    Newlines become ``\n``, other control characters ``\xNN`` or ``\uNNNN``, bytes that are not UTF-8 ``\xNN``,
    and, where it is no separator, the backslash itself ``\\``.

    Examples
    --------
    >>> from unseen.inputs.files import printable
    >>> print(printable("holiday\nphoto.jpg"))
    holiday\nphoto.jpg
    """
    text = os.fspath(path)
    if text.isascii() and text.isprintable() and "\\" not in text:
        return text
    return "".join(map(_escape, text))


def _escape(char: str) -> str:
    code = ord(char)
    if char == "\\":
        return char if os.sep == "\\" else "\\\\"
    if char in _SHORT:
        return _SHORT[char]
    if code < 0x20 or code == 0x7F:
        return f"\\x{code:02x}"
    if 0xDC80 <= code <= 0xDCFF:  # a byte that os.fsdecode could not decode
        return f"\\x{code - 0xDC00:02x}"
    # C1 controls take \u so that they never look like an undecodable byte.
    if 0x80 <= code < 0xA0 or 0xD800 <= code < 0xE000 or char in _DECEIVING:
        return f"\\u{code:04x}"
    return char


def input_error(owner: str, argument: str, expected: str, value: object, remedy: str) -> InputError:
    """Return an `InputError` worded like every other."""
    return InputError(message(owner, argument, expected, value, remedy))


def quoted(path: str | os.PathLike[str]) -> str:
    """Return a path for a message: printable, in quotes, and where it is long its end, which tells most."""
    text = printable(path)
    return verbatim(f"'{text if len(text) <= _LONGEST_PATH else '…' + text[-_LONGEST_PATH:]}'")


def os_reason(error: OSError) -> str:
    """Say in a few words why the system refused, without repeating the path."""
    if isinstance(error, FileNotFoundError):
        return "cannot be read: no such file"
    return f"cannot be read: {(error.strerror or type(error).__name__).lower()}"


def describe_special(mode: int) -> str:
    """Name what a path leads to that is neither a file nor a folder."""
    for test, name in (
        (stat.S_ISFIFO, "a pipe"),
        (stat.S_ISSOCK, "a socket"),
        (stat.S_ISCHR, "a device"),
        (stat.S_ISBLK, "a device"),
    ):
        if test(mode):
            return f"is {name}, not a file; it was not opened"
    return "is not a file; it was not opened"


def open_regular(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a regular file for reading, and nothing else.

    Raises
    ------
    ItemError
        With a short reason, when there is no such file, it is a folder, pipe, socket or device, or the system
        refuses.
    """
    try:
        mode = Path(path).stat().st_mode
    except OSError as error:
        raise ItemError(os_reason(error)) from error
    except ValueError as error:
        raise ItemError("cannot be read: the path holds a NUL") from error
    _check_regular(mode)
    try:
        # Between stat and open the file may be swapped for a pipe, so open without waiting and look again.
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
        descriptor = os.open(path, flags)
    except OSError as error:
        raise ItemError(os_reason(error)) from error
    try:
        _check_regular(os.fstat(descriptor).st_mode)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def _check_regular(mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise ItemError("is a folder, not a file")
    if not stat.S_ISREG(mode):
        raise ItemError(describe_special(mode))


def similar_names(path: Path) -> str:
    """Return a remedy for a path that does not exist: near names, or the first folder that is missing."""
    parent = path.parent
    if not parent.is_dir():
        missing = next((p for p in reversed(parent.parents) if not p.is_dir()), parent)
        return f"There is no folder {quoted(missing)}"
    try:
        names = list(_some_names(parent))
    except OSError as error:
        return f"Its folder {os_reason(error)}"
    folded = {name.casefold(): name for name in names}
    near = [folded[name] for name in nearest(path.name.casefold(), folded)]
    if near:
        return f"Near names there: {', '.join(printable(name) for name in near)}"
    return f"No name in {quoted(parent)} is near"


def _some_names(folder: Path) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for count, entry in enumerate(entries):
            if count == _MOST_SIBLINGS:
                return
            yield entry.name
