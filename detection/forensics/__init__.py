"""Forensic views of an image, one per file; numpy and Pillow only."""
