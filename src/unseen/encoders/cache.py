"""A cache of text vectors on disk, so that a second run with the same classes encodes no text.

One SQLite file in the user's cache folder, keyed by the encoder's fingerprint and the text: safe under several
processes and sudden ends. It is a convenience and never a reason to fail: a cache that cannot be opened, read or
written is left out. ``UNSEEN_CACHE`` names another folder; ``UNSEEN_CACHE=off`` turns it off.
"""

from __future__ import annotations

import hashlib
import logging
import os
import sqlite3
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from unseen.encoders.base import Encoder

__all__ = ["TextCache", "cache_file", "encode_texts_cached"]

_log = logging.getLogger(__name__)

#: Vectors kept at most; the oldest go first. 200,000 of 384 numbers take about 330 MB.
_LIMIT = 200_000
#: Texts encoded between two writes, so that a run that is stopped keeps what it did.
_CHUNK = 4096


def cache_file() -> Path | None:
    """Return where the cache lies, or None where it is turned off."""
    setting = os.environ.get("UNSEEN_CACHE", "")
    if setting.lower() == "off":
        return None
    if setting:
        return Path(setting) / "texts.sqlite"
    from platformdirs import user_cache_path

    return user_cache_path("unseen", appauthor=False) / "texts.sqlite"


def encode_texts_cached(encoder: Encoder, texts: Sequence[str]) -> npt.NDArray[np.float32]:
    """Return vectors of texts (n, k), encoding only those the cache does not hold."""
    return TextCache(encoder).encode(texts)


class TextCache:
    """The cache as one run uses it, perhaps in many calls: it never pushes out what the run itself has put in.

    A vocabulary of more texts than fit has the first ones kept. Were the last ones kept, the next run would push out
    each one just before it needs it, and find none.

    Parameters
    ----------
    encoder : Encoder
        What encodes texts that are not there.
    """

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._room = _LIMIT

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return vectors of texts (n, k), encoding only those the cache does not hold."""
        distinct = list(dict.fromkeys(texts))
        keys = [_key(self._encoder, text) for text in distinct]
        dim = self._encoder.text_dim or 0
        found = _read(keys, dim)
        self._room -= len(found)
        missing = [i for i, key in enumerate(keys) if key not in found]
        for start in range(0, len(missing), _CHUNK):
            rows = missing[start : start + _CHUNK]
            vectors = self._encoder.encode_texts([distinct[i] for i in rows])
            fresh = dict(zip([keys[i] for i in rows], vectors, strict=True))
            found.update(fresh)
            if self._room > 0:
                _write(dict(islice(fresh.items(), self._room)))
            self._room -= len(fresh)
        position = dict(zip(distinct, keys, strict=True))
        return np.stack([found[position[text]] for text in texts]) if texts else np.zeros((0, dim), np.float32)


def _key(encoder: Encoder, text: str) -> bytes:
    return hashlib.sha256(f"{encoder.fingerprint}\n{text}".encode("utf-8", "surrogatepass")).digest()


def _open() -> sqlite3.Connection | None:
    path = cache_file()
    if path is None:
        return None
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=5)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS texts "
            "(number INTEGER PRIMARY KEY, key BLOB UNIQUE NOT NULL, vector BLOB NOT NULL)"
        )
    except BaseException:
        connection.close()
        raise
    return connection


def _read(keys: Sequence[bytes], dim: int) -> dict[bytes, npt.NDArray[np.float32]]:
    found: dict[bytes, npt.NDArray[np.float32]] = {}
    try:
        connection = _open()
        if connection is None:
            return found
        with closing(connection):
            for start in range(0, len(keys), 500):
                part = keys[start : start + 500]
                marks = ",".join("?" * len(part))
                query = f"SELECT key, vector FROM texts WHERE key IN ({marks})"  # noqa: S608  only question marks
                for key, blob in connection.execute(query, part):
                    vector = np.frombuffer(blob, dtype="<f4") if len(blob) == 4 * dim else np.full(1, np.nan)
                    if np.isfinite(vector).all():  # else damaged: encode it anew
                        found[bytes(key)] = vector.astype(np.float32)
    except (sqlite3.Error, OSError, TypeError, ValueError) as error:
        _leave_out("read", error)
    return found


def _write(vectors: dict[bytes, npt.NDArray[np.float32]]) -> None:
    try:
        connection = _open()
        if connection is None:
            return
        with closing(connection), connection:
            connection.executemany(
                "INSERT OR REPLACE INTO texts (key, vector) VALUES (?, ?)",
                [(key, vector.astype("<f4").tobytes()) for key, vector in vectors.items()],
            )
            connection.execute(
                "DELETE FROM texts WHERE number <= (SELECT MAX(number) FROM texts) - ?",
                (_LIMIT,),
            )
    except (sqlite3.Error, OSError) as error:
        _leave_out("write", error)


def _leave_out(what: str, error: Exception) -> None:
    path = cache_file()
    _log.info("text cache: could not %s %s (%s); going on without it", what, path, error)
    if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError) and path:
        # Not a database any more: out of the way with it and its log, so that the next run starts a fresh one.
        for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
            with suppress(OSError):
                path.with_name(name).unlink(missing_ok=True)
