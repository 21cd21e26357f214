"""Candidates and thresholds from files: what is read, and how mistakes are told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from unseen.errors import InputError
from unseen.tasks.small_tables import read_candidates, read_thresholds

if TYPE_CHECKING:
    from pathlib import Path


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "table.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_candidates_are_read(tmp_path: Path) -> None:
    path = write(tmp_path, '\ufeffnote,item,names\n-,a.jpg,cat | dog|\n-,"b, c.jpg",okapi\n')
    assert read_candidates(path) == {"a.jpg": ("cat", "dog"), "b, c.jpg": ("okapi",)}


def test_thresholds_are_read(tmp_path: Path) -> None:
    assert read_thresholds(write(tmp_path, "name,threshold\ncat,0.25\ndog,1\n")) == {"cat": 0.25, "dog": 1.0}


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("item,names\na.jpg,cat\nb.jpg, |\n", r"table.csv, line 3: names must be at least one class name; got none"),
        ("item,names\na.jpg,cat\na.jpg,dog\n", r"table.csv, line 3: items must be unique; got 'a.jpg'\. Put all"),
        ("item,names\na.jpg\n", r"table.csv, line 2: names must be at least one class name"),
        ("", r"--candidates: the columns of .*table.csv must be 'item' and 'names'; got an empty file"),
        (b"item,names\n\xff,cat\n", r"--candidates: the file .* must be CSV in UTF-8; got .*0xff.*Save it as such"),
        ('item,names\n"a"b,cat\n', r"--candidates: the file .* must be CSV in UTF-8; got .*expected after"),
    ],
)
def test_candidates_that_cannot_be_read(tmp_path: Path, text: str | bytes, match: str) -> None:
    with pytest.raises(InputError, match=match):
        read_candidates(write(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("name,threshold\ncat,high\n", r"table.csv, line 2: threshold must be a number at least 0 .*; got 'high'"),
        ("name,threshold\ncat,nan\n", r"table.csv, line 2: threshold must be a finite number"),
        ("name,threshold\ncat,1.5\n", r"got 1.5"),
        ("name,threshold\ncat,1\ncat,0\n", r"table.csv, line 3: names must be unique; got 'cat'\. Remove one"),
    ],
)
def test_thresholds_that_cannot_be_read(tmp_path: Path, text: str, match: str) -> None:
    with pytest.raises(InputError, match=match):
        read_thresholds(write(tmp_path, text))


def test_a_folder_is_no_table(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"--threshold: the file .* must be readable; got is a folder"):
        read_thresholds(tmp_path)
