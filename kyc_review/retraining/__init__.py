"""Pages, API and commands of the retraining loop over registry, datasets and training. No rows of its own."""
