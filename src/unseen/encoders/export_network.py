"""One torch module as one ONNX file, and that file in a smaller precision.

Imports torch: only :mod:`unseen.encoders.export` imports this module, once it has a torch encoder.
"""

from __future__ import annotations

import logging
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from unseen.errors import ModelError
from unseen.validation import import_extra

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt

__all__ = ["OUTPUT", "IdsOnly", "export_network", "reduce_precision"]

OUTPUT = "vectors"
#: LayerNormalization, which transformers consist of, is one operator since 17; what onnxruntime 1.20 reads ends at 21.
_OPSET = 18
#: What protobuf can hold in one file, less some room.
_MAX_FILE = 2_000_000_000
#: Matrices of fewer numbers stay in float32.
_FEW = 1024
#: Products with weights, where nearly all time goes. Not convolutions: onnxruntime's integer ones are slower.
_TO_INT8 = ["MatMul", "Gemm"]
_LOGGERS = ("torch.onnx", "onnxscript", "onnx_ir", "onnxruntime")


class IdsOnly(torch.nn.Module):  # type: ignore[misc]  # torch has no types here
    """A text network that reads no mask, without the mask: token ids (b, t) to vectors (b, k)."""

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Return vectors of texts."""
        return self.network(ids, torch.ones_like(ids))


def export_network(
    module: torch.nn.Module,
    example: Mapping[str, npt.NDArray[np.generic]],
    path: Path,
    *,
    dynamic: Sequence[Mapping[int, str]],
) -> None:
    """Write a torch module as an ONNX file.

    Parameters
    ----------
    module : Module
        On the CPU.
    example : mapping of str to array
        Its inputs by name, in order; at least two rows each.
    path : Path
        Weights of more than two gigabytes go into a file of the same name with ``.data`` behind it.
    dynamic : sequence of mapping of int to str
        For each input, the axes that may have any length, with their names.

    Raises
    ------
    ModelError
        When the module does something that ONNX has no operator for.
    """
    dims = tuple(dict.fromkeys(axes, torch.export.Dim.DYNAMIC) for axes in dynamic)
    try:
        with quiet(), torch.no_grad():
            program = torch.onnx.export(
                module.eval(),
                tuple(torch.from_numpy(array) for array in example.values()),
                None,
                input_names=list(example),
                output_names=[OUTPUT],
                dynamo=True,
                dynamic_shapes=dims,
                opset_version=_OPSET,
                verbose=False,
            )
            program.save(str(path))
    except Exception as error:  # whatever torch's compiler does not know how to follow
        reason = " ".join(str(error).split())[:300]
        raise ModelError(
            f"export_onnx: the {path.stem} network must be one that torch.onnx can follow; it could not: {reason}. "
            "Update torch and onnxscript, or use the model as it is."
        ) from error
    _tidy(path, list(dynamic))


def _tidy(path: Path, dynamic: list[Mapping[int, str]]) -> None:
    """Take out what only says where the network was made, paths of that machine included, and name the axes."""
    onnx = import_extra("onnx", extra="export", purpose="unseen export")
    model = onnx.load(str(path), load_external_data=False)
    for holder in (model, model.graph, *model.graph.node, *model.graph.input, *model.graph.output, *model.functions):
        holder.ClearField("metadata_props")
        holder.ClearField("doc_string")
    for tensor in model.graph.initializer:
        tensor.ClearField("metadata_props")
        tensor.ClearField("doc_string")
    model.graph.ClearField("value_info")
    for value, axes in zip(model.graph.input, dynamic, strict=True):
        for axis, name in axes.items():
            value.type.tensor_type.shape.dim[axis].dim_param = name
    for value in model.graph.output:
        value.type.tensor_type.shape.dim[0].dim_param = dynamic[0][0]
    path.write_bytes(model.SerializeToString())


def reduce_precision(path: Path, precision: str) -> bool:
    """Rewrite an ONNX file with weights in float16 or int8; inputs and outputs stay as they are.

    Returns
    -------
    bool
        Whether the network measures its inputs as it runs, so that an item's vector depends on what shares its batch.

    Raises
    ------
    ModelError
        When the library that does it fails.
    """
    if precision == "fp32":
        return False
    onnx = import_extra("onnx", extra="export", purpose="unseen export")
    smaller = path.with_name(f"smaller-{path.name}")
    try:
        with quiet():
            (_to_float16 if precision == "fp16" else _to_int8)(onnx, path, smaller)
        model = onnx.load(str(smaller), load_external_data=False)
    except Exception as error:  # the libraries raise what their innards do
        reason = " ".join(str(error).split())[:300]
        raise ModelError(
            f"export_onnx: the {path.stem} network cannot be made {precision}: {reason}. Use fp32."
        ) from error
    path.with_name(path.name + ".data").unlink(missing_ok=True)
    smaller.replace(path)
    return any(node.op_type == "DynamicQuantizeLinear" for node in model.graph.node)


def _to_float16(onnx: Any, path: Path, out: Path) -> None:
    """Keep large weights in float16 and turn them back as the network is loaded, so that it computes in float32.

    onnxruntime's converter, which turns the operations too, gains nothing on a CPU; its results can overflow, and for
    open_clip's networks onnxruntime 1.32 crashes when it loads them.
    """
    model = onnx.load(str(path))
    _halve(onnx, model)
    _write_whole(model, out)


def _halve(onnx: Any, model: Any) -> None:
    graph, casts = model.graph, []
    for tensor in graph.initializer:
        if tensor.data_type != onnx.TensorProto.FLOAT:
            continue
        values = onnx.numpy_helper.to_array(tensor)
        # Biases and scales cost nothing, and what float16 cannot hold stays.
        if values.ndim < 2 or values.size < _FEW or np.abs(values).max() > np.finfo(np.float16).max:
            continue
        name = f"{tensor.name}.float16"
        casts.append(onnx.helper.make_node("Cast", [name], [tensor.name], to=onnx.TensorProto.FLOAT))
        tensor.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float16), name))
    nodes = list(graph.node)
    graph.ClearField("node")
    graph.node.extend([*casts, *nodes])


def _to_int8(onnx: Any, path: Path, out: Path) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(
        str(path),
        str(out),
        op_types_to_quantize=_TO_INT8,
        per_channel=True,
        # Seven bits: eight overflow on processors without VNNI, and a network must compute alike everywhere.
        reduce_range=True,
        weight_type=QuantType.QInt8,
    )
    model = onnx.load(str(out))
    _halve(onnx, model)  # what is no product with weights: tables of tokens, convolutions
    _write_whole(model, out)


def _write_whole(model: Any, out: Path) -> None:
    if model.ByteSize() > _MAX_FILE:
        raise ValueError("it is larger than two gigabytes even so")
    model.graph.ClearField("value_info")
    out.write_bytes(model.SerializeToString())


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the libraries' progress and advice off the terminal, and their hands off the host's logging."""
    root = logging.getLogger()
    # `logging.warning`, which onnxruntime's tools call, would set up the root logger if it had no handler.
    nothing = logging.NullHandler()
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    levels = [logger.level for logger in loggers]
    disabled = root.manager.disable
    root.addHandler(nothing)
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            # Of these two libraries about each other's deprecated names; the result is verified afterwards.
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        root.removeHandler(nothing)
