"""The batteries that every method and every encoder passes, ours and other people's.

>>> from unseen.methods.projection.cosine import Cosine
>>> from unseen.testing import MINIMUM_METHOD_CHECKS, check_method
>>> check_method(Cosine()).n_checks >= MINIMUM_METHOD_CHECKS
True
"""

from unseen.testing.contracts import (
    MINIMUM_ENCODER_CHECKS,
    MINIMUM_METHOD_CHECKS,
    RELAXES,
    all_encoder_checks,
    all_method_checks,
    check_encoder,
    check_method,
    encoder_checks,
    method_checks,
)
from unseen.testing.running import Check, Report

__all__ = [
    "MINIMUM_ENCODER_CHECKS",
    "MINIMUM_METHOD_CHECKS",
    "RELAXES",
    "Check",
    "Report",
    "all_encoder_checks",
    "all_method_checks",
    "check_encoder",
    "check_method",
    "encoder_checks",
    "method_checks",
]
