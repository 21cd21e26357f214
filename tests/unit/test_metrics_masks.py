"""Metrics of masks: by hand, and against torchmetrics and scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix as sklearn_confusion

from unseen.errors import InputError
from unseen.metrics import (
    boundary_f_measure,
    class_ious,
    mask_iou,
    mean_class_accuracy,
    mean_iou,
    pixel_accuracy,
    pixel_confusion,
)


@pytest.fixture
def pair() -> tuple[Any, Any]:
    random = np.random.default_rng(0)
    truth = random.integers(0, 5, (40, 30))
    return truth, np.where(random.random((40, 30)) < 0.6, truth, random.integers(0, 5, (40, 30)))


def test_confusion_is_scikit_learns(pair: tuple[Any, Any]) -> None:
    truth, said = pair
    ours = pixel_confusion(truth, said, n_classes=5)
    assert (ours == sklearn_confusion(truth.ravel(), said.ravel(), labels=range(5))).all()


def test_ious_are_torchmetrics(pair: tuple[Any, Any]) -> None:
    torch = pytest.importorskip("torch")
    functional = pytest.importorskip("torchmetrics.functional")
    truth, said = pair
    expected = functional.jaccard_index(
        torch.tensor(said), torch.tensor(truth), "multiclass", num_classes=5, average="none"
    )
    np.testing.assert_allclose(class_ious(pixel_confusion(truth, said, n_classes=5)), expected.numpy(), rtol=1e-6)


def test_by_hand() -> None:
    truth, said = [[0, 0, 1, 1], [2, 2, 2, 255]], [[0, 1, 1, 1], [2, 0, 2, 3]]
    counts = pixel_confusion(truth, said, n_classes=4, ignore=255)
    assert counts.tolist() == [[1, 1, 0, 0], [0, 2, 0, 0], [1, 0, 2, 0], [0, 0, 0, 0]]
    ious = class_ious(counts)
    np.testing.assert_allclose(ious[:3], [1 / 3, 2 / 3, 2 / 3])
    assert np.isnan(ious[3])
    assert mean_iou(counts) == pytest.approx(5 / 9)
    assert pixel_accuracy(counts) == pytest.approx(5 / 7)
    assert mean_class_accuracy(counts) == pytest.approx((1 / 2 + 1 + 2 / 3) / 3)


def test_nothing_counted_is_nan() -> None:
    counts = pixel_confusion([[9]], [[0]], n_classes=2, ignore=9)
    assert counts.tolist() == [[0, 0], [0, 0]]
    assert all(np.isnan(metric(counts)) for metric in (mean_iou, pixel_accuracy, mean_class_accuracy))


def test_mask_iou() -> None:
    a, b = np.zeros((4, 4), bool), np.zeros((4, 4), bool)
    assert mask_iou(a, b) == 1.0
    a[:2], b[1:3] = True, True
    assert mask_iou(a, b) == pytest.approx(4 / 12)


def test_outline_moves_out_of_tolerance() -> None:
    truth = np.zeros((50, 50), bool)
    truth[10:40, 10:40] = True
    assert boundary_f_measure(truth, truth) == 1.0
    assert boundary_f_measure(truth, np.roll(truth, 2, axis=1), tolerance=2) == 1.0
    assert 0.2 < boundary_f_measure(truth, np.roll(truth, 8, axis=1), tolerance=2) < 0.8
    assert boundary_f_measure(truth, np.zeros_like(truth)) == 0.0
    assert boundary_f_measure(np.zeros_like(truth), np.zeros_like(truth)) == 1.0


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: pixel_confusion([[0]], [[0, 0]], n_classes=2), r"truth and answers must be of one shape"),
        (lambda: pixel_confusion([[0]], [[-1]], n_classes=2), r"answers must be whole numbers from 0 to 1"),
        (lambda: pixel_confusion([[5]], [[0]], n_classes=2), r"truth must be whole numbers from 0 to 1"),
        (lambda: class_ious([[1, 2]]), r"confusion must be a square matrix of counts"),
        (lambda: mask_iou([[0, 1]], [[0, 1]]), r"truth must be a bool array"),
        (lambda: mask_iou([[True]], [[True, False]]), r"truth and answer must be of one shape"),
        (lambda: boundary_f_measure([[True]], [[True]], tolerance=-1), r"tolerance must be a number at least 0"),
    ],
)
def test_wrong_input_is_told(call: Any, text: str) -> None:
    with pytest.raises(InputError, match=text):
        call()
