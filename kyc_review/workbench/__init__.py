"""The pages on which a person reviews: the queue, the item with its evidence, shortcuts, own decisions."""
