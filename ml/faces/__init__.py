"""Measures the face detector and the checks of `detection.faces` on the research data: `python -m ml faces`."""
