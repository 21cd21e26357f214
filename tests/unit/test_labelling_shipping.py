"""Shards as plain data: what arrives is what was sent, and who receives it sees the same files."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unseen.errors import InputError
from unseen.labelling.archives import TarReference, ZipReference, tar_members
from unseen.labelling.lists import CellReference
from unseen.labelling.references import FileReference, MemoryReference, Reference
from unseen.labelling.remote import UrlReference
from unseen.labelling.shards import Shard
from unseen.labelling.shipping import check_seen, pack_shard, unpack_shard
from unseen.labelling.videos import FrameReference

if TYPE_CHECKING:
    from pathlib import Path


def through_json(row: dict[str, Any]) -> dict[str, Any]:
    """Nothing but numbers and text may be in a row."""
    copy: dict[str, Any] = json.loads(json.dumps(row))
    return copy


def test_every_kind_of_reference_arrives_as_it_was_sent() -> None:
    references = (
        Reference("gone.jpg", "cannot be read: no such file"),
        FileReference("a.jpg", path="/photos/a.jpg"),
        FileReference("ä \udcff.jpg", path="/photos/ä \udcff.jpg"),
        TarReference("s.tar/1", path="/s.tar", offset=512, size=7),
        ZipReference("s.zip/1", path="/s.zip", index=3),
        CellReference("t.parquet:5", path="/t.parquet", column="image", row=4, base="/"),
        UrlReference("u", url="https://example.org/a.jpg"),
        TarReference("far", path="s3://bucket/s.tar", offset=1, size=2),
        FrameReference("v.mp4#t=1.000", path="/v.mp4", tick=90000),
    )
    shard = Shard(3, 30, references)
    assert unpack_shard(through_json(pack_shard(shard))) == shard


@given(
    st.lists(
        st.builds(TarReference, st.text(), st.none() | st.text(), st.just("/a.tar"), st.integers(0), st.integers(0))
    ),
    st.integers(0, 10**9),
)
def test_any_reference_arrives_as_it_was_sent(references: list[TarReference], index: int) -> None:
    shard = Shard(index, index * 7, tuple(references))
    assert unpack_shard(through_json(pack_shard(shard))) == shard


def test_paths_are_made_absolute_and_names_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    given = Shard(0, 0, (FileReference("photos/a.jpg", path="photos/a.jpg"),))
    (found,) = unpack_shard(pack_shard(given)).references
    assert found == FileReference("photos/a.jpg", path=str(tmp_path / "photos" / "a.jpg"))


@pytest.mark.parametrize("content", [b"abc", np.zeros((2, 2, 3), np.uint8)])
def test_photos_in_memory_are_not_sent(content: Any) -> None:
    shard = Shard(0, 0, (MemoryReference("image-0", content=content),))
    with pytest.raises(
        InputError, match=r"labelling: the source must be one that other machines can read; got photos in"
    ):
        pack_shard(shard)


def test_a_kind_nobody_knows_is_not_sent() -> None:
    class Own(FileReference):
        pass

    with pytest.raises(InputError, match=r"got a Own \(x\)\. Write the photos to files, a \.tar or a \.parquet first"):
        pack_shard(Shard(0, 0, (Own("x", path="/x"),)))


@pytest.mark.parametrize(
    "references",
    ['[["MemoryReference", "x", null, "abc"]]', '[["os.system", "x"]]', '[["FileReference"]]', "[[]]", "{", "[1]"],
)
def test_what_is_no_shard_is_refused(references: str) -> None:
    row = {"index": 0, "first": 0, "references": references, "seen": "{}"}
    with pytest.raises(InputError, match="labelling: a shard must be as pack_shard returns it; got "):
        unpack_shard(row)


def packed(*paths: Path) -> dict[str, Any]:
    return pack_shard(Shard(0, 0, tuple(FileReference(path.name, path=str(path)) for path in paths)))


def test_the_same_files_are_no_matter(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"one")
    row = packed(tmp_path / "a", tmp_path / "never there")
    assert list(json.loads(row["seen"])) == [str(tmp_path / "a")]
    check_seen(row)


@pytest.mark.parametrize(
    ("change", "got"),
    [
        (lambda path: path.unlink(), "none that can be read"),
        (lambda path: path.write_bytes(b"two"), "another one"),
        (lambda path: path.write_bytes(b"one more"), "another one"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, change: Any, got: str) -> None:
    (tmp_path / "a").write_bytes(b"one")
    row = packed(tmp_path / "a")
    change(tmp_path / "a")
    with pytest.raises(InputError, match=rf"a' must be the same on every machine \(3 bytes\); got {got}\. Keep the"):
        check_seen(row)


def test_three_files_of_a_shard_are_looked_at_whatever_its_length(tmp_path: Path) -> None:
    paths = [tmp_path / f"{i}" for i in range(20)]
    for path in paths:
        path.write_bytes(os.urandom(8))
    assert list(json.loads(packed(*paths)["seen"])) == [str(path) for path in paths[:3]]


def test_an_archive_is_looked_at_once(tmp_path: Path) -> None:
    import tarfile

    photo = tmp_path / "a.jpg"
    photo.write_bytes(b"\xff\xd8\xff")
    with tarfile.open(tmp_path / "s.tar", "w") as archive:
        for name in ("1.jpg", "2.jpg", "3.jpg"):
            archive.add(photo, name)
    row = pack_shard(Shard(0, 0, tuple(tar_members(str(tmp_path / "s.tar")))))
    assert list(json.loads(row["seen"])) == [str(tmp_path / "s.tar")]
