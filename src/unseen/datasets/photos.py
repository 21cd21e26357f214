"""A folder of one folder per class: which photos there are, and their vectors, kept while they are made."""

from __future__ import annotations

import hashlib
import importlib
import json
import logging
import os
import secrets
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.datasets.problems import Array, problem
from unseen.errors import ItemError
from unseen.inputs.files import open_regular, printable, similar_names
from unseen.inputs.sources import Item
from unseen.inputs.walking import IMAGE_SUFFIXES, is_hidden, walk
from unseen.validation import verbatim
from unseen.writers import open_alone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from unseen.encoders.base import Encoder

__all__ = ["Photos", "encode_photos", "kept_vectors", "list_photos"]

_log = logging.getLogger(__name__)

#: A run that is stopped loses no more than so many photos, or so many seconds.
_SHARD, _SECONDS = 256, 20.0


@dataclass
class Photos:
    """Photos by class folder.

    Attributes
    ----------
    items : list of Item
        In the order of folders and names; `name` is relative to the folder of folders, with ``/``.
    folders : list of str
        The class folder of each item.
    skipped : list of (str, str)
        What is no usable photo, and why.
    empty : list of str
        Class folders without a photo.
    """

    items: list[Item] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)


def list_photos(root: Path) -> Photos:
    """List the photos of a folder of class folders, decoding nothing.

    Raises
    ------
    DatasetError
        When there is no such folder, there are no class folders with photos, or one photo lies in two of them.
    """
    if not root.is_dir():
        raise problem("build_dataset", "photos", "a folder that exists", str(root), similar_names(root))
    found = Photos()
    owners: dict[tuple[int, int], str] = {}
    with os.scandir(root) as entries:
        names = sorted(entry.name for entry in entries if not is_hidden(entry.name))
    real = root.resolve()
    for name in names:
        path = root / name
        if not path.is_dir():
            if path.suffix[1:].lower() in IMAGE_SUFFIXES:
                found.skipped.append((printable(name), "lies beside the class folders, not in one"))
            continue
        if real.is_relative_to(path.resolve()):
            found.skipped.append((printable(name), "is a link to a folder that holds this one"))
            continue
        before = len(found.items)
        _list_class(root, path, found, owners)
        if len(found.items) == before:
            found.empty.append(name)
    _refuse_copies(root, found)
    if not found.items:
        expected = "a folder with one folder of photos per class"
        raise problem(
            root, "photos", expected, verbatim("none with photos"), "Put each class's photos in its own folder"
        )
    return found


def _list_class(root: Path, folder: Path, found: Photos, owners: dict[tuple[int, int], str]) -> None:
    for photo in walk(folder):
        name = printable(photo.path.relative_to(root).as_posix())
        error = photo.error
        if error is None:
            try:
                status = photo.path.stat()
            except OSError as problem_:
                error = f"cannot be read: {(problem_.strerror or 'unknown reason').lower()}"
        if error is not None:
            found.skipped.append((name, error))
            continue
        twin = owners.setdefault((status.st_dev, status.st_ino), name)
        if twin != name:
            if twin.split("/")[0] != name.split("/")[0]:
                both = verbatim(f"{twin[-35:]!r} and {name[-35:]!r} are the same file")
                remedy = "A photo has one class, or test and training would share it: remove one of the two"
                raise problem(root, "photos", "each in one class folder", both, remedy)
            found.skipped.append((name, f"is the same file as {twin}"))
            continue
        found.items.append(Item(name, photo.path))
        found.folders.append(folder.name)


def _refuse_copies(root: Path, found: Photos) -> None:
    """Refuse files with the bytes of a file of another class."""
    sizes: dict[int, list[int]] = {}
    paths = [item.content for item in found.items if isinstance(item.content, Path)]
    for i, path in enumerate(paths):
        with suppress(OSError):
            sizes.setdefault(path.stat().st_size, []).append(i)
    first: dict[bytes, int] = {}
    for i in (i for size, alike in sizes.items() if size and len(alike) > 1 for i in alike):
        digest = hashlib.sha256()
        try:
            with open_regular(paths[i]) as file:
                while block := file.read(1 << 20):
                    digest.update(block)
        except (ItemError, OSError):
            continue  # encoding it will say what is wrong
        twin = first.setdefault(digest.digest(), i)
        if found.folders[twin] != found.folders[i]:
            names = found.items[twin].name, found.items[i].name
            both = verbatim(f"{names[0][-35:]!r} and {names[1][-35:]!r} are copies of one photo")
            remedy = "A photo has one class, or test and training would share it: remove one of the two"
            raise problem(root, "photos", "each in one class folder", both, remedy)


def encode_photos(
    encoder: Encoder,
    items: Sequence[Item],
    *,
    keep: Path | None = None,
    strict: bool = False,
    advance: Callable[[int], None] | None = None,
) -> tuple[Array, list[str | None], int]:
    """Encode photos, going on where an earlier run was stopped.

    Parameters
    ----------
    encoder : Encoder
    items : sequence of Item
    keep : Path or None, default None
        A folder that keeps vectors between runs; None keeps nothing.
    strict : bool, default False
        Whether to raise at the first photo that cannot be used.
    advance : callable or None, default None
        Called with the number of photos done.

    Returns
    -------
    vectors : ndarray of shape (n, d)
        A row per item; zeros where there is an error.
    errors : list of (str or None)
        Why a photo could not be used.
    n_kept : int
        How many vectors came from an earlier run.

    Raises
    ------
    ItemError
        With `strict`.
    """
    keys = [_key(item) for item in items]
    vectors = np.zeros((len(items), encoder.image_dim or 0), np.float32)
    errors: list[str | None] = [None] * len(items)
    kept = _read_kept(keep, encoder) if keep is not None else {}
    todo = []
    for i, key in enumerate(keys):
        if key in kept:
            vectors[i] = kept[key]
        else:
            todo.append(i)
    n_kept = len(items) - len(todo)
    if advance is not None and n_kept:
        advance(n_kept)
    fresh: list[int] = []
    since, position = time.monotonic(), 0
    try:
        for batch in encoder.stream_images([items[i] for i in todo]):
            rows = todo[position : position + len(batch.items)]
            position += len(rows)
            usable = [i for i, error in zip(rows, batch.errors, strict=True) if error is None]
            if usable:
                vectors[usable] = batch.vectors
                fresh += usable
            for i, error in zip(rows, batch.errors, strict=True):
                errors[i] = error
                if error is not None and strict:
                    name = items[i].name
                    raise ItemError(f"build_dataset: {name}: {error}. Leave it out, or run without strict.")
            if advance is not None:
                advance(len(rows))
            if keep is not None and (len(fresh) >= _SHARD or time.monotonic() - since > _SECONDS):
                _keep(keep, encoder, [keys[i] for i in fresh], vectors[fresh])
                fresh, since = [], time.monotonic()
    finally:
        if keep is not None and fresh:
            _keep(keep, encoder, [keys[i] for i in fresh], vectors[fresh])
    return vectors, errors, n_kept


@contextmanager
def kept_vectors(out: Path) -> Iterator[Path]:
    """Hand out the folder ``OUT.partial`` for one run alone; it stays when the block fails and goes when it ends well.

    Raises
    ------
    DatasetError
        When another run has it, or it cannot be written.
    """
    folder = out.absolute().with_name(out.absolute().name + ".partial")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = open_alone(folder / "lock")
    except OSError as error:
        if isinstance(error, BlockingIOError):
            busy = verbatim("one that another run is writing")
            raise problem(out, "the output folder", "free", busy, "Wait for it, or choose another name") from None
        reason = verbatim((error.strerror or type(error).__name__).lower())
        raise problem(out, "the output folder", "writable", reason, "Choose another place") from None
    try:
        yield folder
        for path in [*folder.glob("*.safetensors*"), folder / "lock"]:
            path.unlink(missing_ok=True)
        with suppress(OSError):  # somebody put something else there
            folder.rmdir()
    finally:
        os.close(lock)


def _key(item: Item) -> str:
    """Return what changes when the photo does."""
    status = Path(item.content).stat() if isinstance(item.content, Path) else None
    return item.name if status is None else f"{item.name}\n{status.st_size}\n{status.st_mtime_ns}"


def _keep(folder: Path, encoder: Encoder, keys: list[str], vectors: Array) -> None:
    safetensors = importlib.import_module("safetensors.numpy")
    about = {"encoder": encoder.fingerprint, "keys": json.dumps(keys)}
    name = f"{secrets.token_hex(8)}.safetensors"
    draft = folder / f"{name}.tmp"
    draft.write_bytes(safetensors.save({"features": np.ascontiguousarray(vectors)}, metadata=about))
    draft.replace(folder / name)


def _read_kept(folder: Path, encoder: Encoder) -> dict[str, Array]:
    safetensors = importlib.import_module("safetensors")
    found: dict[str, Array] = {}
    for path in sorted(folder.glob("*.safetensors")):
        try:
            with safetensors.safe_open(path, framework="numpy") as file:
                about: dict[str, Any] = file.metadata() or {}
                vectors = file.get_tensor("features")
            keys = json.loads(about["keys"])
            fits = vectors.shape == (len(keys), encoder.image_dim) and vectors.dtype == np.float32
            if about["encoder"] == encoder.fingerprint and fits and np.isfinite(vectors).all():
                found.update(zip(keys, vectors, strict=True))
        except Exception as error:  # noqa: BLE001  a convenience, never a reason to fail: what is damaged is made again
            _log.info("kept vectors: could not read %s (%s); encoding its photos again", path, error)
    return found
