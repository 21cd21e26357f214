"""Diagnosis: the four known failures of zero-shot recognition, each with a figure, a picture and what helps."""
