"""Bundles to and from a registry of MLflow, so that a bank's own registry can hold them; an optional extra."""
