"""Boxes from maps: where the evidence of a class lies, and how well a box takes it in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Map = npt.NDArray[np.float32]
    Boxes = npt.NDArray[np.float32]

__all__ = ["LEVELS", "component_boxes", "excess"]

#: Shares of a map's highest value at which it is cut.
LEVELS = (0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75)
#: Of one cut, so many parts are looked at, the largest first.
_PARTS = 12


def component_boxes(evidence: Map, size: tuple[int, int], *, levels: tuple[float, ...] = LEVELS) -> Boxes:
    """Return the boxes around the connected parts of a map that stand above some shares of its highest value.

    Parameters
    ----------
    evidence : float array of shape (h, w)
        At least 0, on a grid that covers the picture.
    size : tuple of (int, int)
        Width and height of the picture in pixels.
    levels : tuple of float
        The shares, in (0, 1].

    Returns
    -------
    ndarray of shape (n, 4), float32
        None for a map that is 0 everywhere.

    Examples
    --------
    >>> import numpy as np
    >>> from unseen.detection.proposals import component_boxes
    >>> evidence = np.zeros((4, 8), np.float32)
    >>> evidence[1:3, 2:4] = 1
    >>> component_boxes(evidence, (80, 40), levels=(0.5,)).tolist()
    [[20.0, 10.0, 40.0, 30.0]]
    """
    from scipy import ndimage

    top = float(evidence.max(initial=0))
    found: list[tuple[float, float, float, float]] = []
    if top > 0:
        high, wide = size[1] / evidence.shape[0], size[0] / evidence.shape[1]
        for level in levels:
            labels, n = ndimage.label(evidence >= level * top)
            parts = ndimage.find_objects(labels)
            if n > _PARTS:
                sizes = np.bincount(labels.ravel(), minlength=n + 1)[1:]
                parts = [parts[i] for i in np.argsort(-sizes, kind="stable")[:_PARTS]]
            found += [(x.start * wide, y.start * high, x.stop * wide, y.stop * high) for y, x in parts]
    return np.array(found, np.float32).reshape(-1, 4)


def excess(evidence: Map, boxes: Boxes, size: tuple[int, int], *, alpha: float) -> npt.NDArray[np.float64]:
    r"""Return how much more of a map a box takes in than its size explains.

    .. math:: \max\Bigl(0, \frac{\sum_{u \in b} E(u)}{\sum_u E(u)} - \alpha\,\frac{|b|}{|\text{picture}|}\Bigr)

    Parameters
    ----------
    evidence : float array of shape (h, w)
        At least 0, on a grid that covers the picture.
    boxes : float array of shape (n, 4)
        In pixels of the picture.
    size : tuple of (int, int)
        Its width and height.
    alpha : float
        What a box pays for its size, in [0, 1].

    Returns
    -------
    ndarray of shape (n,)
        In [0, 1].

    Examples
    --------
    >>> import numpy as np
    >>> from unseen.detection.proposals import excess
    >>> evidence = np.zeros((4, 8), np.float32)
    >>> evidence[1:3, 2:4] = 1
    >>> excess(evidence, np.array([[20, 10, 40, 30], [0, 0, 80, 40]], np.float32), (80, 40), alpha=0.5).tolist()
    [0.9375, 0.5]
    """
    height, width = evidence.shape
    sums = np.pad(evidence.astype(np.float64).cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    if sums[-1, -1] <= 0:
        return np.zeros(len(boxes))
    x = np.clip(np.round(boxes[:, ::2] * (width / size[0])), 0, width).astype(np.intp)
    y = np.clip(np.round(boxes[:, 1::2] * (height / size[1])), 0, height).astype(np.intp)
    inside = sums[y[:, 1], x[:, 1]] - sums[y[:, 0], x[:, 1]] - sums[y[:, 1], x[:, 0]] + sums[y[:, 0], x[:, 0]]
    sides = (boxes[:, 2:] - boxes[:, :2]).astype(np.float64)
    share = sides[:, 0] * sides[:, 1] / (size[0] * size[1])
    more: npt.NDArray[np.float64] = np.clip(inside / sums[-1, -1] - alpha * share, 0, 1)
    return more
