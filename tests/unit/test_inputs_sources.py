"""Folders, patterns, lists and streams: which items come, under which names, and what is refused at once."""

from __future__ import annotations

import inspect
import io
import os
import re
import socket
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image
from tests.corpus import encode, quadrants

from unseen.errors import InputError, ItemError
from unseen.inputs import count_images, iter_images, open_image
from unseen.inputs.files import describe_special, open_regular, printable
from unseen.inputs.walking import is_hidden

if TYPE_CHECKING:
    from collections.abc import Iterator

JPEG = encode(quadrants(8, 8), "JPEG")
posix = pytest.mark.skipif(os.name != "posix", reason="needs names, links and pipes as POSIX has them")


def plant(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(JPEG)


def names(source: Any, base: Path, **options: Any) -> list[str]:
    return [item.name.removeprefix(f"{base}/") for item in iter_images(source, **options)]


# Folders


def test_a_folder_is_walked_in_order(tmp_path: Path) -> None:
    plant(tmp_path, "b.jpg", "a/z.png", "a/b/c.webp", "c.gif", "a/a.TIFF", "B.jpeg")
    assert names(tmp_path, tmp_path) == ["B.jpeg", "a/a.TIFF", "a/b/c.webp", "a/z.png", "b.jpg", "c.gif"]
    assert names(str(tmp_path), tmp_path, recursive=False) == ["B.jpeg", "b.jpg", "c.gif"]
    assert count_images(tmp_path) == 6
    assert count_images(tmp_path, recursive=False) == 3


def test_items_carry_the_path_as_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(tmp_path, "photos/a.jpg")
    monkeypatch.chdir(tmp_path)
    for source in ("photos", Path("photos"), "photos/", "./photos"):
        (item,) = iter_images(source)
        assert (item.name, item.error) == (str(Path("photos/a.jpg")), None)
        assert item.content == Path("photos/a.jpg")
    assert [item.name for item in iter_images(".")] == [str(Path("photos/a.jpg"))]


def test_what_systems_leave_is_passed_over(tmp_path: Path) -> None:
    plant(tmp_path, "a.jpg", ".b.jpg", "._a.jpg", "@eaDir/c.jpg", "__MACOSX/a.jpg", ".git/d.jpg", "Thumbs.db")
    assert names(tmp_path, tmp_path) == ["a.jpg"]
    assert is_hidden("thumbs.DB")
    assert not is_hidden("thumbs.jpg")


def test_a_hidden_folder_named_by_the_user_is_walked(tmp_path: Path) -> None:
    plant(tmp_path, ".cache/a.jpg")
    assert names(tmp_path / ".cache", tmp_path) == [".cache/a.jpg"]


def test_other_files_are_passed_over_but_tried_when_named(tmp_path: Path) -> None:
    plant(tmp_path, "a.jpg", "b.dat", "notes.txt")
    assert names(tmp_path, tmp_path) == ["a.jpg"]
    assert names(tmp_path / "b.dat", tmp_path) == ["b.dat"]


def test_files_without_suffix_are_told_by_their_bytes(tmp_path: Path) -> None:
    plant(tmp_path, "9f2c")
    (tmp_path / "Makefile").write_text("all:\n")
    (tmp_path / "empty").touch()
    assert names(tmp_path, tmp_path) == ["9f2c"]


def test_a_folder_called_like_a_photo_is_a_folder(tmp_path: Path) -> None:
    plant(tmp_path, "x.jpg/y.jpg")
    assert names(tmp_path, tmp_path) == ["x.jpg/y.jpg"]
    assert names(tmp_path / "x.jpg", tmp_path) == ["x.jpg/y.jpg"]


@posix
def test_links_to_folders_are_followed_and_loops_end(tmp_path: Path) -> None:
    plant(tmp_path, "a/1.jpg", "b/2.jpg")
    (tmp_path / "a/up").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "a/me").symlink_to(".", target_is_directory=True)
    (tmp_path / "c").symlink_to("b", target_is_directory=True)
    outside = tmp_path.parent / f"{tmp_path.name}-outside"
    plant(outside, "3.jpg")
    (tmp_path / "d").symlink_to(outside, target_is_directory=True)
    assert names(tmp_path, tmp_path) == ["a/1.jpg", "b/2.jpg", "d/3.jpg"]


@posix
def test_links_that_lead_nowhere_are_rows(tmp_path: Path) -> None:
    plant(tmp_path, "a.jpg")
    (tmp_path / "gone.jpg").symlink_to("no\nwhere.jpg")
    (tmp_path / "gone.txt").symlink_to("nowhere.txt")
    (tmp_path / "round.jpg").symlink_to("round.jpg")
    rows = {item.name.removeprefix(f"{tmp_path}/"): item.error for item in iter_images(tmp_path)}
    assert set(rows) == {"a.jpg", "gone.jpg", "round.jpg"}
    assert rows["a.jpg"] is None
    assert rows["gone.jpg"] == "is a link to 'no\\nwhere.jpg', which does not exist"
    assert str(rows["round.jpg"]).startswith("cannot be read: too many levels")
    (row,) = iter_images(tmp_path / "gone.jpg")
    assert row.error is not None


@posix
def test_pipes_sockets_and_devices_are_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    os.mkfifo(tmp_path / "log.txt")
    (tmp_path / "null.jpg").symlink_to("/dev/null")
    # A socket's path is limited to about 100 bytes, and pytest's folders are long.
    with tempfile.TemporaryDirectory(dir="/tmp") as short, socket.socket(socket.AF_UNIX) as server:
        server.bind(f"{short}/s.jpg")
        (row,) = iter_images(short)
        assert row.error == "is a socket, not a file; it was not opened"
    rows = {Path(item.name).name: item.error for item in iter_images(tmp_path)}
    assert rows == {
        "pipe.jpg": "is a pipe, not a file; it was not opened",
        "null.jpg": "is a device, not a file; it was not opened",
    }
    (row,) = iter_images(tmp_path / "pipe.jpg")
    assert row.error == "is a pipe, not a file; it was not opened"
    with pytest.raises(ItemError, match="is a pipe, not a file"):
        open_image(tmp_path / "pipe.jpg")


@posix
def test_a_file_swapped_for_a_pipe_after_the_check_does_not_hang(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "pipe")
    plant(tmp_path, "a.jpg")
    status = (tmp_path / "a.jpg").stat()
    monkeypatch.setattr(Path, "stat", lambda self, **_: status)
    with pytest.raises(ItemError, match="is a pipe, not a file"):
        open_regular(tmp_path / "pipe")


def test_a_folder_that_cannot_be_listed_is_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(tmp_path, "a.jpg", "closed/b.jpg", "d.jpg")
    scandir = os.scandir

    def guarded(path: Path) -> Any:
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    rows = [(Path(item.name).name, item.error) for item in iter_images(tmp_path)]
    assert rows == [("a.jpg", None), ("closed", "folder cannot be read: permission denied"), ("d.jpg", None)]


@posix
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_a_row(tmp_path: Path) -> None:
    plant(tmp_path, "secret.jpg", "secret", "closed/b.jpg")
    for path in ("secret.jpg", "secret", "closed"):
        (tmp_path / path).chmod(0)
    try:
        rows = {Path(item.name).name: item for item in iter_images(tmp_path)}
        assert rows["closed"].error == "folder cannot be read: permission denied"
        assert rows["secret"].error == "cannot be read: permission denied"
        with pytest.raises(ItemError, match="cannot be read: permission denied"):
            open_image(tmp_path / "secret.jpg")
    finally:
        (tmp_path / "closed").chmod(0o700)


def test_refusals_of_the_system_are_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the test above shows where the tests do not run as root."""
    plant(tmp_path, "nosuffix", "a.jpg")

    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    rows = {Path(item.name).name: item.error for item in iter_images(tmp_path)}
    assert rows == {"a.jpg": None, "nosuffix": "cannot be read: permission denied"}
    with pytest.raises(ItemError, match="cannot be read: permission denied"):
        open_image(tmp_path / "a.jpg")


@posix
def test_awkward_names_print_and_still_open(tmp_path: Path) -> None:
    raw = [b"new\nline.jpg", b"new\\nline.jpg", b"latin \xe9.jpg", b"\xc2\x85.jpg", b"\x85.jpg", b"\x1b[31m.jpg"]
    raw += ["schön 猫 👩‍🚀.jpg".encode(), "cod\u202egpj.exe.jpg".encode()]
    for name in raw:
        (tmp_path / os.fsdecode(name)).write_bytes(JPEG)
    items = list(iter_images(tmp_path))
    shown = {item.name.removeprefix(f"{tmp_path}/") for item in items}
    assert shown == {
        r"new\nline.jpg",
        r"new\\nline.jpg",
        r"latin \xe9.jpg",
        r"\u0085.jpg",
        r"\x85.jpg",
        r"\x1b[31m.jpg",
        "schön 猫 👩‍🚀.jpg",
        r"cod\u202egpj.exe.jpg",
    }
    for item in items:
        assert isinstance(item.content, Path)
        assert open_image(item.content).size == (8, 8)


def test_folders_nested_deeper_than_python_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folders = ["/".join("d" * depth) for depth in range(1, 301)]
    for folder in folders:
        Path(folder).mkdir()
    photo = Path(folders[-1], "a.jpg")
    photo.write_bytes(JPEG)
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack()) + 150)
    try:
        assert [item.content for item in iter_images("d")] == [photo]
        assert [item.content for item in iter_images("**/*.jpg")] == [photo]
    finally:
        sys.setrecursionlimit(limit)


def test_walking_is_lazy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(tmp_path, "a/1.jpg", "a/2.jpg", "b/3.jpg", "c/4.jpg")
    listed = []
    scandir = os.scandir

    def spy(path: Path) -> Any:
        listed.append(Path(path).name)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", spy)
    items = iter_images(tmp_path)
    assert listed == [tmp_path.name, "a"]
    assert [Path(item.name).name for item in items] == ["1.jpg", "2.jpg", "3.jpg", "4.jpg"]
    assert listed == [tmp_path.name, "a", "b", "c"]


def test_a_large_folder_is_listed_quickly(tmp_path: Path) -> None:
    for i in range(5000):
        os.link(tmp_path / "0.jpg", tmp_path / f"{i}.jpg") if i else plant(tmp_path, "0.jpg")
    assert count_images(tmp_path) == 5000


# Paths that are wrong


def test_a_mistyped_path_is_an_error_at_once(tmp_path: Path) -> None:
    plant(tmp_path, "Okapi.jpg", "zebra.jpg", "notes.txt")
    with pytest.raises(
        InputError, match=r"^iter_images: source must be a path that exists; got '.*okapi.jgp'\. "
    ) as error:
        iter_images(tmp_path / "okapi.jgp")
    assert str(error.value).endswith("Near names there: Okapi.jpg.")
    with pytest.raises(InputError, match=r"No name in '.*' is near\."):
        iter_images(tmp_path / "qqqqqqqqqqqq")
    with pytest.raises(InputError, match=r"There is no folder '.*/nowhere'\."):
        iter_images(tmp_path / "nowhere/deep/a.jpg")


def test_a_parent_that_cannot_be_listed_still_gives_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> Any:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(InputError, match=r"Its folder cannot be read: permission denied\."):
        iter_images(tmp_path / "a.jpg")


@pytest.mark.parametrize(
    "url", ["http://example.org/a.jpg", "https://x/y", "s3://bucket/key.jpg", "file:///etc/passwd"]
)
def test_urls_are_refused(url: str) -> None:
    words = f"iter_images: source must be a path on this machine; got '{url}'. unseen works offline: download the photo"
    for source in (url, [url]):
        with pytest.raises(InputError, match=re.escape(words)):
            iter_images(source)


@pytest.mark.parametrize("path", ["", "a\0b"])
def test_strings_that_are_no_paths(path: str) -> None:
    with pytest.raises(InputError, match=r"iter_images: source must be a path; got .* Pass the path of a photo"):
        iter_images(path)


def test_an_overlong_name_is_an_item_with_the_systems_words() -> None:
    (item,) = iter_images("x" * 5000)
    assert item.error == "cannot be read: file name too long"


def test_empty_sources_are_errors(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    folder = r"must be a folder with photos; got '.*'\. There were no images found: files count by their suffix; name"
    with pytest.raises(InputError, match=folder):
        iter_images(tmp_path)
    pattern = r"must be a pattern that some photo matches; got '.*/\*\.jpg'\. There were no images found: check it"
    with pytest.raises(InputError, match=pattern):
        iter_images(f"{tmp_path}/*.jpg")
    nothing: tuple[Any, ...] = ([], (), iter([]))
    for empty in nothing:
        with pytest.raises(InputError, match=r"must be at least one photo; got none: no images found\. Pass a photo"):
            iter_images(empty)
    assert count_images(tmp_path) == 0


# Patterns


def test_patterns(tmp_path: Path) -> None:
    plant(tmp_path, "a1.jpg", "a2.jpg", "b1.jpg", "x/a3.jpg", "x/y/a4.jpg", ".h/a5.jpg", "a.txt", "n.dat", "x/[z].jpg")
    expected = {
        "a*.jpg": ["a1.jpg", "a2.jpg"],
        "?1.jpg": ["a1.jpg", "b1.jpg"],
        "[!a]1.*": ["b1.jpg"],
        "*/a*.jpg": ["x/a3.jpg"],
        "**/a*.jpg": ["a1.jpg", "a2.jpg", "x/a3.jpg", "x/y/a4.jpg"],
        "**/**/a4*": ["x/y/a4.jpg"],
        "**/y/**/*.jpg": ["x/y/a4.jpg"],
        "x/**": ["x/[z].jpg", "x/a3.jpg", "x/y/a4.jpg"],
        "*": ["a1.jpg", "a2.jpg", "b1.jpg", "x/[z].jpg", "x/a3.jpg", "x/y/a4.jpg"],
        "*.dat": ["n.dat"],
        "x/[z].jpg": ["x/[z].jpg"],
        ".h/*": [".h/a5.jpg"],
        "*/y/a4.jpg": ["x/y/a4.jpg"],
    }
    assert {pattern: names(f"{tmp_path}/{pattern}", tmp_path) for pattern in expected} == expected
    assert names(f"{tmp_path}/*", tmp_path, recursive=False)[-1] == "x/a3.jpg"
    assert count_images([f"{tmp_path}/a*.jpg", f"{tmp_path}/b*.jpg"]) == 3


def test_relative_patterns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(tmp_path, "p/a.jpg")
    monkeypatch.chdir(tmp_path)
    assert [item.name for item in iter_images("p/*.jpg")] == [str(Path("p/a.jpg"))]


@posix
def test_patterns_end_in_spite_of_links_to_above(tmp_path: Path) -> None:
    plant(tmp_path, "a/1.jpg")
    for i in range(6):
        (tmp_path / f"a/up{i}").symlink_to(tmp_path, target_is_directory=True)
    assert names(f"{tmp_path}/**/*.jpg", tmp_path) == ["a/1.jpg"]


# What lives in memory


def test_in_memory_photos_are_named_by_their_row() -> None:
    array = np.zeros((4, 4, 3), np.uint8)
    image = Image.new("RGB", (4, 4))
    sources: list[Any] = [array, image, JPEG, bytearray(JPEG), memoryview(JPEG)]
    for source in sources:
        (item,) = iter_images(source)
        assert (item.name, item.error) == ("image-0", None)
        assert count_images(source) == 1
    items = list(iter_images(sources))
    assert [item.name for item in items] == [f"image-{i}" for i in range(5)]
    assert items[0].content is array
    assert items[1].content is image
    assert items[3].content == items[4].content == JPEG
    assert count_images(sources) == 5


def test_lists_mix_and_nest_one_level(tmp_path: Path) -> None:
    plant(tmp_path, "d/1.jpg", "d/2.jpg", "e.jpg")
    source = [
        tmp_path / "d",
        [JPEG, str(tmp_path / "e.jpg")],
        np.zeros((2, 4, 4, 3), np.uint8),
        (b"x" for _ in range(1)),
    ]
    items = list(iter_images(source))
    assert [item.name.removeprefix(f"{tmp_path}/") for item in items] == [
        "d/1.jpg", "d/2.jpg", "image-2", "e.jpg", "image-4", "image-5", "image-6",
    ]  # fmt: skip
    assert count_images(source) is None
    assert count_images(source[:3]) == 6
    (deeper,) = iter_images([[[JPEG]]])
    assert deeper.content is None
    assert deeper.error == "must be a path, bytes, a PIL image or an array; got list"


def test_a_batch_is_its_photos() -> None:
    batch = np.arange(3 * 2 * 2 * 3, dtype=np.uint8).reshape(3, 2, 2, 3)
    items = list(iter_images(batch))
    assert [item.name for item in items] == ["image-0", "image-1", "image-2"]
    assert np.array_equal(np.asarray(items[2].content), batch[2])
    assert count_images(batch) == 3


def test_arrays_of_paths_are_collections(tmp_path: Path) -> None:
    plant(tmp_path, "1.jpg", "2.jpg")
    paths = [str(tmp_path / "1.jpg"), str(tmp_path / "2.jpg")]
    for dtype in (object, str):
        assert names(np.array(paths, dtype=dtype), tmp_path) == ["1.jpg", "2.jpg"]


def test_generators_stay_lazy_and_turn_faults_into_rows(tmp_path: Path) -> None:
    plant(tmp_path, "a.jpg")
    (tmp_path / "hollow").mkdir()
    drawn = []
    elements: list[Any] = [tmp_path / "a.jpg", tmp_path / "none.jpg", None, "http://x/a.jpg", {}]
    elements += [tmp_path / "hollow", JPEG]

    def source() -> Iterator[Any]:
        for element in elements:
            drawn.append(element)
            yield element

    items = iter_images(source())
    assert len(drawn) == 1
    errors = [item.error for item in items]
    assert errors[0] is errors[6] is None
    assert errors[1] == "cannot be read: no such file"
    assert str(errors[2]).startswith("must be a path, a folder, a pattern, bytes, a PIL image, an array")
    assert str(errors[2]).endswith("; got NoneType")
    assert "unseen works offline" in str(errors[3])
    assert str(errors[4]).endswith("; got dict")
    assert errors[5] == "no images found in it"
    assert count_images(source()) is None


def test_a_mistyped_path_in_a_list_is_an_error_at_once(tmp_path: Path) -> None:
    plant(tmp_path, "a.jpg")
    for source in ([tmp_path / "a.jpg", tmp_path / "b.jpg"], (str(tmp_path / "b.jpg"),)):
        with pytest.raises(InputError, match=r"source must be a path that exists; got .* Near names there: a.jpg\."):
            iter_images(source)


@pytest.mark.parametrize("source", [None, 3, {"a": 1}, {"a.jpg"}, frozenset(), object()])
def test_what_is_no_source_is_refused(source: Any) -> None:
    words = rf"source must be a path, a folder, a pattern, .*; got {type(source).__name__}\. Pass a list of photos\."
    with pytest.raises(InputError, match=words):
        iter_images(source)
    assert count_images(source) is None


def test_open_files_are_not_taken_for_lists_of_lines() -> None:
    with pytest.raises(InputError, match=r"got BytesIO\. Pass its path or its \.read\(\)\."):
        iter_images(io.BytesIO(JPEG))
    (row,) = iter_images([io.BytesIO(JPEG)])
    assert str(row.error).endswith("; got BytesIO")


def test_a_file_that_vanishes_midway_is_a_row(tmp_path: Path) -> None:
    plant(tmp_path, "1.jpg", "2", "3.jpg")
    (tmp_path / "4.jpg").symlink_to("1.jpg")
    items = iter_images(tmp_path)
    next(items)
    for name in ("2", "3.jpg"):
        (tmp_path / name).unlink()
    rows = {Path(item.name).name: item for item in items}
    assert rows["2"].error == "cannot be read: no such file"
    assert rows["3.jpg"].error is None
    with pytest.raises(ItemError, match="cannot be read: no such file"):
        open_image(tmp_path / "3.jpg")


@posix
def test_what_changes_while_it_is_read_is_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("1.jpg", "2.jpg", "3.jpg"):
        (tmp_path / name).symlink_to("nowhere")
    plant(tmp_path, "0.jpg")
    items = iter_images(tmp_path)
    (tmp_path / "1.jpg").unlink()
    (tmp_path / "1.jpg").mkdir()
    (tmp_path / "2.jpg").unlink()

    def refuse(self: Path) -> Path:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "readlink", refuse)
    assert [item.error for item in items] == [
        None,
        "changed while it was read",
        "cannot be read: no such file",
        "cannot be read: permission denied",
    ]


def test_only_some_names_of_a_huge_folder_are_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unseen.inputs.files._MOST_SIBLINGS", 0)
    plant(tmp_path, "okapi.jpg")
    with pytest.raises(InputError, match=r"No name in '.*' is near\."):
        iter_images(tmp_path / "okapi.jgp")


def test_long_paths_show_their_end(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"got '…x{62}tail\.jpg'\."):
        iter_images(tmp_path / ("x" * 150 + "tail.jpg"))


def test_unheard_of_kinds_of_files_are_described() -> None:
    assert describe_special(0) == "is not a file; it was not opened"


def test_plain_names_are_left_alone() -> None:
    assert printable("photos/a b (1).jpg") == "photos/a b (1).jpg"
    assert printable(Path("é.jpg")) == "é.jpg"
