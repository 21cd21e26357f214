"""Streaming: order, errors, bounded look-ahead, and an end that leaves nothing behind."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from unseen.encoders.pipeline import encode_stream
from unseen.errors import ItemError
from unseen.inputs.sources import Item

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt


def prepare(content: Any) -> npt.NDArray[np.uint8]:
    if content == b"bad":
        raise ItemError("damaged")
    return np.full((2, 2, 3), int(content), np.uint8)


def encode(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    return pixels.reshape(len(pixels), -1)[:, :2].astype(np.float32)


def items(contents: list[bytes]) -> Iterator[Item]:
    for i, content in enumerate(contents):
        yield Item(f"item-{i}", content, None)


@pytest.mark.parametrize("n_workers", [1, 3])
@pytest.mark.parametrize("n", [0, 1, 7, 64])
def test_order_is_kept(n: int, n_workers: int) -> None:
    stream = encode_stream(
        items([b"%d" % i for i in range(n)]), prepare=prepare, encode=encode, batch_size=4, n_workers=n_workers
    )
    batches = list(stream)
    assert [item.name for batch in batches for item in batch.items] == [f"item-{i}" for i in range(n)]
    assert [int(v[0]) for batch in batches for v in batch.vectors] == list(range(n))


def test_an_unusable_item_keeps_its_place_and_the_others_go_on() -> None:
    source = [Item("a", b"1", None), Item("b", b"bad", None), Item("c", b"2", "dangling link"), Item("d", b"3", None)]
    (batch,) = encode_stream(source, prepare=prepare, encode=encode, batch_size=16, n_workers=2)
    assert batch.errors == [None, "damaged", "dangling link", None]
    assert batch.vectors[:, 0].tolist() == [1, 3]
    assert [image is None for image in batch.pixels] == [False, True, True, False]


def test_a_batch_of_only_unusable_items() -> None:
    (batch,) = encode_stream(items([b"bad"] * 3), prepare=prepare, encode=encode, batch_size=12, n_workers=2)
    assert batch.errors == ["damaged"] * 3
    assert len(batch.vectors) == 0


def test_items_are_drawn_only_a_bounded_way_ahead() -> None:
    drawn = 0

    def endless() -> Iterator[Item]:
        nonlocal drawn
        while True:
            drawn += 1
            yield Item(str(drawn), b"1", None)

    stream = encode_stream(endless(), prepare=prepare, encode=encode, batch_size=4, n_workers=2)
    for _ in range(10):
        next(stream)
    assert drawn <= (10 + 2 * 2) * 3 * 4
    stream.close()  # type: ignore[attr-defined]


def test_a_slow_source_does_not_hold_back_what_is_ready() -> None:
    drawn = 0

    def camera() -> Iterator[Item]:
        nonlocal drawn
        while True:
            time.sleep(0.1)
            drawn += 1
            yield Item(str(drawn), b"1", None)

    stream = encode_stream(camera(), prepare=prepare, encode=encode, batch_size=4, n_workers=8)
    next(stream)
    assert drawn < 8
    stream.close()  # type: ignore[attr-defined]


def test_a_photo_that_memory_cannot_hold_is_a_row() -> None:
    def greedy(content: Any) -> npt.NDArray[np.uint8]:
        if content == b"huge":
            raise MemoryError
        return prepare(content)

    (batch,) = encode_stream(
        [Item("a", b"1", None), Item("b", b"huge", None)], prepare=greedy, encode=encode, batch_size=8, n_workers=1
    )
    assert batch.errors == [None, "too large: not enough memory to prepare it"]


def test_stopping_early_leaves_no_thread() -> None:
    stream = encode_stream(items([b"1"] * 100), prepare=prepare, encode=encode, batch_size=1, n_workers=2)
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert not [t for t in threading.enumerate() if t.name.startswith("unseen-encode")]


def test_a_fault_of_the_source_or_the_network_comes_through() -> None:
    def broken() -> Iterator[Item]:
        yield Item("a", b"1", None)
        raise RuntimeError("the source broke")

    with pytest.raises(RuntimeError, match="the source broke"):
        list(encode_stream(broken(), prepare=prepare, encode=encode, batch_size=4, n_workers=2))

    def no_network(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        raise RuntimeError("the network broke")

    with pytest.raises(RuntimeError, match="the network broke"):
        list(encode_stream(items([b"1"]), prepare=prepare, encode=no_network, batch_size=4, n_workers=2))


def test_batches_grow_and_the_network_sees_small_ones() -> None:
    seen: list[int] = []

    def watched(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        seen.append(len(pixels))
        return encode(pixels)

    stream = encode_stream(items([b"1"] * 200), prepare=prepare, encode=watched, batch_size=8, n_workers=2)
    assert [len(batch.items) for batch in stream][:10] == [2, 2, 4, 4, 8, 8, 16, 16, 24, 24]
    assert max(seen) == 8
