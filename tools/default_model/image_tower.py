"""The image tower: EfficientNet-Lite2 as an 8-bit ONNX graph.

The graph is written node by node from the published weights instead of being traced by an exporter: there is no
exporter version in the result, no recorded source path, every name is ours, and batch normalisation is folded by
formulas one can read. One builder emits both the float graph (used to calibrate and to measure) and the 8-bit one.

Input is what a JPEG decoder yields, ``uint8 (n, 260, 260, 3)`` RGB. The reference normalises with ``(x - 127) / 128``,
which *is* an 8-bit quantisation of scale 1/128 and zero point 127: the pixels enter the integer graph unchanged, and
the zero padding of the first convolution is exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto
from onnx_graph import Graph, tensor_info

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

F32 = npt.NDArray[np.float32]

SIZE = 260
DIM = 1280
MEAN, SPAN = 127, 128
BN_EPS = 1e-3
# Lite2 = lite0's stages with depth 1.2 (the first and last stage are not scaled) and width 1.1 (read off the weights).
STAGE_REPEATS = (1, 3, 3, 4, 4, 5, 1)
STAGE_STRIDES = (1, 2, 2, 2, 1, 2, 1)


@dataclass(frozen=True)
class Conv:
    """One convolution with its batch normalisation folded in."""

    name: str
    source: str
    output: str
    weight: F32
    bias: F32
    stride: int
    pads: tuple[int, int]
    relu6: bool
    residual: str | None = None

    @property
    def depthwise(self) -> bool:
        """Whether each channel is filtered on its own."""
        return bool(self.weight.shape[1] == 1)

    @property
    def pointwise(self) -> bool:
        """Whether it mixes channels at one location."""
        return bool(self.weight.shape[2] == 1)


@dataclass(frozen=True)
class Range:
    """The interval of real values an 8-bit activation tensor stands for."""

    low: float
    high: float

    @property
    def scale(self) -> float:
        """Step between neighbouring codes, rounded so that it does not carry the calibrating CPU's last bits."""
        return float(np.float32(f"{(self.high - self.low) / 255:.4g}"))

    @property
    def zero_point(self) -> int:
        """Code of the real number zero."""
        return int(np.clip(round(-self.low / self.scale), 0, 255))


def load_weights(path: Path) -> dict[str, F32]:
    """Read the published ``.pth`` as plain arrays."""
    import torch

    state = torch.load(path, map_location="cpu", weights_only=True)
    return {name: value.numpy() for name, value in state.items() if value.dtype == torch.float32}


def classifier(state: Mapping[str, F32]) -> tuple[F32, F32]:
    """Return the ImageNet-1k classifier ``W (1000, 1280)``, ``b (1000,)`` that follows the pooled features."""
    return state["_fc.weight"], state["_fc.bias"]


def _fold(state: Mapping[str, F32], conv: str, norm: str) -> tuple[F32, F32]:
    gain = state[f"{norm}.weight"].astype(np.float64) / np.sqrt(
        state[f"{norm}.running_var"].astype(np.float64) + BN_EPS
    )
    weight = state[f"{conv}.weight"] * gain[:, None, None, None]
    bias = state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * gain
    return weight.astype(np.float32), bias.astype(np.float32)


def _same(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """TensorFlow's SAME padding, which puts the odd pixel at the end."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def layers(state: Mapping[str, F32]) -> list[Conv]:
    """List the network's convolutions in order of execution."""
    found: list[Conv] = []
    size, tensor = SIZE, "pixels"

    def add(
        name: str, conv: str, norm: str, *, stride: int = 1, relu6: bool = True, residual: str | None = None
    ) -> None:
        nonlocal size, tensor
        weight, bias = _fold(state, conv, norm)
        pads = _same(size, weight.shape[2], stride)
        found.append(Conv(name, tensor, f"{name}.out", weight, bias, stride, pads, relu6, residual))
        size, tensor = -(-size // stride), f"{name}.out"

    add("stem", "_conv_stem", "_bn0", stride=2)
    index = 0
    for repeats, first_stride in zip(STAGE_REPEATS, STAGE_STRIDES, strict=True):
        for repeat in range(repeats):
            key, name, entry = f"_blocks.{index}", f"block{index:02d}", tensor
            stride = first_stride if repeat == 0 else 1
            if f"{key}._expand_conv.weight" in state:
                add(f"{name}.expand", f"{key}._expand_conv", f"{key}._bn0")
            add(f"{name}.depthwise", f"{key}._depthwise_conv", f"{key}._bn1", stride=stride)
            add(
                f"{name}.project",
                f"{key}._project_conv",
                f"{key}._bn2",
                relu6=False,
                residual=entry if repeat else None,
            )
            if repeat:
                tensor = f"{name}.project.sum"
            index += 1
    add("head", "_conv_head", "_bn1")
    return found


def _close(graph: Graph, watched: Iterable[str]) -> onnx.ModelProto:
    outputs = [tensor_info("features", TensorProto.FLOAT, ["n", DIM])]
    outputs += [tensor_info(name, TensorProto.FLOAT, ["n", None, None, None]) for name in watched]
    return graph.model([tensor_info("images", TensorProto.UINT8, ["n", SIZE, SIZE, 3])], outputs)


def _conv_attributes(conv: Conv) -> dict[str, Any]:
    before, after = conv.pads
    return {
        "kernel_shape": list(conv.weight.shape[2:]),
        "strides": [conv.stride] * 2,
        "pads": [before, before, after, after],
        "group": conv.weight.shape[0] if conv.depthwise else 1,
    }


def _pool(graph: Graph, tensor: str) -> None:
    graph.node("GlobalAveragePool", [tensor], "pooled")
    graph.node("Flatten", ["pooled"], "features", axis=1)


def float_graph(convs: list[Conv], *, expose: bool = False) -> onnx.ModelProto:
    """Emit the float32 network; `expose` also returns every activation, which calibration reads."""
    graph = Graph("efficientnet_lite2")
    graph.node("Transpose", ["images"], "planes", perm=[0, 3, 1, 2])
    graph.node("Cast", ["planes"], "planes.float", to=TensorProto.FLOAT)
    graph.node("Sub", ["planes.float", graph.constant("mean", np.float32(MEAN))], "centred")
    graph.node("Div", ["centred", graph.constant("span", np.float32(SPAN))], "pixels")
    bounds = [graph.constant("zero", np.float32(0)), graph.constant("six", np.float32(6))]
    watched: list[str] = []
    for conv in convs:
        inputs = [
            conv.source,
            graph.constant(f"{conv.name}.w", conv.weight),
            graph.constant(f"{conv.name}.b", conv.bias),
        ]
        raw = f"{conv.name}.raw" if conv.relu6 else conv.output
        graph.node("Conv", inputs, raw, **_conv_attributes(conv))
        if conv.relu6:
            graph.node("Clip", [raw, *bounds], conv.output)
        watched.append(conv.output)
        if conv.residual:
            watched.append(graph.node("Add", [conv.output, conv.residual], f"{conv.output.removesuffix('.out')}.sum"))
    _pool(graph, convs[-1].output)
    return _close(graph, watched if expose else ())


def integer_graph(
    convs: list[Conv],
    ranges: Mapping[str, Range],
    weights: Mapping[str, tuple[npt.NDArray[np.int8], F32]],
    *,
    expose: bool = False,
) -> onnx.ModelProto:
    """Emit the 8-bit network (QDQ form, per-channel weights, unsigned activations).

    There is no ``Clip``: a range that ends at or below 6 makes saturation of the codes do its work.
    """
    graph = Graph("efficientnet_lite2")
    graph.node("Transpose", ["images"], "planes", perm=[0, 3, 1, 2])
    ranges = {**ranges, "pixels": Range(-MEAN / SPAN, (255 - MEAN) / SPAN)}
    for name, span in ranges.items():
        graph.constant(f"{name}.scale", np.float32(span.scale if name != "pixels" else 1 / SPAN))
        graph.constant(f"{name}.zero", np.uint8(span.zero_point))

    def read(name: str, reader: str) -> str:
        # One DequantizeLinear per reader: the runtime fuses an operation only with inputs that are its own.
        codes = "planes" if name == "pixels" else f"{name}.codes"
        return graph.node("DequantizeLinear", [codes, f"{name}.scale", f"{name}.zero"], f"{name}>{reader}")

    def store(values: str, name: str) -> str:
        return graph.node("QuantizeLinear", [values, f"{name}.scale", f"{name}.zero"], f"{name}.codes")

    watched = []
    for conv in convs:
        raw = f"{conv.name}.raw"
        codes, scale = weights[conv.name]
        weight_zero = graph.constant(f"{conv.name}.w.zero", np.zeros(len(scale), np.int8))
        weight = graph.node(
            "DequantizeLinear",
            [graph.constant(f"{conv.name}.w.codes", codes), graph.constant(f"{conv.name}.w.scale", scale), weight_zero],
            f"{conv.name}.w",
            axis=0,
        )
        step = scale * np.float32(ranges[conv.source].scale if conv.source != "pixels" else 1 / SPAN)
        bias_codes = np.clip(np.rint(conv.bias.astype(np.float64) / step), -(2**31) + 1, 2**31 - 1).astype(np.int32)
        bias_zero = graph.constant(f"{conv.name}.b.zero", np.zeros(len(scale), np.int32))
        bias = graph.node(
            "DequantizeLinear",
            [
                graph.constant(f"{conv.name}.b.codes", bias_codes),
                graph.constant(f"{conv.name}.b.scale", step),
                bias_zero,
            ],
            f"{conv.name}.b",
            axis=0,
        )
        graph.node("Conv", [read(conv.source, conv.name), weight, bias], raw, **_conv_attributes(conv))
        store(raw, conv.output)
        watched.append(conv.output)
        if conv.residual:
            total = f"{conv.output.removesuffix('.out')}.sum"
            graph.node("Add", [read(conv.output, total), read(conv.residual, total)], f"{total}.raw")
            store(f"{total}.raw", total)
            watched.append(total)
    _pool(graph, read(convs[-1].output, "pool"))
    if expose:
        watched = [read(name, "watch") for name in watched]
    return _close(graph, watched if expose else ())
