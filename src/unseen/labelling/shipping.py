"""Shards as plain data, to be sent to other machines: numbers and text, nothing that is executed when it is read.

A reference is sent as the name of its kind and its fields. What is read of an item is read where the shard arrives,
so every path in it is made absolute, and a few files are described: whoever receives the shard compares what it finds
there before it answers anything. Without that, a machine on which a folder is missing would call every photo in it
unreadable.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import fields
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from unseen.errors import InputError, ItemError
from unseen.inputs.files import open_regular, printable
from unseen.labelling.references import MemoryReference, Reference, is_address
from unseen.labelling.shards import Shard
from unseen.validation import message, verbatim

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["check_seen", "pack_shard", "unpack_shard"]

#: Where each kind of reference that may be sent is defined.
_KINDS = {
    "Reference": "references",
    "FileReference": "references",
    "TarReference": "archives",
    "GzippedTarReference": "archives",
    "ZipReference": "archives",
    "CellReference": "lists",
    "UrlReference": "remote",
    "FrameReference": "videos",
}
#: Fields that hold a place on the file system.
_PATHS = frozenset({"path", "base"})
#: Of each shard, so many files are described where they can be read, by their size and so many bytes of their head.
_TRIED, _HEAD = 3, 1 << 16


def pack_shard(shard: Shard) -> dict[str, Any]:
    """Return a shard as plain data.

    Parameters
    ----------
    shard : Shard
        Of :func:`unseen.labelling.plan_shards`.

    Returns
    -------
    dict
        ``index`` and ``first`` (int), ``references`` and ``seen`` (JSON text). `seen` says of a few of its files what
        they are like here.

    Raises
    ------
    InputError
        When it holds photos that are in this process's memory only.
    """
    packed: list[list[Any]] = []
    seen: dict[str, Sequence[int | str]] = {}
    tried: set[str] = set()
    for reference in shard.references:
        kind = type(reference).__name__
        if kind not in _KINDS or type(reference) is not _kind(kind):
            raise _unsendable(reference)
        values = {field.name: getattr(reference, field.name) for field in fields(reference)}
        for name in _PATHS & values.keys():
            if not is_address(values[name]):
                values[name] = os.path.abspath(values[name])  # noqa: PTH100  Path.absolute keeps the dots
        packed.append([kind, *values.values()])
        path = values.get("path")
        if reference.error is None and path and len(tried) < _TRIED and path not in tried and not is_address(path):
            tried.add(path)
            found = _describe(path)
            if found is not None:
                seen[path] = found
    return {"index": shard.index, "first": shard.first, "references": json.dumps(packed), "seen": json.dumps(seen)}


def unpack_shard(row: Mapping[str, Any]) -> Shard:
    """Return the shard that `pack_shard` was given.

    Raises
    ------
    InputError
        When the data are of another form.
    """
    try:
        references = tuple(_kind(kind)(*values) for kind, *values in json.loads(row["references"]))
        return Shard(int(row["index"]), int(row["first"]), references)
    except (KeyError, TypeError, ValueError) as error:
        got = verbatim(f"{type(error).__name__}: {error}")
        raise InputError(message("labelling", "a shard", "as pack_shard returns it", got, "Send it anew")) from error


def check_seen(row: Mapping[str, Any]) -> None:
    """Compare a shard's files with what they were where it was packed.

    Raises
    ------
    InputError
        When one is missing here, or another.
    """
    for path, expected in json.loads(row["seen"]).items():
        found = _describe(path)
        if found != expected:
            got = "none that can be read" if found is None else "another one"
            expectation = f"the same on every machine ({expected[0]:,} bytes)"
            remedy = (
                "Keep the source where all machines reach it under the same path, or name it by its address (s3://…)"
            )
            raise InputError(message("labelling", f"file '{printable(path)}'", expectation, verbatim(got), remedy))


@cache
def _kind(name: str) -> type[Reference]:
    if name not in _KINDS:
        raise ValueError(f"no kind of reference: {name!r}")
    kind: type[Reference] = getattr(import_module(f"unseen.labelling.{_KINDS[name]}"), name)
    return kind


def _describe(path: str) -> Sequence[int | str] | None:
    """Return the size of a file and a digest of its head; None where it cannot be read."""
    try:
        with open_regular(path) as file:
            head = file.read(_HEAD)
            return [os.fstat(file.fileno()).st_size, hashlib.sha256(head).hexdigest()]
    except (ItemError, OSError):
        return None


def _unsendable(reference: Reference) -> InputError:
    got = "photos in memory" if isinstance(reference, MemoryReference) else f"a {type(reference).__name__}"
    return InputError(
        message(
            "labelling",
            "the source",
            "one that other machines can read",
            verbatim(f"{got} ({printable(reference.name)})"),
            "Write the photos to files, a .tar or a .parquet first, or use engine 'local'",
        )
    )
