"""Run-length encoding of masks, as COCO writes it: lengths of runs down the columns, those of nothing first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.errors import InputError
from unseen.validation import message, verbatim

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

__all__ = ["decode_rle", "encode_rle"]

#: Masks of more pixels are not made from a few bytes of somebody's file; as for photos.
_MOST_PIXELS = 180_000_000


def encode_rle(mask: npt.ArrayLike, *, compressed: bool = True) -> dict[str, Any]:
    """Return a mask as COCO's run-length encoding.

    Parameters
    ----------
    mask : bool array of shape (h, w)
        What is to be encoded.
    compressed : bool, default True
        Whether `counts` is the string that COCO's own tools write, or the plain list of lengths.

    Returns
    -------
    dict
        ``size`` [h, w] and ``counts``, as JSON can hold them.

    Raises
    ------
    InputError
        When `mask` is no such array.

    Notes
    -----
    Equal to what pycocotools makes of it, character by character.

    References
    ----------
    Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014; its API, ``maskApi.c``.

    Examples
    --------
    >>> encode_rle([[False, True], [True, True]], compressed=False)
    {'size': [2, 2], 'counts': [1, 3]}
    """
    array = np.asarray(mask)
    if array.ndim != 2 or array.dtype != np.bool_:
        raise InputError(message("encode_rle", "mask", "a bool array of shape (h, w)", array, "Pass one mask"))
    flat = array.ravel(order="F")
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    edges = np.concatenate([[0], changes, [flat.size]])
    counts = np.diff(edges).tolist() if flat.size else []
    if flat.size and flat[0]:
        counts.insert(0, 0)
    size = [int(array.shape[0]), int(array.shape[1])]
    return {"size": size, "counts": _pack(counts) if compressed else counts}


def decode_rle(rle: Mapping[str, Any]) -> npt.NDArray[np.bool_]:
    """Return the mask (h, w) that COCO's run-length encoding stands for.

    Parameters
    ----------
    rle : mapping
        ``size`` [h, w] and ``counts``: a string, bytes or a list of lengths.

    Raises
    ------
    InputError
        When the parts are missing, or the lengths do not add up to the size.

    Examples
    --------
    >>> decode_rle({"size": [2, 2], "counts": [1, 3]}).tolist()
    [[False, True], [True, True]]
    """
    owner = "decode_rle"
    size, counts = rle.get("size"), rle.get("counts")
    whole = isinstance(size, list | tuple) and len(size) == 2 and all(type(side) is int and side >= 0 for side in size)
    if not whole or size[0] * size[1] > _MOST_PIXELS:  # type: ignore[index]
        expected = f"[height, width] of at most {_MOST_PIXELS // 1_000_000} million pixels"
        raise InputError(message(owner, "size", expected, size, "Check the file"))
    if isinstance(counts, str | bytes):
        runs = _unpack(counts)
    elif isinstance(counts, list | tuple) and all(type(count) is int for count in counts):
        runs = list(counts)
    else:
        raise InputError(message(owner, "counts", "a string or a list of whole numbers", counts, "Check the file"))
    height, width = size  # type: ignore[misc]
    if any(run < 0 for run in runs) or sum(runs) != height * width:
        found = verbatim("others")
        expected = f"lengths that add up to the {height * width} pixels of its size"
        raise InputError(message(owner, "counts", expected, found, "Check the file"))
    values = np.arange(len(runs)) % 2 == 1
    return np.repeat(values, runs).reshape((height, width), order="F")


def _pack(counts: list[int]) -> str:
    """Return lengths as characters of six bits; from the fourth on, what is written is the change by two before."""
    written = []
    for i, count in enumerate(counts):
        value = count - counts[i - 2] if i > 2 else count
        more = True
        while more:
            bits = value & 0x1F
            value >>= 5
            more = value != (-1 if bits & 0x10 else 0)
            written.append(bits + 48 + (0x20 if more else 0))
    return bytes(written).decode("ascii")


def _unpack(text: str | bytes) -> list[int]:
    data = text.encode("latin-1", "replace") if isinstance(text, str) else text
    counts: list[int] = []
    value = shift = 0
    for byte in data:
        bits = byte - 48
        # A length of more bits than this is of no picture.
        if not 0 <= bits < 64 or shift > 60:
            break
        value |= (bits & 0x1F) << shift
        shift += 5
        if not bits & 0x20:
            if bits & 0x10:
                value -= 1 << shift
            counts.append(value + counts[-2] if len(counts) > 2 else value)
            value = shift = 0
    else:
        if shift == 0:
            return counts
    raise InputError(message("decode_rle", "counts", "as COCO packs them", text, "Check the file"))
