"""Statistics in pure Python: intervals, agreement of people, ranking, drift.

No input or output, no numpy and no import of ours: the web process and `ml` both use it. Tests compare it with SciPy
and scikit-learn.
"""
