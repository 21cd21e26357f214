"""The file that unfinished training lies in: whole or not there, and told apart by what the work is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from unseen.errors import InputError
from unseen.methods.neural import checkpoints
from unseen.methods.neural.checkpoints import Checkpoint, work_digest

if TYPE_CHECKING:
    from pathlib import Path


def test_what_is_written_is_read(tmp_path: Path) -> None:
    one = Checkpoint("Somebody", str(tmp_path / "c"), "digest")
    assert one.read() is None
    arrays: dict[str, np.ndarray[Any, Any]] = {
        "a": np.arange(6, dtype=np.uint8),
        "b": np.ones((2, 3)),
        "zero": np.array(3.0, dtype=np.float32),
    }
    one.write({"phase": "x", "curve": [(1, 0.5)]}, arrays)
    found = Checkpoint("Somebody", str(tmp_path / "c"), "digest").read()
    assert found is not None
    assert found[0] == {"phase": "x", "curve": [[1, 0.5]]}
    assert set(found[1]) == set(arrays)
    for key, value in arrays.items():
        np.testing.assert_array_equal(found[1][key], value)
        assert found[1][key].dtype == value.dtype
    one.remove()
    one.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    one = Checkpoint("Somebody", "c", "digest")
    one.write({"phase": "old"}, {"a": np.ones(2)})

    def full(path: Path, *_: Any) -> None:
        path.write_bytes(b"half of")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints, "write_tensors", full)
    with pytest.raises(InputError, match=r"must be a file that can be written; got No space left on device: c\. Check"):
        one.write({"phase": "new"}, {"a": np.zeros(2)})
    found = one.read()
    assert found is not None
    assert found[0] == {"phase": "old"}
    assert [path.name for path in tmp_path.iterdir()] == ["c"]


def test_when_it_is_time_to_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    one = Checkpoint("Somebody", str(tmp_path / "c"), "digest")
    nothing = Checkpoint("Somebody", None, "digest")
    assert not one.due()
    now = 114.9
    assert not one.due()
    now = 115.0
    assert one.due()
    one.write({}, {"a": np.ones(1)})
    assert not one.due()
    now = 1e6
    assert one.due()
    assert not nothing.due()
    nothing.write({}, {})
    assert nothing.read() is None
    nothing.remove()


def test_digests_tell_work_apart() -> None:
    a, b = np.arange(6.0), np.ones(2)
    digests = [
        work_digest({"a": a, "b": b}, "x"),
        work_digest({"b": b, "a": a}, "x"),
        work_digest({"a": a, "b": b}, "y"),
        work_digest({"a": a.reshape(2, 3), "b": b}, "x"),
        work_digest({"a": a.astype(np.float32), "b": b}, "x"),
        work_digest({"a": b, "b": a}, "x"),
        work_digest({"a": a}, "x"),
        work_digest({"a": np.repeat(a, 2)[::2], "b": b}, "x"),
    ]
    assert digests[0] == digests[1] == digests[7]
    assert len(set(digests)) == 6
