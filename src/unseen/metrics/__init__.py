"""Metrics: the field's definitions, each of which says what it does with ties and empty classes."""

from unseen.metrics.accuracy import per_class_top_k
from unseen.metrics.calibration import expected_calibration_error
from unseen.metrics.gzsl import SeenUnseenCurve, harmonic_mean, seen_unseen_curve

__all__ = [
    "SeenUnseenCurve",
    "expected_calibration_error",
    "harmonic_mean",
    "per_class_top_k",
    "seen_unseen_curve",
]
