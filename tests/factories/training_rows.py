"""Rows to train a localiser on, and networks small enough for it."""

import numpy as np

from ml.training_rows import MASK, STORED, TrainingRows


def training_rows(pairs: int = 8) -> TrainingRows:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (2 * pairs, STORED, STORED, 3), dtype=np.uint8)
    label = np.tile(np.array([0, 1], np.float32), pairs)
    masks = np.zeros((2 * pairs, MASK, MASK), np.uint8)
    masks[1::2, 10:20, 10:20] = 255
    return TrainingRows(
        images=images,
        masks=masks,
        label=label,
        made=label == 1,
        index=np.arange(2 * pairs),
        kind=np.array(["real", "swap/nose/hard"] * pairs),
        masked=np.ones(2 * pairs, bool),
        difficulty=np.zeros(2 * pairs, np.float32),
        strength=label,
        post=np.array(["none"] * 2 * pairs),
    )
