"""Labelled examples of similar seen classes, borrowed for classes that have none."""
