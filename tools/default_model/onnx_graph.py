"""A few lines over `onnx.helper`, so that a tower reads as its list of operations."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
from onnx import helper, numpy_helper

if TYPE_CHECKING:
    from collections.abc import Sequence

OPSET = 17
# The oldest file version that carries opset 17: old runtimes can read it, and it does not move with the onnx package.
IR_VERSION = 8


class Graph:
    """Collects nodes and constants; one instance makes one model."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}

    def node(self, kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        """Append one operation and return the name of its output."""
        self.nodes.append(helper.make_node(kind, list(inputs), [output], name=f"{output}:{kind}", **attributes))
        return output

    def constant(self, name: str, value: npt.NDArray[Any] | np.generic) -> str:
        """Store a constant and return its name; a second constant of that name must be the same."""
        tensor = numpy_helper.from_array(np.array(value, order="C"), name)
        if self.constants.setdefault(name, tensor) != tensor:
            raise ValueError(f"Graph: constant {name!r} is defined twice with different values.")
        return name

    def model(self, inputs: Sequence[onnx.ValueInfoProto], outputs: Sequence[onnx.ValueInfoProto]) -> onnx.ModelProto:
        """Close the graph into a checked model that carries no version, path or date of the machine that made it."""
        graph = helper.make_graph(self.nodes, self.name, inputs, outputs, list(self.constants.values()))
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="unseen")
        model.ir_version = IR_VERSION
        onnx.checker.check_model(model, full_check=True)
        return model


def tensor_info(name: str, kind: int, shape: Sequence[int | str | None]) -> onnx.ValueInfoProto:
    """Describe an input or output."""
    return helper.make_tensor_value_info(name, kind, shape)


def session(model: onnx.ModelProto | Path, threads: int = 1) -> ort.InferenceSession:
    """Open a graph; one thread by default, because that is what makes two builds agree."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    source = str(model) if isinstance(model, Path) else model.SerializeToString()
    return ort.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def save(model: onnx.ModelProto, path: Path) -> None:
    """Write a model; protobuf's deterministic mode makes two builds byte-identical."""
    path.write_bytes(model.SerializeToString(deterministic=True))
