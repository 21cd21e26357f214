"""The text tower: all-MiniLM-L6-v2 with 8-bit weights and float arithmetic.

Weights are stored as 8-bit codes with one scale per output channel (per row for the word table) and become float32
again when the runtime folds constants at load. Activations stay float, so a sentence's vector depends neither on its
neighbours in a batch nor on the CPU's integer instructions. Mean pooling and L2 normalisation are part of the graph.
"""

from __future__ import annotations

import json
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto
from onnx_graph import Graph, tensor_info
from safetensors.numpy import load

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

F32 = npt.NDArray[np.float32]

LAYERS, HEADS, DIM = 6, 12, 384
MAX_LENGTH = 256
LN_EPS = 1e-12


def load_archive(path: Path) -> tuple[dict[str, F32], str]:
    """Read the weights and the tokenizer's JSON from the published archive."""
    with zipfile.ZipFile(path) as archive:
        return dict(load(archive.read("model.safetensors"))), archive.read("tokenizer.json").decode()


def tokenizer_json(source: str) -> str:
    """Return the tokenizer with the model's real limit.

    The published file truncates at 128 tokens and pads everything to 128; the model card's limit is 256 and padding to
    the longest of a batch is the caller's business (it knows the batch).
    """
    card: dict[str, Any] = json.loads(source)
    card["truncation"] = {"direction": "Right", "max_length": MAX_LENGTH, "strategy": "LongestFirst", "stride": 0}
    card["padding"] = None
    return json.dumps(card, ensure_ascii=False, separators=(",", ":")) + "\n"


def quantise_rows(weight: F32) -> tuple[npt.NDArray[np.int8], F32]:
    """8-bit codes and one scale per row; of a few clipping points the one with the least squared error."""
    peak = np.abs(weight).max(1, keepdims=True).astype(np.float64)
    best_error = np.full((len(weight), 1), np.inf)
    best_scale = np.maximum(peak, 1e-12) / 127
    for share in np.linspace(1.0, 0.7, 16):
        scale = np.maximum(peak * share, 1e-12) / 127
        error = ((np.clip(np.rint(weight / scale), -127, 127) * scale - weight) ** 2).sum(1, keepdims=True)
        best_scale = np.where(error < best_error, scale, best_scale)
        best_error = np.minimum(error, best_error)
    scale32 = best_scale.astype(np.float32)
    return np.clip(np.rint(weight / scale32), -127, 127).astype(np.int8), scale32


class _Bert:
    """Emits the encoder; `compact` stores 8-bit weights, otherwise float32 ones (the reference to measure against)."""

    def __init__(self, state: Mapping[str, F32], *, compact: bool) -> None:
        self.state = state
        self.compact = compact
        self.graph = Graph("all_minilm_l6_v2")

    def linear(self, tensor: str, key: str) -> str:
        graph, weight = self.graph, self.state[f"{key}.weight"]
        if self.compact:
            # Cast and Mul rather than DequantizeLinear: the runtime folds these two at load, and deliberately keeps
            # DequantizeLinear for quantised kernels, which would repeat the work on every call.
            codes, scale = quantise_rows(weight)
            graph.constant(f"{key}.codes", np.ascontiguousarray(codes.T))
            graph.node("Cast", [f"{key}.codes"], f"{key}.whole", to=TensorProto.FLOAT)
            graph.node("Mul", [f"{key}.whole", graph.constant(f"{key}.scale", scale.T)], f"{key}.weight")
        else:
            graph.constant(f"{key}.weight", np.ascontiguousarray(weight.T))
        graph.node("MatMul", [tensor, f"{key}.weight"], f"{key}.product")
        return graph.node(
            "Add", [f"{key}.product", graph.constant(f"{key}.bias", self.state[f"{key}.bias"])], f"{key}.out"
        )

    def norm(self, tensor: str, key: str) -> str:
        weight = self.graph.constant(f"{key}.weight", self.state[f"{key}.weight"])
        bias = self.graph.constant(f"{key}.bias", self.state[f"{key}.bias"])
        return self.graph.node("LayerNormalization", [tensor, weight, bias], f"{key}.out", axis=-1, epsilon=LN_EPS)

    def words(self) -> str:
        graph, table = self.graph, self.state["embeddings.word_embeddings.weight"]
        if not self.compact:
            return graph.node("Gather", [graph.constant("words.table", table), "input_ids"], "words")
        codes, scale = quantise_rows(table)
        graph.node("Gather", [graph.constant("words.codes", codes), "input_ids"], "words.picked")
        graph.node("Gather", [graph.constant("words.scale", scale), "input_ids"], "words.step")
        graph.node("Cast", ["words.picked"], "words.whole", to=TensorProto.FLOAT)
        return graph.node("Mul", ["words.whole", "words.step"], "words")

    def embed(self) -> str:
        graph, state = self.graph, self.state
        # Every token is of type 0, so the type's row joins the positions once and for all.
        table = state["embeddings.position_embeddings.weight"][:MAX_LENGTH]
        table = table + state["embeddings.token_type_embeddings.weight"][0]
        graph.node("Shape", ["input_ids"], "length", start=1, end=2)
        ends = [graph.constant("int.0", np.array([0], np.int64)), "length"]
        graph.node("Slice", [graph.constant("positions.table", table), *ends, "int.0"], "positions")
        return self.norm(graph.node("Add", [self.words(), "positions"], "embeddings"), "embeddings.LayerNorm")

    def attention(self, tensor: str, key: str) -> str:
        graph = self.graph
        split = graph.constant("split", np.array([0, 0, HEADS, DIM // HEADS], np.int64))
        heads = {}
        for part, perm in (("query", [0, 2, 1, 3]), ("key", [0, 2, 3, 1]), ("value", [0, 2, 1, 3])):
            name = f"{key}.self.{part}"
            graph.node("Reshape", [self.linear(tensor, name), split], f"{name}.split")
            heads[part] = graph.node("Transpose", [f"{name}.split"], f"{name}.heads", perm=perm)
        graph.node("MatMul", [heads["query"], heads["key"]], f"{key}.dots")
        root = graph.constant("root", np.float32(np.sqrt(DIM / HEADS)))
        graph.node("Div", [f"{key}.dots", root], f"{key}.scaled")
        graph.node("Add", [f"{key}.scaled", "hidden"], f"{key}.masked")
        graph.node("Softmax", [f"{key}.masked"], f"{key}.shares", axis=-1)
        graph.node("MatMul", [f"{key}.shares", heads["value"]], f"{key}.mixed")
        graph.node("Transpose", [f"{key}.mixed"], f"{key}.turned", perm=[0, 2, 1, 3])
        joined = graph.constant("joined", np.array([0, 0, DIM], np.int64))
        graph.node("Reshape", [f"{key}.turned", joined], f"{key}.joined")
        return self.linear(f"{key}.joined", f"{key}.output.dense")

    def gelu(self, tensor: str) -> str:
        graph = self.graph
        graph.node("Div", [tensor, graph.constant("root2", np.float32(np.sqrt(2)))], f"{tensor}.over")
        graph.node("Erf", [f"{tensor}.over"], f"{tensor}.erf")
        graph.node("Add", [f"{tensor}.erf", graph.constant("one", np.float32(1))], f"{tensor}.plus")
        graph.node("Mul", [tensor, f"{tensor}.plus"], f"{tensor}.twice")
        return graph.node("Mul", [f"{tensor}.twice", graph.constant("half", np.float32(0.5))], f"{tensor}.gelu")

    def build(self) -> onnx.ModelProto:
        graph = self.graph
        graph.node("Cast", ["attention_mask"], "mask", to=TensorProto.FLOAT)
        graph.node("Unsqueeze", ["mask", graph.constant("axes.12", np.array([1, 2], np.int64))], "mask.wide")
        graph.node("Sub", [graph.constant("one", np.float32(1)), "mask.wide"], "mask.off")
        graph.node("Mul", ["mask.off", graph.constant("never", np.float32(-1e9))], "hidden")
        tensor = self.embed()
        for index in range(LAYERS):
            key = f"encoder.layer.{index}"
            update = self.attention(tensor, f"{key}.attention")
            graph.node("Add", [update, tensor], f"{key}.attention.sum")
            tensor = self.norm(f"{key}.attention.sum", f"{key}.attention.output.LayerNorm")
            update = self.linear(self.gelu(self.linear(tensor, f"{key}.intermediate.dense")), f"{key}.output.dense")
            graph.node("Add", [update, tensor], f"{key}.sum")
            tensor = self.norm(f"{key}.sum", f"{key}.output.LayerNorm")
        # Mean over the real tokens as one product (n,1,t) @ (n,t,384); the division by the count is left to the norm.
        graph.node("Unsqueeze", ["mask", graph.constant("axes.1", np.array([1], np.int64))], "mask.row")
        graph.node("MatMul", ["mask.row", tensor], "total.row")
        graph.node("Squeeze", ["total.row", "axes.1"], "total")
        graph.node("ReduceL2", ["total"], "total.size", axes=[1], keepdims=1)
        graph.node("Max", ["total.size", graph.constant("tiny", np.float32(1e-12))], "total.floor")
        graph.node("Div", ["total", "total.floor"], "embedding")
        return graph.model(
            [tensor_info(name, TensorProto.INT64, ["n", "t"]) for name in ("input_ids", "attention_mask")],
            [tensor_info("embedding", TensorProto.FLOAT, ["n", DIM])],
        )


def build(state: Mapping[str, F32], *, compact: bool = True) -> onnx.ModelProto:
    """Emit the text tower."""
    return _Bert(state, compact=compact).build()
