"""Planted forgeries (canaries): forgeries of our own among the customers' pictures, which measure models and people."""
