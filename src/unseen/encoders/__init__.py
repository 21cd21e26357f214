"""Encoders: they turn images and texts into vectors."""
