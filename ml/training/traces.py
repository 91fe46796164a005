"""What a bundle's stack reads of a file in addition to the members: logits of its `stack_input`."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from detection.forensics.compression_cells import cells_in_one


def traces_of(stack_input: nn.Module | None, cells: Sequence[np.ndarray | None]) -> np.ndarray:
    """(B, 2) float32; zeros without a network, and for a file whose compression cannot be read.

    stack_input: of `detection.ensemble.stack_input`; cells: of `cells_of_file`.
    """
    if stack_input is None:
        return np.zeros((len(cells), 2), np.float32)
    with torch.inference_mode():
        found: np.ndarray = stack_input(torch.from_numpy(cells_in_one(cells))).numpy()
    return found
