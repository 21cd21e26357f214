"""Files of boxes, read and written: by hand, hostile ones, and round trips through the tools they are for."""

from __future__ import annotations

import contextlib
import io
import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

import numpy as np
import pytest
import supervision as sv
from PIL import Image
from pycocotools.coco import COCO

from unseen.detection import BoxFile, Detections, read_boxes
from unseen.detection.detections import BOX_COLUMNS
from unseen.detection.exports import export_boxes, open_export
from unseen.detection.matching import NameIndex
from unseen.errors import InputError
from unseen.registry import BOX_EXPORTS

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ["zebra", "straße & <b>", "猫"]


def some(folder: Path) -> list[Detections]:
    """Return detections of two photos on disk, one without boxes, and one that is no photo."""
    found = []
    for number, size in enumerate([(120, 80), (33, 57)]):
        path = folder / f"photo {number}.png"
        Image.fromarray(np.full((size[1], size[0], 3), 60 * number, np.uint8)).save(path)
        boxes: list[list[float]] = (
            [[10, 5, 30.5, 30], [0, 0, 33, 57], [1, 2, 3, 4]]
            if number
            else [[0, 0, 120, 80], [20, 10, 61, 71], [5, 6, 7, 8]]
        )
        top = [[2, 0], [1, 2], [0, 1]]
        shares = [[0.9, 0.1], [0.6, 0.3], [0.5, 0.4]]
        found.append(Detections(str(path), size, NAMES, boxes, [0.91, 0.5, 0.4], top, shares, [False, False, True]))
    empty = folder / "empty.jpg"
    Image.new("RGB", (20, 10)).save(empty)
    found.append(Detections(str(empty), (20, 10), NAMES, [], [], [], [], []))
    found.append(Detections("broken.jpg", (0, 0), NAMES, [], [], [], [], [], error="is empty: it holds 0 bytes"))
    return found


# -- writing, and what other tools make of it -----------------------------------------------------------------


def test_coco_is_read_by_pycocotools_and_supervision(tmp_path: Path) -> None:
    found = some(tmp_path)
    out = tmp_path / "boxes.json"
    assert export_boxes(found, "coco", out) == 3
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(str(out))
    assert len(coco.imgs) == 3
    assert [category["name"] for category in coco.cats.values()] == NAMES
    first = coco.loadAnns(coco.getAnnIds(imgIds=[1]))
    assert [one["bbox"] for one in first] == [[0, 0, 120, 80], [20, 10, 41, 61]]
    assert [one["category_id"] for one in first] == [3, 2]
    assert [one["score"] for one in first] == [0.91, 0.5]
    dataset = sv.DetectionDataset.from_coco(str(tmp_path), str(out))
    assert set(dataset.classes) == set(NAMES)
    for detections in found[:2]:
        theirs = next(one for path, one in dataset.annotations.items() if path.endswith(detections.item[-11:]))
        np.testing.assert_allclose(theirs.xyxy, detections.boxes[:2])


def test_yolo_is_read_by_supervision(tmp_path: Path) -> None:
    found = some(tmp_path)
    export_boxes(found, "yolo", tmp_path / "set")
    folder = tmp_path / "set"
    dataset = sv.DetectionDataset.from_yolo(str(folder / "images"), str(folder / "labels"), str(folder / "data.yaml"))
    assert dataset.classes == NAMES
    for detections in found[:2]:
        theirs = next(one for path, one in dataset.annotations.items() if path.endswith(detections.item[-11:]))
        np.testing.assert_allclose(theirs.xyxy, detections.boxes[:2], atol=1e-3)
        assert theirs.class_id is not None
        assert theirs.class_id.tolist() == [2, 1]
    assert (folder / "labels" / "empty.txt").read_text() == ""


def test_voc_is_read_by_supervision(tmp_path: Path) -> None:
    found = some(tmp_path)
    export_boxes(found, "voc", tmp_path / "set")
    folder = tmp_path / "set"
    dataset = sv.DetectionDataset.from_pascal_voc(str(folder / "JPEGImages"), str(folder / "Annotations"))
    assert set(dataset.classes) == {"猫", "straße & <b>"}
    for detections in found[:2]:
        theirs = next(one for path, one in dataset.annotations.items() if path.endswith(detections.item[-11:]))
        np.testing.assert_allclose(theirs.xyxy, detections.boxes[:2], atol=0.5)


def test_label_studio_tasks(tmp_path: Path) -> None:
    from xml.etree import ElementTree

    found = some(tmp_path)
    export_boxes(found, "label-studio", tmp_path / "set")
    tasks = json.loads((tmp_path / "set" / "tasks.json").read_text("utf-8"))
    result = tasks[0]["predictions"][0]["result"][1]
    assert (result["type"], result["original_width"], result["original_height"]) == ("rectanglelabels", 120, 80)
    value = result["value"]
    assert [value[key] for key in ("x", "y", "width", "height")] == pytest.approx([100 / 6, 12.5, 41 / 1.2, 76.25])
    assert tasks[0]["predictions"][0]["score"] == 0.91
    interface = ElementTree.parse(tmp_path / "set" / "config.xml").getroot()  # noqa: S314  our own
    assert [label.get("value") for label in interface.iter("Label")] == NAMES
    assert result["from_name"] == next(interface.iter("RectangleLabels")).get("name")


@pytest.mark.parametrize("to", list(BOX_EXPORTS))
def test_every_format_comes_back_as_it_went(tmp_path: Path, to: str) -> None:
    found = some(tmp_path)
    out = tmp_path / ("set.json" if to == "coco" else "set")
    assert export_boxes(found, to, out) == 3
    back = read_boxes(out / "tasks.json" if to == "label-studio" else out)
    assert back.format == to
    index = NameIndex(back.images)
    for detections in found[:3]:
        name = index.find(detections.item)
        assert name is not None
        one = back.images[name]
        known = np.flatnonzero(~detections.unknown)
        atol = {"voc": 0.5, "yolo": 1e-3}.get(to, 1e-4)
        np.testing.assert_allclose(one.pixels(detections.size), detections.boxes[known], atol=atol)
        assert list(one.labels) == [detections.best()[i] for i in known]
        if to != "yolo":
            np.testing.assert_allclose(one.scores, detections.scores[known], rtol=1e-6)
            assert one.size == detections.size or (to == "label-studio" and not len(one))


def test_nothing_is_overwritten_and_nothing_half_is_left(tmp_path: Path) -> None:
    found = some(tmp_path)
    (tmp_path / "there.json").write_text("{}")
    with pytest.raises(InputError, match=r"detect: the output .* must be new; got something that is there already"):
        export_boxes(found, "coco", tmp_path / "there.json")
    with pytest.raises(InputError, match=r"detect: out must be a file that ends in \.json"):
        export_boxes(found, "coco", tmp_path / "set")
    with pytest.raises(InputError, match="detect: format must be one of coco"):
        export_boxes(found, "pdf", tmp_path / "set")
    with pytest.raises(InputError, match="detections must be at least one"):
        export_boxes([], "coco", tmp_path / "new.json")

    def stopped() -> None:
        with open_export("yolo", tmp_path / "set", NAMES) as export:
            export.add(found[0])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty.jpg", "photo 0.png", "photo 1.png", "there.json"]


def test_photos_of_one_name_do_not_take_each_others_place(tmp_path: Path) -> None:
    found = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        Image.new("RGB", (8, 8)).save(tmp_path / folder / "x.png")
        found.append(
            Detections(str(tmp_path / folder / "x.png"), (8, 8), ["c"], [[0, 0, 8, 8]], [1], [[0]], [[1]], [False])
        )
    export_boxes(found, "yolo", tmp_path / "set")
    images = sorted((tmp_path / "set" / "images").iterdir())
    assert {path.resolve() for path in images} == {tmp_path / "a" / "x.png", tmp_path / "b" / "x.png"}
    assert sorted(path.stem for path in images) == sorted(p.stem for p in (tmp_path / "set" / "labels").iterdir())


# -- the result itself ----------------------------------------------------------------------------------------


def test_detections_as_tables_and_as_supervision_has_them(tmp_path: Path) -> None:
    first, _, empty, broken = some(tmp_path)
    rows = first.rows()
    assert rows[0] == {
        "item": first.item, "box": 1, "name": "猫", "score": 0.91, "left": 0.0, "top": 0.0, "right": 120.0,
        "bottom": 80.0, "probability": 0.9, "unknown": False, "label": None, "error": None,
    }  # fmt: skip
    assert (rows[2]["name"], rows[2]["probability"], rows[2]["unknown"]) == (None, None, True)
    assert [row["box"] for row in empty.rows()] == [None]
    assert broken.rows()[0]["error"] == "is empty: it holds 0 bytes"
    assert first.to_arrow().column_names == list(BOX_COLUMNS)
    assert first.to_pandas()["score"].tolist() == pytest.approx([0.91, 0.5, 0.4])
    theirs = first.to_supervision()
    assert isinstance(theirs, sv.Detections)
    assert theirs.class_id is not None
    assert theirs.class_id.tolist() == [2, 1, -1]
    assert theirs.data["class_name"].tolist() == ["猫", "straße & <b>", "unknown"]
    assert len(theirs.with_nms(0.1)) <= 3
    assert len(empty.to_supervision()) == 0
    told = json.loads(first.to_json())
    assert told["boxes"][1]["names"] == ["straße & <b>", "猫"]
    assert "91%  猫  (0, 0, 120, 80)" in str(first)
    assert str(broken) == "broken.jpg: skipped, is empty: it holds 0 bytes"


# -- reading --------------------------------------------------------------------------------------------------


def test_mot_counts_from_one(data: Path) -> None:
    found = read_boxes(data / "tracking" / "TUD-Campus" / "gt.txt")
    assert (found.format, len(found)) == ("mot", 71)
    first = found.images["1"]
    assert first.boxes[0].tolist() == [398, 181, 519, 410]
    assert first.tracks is not None
    assert first.tracks[:3].tolist() == [1, 2, 3]


def test_voc_counts_from_one_and_holds_the_last_pixel(data: Path) -> None:
    found = read_boxes(data / "detection_voc100" / "gts" / "pascalvoc_format")
    one = found.images["2007_000027.jpg"]
    assert (one.boxes.tolist(), one.labels, one.size) == ([[173, 100, 349, 351]], ("person",), (486, 500))


def test_yolo_knows_shares_alone(data: Path) -> None:
    found = read_boxes(data / "detection_voc100" / "gts" / "yolo_format" / "obj_train_data")
    one = found.images["2007_000027"]
    np.testing.assert_allclose(one.pixels((486, 500)), [[174, 101, 349, 351]], atol=0.01)
    assert one.labels == ("person",)


def test_polygons_confidences_and_names_of_yolo(tmp_path: Path) -> None:
    (tmp_path / "labels").mkdir()
    (tmp_path / "data.yaml").write_text("names: {0: cat, 1: dog}\n")
    (tmp_path / "labels" / "a.txt").write_text("1 0.5 0.5 0.2 0.4 0.75\n0 0.1 0.1 0.3 0.1 0.2 0.4\n\n")
    (tmp_path / "labels" / "b.txt").write_text("")
    found = read_boxes(tmp_path)
    assert found.names == ("cat", "dog")
    np.testing.assert_allclose(found.images["a"].boxes, [[0.4, 0.3, 0.6, 0.7], [0.1, 0.1, 0.3, 0.4]], atol=1e-6)
    assert found.images["a"].scores.tolist() == [0.75, 1]
    assert found.images["a"].labels == ("dog", "cat")
    assert len(found.images["b"]) == 0


def test_results_of_coco_with_other_things_than_numbers(tmp_path: Path) -> None:
    row = {"image_id": [1], "category_id": {}, "bbox": [1, 2, 3, 4], "score": 0.5}
    (tmp_path / "results.json").write_text(json.dumps([row]))
    with pytest.raises(InputError, match=r"annotations\[0\]: image_id must be that of one"):
        read_boxes(tmp_path / "results.json")


def test_a_few_lines_of_yaml_do_not_fill_the_memory(tmp_path: Path) -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [f"{two}: &{two} [{', '.join(['*' + one] * 9)}]" for one, two in pairwise("abcdefghijklmno")]
    (tmp_path / "data.yaml").write_text("\n".join([*lines, "names: *o"]))
    (tmp_path / "a.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    with pytest.raises(InputError, match="names must be a list, or numbers from 0 with a name each; got "):
        read_boxes(tmp_path)


def test_nothing_found_is_a_score_of_nothing(tmp_path: Path) -> None:
    pytest.importorskip("faster_coco_eval")
    from unseen.metrics import average_precision

    data = {
        "images": [{"id": 1, "file_name": "x.jpg", "width": 9, "height": 9}],
        "categories": [{"id": 1, "name": "a"}],
    }
    data["annotations"] = [{"image_id": 1, "category_id": 1, "bbox": [0, 0, 5, 5]}]
    (tmp_path / "truth.json").write_text(json.dumps(data))
    assert str(average_precision([], tmp_path / "truth.json")) == "AP 0.000, AP50 0.000 (1 image, 1 box)"


def test_results_of_coco_know_numbers_alone(tmp_path: Path) -> None:
    row = {"image_id": 139, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}
    (tmp_path / "results.json").write_text(json.dumps([row]))
    assert read_boxes(tmp_path / "results.json").images["139"].labels == (None,)
    data = {"images": [{"id": 139, "file_name": "x.jpg"}], "categories": [{"id": 1, "name": "cat"}], "annotations": []}
    (tmp_path / "data.json").write_text(json.dumps(data))
    found = read_boxes(tmp_path / "results.json", images=tmp_path / "data.json")
    assert found.images["x.jpg"].labels == ("cat",)
    with pytest.raises(InputError, match="images must be left out but for COCO results"):
        read_boxes(tmp_path / "results.json", format="mot", images=tmp_path / "data.json")


IMAGE = {"id": 1, "file_name": "a.jpg"}
WRONG_JSON = [
    ("{", "its text must be JSON"),
    ("[" * 100_000, "its text must be JSON"),
    ("7", "its content must be a COCO data set"),
    ('{"images": 3}', "its content must be a COCO data set"),
    ({"images": [3]}, r"images\[0\]: it must be an object"),
    ({"images": [{"id": 1}]}, r"images\[0\]: it must be an id and a file_name"),
    ({"images": [IMAGE, IMAGE]}, r"images\[1\]: it must be an id and a file_name of its own"),
    ({"images": [IMAGE], "categories": [{"id": []}]}, r"categories\[0\]: it must be an id and a name"),
    ({"images": [IMAGE], "annotations": {"a": 1}}, "annotations: they must be a list"),
    ({"images": [IMAGE], "annotations": [{"image_id": 9}]}, r"annotations\[0\]: image_id must be that of one"),
    (
        {"images": [IMAGE], "annotations": [{"image_id": 1, "category_id": 1, "bbox": [1, 2, -3, 4]}]},
        r"annotations\[0\]: bbox must be left, top, width and height",
    ),
    (
        {"images": [IMAGE], "annotations": [{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, float("nan")]}]},
        r"annotations\[0\]: bbox must be",
    ),
    (
        {"images": [IMAGE], "annotations": [{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "score": "x"}]},
        r"annotations\[0\]: score must be a number",
    ),
    ([{"data": {}}], r"tasks\[0\]: data must be the image"),
    (
        [{"data": {"item": "a"}, "predictions": [{"result": [{"type": "rectanglelabels", "value": {"x": 1}}]}]}],
        "value must be x, y, width and height in percent",
    ),
]


@pytest.mark.parametrize(("content", "told"), WRONG_JSON)
def test_json_that_cannot_be_used_says_where(tmp_path: Path, content: Any, told: str) -> None:
    path = tmp_path / "boxes.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(InputError, match=told):
        read_boxes(path)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("1,1,2,3\n", "read_boxes: .*line 1 must be frame,id,left"),
        ("1,1,2,3,4,5,1\n1,1,a,3,4,5,1\n", "line 2 must be numbers with commas between"),
        ("1,1,nan,3,4,5,1\n", "line 1 must be frame,id,left,top,width,height,… in finite numbers"),
        ("1.5,1,2,3,4,5,1\n", "line 1 must be a frame number from 0 on"),
        ("1,1.5,2,3,4,5,1\n", "line 1 must be a whole id"),
        ("1,1,2,3,-4,5,1\n", "line 1 must be a box with width and height"),
        ("1,1,2,3,4,5," + "0," * 20 + "0\n", "line 1 must be frame,id,left"),
    ],
)
def test_mot_lines_that_cannot_be_used_say_where(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "gt.txt").write_text(text)
    with pytest.raises(InputError, match=told):
        read_boxes(tmp_path / "gt.txt")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("0 0.5 0.5 0.1\n", "line 1: a row must be class, centre x"),
        ("0.5 0.5 0.5 0.1 0.1\n", "line 1: the class must be a whole number"),
        ("7 0.5 0.5 0.1 0.1\n", "line 1: the class must be a whole number below 2"),
        ("0 50 50 10 10\n", "line 1: a box must be shares of the image"),
    ],
)
def test_yolo_lines_that_cannot_be_used_say_where(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "classes.txt").write_text("cat\ndog\n")
    (tmp_path / "a.txt").write_text(text)
    with pytest.raises(InputError, match=told):
        read_boxes(tmp_path)


BOMB = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><annotation>&b;</annotation>'
OUTSIDE = '<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/passwd">]><annotation><filename>&a;</filename></annotation>'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (BOMB, "its text must be without a document type or entities"),
        (OUTSIDE, "its text must be without a document type or entities"),
        ("<annotation>&a;</annotation>", "its text must be XML"),
        ("<annotation>", "its text must be XML"),
        ("", "its text must be XML"),
        ("<a>" * 100 + "</a>" * 100, "its elements must be at most 64 deep"),
        ("<annotation><object><bndbox/></object></annotation>", "object 1: its name must be written"),
        (
            "<annotation><object><name>a</name><bndbox><xmin>x</xmin></bndbox></object></annotation>",
            "object 1: bndbox/xmin must be a number",
        ),
    ],
)
def test_xml_that_cannot_be_used_says_why(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "a.xml").write_text(text)
    with pytest.raises(InputError, match=told):
        read_boxes(tmp_path)


def test_names_of_xml_are_text(tmp_path: Path) -> None:
    box = "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>4</xmax><ymax>5</ymax></bndbox>"
    text = f"<annotation><object><name>{escape('<cat> & ü')}</name>{box}</object></annotation>"
    (tmp_path / "a.xml").write_text(f'<?xml version="1.0" encoding="latin-1"?>\n{text}', "utf-8")
    one = read_boxes(tmp_path).images["a"]
    assert (one.labels, one.boxes.tolist()) == (("<cat> & ü",), [[0, 0, 4, 5]])


def test_places_without_boxes(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="must be readable; got no such file"):
        read_boxes(tmp_path / "none.json")
    with pytest.raises(InputError, match=r"path must be a folder with \.txt \(YOLO\) or \.xml"):
        read_boxes(tmp_path)
    (tmp_path / "a.pdf").write_text("")
    with pytest.raises(InputError, match=r"path must be a \.json, \.txt or \.xml file, or a folder"):
        read_boxes(tmp_path / "a.pdf")
    (tmp_path / "a.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="must be readable; got it is no text in UTF-8"):
        read_boxes(tmp_path / "a.json")
    with pytest.raises(InputError, match="format must be one of coco, label-studio, mot, voc, yolo"):
        read_boxes(tmp_path, format="pdf")


def test_average_precision_refuses_what_it_cannot_compare(tmp_path: Path) -> None:
    from unseen.metrics.boxes import average_precision

    found = some(tmp_path)[:1]
    export_boxes(found, "coco", tmp_path / "t.json")
    truth = read_boxes(tmp_path / "t.json")
    perfect = average_precision(found, truth)
    assert (perfect.ap, perfect.ap50, perfect.images, perfect.boxes) == (1, 1, 1, 2)
    assert str(perfect) == "AP 1.000, AP50 1.000 (1 image, 2 boxes)"
    assert average_precision([], truth).ap == 0
    assert average_precision(found, truth, iou=0.5).by_class == {"猫": 1, "straße & <b>": 1}
    other = Detections("other.jpg", (9, 9), NAMES, [], [], [], [], [])
    with pytest.raises(InputError, match=r"an image of detections must be one of the 1 images of t\.json, once"):
        average_precision([other], truth)
    with pytest.raises(InputError, match="an image of detections must be one of"):
        average_precision(found * 2, truth)
    with pytest.raises(InputError, match="rename must be of classes of the truth; got 'dog'"):
        average_precision(found, truth, rename={"dog": "hound"})
    with pytest.raises(InputError, match="iou must be a number above 0 and at most 1"):
        average_precision(found, truth, iou=0)
    with pytest.raises(InputError, match="truth must be with boxes that count"):
        average_precision(found, BoxFile(tmp_path, "coco", (), {}))
