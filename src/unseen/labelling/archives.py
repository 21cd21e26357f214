"""Photos in tar and zip files, as references; nothing is unpacked to disk, and names are only names.

Archives come from strangers. A member that is a link, a device or a sparse file is named and not followed; a member
that says it is larger than a photo can be is not read; what is behind a damaged place is said not to have been read.
"""

from __future__ import annotations

import gzip
import os
import tarfile
import threading
import zipfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar

from unseen.errors import ItemError
from unseen.inputs.files import os_reason, printable
from unseen.inputs.formats import SNIFF_BYTES, describe_foreign, sniff
from unseen.inputs.walking import IMAGE_SUFFIXES, is_hidden
from unseen.labelling.references import MAX_MEMBER_BYTES, Held, Reference, Shelf, open_place, read_at, shown, suffix_of

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["TarReference", "ZipReference", "tar_members", "zip_members"]

#: More than any header needs; a header that asks for more is after this machine's memory.
_LONGEST_HEADER = 1 << 20
_BLOCK = 512
#: Padding behind the end of a tar file that is looked through for a second archive.
_TAIL = 1 << 16
_TOO_LARGE = f"too large: more than {MAX_MEMBER_BYTES >> 20} MiB for one photo"
_SHORT = "truncated: the archive ends before the photo does"
_BROKEN = (OSError, EOFError, OverflowError, zlib.error, tarfile.TarError, zipfile.BadZipFile, ValueError)


def is_photo(name: str) -> bool:
    """Whether a member's name is that of a photo: by its suffix, and no part of it hidden."""
    parts = [part for part in name.split("/") if part not in ("", ".", "..")]
    if not parts or any(is_hidden(part) for part in parts):
        return False
    stem, dot, suffix = parts[-1].rpartition(".")
    return bool(stem and dot) and suffix.lower() in IMAGE_SUFFIXES


# -- tar ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TarReference(Reference):
    """A member of a plain tar file, read by its place from any thread."""

    path: str = ""
    offset: int = 0
    size: int = 0

    def read(self, shelf: Shelf) -> Any:
        """Return the member's bytes; raises ItemError."""
        file = shelf.get(("tar", self.path), lambda: _Plain(self.path), _Plain)
        return _whole(file.read_at(self.offset, self.size), self.size)


@dataclass(frozen=True, slots=True)
class GzippedTarReference(Reference):
    """A member of a gzipped tar file, which can only be read forwards."""

    path: str = ""
    offset: int = 0
    size: int = 0

    ordered: ClassVar[bool] = True

    def read(self, shelf: Shelf) -> Any:
        """Return the member's bytes; raises ItemError."""
        file = shelf.get(("gzip", self.path), lambda: _Gzipped(self.path), _Gzipped)
        return _whole(file.read_at(self.offset, self.size), self.size)


def _whole(data: bytes, size: int) -> bytes:
    if len(data) != size:
        raise ItemError(_SHORT)
    if not data:
        raise ItemError("is empty: it holds 0 bytes")
    if sniff(data[:SNIFF_BYTES]) is None:
        raise ItemError(describe_foreign(data[:SNIFF_BYTES]))
    return data


class _Plain(Held):
    def __init__(self, path: str) -> None:
        self._lock = threading.Lock()
        self._file: BinaryIO | None = None
        self._file = open_place(path)

    def read_at(self, offset: int, size: int) -> bytes:
        try:
            return b"" if self._file is None else read_at(self._file, self._lock, offset, size)
        except OSError as error:
            raise ItemError(os_reason(error)) from error

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


class _Gzipped(Held):
    def __init__(self, path: str) -> None:
        self._lock = threading.Lock()
        self._file: BinaryIO | None = None
        self._file = open_place(path)
        self._unpacked = gzip.GzipFile(fileobj=self._file, mode="rb")

    def read_at(self, offset: int, size: int) -> bytes:
        try:
            with self._lock:
                self._unpacked.seek(offset)
                return self._unpacked.read(size)
        except _BROKEN as error:
            raise ItemError(_SHORT) from error

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def tar_members(path: str) -> Iterator[Reference]:
    """Yield references to the photos of a tar file, plain or gzipped, in the order they lie in it.

    Parameters
    ----------
    path : str
        The file, or its address.

    Yields
    ------
    Reference
        Named ``shard-00.tar/000123``: the archive, and webdataset's key, which is the member up to the first dot of
        its file name. Of photos that share a key and follow each other, only the first is called by it; the others
        keep their whole names. What is wrong with the archive itself comes as a reference of its name with the error.

    Notes
    -----
    A plain file is walked from header to header; a gzipped one has to be unpacked for that, in memory, a block at a
    time. A file that holds no photo at all gives one reference that says so.
    """
    named = shown(path)
    packed = suffix_of(path) in (".gz", ".tgz")
    kind = GzippedTarReference if packed else TarReference
    seen, key = 0, ""
    try:
        with open_place(path) as file:
            stream: Any = gzip.GzipFile(fileobj=file, mode="rb") if packed else file
            for member in _headers(stream):
                if isinstance(member, str):
                    yield Reference(named, f"{member}; photos found before that: {seen:,}")
                    seen += 1
                    continue
                if not is_photo(member.name):
                    continue
                before, key = key, _key(member.name)
                name = f"{named}/{printable(member.name if key == before else key)}"
                if problem := _refused(member):
                    yield Reference(name, problem)
                else:
                    yield kind(name, path=path, offset=member.offset_data, size=member.size)
                seen += 1
    except ItemError as error:
        yield Reference(named, str(error))
        return
    if not seen:
        yield Reference(named, "holds no photos: members count by their suffix")


def _key(name: str) -> str:
    """Return a member's key as webdataset has it.

    >>> _key("v1.0/000123.seg.png")
    'v1.0/000123'
    """
    folder, slash, file = name.rpartition("/")
    return folder + slash + file.partition(".")[0]


def _refused(member: tarfile.TarInfo) -> str | None:
    if member.issym() or member.islnk():
        return "is a link within an archive; it was not followed"
    if not member.isreg():
        return "is not a file; it was not opened"
    if member.issparse():
        return "is a sparse file within an archive; pack it anew"
    return _TOO_LARGE if member.size > MAX_MEMBER_BYTES else None


def _headers(stream: Any) -> Iterator[tarfile.TarInfo | str]:
    """Yield the members of a tar file, and at its end what is wrong with it, if anything is."""
    guarded = _Guarded(stream)
    try:
        # The name of an empty archive's first error differs between Pythons; what they have in common is this.
        archive = tarfile.TarFile(fileobj=guarded, mode="r", errorlevel=0, errors="surrogateescape")  # type: ignore[arg-type]
    except (*_BROKEN, RecursionError) as error:
        yield f"cannot be read: {_tar_reason(error)}"
        return
    while True:
        try:
            member = archive.next()
        except (*_BROKEN, RecursionError) as error:
            yield f"damaged: {_tar_reason(error)}. The rest of it was not read"
            return
        if member is None:
            break
        if member.size < 0 or archive.offset < member.offset_data:  # older Pythons would go round for ever
            yield "damaged: a header says that its member ends before it begins. The rest of it was not read"
            return
        yield member
        archive.members.clear()  # type: ignore[attr-defined]  # it would keep every header
    problem = _ending(guarded, archive.offset)
    if problem:
        yield problem


def _tar_reason(error: BaseException) -> str:
    if isinstance(error, EOFError):
        return "its gzip data end too early"
    text = " ".join(str(error).split())
    return printable(text[:100]) if text else type(error).__name__


def _ending(stream: _Guarded, offset: int) -> str | None:
    """Say what is odd about where a tar file's headers end: tarfile itself takes damage there for an end."""
    try:
        stream.seek(offset)
        mark = stream.read(_BLOCK)
        tail = stream.read(_TAIL)
    except _BROKEN as error:
        return f"damaged: {_tar_reason(error)}. The rest of it was not read"
    if len(mark) < _BLOCK:
        return "truncated: it has no end mark, so more may have followed"
    if mark.strip(b"\0"):
        return f"damaged: there is no header at byte {offset:,}. The rest of it was not read"
    if tail.strip(b"\0"):
        return "holds data behind its end mark, perhaps another archive; that was not read"
    return None


class _Guarded:
    """A file that refuses to read more than a header at once: headers say themselves how long they are."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _LONGEST_HEADER:
            raise tarfile.ReadError("a header claims to be longer than any is")
        data: bytes = self._stream.read(size)
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        place: int = self._stream.seek(offset, whence)
        return place

    def tell(self) -> int:
        place: int = self._stream.tell()
        return place


# -- zip ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ZipReference(Reference):
    """A member of a zip file."""

    path: str = ""
    index: int = 0

    def read(self, shelf: Shelf) -> Any:
        """Return the member's bytes; raises ItemError."""
        return shelf.get(("zip", self.path), lambda: _Zip(self.path), _Zip).read(self.index)


class _Zip(Held):
    def __init__(self, path: str) -> None:
        self._file: BinaryIO | None = None
        self._file = open_place(path)
        try:
            self._archive = zipfile.ZipFile(self._file)
        except _BROKEN as error:
            raise ItemError(f"cannot be read: {_zip_reason(error)}") from error
        self.members = self._archive.infolist()

    def read(self, index: int) -> bytes:
        try:
            with self._archive.open(self.members[index]) as file:
                head = file.read(SNIFF_BYTES)
                if head and sniff(head) is None:
                    raise ItemError(describe_foreign(head))
                # What a header says of a size is not to be believed; reading stops where a photo must have ended.
                data = head + file.read(MAX_MEMBER_BYTES + 1 - len(head))
        except ItemError:
            raise
        except IndexError:
            raise ItemError("cannot be read: the archive has changed") from None
        except NotImplementedError as error:
            raise ItemError("is packed in a way that is not read; pack it anew") from error
        except RuntimeError as error:  # what zipfile raises for a password
            raise ItemError("is encrypted; unpack it first") from error
        except Exception as error:  # each way of packing has errors of its own
            raise ItemError(f"damaged: {_zip_reason(error)}") from error
        if len(data) > MAX_MEMBER_BYTES:
            raise ItemError(_TOO_LARGE)
        return _whole(data, len(data))

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def _zip_reason(error: BaseException) -> str:
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno).lower()
    if isinstance(error, zipfile.BadZipFile) and "not a zip" in str(error):
        return "it is no zip file, or its end is missing"
    return "its data in the archive cannot be unpacked"


def zip_members(path: str) -> Iterator[Reference]:
    """Yield references to the photos of a zip file, in the order of its directory.

    Parameters
    ----------
    path : str
        The file, or its address.

    Yields
    ------
    Reference
        Named ``photos.zip/folder/name.jpg``. A file that is no zip, or holds no photo at all, gives one reference that
        says so.
    """
    named = shown(path)
    try:
        archive = _Zip(path)
    except ItemError as error:
        yield Reference(named, str(error))
        return
    seen = 0
    try:
        for index, member in enumerate(archive.members):
            if not is_photo(member.filename) or member.is_dir():
                continue
            seen += 1
            name = f"{named}/{printable(member.filename)}"
            if member.flag_bits & 1:
                yield Reference(name, "is encrypted; unpack it first")
            elif member.external_attr >> 28 == 0xA:  # a symbolic link, as Unix writes it
                yield Reference(name, "is a link within an archive; it was not followed")
            elif member.file_size > MAX_MEMBER_BYTES:
                yield Reference(name, _TOO_LARGE)
            else:
                yield ZipReference(name, path=path, index=index)
    finally:
        archive.close()
    if not seen:
        yield Reference(named, "holds no photos: members count by their suffix")
