"""How the image tower's floats become 8-bit integers: the ranges of activations and the rounding of weights.

Nothing here looks at a photo that an accuracy figure is computed on; the calibration photos are given by the caller.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from image_tower import Conv, Range, float_graph
from onnx_graph import session

if TYPE_CHECKING:
    from collections.abc import Iterator

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
I8 = npt.NDArray[np.int8]
U8 = npt.NDArray[np.uint8]

BINS = 2048
BATCH = 4
POSITIONS = 96  # sampled locations per photo and layer for the input statistics
DAMPING = 0.01
# Two neighbouring unsigned * signed products must fit 16 bits: 255 * 128 = 32,640 <= 32,767.
PAIR_LIMIT = 128
# A channel whose weights are (nearly) all zero is a constant; a step below this floor would push its bias out of
# 32 bits.
SMALLEST_PEAK = 1e-3


@dataclass
class Statistics:
    """What calibration learns about each activation tensor of the float network."""

    low: dict[str, float]
    high: dict[str, float]
    histogram: dict[str, F64]
    gram: dict[str, F64]


def _batches(images: U8) -> Iterator[U8]:
    for start in range(0, len(images), BATCH):
        yield images[start : start + BATCH]


def collect(convs: list[Conv], images: U8) -> Statistics:
    """Run the float network over the calibration photos: extremes first, then histograms and input products."""
    runner = session(float_graph(convs, expose=True))
    names = [output.name for output in runner.get_outputs()][1:]
    pointwise = {conv.source for conv in convs if conv.pointwise}
    stats = Statistics(dict.fromkeys(names, 0.0), dict.fromkeys(names, 0.0), {}, {})
    for batch in _batches(images):
        for name, value in zip(names, runner.run(names, {"images": batch}), strict=True):
            stats.low[name] = min(stats.low[name], float(value.min()))
            stats.high[name] = max(stats.high[name], float(value.max()))
    random = np.random.default_rng(0)
    for batch in _batches(images):
        for name, value in zip(names, runner.run(names, {"images": batch}), strict=True):
            low, high = stats.low[name], stats.high[name]
            index = np.minimum(((value.ravel() - low) * (BINS / (high - low))).astype(np.int32), BINS - 1)
            stats.histogram[name] = stats.histogram.get(name, np.zeros(BINS)) + np.bincount(index, minlength=BINS)
            if name in pointwise:
                rows = value.transpose(0, 2, 3, 1).reshape(-1, value.shape[1])
                rows = rows[random.integers(len(rows), size=min(len(rows), POSITIONS * len(batch)))]
                stats.gram[name] = stats.gram.get(name, np.zeros((rows.shape[1],) * 2)) + rows.T @ rows
    return stats


def choose_range(stats: Statistics, name: str) -> Range:
    """Of the ranges from 30 % to 100 % of the observed one, the one with the least squared rounding error."""
    low, high, counts = stats.low[name], stats.high[name], stats.histogram[name]
    values = low + (np.arange(BINS) + 0.5) * (high - low) / BINS
    best, best_error = Range(low, high), np.inf
    for share in np.linspace(1.0, 0.3, 29):
        candidate = Range(low * share, high * share)
        codes = np.clip(np.rint(values / candidate.scale) + candidate.zero_point, 0, 255)
        error = float((counts * ((codes - candidate.zero_point) * candidate.scale - values) ** 2).sum())
        if error < best_error:
            best, best_error = candidate, error
    return best


def _tame(codes: F64) -> F64:
    """Shrink neighbours ``(2i, 2i + 1)`` of one sign until their sum cannot overflow."""
    even, odd = codes[:, 0 : codes.shape[1] // 2 * 2 : 2], codes[:, 1::2]
    excess = np.maximum(np.abs(even + odd) - PAIR_LIMIT, 0) * (np.sign(even) == np.sign(odd))
    tamed = codes.copy()
    tamed[:, 0 : codes.shape[1] // 2 * 2 : 2] -= np.sign(even) * np.ceil(excess / 2)
    tamed[:, 1::2] -= np.sign(odd) * np.floor(excess / 2)
    return tamed


def _step(rows: F64, *, tame: bool) -> F64:
    """Per output channel, the step with the least squared error after rounding (and taming)."""
    peak = np.maximum(np.abs(rows).max(1, keepdims=True), SMALLEST_PEAK)
    best: F64 = peak / 127
    best_error = np.full_like(peak, np.inf)
    for share in np.linspace(0.8, 2.0, 25) if tame else np.linspace(0.8, 1.0, 9):
        step = peak * share / 127
        codes = np.clip(np.rint(rows / step), -127, 127)
        error = (((_tame(codes) if tame else codes) * step - rows) ** 2).sum(1, keepdims=True)
        best = np.where(error < best_error, step, best)
        best_error = np.minimum(error, best_error)
    return best


def round_pointwise(rows: F64, gram: F64) -> tuple[I8, F32]:
    """Round a 1x1 convolution column by column, each column's error absorbed by the columns still to come.

    This is GPTQ (Frantar et al., 2023): it minimises ``||(W - Q) X||^2`` for the inputs seen in calibration, not the
    distance of the weights. x86 without VNNI adds two neighbouring products in 16 bits, which saturates; the usual
    remedy, 7-bit weights everywhere, costs a bit for every weight. Here only a pair that could overflow is held back,
    and what it loses is absorbed like any rounding error, so that every CPU computes the same integers.
    """
    step = _step(rows, tame=True).astype(np.float32)
    damped = gram + np.eye(len(gram)) * (DAMPING * np.trace(gram) / len(gram))
    factor = np.linalg.cholesky(np.linalg.inv(damped)).T
    left, codes = rows.copy(), np.zeros(rows.shape)
    for column in range(rows.shape[1]):
        code = np.clip(np.rint(left[:, column] / step[:, 0]), -127, 127)
        if column % 2:
            before = codes[:, column - 1]
            room = PAIR_LIMIT - np.abs(before)
            code = np.where(before > 0, np.minimum(code, room), np.where(before < 0, np.maximum(code, -room), code))
        codes[:, column] = code
        error = (left[:, column] - code * step[:, 0]) / factor[column, column]
        left[:, column + 1 :] -= np.outer(error, factor[column, column + 1 :])
    return codes.astype(np.int8), step[:, 0]


def round_direct(conv: Conv) -> tuple[I8, F32]:
    """Round the stem and the depthwise convolutions to nearest.

    Depthwise kernels widen before they add and use all 8 bits. The stem has 27 inputs per channel and a runtime may
    walk them in any order, so it takes 7 bits: no pair can overflow then.
    """
    rows = conv.weight.reshape(len(conv.weight), -1).astype(np.float64)
    step = (_step(rows, tame=False) * (1 if conv.depthwise else 127 / 64)).astype(np.float32)
    limit = 127 if conv.depthwise else 64
    return np.clip(np.rint(rows / step), -limit, limit).astype(np.int8), step[:, 0]


def quantise_weights(convs: list[Conv], stats: Statistics) -> dict[str, tuple[I8, F32]]:
    """Codes in the convolution's own shape and one step per output channel, for every convolution."""
    result = {}
    for conv in convs:
        if conv.pointwise:
            codes, step = round_pointwise(conv.weight[:, :, 0, 0].astype(np.float64), stats.gram[conv.source])
        else:
            codes, step = round_direct(conv)
        result[conv.name] = codes.reshape(conv.weight.shape), step
    return result
