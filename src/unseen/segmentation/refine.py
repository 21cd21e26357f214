"""Drawing coarse probabilities to the edges of objects: the guided filter, colours of one picture, and GrabCut."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.errors import InputError
from unseen.validation import check_number, import_extra, message, verbatim

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["cut_out", "guided_filter", "with_colours"]

Array = np.ndarray[Any, Any]

#: Places that colours are modelled from at most, and colours of each class.
_SAMPLES, _COLOURS = 4096, 5
#: Longer side that objects are cut out at, rounds, and pixels that inside and outside must each have.
_CUT_SIDE, _CUT_ROUNDS, _CUT_LEAST = 384, 5, 16


def guided_filter(
    guide: npt.ArrayLike, values: npt.ArrayLike, *, radius: int = 8, epsilon: float = 1e-3
) -> npt.NDArray[np.float32]:
    r"""Smooth values within the areas of a picture, and not across its edges.

    Within each window the result is the linear function of the colour nearest to the values,
    :math:`q = a^\top I + b` with :math:`a = (\Sigma + \epsilon 1)^{-1}\operatorname{cov}(I, p)`; where windows overlap,
    their functions are averaged.

    Parameters
    ----------
    guide : uint8 array of shape (h, w, 3)
        The picture.
    values : float array of shape (n, h, w) or (h, w)
        What is smoothed, each on its own.
    radius : int, default 8
        Half the side of the windows in pixels, at least 1: larger smooths more widely at equal cost.
    epsilon : float, default 1e-3
        Variance of colour (in [0, 1]) below which an area counts as even, above 0: larger keeps fewer edges.

    Returns
    -------
    float32 array of the shape of `values`

    Raises
    ------
    InputError
        When shapes differ, or a number is out of range.

    Notes
    -----
    Time in proportion to h * w * n, whatever the radius. Values that are even stay what they are, and shares that add
    up to one still do.

    References
    ----------
    He, Sun and Tang, "Guided Image Filtering", TPAMI 2013.

    Examples
    --------
    >>> import numpy as np
    >>> picture = np.zeros((4, 6, 3), np.uint8)
    >>> picture[:, 3:] = 255
    >>> values = np.zeros((4, 6))
    >>> values[:, 2:] = 1  # one column too far to the left
    >>> left, right = guided_filter(picture, values, radius=2, epsilon=1e-4)[0, 2:4]
    >>> bool(left < 0.6), bool(right > 0.95)
    (True, True)
    """
    owner = "guided_filter"
    radius = int(check_number(owner, "radius", radius, low=1, integer=True))
    epsilon = check_number(owner, "epsilon", epsilon, low=0, low_open=True)
    picture, given = np.asarray(guide), np.asarray(values, np.float32)
    if picture.ndim != 3 or picture.shape[2] != 3 or given.shape[-2:] != picture.shape[:2] or given.ndim not in (2, 3):
        shapes = verbatim(f"{picture.shape} and {given.shape}")
        expected = "of shapes (h, w, 3) and (n, h, w)"
        raise InputError(message(owner, "guide and values", expected, shapes, "Enlarge values to the picture's size"))
    colours = np.moveaxis(picture.astype(np.float32) / 255, 2, 0)
    mean = np.stack([_box(channel, radius) for channel in colours])
    pairs = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)]
    spread = np.empty((*picture.shape[:2], 3, 3), np.float32)
    for i, j in pairs:
        found = _box(colours[i] * colours[j], radius) - mean[i] * mean[j]
        spread[..., i, j] = spread[..., j, i] = found
    inverse = np.linalg.inv(spread + epsilon * np.eye(3, dtype=np.float32))
    out = np.empty(given.reshape(-1, *picture.shape[:2]).shape, np.float32)
    for row, value in zip(out, given.reshape(out.shape), strict=True):
        average = _box(value, radius)
        shared = np.stack([_box(colours[i] * value, radius) - mean[i] * average for i in range(3)], axis=-1)
        slopes = np.einsum("hwij,hwj->ihw", inverse, shared)
        offset = average - (slopes * mean).sum(axis=0)
        row[:] = sum(_box(slopes[i], radius) * colours[i] for i in range(3)) + _box(offset, radius)
    return out.reshape(given.shape)


def with_colours(
    picture: npt.NDArray[np.uint8], shares: npt.NDArray[np.float32], *, rounds: int = 2, weight: float = 1.0
) -> npt.NDArray[np.float32]:
    r"""Return shares made surer by what colours each class has in this picture.

    The picture's colours are gathered around a few means that all classes share; :math:`g_c` is how often, weighted by
    the shares, pixels of a class lie near each of them, and :math:`q_c \propto p_c \, g_c(\text{colour})^{w}`.

    Parameters
    ----------
    picture : uint8 array of shape (h, w, 3)
        The picture.
    shares : float32 array of shape (n, h, w)
        Of each class at each pixel; they add up to one.
    rounds : int, default 2
        How often models and shares are made from each other.
    weight : float, default 1.0
        w: how much colour counts, 0 for not at all.

    Notes
    -----
    The idea of GrabCut without the cut: neighbouring pixels are smoothed by :func:`guided_filter` afterwards.
    Deterministic. Time in proportion to h * w * n.

    References
    ----------
    Rother, Kolmogorov and Blake, "GrabCut: Interactive Foreground Extraction using Iterated Graph Cuts", SIGGRAPH 2004.
    """
    from sklearn.cluster import KMeans

    n, height, width = shares.shape
    colours = _lab_like(picture).reshape(-1, 3)
    step = max(1, int(np.ceil(len(colours) / _SAMPLES)))
    # An odd step through rows of any width meets every column.
    some = colours[:: step | 1]
    k = min(2 * _COLOURS, len(np.unique(some, axis=0)))
    centres = KMeans(k, n_init=1, random_state=0, max_iter=20).fit(some).cluster_centers_.astype(np.float32)
    squares = ((colours**2).sum(axis=1)[:, None] + (centres**2).sum(axis=1) - 2 * colours @ centres.T).clip(0)
    nearness = np.exp(-squares / (2 * max(float(squares.min(axis=1).mean()), 1e-4) * 2))
    member = (nearness / (nearness.sum(axis=1, keepdims=True) + 1e-12)).astype(np.float32)
    prior = shares.reshape(n, -1)
    now = prior
    for _ in range(rounds):
        mass = now @ member
        table = (mass + 1e-3 * mass.sum() / mass.size) / (mass.sum(axis=1, keepdims=True) + 1e-9)
        likely = np.maximum(table @ member.T, 1e-6) ** weight
        now = prior * likely
        now /= np.maximum(now.sum(axis=0, keepdims=True), 1e-12)
    return now.reshape(n, height, width).astype(np.float32)


def cut_out(picture: npt.NDArray[np.uint8], shares: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    r"""Return shares drawn to where the picture is best cut: GrabCut of OpenCV, once for each class that has pixels.

    .. math:: q_c = \tfrac12 p_c + \tfrac12 \frac{m_c}{\sum_k m_k}

    m being 1 inside of what was cut out for a class and 0 elsewhere; for the last row, where no class was cut out. Each
    cut starts from the pixels that have more of the class than of all else, and leaves out those with next to nothing
    of it.

    Parameters
    ----------
    picture : uint8 array of shape (h, w, 3)
        The picture.
    shares : float32 array of shape (n, h, w)
        Of each class at each pixel, at last of none of them; they add up to one.

    Raises
    ------
    MissingExtraError
        When OpenCV is not installed.

    Notes
    -----
    About a third of a second a class, at most 384 pixels wide or high. Of an object that fills the picture, or has the
    colours of what is behind it, parts may be cut off: it is not the default. Sets the seed of OpenCV's own random
    numbers, so that the same picture is cut in the same way.

    References
    ----------
    Rother, Kolmogorov and Blake, "GrabCut: Interactive Foreground Extraction using Iterated Graph Cuts", SIGGRAPH 2004.
    """
    cv2 = import_extra("cv2", extra="vision", purpose="refine='grabcut'")
    height, width = picture.shape[:2]
    zoom = min(1.0, _CUT_SIDE / max(height, width))
    size = (max(1, round(width * zoom)), max(1, round(height * zoom)))
    small = cv2.resize(np.ascontiguousarray(picture[:, :, ::-1]), size, interpolation=cv2.INTER_AREA)
    masks = np.zeros(shares.shape, np.float32)
    for row, share in zip(masks[:-1], shares[:-1], strict=True):
        much = cv2.resize(np.ascontiguousarray(share), size, interpolation=cv2.INTER_LINEAR)
        there = much > 0.5
        if min(int(there.sum()), int((~there).sum())) < _CUT_LEAST:
            row[:] = share > 0.5
            continue
        marks = np.where(there, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
        marks[much < 0.1] = cv2.GC_BGD
        cv2.setRNGSeed(0)
        models = np.zeros((1, 65)), np.zeros((1, 65))
        cv2.grabCut(small, marks, None, *models, _CUT_ROUNDS, cv2.GC_INIT_WITH_MASK)
        cut = (marks == cv2.GC_FGD) | (marks == cv2.GC_PR_FGD)
        row[:] = cv2.resize(cut.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    # Where there is nothing but the classes, what was cut out for none of them is left as it was.
    if shares[-1].any():
        masks[-1] = 1 - masks[:-1].max(axis=0)
    total = masks.sum(axis=0)
    cuts = np.divide(masks, total, out=shares.astype(np.float32), where=total > 0)
    out: npt.NDArray[np.float32] = (shares + cuts) / 2
    return out


def _lab_like(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Return lightness and two opponent colours, lightness at half weight: shade says less than hue."""
    red, green, blue = np.moveaxis(picture.astype(np.float32) / 255, 2, 0)
    light = (red + green + blue) / 3
    return np.stack([light * 0.7, red - green, (red + green) / 2 - blue], axis=-1)


def _box(values: Array, radius: int) -> Array:
    """Return means over squares, of those of their pixels that the picture has."""
    out = values.astype(np.float64)
    for axis in (0, 1):
        length = out.shape[axis]
        sums = np.concatenate([np.zeros_like(np.take(out, [0], axis)), np.cumsum(out, axis=axis)], axis=axis)
        low = np.maximum(np.arange(length) - radius, 0)
        high = np.minimum(np.arange(length) + radius + 1, length)
        shape = [-1 if a == axis else 1 for a in range(2)]
        out = (np.take(sums, high, axis) - np.take(sums, low, axis)) / (high - low).reshape(shape)
    return out.astype(np.float32)
