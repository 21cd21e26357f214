"""The text cache: nothing is encoded twice, and no cache is ever a reason to fail."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from unseen.encoders import cache
from unseen.encoders.base import Encoder
from unseen.encoders.cache import cache_file, encode_texts_cached

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt


class Counting(Encoder):
    """Encodes a text as its length and first letter, and remembers what it was asked."""

    name, modalities, image_dim, text_dim = "counting", frozenset({"text"}), None, 2
    image_size, shared_space = 0, False

    def __init__(self, fingerprint: str = "a") -> None:
        self._fingerprint = fingerprint
        self.asked: list[str] = []

    @property
    def fingerprint(self) -> str:
        return self._fingerprint

    def prepare_image(self, content: Any) -> npt.NDArray[np.uint8]:
        raise AssertionError("takes no images")

    def _encode_pixels(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        raise AssertionError("takes no images")

    def _encode_texts(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        self.asked += texts
        return np.array([[len(text), ord(text[0])] for text in texts], np.float32)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNSEEN_CACHE", str(tmp_path / "cache"))


def test_a_second_run_encodes_nothing() -> None:
    first, second = Counting(), Counting()
    a = encode_texts_cached(first, ["zebra", "okapi", "zebra"])
    b = encode_texts_cached(second, ["okapi", "zebra"])
    assert sorted(first.asked) == ["okapi", "zebra"]
    assert second.asked == []
    assert a.tolist() == [[5, 122], [5, 111], [5, 122]]
    assert b.tolist() == [[5, 111], [5, 122]]


def test_another_encoder_has_its_own_vectors() -> None:
    encode_texts_cached(Counting("a"), ["zebra"])
    other = Counting("b")
    encode_texts_cached(other, ["zebra"])
    assert other.asked == ["zebra"]


def test_nothing_in_nothing_out() -> None:
    assert encode_texts_cached(Counting(), []).shape == (0, 2)


def test_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNSEEN_CACHE", "off")
    assert cache_file() is None
    for _ in range(2):
        encoder = Counting()
        encode_texts_cached(encoder, ["zebra"])
        assert encoder.asked == ["zebra"]


def test_a_damaged_file_is_replaced() -> None:
    path = cache_file()
    assert path is not None
    path.parent.mkdir(parents=True)
    path.write_bytes(b"this is no database at all, but long enough to look like a file" * 50)
    assert encode_texts_cached(Counting(), ["zebra"]).tolist() == [[5, 122]]
    encode_texts_cached(Counting(), ["zebra"])
    third = Counting()
    encode_texts_cached(third, ["zebra"])
    assert third.asked == []


def test_a_damaged_file_takes_its_log_along_and_never_raises() -> None:
    path = cache_file()
    assert path is not None
    path.parent.mkdir(parents=True)
    logs = [path.with_name(path.name + suffix) for suffix in ("-wal", "-shm")]
    for file in (path, *logs):
        file.write_bytes(b"this is no database at all, but long enough to look like a file" * 50)
    cache._leave_out("read", sqlite3.DatabaseError("file is not a database"))
    assert not any(file.exists() for file in (path, *logs))
    path.mkdir()  # cannot be unlinked
    cache._leave_out("read", sqlite3.DatabaseError("file is not a database"))


@pytest.mark.parametrize("blob", [b"", b"123", np.array([np.nan, 1], "<f4").tobytes(), np.zeros(3, "<f4").tobytes()])
def test_a_damaged_vector_is_encoded_anew(blob: bytes) -> None:
    encode_texts_cached(Counting(), ["zebra"])
    path = cache_file()
    assert path is not None
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE texts SET vector = ?", (blob,))
    connection.close()
    encoder = Counting()
    assert encode_texts_cached(encoder, ["zebra"]).tolist() == [[5, 122]]
    assert encoder.asked == ["zebra"]


def test_a_folder_that_cannot_be_made_is_no_reason_to_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("UNSEEN_CACHE", str(tmp_path / "file" / "cache"))
    assert encode_texts_cached(Counting(), ["zebra"]).tolist() == [[5, 122]]


def test_the_oldest_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "_LIMIT", 3)
    for text in "abcde":
        encode_texts_cached(Counting(), [text])
    path = cache_file()
    assert path is not None
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT COUNT(*) FROM texts").fetchone() == (3,)
    connection.close()
    encoder = Counting()
    encode_texts_cached(encoder, ["c", "d", "e"])
    assert encoder.asked == []
    encode_texts_cached(encoder, ["a"])
    assert encoder.asked == ["a"]
