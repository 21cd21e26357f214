"""Names of strangers' files and classes, made safe for a folder of ours."""

from __future__ import annotations

import hashlib
import unicodedata
from typing import TYPE_CHECKING

from unseen.validation import REORDERING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["class_folders", "safe_name", "with_mark"]

_FORBIDDEN = frozenset('<>:"/\\|?*')
#: Of Windows: no file may be called so, whatever its suffix.
_RESERVED = frozenset({"con", "prn", "aux", "nul", *(f"{kind}{i}" for kind in ("com", "lpt") for i in range(1, 10))})
#: File systems allow 255 bytes; room is left for what makes a name unique.
_LONGEST = 200


def safe_name(text: str) -> str:
    r"""Return a name for a file or a folder that means itself on every system.

    No separators, no controls, nothing that reorders its neighbours, no dot in front, no dot or space behind, no
    device of Windows, at most 200 bytes; a suffix is kept.

    Examples
    --------
    >>> safe_name("../../etc/passwd"), safe_name("AC/DC"), safe_name("..")
    ('_._etc_passwd', 'AC_DC', '_')
    """
    composed = unicodedata.normalize("NFC", text)
    kept = "".join("_" if _is_odd(char) else char for char in composed).rstrip(". ").lstrip(" ")
    if kept.startswith("."):
        kept = "_" + kept.lstrip(".").lstrip("_")
    stem, dot, suffix = kept.rpartition(".")
    if not dot or len(suffix.encode()) > 16:
        stem, dot, suffix = kept, "", ""
    room = _LONGEST - len((dot + suffix).encode())
    stem = stem.encode()[:room].decode(errors="ignore").rstrip(". ") or "_"
    if stem.split(".")[0].casefold() in _RESERVED:
        stem = "_" + stem
    return stem + dot + suffix


def _is_odd(char: str) -> bool:
    return char in _FORBIDDEN or char in REORDERING or unicodedata.category(char) in {"Cc", "Cs", "Cn", "Zl", "Zp"}


def with_mark(name: str, source: str, length: int = 8) -> str:
    """Return a name with a mark of where it comes from before its suffix, for when the name itself is taken."""
    stem, dot, suffix = name.rpartition(".")
    if not dot:
        stem, suffix = name, ""
    mark = hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()[:length]
    return f"{stem}-{mark}{dot}{suffix}"


def class_folders(names: Iterable[str]) -> dict[str, str]:
    """Return a folder for each class: its safe name, different for different classes even where case is ignored.

    Examples
    --------
    >>> class_folders(["Turkey", "turkey", "a/b", "a:b"])
    {'Turkey': 'Turkey', 'turkey': 'turkey-2', 'a/b': 'a_b', 'a:b': 'a_b-2'}
    """
    taken: set[str] = set()
    folders = {}
    for name in names:
        folder = base = safe_name(name)
        number = 2
        while folder.casefold() in taken:
            folder = f"{base}-{number}"
            number += 1
        taken.add(folder.casefold())
        folders[name] = folder
    return folders
