"""Vectors and prototypes taken into one space."""
