"""Rules and rows of the training worker: runs, comparisons and mean faces; and proposals that follow from comparisons.

No pages: those are in `retraining`.
"""
