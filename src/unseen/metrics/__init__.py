"""Metrics: the field's definitions, each of which says what it does with ties and empty classes."""

from unseen.metrics.accuracy import per_class_top_k
from unseen.metrics.calibration import expected_calibration_error

__all__ = ["expected_calibration_error", "per_class_top_k"]
