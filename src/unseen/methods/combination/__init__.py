"""Classifiers of elements (attributes), combined into classes."""
