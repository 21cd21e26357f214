"""Metrics: the field's definitions, each of which says what it does with ties and empty classes."""

from unseen.metrics.accuracy import confusion_matrix, per_class_rates, per_class_top_k, top_k_accuracy, top_k_hits
from unseen.metrics.boxes import AveragePrecision, average_precision
from unseen.metrics.calibration import brier_score, expected_calibration_error, negative_log_likelihood
from unseen.metrics.gzsl import (
    SeenUnseenCurve,
    generalized_accuracy,
    generalized_hits,
    harmonic_mean,
    seen_unseen_curve,
)
from unseen.metrics.hubness import Hubs, hubs, k_occurrence, skewness
from unseen.metrics.intervals import Comparison, Interval, bootstrap_interval, paired_comparison
from unseen.metrics.masks import (
    boundary_f_measure,
    class_ious,
    mask_iou,
    mean_class_accuracy,
    mean_iou,
    pixel_accuracy,
    pixel_confusion,
)
from unseen.metrics.ranking import average_precisions, mean_average_precision
from unseen.metrics.tracks import TrackScores, evaluate_tracks
from unseen.metrics.unknown import auroc, fpr_at_tpr

__all__ = [
    "AveragePrecision",
    "Comparison",
    "Hubs",
    "Interval",
    "SeenUnseenCurve",
    "TrackScores",
    "auroc",
    "average_precision",
    "average_precisions",
    "bootstrap_interval",
    "boundary_f_measure",
    "brier_score",
    "class_ious",
    "confusion_matrix",
    "evaluate_tracks",
    "expected_calibration_error",
    "fpr_at_tpr",
    "generalized_accuracy",
    "generalized_hits",
    "harmonic_mean",
    "hubs",
    "k_occurrence",
    "mask_iou",
    "mean_average_precision",
    "mean_class_accuracy",
    "mean_iou",
    "negative_log_likelihood",
    "paired_comparison",
    "per_class_rates",
    "per_class_top_k",
    "pixel_accuracy",
    "pixel_confusion",
    "seen_unseen_curve",
    "skewness",
    "top_k_accuracy",
    "top_k_hits",
]
