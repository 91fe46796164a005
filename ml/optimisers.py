"""Muon (Jordan et al., 2024, https://kellerjordan.github.io/posts/muon/) in a precision that the
processor computes natively.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from timm.optim import muon as timm_muon
from timm.optim.muon import Muon

from detection.precision import network_dtype


class NativeMuon(Muon):
    """timm's Muon whose Newton-Schulz iteration runs in `iteration_dtype`.

    timm's function takes the dtype, its optimiser does not pass one and so always uses bfloat16, which a processor
    without it emulates (measured: 4.3 against 0.17 s a step).
    """

    iteration_dtype: torch.dtype = torch.bfloat16

    def step(self, closure: Callable[[], float] | None = None) -> Any:
        """One update; returns what the closure returns."""
        with _iteration_in(self.iteration_dtype):
            return super().step(closure)


def muon(parameters: Iterable[Any], *, lr: float, device: torch.device) -> NativeMuon:
    """Muon for matrices, AdamW for all other parameters. parameters: tensors or groups; device: where they are."""
    optimiser = NativeMuon(parameters, lr=lr, adjust_lr_fn="match_rms_adamw")
    optimiser.iteration_dtype = network_dtype(device)
    return optimiser


@contextmanager
def _iteration_in(dtype: torch.dtype) -> Iterator[None]:
    given = timm_muon.zeropower_via_newtonschulz
    timm_muon.zeropower_via_newtonschulz = partial(given, dtype=dtype)
    try:
        yield
    finally:
        timm_muon.zeropower_via_newtonschulz = given
