"""Snapshots: frozen, hashed sets of decisions for retraining."""
