"""Arrays and their card in one file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import pytest

from unseen.errors import ModelError
from unseen.methods.state import load_method
from unseen.tensor_files import read_tensors, write_tensors

if TYPE_CHECKING:
    from pathlib import Path


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    write_tensors(path, {"x": np.arange(3.0), "flag": np.array([True])}, {"format": "f", "version": 2, "more": ["ü"]})
    card, tensors = read_tensors(path, kind="f", version=2)
    assert card == {"format": "f", "version": 2, "more": ["ü"]}
    assert tensors.keys() == {"x", "flag"}
    assert tensors["x"].tolist() == [0, 1, 2]
    umask = os.umask(0)
    os.umask(umask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask


def test_what_does_not_fit(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    with pytest.raises(FileNotFoundError):
        read_tensors(path, kind="f", version=1)
    write_tensors(path, {"x": np.array([np.inf])}, {"format": "f", "version": 1})
    for kind, version, says in (
        ("g", 1, "format 'f', version 1"),
        ("f", 2, "version 1"),
        ("f", 1, "x holds NaN or inf"),
    ):
        with pytest.raises(ValueError, match=says):
            read_tensors(path, kind=kind, version=version)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.safetensors")
    with pytest.raises(OSError, match="it is no file"):
        read_tensors(tmp_path / "a.safetensors", kind="f", version=1)
    with pytest.raises(ModelError, match="is no method that unseen saved: it is no file"):
        load_method(tmp_path / "a.safetensors")
