"""How well masks fit: intersection over union, accuracy of pixels, and how near outlines come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from unseen.errors import InputError
from unseen.metrics.accuracy import confusion_matrix
from unseen.validation import check_number, message, verbatim

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = [
    "boundary_f_measure",
    "class_ious",
    "mask_iou",
    "mean_class_accuracy",
    "mean_iou",
    "pixel_accuracy",
    "pixel_confusion",
]

Array = np.ndarray[Any, Any]


def pixel_confusion(
    truth: npt.ArrayLike, answers: npt.ArrayLike, *, n_classes: int, ignore: int | None = None
) -> Array:
    """Return how often pixels of each class (row) were given each class (column).

    Parameters
    ----------
    truth : int array of any shape
        The true class of each pixel, from 0 to `n_classes` - 1, or `ignore`.
    answers : int array of the same shape
        What was answered, from 0 to `n_classes` - 1. A background is a class like any other: give it a number.
    n_classes : int
        Rows and columns, at least 1.
    ignore : int or None, default None
        A value of `truth` whose pixels are left out: 255 in VOC, 11 in CamVid.

    Returns
    -------
    ndarray of int of shape (n_classes, n_classes)
        Add up those of all images: the field's mean IoU is of the sum, and not a mean over images.

    Raises
    ------
    InputError
        When shapes differ, or a value is no class.

    Examples
    --------
    >>> from unseen.metrics import pixel_confusion
    >>> pixel_confusion([[0, 0], [1, 255]], [[0, 1], [1, 1]], n_classes=2, ignore=255)
    array([[1, 1],
           [0, 1]])
    """
    owner = "pixel_confusion"
    n_classes = int(check_number(owner, "n_classes", n_classes, low=1, integer=True))
    true, said = np.asarray(truth), np.asarray(answers)
    if true.shape != said.shape:
        shapes = verbatim(f"{true.shape} and {said.shape}")
        raise InputError(
            message(owner, "truth and answers", "of one shape", shapes, "Enlarge answers to the truth's size")
        )
    true, said = true.ravel(), said.ravel()
    if ignore is not None:
        counted = true != ignore
        true, said = true[counted], said[counted]
    for name, values in (("truth", true), ("answers", said)):
        if values.size and (values.dtype.kind not in "iu" or values.min() < 0 or values.max() >= n_classes):
            expected = f"whole numbers from 0 to {n_classes - 1}"
            found = f"{values.min()} to {values.max()} of dtype {values.dtype}"
            raise InputError(message(owner, name, expected, verbatim(found), "Give the background a number of its own"))
    if not true.size:
        return np.zeros((n_classes, n_classes), np.intp)
    return confusion_matrix(true, said, n_classes=n_classes)


def class_ious(confusion: npt.ArrayLike) -> Array:
    r"""Return each class's intersection over union.

    .. math:: \text{IoU}_c = \frac{n_{cc}}{\sum_j n_{cj} + \sum_i n_{ic} - n_{cc}}

    Parameters
    ----------
    confusion : int array of shape (C, C)
        Of :func:`pixel_confusion`, summed over images.

    Returns
    -------
    ndarray of shape (C,)
        In [0, 1]; NaN for a class that neither the truth nor the answers hold. A class that is answered where there
        is none of it has 0.

    Raises
    ------
    InputError
        When `confusion` is no square matrix of counts.

    References
    ----------
    Everingham, Eslami, Van Gool, Williams, Winn and Zisserman, "The Pascal Visual Object Classes Challenge: A
    Retrospective", IJCV 2015.

    Examples
    --------
    >>> from unseen.metrics import class_ious
    >>> class_ious([[1, 1], [0, 2]]).round(2).tolist()
    [0.5, 0.67]
    """
    counts = _check_counts("class_ious", confusion)
    hits = np.diagonal(counts)
    union = counts.sum(axis=0) + counts.sum(axis=1) - hits
    ious: Array = np.divide(hits, union, out=np.full(len(counts), np.nan), where=union > 0)
    return ious


def mean_iou(confusion: npt.ArrayLike) -> float:
    """Return the mean of :func:`class_ious` over the classes that the truth or the answers hold; NaN without any.

    Parameters
    ----------
    confusion : int array of shape (C, C)
        Of :func:`pixel_confusion`, summed over images.

    Raises
    ------
    InputError
        When `confusion` is no square matrix of counts.

    Examples
    --------
    >>> from unseen.metrics import mean_iou
    >>> mean_iou([[1, 1, 0], [0, 1, 0], [0, 0, 0]])
    0.5
    """
    ious = class_ious(_check_counts("mean_iou", confusion))
    return float(np.nanmean(ious)) if not np.isnan(ious).all() else float("nan")


def pixel_accuracy(confusion: npt.ArrayLike) -> float:
    """Return the share of pixels that got their class; NaN without pixels. Large classes weigh most.

    Parameters
    ----------
    confusion : int array of shape (C, C)
        Of :func:`pixel_confusion`, summed over images.

    Raises
    ------
    InputError
        When `confusion` is no square matrix of counts.

    Examples
    --------
    >>> from unseen.metrics import pixel_accuracy
    >>> pixel_accuracy([[8, 0], [2, 0]])
    0.8
    """
    counts = _check_counts("pixel_accuracy", confusion)
    return float(np.trace(counts) / counts.sum()) if counts.any() else float("nan")


def mean_class_accuracy(confusion: npt.ArrayLike) -> float:
    """Return the mean over the classes of the truth of the share of their pixels that got them; NaN without any.

    Parameters
    ----------
    confusion : int array of shape (C, C)
        Of :func:`pixel_confusion`, summed over images.

    Raises
    ------
    InputError
        When `confusion` is no square matrix of counts.

    Examples
    --------
    >>> from unseen.metrics import mean_class_accuracy
    >>> mean_class_accuracy([[8, 0], [2, 0]])
    0.5
    """
    counts = _check_counts("mean_class_accuracy", confusion)
    pixels = counts.sum(axis=1)
    there = pixels > 0
    return float((np.diagonal(counts)[there] / pixels[there]).mean()) if there.any() else float("nan")


def mask_iou(truth: npt.ArrayLike, answer: npt.ArrayLike) -> float:
    """Return the intersection over union of two masks, in [0, 1]; 1 where both are empty.

    Parameters
    ----------
    truth, answer : bool array of shape (h, w)
        The object, and what was taken for it.

    Raises
    ------
    InputError
        When they are no such arrays.

    References
    ----------
    Perazzi et al., "A Benchmark Dataset and Evaluation Methodology for Video Object Segmentation", CVPR 2016: the
    region similarity J.

    Examples
    --------
    >>> from unseen.metrics import mask_iou
    >>> mask_iou([[True, True, False]], [[False, True, True]])
    0.3333333333333333
    """
    true, said = _check_masks("mask_iou", truth, answer)
    union = int((true | said).sum())
    return int((true & said).sum()) / union if union else 1.0


def boundary_f_measure(truth: npt.ArrayLike, answer: npt.ArrayLike, *, tolerance: float | None = None) -> float:
    """Return the F-measure of outlines, in [0, 1]: whether a mask's edge is where the object's is.

    Precision is the share of the answer's edge pixels that are within `tolerance` of the truth's edge, recall the
    share of the truth's that are within it of the answer's.

    Parameters
    ----------
    truth, answer : bool array of shape (h, w)
        The object, and what was taken for it.
    tolerance : float or None, default None
        Distance in pixels, at least 0; None for 0.8 % of the image's diagonal, rounded up.

    Returns
    -------
    float
        1 where neither has an edge within the image, 0 where one has.

    Raises
    ------
    InputError
        When they are no such arrays, or `tolerance` no such number.

    References
    ----------
    Martin, Fowlkes and Malik, "Learning to Detect Natural Image Boundaries Using Local Brightness, Color, and Texture
    Cues", TPAMI 2004. Perazzi et al., CVPR 2016: the contour accuracy F, whose approximation by distance this is.

    Examples
    --------
    >>> from unseen.metrics import boundary_f_measure
    >>> boundary_f_measure([[False, True, True, True]], [[False, False, True, True]], tolerance=1)
    1.0
    """
    owner = "boundary_f_measure"
    true, said = _check_masks(owner, truth, answer)
    if tolerance is None:
        tolerance = float(np.ceil(0.008 * np.hypot(*true.shape)))
    tolerance = check_number(owner, "tolerance", tolerance, low=0)
    from scipy.ndimage import distance_transform_edt

    edges = [_edge(mask) for mask in (true, said)]
    if not edges[0].any() or not edges[1].any():
        return float(not edges[0].any() and not edges[1].any())
    near = [distance_transform_edt(~edge) <= tolerance for edge in edges]
    precision = float(near[0][edges[1]].mean())
    recall = float(near[1][edges[0]].mean())
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _edge(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return the pixels that differ from the one to the right, below, or both: an edge one pixel wide, as in DAVIS."""
    padded = np.pad(mask, ((0, 1), (0, 1)), mode="edge")
    edge: npt.NDArray[np.bool_] = (mask != padded[:-1, 1:]) | (mask != padded[1:, :-1]) | (mask != padded[1:, 1:])
    return edge


def _check_masks(owner: str, truth: npt.ArrayLike, answer: npt.ArrayLike) -> tuple[Array, Array]:
    true, said = np.asarray(truth), np.asarray(answer)
    for name, mask in (("truth", true), ("answer", said)):
        if mask.ndim != 2 or mask.dtype != np.bool_ or not mask.size:
            raise InputError(
                message(owner, name, "a bool array of shape (h, w)", mask, "Compare labels with a class first")
            )
    if true.shape != said.shape:
        shapes = verbatim(f"{true.shape} and {said.shape}")
        raise InputError(
            message(owner, "truth and answer", "of one shape", shapes, "Enlarge the answer to the truth's size")
        )
    return true, said


def _check_counts(owner: str, confusion: npt.ArrayLike) -> Array:
    counts = np.asarray(confusion)
    square = counts.ndim == 2 and counts.shape[0] == counts.shape[1] and counts.size > 0
    if not square or counts.dtype.kind not in "iu" or counts.min() < 0:
        expected = "a square matrix of counts"
        raise InputError(message(owner, "confusion", expected, counts, "Pass the sum of what pixel_confusion returned"))
    return counts
