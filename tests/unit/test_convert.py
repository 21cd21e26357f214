"""Exports: what was labelled, read back by the tools it is written for; and nothing outside the output."""

from __future__ import annotations

import csv
import errno
import json
import os
import subprocess
import sys
import tarfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.stored import COLOURS, Colours, Row, photo, write_stored

import unseen
from unseen.errors import InputError
from unseen.exports import Exported, convert
from unseen.exports.names import class_folders, safe_name, with_mark
from unseen.labelling import label
from unseen.labelling.reading import open_labels
from unseen.registry import EXPORTS

if TYPE_CHECKING:
    from collections.abc import Callable

CLASSES = ["cat", "dog", "AC/DC"]


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    """Return labels of six photos in two folders: four of a class, one unknown, one gone bad."""
    one, two = tmp_path / "photos" / "one", tmp_path / "photos" / "two"
    rows = [
        Row(str(photo(one / "a.png", (1, 0, 0))), ["cat", "dog", "AC/DC"], [0.9, 0.06, 0.04]),
        Row(str(photo(two / "a.png", (2, 0, 0), (6, 20))), ["cat", "AC/DC", "dog"], [0.5, 0.3, 0.2], size=(6, 20)),
        Row(str(photo(two / "b.jpg", (3, 0, 0))), ["AC/DC", "cat", "dog"], [0.8, 0.1, 0.1]),
        Row(str(photo(two / "c.png", (4, 0, 0))), ["dog", "cat", "AC/DC"], [0.4, 0.3, 0.3], unknown=True),
        Row(str(two / "d.txt"), error="is text, not a photo"),
        Row(str(photo(two / "e f.png", (5, 0, 0))), ["dog", "cat", "AC/DC"], [0.7, 0.2, 0.1]),
    ]
    return write_stored(tmp_path / "labels", rows, classes=CLASSES, model="default")


def tree(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()} - {".unseen.json"}


def card(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / ".unseen.json").read_text())
    return found


# -- folders -------------------------------------------------------------------------------------------------


def test_a_folder_per_class(labels: Path, tmp_path: Path) -> None:
    done = convert(labels, "folders", tmp_path / "out")
    assert done.items == 4
    assert done.left_out == {"called unknown": 1, "that could not be labelled": 1}
    names = tree(tmp_path / "out")
    assert "cat/a.png" in names
    assert "AC_DC/b.jpg" in names
    assert "dog/e f.png" in names
    assert len(names) == 4  # two photos are called a.png
    for name in names:
        path = tmp_path / "out" / name
        assert path.is_symlink()
        assert path.read_bytes() == Path(path.readlink()).read_bytes()
    assert card(tmp_path / "out")["classes"] == {"cat": "cat", "AC_DC": "AC/DC", "dog": "dog"}
    assert not list(tmp_path.glob("*.partial"))


@pytest.mark.parametrize("links", ["copy", "hard"])
def test_copies_and_hard_links(labels: Path, tmp_path: Path, links: str) -> None:
    convert(labels, "folders", tmp_path / "out", links=links)
    copy, original = tmp_path / "out" / "AC_DC" / "b.jpg", tmp_path / "photos" / "two" / "b.jpg"
    assert copy.read_bytes() == original.read_bytes()
    assert not copy.is_symlink()
    assert copy.samefile(original) is (links == "hard")


def test_unknown_items_and_unlikely_ones(labels: Path, tmp_path: Path) -> None:
    done = convert(labels, "folders", tmp_path / "out", include_unknown=True, min_probability=0.6)
    assert "unknown/c.png" in tree(tmp_path / "out")
    assert done.items == 4
    assert done.left_out == {"less likely than asked for": 1, "that could not be labelled": 1}


def test_a_class_that_is_called_unknown(tmp_path: Path) -> None:
    rows = [
        Row(str(photo(tmp_path / "a.png", (1, 0, 0))), ["unknown"], [0.9]),
        Row(str(photo(tmp_path / "b.png", (2, 0, 0))), ["unknown"], [0.1], unknown=True),
    ]
    convert(
        write_stored(tmp_path / "labels", rows, classes=["unknown"]), "folders", tmp_path / "out", include_unknown=True
    )
    assert tree(tmp_path / "out") == {"unknown/a.png", "unknown-2/b.png"}


def test_imagefolder_reads_it(labels: Path, tmp_path: Path) -> None:
    datasets = pytest.importorskip("torchvision.datasets")
    convert(labels, "folders", tmp_path / "out")
    read = datasets.ImageFolder(str(tmp_path / "out"))
    assert read.classes == ["AC_DC", "cat", "dog"]
    assert sorted(read.targets) == [0, 1, 1, 2]


def test_hugging_face_reads_it(labels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("datasets")
    convert(labels, "folders", tmp_path / "out", links="copy")
    script = (
        "import datasets, sys\n"
        "d = datasets.load_dataset('imagefolder', data_dir=sys.argv[1], split='train')\n"
        "print(sorted(d.features['label'].int2str(x) for x in d['label']))\n"
    )
    environment = {**os.environ, "HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-c", script, str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "['AC_DC', 'cat', 'cat', 'dog']"


def _supervision() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of OpenCV, which it can do without
        return pytest.importorskip("supervision")


def test_supervision_reads_it(labels: Path, tmp_path: Path) -> None:
    supervision = _supervision()
    convert(labels, "folders", tmp_path / "out")
    read = supervision.ClassificationDataset.from_folder_structure(str(tmp_path / "out"))
    assert sorted(read.classes) == ["AC_DC", "cat", "dog"]
    assert len(read) == 4


# -- the other formats ---------------------------------------------------------------------------------------


def test_names_in_a_table_are_exact_and_no_rows(tmp_path: Path) -> None:
    labels = write_stored(tmp_path / "labels", [Row("=1+1\r,x", ["+a"], [0.5], sha="0" * 64)], classes=["+a"])
    convert(labels, "csv", tmp_path / "x.csv")
    with (tmp_path / "x.csv").open(newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert (row["item"], row["name"], row["answer"], row["width"]) == ("=1+1\r,x", "+a", "true", "12")


def test_csv(labels: Path, tmp_path: Path) -> None:
    done = convert(labels, "csv", tmp_path / "labels.csv", include_unknown=True)
    assert done.items == 5
    with (tmp_path / "labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 15
    assert [row["answer"] for row in rows[:3]] == ["true", "false", "false"]
    assert (rows[0]["name"], rows[0]["probability"], rows[0]["width"]) == ("cat", "0.9", "12")
    unknown = [row for row in rows if row["item"].endswith("c.png")]
    assert {row["answer"] for row in unknown} == {"false"}
    with pytest.raises(InputError, match=r"out must be a file that ends in \.csv"):
        convert(labels, "csv", tmp_path / "labels")


def test_coco(labels: Path, tmp_path: Path) -> None:
    convert(labels, "coco", tmp_path / "out", include_unknown=True)
    coco = json.loads((tmp_path / "out" / "labels.json").read_text())
    assert [image["id"] for image in coco["images"]] == [1, 2, 3, 4, 5]
    assert {(tmp_path / "out" / "data" / image["file_name"]).is_file() for image in coco["images"]} == {True}
    assert coco["categories"] == [{"id": i, "name": name, "supercategory": ""} for i, name in enumerate(CLASSES, 1)]
    second = coco["annotations"][1]
    assert (second["image_id"], second["category_id"], second["bbox"]) == (2, 1, [0, 0, 6, 20])
    assert (second["area"], second["score"]) == (120, 0.5)
    assert [a["image_id"] for a in coco["annotations"]] == [1, 2, 3, 5]
    assert tree(tmp_path / "out") == {"labels.json", *(f"data/{image['file_name']}" for image in coco["images"])}


def test_pycocotools_reads_it(labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    module = pytest.importorskip("pycocotools.coco")
    convert(labels, "coco", tmp_path / "out")
    read = module.COCO(str(tmp_path / "out" / "labels.json"))
    capsys.readouterr()
    (category,) = read.getCatIds(catNms=["AC/DC"])
    (image,) = read.loadImgs(read.getImgIds(catIds=[category]))
    assert image["file_name"] == "b.jpg"


def test_supervision_reads_coco(labels: Path, tmp_path: Path) -> None:
    supervision = _supervision()
    convert(labels, "coco", tmp_path / "out", links="copy")
    folder = tmp_path / "out"
    read = supervision.DetectionDataset.from_coco(str(folder / "data"), str(folder / "labels.json"))
    assert len(read) == 4
    boxes = {Path(path).name: (found.xyxy.tolist(), read.classes[found.class_id[0]]) for path, _, found in read}
    assert boxes["b.jpg"] == ([[0, 0, 12, 8]], "AC/DC")


def test_yolo(labels: Path, tmp_path: Path) -> None:
    datasets = pytest.importorskip("torchvision.datasets")
    done = convert(labels, "yolo", tmp_path / "out", val_share=0.5, include_unknown=True)
    assert done.items == 4
    assert done.left_out["called unknown"] == 1  # no place for them
    parts = {part: datasets.ImageFolder(str(tmp_path / "out" / part), allow_empty=True) for part in ("train", "val")}
    assert parts["train"].class_to_idx == parts["val"].class_to_idx == {"AC_DC": 0, "cat": 1, "dog": 2}
    assert len(parts["train"]) + len(parts["val"]) == 4
    sides = {
        path.name: int(row.shas[i][:8], 16) < 1 << 31  # type: ignore[index]
        for row in open_labels(labels).iter_rows()
        for i, path in enumerate(map(Path, row.items))
        if row.errors[i] is None and path.name in ("b.jpg", "e f.png")
    }
    for name, in_val in sides.items():
        (found,) = (tmp_path / "out").rglob(name)
        assert (found.parts[-3] == "val") is in_val


@pytest.mark.parametrize("share", [-0.1, 1, "some"])
def test_a_share_that_is_none(labels: Path, tmp_path: Path, share: Any) -> None:
    with pytest.raises(InputError, match="val_share must be"):
        convert(labels, "yolo", tmp_path / "out", val_share=share)
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "out.partial").exists()


def test_label_studio(labels: Path, tmp_path: Path) -> None:
    convert(labels, "label-studio", tmp_path / "out", include_unknown=True)
    tasks = json.loads((tmp_path / "out" / "tasks.json").read_text())
    assert len(tasks) == 5
    first = tasks[0]["predictions"][0]
    assert (first["score"], first["model_version"]) == (0.9, "unseen default")
    assert first["result"][0]["value"] == {"choices": ["cat"]}
    assert tasks[3]["predictions"] == []
    assert tasks[4]["data"]["image"] == "/data/local-files/?d=images/e%20f.png"
    assert (tmp_path / "out" / "images" / "e f.png").is_file()
    assert '<Choice value="AC/DC"/>' in (tmp_path / "out" / "config.xml").read_text()


def test_label_studio_checks_it(labels: Path, tmp_path: Path) -> None:
    module = pytest.importorskip("label_studio_sdk.label_interface")
    convert(labels, "label-studio", tmp_path / "out")
    interface = module.LabelInterface((tmp_path / "out" / "config.xml").read_text())
    interface.validate()
    tasks = json.loads((tmp_path / "out" / "tasks.json").read_text())
    assert tasks
    for task in tasks:
        # Of the data alone: with predictions its check calls itself wrongly (2.1.2).
        assert interface.validate_task({"data": task["data"]})
        assert all(interface.validate_prediction(prediction) for prediction in task["predictions"])


def test_photos_at_web_addresses_keep_theirs(tmp_path: Path) -> None:
    row = Row("https://example.org/a.jpg", ["cat"], [0.9], sha="0" * 64)
    labels = write_stored(tmp_path / "labels", [row], classes=["cat"])
    convert(labels, "label-studio", tmp_path / "out")
    (task,) = json.loads((tmp_path / "out" / "tasks.json").read_text())
    assert task["data"]["image"] == "https://example.org/a.jpg"
    done = convert(labels, "folders", tmp_path / "folders")
    assert done.left_out == {"whose file could not be had": 1}


def test_fiftyone(labels: Path, tmp_path: Path) -> None:
    convert(labels, "fiftyone", tmp_path / "out", include_unknown=True)
    found = json.loads((tmp_path / "out" / "labels.json").read_text())
    assert found["classes"] == CLASSES
    assert sorted(found["labels"]) == sorted(path.stem for path in (tmp_path / "out" / "data").iterdir())
    assert found["labels"]["000000001-a"]["label"] == "cat"
    assert found["labels"]["000000001-a"]["confidence"] == 0.5
    assert found["labels"]["000000003-c"] is None


def test_fiftyone_reads_it(labels: Path, tmp_path: Path) -> None:
    importers = pytest.importorskip("fiftyone.utils.data.importers")
    coco = pytest.importorskip("fiftyone.utils.coco")
    convert(labels, "fiftyone", tmp_path / "fiftyone")
    with importers.FiftyOneImageClassificationDatasetImporter(str(tmp_path / "fiftyone")) as reader:
        found = {Path(path).name: (one.label, one.confidence) for path, _, one in reader}
    assert found["000000000-a.png"] == ("cat", 0.9)
    assert len(found) == 4
    convert(labels, "coco", tmp_path / "coco")
    with coco.COCODetectionDatasetImporter(str(tmp_path / "coco"), label_types=["detections"]) as reader:
        boxes = {Path(path).name: one.detections[0] for path, _, one in reader}
    assert boxes["b.jpg"].label == "AC/DC"
    assert boxes["b.jpg"].bounding_box == [0, 0, 1, 1]


def test_items_of_several_classes(tmp_path: Path) -> None:
    path = str(photo(tmp_path / "a.png", (1, 0, 0)))
    none = Row(str(photo(tmp_path / "b.png", (2, 0, 0))), [], [], unknown=True)
    row = Row(path, ["dog", "cat"], [0.9, 0.8])
    labels = write_stored(tmp_path / "labels", [row, none], classes=CLASSES, multi_label=True)
    convert(labels, "coco", tmp_path / "coco")
    annotations = json.loads((tmp_path / "coco" / "labels.json").read_text())["annotations"]
    assert [(a["category_id"], a["score"]) for a in annotations] == [(2, 0.9), (1, 0.8)]
    convert(labels, "label-studio", tmp_path / "studio")
    (task,) = json.loads((tmp_path / "studio" / "tasks.json").read_text())
    assert task["predictions"][0]["result"][0]["value"]["choices"] == ["dog", "cat"]
    convert(labels, "csv", tmp_path / "x.csv", include_unknown=True)
    with (tmp_path / "x.csv").open(newline="") as file:
        assert [(row["name"], row["answer"]) for row in csv.DictReader(file)] == [
            ("dog", "true"),
            ("cat", "true"),
            ("", "false"),
        ]
    assert 'choice="multiple"' in (tmp_path / "studio" / "config.xml").read_text()


@pytest.mark.parametrize("to", EXPORTS.names())
def test_every_format_of_no_items(tmp_path: Path, to: str) -> None:
    labels = write_stored(tmp_path / "labels", [], classes=CLASSES)
    out = tmp_path / ("out.csv" if to == "csv" else "out")
    assert convert(labels, to, out) == Exported(out, 0)
    for path in [out] if out.is_file() else out.glob("*.json"):
        if path.suffix == ".json":
            json.loads(path.read_text())


def test_every_format_is_described() -> None:
    assert all(EXPORTS.get(name).description for name in EXPORTS)


# -- files that are elsewhere --------------------------------------------------------------------------------


def test_members_of_archives_are_copied_out(tmp_path: Path) -> None:
    for name, rgb in COLOURS.items():
        photo(tmp_path / "photos" / f"{name}.png", rgb)
    with tarfile.open(tmp_path / "photos.tar", "w") as tar:
        for path in sorted((tmp_path / "photos").iterdir()):
            tar.add(path, f"deep/{path.name}")
    label(
        tmp_path / "photos.tar", list(COLOURS), tmp_path / "labels",
        recognizer=unseen.Recognizer.from_encoder(Colours()), shard_size=2,
    )  # fmt: skip
    done = convert(tmp_path / "labels", "folders", tmp_path / "out")
    assert done.items == 5
    assert tree(tmp_path / "out") == {f"{name}/{name}.png" for name in COLOURS}
    copy = tmp_path / "out" / "red" / "red.png"
    assert not copy.is_symlink()
    assert copy.read_bytes() == (tmp_path / "photos" / "red.png").read_bytes()


def test_frames_of_videos_are_copied_out(tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    with av.open(str(tmp_path / "clip.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=1)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for rgb in ((255, 0, 0), (0, 0, 255)):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), rgb, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    recognizer = unseen.Recognizer.from_encoder(PixelColours())
    label(tmp_path / "clip.mp4", ["red", "blue"], tmp_path / "labels", recognizer=recognizer)
    assert convert(tmp_path / "labels", "folders", tmp_path / "out").items == 2
    names = tree(tmp_path / "out")
    assert {name.split("/")[0] for name in names} == {"red", "blue"}
    assert all(name.endswith(".png") for name in names)


class PixelColours(Colours):
    """Takes arrays, too."""

    def prepare_image(self, content: Any) -> Any:
        return content[::6, ::8] if isinstance(content, np.ndarray) else super().prepare_image(content)


def test_photos_of_a_table_are_found_from_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photo(tmp_path / "set" / "photos" / "red.png", COLOURS["red"])
    (tmp_path / "set" / "list.csv").write_text("path\nphotos/red.png\n")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    label("../set/list.csv", list(COLOURS), tmp_path / "labels", recognizer=unseen.Recognizer.from_encoder(Colours()))
    assert convert(tmp_path / "labels", "folders", tmp_path / "out").items == 1
    assert (tmp_path / "out" / "red" / "red.png").is_file()


def test_relative_names_start_at_the_base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photo(tmp_path / "there" / "photos" / "red.png", COLOURS["red"])
    monkeypatch.chdir(tmp_path / "there")
    label("photos", list(COLOURS), tmp_path / "labels", recognizer=unseen.Recognizer.from_encoder(Colours()))
    monkeypatch.chdir(tmp_path)
    assert convert(tmp_path / "labels", "folders", tmp_path / "nothing").items == 0
    assert convert(tmp_path / "labels", "folders", tmp_path / "out", base="there").items == 1
    assert (tmp_path / "out" / "red" / "red.png").is_file()


@pytest.mark.parametrize("options", [{"links": "copy"}, {"links": "symlink", "verify": True}])
def test_photos_that_changed_are_left_out(labels: Path, tmp_path: Path, options: dict[str, Any]) -> None:
    photo(tmp_path / "photos" / "two" / "b.jpg", (200, 0, 0))
    (tmp_path / "photos" / "two" / "e f.png").unlink()
    done = convert(labels, "folders", tmp_path / "out", **options)
    assert done.items == 2
    assert done.left_out["whose file could not be had"] == 2
    assert [reason for _, reason in done.examples] == [
        "has changed since it was labelled",
        "is no file of its own, and not where it was in its source",
    ]
    assert not (tmp_path / "out" / "AC_DC" / "b.jpg").exists()


def test_a_secret_that_an_item_names_is_not_copied(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("a password")
    row = Row(str(secret), ["cat"], [0.9], sha="0" * 64)
    done = convert(write_stored(tmp_path / "labels", [row], classes=["cat"]), "folders", tmp_path / "out", links="copy")
    assert done.items == 0
    assert tree(tmp_path / "out") == set()


def test_a_source_that_leads_to_the_network_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any, **__: Any) -> None:
        raise RuntimeError("opened")

    monkeypatch.setattr("unseen.labelling.sources.open_source", never)
    row = Row("x.tar/a.jpg", ["cat"], [0.9], sha="0" * 64)
    labels = write_stored(tmp_path / "labels", [row], classes=["cat"], source=["https://example.org/x.tar"])
    assert convert(labels, "folders", tmp_path / "out").items == 0


def test_photos_without_a_suffix_get_theirs(tmp_path: Path) -> None:
    path = photo(tmp_path / "a.png", (1, 0, 0)).rename(tmp_path / "nameless")
    row = Row(str(path), ["cat"], [0.9])
    convert(write_stored(tmp_path / "labels", [row], classes=["cat"]), "folders", tmp_path / "out")
    assert tree(tmp_path / "out") == {"cat/nameless.png"}


# -- the output ----------------------------------------------------------------------------------------------


def test_nothing_is_overwritten(labels: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="must be new, or an empty folder; got something that is there already"):
        convert(labels, "folders", out)
    (out / "mine.txt").unlink()
    assert convert(labels, "folders", out).items == 4
    (tmp_path / "x.csv").write_text("mine")
    with pytest.raises(InputError, match="must be new; got something that is there already"):
        convert(labels, "csv", tmp_path / "x.csv")
    assert (tmp_path / "x.csv").read_text() == "mine"


def test_somebody_elses_folder_is_not_cleared(labels: Path, tmp_path: Path) -> None:
    (tmp_path / "out.partial").mkdir()
    (tmp_path / "out.partial" / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="must be free to write to; got something that no export left"):
        convert(labels, "folders", tmp_path / "out")
    assert (tmp_path / "out.partial" / "mine.txt").read_text() == "mine"


def test_an_export_that_was_killed_at_its_very_start_left_an_empty_folder(labels: Path, tmp_path: Path) -> None:
    (tmp_path / "out.partial").mkdir()
    assert convert(labels, "folders", tmp_path / "out").items == 4


def test_what_an_export_that_was_killed_left_is_cleared(labels: Path, tmp_path: Path) -> None:
    (tmp_path / "out.partial" / "cat").mkdir(parents=True)
    (tmp_path / "out.partial" / ".unseen-export.lock").touch()
    (tmp_path / "out.partial" / "cat" / "old.png").symlink_to(tmp_path / "photos" / "one" / "a.png")
    convert(labels, "folders", tmp_path / "out")
    assert "cat/old.png" not in tree(tmp_path / "out")
    assert (tmp_path / "photos" / "one" / "a.png").is_file()


def test_two_exports_to_one_output(labels: Path, tmp_path: Path) -> None:
    from unseen.exports.draft import draft

    with draft(tmp_path / "out", folder=True), pytest.raises(InputError, match="one that another run is writing"):
        convert(labels, "folders", tmp_path / "out")


@pytest.mark.parametrize("to", ["folders", "coco", "csv", "fiftyone", "label-studio"])
def test_a_full_disk_is_told_and_leaves_nothing(
    labels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, to: str
) -> None:
    kind = EXPORTS.get(to)
    add: Callable[..., None] = kind.add
    count = 0

    def full(self: Any, sample: Any) -> None:
        nonlocal count
        count += 1
        if count == 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        add(self, sample)

    monkeypatch.setattr(kind, "add", full)
    before = {path.name for path in tmp_path.iterdir()}
    with pytest.raises(InputError, match="must be writable; got No space left on device"):
        convert(labels, to, tmp_path / ("out.csv" if to == "csv" else "out"), links="copy")
    assert {path.name for path in tmp_path.iterdir()} == before


def test_links_that_cannot_be_made(labels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, target: Path) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    with pytest.raises(InputError, match="links of kind 'hard' must be on one file system with the photos"):
        convert(labels, "folders", tmp_path / "out", links="hard")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("to", "options", "says"),
    [
        ("voc", {}, "to must be one of coco, csv"),
        ("folders", {"links": "hope"}, "links must be one of symlink, hard, copy"),
        ("folders", {"val_share": 0.1}, r"option must be one that 'folders' takes \(none\); got 'val_share'"),
        ("folders", {"min_probability": -1}, "min_probability must be"),
        ("folders", {"include_unknown": "yes"}, "include_unknown must be True or False"),
    ],
)
def test_mistakes(labels: Path, tmp_path: Path, to: str, options: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        convert(labels, to, tmp_path / "out", **options)


def test_embeddings_are_no_labels(tmp_path: Path) -> None:
    folder = write_stored(tmp_path / "x", [Row("a", vector=[1, 0])], kind="embeddings", dim=2)
    with pytest.raises(InputError, match="one that `unseen label` wrote; got a folder of embeddings"):
        convert(folder, "folders", tmp_path / "out")


def test_classes_where_the_vocabulary_is_missing(tmp_path: Path) -> None:
    row = Row(str(photo(tmp_path / "a.png", (1, 0, 0))), ["zebra", "ant"], [0.9, 0.1])
    convert(write_stored(tmp_path / "labels", [row]), "coco", tmp_path / "out")
    categories = json.loads((tmp_path / "out" / "labels.json").read_text())["categories"]
    assert [category["name"] for category in categories] == ["ant", "zebra"]


@pytest.mark.parametrize("to", ["folders", "coco", "yolo", "label-studio"])
def test_a_vocabulary_of_another_run_is_refused(labels: Path, tmp_path: Path, to: str) -> None:
    (labels / "classes.yaml").write_text(json.dumps({"classes": [{"name": "cat"}]}))
    with pytest.raises(
        InputError, match=r"the classes in classes\.yaml must be those .*others: 'dog' is not among them"
    ):
        convert(labels, to, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_names_of_photos_do_not_steer_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from unseen.cli import main

    write_stored(tmp_path / "labels", [Row("\x1b[31mgone.jpg", ["cat"], [0.9], sha="0" * 64)], classes=["cat"])
    command = ["unseen", "convert", str(tmp_path / "labels"), "--to", "folders", "--out", str(tmp_path / "out")]
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit):
        main()
    told = capsys.readouterr().err
    assert "gone.jpg" in told
    assert "\x1b" not in told


def test_the_command(labels: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-m", "unseen", "convert", str(labels), "--to", "folders", "--out"]
    done = subprocess.run([*command, "out"], capture_output=True, text=True, cwd=tmp_path, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "4 items: out\nleft out: 1 called unknown\nleft out: 1 that could not be labelled\n"
    done = subprocess.run([*command, "out"], capture_output=True, text=True, cwd=tmp_path, timeout=60, check=False)
    assert done.returncode == 2
    assert "nothing is overwritten" in done.stderr


# -- names ---------------------------------------------------------------------------------------------------


@given(st.text(max_size=300))
def test_safe_names_stay_in_their_folder(text: str) -> None:
    name = safe_name(text)
    assert name not in ("", ".", "..")
    assert not name.startswith(".")
    assert not name.endswith((".", " "))
    assert len(name.encode()) <= 255
    assert name.isprintable() or not any(ord(char) < 0x20 for char in name)
    assert Path("folder", name).parts == ("folder", name)
    assert safe_name(name) == name


@given(st.lists(st.text(max_size=20), unique=True, max_size=30))
def test_different_classes_have_different_folders(names: list[str]) -> None:
    folders = class_folders(names)
    assert list(folders) == names
    assert len({folder.casefold() for folder in folders.values()}) == len(names)


def test_names_of_windows_devices() -> None:
    assert safe_name("CON") == "_CON"
    assert safe_name("nul.txt") == "_nul.txt"
    assert with_mark("a.jpg", "x") != with_mark("a.jpg", "y")
    assert with_mark("a.jpg", "x").endswith(".jpg")
