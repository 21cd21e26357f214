"""Tracking: which box of this frame is which box of the frames before."""
