"""A vector for every place: maps of exported networks, windows of all other encoders, and where places lie."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unseen.encoders.base import Encoder
from unseen.encoders.default import DefaultEncoder
from unseen.encoders.dense import DenseMap, dense_features, resample_grid
from unseen.encoders.onnx import OnnxEncoder
from unseen.encoders.onnx_map import plan_map
from unseen.errors import InputError, ItemError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@pytest.fixture(scope="module")
def default() -> DefaultEncoder:
    return DefaultEncoder()


class Colours(Encoder):
    """A picture's vector is its mean colour; there is no map."""

    name, modalities, image_dim, text_dim, image_size, shared_space = "c", frozenset({"image"}), 3, None, 4, True
    fingerprint = "colours"

    def prepare_image(self, content: Any) -> np.ndarray[Any, Any]:
        from unseen.inputs.images import prepare_image

        return prepare_image(content, size=4, resample="box")

    def _encode_pixels(self, pixels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        means: np.ndarray[Any, Any] = pixels.mean(axis=(1, 2), dtype=np.float32)
        return means

    def _encode_texts(self, texts: Sequence[str]) -> np.ndarray[Any, Any]:
        raise NotImplementedError


def network(path: Path, *, size: int = 8, head: bool = False, pool: str = "GlobalAveragePool") -> bytes:
    """Write a network of one convolution of stride 2, an average, and perhaps a layer behind it."""
    onnx = pytest.importorskip("onnx")
    make, rng = onnx.helper, np.random.default_rng(0)
    weights = rng.normal(size=(5, 3, 2, 2)).astype(np.float32) / 255
    steps = [
        make.make_node("Cast", ["images"], ["numbers"], to=onnx.TensorProto.FLOAT),
        make.make_node("Transpose", ["numbers"], ["planes"], perm=[0, 3, 1, 2]),
        make.make_node("Conv", ["planes", "w"], ["raw"], strides=[2, 2]),
        make.make_node("Relu", ["raw"], ["places"]),
    ]
    more = {"axes": [2, 3], "keepdims": 0} if pool == "ReduceMean" else {}
    steps.append(make.make_node(pool, ["places"], ["pooled"], **more))
    steps.append(make.make_node("Flatten", ["pooled"], ["flat" if head else "vectors"]))
    values = [onnx.numpy_helper.from_array(weights, "w")]
    if head:
        steps.append(make.make_node("MatMul", ["flat", "m"], ["vectors"]))
        values.append(onnx.numpy_helper.from_array(rng.normal(size=(5, 5)).astype(np.float32), "m"))
    graph = make.make_graph(
        steps,
        "g",
        [make.make_tensor_value_info("images", onnx.TensorProto.UINT8, ["n", size, size, 3])],
        [make.make_tensor_value_info("vectors", onnx.TensorProto.FLOAT, ["n", 5])],
        values,
    )
    model = make.make_model(graph, opset_imports=[make.make_opsetid("", 17)], ir_version=8)
    data: bytes = model.SerializeToString()
    (path / "image.onnx").write_bytes(data)
    image = {"file": "image.onnx", "size": size, "resize": {"mode": "squash"}, "dim": 5}
    image |= {"input_name": "images", "output_name": "vectors"}
    (path / "encoder.json").write_text(json.dumps({"format": "unseen-encoder", "version": 1, "image": image}))
    return data


def test_the_mean_of_the_default_map_is_the_vector_and_classifying_is_untouched(default: DefaultEncoder) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 260, 260, 3), np.uint8)
    before = default._encode_pixels(pixels)
    places = default._encode_map(pixels)
    assert default.has_map
    assert (default.map_stride, places.shape) == (32, (2, 9, 9, 1280))
    np.testing.assert_allclose(places.mean(axis=(1, 2)), before, atol=1e-4 * np.abs(before).max())
    np.testing.assert_array_equal(default._encode_pixels(pixels), before)


def test_sides_of_the_default_map_keep_its_places_in_the_middle(default: DefaultEncoder) -> None:
    assert [default.map_side(side) for side in (1, 260, 275, 277, 520)] == [4, 260, 260, 292, 516]
    picture = np.random.default_rng(1).integers(0, 256, (1, 132, 132, 3), np.uint8)
    flipped = default._encode_map(picture[:, :, ::-1].copy())[:, :, ::-1]
    there = default._encode_map(picture)
    unit = [m / np.linalg.norm(m, axis=3, keepdims=True) for m in (there, flipped)]
    # A mirrored photo has the mirrored map, as far as the network is symmetric: place by place, not one beside.
    own = (unit[0] * unit[1]).sum(axis=3).mean()
    beside = (unit[0][:, :, 1:] * unit[1][:, :, :-1]).sum(axis=3).mean()
    assert own > beside


@pytest.mark.parametrize("size", [8, 200])
@pytest.mark.parametrize("pool", ["GlobalAveragePool", "ReduceMean"])
def test_a_network_that_ends_in_an_average_has_a_map(tmp_path: Path, size: int, pool: str) -> None:
    network(tmp_path, size=size, pool=pool)
    encoder = OnnxEncoder(tmp_path)
    assert (encoder.has_map, encoder.map_stride) == (True, 2)
    pixels = np.random.default_rng(0).integers(0, 256, (1, 6, 10, 3), np.uint8)
    places = encoder._encode_map(pixels)
    assert places.shape == (1, 3, 5, 5)
    weights = np.random.default_rng(0).normal(size=(5, 3, 2, 2)).astype(np.float32) / 255
    corner = np.einsum("yxc,ocyx->o", pixels[0, 2:4, 4:6].astype(np.float32), weights)
    np.testing.assert_allclose(places[0, 1, 2], np.maximum(corner, 0), atol=1e-5)


def test_a_network_with_a_layer_behind_the_average_has_none(tmp_path: Path) -> None:
    data = network(tmp_path, head=True)
    encoder = OnnxEncoder(tmp_path)
    assert (encoder.has_map, encoder.map_stride) == (False, 0)
    assert plan_map(data, image="images", vectors="vectors", size=8) is None
    assert plan_map(data, image="images", vectors="nothing", size=8) is None
    with pytest.raises(NotImplementedError, match="OnnxEncoder has no map"):
        encoder._encode_map(np.zeros((1, 8, 8, 3), np.uint8))
    assert dense_features(encoder, np.zeros((20, 20, 3), np.uint8)).vectors.shape[2] == 5


def test_a_plan_names_what_is_averaged(tmp_path: Path) -> None:
    plan = plan_map(network(tmp_path, size=200), image="images", vectors="vectors", size=200)
    assert plan is not None
    assert (plan.output, plan.stride) == ("places", 2)
    onnx = pytest.importorskip("onnx")
    graph = onnx.load_from_string(plan.model).graph
    assert [output.name for output in graph.output] == ["vectors", "places"]
    dims = graph.input[0].type.tensor_type.shape.dim
    assert [dim.dim_param for dim in dims][1:3] == ["Y", "X"]
    assert dims[3].dim_value == 3


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_no_network_or_have_no_map(data: bytes) -> None:
    try:
        assert plan_map(data, image="images", vectors="vectors", size=8) is None
    except ValueError as error:
        assert "damaged or no ONNX file" in str(error)  # noqa: PT017  either is right


def test_windows_see_what_is_where() -> None:
    picture = np.zeros((60, 120, 3), np.uint8)
    picture[:, :60, 0], picture[:, 60:, 2] = 200, 100
    dense = dense_features(Colours(), picture, side=8)
    # Windows of 30 pixels, 10 apart: four down, ten across; the first and the last end at the edges.
    assert dense.shape == (4, 10)
    assert dense.step == (10, 10)
    np.testing.assert_allclose(dense.centres[0, [0, -1]], [[15, 15], [105, 15]])
    np.testing.assert_allclose(dense.vectors[:, 0], [[200, 0, 0]] * 4)
    np.testing.assert_allclose(dense.vectors[:, -1], [[0, 0, 100]] * 4)


def test_several_sides_are_brought_to_the_finest_grid() -> None:
    picture = np.full((40, 40, 3), (30, 40, 0), np.uint8)
    one, two = (dense_features(Colours(), picture, side=side) for side in (16, (8, 16)))
    assert two.shape == one.shape
    np.testing.assert_allclose(two.vectors, np.broadcast_to([1.2, 1.6, 0], two.vectors.shape), rtol=1e-5)


def test_places_lie_in_the_middle_of_the_picture(default: DefaultEncoder) -> None:
    dense = dense_features(default, np.zeros((130, 260, 3), np.uint8), side=132)
    assert dense.shape == (5, 9)
    np.testing.assert_allclose(dense.centres[2, 4], [130, 65])
    assert dense.boxes.min() >= 0
    assert (dense.boxes[..., 2:] > dense.boxes[..., :2]).all()


def test_spread_is_linear_between_places_and_flat_beyond() -> None:
    dense = DenseMap(np.zeros((1, 2, 3), np.float32), (8, 4), (4.0, 4.0))
    np.testing.assert_allclose(
        dense.spread(np.array([[0.0, 1.0]]), (1, 8))[0], [0, 0, 0.125, 0.375, 0.625, 0.875, 1, 1]
    )


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 6), st.integers(1, 6), st.integers(1, 9), st.integers(1, 9), st.floats(0.5, 20))
def test_resampling_stays_within_what_is_there(h: int, w: int, rows: int, columns: int, step: float) -> None:
    values = np.random.default_rng(h * w).normal(size=(h, w, 2)).astype(np.float32)
    out = resample_grid(values, (50, 30), (step, step), (rows, columns))
    assert out.shape == (rows, columns, 2)
    assert out.min() >= values.min() - 1e-5
    assert out.max() <= values.max() + 1e-5


def test_what_cannot_be_looked_at_is_said(default: DefaultEncoder) -> None:
    picture = np.zeros((20, 20, 3), np.uint8)
    with pytest.raises(InputError, match=r"dense_features: side must be a number at least 1 and at most 4096; got 0"):
        dense_features(default, picture, side=0)
    with pytest.raises(InputError, match=r"dense_features: side must be at least one number; got \[\]"):
        dense_features(default, picture, side=[])
    with pytest.raises(ItemError, match="empty"):
        dense_features(default, b"")
    assert dense_features(default, np.zeros((1, 3000, 3), np.uint8), side=36).shape == (2, 10)
