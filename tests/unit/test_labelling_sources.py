"""Sources: what people point at becomes references in a fixed order; what is hostile in it becomes a row."""

from __future__ import annotations

import hashlib
import http.server
import io
import os
import struct
import tarfile
import threading
import zipfile
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from tests.corpus import build_image_corpus
from tests.labelling_kit import CLASSES, colours, photo, rows, write_photos

from unseen.errors import InputError, ItemError, MissingExtraError
from unseen.inputs import iter_images, open_image
from unseen.inputs.sources import Item
from unseen.labelling import archives, connections, copies, label, open_source, remote
from unseen.labelling.measure import measure
from unseen.labelling.references import FileReference, MemoryReference, Reference, Shelf
from unseen.labelling.sources import Every, expand_braces

if TYPE_CHECKING:
    from collections.abc import Iterator

Found = list[tuple[str, Any]]


@pytest.fixture(autouse=True)
def _go_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def found(source: Any, **options: Any) -> Found:
    """Return each item's name, and its content or error."""
    shelf, result = Shelf(), []
    for reference in open_source(source, **options):
        try:
            result.append((reference.name, reference.read(shelf)))
        except ItemError as error:
            result.append((reference.name, str(error)))
    shelf.close()
    return result


# -- files ---------------------------------------------------------------------------------------------------


def test_a_folder_is_what_classify_sees(tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    build_image_corpus(tmp_path / "corpus")
    names = [reference.name for reference in open_source(tmp_path / "corpus")]
    assert names == [item.name for item in iter_images(tmp_path / "corpus")]
    assert open_source(tmp_path / "corpus").count() == len(names)


def test_several_sources_follow_each_other() -> None:
    write_photos(Path("b"), 2)
    write_photos(Path("a"), 1)
    assert found(["b", "a", "b/0001.png"]) == [
        ("b/0000.png", photo(0)), ("b/0001.png", photo(1)), ("a/0000.png", photo(0)), ("b/0001.png", photo(1))
    ]  # fmt: skip
    assert open_source(("b", Path("a"))).description == ["b", "a"]
    assert open_source(("b", Path("a"))).count() == 3


def test_patterns_and_braces() -> None:
    write_photos(Path("a"), 12)
    assert [name for name, _ in found("a/00*0.png")] == ["a/0000.png", "a/0010.png"]
    assert found("a/{0009..0010}.png") == [("a/0009.png", photo(9)), ("a/0010.png", photo(10))]
    assert found("{a/0011,a/0012}.png")[1] == ("a/0012.png", "cannot be read: no such file")
    assert [name for name, _ in found("a/000[01].png")] == ["a/0000.png", "a/0001.png"]
    assert [name for name, _ in found("{a,b}/*0.png")] == ["a/0000.png", "a/0010.png"]
    assert list(expand_braces("x{3..1}y")) == ["x3y", "x2y", "x1y"]


def test_a_folder_whose_name_holds_braces() -> None:
    write_photos(Path("{a,b}"), 1)
    assert found("{a,b}") == [("{a,b}/0000.png", photo(0))]


def test_mistaken_paths() -> None:
    write_photos(Path("photos"), 1)
    with pytest.raises(
        InputError, match=r"labelling: source must be a path that exists; got 'phots'\. Near names ther"
    ):
        open_source("phots")
    with pytest.raises(InputError, match="a path that exists"):
        open_source(["photos", "a\0b"])
    with pytest.raises(InputError, match="a path that exists; got ''"):
        open_source("")
    Path("a.tar.xz").write_bytes(b"x")
    with pytest.raises(InputError, match=r"an archive must be of a kind that is read \(.tar, .tar.gz, .tgz, .zip\)"):
        open_source("a.tar.xz")


def test_pipes_and_folders_named_as_photos() -> None:
    os.mkfifo("pipe.jpg")
    Path("folder.jpg").mkdir()
    Path("list.txt").write_text("pipe.jpg\nfolder.jpg\n/dev/zero\n", "utf-8")
    assert [error for _, error in found("list.txt")] == [
        "is a pipe, not a file; it was not opened",
        "is a folder, not a file",
        "is a device, not a file; it was not opened",
    ]
    assert found("pipe.jpg") == [("pipe.jpg", "is a pipe, not a file; it was not opened")]


def test_python_iterables() -> None:
    array = np.zeros((4, 4, 3), np.uint8)
    assert [type(r) for r in open_source([array, photo(1)])] == [MemoryReference, MemoryReference]
    named = [Item("a", array), Item("b", None, "is missing"), "no item"]
    assert [(r.name, r.error) for r in open_source(iter(named))] == [
        ("a", None), ("b", "is missing"), ("image-2", "must be an Item like those before it; got str")
    ]  # fmt: skip
    assert [r.name for r in open_source([Reference("x"), Item("y", array)])] == ["x", "y"]
    write_photos(Path("p"), 1)
    (only,) = open_source(iter(["p/0000.png"]))
    assert only == FileReference("p/0000.png", path="p/0000.png")
    assert open_source(iter([array])).description == ["<photos handed in>"]
    with pytest.raises(InputError, match="an ordered collection"):
        list(open_source({1, 2}))


def test_a_shelf_keeps_few_things_open() -> None:
    for number in range(6):
        with tarfile.open(f"{number}.tar", "w") as archive:
            add(archive, "a.png", photo(number))
    shelf = Shelf(size=2)
    references = list(open_source("*.tar"))
    for _ in range(2):
        assert [reference.read(shelf) for reference in references] == [photo(number) for number in range(6)]
    assert len(shelf._held) == 2
    assert len(list(Path("/proc/self/fd").iterdir())) < 40 if Path("/proc/self/fd").exists() else True


# -- tar -----------------------------------------------------------------------------------------------------


def add(archive: tarfile.TarFile, name: str, data: bytes = b"", **fields: Any) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    for key, value in fields.items():
        setattr(member, key, value)
    archive.addfile(member, io.BytesIO(data))


@pytest.mark.parametrize(("name", "mode"), [("s.tar", "w"), ("s.tar.gz", "w:gz"), ("s.tgz", "w:gz")])
def test_tar(name: str, mode: Any) -> None:
    with tarfile.open(name, mode) as archive:
        for number in range(30):
            add(archive, f"{number:05}.png", photo(number))
            add(archive, f"{number:05}.cls", b"7")
    expected = [(f"{name}/{number:05}", photo(number)) for number in range(30)]
    assert found(name) == expected
    # In any order, as workers may come back to them.
    shelf = Shelf()
    references = list(open_source(name))
    for place in (29, 0, 17, 3):
        assert references[place].read(shelf) == photo(place)


def test_what_webdataset_writes(tmp_path: Path) -> None:
    webdataset = pytest.importorskip("webdataset")
    with webdataset.ShardWriter(str(tmp_path / "s-%02d.tar"), maxcount=4, verbose=0) as sink:
        for number in range(10):
            sink.write({"__key__": f"k{number}", "png": photo(number), "json": {"a": 1}})
    assert found("s-{00..02}.tar") == [(f"s-{n // 4:02}.tar/k{n}", photo(n)) for n in range(10)]
    assert found("s-*.tar") == found(["s-00.tar", "s-01.tar", "s-02.tar"])


def test_hostile_members_of_a_tar() -> None:
    with tarfile.open("h.tar", "w") as archive:
        add(archive, "link.png", type=tarfile.SYMTYPE, linkname="/etc/passwd")
        add(archive, "hard.png", type=tarfile.LNKTYPE, linkname="ok.png")
        add(archive, "pipe.png", type=tarfile.FIFOTYPE)
        add(archive, "device.png", type=tarfile.CHRTYPE, devmajor=1, devminor=5)
        add(archive, "../../escape\n\x1b[31m.png", photo(1))
        add(archive, "inner.tar", b"another archive")
        add(archive, "text.png", b"this is a text")
        add(archive, "empty.png", b"")
        add(archive, ".hidden.png", photo(1))
        add(archive, "__MACOSX/._a.png", b"resource fork")
        add(archive, "ok.png", photo(2))
    assert found("h.tar") == [
        ("h.tar/link", "is a link within an archive; it was not followed"),
        ("h.tar/hard", "is a link within an archive; it was not followed"),
        ("h.tar/pipe", "is not a file; it was not opened"),
        ("h.tar/device", "is not a file; it was not opened"),
        ("h.tar/../../escape\\n\\x1b[31m", photo(1)),
        ("h.tar/text", "is text, not a photo"),
        ("h.tar/empty", "is empty: it holds 0 bytes"),
        ("h.tar/ok", photo(2)),
    ]


def test_keys_of_a_tar_are_those_of_webdataset() -> None:
    members = [
        "v1.0/a.jpg",
        "v1.0/a.json",
        "v1.0/a.seg.png",
        "v1.0/b.seg.png",
        "IMG.2020.01.png",
        "IMG.2020.02.png",
        "c.png",
    ]
    with tarfile.open("k.tar", "w") as archive:
        for number, name in enumerate(members):
            add(archive, name, photo(number))
    assert found("k.tar") == [
        ("k.tar/v1.0/a", photo(0)),
        ("k.tar/v1.0/a.seg.png", photo(2)),
        ("k.tar/v1.0/b", photo(3)),
        ("k.tar/IMG", photo(4)),
        ("k.tar/IMG.2020.02.png", photo(5)),
        ("k.tar/c", photo(6)),
    ]
    theirs = pytest.importorskip("webdataset.tariterators").base_plus_ext
    assert [archives._key(name) for name in members] == [theirs(name)[0] for name in members]


def whole_tar(count: int = 5) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for number in range(count):
            add(archive, f"{number}.png", photo(number) + bytes(2000))
    return stream.getvalue()


def test_truncated_tars_give_what_can_be_read() -> None:
    data = whole_tar()
    each = 512 + 512 * -(-(len(photo(0)) + 2000) // 512)
    for size, photos, last in [
        (each * 2 + 100, 2, "t.tar"),  # within a header
        (each * 2, 2, "t.tar"),  # between two members
        (each * 2 + 700, 2, "t.tar"),  # within a photo
    ]:
        Path("t.tar").write_bytes(data[:size])
        result = found("t.tar")
        good = [name for name, content in result if isinstance(content, bytes)]
        assert good == [f"t.tar/{n}" for n in range(photos)]
        name, error = result[-1]
        assert name == last
        assert error.startswith(("truncated", "damaged"))
        assert f"photos found before that: {3 if size == each * 2 + 700 else 2}" in error


def test_damage_within_a_tar_is_told() -> None:
    data = whole_tar()
    each = 512 + 512 * -(-(len(photo(0)) + 2000) // 512)
    Path("d.tar").write_bytes(data[: 2 * each] + b"\xff" * 512 + data[2 * each + 512 :])
    result = found("d.tar")
    assert "The rest of it was not read" in result[-1][1]
    Path("two.tar").write_bytes(data + data)
    assert found("two.tar")[-1] == (
        "two.tar",
        "holds data behind its end mark, perhaps another archive; that was not read; photos found before that: 5",
    )


@pytest.mark.parametrize("data", [b"", b"x" * 2000, b"\x1f\x8b" + b"x" * 100, bytes(10240)])
@pytest.mark.parametrize("name", ["n.tar", "n.tar.gz"])
def test_files_that_are_no_tar(name: str, data: bytes) -> None:
    Path(name).write_bytes(data)
    ((item, error),) = found(name)
    assert item == name
    assert "cannot be read" in error or "damaged" in error or "holds no photos" in error


def test_a_gzip_that_ends_early() -> None:
    import gzip

    packed = gzip.compress(whole_tar(), 0)
    Path("t.tar.gz").write_bytes(packed[: len(packed) // 2])
    result = found("t.tar.gz")
    assert result[0][1] == photo(0) + bytes(2000)
    assert result[-1][0] == "t.tar.gz"
    assert "its gzip data end too early. The rest of it was not read" in result[-1][1]


def test_a_header_that_claims_to_be_huge_is_not_believed() -> None:
    import gzip

    member = tarfile.TarInfo("x")
    member.type, member.size = tarfile.XHDTYPE, 1 << 32
    Path("bomb.tar.gz").write_bytes(gzip.compress(member.tobuf(tarfile.USTAR_FORMAT) + bytes(1 << 22)))
    ((_, error),) = found("bomb.tar.gz")
    assert "a header claims to be longer than any is" in error


@pytest.mark.parametrize("name", ["round.tar", "round.tar.gz"])
@pytest.mark.parametrize("back", [512, 1536, 10_000])
def test_a_member_that_ends_before_it_begins_leads_nowhere(name: str, back: int) -> None:
    import gzip

    member = tarfile.TarInfo("back.png")
    member.size = -back
    each = 512 + 512 * -(-(len(photo(0)) + 2000) // 512)
    data = whole_tar(1)[:each] + member.tobuf(tarfile.GNU_FORMAT) + photo(3).ljust(512, b"\0") + bytes(1024)
    Path(name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    first, last = islice(archives.tar_members(name), 20)
    assert (first.name, first.error) == (f"{name}/0", None)
    assert last.name == name
    assert "damaged: a header says that its member ends before it begins" in (last.error or "")


def test_a_member_that_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MAX_MEMBER_BYTES", 1000)
    Path("l.tar").write_bytes(whole_tar(1))
    ((_, error),) = found("l.tar")
    assert error.startswith("too large: more than ")


def test_a_tar_of_many_members_is_walked_in_bounded_memory() -> None:
    import tracemalloc

    header = tarfile.TarInfo("a.png")
    header.size = 512
    block = header.tobuf() + photo(1).ljust(512, b"\0")
    with Path("many.tar").open("wb") as file:
        for _ in range(20):
            file.write(block * 1000)
        file.write(bytes(1024))
    stream = iter(open_source("many.tar"))
    next(stream)
    tracemalloc.start()
    count = sum(1 for _ in stream)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 19_999
    assert peak < 2_000_000


# -- zip -----------------------------------------------------------------------------------------------------


def test_zip() -> None:
    with zipfile.ZipFile("z.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(5):
            archive.writestr(f"dir/{number}.png", photo(number))
        archive.writestr("dir/notes.txt", "x")
        archive.writestr("inner.zip", "x")
        link = zipfile.ZipInfo("link.png")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("../../up.png", photo(7))
    result = found("z.zip")
    assert result[:5] == [(f"z.zip/dir/{number}.png", photo(number)) for number in range(5)]
    assert result[5:] == [
        ("z.zip/link.png", "is a link within an archive; it was not followed"),
        ("z.zip/../../up.png", photo(7)),
    ]


def test_a_zip_bomb_is_not_unpacked() -> None:
    with zipfile.ZipFile("b.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.png", bytes(1 << 25))
        archive.writestr("photo.png", photo(1)[:64] + bytes(1 << 25))
    data = bytearray(Path("b.zip").read_bytes())
    # The directory lies: it says that both are small.
    at = data.find(b"PK\x01\x02")
    while at >= 0:
        data[at + 24 : at + 28] = struct.pack("<I", 1000)
        at = data.find(b"PK\x01\x02", at + 4)
    Path("b.zip").write_bytes(bytes(data))
    (_, first), (_, second) = found("b.zip")
    # zipfile stops at the size it was told, and finds that the check sum is another.
    assert first == second == "damaged: its data in the archive cannot be unpacked"


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_damaged_members_of_a_zip_however_packed(method: int) -> None:
    with zipfile.ZipFile("z.zip", "w", method) as archive:
        archive.writestr("a.png", photo(1) + bytes(range(256)) * 40)
        archive.writestr("b.png", photo(2))
        start, size = 30 + len("a.png"), archive.infolist()[0].compress_size
    data = bytearray(Path("z.zip").read_bytes())
    data[start + 14 : start + size] = b"\xff" * (size - 14)
    Path("z.zip").write_bytes(bytes(data))
    assert found("z.zip") == [
        ("z.zip/a.png", "damaged: its data in the archive cannot be unpacked"), ("z.zip/b.png", photo(2))
    ]  # fmt: skip


def test_a_zip_packed_in_a_way_nobody_reads() -> None:
    with zipfile.ZipFile("z.zip", "w") as archive:
        archive.writestr("a.png", photo(1))
    data = bytearray(Path("z.zip").read_bytes())
    at = data.find(b"PK\x01\x02")
    data[8:10] = data[at + 10 : at + 12] = struct.pack("<H", 9)
    Path("z.zip").write_bytes(bytes(data))
    assert found("z.zip") == [("z.zip/a.png", "is packed in a way that is not read; pack it anew")]


def test_a_zip_that_points_far_behind_its_end() -> None:
    with zipfile.ZipFile("z.zip", "w") as archive:
        archive.writestr("a.png", photo(1))
    held = archives._Zip("z.zip")
    held.members[0].header_offset = 1 << 64
    with pytest.raises(ItemError, match="damaged: its data in the archive cannot be unpacked"):
        held.read(0)
    held.close()


def test_a_member_that_is_really_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MAX_MEMBER_BYTES", 1 << 16)
    with zipfile.ZipFile("b.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("photo.png", photo(1)[:64] + bytes(1 << 20))
    assert "too large" in found("b.zip")[0][1]


def test_zips_that_cannot_be_read() -> None:
    with zipfile.ZipFile("z.zip", "w") as archive:
        archive.writestr("a.png", photo(1))
        archive.writestr("b.png", photo(2))
    data = Path("z.zip").read_bytes()
    Path("cut.zip").write_bytes(data[: len(data) // 2])
    assert found("cut.zip") == [("cut.zip", "cannot be read: it is no zip file, or its end is missing")]
    spoiled = bytearray(data)
    spoiled[60] ^= 0xFF
    Path("bad.zip").write_bytes(bytes(spoiled))
    result = found("bad.zip")
    assert result[0][1].startswith("damaged: its data in the archive cannot be unpacked")
    assert result[1] == ("bad.zip/b.png", photo(2))
    locked = bytearray(data)
    at = locked.find(b"PK\x01\x02")
    locked[at + 8] |= 1
    Path("locked.zip").write_bytes(bytes(locked))
    assert found("locked.zip")[0] == ("locked.zip/a.png", "is encrypted; unpack it first")
    with zipfile.ZipFile("none.zip", "w") as archive:
        archive.writestr("a.txt", "x")
    assert found("none.zip") == [("none.zip", "holds no photos: members count by their suffix")]


# -- tables --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("l.csv", "id,Path,label\n1,p/0000.png,x\n2,p/0001.png,y\n"),
        ("l.tsv", "id\tfile_name\n1\tp/0000.png\n2\tp/0001.png\n"),
        ("l.jsonl", '{"id": 1, "image": "p/0000.png"}\n{"id": 2, "image": "p/0001.png"}\n'),
        ("l.txt", "p/0000.png\n\np/0001.png\n"),
        ("only.csv", "whatever\np/0000.png\np/0001.png\n"),
    ],
)
def test_tables_of_paths_relative_to_themselves(tmp_path: Path, name: str, text: str) -> None:
    write_photos(tmp_path / "sub" / "p", 2)
    (tmp_path / "sub" / name).write_text(text, "utf-8")
    assert found(f"sub/{name}") == [("p/0000.png", photo(0)), ("p/0001.png", photo(1))]


def test_parquet_of_paths() -> None:
    write_photos(Path("p"), 3)
    names = [f"p/{n:04}.png" for n in range(3)]
    pq.write_table(pa.table({"id": [1, 2, 3], "URL": names}), "a.parquet")
    pq.write_table(pa.table({"x": [1, 2, 3], "y": pa.array(names).dictionary_encode()}), "b.parquet")
    expected = [(name, photo(n)) for n, name in enumerate(names)]
    assert found("a.parquet") == expected
    assert found("b.parquet", column="y") == expected
    with pytest.raises(
        InputError, match=r"a table with a sole column or one called path, file, .*got columns 'x', 'y'"
    ):
        found("b.parquet")
    with pytest.raises(InputError, match="a table with one column 'z'; got columns 'x', 'y'"):
        found("b.parquet", column="z")
    with pytest.raises(InputError, match="whose column 'x' holds paths or photos; got int64"):
        found("b.parquet", column="x")
    Path("c.parquet").write_bytes(b"no table")
    with pytest.raises(InputError, match="must be a Parquet file; got damaged or other data"):
        found("c.parquet")


@pytest.mark.parametrize("row_group_size", [1, 3, 100])
def test_parquet_of_bytes(row_group_size: int) -> None:
    photos = [photo(n) for n in range(40)]
    cells = [*photos, None, b"", b"text is no photo"]
    pq.write_table(pa.table({"image": cells}), "plain.parquet", row_group_size=row_group_size)
    result = found("plain.parquet")
    assert result[:40] == [(f"plain.parquet:{n + 1}", photo(n)) for n in range(40)]
    assert [error for _, error in result[40:]] == [
        "is empty: the row holds no photo", "is empty: it holds 0 bytes", "is text, not a photo"
    ]  # fmt: skip
    references, shelf = list(open_source("plain.parquet")), Shelf()
    for place in (39, 2, 17, 18, 0):
        assert references[place].read(shelf) == photo(place)


def test_parquet_as_datasets_writes_it() -> None:
    write_photos(Path("p"), 1)
    cells = [{"bytes": photo(4), "path": "four.png"}, {"bytes": None, "path": "p/0000.png"}, None]
    pq.write_table(pa.table({"image": cells, "label": [1, 2, 3]}), "d.parquet")
    assert found("d.parquet") == [
        ("d.parquet:1", photo(4)), ("d.parquet:2", photo(0)), ("d.parquet:3", "is empty: the row holds no photo")
    ]  # fmt: skip


def test_rows_that_cannot_be_used() -> None:
    write_photos(Path("p"), 1)
    lines = ["path", "p/0000.png", "gone.png", '""', "ssh://host/a.png", "a" * 9000, '"a', "b.png", ""]
    Path("l.csv").write_text("\n".join(lines), "utf-8")
    result = found("l.csv")
    assert [error for _, error in result][1:] == [
        "cannot be read: no such file",
        "is empty: it names no photo",
        "is at an address of a kind that is not fetched; http, https, s3, s3a, gs and others are",
        "too long: no path or address has so many characters",
        "is not closed by a quote (unexpected end of data). The rest of the file was not read",
    ]
    assert [name for name, _ in result][1:6] == ["gone.png", "l.csv:4", "ssh://host/a.png", "l.csv:6", "l.csv:7"]
    Path("l.jsonl").write_text('{"path": 3}\n{"path": "a\\u0000b"}\n', "utf-8")
    assert [error for _, error in found("l.jsonl")] == [
        "must be a path or an address; got int", "cannot be read: the path holds a NUL"
    ]  # fmt: skip


def test_tables_that_cannot_be_used() -> None:
    Path("l.csv").write_text("a,b\n1,2\n", "utf-8")
    with pytest.raises(
        InputError, match=r"labelling: file 'l\.csv' must be a table with a sole column or one called pa"
    ):
        found("l.csv")
    with pytest.raises(InputError, match="a table with one column 'c'; got columns 'a', 'b'"):
        found("l.csv", column="c")
    Path("l.txt").write_text("a.png\n", "utf-8")
    with pytest.raises(InputError, match=r"a table with columns; got a \.txt file, with one path a line"):
        found("l.txt", column="c")


def test_a_table_of_very_many_rows_is_streamed() -> None:
    import tracemalloc

    with Path("l.csv").open("w") as file:
        file.write("path\n")
        for block in range(100):
            file.writelines(f"a/{block}-{row}.jpg\n" for row in range(1000))
    stream = iter(open_source("l.csv"))
    next(stream)
    tracemalloc.start()
    count = sum(1 for _ in stream)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 99_999
    assert peak < 1_000_000


# -- videos --------------------------------------------------------------------------------------------------


def write_video(path: str, frames: int = 35, rate: int = 10) -> None:
    av = pytest.importorskip("av")
    with av.open(path, "w") as container:
        stream = container.add_stream("mpeg4", rate=rate)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 7 * number, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


@pytest.mark.parametrize(
    ("every", "expected"),
    [(None, [0, 10, 20, 30]), (0.5, [0, 5, 10, 15, 20, 25, 30]), ("10f", [0, 10, 20, 30]), ("1.5s", [0, 15, 30])],
)
def test_frames_of_a_video(every: Any, expected: list[int]) -> None:
    write_video("clip.mp4")
    result = found("clip.mp4", every=every)
    assert [name for name, _ in result] == [f"clip.mp4#t={number / 10:.3f}" for number in expected]
    for (_, pixels), number in zip(result, expected, strict=True):
        assert pixels.shape == (48, 64, 3)
        assert abs(pixels.astype(int).mean() - 7 * number) < 4


def test_frames_in_any_order() -> None:
    write_video("clip.mp4")
    references, shelf = list(open_source("clip.mp4", every="1f")), Shelf()
    assert len(references) == 35
    for place in (34, 0, 20, 21, 5):
        assert abs(references[place].read(shelf).astype(int).mean() - 7 * place) < 4


def test_videos_that_cannot_be_read() -> None:
    write_video("clip.mp4")
    Path("bad.mp4").write_bytes(b"no video" * 100)
    assert found("bad.mp4") == [("bad.mp4", "damaged, or of a rare kind: it cannot be opened as a video")]
    data = Path("clip.mp4").read_bytes()
    Path("cut.mp4").write_bytes(data[: len(data) // 2])
    result = found("cut.mp4")
    assert result
    assert all(isinstance(content, np.ndarray | str) for _, content in result)


def test_a_frame_that_is_not_there_says_why() -> None:
    write_video("clip.mp4")
    (*_, last) = open_source("clip.mp4")
    with pytest.raises(ItemError, match="truncated: the video ends before this frame"):
        replace(last, tick=10**9).read(Shelf())  # type: ignore[call-arg]


def test_frames_to_take() -> None:
    assert Every.parse("10f") == Every(None, 10)
    assert Every.parse("2 s") == Every(2.0)
    assert str(Every.parse(0.5)) == "0.5s"
    with pytest.raises(InputError, match=r"every must be seconds \(2, 0\.5\) or frames \(10f\); got 'often'"):
        Every.parse("often")
    with pytest.raises(InputError, match="every must be a number above 0"):
        Every.parse(0)
    with pytest.raises(InputError, match="every must be a whole number at least 1"):
        Every.parse("0f")
    with pytest.raises(InputError, match="every must be a finite number"):
        Every.parse("inf")


# -- addresses -----------------------------------------------------------------------------------------------


class Server(http.server.SimpleHTTPRequestHandler):
    """Serves the folder, and some pages that no server should have."""

    flaky: ClassVar[set[str]] = set()

    def do_GET(self) -> None:
        if self.path.startswith("/flaky/") and self.path not in self.flaky:
            self.flaky.add(self.path)
            self.send_error(503)
            return
        if self.path.startswith("/broken"):
            self.send_error(503)
        elif self.path.startswith("/secret"):
            self.send_error(403)
        elif self.path.startswith("/endless"):
            self.send_response(200)
            self.end_headers()
            try:
                self.wfile.write(photo(1))
                while True:
                    self.wfile.write(bytes(1 << 16))
            except OSError:
                self.close_connection = True
        elif self.path.startswith("/silent"):
            threading.Event().wait(3)
        else:
            super().do_GET()

    def log_message(self, *arguments: Any) -> None:
        del arguments


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    pytest.importorskip("fsspec")
    pytest.importorskip("aiohttp")
    monkeypatch.setattr(connections, "PAUSES", (0.01,))
    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Server, directory=str(tmp_path)))
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{running.server_port}"
    running.shutdown()
    running.server_close()
    thread.join()
    copies.forget_copies()


def test_photos_behind_addresses(server: str) -> None:
    write_photos(Path("p/q"), 2)
    assert found(f"{server}/p/q/0001.png") == [(f"{server}/p/q/0001.png", photo(1))]
    assert found(f"{server}/p/") == [(f"{server}/p/q/000{n}.png", photo(n)) for n in range(2)]
    assert found(f"{server}/p/q/{{0000..0001}}.png?x=1")[1] == (f"{server}/p/q/0001.png?x=1", photo(1))


def test_tables_archives_and_videos_behind_addresses(server: str) -> None:
    write_photos(Path("p"), 2)
    Path("l.csv").write_text(f"url\np/0000.png\n{server}/p/0001.png\ngone.png\n", "utf-8")
    assert found(f"{server}/l.csv") == [
        ("p/0000.png", photo(0)),
        (f"{server}/p/0001.png", photo(1)),
        ("gone.png", "cannot be fetched: there is nothing at this address"),
    ]
    assert found("l.csv")[1] == (f"{server}/p/0001.png", photo(1))  # a table here, a photo there
    Path("s.tar").write_bytes(whole_tar(3))
    assert [name for name, _ in found(f"{server}/s.tar")] == [f"{server}/s.tar/{n}" for n in range(3)]
    assert found(f"{server}/s.tar")[2][1].startswith(photo(2))
    assert found(f"{server}/gone.tar") == [
        (f"{server}/gone.tar", "cannot be fetched: there is nothing at this address")
    ]
    with zipfile.ZipFile("z.zip", "w") as archive:
        archive.writestr("a.png", photo(1))
    assert found(f"{server}/z.zip") == [(f"{server}/z.zip/a.png", photo(1))]
    pq.write_table(pa.table({"image": [photo(5)]}), "b.parquet")
    assert found(f"{server}/b.parquet") == [(f"{server}/b.parquet:1", photo(5))]
    write_video("v.mp4")
    assert len(found(f"{server}/v.mp4")) == 4
    with pytest.raises(InputError, match="must be a file that can be read; got one that cannot be fetched: there is"):
        found(f"{server}/gone.csv")


def test_an_archive_is_not_called_unreadable_because_its_server_is_down(server: str) -> None:
    Path("flaky").mkdir()
    Path("flaky/s.tar").write_bytes(whole_tar(2))
    Server.flaky.clear()
    assert [name for name, _ in found(f"{server}/flaky/s.tar")] == [f"{server}/flaky/s.tar/{n}" for n in range(2)]
    with pytest.raises(
        InputError, match=r"an address that answers; got 'http.*server answered 503\. Run it again late"
    ):
        found(f"{server}/broken.tar")
    with pytest.raises(InputError, match="an address that answers"):
        found(f"{server}/broken.csv")


def test_a_server_that_sends_next_to_nothing(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    connections.filesystem(server)  # made with the usual times
    monkeypatch.setattr(connections, "TIMEOUT", 0.0)
    monkeypatch.setattr(copies, "_SLOWEST", 1 << 60)
    Path("s.tar").write_bytes(whole_tar(2))
    with pytest.raises(InputError, match="Fetching it failed: it took more than"):
        found(f"{server}/s.tar")


def test_an_archive_that_is_too_large_is_fetched_once_and_told(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies, "_MOST_FETCHED", 100)
    Path("s.tar").write_bytes(whole_tar(2))
    assert found(f"{server}/s.tar") == [(f"{server}/s.tar", "too large: more than 0 GiB")]


def test_logins_stay_out_of_names(server: str) -> None:
    write_photos(Path("p"), 1)
    Path("s.tar").write_bytes(whole_tar(1))
    private = server.replace("//", "//me:secret@")
    assert found(f"{private}/p/0000.png") == [(f"{server}/p/0000.png", photo(0))]
    assert found(f"{private}/p/") == [(f"{server}/p/0000.png", photo(0))]
    assert [name for name, _ in found(f"{private}/s.tar")] == [f"{server}/s.tar/0"]
    Path("l.txt").write_text(f"{private}/p/0000.png\n", "utf-8")
    assert found("l.txt") == [(f"{server}/p/0000.png", photo(0))]
    assert open_source(f"{private}/s.tar").description == [f"{server}/s.tar"]
    with pytest.raises(InputError) as told:
        found(f"{private}/broken.tar")
    assert "secret" not in str(told.value)


def test_servers_that_misbehave(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "MAX_MEMBER_BYTES", 1 << 20)
    assert found(f"{server}/broken.png") == [(f"{server}/broken.png", "cannot be fetched: the server answered 503")]
    assert found(f"{server}/secret.png") == [(f"{server}/secret.png", "cannot be fetched: the server answered 403")]
    assert found(f"{server}/endless.png") == [(f"{server}/endless.png", "too large: more than 1 MiB for one photo")]
    Path("page.png").write_text("<!doctype html><html>" + "sign in " * 100, "utf-8")
    assert found(f"{server}/page.png")[0][1] == "is a web page; its download probably failed"
    ((_, error),) = found("http://127.0.0.1:9/a.png")
    assert error.startswith("cannot be fetched: the connection failed (")


def test_a_server_that_says_nothing(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "TIMEOUT", 0.6)
    monkeypatch.setattr(connections, "PAUSES", ())
    connections._made.cache_clear()
    try:
        ((_, error),) = found(f"{server}/silent.png")
    finally:
        connections._made.cache_clear()
    assert error == "cannot be fetched: it took more than 0.6 seconds"


def test_places_in_a_bucket() -> None:
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.filesystem("memory")
    for number in range(3):
        memory.pipe(f"/bucket/x/{number}.png", photo(number))
    memory.pipe("/bucket/x/.hidden.png", photo(0))
    memory.pipe("/bucket/notes.txt", b"x")
    memory.pipe("/bucket/s.tar", whole_tar(2))
    try:
        expected = [(f"memory://bucket/x/{number}.png", photo(number)) for number in range(3)]
        assert found("memory://bucket") == expected
        assert found("memory://bucket/x/") == expected
        assert found("memory://bucket/x/[02].png") == [expected[0], expected[2]]
        assert [name for name, _ in found("memory://bucket/*.tar")] == [f"memory://bucket/s.tar/{n}" for n in range(2)]
        assert found("memory://bucket/gone.png")[0][1] == "cannot be fetched: there is nothing at this address"
        label("memory://bucket/x", CLASSES, "out", recognizer=colours())
        assert [row["sha"] for row in rows(Path("out"))] == [hashlib.sha256(photo(n)).hexdigest() for n in range(3)]
    finally:
        memory.rm("/bucket", recursive=True)
        copies.forget_copies()


def test_addresses_that_are_not_read() -> None:
    with pytest.raises(InputError, match=r"an address that begins with http://, https://, .* Copy it to this machine"):
        open_source("ftp://host/a.png")
    with pytest.raises(InputError, match="an address that begins with"):
        open_source("https://a::file:///etc/passwd")


def test_a_missing_library_gives_its_pip_line(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    connections._made.cache_clear()
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(MissingExtraError, match=r"Reading s3:// addresses needs .* Install it with: pip install s3fs"):
        open_source("s3://bucket/a.png")
    Path("l.txt").write_text("s3://bucket/a.png\n", "utf-8")
    with pytest.raises(MissingExtraError, match="pip install s3fs"):  # not a row for each
        found("l.txt")
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'unseen\[remote\]'"):
        open_source("gs://bucket/a.png")
    monkeypatch.setitem(sys.modules, "av", None)
    Path("a.mp4").write_bytes(b"x")
    with pytest.raises(MissingExtraError, match=r"Reading videos needs .*pip install 'unseen\[video\]'"):
        list(open_source("a.mp4"))


def test_downloads_run_ahead_and_stay_in_order(tmp_path: Path, server: str) -> None:
    write_photos(tmp_path / "p", 60)
    (tmp_path / "l.txt").write_text("".join(f"{server}/p/{n:04}.png\np/{n:04}.png\n" for n in range(60)), "utf-8")
    report = label("l.txt", CLASSES, "out", recognizer=colours())
    assert (report.items, report.errors) == (120, 0)
    expected = [hashlib.sha256(photo(n)).hexdigest() for n in range(60) for _ in range(2)]
    assert [row["sha"] for row in rows(Path("out"))] == expected


# -- measuring -----------------------------------------------------------------------------------------------


def test_measures_are_those_of_the_decoded_photo(tmp_path: Path) -> None:
    checked = 0
    (tmp_path / "corpus").mkdir()
    for case in build_image_corpus(tmp_path / "corpus"):
        path = tmp_path / "corpus" / case.name
        if case.expected == "ok" and path.is_file():
            assert measure(path.read_bytes()) == open_image(path).size, case.note
            checked += 1
    assert checked > 20


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_measures_are_upright(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    stream = io.BytesIO()
    try:
        Image.new("RGB", (6, 4), (200, 10, 10)).save(stream, kind, exif=exif)
    except (KeyError, OSError):
        pytest.skip(f"this Pillow does not write {kind}")
    assert measure(stream.getvalue()) == open_image(stream.getvalue()).size


def test_measures_of_what_is_no_file() -> None:
    assert measure(np.zeros((4, 6, 3), np.uint8)) == (6, 4)
    assert measure(Image.new("L", (6, 4))) == (6, 4)
    with pytest.raises(ItemError, match="is text, not a photo"):
        measure(b"a text")
    with pytest.raises(ItemError, match="damaged"):
        measure(b"RIFF\x10\0\0\0WEBPVP8X" + bytes(40))
