"""Metrics against scikit-learn, SciPy and torchmetrics."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn import metrics as sk
from torchmetrics.functional import classification as tm

from unseen.metrics import (
    auroc,
    average_precisions,
    bootstrap_interval,
    brier_score,
    confusion_matrix,
    expected_calibration_error,
    fpr_at_tpr,
    hubs,
    k_occurrence,
    mean_average_precision,
    negative_log_likelihood,
    paired_comparison,
    per_class_rates,
    per_class_top_k,
    skewness,
    top_k_accuracy,
)

Array = np.ndarray[Any, Any]

SEEDS = range(3)


def problem(seed: int, n: int = 400, n_classes: int = 7) -> tuple[Array, Array]:
    """Return positions, of unequally many per class, and probabilities that know something."""
    rng = np.random.default_rng(seed)
    y = np.concatenate([np.arange(n_classes), np.minimum(rng.geometric(0.3, n - n_classes) - 1, n_classes - 1)])
    logits = rng.normal(size=(n, n_classes)) * 1.5
    logits[np.arange(n), y] += 1.5
    return y, np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


def evidence(seed: int, tied: bool) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    known = rng.random(300) < 0.6
    values = rng.normal(size=300) + known
    return known, np.round(values) if tied else values


# -- scikit-learn and SciPy -----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_accuracy_of_scikit_learn(seed: int) -> None:
    y, P = problem(seed)
    answers = P.argmax(axis=1)
    assert per_class_top_k(y, P) == pytest.approx(sk.recall_score(y, answers, average="macro"))
    assert per_class_top_k(y, P) == pytest.approx(sk.balanced_accuracy_score(y, answers))
    np.testing.assert_allclose(per_class_rates(y, P)[0], sk.recall_score(y, answers, average=None))
    for k in (1, 2, 5):
        assert top_k_accuracy(y, P, k=k) == pytest.approx(sk.top_k_accuracy_score(y, P, k=k))
        weights = 1 / np.bincount(y)[y]
        assert per_class_top_k(y, P, k=k) == pytest.approx(sk.top_k_accuracy_score(y, P, k=k, sample_weight=weights))


@pytest.mark.parametrize("seed", SEEDS)
def test_confusion_of_scikit_learn(seed: int) -> None:
    y, P = problem(seed)
    answers = P.argmax(axis=1)
    np.testing.assert_array_equal(confusion_matrix(y, P), sk.confusion_matrix(y, answers))
    ours = confusion_matrix(y, answers, normalize=True)
    np.testing.assert_allclose(ours, sk.confusion_matrix(y, answers, normalize="true"))


@pytest.mark.parametrize("seed", SEEDS)
def test_probabilities_of_scikit_learn(seed: int) -> None:
    y, P = problem(seed)
    assert negative_log_likelihood(y, P) == pytest.approx(sk.log_loss(y, P))
    assert brier_score(y, P) == pytest.approx(sk.brier_score_loss(y, P, scale_by_half=False))
    y, P = problem(seed, n_classes=2)
    # Of two classes, scikit-learn scores one.
    assert brier_score(y, P) == pytest.approx(2 * sk.brier_score_loss(y, P[:, 1]))


def test_certain_mistakes_of_scikit_learn() -> None:
    y, P = np.array([0, 1]), np.array([[0.0, 1.0], [0.0, 1.0]])
    assert negative_log_likelihood(y, P) == pytest.approx(sk.log_loss(y, P))


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("seed", SEEDS)
def test_unknown_detection_of_scikit_learn_and_scipy(seed: int, tied: bool) -> None:
    known, values = evidence(seed, tied)
    assert auroc(known, values) == pytest.approx(sk.roc_auc_score(known, values))
    pairs = stats.mannwhitneyu(values[known], values[~known]).statistic
    assert auroc(known, values) == pytest.approx(pairs / known.sum() / (~known).sum())
    for share in (0.5, 0.9, 0.95, 1.0):
        fpr, tpr, _ = sk.roc_curve(known, values, drop_intermediate=False)
        assert fpr_at_tpr(known, values, tpr=share) == pytest.approx(fpr[tpr >= share].min())


@pytest.mark.parametrize("seed", SEEDS)
def test_average_precision_of_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    Y = rng.random((80, 6)) < 0.3
    scores = np.round(rng.normal(size=(80, 6)) + Y, 1)
    np.testing.assert_allclose(average_precisions(Y, scores), sk.average_precision_score(Y, scores, average=None))
    assert mean_average_precision(Y, scores) == pytest.approx(sk.average_precision_score(Y, scores))


@pytest.mark.parametrize("seed", SEEDS)
def test_skewness_of_scipy(seed: int) -> None:
    counts = np.random.default_rng(seed).geometric(0.2, 50)
    assert skewness(counts) == pytest.approx(stats.skew(counts))
    scores = np.random.default_rng(seed).normal(size=(200, 20)) + np.arange(20) / 10
    for k in (1, 5):
        places = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        np.testing.assert_array_equal(k_occurrence(scores, k=k), np.bincount(places.ravel(), minlength=20))
        assert hubs(scores, k=k).skewness == pytest.approx(stats.skew(np.bincount(places.ravel(), minlength=20)))


def test_intervals_of_scipy() -> None:
    rng = np.random.default_rng(3)
    # One image per class: resampling classes is the plain bootstrap of a mean.
    values = rng.gamma(2.0, size=60)
    theirs = stats.bootstrap(
        (values,), np.mean, n_resamples=8000, method="percentile", random_state=0
    ).confidence_interval
    ours = bootstrap_interval(values, np.arange(60), n_resamples=8000)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), rel=0.02)


@pytest.mark.parametrize("n_classes", [6, 9, 30])
def test_p_values_of_scipy(n_classes: int) -> None:
    rng = np.random.default_rng(n_classes)
    a, b = rng.random((2, n_classes)) + np.array([[0.15], [0]])
    theirs = stats.permutation_test(
        (a, b),
        lambda a, b, axis: (a - b).mean(axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=10_000,
        random_state=0,
    )
    ours = paired_comparison(a, b, np.arange(n_classes))
    # Few classes: all swaps, so the same to the bit; many: two draws of swaps.
    assert ours.p_value == pytest.approx(theirs.pvalue, abs=1e-12 if n_classes < 13 else 0.02)


# -- torchmetrics ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 2, 5])
@pytest.mark.parametrize("seed", SEEDS)
def test_accuracy_of_torchmetrics(seed: int, k: int) -> None:
    y, P = problem(seed)
    target, predicted = torch.tensor(y), torch.tensor(P)
    for average, ours in {"macro": per_class_top_k(y, P, k=k), "micro": top_k_accuracy(y, P, k=k)}.items():
        theirs = tm.multiclass_accuracy(predicted, target, num_classes=7, average=average, top_k=k)
        assert ours == pytest.approx(float(theirs), abs=1e-6)
    each = tm.multiclass_accuracy(predicted, target, num_classes=7, average="none", top_k=k)
    np.testing.assert_allclose(per_class_rates(y, P, k=k)[0], each.numpy(), atol=1e-6)


@pytest.mark.parametrize("n_bins", [5, 15])
@pytest.mark.parametrize("seed", SEEDS)
def test_calibration_error_of_torchmetrics(seed: int, n_bins: int) -> None:
    y, P = problem(seed)
    theirs = tm.multiclass_calibration_error(torch.tensor(P), torch.tensor(y), num_classes=7, n_bins=n_bins)
    assert expected_calibration_error(y, P, n_bins=n_bins) == pytest.approx(float(theirs), abs=1e-6)


@pytest.mark.parametrize("seed", SEEDS)
def test_confusion_of_torchmetrics(seed: int) -> None:
    y, P = problem(seed)
    theirs = tm.multiclass_confusion_matrix(torch.tensor(P), torch.tensor(y), num_classes=7)
    np.testing.assert_array_equal(confusion_matrix(y, P), theirs.numpy())


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("seed", SEEDS)
def test_unknown_detection_of_torchmetrics(seed: int, tied: bool) -> None:
    known, values = evidence(seed, tied)
    # It takes probabilities; ranks are what matters, so any squashing does.
    shares, target = torch.tensor(1 / (1 + np.exp(-values))), torch.tensor(known.astype(int))
    assert auroc(known, values) == pytest.approx(float(tm.binary_auroc(shares, target)), abs=1e-6)
    fpr, tpr, _ = tm.binary_roc(shares, target)
    assert fpr_at_tpr(known, values) == pytest.approx(float(fpr[tpr >= 0.95].min()), abs=1e-6)


@pytest.mark.parametrize("seed", SEEDS)
def test_average_precision_of_torchmetrics(seed: int) -> None:
    rng = np.random.default_rng(seed)
    Y = rng.random((80, 6)) < 0.3
    shares = np.round(1 / (1 + np.exp(-rng.normal(size=(80, 6)) - Y)), 2)  # ties
    options: dict[str, Any] = {"preds": torch.tensor(shares), "target": torch.tensor(Y.astype(int)), "num_labels": 6}
    theirs = tm.multilabel_average_precision(average="macro", **options)
    assert mean_average_precision(Y, shares) == pytest.approx(float(theirs), abs=1e-6)
    each = tm.multilabel_average_precision(average="none", **options)
    np.testing.assert_allclose(average_precisions(Y, shares), each.numpy(), atol=1e-6)
