"""Classifiers of related seen classes, combined."""
