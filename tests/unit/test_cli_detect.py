"""``unseen detect`` as a person or a program runs it, and the pictures it draws."""

from __future__ import annotations

import itertools
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from unseen.cli import main
from unseen.cli.options import detector_on, model_on, segmenter_on
from unseen.cli.outputs import spare_photos
from unseen.detection import Detections, read_boxes
from unseen.detection.detections import BOX_COLUMNS
from unseen.errors import InputError
from unseen.registry import DETECTORS, SEGMENTERS
from unseen.report.drawing import UNKNOWN, _ink, colour_of, draw_boxes, draw_detections
from unseen.report.found import FoundReport

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[..., tuple[int | str | None, str, str]]

CLASSES = "cat, coffee, rocket"


@pytest.fixture
def run(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a function that runs the command line in a folder with two photos and boxes for them."""
    (tmp_path / "photos").mkdir()
    images, annotations = [], []
    for number, name in enumerate(["cat.jpg", "rocket.jpg"], 1):
        with Image.open(root / "examples" / "photos" / name) as photo:
            small = photo.convert("RGB").resize((160, 120))
        small.save(tmp_path / "photos" / name)
        images.append({"id": number, "file_name": name, "width": 160, "height": 120})
        annotations.append({"id": number, "image_id": number, "category_id": 1, "bbox": [2, 3, 150, 110], "score": 0.9})
    data = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "thing"}]}
    (tmp_path / "boxes.json").write_text(json.dumps(data))
    monkeypatch.chdir(tmp_path)

    def run(*args: str) -> tuple[int | str | None, str, str]:
        given = ["photos", "--classes", CLASSES, "--detector", "regions:boxes.json", "--label-weight", "0", *args]
        monkeypatch.setattr(sys, "argv", ["unseen", "detect", *given])
        with pytest.raises(SystemExit) as end:
            main()
        told = capsys.readouterr()
        assert "Traceback" not in told.err
        return end.value.code or 0, told.out, told.err

    return run


def test_a_table_for_people(run: Run) -> None:
    code, out, err = run()
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "photos/cat.jpg: 1 box"
    assert "cat  (2, 3, 152, 113)" in lines[1]
    assert "2 images: 2 boxes (1 cat, 1 rocket)" in out
    assert "0 without a box, 0 skipped" in out


def test_rows_for_programs(run: Run) -> None:
    _, out, _ = run("--json")
    rows = [json.loads(line) for line in out.splitlines()]
    assert [row["name"] for row in rows] == ["cat", "rocket"]
    assert list(rows[0]) == list(BOX_COLUMNS)
    assert rows[0]["label"] == "thing"


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_tables_on_disk(run: Run, tmp_path: Path, suffix: str) -> None:
    code, out, _ = run("--out", f"found.{suffix}")
    assert code == 0
    assert f"written: found.{suffix}" in out
    file = tmp_path / f"found.{suffix}"
    if suffix == "parquet":
        rows = pq.read_table(file).to_pylist()
    elif suffix == "jsonl":
        rows = [json.loads(line) for line in file.read_text().splitlines()]
    else:
        head, *lines = file.read_text().splitlines()
        rows = [dict(zip(head.split(","), line.split(","), strict=True)) for line in lines]
    assert [row["name"] for row in rows] == ["cat", "rocket"]


@pytest.mark.parametrize("layout", ["coco", "yolo", "voc", "label-studio"])
def test_layouts_of_other_tools(run: Run, tmp_path: Path, layout: str) -> None:
    out = "found.json" if layout == "coco" else "found"
    code, _, err = run("--out", out, "--format", layout)
    assert (code, err) == (0, "")
    back = read_boxes(tmp_path / "found" / "tasks.json" if layout == "label-studio" else tmp_path / out)
    assert sorted(label for one in back.images.values() for label in one.labels if label) == ["cat", "rocket"]


def test_photos_with_their_boxes(run: Run, tmp_path: Path) -> None:
    code, out, _ = run("--save-images", "drawn", "--threshold", "0")
    assert code == 0
    assert "written: drawn" in out
    with Image.open(tmp_path / "drawn" / "cat.jpg") as image:
        assert image.size == (160, 120)
        pixel = np.asarray(image)[60, 2]
    np.testing.assert_allclose(pixel, colour_of(0), atol=40)
    for folder in ("photos", "photos/drawn"):
        code, out, err = run("--save-images", folder)
        assert (code, out) == (2, "")
        assert f"detect: {folder} holds the photos that are read" in err


def test_outputs_take_the_place_of_no_input(run: Run, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("name,threshold\ncat,0.5\n")
    code, _, err = run("--threshold", "t.csv", "--out", "t.csv")
    assert (code, "detect: t.csv would be overwritten" in err) == (2, True)
    code, _, err = run("--out", "boxes.json")
    assert (code, "detect: boxes.json would be overwritten" in err) == (2, True)
    assert (tmp_path / "t.csv").read_text().startswith("name")


@pytest.mark.parametrize(
    ("folder", "pattern", "refused"),
    [
        ("photos", "photos/*.jpg", True),
        ("photos", "*/*.jpg", True),
        ("drawn", "photos/*.jpg", False),
        ("photos/drawn", "photos/*.jpg", False),
        ("photos/drawn", "photos/**/*.jpg", True),
        ("drawn", "**/*.jpg", True),
    ],
)
def test_folders_that_a_pattern_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, pattern: str, refused: bool
) -> None:
    (tmp_path / "photos").mkdir()
    monkeypatch.chdir(tmp_path)
    if refused:
        with pytest.raises(InputError, match="holds the photos that are read"):
            spare_photos("detect", Path(folder), [pattern])
    else:
        spare_photos("detect", Path(folder), [pattern])


def test_one_of_everything_is_counted_as_one(run: Run, tmp_path: Path) -> None:
    (tmp_path / "photos" / "rocket.jpg").unlink()
    _, out, _ = run()
    assert "\n1 image: 1 box (1 cat)\n" in out


# -- the page -------------------------------------------------------------------------------------------------


def test_a_page_to_look_at(run: Run, tmp_path: Path) -> None:
    (tmp_path / "photos" / "<b>broken.jpg").write_bytes(b"")
    code, out, err = run("--report", "page.html", "--threshold", "0")
    assert (code, err) == (0, "")
    assert "written: page.html" in out
    page = (tmp_path / "page.html").read_text()
    assert "1 box in 1 photo. The figure is that of the surest one in the photo." in page
    assert "&lt;b&gt;broken.jpg" in page
    assert "<b>broken" not in page
    assert page.count('<img src="data:image/') >= 2
    assert "http" not in page.replace("http-equiv", "")
    again = run("--report", "page.html", "--threshold", "0")
    assert again[0] == 0
    assert (tmp_path / "page.html").read_text() == page
    run("--report", "empty.html", "--threshold", "1")
    assert "In 2 photos there is none of the classes." in (tmp_path / "empty.html").read_text()
    code, out, err = run("--report", "page.png")
    assert (code, out) == (2, "")
    assert "report: the report's suffix must be .html or .htm; got 'page.png'" in err
    code, _, err = run("--report", "nowhere/page.html")
    assert (code, "report: the report 'nowhere/page.html' must be writable" in err) == (2, True)


def test_the_page_shows_the_clearest_and_counts_all() -> None:
    report = FoundReport(["cat", "dog"], {"model": "default"}, per_class=2)
    for i, score in enumerate([0.3, 0.9, 0.5, 0.8]):
        pixels = np.full((300, 900, 3), 10 * i, np.uint8)
        boxes = [[0, 0, 9, 9], [5, 5, 20, 20], [30, 30, 60, 60]]
        found = Detections(
            f"{i}.jpg", (900, 300), ["cat", "dog"], boxes, [score, score / 2, 0.4], [[0], [0], [1]], np.ones((3, 1)),
            [False, False, i > 0],
        )  # fmt: skip
        report.add_boxes(found, pixels)
    page = report.render()
    walls = page.split("<h2 id=")[1:]
    assert ["cat" in walls[0], "dog" in walls[1], "unknown" in walls[2]] == [True] * 3
    assert "8 boxes in 4 photos." in walls[0]
    assert "Here are 2, the clearest." in walls[0]
    assert walls[0].index("1.jpg") < walls[0].index("3.jpg")
    assert "0.jpg" not in walls[0]
    assert "1 box in 1 photo." in walls[1]
    assert "3 boxes in 3 photos." in walls[2]
    assert 'width="480" height="160"' in walls[0]
    with pytest.raises(InputError, match="FoundReport: per_class must be a whole number at least 1"):
        FoundReport(["a"], {}, per_class=0)


def test_memory_of_the_page_does_not_grow_with_photos_and_classes() -> None:
    names = [f"class {i}" for i in range(1000)]
    report, drawn = FoundReport(names, {}), []
    for i in range(1000):
        found = Detections(f"{i}", (8, 8), names, [[0, 0, 8, 8]], [0.5], [[i]], [[1.0]], [False])
        report.add_boxes(found, np.zeros((8, 8, 3), np.uint8))
    page = report.render()
    drawn = re.findall('<img src="data', page)
    assert 0 < len(drawn) <= 360
    assert "800 rarer classes found, and not shown." in page


def test_a_picture_is_shrunk_before_it_is_drawn_on() -> None:
    found = Detections("a", (2000, 1000), ["cat"], [[500, 250, 1500, 750]], [0.5], [[0]], [[1.0]], [False])
    drawn = draw_detections(np.full((1000, 2000, 3), 128, np.uint8), found, side=200)
    assert drawn.shape == (100, 200, 3)
    ys, xs = np.nonzero((drawn == colour_of(0)).all(axis=2))
    assert (xs.min(), xs.max() + 1, ys.max() + 1) == (50, 150, 75)


# -- devices --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["detect", "segment", "track"])
def test_a_device_that_the_embedded_model_cannot_run_on_is_told(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["unseen", command, "photos", "-c", "cat", "--device", "cuda"])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    assert "device of default must be 'cpu'; got 'cuda'" in capsys.readouterr().err


def test_a_device_goes_to_the_network_that_takes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    class Bare:
        """Takes no device."""

    class Net:
        takes = "<id>"

        def __init__(self, name: str, *, device: str = "cpu") -> None:
            made.append((name, device))
            self.spec = ""

    for registry, on in ((DETECTORS, detector_on), (SEGMENTERS, segmenter_on)):
        monkeypatch.setattr(registry, "get", {"hf": Net, "default": Bare, "http": Bare}.__getitem__)
        assert on("hf:x", "cpu") == "hf:x"
        assert isinstance(on("hf:x", "cuda:1"), Net)
        assert on("default", "cuda:1") == "default"
        assert on("http://localhost", "cuda:1") == "http://localhost"
    assert made == [("x", "cuda:1")] * 2
    assert model_on("default", "cuda:1", Net("y")).encoder.name  # on the CPU, beside it


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("--out", "found.xlsx"), "detect: --out must be a file that ends in .csv"),
        (("--format", "yolo"), "detect: --out must be given with --format"),
        (("--out", "x", "--format", "pdf"), "detect: --format must be one of coco"),
        (("--threshold", "high"), "--threshold must be a number from 0 to 1"),
        (("--tiles", "2"), "detect: tiles must be left out for a detector that looks at no pixels"),
        (("--detector", "regions:none.json"), "must be readable; got no such file"),
        (("--out", "none/found.json"), "none/found.json"),
    ],
)
def test_mistakes_are_told_in_a_line(run: Run, args: tuple[str, ...], told: str) -> None:
    code, out, err = run(*args)
    assert code not in (0, None)
    assert told in err
    assert out == ""


def test_photos_that_cannot_be_used(run: Run, tmp_path: Path) -> None:
    (tmp_path / "photos" / "broken.jpg").write_bytes(b"")
    code, out, _ = run()
    assert code == 0
    assert "photos/broken.jpg: skipped, is empty: it holds 0 bytes" in out
    assert "0 without a box, 1 skipped" in out
    code, _, err = run("--strict")
    assert code == 1
    assert "detect: photos/broken.jpg: is empty" in err


# -- drawing --------------------------------------------------------------------------------------------------


def test_colours_follow_from_places_and_can_be_read() -> None:
    first = [colour_of(i) for i in range(60)]
    assert len(set(first)) == 60
    assert first == [colour_of(i) for i in range(60)]
    for a, b in itertools.pairwise(first[:20]):
        assert sum(abs(x - y) for x, y in zip(a, b, strict=True)) > 120

    def light(colour: Any) -> float:
        parts = [(c / 255 / 12.92) if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
        luminance: float = 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]
        return luminance

    for colour in first:
        low, high = sorted([light(colour), light(_ink(colour))])
        assert (high + 0.05) / (low + 0.05) > 3  # WCAG's least for large letters


def test_a_box_is_drawn_where_it_is() -> None:
    grey = np.full((100, 200, 3), 128, np.uint8)
    drawn = draw_boxes(grey, [[50, 20, 150, 80]], texts=[""], colours=[(255, 0, 0)])
    assert (grey == 128).all()
    red = (drawn == (255, 0, 0)).all(axis=2)
    ys, xs = np.nonzero(red)
    assert (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1) == (50, 20, 150, 80)
    assert (drawn[30:70, 60:140] == 128).all()
    dashed = draw_boxes(grey, [[50, 20, 150, 80]], texts=[""], colours=[(255, 0, 0)], dashed=[True])
    assert 0.3 < (dashed == (255, 0, 0)).all(axis=2).sum() / red.sum() < 0.8


def test_texts_stay_inside_and_do_not_cover_one_another() -> None:
    boxes = [[0, 0, 300, 200], [0, 0, 80, 60], [2, 1, 60, 40], [250, 150, 300, 200]]
    colours = [colour_of(i) for i in range(4)]
    drawn = draw_boxes(
        np.full((200, 300, 3), 255, np.uint8), boxes, texts=["one", "two", "three", "four"], colours=colours
    )
    for colour in colours:
        assert (drawn == colour).all(axis=2).sum() > 150  # most of each text's ground shows


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (200, 3), (3000, 2000)])
def test_pictures_of_any_size_and_names_of_any_script(size: tuple[int, int]) -> None:
    names = ["zebra", "猫", "‮evil", "x" * 500, "ครับ", "łódź"]
    boxes = np.tile([[0, 0, size[0], size[1]]], (7, 1))
    top = [[0], [1], [2], [3], [4], [5], [0]]
    found = Detections("a", size, names, boxes, np.full(7, 0.5), top, np.ones((7, 1)), [False] * 6 + [True])
    drawn = draw_detections(np.zeros((size[1], size[0], 3), np.uint8), found)
    assert drawn.shape == (size[1], size[0], 3)
    if size[0] > 1000:
        assert (drawn == UNKNOWN).all(axis=2).any()
        assert (drawn == colour_of(1)).all(axis=2).sum() > 500
