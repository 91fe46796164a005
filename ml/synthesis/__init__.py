"""Forgeries made from real faces: an image, the mask of what changed, and the kind of change."""
