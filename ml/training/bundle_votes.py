"""Votes of a packed bundle on the rows of a side, computed as in production."""

import numpy as np
import torch
from safetensors.torch import load_file

from detection.bundle import MEMBERS, Bundle
from detection.ensemble import Ensemble
from detection.networks.stacking import Stacking
from ml.training.sides import AnySide
from ml.training.temperatures import calibrated_probabilities


def served_logits(served: Ensemble, side: AnySide, batch: int = 32) -> np.ndarray:
    """(N, 8) float32 logits of a packed bundle's members, in the precision in which they serve; (N, 10) with those of
    its `stack_input`. Raises ValueError when the side lacks those."""
    reads_traces = served.bundle.stack_input is not None
    if reads_traces and side.traces is None:
        raise ValueError(f"the stack of {served.version} reads traces of an edit, and the side has none")
    views, found, count = {member.view for member in served.bundle.members}, [], len(side.source)
    for start in range(0, count, batch):
        rows = np.arange(start, min(start + batch, count))
        each = served.logits_of_inputs({view: side.inputs(rows, view) for view in views})
        members = torch.cat(each, 1).cpu().numpy()
        found.append(np.concatenate([members, side.traces[rows]], 1) if reads_traces else members)  # type: ignore[index]  # looked at above
    return np.concatenate(found)


def stack_of(bundle: Bundle) -> Stacking:
    """The bundle's stack, to go on from."""
    stack = Stacking(len(bundle.members) + (bundle.stack_input is not None))
    stack.load_state_dict(load_file(bundle.path / bundle.stack.file))
    return stack


def votes_of(served: Ensemble, side: AnySide) -> np.ndarray:
    """(N, 5) probabilities of fake by a packed bundle's five votes, as in production."""
    stack = stack_of(served.bundle)
    ten = with_stack(stack, served_logits(served, side))
    return calibrated_probabilities(ten, [part.temperature for part in served.bundle.parts])


def stack_probability(served: Ensemble, side: AnySide) -> np.ndarray:
    """(N,) probabilities of fake by a packed bundle's stack, as in production."""
    return votes_of(served, side)[:, -1]


def with_stack(stack: Stacking, logits: np.ndarray) -> np.ndarray:
    """(N, 10) logits of all five voters, from what the stack reads: (N, 8), or (N, 10) with a `stack_input`."""
    with torch.inference_mode():
        return np.concatenate([logits[:, : 2 * MEMBERS], stack(torch.from_numpy(logits)).numpy()], 1)
