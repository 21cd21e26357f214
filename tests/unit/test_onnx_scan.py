"""An ONNX file may name no file but its own ``.data``: hostile ones are refused before onnxruntime sees them."""

from __future__ import annotations

import json
import os
import shutil
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unseen.encoders.default import default_folder
from unseen.encoders.onnx import OnnxEncoder, open_session
from unseen.encoders.onnx_scan import external_file
from unseen.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path

onnx: Any = pytest.importorskip("onnx")

DEFAULT = default_folder() / "encoder"
WEIGHTS = np.arange(4, dtype=np.float32)


def external(location: str) -> Any:
    tensor = onnx.TensorProto(name="w", data_type=1, dims=[4], data_location=onnx.TensorProto.EXTERNAL)
    for key, value in (("location", location), ("offset", "0"), ("length", "16")):
        tensor.external_data.add(key=key, value=value)
    return tensor


def model(nodes: list[Any], initializer: list[Any], **more: Any) -> Any:
    make = onnx.helper
    graph = make.make_graph(
        nodes,
        "g",
        [make.make_tensor_value_info("x", 1, [4])],
        [make.make_tensor_value_info("y", 1, [4])],
        initializer=initializer,
    )
    return make.make_model(graph, opset_imports=[make.make_opsetid("", 17)], ir_version=8, **more)


def plain(location: str) -> Any:
    return model([onnx.helper.make_node("Add", ["x", "w"], ["y"])], [external(location)])


def in_a_constant(location: str) -> Any:
    node = onnx.helper.make_node("Constant", [], ["w"], value=external(location))
    return model([node, onnx.helper.make_node("Add", ["x", "w"], ["y"])], [])


def in_a_branch(location: str) -> Any:
    make = onnx.helper
    out = make.make_tensor_value_info("w", 1, [4])
    branch = make.make_graph([make.make_node("Constant", [], ["w"], value=external(location))], "b", [], [out])
    yes = make.make_tensor("yes", onnx.TensorProto.BOOL, [], [True])
    choice = make.make_node("If", ["yes"], ["v"], then_branch=branch, else_branch=branch)
    return model([choice, make.make_node("Add", ["x", "v"], ["y"])], [yes])


def in_a_function(location: str) -> Any:
    make = onnx.helper
    constant = make.make_node("Constant", [], ["w"], value=external(location))
    body = [constant, make.make_node("Add", ["a", "w"], ["b"])]
    function = make.make_function("own", "f", ["a"], ["b"], body, [make.make_opsetid("", 17)])
    made = model([make.make_node("f", ["x"], ["y"], domain="own")], [], functions=[function])
    made.opset_import.append(make.make_opsetid("own", 1))
    return made


def in_a_sparse_tensor(location: str) -> Any:
    made = model([onnx.helper.make_node("Identity", ["x"], ["y"])], [])
    sparse = made.graph.sparse_initializer.add(dims=[4])
    sparse.values.CopyFrom(external(location))
    return made


def in_an_attribute_list(location: str) -> Any:
    made = model([onnx.helper.make_node("Identity", ["x"], ["y"])], [])
    made.graph.node[0].attribute.add(name="t", type=onnx.AttributeProto.TENSORS).tensors.append(external(location))
    return made


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    (tmp_path / "model").mkdir()
    path = tmp_path / "secret.bin"
    path.write_bytes(WEIGHTS.tobytes())
    return path


PLACES = [plain, in_a_constant, in_a_branch, in_a_function, in_a_sparse_tensor, in_an_attribute_list]
HOSTILE = [
    "../secret.bin",
    "/etc/passwd",
    "./n.onnx.data",
    "sub/../n.onnx.data",
    "other.data",
    "n.onnx",
    "*/_ORT_MEM_ADDR_/*",
    "../" * 2000 + "etc/passwd",
    "n.onnx.data\0",
    "",
]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("location", HOSTILE)
def test_other_files_are_refused(secret: Path, place: Any, location: str) -> None:
    path = secret.parent / "model" / "n.onnx"
    path.write_bytes(place(location).SerializeToString())
    with pytest.raises(ModelError, match=r"n\.onnx in .* must keep its weights in n\.onnx\.data if not in itself; got"):
        open_session(path, threads=1)


def test_its_own_file_is_read(secret: Path) -> None:
    path = secret.parent / "model" / "n.onnx"
    path.write_bytes(plain("n.onnx.data").SerializeToString())
    with pytest.raises(ModelError, match=r"model must hold n\.onnx\.data; it is missing"):
        external_file(path)
    shutil.copy(secret, path.with_name("n.onnx.data"))
    assert external_file(path) == path.with_name("n.onnx.data")
    session = open_session(path, threads=1)
    assert session.run(None, {"x": np.ones(4, np.float32)})[0].tolist() == [1, 2, 3, 4]


def test_a_pipe_in_its_place_does_not_hang(secret: Path) -> None:
    path = secret.parent / "model" / "n.onnx"
    path.write_bytes(plain("n.onnx.data").SerializeToString())
    os.mkfifo(path.with_name("n.onnx.data"))
    with pytest.raises(ModelError, match=r"must hold n\.onnx\.data; it is missing"):
        open_session(path, threads=1)


def test_a_network_with_everything_inside() -> None:
    assert external_file(DEFAULT / "text.onnx") is None
    assert external_file(DEFAULT / "image.onnx") is None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is empty"),
        (b"not a network", "it is damaged or no ONNX file"),
        (b"\x3a\xff\xff\xff\xff\x7f", "it is damaged or no ONNX file"),  # a graph longer than the file
        (b"\x3a" + b"\xff" * 12, "it is damaged or no ONNX file"),  # a length without end
        (b"\x3b", "it is damaged or no ONNX file"),  # a group, which ONNX has none of
        (b"\x39\x00", "it is damaged or no ONNX file"),  # eight bytes that are not there
    ],
)
def test_what_is_no_network(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "n.onnx").write_bytes(content)
    with pytest.raises(ModelError, match=rf"n\.onnx in .* cannot be loaded: {reason}"):
        external_file(tmp_path / "n.onnx")


def test_a_file_of_nothing_but_parts_is_given_up(tmp_path: Path) -> None:
    path = tmp_path / "n.onnx"
    path.write_bytes(b"\x3a\x00" * 1_100_000)
    start = time.perf_counter()
    with pytest.raises(ModelError, match="it has more parts than any network"):
        external_file(path)
    assert time.perf_counter() - start < 60


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_bytes_changed_at_random_end_well(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    content = bytearray(in_a_branch("n.onnx.data").SerializeToString())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "n.onnx"
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    with suppress(ModelError):  # and nothing else
        external_file(path)


def test_the_fingerprint_covers_weights_outside(tmp_path: Path) -> None:
    folder = shutil.copytree(DEFAULT, tmp_path / "encoder")
    network = onnx.load(str(folder / "image.onnx"))
    onnx.save(network, str(folder / "image.onnx"), save_as_external_data=True, location="image.onnx.data")
    before = OnnxEncoder(folder)
    image = np.full((8, 8, 3), 99, np.uint8)
    assert np.array_equal(before.encode_images(image), OnnxEncoder(DEFAULT).encode_images(image))
    first = before.fingerprint
    with (folder / "image.onnx.data").open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        last = file.read(1)
        file.seek(-1, os.SEEK_END)
        file.write(bytes([last[0] ^ 1]))
    assert OnnxEncoder(folder).fingerprint != first


def test_a_name_does_not_choose_another_format(tmp_path: Path) -> None:
    """onnxruntime would read ``.ort`` files as networks it compiled itself, which the scan cannot see into."""
    folder = shutil.copytree(DEFAULT, tmp_path / "encoder")
    (folder / "text.onnx").rename(folder / "text.ort")
    card = json.loads((folder / "encoder.json").read_text())
    card["text"]["file"] = "text.ort"
    (folder / "encoder.json").write_text(json.dumps(card))
    assert np.array_equal(OnnxEncoder(folder).encode_texts(["a"]), OnnxEncoder(DEFAULT).encode_texts(["a"]))
