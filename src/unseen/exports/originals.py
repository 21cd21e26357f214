"""The file of an item: linked, or copied, or taken out of the archive or video it is in."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unseen.errors import InputError, ItemError, UnseenError
from unseen.exports.names import safe_name, with_mark
from unseen.inputs.files import open_regular, os_reason
from unseen.inputs.formats import SNIFF_BYTES, sniff
from unseen.inputs.walking import IMAGE_SUFFIXES
from unseen.labelling.originals import path_of
from unseen.labelling.references import FileReference, Shelf
from unseen.validation import message, verbatim

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from unseen.exports.base import Sample
    from unseen.labelling.references import Reference

__all__ = ["LINKS", "Originals"]

LINKS = ("symlink", "hard", "copy")
_SUFFIX_OF = {"JPEG": ".jpg", "TIFF": ".tif", "PPM": ".ppm"}
_BLOCK = 1 << 20


class Originals:
    """Places the files of items in a folder of ours.

    Parameters
    ----------
    links : {"symlink", "hard", "copy"}
        How; what is no file of its own is copied out in any case.
    base : path
        Where relative names of items start.
    verify : bool
        Whether a file is held against its digest before it is linked to; copies always are.
    settings : mapping
        Of the labelling run: which source to open for items that are no files of their own.
    """

    def __init__(self, links: str, base: str | os.PathLike[str], verify: bool, settings: Mapping[str, Any]) -> None:
        self._links = links
        self._base = base
        self._verify = verify
        self._walk = _Walk(settings, base)

    def place(self, sample: Sample, folder: Path, *, stem: str | None = None) -> str:
        """Put an item's file into `folder` and return its name there: its own, made safe, or marked where taken.

        Parameters
        ----------
        sample : Sample
            The item.
        folder : Path
            Where to; must exist.
        stem : str or None, default None
            What goes before the name.

        Raises
        ------
        ItemError
            When the file is gone, or is no longer what was labelled.
        InputError
            When links cannot be made there.
        """
        path = path_of(sample.item, self._base)
        if not _is_file(path):
            found = self._walk.find(sample)
            if not isinstance(found, FileReference):
                data, suffix = self._walk.read(found, sample)
                name = _file_name(path.name, stem, suffix)
                return _first_free(name, sample.item, lambda target: _write(folder / target, data))
            path = Path(found.path)
        name = _file_name(path.name, stem, _missing_suffix(path))
        if self._links == "copy":
            return _first_free(name, sample.item, lambda target: _copy(path, folder / target, sample))
        if self._verify:
            digest = hashlib.sha256()
            with open_regular(path) as file:
                while block := _block(file):
                    digest.update(block)
            _check_digest(digest.hexdigest(), sample)
        # From its place at the top: a link that is relative to the present folder would lead nowhere.
        source = path.absolute()
        return _first_free(name, sample.item, lambda target: self._link(source, folder / target))

    def close(self) -> None:
        """Let go of archives that are open."""
        self._walk.close()

    def _link(self, source: Path, target: Path) -> None:
        try:
            if self._links == "symlink":
                target.symlink_to(source)
            else:
                target.hardlink_to(source)
        except FileExistsError:
            raise
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
                raise
            where = "on one file system with the photos" if error.errno == errno.EXDEV else "allowed there"
            reason = verbatim((error.strerror or type(error).__name__).lower())
            raise InputError(
                message("convert", f"links of kind {self._links!r}", where, reason, "Use links='copy' (--links copy)")
            ) from None


class _Walk:
    """The source of the run, walked beside its rows: item i of the one is row i of the other."""

    def __init__(self, settings: Mapping[str, Any], base: str | os.PathLike[str]) -> None:
        self._settings = settings
        self._base = base
        self._references: Iterator[Reference] | None = None
        self._next = 0
        self._shelf = Shelf()

    def find(self, sample: Sample) -> Reference:
        """Return where an item is; asked for items in their order only.

        Raises
        ------
        ItemError
            When the source cannot be opened, or holds something else at that place.
        """
        if self._references is None:
            self._references = self._open()
        reference = None
        try:
            while self._next <= sample.position:
                reference = next(self._references, None)
                self._next += 1
        except UnseenError as error:
            raise ItemError(f"its source cannot be read any more: {error}") from None
        if reference is None or reference.name != sample.item:
            raise ItemError("is no file of its own, and not where it was in its source")
        if reference.remote:
            raise ItemError("lies elsewhere; it is not fetched")
        return reference

    def _open(self) -> Iterator[Reference]:
        from unseen.labelling.sources import open_source

        given = self._settings.get("source")
        texts = [given] if isinstance(given, str) else given
        local = isinstance(texts, list) and texts and all(isinstance(t, str) and "://" not in t for t in texts)
        if not local or any(text.startswith("<") for text in texts or []):
            return iter(())
        try:
            paths = [path_of(text, self._base) for text in texts or []]
            column, every = self._settings.get("column"), self._settings.get("every")
            return iter(open_source([os.fspath(path) for path in paths], column=column, every=every))
        except (UnseenError, OSError, ValueError):
            return iter(())

    def read(self, reference: Reference, sample: Sample) -> tuple[bytes, str]:
        """Return what to write of an item, and the suffix that belongs to it.

        Raises
        ------
        ItemError
            When it cannot be read, or is no longer what was labelled.
        """
        content = reference.read(self._shelf)
        if isinstance(content, bytes):
            _check_digest(hashlib.sha256(content).hexdigest(), sample)
            return content, _suffix(content)
        import numpy as np
        from PIL import Image

        _check_digest(hashlib.sha256(np.ascontiguousarray(content).data).hexdigest(), sample)
        file = io.BytesIO()
        Image.fromarray(content).save(file, "PNG")
        return file.getvalue(), ".png"

    def close(self) -> None:
        self._shelf.close()


def _is_file(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except (OSError, ValueError):
        return False


def _check_digest(found: str, sample: Sample) -> None:
    if found != sample.sha:
        raise ItemError("has changed since it was labelled")


def _suffix(head: bytes) -> str:
    kind = sniff(head[:SNIFF_BYTES])
    return "" if kind is None else _SUFFIX_OF.get(kind, f".{kind.lower()}")


def _missing_suffix(path: Path) -> str:
    """Return the suffix for a photo whose name has none that tools know photos by; "" where it has one."""
    if path.suffix[1:].lower() in IMAGE_SUFFIXES:
        return ""
    with open_regular(path) as file:
        return _suffix(file.read(SNIFF_BYTES))


def _file_name(name: str, stem: str | None, suffix: str) -> str:
    wanted = name if Path(name).suffix[1:].lower() in IMAGE_SUFFIXES else name + suffix
    return safe_name(wanted if stem is None else f"{stem}-{wanted}")


def _first_free(name: str, item: str, make: Callable[[str], None]) -> str:
    """Make a file under the first name that is free; what tells is the file system, which knows its own rules."""
    for target in (name, with_mark(name, item), with_mark(name, item, 64)):
        try:
            make(target)
        except FileExistsError:
            continue
        return target
    raise ItemError("is there already, under the same name")


def _write(target: Path, data: bytes) -> None:
    with target.open("xb") as file:
        file.write(data)


def _copy(source: Path, target: Path, sample: Sample) -> None:
    digest = hashlib.sha256()
    with open_regular(source) as file, target.open("xb") as copy:
        while block := _block(file):
            digest.update(block)
            copy.write(block)
    if digest.hexdigest() != sample.sha:
        target.unlink()
        raise ItemError("has changed since it was labelled")


def _block(file: Any) -> bytes:
    try:
        block: bytes = file.read(_BLOCK)
    except OSError as error:
        raise ItemError(os_reason(error)) from error
    return block
