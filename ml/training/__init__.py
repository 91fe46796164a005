"""The loop, the batches it eats, its checkpoints and its progress."""
