"""Folders that `unseen label` and `unseen embed` write, read back part by part.

What is read comes from a disk that others write to: every line of the manifest, every schema and every vector is
checked before it is used, and nothing outside the folder is opened.
"""

from __future__ import annotations

import hashlib
import json
import stat
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unseen.errors import UnseenError
from unseen.inputs.files import open_regular
from unseen.labelling.manifest import MANIFEST, VOCABULARY, Manifest, read_manifest
from unseen.labelling.parts import part_name
from unseen.labelling.stored_rows import WRITE_AGAIN, Rows, check_part, damaged, read_rows, read_vectors, refuse

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence

    from unseen.labelling.parts import PartSummary
    from unseen.vocabulary import Vocabulary

__all__ = [
    "EmbeddingsFolder",
    "LabelledFolder",
    "Rows",
    "StoredFolder",
    "is_stored",
    "open_embeddings",
    "open_labels",
]

#: A header holds settings; more than this is none of ours.
_MAX_HEADER = 1 << 24
#: Rows of one part that a reader is willing to believe in.
_MAX_ROWS = 1 << 24


class StoredFolder:
    """What `unseen label` or `unseen embed` wrote, to be read part by part.

    Parameters
    ----------
    folder : path
        Holds ``manifest.jsonl`` and the parts.

    Attributes
    ----------
    folder : Path
        Where it lies.
    kind : {"labels", "embeddings"}
        What it holds.
    settings : dict
        What the run was told: model, fingerprints, options.
    parts : tuple of PartSummary
        What the manifest says of the finished parts, in order.
    complete : bool
        Whether the run came to its end.

    Raises
    ------
    InputError
        When the folder is missing, of another format, or its manifest cannot be true.

    Notes
    -----
    A run that is not complete is read as far as it got; a torn last line is passed over, as the writer does.
    Memory holds a few thousand rows at a time, however many there are.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        manifest = _manifest(self.folder)
        self.parts = tuple(manifest.parts.values())
        self.complete = manifest.complete
        self.kind = manifest.kind
        self.settings: dict[str, Any] = dict(manifest.settings)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.folder)!r}, {len(self):,} items)"

    def __len__(self) -> int:
        return sum(part.items for part in self.parts)

    @property
    def n_errors(self) -> int:
        """How many items could not be used."""
        return sum(part.errors for part in self.parts)

    @property
    def warning(self) -> str | None:
        """One line saying how much there is, where the run did not come to its end; None where it did."""
        if self.complete:
            return None
        return (
            f"{self.folder} is not complete: {len(self):,} items in {len(self.parts):,} finished parts are read. "
            "The command that wrote it goes on from there when it is run again."
        )

    @cached_property
    def schema(self) -> Any:
        """The ``pyarrow.Schema`` of the parts; None where there is none yet."""
        if not self.parts:
            return None
        file = self._open(self.parts[0])
        file.close()
        return file.schema_arrow

    @property
    def dim(self) -> int | None:
        """Length of the stored vectors; None where there are none."""
        if self.schema is None or "embedding" not in self.schema.names:
            return None
        return int(self.schema.field("embedding").type.list_size)

    def verify(self) -> None:
        """Read every part whole and compare it with the digests that the manifest holds.

        Raises
        ------
        InputError
            Naming the first part that is not what was written.
        """
        for part in self.parts:
            digest = hashlib.sha256()
            path = self._checked(part)
            with open_regular(path) as file:
                while block := file.read(1 << 20):
                    digest.update(block)
            if digest.hexdigest() != part.file:
                raise refuse(path, "the content", "as it was written", "one of another digest", WRITE_AGAIN)

    def iter_rows(self, *, vectors: bool = False, batch_size: int = 1024) -> Iterator[Rows]:
        """Yield the rows in order.

        Parameters
        ----------
        vectors : bool, default False
            Whether to read the stored vectors too.
        batch_size : int, default 1024
            Rows at a time, at most.

        Raises
        ------
        InputError
            When a part is missing, damaged, of another schema, or holds a vector that is no vector.
        """
        columns = [name for name in self.schema.names if vectors or name != "embedding"] if self.parts else []
        for part in self.parts:
            first = part.first
            for batch in self._batches(part, columns, batch_size):
                rows = read_rows(batch, first, self._path(part))
                if vectors:
                    rows = replace(rows, vectors=read_vectors(batch, rows, self._path(part)))
                yield rows
                first += len(rows)

    def _batches(self, part: PartSummary, columns: Sequence[str], batch_size: int) -> Iterator[Any]:
        import pyarrow as pa

        path = self._path(part)
        file = self._open(part)
        try:
            if not file.schema_arrow.equals(self.schema):
                raise refuse(path, "the columns", "those of the first part", "others", WRITE_AGAIN)
            yield from file.iter_batches(batch_size=batch_size, columns=list(columns), use_threads=False)
        except (pa.ArrowException, OSError, MemoryError) as error:
            raise damaged(path, error) from None
        finally:
            file.close()

    def _path(self, part: PartSummary) -> Path:
        # The name follows from the number: no line of a manifest can lead to another folder.
        return self.folder / part_name(part.part)

    def _checked(self, part: PartSummary) -> Path:
        path = self._path(part)
        try:
            mode = path.lstat().st_mode
        except OSError:
            raise refuse(path, "the content", "there", "no such file", WRITE_AGAIN) from None
        if not stat.S_ISREG(mode):
            raise refuse(path, "the content", "in this folder", "a link, or no file at all", WRITE_AGAIN)
        return path

    def _open(self, part: PartSummary) -> Any:
        import pyarrow as pa
        import pyarrow.parquet as pq

        path = self._checked(part)
        try:
            file = pq.ParquetFile(path)
        except (pa.ArrowException, OSError, MemoryError) as error:
            raise damaged(path, error) from None
        try:
            check_part(file, path, part.items, self.kind)
        except BaseException:
            file.close()
            raise
        return file

    def to_arrow(self, *, vectors: bool = False) -> Any:
        """Return all rows as one ``pyarrow.Table``, in the columns of the parts; `vectors` adds ``embedding``."""
        import pyarrow as pa

        if not self.parts:
            return pa.table({})
        columns = [name for name in self.schema.names if vectors or name != "embedding"]
        batches = [batch for part in self.parts for batch in self._batches(part, columns, 1 << 14)]
        return pa.Table.from_batches(batches, schema=pa.schema([self.schema.field(name) for name in columns]))

    def to_pandas(self, *, vectors: bool = False) -> Any:
        """Return all rows as a ``pandas.DataFrame``.

        Raises
        ------
        MissingExtraError
            When pandas is not installed.
        """
        from unseen.validation import import_extra

        import_extra("pandas", extra="pandas", purpose=f"{type(self).__name__}.to_pandas")
        return self.to_arrow(vectors=vectors).to_pandas()


class LabelledFolder(StoredFolder):
    """A folder of labels, that `unseen label` wrote; see :class:`StoredFolder`."""

    @cached_property
    def vocabulary(self) -> Vocabulary | None:
        """The classes of the run, from ``classes.yaml``; None where that file is missing."""
        from unseen.vocabulary import Vocabulary

        path = self.folder / VOCABULARY
        return Vocabulary.load(path) if path.is_file() and not path.is_symlink() else None


class EmbeddingsFolder(StoredFolder):
    """A folder with stored vectors, that `unseen embed` or `unseen label --embeddings` wrote.

    Raises
    ------
    InputError
        When there are no vectors in it.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        super().__init__(folder)
        if self.parts and self.dim is None:
            remedy = "Write embeddings with `unseen embed`, or labels with theirs by `unseen label --embeddings`"
            raise refuse(self.folder, "the rows", "with embeddings", "labels alone", remedy)


def open_labels(folder: str | os.PathLike[str]) -> LabelledFolder | EmbeddingsFolder:
    """Open what `unseen label` or `unseen embed` wrote.

    Parameters
    ----------
    folder : path
        The folder that was given as ``--out``.

    Returns
    -------
    LabelledFolder or EmbeddingsFolder
        By what its manifest says it holds.

    Raises
    ------
    InputError
        When the folder is missing, of another format, or its manifest cannot be true.
    """
    labelled = LabelledFolder(folder)
    return labelled if labelled.kind == "labels" else EmbeddingsFolder(folder)


def open_embeddings(folder: str | os.PathLike[str]) -> EmbeddingsFolder:
    """Open a folder with stored vectors, whether `unseen embed` or `unseen label` wrote them."""
    return EmbeddingsFolder(folder)


def is_stored(path: str | os.PathLike[str]) -> bool:
    """Whether a path is a folder that `unseen label` or `unseen embed` wrote; looks at the manifest's first line."""
    return _header(Path(path)) is not None


# -- the manifest ----------------------------------------------------------------------------------------


def _manifest(folder: Path) -> Manifest:
    """Read the manifest, and hold its lines against each other."""
    _check_there(folder)
    manifest = read_manifest(folder)
    end = 0
    for number, (index, part) in enumerate(manifest.parts.items()):
        # Parts of a cluster's run come in any order, so that one which is not complete may have gaps.
        gap = manifest.complete and (index != number or part.first != end)
        if gap or part.first < end or part.errors > part.items or part.items > _MAX_ROWS:
            told = f"part {index} from item {part.first} with {part.items} items, {part.errors} of them errors"
            expected = f"about parts that follow each other, the next from item {end}"
            raise refuse(folder / MANIFEST, "a line", expected, told, WRITE_AGAIN)
        end = part.first + part.items
    return manifest


def _check_there(folder: Path) -> None:
    # Before it is opened: a pipe of that name would be waited for.
    try:
        regular = stat.S_ISREG((folder / MANIFEST).stat().st_mode)
    except (OSError, ValueError):
        regular = False
    if not regular:
        remedy = "Point at a folder that `unseen label` or `unseen embed` wrote"
        raise refuse(folder, "the content", f"a run's, with {MANIFEST}", "none", remedy)


def _header(folder: Path) -> dict[str, Any] | None:
    """Return the manifest's first line, where it is one of ours; looks no further."""
    try:
        _check_there(folder)
        with open_regular(folder / MANIFEST) as file:
            header = json.loads(file.readline(_MAX_HEADER))
    except (UnseenError, OSError, ValueError, RecursionError):
        return None
    return header if isinstance(header, dict) and header.get("format") == "unseen-labels" else None
