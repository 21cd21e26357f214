"""Closed-set detectors in ONNX: tiny networks whose answer is known, and the real one against a plain decode."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from unseen.detection import Picture, YoloxDetector
from unseen.errors import InputError, ModelError

if TYPE_CHECKING:
    from pathlib import Path

onnx = pytest.importorskip("onnx")
SIDE = 64
CELLS = 8 * 8 + 4 * 4 + 2 * 2


def network(path: Path, rows: Any, *, name: str = "images", kind: str = "f", side: Any = SIDE) -> Path:
    """Write a network that looks at its picture and says the same of each: `rows` in one more dimension."""
    make, array = onnx.helper, np.asarray(rows, np.float32)[None]
    constant = onnx.numpy_helper.from_array(array, "rows")
    zero = onnx.numpy_helper.from_array(np.zeros(1, np.float32), "zero")
    source, nodes = name, []
    if kind != "f":
        nodes.append(make.make_node("Cast", [name], ["cast"], to=onnx.TensorProto.FLOAT))
        source = "cast"
    nodes += [
        make.make_node("ReduceMean", [source], ["mean"], keepdims=0),
        make.make_node("Mul", ["mean", "zero"], ["nothing"]),
        make.make_node("Add", ["rows", "nothing"], ["output"]),
    ]
    dtype = onnx.TensorProto.FLOAT if kind == "f" else onnx.TensorProto.UINT8
    taken = make.make_tensor_value_info(name, dtype, [1, 3, side, side])
    given = make.make_tensor_value_info("output", onnx.TensorProto.FLOAT, list(array.shape))
    graph = make.make_graph(nodes, "tiny", [taken], [given], [constant, zero])
    model = make.make_model(graph, opset_imports=[make.make_opsetid("", 13)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


def card(path: Path, **values: Any) -> None:
    path.with_suffix(".json").write_text(json.dumps(values))


def rows_of(cells: dict[int, list[float]], n: int = CELLS, classes: int = 2) -> np.ndarray[Any, Any]:
    rows = np.zeros((n, 5 + classes), np.float32)
    for cell, values in cells.items():
        rows[cell] = values
    return rows


def test_raw_heads_are_decoded_as_by_hand(tmp_path: Path) -> None:
    # Cell 10 of the first grid (8 across) is at column 2, row 1; cell 64 is the first of the second grid, at stride 16.
    cells = {10: [0.5, 0.25, math.log(2), math.log(3), 0.9, 0.1, 0.8], 64: [1, 1, 0, math.log(2), 0.5, 1, 0]}
    path = network(tmp_path / "n.onnx", rows_of(cells))
    card(path, names=["cat", "dog"])
    # A picture of 128 x 64 is shrunk by two into the upper half of the square.
    found = YoloxDetector(path, confidence=0.3).find(np.zeros((64, 128, 3), np.uint8))
    # (2.5 * 8, 1.25 * 8) is the centre, 16 x 24 the size; then times two.
    first = [(20 - 8) * 2, 0, (20 + 8) * 2, (10 + 12) * 2]
    second = [(16 - 8) * 2, 0, (16 + 8) * 2, 64]
    np.testing.assert_allclose(found.boxes, [first, second], atol=1e-4)
    np.testing.assert_allclose(found.scores, [0.72, 0.5], rtol=1e-6)
    assert found.labels == ("dog", "cat")


@pytest.mark.parametrize("layout", ["decoded", "columns"])
def test_other_layouts_and_a_centred_picture(tmp_path: Path, layout: str) -> None:
    boxes = [[32, 32, 20, 10], [32, 32, 22, 10], [10, 32, 8, 8]]
    scores = [[0.9, 0.0], [0.6, 0.1], [0.2, 0.7]]
    rows = np.hstack([boxes, scores]) if layout == "columns" else np.hstack([boxes, np.ones((3, 1)), scores])
    path = network(tmp_path / "n.onnx", rows.T if layout == "columns" else rows)
    card(path, names={"0": "cat", "1": "dog"}, layout=layout, place="centre", colour="rgb", scale=255)
    found = YoloxDetector(path).find(np.zeros((64, 128, 3), np.uint8))
    # The picture is 64 x 32 in the square, from row 16 on; the second box overlaps the first.
    np.testing.assert_allclose(found.boxes, [[44, 22, 84, 42], [12, 24, 28, 40]], atol=1e-4)
    assert found.labels == ("cat", "dog")


def test_what_the_network_sees(tmp_path: Path) -> None:
    from unseen.detection.yolox import _letterbox, _read_card

    pixels = np.zeros((30, 60, 3), np.uint8)
    pixels[..., 0], pixels[..., 2] = 200, 50
    square, ratio, place = _letterbox(pixels, (64, 64), _read_card(tmp_path / "none.json"))
    assert (square.shape, place) == ((1, 3, 64, 64), (0, 0))
    assert ratio == pytest.approx(64 / 60)
    assert [square[0, c, 10, 10] for c in range(3)] == [50, 0, 200]
    assert (square[0, :, 33:] == 114).all()


WRONG_CARDS = [
    ({"names": []}, "names in .* must be a list of class names"),
    ({"names": "cat"}, "names in .* must be a list"),
    ({"size": "large"}, "size in .* must be a side"),
    ({"strides": [8, 0]}, "strides in .* must be a list of whole numbers"),
    ({"strides": [8] * 9 + ["x"]}, "strides in .* must be a list of whole numbers"),
    ({"layout": "odd"}, "layout in .* must be one of yolox, decoded, columns"),
    ({"colour": 3}, "colour in .* must be one of bgr, rgb"),
    ({"scale": 0}, "scale in .* must be a number above 0"),
    ({"pad": 300}, "pad in .* must be a grey"),
    ({"nmaes": ["cat"]}, "keys in .* must be among names"),
]


@pytest.mark.parametrize(("values", "told"), WRONG_CARDS)
def test_cards_that_cannot_be_used_are_refused(tmp_path: Path, values: dict[str, Any], told: str) -> None:
    path = network(tmp_path / "n.onnx", rows_of({}))
    card(path, **values)
    with pytest.raises(ModelError, match=told):
        YoloxDetector(path)


@pytest.mark.parametrize(
    ("rows", "values", "told"),
    [
        (rows_of({}, n=10), {}, "the output of .* must be 84 rows at strides"),
        (rows_of({}, classes=3), {}, r"the output of .* must be of shape \(1, n, 7\) for 2 classes"),
        (rows_of({3: [np.nan] * 7}), {}, "must be finite; got NaN or infinity"),
        (rows_of({3: [5, 5, 40, 40, 1, 1, 0]}), {}, "sizes of boxes of .* must be raw"),
        (rows_of({3: [5, 5, -1, 40, 1, 1, 0]}), {"layout": "decoded"}, "sizes of boxes of .* must be at least 0"),
        (rows_of({}), {"size": 416}, "size beside .* must be the network's own"),
    ],
)
def test_networks_that_do_not_fit_their_card_are_refused(
    tmp_path: Path, rows: Any, values: dict[str, Any], told: str
) -> None:
    path = network(tmp_path / "n.onnx", rows)
    card(path, names=["cat", "dog"], **values)
    with pytest.raises(ModelError, match=told):
        YoloxDetector(path).find(np.zeros((8, 8, 3), np.uint8))


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="YoloxDetector: file must be a file that exists"):
        YoloxDetector(tmp_path / "none.onnx")
    (tmp_path / "text.onnx").write_text("no network")
    with pytest.raises(ModelError, match=r"YoloxDetector: text\.onnx in .* cannot be loaded"):
        YoloxDetector(tmp_path / "text.onnx").find(np.zeros((8, 8, 3), np.uint8))
    path = network(tmp_path / "bytes.onnx", rows_of({}), kind="b")
    with pytest.raises(ModelError, match=r"the input of .* must be one picture of floats"):
        YoloxDetector(path).find(np.zeros((8, 8, 3), np.uint8))
    huge = network(tmp_path / "huge.onnx", rows_of({}), side=8192)
    with pytest.raises(ModelError, match=r"the input of .* must be sides of 32 to 4096 pixels"):
        YoloxDetector(huge).find(np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(InputError, match="YoloxDetector: confidence must be a number at least 0"):
        YoloxDetector(path, confidence=2)


def test_the_real_network_against_a_plain_decode(data: Path) -> None:
    """Every step again with OpenCV and loops, as the authors' demonstration does it."""
    import cv2
    import onnxruntime as ort

    from unseen.detection.names import COCO_80

    model = data / "models" / "yolox_nano_coco.onnx"
    session = ort.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    detector = YoloxDetector(model, confidence=0.3, nms=0.45)
    matched = 0
    for name in ("2007_000032", "2007_000129", "2007_000170", "2007_000480"):
        bgr: Any = cv2.imread(str(data / "detection_voc100" / "images" / f"{name}.jpg"))
        ratio = min(416 / bgr.shape[0], 416 / bgr.shape[1])
        small = cv2.resize(bgr, (int(bgr.shape[1] * ratio), int(bgr.shape[0] * ratio)), interpolation=cv2.INTER_LINEAR)
        square = np.full((416, 416, 3), 114, np.uint8)
        square[: small.shape[0], : small.shape[1]] = small
        output = session.run(None, {session.get_inputs()[0].name: square.transpose(2, 0, 1)[None].astype(np.float32)})
        boxes, scores, kinds, row = [], [], [], 0
        for stride in (8, 16, 32):
            for y in range(416 // stride):
                for x in range(416 // stride):
                    cell = output[0][0, row].astype(float)
                    row += 1
                    score = cell[4] * cell[5:].max()
                    if score < 0.3:
                        continue
                    w, h = math.exp(cell[2]) * stride, math.exp(cell[3]) * stride
                    left, top = (cell[0] + x) * stride - w / 2, (cell[1] + y) * stride - h / 2
                    boxes.append([left / ratio, top / ratio, w / ratio, h / ratio])
                    scores.append(float(score))
                    kinds.append(int(cell[5:].argmax()))
        kept = np.asarray(cv2.dnn.NMSBoxesBatched(boxes, scores, kinds, 0.3, 0.45)).ravel()
        found = detector.find(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB))
        for i in kept:
            if scores[i] < 0.35:  # near the limit, the resampling decides
                continue
            x, y, w, h = boxes[i]
            edges = np.clip([x, y, x + w, y + h], 0, [bgr.shape[1], bgr.shape[0]] * 2)
            far = np.abs(found.boxes - edges).max(axis=1)
            near = int(far.argmin())
            assert far[near] < 0.04 * max(w, h) + 2
            assert found.scores[near] == pytest.approx(scores[i], abs=0.08)
            assert found.labels is not None
            assert found.labels[near] == COCO_80[kinds[i]]
            matched += 1
    assert matched >= 8


def test_bound_it_takes_several_pictures(tmp_path: Path) -> None:
    path = network(tmp_path / "n.onnx", rows_of({10: [0, 0, 1, 1, 1, 1, 0]}))
    card(path, names=["cat", "dog"])
    bound = YoloxDetector(path).bind(None, None)
    pictures = [Picture(str(i), np.zeros((20 + i, 30, 3), np.uint8)) for i in range(3)]
    assert [len(found) for found in bound.propose(pictures)] == [1, 1, 1]
    assert bound.propose([]) == []
