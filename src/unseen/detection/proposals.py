"""Boxes from maps: where the evidence of a class lies, and how well a box takes it in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Map = npt.NDArray[np.float32]
    Boxes = npt.NDArray[np.float32]

__all__ = ["LEVELS", "BoxFit", "component_boxes"]

#: Shares of a map's highest value at which it is cut.
LEVELS = (0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75)
#: Of one cut, so many parts are looked at, the largest first.
_PARTS = 12
#: How wide the ring around a box is, in sides of it, and how much the fit counts that a box stands out from its ring.
_RING, _STANDING_OUT = 0.2, 0.25
#: Parts of a box that its edges are moved by, and how often all four are at most.
_STEPS, _ROUNDS = (8, 16, 32), 3


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


class BoxFit:
    r"""How well boxes fit a map, and boxes that fit it better.

    .. math:: \text{excess}(b) = \Bigl(\frac{\sum_{u \in b} E(u)}{\sum_u E(u)} - \alpha\,
       \frac{|b|}{|\text{picture}|}\Bigr)_{+}, \qquad
       \text{fit}(b) = \text{excess}(b)^{3/4}\,
       \Bigl(\frac{\operatorname{mean}_{u \in b} E(u) - \operatorname{mean}_{u \in \text{ring}} E(u)}
       {\max_u E(u)}\Bigr)_{+}^{1/4}

    The ring around a box is a fifth of it wide and high on each side, as far as the picture goes. Of too large a box
    the mean inside is low, of a box around a part that of the ring is high.

    Parameters
    ----------
    evidence : float array of shape (h, w)
        At least 0, on a grid that covers the picture.
    size : tuple of (int, int)
        Width and height of the picture in pixels.
    alpha : float
        What a box pays for its size, in [0, 1].

    Examples
    --------
    >>> import numpy as np
    >>> from unseen.detection.proposals import BoxFit
    >>> evidence = np.zeros((4, 8), np.float32)
    >>> evidence[1:3, 2:4] = 1
    >>> fit = BoxFit(evidence, (80, 40), alpha=0.5)
    >>> fit.excess(np.array([[20, 10, 40, 30], [0, 0, 80, 40]], np.float32)).tolist()
    [0.9375, 0.5]
    """

    def __init__(self, evidence: Map, size: tuple[int, int], *, alpha: float) -> None:
        top = max(float(evidence.max(initial=0)), 1e-12)
        values = evidence.astype(np.float64) / top
        self._sums = np.pad(values.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
        self._size, self._alpha = size, alpha

    def excess(self, boxes: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """Return how much more (n,) of the map each box takes in than its size explains, in [0, 1]."""
        b = boxes.astype(np.float64)
        return self._excess(self._inside(b), self._share(b))

    def score(self, boxes: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """Return the fit (n,) of each box, in [0, 1]."""
        b = boxes.astype(np.float64)
        margin = _RING * (b[:, 2:] - b[:, :2])
        outer = np.concatenate([np.maximum(b[:, :2] - margin, 0), np.minimum(b[:, 2:] + margin, self._size)], axis=1)
        inside, share = self._inside(b), self._share(b)
        ring_share = self._share(outer) - share
        ring = np.where(ring_share > 1e-6, (self._inside(outer) - inside) / np.maximum(ring_share, 1e-9), 0)
        n_places = (self._sums.shape[0] - 1) * (self._sums.shape[1] - 1)
        stands_out = np.clip((inside / np.maximum(share, 1e-9) - ring) / n_places, 0, 1)
        fit: npt.NDArray[np.float64] = self._excess(inside, share) ** (1 - _STANDING_OUT) * stands_out**_STANDING_OUT
        return fit

    def settle(self, boxes: npt.NDArray[np.floating], *, least: float = 1.0) -> Boxes:
        """Return boxes (n, 4) whose edges have been moved, one after the other, to where the fit is better.

        An edge moves by an eighth, a sixteenth and a thirty-second of the box, a few times each; a box stays within the
        picture, and at least `least` pixels wide and high.
        """
        found = boxes.astype(np.float64)
        if not len(found):
            return boxes.astype(np.float32)
        best, limits = self.score(found), np.array([*self._size] * 2, np.float64)
        for part in _STEPS:
            for _ in range(_ROUNDS):
                before = best.copy()
                for edge in range(4):
                    step = (found[:, 2 + edge % 2] - found[:, edge % 2]) / part
                    for sign in (-1, 1):
                        moved = found.copy()
                        moved[:, edge] = np.clip(moved[:, edge] + sign * step, 0, limits[edge])
                        small = (moved[:, 2:] - moved[:, :2]).min(axis=1) < least
                        moved[small] = found[small]
                        score = self.score(moved)
                        better = score > best + 1e-12
                        found[better], best[better] = moved[better], score[better]
                if (best == before).all():
                    break
        settled: Boxes = found.astype(np.float32)
        return settled

    def _excess(self, inside: npt.NDArray[np.float64], share: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        total = self._sums[-1, -1]
        if total <= 0:
            return np.zeros(len(inside))
        more: npt.NDArray[np.float64] = np.clip(inside / total - self._alpha * share, 0, 1)
        return more

    def _share(self, boxes: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the part (n,) of the picture that each box takes."""
        share: npt.NDArray[np.float64] = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1) / (self._size[0] * self._size[1])
        return share

    def _inside(self, boxes: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the sum (n,) over the places, in whole and in part, that each box covers."""
        high, wide = self._sums.shape[0] - 1, self._sums.shape[1] - 1
        # All four corners at once: x of left, right, left, right and y of top, top, bottom, bottom.
        x = np.clip(boxes[:, [0, 2, 0, 2]] * (wide / self._size[0]), 0, wide)
        y = np.clip(boxes[:, [1, 1, 3, 3]] * (high / self._size[1]), 0, high)
        column, row = np.minimum(x.astype(np.intp), wide - 1), np.minimum(y.astype(np.intp), high - 1)
        right, below = x - column, y - row
        sums = self._sums
        upper = sums[row, column] * (1 - right) + sums[row, column + 1] * right
        lower = sums[row + 1, column] * (1 - right) + sums[row + 1, column + 1] * right
        inside: npt.NDArray[np.float64] = (upper * (1 - below) + lower * below) @ np.array([1.0, -1.0, -1.0, 1.0])
        return inside
