"""Metrics with intervals, the three-way vote table, and the honest report."""
