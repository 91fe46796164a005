"""Training, data, synthesis and evaluation: knows torch, never Django."""
