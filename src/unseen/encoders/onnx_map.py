"""The feature map of an exported network that ends in an average over places: its vectors before they are averaged.

Such a file declares one size of image and hands out the average alone, though every step before it takes images of any
size. Both are a few bytes of the file, which is a protobuf message: the declared height and width are overwritten by
names of the same length, and what goes into the average is declared a second output by bytes put behind the file,
since messages merge where they are concatenated. Nothing is written to disk.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.encoders.onnx_scan import _fields as fields
from unseen.encoders.onnx_scan import _varint as varint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy.typing as npt

__all__ = ["MapNetwork", "MapPlan", "plan_map"]

#: What may stand between the average and the output: steps that move numbers and change none.
_AFTER = frozenset({"Flatten", "Reshape", "Squeeze", "Identity", "Cast", "Dropout"})
#: What averages over places; whether it does is for a run to show (see `OnnxEncoder`).
_POOLS = frozenset({"GlobalAveragePool", "ReduceMean", "AveragePool"})
#: Steps whose strides set how far places lie apart.
_STRIDED = frozenset({"Conv", "MaxPool", "AveragePool", "ConvInteger", "QLinearConv"})


@dataclass(frozen=True)
class MapPlan:
    """How to get the map.

    Attributes
    ----------
    model : bytes
        The network, for images of any height and width, with the map as a further output.
    output : str
        The map's name.
    stride : int
        How many pixels lie between its places.
    """

    model: bytes
    output: str
    stride: int


@dataclass(frozen=True)
class _Node:
    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    stride: int


class MapNetwork:
    """A network that gives its map.

    Attributes
    ----------
    stride : int
        How many pixels lie between places.
    """

    def __init__(self, session: Any, plan: MapPlan, card: dict[str, Any]) -> None:
        self.stride = plan.stride
        self._session, self._card, self._output = session, card, plan.output
        self._last = 1

    @classmethod
    def of(cls, card: dict[str, Any], model: bytes, open_session: Callable[..., Any]) -> MapNetwork | None:
        """Return the map of an image network, or None where it has none.

        That the map's mean is the vector, and that images of other shapes are taken, is tried out.

        Parameters
        ----------
        card : dict
            The ``image`` part of an encoder's card.
        model : bytes
            The network.
        open_session : callable
            Given a network and ``threads``, opens it.
        """
        from unseen.encoders.base import available_cores

        size, dim = card["size"], card["dim"]
        try:
            plan = plan_map(model, image=card["input_name"], vectors=card["output_name"], size=size)
            if plan is None:
                return None
            network = cls(open_session(plan.model, threads=available_cores()), plan, card)
            pixels = np.random.default_rng(0).integers(0, 256, (1, size, size, 3), np.uint8)
            outputs = [card["output_name"], plan.output]
            vectors, places = network._session.run(outputs, {card["input_name"]: pixels})
            network._last = 1 if places.ndim == 4 and places.shape[1] == dim else 3
            found = np.moveaxis(places, network._last, 3).mean(axis=(1, 2)) if places.ndim == 4 else places
            scale = float(np.abs(vectors).max())
            if found.shape != (1, dim) or not np.allclose(found, vectors, rtol=0, atol=1e-3 * scale):
                return None
            wide = network.run(np.zeros((1, size, size + 2 * plan.stride, 3), np.uint8))
        except Exception:  # noqa: BLE001  onnxruntime has no common base; such a network has vectors all the same
            return None
        before = np.moveaxis(places, network._last, 3).shape
        return network if wide.shape[1:3] == (before[1], before[2] + 2) else None

    def run(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Return the map (b, gh, gw, d) of images (b, H, W, 3)."""
        places = self._session.run([self._output], {self._card["input_name"]: pixels})[0]
        return np.ascontiguousarray(np.moveaxis(places, self._last, 3), dtype=np.float32)


def plan_map(model: bytes, *, image: str, vectors: str, size: int) -> MapPlan | None:
    """Return how to get the map of a network, or None where it does not end in an average over places.

    Parameters
    ----------
    model : bytes
        An ONNX file.
    image, vectors : str
        Its input and its output.
    size : int
        The height and width of images that it declares.

    Raises
    ------
    ValueError
        When it is no ONNX file.
    """
    graphs = [(first, last) for number, first, last in fields(model, 0, len(model)) if number == 7]
    if len(graphs) != 1:
        return None
    nodes, dims = [], None
    for number, first, last in fields(model, *graphs[0]):
        if number == 1:
            nodes.append(_node(model, first, last))
        elif number == 11 and _name(model, first, last) == image:
            dims = list(_dims(model, first, last))
    source = _before_average(nodes, vectors)
    stride = _strides(nodes, image).get(source or "", 0)
    if source is None or not stride or dims is None:
        return None
    changed = bytearray(model)
    letters = iter(b"YX")
    for first, last in dims:
        # Of a dimension with a name, and of one without anything, nothing need be changed.
        if last > first and model[first] == 0x08 and varint(model, first + 1)[0] == size:
            letter = next(letters, None)
            if letter is None:
                return None
            room = last - first
            # A name of as many bytes as the number took; an empty one where there is room for none.
            name = bytes([letter]) * (room - 2)
            changed[first:last] = bytes([0x12, len(name)]) + name
    output = _message(12, _message(1, source.encode()))
    return MapPlan(bytes(changed) + _message(7, output), source, stride)


def _before_average(nodes: list[_Node], output: str) -> str | None:
    """Return the name of what is averaged to make the output."""
    makers = {name: node for node in nodes for name in node.outputs}
    for _ in range(len(nodes)):
        node = makers.get(output)
        if node is None or not node.inputs:
            return None
        output = node.inputs[0]
        if node.kind in _POOLS:
            return output
        if node.kind not in _AFTER:
            return None
    return None


def _strides(nodes: list[_Node], image: str) -> dict[str, int]:
    """Return how many pixels lie between the places of everything that is made of the image."""
    strides = {image: 1}
    for node in nodes:
        coming = [strides[name] for name in node.inputs if name in strides]
        if coming:
            strides |= dict.fromkeys(node.outputs, max(coming) * node.stride)
    return strides


def _node(data: bytes, start: int, end: int) -> _Node:
    kind, inputs, outputs, stride = "", [], [], 1
    for number, first, last in fields(data, start, end):
        if number == 1:
            inputs.append(_text(data, first, last))
        elif number == 2:
            outputs.append(_text(data, first, last))
        elif number == 4:
            kind = _text(data, first, last)
        elif number == 5 and _name(data, first, last) == "strides":
            stride = _first_int(data, first, last)
    return _Node(kind, tuple(inputs), tuple(outputs), stride if kind in _STRIDED else 1)


def _first_int(data: bytes, start: int, end: int) -> int:
    """Return the first of the ``ints`` (field 8) of an attribute, which come packed or one by one."""
    position = start
    while position < end:
        tag, position = varint(data, position)
        number, wire = tag >> 3, tag & 7
        if number == 8 and wire in (0, 2):
            return varint(data, varint(data, position)[1] if wire == 2 else position)[0]
        if wire in (0, 2):
            value, position = varint(data, position)
            position += value if wire == 2 else 0
        else:
            position += {1: 8, 5: 4}[wire]
    return 1


def _dims(data: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield where the dimensions of a value lie: its type (2), a tensor (1), its shape (2), each dimension (1)."""
    places = [(start, end)]
    for wanted in (2, 1, 2, 1):
        places = [(first, last) for place in places for number, first, last in fields(data, *place) if number == wanted]
    yield from places


def _name(data: bytes, start: int, end: int) -> str:
    return next((_text(data, first, last) for number, first, last in fields(data, start, end) if number == 1), "")


def _text(data: bytes, first: int, last: int) -> str:
    return data[first:last].decode("utf-8", "backslashreplace")


def _message(number: int, content: bytes) -> bytes:
    """Return a field of a protobuf message that holds bytes."""
    length, left = b"", len(content)
    while left > 0x7F:
        length, left = length + bytes([left & 0x7F | 0x80]), left >> 7
    return bytes([number << 3 | 2]) + length + bytes([left]) + content
