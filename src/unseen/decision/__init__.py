"""Decisions: from scores to probabilities, and to "unknown"."""
