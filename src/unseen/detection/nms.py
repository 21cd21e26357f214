"""Non-maximum suppression: of boxes that overlap too far, the surest one stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unseen.detection.boxes import as_boxes
from unseen.errors import InputError
from unseen.validation import check_number, message, verbatim

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["nms"]


def nms(
    boxes: npt.ArrayLike, scores: npt.ArrayLike, *, iou: float = 0.5, classes: npt.ArrayLike | None = None
) -> npt.NDArray[np.intp]:
    """Return the boxes that stay when each takes away those that overlap it by more than `iou` and are less sure.

    Parameters
    ----------
    boxes : array-like of shape (n, 4)
        Left, top, right and bottom edges.
    scores : array-like of shape (n,)
        How sure each is; NaN counts as least sure.
    iou : float, default 0.5
        Overlap in [0, 1] up to which boxes stay side by side; 1 keeps all.
    classes : array-like of int of shape (n,) or None, default None
        A box takes away boxes of its own class alone; None: of any.

    Returns
    -------
    ndarray of int of shape (m,)
        Positions of those that stay, surest first; of equally sure ones the first one given.

    Raises
    ------
    InputError
        When shapes do not fit, or `iou` is not in [0, 1].

    Notes
    -----
    O(n m) for n boxes of which m stay.

    Examples
    --------
    >>> from unseen.detection.nms import nms
    >>> boxes = [[0, 0, 10, 10], [1, 0, 11, 10], [20, 0, 30, 10]]
    >>> nms(boxes, [0.8, 0.9, 0.5]).tolist()
    [1, 2]
    >>> nms(boxes, [0.8, 0.9, 0.5], classes=[0, 1, 1]).tolist()
    [1, 0, 2]
    """
    b = as_boxes(boxes, owner="nms").astype(np.float64)
    limit = check_number("nms", "iou", iou, low=0, high=1)
    n = len(b)
    values = np.asarray(scores, np.float64).reshape(-1)
    kinds = np.zeros(n, np.intp) if classes is None else np.asarray(classes).reshape(-1)
    for name, array in (("scores", values), ("classes", kinds)):
        if len(array) != n:
            got = verbatim(f"{len(array)} for {n} boxes")
            raise InputError(message("nms", name, "one for each box", got, "Give every box its own"))
    own = np.maximum(b[:, 2:] - b[:, :2], 0).prod(axis=1)
    waiting = np.argsort(-np.nan_to_num(values, nan=-np.inf, posinf=np.inf, neginf=-np.inf), kind="stable")
    kept: list[int] = []
    while len(waiting):
        best, waiting = waiting[0], waiting[1:]
        kept.append(int(best))
        corner = np.maximum(b[waiting, :2], b[best, :2])
        sides = np.maximum(np.minimum(b[waiting, 2:], b[best, 2:]) - corner, 0)
        shared = sides[:, 0] * sides[:, 1]
        # Compared without a division, so that boxes without area take nothing away.
        over = shared > limit * (own[waiting] + own[best] - shared)
        waiting = waiting[~(over & (kinds[waiting] == kinds[best]))]
    return np.array(kept, np.intp)
