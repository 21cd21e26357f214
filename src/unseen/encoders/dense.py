"""Dense evidence: a vector for every place of an image, on any encoder.

Where an encoder has a map, its network runs once on the whole image, and once more for every further scale. Every other
encoder is shown overlapping squares of the image, as if each were a photo. Either way the vectors live in the space of
`encode_images`, so that ``recognizer.class_scores(dense.vectors.reshape(-1, d), prototypes)`` says what is where.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.errors import InputError
from unseen.inputs.sources import Item
from unseen.validation import check_number, message

if TYPE_CHECKING:
    import numpy.typing as npt

    from unseen.encoders.base import Encoder

__all__ = ["DenseMap", "dense_features", "resample_grid"]

#: Squares that an encoder without a map is shown: their side is that of what it reads at the scale in question.
_PER_WINDOW = 3
#: A side beyond this is a mistake; the longer side of a panorama is cut off at so many times the shorter one's length.
_MAX_SIDE, _LONGEST = 4096, 8


@dataclass(frozen=True, eq=False)
class DenseMap:
    """Vectors of the places of one image.

    Attributes
    ----------
    vectors : float32 array of shape (gh, gw, d)
        Row by row from the top.
    size : tuple of (int, int)
        Width and height of the image in pixels.
    step : tuple of (float, float)
        How many pixels of the image lie between places, across and down. The grid lies in the middle of the image.
    """

    vectors: npt.NDArray[np.float32] = field(repr=False)
    size: tuple[int, int]
    step: tuple[float, float]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of places."""
        return self.vectors.shape[0], self.vectors.shape[1]

    @property
    def centres(self) -> npt.NDArray[np.float32]:
        """The middle (gh, gw, 2) of each place in pixels of the image, x first."""
        x, y = (
            _middles(n, step, length) for n, step, length in zip(self.shape[::-1], self.step, self.size, strict=True)
        )
        grid: npt.NDArray[np.float32] = np.stack(np.meshgrid(x, y), axis=2).astype(np.float32)
        return grid

    @property
    def boxes(self) -> npt.NDArray[np.float32]:
        """The part (gh, gw, 4) of the image that is nearest to each place: left, top, right and bottom edge."""
        half = np.array(self.step, np.float32) / 2
        centres, limits = self.centres, np.array(self.size, np.float32)
        both = np.concatenate([centres - half, centres + half], axis=2, dtype=np.float32)
        clipped: npt.NDArray[np.float32] = np.clip(both, 0, np.concatenate([limits, limits]))
        return clipped

    def spread(self, values: npt.NDArray[Any], shape: tuple[int, int]) -> npt.NDArray[np.float32]:
        """Return values (gh, gw, …) of the places on a grid (h, w, …) that covers the image, bilinear.

        Beyond the outermost places values stay what they are there.
        """
        return resample_grid(values, self.size, self.step, shape)


def _middles(n: int, step: float, length: float) -> npt.NDArray[np.float64]:
    middles: npt.NDArray[np.float64] = length / 2 + (np.arange(n, dtype=np.float64) - (n - 1) / 2) * step
    return middles


def resample_grid(
    values: npt.NDArray[Any], size: tuple[int, int], step: tuple[float, float], shape: tuple[int, int]
) -> npt.NDArray[np.float32]:
    """Return values (gh, gw, …) of places `step` apart in the middle of an image, on a grid that covers it."""
    out = np.asarray(values, np.float32)
    for axis, (n, apart, length) in enumerate(zip(shape, step[::-1], size[::-1], strict=True)):
        wanted = (np.arange(n) + 0.5) * length / n
        out = _moved(out, axis, (wanted - _middles(out.shape[axis], apart, length)[0]) / apart)
    return out


def _moved(values: npt.NDArray[np.float32], axis: int, places: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Return values at places along an axis that are given in steps from the first one."""
    last = values.shape[axis] - 1
    places = np.clip(places, 0, last)
    low = np.minimum(places.astype(np.intp), max(last - 1, 0))
    share = (places - low).astype(np.float32).reshape([-1 if a == axis else 1 for a in range(values.ndim)])
    high = np.minimum(low + 1, last)
    moved: npt.NDArray[np.float32] = np.take(values, low, axis) * (1 - share) + np.take(values, high, axis) * share
    return moved


def dense_features(encoder: Encoder, image: Any, *, side: float | Sequence[float] | None = None) -> DenseMap:
    """Return the vector of every place of an image.

    Parameters
    ----------
    encoder : Encoder
        Any that takes images.
    image : path, bytes, PIL image or uint8 array
        The image; it is turned upright.
    side : float or sequence of float or None, default None
        How many pixels the image's shorter side is resized to before the encoder sees it: larger shows smaller things
        and costs with the square. Several are brought to the grid of the largest, and the mean direction of their
        vectors is taken. None: what the encoder reads for encoders with a map, twice that for the others.

    Returns
    -------
    DenseMap

    Raises
    ------
    InputError
        When the encoder takes no images, or `side` is out of range (1 to 4096).
    ItemError
        When the image cannot be used.

    Notes
    -----
    With a map, one run of the network for each side. Without, one run for each window: a square of the size that the
    encoder reads, moved by a third of its side, so some 16 windows for a square image at twice that size.

    Examples
    --------
    >>> import numpy as np
    >>> from unseen.encoders.default import DefaultEncoder
    >>> from unseen.encoders.dense import dense_features
    >>> dense_features(DefaultEncoder(), np.zeros((120, 160, 3), np.uint8), side=132).vectors.shape
    (5, 6, 1280)
    """
    from unseen.inputs.images import open_image

    encoder._need("image")
    if side is None:
        side = encoder.image_size * (1 if encoder.has_map else 2)
    sides = list(side) if isinstance(side, Sequence) else [side]
    if not sides:
        raise InputError(message("dense_features", "side", "at least one number", side, "Pass for example 384"))
    for one in sides:
        check_number("dense_features", "side", one, low=1, high=_MAX_SIDE)
    picture = open_image(image)
    one_side = _mapped if encoder.has_map else _windowed
    maps = [one_side(encoder, picture, float(one)) for one in sides]
    if len(maps) == 1:
        return maps[0]
    finest = max(maps, key=lambda found: found.vectors.shape[0] * found.vectors.shape[1])
    total = np.zeros_like(finest.vectors)
    for found in maps:
        total += _unit(_onto(found, finest))
    return DenseMap(total, finest.size, finest.step)


def _onto(found: DenseMap, other: DenseMap) -> npt.NDArray[np.float32]:
    """Return the vectors of one map at the places of another."""
    if found is other:
        return found.vectors
    out = found.vectors
    for axis in (0, 1):
        step, length = found.step[1 - axis], found.size[1 - axis]
        wanted = _middles(other.shape[axis], other.step[1 - axis], length)
        out = _moved(out, axis, (wanted - _middles(out.shape[axis], step, length)[0]) / step)
    return out


def _unit(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    unit: npt.NDArray[np.float32] = vectors / np.maximum(lengths, 1e-12)
    return unit


def _mapped(encoder: Encoder, picture: Any, side: float) -> DenseMap:
    from unseen.inputs.resampling import resample_image

    width, height = picture.size
    zoom = side / min(width, height)
    target = tuple(encoder.map_side(min(n * zoom, _LONGEST * side)) for n in (width, height))
    pixels = resample_image(picture, (target[0], target[1]), (0, 0, width, height), filter="bicubic", fast=True)
    vectors = encoder._encode_map(pixels[None])[0]
    step = (encoder.map_stride * width / target[0], encoder.map_stride * height / target[1])
    return DenseMap(vectors, (width, height), step)


def _windowed(encoder: Encoder, picture: Any, side: float) -> DenseMap:
    width, height = picture.size
    window = min(encoder.image_size / side, 1) * min(width, height)
    counts, steps = [], []
    for length in (width, height):
        n = max(1, round((min(length, _LONGEST * min(width, height)) - window) / window * _PER_WINDOW) + 1)
        counts.append(n)
        # The first and the last window end at the edges; where there is only one, it stands for everything.
        steps.append((length - window) / (n - 1) if n > 1 else float(length))
    xs, ys = (_middles(n, step, n_pixels) for n, step, n_pixels in zip(counts, steps, (width, height), strict=True))
    half = window / 2

    def prepare(box: Any) -> npt.NDArray[np.uint8]:
        return encoder.prepare_image(picture.crop(box))

    items: list[Any] = []
    for y in ys:
        for x in xs:
            box = (round(x - half), round(y - half), max(round(x + half), round(x - half) + 1), 0)
            items.append(Item("", (*box[:3], box[1] + box[2] - box[0])))  # type: ignore[arg-type]  # see prepare
    vectors = np.concatenate([batch.vectors for batch in encoder.stream_images(items, prepare=prepare)])
    return DenseMap(vectors.reshape(counts[1], counts[0], -1), (width, height), (steps[0], steps[1]))
