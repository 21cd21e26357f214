"""Diagnosis: the four known failures of zero-shot recognition, each with a figure, a picture and what helps."""

from unseen.diagnosis.bias import measure_bias
from unseen.diagnosis.domain_shift import measure_domain_shift
from unseen.diagnosis.duplicates import near_duplicates
from unseen.diagnosis.effects import Effect
from unseen.diagnosis.failures import Diagnosis, diagnose
from unseen.diagnosis.finding import Finding
from unseen.diagnosis.hubness import measure_hubness
from unseen.diagnosis.out_of_reach import measure_reach
from unseen.diagnosis.page import to_html
from unseen.diagnosis.predictions import diagnose_predictions
from unseen.diagnosis.projection_error import measure_projection_error, projection_error
from unseen.diagnosis.reach import Reach
from unseen.diagnosis.semantic_loss import (
    effective_rank,
    measure_semantic_loss,
    retained_information,
)
from unseen.diagnosis.synthesis import measure_synthesis
from unseen.diagnosis.training import measure_training, plot_training
from unseen.diagnosis.two_samples import classifier_two_sample_test, maximum_mean_discrepancy
from unseen.diagnosis.vocabulary_checks import check_recognizer

__all__ = [
    "Diagnosis",
    "Effect",
    "Finding",
    "Reach",
    "check_recognizer",
    "classifier_two_sample_test",
    "diagnose",
    "diagnose_predictions",
    "effective_rank",
    "maximum_mean_discrepancy",
    "measure_bias",
    "measure_domain_shift",
    "measure_hubness",
    "measure_projection_error",
    "measure_reach",
    "measure_semantic_loss",
    "measure_synthesis",
    "measure_training",
    "near_duplicates",
    "plot_training",
    "projection_error",
    "retained_information",
    "to_html",
]
